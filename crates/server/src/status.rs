//! What a node says about itself, as JSON: the answer to `STARLING STATUS`.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use causality::{Millis, NodeId};
use node::{Node, PeerStatus};
use serde_json::{Value, json};

use crate::clients::Clients;
use crate::clock;
use crate::config::{Config, Member};
use crate::peers::Peers;
use crate::store::Body;

/// Where a node's description comes from.
pub(crate) struct Describer {
    pub(crate) config: Config,
    pub(crate) node: Rc<RefCell<Node<Body>>>,
    pub(crate) peers: Rc<Peers>,
    /// Whom the description is for; they hold the describer.
    pub(crate) clients: Weak<Clients>,
}

impl Describer {
    /// Describes the node as it is now.
    pub(crate) fn describe(&self) -> Value {
        let status = self.node.borrow().status();
        let (now, own) = (clock::now(), self.config.own());
        let peers = status.peers.iter().map(|peer| self.describe_peer(peer, now));
        json!({
            "node": status.id.0,
            "datacenter": status.datacenter,
            "rack": own.rack,
            "redis": own.redis.to_string(),
            "clients": self.clients.upgrade().map_or(0, |clients| clients.count()),
            "shards": status.shard_count,
            "elements": status.element_count,
            "waiting": status.waiting_count,
            "delivered": {
                "write": status.delivered.by_write,
                "exchange": status.delivered.by_exchange,
                "takeover": status.delivered.shards_taken_over,
            },
            "peers": peers.collect::<Vec<_>>(),
        })
    }

    /// Describes a link, which counts as up when both the node and the driver think so.
    fn describe_peer(&self, peer: &PeerStatus, now: Millis) -> Value {
        let report = self.peers.report(peer.id);
        let link = match report {
            Some(report) if report.is_up && peer.is_linked => "up",
            Some(report) if report.is_cut => "cut",
            _ => "down",
        };
        let is_ever_heard = peer.last_heard > Millis(0);
        json!({
            "node": peer.id.0,
            "redis": self.member(peer.id).map(|member| member.redis.to_string()),
            "link": link,
            "last_heard_ms_ago": is_ever_heard.then(|| now.0.saturating_sub(peer.last_heard.0)),
            "shards_differing": peer.shards_differing,
            "dropped": report.map_or(0, |report| report.dropped_count),
        })
    }

    fn member(&self, id: NodeId) -> Option<&Member> {
        self.config.members.iter().find(|member| member.id() == id)
    }
}
