//! Changes that an operator asks for: checked, forecast, and then made.
//!
//! Rules: one change at a time, begun from a view that everybody who can be reached acts by, but
//! for what takes a node out that is down, which the change before may be waiting for; ids are
//! never used again; what would leave a shard without most of its owners is refused unless the
//! loss is accepted. Nobody else changes who is a member.

use std::collections::BTreeMap;

use causality::{Incarnation, Millis, NodeId};
use placement::{Member, MemberId, MemberState, Tally, Transition, View, ViewError, Weight};
use storage::Store;
use thiserror::Error;
use wire::{Contact, Roster};

use super::Liveness;
use super::roster::put_contact;
use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;
use crate::topology::is_at_rest;

/// A node that wants to become a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Its id, never used before.
    pub id: NodeId,
    /// Its life.
    pub incarnation: Incarnation,
    /// The datacenter it stands in.
    pub datacenter: String,
    /// The rack it stands in.
    pub rack: String,
    /// How much it is to own, relative to others; 100 is usual.
    pub weight: u32,
    /// Where clients connect.
    pub redis: String,
    /// Where peers connect.
    pub peers: String,
    /// Whose place it takes, if anybody's: that member leaves at once.
    pub replaces: Option<NodeId>,
}

/// Whether the loss of data is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A change that could lose anything is refused.
    Refused,
    /// What only removed nodes hold may be lost.
    Accepted,
}

/// A change of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// A node joins, perhaps in the place of another.
    Admit(Admission),
    /// A member gives up its shards, and is removed when others have them.
    Leave(NodeId),
    /// A member that does not come back is removed when others have its shards.
    Remove(NodeId, Loss),
}

/// Why a change was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The members do not allow it.
    #[error(transparent)]
    View(#[from] ViewError),
    /// Another change is not complete.
    #[error("another change of members is under way: wait until `starling node list` is at rest")]
    UnderWay,
    /// Not everybody has heard of the last change.
    #[error("not every node that can be reached has the present view yet: try again in a moment")]
    Unsettled,
    /// A node that runs leaves by itself.
    #[error("node {} is up: let it leave, which loses nothing", .0.0)]
    Alive(NodeId),
    /// Too few owners are left to be sure that nothing is lost.
    #[error(
        "{0} shard(s) would keep too few of their owners to be sure that nothing is lost: bring \
         nodes back, or accept the loss"
    )]
    Endangered(usize),
    /// Nobody would be left.
    #[error("nobody would own the shards any more")]
    Nobody,
    /// This node cannot compute what the change would mean.
    #[error("{0}")]
    Placement(String),
}

/// What a change would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Shards before and after, for every member.
    pub tallies: BTreeMap<NodeId, Tally>,
    /// Copies of shards that have to be fetched.
    pub copies: u64,
    /// About how many live versions that makes, going by the shards that this node holds.
    pub elements: u64,
    /// Shards of which too few owners are up to be sure that nothing is lost.
    pub endangered: Vec<u16>,
    /// Shards of which no owner is up.
    pub lost: Vec<u16>,
}

impl<S: Store> Node<S> {
    /// Says what a change would do.
    ///
    /// # Errors
    /// The change would be refused, whatever loss is accepted.
    pub fn forecast(&self, now: Millis, change: &MemberChange) -> Result<Forecast, ChangeError> {
        let after = self.roster_after(now, change)?;
        let transition = self.topology.change_to(&after.view).map_err(ChangeError::Placement)?;
        Ok(self.forecast_of(&transition))
    }

    /// Begins a change with the node's next turn, and returns what it will do and what is known
    /// of the members then. It goes on by itself; [`Node::progress`] says how far it is.
    ///
    /// # Errors
    /// Says why it was refused; nothing was changed.
    pub fn change_members(
        &mut self,
        now: Millis,
        change: &MemberChange,
    ) -> Result<(Forecast, Roster), ChangeError> {
        let forecast = self.forecast(now, change)?;
        let is_loss_accepted = matches!(change, MemberChange::Remove(_, Loss::Accepted));
        if !forecast.endangered.is_empty() && !is_loss_accepted {
            return Err(ChangeError::Endangered(forecast.endangered.len()));
        }
        let after = self.roster_after(now, change)?;
        self.membership.ordered = Some(after.clone());
        Ok((forecast, after))
    }

    /// Does what was ordered since the last turn.
    pub(crate) fn follow_orders(&mut self, now: Millis, out: &mut Outbox) {
        // Who was let in keeps what it was told, before it says anything.
        out.is_checkpoint_due |= std::mem::take(&mut self.membership.is_unkept);
        if let Some(roster) = self.membership.ordered.take() {
            self.take_over(now, roster, out);
        }
    }

    /// What the roster would be after a change has begun.
    fn roster_after(&self, now: Millis, change: &MemberChange) -> Result<Roster, ChangeError> {
        let mut roster = self.membership.roster.clone();
        if self.membership.ordered.is_some() {
            return Err(ChangeError::UnderWay);
        }
        match change {
            MemberChange::Admit(admission) => {
                if self.is_admitted(admission) {
                    return Ok(roster);
                }
                self.check_may_begin(now, admission.replaces)?;
                self.admit(&mut roster, admission)?;
                if let Some(replaced) = admission.replaces {
                    leave(&mut roster.view, replaced)?;
                }
            }
            MemberChange::Leave(node) => {
                self.check_may_begin(now, None)?;
                leave(&mut roster.view, *node)?;
            }
            MemberChange::Remove(node, loss) => self.remove(now, &mut roster.view, *node, *loss)?,
        }
        let is_anybody_left = roster.view.members().any(|member| member.state.owns_in_future());
        match is_anybody_left {
            true => Ok(roster),
            false => Err(ChangeError::Nobody),
        }
    }

    /// Whether a node that asks is on its way in already: it may ask again.
    fn is_admitted(&self, admission: &Admission) -> bool {
        let member = self.membership.roster.view.get(MemberId(admission.id.0));
        member.is_some_and(|member| {
            member.state == MemberState::Joining && member.incarnation.0 == admission.incarnation.0
        })
    }

    fn admit(&self, roster: &mut Roster, admission: &Admission) -> Result<(), ChangeError> {
        let id = MemberId(admission.id.0);
        let member = Member {
            id,
            incarnation: placement::Incarnation(admission.incarnation.0),
            state: MemberState::Joining,
            datacenter: admission.datacenter.clone(),
            rack: admission.rack.clone(),
            weight: Weight(admission.weight),
        };
        if self.is_mutated(Mutation::IdReused) {
            let others = roster.view.members().filter(|one| one.id != id).cloned();
            let members: Vec<Member> = others.chain([member]).collect();
            let (version, epoch) = (roster.view.placement_version(), roster.view.epoch());
            roster.view = View::restore(members, version, epoch);
        } else {
            roster.view.admit(member)?;
        }
        let (redis, peers) = (admission.redis.clone(), admission.peers.clone());
        let contact = Contact { stamp: 1, life: admission.incarnation.0, redis, peers };
        let _ = put_contact(roster, id, contact);
        Ok(())
    }

    /// A member that has joined or left halfway owns nothing alone and can go at once; another
    /// one leaves, and what it held is fetched from the others; with loss accepted it is gone.
    fn remove(
        &self,
        now: Millis,
        view: &mut View,
        node: NodeId,
        loss: Loss,
    ) -> Result<(), ChangeError> {
        let id = MemberId(node.0);
        let state = view.get(id).map(|member| member.state);
        if self.liveness(node) == Liveness::Up {
            return Err(ChangeError::Alive(node));
        }
        if state == Some(MemberState::Joining) || loss == Loss::Accepted {
            let state = MemberState::Removed;
            let _ = view.advance(id, state)?;
            return Ok(());
        }
        self.check_may_begin(now, Some(node))?;
        leave(view, node)
    }

    /// A change waits for the one before it, unless it takes somebody out who is down: the one
    /// before may wait for just that node.
    fn check_may_begin(&self, now: Millis, out: Option<NodeId>) -> Result<(), ChangeError> {
        let is_for_the_dead = out.is_some_and(|node| self.liveness(node) == Liveness::Down);
        if !is_for_the_dead && !is_at_rest(&self.membership.roster.view) {
            return Err(ChangeError::UnderWay);
        }
        match self.is_view_settled(now) {
            true => Ok(()),
            false => Err(ChangeError::Unsettled),
        }
    }

    fn forecast_of(&self, transition: &Transition) -> Forecast {
        let plan = transition.plan();
        let tallies = plan.tallies().iter().map(|(id, tally)| (NodeId(id.0), *tally));
        let mut forecast = Forecast {
            tallies: tallies.collect(),
            copies: plan.fetch_count(),
            elements: plan.fetch_count() * self.elements_per_shard(),
            ..Forecast::default()
        };
        for moved in plan.moves().iter().filter(|moved| !moved.gains.is_empty()) {
            let shard = moved.shard.0;
            let old = transition.old_table();
            let up_count = |owners: &[MemberId]| {
                let is_up = |id: &&MemberId| {
                    let node = NodeId(id.0);
                    node == self.config.me || self.liveness(node) != Liveness::Down
                };
                owners.iter().filter(is_up).count()
            };
            // Most of all, and of those next to each new owner: what every quorum meets.
            let all: Vec<MemberId> = old.owners(moved.shard).collect();
            let homes =
                moved.gains.iter().filter_map(|id| transition.new_table().datacenter_of(*id));
            let local = homes.map(|home| old.owners_in(moved.shard, home));
            let mut groups = local.chain([all.as_slice()]).filter(|group| !group.is_empty());
            if groups.any(|group| up_count(group) * 2 <= group.len()) {
                forecast.endangered.push(shard);
            }
            if up_count(&all) == 0 {
                forecast.lost.push(shard);
            }
        }
        forecast
    }

    fn elements_per_shard(&self) -> u64 {
        let counts = self.replicas.values().map(|replica| replica.summary().element_count);
        counts.sum::<u64>().div_ceil(self.replicas.len().max(1) as u64)
    }
}

/// Who joins never leaves: it would own, for a while, what it has not fetched.
fn leave(view: &mut View, node: NodeId) -> Result<(), ChangeError> {
    let id = MemberId(node.0);
    let now = view.get(id).ok_or(ViewError::NotAMember(id))?.state;
    match now {
        MemberState::Active => drop(view.advance(id, MemberState::Leaving)?),
        MemberState::Joining | MemberState::Leaving | MemberState::Removed => {
            return Err(ViewError::Backwards { id, now, wanted: MemberState::Leaving }.into());
        }
    }
    Ok(())
}
