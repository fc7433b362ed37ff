//! Owners with equal clocks and different rows are found, mended by giving back, and told of; and
//! the rules that are wrong on purpose are noticed.

use api::{Level, Lifetime, Operation, SetCondition};
use causality::{HybridTime, Millis};
use node::{Event, Mutation, Notice, Repair, RepairError, VerificationConfig, VerificationCounts};
use wire::shard::{LostVersion, Reinstate, StateVersion};
use wire::{Message, RequestId, ShardId};

use crate::net::{Net, call, id};

/// What a check found.
type Found = Result<(), String>;

const PERIOD_MS: u64 = 10_000;

fn set(value: u64) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.to_le_bytes().into(), lifetime, condition }
}

fn start(seed: u64, mutation: Option<Mutation>) -> Net {
    let usual = VerificationConfig::default();
    start_with(seed, mutation, VerificationConfig { period_ms: PERIOD_MS, ..usual })
}

fn start_with(seed: u64, mutation: Option<Mutation>, verification: VerificationConfig) -> Net {
    let mut net = Net::start_with(&[3], seed, |config| {
        config.verification = verification;
    });
    net.mutate(mutation);
    net
}

/// Writes keys, and removes a few again.
fn fill(net: &mut Net, count: u64) {
    for at in 0..count {
        let node = id(u32::try_from(at % 3).unwrap() + 1);
        net.ask(node, call(&format!("k{at}"), set(at)));
        if at % 5 == 0 {
            net.ask(node, call(&format!("k{at}"), Operation::Delete));
        }
    }
    net.run(2_000);
    assert!(net.is_converged());
}

fn counts(net: &Net) -> VerificationCounts {
    let mut sum = VerificationCounts::default();
    for node in net.nodes.values() {
        let one = node.verification().counts;
        sum.verified += one.verified;
        sum.different += one.different;
        sum.mended += one.mended;
        sum.given += one.given;
        sum.unmended += one.unmended;
        sum.damaged += one.damaged;
    }
    sum
}

/// What every node holds live, which must be the same.
fn live(net: &mut Net) -> Result<Vec<LostVersion>, String> {
    let shards = 0..16;
    let mut all = net
        .nodes
        .values_mut()
        .map(|node| shards.clone().flat_map(|shard| node.live_versions(shard)).collect::<Vec<_>>());
    let first = all.next().expect("there are nodes");
    match all.find(|other| *other != first) {
        Some(other) => Err(format!("{} versions here, {} there", first.len(), other.len())),
        None => Ok(first),
    }
}

/// Loses some versions at one node each.
fn lose(net: &mut Net, count: usize) {
    for at in 0..count {
        let victim = id(u32::try_from(at % 3).unwrap() + 1);
        let shards = (0..16).cycle().skip(at);
        let node = net.nodes.get_mut(&victim).unwrap();
        let (shard, lost) = shards
            .filter_map(|shard| Some((shard, node.live_versions(shard).into_iter().next()?)))
            .next()
            .unwrap();
        node.lose_unnoticed(shard, lost.cell.borrow(), lost.dot);
    }
}

fn check(holds: bool, what: impl Fn() -> String) -> Found {
    if holds { Ok(()) } else { Err(what()) }
}

fn all_pairs_are_compared(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = start(seed, mutation);
    fill(&mut net, 40);
    for _ in 0..4 {
        net.run(PERIOD_MS);
        for node in net.nodes.values() {
            let status = node.verification();
            check(status.pair_count == 32, || format!("{} pairs", status.pair_count))?;
            let oldest = status.oldest.expect("there are pairs");
            check(oldest >= net.now.minus(PERIOD_MS + 1_000), || {
                format!("at {:?} a pair waits since {oldest:?}", net.now)
            })?;
        }
    }
    let counts = counts(&net);
    check((counts.different, counts.mended) == (0, 0), || format!("{counts:?}"))
}

fn what_is_lost_comes_back(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = start(seed, mutation);
    fill(&mut net, 60);
    let before = live(&mut net)?;
    lose(&mut net, 5);
    net.run(2 * PERIOD_MS);
    let after = live(&mut net)?;
    check(after == before, || format!("{} of {}", after.len(), before.len()))?;
    let counts = counts(&net);
    check(counts.mended == 5 && counts.different > 0 && counts.unmended == 0, || {
        format!("{counts:?}")
    })?;
    let told = |of: fn(&Notice) -> u64| net.notices.iter().map(|(_, one)| of(one)).sum::<u64>();
    let mended = told(|one| if let Notice::Mended { count, .. } = one { *count } else { 0 });
    let different = told(|one| u64::from(matches!(one, Notice::Different { .. })));
    check(mended == 5 && different == counts.different, || format!("{:?}", net.notices))
}

/// Everybody writes and removes all the time, and a version is lost meanwhile.
fn under_load(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = start(seed, mutation);
    fill(&mut net, 60);
    let kept = live(&mut net)?;
    lose(&mut net, 1);
    for at in 0..2 * PERIOD_MS {
        let node = id(u32::try_from(net.random(0..3)).unwrap() + 1);
        let key = format!("hot{}", net.random(0..200));
        let operation = if at % 2 == 0 { set(at) } else { Operation::Delete };
        let mut write = call(&key, operation);
        write.write = Level::One;
        net.ask_later(node, write);
        net.run(1);
    }
    let counts_under_load = counts(&net);
    check(counts_under_load.different <= 1, || format!("{counts_under_load:?}"))?;
    check(counts_under_load.mended == 1, || format!("{counts_under_load:?}"))?;
    for at in 0..200 {
        net.ask(id(1), call(&format!("hot{at}"), Operation::Delete));
    }
    net.run(2_000);
    check(net.is_converged(), || "not converged".into())?;
    let after = live(&mut net)?;
    check(after == kept, || format!("{} of {}", after.len(), kept.len()))
}

fn questions_stay_within_the_budget(seed: u64, mutation: Option<Mutation>) -> Found {
    let slow =
        VerificationConfig { period_ms: 500, bytes_per_second: 1 << 20, requests_per_second: 16 };
    let mut net = start_with(seed, mutation, slow);
    fill(&mut net, 60);
    lose(&mut net, 5);
    net.verifying.clear();
    let start = net.now;
    net.run(20_000);
    for node in 1..=3 {
        let asked: Vec<Millis> =
            net.verifying.iter().filter(|(_, who)| *who == id(node)).map(|(at, _)| *at).collect();
        let seconds = (net.now.0 - start.0) / 1_000;
        check(asked.len() as u64 <= 16 * (seconds + 1), || {
            format!("{} questions in {seconds} seconds", asked.len())
        })?;
        check(asked.len() as u64 >= 12 * seconds, || format!("only {} questions", asked.len()))?;
    }
    Ok(())
}

/// A version is offered by somebody who has not heard of its removal.
fn offers_come_late(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = start(seed, mutation);
    fill(&mut net, 3);
    let shard = net.shard_of("k2");
    let node = net.nodes.get_mut(&id(1)).unwrap();
    let LostVersion { cell, dot } = node.live_versions(shard).pop().expect("k2 is written");
    let summaries = node.shard_summaries();
    let (_, summary) = summaries.into_iter().find(|(held, _)| *held == shard).unwrap();
    let time = HybridTime::at(net.now);
    let version = StateVersion { dot, time, expiry: None, payload: Some([1; 8].into()) };
    let reinstate = Reinstate { clock: summary.clock, cell, version };
    net.ask(id(1), call("k2", Operation::Delete));
    net.run(2_000);
    let gone = live(&mut net)?;
    let (shard, request) = (ShardId(shard), RequestId(0));
    let message = Message::Reinstate { shard, request, reinstate };
    net.event(id(2), Event::Received { from: id(1), message });
    net.run(PERIOD_MS);
    let after = live(&mut net)?;
    check(after == gone, || format!("{} of {}", after.len(), gone.len()))?;
    let refused = net.nodes[&id(2)].verification().counts.refused;
    check(refused == 1, || format!("{refused} refused"))
}

const SCENARIOS: [fn(u64, Option<Mutation>) -> Found; 5] = [
    all_pairs_are_compared,
    what_is_lost_comes_back,
    under_load,
    questions_stay_within_the_budget,
    offers_come_late,
];

#[test]
fn what_was_removed_is_not_taken_back_from_who_has_not_heard_of_it() {
    assert_eq!(offers_come_late(1, None), Ok(()));
}

#[test]
fn every_two_owners_compare_every_shard_once_in_a_period() {
    (0..2).for_each(|seed| assert_eq!(all_pairs_are_compared(seed, None), Ok(())));
}

#[test]
fn what_is_lost_is_given_back_counted_and_told() {
    (0..4).for_each(|seed| assert_eq!(what_is_lost_comes_back(seed, None), Ok(())));
}

#[test]
fn a_loss_is_told_from_operations_under_way_and_nothing_removed_returns() {
    (0..2).for_each(|seed| assert_eq!(under_load(seed, None), Ok(())));
}

#[test]
fn the_budget_bounds_what_is_asked() {
    assert_eq!(questions_stay_within_the_budget(1, None), Ok(()));
}

#[test]
fn rows_that_are_lost_on_disk_are_found_at_the_start_and_given_back() {
    let mut net = start(3, None);
    fill(&mut net, 60);
    let before = live(&mut net).unwrap();
    let node = net.nodes.get_mut(&id(2)).unwrap();
    let lost: Vec<(u16, LostVersion)> = (0..16)
        .flat_map(|shard| node.live_versions(shard).into_iter().map(move |one| (shard, one)))
        .step_by(7)
        .collect();
    for (shard, lost) in &lost {
        node.lose_row(*shard, lost.cell.borrow(), lost.dot);
    }
    net.restart(id(2));
    let damaged = net.nodes[&id(2)].verification();
    assert!(damaged.counts.damaged > 0 && damaged.mending_count > 0, "{damaged:?}");
    net.run(PERIOD_MS);
    assert_eq!(live(&mut net), Ok(before));
    let mended = net.nodes[&id(2)].verification();
    assert_eq!(mended.counts.mended, lost.len() as u64);
    assert_eq!((mended.mending_count, mended.damaged_count), (0, 0), "{mended:?}");
    let is_damage = |notice: &Notice| matches!(notice, Notice::Damaged { is_usable: true, .. });
    let told = net.notices.iter().filter(|(who, notice)| *who == id(2) && is_damage(notice));
    assert_eq!(told.count() as u64, mended.counts.damaged);
}

fn repaired(net: &mut Net, node: u32) -> Repair {
    let end = net.now.plus(60_000);
    while net.now < end {
        net.run(100);
        let last = net.nodes[&id(node)].repairs().last().expect("one was begun");
        if last.ended.is_some() {
            return last;
        }
        assert!(last.shards_done <= last.shards_total);
    }
    panic!("the repair does not end");
}

#[test]
fn a_repair_reads_every_row_again_and_ends_with_nothing_missing() {
    let never = VerificationConfig { period_ms: 0, ..VerificationConfig::default() };
    let mut net = start_with(5, None, never);
    fill(&mut net, 200);
    let before = live(&mut net).unwrap();
    // Rows vanish from one disk, and a bug loses others at another node.
    let node = net.nodes.get_mut(&id(2)).unwrap();
    let lost: Vec<(u16, LostVersion)> = (0..16)
        .flat_map(|shard| node.live_versions(shard).into_iter().map(move |one| (shard, one)))
        .step_by(10)
        .collect();
    for (shard, lost) in &lost {
        node.lose_row(*shard, lost.cell.borrow(), lost.dot);
    }
    let node = net.nodes.get_mut(&id(3)).unwrap();
    let elsewhere = node.live_versions(lost[0].0).pop().unwrap();
    node.lose_unnoticed(lost[0].0, elsewhere.cell.borrow(), elsewhere.dot);
    net.run(5_000);
    assert!(net.is_converged() || counts(&net).mended == 0, "nothing is compared by itself");

    let now = net.now;
    let begun = net.nodes.get_mut(&id(2)).unwrap().begin_repair(now, None).unwrap();
    let again = net.nodes.get_mut(&id(2)).unwrap().begin_repair(now, None);
    assert_eq!(again, Err(RepairError::UnderWay(begun.id)));
    let repair = repaired(&mut net, 2);
    assert_eq!(live(&mut net), Ok(before));
    assert_eq!((repair.shards_total, repair.shards_done), (16, 16));
    assert!(repair.damaged > 0 && repair.mended == lost.len() as u64, "{repair:?}");
    assert!(repair.given >= 1 && repair.is_clean() && repair.equal == 32, "{repair:?}");
    assert_eq!(counts(&net).mended, lost.len() as u64 + 1);
    // A second one finds nothing.
    let now = net.now;
    let node = net.nodes.get_mut(&id(2)).unwrap();
    node.begin_repair(now, Some(&[lost[0].0].into())).unwrap();
    let repair = repaired(&mut net, 2);
    assert_eq!((repair.id, repair.shards_total, repair.equal), (2, 1, 2));
    assert_eq!((repair.damaged, repair.different, repair.mended), (0, 0, 0));
}

#[test]
fn a_repair_says_which_owners_it_could_not_reach() {
    let mut net = start(6, None);
    fill(&mut net, 40);
    net.isolate(id(3));
    let now = net.now;
    net.nodes.get_mut(&id(1)).unwrap().begin_repair(now, None).unwrap();
    let repair = repaired(&mut net, 1);
    assert!(!repair.is_clean(), "{repair:?}");
    assert_eq!((repair.shards_done, repair.skipped, repair.unmended), (16, 16, 0), "{repair:?}");
    let nobody = net.nodes.get_mut(&id(1)).unwrap().begin_repair(now, Some(&[99].into()));
    assert_eq!(nobody, Err(RepairError::NotOwned(99)));
}

#[test]
fn rules_that_are_wrong_on_purpose_are_noticed() {
    for mutation in Mutation::OF_VERIFICATION {
        let caught =
            (0..5).any(|seed| SCENARIOS.iter().any(|run| run(seed, Some(mutation)).is_err()));
        assert!(caught, "nothing notices {mutation:?}");
    }
}
