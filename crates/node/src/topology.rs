//! Who owns what: the placement of the configured members, looked up by key and shard.

use causality::NodeId;
use placement::{
    Incarnation, Member, MemberId, MemberState, Placement, PlacementVersion, Replication,
    ShardCount, ShardId, View, Weight,
};

use crate::config::Config;
use crate::levels::Owner;

/// The placement, seen from this node.
#[derive(Debug)]
pub(crate) struct Topology {
    me: NodeId,
    shards: ShardCount,
    placement: Placement,
    datacenters: Vec<(NodeId, String)>,
}

impl Topology {
    /// Computes the placement.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        if !config.members.iter().any(|member| member.id == config.me) {
            return Err(format!("node {} is not among the members", config.me.0));
        }
        let shards =
            ShardCount::new(u32::from(config.shard_count)).map_err(|error| error.to_string())?;
        let members = config.members.iter().map(|member| Member {
            id: MemberId(member.id.0),
            incarnation: Incarnation(0),
            state: MemberState::Active,
            datacenter: member.datacenter.clone(),
            rack: member.rack.clone(),
            weight: Weight(100),
        });
        let version = PlacementVersion::V1;
        let view = View::restore(members, version, placement::Epoch(1));
        let replication = Replication::Same(config.replication);
        let placement = Placement::compute(&view, &replication, shards, version)
            .map_err(|error| error.to_string())?;
        let datacenters =
            config.members.iter().map(|member| (member.id, member.datacenter.clone())).collect();
        Ok(Self { me: config.me, shards, placement, datacenters })
    }

    /// The shard of a key.
    pub(crate) fn shard_of(&self, key: &[u8]) -> u16 {
        self.shards.shard_of_key(key).0
    }

    /// The shards that a node owns.
    pub(crate) fn shards_of(&self, node: NodeId) -> Vec<u16> {
        self.placement.shards_of(MemberId(node.0)).map(|shard| shard.0).collect()
    }

    /// The owners of a shard.
    pub(crate) fn owners(&self, shard: u16) -> Vec<Owner> {
        let mine = self.datacenter_of(self.me);
        let owners = self.placement.owners(ShardId(shard)).map(|member| NodeId(member.0));
        owners
            .map(|node| {
                let datacenter = self.datacenter_index(node);
                let is_local = self.datacenter_of(node) == mine;
                Owner { node, datacenter, is_local }
            })
            .collect()
    }

    /// The other owners of a shard.
    pub(crate) fn other_owners(&self, shard: u16) -> Vec<NodeId> {
        let owners = self.placement.owners(ShardId(shard)).map(|member| NodeId(member.0));
        owners.filter(|node| *node != self.me).collect()
    }

    /// The shards that this node and a peer both own.
    pub(crate) fn shared_shards(&self, peer: NodeId) -> Vec<u16> {
        let shards = self.placement.shards_of(MemberId(self.me.0));
        let is_shared = |shard: &ShardId| self.placement.is_owner(*shard, MemberId(peer.0));
        shards.filter(is_shared).map(|shard| shard.0).collect()
    }

    fn datacenter_of(&self, node: NodeId) -> Option<&str> {
        self.placement.datacenter_of(MemberId(node.0))
    }

    fn datacenter_index(&self, node: NodeId) -> usize {
        let name = self.datacenters.iter().find(|(id, _)| *id == node).map(|(_, name)| name);
        self.datacenters.iter().position(|(_, other)| Some(other) == name).unwrap_or(0)
    }
}
