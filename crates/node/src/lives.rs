//! Lives: a node that stands behind its own past begins a new one.
//!
//! A dot names one operation for ever, so nobody may mint under a name of which others know more
//! than the one who mints. A store notices most copies of itself that were put back, and most ends
//! of its log that were lost; whatever it does not notice, peers do: they still have what the node
//! minted since. The evidence is a clock that names dots of this node's own actor which it does not
//! know, a peer by which that actor is retired, or a later life in what is told of the members.
//!
//! Invariants: from the evidence on nothing is minted under the old name; the new one is above
//! every life of this node that it has ever seen named, and the driver keeps it durably
//! ([`Outbox::life`]) before anything of the turn leaves the node; nothing is read here before the
//! node has what the other owners had.

use causality::{Actor, Clock, Counters, Incarnation, Millis, NodeId, Sealed};
use storage::Store;

use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;
use crate::verification::Notice;
use crate::visits::is_visit;

/// Seconds from 1970 to 2020, where incarnations begin.
const EPOCH_SECONDS: u64 = 1_577_836_800;

/// The last life that there can be: above are the actors of visits.
const LAST: u32 = (1 << 31) - 1;

impl<S: Store> Node<S> {
    /// Looks at a clock of one of this node's shards for operations of its own that are not here.
    pub(crate) fn heed_clock(
        &mut self,
        now: Millis,
        peer: NodeId,
        (shard, clock): (u16, &Clock),
        out: &mut Outbox,
    ) {
        // A shard that comes back to a node comes empty, without what the node minted in it before;
        // nothing is minted in it until that is here again.
        if self.transfers.is_filling(shard) {
            return;
        }
        let Some(replica) = self.replicas.get(&shard) else { return };
        let Some(shown) = clock.get(replica.actor()) else { return };
        let here = replica.clock().get(replica.actor());
        if here.is_some_and(|here| here.covers(shown)) || self.is_mutated(Mutation::PastIgnored) {
            return;
        }
        // Of the lives that the clock names, none may be lived again.
        let mine = clock.iter().map(|(actor, _)| actor).filter(|a| a.node() == self.config.me);
        let lived = mine.map(Actor::incarnation).filter(|life| !is_visit(*life));
        let above = lived.max().unwrap_or_default();
        let unknown = shown.highest().saturating_sub(here.map_or(0, Counters::highest));
        out.notices.push(Notice::BehindItself { shard, peer, unknown });
        self.begin_life(now, above, out);
    }

    /// Looks for this node's own actor among those that a peer knows to be retired.
    pub(crate) fn heed_sealed(
        &mut self,
        now: Millis,
        peer: NodeId,
        (shard, sealed): (u16, &Sealed),
        out: &mut Outbox,
    ) {
        let Some(replica) = self.replicas.get(&shard) else { return };
        if sealed.is_retired(replica.actor()) && !self.is_mutated(Mutation::PastIgnored) {
            out.notices.push(Notice::Outlived { shard, peer });
            self.begin_life(now, self.config.incarnation, out);
        }
    }

    /// The members have been told of a life of this node that it does not remember.
    pub(crate) fn heed_life(&mut self, now: Millis, told: Incarnation, out: &mut Outbox) {
        if told > self.config.incarnation && !self.is_mutated(Mutation::PastIgnored) {
            out.notices.push(Notice::Forgotten { told });
            self.renew_life(now, told, out);
        }
    }

    /// The operations of one shard are about to be forgotten here, those of this life among them.
    pub(crate) fn begin_life_for(&mut self, now: Millis, shard: u16, out: &mut Outbox) {
        out.notices.push(Notice::Renewed { shard });
        self.rename(now, self.config.incarnation, out);
        let roster = self.membership.roster.clone();
        self.take_over(now, roster, out);
    }

    fn begin_life(&mut self, now: Millis, above: Incarnation, out: &mut Outbox) {
        self.renew_life(now, above, out);
        // The others learn of it, and retire what is over.
        let roster = self.membership.roster.clone();
        self.take_over(now, roster, out);
    }

    fn renew_life(&mut self, now: Millis, above: Incarnation, out: &mut Outbox) {
        self.lives_begun += 1;
        self.rename(now, above, out);
        // What is here is old: it is not shown before it has caught up, also after a restart.
        self.refill(now);
    }

    fn rename(&mut self, now: Millis, above: Incarnation, out: &mut Outbox) {
        let next = self.next_life(now, above);
        self.config.incarnation = next;
        let me = Actor::new(self.config.me, next);
        self.replicas.values_mut().for_each(|replica| replica.reincarnate(me));
        self.visits.begin_life(next);
        out.life = Some(next);
        out.is_checkpoint_due = true;
    }

    /// A life above all that are known of, here or elsewhere. Lives begin as moments, so that one
    /// is not lived again that nobody reachable knows of.
    fn next_life(&self, now: Millis, above: Incarnation) -> Incarnation {
        let clocks = self.replicas.values().map(replica::Replica::whole_clock);
        let lived = clocks.flat_map(|clock| {
            let mine = clock.iter().map(|(actor, _)| actor);
            let mine = mine.filter(|actor| actor.node() == self.config.me);
            let lived = mine.map(Actor::incarnation).filter(|life| !is_visit(*life));
            lived.max()
        });
        let known = lived.max().unwrap_or_default().max(above).max(self.config.incarnation);
        let seconds = (now.0 / 1_000).saturating_sub(EPOCH_SECONDS);
        let seconds = u32::try_from(seconds).unwrap_or(LAST);
        Incarnation(seconds.max(known.0.saturating_add(1)).min(LAST))
    }
}
