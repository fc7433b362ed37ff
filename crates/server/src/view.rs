//! What clients are told about the cluster: members, their addresses, and who owns which slots.

use causality::{Millis, NodeId};
use node::{Liveness as Seems, MemberStatus};
use placement::{MemberState, ShardCount};
use redis::{ClusterNode, ClusterView, Liveness, SlotRange};

use crate::config::{Address, Config};

/// Describes the members, and who owns what.
pub(crate) fn of(
    config: &Config,
    started: Millis,
    members: &[MemberStatus],
    owners: &[Vec<NodeId>],
) -> ClusterView {
    let present = members.iter().filter(|member| member.state != MemberState::Removed);
    let nodes = present.filter_map(|member| node(config, member)).collect();
    let (shard_count, ranges) = (config.shard_count, ranges(config, owners));
    let (me, process) = (config.me, std::process::id());
    ClusterView { me, process, started, nodes, shard_count, ranges }
}

/// Returns the view with one member's liveness changed.
pub(crate) fn with_liveness(view: &ClusterView, id: NodeId, liveness: Liveness) -> ClusterView {
    let mut view = view.clone();
    for node in view.nodes.iter_mut().filter(|node| node.id == id) {
        node.liveness = liveness;
    }
    view
}

/// A member whose address nobody has said is left out.
fn node(config: &Config, member: &MemberStatus) -> Option<ClusterNode> {
    let configured = config.members.iter().find(|one| one.id() == member.id);
    let redis: Address = member.redis.parse().ok().or(configured.map(|one| one.redis.clone()))?;
    let peers: Address = member.peers.parse().ok().or(configured.map(|one| one.peers.clone()))?;
    let is_up = member.id == config.me || member.liveness != Seems::Down;
    Some(ClusterNode {
        id: member.id,
        host: redis.host().to_owned(),
        port: redis.port(),
        peer_port: peers.port(),
        liveness: if is_up { Liveness::Up } else { Liveness::Down },
    })
}

/// The owners of every shard as runs of slots.
fn ranges(config: &Config, owners: &[Vec<NodeId>]) -> Vec<SlotRange> {
    let shards = ShardCount::new(u32::from(config.shard_count))
        .expect("checked when the configuration was parsed");
    let range = |(shard, owners): (_, &Vec<NodeId>)| {
        let slots = shards.slots_of(shard)?;
        Some(SlotRange { first: *slots.start(), last: *slots.end(), owners: owners.clone() })
    };
    shards.shards().zip(owners).filter_map(range).collect()
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

    fn member(id: u32, state: MemberState) -> MemberStatus {
        MemberStatus {
            id: NodeId(id),
            state,
            datacenter: "dc1".into(),
            rack: format!("r{id}"),
            redis: format!("127.0.0.1:{}", 7000 + id),
            peers: format!("127.0.0.1:{}", 9000 + id),
            liveness: Seems::Down,
            agrees: true,
        }
    }

    fn view(config: &Config, members: &[MemberStatus]) -> ClusterView {
        let owners = vec![vec![NodeId(1), NodeId(2)]; usize::from(config.shard_count)];
        of(config, Millis(7), members, &owners)
    }

    #[test]
    fn every_slot_has_its_owners_once() {
        let view = view(&config(2), &[]);
        let mut next = 0;
        for range in &view.ranges {
            assert_eq!(range.first, next);
            assert_eq!(range.owners, [NodeId(1), NodeId(2)]);
            next = range.last + 1;
        }
        assert_eq!(next, 16_384);
    }

    #[test]
    fn liveness_follows_the_links() {
        let members = [1, 2, 3].map(|id| member(id, MemberState::Active));
        let view = view(&config(3), &members);
        let up = |view: &ClusterView| {
            let nodes = view.nodes.iter().filter(|node| node.liveness == Liveness::Up);
            nodes.map(|node| node.id.0).collect::<Vec<_>>()
        };
        assert_eq!(up(&view), [2]);
        let view = with_liveness(&view, NodeId(3), Liveness::Up);
        assert_eq!(up(&view), [2, 3]);
        assert_eq!(up(&with_liveness(&view, NodeId(3), Liveness::Down)), [2]);
    }

    #[test]
    fn who_was_removed_and_who_never_said_where_it_is_are_left_out() {
        let silent = MemberStatus {
            redis: String::new(),
            peers: String::new(),
            ..member(9, MemberState::Joining)
        };
        let members = [member(1, MemberState::Active), member(4, MemberState::Removed), silent];
        let view = view(&config(2), &members);
        assert_eq!(view.nodes.iter().map(|node| node.id.0).collect::<Vec<_>>(), [1]);
    }
}
