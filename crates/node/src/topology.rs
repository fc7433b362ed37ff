//! Who owns what: the owners of before and of after the present change of members, by shard.
//!
//! Invariants: a read asks the owners of before the change; a write satisfies its level in every
//! set of owners that somebody may still read from: those of before and of after the present
//! view's change, and those of the views before it until the present one is settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use causality::NodeId;
use placement::{
    Change, MemberId, MemberState, Placement, Replication, ShardCount, ShardId, Transition, View,
};

use crate::levels::{Owner, Owners};

/// More views than could follow each other unsettled; of still more the oldest count.
const BEFORE_COUNT_MAX: usize = 16;

/// The owners of every shard, seen from this node.
#[derive(Debug)]
pub(crate) struct Topology {
    me: NodeId,
    shards: ShardCount,
    replication: Replication,
    present: Transition,
    /// What may still be acted on elsewhere.
    before: Vec<Transition>,
    /// Who owned what when every owner was whole last.
    base: Arc<Placement>,
    gainers: BTreeSet<NodeId>,
    datacenters: BTreeMap<NodeId, String>,
    rows: Vec<Row>,
    /// Of shards that are none: peers may name them.
    nowhere: Row,
}

/// The owners of one shard.
#[derive(Debug, Default)]
struct Row {
    /// Whom a read asks.
    readers: Owners,
    /// Where a write satisfies its level, in each; the readers are the first.
    sets: Vec<Owners>,
    /// Everybody in any set.
    everyone: Vec<NodeId>,
    /// The same, with where they stand.
    all: Owners,
    /// The same, without this node.
    others: Owners,
}

impl Topology {
    /// Computes the owners by a view.
    pub(crate) fn new(
        me: NodeId,
        view: &View,
        shard_count: u16,
        replication: u8,
    ) -> Result<Self, String> {
        let shards = ShardCount::new(u32::from(shard_count)).map_err(|error| error.to_string())?;
        let replication = Replication::Same(replication);
        let present = compute(view, &replication, shards)?;
        let base = Arc::clone(present.old_table());
        let mut topology = Self {
            base,
            me,
            shards,
            replication,
            present,
            before: Vec::new(),
            gainers: BTreeSet::new(),
            datacenters: BTreeMap::new(),
            rows: Vec::new(),
            nowhere: Row::default(),
        };
        topology.fill(view);
        Ok(topology)
    }

    /// Goes on to another view. What was acted on so far counts until [`Topology::settle`].
    pub(crate) fn move_on(&mut self, view: &View) -> Result<(), String> {
        let next = compute(view, &self.replication, self.shards)?;
        let last = std::mem::replace(&mut self.present, next);
        self.keep_before(last, view);
        Ok(())
    }

    /// Also counts the owners by an earlier view: nobody knows who still acts on it.
    pub(crate) fn also(&mut self, earlier: &View, view: &View) -> Result<(), String> {
        let earlier = compute(earlier, &self.replication, self.shards)?;
        self.keep_before(earlier, view);
        Ok(())
    }

    /// Everybody acts on the present view: what was before no longer counts. Says whether that
    /// made a difference.
    pub(crate) fn settle(&mut self, view: &View) -> Change {
        if self.before.is_empty() {
            return Change::Nothing;
        }
        self.before.clear();
        self.fill(view);
        Change::Changed
    }

    /// Returns the change that a view would bring about from what is owned today.
    pub(crate) fn change_to(&self, view: &View) -> Result<Transition, String> {
        let next = compute(view, &self.replication, self.shards)?;
        let (old, new) = (self.present.old_table().clone(), next.new_table().clone());
        Transition::between(old, new).map_err(|error| error.to_string())
    }

    /// Who fetches shards by the present view.
    pub(crate) const fn gainers(&self) -> &BTreeSet<NodeId> {
        &self.gainers
    }

    /// The shard of a key.
    pub(crate) fn shard_of(&self, key: &[u8]) -> u16 {
        self.shards.shard_of_key(key).0
    }

    pub(crate) const fn shard_count(&self) -> u16 {
        self.shards.get()
    }

    /// The shards that a node owns, before or after.
    pub(crate) fn shards_of(&self, node: NodeId) -> Vec<u16> {
        let rows = (0..).zip(&self.rows);
        rows.filter(|(_, row)| row.everyone.contains(&node)).map(|(shard, _)| shard).collect()
    }

    /// Whom a read asks.
    pub(crate) fn owners(&self, shard: u16) -> Owners {
        Owners::clone(&self.row(shard).readers)
    }

    /// Where a write satisfies its level, in each.
    pub(crate) fn sets(&self, shard: u16) -> &[Owners] {
        &self.row(shard).sets
    }

    /// The others whom a read asks.
    pub(crate) fn other_readers(&self, shard: u16) -> Vec<NodeId> {
        let readers = self.row(shard).readers.iter().map(|owner| owner.node);
        readers.filter(|node| *node != self.me).collect()
    }

    /// All other owners, before or after: whom a write reaches.
    pub(crate) fn other_owners(&self, shard: u16) -> Vec<NodeId> {
        self.row(shard).others.iter().map(|owner| owner.node).collect()
    }

    /// The same, with where they stand.
    pub(crate) fn others(&self, shard: u16) -> Owners {
        Owners::clone(&self.row(shard).others)
    }

    /// Who would stand in for a shard's owners in the datacenter of a node, best first.
    pub(crate) fn successors(&self, shard: u16, node: NodeId) -> Vec<NodeId> {
        let table = self.present.old_table();
        let Some(datacenter) = self.datacenters.get(&node) else { return Vec::new() };
        let successors = table.successors(ShardId(shard), datacenter);
        successors.map(|member| NodeId(member.0)).collect()
    }

    /// All owners, before or after.
    pub(crate) fn everyone(&self, shard: u16) -> &[NodeId] {
        &self.row(shard).everyone
    }

    /// All owners, before or after, with where they stand.
    pub(crate) fn all_owners(&self, shard: u16) -> &[Owner] {
        &self.row(shard).all
    }

    pub(crate) fn is_reader(&self, shard: u16, node: NodeId) -> bool {
        self.row(shard).readers.iter().any(|owner| owner.node == node)
    }

    /// Whether a node owns a shard, before or after.
    pub(crate) fn is_owner(&self, shard: u16, node: NodeId) -> bool {
        self.everyone(shard).contains(&node)
    }

    /// The owners once everybody under way has arrived.
    pub(crate) fn final_owners(&self, shard: u16) -> Vec<NodeId> {
        nodes(self.present.new_table(), shard)
    }

    /// Notes by which view every owner was whole last.
    pub(crate) fn rest_on(&mut self, base: &View) -> Result<(), String> {
        self.base = Arc::clone(compute(base, &self.replication, self.shards)?.old_table());
        Ok(())
    }

    /// The owners of before the present change, and those when everybody was whole last.
    pub(crate) fn earlier_owners(&self, shard: u16) -> Vec<NodeId> {
        let mut owners = nodes(self.present.old_table(), shard);
        owners.extend(nodes(&self.base, shard));
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    fn row(&self, shard: u16) -> &Row {
        self.rows.get(usize::from(shard)).unwrap_or(&self.nowhere)
    }

    fn keep_before(&mut self, last: Transition, view: &View) {
        if self.before.len() < BEFORE_COUNT_MAX {
            self.before.push(last);
        }
        self.fill(view);
    }

    fn fill(&mut self, view: &View) {
        let plan = self.present.plan();
        let tallies = plan.tallies().iter().filter(|(_, tally)| tally.gains > 0);
        self.gainers = tallies.map(|(id, _)| NodeId(id.0)).collect();
        let datacenters = view.members().map(|one| (NodeId(one.id.0), one.datacenter.clone()));
        self.datacenters = datacenters.collect();
        let names: BTreeSet<&str> =
            view.members().map(|member| member.datacenter.as_str()).collect();
        let datacenter = |node: NodeId| {
            let member = view.get(MemberId(node.0))?;
            names.iter().position(|name| *name == member.datacenter)
        };
        let mine = datacenter(self.me);
        let owner = |node: NodeId| {
            let datacenter = datacenter(node);
            Owner {
                node,
                datacenter: datacenter.unwrap_or(usize::MAX),
                is_local: datacenter.is_some() && datacenter == mine,
            }
        };
        let transitions = || std::iter::once(&self.present).chain(&self.before);
        let row = |shard: u16| {
            let mut sets: Vec<Owners> = Vec::new();
            let mut everyone: Vec<NodeId> = Vec::new();
            for table in transitions().flat_map(|one| [one.old_table(), one.new_table()]) {
                let owners = nodes(table, shard);
                everyone.extend(&owners);
                let mut set: Vec<Owner> = owners.into_iter().map(owner).collect();
                set.sort_by_key(|owner| owner.node);
                if !sets.iter().any(|known| **known == *set) {
                    sets.push(set.into());
                }
            }
            everyone.sort_unstable();
            everyone.dedup();
            let readers = nodes(self.present.old_table(), shard).into_iter().map(owner).collect();
            let all: Owners = everyone.iter().copied().map(owner).collect();
            let others = all.iter().filter(|owner| owner.node != self.me).copied().collect();
            Row { readers, sets, everyone, all, others }
        };
        self.rows = (0..self.shards.get()).map(row).collect();
    }
}

/// Whether nobody is on the way in or out.
pub(crate) fn is_at_rest(view: &View) -> bool {
    let mut states = view.members().map(|member| member.state);
    states.all(|state| matches!(state, MemberState::Active | MemberState::Removed))
}

/// The owners of a shard by a table.
fn nodes(table: &Placement, shard: u16) -> Vec<NodeId> {
    table.owners(ShardId(shard)).map(|member| NodeId(member.0)).collect()
}

fn compute(
    view: &View,
    replication: &Replication,
    shards: ShardCount,
) -> Result<Transition, String> {
    let version = view.placement_version();
    Transition::compute(view, replication, shards, version).map_err(|error| error.to_string())
}
