//! The exchange schedule: clocks are compared with every peer at every beat.
//!
//! A beat carries one hash over the clocks of all shards that the two nodes share. While nothing
//! is missing, that is all. Otherwise the hashes of the shards follow, and each side asks for what
//! it misses, shard by shard. Equal hashes also prove what the peer has: logs are pruned by that.

use causality::{Clock, Millis, NodeId};
use replica::{SealedDetail, clock_hash};
use storage::Store;
use wire::{ClockHash, Message, RequestId, RootHash, ShardHash, ShardId};

use crate::event::Outbox;
use crate::node::Node;
use crate::peers::EXCHANGE_BUDGET;

/// The most shards asked for after one beat; the rest follow with the next.
const SHARDS_PER_BEAT_MAX: usize = 256;

/// The request id of exchanges that nobody waits for.
const UNAWAITED: RequestId = RequestId(0);

impl<S: Store> Node<S> {
    /// Compares clocks with every linked peer, and does what is due now and then.
    pub(crate) fn beat(&mut self, now: Millis, out: &mut Outbox) {
        let linked: Vec<NodeId> =
            self.peers.iter().filter(|(_, peer)| peer.is_linked).map(|(id, _)| *id).collect();
        for peer in linked {
            self.beat_to(peer, out);
        }
        self.give_up_late_takeovers(now);
        self.maintain(now);
    }

    pub(crate) fn beat_to(&mut self, peer: NodeId, out: &mut Outbox) {
        let root = self.root_with(peer);
        let now = self.newest_time();
        let horizon = Millis(0);
        self.send(peer, Message::Beat { now, horizon, root }, out);
    }

    pub(crate) fn take_beat(&mut self, from: NodeId, root: RootHash, out: &mut Outbox) {
        if root == self.root_with(from) {
            self.note_equal(from);
            return;
        }
        let shards = self.shard_hashes(from);
        let now = self.newest_time();
        self.send(from, Message::BeatShards { now, shards }, out);
    }

    pub(crate) fn take_beat_shards(
        &mut self,
        from: NodeId,
        theirs: &[ShardHash],
        out: &mut Outbox,
    ) {
        let mut differing = Vec::new();
        for shard in theirs {
            let Some(replica) = self.replicas.get_mut(&shard.shard.0) else { continue };
            if ClockHash::of(clock_hash(&replica.whole_clock())) == shard.hash {
                let clock = replica.whole_clock();
                replica.report(from, clock);
            } else {
                differing.push(shard.shard);
            }
        }
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.shards_differing = differing.len();
        }
        for shard in differing.into_iter().take(SHARDS_PER_BEAT_MAX) {
            self.want(from, shard, out);
        }
    }

    fn want(&mut self, from: NodeId, shard: ShardId, out: &mut Outbox) {
        let wanted = self.replicas[&shard.0].want_groups(EXCHANGE_BUDGET, SealedDetail::Hash);
        self.send(from, Message::Wanted { shard, request: UNAWAITED, wanted }, out);
    }

    /// A peer with an equal root has everything that is here.
    fn note_equal(&mut self, peer: NodeId) {
        if let Some(held) = self.peers.get_mut(&peer) {
            held.shards_differing = 0;
        }
        for shard in self.topology.shared_shards(peer) {
            if self.unstable.contains(&shard)
                && let Some(replica) = self.replicas.get_mut(&shard)
            {
                let clock = replica.whole_clock();
                replica.report(peer, clock);
            }
        }
    }

    /// Drops what is over: expired versions, log entries that every owner has, clears.
    fn maintain(&mut self, now: Millis) {
        for (shard, replica) in &mut self.replicas {
            // A replica that takes over state is left alone until it has.
            let _ = replica.expire(&mut self.store, now);
            let _ = replica.fit_tree(&mut self.store);
            if !self.unstable.contains(shard) {
                continue;
            }
            let owners: Vec<NodeId> =
                self.topology.owners(*shard).iter().map(|owner| owner.node).collect();
            if replica.prune_log(&mut self.store, &owners).is_ok() && replica.is_log_pruned() {
                self.unstable.remove(shard);
            }
        }
    }

    fn root_with(&self, peer: NodeId) -> RootHash {
        let mut bytes = Vec::new();
        for shard in self.shard_hashes(peer) {
            bytes.extend_from_slice(&shard.shard.0.to_le_bytes());
            bytes.extend_from_slice(&shard.hash.bits().to_le_bytes());
        }
        RootHash(xxhash_rust::xxh3::xxh3_64(&bytes))
    }

    fn shard_hashes(&self, peer: NodeId) -> Vec<ShardHash> {
        let shards = self.topology.shared_shards(peer);
        let hash = |shard: u16| {
            let clock: Clock = self.replicas[&shard].whole_clock();
            ShardHash { shard: ShardId(shard), hash: ClockHash::of(clock_hash(&clock)) }
        };
        shards.into_iter().map(hash).collect()
    }

    fn newest_time(&self) -> causality::HybridTime {
        self.replicas.values().map(replica::Replica::last_time).max().unwrap_or_default()
    }
}
