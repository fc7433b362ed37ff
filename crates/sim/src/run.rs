//! One run: a while of work and faults, then peace, then the checks.

use storage::Crash;

use crate::check;
use crate::world::World;

/// What may happen in a run.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// How many nodes there are.
    pub nodes: u32,
    /// How many client commands are sent.
    pub commands: u32,
    /// The longest way of a message.
    pub delay_ms_max: u64,
    /// How far clocks differ.
    pub skew_ms_max: u64,
    /// Faults per hundred commands.
    pub faults_per_hundred: u32,
}

/// What was found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub String);

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Commands that were answered with success.
    pub promised_count: usize,
    /// Commands that were sent.
    pub attempted_count: usize,
    /// Events that nodes handled.
    pub event_count: u64,
    /// How long after the last fault all nodes were equal.
    pub converged_after_ms: u64,
    /// Sums what every node holds at the end: equal runs have equal ones.
    pub digest: u128,
}

impl Default for Profile {
    fn default() -> Self {
        Self { nodes: 3, commands: 300, delay_ms_max: 20, skew_ms_max: 200, faults_per_hundred: 4 }
    }
}

/// Runs one seed.
///
/// # Errors
/// The first promise that was broken.
pub fn run(seed: u64, profile: Profile) -> Result<Report, Violation> {
    let mut world = World::start(seed, profile).map_err(Violation)?;
    for _ in 0..profile.commands {
        world.ask();
        if world.rng.u32(0..100) < profile.faults_per_hundred {
            fault(&mut world).map_err(Violation)?;
        }
        let pause = world.rng.u64(1..40);
        world.run_for(pause);
    }
    let converged_after_ms = calm(&mut world)?;
    check::promises(&mut world)?;
    Ok(Report {
        promised_count: world.history.promised.len(),
        attempted_count: world.history.attempted.len(),
        event_count: world.event_count,
        converged_after_ms,
        digest: check::digest(&world),
    })
}

/// One random fault, or the end of one.
fn fault(world: &mut World) -> Result<(), String> {
    let count = world.machines.len();
    let (left, right) = (world.rng.usize(0..count), world.rng.usize(0..count));
    match world.rng.u8(0..9) {
        0 | 1 if left != right => world.cut(left, right),
        2 | 3 => world.mend(),
        4 => world.crash(left, Crash::Process),
        5 => world.crash(left, Crash::Power),
        6 if world.machines[left].is_up() => {
            let changes = world.rng.u64(1..12);
            world.machines[left].die_soon(changes);
        }
        _ => world.boot(left)?,
    }
    Ok(())
}

/// Ends all faults and waits until the nodes are equal.
fn calm(world: &mut World) -> Result<u64, Violation> {
    world.mend();
    for at in 0..world.machines.len() {
        // A death that was still to come must not come any more.
        world.crash(at, Crash::Process);
        world.boot(at).map_err(Violation)?;
    }
    let start = world.now;
    for _ in 0..60 {
        world.run_for(500);
        if check::is_converged(world) {
            return Ok(world.now.0 - start.0);
        }
    }
    Err(Violation("not converged 30 s after the last fault".into()))
}
