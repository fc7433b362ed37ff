//! What nodes tell each other for people to see: reports, over the links that they have.
//!
//! A page, a terminal and a scraper each ask one node; that node asks the others. So a page needs
//! one address, a node that cannot be reached is shown as this node sees it, and nothing is sent
//! while nobody looks. Invariants: a question waits for a bounded time; the questions under way
//! are bounded; an answer changes nothing but what is shown.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use causality::NodeId;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use wire::{Message, RequestId};

use crate::clients::RUMOUR;
use crate::clock;
use crate::status::Describer;

/// Questions under way; one more is answered with nothing.
const OPEN_COUNT_MAX: usize = 256;
/// The largest answer that is taken.
const ANSWER_SIZE_MAX: usize = 8 * 1024 * 1024;
/// How long a report is waited for: less than the time between two.
const REPORT_PATIENCE: Duration = Duration::from_millis(700);
/// Round trips to each peer that are remembered.
const TRIPS_COUNT: usize = 64;
/// How often reports are gathered while somebody watches.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The other nodes, as they describe themselves.
pub(crate) struct Neighbours {
    describer: Rc<Describer>,
    open: RefCell<BTreeMap<RequestId, Open>>,
    last_request: Cell<u64>,
    heard: RefCell<BTreeMap<NodeId, Heard>>,
    trips: RefCell<BTreeMap<NodeId, VecDeque<Duration>>>,
    watchers_count: Cell<usize>,
    watched: Notify,
    /// Wakes everyone who watches: there are new reports.
    gathered: Notify,
}

/// A question under way.
struct Open {
    asked: Instant,
    missing: BTreeSet<NodeId>,
    answers: BTreeMap<NodeId, Value>,
    changed: Rc<Notify>,
}

/// What a node said last, and when.
struct Heard {
    at: Instant,
    report: Value,
}

/// Somebody watches while this lives.
pub(crate) struct Watcher {
    neighbours: Rc<Neighbours>,
}

impl fmt::Debug for Neighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Neighbours").field("heard", &self.heard.borrow().len()).finish()
    }
}

impl Neighbours {
    pub(crate) fn new(describer: Rc<Describer>) -> Self {
        Self {
            describer,
            open: RefCell::default(),
            last_request: Cell::new(0),
            heard: RefCell::default(),
            trips: RefCell::default(),
            watchers_count: Cell::new(0),
            watched: Notify::new(),
            gathered: Notify::new(),
        }
    }

    pub(crate) fn describer(&self) -> Rc<Describer> {
        Rc::clone(&self.describer)
    }

    /// Takes a peer's question or answer.
    pub(crate) fn take(&self, from: NodeId, message: Message) {
        match message {
            Message::Describe { bytes, .. } if bytes.first() == Some(&RUMOUR) => {
                if let Some(clients) = self.describer.clients.upgrade() {
                    clients.hear(from, &bytes);
                }
            }
            Message::Describe { request, bytes } => {
                let Ok(question) = serde_json::from_slice(&bytes) else { return };
                let answer = self.describer.describe_for(&question);
                let bytes = answer.to_string().into_bytes().into();
                self.describer.peers.send([(from, Message::Described { request, bytes })]);
            }
            Message::Described { request, bytes } if bytes.len() <= ANSWER_SIZE_MAX => {
                let Ok(answer) = serde_json::from_slice(&bytes) else { return };
                if let Some(open) = self.open.borrow_mut().get_mut(&request)
                    && open.missing.remove(&from)
                {
                    self.note_trip(from, open.asked.elapsed());
                    open.answers.insert(from, answer);
                    open.changed.notify_one();
                }
            }
            _ => {}
        }
    }

    /// Asks every peer that can be reached; answers what came in time.
    pub(crate) async fn ask(
        &self,
        question: &Value,
        patience: Duration,
    ) -> BTreeMap<NodeId, Value> {
        let reports = self.describer.reports();
        let reachable = reports.iter().filter(|peer| peer.link == "up").map(|peer| peer.id);
        let missing: BTreeSet<NodeId> = reachable.collect();
        if missing.is_empty() || self.open.borrow().len() >= OPEN_COUNT_MAX {
            return BTreeMap::new();
        }
        let request = RequestId(self.last_request.get() + 1);
        self.last_request.set(request.0);
        let bytes: Box<[u8]> = question.to_string().into_bytes().into();
        let message = |to: &NodeId| (*to, Message::Describe { request, bytes: bytes.clone() });
        let messages: Vec<_> = missing.iter().map(message).collect();
        let changed = Rc::new(Notify::new());
        let asked = Instant::now();
        let open = Open { asked, missing, answers: BTreeMap::new(), changed: Rc::clone(&changed) };
        self.open.borrow_mut().insert(request, open);
        self.describer.peers.send(messages);
        let is_waiting =
            || self.open.borrow().get(&request).is_some_and(|open| !open.missing.is_empty());
        let all = async {
            while is_waiting() {
                changed.notified().await;
            }
        };
        // What did not come in time is not there.
        let _ = timeout(patience, all).await;
        let closed = self.open.borrow_mut().remove(&request);
        closed.map(|open| open.answers).unwrap_or_default()
    }

    /// Gathers reports for as long as somebody watches, for ever.
    pub(crate) async fn run(self: Rc<Self>) {
        loop {
            while self.watchers_count.get() == 0 {
                self.watched.notified().await;
            }
            let next = Instant::now() + REPORT_INTERVAL;
            self.gather().await;
            self.gathered.notify_waiters();
            sleep_until(next).await;
        }
    }

    /// Asks every peer for its report.
    pub(crate) async fn gather(&self) {
        let answers = self.ask(&json!({ "what": "report" }), REPORT_PATIENCE).await;
        let at = Instant::now();
        let mut heard = self.heard.borrow_mut();
        heard.extend(answers.into_iter().map(|(id, report)| (id, Heard { at, report })));
    }

    fn note_trip(&self, peer: NodeId, trip: Duration) {
        let mut trips = self.trips.borrow_mut();
        let trips = trips.entry(peer).or_default();
        if trips.len() == TRIPS_COUNT {
            trips.pop_front();
        }
        trips.push_back(trip);
    }

    /// The round trips of the last questions: rows of the peer, the median and the 99th of 100, in
    /// milliseconds.
    fn trips(&self) -> Value {
        let row = |(peer, trips): (&NodeId, &VecDeque<Duration>)| {
            let mut sorted: Vec<Duration> = trips.iter().copied().collect();
            sorted.sort_unstable();
            let at = |percent: usize| {
                let trip = sorted.get((sorted.len() * percent / 100).min(sorted.len() - 1));
                trip.map(|trip| trip.as_secs_f64() * 1000.0)
            };
            json!([peer.0, at(50), at(99)])
        };
        self.trips.borrow().iter().map(row).collect()
    }

    /// Begins to watch.
    pub(crate) fn watch(self: &Rc<Self>) -> Watcher {
        self.watchers_count.set(self.watchers_count.get() + 1);
        self.watched.notify_one();
        Watcher { neighbours: Rc::clone(self) }
    }

    /// Every member with what it said last and how long ago that was.
    pub(crate) fn snapshot(&self) -> Value {
        let (now, heard) = (Instant::now(), self.heard.borrow());
        let me = self.describer.config.me;
        let node = |member: &crate::config::Member| {
            let (age_ms, report) = if member.id() == me {
                let mut report = self.describer.report();
                report["trips"] = self.trips();
                (Some(0), report)
            } else {
                let last = heard.get(&member.id());
                let age = last.map(|last| now.saturating_duration_since(last.at).as_millis());
                (age, last.map_or(Value::Null, |last| last.report.clone()))
            };
            json!({
                "node": member.id,
                "datacenter": member.datacenter,
                "rack": member.rack,
                "redis": member.redis.to_string(),
                "http": member.http.as_ref().map(ToString::to_string),
                "age_ms": age_ms.map(|age| u64::try_from(age).unwrap_or(u64::MAX)),
                "report": report,
            })
        };
        let nodes: Vec<Value> = self.describer.config.members.iter().map(node).collect();
        let config = &self.describer.config;
        json!({
            "now_ms": clock::now().0,
            "node": me.0,
            "shard_count": config.shard_count,
            "replication": config.replication,
            "nodes": nodes,
        })
    }
}

impl Watcher {
    /// Waits for new reports.
    pub(crate) async fn changed(&self) {
        self.neighbours.gathered.notified().await;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.neighbours.watchers_count.set(self.neighbours.watchers_count.get() - 1);
    }
}
