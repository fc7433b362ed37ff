//! What runs came to, for people, programs and pages.

use serde_json::{Value, json};
use sim::{Measures, Path, Plan, Report, Violation, percentile};

use crate::table::Table;

/// The shares of a distribution that are shown, in thousandths.
const SHARES: [(u32, &str); 4] = [(500, "p50"), (950, "p95"), (990, "p99"), (1000, "max")];

/// The sum of runs.
#[derive(Debug)]
pub(crate) struct Summary {
    what: String,
    measures: Measures,
    seeds: Vec<u64>,
    attempted: usize,
    promised: usize,
    events: u64,
    node_seconds: f64,
    equal_ms: u64,
    started: std::time::Instant,
    wall_seconds: f64,
    violation: Option<(u64, Violation)>,
}

impl Summary {
    pub(crate) fn new(what: String) -> Self {
        Self {
            what,
            measures: Measures::default(),
            seeds: Vec::new(),
            attempted: 0,
            promised: 0,
            events: 0,
            node_seconds: 0.0,
            equal_ms: 0,
            started: now(),
            wall_seconds: 0.0,
            violation: None,
        }
    }

    pub(crate) fn add(
        &mut self,
        seed: u64,
        plan: &Plan,
        outcome: Result<Report, Violation>,
        measures: Measures,
    ) {
        self.seeds.push(seed);
        self.measures.add(measures);
        match outcome {
            Ok(report) => {
                self.attempted += report.attempted_count;
                self.promised += report.promised_count;
                self.events += report.event_count;
                self.equal_ms = self.equal_ms.max(report.converged_after_ms);
                let nodes = u32::try_from(plan.setup.node_count()).unwrap_or(u32::MAX);
                self.node_seconds += f64::from(nodes) * report.span_ms as f64 / 1000.0;
            }
            Err(violation) => {
                self.violation.get_or_insert((seed, violation));
            }
        }
    }

    pub(crate) fn finish(&mut self) {
        self.wall_seconds = now().duration_since(self.started).as_secs_f64();
    }

    fn seeds_per_hour(&self) -> f64 {
        self.seeds.len() as f64 * 3_600.0 / self.wall_seconds.max(1e-9)
    }

    pub(crate) const fn violation(&self) -> Option<&(u64, Violation)> {
        self.violation.as_ref()
    }

    /// Names and values, in the order in which people ask.
    fn facts(&self) -> Vec<(String, String)> {
        let measures = &self.measures;
        let path = |path: Path| {
            format!("{} {}", path.name(), measures.paths.get(&path).copied().unwrap_or(0))
        };
        let messages: u64 = measures.sent.values().map(|sent| sent.messages).sum();
        let bytes: u64 = measures.sent.values().map(|sent| sent.bytes).sum();
        let promises = match &self.violation {
            None => format!("all kept, over {} seed(s)", self.seeds.len()),
            Some((seed, violation)) => format!("BROKEN at seed {seed}: {violation}"),
        };
        let failed = self.attempted - self.promised;
        [
            ("cluster", self.what.clone()),
            ("promises", promises),
            ("commands", format!("{} answered, {failed} failed", self.promised)),
            ("reads", spread(&measures.read_ms)),
            ("writes", spread(&measures.write_ms)),
            ("every owner has it", spread(&measures.converged_ms)),
            ("rounds of exchange", rounds(&measures.rounds)),
            ("copies came by", Path::ALL.map(path).join(", ")),
            ("all equal", format!("at most {} ms after the last fault", self.equal_ms)),
            (
                "sent",
                format!("{messages} messages, {bytes} bytes, {} lost", measures.lost_messages),
            ),
            (
                "speed",
                format!(
                    "{:.0} node-seconds and {} events in {:.2} s: {:.0} node-seconds a second, \
                     {:.0} seeds an hour",
                    self.node_seconds,
                    self.events,
                    self.wall_seconds,
                    self.node_seconds / self.wall_seconds.max(1e-9),
                    self.seeds_per_hour(),
                ),
            ),
        ]
        .map(|(name, fact)| (name.to_owned(), fact))
        .into()
    }

    pub(crate) fn text(&self) -> String {
        let facts = self.facts();
        let mut lines: Vec<String> =
            facts.iter().map(|(name, fact)| format!("{name:<20}{fact}")).collect();
        if !self.measures.failures.is_empty() {
            let mut table = Table::new(&["failed", "because"]);
            for (error, count) in &self.measures.failures {
                table.row([&json!(count), &json!(error)]);
            }
            lines.push(String::new());
            lines.push(table.text());
        }
        lines.join("\n")
    }

    pub(crate) fn json(&self) -> Value {
        let measures = &self.measures;
        let paths =
            measures.paths.iter().map(|(path, count)| (path.name().to_owned(), json!(count)));
        let sent = measures.sent.iter().map(|(kind, sent)| {
            (format!("{kind:?}"), json!({ "messages": sent.messages, "bytes": sent.bytes }))
        });
        json!({
            "cluster": self.what,
            "seeds": self.seeds,
            "violation": self.violation.as_ref().map(|(seed, violation)| json!({
                "seed": seed,
                "promise": violation.checker,
                "at_ms": violation.at_ms,
                "text": violation.text,
            })),
            "commands": { "attempted": self.attempted, "answered": self.promised },
            "read_ms": shares(&measures.read_ms),
            "write_ms": shares(&measures.write_ms),
            "converged_ms": shares(&measures.converged_ms),
            "rounds": shares(&measures.rounds),
            "equal_after_ms": self.equal_ms,
            "copies_by": paths.collect::<serde_json::Map<_, _>>(),
            "sent": sent.collect::<serde_json::Map<_, _>>(),
            "lost_messages": measures.lost_messages,
            "failures": measures.failures,
            "events": self.events,
            "node_seconds": self.node_seconds,
            "wall_seconds": self.wall_seconds,
            "seeds_per_hour": self.seeds_per_hour(),
        })
    }

    pub(crate) fn page(&self, command: &str) -> String {
        sim::page(command, &self.facts(), &self.measures)
    }
}

fn spread(sorted: &[u64]) -> String {
    if sorted.is_empty() {
        return "none".into();
    }
    let share = |(permille, name): (u32, &str)| {
        format!("{name} {} ms", percentile(sorted, permille).unwrap_or(0))
    };
    format!("{} in {}", sorted.len(), SHARES.map(share).join(", "))
}

/// How many rounds of comparing clocks writes took to reach everybody.
fn rounds(sorted: &[u64]) -> String {
    if sorted.is_empty() {
        return "none".into();
    }
    let at_once = sorted.partition_point(|rounds| *rounds == 0);
    let share = |(permille, name): (u32, &str)| {
        format!("{name} {}", percentile(sorted, permille).unwrap_or(0))
    };
    let shares = SHARES.map(share).join(", ");
    format!("{:.1} % of writes needed none; {shares}", at_once as f64 * 100.0 / sorted.len() as f64)
}

fn shares(sorted: &[u64]) -> Value {
    let share = |(permille, name): (u32, &str)| (name.into(), json!(percentile(sorted, permille)));
    let mut shares: serde_json::Map<String, Value> = SHARES.into_iter().map(share).collect();
    shares.insert("count".into(), json!(sorted.len()));
    Value::Object(shares)
}

#[expect(clippy::disallowed_methods, reason = "how long it took is shown, and decides nothing")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
