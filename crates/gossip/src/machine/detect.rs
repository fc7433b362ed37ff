//! Probing, suspecting, refuting: SWIM with Lifeguard's three amendments.
//!
//! Each period one peer is pinged; without an answer some others are asked to ping it too; without
//! any sign of life it is suspected, told so, and has time to refute. Everybody's rumours and
//! timers then agree that it is down, and only a later incarnation of its own brings it back.

use super::Gossip;
use super::reconcile::pick;
use crate::ids::{Heartbeat, Identity, Incarnation, Millis, NodeId, ProbeId};
use crate::liveness::{Probe, Relayed, Status, Suspicion, SuspicionTimes};
use crate::message::{Body, Claim, Rumor};
use crate::outbox::{Outbox, Output};
use crate::timers::Timer;

impl Gossip {
    /// Ends the probe in flight, if it is still unanswered, and starts the next.
    pub(super) fn run_probe(&mut self, out: &mut Outbox) {
        self.conclude_probe(out);
        let period = self.health.stretch(self.config.probe_interval);
        self.timers.set(Timer::Probe, self.now.plus(period));
        let Some(target) = self.peers.next_target(&mut self.rng) else { return };
        let id = self.new_probe_id();
        self.probe = Some(Probe::new(id, target));
        let timeout = self.health.stretch(self.config.probe_timeout);
        self.timers.set(Timer::ProbeRelays, self.now.plus(timeout));
        self.send(target.node, Body::Ping { probe: id }, out);
    }

    fn conclude_probe(&mut self, out: &mut Outbox) {
        self.timers.clear(Timer::ProbeRelays);
        let Some(probe) = self.probe.take() else { return };
        self.counters.probes_failed += 1;
        if probe.is_doubtful() {
            self.health.worsen();
        }
        let Some(peer) = self.peers.get(probe.target.node) else { return };
        if peer.generation == Some(probe.target.generation) {
            self.suspect(probe.target, peer.incarnation, &[self.me.node], out);
            self.send(probe.target.node, Body::Notice, out);
        }
    }

    pub(super) fn ask_relays(&mut self, out: &mut Outbox) {
        let Some(Probe { id, target, .. }) = self.probe else { return };
        // One more than needed, in case the target is drawn.
        let mut relays = pick(&mut self.rng, self.peers.reachable(), self.config.relay_count + 1);
        relays.retain(|node| *node != target.node);
        relays.truncate(self.config.relay_count);
        for node in &relays {
            self.send(*node, Body::Relay { probe: id, target: target.node }, out);
        }
        if let Some(probe) = &mut self.probe {
            probe.relays_silent.extend(relays);
        }
    }

    pub(super) fn take_pong(&mut self, sender: Identity, id: ProbeId, out: &mut Outbox) {
        if self.probe.as_ref().is_some_and(|probe| (probe.id, probe.target) == (id, sender)) {
            self.succeed();
        }
        let Some(relayed) = self.relays.close_answered(id, sender.node) else { return };
        self.timers.clear(Timer::Relay(id));
        let Some(peer) = self.peers.get(sender.node) else { return };
        let body = Body::Relayed {
            probe: relayed.origin_probe,
            target: sender,
            incarnation: peer.incarnation,
            heartbeat: peer.heartbeat.unwrap_or_default(),
        };
        self.answer_origin(relayed, body, out);
    }

    pub(super) fn take_relayed(
        &mut self,
        id: ProbeId,
        target: Identity,
        (incarnation, heartbeat): (Incarnation, Heartbeat),
        out: &mut Outbox,
    ) {
        if self.probe.as_ref().is_some_and(|probe| (probe.id, probe.target) == (id, target)) {
            self.succeed();
            self.hear(target, incarnation, heartbeat, out);
        }
    }

    pub(super) fn take_unreached(&mut self, relay: NodeId, id: ProbeId) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.id == id) {
            probe.relays_silent.remove(&relay);
        }
    }

    fn succeed(&mut self) {
        self.probe = None;
        self.timers.clear(Timer::ProbeRelays);
        self.health.improve();
    }

    /// Pings for somebody else, if it is a peer and the table of relays has room.
    pub(super) fn relay(
        &mut self,
        origin: Identity,
        origin_probe: ProbeId,
        target: NodeId,
        out: &mut Outbox,
    ) {
        if self.peers.get(target).is_none() {
            return;
        }
        let id = self.new_probe_id();
        let relayed = Relayed { origin: origin.node, origin_probe, target };
        if self.relays.open(id, relayed) {
            // Earlier than the origin's own end, so that it hears at least from its relay.
            let patience = Millis(self.config.probe_timeout.0 * 4 / 5);
            self.timers.set(Timer::Relay(id), self.now.plus(patience));
            self.send(target, Body::Ping { probe: id }, out);
        }
    }

    pub(super) fn give_up_relay(&mut self, id: ProbeId, out: &mut Outbox) {
        if let Some(relayed) = self.relays.close(id) {
            let body = Body::Unreached { probe: relayed.origin_probe };
            self.answer_origin(relayed, body, out);
        }
    }

    /// Answers who asked for a relay, unless it was removed in the meantime.
    fn answer_origin(&mut self, relayed: Relayed, body: Body, out: &mut Outbox) {
        if self.peers.get(relayed.origin).is_some() {
            self.send(relayed.origin, body, out);
        }
    }

    /// Takes in that some nodes got no answer from a peer in this incarnation.
    pub(super) fn suspect(
        &mut self,
        subject: Identity,
        incarnation: Incarnation,
        accusers: &[NodeId],
        out: &mut Outbox,
    ) {
        let times = SuspicionTimes::new(&self.config, self.node_count());
        let Some(peer) = self.peers.get_mut(subject.node) else { return };
        let is_later = incarnation > peer.incarnation;
        let is_same = incarnation == peer.incarnation;
        let starts = match &mut peer.status {
            // Who was never heard is taken for down already.
            Status::Unknown => false,
            Status::Alive => is_same || is_later,
            Status::Suspect(suspicion) if is_same => {
                if suspicion.confirm(accusers) {
                    self.spread_suspicion(subject);
                }
                return;
            }
            Status::Suspect(_) | Status::Down => is_later,
        };
        if starts && !accusers.is_empty() {
            peer.incarnation = incarnation;
            let suspicion = Suspicion::new(self.now, accusers, times);
            self.turn(subject, Status::Suspect(Box::new(suspicion)), out);
            self.spread_suspicion(subject);
        }
    }

    /// Sets the deadline of a suspicion anew and tells everybody about its accusers.
    fn spread_suspicion(&mut self, subject: Identity) {
        let Some(rumor) = self.claim_against(subject.node) else { return };
        let Some(peer) = self.peers.get(subject.node) else { return };
        if let Status::Suspect(suspicion) = &peer.status {
            self.timers.set(Timer::Suspicion(subject.node), suspicion.deadline());
            self.rumors.tell(rumor);
        }
    }

    /// The suspect did not refute in time.
    pub(super) fn condemn(&mut self, node: NodeId, out: &mut Outbox) {
        let Some(peer) = self.peers.get(node) else { return };
        let (Status::Suspect(_), Some(generation)) = (&peer.status, peer.generation) else {
            return;
        };
        let (subject, incarnation) = (Identity { node, generation }, peer.incarnation);
        self.turn(subject, Status::Down, out);
        self.rumors.tell(Rumor { subject, incarnation, claim: Claim::Down });
        self.tell_at_once(out);
    }

    /// Shows by a later incarnation that a claim about this node is wrong.
    pub(super) fn refute(&mut self, claimed: Incarnation, out: &mut Outbox) {
        if claimed < self.incarnation {
            return;
        }
        let Some(later) = claimed.0.checked_add(1) else {
            return self.report_taken(self.me, out);
        };
        self.incarnation = Incarnation(later);
        self.counters.refutations += 1;
        self.health.worsen();
        self.announce();
        self.tell_at_once(out);
    }

    /// Changes a peer's status and reports it if that matters outside.
    pub(super) fn turn(&mut self, identity: Identity, status: Status, out: &mut Outbox) {
        let liveness = status.liveness();
        self.timers.clear(Timer::Suspicion(identity.node));
        if self.peers.set_status(identity.node, status, self.now, &mut self.rng) {
            out.push(Output::LivenessChanged { identity, liveness });
        }
    }

    /// What is claimed of a peer here, if it is accused of anything.
    pub(super) fn claim_against(&self, node: NodeId) -> Option<Rumor> {
        let peer = self.peers.get(node)?;
        let subject = Identity { node, generation: peer.generation? };
        let claim = match &peer.status {
            Status::Unknown | Status::Alive => return None,
            Status::Suspect(suspicion) => Claim::Suspect { accusers: suspicion.accusers() },
            Status::Down => Claim::Down,
        };
        Some(Rumor { subject, incarnation: peer.incarnation, claim })
    }

    pub(super) fn new_probe_id(&mut self) -> ProbeId {
        ProbeId(self.rng.u64(..))
    }
}
