//! Members come and go under writes: joins, leaves, removals, replacements, crashes and cuts.
//!
//! What must hold, whatever the seed: no write that a quorum acknowledged is lost, and a quorum
//! read that begins after it shows it; counters count every acknowledged increment once; at the
//! end all agree on the members, every shard has its owners, they hold the same, and nobody else
//! keeps anything; only who was told to has left. Every known-wrong rule breaks one of these.
//!
//! `STARLING_SEEDS` says how many seeds to run, `STARLING_SEED` runs one.

mod checks;
mod clients;
mod machine;
mod world;

use node::Mutation;

use world::World;

/// Runs one seed; the error says what was broken.
fn run(seed: u64, mutation: Option<Mutation>) -> Result<world::Tally, String> {
    let mut world = World::start(seed, mutation);
    world.churn()?;
    world.calm()?;
    checks::everything(&mut world)?;
    Ok(world.tally)
}

fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("STARLING_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STARLING_SEEDS").unwrap_or(default),
    }
}

#[test]
fn members_come_and_go_and_no_acknowledged_write_is_lost() {
    let mut total = world::Tally::default();
    for seed in seeds(11) {
        let tally = run(seed, None);
        let tally = tally.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        total.add(&tally);
    }
    println!("{total:?}");
    if seeds(11).count() > 5 {
        assert!(total.promised * 2 > total.attempted, "promising nothing is no feat: {total:?}");
        let did_all = total.joined > 5 && total.left > 5 && total.removed + total.replaced > 1;
        assert!(did_all, "{total:?}");
    }
}

/// A wrong rule, and a seed that is known to break by it: tried first, to be quick.
const WRONG: [(Mutation, u64); Mutation::ALL.len()] = [
    (Mutation::DroppedEarly, 0),
    (Mutation::LevelInOldOwnersOnly, 190),
    (Mutation::ServedBeforeReady, 2),
    (Mutation::ActedUnsettled, 51),
    (Mutation::AnswersCountAcrossViews, 51),
    (Mutation::IdReused, 4),
    (Mutation::DetectorRemoves, 0),
];

#[test]
fn every_known_wrong_rule_is_caught() {
    for (mutation, known) in WRONG {
        let mut seeds = [known].into_iter().chain(0..300);
        let caught = seeds.find(|seed| run(*seed, Some(mutation)).is_err());
        assert!(caught.is_some(), "{mutation:?} was not caught by any of 300 seeds");
        println!("{mutation:?}: caught by seed {caught:?}");
    }
    assert!(Mutation::ALL.iter().all(|one| WRONG.iter().any(|(wrong, _)| wrong == one)));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    assert_eq!(run(3, None), run(3, None));
}
