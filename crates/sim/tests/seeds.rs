//! Seeds: fixed ones that once failed, and a run of fresh ones.
//!
//! `STARLING_SEEDS=20000 cargo test --release -p sim` takes the large budget;
//! `STARLING_SEED=17 cargo test -p sim` runs one.

#![expect(clippy::print_stdout, reason = "a test reports")]

use sim::{Profile, run};

fn check(first: u64, count: u64, name: &str, profile: Profile) {
    let (mut promised, mut attempted, mut slowest) = (0, 0, 0);
    for seed in first..first + count {
        match run(seed, profile) {
            Ok(report) => {
                promised += report.promised_count;
                attempted += report.attempted_count;
                slowest = report.converged_after_ms.max(slowest);
            }
            Err(violation) => panic!("{name}, seed {seed}: {}", violation.0),
        }
    }
    println!(
        "{name}: {count} seeds, {promised} of {attempted} commands promised and kept, \
         converged within {slowest} ms"
    );
    assert!(promised * 4 > attempted, "a cluster that promises nothing keeps every promise");
}

fn budget(default: u64) -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("STARLING_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("STARLING_SEEDS").unwrap_or(default)),
    }
}

#[test]
fn three_nodes_with_cuts_crashes_and_skew() {
    let (first, count) = budget(60);
    check(first, count, "three", Profile::default());
}

#[test]
fn three_nodes_with_true_clocks_never_read_behind_a_promise() {
    let (first, count) = budget(60);
    let profile = Profile { skew_ms_max: 0, ..Profile::default() };
    check(first, count, "true clocks", profile);
}

#[test]
fn five_nodes_hand_calls_on() {
    let (first, count) = budget(30);
    let profile = Profile { nodes: 5, ..Profile::default() };
    check(first, count, "five", profile);
}

#[test]
fn one_seed_twice_is_the_same_run() {
    for seed in 0..5 {
        assert_eq!(run(seed, Profile::default()), run(seed, Profile::default()), "seed {seed}");
    }
}
