//! The load that a check puts on a cluster: one session at each endpoint, all at once.
//!
//! Every session writes a key of its own, reads it back, reads the keys of all others, and adds to
//! one counter that all share. It does one thing at a time, and writes down when each began and
//! ended on one clock.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use resp::Reply;

use super::history::{Op, Outcome, Record};
use crate::address::Endpoint;
use crate::client::Client;

/// How long one operation may take; longer, and what came of it is not known.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the counter may take to be the same everywhere.
const SETTLE_PATIENCE: Duration = Duration::from_secs(30);

/// What is done, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) duration: Duration,
    /// Between two writes of a session.
    pub(super) pause: Duration,
    /// The beginning of every key, so that runs do not meet.
    pub(super) prefix: String,
}

/// One session at one endpoint.
struct Session<'a> {
    plan: &'a Plan,
    index: usize,
    client: Option<Client>,
    begun: Instant,
    records: Vec<Record>,
}

impl Plan {
    fn key(&self, index: usize) -> String {
        format!("{}:{index}", self.prefix)
    }

    fn counter(&self) -> String {
        format!("{}:counter", self.prefix)
    }
}

/// Runs the plan, then waits until the counter is settled; answers everything that was done.
pub(super) fn run(plan: &Plan) -> anyhow::Result<Vec<Record>> {
    for endpoint in &plan.endpoints {
        Client::connect(endpoint, PATIENCE)?.call(&[b"PING"])?;
    }
    let begun = now();
    let mut records = Vec::new();
    std::thread::scope(|scope| {
        let sessions: Vec<_> = (0..plan.endpoints.len())
            .map(|index| scope.spawn(move || Session::new(plan, index, begun).run()))
            .collect();
        for session in sessions {
            let done = session.join().ok().context("a session failed")?;
            records.extend(done);
        }
        anyhow::Ok(())
    })?;
    records.extend(settle(plan, begun, &records));
    remove(plan);
    Ok(records)
}

#[expect(clippy::disallowed_methods, reason = "a check measures a real cluster")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a check measures a real cluster")]
fn pause(span: Duration) {
    std::thread::sleep(span);
}

/// Reads the counter everywhere until it is what was added, or patience ends: what is seen then is
/// judged like everything else.
fn settle(plan: &Plan, begun: Instant, done: &[Record]) -> Vec<Record> {
    let added = done.iter().filter(|one| one.op == Op::Add && one.outcome == Outcome::Ok);
    let sum: i64 = added.filter_map(|one| one.value).sum();
    let deadline = now() + SETTLE_PATIENCE;
    loop {
        let mut records = Vec::new();
        for index in 0..plan.endpoints.len() {
            let mut session = Session::new(plan, index, begun);
            session.do_one(Op::Read, &plan.counter(), None);
            records.extend(session.records);
        }
        let is_settled = |one: &Record| one.outcome != Outcome::Ok || one.value >= Some(sum);
        if records.iter().all(is_settled) || now() >= deadline {
            return records;
        }
        pause(Duration::from_millis(20));
    }
}

/// Takes away what the check has written.
fn remove(plan: &Plan) {
    let keys = (0..plan.endpoints.len()).map(|index| plan.key(index)).chain([plan.counter()]);
    let Ok(mut client) = Client::connect(&plan.endpoints[0], PATIENCE) else { return };
    for key in keys {
        // What cannot be removed now does no harm: its name is used once.
        let _ = client.call(&[b"DEL", key.as_bytes()]);
    }
}

impl<'a> Session<'a> {
    const fn new(plan: &'a Plan, index: usize, begun: Instant) -> Self {
        Self { plan, index, client: None, begun, records: Vec::new() }
    }

    fn run(mut self) -> Vec<Record> {
        let (own, counter) = (self.plan.key(self.index), self.plan.counter());
        let end = self.begun + self.plan.duration;
        let (mut value, mut next_write) = (0, self.begun);
        // The last value is waited for a little longer, so that it is seen to spread.
        while now() < end + self.plan.pause + Duration::from_millis(200) {
            if now() >= next_write && now() < end {
                value += 1;
                next_write = now() + self.plan.pause;
                self.do_one(Op::Write, &own, Some(value));
                self.do_one(Op::Add, &counter, Some(1));
            }
            for index in 0..self.plan.endpoints.len() {
                self.do_one(Op::Read, &self.plan.key(index), None);
            }
        }
        self.records
    }

    /// Does one thing and writes it down.
    fn do_one(&mut self, op: Op, key: &str, value: Option<i64>) {
        let start_us = self.elapsed();
        let text = value.unwrap_or_default().to_string();
        let called = match op {
            Op::Write => self.call(&[b"SET", key.as_bytes(), text.as_bytes()]),
            Op::Add => self.call(&[b"INCRBY", key.as_bytes(), text.as_bytes()]),
            Op::Read => self.call(&[b"GET", key.as_bytes()]),
        };
        let (value, outcome) = match (op, called) {
            (Op::Read, Ok(reply)) => match number(&reply) {
                Ok(seen) => (seen, Outcome::Ok),
                Err(()) => (None, Outcome::Failed),
            },
            (_, Ok(_)) => (value, Outcome::Ok),
            // A write that was refused may still spread, as the refusal of a level says.
            (_, Err(_)) => (value, Outcome::Unknown),
        };
        self.records.push(Record {
            process: format!("session {}", self.index),
            endpoint: self.plan.endpoints[self.index].to_string(),
            op,
            key: key.to_owned(),
            value,
            start_us,
            end_us: self.elapsed(),
            outcome,
        });
    }

    fn call(&mut self, args: &[&[u8]]) -> anyhow::Result<Reply> {
        if self.client.is_none() {
            self.client = Some(Client::connect(&self.plan.endpoints[self.index], PATIENCE)?);
        }
        let client = self.client.as_mut().context("connected above")?;
        client.call(args)
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(now().saturating_duration_since(self.begun).as_micros()).unwrap_or(u64::MAX)
    }
}

/// The number in a reply to GET, or nothing when the key is not there.
fn number(reply: &Reply) -> Result<Option<i64>, ()> {
    match reply {
        Reply::Null => Ok(None),
        reply => {
            let text = reply.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.and_then(|text| text.parse().ok()).map(Some).ok_or(())
        }
    }
}
