//! The matching against the definition: one sort of all pairs, taken one by one.

use super::*;

/// A matching by definition: whatever is asked of it, it counts anew.
struct Plain<'a> {
    candidates: &'a [Candidate],
    limits: &'a Limits,
    owners: Vec<Vec<Ranked>>,
}

impl Plain<'_> {
    fn needs_copy(&self, shard: usize) -> bool {
        self.owners[shard].len() < self.limits.copies
    }

    fn has_room(&self, index: usize, raise: u32) -> bool {
        let load = self.owners.iter().flatten().filter(|(_, owner)| *owner == index).count();
        load < (self.limits.capacities[index] + raise) as usize
    }

    fn fits(&self, owners: &[Ranked], index: usize) -> bool {
        let rack = |index: usize| self.candidates[index].rack;
        let in_rack = owners.iter().filter(|(_, owner)| rack(*owner) == rack(index)).count();
        in_rack < self.limits.per_rack && owners.iter().all(|(_, owner)| *owner != index)
    }

    fn take_in_order(&mut self, pairs: &[(Cost, ShardId, usize)], raise: u32) {
        for &(cost, shard, index) in pairs {
            let shard = usize::from(shard.0);
            if self.needs_copy(shard)
                && self.fits(&self.owners[shard], index)
                && self.has_room(index, raise)
            {
                self.owners[shard].push((cost, index));
            }
        }
    }

    /// Finds a place for one copy of a shard, passing another copy on if need be.
    fn place(&mut self, pairs: &[(Cost, ShardId, usize)], shard: usize, raise: u32) -> bool {
        for &(cost, _, index) in pairs.iter().filter(|pair| usize::from(pair.1.0) == shard) {
            if !self.fits(&self.owners[shard], index) {
                continue;
            }
            if !self.has_room(index, raise) && !self.pass_one_on(pairs, index, raise) {
                continue;
            }
            self.owners[shard].push((cost, index));
            return true;
        }
        false
    }

    fn pass_one_on(&mut self, pairs: &[(Cost, ShardId, usize)], from: usize, raise: u32) -> bool {
        for &(cost, shard, _) in pairs.iter().rev().filter(|pair| pair.2 == from) {
            let row = usize::from(shard.0);
            let Some(place) = self.owners[row].iter().position(|pair| *pair == (cost, from)) else {
                continue;
            };
            let mut others = self.owners[row].clone();
            others.remove(place);
            for &(cost, _, to) in pairs.iter().filter(|pair| pair.1 == shard) {
                if to != from && self.fits(&others, to) && self.has_room(to, raise) {
                    others.push((cost, to));
                    self.owners[row] = others;
                    return true;
                }
            }
        }
        false
    }
}

/// The definition, word for word: all pairs in one order, then what was left over, one by one.
fn owners_by_one_sort(
    candidates: &[Candidate],
    limits: &Limits,
    shards: ShardCount,
) -> (Vec<MemberId>, LeftOver) {
    let mut pairs: Vec<(Cost, ShardId, usize)> = Vec::new();
    for shard in shards.shards() {
        pairs.extend(ranked(candidates, shard).map(|(cost, index)| (cost, shard, index)));
    }
    pairs.sort_unstable();
    let count = usize::from(shards.get());
    let mut plain = Plain { candidates, limits, owners: vec![Vec::new(); count] };
    let mut left = LeftOver::Nothing;
    let mut raise = 0;
    while (0..count).any(|shard| plain.needs_copy(shard)) {
        left = if raise > 0 { LeftOver::Raised } else { left };
        plain.take_in_order(&pairs, raise);
        for shard in 0..count {
            if plain.needs_copy(shard) && left == LeftOver::Nothing {
                left = LeftOver::Exchanged;
            }
            while plain.needs_copy(shard) && plain.place(&pairs, shard, raise) {}
        }
        raise = raise * 2 + 1;
    }
    plain.owners.iter_mut().for_each(|taken| taken.sort_unstable());
    let owners = plain.owners.iter().flatten().map(|(_, index)| candidates[*index].id);
    (owners.collect(), left)
}

/// What it took to place every copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LeftOver {
    Nothing,
    Exchanged,
    Raised,
}

/// The same by deferred acceptance: shards propose, full candidates turn away whom they like
/// least. Without racks, and with room for all, it must end in the one stable matching.
fn owners_by_proposals(
    candidates: &[Candidate],
    limits: &Limits,
    shards: ShardCount,
) -> Option<Vec<MemberId>> {
    let rankings: Vec<Vec<Ranked>> = shards
        .shards()
        .map(|shard| lowest(ranked(candidates, shard).collect(), usize::MAX))
        .collect();
    let mut asked = vec![0; rankings.len()];
    let mut needs = vec![limits.copies; rankings.len()];
    let mut accepted = vec![BinaryHeap::new(); candidates.len()];
    while let Some(shard) = needs.iter().position(|&need| need > 0) {
        let (cost, index) = *rankings[shard].get(asked[shard])?;
        asked[shard] += 1;
        needs[shard] -= 1;
        accepted[index].push((cost, shard));
        if accepted[index].len() > limits.capacities[index] as usize {
            let (_, rejected) = accepted[index].pop().unwrap();
            needs[rejected] += 1;
        }
    }
    let mut owners = vec![Vec::new(); rankings.len()];
    for (index, held) in accepted.iter().enumerate() {
        held.iter().for_each(|&(cost, shard)| owners[shard].push((cost, index)));
    }
    owners.iter_mut().for_each(|taken| taken.sort_unstable());
    Some(owners.into_iter().flatten().map(|(_, index)| candidates[index].id).collect())
}

/// Up to 40 candidates with ids from anywhere: of one weight in even racks, or of any.
fn random_candidates(rng: &mut fastrand::Rng, rack_count: usize) -> Vec<Candidate> {
    let most = if rng.bool() { 12 } else { 40 };
    let mut ids: Vec<u32> = (0..rng.usize(1..most)).map(|_| rng.u32(..)).collect();
    ids.sort_unstable();
    ids.dedup();
    let is_even = rng.bool();
    let one = |(index, id)| {
        let weight = if is_even { 100 } else { (rng.u32(..) >> rng.u32(0..32)).max(1) };
        let rack = if is_even { index % rack_count } else { rng.usize(0..rack_count) };
        Candidate { id: MemberId(id), weight: Weight(weight), rack }
    };
    ids.into_iter().enumerate().map(one).collect()
}

/// Candidates of one weight, dealt to racks in turn.
fn even_racks(rng: &mut fastrand::Rng, count: usize, rack_count: usize) -> Vec<Candidate> {
    let mut ids: Vec<u32> = (0..count).map(|_| rng.u32(..)).collect();
    ids.sort_unstable();
    let one =
        |(index, id)| Candidate { id: MemberId(id), weight: Weight(9), rack: index % rack_count };
    ids.into_iter().enumerate().map(one).collect()
}

fn random_shards(rng: &mut fastrand::Rng) -> ShardCount {
    ShardCount::new(1 << rng.u32(0..8)).unwrap()
}

#[test]
fn the_heap_takes_the_pairs_that_one_sort_would_take() {
    let mut is_raised = false;
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rack_count = rng.usize(1..7);
        let candidates = random_candidates(&mut rng, rack_count);
        let shards = random_shards(&mut rng);
        let mut limits = Limits::new(&candidates, rng.u8(0..6), shards);
        // Hardly room enough, or much too little: then most is left over, several times.
        let scale = [16, 16, 16, 15, 2][rng.usize(0..5)];
        limits.capacities.iter_mut().for_each(|capacity| *capacity = *capacity * scale / 16);
        let (expected, left) = owners_by_one_sort(&candidates, &limits, shards);
        assert_eq!(owners(&candidates, &limits, shards), expected, "seed {seed}");
        is_raised |= left == LeftOver::Raised;
    }
    assert!(is_raised, "no capacity was ever raised");
}

/// A matching is stable when no shard and candidate would both rather have each other.
#[test]
fn no_pair_would_rather_have_each_other() {
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rack_count = rng.usize(1..7);
        let candidates = random_candidates(&mut rng, rack_count);
        let shards = random_shards(&mut rng);
        let limits = Limits::new(&candidates, rng.u8(1..6), shards);
        let mut matching = Matching::new(&candidates, &limits, shards);
        // Shards that were left over would rather have anybody, but nobody would have them.
        matching.fill(shards.shards().collect(), 0);
        for shard in shards.shards() {
            let taken = &matching.taken[usize::from(shard.0)];
            for (cost, index) in ranked(&candidates, shard) {
                let held = matching.taken.iter().flatten().filter(|pair| pair.1 == index);
                let is_full = matching.loads[index] >= limits.capacities[index];
                let candidate_would = !is_full || held.clone().any(|pair| pair.0 > cost);
                let rack = candidates[index].rack;
                let rivals = taken.iter().filter(|pair| candidates[pair.1].rack == rack);
                let shard_would = if rivals.clone().count() < limits.per_rack {
                    taken.len() < limits.copies || taken.iter().any(|pair| pair.0 > cost)
                } else {
                    rivals.clone().any(|pair| pair.0 > cost)
                };
                let is_held = taken.iter().any(|pair| pair.1 == index);
                assert!(
                    is_held || !(candidate_would && shard_would),
                    "seed {seed}: {shard} {index}"
                );
            }
        }
    }
}

/// Clusters in which every shard needs some racks, which the order of costs does not know: with
/// two, two, one and one members, three copies and even loads, it needs both large racks.
#[test]
fn exchanges_find_the_places_that_the_definition_finds() {
    let mut exchanged = 0;
    for (count, rack_count) in [(6, 4), (10, 4), (7, 5)] {
        for seed in 0..20 {
            let candidates = even_racks(&mut fastrand::Rng::with_seed(seed), count, rack_count);
            let shards = ShardCount::new(128).unwrap();
            let limits = Limits::new(&candidates, 3, shards);
            let (expected, left) = owners_by_one_sort(&candidates, &limits, shards);
            assert_eq!(owners(&candidates, &limits, shards), expected, "seed {seed}");
            exchanged += u32::from(left == LeftOver::Exchanged);
        }
    }
    assert!(exchanged > 30, "only {exchanged} of 60 needed exchanges");
}

/// With the room that [`Limits`] gives, exchanges place everything: capacities hold.
#[test]
fn no_capacity_is_exceeded() {
    let check = |seed, candidates: &[Candidate], copies, shards| {
        let limits = Limits::new(candidates, copies, shards);
        let owners = owners(candidates, &limits, shards);
        for (one, room) in candidates.iter().zip(&limits.capacities) {
            let load = owners.iter().filter(|owner| **owner == one.id).count();
            assert!(load <= *room as usize, "seed {seed}: {load} on {one:?}, room {room}");
        }
    };
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rack_count = rng.usize(1..7);
        let candidates = random_candidates(&mut rng, rack_count);
        check(seed, &candidates, rng.u8(1..6), ShardCount::new(1 << rng.u32(0..11)).unwrap());
        for (count, rack_count) in [(6, 4), (10, 4), (7, 5), (11, 6), (9, 7)] {
            let candidates = even_racks(&mut rng, count, rack_count);
            check(seed, &candidates, 3, ShardCount::new(256).unwrap());
        }
    }
}

#[test]
fn proposals_end_in_the_same_matching() {
    let mut compared = 0;
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let candidates = random_candidates(&mut rng, 1);
        let shards = random_shards(&mut rng);
        let limits = Limits::new(&candidates, rng.u8(1..6), shards);
        if let Some(expected) = owners_by_proposals(&candidates, &limits, shards) {
            assert_eq!(owners(&candidates, &limits, shards), expected, "seed {seed}");
            compared += 1;
        }
    }
    assert!(compared > 200, "only {compared} cases left nothing over");
}

#[test]
fn the_lowest_are_the_first_of_a_sort() {
    for count in [0, 1, 7, 99, 100, 101] {
        let candidates = Vec::from_iter((0..100).map(|id| Candidate {
            id: MemberId(id),
            weight: Weight(1),
            rack: 0,
        }));
        let all: Vec<Ranked> = ranked(&candidates, ShardId(5)).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        sorted.truncate(count);
        assert_eq!(lowest(all, count), sorted);
    }
}
