//! Who owns a shard, who stands in, and what a member owns.

use std::collections::{BTreeMap, BTreeSet};

use placement::{
    Incarnation, Member, MemberId, MemberState, Placement, PlacementError, PlacementVersion,
    Replication, ShardCount, ShardId, View, Weight,
};

use crate::cluster::{self, place};

fn any_replication(rng: &mut fastrand::Rng) -> Replication {
    if rng.bool() {
        return Replication::Same(rng.u8(0..6));
    }
    let named = (0..rng.u8(0..4)).map(|index| (format!("dc{index}"), rng.u8(0..6)));
    Replication::PerDatacenter(named.collect())
}

/// How many of the members stand in each rack.
fn racks<'a>(members: &[&'a Member]) -> BTreeMap<&'a str, usize> {
    let mut racks = BTreeMap::new();
    for member in members {
        *racks.entry(member.rack.as_str()).or_default() += 1;
    }
    racks
}

/// How many copies some rack must hold: one, when there are as many racks as copies.
fn per_rack_min(members: &[&Member], copies: usize) -> usize {
    let racks = racks(members);
    let places = |limit| racks.values().map(|&size| size.min(limit)).sum::<usize>();
    (0..).find(|&limit| places(limit) >= copies).unwrap()
}

/// Checks every row of a table against the members that may be in it.
fn check(seed: u64, view: &View, replication: &Replication, placement: &Placement) {
    let mut eligible: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
    for member in view.members().filter(|member| member.state.owns_now() && member.weight.0 > 0) {
        eligible.entry(&member.datacenter).or_default().push(member);
    }
    eligible.retain(|name, _| replication.copies_in(name) > 0);
    assert!(placement.datacenters().eq(eligible.keys().copied()), "seed {seed}");
    for shard in placement.shards().shards() {
        for (name, owners) in placement.owners_by_datacenter(shard) {
            let here = &eligible[name];
            let copies = here.len().min(usize::from(replication.copies_in(name)));
            let members: Vec<&Member> = owners.iter().map(|id| view.get(*id).unwrap()).collect();
            assert!(members.iter().all(|member| here.contains(member)), "seed {seed}");
            let distinct: BTreeSet<MemberId> = owners.iter().copied().collect();
            assert_eq!((owners.len(), distinct.len()), (copies, copies), "seed {seed} {shard}");
            let most = racks(&members).into_values().max().unwrap_or(0);
            assert_eq!(most, per_rack_min(here, copies), "seed {seed} {shard}: racks");
            assert_eq!(owners, placement.owners_in(shard, name));
        }
    }
}

#[test]
fn owners_are_distinct_members_in_distinct_racks_wherever_there_are_enough() {
    for seed in cluster::seeds(300) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let view = cluster::any(&mut rng);
        let replication = any_replication(&mut rng);
        let shards = ShardCount::new(1 << rng.u32(0..9)).unwrap();
        let version = view.placement_version();
        let placement = Placement::compute(&view, &replication, shards, version).unwrap();
        check(seed, &view, &replication, &placement);
    }
}

#[test]
fn every_way_to_ask_gives_the_same_answer() {
    for seed in cluster::seeds(40) {
        let view = cluster::any(&mut fastrand::Rng::with_seed(seed));
        let placement = place(&view);
        let loads = placement.loads();
        for member in view.members() {
            let shards: Vec<ShardId> = placement.shards_of(member.id).collect();
            assert_eq!(shards.len(), loads.get(&member.id).map_or(0, |&load| load as usize));
            assert!(shards.is_sorted());
            for shard in placement.shards().shards() {
                let is_owner = shards.binary_search(&shard).is_ok();
                assert_eq!(placement.is_owner(shard, member.id), is_owner, "seed {seed}");
            }
            let home = placement.datacenter_of(member.id);
            assert_eq!(home.is_some(), loads.contains_key(&member.id));
            assert!(home.is_none_or(|home| home == member.datacenter));
        }
        assert!(placement.members().collect::<BTreeSet<_>>().iter().eq(loads.keys()));
    }
}

/// With as many copies as members everybody owns everything: that shows the whole order.
#[test]
fn owners_and_successors_are_in_the_order_of_preference() {
    let shards = ShardCount::default();
    let view = cluster::even(&mut fastrand::Rng::with_seed(3), 30, 4);
    let place = |copies| {
        Placement::compute(&view, &Replication::Same(copies), shards, PlacementVersion::V1).unwrap()
    };
    let (placement, everybody) = (place(3), place(30));
    let mut first_choices = 0;
    for shard in shards.shards() {
        let order = everybody.owners_in(shard, "dc0");
        let owners = placement.owners_in(shard, "dc0");
        let (own, others): (Vec<MemberId>, Vec<MemberId>) =
            order.iter().copied().partition(|id| owners.contains(id));
        assert_eq!((order.len(), owners), (30, own.as_slice()), "{shard}");
        assert!(placement.successors(shard, "dc0").eq(others), "{shard}");
        first_choices += u32::from(owners[0] == order[0]);
    }
    assert!(first_choices > 900, "only {first_choices} shards have the owner they want most");
}

#[test]
fn questions_about_nothing_have_empty_answers() {
    let placement = place(&cluster::even(&mut fastrand::Rng::with_seed(1), 5, 2));
    let beyond = ShardId(placement.shards().get());
    assert_eq!(placement.owners(beyond).count(), 0);
    assert_eq!(placement.owners(ShardId(u16::MAX)).count(), 0);
    assert_eq!(placement.successors(beyond, "dc0").count(), 0);
    assert_eq!(placement.successors(ShardId(0), "elsewhere").count(), 0);
    assert!(placement.owners_in(ShardId(0), "elsewhere").is_empty());
    assert_eq!(placement.shards_of(MemberId(0)).count(), 0);
    assert_eq!(placement.datacenter_of(MemberId(0)), None);

    let nobody = place(&View::default());
    assert_eq!(nobody.owners(ShardId(0)).count(), 0);
    assert_eq!(nobody.loads().len(), 0);
}

#[test]
fn only_active_and_leaving_members_with_weight_own() {
    use MemberState::{Active, Joining, Leaving, Removed};
    let mut view = View::default();
    let states =
        [(1, Joining, 5), (2, Active, 5), (3, Leaving, 5), (4, Removed, 5), (5, Active, 0)];
    for (id, state, weight) in states {
        view.admit(Member { state, weight: Weight(weight), ..cluster::member(id) }).unwrap();
    }
    let owners: BTreeSet<MemberId> = place(&view).owners(ShardId(7)).collect();
    assert_eq!(owners, BTreeSet::from([MemberId(2), MemberId(3)]));
}

/// A restart moves nothing.
#[test]
fn incarnations_do_not_matter() {
    let view = cluster::even(&mut fastrand::Rng::with_seed(1), 9, 3);
    let mut restarted = view.clone();
    for member in view.members() {
        restarted.reincarnate(member.id, Incarnation(7)).unwrap();
    }
    assert_ne!(view.hash(), restarted.hash());
    assert_eq!(place(&view), place(&restarted));
}

#[test]
fn functions_of_later_builds_are_refused() {
    let version = PlacementVersion(2);
    let refused =
        Placement::compute(&View::default(), &Replication::Same(3), ShardCount::default(), version);
    let error = refused.unwrap_err();
    assert_eq!(error, PlacementError::UnknownVersion(version));
    assert_eq!(error.to_string(), "this build cannot compute placements of version 2");
}
