//! The end of a visit: its actors are sealed, then its replica is dropped.

use causality::{Actor, Millis};
use storage::Store;

use super::{Visit, Visits};
use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;

impl Visit {
    /// The next own actor that minted here and is not sealed.
    fn unsealed(&self) -> Option<Actor> {
        let mut own = self.replica.clock().iter().map(|(actor, _)| actor).filter(|actor| {
            actor.node() == self.replica.actor().node()
                && super::journal::is_visit(actor.incarnation())
        });
        own.find(|actor| !self.sealed.contains(actor))
    }
}

impl Visits {
    fn delivered(&self) -> Vec<u16> {
        let delivered = self.open.iter().filter(|(_, visit)| visit.owed.is_empty());
        delivered.map(|(shard, _)| *shard).collect()
    }

    /// Notes that everybody has sealed an actor.
    pub(crate) fn sealed(&mut self, shard: u16, actor: Actor) {
        if let Some(visit) = self.open.get_mut(&shard) {
            visit.sealed.insert(actor);
        }
    }
}

impl<S: Store> Node<S> {
    /// Goes on ending the visits whose operations have all been delivered.
    pub(crate) fn close_visits(&mut self, now: Millis, out: &mut Outbox) {
        for shard in self.visits.delivered() {
            match self.visits.open[&shard].unsealed() {
                _ if self.is_mutated(Mutation::VisitorNotSealed) => self.end_visit(shard),
                Some(actor) => self.seal_visitor(now, shard, actor, out),
                None => self.end_visit(shard),
            }
        }
    }

    /// Starts to seal an actor of a visit. What is minted from now on is minted under another one.
    fn seal_visitor(&mut self, now: Millis, shard: u16, actor: Actor, out: &mut Outbox) {
        if self.visits.open[&shard].replica.actor() == actor {
            let Ok(next) = self.visits.new_actor(&mut self.store, now) else { return };
            let visit = self.visits.open.get_mut(&shard).expect("it is open");
            visit.replica.reincarnate(next);
        }
        self.start_sealing(now, shard, actor, out);
    }

    fn end_visit(&mut self, shard: u16) {
        let at = self.visits.shard_count + shard;
        // A store that fails keeps the shard, and the node delivers it again in its next life.
        if self.store.drop_shard(at).is_ok() {
            self.visits.open.remove(&shard);
        }
    }
}
