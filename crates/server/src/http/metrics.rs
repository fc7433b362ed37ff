//! The node's metrics: one table of families, and where their numbers come from.
//!
//! Cardinality is bounded by the number of members. Numbers are gathered when they are asked for.

use http::{Exposition, Family, Kind, TextFormat};
use node::{Histogram, VerificationStatus};
use storage::Usage;

use crate::clock;
use crate::status::{Describer, PeerReport};

macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal [$unit:literal] $help:literal;)*) => {
        $(const $constant: &Family = &Family {
            name: $name, kind: Kind::$kind, unit: $unit, help: $help,
        };)*
        /// Every family, in the order of the text.
        #[cfg(test)]
        const FAMILIES: &[&Family] = &[$($constant),*];
    };
}

families! {
    BUILD = Gauge "starling_build_info" [""] "Always 1; the labels say which release runs.";
    SHARDS = Gauge "starling_shards" [""] "Shards that this node owns.";
    ELEMENTS = Gauge "starling_elements" [""] "Live versions that this node holds.";
    CLIENTS = Gauge "starling_clients" [""] "Connected clients, by protocol.";
    DISK_LOW = Gauge "starling_disk_low" [""]
        "1 while too little space is free: reads, removals and repair go on, writes are refused.";
    DISK_FREE = Gauge "starling_disk_free_bytes" ["bytes"] "Free space of the store's disk.";
    DISK_USED = Gauge "starling_disk_used_bytes" ["bytes"]
        "What the store's log and tables take on the disk.";
    MEMORY = Gauge "starling_store_memory_bytes" ["bytes"] "What the store holds in memory.";
    WAITING = Gauge "starling_calls_waiting" [""] "Calls that wait for other owners.";
    DELIVERED = Counter "starling_delivered" [""]
        "Operations of others applied here, by the path they came.";
    HINTS = Gauge "starling_hints" [""] "Operations kept here for absent owners.";
    HINT_BYTES = Gauge "starling_hint_bytes" ["bytes"] "What those operations weigh.";
    HINT_FATES = Counter "starling_hints_handled" [""] "Operations kept for others, by their fate.";
    REPAIRS = Counter "starling_read_repairs" [""]
        "What reads have found behind and mended, by step.";
    LATE = Counter "starling_late_requests" [""]
        "Requests of peers left undone because nobody waited for them any more.";
    LIVES = Counter "starling_lives_begun" [""]
        "Incarnations begun since the start because peers knew more of the one before.";
    LEFTOVERS = Counter "starling_leftovers_removed" [""]
        "Cells of ended keys and parts of reset counters that nothing could need any more.";
    HEDGES = Counter "starling_hedged_reads" [""]
        "Reads handed to a second owner because the first was slow, and those it answered first.";
    RELAYED = Counter "starling_relayed_copies" [""]
        "Copies of writes for remote owners: passed on by a relay, or sent after all.";
    TAKEOVERS = Counter "starling_takeovers" [""]
        "Shards whose whole state was taken over from another owner.";
    VERIFIED = Counter "starling_verifications" [""]
        "Comparisons of a shard's rows with another owner's, by how they ended.";
    VERIFIED_AGE = Gauge "starling_verification_age_seconds" ["seconds"]
        "For how long the pair of a shard and an owner that waits longest was not seen equal.";
    VERIFIED_BYTES = Counter "starling_verification_bytes" ["bytes"]
        "Bytes of questions and answers of verification.";
    MENDED = Counter "starling_mended_versions" [""]
        "Versions that were lost here and were given back by other owners.";
    GIVEN_BACK = Counter "starling_given_back_versions" [""]
        "Versions offered to owners that seemed to have lost them.";
    DAMAGED = Gauge "starling_damaged_shards" [""]
        "Shards that are not used because their rows are not to be trusted.";
    MENDING = Gauge "starling_mending_shards" [""]
        "Shards that have lost rows which are not known to be all back.";
    LINK_UP = Gauge "starling_link_up" [""] "Whether messages can be sent to a peer.";
    LINK_DROPPED = Counter "starling_link_dropped_messages" [""]
        "Messages to a peer that were dropped because its queue was full.";
    HEARD = Gauge "starling_peer_silence_seconds" ["seconds"]
        "How long ago a peer was last heard.";
    LAG = Gauge "starling_replication_lag_seconds" ["seconds"]
        "For how long a peer has lacked the oldest write of this node that it lacks.";
    LAG_WRITES = Gauge "starling_replication_lag_writes" [""]
        "Writes of this node that a peer is not known to have.";
    MINTED = Counter "starling_minted" [""] "Operations that this node has minted.";
    CONVERGED = Counter "starling_converged" [""] "Those of them that every owner has.";
    CONVERGENCE = Histogram "starling_convergence_seconds" ["seconds"]
        "From minting a write to hearing that the last owner has it.";
    ANSWER = Histogram "starling_write_answer_seconds" ["seconds"]
        "From minting a write to its answer.";
    ARRIVAL = Histogram "starling_arrival_seconds" ["seconds"]
        "From minting a write here to hearing that an owner in a datacenter has it.";
    CONFLICTS = Counter "starling_conflicts" [""]
        "Values that met others here which their writers had not seen.";
    OVERWRITTEN = Counter "starling_overwritten" [""]
        "Values that lost to a concurrent one and were removed by a later write.";
    COMPARED = Counter "starling_reads_compared" [""] "Reads that asked other owners.";
    STALE = Counter "starling_stale_reads" [""]
        "Compared reads whose key lacked a write here.";
    STALE_AGE = Histogram "starling_stale_read_age_seconds" ["seconds"]
        "For how long the missing write had been out.";
    DIFFERING = Gauge "starling_shards_differing" [""]
        "Shared shards whose clocks differed from a peer's at the last comparison.";
}

/// The bounds of all histograms of times, in microseconds. What is measured is known to an eighth.
const BOUNDS_MICROS: [u64; 17] = [
    250,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
];

/// Labels of a sample.
type Labels<'a> = Vec<(&'a str, &'a str)>;

/// Writes all metrics.
pub(super) fn text(format: TextFormat, describer: &Describer, connections: usize) -> String {
    let mut text = Exposition::new(format);
    let (status, reports) = (describer.status(), describer.reports());
    text.family(BUILD, [([("version", env!("CARGO_PKG_VERSION"))], 1.0)]);
    text.family(SHARDS, alone(status.shard_count));
    text.family(ELEMENTS, [(Labels::new(), float(status.element_count))]);
    let clients = [("redis", describer.clients_count()), ("http", connections)];
    text.family(CLIENTS, clients.map(|(name, count)| ([("protocol", name)], float(count as u64))));
    store(&mut text, &describer.usage());
    text.family(WAITING, alone(status.waiting_count));
    let delivered = [
        ("write", status.delivered.by_write),
        ("hint", status.delivered.by_hint),
        ("exchange", status.delivered.by_exchange),
    ];
    text.family(DELIVERED, delivered.map(|(path, count)| ([("path", path)], float(count))));
    text.family(HINTS, [(Labels::new(), float(status.kept.hint_count as u64))]);
    text.family(HINT_BYTES, [(Labels::new(), float(status.kept.hint_bytes))]);
    let hints = &status.kept.hints;
    let fates = [
        ("stored", hints.stored),
        ("replayed", hints.replayed),
        ("covered", hints.covered),
        ("expired", hints.expired),
        ("dropped", hints.dropped),
    ];
    text.family(HINT_FATES, fates.map(|(fate, count)| ([("fate", fate)], float(count))));
    let repairs = [
        ("sampled", status.repairs.sampled),
        ("behind", status.repairs.behind),
        ("moved", status.repairs.moved),
    ];
    text.family(REPAIRS, repairs.map(|(step, count)| ([("step", step)], float(count))));
    text.family(LATE, [(Labels::new(), float(status.late_count))]);
    text.family(LIVES, [(Labels::new(), float(status.lives_begun))]);
    text.family(LEFTOVERS, [(Labels::new(), float(status.leftovers.removed))]);
    let hedges = [("asked", status.hedges.asked), ("won", status.hedges.won)];
    text.family(HEDGES, hedges.map(|(step, count)| ([("step", step)], float(count))));
    let copies = [("saved", status.relays.saved), ("resent", status.relays.resent)];
    text.family(RELAYED, copies.map(|(fate, count)| ([("fate", fate)], float(count))));
    text.family(TAKEOVERS, [(Labels::new(), float(status.delivered.shards_taken_over))]);
    verification(&mut text, &status.verification);
    let peers: Vec<(String, PeerReport)> =
        reports.into_iter().map(|report| (report.id.0.to_string(), report)).collect();
    let mut by_peer = |family: &Family, value: &dyn Fn(&PeerReport) -> Option<f64>| {
        let samples = peers
            .iter()
            .filter_map(|(id, report)| value(report).map(|value| ([("peer", id.as_str())], value)));
        text.family(family, samples);
    };
    by_peer(LINK_UP, &|report| Some(if report.link == "up" { 1.0 } else { 0.0 }));
    by_peer(LINK_DROPPED, &|report| Some(float(report.dropped_count)));
    by_peer(HEARD, &|report| report.silence_ms.map(|silence| float(silence) / 1000.0));
    by_peer(LAG, &|report| Some(float(report.behind_ms.unwrap_or_default()) / 1000.0));
    by_peer(LAG_WRITES, &|report| Some(float(report.writes_behind)));
    by_peer(DIFFERING, &|report| Some(float(report.shards_differing as u64)));
    convergence(&mut text, describer);
    text.finish()
}

/// How far equal clocks are proven to mean equal rows.
fn verification(text: &mut Exposition, status: &VerificationStatus) {
    let counts = &status.counts;
    let ends = [
        ("equal", counts.verified),
        ("different", counts.different),
        ("unmended", counts.unmended),
    ];
    text.family(VERIFIED, ends.map(|(end, count)| ([("result", end)], float(count))));
    let age = status.oldest.map(|since| clock::now().0.saturating_sub(since.0));
    text.family(VERIFIED_AGE, age.map(|age| (Labels::new(), float(age) / 1000.0)));
    let one = |count: u64| [(Labels::new(), float(count))];
    text.family(VERIFIED_BYTES, one(counts.bytes));
    text.family(MENDED, one(counts.mended));
    text.family(GIVEN_BACK, one(counts.given));
    text.family(DAMAGED, alone(status.damaged_count));
    text.family(MENDING, alone(status.mending_count));
}

/// What the store takes, and whether it has room.
fn store(text: &mut Exposition, usage: &Usage) {
    let memory = usage.rows_bytes + usage.cache_bytes + usage.other_bytes;
    text.family(DISK_LOW, alone(usize::from(usage.is_disk_low)));
    text.family(DISK_FREE, [(Labels::new(), float(usage.disk_free_bytes))]);
    text.family(DISK_USED, [(Labels::new(), float(usage.log_bytes + usage.table_bytes))]);
    text.family(MEMORY, alone(memory));
}

/// What the ledger has measured.
fn convergence(text: &mut Exposition, describer: &Describer) {
    let seen = describer.introspect();
    let ledger = &seen.ledger;
    let one = |count: u64| [(Labels::new(), float(count))];
    text.family(MINTED, one(ledger.minted));
    text.family(CONVERGED, one(ledger.converged));
    let bounds = BOUNDS_MICROS.map(|bound| float(bound) / 1e6);
    let times = |histogram: &Histogram| (in_buckets(histogram), float(histogram.sum()) / 1e6);
    let mut whole = |family, histogram| {
        let (counts, sum) = times(histogram);
        text.histograms(family, &bounds, [(Labels::new(), counts, sum)]);
    };
    whole(CONVERGENCE, &ledger.everywhere);
    whole(ANSWER, &ledger.answered);
    whole(STALE_AGE, &ledger.reads.age);
    let here = describer.config.own().datacenter.as_str();
    let arrivals = ledger.arrivals.iter().map(|(there, arrivals)| {
        let (counts, sum) = times(&arrivals.heard);
        ([("from", here), ("to", there.as_str())], counts, sum)
    });
    text.histograms(ARRIVAL, &bounds, arrivals);
    text.family(CONFLICTS, one(seen.conflicts));
    text.family(OVERWRITTEN, one(seen.losers_removed));
    text.family(COMPARED, one(ledger.reads.compared));
    text.family(STALE, one(ledger.reads.stale));
}

/// How many values fell between each two bounds; one more than bounds, the last above all.
fn in_buckets(histogram: &Histogram) -> Vec<u64> {
    let mut counts = vec![0; BOUNDS_MICROS.len() + 1];
    for (end, count) in histogram.buckets() {
        counts[BOUNDS_MICROS.partition_point(|bound| *bound < end)] += count;
    }
    counts
}

fn alone<'a>(count: usize) -> [(Labels<'a>, f64); 1] {
    [(Labels::new(), float(count as u64))]
}

/// Counts beyond 2^53 lose their last digit, which no graph shows.
#[expect(clippy::cast_precision_loss, reason = "said above")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_documented_and_named_by_its_unit() {
        let page = include_str!("../../../../docs/metrics.md");
        for family in FAMILIES {
            let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
            let row = format!("| `{}{suffix}` | {} |", family.name, family.kind.name());
            assert!(page.contains(&row), "docs/metrics.md lacks {row}");
            assert!(family.name.starts_with("starling_"), "{}", family.name);
            assert!(family.name.ends_with(family.unit), "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
        assert_eq!(page.matches("| `starling_").count(), FAMILIES.len());
    }
}
