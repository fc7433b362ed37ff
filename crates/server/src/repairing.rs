//! Repairs over HTTP: begun here, described as objects.

use std::collections::BTreeSet;

use causality::Millis;
use http::{Problem, Response};
use node::{AcceptError, Repair, RepairError};
use serde_json::{Value, json};

use crate::clock;
use crate::status::Describer;
use crate::turns;

/// Begins a repair: the node's next turn goes on with it.
pub(crate) fn begin(describer: &Describer, shards: Option<&BTreeSet<u16>>) -> Response {
    let now = clock::now();
    let begun = describer.node.borrow_mut().begin_repair(now, shards);
    match begun {
        Ok(repair) => {
            describer.inbox.push(node::Event::Woken);
            let at = format!("/v1/repairs/{}", repair.id);
            Response::json(202, &describe(describer, &repair, now)).with("Location", at)
        }
        Err(RepairError::UnderWay(id)) => Problem::repair_under_way(id).response(),
        Err(RepairError::NotOwned(shard)) => Problem::not_owned(shard).response(),
    }
}

/// Takes what is left of a damaged shard for the truth, durably before it is said.
pub(crate) fn accept(describer: &Describer, shard: u16) -> Response {
    let mut node = describer.node.borrow_mut();
    match node.accept_rows(clock::now(), shard) {
        Ok(left) => {
            // Only a checkpoint holds rows that no entry of the log explains.
            if let Err(error) = turns::checkpoint(&mut node) {
                return Problem::not_damaged(shard, error).response();
            }
            describer.inbox.push(node::Event::Woken);
            Response::json(200, &json!({ "shard": shard, "versions_left": left }))
        }
        Err(AcceptError::NotOwned(shard)) => Problem::not_owned(shard).response(),
        Err(error) => Problem::not_damaged(shard, error).response(),
    }
}

/// Describes one repair.
pub(crate) fn look(describer: &Describer, id: u64) -> Response {
    let found = describer.node.borrow().repairs().find(|repair| repair.id == id);
    match found {
        Some(repair) => Response::json(200, &describe(describer, &repair, clock::now())),
        None => Problem::no_such_repair("this node knows no repair of this number").response(),
    }
}

/// Describes the last repairs.
pub(crate) fn list(describer: &Describer) -> Response {
    let (node, now) = (describer.node.borrow(), clock::now());
    let repairs: Vec<Value> =
        node.repairs().map(|repair| describe(describer, &repair, now)).collect();
    Response::json(200, &json!({ "repairs": repairs }))
}

fn describe(describer: &Describer, repair: &Repair, now: Millis) -> Value {
    let until = repair.ended.unwrap_or(now);
    let took_ms = until.0.saturating_sub(repair.began.0).max(1);
    let left = |ends: Millis| ends.0.saturating_sub(now.0);
    json!({
        "id": repair.id,
        "node": describer.config.me.0,
        "state": if repair.ended.is_some() { "done" } else { "running" },
        "is_clean": repair.is_clean(),
        "began_ms": repair.began.0,
        "ended_ms": repair.ended.map(|ended| ended.0),
        "ends_in_ms": repair.ends_at(now).map(left),
        "shards_total": repair.shards_total,
        "shards_done": repair.shards_done,
        "shards_per_second": rate(repair.shards_done, took_ms),
        "shards_damaged": repair.damaged,
        "equal": repair.equal,
        "different": repair.different,
        "mended": repair.mended,
        "given": repair.given,
        "unmended": repair.unmended,
        "skipped": repair.skipped,
        "bytes": repair.bytes,
    })
}

/// So many in so many milliseconds, each second.
#[expect(clippy::cast_precision_loss, reason = "a rate that people read")]
fn rate(count: u64, took_ms: u64) -> f64 {
    (count as f64 * 10_000.0 / took_ms as f64).round() / 10.0
}
