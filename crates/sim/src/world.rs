//! The world of a run: machines, the network between them, clients, and time.

use api::{Call, Outcome};
use causality::{Millis, NodeId};
use node::{Event, MemberConfig, RequestId};
use storage::Crash;

use crate::clients::History;
use crate::network::{Arrival, Network};
use crate::nodes::Machine;
use crate::run::Profile;

/// Requests of the checkers have the bit 62 set; those of clients do not.
const CHECK_BIT: u64 = 1 << 62;

pub(crate) struct World {
    pub(crate) profile: Profile,
    pub(crate) rng: fastrand::Rng,
    pub(crate) now: Millis,
    pub(crate) machines: Vec<Machine>,
    pub(crate) history: History,
    pub(crate) event_count: u64,
    network: Network,
    checked: Option<Outcome>,
}

impl World {
    pub(crate) fn start(seed: u64, profile: Profile) -> Result<Self, String> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let member = |number: u32| MemberConfig {
            id: NodeId(number),
            datacenter: "dc".into(),
            rack: format!("r{number}"),
        };
        let members: Vec<MemberConfig> = (1..=profile.nodes).map(member).collect();
        let machines = members.iter().map(|member| {
            let skew = rng.u64(0..=profile.skew_ms_max);
            Machine::new(member.id, members.clone(), rng.u64(..), skew)
        });
        let machines: Vec<Machine> = machines.collect();
        let mut world = Self {
            profile,
            rng,
            now: Millis(1_700_000_000_000),
            machines,
            history: History::default(),
            event_count: 0,
            network: Network::default(),
            checked: None,
        };
        for at in 0..world.machines.len() {
            world.boot(at)?;
        }
        Ok(world)
    }

    /// Lets a span of time pass.
    pub(crate) fn run_for(&mut self, span_ms: u64) {
        let end = self.now.plus(span_ms);
        while let Some(due) = self.next_due()
            && due <= end
        {
            self.now = due.max(self.now);
            self.step();
        }
        self.now = end;
    }

    /// A client asks a random node.
    pub(crate) fn ask(&mut self) {
        let (request, call) = self.history.ask(&mut self.rng);
        let at = self.rng.usize(0..self.machines.len());
        self.event(at, Event::Called { request, call });
    }

    /// A checker asks a node and waits.
    pub(crate) fn look(&mut self, at: usize, call: Call) -> Option<Outcome> {
        self.checked = None;
        let request = RequestId(CHECK_BIT | self.event_count);
        self.event(at, Event::Called { request, call });
        for _ in 0..100 {
            if self.checked.is_some() {
                break;
            }
            self.run_for(10);
        }
        self.checked.take()
    }

    /// Starts a machine's process and links it with the others.
    pub(crate) fn boot(&mut self, at: usize) -> Result<(), String> {
        if self.machines[at].is_up() {
            return Ok(());
        }
        let now = self.now;
        self.machines[at].start(now)?;
        for other in (0..self.machines.len()).filter(|other| *other != at) {
            self.link(at, other);
        }
        Ok(())
    }

    /// Ends a machine's process; the others notice.
    pub(crate) fn crash(&mut self, at: usize, crash: Crash) {
        self.machines[at].crash(crash);
        self.lost(at);
    }

    pub(crate) fn cut(&mut self, left: usize, right: usize) {
        let (left_id, right_id) = (self.machines[left].id, self.machines[right].id);
        if self.network.cut(left_id, right_id) {
            self.event(left, Event::LinkDown(right_id));
            self.event(right, Event::LinkDown(left_id));
        }
    }

    pub(crate) fn mend(&mut self) {
        for (from, to) in self.network.mend() {
            let (Some(left), Some(right)) = (self.index(from), self.index(to)) else { continue };
            if left < right {
                self.link(left, right);
            }
        }
    }

    fn link(&mut self, left: usize, right: usize) {
        let (left_id, right_id) = (self.machines[left].id, self.machines[right].id);
        let is_cut = self.network.is_cut(left_id, right_id);
        if self.machines[left].is_up() && self.machines[right].is_up() && !is_cut {
            self.event(left, Event::LinkUp(right_id));
            self.event(right, Event::LinkUp(left_id));
        }
    }

    fn lost(&mut self, at: usize) {
        let gone = self.machines[at].id;
        self.network.forget(gone);
        for other in (0..self.machines.len()).filter(|other| *other != at) {
            self.event(other, Event::LinkDown(gone));
        }
    }

    fn next_due(&self) -> Option<Millis> {
        let wakes = self.machines.iter().filter_map(|machine| {
            let deadline = machine.process.as_ref()?.next_deadline()?;
            Some(deadline.minus(machine.skew_ms))
        });
        wakes.chain(self.network.next_due()).min()
    }

    fn step(&mut self) {
        if let Some(arrival) = self.network.next_arrival(self.now) {
            if let Some(at) = self.index(arrival.to) {
                let Arrival { from, message, .. } = arrival;
                self.event(at, Event::Received { from, message });
            }
            return;
        }
        let is_due = |machine: &Machine| {
            let deadline = machine.process.as_ref().and_then(node::Node::next_deadline);
            deadline.is_some_and(|deadline| deadline <= machine.clock(self.now))
        };
        if let Some(at) = self.machines.iter().position(is_due) {
            self.event(at, Event::Woken);
        }
    }

    fn event(&mut self, at: usize, event: Event) {
        self.event_count += 1;
        let was_up = self.machines[at].is_up();
        let Some(out) = self.machines[at].turn(self.now, event) else {
            if was_up {
                self.lost(at);
            }
            return;
        };
        let from = self.machines[at].id;
        for (to, message) in out.sends {
            let delay = self.rng.u64(1..=self.profile.delay_ms_max);
            self.network.send(self.now, delay, Arrival { from, to, message });
        }
        for (request, outcome) in out.replies {
            if request.0 & CHECK_BIT == 0 {
                self.history.answered(request, outcome);
            } else {
                self.checked = Some(outcome);
            }
        }
    }

    fn index(&self, id: NodeId) -> Option<usize> {
        self.machines.iter().position(|machine| machine.id == id)
    }
}
