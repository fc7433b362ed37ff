//! Every known-wrong rule must be caught: a rule that no test can break is not tested.

use std::panic::{AssertUnwindSafe, catch_unwind};

use replica::Mutation;

use crate::models::run;
use crate::world::Profile;

/// The most seeds a wrong rule may survive.
const SEEDS_MAX: u64 = 20_000;

/// Returns the first seed that catches a wrong rule, and how.
fn first_caught(mutation: Mutation, profile: Profile) -> Option<(u64, String)> {
    (0..SEEDS_MAX).find_map(|seed| {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(seed, profile, Some(mutation))));
        match outcome {
            Ok(Ok(())) => None,
            Ok(Err(found)) => Some((seed, found)),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                Some((seed, format!("assertion: {text}")))
            }
        }
    })
}

fn check_caught(mutation: Mutation, profile: Profile) {
    std::panic::set_hook(Box::new(|_| {}));
    let caught = first_caught(mutation, profile);
    let _ = std::panic::take_hook();
    let (seed, found) = caught.unwrap_or_else(|| panic!("{mutation:?} survived {SEEDS_MAX} seeds"));
    let found: String = found.chars().take(70).collect();
    assert_eq!(run(seed, profile, None), Ok(()), "the rule itself fails at seed {seed}");
    println!("{mutation:?}: caught at seed {seed}: {found}");
}

macro_rules! caught {
    ($($test:ident: $mutation:ident in $profile:ident;)*) => {
        $(#[test]
        fn $test() {
            check_caught(Mutation::$mutation, Profile::$profile);
        })*

        #[test]
        fn no_wrong_rule_is_forgotten() {
            // The last is caught in `cuts`.
            let listed = [$(Mutation::$mutation),*, Mutation::CutByArrival];
            for mutation in Mutation::ALL {
                assert!(listed.contains(&mutation), "{mutation:?} is not in the suite");
            }
        }
    };
}

caught! {
    context_counts_as_applied: ContextCountsAsApplied in OPLOG;
    gone_forgotten: GoneForgotten in OPLOG;
    dead_needs_no_evidence_when_groups_are_split: DeadNeedsNoEvidence in OPLOG;
    dead_needs_no_evidence_after_a_loss: DeadNeedsNoEvidence in LOSS;
    truncated_means_superseded: TruncatedMeansSuperseded in MIX;
    clock_joined_at_the_end: ClockJoinedAtEnd in OPLOG;
    clock_joined_unseen: ClockJoinedUnseen in OPLOG;
    loser_dropped: LoserDropped in OPLOG;
    clear_forgotten: ClearForgotten in CLEAR;
    clears_last: ClearsLast in CLEAR;
    expired_dropped_early: ExpiredDroppedEarly in EXPIRY;
    join_ignores_clears: JoinIgnoresClears in CLEAR;
    join_ignores_gone: JoinIgnoresGone in MIX;
    floors_not_raised: FloorsNotRaised in MIX;
    image_not_frozen: ImageNotFrozen in MIX;
    source_unverified: SourceUnverified in LOSS;
    reinstated_unproven: ReinstatedUnproven in LOSS;
    freeze_ignored: FreezeIgnored in SEALING;
    sealed_incomplete: SealedIncomplete in SEALING;
    dot_reused: DotReused in CRASH;
    keys_equal_unseen: KeysEqualUnseen in KEYED;
    keys_without_clears: KeysWithoutClears in KEYED;
}
