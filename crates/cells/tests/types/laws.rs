//! The law under all types: what was delivered decides, and not how.

use crate::commands::{Type, random_world};
use crate::seed_count;
use crate::world::Replica;

#[test]
fn any_order_and_any_duplication_give_the_same_bytes() {
    for of in Type::ALL {
        for seed in 0..seed_count(150) {
            check(of, seed);
        }
    }
}

fn check(of: Type, seed: u64) {
    let (mut world, _) = random_world(seed, of, 30);
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
    world.settle(&mut rng);
    for _ in 0..3 {
        let mut replica = Replica::new(9);
        // Twice each, in one order of all.
        let mut order: Vec<usize> = (0..world.minted.len()).chain(0..world.minted.len()).collect();
        rng.shuffle(&mut order);
        order.iter().for_each(|index| replica.apply(&world.minted[*index].op));
        assert_eq!(replica.cells, world.replicas[0].cells, "{of:?}, seed {seed}");
    }
}

#[test]
fn replicas_that_applied_the_same_show_the_same_at_every_moment() {
    for of in Type::ALL {
        for seed in 0..seed_count(60) {
            let (world, _) = random_world(seed, of, 25);
            let mut rng = fastrand::Rng::with_seed(seed);
            // Any part of the history, in two orders.
            let mut part: Vec<usize> = (0..world.minted.len()).filter(|_| rng.bool()).collect();
            let (mut one, mut other) = (Replica::new(8), Replica::new(9));
            part.iter().for_each(|index| one.apply(&world.minted[*index].op));
            rng.shuffle(&mut part);
            part.iter().for_each(|index| other.apply(&world.minted[*index].op));
            assert_eq!(one.cells, other.cells, "{of:?}, seed {seed}");
        }
    }
}
