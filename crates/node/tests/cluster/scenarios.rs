//! Small scripted worlds, each of which breaks when one rule of coordination is wrong.

use api::{CallError, Level, Lifetime, Operation, Outcome, SetCondition};
use node::{Mutation, QuorumMode};

use crate::net::{Net, call};
use crate::{hedges, reads, relays, repairs, resolving};

/// A world that says what was broken.
type Scenario = fn(u64, Option<Mutation>) -> Result<(), String>;

/// The rules that random worlds seldom meet, each with a world that needs it.
pub const SCENARIOS: [(Mutation, Scenario); 17] = [
    (Mutation::OneStandsInForAll, one_stands_in_for_one),
    (Mutation::LocalMetElsewhere, local_levels_stay_in_their_datacenter),
    (Mutation::LostWriteHandedOn, a_write_is_carried_out_once),
    (Mutation::HintDroppedWhenSent, hints_are_kept_until_they_are_acknowledged),
    (Mutation::TimeoutNotHinted, what_was_lost_is_handed_over),
    (Mutation::VisitorNameReused, no_visit_mints_under_an_old_name),
    (Mutation::RemovalLooksHereOnly, a_removal_finds_what_a_quorum_has),
    (Mutation::SessionsTakeKeys, reads::a_session_finds_all_that_it_has_seen),
    (Mutation::RestForgotten, reads::a_large_key_is_read_to_its_end),
    (Mutation::RelayCountsForAll, relays::a_relay_answers_for_itself_alone),
    (Mutation::RelayKeepsToItself, relays::a_relay_passes_a_write_on),
    (Mutation::RepairedLater, repairs::reads_at_a_quorum_do_not_go_back),
    (Mutation::RestNeverAsked, repairs::a_silent_owner_does_not_hold_a_read_up),
    (Mutation::DeadlineIgnored, hedges::what_nobody_waits_for_is_left_undone),
    (Mutation::WritesHedged, hedges::a_slow_write_is_carried_out_once),
    (Mutation::ContextIgnored, resolving::what_was_not_shown_stays),
    (Mutation::LostRelayNotReplaced, relays::a_lost_relay_is_replaced_at_once),
];

fn at(level: Level, operation: Operation) -> api::Call {
    let mut call = call("k", operation);
    (call.read, call.write) = (level, level);
    call
}

fn set() -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: b"v".to_vec(), lifetime, condition }
}

fn add() -> Operation {
    Operation::Increment { by: 1 }
}

fn expect(got: &Outcome, expected: &Outcome) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{got:?}, not {expected:?}")) }
}

fn refused(outcome: Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Failed(CallError::NotEnoughReplicas { .. }) => Ok(()),
        other => Err(format!("{other:?}, not a refusal")),
    }
}

/// Of four nodes two are down: two cannot be four, whoever stands in for whom.
fn one_stands_in_for_one(seed: u64, mutation: Option<Mutation>) -> Result<(), String> {
    let sloppy = |config: &mut node::Config| config.coordination.quorum = QuorumMode::Sloppy;
    let mut net = Net::start_with(&[4], seed, sloppy);
    net.mutate(mutation);
    let owners = net.owners("k");
    net.isolate(owners[0]);
    net.isolate(owners[1]);
    refused(net.ask(owners[2], at(Level::All, set())))
}

/// No owner nearby can be reached; those of the other datacenter can.
fn local_levels_stay_in_their_datacenter(
    seed: u64,
    mutation: Option<Mutation>,
) -> Result<(), String> {
    let mut net = Net::start(&[4, 4], seed);
    net.mutate(mutation);
    let owners = net.owners("k");
    let other = net.nodes.keys().copied().find(|node| !owners.contains(node)).unwrap();
    net.isolate_within_datacenter(other);
    refused(net.ask(other, at(Level::LocalOne, set())))?;
    expect(&net.ask(other, at(Level::One, set())), &Outcome::Done)
}

/// The link to the owner that carries a call out breaks while it does.
fn a_write_is_carried_out_once(seed: u64, mutation: Option<Mutation>) -> Result<(), String> {
    let mut net = Net::start(&[6], seed);
    net.mutate(mutation);
    net.run(2_000);
    let owners = net.owners("k");
    let other = net.nodes.keys().copied().find(|node| !owners.contains(node)).unwrap();
    net.ask_later(other, at(Level::All, add()));
    net.run(9);
    let lost = owners[usize::try_from(net.random(0..3)).unwrap()];
    net.cut(other, lost);
    net.run(2_000);
    net.heal();
    net.run(10_000);
    let one = Outcome::Value(b"1".to_vec());
    expect(&net.ask(owners[0], at(Level::One, Operation::Get)), &one)
}

/// Everything sent to the owners is lost at the moment when their hints go out.
fn hints_are_kept_until_they_are_acknowledged(
    seed: u64,
    mutation: Option<Mutation>,
) -> Result<(), String> {
    let mut net = Net::start(&[6], seed);
    net.mutate(mutation);
    let owners = net.owners("k");
    let other = net.nodes.keys().copied().find(|node| !owners.contains(node)).unwrap();
    owners.iter().for_each(|owner| net.isolate(*owner));
    expect(&net.ask(other, at(Level::Any, set())), &Outcome::Done)?;
    net.heal();
    net.run(3_800);
    owners.iter().for_each(|owner| net.mute(*owner));
    net.run(2_500);
    net.unmute_all();
    net.run(120_000);
    let value = Outcome::Value(b"v".to_vec());
    expect(&net.ask(owners[1], at(Level::One, Operation::Get)), &value)
}

/// What is sent to an owner is lost with its links open, and clocks are not compared.
fn what_was_lost_is_handed_over(seed: u64, mutation: Option<Mutation>) -> Result<(), String> {
    let mut net = Net::start_with(&[3], seed, |config| config.exchange_interval_ms = 10_000_000);
    net.mutate(mutation);
    let owners = net.owners("k");
    net.mute(owners[2]);
    expect(&net.ask(owners[0], at(Level::Quorum, set())), &Outcome::Done)?;
    net.run(1_500);
    net.unmute_all();
    net.run(60_000);
    if net.is_converged() { Ok(()) } else { Err("an owner still lacks the write".into()) }
}

/// The same node visits the same shard again and again.
fn no_visit_mints_under_an_old_name(seed: u64, mutation: Option<Mutation>) -> Result<(), String> {
    let mut net = Net::start(&[6], seed);
    net.mutate(mutation);
    let owners = net.owners("k");
    let other = net.nodes.keys().copied().find(|node| !owners.contains(node)).unwrap();
    for round in 1..=3u8 {
        owners.iter().for_each(|owner| net.isolate(*owner));
        net.ask(other, at(Level::Any, add()));
        net.heal();
        net.run(20_000);
        let sum = Outcome::Value(round.to_string().into_bytes());
        expect(&net.ask(owners[0], at(Level::One, Operation::Get)), &sum)?;
    }
    Ok(())
}

/// A key is removed through an owner that has not heard of it yet.
fn a_removal_finds_what_a_quorum_has(seed: u64, mutation: Option<Mutation>) -> Result<(), String> {
    let mut net = Net::start_with(&[3], seed, |config| config.exchange_interval_ms = 10_000_000);
    net.mutate(mutation);
    let owners = net.owners("k");
    net.mute(owners[2]);
    expect(&net.ask(owners[0], at(Level::Quorum, set())), &Outcome::Done)?;
    net.unmute_all();
    let mut delete = call("k", Operation::Delete);
    (delete.read, delete.write) = (Level::One, Level::Quorum);
    expect(&net.ask(owners[2], delete), &Outcome::Integer(1))?;
    net.run(60_000);
    expect(&net.ask(owners[1], at(Level::All, Operation::Get)), &Outcome::Nothing)
}

#[test]
fn every_scenario_holds() {
    for (mutation, scenario) in SCENARIOS {
        for seed in 0..6 {
            if let Err(broken) = scenario(seed, None) {
                panic!("seed {seed} of the world for {mutation:?}: {broken}");
            }
        }
    }
}
