//! Values, versions and keys over HTTP, at real nodes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::web::{ask, get};

const KEY: &str = "/v1/keyspaces/db0/keys/draft";
const AS_JSON: &str = "Accept: application/json\r\n";

#[test]
fn a_context_resolves_what_was_shown_and_keeps_the_rest() {
    let cluster = Cluster::start();
    let [first, second, third] = [1, 2, 3].map(|id| cluster.http(id));
    let with = |context: &Value| format!("Starling-Context: {}\r\n", context.as_str().unwrap());
    let put = format!("PUT {KEY}?level=all");
    let nothing = ask(first, &format!("GET {KEY}"), AS_JSON, b"");
    assert_eq!(nothing.status, 404);
    let nothing = nothing.json()["context"].clone();

    assert_eq!(ask(first, &put, "", b"mine").status, 204);
    assert_eq!(ask(second, &put, &with(&nothing), b"yours").status, 204);
    let shown = ask(third, &format!("GET {KEY}"), AS_JSON, b"").json();
    assert_eq!(shown["versions"].as_array().unwrap().len(), 2, "{shown}");

    assert_eq!(ask(first, &put, &with(&nothing), b"late").status, 204);
    assert_eq!(ask(second, &put, &with(&shown["context"]), b"ours").status, 204);
    let left = ask(third, &format!("GET {KEY}"), AS_JSON, b"").json();
    let values: BTreeSet<&str> = left["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["value"].as_str().unwrap())
        .collect();
    assert_eq!(values, BTreeSet::from(["late", "ours"]), "what was not shown stays");

    // Over Redis it is the same context.
    let context = left["context"].as_str().unwrap();
    let resolved = cluster.client(1).call(&["STARLING", "RESOLVE", "draft", context, "end"]);
    assert!(resolved.is_ok(), "{resolved:?}");
    assert_eq!(cluster.client(1).get("draft").as_deref(), Some("end"));
    let elsewhere = ask(first, "PUT /v1/keyspaces/db0/keys/other", &with(&nothing), b"x");
    assert_eq!(
        (elsewhere.status, &elsewhere.json()["type"]),
        (400, &"/problems/bad-context".into())
    );
    let end = ask(first, &format!("GET {KEY}?level=all"), AS_JSON, b"").json();
    assert_eq!(ask(first, &format!("DELETE {KEY}"), &with(&end["context"]), b"").status, 204);
    assert_eq!(get(first, KEY).status, 404);
}

#[test]
fn requests_come_together_and_a_walk_meets_every_key() {
    let cluster = Cluster::start();
    let [first, second] = [1, 2].map(|id| cluster.http(id));
    let path = |number: usize| format!("/v1/keyspaces/db3/keys/k{number}");
    let put = |number| json!({ "method": "PUT", "path": path(number) + "?level=all", "body": "v" });
    let body = json!({ "requests": (0..60).map(put).collect::<Vec<_>>() }).to_string();
    let answer = ask(first, "POST /v1/batch", "", body.as_bytes()).json();
    let responses = answer["responses"].as_array().unwrap();
    assert_eq!(responses.len(), 60);
    assert!(responses.iter().all(|one| one["status"] == 204), "{answer}");

    let zset = "/v1/keyspaces/db3/keys/board/zset?level=all";
    let body = br#"{"add":[{"member":"a","score":2},{"member":"b","score":1}]}"#;
    assert_eq!(ask(first, &format!("POST {zset}"), "", body).json()["added"], 2);
    let ranked = get(second, zset).json();
    assert_eq!(ranked["members"][0], json!({ "member": "b", "score": 1.0 }));
    let list = "/v1/keyspaces/db3/keys/queue/list";
    let pushed = ask(first, &format!("POST {list}?level=all"), "", br#"{"push_back":["x","y"]}"#);
    assert_eq!(pushed.json()["length"], 2, "{}", pushed.text());
    let popped = ask(second, &format!("POST {list}/pop?level=all"), "", br#"{"end":"front"}"#);
    assert_eq!(popped.json()["elements"], json!(["x"]), "{}", popped.text());

    let (mut found, mut cursor) = (Vec::new(), Some(String::new()));
    while let Some(at) = cursor {
        let page = get(second, &format!("/v1/keyspaces/db3/keys?limit=7{at}")).json();
        let keys = page["keys"].as_array().unwrap();
        found.extend(keys.iter().map(|key| key["key"].as_str().unwrap().to_owned()));
        cursor = page["next"].as_str().map(|next| format!("&cursor={next}"));
    }
    let met: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!((met.len(), found.len()), (62, 62), "each once: {found:?}");
    assert!(met.contains("board") && met.contains("queue") && met.contains("k59"));
}
