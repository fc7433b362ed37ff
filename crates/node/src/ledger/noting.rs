//! Where the node's life meets the ledger.

use std::collections::BTreeMap;

use causality::{Actor, Clock, Millis, NodeId};
use cells::OwnedOp;
use storage::Store;
use wire::RequestId;

use super::{Micros, Minted};
use crate::node::Node;

impl<S: Store> Node<S> {
    /// Tells what the driver's steady clock shows, in microseconds since any moment near the
    /// epoch of its wall clock. A driver that never says it is measured in whole milliseconds.
    pub const fn set_steady_time(&mut self, now: Micros) {
        self.steady = Some(now);
    }

    pub(crate) fn steady_time(&self, now: Millis) -> Micros {
        self.steady.unwrap_or_else(|| Micros::from_millis(now))
    }

    /// Watches what a request has minted. Own dots have no gaps and follow each other.
    pub(crate) fn watch(&mut self, now: Millis, shard: u16, request: RequestId, ops: &[OwnedOp]) {
        let (Some(first), Some(last)) = (ops.first(), ops.last()) else { return };
        let owners = self.topology.other_owners(shard);
        let (first, last, actor) = (first.dot.counter, last.dot.counter, last.dot.actor);
        let minted = Minted { request, first, last, at: self.steady_time(now) };
        self.ledger.minted((shard, actor), &owners, minted);
    }

    /// Takes up what earlier lives of this node have minted and not seen converge.
    pub(crate) fn watch_again(&mut self, now: Millis) {
        for (shard, replica) in &self.replicas {
            let mine = replica.clock().iter().filter(|(actor, _)| actor.node() == self.config.me);
            for (actor, counters) in mine {
                let floor = replica.floor(actor);
                for run in counters.spans().filter(|run| run.last > floor) {
                    let (first, last) = (run.first.max(floor + 1), run.last);
                    let dot = causality::Dot::new(actor, first);
                    // A log that cannot be read has other ways to say so; here the moment is lost.
                    let time = replica.time_of(&mut self.store, dot).ok().flatten();
                    let at = Micros::from_millis(time.map_or(now, |time| time.millis().min(now)));
                    let minted = Minted { request: RequestId(0), first, last, at };
                    let owners = self.topology.other_owners(*shard);
                    self.ledger.minted((*shard, actor), &owners, minted);
                }
            }
        }
    }

    pub(crate) fn note_acknowledged(
        &mut self,
        now: Millis,
        from: NodeId,
        shard: u16,
        request: RequestId,
    ) {
        let (now, Some(actor)) = (self.steady_time(now), self.actor_of(shard)) else { return };
        self.ledger.acknowledged(now, (shard, actor), request, from);
    }

    pub(crate) fn note_level_met(&mut self, now: Millis, shard: u16, request: RequestId) {
        let (now, Some(actor)) = (self.steady_time(now), self.actor_of(shard)) else { return };
        self.ledger.level_met(now, (shard, actor), request);
    }

    pub(crate) fn note_covered(&mut self, now: Millis, from: NodeId, shard: u16, clock: &Clock) {
        let now = self.steady_time(now);
        self.ledger.covered(now, shard, from, clock);
    }

    /// Closes the writes of a shard that is given up, by what its owners have said they hold:
    /// nobody compares it with this node from now on.
    pub(crate) fn note_dropped(
        &mut self,
        now: Millis,
        shard: u16,
        heard: &BTreeMap<NodeId, Clock>,
    ) {
        let owners = self.topology.final_owners(shard);
        self.ledger.restate(self.steady_time(now), shard, &owners);
        heard.iter().for_each(|(owner, clock)| self.note_covered(now, *owner, shard, clock));
    }

    /// Follows changes of owners. An earlier life that is retired is in no clock any more: all
    /// owners have what it minted, or it could not have been retired.
    pub(crate) fn restate_ledger(&mut self, now: Millis) {
        let now = self.steady_time(now);
        for (shard, actor) in self.ledger.open_actors() {
            let sealed = self.replicas.get(&shard).and_then(|replica| replica.sealed().get(actor));
            let Some(counters) = sealed else { continue };
            let mut clock = Clock::new();
            clock.insert_all(actor, counters);
            for owner in self.topology.other_owners(shard) {
                self.ledger.covered(now, shard, owner, &clock);
            }
        }
        for shard in self.ledger.open_shards() {
            let owners = self.topology.other_owners(shard);
            self.ledger.restate(now, shard, &owners);
        }
    }

    fn actor_of(&self, shard: u16) -> Option<Actor> {
        self.replicas.get(&shard).map(replica::Replica::actor)
    }
}
