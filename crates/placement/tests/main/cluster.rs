//! Clusters to place shards on: even ones, and any.

use placement::{
    Incarnation, Member, MemberId, MemberState, Placement, PlacementVersion, Replication,
    ShardCount, View, Weight,
};

/// The seeds of a test: as many as it usually takes, or more when asked for.
pub(crate) fn seeds(usual: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("STARLING_SEEDS").ok();
    let asked = asked.map(|text| text.parse().expect("STARLING_SEEDS is a number"));
    0..asked.map_or(usual, |asked: u64| asked.clamp(usual, usual * 30))
}

/// An active member of weight 100 in datacenter `dc0` and rack `r0`.
pub(crate) fn member(id: u32) -> Member {
    Member {
        id: MemberId(id),
        incarnation: Incarnation(1),
        state: MemberState::Active,
        datacenter: "dc0".to_owned(),
        rack: "r0".to_owned(),
        weight: Weight::default(),
    }
}

/// Active members with ids from anywhere, dealt evenly to racks.
pub(crate) fn even(rng: &mut fastrand::Rng, count: usize, rack_count: usize) -> View {
    let mut view = View::default();
    while view.members().len() < count {
        let rack = format!("r{}", view.members().len() % rack_count);
        let _ = view.admit(Member { rack, ..member(rng.u32(..)) });
    }
    view
}

/// Members of any datacenter, rack, state and weight.
pub(crate) fn any(rng: &mut fastrand::Rng) -> View {
    let datacenter_count = rng.u32(1..4);
    let rack_count = rng.u32(1..7);
    let weight_bits = rng.u32(1..10);
    let states = [MemberState::Joining, MemberState::Leaving, MemberState::Removed];
    let mut view = View::default();
    for _ in 0..rng.u32(0..50) {
        let settled = rng.u8(..) < 180;
        let _ = view.merge_member(Member {
            state: if settled { MemberState::Active } else { states[rng.usize(0..3)] },
            datacenter: format!("dc{}", rng.u32(0..datacenter_count)),
            rack: format!("r{}", rng.u32(0..rack_count)),
            weight: Weight(rng.u32(0..1 << weight_bits)),
            ..member(rng.u32(..))
        });
    }
    view
}

/// Three copies in each datacenter, of the usual number of shards.
pub(crate) fn place(view: &View) -> Placement {
    let version = PlacementVersion::V1;
    Placement::compute(view, &Replication::Same(3), ShardCount::default(), version).unwrap()
}
