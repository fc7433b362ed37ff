//! Writers: each at its pace, through one node until it fails, then through the next.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use resp::Reply;

use crate::client::Client;
use crate::clock;
use crate::promises::{Ending, Promises};

const WRITERS_COUNT: usize = 4;
/// How long a writer waits for a reply before it goes elsewhere.
const REPLY_PATIENCE: Duration = Duration::from_millis(1_500);
/// How long a writer pauses before it tries the next node: longer than clocks need to tell writes
/// apart.
const PAUSE: Duration = Duration::from_millis(5);

/// What the writers did.
pub(crate) struct Load {
    pub(crate) promises: Vec<Promises>,
    /// The longest time in which some writer was not acknowledged anything though it tried.
    pub(crate) unavailable: Duration,
}

/// Writes until told to stop, while `during` runs.
pub(crate) fn run<T>(
    nodes: &[SocketAddr],
    rate: u64,
    seed: u64,
    during: impl FnOnce() -> T,
) -> (Load, T) {
    let is_over = AtomicBool::new(false);
    let pace = Duration::from_secs(1) * u32::try_from(WRITERS_COUNT).expect("few")
        / u32::try_from(rate).unwrap_or(u32::MAX).max(1);
    std::thread::scope(|scope| {
        let start = |writer| {
            let is_over = &is_over;
            scope.spawn(move || Writer::new(writer, nodes, seed).run(pace, is_over))
        };
        let writers: Vec<_> = (0..WRITERS_COUNT).map(start).collect();
        let done = during();
        is_over.store(true, Ordering::Relaxed);
        let ended = writers.into_iter().map(|writer| writer.join().expect("writers do not panic"));
        let mut load = Load { promises: Vec::new(), unavailable: Duration::ZERO };
        for writer in ended {
            load.unavailable = load.unavailable.max(writer.unavailable);
            load.promises.push(writer.promises);
        }
        (load, done)
    })
}

struct Writer<'a> {
    promises: Promises,
    nodes: &'a [SocketAddr],
    at: usize,
    client: Option<Client>,
    rng: fastrand::Rng,
    /// When the first attempt since the last acknowledgement failed.
    failing_since: Option<Instant>,
    unavailable: Duration,
}

impl<'a> Writer<'a> {
    fn new(writer: usize, nodes: &'a [SocketAddr], seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed.wrapping_mul(1_000) + writer as u64);
        Self {
            promises: Promises::new(writer),
            nodes,
            at: writer,
            client: None,
            rng,
            failing_since: None,
            unavailable: Duration::ZERO,
        }
    }

    fn run(mut self, pace: Duration, is_over: &AtomicBool) -> Self {
        let mut due = clock::now();
        while !is_over.load(Ordering::Relaxed) {
            due += pace;
            // Who was held up does not make up for it in a burst.
            due = due.max(clock::now() - pace);
            clock::sleep(due.saturating_duration_since(clock::now()));
            let started = clock::now();
            let deed = self.promises.decide(&mut self.rng);
            let command = self.promises.command(&deed);
            let ending = self.attempt(&command);
            self.promises.ended(&deed, ending);
            self.note(started, ending);
        }
        self.unavailable = self.unavailable.max(self.failing_for());
        self
    }

    fn attempt(&mut self, command: &[String]) -> Ending {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let node = self.nodes[self.at % self.nodes.len()];
        let connected = self.client.take().or_else(|| Client::connect(node, REPLY_PATIENCE).ok());
        let reply = connected.map(|mut client| (client.call(&words), client));
        match reply {
            Some((Ok(reply), client)) if !matches!(reply, Reply::Error(_)) => {
                self.client = Some(client);
                Ending::Acknowledged
            }
            _ => {
                self.at += 1;
                clock::sleep(PAUSE);
                Ending::InDoubt
            }
        }
    }

    fn note(&mut self, started: Instant, ending: Ending) {
        if ending == Ending::Acknowledged {
            self.unavailable = self.unavailable.max(self.failing_for());
            self.failing_since = None;
        } else {
            self.failing_since.get_or_insert(started);
        }
    }

    fn failing_for(&self) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
