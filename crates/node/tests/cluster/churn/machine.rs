//! A machine: a disk that outlives its processes, and a process while it is up.

use causality::{ContextKey, Incarnation, Millis, NodeId};
use node::{Config, Event, GossipConfig, MemberConfig, Mutation, Node, Origin, Outbox};
use storage::{Crash, DurableStore, FlushPolicy, Options, SimDisk};
use wire::Roster;

pub type Body = DurableStore<SimDisk>;

/// What is the same for all machines of a run.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Copies in each datacenter.
    pub replication: u8,
    pub exchange_interval_ms: u64,
    pub mutation: Option<Mutation>,
}

pub struct Machine {
    pub id: NodeId,
    pub process: Option<Node<Body>>,
    /// It was stopped for good.
    pub is_dead: bool,
    pub datacenter: String,
    disk: SimDisk,
    incarnation: u32,
    founders: Vec<MemberConfig>,
    admitted: Option<Roster>,
    rules: Rules,
    seed: u64,
}

impl Machine {
    pub fn new(
        id: NodeId,
        datacenter: &str,
        founders: Vec<MemberConfig>,
        rules: Rules,
        seed: u64,
    ) -> Self {
        Self {
            id,
            process: None,
            is_dead: false,
            datacenter: datacenter.into(),
            disk: SimDisk::new(seed),
            incarnation: 0,
            founders,
            admitted: None,
            rules,
            seed,
        }
    }

    /// Says what the cluster answered when it admitted this machine's node.
    pub fn admit(&mut self, roster: Roster) {
        self.admitted = Some(roster);
    }

    pub fn start(&mut self, now: Millis) {
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
        let (mut store, recovery) = opened.unwrap();
        if self.incarnation == 0 || recovery.report.must_reincarnate() {
            self.incarnation += 1;
        }
        let mut entries = Vec::new();
        while store.replay(&mut entries).unwrap() {}
        let mut node = Node::open(self.config(), store, &entries, now).unwrap();
        node.mutate(self.rules.mutation);
        self.process = Some(node);
    }

    pub fn crash(&mut self, crash: Crash) {
        self.process = None;
        self.disk.crash(crash);
    }

    /// Lets the process die in the middle of a coming write.
    pub fn die_soon(&self, changes: u64) {
        self.disk.die_at(self.disk.change_count() + changes);
    }

    pub fn turn(&mut self, now: Millis, event: Event) -> Option<Outbox> {
        self.act(now, |node, out| node.handle(now, event, out))
    }

    /// Does something to the process, then gives the disk its due; a disk that fails ends it.
    pub fn act(
        &mut self,
        now: Millis,
        action: impl FnOnce(&mut Node<Body>, &mut Outbox),
    ) -> Option<Outbox> {
        let process = self.process.as_mut()?;
        let mut out = Outbox::default();
        action(process, &mut out);
        if end_turn(process, now, out.is_checkpoint_due).is_some() {
            return Some(out);
        }
        self.crash(Crash::Process);
        None
    }

    fn config(&self) -> Config {
        let id = self.id.0;
        Config {
            me: self.id,
            incarnation: Incarnation(self.incarnation),
            datacenter: self.datacenter.clone(),
            members: self.founders.clone(),
            shard_count: 8,
            replication: self.rules.replication,
            cluster: 7,
            secret: ContextKey::new([1; 16]),
            request_timeout_ms: 800,
            exchange_interval_ms: self.rules.exchange_interval_ms,
            coordination: node::CoordinationConfig::default(),
            verification: node::VerificationConfig::default(),
            gossip: GossipConfig {
                contacts: vec![(self.id, format!("r{id}"), format!("p{id}"))],
                origin: self.admitted.clone().map_or(Origin::Founder, Origin::Admitted),
                ..GossipConfig::default()
            },
        }
    }
}

fn end_turn(process: &mut Node<Body>, now: Millis, is_due: bool) -> Option<()> {
    if is_due || process.store_mut().is_checkpoint_due() {
        process.save_states().ok()?;
        process.store_mut().checkpoint().ok()?;
    }
    process.store_mut().commit_turn(storage::Millis(now.0)).ok()
}
