//! One copy of a write for each remote datacenter, and what becomes of it when a relay fails.

use api::{CallError, Level, Operation, Outcome};
use causality::NodeId;
use node::Mutation;

use crate::net::{Net, call, id};

/// Two datacenters whose clocks are not compared: what arrives was sent by the coordinator.
fn far(seed: u64, mutation: Option<Mutation>) -> Net {
    let mut net = Net::start_with(&[3, 3], seed, |config| config.exchange_interval_ms = 10_000_000);
    net.mutate(mutation);
    net.run(2_000);
    net
}

fn add(level: Level, member: u64) -> api::Call {
    let members = vec![member.to_string().into_bytes()];
    let mut call = call("set", Operation::SetAdd { members });
    call.write = level;
    call
}

/// How many of some nodes have a member.
fn holders(net: &mut Net, nodes: &[NodeId], member: u64) -> usize {
    let contains = Operation::SetContains { members: vec![member.to_string().into_bytes()] };
    let mut read = call("set", contains);
    read.read = Level::One;
    let has_it = |node: &&NodeId| net.ask(**node, read.clone()) == Outcome::Integers(vec![1]);
    nodes.iter().filter(has_it).count()
}

const FAR: [NodeId; 3] = [id(4), id(5), id(6)];

#[test]
fn a_write_crosses_once_and_every_level_counts_owners() {
    let levels = [Level::LocalOne, Level::Quorum, Level::EachQuorum, Level::All];
    for (seed, level) in (0..).zip(levels) {
        let mut net = far(seed, None);
        for member in 0..30 {
            let far_before = net.batches_far;
            assert_eq!(net.ask(id(1), add(level, member)), Outcome::Integer(1));
            let least = match level {
                Level::EachQuorum => 2,
                Level::All => 3,
                _ => 0,
            };
            assert!(holders(&mut net, &FAR, member) >= least, "{level}");
            net.run(50);
            assert_eq!(net.batches_far - far_before, 1, "{level}: one copy for three owners");
            assert_eq!(holders(&mut net, &FAR, member), 3);
        }
        let counts = net.nodes[&id(1)].status().relays;
        assert_eq!((counts.saved, counts.resent), (60, 0));
    }
}

#[test]
fn a_relay_that_stands_still_is_replaced_before_the_call_fails() {
    for seed in 0..8 {
        let mut net = far(seed, None);
        net.freeze(id(4 + u32::try_from(seed % 3).unwrap()));
        for member in 0..6 {
            let outcome = net.ask(id(2), add(Level::EachQuorum, member));
            assert_eq!(outcome, Outcome::Integer(1), "seed {seed}");
        }
        assert!(net.nodes[&id(2)].status().relays.resent > 0);
    }
}

#[test]
fn without_relays_every_owner_is_sent_a_copy() {
    let mut net = Net::start_with(&[3, 3], 1, |config| config.coordination.relays = false);
    net.run(2_000);
    assert_eq!(net.ask(id(1), add(Level::All, 1)), Outcome::Integer(1));
    assert_eq!(net.batches_far, 3);
}

/// What relays pass on is lost: nobody far away but the relay has the write.
pub fn a_relay_answers_for_itself_alone(
    seed: u64,
    mutation: Option<Mutation>,
) -> Result<(), String> {
    let mut net = far(seed, mutation);
    for left in FAR {
        for right in FAR.into_iter().filter(|right| left < *right) {
            net.drop_between(left, right);
        }
    }
    let started = net.now;
    let outcome = net.ask(id(1), add(Level::EachQuorum, 1));
    let held = holders(&mut net, &FAR, 1);
    if outcome != Outcome::Integer(1) || held >= 2 {
        return Ok(());
    }
    Err(format!("answered after {} ms, held by {held}", net.now.0 - started.0))
}

/// Nothing fails, and nobody has to wait for a relay's patience to end.
pub fn a_relay_passes_a_write_on(seed: u64, mutation: Option<Mutation>) -> Result<(), String> {
    let mut net = far(seed, mutation);
    let started = net.now;
    let outcome = net.ask(id(1), add(Level::All, 1));
    let took = net.now.0 - started.0;
    if outcome == Outcome::Integer(1) && took < 50 {
        return Ok(());
    }
    Err(format!("{outcome:?} after {took} ms"))
}

/// The link to the relay breaks with the write on it.
pub fn a_lost_relay_is_replaced_at_once(
    seed: u64,
    mutation: Option<Mutation>,
) -> Result<(), String> {
    let mut net = far(seed, mutation);
    let request = net.ask_later(id(1), add(Level::EachQuorum, 1));
    let relay = net.relay_of_last_write().expect("a relay was asked");
    net.cut(id(1), relay);
    net.run(30);
    let answered = net.take_replies().into_iter().find(|(of, ..)| *of == request);
    match answered {
        Some((_, Outcome::Integer(1), _)) => Ok(()),
        Some((_, Outcome::Failed(CallError::NotEnoughReplicas { .. }), _)) | None => {
            Err("not answered although two owners far away are well".into())
        }
        Some((_, other, _)) => Err(format!("{other:?}")),
    }
}
