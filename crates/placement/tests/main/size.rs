//! How much time and memory large tables take.

use std::time::{Duration, Instant};

use placement::{Member, Placement, PlacementVersion, Replication, ShardCount, ShardId, View};

use crate::cluster;

/// Members in three datacenters of ten racks each.
fn large(count: u32) -> View {
    let mut rng = fastrand::Rng::with_seed(u64::from(count));
    let mut view = View::default();
    for index in 0..count {
        let member = Member {
            datacenter: format!("dc{}", index % 3),
            rack: format!("r{}", index / 3 % 10),
            ..cluster::member(rng.u32(..))
        };
        view.admit(member).unwrap();
    }
    view
}

#[expect(clippy::disallowed_methods, reason = "a measurement, not an input")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (work(), start.elapsed())
}

fn compute(view: &View, shards: u32) -> (Placement, Duration) {
    let shards = ShardCount::new(shards).unwrap();
    let version = PlacementVersion::V1;
    timed(|| Placement::compute(view, &Replication::Same(3), shards, version).unwrap())
}

/// The bounds are far above what is measured, as tests share machines and are hardly optimised.
#[test]
fn large_tables_are_small_and_soon_done() {
    for (count, shards, bytes_max) in
        [(100, 1_024, 64_000), (1_000, 1_024, 64_000), (1_000, 16_384, 620_000)]
    {
        let view = large(count);
        let (table, took) = compute(&view, shards);
        let bytes = table.memory_size();
        println!("3 x 3 copies, {count} members, {shards} shards: {took:?}, {bytes} bytes");
        assert!(bytes <= bytes_max, "{bytes}");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
    let view = cluster::even(&mut fastrand::Rng::with_seed(1), 1_000, 10);
    let (table, took) = compute(&view, 1_024);
    println!("3 copies, 1000 members in one datacenter, 1024 shards: {took:?}");
    let (found, took) = timed(|| {
        let stand_ins = |shard| table.successors(ShardId(shard), "dc0").take(3).count();
        (0..1_024).map(stand_ins).sum::<usize>()
    });
    println!("three successors of 1000 members: {:?}", took / 1_024);
    assert_eq!(found, 3 * 1_024);
}
