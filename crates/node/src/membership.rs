//! What this node knows of the others: who they are, and how they seem to be.
//!
//! Invariants: gossip runs inside [`Node::handle`](crate::Node::handle), with its deadlines among
//! the node's; liveness is opinion and says where to route, never who is a member.

mod changes;
mod liveness;
pub(crate) mod roster;
mod views;

use causality::{Millis, NodeId};
use gossip::{Generation, Gossip, Identity, Outbox as GossipOutbox, Output};
use placement::{MemberId, MemberState, View, ViewHash};
use storage::Store;
use wire::{Message, News, Roster, RosterHash};

use crate::config::{Config, Origin};
use crate::event::Outbox;
use crate::node::Node;
use crate::topology::Topology;

pub use changes::{Admission, ChangeError, Forecast, Loss, MemberChange};
pub use liveness::Liveness;
use roster::Known;
pub use views::MemberStatus;

/// The key under which a node publishes how busy it is.
const LOAD_KEY: &str = "load";

/// What this node knows of the others.
#[derive(Debug)]
pub(crate) struct Membership {
    gossip: Gossip,
    /// The settings, for starting the machine again under a higher generation.
    config: gossip::Config,
    pub(crate) roster: Roster,
    view_hash: ViewHash,
    roster_hash: RosterHash,
    /// The last view by which every owner held its shards whole.
    pub(crate) base: View,
    /// When the present view was taken over here.
    since: Millis,
    /// Whether the peers have yet to be told.
    is_news: bool,
    /// Whether nothing was kept of an earlier life: then there may have been none.
    is_new: bool,
    /// Whether what this node was told when it was let in is yet to be kept.
    is_unkept: bool,
    /// What an operator has ordered since the last turn.
    ordered: Option<Roster>,
    /// Counts the changes of the roster, for drivers.
    version: u64,
}

impl Membership {
    /// Begins with what is known of the members.
    pub(crate) fn new(
        now: Millis,
        config: &Config,
        kept: Option<(Roster, View)>,
    ) -> Result<Self, String> {
        let is_new = kept.is_none();
        let (mut roster, base) = match kept {
            Some(kept) => kept,
            None => {
                let roster = roster::first(config)?;
                let base = roster.view.clone();
                (roster, base)
            }
        };
        if roster.view.get(MemberId(config.me.0)).is_none() {
            return Err(format!("node {} is not among the members", config.me.0));
        }
        roster::put_configured(&mut roster, now, config);
        let settings = gossip_config(config);
        let gossip =
            start(now, &settings, identity(config.me, now.0), peers_of(&roster, config.me))?;
        Ok(Self {
            gossip,
            config: settings,
            view_hash: roster.view.hash(),
            roster_hash: roster::hash(&roster),
            roster,
            base,
            since: now,
            is_news: false,
            is_new,
            is_unkept: is_new && matches!(config.gossip.origin, Origin::Admitted(_)),
            ordered: None,
            version: 1,
        })
    }

    /// Computes who owns what; an earlier life may have acted on the base last.
    pub(crate) fn topology(&self, config: &Config) -> Result<Topology, String> {
        let (shards, replication) = (config.shard_count, config.replication);
        let mut topology = Topology::new(config.me, &self.roster.view, shards, replication)?;
        topology.rest_on(&self.base)?;
        if self.base != self.roster.view {
            topology.also(&self.base, &self.roster.view)?;
        }
        Ok(topology)
    }

    /// Every other node that is or was a member: who was removed may have something to tell.
    pub(crate) fn others(&self, me: NodeId) -> Vec<NodeId> {
        let members = self.roster.view.members().map(|member| NodeId(member.id.0));
        members.filter(|id| *id != me).collect()
    }

    /// When the machine wants to be woken.
    pub(crate) fn next_deadline(&self) -> Millis {
        Millis(self.gossip.next_deadline().0)
    }
}

impl<S: Store> Node<S> {
    /// What the next life has to know.
    pub(crate) fn known(&self) -> Known {
        Known {
            roster: self.membership.roster.clone(),
            base: self.membership.base.clone(),
            filling: self.transfers.filling(),
        }
    }

    /// Says how a node seems to be: for routing, never for deciding who is a member.
    #[must_use]
    pub fn liveness(&self, node: NodeId) -> Liveness {
        let seems = self.membership.gossip.liveness(gossip::NodeId(node.0));
        Liveness::of(self.is_reachable(node), seems)
    }

    /// Says how busy a node said it is, if it did: how many bits the number of its waiting calls
    /// takes, so that it is told anew only when it has doubled or halved.
    #[must_use]
    pub fn load(&self, node: NodeId) -> Option<u8> {
        let value = self.membership.gossip.get(gossip::NodeId(node.0), LOAD_KEY)?;
        value.first().copied()
    }

    /// Runs the gossip that is due.
    pub(crate) fn gossip(&mut self, now: Millis, out: &mut Outbox) {
        if self.membership.next_deadline() <= now {
            let load = usize::BITS - self.calls.len().leading_zeros();
            let value = [u8::try_from(load).unwrap_or(u8::MAX)];
            self.publish_value(LOAD_KEY, &value);
            self.publish_view();
            self.gossip_event(now, gossip::Event::Woken, out);
        }
    }

    /// Takes a peer's news. What makes no sense is dropped: gossip lives with loss.
    pub(crate) fn take_news(&mut self, now: Millis, from: NodeId, bytes: &[u8], out: &mut Outbox) {
        let Ok(news) = News::decode(bytes) else { return };
        match news {
            News::Rumours(message) => {
                if message.sender.node.0 == from.0 {
                    self.gossip_event(now, gossip::Event::Received(message), out);
                }
            }
            News::Views { view, roster } => self.take_views(now, from, view, roster, out),
            News::Roster(roster) => self.take_roster(now, from, &roster, out),
            News::ReportsWanted { view, shards } => {
                self.take_reports_wanted(from, view, &shards, out);
            }
            News::Reports { view, reports } => self.take_reports(now, from, view, reports),
        }
    }

    /// Tells every peer what this node says about itself.
    fn publish_value(&mut self, key: &str, value: &[u8]) {
        let published = self.membership.gossip.set(key, value);
        published.expect("a few short keys with short values are within all bounds");
    }

    fn gossip_event(&mut self, now: Millis, event: gossip::Event, out: &mut Outbox) {
        let mut outputs = GossipOutbox::new();
        self.membership.gossip.handle(gossip::Millis(now.0), event, &mut outputs);
        for output in outputs.drain() {
            match output {
                Output::Send { to, message } => {
                    let news = News::Rumours(message).encode();
                    self.send(NodeId(to.0), Message::Gossip(news), out);
                }
                Output::IdentityTaken { seen } => self.outlive(now, seen),
                Output::Met(_)
                | Output::LivenessChanged { .. }
                | Output::ValueChanged { .. }
                | Output::Refused { .. } => {}
            }
        }
    }

    /// The clock stood earlier at this start than at one before: peers take this node for its own
    /// past. It starts to gossip again, above what they have seen.
    fn outlive(&mut self, now: Millis, seen: Identity) {
        let peers = peers_of(&self.membership.roster, self.config.me);
        let me = identity(self.config.me, now.0.max(seen.generation.0.saturating_add(1)));
        let started = start(now, &self.membership.config, me, peers);
        self.membership.gossip = started.expect("the settings were checked at the first start");
    }
}

/// The other members, the removed ones apart.
fn peers_of(roster: &Roster, me: NodeId) -> Vec<NodeId> {
    let members = roster.view.members().filter(|one| one.state != MemberState::Removed);
    members.map(|one| NodeId(one.id.0)).filter(|id| *id != me).collect()
}

fn gossip_config(config: &Config) -> gossip::Config {
    let interval = gossip::Millis(config.gossip.interval_ms);
    gossip::Config {
        round_interval: interval,
        probe_interval: interval,
        probe_timeout: gossip::Millis(config.gossip.interval_ms / 2),
        suspicion_base: gossip::Millis(config.gossip.interval_ms * 42 / 10),
        suspicion_per_doubling: gossip::Millis(config.gossip.interval_ms / 10),
        fanout: config.gossip.fanout,
        ..gossip::Config::new(gossip::ClusterHash(config.cluster))
    }
}

const fn identity(me: NodeId, generation: u64) -> Identity {
    Identity { node: gossip::NodeId(me.0), generation: Generation(generation) }
}

/// Starts a machine that knows its peers.
fn start(
    now: Millis,
    config: &gossip::Config,
    me: Identity,
    peers: Vec<NodeId>,
) -> Result<Gossip, String> {
    let mut seed = [0; 12];
    seed[..4].copy_from_slice(&me.node.0.to_le_bytes());
    seed[4..].copy_from_slice(&me.generation.0.to_le_bytes());
    let seed = xxhash_rust::xxh3::xxh3_64(&seed);
    let now = gossip::Millis(now.0);
    let started = Gossip::new(now, config.clone(), me, seed);
    let mut gossip = started.map_err(|error| format!("gossip: {error}"))?;
    let mut outputs = GossipOutbox::new();
    for peer in peers {
        gossip.handle(now, gossip::Event::PeerAdded(gossip::NodeId(peer.0)), &mut outputs);
    }
    Ok(gossip)
}
