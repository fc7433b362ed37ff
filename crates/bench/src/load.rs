//! Carrying out a load: filling, warming up, measuring.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use resp::Reply;

use crate::clock;
use crate::connection::{Connection, LoadError};
use crate::keys::Keys;
use crate::measured::{Measured, Tallies};
use crate::mix::{Deed, Mix};
use crate::servers::Servers;

/// How many commands fill the keys in one go.
const FILL_BATCH: u64 = 200;
/// How many hashes, sets, sorted sets and lists there are: each grows to a size worth its name.
const COLLECTIONS: u64 = 16;
/// How many entries a scan asks for at most.
const SCAN_MAX: u64 = 100;
/// The stack of a connection's thread.
const STACK_BYTES: usize = 256 * 1024;

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The servers, as `host:port`; connections are spread over them.
    pub servers: Vec<String>,
    /// What every connection begins with: commands that must not be refused.
    pub greeting: Vec<Vec<String>>,
    /// How many connections.
    pub connections: usize,
    /// How many requests a connection sends in one go (closed), or may be late by (open).
    pub pipeline: usize,
    /// Requests due in a second, all connections together; closed without it.
    pub rate: Option<u64>,
    /// How long to load before measuring.
    pub warmup: Duration,
    /// How long to measure.
    pub duration: Duration,
    /// Which requests.
    pub mix: Mix,
    /// About which keys.
    pub keys: Keys,
    /// How long values are.
    pub value_size: usize,
    /// Whether to write all keys first.
    pub is_filled: bool,
    /// What every choice depends on.
    pub seed: u64,
}

/// What all connections share.
struct Shared<'a> {
    plan: &'a Plan,
    /// Keys inserted since the beginning.
    inserted: AtomicU64,
    is_measuring: AtomicBool,
    is_over: AtomicBool,
    start: Instant,
}

/// One connection under load.
struct Loader<'a> {
    shared: &'a Shared<'a>,
    connection: Connection,
    rng: fastrand::Rng,
    value: Vec<u8>,
    out: Vec<u8>,
    /// What was sent, and when it was due.
    sent: Vec<(Deed, u64, Instant)>,
    tallies: Tallies,
}

/// Carries out a load.
///
/// # Errors
/// A server cannot be reached, breaks off, or refuses the greeting.
pub fn run(plan: &Plan) -> Result<Measured, LoadError> {
    if plan.servers.is_empty() {
        return Err(LoadError::NoServer);
    }
    let mut connections = (0..plan.connections.max(1))
        .map(|number| greet(plan, number))
        .collect::<Result<Vec<_>, _>>()?;
    // The first connections lead to all servers, one to each.
    let one_each = plan.servers.len().min(connections.len());
    let servers = Servers::find(&mut connections[..one_each])?;
    if plan.is_filled {
        fill(plan, &mut connections[0])?;
    }
    let shared = Shared {
        plan,
        inserted: AtomicU64::new(0),
        is_measuring: AtomicBool::new(false),
        is_over: AtomicBool::new(false),
        start: clock::now(),
    };
    std::thread::scope(|scope| {
        let loaders: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(number, connection)| {
                let loader = Loader::new(&shared, connection, number);
                let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
                thread.spawn_scoped(scope, move || loader.run(number))
            })
            .collect();
        clock::sleep_until(shared.start + plan.warmup);
        shared.is_measuring.store(true, Ordering::Relaxed);
        let (start, used) = (clock::now(), servers.seconds());
        clock::sleep_until(start + plan.duration);
        shared.is_over.store(true, Ordering::Relaxed);
        let (span, used_after) = (start.elapsed(), servers.seconds());
        let mut tallies = Tallies::default();
        for loader in loaders {
            let loader = loader.map_err(|source| LoadError::Socket {
                address: "a thread for each connection".into(),
                source,
            })?;
            tallies.take(&loader.join().expect("loaders do not panic")?);
        }
        let used = used.zip(used_after).map(|(before, after)| after - before);
        Ok(tallies.measured(plan.to_string(), span, used))
    })
}

fn greet(plan: &Plan, number: usize) -> Result<Connection, LoadError> {
    let mut connection = Connection::open(&plan.servers[number % plan.servers.len()])?;
    for command in &plan.greeting {
        let words: Vec<&[u8]> = command.iter().map(String::as_bytes).collect();
        connection.call(&words)?;
    }
    Ok(connection)
}

/// Writes every key once, and the index when the mix reads it.
fn fill(plan: &Plan, connection: &mut Connection) -> Result<(), LoadError> {
    let value = vec![b'v'; plan.value_size];
    let mut next = 0;
    while next < plan.keys.count() {
        let end = plan.keys.count().min(next + FILL_BATCH);
        let (mut out, mut expected) = (Vec::new(), 0);
        for key in next..end {
            if plan.mix.needs_keys() {
                resp::encode_command(&mut out, [b"SET", key_name(key).as_bytes(), &value]);
                expected += 1;
            }
            if plan.mix.needs_index() {
                let name = key_name(key);
                let args: [&[u8]; 4] = [b"ZADD", b"bench:index", b"0", name.as_bytes()];
                resp::encode_command(&mut out, args);
                expected += 1;
            }
        }
        connection.send(&out)?;
        for _ in 0..expected {
            connection.reply()?;
        }
        next = end;
    }
    Ok(())
}

fn key_name(key: u64) -> String {
    format!("bench:{key:012}")
}

impl<'a> Loader<'a> {
    fn new(shared: &'a Shared<'a>, connection: Connection, number: usize) -> Self {
        let seed = shared.plan.seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
        Self {
            shared,
            connection,
            rng: fastrand::Rng::with_seed(seed),
            value: vec![b'x'; shared.plan.value_size],
            out: Vec::new(),
            sent: Vec::new(),
            tallies: Tallies::default(),
        }
    }

    fn run(mut self, number: usize) -> Result<Tallies, LoadError> {
        match self.shared.plan.rate {
            None => self.run_closed()?,
            Some(rate) => self.run_open(rate.max(1), number)?,
        }
        Ok(self.tallies)
    }

    fn run_closed(&mut self) -> Result<(), LoadError> {
        while !self.is_over() {
            let now = clock::now();
            for _ in 0..self.shared.plan.pipeline.max(1) {
                self.push(now);
            }
            self.exchange()?;
        }
        Ok(())
    }

    /// Requests are due at their moments, whatever became of those before.
    fn run_open(&mut self, rate: u64, number: usize) -> Result<(), LoadError> {
        let connections = self.shared.plan.connections.max(1) as u64;
        let step = |requests: u64| Duration::from_nanos(1_000_000_000 * requests / rate);
        let pause = step(connections);
        let mut due = self.shared.start + step(number as u64);
        while !self.is_over() {
            clock::sleep_until(due);
            let now = clock::now();
            while due <= now && self.sent.len() < self.shared.plan.pipeline.max(1) {
                self.push(due);
                due += pause;
            }
            self.exchange()?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.shared.is_over.load(Ordering::Relaxed)
    }

    /// Adds a request to those that are sent next.
    fn push(&mut self, due: Instant) {
        let plan = self.shared.plan;
        let deed = plan.mix.draw(&mut self.rng);
        let inserted = match deed {
            Deed::Insert | Deed::Index => self.shared.inserted.fetch_add(1, Ordering::Relaxed),
            _ => self.shared.inserted.load(Ordering::Relaxed),
        };
        let key = match deed {
            Deed::Insert | Deed::Index => plan.keys.count() + inserted,
            _ => plan.keys.draw(&mut self.rng, inserted),
        };
        self.encode(deed, key);
        self.sent.push((deed, key, due));
    }

    fn encode(&mut self, deed: Deed, key: u64) {
        let (name, collection) = (key_name(key), format!("{}", key % COLLECTIONS));
        let (out, value) = (&mut self.out, &self.value[..]);
        let name = name.as_bytes();
        let of = |kind: &str| format!("bench:{kind}:{collection}").into_bytes();
        match deed {
            Deed::Get | Deed::Modify => resp::encode_command(out, [b"GET", name]),
            Deed::Set | Deed::Insert => resp::encode_command(out, [b"SET", name, value]),
            Deed::Incr => {
                let name = format!("bench:count:{key}");
                resp::encode_command(out, [b"INCR", name.as_bytes()]);
            }
            Deed::Hset => {
                resp::encode_command(out, [&b"HSET"[..], &of("hash"), name, value]);
            }
            Deed::Sadd => resp::encode_command(out, [&b"SADD"[..], &of("set"), name]),
            Deed::Zadd => {
                let score = self.rng.u32(..1_000_000).to_string();
                resp::encode_command(out, [&b"ZADD"[..], &of("zset"), score.as_bytes(), name]);
            }
            Deed::Lpush => resp::encode_command(out, [&b"LPUSH"[..], &of("list"), value]),
            Deed::Index => {
                resp::encode_command(out, [&b"ZADD"[..], b"bench:index", b"0", name]);
            }
            Deed::Scan => {
                let from = [b"[", name].concat();
                let count = self.rng.u64(1..=SCAN_MAX).to_string();
                let args: [&[u8]; 7] =
                    [b"ZRANGEBYLEX", b"bench:index", &from, b"+", b"LIMIT", b"0", count.as_bytes()];
                resp::encode_command(out, args);
            }
        }
    }

    /// Sends what there is to send, and takes every reply.
    fn exchange(&mut self) -> Result<(), LoadError> {
        self.connection.send(&self.out)?;
        self.out.clear();
        let mut sent = std::mem::take(&mut self.sent);
        let mut halves = Vec::new();
        for (deed, key, due) in sent.drain(..) {
            let reply = self.connection.reply()?;
            if deed == Deed::Modify && !reply.is_error() {
                let name = key_name(key);
                resp::encode_command(&mut self.out, [b"SET", name.as_bytes(), &self.value]);
                halves.push(due);
            } else {
                self.note(deed, due, &reply);
            }
        }
        self.sent = sent;
        if halves.is_empty() {
            return Ok(());
        }
        self.connection.send(&self.out)?;
        self.out.clear();
        for due in halves {
            let reply = self.connection.reply()?;
            self.note(Deed::Modify, due, &reply);
        }
        Ok(())
    }

    fn note(&mut self, deed: Deed, due: Instant, reply: &Reply) {
        if self.shared.is_measuring.load(Ordering::Relaxed) && !self.is_over() {
            let error = if reply.is_error() { reply.as_bytes() } else { None };
            self.tallies.note(deed, due.elapsed(), error);
        }
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = match self.rate {
            None => format!("pipeline {}", self.pipeline.max(1)),
            Some(rate) => format!("{rate} a second"),
        };
        let (mix, keys, size) = (&self.mix, self.keys.count(), self.value_size);
        write!(f, "{mix}; {} connections, {way}; {keys} keys, values of {size} B", self.connections)
    }
}
