//! Reads that look at other owners: what they take ahead of the exchange, and what they leave.

use api::{Level, Lifetime, Operation, Outcome, SessionId, SetCondition};
use node::Mutation;

use crate::net::{Net, call, id};

fn at(level: Level, key: &str, operation: Operation) -> api::Call {
    let mut call = call(key, operation);
    (call.read, call.write) = (level, level);
    call
}

fn set(value: &[u8]) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.to_vec(), lifetime, condition }
}

/// Three owners whose clocks are compared by reads alone.
fn quiet(seed: u64, mutation: Option<Mutation>) -> Net {
    let mut net = Net::start_with(&[3], seed, |config| config.exchange_interval_ms = 10_000_000);
    net.mutate(mutation);
    net.run(100);
    net
}

fn taken(net: &Net, node: u32) -> u64 {
    net.nodes[&id(node)].status().exchange.taken
}

/// Writes that the third node does not hear of, all to one shard.
fn write_unheard(net: &mut Net, count: usize) {
    net.mute(id(3));
    for number in 0..count {
        net.ask_later(id(1), at(Level::One, &format!("{{shard}}{number}"), set(&[7; 512])));
    }
    net.run(20);
    net.unmute_all();
}

#[test]
fn a_read_takes_its_key_and_not_the_shard() {
    for count in [100, 6_000] {
        let mut net = quiet(count, None);
        write_unheard(&mut net, usize::try_from(count).unwrap());
        for (at_once, key) in ["{shard}7", "{shard}99", "{shard}42"].into_iter().enumerate() {
            let value = net.ask(id(3), at(Level::Quorum, key, Operation::Get));
            assert_eq!(value, Outcome::Value(vec![7; 512]));
            assert_eq!(taken(&net, 3), at_once as u64 + 1, "one operation for each read");
        }
        let nothing = net.ask(id(3), at(Level::Quorum, "{shard}none", Operation::Get));
        assert_eq!(nothing, Outcome::Nothing);
        net.ask(id(3), at(Level::All, "{shard}7", Operation::Get));
        assert_eq!(taken(&net, 3), 3, "nothing is taken twice");
    }
}

#[test]
fn what_a_read_has_left_comes_with_the_exchange() {
    let mut net = Net::start(&[3], 5);
    net.run(100);
    write_unheard(&mut net, 300);
    net.ask(id(1), at(Level::One, "{shard}7", Operation::Delete));
    let value = net.ask(id(3), at(Level::All, "{shard}7", Operation::Get));
    assert_eq!(value, Outcome::Nothing, "the removal comes with what it removes");
    net.run(5_000);
    assert!(net.is_converged());
}

#[test]
fn a_removal_finds_its_key_alone() {
    let mut net = quiet(3, None);
    write_unheard(&mut net, 200);
    let removed = net.ask(id(3), at(Level::Quorum, "{shard}7", Operation::Delete));
    assert_eq!(removed, Outcome::Integer(1));
    assert_eq!(taken(&net, 3), 1);
}

#[test]
fn a_walk_over_a_shard_takes_all_of_it() {
    let mut net = quiet(4, None);
    write_unheard(&mut net, 200);
    let shard = net.shard_of("{shard}0");
    let (from, count_max) = (api::Position::START, 1_000);
    let operation = api::ShardOperation::Count { from, count_max };
    let mut walk = at(Level::Quorum, "", Operation::OnShard { shard, operation });
    walk.key.clear();
    let counted = net.ask(id(3), walk);
    assert!(matches!(counted, Outcome::Counted { count: 200, .. }), "{counted:?}");
    assert_eq!(taken(&net, 3), 200);
}

/// A session has written two keys of a shard, and goes on at an owner that has heard of neither.
pub fn a_session_finds_all_that_it_has_seen(
    seed: u64,
    mutation: Option<Mutation>,
) -> Result<(), String> {
    let mut net = quiet(seed, mutation);
    let session = SessionId(1);
    net.mute(id(3));
    for key in ["{shard}1", "{shard}2"] {
        let mut write = at(Level::One, key, set(b"mine"));
        write.session = Some(session);
        net.ask(id(1), write);
    }
    net.unmute_all();
    let token = net.nodes[&id(1)].session_token(session);
    net.nodes.get_mut(&id(3)).unwrap().adopt_token(session, &token).unwrap();
    for key in ["{shard}1", "{shard}2"] {
        let mut read = at(Level::One, key, Operation::Get);
        read.session = Some(session);
        let value = net.ask(id(3), read);
        if value != Outcome::Value(b"mine".to_vec()) {
            return Err(format!("{key} is {value:?}"));
        }
    }
    Ok(())
}

/// Two owners have the same first part of a key; what only one of them has comes after that.
pub fn a_large_key_is_read_to_its_end(seed: u64, mutation: Option<Mutation>) -> Result<(), String> {
    let mut net = quiet(seed, mutation);
    let add = |members| at(Level::One, "large", Operation::SetAdd { members });
    net.mute(id(1));
    let members = (0..1_000).map(|number| format!("{number:0500}").into_bytes()).collect();
    net.ask(id(2), add(members));
    net.run(20);
    net.mute(id(2));
    net.ask(id(3), add(vec![b"z".to_vec()]));
    net.unmute_all();
    let count = net.ask(id(1), at(Level::All, "large", Operation::SetCount));
    if count == Outcome::Integer(1_001) { Ok(()) } else { Err(format!("{count:?} of 1001")) }
}
