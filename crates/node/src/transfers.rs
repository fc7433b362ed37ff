//! Moving shards: a new owner fetches, and an old one gives up, only what is proven.
//!
//! Rules:
//! - A shard is whole here once everything is here that its owners of before had when they acted
//!   by the present view. Only then it is read here, and counts for completing a change. An owner
//!   that is down may be passed over while most of the others have been heard.
//! - A shard that is no longer owned is dropped once the view is settled and every owner by it
//!   holds, durably and whole, everything that is here. Until then it keeps comparing clocks, and
//!   hands over what owners do not take that way.
//!
//! The fetching itself is the exchange's and the takeover's; this file decides when it is enough.

mod handing;

use std::collections::{BTreeMap, BTreeSet};

use causality::{Actor, Clock, Millis, NodeId};
use placement::ViewHash;
use replica::{Replica, Settings};
use storage::Store;
use wire::{Message, News, ShardId, ShardReport, Standing};

use crate::config::Origin;
use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;
use crate::verification::Soundness;
use handing::Handing;

/// The most shards asked about in one message.
const SHARDS_PER_QUESTION: usize = 256;

/// For how many rounds of gossip an owner must have been down before it is passed over.
const ABSENCE_ROUNDS: u64 = 30;

/// The shards on the move at this node.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    /// Shards that are not whole here.
    filling: BTreeMap<u16, Filling>,
    /// Shards that others own: what those have said they hold, by the present view.
    leaving: BTreeMap<u16, BTreeMap<NodeId, Clock>>,
    handing: Handing,
    progress: Progress,
}

/// What is known of a shard that is not whole here.
#[derive(Debug, Default)]
struct Filling {
    /// What each source had when it acted by the present view; nothing when it holds nothing.
    heard: BTreeMap<NodeId, Option<Clock>>,
    element_count: u64,
}

/// How far the shards are that this node fetches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Shards to fetch in all, since nothing was to be fetched.
    pub shards_total: u64,
    /// Shards that are here and whole.
    pub shards_done: u64,
    /// Live versions to fetch, as far as the sources have said.
    pub elements_total: u64,
    /// Live versions that are here.
    pub elements_done: u64,
    /// Bytes of keys and values that takeovers have brought.
    pub bytes_done: u64,
    /// When it began.
    pub since: Millis,
    /// Shards that others own and that are still kept here.
    pub shards_to_drop: u64,
}

impl Transfers {
    /// Whether every owned shard is whole.
    pub(crate) fn is_whole(&self) -> bool {
        self.filling.is_empty()
    }

    pub(crate) fn is_filling(&self, shard: u16) -> bool {
        self.filling.contains_key(&shard)
    }

    pub(crate) fn filling(&self) -> Vec<u16> {
        self.filling.keys().copied().collect()
    }

    /// Counts bytes that a takeover has brought.
    pub(crate) fn fetched(&mut self, bytes: u64) {
        self.progress.bytes_done += bytes;
    }
}

impl<S: Store> Node<S> {
    /// How far the shards are that this node fetches or gives up.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let mut progress = self.transfers.progress;
        let filling = &self.transfers.filling;
        progress.shards_done = progress.shards_total.saturating_sub(filling.len() as u64);
        progress.shards_to_drop = self.transfers.leaving.len() as u64;
        for (shard, filling) in filling {
            let here = self.replicas.get(shard).map_or(0, |one| one.summary().element_count);
            progress.elements_total += filling.element_count.max(here);
            progress.elements_done += here;
        }
        progress
    }

    /// Whether reads of a shard are answered here.
    pub(crate) fn serves(&self, shard: u16) -> bool {
        self.replicas.contains_key(&shard)
            && !self.is_damaged(shard)
            && self.topology.is_reader(shard, self.config.me)
            && !self.transfers.is_filling(shard)
    }

    /// Goes on where an earlier life ended: `filling` is what it did not hold whole; nothing is
    /// known when it kept nothing. A founder is whole, who was admitted has nothing.
    pub(crate) fn resume_transfers(&mut self, now: Millis, filling: Option<Vec<u16>>) {
        let owned = self.topology.shards_of(self.config.me);
        let is_admitted = matches!(self.config.gossip.origin, Origin::Admitted(_));
        let filling = filling.unwrap_or_else(|| match is_admitted {
            true => owned.clone(),
            false => Vec::new(),
        });
        self.begin_filling(now, filling.into_iter().filter(|shard| owned.contains(shard)));
        let left = self.replicas.keys().filter(|shard| !owned.contains(shard));
        self.transfers.leaving = left.map(|shard| (*shard, BTreeMap::new())).collect();
    }

    /// Notes shards that are not whole here.
    pub(crate) fn begin_filling(&mut self, now: Millis, shards: impl IntoIterator<Item = u16>) {
        let progress = &mut self.transfers.progress;
        if self.transfers.filling.is_empty() {
            *progress = Progress { since: now, ..Progress::default() };
        }
        for shard in shards {
            if self.transfers.filling.insert(shard, Filling::default()).is_none() {
                progress.shards_total += 1;
            }
        }
    }

    /// Everything must be fetched: the store was lost.
    pub(crate) fn refill(&mut self, now: Millis) {
        let owned = self.topology.shards_of(self.config.me);
        self.begin_filling(now, owned);
    }

    /// Opens the shards that are owned from now on, and notes those that no longer are.
    pub(crate) fn shards_changed(&mut self, now: Millis, out: &mut Outbox) {
        let me = self.config.me;
        let mut owned: BTreeSet<u16> = self.topology.shards_of(me).into_iter().collect();
        if self.is_mutated(Mutation::DroppedEarly) {
            owned.retain(|shard| self.topology.final_owners(*shard).contains(&me));
        }
        let left = std::mem::take(&mut self.transfers.leaving);
        let gained = owned.iter().copied();
        let gained: Vec<u16> = gained
            .filter(|shard| !self.replicas.contains_key(shard) || left.contains_key(shard))
            .collect();
        for shard in gained.iter().copied().filter(|shard| !left.contains_key(shard)) {
            let actor = Actor::new(me, self.config.incarnation);
            match Replica::open(shard, actor, Settings::default(), &mut self.store) {
                Ok(replica) => drop(self.replicas.insert(shard, replica)),
                // The store fails: the driver will learn of it when it ends the turn.
                Err(_) => continue,
            }
        }
        self.begin_filling(now, gained);
        self.transfers.filling.retain(|shard, _| owned.contains(shard));
        for filling in self.transfers.filling.values_mut() {
            filling.heard.clear();
        }
        let kept = self.replicas.keys().filter(|shard| !owned.contains(shard));
        self.transfers.leaving = kept.map(|shard| (*shard, BTreeMap::new())).collect();
        self.transfers.handing = Handing::default();
        self.unstable.extend(self.replicas.keys());
        // What is fetched and what is whole is kept with the view.
        out.is_checkpoint_due = true;
    }

    /// Asks what is missing for filling and for giving up, and does what has become possible.
    pub(crate) fn move_shards(&mut self, now: Millis, out: &mut Outbox) {
        self.note_absences(now);
        self.finish_filling(now);
        let is_settled = self.is_view_settled(now);
        if is_settled || self.is_mutated(Mutation::DroppedEarly) {
            self.drop_left(now);
        }
        if is_settled {
            self.hand_over(now, out);
        }
        let mut questions: BTreeMap<NodeId, Vec<ShardId>> = BTreeMap::new();
        for (shard, filling) in &self.transfers.filling {
            let sources = self.sources(*shard).into_iter();
            for node in sources.filter(|node| !filling.heard.contains_key(node)) {
                questions.entry(node).or_default().push(ShardId(*shard));
            }
        }
        for shard in self.transfers.leaving.keys().filter(|_| is_settled) {
            for node in self.topology.final_owners(*shard) {
                questions.entry(node).or_default().push(ShardId(*shard));
            }
        }
        let view = self.view_hash();
        for (node, mut shards) in questions {
            shards.truncate(SHARDS_PER_QUESTION);
            let news = News::ReportsWanted { view, shards };
            self.send(node, Message::Gossip(news.encode()), out);
        }
    }

    /// Tells what is held of some shards, if both sides act by one view.
    pub(crate) fn take_reports_wanted(
        &mut self,
        from: NodeId,
        view: ViewHash,
        shards: &[ShardId],
        out: &mut Outbox,
    ) {
        if view != self.view_hash() {
            return;
        }
        let report = |shard: &ShardId| {
            let held = self.replicas.get(&shard.0);
            let standing = match self.soundness(shard.0) {
                None => Standing::Absent,
                Some(Soundness::Sound) => Standing::Ready,
                // The operations count, the rows do not.
                Some(_) => Standing::Filling,
            };
            ShardReport {
                shard: *shard,
                standing,
                clock: held.map(Replica::whole_clock).unwrap_or_default(),
                element_count: held.map_or(0, |replica| replica.summary().element_count),
            }
        };
        let reports = shards.iter().take(SHARDS_PER_QUESTION).map(report).collect();
        self.send(from, Message::Gossip(News::Reports { view, reports }.encode()), out);
    }

    /// Takes what a node holds of shards that are fetched or given up here.
    pub(crate) fn take_reports(
        &mut self,
        now: Millis,
        from: NodeId,
        view: ViewHash,
        reports: Vec<ShardReport>,
    ) {
        if view != self.view_hash() {
            return;
        }
        for report in reports {
            let ShardReport { shard, standing, clock, element_count } = report;
            self.note_standing(from, shard.0, (standing, &clock));
            if let Some(filling) = self.transfers.filling.get_mut(&shard.0) {
                filling.element_count = filling.element_count.max(element_count);
                let clock = (standing != Standing::Absent).then_some(clock);
                // The first answer counts: a later one would only move the goal.
                filling.heard.entry(from).or_insert(clock);
            } else if let Some(heard) = self.transfers.leaving.get_mut(&shard.0)
                && standing == Standing::Ready
            {
                heard.insert(from, clock);
            }
        }
        self.finish_filling(now);
        if self.is_view_settled(now) {
            self.drop_left(now);
        }
    }

    /// Notes which shards have become whole.
    fn finish_filling(&mut self, now: Millis) {
        let shards = self.transfers.filling.keys().copied();
        let whole: Vec<u16> = shards.filter(|shard| self.is_filled(now, *shard)).collect();
        for shard in whole {
            self.transfers.filling.remove(&shard);
        }
    }

    /// Whether everything is here that the owners of before had by the present view.
    fn is_filled(&self, now: Millis, shard: u16) -> bool {
        if self.is_mutated(Mutation::ServedBeforeReady) {
            return true;
        }
        let (Some(filling), Some(replica)) =
            (self.transfers.filling.get(&shard), self.replicas.get(&shard))
        else {
            return false;
        };
        let sources = self.sources(shard);
        let is_heard = |node: &NodeId| filling.heard.contains_key(node);
        let heard: Vec<NodeId> = sources.iter().copied().filter(is_heard).collect();
        let is_excused = |node: &&NodeId| {
            let since = self.peers.get(*node).and_then(|peer| peer.absent_since);
            since.is_some_and(|since| now.minus(since.0).0 >= self.rounds_ms(ABSENCE_ROUNDS))
        };
        let mut missing = sources.iter().filter(|node| !is_heard(node));
        let are_enough = missing.clone().next().is_none()
            || (missing.all(|node| is_excused(&node)) && self.are_most(&heard, &sources));
        let mut clocks = filling.heard.values().flatten();
        are_enough && clocks.all(|clock| replica.covers(clock))
    }

    /// Whether some of the sources are more than half of all, and of those in this datacenter: so
    /// that every quorum of before has one of them.
    fn are_most(&self, heard: &[NodeId], sources: &[NodeId]) -> bool {
        let is_local = |node: &&NodeId| self.is_in_my_datacenter(**node);
        let local =
            (heard.iter().filter(is_local).count(), sources.iter().filter(is_local).count());
        heard.len() * 2 > sources.len() && (local.0 * 2 > local.1 || local.1 == 0)
    }

    /// Who may hold what a shard lacks here: its owners when everybody was whole last, and those
    /// of today, as far as they are members.
    fn sources(&self, shard: u16) -> Vec<NodeId> {
        let mut sources = self.topology.earlier_owners(shard);
        sources.retain(|node| *node != self.config.me && self.is_member(*node));
        sources
    }

    /// Drops what every owner has.
    fn drop_left(&mut self, now: Millis) {
        let shards = self.transfers.leaving.keys().copied();
        let over: Vec<u16> = shards.filter(|shard| self.may_drop(*shard)).collect();
        for shard in over {
            let heard = self.transfers.leaving.remove(&shard).unwrap_or_default();
            let taken = self.transfers.handing.end(shard, heard);
            self.note_dropped(now, shard, &taken);
            self.replicas.remove(&shard);
            self.takeovers.remove(&shard);
            self.unstable.remove(&shard);
            // What could not be dropped is found at the next start, and is dropped then.
            let _ = self.store.drop_shard(shard);
        }
    }

    fn may_drop(&self, shard: u16) -> bool {
        if self.is_mutated(Mutation::DroppedEarly) {
            return true;
        }
        let (Some(heard), Some(replica)) =
            (self.transfers.leaving.get(&shard), self.replicas.get(&shard))
        else {
            return false;
        };
        let here = replica.whole_clock();
        let owners = self.topology.final_owners(shard);
        let handing = &self.transfers.handing;
        let has_all = |node: &NodeId| {
            heard.get(node).is_some_and(|clock| handing.covers(shard, *node, clock, &here))
        };
        !owners.is_empty() && owners.iter().all(has_all)
    }

    fn note_absences(&mut self, now: Millis) {
        let absent: BTreeSet<NodeId> =
            self.peers.keys().copied().filter(|node| !self.seems_alive(*node)).collect();
        for (node, peer) in &mut self.peers {
            peer.absent_since = match absent.contains(node) {
                true => peer.absent_since.or(Some(now)),
                false => None,
            };
        }
    }
}
