//! The world of a run: machines, the network between them, clients, and time.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use api::Outcome;
use causality::{Millis, NodeId};
use fastrand::Rng;
use node::{Event, MemberConfig, Outbox, RequestId};
use storage::{Crash, FlushPolicy};

use crate::check::{Checkers, Checking};
use crate::clients::Open;
use crate::clock::Clock;
use crate::faults::Fault;
use crate::history::History;
use crate::links::Believed;
use crate::machine::{Machine, Unable};
use crate::measures::Meter;
use crate::network::{Arrival, Network, Way};
use crate::observed::Observed;
use crate::operator::Orders;
use crate::plan::{Act, Step};
use crate::run::Violation;
use crate::sessions::Sessions;
use crate::setup::Setup;
use crate::tell;
use crate::trace::Trace;

/// When runs begin.
pub(crate) const START: Millis = Millis(1_700_000_000_000);

/// How long a process that died is down.
pub(crate) const RESTART_MS: u64 = 300;

/// How often it is looked whether all owners are equal.
const SURVEY_MS: u64 = 1_000;

/// Something that is due at a moment.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    /// A fault is over.
    End(Rc<dyn Fault>),
    /// The ends of a link find out that it is broken.
    Notice(usize, usize),
    /// Two nodes try to connect.
    Connect(usize, usize),
    /// A process is started again.
    Restart(usize),
    /// The member of a lost machine is to be dismissed.
    Bury,
    /// It is looked whether all owners are equal.
    Survey,
    /// It is taken down how things stand.
    Sample,
}

pub(crate) struct World<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) now: Millis,
    pub(crate) machines: Vec<Machine>,
    pub(crate) network: Network,
    pub(crate) history: History,
    pub(crate) trace: Trace<'a>,
    pub(crate) believed: Believed,
    pub(crate) sessions: Sessions,
    pub(crate) event_count: u64,
    /// What is measured, if anything is.
    pub(crate) meter: Option<Meter>,
    /// The first promise that was found broken.
    pub(crate) violation: Option<Violation>,
    /// Whose disks have lost something.
    pub(crate) wounded: BTreeSet<NodeId>,
    datacenters: Vec<usize>,
    checkers: Checkers,
    pub(crate) orders: Orders,
    pub(crate) open: BTreeMap<RequestId, Open>,
    pub(crate) busy: BTreeSet<u32>,
    wakes: BTreeSet<(Millis, usize)>,
    wake_of: Vec<Option<Millis>>,
    agenda: BTreeMap<(Millis, u64), Due>,
    agenda_count: u64,
    pub(crate) checked: Option<Outcome>,
    /// When all owners were equal first, and how many records there were then.
    pub(crate) equal_since: Option<(Millis, usize)>,
}

impl<'a> World<'a> {
    pub(crate) fn start(seed: u64, setup: &'a Setup, trace: Trace<'a>) -> Result<Self, String> {
        let mut rng = Rng::with_seed(seed.rotate_left(32) ^ 0x0301_d0f7_4e00_0000);
        let (members, datacenters) = members(setup);
        let machines = members.iter().map(|member| {
            let skew = i64::try_from(setup.skew_ms).unwrap_or(i64::MAX) / 2;
            let drift = i64::from(setup.drift_ppm);
            let clock = Clock::new(START, rng.i64(-skew..=skew), rng.i64(-drift..=drift));
            let name = (member.id, member.datacenter.clone());
            Machine::new(name, members.clone(), rng.u64(..), clock)
        });
        let machines: Vec<Machine> = machines.collect();
        let mut world = Self {
            setup,
            now: START,
            network: Network::new(rng.u64(..), setup.noise),
            wake_of: vec![None; machines.len()],
            machines,
            history: History::default(),
            trace,
            believed: Believed::new(),
            sessions: Sessions::default(),
            event_count: 0,
            meter: None,
            violation: None,
            wounded: BTreeSet::new(),
            datacenters,
            checkers: Checkers::new(),
            orders: Orders::default(),
            open: BTreeMap::new(),
            busy: BTreeSet::new(),
            wakes: BTreeSet::new(),
            agenda: BTreeMap::new(),
            agenda_count: 0,
            checked: None,
            equal_since: None,
        };
        for at in 0..world.machines.len() {
            world.boot(at)?;
        }
        world.after(SURVEY_MS, Due::Survey);
        Ok(world)
    }

    /// Lets a span of time pass, or less when a promise is broken.
    pub(crate) fn run_for(&mut self, span_ms: u64) -> Result<(), String> {
        self.run_until(self.now.plus(span_ms))
    }

    /// Lets time pass.
    pub(crate) fn run_until(&mut self, end: Millis) -> Result<(), String> {
        while self.violation.is_none()
            && let Some(due) = self.next_due()
            && due <= end
        {
            self.now = due.max(self.now);
            self.history.set_now(self.now);
            self.step()?;
        }
        self.now = end.max(self.now);
        self.history.set_now(self.now);
        Ok(())
    }

    /// Does one step of a plan.
    pub(crate) fn act(&mut self, step: &Step) -> Result<(), String> {
        match &step.act {
            Act::Ask { client, seed } => {
                self.ask(*client, &mut Rng::with_seed(*seed));
                Ok(())
            }
            Act::Strike(fault) => {
                let span_ms = fault.span_ms();
                self.trace.tell(self.now, "fault", || format!("{fault:?} for {span_ms} ms"));
                fault.strike(self)?;
                if let Some(meter) = &mut self.meter {
                    let from_ms = self.now.0 - START.0;
                    let words = format!("{fault:?}");
                    meter.measures.faults.push((from_ms, from_ms + span_ms, words));
                }
                self.after(span_ms, Due::End(Rc::clone(fault)));
                Ok(())
            }
        }
    }

    /// Starts a machine's process and links it with the others.
    pub(crate) fn boot(&mut self, at: usize) -> Result<(), String> {
        let machine = &self.machines[at];
        if machine.is_up() || machine.held > 0 || machine.is_lost {
            return Ok(());
        }
        let who = self.name(at);
        self.trace.tell(self.now, &who, || "starts".into());
        match self.machines[at].start(self.now, self.setup) {
            Ok(()) => {}
            Err(Unable::Broken(what)) => return Err(format!("n{}: {what}", at + 1)),
            Err(Unable::Refused) => {
                self.after(RESTART_MS, Due::Restart(at));
                return Ok(());
            }
            Err(Unable::Damaged) => {
                self.trace.tell(self.now, &who, || "is damaged and gets an empty disk".into());
                self.machines[at].wipe();
                self.wound(at);
                self.after(RESTART_MS, Due::Restart(at));
                return Ok(());
            }
        }
        self.wake_again(at);
        for other in (0..self.machines.len()).filter(|other| *other != at) {
            self.connect(at, other);
        }
        Ok(())
    }

    /// Ends a machine's process; whoever keeps it down lets it start again.
    pub(crate) fn crash(&mut self, at: usize, crash: Crash) {
        let was_up = self.machines[at].is_up();
        self.machines[at].crash(crash);
        if was_up {
            self.died(at, crash);
        }
        if crash != Crash::Process && self.setup.flush != FlushPolicy::Always {
            self.wound(at);
        }
    }

    /// A disk has lost what it may have promised.
    pub(crate) fn wound(&mut self, at: usize) {
        self.history.wound(at, self.setup);
        self.wounded.insert(self.machines[at].id);
        self.equal_since = None;
        self.sessions.begin_anew();
        self.observe(&Observed::Wounded { at });
    }

    /// Lets something happen later.
    pub(crate) fn after(&mut self, span_ms: u64, due: Due) {
        self.agenda_count += 1;
        self.agenda.insert((self.now.plus(span_ms), self.agenda_count), due);
    }

    /// Ends every fault that is going on, and what it has begun.
    pub(crate) fn end_all_faults(&mut self) -> Result<(), String> {
        let is_end = |due: &Due| matches!(due, Due::End(_));
        let ends = self.agenda.iter().filter(|(_, due)| is_end(due));
        let ends: Vec<_> = ends.map(|(at, due)| (*at, due.clone())).collect();
        for (at, due) in ends {
            self.agenda.remove(&at);
            self.now_due(due)?;
        }
        for at in 0..self.machines.len() {
            // A death that was still to come must not come any more.
            self.crash(at, Crash::Process);
            self.boot(at)?;
        }
        Ok(())
    }

    /// The true time at which a machine must be looked after has changed.
    pub(crate) fn wake_again(&mut self, at: usize) {
        let wake = self.machines[at].wakes_at(self.now);
        if wake == self.wake_of[at] {
            return;
        }
        if let Some(old) = std::mem::replace(&mut self.wake_of[at], wake) {
            self.wakes.remove(&(old, at));
        }
        if let Some(new) = wake {
            self.wakes.insert((new, at));
        }
    }

    pub(crate) fn datacenter(&self, at: usize) -> usize {
        self.datacenters[at]
    }

    /// There is one machine more.
    pub(crate) fn add_machine(&mut self, machine: Machine, datacenter: usize) {
        self.machines.push(machine);
        self.datacenters.push(datacenter);
        self.wake_of.push(None);
    }

    pub(crate) fn way(&self, from: usize, to: usize) -> Way {
        (self.machines[from].id, self.machines[to].id)
    }

    pub(crate) fn index(&self, id: NodeId) -> usize {
        id.0 as usize - 1
    }

    pub(crate) fn name(&self, at: usize) -> String {
        if self.trace.is_told() { format!("n{}", self.machines[at].id.0) } else { String::new() }
    }

    fn next_due(&self) -> Option<Millis> {
        let agenda = self.agenda.keys().next().map(|(at, _)| *at);
        let wake = self.wakes.first().map(|(at, _)| *at);
        [agenda, wake, self.network.next_due()].into_iter().flatten().min()
    }

    fn step(&mut self) -> Result<(), String> {
        if let Some(first) = self.agenda.first_entry()
            && first.key().0 <= self.now
        {
            let due = first.remove();
            return self.now_due(due);
        }
        if let Some(Arrival { from, to, message }) = self.network.next_arrival(self.now) {
            self.event(self.index(to), Event::Received { from, message });
            return Ok(());
        }
        if let Some((_, at)) = self.wakes.first().copied() {
            self.event(at, Event::Woken);
        }
        Ok(())
    }

    fn now_due(&mut self, due: Due) -> Result<(), String> {
        match due {
            Due::End(fault) => {
                self.trace.tell(self.now, "fault", || format!("{fault:?} is over"));
                fault.end(self)?;
            }
            Due::Notice(left, right) => self.notice(left, right),
            Due::Connect(left, right) => self.connect(left, right),
            Due::Restart(at) => self.boot(at)?,
            Due::Bury => self.bury()?,
            Due::Sample => self.sample(),
            Due::Survey => {
                self.survey();
                self.after(SURVEY_MS.max(self.setup.exchange_interval_ms), Due::Survey);
            }
        }
        Ok(())
    }

    /// Lets a node handle an event, now or when it is no longer paused.
    pub(crate) fn event(&mut self, at: usize, event: Event) {
        if self.machines[at].paused > 0 && self.machines[at].is_up() {
            self.machines[at].waiting.push(event);
            return;
        }
        self.event_count += 1;
        let was_up = self.machines[at].is_up();
        let line = self.trace.is_told().then(|| tell::event(&event)).flatten();
        self.trace.sum(&[self.now.0, at as u64, tell::number(&event)]);
        let brought = self.meter.as_ref().map(|meter| meter.brought(at, &event));
        let out = self.machines[at].turn(self.now, event, self.setup);
        if let Some(line) = line.filter(|_| was_up) {
            let who = self.name(at);
            let then = out.as_ref().map_or_else(|| ", and dies".into(), tell::outbox);
            self.trace.tell(self.now, &who, || line + &then);
        }
        if let (Some(meter), Some(process)) = (&mut self.meter, &self.machines[at].process) {
            for ((shard, dot), path) in brought.into_iter().flatten() {
                if process.has_applied(shard, dot) {
                    meter.applied(self.now, at, (shard, dot), path);
                }
            }
        }
        self.turned(at, out, was_up);
    }

    /// A node has done something: what it says leaves, or it has died.
    pub(crate) fn turned(&mut self, at: usize, out: Option<Outbox>, was_up: bool) {
        match out {
            Some(out) => self.deliver(at, out),
            None if was_up => {
                self.died(at, Crash::Process);
                self.after(RESTART_MS, Due::Restart(at));
            }
            None => {}
        }
        self.wake_again(at);
    }

    fn deliver(&mut self, at: usize, out: Outbox) {
        let from = self.machines[at].id;
        for (to, message) in out.sends {
            self.observe(&Observed::Sent { message: &message });
            if let Some(meter) = &mut self.meter {
                meter.sent(self.now, at, (from, to), &message);
            }
            self.trace.sum(&[u64::from(to.0), message.kind() as u64]);
            let is_near = self.datacenters[at] == self.datacenters[self.index(to)];
            let delay = if is_near { &self.setup.near } else { &self.setup.far };
            self.network.send(self.now, delay, Arrival { from, to, message });
        }
        for (request, outcome) in out.replies {
            let is_sloppy = out.sloppy.contains(&request);
            self.reply(request, outcome, is_sloppy);
        }
        self.observe(&Observed::Turned { at });
    }

    pub(crate) fn observe(&mut self, observed: &Observed<'_>) {
        if self.violation.is_some() {
            return;
        }
        let mut checkers = std::mem::take(&mut self.checkers);
        self.violation = checkers.observe(self, observed).err();
        self.checkers = checkers;
    }

    /// Checks what must hold in the end.
    pub(crate) fn check_end(&mut self) -> Checking {
        let mut checkers = std::mem::take(&mut self.checkers);
        let outcome = checkers.end(self);
        self.checkers = checkers;
        outcome
    }

    /// A process is gone: its clients know, its peers will.
    fn died(&mut self, at: usize, crash: Crash) {
        let who = self.name(at);
        self.trace.tell(self.now, &who, || format!("is gone: {crash:?}"));
        self.wake_again(at);
        self.network.forget(self.machines[at].id);
        let gone = self.open.iter().filter(|(_, open)| open.at == at);
        let gone: Vec<RequestId> = gone.map(|(request, _)| *request).collect();
        for request in gone {
            if let Some(open) = self.open.remove(&request) {
                self.busy.remove(&open.client);
            }
        }
        for other in (0..self.machines.len()).filter(|other| *other != at) {
            self.believed.remove(&(at, other));
            match crash {
                Crash::Process => self.notice(at, other),
                Crash::Power | Crash::PowerLosesAll => self.notice_later(at, other),
            }
        }
    }
}

/// The members, and the datacenter of each.
fn members(setup: &Setup) -> (Vec<MemberConfig>, Vec<usize>) {
    let mut members = Vec::new();
    let mut datacenters = Vec::new();
    for (datacenter, count) in setup.datacenters.iter().enumerate() {
        for _ in 0..*count {
            let number = u32::try_from(members.len() + 1).unwrap_or(u32::MAX);
            members.push(MemberConfig {
                id: NodeId(number),
                datacenter: format!("dc{datacenter}"),
                rack: format!("r{number}"),
            });
            datacenters.push(datacenter);
        }
    }
    (members, datacenters)
}
