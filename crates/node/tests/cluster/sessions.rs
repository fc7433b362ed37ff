//! Session guarantees: what a session wrote or read stays visible to it, whoever answers.
//!
//! The checker knows nothing of clocks: one counter key only grows, so a session that sees it
//! shrink has lost what it read, and one that sees less than it added has lost what it wrote.

use std::collections::BTreeMap;

use api::{Call, CallError, Level, Operation, Outcome, SessionId, SetCondition};

use crate::net::{Net, call, id};

const SESSION: SessionId = SessionId(1);

fn at_one(key: &str, operation: Operation, session: SessionId) -> Call {
    let mut call = call(key, operation);
    (call.read, call.write) = (Level::One, Level::One);
    call.session = Some(session);
    call
}

/// Moves a session from one node to another.
fn carry(net: &mut Net, session: SessionId, from: u32, to: u32) {
    let token = net.nodes[&id(from)].session_token(session);
    let there = net.nodes.get_mut(&id(to)).unwrap();
    there.adopt_token(session, &token).unwrap();
}

fn set(value: &str) -> Operation {
    let lifetime = api::Lifetime::Forever;
    Operation::Set { value: value.into(), lifetime, condition: SetCondition::Always }
}

#[test]
fn a_session_reads_its_writes_at_a_node_that_has_not_heard_of_them() {
    for seed in 0..50 {
        let mut net = Net::start(&[3], seed);
        let write = at_one("k", set("mine"), SESSION);
        assert_eq!(net.ask(id(1), write), Outcome::Done);
        // Without the session, the other node answers with what it has: nothing yet.
        let stranger = at_one("k", Operation::Get, SessionId(2));
        assert_eq!(net.ask(id(3), stranger), Outcome::Nothing, "seed {seed}");
        carry(&mut net, SESSION, 1, 3);
        let read = at_one("k", Operation::Get, SESSION);
        assert_eq!(net.ask(id(3), read), Outcome::Value(b"mine".to_vec()), "seed {seed}");
    }
}

#[test]
fn a_session_ahead_of_every_owner_in_reach_is_refused_and_served_after_the_heal() {
    let mut net = Net::start(&[3], 1);
    net.cut(id(1), id(2));
    net.cut(id(1), id(3));
    assert_eq!(net.ask(id(1), at_one("k", set("mine"), SESSION)), Outcome::Done);
    carry(&mut net, SESSION, 1, 2);
    let read = at_one("k", Operation::Get, SESSION);
    let refused = Outcome::Failed(CallError::SessionAhead);
    assert_eq!(net.ask(id(2), read.clone()), refused);
    assert_eq!(net.ask(id(2), at_one("k", set("later"), SESSION)), refused);
    let stranger = at_one("k", Operation::Get, SessionId(2));
    assert_eq!(net.ask(id(2), stranger), Outcome::Nothing, "others are served");
    net.heal();
    assert_eq!(net.ask(id(2), read), Outcome::Value(b"mine".to_vec()));
}

#[test]
fn a_later_write_of_a_session_wins_wherever_it_is_made() {
    for seed in 0..50 {
        let mut net = Net::start(&[3], seed);
        assert_eq!(net.ask(id(1), at_one("k", set("first"), SESSION)), Outcome::Done);
        carry(&mut net, SESSION, 1, 3);
        assert_eq!(net.ask(id(3), at_one("k", set("second"), SESSION)), Outcome::Done);
        net.run(3_000);
        for node in 1..=3 {
            let versions = net.ask(id(node), call("k", Operation::Siblings));
            let Outcome::Siblings(versions) = versions else { panic!("{versions:?}") };
            let values: Vec<_> =
                versions.versions.iter().map(|version| &version.value[..]).collect();
            assert_eq!(values, [b"second"], "seed {seed}: the first is superseded");
        }
    }
}

#[test]
fn a_token_of_another_cluster_or_a_forged_one_changes_nothing() {
    let mut net = Net::start(&[3], 1);
    assert_eq!(net.ask(id(1), at_one("k", set("mine"), SESSION)), Outcome::Done);
    let mut token = net.nodes[&id(1)].session_token(SESSION);
    let last = token.0.len() - 1;
    token.0[last] ^= 1;
    let there = net.nodes.get_mut(&id(3)).unwrap();
    assert_eq!(there.adopt_token(SESSION, &token), Err(api::TokenError::Foreign));
    let read = at_one("k", Operation::Get, SESSION);
    assert_eq!(net.ask(id(3), read), Outcome::Nothing, "nothing was adopted");
}

/// A session of the random world: where it is, and what it must see at least.
#[derive(Default)]
struct Known {
    node: u32,
    counts: BTreeMap<String, i64>,
}

/// Sessions wander between nodes that own the keys and nodes that do not, under cuts.
fn wander(seed: u64, nodes: u32) -> Result<u64, String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut net = Net::start(&[nodes], seed);
    let mut sessions: BTreeMap<u64, Known> = BTreeMap::new();
    let mut served = 0;
    for _ in 0..60 {
        match rng.u32(..10) {
            0 => {
                let (left, right) = (rng.u32(1..=nodes), rng.u32(1..=nodes));
                if left != right {
                    net.cut(id(left), id(right));
                }
            }
            1 => net.heal(),
            _ => {}
        }
        let name = rng.u64(1..4);
        let known = sessions.entry(name).or_default();
        let node = rng.u32(1..=nodes);
        if known.node != 0 && known.node != node {
            carry(&mut net, SessionId(name), known.node, node);
        }
        known.node = node;
        let key = format!("counter{}", rng.u32(..3));
        let is_write = rng.bool();
        let by = i64::from(is_write);
        let operation = if is_write { Operation::Increment { by } } else { Operation::Get };
        let outcome = net.ask(id(node), at_one(&key, operation, SessionId(name)));
        let seen = match outcome {
            Outcome::Integer(value) => value,
            Outcome::Value(text) => String::from_utf8_lossy(&text).parse().unwrap(),
            Outcome::Nothing => 0,
            Outcome::Failed(_) => continue,
            other => return Err(format!("seed {seed}: {other:?}")),
        };
        served += 1;
        let least = known.counts.entry(key.clone()).or_default();
        if seen < *least + by {
            return Err(format!("seed {seed}: session {name} saw {key} at {least}, then {seen}"));
        }
        *least = seen;
        net.run(rng.u64(..6));
    }
    Ok(served)
}

#[test]
fn sessions_that_wander_never_see_less_than_before() {
    let count = std::env::var("STARLING_SEEDS").map_or(150, |count| count.parse().unwrap());
    let mut served = 0_u64;
    for seed in 0..count {
        served += wander(seed, 3).unwrap_or_else(|error| panic!("{error}"));
        served += wander(seed, 6).unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(served > count * 60, "only {served} calls were served");
}
