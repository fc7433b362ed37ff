//! Taking messages apart: who sent them, what they claim, what they ask.
//!
//! A message is from outside: whatever it holds, it is taken in, ignored or counted as dropped.

use super::Gossip;
use super::roster::Standing;
use crate::config::MESSAGE_BYTES_HARD_MAX;
use crate::ids::{Heartbeat, Identity, Incarnation};
use crate::liveness::{Liveness, Status};
use crate::message::{ACCUSER_COUNT_MAX, Body, Claim, Message, Rumor};
use crate::outbox::Outbox;

impl Gossip {
    pub(super) fn receive(&mut self, message: Message, out: &mut Outbox) {
        let sender = message.sender;
        if !self.admit(&message, out) {
            return;
        }
        if let Some(peer) = self.peers.get_mut(sender.node) {
            peer.heard_at = Some(self.now);
        }
        self.hear(sender, message.incarnation, message.heartbeat, out);
        let incarnation_before = self.incarnation;
        for rumor in message.rumors {
            self.hear_rumor(rumor, out);
        }
        let has_refuted = self.incarnation > incarnation_before;
        let is_notice = message.body == Body::Notice;
        match self.answer(sender, message.body, out) {
            Some(reply) => self.send(sender.node, reply, out),
            // Any message refutes by its header: the sooner it leaves, the slower a node may be.
            None if has_refuted => self.send(sender.node, Body::Notice, out),
            // Whoever is accused must learn of it to refute; never in answer to the same, or two
            // nodes that cannot refute would talk for ever.
            None if !is_notice && self.claim_against(sender.node).is_some() => {
                self.send(sender.node, Body::Notice, out);
            }
            None => {}
        }
    }

    /// Whether a message is worth reading; counts why not.
    fn admit(&mut self, message: &Message, out: &mut Outbox) -> bool {
        let bytes = message.size_estimate();
        self.counters.messages_received += 1;
        self.counters.bytes_received += bytes as u64;
        if message.cluster != self.config.cluster {
            self.counters.dropped_foreign += 1;
            return false;
        }
        if bytes > MESSAGE_BYTES_HARD_MAX {
            self.counters.dropped_oversized += 1;
            return false;
        }
        if message.sender.node == self.me.node {
            self.counters.dropped_stale += 1;
            if message.sender.generation >= self.me.generation {
                self.report_taken(message.sender, out);
            }
            return false;
        }
        match self.meet(message.sender, out) {
            Standing::Current => return true,
            Standing::Stale => self.counters.dropped_stale += 1,
            Standing::Removed => self.counters.dropped_removed += 1,
            Standing::Full => self.counters.dropped_full += 1,
        }
        false
    }

    fn answer(&mut self, sender: Identity, body: Body, out: &mut Outbox) -> Option<Body> {
        match body {
            Body::Syn { hash, page: None } => self.answer_hash(hash),
            Body::Syn { hash: _, page: Some(page) } => self.answer_page(page, out),
            Body::SynAck { deltas, wanted } => {
                self.apply(deltas, out);
                self.answer_wanted(&wanted)
            }
            Body::Ack { deltas } => {
                self.apply(deltas, out);
                None
            }
            Body::Ping { probe } => Some(Body::Pong { probe }),
            Body::Pong { probe } => {
                self.take_pong(sender, probe, out);
                None
            }
            Body::Relay { probe, target } => {
                self.relay(sender, probe, target, out);
                None
            }
            Body::Relayed { probe, target, incarnation, heartbeat } => {
                self.take_relayed(probe, target, (incarnation, heartbeat), out);
                None
            }
            Body::Unreached { probe } => {
                self.take_unreached(sender.node, probe);
                None
            }
            Body::Notice => None,
        }
    }

    /// Takes in a sign of life of a peer in its current generation.
    pub(super) fn hear(
        &mut self,
        identity: Identity,
        incarnation: Incarnation,
        heartbeat: Heartbeat,
        out: &mut Outbox,
    ) {
        let Some(peer) = self.peers.get_mut(identity.node) else { return };
        let before = peer.status.liveness();
        if !peer.hear(incarnation, heartbeat) {
            return;
        }
        self.turn(identity, Status::Alive, out);
        if before != Liveness::Unknown {
            let claim = Claim::Alive { heartbeat };
            self.rumors.tell(Rumor { subject: identity, incarnation, claim });
            // The refutation must overtake the suspicion at every node, or it comes too late.
            self.tell_at_once(out);
        }
    }

    fn hear_rumor(&mut self, rumor: Rumor, out: &mut Outbox) {
        if rumor.subject.node == self.me.node {
            return self.hear_claim_about_self(&rumor, out);
        }
        if self.meet(rumor.subject, out) != Standing::Current {
            return;
        }
        match rumor.claim {
            Claim::Alive { heartbeat } => self.hear_alive(rumor, heartbeat, out),
            Claim::Suspect { mut accusers } => {
                accusers.truncate(ACCUSER_COUNT_MAX);
                self.suspect(rumor.subject, rumor.incarnation, &accusers, out);
            }
            Claim::Down => self.hear_down(rumor, out),
        }
    }

    fn hear_alive(&mut self, rumor: Rumor, heartbeat: Heartbeat, out: &mut Outbox) {
        let Rumor { subject, incarnation, .. } = rumor;
        self.hear(subject, incarnation, heartbeat, out);
        let Some(peer) = self.peers.get_mut(subject.node) else { return };
        let is_contradicted = match peer.status {
            Status::Unknown | Status::Alive => incarnation < peer.incarnation,
            Status::Suspect(_) | Status::Down => true,
        };
        let announced = Some((incarnation, heartbeat));
        if !is_contradicted && announced > peer.announced {
            peer.announced = announced;
            self.rumors.tell(rumor);
        }
    }

    fn hear_down(&mut self, rumor: Rumor, out: &mut Outbox) {
        let Some(peer) = self.peers.get_mut(rumor.subject.node) else { return };
        let is_news = match peer.status {
            Status::Down => rumor.incarnation > peer.incarnation,
            Status::Unknown | Status::Alive | Status::Suspect(_) => {
                rumor.incarnation >= peer.incarnation
            }
        };
        if is_news {
            peer.incarnation = rumor.incarnation;
            self.turn(rumor.subject, Status::Down, out);
            self.rumors.tell(rumor);
            self.tell_at_once(out);
        }
    }

    fn hear_claim_about_self(&mut self, rumor: &Rumor, out: &mut Outbox) {
        if rumor.subject.generation > self.me.generation {
            return self.report_taken(rumor.subject, out);
        }
        if rumor.subject.generation < self.me.generation {
            return;
        }
        match rumor.claim {
            Claim::Alive { .. } if rumor.incarnation > self.incarnation => {
                self.report_taken(rumor.subject, out);
            }
            Claim::Alive { .. } => {}
            Claim::Suspect { .. } | Claim::Down => self.refute(rumor.incarnation, out),
        }
    }
}
