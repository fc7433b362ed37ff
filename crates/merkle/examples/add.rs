//! Measures one change, by depth: `cargo run --release -p merkle --example add`.
#![expect(clippy::print_stdout, reason = "a measurement prints its result")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use merkle::{Depth, Digest, Tree};

const CHANGE_COUNT: usize = 1 << 20;

fn main() {
    let mut rng = fastrand::Rng::with_seed(1);
    let changes: Vec<(u64, Digest)> =
        (0..CHANGE_COUNT).map(|_| (rng.u64(..), Digest(rng.u128(..)))).collect();
    for levels in 1..=5 {
        let mut tree = Tree::with_depth(Depth::new(levels).expect("within 1 to 6"));
        // Touch every page first: the tree of a running shard is resident.
        changes.iter().for_each(|(hash, digest)| tree.add(*hash, *digest));
        let mut best = f64::INFINITY;
        let mut settle = f64::INFINITY;
        for _ in 0..7 {
            let start = Instant::now();
            changes.iter().for_each(|(hash, digest)| tree.add(*hash, *digest));
            best = best.min(start.elapsed().as_secs_f64());
            let start = Instant::now();
            tree.settle();
            settle = settle.min(start.elapsed().as_secs_f64());
            black_box(tree.root());
        }
        let add_ns = best * 1e9 / CHANGE_COUNT as f64;
        println!("depth {levels}: add {add_ns:.1} ns, settling it all {:.0} us", settle * 1e6);
    }
}
