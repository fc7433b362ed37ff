//! How far a node's writes have come, as JSON: a part of `STARLING STATUS`.

use node::pbs::{Quorum, RoundTrips, predict};
use node::{Histogram, Introspection, PeerLag};
use serde_json::{Map, Value, json};

/// How often the model is drawn from: a millisecond of work.
const DRAWS: usize = 2_000;

/// Describes what the node has measured. Times are in microseconds.
pub(crate) fn describe(seen: &Introspection, owners: usize) -> Value {
    let ledger = &seen.ledger;
    let arrivals = ledger.arrivals.iter().map(|(datacenter, arrivals)| {
        let sides = json!({
            "heard_us": describe_times(&arrivals.heard),
            "age_on_arrival_us": describe_times(&arrivals.ages),
        });
        (datacenter.clone(), sides)
    });
    json!({
        "minted": ledger.minted,
        "converged": ledger.converged,
        "open": ledger.open(),
        "answered_us": describe_times(&ledger.answered),
        "everywhere_us": describe_times(&ledger.everywhere),
        "datacenters": arrivals.collect::<Map<_, _>>(),
        "peers": ledger.peers.iter().map(describe_lag).collect::<Vec<_>>(),
        "closed_by_answer": ledger.closed_by_answer,
        "closed_by_clock": ledger.closed_by_clock,
        "conflicts": seen.conflicts,
        "losers_removed": seen.losers_removed,
        "reads_compared": ledger.reads.compared,
        "reads_stale": ledger.reads.stale,
        "stale_age_us": describe_times(&ledger.reads.age),
        "predicted_at_one": describe_prediction(&ledger.round_trips(), owners),
        "exchange": {
            "lag_ms": seen.lag_ms,
            "taken": seen.status.exchange.taken,
            "known": seen.status.exchange.known,
            "beats_differing": seen.status.exchange.beats_differing,
        },
    })
}

/// What a read at ONE sees of a write at ONE, by the model; nothing before it was measured.
fn describe_prediction(round_trips: &Histogram, owners: usize) -> Value {
    let trips = RoundTrips { write: round_trips, read: round_trips };
    let quorum = Quorum { owners, read: 1, write: 1 };
    let mut rng = fastrand::Rng::with_seed(1);
    let Some(prediction) = predict(trips, quorum, DRAWS, &mut rng) else { return Value::Null };
    json!({
        "seen_at_once": prediction.seen_after(0),
        "seen_after_10_ms": prediction.seen_after(10_000),
        "wait_us_for_99_percent": prediction.wait_for(0.99),
        "wait_us_for_99_9_percent": prediction.wait_for(0.999),
    })
}

fn describe_lag(lag: &PeerLag) -> Value {
    json!({
        "node": lag.id.0,
        "writes_behind": lag.writes_behind,
        "behind_us": lag.behind_micros,
        "heard_us": describe_times(&lag.heard),
    })
}

fn describe_times(times: &Histogram) -> Value {
    json!({
        "count": times.count(),
        "p50": times.quantile(0.5),
        "p95": times.quantile(0.95),
        "p99": times.quantile(0.99),
        "max": times.max(),
    })
}
