//! Same seed, same trace; another seed, another one.

use gossip::Millis;

use crate::seeds;
use crate::world::{Net, World};

fn trace(seed: u64) -> u64 {
    let mut world = World::cluster(seed, 12);
    world.record_trace();
    world.net = Net { loss_percent: 10, duplicate_percent: 10, stray_percent: 5, ..Net::CALM };
    for turn in 0..30_u32 {
        let node = world.rng.u32(1..=12);
        world.set(node, "key", &turn.to_be_bytes());
        match turn {
            5 => world.cut(|node| u8::from(node < 6)),
            12 => world.heal(),
            14 => world.pause(7, Millis(8_000)),
            20 => world.delete(node, "key"),
            _ => {}
        }
        world.run(Millis(1_500));
    }
    world.trace_hash()
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in seeds(4) {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
        assert_ne!(trace(seed), trace(seed + 1_000), "seed {seed}");
    }
}
