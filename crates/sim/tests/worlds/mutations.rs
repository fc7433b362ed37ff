//! Every known-wrong rule must be caught: a checker that no bug can trip checks nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sim::{Mutation, Plan, Profile, carry_out};

/// The most worlds a wrong rule may survive.
const SEEDS_MAX: u64 = 4_000;

/// The worlds in which wrong rules are looked for, turn by turn.
const PROFILES: [&str; 3] = ["small", "mixed", "true_clocks"];

fn plan(number: u64) -> (Plan, &'static str) {
    let count = PROFILES.len() as u64;
    let name = PROFILES[usize::try_from(number % count).expect("a small number")];
    let profile = Profile::named(name).expect("every name in the list is one");
    let seed = number / count;
    (Plan::draw(seed, profile.setup(seed)), name)
}

/// What a plan comes to under a wrong rule: how it was noticed, if it was.
fn noticed(mut plan: Plan, mutation: Mutation) -> Option<String> {
    plan.setup.mutation = Some(mutation);
    match catch_unwind(AssertUnwindSafe(|| carry_out(&plan))) {
        Ok(outcome) => outcome.err().map(|violation| violation.to_string()),
        Err(_) => Some("an assertion of the node".into()),
    }
}

/// Worlds that have caught most wrong rules; tried first, to be quick.
const LIKELY: [u64; 17] = [0, 1, 3, 7, 12, 19, 24, 25, 39, 48, 61, 93, 235, 304, 508, 1231, 2076];

fn check_caught(mutation: Mutation) {
    // With a budget in the environment, the number of worlds that it really takes is shown.
    let first = if std::env::var("STARLING_SEEDS").is_ok() { &[][..] } else { &LIKELY[..] };
    let caught = first.iter().copied().chain(0..SEEDS_MAX).find_map(|number| {
        let (plan, name) = plan(number);
        noticed(plan, mutation).map(|how| (number, name, how))
    });
    let (number, name, how) =
        caught.unwrap_or_else(|| panic!("{mutation:?} survived {SEEDS_MAX} worlds"));
    let how: String = how.chars().take(90).collect();
    println!("{mutation:?}: caught in world {number} ({name}): {how}");
    let (plan, name) = plan(number);
    assert_eq!(carry_out(&plan).err(), None, "{name}: the rule itself fails in world {number}");
}

#[test]
fn wrong_rules_of_drivers_are_caught() {
    Mutation::OF_DRIVERS.into_iter().for_each(check_caught);
}

/// The node's wrong rules, in parts that run at the same time.
fn check_part(part: usize) {
    let part = node::Mutation::OF_CALLS.iter().skip(part).step_by(3);
    part.for_each(|mutation| check_caught(Mutation::Node(*mutation)));
}

#[test]
fn wrong_rules_of_coordination_are_caught() {
    check_caught(Mutation::Node(node::Mutation::HintCountsAsOwner));
    check_caught(Mutation::Node(node::Mutation::RepeatedAnswerCounts));
    check_caught(Mutation::Node(node::Mutation::RemovalLooksHereOnly));
}

/// Wrong rules of members, each with a world of `members` that is known to break by it.
const OF_MEMBERS: [(node::Mutation, u64); 4] = [
    (node::Mutation::DroppedEarly, 0),
    (node::Mutation::LevelInOldOwnersOnly, 63),
    (node::Mutation::ServedBeforeReady, 36),
    (node::Mutation::DetectorRemoves, 0),
];

#[test]
fn wrong_rules_of_members_are_caught() {
    let profile = Profile::named("members").expect("it is one of all");
    let draw = |seed| Plan::draw(seed, profile.setup(seed));
    for (mutation, known) in OF_MEMBERS {
        let mut seeds = std::iter::once(known).chain(0..200);
        let caught = seeds
            .find_map(|seed| noticed(draw(seed), Mutation::Node(mutation)).map(|how| (seed, how)));
        let (seed, how) = caught.unwrap_or_else(|| panic!("{mutation:?} survived 200 worlds"));
        println!("{mutation:?}: caught in world {seed} (members): {how}");
        assert_eq!(carry_out(&draw(seed)).err(), None, "the rule itself fails in world {seed}");
    }
}

#[test]
fn wrong_rules_of_nodes_are_caught_first_part() {
    check_part(0);
}

#[test]
fn wrong_rules_of_nodes_are_caught_second_part() {
    check_part(1);
}

#[test]
fn wrong_rules_of_nodes_are_caught_third_part() {
    check_part(2);
}
