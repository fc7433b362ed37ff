//! What each data type comes to when two datacenters write apart and meet again: one test for each
//! sentence of the documentation.

use api::{
    Bit, Comparison, Counted, Level, Lifetime, ListEnd, ListOperation, Operation, Order, Outcome,
    Presence, PushRule, Score, ScoreRule, SetCondition, StringOperation, ZsetOperation, ZsetRange,
};

use crate::net::{Net, call, id};

/// A node of each datacenter.
const LEFT: u32 = 1;
const RIGHT: u32 = 4;

/// Two datacenters of three nodes that both know what was written first, cut apart.
fn apart(seed: u64, first: &[(&str, Operation)]) -> Net {
    let mut net = Net::start(&[3, 3], seed);
    for (key, operation) in first {
        let outcome = net.ask(id(LEFT), call(key, operation.clone()));
        assert!(!matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
    net.run(3_000);
    for left in 1..=3 {
        for right in 4..=6 {
            net.cut(id(left), id(right));
        }
    }
    net
}

fn ask(net: &mut Net, node: u32, key: &str, operation: Operation) -> Outcome {
    net.run(10);
    let outcome = net.ask(id(node), call(key, operation));
    assert!(!matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    outcome
}

/// Heals, and returns what all nodes agree on.
fn agreed(net: &mut Net, key: &str, operation: Operation) -> Outcome {
    net.heal();
    net.run(5_000);
    assert!(net.is_converged());
    let mut read = call(key, operation);
    read.read = Level::One;
    let outcomes: Vec<Outcome> = (1..=6).map(|node| net.ask(id(node), read.clone())).collect();
    let first = outcomes[0].clone();
    assert!(outcomes.iter().all(|outcome| *outcome == first), "{outcomes:?}");
    first
}

fn set(value: &str) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.into(), lifetime, condition }
}

fn value(text: &str) -> Outcome {
    Outcome::Value(text.into())
}

fn score(value: f64) -> Score {
    Score::new(value).unwrap()
}

fn zadd(member: &str, value: f64) -> Operation {
    Operation::Zset(ZsetOperation::Add {
        members: vec![(score(value), member.into())],
        rule: ScoreRule { presence: Presence::Any, comparison: Comparison::Any },
        counted: Counted::New,
    })
}

fn zincrby(member: &str, by: f64) -> Operation {
    let (member, by, rule) = (member.into(), score(by), ScoreRule::default());
    Operation::Zset(ZsetOperation::Increment { member, by, rule })
}

fn whole_zset() -> Operation {
    let range = ZsetRange::Rank { start: 0, stop: -1 };
    Operation::Zset(ZsetOperation::Range { range, order: Order::Rising, skip: 0, limit: u64::MAX })
}

fn scored(members: &[(&str, f64)]) -> Outcome {
    Outcome::Scored(members.iter().map(|(name, value)| ((*name).into(), score(*value))).collect())
}

fn push(end: ListEnd, values: &[&str]) -> Operation {
    let values = values.iter().map(|value| (*value).into()).collect();
    Operation::List(ListOperation::Push { end, values, rule: PushRule::Always })
}

fn pop() -> Operation {
    Operation::List(ListOperation::Pop { end: ListEnd::Front, limit: 1 })
}

fn whole_list() -> Operation {
    Operation::List(ListOperation::Range { start: 0, stop: -1 })
}

fn values(values: &[&str]) -> Outcome {
    Outcome::Values(values.iter().map(|value| (*value).into()).collect())
}

#[test]
fn strings_the_last_writer_wins_also_when_bytes_are_appended() {
    for seed in 0..4 {
        let mut net = apart(seed, &[("k", set("base"))]);
        let append =
            |bytes: &str| Operation::String(StringOperation::Append { bytes: bytes.into() });
        ask(&mut net, LEFT, "k", append("-left"));
        ask(&mut net, RIGHT, "k", append("-right"));
        assert_eq!(agreed(&mut net, "k", Operation::Get), value("base-right"), "seed {seed}");
    }
}

#[test]
fn bits_the_last_writer_wins_for_the_whole_string() {
    let mut net = apart(1, &[]);
    let set = |offset| Operation::String(StringOperation::SetBit { offset, bit: Bit::Set });
    ask(&mut net, LEFT, "k", set(1));
    ask(&mut net, RIGHT, "k", set(7));
    let count = Operation::String(StringOperation::CountBits { range: None });
    assert_eq!(agreed(&mut net, "k", count), Outcome::Integer(1));
}

#[test]
fn decimal_increments_all_count() {
    let mut net = apart(2, &[("k", set("10"))]);
    let add = |by: &str| Operation::String(StringOperation::IncrementDecimal { by: by.into() });
    ask(&mut net, LEFT, "k", add("0.5"));
    ask(&mut net, RIGHT, "k", add("1.25"));
    assert_eq!(agreed(&mut net, "k", Operation::Get), value("11.75"));
}

#[test]
fn fields_merge_one_by_one_and_increments_of_one_add_up() {
    let field =
        |name: &str, value: &str| Operation::MapSet { fields: vec![(name.into(), value.into())] };
    let mut net = apart(3, &[("h", field("shared", "1"))]);
    let add = |by| Operation::MapIncrement { field: "shared".into(), by };
    ask(&mut net, LEFT, "h", field("left", "l"));
    ask(&mut net, LEFT, "h", add(10));
    ask(&mut net, RIGHT, "h", field("right", "r"));
    ask(&mut net, RIGHT, "h", add(100));
    let fields = ["left", "right", "shared"].map(Into::into).to_vec();
    let expected = ["l", "r", "111"].map(|value| Some(value.into())).to_vec();
    assert_eq!(agreed(&mut net, "h", Operation::MapGet { fields }), Outcome::Optionals(expected));
}

#[test]
fn scores_the_last_writer_wins_and_increments_add_up() {
    let mut net = apart(4, &[("z", zadd("m", 1.0)), ("z", zadd("n", 1.0))]);
    ask(&mut net, LEFT, "z", zadd("m", 5.0));
    ask(&mut net, LEFT, "z", zincrby("n", 0.5));
    ask(&mut net, RIGHT, "z", zadd("m", 3.0));
    ask(&mut net, RIGHT, "z", zincrby("n", 2.0));
    let expected = scored(&[("m", 3.0), ("n", 3.5)]);
    assert_eq!(agreed(&mut net, "z", whole_zset()), expected);
    let count = Operation::Zset(ZsetOperation::Count);
    assert_eq!(agreed(&mut net, "z", count), Outcome::Integer(2));
}

#[test]
fn a_member_that_is_added_and_taken_apart_stays() {
    let mut net = apart(5, &[("z", zadd("m", 1.0))]);
    let taken = Operation::Zset(ZsetOperation::Pop { order: Order::Rising, limit: 1 });
    assert_eq!(ask(&mut net, LEFT, "z", taken), scored(&[("m", 1.0)]));
    ask(&mut net, RIGHT, "z", zadd("m", 1.0));
    assert_eq!(agreed(&mut net, "z", whole_zset()), scored(&[("m", 1.0)]));
}

#[test]
fn pushes_all_survive_each_side_in_its_order() {
    for seed in 0..4 {
        let mut net = apart(seed, &[("l", push(ListEnd::Back, &["base"]))]);
        ask(&mut net, LEFT, "l", push(ListEnd::Back, &["l1", "l2"]));
        ask(&mut net, RIGHT, "l", push(ListEnd::Back, &["r1", "r2"]));
        let Outcome::Values(found) = agreed(&mut net, "l", whole_list()) else { panic!() };
        let found: Vec<String> =
            found.into_iter().map(|value| String::from_utf8(value).unwrap()).collect();
        let left_first = ["base", "l1", "l2", "r1", "r2"];
        let right_first = ["base", "r1", "r2", "l1", "l2"];
        assert!(found == left_first || found == right_first, "seed {seed}: {found:?}");
    }
}

#[test]
fn an_element_that_both_sides_pop_is_handed_out_twice_and_gone_once() {
    let mut net = apart(6, &[("l", push(ListEnd::Back, &["a", "b"]))]);
    assert_eq!(ask(&mut net, LEFT, "l", pop()), values(&["a"]));
    assert_eq!(ask(&mut net, RIGHT, "l", pop()), values(&["a"]));
    assert_eq!(agreed(&mut net, "l", whole_list()), values(&["b"]));
}

#[test]
fn sketches_are_joined_and_no_addition_is_lost() {
    let add = |elements: &[&str]| Operation::SketchAdd {
        elements: elements.iter().map(|element| (*element).into()).collect(),
    };
    let mut net = apart(7, &[("s", add(&["a"]))]);
    ask(&mut net, LEFT, "s", add(&["b", "c"]));
    ask(&mut net, RIGHT, "s", add(&["c", "d"]));
    let Outcome::Value(bytes) = agreed(&mut net, "s", Operation::SketchGet) else { panic!() };
    let sketch = cells::types::sketch::Sketch::decode(&bytes).unwrap();
    assert_eq!(sketch.count(), 4);
}

#[test]
fn what_a_store_replaced_is_gone_and_what_came_meanwhile_stays() {
    let replace = |members: &[&str]| Operation::SetReplace {
        members: members.iter().map(|member| (*member).into()).collect(),
    };
    let add = |member: &str| Operation::SetAdd { members: vec![member.into()] };
    let mut net = apart(8, &[("s", replace(&["old", "older"]))]);
    ask(&mut net, LEFT, "s", replace(&["new"]));
    ask(&mut net, RIGHT, "s", add("added"));
    assert_eq!(agreed(&mut net, "s", Operation::SetMembers), values(&["added", "new"]));
}

#[test]
fn of_two_ends_the_later_one_holds() {
    let mut net = apart(9, &[("k", push(ListEnd::Back, &["a"]))]);
    let at = net.now.plus(3_600_000);
    ask(&mut net, LEFT, "k", Operation::ExpireAt { at: at.plus(5_000) });
    ask(&mut net, RIGHT, "k", Operation::ExpireAt { at });
    let expected = Outcome::Expiry(Some(at.plus(5_000)));
    assert_eq!(agreed(&mut net, "k", Operation::ExpiryOf), expected);
}
