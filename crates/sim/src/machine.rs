//! The machines of a run: each a disk and a clock that outlive their processes, and, while it is
//! up, a production node over the durable store on that disk.

use causality::{ContextKey, Incarnation, Millis, NodeId};
use node::{
    ChangeError, Config, Event, GossipConfig, MemberChange, MemberConfig, Node, Origin, Outbox,
};
use storage::{Crash, Disk as _, DurableStore, Options, SimDisk, StoreError, SyncFault};
use wire::Roster;

use crate::clock::Clock;
use crate::mutation::Mutation;
use crate::setup::Setup;

/// The store that simulated nodes run on.
pub(crate) type Body = DurableStore<SimDisk>;

/// Background work of one turn: little, so that it is cut off in many places.
const WORK_SIZE: usize = 4 << 10;

/// What is wrong with a disk, so that its process may end, and need not start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ailment {
    /// How many faults keep it from writing.
    pub(crate) refuses: u32,
    /// Some of its bytes were changed.
    pub(crate) is_rotten: bool,
    /// A process has ended over that: the next one would too.
    pub(crate) is_ruined: bool,
}

/// Why a process did not start.
#[derive(Debug)]
pub(crate) enum Unable {
    /// The disk does not take what it must write.
    Refused,
    /// Its data is damaged beyond what a checkpoint covers, as it may be on such a disk: somebody
    /// has to give it an empty one.
    Damaged,
    /// It should have started.
    Broken(String),
}

pub(crate) struct Machine {
    pub(crate) id: NodeId,
    pub(crate) process: Option<Node<Body>>,
    pub(crate) clock: Clock,
    /// It is lost for good.
    pub(crate) is_lost: bool,
    /// How many faults keep it down.
    pub(crate) held: u32,
    /// How many faults keep it from doing anything; what arrives waits.
    pub(crate) paused: u32,
    pub(crate) waiting: Vec<Event>,
    pub(crate) ailment: Ailment,
    disk: SimDisk,
    /// Who the directory is, on a disk of its own.
    identity: SimDisk,
    incarnation: u32,
    datacenter: String,
    members: Vec<MemberConfig>,
    /// What the cluster said when it let this machine's node in.
    roster: Option<Roster>,
    seed: u64,
    opened: u64,
    wipe_count: u64,
}

/// An old copy of a machine's data.
pub(crate) struct Backup {
    data: SimDisk,
    wipe_count: u64,
    opened: u64,
}

impl Machine {
    /// A machine of one of the founders.
    pub(crate) fn new(
        (id, datacenter): (NodeId, String),
        members: Vec<MemberConfig>,
        seed: u64,
        clock: Clock,
    ) -> Self {
        Self {
            id,
            process: None,
            clock,
            is_lost: false,
            held: 0,
            paused: 0,
            waiting: Vec::new(),
            ailment: Ailment::default(),
            disk: SimDisk::new(seed),
            identity: SimDisk::new(!seed),
            incarnation: 0,
            datacenter,
            members,
            roster: None,
            seed,
            opened: 0,
            wipe_count: 0,
        }
    }

    /// A machine of a node that was let in later.
    pub(crate) fn admitted(
        name: (NodeId, String),
        roster: Roster,
        seed: u64,
        clock: Clock,
    ) -> Self {
        Self { roster: Some(roster), ..Self::new(name, Vec::new(), seed, clock) }
    }

    /// Starts a process on what the disk holds.
    pub(crate) fn start(&mut self, now: Millis, setup: &Setup) -> Result<(), Unable> {
        let outcome = self.open(now, setup);
        if outcome.is_err() {
            // What the attempt has locked is free again.
            self.crash(Crash::Process);
        }
        outcome
    }

    fn open(&mut self, now: Millis, setup: &Setup) -> Result<(), Unable> {
        if self.ailment.is_ruined {
            return Err(Unable::Damaged);
        }
        let opened =
            DurableStore::open(self.disk.process(), self.identity.process(), self.options(setup));
        let (mut store, recovery) = opened.map_err(|error| self.unable(&error))?;
        let report = &recovery.report;
        if let Some(damage) = report.damage.iter().find(|damage| !damage.is_covered) {
            return Err(self.damaged(&damage.what));
        }
        let is_doubted = report.is_new || report.must_reincarnate();
        let is_kept = setup.is_broken(Mutation::IncarnationKept);
        if self.incarnation == 0 || is_doubted && !is_kept {
            self.incarnation += 1;
        }
        let mut entries = Vec::new();
        while store.replay(&mut entries).map_err(|error| self.unable(&error))? {}
        if setup.is_broken(Mutation::ReplaySkipped) {
            entries.clear();
        }
        let opened = Node::open(self.config(setup), store, &entries, self.clock.shows(now));
        let process = opened.map_err(|error| self.damaged(&error.to_string()))?;
        self.process = Some(with_wrong_rule(process, setup));
        Ok(())
    }

    fn options(&mut self, setup: &Setup) -> Options {
        self.opened += 1;
        Options {
            cluster: 7,
            store: u128::from(self.seed),
            nonce: self.seed.wrapping_add(self.opened),
            flush: setup.flush,
            segment_bytes: 4 << 10,
            free_bytes_min: 0,
            replay_bytes_max: 32 << 10,
            ..Options::default()
        }
    }

    fn unable(&self, error: &StoreError) -> Unable {
        match error {
            _ if self.ailment.refuses > 0 => Unable::Refused,
            error => self.damaged(&error.to_string()),
        }
    }

    fn damaged(&self, what: &str) -> Unable {
        if self.ailment.is_rotten { Unable::Damaged } else { Unable::Broken(what.into()) }
    }

    /// Ends the process at once; the disk keeps what it had made durable, and perhaps more.
    pub(crate) fn crash(&mut self, crash: Crash) {
        self.process = None;
        self.waiting.clear();
        self.disk.crash(crash);
        self.identity.crash(crash);
    }

    /// Lets the process die in the middle of a coming write.
    pub(crate) fn die_soon(&self, changes: u64) {
        self.disk.die_at(self.disk.change_count() + changes);
    }

    /// The directory is lost.
    pub(crate) fn wipe(&mut self) {
        self.wipe_count += 1;
        self.seed = self.seed.wrapping_add(1);
        let seed = self.seed;
        self.disk = SimDisk::new(seed);
        self.identity = SimDisk::new(!seed);
        self.ailment = Ailment { refuses: self.ailment.refuses, ..Ailment::default() };
    }

    /// Copies the data as it is now, as a backup does; nothing while there is no process to tell
    /// what is there.
    pub(crate) fn backup(&self) -> Option<Backup> {
        let Self { wipe_count, opened, .. } = *self;
        let data = self.disk.copy(self.seed);
        let mut disk = data.process();
        for name in disk.list().ok()? {
            disk.sync(&name).ok()?;
        }
        disk.sync_names().ok()?;
        self.is_up().then_some(Backup { data, wipe_count, opened })
    }

    /// Puts an old copy of the data back; who the directory is stands elsewhere. False when the
    /// copy cannot be told from what the process that was copied left behind, or is of a directory
    /// that was lost since.
    pub(crate) fn restore(&mut self, backup: Backup) -> bool {
        let is_other = backup.wipe_count == self.wipe_count && backup.opened < self.opened;
        if is_other {
            self.crash(Crash::Process);
            self.disk = backup.data;
        }
        is_other
    }

    /// Tries to start a second process on the directory. True when it was let.
    pub(crate) fn starts_twice(&mut self, setup: &Setup) -> bool {
        let options = self.options(setup);
        DurableStore::open(self.disk.process(), self.identity.process(), options).is_ok()
    }

    /// Changes a byte of the data, as a decaying medium does.
    pub(crate) fn rot(&mut self, rng: &mut fastrand::Rng) {
        let mut disk = self.disk.process();
        let names = disk.list().unwrap_or_default();
        let Some(name) = rng.choice(&names) else { return };
        let len = disk.len(name).ok().and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
        if len > 0 {
            self.ailment.is_rotten |= self.disk.flip(name, rng.usize(0..len), 1 << rng.u8(0..8));
        }
    }

    /// The disk stops taking bytes soon.
    pub(crate) fn fill(&mut self, room: u64) {
        self.ailment.refuses += 1;
        self.disk.set_capacity(self.disk.used() + room);
    }

    /// The disk stops flushing, with an error.
    pub(crate) fn stop_flushing(&mut self) {
        self.ailment.refuses += 1;
        self.disk.set_sync_fault(SyncFault::Failing);
    }

    /// The disk does what it should again.
    pub(crate) fn mend(&mut self) {
        self.ailment.refuses = self.ailment.refuses.saturating_sub(1);
        if self.ailment.refuses == 0 {
            self.disk.set_capacity(u64::MAX);
            self.disk.set_sync_fault(SyncFault::Honest);
        }
    }

    /// One turn: the event is handled, then the disk gets its due, then the outbox may leave. A
    /// disk that fails ends the process, and nothing of the turn leaves.
    pub(crate) fn turn(&mut self, now: Millis, event: Event, setup: &Setup) -> Option<Outbox> {
        self.act(now, setup, |node, clock, out| node.handle(clock, event, out))
    }

    /// Gives the process an order of the operator's, and returns what it answers.
    pub(crate) fn order(
        &mut self,
        now: Millis,
        change: &MemberChange,
        setup: &Setup,
    ) -> (Option<Outbox>, Option<Result<(), ChangeError>>) {
        let mut answer = None;
        let out = self.act(now, setup, |node, clock, out| {
            answer = Some(node.change_members(clock, change).map(|_| ()));
            node.handle(clock, Event::Woken, out);
        });
        (out, answer)
    }

    /// Takes what is left here of a shard for the truth, as an operator does who has no better, and
    /// says whether that can be read at all.
    pub(crate) fn accept(
        &mut self,
        now: Millis,
        shard: u16,
        setup: &Setup,
    ) -> (Option<Outbox>, bool) {
        let mut is_accepted = false;
        let out = self.act(now, setup, |node, clock, out| {
            is_accepted = node.accept_rows(clock, shard).is_ok();
            out.is_checkpoint_due |= is_accepted;
            node.handle(clock, Event::Woken, out);
        });
        (out, is_accepted)
    }

    fn act(
        &mut self,
        now: Millis,
        setup: &Setup,
        action: impl FnOnce(&mut Node<Body>, Millis, &mut Outbox),
    ) -> Option<Outbox> {
        let clock = self.clock.shows(now);
        let process = self.process.as_mut()?;
        let mut out = Outbox::default();
        action(process, clock, &mut out);
        if let Some(life) = out.life {
            self.incarnation = life.0;
        }
        match end_turn(process, clock, out.is_checkpoint_due, setup) {
            Ok(()) => Some(out),
            Err(_) => {
                self.ailment.is_ruined = self.ailment.is_rotten && self.ailment.refuses == 0;
                self.crash(Crash::Process);
                None
            }
        }
    }

    /// Tells this process from those before it.
    pub(crate) const fn opened(&self) -> u64 {
        self.opened
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// When the process wants to be woken, in true time.
    pub(crate) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        if self.paused > 0 {
            return None;
        }
        let deadline = self.process.as_ref()?.next_deadline()?;
        Some(self.clock.moment_of(deadline, now))
    }

    fn config(&self, setup: &Setup) -> Config {
        let number = self.id.0;
        let own = (self.id, format!("c{number}"), format!("p{number}"));
        let founders = self.members.iter().filter(|member| member.id != self.id).map(|member| {
            let number = member.id.0;
            (member.id, format!("c{number}"), format!("p{number}"))
        });
        Config {
            me: self.id,
            incarnation: Incarnation(self.incarnation),
            datacenter: self.datacenter.clone(),
            members: self.members.clone(),
            cluster: 7,
            secret: ContextKey::new([1; 16]),
            shard_count: setup.shards,
            replication: setup.replication,
            request_timeout_ms: setup.request_timeout_ms,
            exchange_interval_ms: setup.exchange_interval_ms,
            gossip: GossipConfig {
                interval_ms: setup.gossip_interval_ms,
                contacts: [own].into_iter().chain(founders).collect(),
                origin: self.roster.clone().map_or(Origin::Founder, Origin::Admitted),
                ..GossipConfig::default()
            },
            coordination: setup.coordination,
            verification: node::VerificationConfig::default(),
        }
    }
}

#[cfg(feature = "mutation")]
fn with_wrong_rule(mut process: Node<Body>, setup: &Setup) -> Node<Body> {
    process.mutate(setup.mutation.and_then(Mutation::of_node));
    process
}

#[cfg(not(feature = "mutation"))]
const fn with_wrong_rule(process: Node<Body>, _: &Setup) -> Node<Body> {
    process
}

/// What the server's turn does too, in the same order.
fn end_turn(
    process: &mut Node<Body>,
    now: Millis,
    is_due: bool,
    setup: &Setup,
) -> Result<(), String> {
    let text = |error: StoreError| error.to_string();
    if is_due {
        process.save_states().map_err(|error| error.to_string())?;
        process.store_mut().checkpoint().map_err(text)?;
    }
    // Now and then it is done all the same: what is never written is never found missing.
    if !setup.is_broken(Mutation::FlushLate) || now.0.is_multiple_of(8) {
        process.store_mut().commit_turn(storage::Millis(now.0)).map_err(text)?;
    }
    if process.store_mut().is_checkpoint_due() {
        if !setup.is_broken(Mutation::CheckpointWithoutClocks) {
            process.save_states().map_err(|error| error.to_string())?;
        }
        process.store_mut().begin_checkpoint();
    }
    process.store_mut().maintain(WORK_SIZE).map(|_| ()).map_err(text)
}

impl std::fmt::Debug for Backup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "of {} bytes", self.data.used())
    }
}
