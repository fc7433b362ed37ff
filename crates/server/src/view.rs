//! What clients are told about the cluster: members, their addresses, and who owns which slots.

use causality::{Millis, NodeId};
use placement::{
    Epoch, Incarnation, Member, MemberId, MemberState, Placement, PlacementError, PlacementVersion,
    Replication, ShardCount, View, Weight,
};
use redis::{ClusterNode, ClusterView, Liveness, SlotRange};

use crate::config::{self, Config};

/// Computes the view at the start: only this node is up.
pub(crate) fn at_start(config: &Config, now: Millis) -> Result<ClusterView, PlacementError> {
    let nodes = config.members.iter().map(|member| node(member, config.me)).collect();
    Ok(ClusterView { me: config.me, started: now, nodes, ranges: ranges(config)? })
}

/// Returns the view with one member's liveness changed.
pub(crate) fn with_liveness(view: &ClusterView, id: NodeId, liveness: Liveness) -> ClusterView {
    let mut view = view.clone();
    for node in view.nodes.iter_mut().filter(|node| node.id == id) {
        node.liveness = liveness;
    }
    view
}

fn node(member: &config::Member, me: NodeId) -> ClusterNode {
    ClusterNode {
        id: member.id(),
        host: member.redis.ip().to_string(),
        port: member.redis.port(),
        peer_port: member.peers.port(),
        liveness: if member.id() == me { Liveness::Up } else { Liveness::Down },
    }
}

/// The owners of every shard as runs of slots.
fn ranges(config: &Config) -> Result<Vec<SlotRange>, PlacementError> {
    let shards = ShardCount::new(u32::from(config.shard_count))
        .expect("checked when the configuration was parsed");
    let members = config.members.iter().map(|member| Member {
        id: MemberId(member.id),
        incarnation: Incarnation(0),
        state: MemberState::Active,
        datacenter: member.datacenter.clone(),
        rack: member.rack.clone(),
        weight: Weight(100),
    });
    let version = PlacementVersion::V1;
    let view = View::restore(members, version, Epoch(1));
    let replication = Replication::Same(config.replication);
    let placement = Placement::compute(&view, &replication, shards, version)?;
    let range = |shard| {
        let slots = shards.slots_of(shard)?;
        let owners = placement.owners(shard).map(|member| NodeId(member.0)).collect();
        Some(SlotRange { first: *slots.start(), last: *slots.end(), owners })
    };
    Ok(shards.shards().filter_map(range).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn config(nodes: u32) -> Config {
        let members = (1..=nodes)
            .map(|id| {
                format!("{id},dc1,r{id},127.0.0.1:{},127.0.0.1:{}", 7000 + id, 9000 + id)
                    .parse()
                    .unwrap()
            })
            .collect();
        let settings = Settings { node_id: Some(2), members: Some(members), ..Settings::default() };
        settings.into_config().unwrap()
    }

    #[test]
    fn every_slot_has_its_owners_once() {
        let view = at_start(&config(5), Millis(7)).unwrap();
        let mut next = 0;
        for range in &view.ranges {
            assert_eq!(range.first, next);
            assert_eq!(range.owners.len(), 3);
            next = range.last + 1;
        }
        assert_eq!(next, 16_384);
    }

    #[test]
    fn liveness_follows_the_links() {
        let view = at_start(&config(3), Millis(7)).unwrap();
        let up = |view: &ClusterView| {
            let nodes = view.nodes.iter().filter(|node| node.liveness == Liveness::Up);
            nodes.map(|node| node.id.0).collect::<Vec<_>>()
        };
        assert_eq!(up(&view), [2]);
        let view = with_liveness(&view, NodeId(3), Liveness::Up);
        assert_eq!(up(&view), [2, 3]);
        assert_eq!(up(&with_liveness(&view, NodeId(3), Liveness::Down)), [2]);
    }
}
