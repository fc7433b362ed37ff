//! Bounded staleness: an answer lacks nothing that is older than the bound, or there is none.

use api::{CallError, Level, Operation, Outcome, Staleness};
use causality::Millis;

use crate::net::{Net, call, id};

fn add(net: &mut Net, node: u32) -> bool {
    let mut add = call("n", Operation::Increment { by: 1 });
    add.write = Level::One;
    matches!(net.ask(id(node), add), Outcome::Integer(_))
}

fn read(net: &mut Net, node: u32, bound: u64) -> Outcome {
    let mut read = call("n", Operation::Get);
    read.read = Level::One;
    read.staleness = Some(Staleness(bound));
    net.ask(id(node), read)
}

fn number(outcome: &Outcome) -> Option<usize> {
    match outcome {
        Outcome::Value(text) => Some(String::from_utf8_lossy(text).parse().unwrap()),
        Outcome::Nothing => Some(0),
        _ => None,
    }
}

#[test]
fn a_quiet_cluster_answers_from_here() {
    let mut net = Net::start(&[3], 1);
    assert!(add(&mut net, 1));
    net.run(5_000);
    let asked = net.now;
    assert_eq!(number(&read(&mut net, 3, 2_000)), Some(1));
    assert_eq!(net.now, asked, "nobody else was asked");
    // Fresher than comparisons can prove: the other owners are asked.
    assert_eq!(number(&read(&mut net, 3, 50)), Some(1));
    assert!(net.now > asked);
}

#[test]
fn an_owner_out_of_reach_freezes_the_bound() {
    let mut net = Net::start(&[3], 2);
    net.run(5_000);
    net.cut(id(3), id(1));
    assert_eq!(number(&read(&mut net, 3, 3_000)), Some(0), "heard of all a moment ago");
    assert!(add(&mut net, 1));
    net.run(5_000);
    let refused = read(&mut net, 3, 3_000);
    assert_eq!(refused, Outcome::Failed(CallError::TooStale { bound_ms: 3_000 }));
    assert_eq!(number(&read(&mut net, 2, 3_000)), Some(1), "others still know");
    net.heal();
    assert_eq!(number(&read(&mut net, 3, 3_000)), Some(1));
}

/// Writers add one here and there while links are cut, messages lost and nodes stand still; what a
/// reader is told never lacks what is older than its bound.
fn wander(seed: u64, datacenters: &[u32]) -> Result<usize, String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut net = Net::start(datacenters, seed);
    let nodes = datacenters.iter().sum();
    let mut added: Vec<Millis> = Vec::new();
    let mut served = 0;
    for _ in 0..60 {
        match rng.u32(..12) {
            0 => {
                let (left, right) = (rng.u32(1..=nodes), rng.u32(1..=nodes));
                if left != right {
                    net.cut(id(left), id(right));
                }
            }
            1 | 2 => net.heal(),
            3 => net.lose_of_replication(rng.f64() * 0.5),
            4 => net.run(rng.u64(..6_000)),
            _ => {}
        }
        if add(&mut net, rng.u32(1..=nodes)) {
            added.push(net.now);
        }
        net.run(rng.u64(..400));
        let bound = rng.u64(..4_000);
        let asked = net.now;
        if let Some(seen) = number(&read(&mut net, rng.u32(1..=nodes), bound)) {
            served += 1;
            let oldest = asked.minus(bound);
            let least = added.iter().filter(|at| **at < oldest).count();
            if seen < least {
                return Err(format!("seed {seed}: {seen} of {least} at a bound of {bound} ms"));
            }
        }
    }
    Ok(served)
}

#[test]
fn no_answer_is_staler_than_it_may_be() {
    let count = std::env::var("STARLING_SEEDS").map_or(60, |count| count.parse().unwrap());
    let mut served = 0;
    for seed in 0..count {
        served += wander(seed, &[3]).unwrap_or_else(|error| panic!("{error}"));
        served += wander(seed, &[2, 2]).unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(served > 1_000, "only {served} reads were served");
}
