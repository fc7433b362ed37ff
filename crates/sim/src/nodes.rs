//! The nodes of a run: each a production node over the durable store on a simulated disk.

use causality::{Incarnation, Millis, NodeId};
use node::{Config, Event, MemberConfig, Node, Outbox};
use storage::{Crash, DurableStore, FlushPolicy, Options, SimDisk};

/// The store that simulated nodes run on.
pub(crate) type Body = DurableStore<SimDisk>;

/// One machine: a disk that outlives its processes, and a process while it is up.
pub(crate) struct Machine {
    pub(crate) id: NodeId,
    pub(crate) process: Option<Node<Body>>,
    disk: SimDisk,
    incarnation: u32,
    members: Vec<MemberConfig>,
    seed: u64,
    /// How far this machine's clock is ahead.
    pub(crate) skew_ms: u64,
}

impl Machine {
    pub(crate) fn new(id: NodeId, members: Vec<MemberConfig>, seed: u64, skew_ms: u64) -> Self {
        let disk = SimDisk::new(seed);
        Self { id, process: None, disk, incarnation: 0, members, seed, skew_ms }
    }

    /// Starts a process on what the disk holds.
    pub(crate) fn start(&mut self, now: Millis) -> Result<(), String> {
        let options = Options {
            cluster: 7,
            store: u128::from(self.seed),
            flush: FlushPolicy::Always,
            segment_bytes: 4 << 10,
            free_bytes_min: 0,
            replay_bytes_max: 32 << 10,
            ..Options::default()
        };
        let opened = DurableStore::open(self.disk.process(), self.disk.process(), options);
        let (mut store, recovery) = opened.map_err(|error| format!("open: {error}"))?;
        if self.incarnation == 0 || recovery.report.must_reincarnate() {
            self.incarnation += 1;
        }
        let mut entries = Vec::new();
        while store.replay(&mut entries).map_err(|error| format!("replay: {error}"))? {}
        let config = self.config();
        let opened = Node::open(config, store, &entries, self.clock(now));
        self.process = Some(opened.map_err(|error| format!("node: {error}"))?);
        Ok(())
    }

    /// Ends the process at once; the disk keeps what it had made durable, and perhaps more.
    pub(crate) fn crash(&mut self, crash: Crash) {
        self.process = None;
        self.disk.crash(crash);
    }

    /// Lets the process die in the middle of a coming write.
    pub(crate) fn die_soon(&self, changes: u64) {
        self.disk.die_at(self.disk.change_count() + changes);
    }

    /// One turn: the event is handled, then the disk gets its due, then the outbox may leave. A
    /// disk that fails ends the process, and nothing of the turn leaves.
    pub(crate) fn turn(&mut self, now: Millis, event: Event) -> Option<Outbox> {
        let clock = self.clock(now);
        let process = self.process.as_mut()?;
        let mut out = Outbox::default();
        process.handle(clock, event, &mut out);
        match end_turn(process, clock, out.is_checkpoint_due) {
            Ok(()) => Some(out),
            Err(_) => {
                self.crash(Crash::Process);
                None
            }
        }
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.process.is_some()
    }

    pub(crate) fn clock(&self, now: Millis) -> Millis {
        now.plus(self.skew_ms)
    }

    fn config(&self) -> Config {
        let me = self.members.iter().find(|member| member.id == self.id);
        Config {
            me: self.id,
            incarnation: Incarnation(self.incarnation),
            datacenter: me.map(|member| member.datacenter.clone()).unwrap_or_default(),
            members: self.members.clone(),
            shard_count: 4,
            replication: 3,
            request_timeout_ms: 400,
            exchange_interval_ms: 1_000,
        }
    }
}

fn end_turn(process: &mut Node<Body>, now: Millis, is_due: bool) -> Result<(), String> {
    let text = |error: storage::StoreError| error.to_string();
    let is_due = is_due || process.store_mut().is_checkpoint_due();
    if is_due {
        process.save_states().map_err(|error| error.to_string())?;
        process.store_mut().checkpoint().map_err(text)?;
    }
    process.store_mut().commit_turn(storage::Millis(now.0)).map_err(text)
}
