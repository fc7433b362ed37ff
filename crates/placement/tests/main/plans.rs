//! What moves while members come and go, and who owns meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;

use placement::{
    Member, MemberId, MemberState, Placement, PlacementVersion, Plan, PlanError, Replication,
    ShardCount, Transition, View,
};

use crate::cluster::{self, place};

const COPIES: Replication = Replication::Same(3);

fn transition(view: &View) -> Transition {
    Transition::compute(view, &COPIES, ShardCount::default(), PlacementVersion::V1).unwrap()
}

#[test]
fn a_settled_cluster_has_one_table() {
    let view = cluster::even(&mut fastrand::Rng::with_seed(1), 7, 3);
    let transition = transition(&view);
    assert!(Arc::ptr_eq(transition.old_table(), transition.new_table()));
    assert_eq!(**transition.old_table(), place(&view));
    assert!(transition.plan().is_empty());
    let shards = ShardCount::default();
    assert!(shards.shards().all(|shard| !transition.is_moving(shard)));
}

#[test]
fn leaving_members_own_before_and_joining_ones_after() {
    for seed in cluster::seeds(60) {
        let view = cluster::any(&mut fastrand::Rng::with_seed(seed));
        let transition = transition(&view);
        let (old, new) = (transition.old_table(), transition.new_table());
        assert_eq!(**old, place(&view), "seed {seed}");
        assert_eq!(**new, place(&view.settled()), "seed {seed}");
        for shard in old.shards().shards() {
            let state = |id: MemberId| view.get(id).unwrap().state;
            assert!(old.owners(shard).all(|id| state(id) != MemberState::Joining));
            assert!(new.owners(shard).all(|id| state(id) != MemberState::Leaving));
            let before: BTreeSet<MemberId> = old.owners(shard).collect();
            let after: BTreeSet<MemberId> = new.owners(shard).collect();
            let all: Vec<MemberId> = transition.owners(shard).collect();
            assert!(all.starts_with(&old.owners(shard).collect::<Vec<_>>()), "seed {seed}");
            assert!(all.iter().copied().collect::<BTreeSet<_>>().iter().eq(before.union(&after)));
            assert_eq!(all.len(), before.union(&after).count(), "seed {seed}: named twice");
            assert_eq!(transition.is_moving(shard), before != after, "seed {seed} {shard}");
        }
    }
}

/// Old copies, less what is lost, plus what is gained, are the new copies.
#[test]
fn plans_lead_from_one_table_to_the_other() {
    for seed in cluster::seeds(60) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let shards = ShardCount::new(256).unwrap();
        let table = |rng: &mut fastrand::Rng| {
            let view = cluster::any(&mut fastrand::Rng::with_seed(rng.u64(0..20)));
            let copies = Replication::Same(rng.u8(0..5));
            Placement::compute(&view, &copies, shards, PlacementVersion::V1).unwrap()
        };
        let (old, new) = (table(&mut rng), table(&mut rng));
        let plan = Plan::between(&old, &new).unwrap();
        let mut moves = plan.moves().iter().peekable();
        for shard in shards.shards() {
            let mut owners: BTreeSet<MemberId> = old.owners(shard).collect();
            if let Some(one) = moves.next_if(|one| one.shard == shard) {
                assert!(!one.gains.is_empty() || !one.losses.is_empty());
                assert!(one.losses.iter().all(|id| owners.remove(id)), "seed {seed} {shard}");
                assert!(one.gains.iter().all(|id| owners.insert(*id)), "seed {seed} {shard}");
            }
            assert_eq!(owners, new.owners(shard).collect(), "seed {seed} {shard}");
        }
        assert!(moves.next().is_none());
        for (id, tally) in plan.tallies() {
            assert_eq!(tally.before + tally.gains, tally.after + tally.losses, "seed {seed} {id}");
            assert_eq!(tally.before as usize, old.shards_of(*id).count());
            assert_eq!(tally.after as usize, new.shards_of(*id).count());
        }
        let gains: usize = plan.moves().iter().map(|one| one.gains.len()).sum();
        assert_eq!(plan.fetch_count(), gains as u64);
    }
}

#[test]
fn a_joining_member_is_shown_before_it_owns_anything() {
    let mut view = cluster::even(&mut fastrand::Rng::with_seed(1), 3, 1);
    let newcomer = MemberId(77);
    let joining = Member { state: MemberState::Joining, ..cluster::member(newcomer.0) };
    view.admit(joining).unwrap();
    let plan = transition(&view).plan();
    let tally = plan.tallies()[&newcomer];
    assert_eq!((tally.before, tally.losses), (0, 0));
    assert!((700..=845).contains(&tally.after), "{tally:?}");
    assert_eq!(plan.fetch_count(), u64::from(tally.after));
    assert_eq!(plan.moves().len(), tally.after as usize);
}

#[test]
fn tables_of_other_shards_cannot_be_compared() {
    let view = cluster::even(&mut fastrand::Rng::with_seed(1), 3, 1);
    let table = |count| {
        let shards = ShardCount::new(count).unwrap();
        Arc::new(Placement::compute(&view, &COPIES, shards, PlacementVersion::V1).unwrap())
    };
    let (few, many) = (table(16), table(64));
    let error = Plan::between(&few, &many).unwrap_err();
    assert_eq!(error, PlanError::ShardCountsDiffer(few.shards(), many.shards()));
    assert_eq!(error.to_string(), "16 shards cannot become 64");
    assert_eq!(Transition::between(few, many).unwrap_err(), error);
    let fewer_copies = Placement::compute(
        &view,
        &Replication::Same(2),
        ShardCount::default(),
        PlacementVersion::V1,
    );
    let shrinking =
        Transition::between(Arc::new(place(&view)), Arc::new(fewer_copies.unwrap())).unwrap();
    assert_eq!(shrinking.plan().moves().len(), 1_024);
    assert_eq!(shrinking.plan().fetch_count(), 0);
}
