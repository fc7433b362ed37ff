//! Where a key is: what every owner says about it, put together.
//!
//! Each owner is asked twice: which versions are live at it, and then which of all versions found
//! it has applied. A version that is applied but not live was superseded there.

use std::collections::BTreeMap;
use std::time::Duration;

use causality::{Actor, Dot, Incarnation, NodeId};
use cells::{Family, KeyAddress, Keyspace};
use http::{Problem, Response, text};
use node::TracedVersion;
use serde_json::{Value, json};

use crate::clock;
use crate::neighbours::Neighbours;
use crate::status::Describer;

/// How long each of the two questions is waited for.
const PATIENCE: Duration = Duration::from_millis(1500);
/// The most dots that are asked about at once.
const DOTS_COUNT_MAX: usize = 1024;

impl Describer {
    /// Answers a question about a key: its live versions here, or which of some it has applied.
    pub(super) fn trace_here(&self, question: &Value) -> Value {
        match question["what"].as_str() {
            Some("trace") => self.versions_here(question),
            _ => self.applied_here(question),
        }
    }

    fn versions_here(&self, question: &Value) -> Value {
        let keyspace = question["keyspace"].as_u64().and_then(|number| u32::try_from(number).ok());
        let key = question["key"].as_str().and_then(from_hex);
        let (Some(keyspace), Some(key)) = (keyspace, key) else { return Value::Null };
        let address = KeyAddress { keyspace: Keyspace(keyspace), key: &key };
        let trace = self.node.borrow_mut().trace(clock::now(), address);
        json!({
            "shard": trace.shard,
            "owners": trace.owners.iter().map(|owner| owner.0).collect::<Vec<_>>(),
            "versions": trace.versions.map(|all| all.iter().map(version).collect::<Vec<_>>()),
            "is_cut_off": trace.is_cut_off,
        })
    }

    fn applied_here(&self, question: &Value) -> Value {
        let shard = question["shard"].as_u64().and_then(|shard| u16::try_from(shard).ok());
        let dots = question["dots"].as_array().into_iter().flatten().take(DOTS_COUNT_MAX);
        let dots: Option<Vec<Dot>> = dots.map(|dot| parse_dot(dot.as_str()?)).collect();
        let (Some(shard), Some(dots)) = (shard, dots) else { return Value::Null };
        json!(self.node.borrow().applied(shard, &dots))
    }
}

/// Asks every owner for a key, and puts together what they say.
pub(super) async fn trace(
    neighbours: &Neighbours,
    describer: &Describer,
    keyspace: Keyspace,
    key: &[u8],
) -> Response {
    let question = json!({ "what": "trace", "keyspace": keyspace.0, "key": to_hex(key) });
    let mut said = neighbours.ask(&question, PATIENCE).await;
    let own = describer.describe_for(&question);
    let (shard, owners) = (own["shard"].clone(), ids(&own["owners"]));
    said.insert(describer.config.me, own);
    said.retain(|node, answer| owners.contains(node) && answer["versions"].is_array());
    if said.is_empty() {
        return Problem::busy("no owner of the key answered").response();
    }
    let versions = all_versions(&said);
    let dots: Vec<&str> = versions.values().filter_map(|one| one["dot"].as_str()).collect();
    let question = json!({ "what": "applied", "shard": shard, "dots": dots });
    let mut applied = neighbours.ask(&question, PATIENCE).await;
    applied.insert(describer.config.me, describer.describe_for(&question));
    let told: Vec<Value> = versions
        .values()
        .enumerate()
        .map(|(index, version)| {
            let mut version = version.clone();
            let at = owners.iter().map(|owner| {
                let state = state(said.get(owner), &version, applied.get(owner), index);
                json!({ "node": owner.0, "state": state })
            });
            let at: Vec<Value> = at.collect();
            version["at"] = json!(at);
            version
        })
        .collect();
    let is_cut_off = said.values().any(|answer| answer["is_cut_off"] == true);
    let members = &describer.config.members;
    let owner = |id: &NodeId| {
        let member = members.iter().find(|member| member.id() == *id);
        let datacenter = member.map(|member| member.datacenter.as_str());
        let answered = said.contains_key(id);
        json!({ "node": id.0, "datacenter": datacenter, "answered": answered })
    };
    let document = json!({
        "key": text::show(key),
        "shard": shard,
        "owners": owners.iter().map(owner).collect::<Vec<_>>(),
        "versions": told,
        "is_cut_off": is_cut_off,
    });
    Response::json(200, &document)
}

/// Every version that is live at some owner, once, by where it is and its dot.
fn all_versions(said: &BTreeMap<NodeId, Value>) -> BTreeMap<(String, String), Value> {
    let mut all = BTreeMap::new();
    for version in said.values().filter_map(|answer| answer["versions"].as_array()).flatten() {
        let part = |name: &str| version[name].as_str().unwrap_or_default().to_owned();
        all.insert((part("place"), part("dot")), version.clone());
    }
    all
}

/// What an owner has of a version.
fn state(
    answer: Option<&Value>,
    version: &Value,
    applied: Option<&Value>,
    index: usize,
) -> &'static str {
    let Some(answer) = answer else { return "silent" };
    let is_same = |one: &Value| one["dot"] == version["dot"] && one["place"] == version["place"];
    if answer["versions"].as_array().is_some_and(|all| all.iter().any(is_same)) {
        return "live";
    }
    match applied.and_then(|applied| applied[index].as_bool()) {
        Some(true) => "gone",
        Some(false) => "missing",
        None => "silent",
    }
}

fn version(version: &TracedVersion) -> Value {
    json!({
        "place": place(&version.column),
        "dot": text::dot(version.dot),
        "node": version.dot.actor.node().0,
        "time_ms": version.time.millis().0,
        "expires_ms": version.expiry.map(|expiry| expiry.0),
        "value": text::show(&version.value),
    })
}

/// Which part of a key a column is, in words.
fn place(column: &[u8]) -> String {
    let (family, subkey) =
        column.split_first().map_or((0, &[][..]), |(first, rest)| (*first, rest));
    let name = match Family::from_byte(family) {
        Some(Family::Register) => "string",
        Some(Family::RegisterCount) => "increments",
        Some(Family::RegisterFloor | Family::MapFloor | Family::ZsetFloor) => "reset",
        Some(Family::KeyExpiry) => "expiry",
        Some(Family::SetMember | Family::ZsetMember) => "member",
        Some(Family::MapField) => "field",
        Some(Family::MapCount) => "increments of field",
        Some(Family::ZsetCount) => "increments of member",
        Some(Family::ListItem) => "item",
        Some(Family::Flag) => "flag",
        Some(Family::Sketch) => "sketch",
        Some(Family::Clear) | None => "other",
    };
    match (subkey.is_empty(), std::str::from_utf8(subkey)) {
        (true, _) => name.to_owned(),
        (false, Ok(text)) if !text.chars().any(char::is_control) => format!("{name} {text}"),
        (false, _) => format!("{name} {}", to_hex(subkey)),
    }
}

fn ids(value: &Value) -> Vec<NodeId> {
    let numbers = value.as_array().into_iter().flatten().filter_map(Value::as_u64);
    numbers.filter_map(|number| u32::try_from(number).ok()).map(NodeId).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// Reads a dot as [`text::dot`] writes it.
fn parse_dot(text: &str) -> Option<Dot> {
    let (actor, counter) = text.split_once(':')?;
    let (node, incarnation) = actor.split_once('.')?;
    let actor = Actor::new(NodeId(node.parse().ok()?), Incarnation(incarnation.parse().ok()?));
    let counter = counter.parse().ok().filter(|counter| (1..1 << 48).contains(counter))?;
    Some(Dot::new(actor, counter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_peers_is_read_back() {
        let dot = Dot::new(Actor::new(NodeId(3), Incarnation(7)), 12);
        assert_eq!(parse_dot(&text::dot(dot)), Some(dot));
        for wrong in ["", "1:2", "1.2:0", "1.2:x", "a.b:1", "1.2:999999999999999"] {
            assert_eq!(parse_dot(wrong), None, "{wrong}");
        }
        assert_eq!(from_hex(&to_hex(b"\0key\xff")).as_deref(), Some(&b"\0key\xff"[..]));
        assert_eq!((from_hex("abc"), from_hex("zz")), (None, None));
    }

    #[test]
    fn places_are_told_in_words() {
        assert_eq!(place(&Family::Register.column(b"")), "string");
        assert_eq!(place(&Family::MapField.column(b"name")), "field name");
        assert_eq!(place(&Family::SetMember.column(b"\x01")), "member 01");
    }

    #[test]
    fn an_owner_that_does_not_answer_is_not_one_that_lacks() {
        let version = json!({ "place": "string", "dot": "1.1:1" });
        let (has, lacks) = (json!({ "versions": [version.clone()] }), json!({ "versions": [] }));
        let applied = |is: bool| json!([is]);
        assert_eq!(state(None, &version, Some(&applied(true)), 0), "silent");
        assert_eq!(state(Some(&has), &version, None, 0), "live");
        assert_eq!(state(Some(&lacks), &version, Some(&applied(true)), 0), "gone");
        assert_eq!(state(Some(&lacks), &version, Some(&applied(false)), 0), "missing");
        assert_eq!(state(Some(&lacks), &version, Some(&Value::Null), 0), "silent");
    }
}
