//! Whether a node runs, and whether requests should be sent to it.

use http::{Problem, Response};
use placement::MemberState;
use serde_json::{Value, json};

use crate::clock;
use crate::status::Describer;

/// The node runs: it answers at all.
pub(super) fn live() -> Response {
    Response::json(200, &json!({ "status": "pass" }))
}

/// The node takes requests: it has its shards, and is not far behind the others of its datacenter
/// that it can reach. Peers that cannot be reached are a warning and no refusal: writes never stop,
/// and which levels can be met is said call by call. So is a disk that is nearly full: reads,
/// removals and repair go on, and writes are refused one by one.
pub(super) fn ready(describer: &Describer, is_closing: bool) -> Response {
    if is_closing {
        return Problem::not_ready("the node is about to stop").response();
    }
    let (now, config) = (clock::now(), &describer.config);
    let (behind, state) = {
        let node = describer.node.borrow();
        (node.behind(now), node.own_state())
    };
    if state == MemberState::Joining {
        return Problem::not_ready("the node still fetches the shards it will own").response();
    }
    let Some(behind) = behind else {
        let detail = "the node has not compared yet what it holds with all others in reach";
        return Problem::not_ready(detail).response();
    };
    if behind.0 > config.ready_lag_max_ms {
        let detail = format!("the node may lack what others have held for {} ms", behind.0);
        return Problem::not_ready(&detail).response();
    }
    let description = describer.describe();
    let peers = description["peers"].as_array();
    let all = peers.map_or(0, Vec::len);
    let up = peers.map_or(0, |peers| peers.iter().filter(|peer| peer["link"] == "up").count());
    let links = if up == all { "pass" } else { "warn" };
    let (disk, space) = disk(describer);
    let status = if [links, disk] == ["pass"; 2] { "pass" } else { "warn" };
    let check = |name: &str, status: &str, detail: String| -> Value {
        json!({ "name": name, "status": status, "detail": detail })
    };
    let shards = format!("{} shards are open", description["shards"]);
    let document = json!({
        "status": status,
        "checks": [
            check("store", "pass", shards),
            check("disk", disk, space),
            check("links", links, format!("{up} of {all} peers are linked")),
            check("lag", "pass", format!("at most {} ms behind those in reach", behind.0)),
        ],
    });
    Response::json(200, &document)
}

/// Whether there is space for ordinary writes.
fn disk(describer: &Describer) -> (&'static str, String) {
    let (free, least) = (describer.usage().disk_free_bytes, describer.config.disk_free_min);
    if free < least {
        return ("warn", format!("{free} bytes are free, fewer than {least}: writes are refused"));
    }
    ("pass", format!("{free} bytes are free"))
}
