//! The exchange schedule: clocks are compared with every peer at every beat.
//!
//! A beat carries one hash over the clocks of the shards that the two nodes compare. While nothing
//! is missing, that is all. Otherwise the hashes of the shards follow, and each side asks for what
//! it misses, shard by shard, from one peer at a time. Equal hashes also prove what the peer has:
//! logs are pruned by that, and the ledger closes writes.
//!
//! Clocks are compared as they were a moment ago (the lag), so that operations under way are not
//! taken for missing ones. The moment travels with the beat: both sides cut at the same place.

mod asks;
mod lag;
mod pairs;

use causality::{HybridTime, Millis, NodeId};
use replica::SealedDetail;
use storage::Store;
use wire::{ClockHash, Message, RequestId, RootHash, ShardHash, ShardId};

use crate::event::Outbox;
use crate::node::Node;

use asks::Asks;
use lag::Lag;

/// The most shards asked for after one beat; the rest follow with the next.
const SHARDS_PER_BEAT_MAX: usize = 256;

/// The request id of exchanges that nobody waits for.
pub(crate) const UNAWAITED: RequestId = RequestId(0);

/// What exchanges have brought here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExchangeCounts {
    /// Operations that were missing.
    pub taken: u64,
    /// Operations that came although they were here already.
    pub known: u64,
    /// Beats after which the shards were compared one by one.
    pub beats_differing: u64,
}

/// The state of the schedule.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) asks: Asks,
    pub(crate) lag: Lag,
    pub(crate) counts: ExchangeCounts,
}

impl<S: Store> Node<S> {
    /// Compares clocks with every linked peer, and does what is due now and then.
    pub(crate) fn beat(&mut self, now: Millis, out: &mut Outbox) {
        self.exchange.lag.turn(now);
        self.forwards.paces.turn(now);
        self.calls.paces.turn(now);
        self.repairs.give_up_late(now);
        let linked: Vec<NodeId> =
            self.peers.iter().filter(|(_, peer)| peer.is_linked).map(|(id, _)| *id).collect();
        for peer in linked {
            // Told again and again: a link that is over its bound drops messages, this one too.
            self.tell_view(peer, out);
            self.beat_to(now, peer, out);
        }
        self.give_up_late_takeovers(now);
        self.follow_damage(now, out);
        self.shed_hints(now);
        self.close_visits(now, out);
        self.retire_actors(now, out);
        self.remove_leftovers(now, out);
        self.restate_ledger(now);
        self.finish_sealing(now, out);
        self.maintain(now);
    }

    pub(crate) fn beat_to(&mut self, now: Millis, peer: NodeId, out: &mut Outbox) {
        let moment = self.exchange.lag.moment(now);
        let root = root_of(&self.shard_hashes(peer, moment));
        let horizon = Millis(0);
        self.send(peer, Message::Beat { now: HybridTime::at(moment), horizon, root }, out);
    }

    pub(crate) fn take_beat(
        &mut self,
        now: Millis,
        from: NodeId,
        (at, root): (HybridTime, RootHash),
        out: &mut Outbox,
    ) {
        let moment = at.millis();
        let shards = self.shard_hashes(from, moment);
        if root == root_of(&shards) {
            let compared = shards.into_iter().map(|shard| shard.shard.0).collect();
            self.note_equal(now, from, (compared, moment));
        } else {
            self.send(from, Message::BeatShards { now: at, shards }, out);
        }
    }

    pub(crate) fn take_beat_shards(
        &mut self,
        now: Millis,
        from: NodeId,
        (at, theirs): (HybridTime, &[ShardHash]),
        out: &mut Outbox,
    ) {
        let (mut equal, mut differing) = (Vec::new(), Vec::new());
        for shard in theirs {
            let Some(replica) = self.replicas.get_mut(&shard.shard.0) else { continue };
            let hash = ClockHash::of(replica.clock_hash_before(at.millis()));
            let list = if hash == shard.hash { &mut equal } else { &mut differing };
            list.push(shard.shard.0);
        }
        self.exchange.counts.beats_differing += u64::from(!differing.is_empty());
        self.note_equal(now, from, (equal, at.millis()));
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.shards_differing = differing.len();
        }
        // What is damaged takes nothing.
        differing.retain(|shard| !self.is_damaged(*shard));
        for shard in differing.into_iter().take(SHARDS_PER_BEAT_MAX) {
            if self.exchange.asks.begin(shard, from, now) {
                self.want(now, from, shard, out);
            }
        }
    }

    fn want(&self, now: Millis, from: NodeId, shard: u16, out: &mut Outbox) {
        self.ask_for(now, (from, shard), UNAWAITED, SealedDetail::Hash, out);
    }

    /// A peer has given all it had; another may have more.
    pub(crate) fn ask_next(&mut self, now: Millis, from: NodeId, shard: u16, out: &mut Outbox) {
        if let Some(next) = self.exchange.asks.end(shard, from, now) {
            self.want(now, next, shard, out);
        }
    }

    /// A peer with an equal clock has everything that is here.
    fn note_equal(&mut self, now: Millis, peer: NodeId, (shards, moment): (Vec<u16>, Millis)) {
        if let Some(held) = self.peers.get_mut(&peer) {
            held.shards_differing = 0;
        }
        for shard in shards {
            self.freshness.has_all(peer, shard, moment);
            if (self.unstable.contains(&shard) || self.ledger.is_open(shard))
                && let Some(replica) = self.replicas.get_mut(&shard)
            {
                let clock = replica.clock_before(moment);
                replica.report(peer, clock.clone());
                self.note_covered(now, peer, shard, &clock);
            }
        }
    }

    /// Drops what is over: expired versions, log entries that every owner has, clears.
    fn maintain(&mut self, now: Millis) {
        let expired_by = self.expiry_time(now);
        for (shard, replica) in &mut self.replicas {
            // A replica that takes over state is left alone until it has.
            let _ = replica.expire(&mut self.store, expired_by);
            let _ = replica.fit_tree(&mut self.store);
            if !self.unstable.contains(shard) {
                continue;
            }
            replica.forget_recent(now);
            let owners = self.topology.everyone(*shard);
            if replica.prune_log(&mut self.store, owners).is_ok() && replica.is_log_pruned() {
                self.unstable.remove(shard);
            }
        }
    }

    /// Hashes the clocks of the shards that are compared with a peer, as they were at a moment.
    fn shard_hashes(&mut self, peer: NodeId, moment: Millis) -> Vec<ShardHash> {
        let held: Vec<u16> = self.replicas.keys().copied().collect();
        let pair = (self.config.me, peer);
        let mut hashes = Vec::new();
        let turn = pairs::Turn::at(moment, self.config.exchange_interval_ms);
        for shard in pairs::compared_shards(&self.topology, held, pair, turn) {
            if let Some(replica) = self.replicas.get_mut(&shard) {
                let hash = ClockHash::of(replica.clock_hash_before(moment));
                hashes.push(ShardHash { shard: ShardId(shard), hash });
            }
        }
        hashes
    }
}

fn root_of(shards: &[ShardHash]) -> RootHash {
    let mut bytes = Vec::with_capacity(shards.len() * 10);
    for shard in shards {
        bytes.extend_from_slice(&shard.shard.0.to_le_bytes());
        bytes.extend_from_slice(&shard.hash.bits().to_le_bytes());
    }
    RootHash(xxhash_rust::xxh3::xxh3_64(&bytes))
}
