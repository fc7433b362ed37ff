//! Which shards two nodes compare.
//!
//! Within a datacenter, all that both own, before or after the present change of members. Who no
//! longer owns a shard and still holds it compares it with every owner. Between two datacenters,
//! each shard is compared by one pair of owners, and the pair changes with every beat: what one
//! pair has found missing spreads within its datacenters, and a pair that is down holds nothing up.
//! The turn follows from the moment that the beat names, so both sides agree on it, and goes on by
//! one from beat to beat, so that no pair is passed over for ever.

use causality::{Millis, NodeId};

use crate::levels::Owner;
use crate::topology::Topology;

/// Which pair of owners compares a shard: how many beats there were before a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn(u64);

impl Turn {
    pub(crate) fn at(moment: Millis, beat_ms: u64) -> Self {
        Self(moment.0.checked_div(beat_ms).unwrap_or(moment.0))
    }
}

/// Returns which of the shards that are held here are compared at a moment, in their order.
pub(crate) fn compared_shards(
    topology: &Topology,
    mut shards: Vec<u16>,
    (me, peer): (NodeId, NodeId),
    turn: Turn,
) -> Vec<u16> {
    let is_elected =
        |shard: &u16| is_elected(topology.all_owners(*shard), *shard, (me, peer), turn);
    shards.retain(|shard| {
        topology.is_owner(*shard, peer) && (!topology.is_owner(*shard, me) || is_elected(shard))
    });
    shards
}

/// Says whether it is the turn of two owners.
fn is_elected(
    owners: &[Owner],
    shard: u16,
    (left, right): (NodeId, NodeId),
    Turn(turn): Turn,
) -> bool {
    let Some(left_at) = place_of(owners, left) else { return false };
    let Some(right_at) = place_of(owners, right) else { return false };
    let is_same_datacenter = left_at.datacenter == right_at.datacenter;
    let pairs = left_at.owner_count * right_at.owner_count;
    let turn = turn.wrapping_add(u64::from(shard)) % pairs;
    // Both sides count the pairs of the lower datacenter's owners with the higher one's.
    let (low, high) = if left_at.datacenter < right_at.datacenter {
        (left_at, right_at)
    } else {
        (right_at, left_at)
    };
    is_same_datacenter || turn == low.number * high.owner_count + high.number
}

/// Where an owner stands among those of its datacenter.
#[derive(Clone, Copy)]
struct Place {
    datacenter: usize,
    number: u64,
    owner_count: u64,
}

fn place_of(owners: &[Owner], node: NodeId) -> Option<Place> {
    let datacenter = owners.iter().find(|owner| owner.node == node)?.datacenter;
    let mut nodes: Vec<NodeId> =
        owners.iter().filter(|o| o.datacenter == datacenter).map(|o| o.node).collect();
    nodes.sort_unstable();
    let number = nodes.iter().position(|held| *held == node)? as u64;
    Some(Place { datacenter, number, owner_count: nodes.len() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(id: u32, datacenter: usize) -> Owner {
        Owner { node: NodeId(id), datacenter, is_local: datacenter == 0 }
    }

    #[test]
    fn one_pair_across_datacenters_and_every_pair_in_its_turn() {
        let owners = [owner(3, 0), owner(1, 0), owner(7, 1), owner(2, 0), owner(5, 1)];
        for shard in [0, 1, 700] {
            let mut seen = std::collections::BTreeSet::new();
            for turn in 0..6 {
                let at = Turn::at(Millis(5_000_100 + turn * 3_000), 3_000);
                let mut elected = Vec::new();
                for left in [1, 2, 3].map(NodeId) {
                    for right in [5, 7].map(NodeId) {
                        let is = is_elected(&owners, shard, (left, right), at);
                        assert_eq!(is, is_elected(&owners, shard, (right, left), at));
                        elected.extend(is.then_some((left, right)));
                    }
                }
                assert_eq!(elected.len(), 1, "shard {shard}, turn {turn}");
                seen.extend(elected);
            }
            assert_eq!(seen.len(), 6);
        }
    }

    #[test]
    fn within_a_datacenter_all_pairs_and_strangers_never() {
        let owners = [owner(1, 0), owner(2, 0), owner(3, 0), owner(4, 1)];
        for turn in (0..9).map(Turn) {
            assert!(is_elected(&owners, 1, (NodeId(1), NodeId(3)), turn));
            assert!(is_elected(&owners, 1, (NodeId(3), NodeId(2)), turn));
            assert!(!is_elected(&owners, 1, (NodeId(1), NodeId(9)), turn));
        }
    }
}
