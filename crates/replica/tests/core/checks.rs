//! The invariants of the core, checked after every step against the history of all operations.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Clock, Dot, Dots, Millis};
use cells::{CellAddress, Family, KeyAddress, OwnedBody, OwnedCellAddress, OwnedOp};
use replica::Condition;
use storage::{EntryId, Store};

use crate::world::{Found, World};

pub type Live = BTreeMap<OwnedCellAddress, BTreeMap<Dot, Vec<u8>>>;

/// Checks every live replica by itself, and all pairs.
pub fn check(world: &mut World) -> Found {
    for at in world.alive() {
        check_node(world, at)?;
    }
    check_times(world)?;
    check_sealed(world)
}

/// Checks what must hold when nothing is missing any more.
pub fn check_healed(world: &mut World) -> Found {
    let alive = world.alive();
    let first = world.nodes[alive[0]].replica.summary();
    for at in &alive {
        let summary = world.nodes[*at].replica.summary();
        if summary.clock != first.clock {
            return Err(format!("clocks differ after healing: {:?} {first:?}", summary.clock));
        }
        if summary.digest != first.digest {
            return Err(format!("I3: node {at} diverges at equal clocks"));
        }
        check_live(world, *at)?;
        // A clear may wait for dots that were lost with their only holder, until those are sealed.
        let mut clears = world.nodes[*at].replica.outstanding_clears();
        if let Some(clear) = clears.find(|clear| first.clock.covers(&clear.covered)) {
            return Err(format!("a clear is never forgotten: {clear:?}"));
        }
    }
    Ok(())
}

fn check_node(world: &mut World, at: usize) -> Found {
    if world.nodes[at].replica.condition() == Condition::Quarantined {
        return if world.profile.lossy { Ok(()) } else { Err("quarantined without a loss".into()) };
    }
    if !world.profile.lossy {
        check_live(world, at)?;
        check_digest(world, at)?;
    }
    check_gone(world, at)?;
    check_log(world, at)?;
    check_own_dots(world, at)
}

/// I2, I3, I5: the live versions are exactly what the history says for this clock and horizon.
fn check_live(world: &mut World, at: usize) -> Found {
    let clock = world.nodes[at].replica.whole_clock();
    let horizon = world.nodes[at].replica.horizon();
    let truth = live_by_history(&world.ops, &clock, horizon);
    let held = world.nodes[at].live();
    if held == truth {
        return Ok(());
    }
    for (cell, dots) in &truth {
        for dot in dots.keys() {
            if !held.get(cell).is_some_and(|held| held.contains_key(dot)) {
                return Err(format!("LOST: node {at} lacks {dot} in {cell:?}"));
            }
        }
    }
    Err(format!("RESURRECTED: node {at} holds {held:?}, history says {truth:?}"))
}

/// The truth: inserted, and not removed, cleared or expired by anything in the clock.
pub fn live_by_history(ops: &BTreeMap<Dot, OwnedOp>, clock: &Clock, horizon: Millis) -> Live {
    let known: Vec<&OwnedOp> = ops.values().filter(|op| clock.contains(op.dot)).collect();
    let removed: BTreeSet<Dot> = known.iter().flat_map(|op| op.removed.iter().copied()).collect();
    let mut live = Live::new();
    for op in &known {
        let OwnedBody::Insert { payload, expiry } = &op.body else { continue };
        let is_over = expiry.is_some_and(|expiry| expiry <= horizon);
        if !removed.contains(&op.dot) && !is_over && !is_cleared(&known, op) {
            live.entry(op.cell.clone()).or_default().insert(op.dot, payload.to_vec());
        }
    }
    live
}

/// Says whether an operation has an effect on a key.
pub fn touches(cell: CellAddress<'_>, key: KeyAddress<'_>) -> bool {
    cell.key.keyspace == key.keyspace && (cell.key.key.is_empty() || cell.key.key == key.key)
}

fn is_cleared(known: &[&OwnedOp], op: &OwnedOp) -> bool {
    let is_clearable = op.cell.borrow().family().is_none_or(Family::is_clearable);
    let hits = |cell: CellAddress<'_>| touches(cell, op.cell.borrow().key);
    is_clearable
        && known.iter().any(|clear| match &clear.body {
            OwnedBody::Clear(covered) => hits(clear.cell.borrow()) && covered.contains(op.dot),
            _ => false,
        })
}

/// I4, and that nothing superseded is forgotten: gone = removed by something known, not applied.
fn check_gone(world: &mut World, at: usize) -> Found {
    let clock = world.nodes[at].replica.whole_clock();
    let sealed = world.nodes[at].replica.sealed().clone();
    let mut expected: BTreeMap<OwnedCellAddress, BTreeSet<Dot>> = BTreeMap::new();
    for op in world.ops.values().filter(|op| clock.contains(op.dot)) {
        let is_awaited = |dot: &&Dot| !clock.contains(**dot) && !sealed.is_retired(dot.actor);
        for dot in op.removed.iter().filter(is_awaited) {
            expected.entry(op.cell.clone()).or_default().insert(*dot);
        }
    }
    let held: BTreeMap<OwnedCellAddress, BTreeSet<Dot>> = world.nodes[at]
        .gone()
        .into_iter()
        .map(|(cell, dots): (_, Dots)| (cell, dots.into_iter().collect()))
        .collect();
    if held == expected {
        return Ok(());
    }
    Err(format!("GONE: node {at} holds {held:?}, history says {expected:?}"))
}

/// I7: the log holds every applied dot above its actor's floor.
fn check_log(world: &mut World, at: usize) -> Found {
    let node = &mut world.nodes[at];
    let clock = node.replica.clock().clone();
    let mut record = Vec::new();
    for (actor, counters) in clock.iter() {
        let floor = node.replica.floor(actor);
        for counter in counters.spans().flat_map(|span| span.first..=span.last) {
            let id = EntryId { actor: actor.bits(), counter };
            let shard = node.replica.shard();
            let is_held = node.store.entry(shard, id, &mut record).unwrap();
            if counter > floor && !is_held {
                return Err(format!("I7: node {at} lacks the log entry {actor}:{counter}"));
            }
        }
    }
    Ok(())
}

/// I8: own dots have no gaps.
fn check_own_dots(world: &mut World, at: usize) -> Found {
    let replica = &world.nodes[at].replica;
    let own = replica.clock().get(replica.actor());
    match own {
        Some(own) if !own.runs().is_empty() => Err(format!("I8: node {at} has gaps: {own:?}")),
        _ => Ok(()),
    }
}

/// I9: the digest kept with every change is the digest of the rows.
fn check_digest(world: &mut World, at: usize) -> Found {
    let kept = world.nodes[at].replica.summary().digest;
    if kept == world.nodes[at].digest() { Ok(()) } else { Err(format!("I9: node {at}")) }
}

/// C2: the times of one actor rise with its dots.
fn check_times(world: &World) -> Found {
    let ops: Vec<&OwnedOp> = world.ops.values().collect();
    for pair in ops.windows(2) {
        let is_reminted = pair[1].time <= pair[0].time && world.reminted.contains(&pair[1].dot);
        if pair[0].dot.actor == pair[1].dot.actor && pair[0].time >= pair[1].time && !is_reminted {
            return Err(format!("C2: {} is not after {}", pair[1].dot, pair[0].dot));
        }
    }
    Ok(())
}

/// A2: nobody has a dot of a sealed actor that does not count. A3: clocks name no sealed actor.
fn check_sealed(world: &mut World) -> Found {
    for at in world.alive() {
        let replica = &world.nodes[at].replica;
        for (actor, counters) in &world.sealed {
            let held = replica.whole_clock().get(*actor).cloned().unwrap_or_default();
            if !counters.covers(&held) {
                return Err(format!("A2: node {at} has {held:?} of {actor}, {counters:?} count"));
            }
        }
        for (actor, _) in replica.sealed().iter() {
            if replica.clock().get(actor).is_some() {
                return Err(format!("A3: node {at} keeps an open entry of {actor}"));
            }
        }
    }
    Ok(())
}
