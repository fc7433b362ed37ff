//! Equal views give equal tables: in every order of arrival, build and platform.

use placement::{
    Incarnation, Member, MemberState, Placement, PlacementVersion, Replication, ShardCount,
    TableHash, View, ViewHash, Weight,
};

use crate::cluster::{self, place};

#[test]
fn the_order_of_arrival_does_not_matter() {
    for seed in cluster::seeds(30) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let view = cluster::any(&mut rng);
        let mut members: Vec<Member> = view.members().cloned().collect();
        rng.shuffle(&mut members);
        let other = View::restore(members, view.placement_version(), Default::default());
        assert_eq!(view.hash(), other.hash(), "seed {seed}");
        assert_eq!(place(&view), place(&other), "seed {seed}");
        assert_eq!(place(&view).hash(), place(&other).hash(), "seed {seed}");
    }
}

#[test]
fn different_tables_have_different_hashes() {
    let view = cluster::even(&mut fastrand::Rng::with_seed(1), 6, 3);
    let table = |copies, shards| {
        let shards = ShardCount::new(shards).unwrap();
        let version = PlacementVersion::V1;
        Placement::compute(&view, &Replication::Same(copies), shards, version).unwrap().hash()
    };
    let mut hashes = vec![table(3, 64), table(2, 64), table(3, 32), place(&View::default()).hash()];
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 4);
}

/// A cluster with a bit of everything, written out.
fn fixed_view() -> View {
    let mut view = View::default();
    for id in 0..40_u32 {
        let state = match id % 11 {
            3 => MemberState::Joining,
            5 => MemberState::Leaving,
            7 => MemberState::Removed,
            _ => MemberState::Active,
        };
        let member = Member {
            id: placement::MemberId(id * id * 1_000 + 1),
            incarnation: Incarnation(id % 3),
            state,
            datacenter: ["north", "south"][(id % 2) as usize].to_owned(),
            rack: format!("rack {}", id % 5),
            weight: Weight(50 + 25 * (id % 4)),
        };
        view.admit(member).unwrap();
    }
    view
}

/// These numbers never change: a build that fails here would disagree with running clusters about
/// who owns what. A better function is a new [`PlacementVersion`], beside this one.
#[test]
fn version_1_gives_this_table_for_ever() {
    let view = fixed_view();
    assert_eq!(view.hash(), ViewHash(0x8413_153d_0db0_abb0));
    let version = PlacementVersion::V1;
    let replication = Replication::PerDatacenter(
        [("north".to_owned(), 3), ("south".to_owned(), 2)].into_iter().collect(),
    );
    let compute = |shards| {
        let shards = ShardCount::new(shards).unwrap();
        Placement::compute(&view, &replication, shards, version).unwrap()
    };
    assert_eq!(compute(1_024).hash(), TableHash(0xc4d5_cb69_9f15_8d36));
    assert_eq!(compute(16_384).hash(), TableHash(0xe2fa_0634_9498_4bf7));
    let owners = |shard| {
        let table = compute(1_024);
        let owners = table.owners(placement::ShardId(shard)).map(|id| id.0);
        owners.collect::<Vec<_>>()
    };
    assert_eq!(owners(0), [676_001, 1, 16_001, 361_001, 1_225_001]);
    assert_eq!(owners(1_023), [144_001, 1, 1_444_001, 441_001, 1_521_001]);
}

/// Few members in racks that do not fit, so that copies are left over and exchanged.
#[test]
fn version_1_gives_this_table_where_racks_are_tight() {
    let mut view = View::default();
    for id in 0..6 {
        let rack = format!("r{}", id % 4);
        view.admit(Member { rack, ..cluster::member(id) }).unwrap();
    }
    assert_eq!(place(&view).hash(), TableHash(0x178e_2653_01aa_acc4));
}
