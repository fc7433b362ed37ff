//! Retiring actors that mint no more: those of members that were removed, and of earlier lives.
//!
//! An actor that is not retired stays in every clock for ever. The owner of a shard with the lowest
//! id leads the rounds ([`crate::sealing`]), so that no two lead at once; rounds need every owner,
//! so there is nobody to stand in for it. A few shards are looked at with each beat.
//!
//! What proves that an actor mints no more: its node was removed, which is for ever; or the node
//! has said itself that it lives a later life. A visit's actors end with the visit.

use causality::{Actor, Incarnation, Millis, NodeId};
use placement::{MemberId, MemberState};
use storage::Store;

use crate::event::Outbox;
use crate::membership::roster;
use crate::mutation::Mutation;
use crate::node::Node;
use crate::visits::is_visit;

/// The most shards looked at with one beat.
const SHARDS_PER_BEAT: usize = 128;

/// The most rounds under way at once.
const ROUNDS_MAX: usize = 16;

/// Where the look at the shards stands.
#[derive(Debug, Default)]
pub(crate) struct Retiring {
    /// The next shard to look at.
    next: u16,
}

impl<S: Store> Node<S> {
    /// Begins to retire actors that mint no more, in the next few shards.
    pub(crate) fn retire_actors(&mut self, now: Millis, out: &mut Outbox) {
        if self.is_mutated(Mutation::ActorsNeverRetired) {
            return;
        }
        let shards = self.shards_to_look_at();
        for shard in shards {
            if self.rounds.open_count(now) >= ROUNDS_MAX {
                return;
            }
            self.housekeeping.retiring.next = shard + 1;
            if let Some(actor) = self.actor_to_retire(shard) {
                self.start_sealing(now, shard, actor, out);
            }
        }
        self.housekeeping.retiring.next = 0;
    }

    fn shards_to_look_at(&self) -> Vec<u16> {
        let from = self.housekeeping.retiring.next;
        self.replicas.range(from..).map(|(shard, _)| *shard).take(SHARDS_PER_BEAT).collect()
    }

    /// An actor of a shard that this node should retire.
    fn actor_to_retire(&self, shard: u16) -> Option<Actor> {
        let owners = self.topology.owners(shard);
        let leader = owners.iter().map(|owner| owner.node).min()?;
        if leader != self.config.me || !self.is_comparable(shard) {
            return None;
        }
        let replica = self.replicas.get(&shard)?;
        replica.clock().iter().map(|(actor, _)| actor).find(|actor| self.is_over(*actor))
    }

    /// Whether an actor mints no more, provably.
    fn is_over(&self, actor: Actor) -> bool {
        let (node, incarnation) = (actor.node(), actor.incarnation());
        if actor == Actor::new(self.config.me, self.config.incarnation) {
            return false;
        }
        if self.is_mutated(Mutation::RetiredTooEarly) {
            return true;
        }
        self.is_removed(node) || (!is_visit(incarnation) && incarnation < self.life_of(node))
    }

    fn is_removed(&self, node: NodeId) -> bool {
        let member = self.membership.roster.view.get(MemberId(node.0));
        member.is_some_and(|member| member.state == MemberState::Removed)
    }

    /// The life that a node has said it lives; the first of all while it has said nothing.
    pub(crate) fn life_of(&self, node: NodeId) -> Incarnation {
        if node == self.config.me {
            return self.config.incarnation;
        }
        let contact = roster::contact(&self.membership.roster, node);
        Incarnation(contact.map_or(0, |contact| contact.life))
    }
}
