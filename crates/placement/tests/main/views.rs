//! Views merge from any side, in any order, any number of times.

use placement::{
    Change, Epoch, Incarnation, Member, MemberId, MemberState, PlacementVersion, View, ViewError,
    Weight,
};

use crate::cluster::{self, member};

/// A view of few members, so that views disagree about most of them.
fn any_view(rng: &mut fastrand::Rng) -> View {
    let members: Vec<Member> = (0..rng.u32(0..8))
        .map(|_| Member {
            id: MemberId(rng.u32(0..6)),
            incarnation: Incarnation(rng.u32(0..3)),
            state: MemberState::from_code(rng.u8(1..5)).unwrap(),
            datacenter: format!("dc{}", rng.u32(0..2)),
            rack: format!("r{}", rng.u32(0..2)),
            weight: Weight(rng.u32(0..3)),
        })
        .collect();
    View::restore(members, PlacementVersion(rng.u16(1..3)), Epoch(rng.u64(0..9)))
}

fn merged(one: &View, other: &View) -> View {
    let mut merged = one.clone();
    let _ = merged.merge(other);
    merged
}

/// All that two nodes must agree on: epochs are for people.
fn content(view: &View) -> (Vec<Member>, PlacementVersion) {
    (view.members().cloned().collect(), view.placement_version())
}

#[test]
fn merging_is_commutative_associative_and_idempotent() {
    for seed in cluster::seeds(3_000) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let [a, b, c] = [(); 3].map(|()| any_view(&mut rng));
        assert_eq!(merged(&a, &b), merged(&b, &a), "seed {seed}: epochs too");
        assert_eq!(merged(&a, &a), a, "seed {seed}: epochs too");
        let left = merged(&merged(&a, &b), &c);
        let right = merged(&a, &merged(&b, &c));
        assert_eq!(content(&left), content(&right), "seed {seed}");
        assert_eq!(left.hash(), right.hash(), "seed {seed}");
        assert_eq!(content(&merged(&left, &b)), content(&left), "seed {seed}: heard before");
    }
}

#[test]
fn equal_contents_and_only_they_have_equal_hashes() {
    for seed in cluster::seeds(3_000) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (a, b) = (any_view(&mut rng), any_view(&mut rng));
        assert_eq!(a.hash() == b.hash(), content(&a) == content(&b), "seed {seed}");
        let mut again = View::restore(
            a.members().cloned().collect::<Vec<_>>().into_iter().rev(),
            a.placement_version(),
            Epoch(99),
        );
        assert_eq!(again.hash(), a.hash(), "seed {seed}");
        let _ = again.advance_placement(PlacementVersion(9));
        assert_ne!(again.hash(), a.hash(), "seed {seed}");
    }
}

/// Labels are told apart where one ends and the next begins.
#[test]
fn hashes_see_the_ends_of_labels() {
    let hash = |datacenter: &str, rack: &str| {
        let mut view = View::default();
        let (datacenter, rack) = (datacenter.to_owned(), rack.to_owned());
        view.admit(Member { datacenter, rack, ..member(1) }).unwrap();
        view.hash()
    };
    assert_ne!(hash("ab", "c"), hash("a", "bc"));
    assert_ne!(hash("ab", ""), hash("", "ab"));
}

/// On one node an epoch names one view, and a change is told if and only if there was one.
#[test]
fn epochs_grow_with_every_change_and_only_then() {
    for seed in cluster::seeds(500) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut view = any_view(&mut rng);
        for _ in 0..30 {
            let before = view.clone();
            let other = any_view(&mut rng);
            let change = match rng.u8(0..3) {
                0 => view.merge(&other),
                1 => other
                    .members()
                    .next()
                    .map_or(Change::Nothing, |first| view.merge_member(first.clone())),
                _ => view.advance_placement(other.placement_version()),
            };
            let is_changed = content(&view) != content(&before);
            assert_eq!(change == Change::Changed, is_changed, "seed {seed}");
            assert!(view.epoch() >= before.epoch(), "seed {seed}");
            assert!(!is_changed || view.epoch() > before.epoch(), "seed {seed}");
        }
    }
    let mut last = View::restore([], PlacementVersion::V1, Epoch(u64::MAX));
    let _ = last.merge_member(member(1));
    assert_eq!(last.epoch(), Epoch(u64::MAX), "a forged epoch overflows nothing");
}

/// Nodes that pass their views around, each changing its own now and then, end with one view.
#[test]
fn gossip_ends_in_one_view_and_one_epoch() {
    for seed in cluster::seeds(200) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut nodes = vec![any_view(&mut rng); 5];
        for _ in 0..20 {
            let (from, to) = (rng.usize(0..5), rng.usize(0..5));
            let heard = nodes[from].clone();
            let _ = nodes[to].merge(&heard);
            let _ = nodes[from].merge(&any_view(&mut rng));
        }
        for _ in 0..2 {
            for from in 0..5 {
                let heard = nodes[from].clone();
                nodes.iter_mut().for_each(|node| {
                    let _ = node.merge(&heard);
                });
            }
        }
        let all = nodes.iter().skip(1);
        assert!(all.clone().all(|node| content(node) == content(&nodes[0])), "seed {seed}");
    }
}

#[test]
fn removed_members_stay_removed_and_their_ids_taken() {
    let mut view = View::default();
    view.admit(member(5)).unwrap();
    assert_eq!(view.admit(member(5)), Err(ViewError::IdTaken(MemberId(5))));
    assert_eq!(view.advance(MemberId(5), MemberState::Removed), Ok(Change::Changed));
    assert_eq!(view.advance(MemberId(5), MemberState::Removed), Ok(Change::Nothing));
    assert_eq!(view.admit(member(5)), Err(ViewError::IdTaken(MemberId(5))));
    let reborn = Member { incarnation: Incarnation(u32::MAX), ..member(5) };
    assert_eq!(view.merge_member(reborn), Change::Nothing);
    assert_eq!(
        view.reincarnate(MemberId(5), Incarnation(9)),
        Err(ViewError::NotAMember(MemberId(5)))
    );
    assert_eq!(view.get(MemberId(5)).unwrap().state, MemberState::Removed);
}

#[test]
fn states_advance_and_incarnations_grow() {
    let id = MemberId(5);
    let mut view = View::default();
    assert_eq!(view.advance(id, MemberState::Active), Err(ViewError::NotAMember(id)));
    assert_eq!(view.reincarnate(id, Incarnation(2)), Err(ViewError::NotAMember(id)));
    view.admit(member(5)).unwrap();
    assert_eq!(view.advance(id, MemberState::Leaving), Ok(Change::Changed));
    let backwards = view.advance(id, MemberState::Active).unwrap_err();
    assert_eq!(backwards.to_string(), "n5 is Leaving and cannot become Active");
    view.reincarnate(id, Incarnation(2)).unwrap();
    assert_eq!(view.get(id).unwrap().state, MemberState::Leaving, "a restart does not stay");
    let old = view.reincarnate(id, Incarnation(2)).unwrap_err();
    assert_eq!(old.to_string(), "n5 is at incarnation 2: 2 is not newer");
}

#[test]
fn a_settled_view_has_nobody_under_way() {
    for seed in cluster::seeds(500) {
        let view = any_view(&mut fastrand::Rng::with_seed(seed));
        let settled = view.settled();
        for (before, after) in view.members().zip(settled.members()) {
            let is_in = before.state.owns_in_future();
            let expected = if is_in { MemberState::Active } else { MemberState::Removed };
            assert_eq!((after.id, after.state), (before.id, expected), "seed {seed}");
        }
        assert_eq!(content(&merged(&view, &settled)), content(&settled), "seed {seed}");
    }
}
