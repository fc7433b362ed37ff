//! The ledger tells the truth: while a node says that a peer has a write, the peer has it, and when
//! all is over, every write has been reported. A disk that loses what it had makes true reports
//! false; then nothing is claimed until all owners have become equal.

use causality::NodeId;

use super::Checker;
use crate::machine::Body;
use crate::observed::Observed;
use crate::world::World;

/// How many turns pass between two looks.
const EVERY: u32 = 64;

#[derive(Default)]
pub(super) struct Ledger {
    turns: u32,
    is_wounded: bool,
}

impl Checker for Ledger {
    fn name(&self) -> &'static str {
        "the ledger tells the truth"
    }

    fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        match observed {
            Observed::Wounded { .. } => self.is_wounded = true,
            Observed::Settled => self.is_wounded = false,
            Observed::Turned { .. } => self.turns += 1,
            _ => {}
        }
        let is_due =
            matches!(observed, Observed::Turned { .. }) && self.turns.is_multiple_of(EVERY);
        if is_due && !self.is_wounded && !world.setup.has_changes() { look(world) } else { Ok(()) }
    }
}

fn look(world: &World<'_>) -> Result<(), String> {
    let up = || world.machines.iter().filter_map(|machine| machine.process.as_ref());
    for process in up() {
        let me = process.id();
        for peer in up().filter(|peer| peer.id() != me) {
            let (lacking, behind) = (lacking(process, peer), process.writes_behind(peer.id()));
            if lacking > behind {
                let (me, peer) = (me.0, peer.id().0);
                return Err(format!(
                    "n{peer} lacks {lacking} writes of n{me}, which says {behind}"
                ));
            }
        }
    }
    Ok(())
}

/// How many of a node's own operations a peer lacks of the shards that both own.
fn lacking(process: &node::Node<Body>, peer: &node::Node<Body>) -> u64 {
    let theirs = peer.open_clocks();
    let me: NodeId = process.id();
    let mut count = 0;
    for (shard, clock) in process.open_clocks() {
        let Ok(at) = theirs.binary_search_by_key(&shard, |(shard, _)| *shard) else { continue };
        for (actor, runs) in clock.difference(&theirs[at].1) {
            if actor.node() != me || node::is_visitor(actor) {
                continue;
            }
            // An actor that the peer has retired is not in its open clock.
            let counters = runs.into_iter().flat_map(|run| run.first..=run.last);
            let dots = counters.map(|counter| causality::Dot::new(actor, counter));
            count += dots.filter(|dot| !peer.has_applied(shard, *dot)).count() as u64;
        }
    }
    count
}

/// Writes that a node has not reported; nothing when all are.
pub(super) fn unreported(world: &World<'_>) -> Option<String> {
    let mut processes = world.machines.iter().filter_map(|machine| machine.process.as_ref());
    let open = processes.find(|process| process.open_writes() > 0)?;
    let behind = world.machines.iter().map(|machine| (machine.id, open.writes_behind(machine.id)));
    let behind = behind.filter(|(_, count)| *count > 0);
    let behind: Vec<String> = behind.map(|(peer, count)| format!("n{}: {count}", peer.0)).collect();
    let (me, count, behind) = (open.id().0, open.open_writes(), behind.join(", "));
    Some(format!("n{me} has not reported {count} writes, which others lack ({behind})"))
}
