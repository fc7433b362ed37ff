//! Whether a node runs, and whether requests should be sent to it.

use http::{Problem, Response};
use serde_json::{Value, json};

use crate::status::Describer;

/// The node runs: it answers at all.
pub(super) fn live() -> Response {
    Response::json(200, &json!({ "status": "pass" }))
}

/// The node takes requests. Peers that cannot be reached are a warning and no refusal: writes
/// never stop, and which levels can be met is said call by call.
pub(super) fn ready(describer: &Describer, is_closing: bool) -> Response {
    if is_closing {
        return Problem::not_ready("the node is about to stop").response();
    }
    let description = describer.describe();
    let peers = description["peers"].as_array();
    let all = peers.map_or(0, Vec::len);
    let up = peers.map_or(0, |peers| peers.iter().filter(|peer| peer["link"] == "up").count());
    let status = if up == all { "pass" } else { "warn" };
    let check = |name: &str, status: &str, detail: String| -> Value {
        json!({ "name": name, "status": status, "detail": detail })
    };
    let shards = format!("{} shards are open", description["shards"]);
    let document = json!({
        "status": status,
        "checks": [
            check("store", "pass", shards),
            check("links", status, format!("{up} of {all} peers are linked")),
        ],
    });
    Response::json(200, &document)
}
