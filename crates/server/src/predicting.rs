//! What each level would cost here, and how fresh its reads would be: the model over what this node
//! has measured, beside what reads have found.

use node::pbs::{Quorum, RoundTrips, predict};
use node::{Histogram, Introspection};
use serde_json::{Value, json};

use crate::config::Config;

/// How often the model is drawn from, for each row: a millisecond of work.
const DRAWS: usize = 4_000;

/// Owners that a choice of levels is about, and the round trips to them.
struct Scope {
    /// What stands before `one`, `quorum` and `all` in the names of its levels.
    prefix: &'static str,
    owners: usize,
    trips: Histogram,
}

/// Predicts every sensible pair of levels for a key that this node owns.
pub(crate) fn describe(config: &Config, seen: &Introspection) -> Value {
    let rows: Vec<Value> = scopes(config, seen).iter().flat_map(rows).collect();
    let reads = &seen.ledger.reads;
    json!({
        "node": config.me.0,
        "rows": rows,
        "measured": {
            "writes": seen.ledger.everywhere.count(),
            "answered_p50_ms": millis(seen.ledger.answered.quantile(0.5)),
            "answered_p99_ms": millis(seen.ledger.answered.quantile(0.99)),
            "everywhere_p50_ms": millis(seen.ledger.everywhere.quantile(0.5)),
            "everywhere_p99_ms": millis(seen.ledger.everywhere.quantile(0.99)),
            "reads_compared": reads.compared,
            "reads_stale": reads.stale,
        },
    })
}

/// All owners together and, where there are several datacenters, those of this one.
fn scopes(config: &Config, seen: &Introspection) -> Vec<Scope> {
    let own = config.own().datacenter.as_str();
    let stands = |id| config.members.iter().find(|member| member.id() == id);
    let is_local = |id| stands(id).is_some_and(|member| member.datacenter == own);
    let trips = |is_wanted: &dyn Fn(causality::NodeId) -> bool| {
        let mut all = Histogram::new();
        let wanted = seen.ledger.peers.iter().filter(|peer| is_wanted(peer.id));
        wanted.for_each(|peer| all.merge(&peer.heard));
        all
    };
    let mut names: Vec<&str> =
        config.members.iter().map(|member| member.datacenter.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let copies = |name: &str| {
        let members = config.members.iter().filter(|member| member.datacenter == name);
        members.count().min(usize::from(config.replication))
    };
    let owners = names.iter().map(|name| copies(name)).sum();
    let mut scopes = vec![Scope { prefix: "", owners, trips: trips(&|_| true) }];
    if names.len() > 1 {
        let owners = copies(own);
        scopes.insert(0, Scope { prefix: "local_", owners, trips: trips(&is_local) });
    }
    scopes
}

/// The pairs of levels of a scope; nothing before anything was measured.
fn rows(scope: &Scope) -> Vec<Value> {
    let quorum = scope.owners / 2 + 1;
    let pairs = [
        ("one", 1, "one", 1),
        ("one", 1, "quorum", quorum),
        ("quorum", quorum, "quorum", quorum),
        ("one", 1, "all", scope.owners),
    ];
    // There is no level for all owners of one datacenter.
    let is_level = |name: &&str| scope.prefix.is_empty() || *name != "all";
    let pairs = pairs.into_iter().filter(|(_, _, write, _)| is_level(write));
    pairs.filter_map(|(read, r, write, w)| row(scope, (read, r), (write, w))).collect()
}

fn row(scope: &Scope, read: (&str, usize), write: (&str, usize)) -> Option<Value> {
    let trips = RoundTrips { write: &scope.trips, read: &scope.trips };
    let quorum = Quorum { owners: scope.owners, read: read.1, write: write.1 };
    // The same measurements give the same prediction.
    let mut rng = fastrand::Rng::with_seed(1);
    let prediction = predict(trips, quorum, DRAWS, &mut rng)?;
    Some(json!({
        "read": format!("{}{}", scope.prefix, read.0),
        "write": format!("{}{}", scope.prefix, write.0),
        "owners": scope.owners,
        "fresh_at_once": prediction.seen_after(0),
        "fresh_after_10_ms": prediction.seen_after(10_000),
        "wait_ms_for_99_9_percent": millis(prediction.wait_for(0.999)),
        "write_p50_ms": millis(prediction.write_latency.quantile(0.5)),
        "write_p99_ms": millis(prediction.write_latency.quantile(0.99)),
        "read_p50_ms": millis(prediction.read_latency.quantile(0.5)),
        "read_p99_ms": millis(prediction.read_latency.quantile(0.99)),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "spans have fewer digits")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_levels_wait_longer_and_see_more() {
        let mut trips = Histogram::new();
        (1..100).for_each(|step| trips.record(step * 1000));
        let rows = rows(&Scope { prefix: "", owners: 3, trips });
        let column = |name: &str| -> Vec<f64> {
            rows.iter().map(|row| row[name].as_f64().unwrap()).collect()
        };
        let (fresh, waits) = (column("fresh_at_once"), column("write_p50_ms"));
        assert_eq!(rows.len(), 4);
        assert!(fresh[0] < fresh[1] && fresh[1] < fresh[2], "{fresh:?}");
        assert_eq!((fresh[2], fresh[3]), (1.0, 1.0), "what overlaps is seen");
        assert!(waits[0] < waits[1] && waits[2] < waits[3], "{waits:?}");
    }

    #[test]
    fn nothing_is_predicted_before_anything_was_measured() {
        let scope = Scope { prefix: "local_", owners: 3, trips: Histogram::new() };
        assert!(rows(&scope).is_empty());
    }
}
