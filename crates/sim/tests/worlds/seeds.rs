//! Seeds: named ones that once failed, and a run of fresh ones in every family of worlds.
//!
//! `STARLING_SEEDS=20000 cargo test --release -p sim` takes the large budget; what a failure prints
//! runs its seed again, and `STARLING_TRACE=1` beside it tells every event.

use sim::{Failure, Plan, Profile, carry_out, replay, run, shrink};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn profile(name: &str) -> Profile {
    Profile::named(name).unwrap_or_else(|| panic!("no profile `{name}`"))
}

/// Shows a failure as small as it gets, then fails.
fn fail(failure: &Failure) -> ! {
    let (plan, violation) = shrink(&failure.plan, &failure.violation, 300);
    println!("{} commands and {} faults are enough:", plan.ask_count(), plan.fault_count());
    let mut lines = Vec::new();
    let outcome = replay(&plan, |line| lines.push(line.to_owned()));
    println!("{violation}");
    assert_eq!(outcome.err(), Some(violation), "a smaller plan fails as it did before");
    let skipped = if number("STARLING_TRACE").is_some() { 0 } else { lines.len().max(60) - 60 };
    lines.iter().skip(skipped).for_each(|line| println!("{line}"));
    panic!("{failure}");
}

fn check(name: &str, count: u64, promised_percent: usize) {
    check_first(name, number("STARLING_SEEDS").unwrap_or(count), promised_percent);
}

fn check_first(name: &str, count: u64, promised_percent: usize) {
    let (mut promised, mut attempted, mut slowest_ms, mut events) = (0, 0, 0, 0);
    for seed in 0..count {
        match run(seed, profile(name)) {
            Ok(report) => {
                promised += report.promised_count;
                attempted += report.attempted_count;
                events += report.event_count;
                slowest_ms = report.converged_after_ms.max(slowest_ms);
            }
            Err(failure) => fail(&failure),
        }
    }
    println!(
        "{name}: {count} seeds, {events} events, {promised} of {attempted} commands promised and \
         kept, equal within {slowest_ms} ms"
    );
    assert!(
        promised * 100 >= attempted * promised_percent,
        "a cluster that promises nothing keeps every promise"
    );
}

#[test]
fn seed_of_the_environment() {
    let (Some(seed), Ok(name)) = (number("STARLING_SEED"), std::env::var("STARLING_PROFILE"))
    else {
        return;
    };
    match run(seed, profile(&name)) {
        Ok(report) => println!("{report:#?}"),
        Err(failure) => fail(&failure),
    }
}

#[test]
fn mixed() {
    check("mixed", 60, 40);
}

#[test]
fn narrow() {
    check("narrow", 20, 40);
}

#[test]
fn small() {
    check("small", 60, 40);
}

#[test]
fn true_clocks() {
    check("true_clocks", 60, 40);
}

/// These worlds take several times as long as others.
#[test]
fn members() {
    let count = number("STARLING_SEEDS").map_or(20, |count| count / 10);
    check_first("members", count, 40);
}

#[test]
fn calm() {
    check("calm", 20, 95);
}

#[test]
fn one_seed_twice_is_the_same_run() {
    for profile in Profile::ALL {
        for seed in 0..5 {
            let (first, second) = (run(seed, profile), run(seed, profile));
            let (Ok(first), Ok(second)) = (first, second) else { continue };
            assert_eq!(first, second, "{} {seed}", profile.name);
        }
    }
}

#[test]
fn other_seeds_are_other_runs() {
    let hash = |seed| run(seed, profile("small")).map(|report| report.trace_hash).ok();
    assert_ne!(hash(1), hash(2));
}

#[test]
fn telling_changes_nothing() {
    let plan = Plan::draw(3, profile("small").setup(3));
    let mut lines = 0;
    let told = replay(&plan, |_| lines += 1);
    assert_eq!(told, carry_out(&plan));
    assert!(lines > 100);
}

/// Seeds that once failed.
#[test]
fn named_seeds() {
    let named = [
        // Clocks more than a second apart: the state of the node ahead was refused for ever, since
        // the horizon up to which it had dropped expired versions was always too new.
        ("narrow", 270),
        // A store put back twice: the numbers that the log had left out were missing segments.
        ("true_clocks", 1),
        // Two replicas that took over each other's state: neither gave cells while it waited.
        ("narrow", 1119),
        // A quorum read at a replica that was taking over state: what the other owners gave was
        // refused, and the read was answered all the same.
        ("narrow", 67),
        // Beats every three seconds, and pairs of owners across datacenters that took turns every
        // second: two thirds of the pairs never compared anything.
        ("narrow", 870),
        // Batches, limits and stand-ins, when worlds first drew them all.
        ("mixed", 33),
        ("mixed", 64),
        ("mixed", 147),
        ("mixed", 161),
        // What an earlier process had asked was answered to the next one, and taken for an answer
        // to what that had asked: both counted their requests from one.
        ("mixed", 6191),
        // An old copy put back: visits minted again under names that had been given away since.
        ("mixed", 6290),
        // A hint expired because an owner had its operation, and that owner had lost its disk.
        ("mixed", 4485),
        // A removal that could ask too few owners, found nothing, and did not say that it was
        // sloppy.
        ("mixed", 14_334),
        // An owner that was not whole kept an operation for itself, and never took it.
        ("mixed", 16_538),
        // A member died while another was leaving: nobody could be let in for it, and the one that
        // left waited for it.
        ("members", 0),
        // Who left held what the owners, having retired its minter, took from nobody: it kept the
        // shard for ever.
        ("members", 274),
        // A node gave a shard up, and its ledger waited for ever to hear who has its writes.
        ("members", 12),
        // An old copy put back on a full disk: a segment that was never begun, behind all numbers
        // known of the lost log, made those before it missing.
        ("narrow", 3304),
    ];
    for (name, seed) in named {
        if let Err(failure) = run(seed, profile(name)) {
            fail(&failure);
        }
    }
}

/// Thirty days without one node, while the others restart: nothing comes back, nothing is lost.
#[test]
fn a_node_comes_back_after_thirty_days() {
    for seed in 0..number("STARLING_SEEDS").unwrap_or(4).div_ceil(20) {
        let plan = Plan::away(seed);
        match carry_out(&plan) {
            Ok(report) => assert!(report.promised_count * 3 > report.attempted_count),
            Err(violation) => fail(&Failure { profile: "away", plan, violation }),
        }
    }
}
