//! Read repair: what owners do that a read finds behind, and whom a read asks at all.

use api::{Call, Level, Lifetime, Operation, Outcome, SetCondition};
use node::{Mutation, ReadRepair};

use crate::net::{Net, call, id};

fn at(level: Level, operation: Operation) -> Call {
    let mut call = call("k", operation);
    (call.read, call.write) = (level, level);
    call
}

fn set(value: &str) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.into(), lifetime, condition }
}

fn value(text: &str) -> Outcome {
    Outcome::Value(text.into())
}

/// Three owners whose clocks are compared by reads alone; the first has a write that no other has.
fn ahead(seed: u64, repair: ReadRepair, per_mille: u32) -> Net {
    let mut net = Net::start_with(&[3], seed, |config| {
        config.exchange_interval_ms = 10_000_000;
        config.coordination.read_repair = repair;
        config.coordination.read_repair_per_mille = per_mille;
    });
    net.run(100);
    net.mute(id(2));
    net.mute(id(3));
    assert_eq!(net.ask(id(1), at(Level::One, set("new"))), Outcome::Done);
    net.unmute_all();
    net
}

/// How many of the other owners have the write.
fn repaired(net: &mut Net) -> usize {
    let has_it = |node: &&u32| net.ask(id(**node), at(Level::One, Operation::Get)) == value("new");
    [2, 3u32].iter().filter(has_it).count()
}

#[test]
fn who_is_found_behind_takes_what_it_misses_as_the_mode_says() {
    let modes = [(ReadRepair::Blocking, 1), (ReadRepair::Background, 1), (ReadRepair::Off, 0)];
    for (mode, expected) in modes {
        for seed in 0..6 {
            let mut net = ahead(seed, mode, 0);
            assert_eq!(net.ask(id(1), at(Level::Quorum, Operation::Get)), value("new"));
            if mode == ReadRepair::Blocking {
                assert!(repaired(&mut net) >= 1, "seed {seed}: before the answer");
            }
            net.run(40);
            let counts = net.nodes.values().map(|node| node.status().repairs);
            let moved: u64 = counts.map(|counts| counts.moved).sum();
            // A second owner is asked when the first is not fast enough.
            let found = repaired(&mut net);
            assert!((expected..=2 * expected).contains(&found), "seed {seed}, {mode:?}: {found}");
            assert_eq!(moved, found as u64, "seed {seed}, {mode:?}");
        }
    }
}

#[test]
fn reads_at_one_owner_repair_now_and_then() {
    let mut net = ahead(1, ReadRepair::Blocking, 100);
    for _ in 0..9 {
        assert_eq!(net.ask(id(3), at(Level::One, Operation::Get)), Outcome::Nothing);
    }
    assert_eq!(net.ask(id(3), at(Level::One, Operation::Get)), Outcome::Nothing, "the tenth asks");
    net.run(40);
    assert_eq!(net.ask(id(3), at(Level::One, Operation::Get)), value("new"));
    let counts = net.nodes[&id(3)].status().repairs;
    assert_eq!((counts.sampled, counts.moved), (1, 1));
    let mut net = ahead(2, ReadRepair::Off, 1_000);
    net.ask(id(3), at(Level::One, Operation::Get));
    net.run(40);
    assert_eq!(net.ask(id(3), at(Level::One, Operation::Get)), Outcome::Nothing, "it is off");
}

#[test]
fn no_more_owners_are_asked_than_the_level_needs() {
    for (datacenters, level, needed) in [
        (&[3][..], Level::Quorum, 1),
        (&[3], Level::All, 2),
        (&[3, 3], Level::Quorum, 3),
        (&[3, 3], Level::LocalQuorum, 1),
        (&[3, 3], Level::EachQuorum, 3),
    ] {
        let mut net = Net::start(datacenters, 1);
        net.run(2_000);
        net.sizes.clear();
        for _ in 0..200 {
            assert_eq!(net.ask(id(1), at(level, Operation::Get)), Outcome::Nothing);
        }
        let asked = net.sizes[&wire::Kind::KeysWanted].len();
        let most = 200 * needed + 200 / 20 * 4;
        assert!((200 * needed..=most).contains(&asked), "{datacenters:?} {level}: {asked}");
    }
}

#[test]
fn a_question_for_a_key_is_small() {
    let mut net = Net::start(&[3], 1);
    net.run(2_000);
    net.sizes.clear();
    net.ask(id(1), at(Level::All, Operation::Get));
    let sizes = &net.sizes[&wire::Kind::KeysWanted];
    assert!(sizes.iter().all(|size| *size <= 64), "{sizes:?}");
}

/// A write that one owner has is shown by a read at a quorum; then that owner is cut off.
pub fn reads_at_a_quorum_do_not_go_back(
    seed: u64,
    mutation: Option<Mutation>,
) -> Result<(), String> {
    let mut net = ahead(seed, ReadRepair::Blocking, 0);
    net.mutate(mutation);
    let shown = net.ask(id(1), at(Level::Quorum, Operation::Get));
    if shown != value("new") {
        return Err(format!("{shown:?}"));
    }
    net.isolate(id(1));
    let again = net.ask(id(3), at(Level::Quorum, Operation::Get));
    if again == shown { Ok(()) } else { Err(format!("{again:?} after {shown:?}")) }
}

/// One of two other owners stands still; either is enough.
pub fn a_silent_owner_does_not_hold_a_read_up(
    seed: u64,
    mutation: Option<Mutation>,
) -> Result<(), String> {
    let mut net = Net::start(&[3], seed);
    net.mutate(mutation);
    net.run(2_000);
    net.freeze(id(2));
    for _ in 0..4 {
        let started = net.now;
        let outcome = net.ask(id(1), at(Level::Quorum, Operation::Get));
        let took = net.now.0 - started.0;
        if outcome != Outcome::Nothing || took > 200 {
            return Err(format!("{outcome:?} after {took} ms"));
        }
    }
    Ok(())
}
