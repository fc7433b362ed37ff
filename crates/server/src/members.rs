//! What operators ask and order about the members: the words behind `STARLING NODE`.
//!
//! ```text
//! LIST                                  the members, and how far this node's shards are
//! PLAN LEAVE | REMOVE | ADMIT ...       what it would do; nothing is changed
//! LEAVE id     REMOVE id [FORCE]        begins
//! ADMIT json proof                      a node asks to be let in; it knows the cluster's secret
//! ```
//!
//! Answers are JSON. Nothing is decided here: the node checks, forecasts and refuses.

use causality::{ContextKey, Incarnation, NodeId};
use node::{Admission, ChangeError, Forecast, Loss, MemberChange, MemberStatus, Progress};
use placement::MemberState;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock;
use crate::status::Describer;

/// How fast shards are taken to travel when nothing is known better, in bytes a second.
const BYTES_PER_SECOND: u64 = 20_000_000;

/// What a change takes however little there is to move: everybody must hear of it, twice.
const SECONDS_MIN: u64 = 5;

/// How a refusal begins that is over in a moment.
pub(crate) const TRY_AGAIN: &str = "TRYAGAIN";

/// A node that asks to be let in, as it writes that.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    id: u32,
    incarnation: u32,
    datacenter: String,
    rack: String,
    weight: u32,
    redis: String,
    peers: String,
    replaces: Option<u32>,
}

/// Proves that the writer of a request knows the cluster's secret.
pub(crate) fn proof(key: &ContextKey, request: &str) -> String {
    format!("{:016x}", key.mac("admit", request.as_bytes()))
}

impl Describer {
    /// Answers the words behind `STARLING NODE`; an error begins with its code.
    pub(crate) fn members(&self, words: &[String]) -> Result<Value, String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (verb, rest) = words.split_first().ok_or("ERR say what: LIST, PLAN, LEAVE, REMOVE")?;
        match verb.to_ascii_uppercase().as_str() {
            "LIST" if rest.is_empty() => Ok(self.list()),
            "PLAN" => self.plan(&self.change(rest)?),
            _ => self.begin(&self.change(&words)?),
        }
    }

    fn change(&self, words: &[&str]) -> Result<MemberChange, String> {
        let verb = words.first().map(|verb| verb.to_ascii_uppercase()).unwrap_or_default();
        match (verb.as_str(), &words[1.min(words.len())..]) {
            ("LEAVE", [id]) => Ok(MemberChange::Leave(node_id(id)?)),
            ("REMOVE", [id]) => Ok(MemberChange::Remove(node_id(id)?, Loss::Refused)),
            ("REMOVE", [id, force]) if force.eq_ignore_ascii_case("force") => {
                Ok(MemberChange::Remove(node_id(id)?, Loss::Accepted))
            }
            ("ADMIT", [request, proof]) => self.admission(request, proof),
            _ => Err("ERR unknown words: LIST, PLAN, LEAVE id, REMOVE id [FORCE] or ADMIT".into()),
        }
    }

    fn admission(&self, text: &str, said: &str) -> Result<MemberChange, String> {
        if proof(&self.config.context_key(), text) != said {
            return Err("ERR its cluster secret is another one".into());
        }
        let request: Request =
            serde_json::from_str(text).map_err(|error| format!("ERR {error}"))?;
        Ok(MemberChange::Admit(Admission {
            id: NodeId(request.id),
            incarnation: Incarnation(request.incarnation),
            datacenter: request.datacenter,
            rack: request.rack,
            weight: request.weight,
            redis: request.redis,
            peers: request.peers,
            replaces: request.replaces.map(NodeId),
        }))
    }

    fn plan(&self, change: &MemberChange) -> Result<Value, String> {
        let node = self.node.borrow();
        let forecast = node.forecast(clock::now(), change).map_err(refusal)?;
        drop(node);
        Ok(self.describe_forecast(&forecast))
    }

    /// Begins a change: the node's next turn keeps it and tells the peers.
    fn begin(&self, change: &MemberChange) -> Result<Value, String> {
        let begun = self.node.borrow_mut().change_members(clock::now(), change);
        let (forecast, roster) = begun.map_err(refusal)?;
        self.inbox.push(node::Event::Woken);
        let mut answer = self.describe_forecast(&forecast);
        if matches!(change, MemberChange::Admit(_)) {
            let bytes: Vec<String> = roster.encode().iter().map(|b| format!("{b:02x}")).collect();
            answer["roster"] = json!(bytes.concat());
            answer["shards"] = json!(self.config.shard_count);
            answer["replication"] = json!(self.config.replication);
        }
        Ok(answer)
    }

    fn list(&self) -> Value {
        let node = self.node.borrow();
        let members = node.members();
        let shards: Vec<usize> = {
            let owners = node.owners();
            let count =
                |id| owners.iter().filter(|owners: &&Vec<NodeId>| owners.contains(&id)).count();
            members.iter().map(|member| count(member.id)).collect()
        };
        let is_at_rest = members
            .iter()
            .all(|one| matches!(one.state, MemberState::Active | MemberState::Removed));
        let members = members.iter().zip(shards).map(|(one, shards)| member(one, shards));
        json!({
            "node": self.config.me.0,
            "state": state(node.own_state()),
            "view": node.view_hash().to_string(),
            "epoch": node.view_epoch().0,
            "at_rest": is_at_rest,
            "members": members.collect::<Vec<_>>(),
            "progress": progress(&node.progress(), clock::now().0),
        })
    }

    fn describe_forecast(&self, forecast: &Forecast) -> Value {
        let bytes = forecast.elements * self.bytes_per_element();
        let nodes = forecast.tallies.iter().map(|(id, tally)| {
            json!({
                "node": id.0, "shards_before": tally.before, "shards_after": tally.after,
                "fetches": tally.gains, "gives_up": tally.losses,
            })
        });
        let gainers = forecast.tallies.values().filter(|tally| tally.gains > 0).count().max(1);
        json!({
            "nodes": nodes.collect::<Vec<_>>(),
            "copies": forecast.copies,
            "elements": forecast.elements,
            "bytes": bytes,
            "seconds": SECONDS_MIN + bytes / gainers as u64 / BYTES_PER_SECOND,
            "endangered_shards": forecast.endangered.len(),
            "lost_shards": forecast.lost.len(),
        })
    }

    /// What a live version takes in this node's store, on average.
    fn bytes_per_element(&self) -> u64 {
        let elements = self.status().element_count.max(1);
        let usage = self.usage();
        (usage.table_bytes + usage.rows_bytes as u64).div_ceil(elements)
    }
}

/// What will be possible in a moment begins with the word that programs look for.
#[expect(clippy::needless_pass_by_value, reason = "as errors are mapped")]
fn refusal(error: ChangeError) -> String {
    match error {
        ChangeError::UnderWay | ChangeError::Unsettled => format!("{TRY_AGAIN} {error}"),
        _ => format!("ERR {error}"),
    }
}

fn node_id(text: &str) -> Result<NodeId, String> {
    text.parse().map(NodeId).map_err(|_| format!("ERR `{text}` is no node id"))
}

const fn state(state: MemberState) -> &'static str {
    match state {
        MemberState::Joining => "joining",
        MemberState::Active => "active",
        MemberState::Leaving => "leaving",
        MemberState::Removed => "removed",
    }
}

fn member(member: &MemberStatus, shards: usize) -> Value {
    json!({
        "node": member.id.0,
        "state": state(member.state),
        "datacenter": member.datacenter,
        "rack": member.rack,
        "redis": member.redis,
        "peers": member.peers,
        "liveness": member.liveness.name(),
        "agrees": member.agrees,
        "shards": shards,
    })
}

fn progress(progress: &Progress, now_ms: u64) -> Value {
    let passed_ms = now_ms.saturating_sub(progress.since.0);
    let left = progress.elements_total.saturating_sub(progress.elements_done);
    let is_under_way = progress.shards_done < progress.shards_total;
    let eta_ms = passed_ms.saturating_mul(left).checked_div(progress.elements_done);
    json!({
        "shards_total": progress.shards_total,
        "shards_done": progress.shards_done,
        "elements_total": progress.elements_total,
        "elements_done": progress.elements_done,
        "bytes_done": progress.bytes_done,
        "shards_to_drop": progress.shards_to_drop,
        "eta_ms": eta_ms.filter(|_| is_under_way),
    })
}
