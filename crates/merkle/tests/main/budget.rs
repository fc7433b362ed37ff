//! How many seeds a property is tried on: a few by default, more where there is time.

use std::ops::Range;

/// Returns the seeds to try: `STARLING_SEEDS` of them, or the default number.
pub(crate) fn seeds(default: u64) -> Range<u64> {
    let count = std::env::var("STARLING_SEEDS").map_or(default, |text| text.parse().unwrap());
    0..count
}

/// Runs a property on every seed, and names the seed when it fails.
pub(crate) fn for_seeds(default: u64, property: impl Fn(&mut fastrand::Rng)) {
    struct Named(u64);
    impl Drop for Named {
        fn drop(&mut self) {
            if std::thread::panicking() {
                println!("failed with seed {}", self.0);
            }
        }
    }
    for seed in seeds(default) {
        let _named = Named(seed);
        property(&mut fastrand::Rng::with_seed(seed));
    }
}
