//! What a node says about itself, as JSON: the answer to `STARLING STATUS`.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use api::SessionId;
use causality::{Millis, NodeId};
use node::{Introspection, Kept, Node, PeerStatus, Status, VerificationStatus};
use redis::Question;
use resp::Writer;
use serde_json::{Value, json};
use storage::Usage;
use tokio::sync::Notify;

use crate::clients::Clients;
use crate::clock;
use crate::config::{Config, Member};
use crate::convergence;
use crate::inbox::Inbox;
use crate::peers::Peers;
use crate::store::Body;

/// Where a node's description comes from.
pub(crate) struct Describer {
    pub(crate) config: Config,
    pub(crate) node: Rc<RefCell<Node<Body>>>,
    pub(crate) peers: Rc<Peers>,
    /// Whom the description is for; they hold the describer.
    pub(crate) clients: Weak<Clients>,
    /// Wakes the node when it was told something.
    pub(crate) inbox: Rc<Inbox>,
    /// Wakes whoever follows the users: another node has changed them.
    pub(crate) users_changed: Rc<Notify>,
}

/// How a peer is seen from here, by the node and by the driver together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerReport {
    pub(crate) id: NodeId,
    /// `up`, `down` or `cut`.
    pub(crate) link: &'static str,
    pub(crate) liveness: &'static str,
    /// How long ago it was last heard; absent when never.
    pub(crate) silence_ms: Option<u64>,
    pub(crate) shards_differing: usize,
    pub(crate) dropped_count: u64,
    /// Writes of this node that the peer is not known to have.
    pub(crate) writes_behind: u64,
    /// For how long it has lacked the oldest of them.
    pub(crate) behind_ms: Option<u64>,
}

impl Describer {
    /// Answers what only the node can.
    pub(crate) fn answer(&self, session: SessionId, question: &Question, writer: &mut Writer<'_>) {
        match question {
            Question::Status => writer.bulk(self.describe().to_string().as_bytes()),
            Question::Token => {
                let token = self.node.borrow().session_token(session);
                writer.bulk(token.to_string().as_bytes());
            }
            Question::Members(words) => match self.members(words) {
                Ok(answer) => writer.bulk(answer.to_string().as_bytes()),
                Err(error) => writer.error_fmt(format_args!("{error}")),
            },
            // The connection knows it better.
            Question::Last => writer.null(),
            Question::AdoptToken(token) => {
                match self.node.borrow_mut().adopt_token(session, token) {
                    Ok(()) => writer.ok(),
                    Err(error) => writer.error_fmt(format_args!("ERR {error}")),
                }
            }
            Question::Login { .. } | Question::ChangeUsers(_) | Question::Password { .. } => {
                unreachable!("accounts answer these")
            }
        }
    }

    /// Forgets what the session of a client has seen.
    pub(crate) fn end_session(&self, session: SessionId) {
        self.node.borrow_mut().end_session(session);
    }

    /// Answers what another node asks for people to see.
    pub(crate) fn describe_for(&self, question: &Value) -> Value {
        match question["what"].as_str() {
            Some("report") => self.report(),
            Some("users") => {
                self.users_changed.notify_one();
                Value::Bool(true)
            }
            Some("trace" | "applied") => self.trace_here(question),
            _ => Value::Null,
        }
    }

    /// The node in few bytes, for whoever shows the whole cluster: peers are rows of their id,
    /// link, silence, differing shards, dropped messages, liveness, how many writes of this node
    /// they lack, and for how long.
    pub(crate) fn report(&self) -> Value {
        let status = self.status();
        let row = |peer: PeerReport| {
            json!([
                peer.id.0,
                peer.link,
                peer.silence_ms,
                peer.shards_differing,
                peer.dropped_count,
                peer.liveness,
                peer.writes_behind,
                peer.behind_ms,
            ])
        };
        let seen = self.introspect();
        let ledger = &seen.ledger;
        json!({
            "clients": self.clients_count(),
            "shards": status.shard_count,
            "elements": status.element_count,
            "waiting": status.waiting_count,
            "delivered": delivered(&status),
            "kept": describe_kept(&status.kept),
            "verification": describe_verification(&status.verification),
            "minted": ledger.minted,
            "converged": ledger.converged,
            "conflicts": seen.conflicts,
            "reads_compared": ledger.reads.compared,
            "reads_stale": ledger.reads.stale,
            "peers": self.reports().into_iter().map(row).collect::<Vec<_>>(),
        })
    }

    /// Describes the node as it is now.
    pub(crate) fn describe(&self) -> Value {
        let (status, own) = (self.status(), self.config.own());
        let reports = self.reports();
        let peers = reports.iter().map(|report| self.describe_peer(report));
        json!({
            "node": status.id.0,
            "datacenter": status.datacenter,
            "rack": own.rack,
            "redis": own.redis.to_string(),
            "http": own.http.as_ref().map(ToString::to_string),
            "clients": self.clients_count(),
            "shards": status.shard_count,
            "elements": status.element_count,
            "waiting": status.waiting_count,
            "delivered": delivered(&status),
            "kept": describe_kept(&status.kept),
            "verification": describe_verification(&status.verification),
            "asked": describe_asked(&status),
            "convergence": convergence::describe(
                &self.introspect(),
                usize::from(self.config.replication),
            ),
            "peers": peers.collect::<Vec<_>>(),
        })
    }

    /// Returns what the node itself knows.
    pub(crate) fn status(&self) -> Status {
        self.node.borrow().status()
    }

    /// Returns everything that the node has measured.
    pub(crate) fn introspect(&self) -> Introspection {
        self.node.borrow().introspect(clock::now())
    }

    /// Returns what the node's store holds.
    pub(crate) fn usage(&self) -> Usage {
        self.node.borrow_mut().store_mut().usage()
    }

    /// Returns how many clients are connected.
    pub(crate) fn clients_count(&self) -> usize {
        self.clients.upgrade().map_or(0, |clients| clients.count())
    }

    /// Returns how each peer is seen from here.
    pub(crate) fn reports(&self) -> Vec<PeerReport> {
        let (seen, now) = (self.introspect(), clock::now());
        let report = |peer: &PeerStatus| {
            let lag = seen.ledger.peers.iter().find(|lag| lag.id == peer.id);
            PeerReport {
                writes_behind: lag.map_or(0, |lag| lag.writes_behind),
                behind_ms: lag.and_then(|lag| lag.behind_micros).map(|micros| micros / 1000),
                ..self.report_peer(peer, now)
            }
        };
        seen.status.peers.iter().map(report).collect()
    }

    /// A link counts as up when both the node and the driver think so.
    fn report_peer(&self, peer: &PeerStatus, now: Millis) -> PeerReport {
        let report = self.peers.report(peer.id);
        let link = match report {
            Some(report) if report.is_up && peer.is_linked => "up",
            Some(report) if report.is_cut => "cut",
            _ => "down",
        };
        let is_ever_heard = peer.last_heard > Millis(0);
        PeerReport {
            id: peer.id,
            link,
            liveness: peer.liveness.name(),
            silence_ms: is_ever_heard.then(|| now.0.saturating_sub(peer.last_heard.0)),
            shards_differing: peer.shards_differing,
            dropped_count: report.map_or(0, |report| report.dropped_count),
            writes_behind: 0,
            behind_ms: None,
        }
    }

    fn describe_peer(&self, report: &PeerReport) -> Value {
        let http = self.member(report.id).and_then(|member| member.http.as_ref());
        json!({
            "node": report.id.0,
            "redis": self.redis_of(report.id),
            "http": http.map(ToString::to_string),
            "link": report.link,
            "liveness": report.liveness,
            "last_heard_ms_ago": report.silence_ms,
            "shards_differing": report.shards_differing,
            "writes_behind": report.writes_behind,
            "behind_ms": report.behind_ms,
            "dropped": report.dropped_count,
        })
    }

    /// Where clients reach a node: as it said itself, or as it was configured.
    fn redis_of(&self, id: NodeId) -> Option<String> {
        let members = self.node.borrow().members();
        let said = members.into_iter().find(|member| member.id == id).map(|member| member.redis);
        let configured = || self.member(id).map(|member| member.redis.to_string());
        said.filter(|address| !address.is_empty()).or_else(configured)
    }

    fn member(&self, id: NodeId) -> Option<&Member> {
        self.config.members.iter().find(|member| member.id() == id)
    }
}

/// What is kept here for others, and what became of it.
fn describe_kept(kept: &Kept) -> Value {
    json!({
        "hints": kept.hint_count,
        "hint_bytes": kept.hint_bytes,
        "visited_shards": kept.visit_count,
        "visited_bytes": kept.visit_bytes,
        "stored": kept.hints.stored,
        "replayed": kept.hints.replayed,
        "covered": kept.hints.covered,
        "expired": kept.hints.expired,
        "dropped": kept.hints.dropped,
    })
}

/// How far equal clocks are proven to mean equal rows.
fn describe_verification(status: &VerificationStatus) -> Value {
    let counts = &status.counts;
    let age = |since: Millis| clock::now().0.saturating_sub(since.0);
    json!({
        "pairs": status.pair_count,
        "pairs_equal": status.verified_count,
        "oldest_ms_ago": status.oldest.map(age),
        "verified": counts.verified,
        "different": counts.different,
        "mended": counts.mended,
        "given": counts.given,
        "refused": counts.refused,
        "unmended": counts.unmended,
        "bytes": counts.bytes,
        "shards_damaged": status.damaged_count,
        "shards_mending": status.mending_count,
    })
}

/// What asking other owners has come to.
fn describe_asked(status: &Status) -> Value {
    json!({
        "reads_sampled": status.repairs.sampled,
        "found_behind": status.repairs.behind,
        "repaired": status.repairs.moved,
        "hedged": status.hedges.asked,
        "hedges_first": status.hedges.won,
        "copies_saved": status.relays.saved,
        "copies_resent": status.relays.resent,
        "left_undone": status.late_count,
    })
}

/// How what came from others has come.
fn delivered(status: &Status) -> Value {
    json!({
        "write": status.delivered.by_write,
        "hint": status.delivered.by_hint,
        "exchange": status.delivered.by_exchange,
        "takeover": status.delivered.shards_taken_over,
    })
}
