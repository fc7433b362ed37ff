//! What messages cost, beside what they must cost at least; run with `--nocapture` to see it.
//!
//! Invariant: a bar that is missed fails. Links are warm, as they are but for their first second:
//! three thousand actors of other shards are known on each, and those of the shard at hand.

use causality::{Actor, Clock, Counters, Dot, Dots, HybridTime, Incarnation, Millis, NodeId, Run};
use cells::{CellAddress, Family, Keyspace, OwnedBody, OwnedOp};
use wire::shard::{Group, GroupsGiven, GroupsWanted, Member, Rest, SealedPart};
use wire::{Batch, ClockHash, Encoder, Message, Outcome, RequestId, RootHash, ShardHash, ShardId};

use crate::links::{encoded, encoder};

const SHARD: ShardId = ShardId(1000);
const REQUEST: RequestId = RequestId(200_000_000);
const NOW: u64 = 1_760_000_000_000;
const HOUR_MS: u64 = 3_600_000;

fn actor(index: usize) -> Actor {
    let number = u32::try_from(index).unwrap();
    Actor::new(NodeId(number), Incarnation(180_000_000 + number))
}

fn acknowledged(clock: Clock) -> Message {
    let outcome = Outcome::Applied;
    Message::Acknowledged { shard: SHARD, request: REQUEST, outcome, clock: Some(clock) }
}

/// A sending end that knows the first `count` actors among three thousand others.
fn warm_encoder(count: usize) -> Encoder {
    let mut encoder = encoder();
    let known = (1000..2500).chain(0..count).chain(2500..4000);
    for index in known {
        let clock = Clock::from_iter([Dot::new(actor(index), 1)]);
        encoded(&mut encoder, &acknowledged(clock));
    }
    encoder
}

/// A time within the last hour; busy milliseconds have a logical part.
fn random_time(rng: &mut fastrand::Rng) -> HybridTime {
    let wall = HybridTime::at(Millis(NOW + rng.u64(..HOUR_MS)));
    if rng.bool() { wall } else { HybridTime::from_bits(wall.bits() + rng.u64(1..100)) }
}

/// The counters up to `highest` of which each is missing with a chance.
fn lossy(rng: &mut fastrand::Rng, base: u64, highest: u64, chance: f64) -> (Counters, u64) {
    let mut counters = Counters::up_to(base);
    let (mut first, mut missing_count) = (base + 1, 0);
    for counter in base + 1..highest {
        if rng.f64() < chance {
            if first < counter {
                counters.insert_run(Run { first, last: counter - 1 });
            }
            first = counter + 1;
            missing_count += 1;
        }
    }
    counters.insert_run(Run { first, last: highest });
    (counters, missing_count)
}

/// The bytes that naming one of many randomly missing dots takes at least: H(q) / q bits.
fn naming_limit(chance: f64) -> f64 {
    let entropy = -chance * chance.log2() - (1.0 - chance) * (1.0 - chance).log2();
    entropy / chance / 8.0
}

#[test]
fn b1_b2_beats_are_small() {
    let mut encoder = encoder();
    let now = HybridTime::from_bits(HybridTime::at(Millis(NOW)).bits() + 70);
    let horizon = Millis(NOW - HOUR_MS);
    let beat = encoded(&mut encoder, &Message::Beat { now, horizon, root: RootHash(u64::MAX) });
    println!("B1: a beat takes {} bytes, 32 allowed", beat.len());
    assert!(beat.len() <= 32);
    for (step, count) in [(1usize, 1024usize), (5, 205), (30, 34)] {
        let shards = (0..count).map(|index| ShardHash {
            shard: ShardId(u16::try_from(index * step).unwrap()),
            hash: ClockHash::of(u64::MAX),
        });
        let size = encoded(&mut encoder, &Message::BeatShards { now, shards: shards.collect() });
        let each = size.len() as f64 / count as f64;
        println!("B2: {count} shared shards take {each:.2} bytes each, 8 allowed");
        assert!(size.len() <= 8 * count);
    }
}

#[test]
fn b3_a_clock_message_costs_actors_and_runs() {
    let mut rng = fastrand::Rng::with_seed(3);
    println!("B3: actors, runs: bytes warm (cold), allowed 16 + 6 x actors + 3.3 x runs");
    for actor_count in [1, 3, 9, 27] {
        for (chance, span) in
            [(0.0, 10), (0.0001, 300_000), (0.001, 30_000), (0.01, 10_000), (0.1, 10_000)]
        {
            let mut clock = Clock::new();
            for index in 0..actor_count {
                // Eight thousand million operations by one actor in one shard.
                let base = rng.u64(1 << 20..1 << 33);
                clock.insert_all(actor(index), &lossy(&mut rng, base, base + span, chance).0);
            }
            let run_count = clock.run_count();
            let message = acknowledged(clock);
            let cold = encoded(&mut encoder(), &message).len();
            let warm = encoded(&mut warm_encoder(actor_count), &message).len();
            let allowed = 16.0 + 6.0 * actor_count as f64 + 3.3 * run_count as f64;
            println!("B3: {actor_count:2} {run_count:6}: {warm:6} ({cold:6}) of {allowed:8.0}");
            assert!(warm as f64 <= allowed);
            assert!(cold <= warm + 11 * actor_count, "spelling costs 11 bytes once");
        }
    }
}

#[test]
fn b4_naming_random_losses_is_near_its_limit() {
    for chance in [0.1, 0.01, 0.001, 0.0001] {
        let mut rng = fastrand::Rng::with_seed(4);
        let (mut clock, mut missing_count) = (Clock::new(), 0);
        for index in 0..3 {
            let base = rng.u64(1 << 20..1 << 32);
            let (counters, missing) = lossy(&mut rng, base, base + 2_000_000, chance);
            clock.insert_all(actor(index), &counters);
            missing_count += missing;
        }
        let size = encoded(&mut warm_encoder(3), &acknowledged(clock)).len();
        let (each, limit) = (size as f64 / missing_count as f64, naming_limit(chance));
        println!(
            "B4: q = {chance}: {missing_count} missing dots, {each:.2} bytes each, 3.3 allowed, \
             at least {limit:.2}"
        );
        assert!(each <= 3.3);
        assert!(limit <= each, "nothing names dots in fewer bytes: the count is wrong");
    }
}

#[test]
fn b4_naming_an_outage_costs_one_run_per_actor() {
    let mut rng = fastrand::Rng::with_seed(5);
    let count = 9;
    for (missed, since) in [(1000, 0), (1000, 100), (1_000_000, 100_000), (2_000_000, 1_000_000)] {
        let mut clock = Clock::new();
        for index in 0..count {
            let base = rng.u64(1 << 20..1 << 33);
            let mut counters = Counters::up_to(base);
            if since > 0 {
                let first = base + missed + 1;
                counters.insert_run(Run { first, last: first + since - 1 });
            }
            clock.insert_all(actor(index), &counters);
        }
        // Sixteen bytes are the message's own, as in B3.
        let size = encoded(&mut warm_encoder(count), &acknowledged(clock)).len() - 16;
        let each = size as f64 / count as f64;
        println!("B4: {missed} missed, {since} since: {each:.2} bytes per actor, 12 allowed");
        assert!(size <= 12 * count);
    }
}

/// Writes to keys of 16 bytes by one actor, each of 100 bytes, each superseding so many dots.
fn writes(rng: &mut fastrand::Rng, count: u64, removed_count: usize) -> Vec<OwnedOp> {
    let base = rng.u64(1 << 29..1 << 30);
    (base..base + count)
        .map(|counter| {
            let key: [u8; 16] = rng.u128(..).to_le_bytes();
            let column = Family::Register.column(&[]);
            let mut older = || Dot::new(actor(rng.usize(..3)), counter - rng.u64(1..1 << 24));
            OwnedOp {
                dot: Dot::new(actor(1), counter),
                removed: (0..removed_count).map(|_| older()).collect(),
                time: random_time(rng),
                cell: CellAddress::new(Keyspace(1), &key, &column).into(),
                body: OwnedBody::Insert { payload: [9; 100].into(), expiry: None },
            }
        })
        .collect()
}

#[test]
fn an_operation_costs_at_most_24_bytes_beside_its_data() {
    let mut rng = fastrand::Rng::with_seed(6);
    let batch = Batch { shard: SHARD, request: REQUEST };
    let mut encoder = warm_encoder(3);
    let mut replicated = |ops: &[OwnedOp]| {
        let mut out = Vec::new();
        encoder.replicate(batch, ops.iter().map(OwnedOp::borrow), &mut out).unwrap();
        out.len()
    };
    let empty = replicated(&[]);
    for (count, removed_count) in [(1, 0), (1, 1), (10, 0), (10, 1), (1000, 0), (1000, 1)] {
        let ops = writes(&mut rng, count, removed_count);
        let cost = replicated(&ops) - empty - ops.len() * (16 + 100);
        let each = cost as f64 / ops.len() as f64;
        println!(
            "replicate: {count} operations that supersede {removed_count}: {each:.2} bytes each, \
             24 allowed for those that supersede nothing; {empty} for the frame"
        );
        // A superseded dot is data: the actor of another, and how far back.
        assert!(cost <= ops.len() * (24 + 6 * removed_count));
    }
}

/// The answers to a replica that misses `count` writes of three actors, in the order of their
/// keys, cut where a budget of bytes is spent.
fn missing_groups(rng: &mut fastrand::Rng, count: usize, budget: usize) -> Vec<Vec<Group>> {
    let mut next = [1 << 29, 1 << 30, 1 << 31];
    let mut groups: Vec<Group> = (0..count)
        .map(|_| {
            let writer = rng.usize(..3);
            next[writer] += 1;
            let key: [u8; 16] = rng.u128(..).to_le_bytes();
            let column = Family::Register.column(&[]);
            let payload = (0..100).map(|_| rng.u8(..)).collect();
            let member = Member {
                dot: Dot::new(actor(writer), next[writer]),
                time: random_time(rng),
                removed: Dots::new(),
                body: OwnedBody::Insert { payload, expiry: None },
            };
            let cell = CellAddress::new(Keyspace(1), &key, &column).into();
            Group { cell, members: vec![member] }
        })
        .collect();
    groups.sort_by(|one, other| one.cell.cmp(&other.cell));
    let per_answer = (budget / 140).max(1);
    groups.chunks(per_answer).map(<[Group]>::to_vec).collect()
}

fn wanted(budget: u32) -> Message {
    let mut applied = Clock::new();
    for (index, base) in [1 << 29, 1 << 30, 1 << 31].into_iter().enumerate() {
        applied.insert_all(actor(index), &Counters::up_to(base));
    }
    let (sealed, horizon) = (SealedPart::Hash(u64::MAX), Millis(NOW));
    let wanted = GroupsWanted { applied, sealed, horizon, budget };
    Message::Wanted { shard: SHARD, request: REQUEST, wanted }
}

fn given(groups: Vec<Group>) -> Message {
    let (rest, horizon) = (Rest::More, Millis(NOW));
    let given = GroupsGiven::Groups { groups, rest, horizon, sealed: None };
    Message::Given { shard: SHARD, request: REQUEST, given }
}

#[test]
fn b5_a_log_exchange_costs_its_data_and_24_bytes_a_write() {
    let data_size = 16 + 100;
    for (count, budget) in
        [(1, 1 << 20), (10, 1 << 20), (1000, 1 << 20), (100_000, 1 << 18), (100_000, 15 << 20)]
    {
        let mut rng = fastrand::Rng::with_seed(7);
        let answers = missing_groups(&mut rng, count, budget);
        let mut costs = [(warm_encoder(3), warm_encoder(3)), (encoder(), encoder())].map(
            |(mut asking, mut answering)| {
                let sizes = answers.iter().map(|groups| {
                    let question = encoded(&mut asking, &wanted(u32::try_from(budget).unwrap()));
                    question.len() + encoded(&mut answering, &given(groups.clone())).len()
                });
                sizes.sum::<usize>() - count * data_size
            },
        );
        let [warm, cold] = &mut costs;
        println!(
            "B5: {count:6} writes, {:3} answers: {warm:7} bytes beside the data ({cold} cold), \
             {} allowed, {:.2} a write",
            answers.len(),
            100 + 24 * count,
            *warm as f64 / count as f64
        );
        assert!(*warm <= 100 + 24 * count);
    }
}

#[test]
fn b5_a_group_of_one_write_costs_at_most_24_bytes() {
    let mut rng = fastrand::Rng::with_seed(8);
    let warm = warm_encoder(3);
    let mut worst = 0;
    for _ in 0..1000 {
        // Alone in its frame, so that nothing before it makes it shorter.
        let mut encoder = warm.clone();
        let groups = missing_groups(&mut rng, 1, 1).remove(0);
        let empty = encoded(&mut encoder, &given(Vec::new())).len();
        worst = worst.max(encoded(&mut encoder, &given(groups)).len() - empty - 116);
    }
    println!("B5: a group alone in its frame costs {worst} bytes beside its data, 24 allowed");
    assert!(worst <= 24);
}

#[test]
fn keys_of_a_collection_are_sent_once() {
    let mut rng = fastrand::Rng::with_seed(9);
    let key = [7; 40];
    let mut groups = missing_groups(&mut rng, 1000, usize::MAX).remove(0);
    for (index, group) in groups.iter_mut().enumerate() {
        let member = u32::try_from(index).unwrap().to_be_bytes();
        let column = Family::SetMember.column(&member);
        group.cell = CellAddress::new(Keyspace(1), &key, &column).into();
        group.members[0].body = OwnedBody::Insert { payload: Box::default(), expiry: None };
    }
    let size = encoded(&mut warm_encoder(3), &given(groups)).len();
    println!("1000 members of one set: {:.2} bytes each, 4 of them data", size as f64 / 1000.0);
    assert!(size < 1000 * (4 + 24), "the key of 40 bytes is not in it a thousand times");
}
