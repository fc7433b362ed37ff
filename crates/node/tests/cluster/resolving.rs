//! Contexts: a write supersedes the versions that its client was shown, and no other.

use api::{
    Call, CallError, Level, Lifetime, Operation, Outcome, SealedContext, SetCondition, Siblings,
    StringOperation,
};
use node::Mutation;

use crate::net::{Net, call, id};

fn at_one(operation: Operation) -> Call {
    let mut call = call("k", operation);
    (call.read, call.write) = (Level::One, Level::One);
    call
}

fn set(value: &str) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.into(), lifetime, condition }
}

fn resolve(value: Option<&str>, context: &SealedContext) -> Operation {
    Operation::String(StringOperation::Resolve {
        value: value.map(Into::into),
        lifetime: Lifetime::Forever,
        context: context.clone(),
    })
}

fn siblings(net: &mut Net, node: u32) -> Siblings {
    match net.ask(id(node), at_one(Operation::Siblings)) {
        Outcome::Siblings(siblings) => siblings,
        other => panic!("{other:?}"),
    }
}

/// The live values at a node, in order.
fn values(net: &mut Net, node: u32) -> Vec<Vec<u8>> {
    let versions = siblings(net, node).versions;
    let mut values: Vec<_> = versions.into_iter().map(|version| version.value).collect();
    values.sort_unstable();
    values
}

/// Three nodes that hear nothing of each other, each with a value of its own: `v1` to `v3`.
fn apart(seed: u64) -> Net {
    let mut net = Net::start(&[3], seed);
    for node in 1..=3 {
        net.isolate(id(node));
    }
    for node in 1..=3 {
        let written = net.ask(id(node), at_one(set(&format!("v{node}"))));
        assert_eq!(written, Outcome::Done);
    }
    net
}

fn together(net: &mut Net) {
    net.heal();
    net.run(3_000);
    assert!(net.is_converged());
}

/// A client was shown two of three values and writes over them.
pub fn what_was_not_shown_stays(seed: u64, mutation: Option<Mutation>) -> Result<(), String> {
    let mut net = apart(seed);
    net.mutate(mutation);
    net.rejoin(id(1), id(2));
    net.run(3_000);
    let shown = siblings(&mut net, 1);
    assert_eq!(shown.versions.len(), 2, "seed {seed}");
    together(&mut net);
    let done = net.ask(id(2), at_one(resolve(Some("merged"), &shown.context)));
    assert_eq!(done, Outcome::Done);
    together(&mut net);
    for node in 1..=3 {
        let values = values(&mut net, node);
        if values != [b"merged".to_vec(), b"v3".to_vec()] {
            return Err(format!("n{node} holds {values:?}"));
        }
    }
    Ok(())
}

#[test]
fn what_was_shown_is_superseded_where_it_has_not_arrived_yet() {
    for seed in 0..20 {
        let mut net = apart(seed);
        let first = siblings(&mut net, 1);
        let done = net.ask(id(2), at_one(resolve(Some("over v1"), &first.context)));
        assert_eq!(done, Outcome::Done);
        together(&mut net);
        for node in 1..=3 {
            let expected = [b"over v1".to_vec(), b"v2".to_vec(), b"v3".to_vec()];
            assert_eq!(values(&mut net, node), expected, "seed {seed}, n{node}");
        }
    }
}

#[test]
fn what_was_shown_can_be_removed_and_nothing_else_goes() {
    for seed in 0..20 {
        let mut net = apart(seed);
        let first = siblings(&mut net, 1);
        together(&mut net);
        assert_eq!(net.ask(id(3), at_one(resolve(None, &first.context))), Outcome::Done);
        together(&mut net);
        for node in 1..=3 {
            assert_eq!(values(&mut net, node), [b"v2".to_vec(), b"v3".to_vec()], "seed {seed}");
        }
        let rest = siblings(&mut net, 1);
        assert_eq!(net.ask(id(1), at_one(resolve(None, &rest.context))), Outcome::Done);
        assert_eq!(net.ask(id(1), at_one(Operation::Exists)), Outcome::Integer(0));
    }
}

#[test]
fn a_context_of_nothing_writes_beside_what_there_is() {
    let mut net = Net::start(&[3], 1);
    let nothing = siblings(&mut net, 1);
    assert_eq!((nothing.value, nothing.versions.len()), (None, 0));
    net.ask(id(1), at_one(set("theirs")));
    net.ask(id(1), at_one(resolve(Some("mine"), &nothing.context)));
    assert_eq!(values(&mut net, 1), [b"mine".to_vec(), b"theirs".to_vec()]);
}

#[test]
fn increments_that_are_here_count_as_shown() {
    let mut net = Net::start(&[3], 1);
    net.ask(id(1), at_one(set("10")));
    net.ask(id(1), at_one(Operation::Increment { by: 5 }));
    let shown = siblings(&mut net, 1);
    assert_eq!(shown.value, Some(b"15".to_vec()));
    assert_eq!(shown.versions[0].value, b"10", "as it was written");
    net.ask(id(1), at_one(resolve(Some("15"), &shown.context)));
    assert_eq!(siblings(&mut net, 1).value, Some(b"15".to_vec()), "and not 20");
}

#[test]
fn contexts_of_other_keys_and_forged_ones_change_nothing() {
    let mut net = Net::start(&[3], 1);
    net.ask(id(1), at_one(set("v")));
    let good = siblings(&mut net, 1).context;
    let mut elsewhere = at_one(resolve(Some("w"), &good));
    elsewhere.key = b"other".to_vec();
    let bad = Outcome::Failed(CallError::BadContext);
    assert_eq!(net.ask(id(1), elsewhere), bad);
    for at in 0..good.0.len() {
        let mut forged = good.clone();
        forged.0[at] ^= 1;
        for node in 1..=3 {
            assert_eq!(net.ask(id(node), at_one(resolve(Some("w"), &forged))), bad, "byte {at}");
        }
    }
    assert_eq!(values(&mut net, 1), [b"v".to_vec()]);
}

#[test]
fn a_resolution_sets_the_expiry_it_says_and_needs_a_string() {
    let mut net = Net::start(&[3], 1);
    net.ask(id(1), at_one(set("v")));
    let context = siblings(&mut net, 1).context;
    let until = Lifetime::Until(net.now.plus(60_000));
    let value = Some(b"w".to_vec());
    let operation = StringOperation::Resolve { value, lifetime: until, context };
    assert_eq!(net.ask(id(1), at_one(Operation::String(operation))), Outcome::Done);
    let held = siblings(&mut net, 1);
    assert_eq!(Lifetime::Until(held.expiry.expect("it has one")), until);
    net.ask(id(1), at_one(Operation::Delete));
    net.ask(id(1), at_one(Operation::SetAdd { members: vec![b"m".to_vec()] }));
    let refused = net.ask(id(1), at_one(resolve(Some("w"), &held.context)));
    assert_eq!(refused, Outcome::Failed(CallError::WrongType));
}
