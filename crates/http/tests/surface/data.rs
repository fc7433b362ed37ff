//! Reading and writing keys.

use api::{
    CallError, Level, Lifetime, Operation, Outcome, SealedContext, SetCondition, Sibling, Siblings,
    StringOperation,
};
use causality::{Actor, Dot, HybridTime, Incarnation, Millis, NodeId};
use cells::Keyspace;
use http::{Pending, Response, Step, finish};

use super::{NOW, begin, header, json, reply};

#[track_caller]
fn calls(line: &str, headers: &[&str], body: &[u8]) -> (Vec<api::Call>, Pending) {
    match begin(line, headers, body) {
        Step::Calls { calls, pending, .. } => (calls, pending),
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn refusal(line: &str, headers: &[&str], body: &[u8]) -> Response {
    match begin(line, headers, body) {
        Step::Reply(response) => response,
        other => panic!("{line}: {other:?}"),
    }
}

/// What a request is answered when its only call comes to this.
fn answer(line: &str, outcome: Outcome) -> Response {
    let (_, pending) = calls(line, &[], b"");
    finish(pending, vec![outcome])
}

#[test]
fn a_read_names_keyspace_key_and_level() {
    let (asked, pending) = calls("GET /v1/keyspaces/db3/keys/a%2Fb?level=QUORUM", &[], b"");
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].keyspace, &asked[0].key[..]), (Keyspace(4), &b"a/b"[..]));
    assert_eq!((asked[0].read, &asked[0].operation), (Level::Quorum, &Operation::Get));
    let response = finish(pending, vec![Outcome::Value(b"\0raw".to_vec())]);
    assert_eq!((response.status, &response.body[..]), (200, &b"\0raw"[..]));
    assert_eq!(header(&response, "Content-Type"), Some("application/octet-stream"));

    let nothing = answer("GET /v1/keyspaces/db0/keys/k", Outcome::Nothing);
    assert_eq!(
        (nothing.status, json(&nothing)["type"].as_str()),
        (404, Some("/problems/no-such-key"))
    );
}

const KEY: &str = "/v1/keyspaces/db0/keys/k";
const AS_JSON: [&str; 1] = ["Accept: application/json"];

#[test]
fn a_document_shows_every_version_and_the_context_that_names_them() {
    let (asked, pending) = calls(&format!("GET {KEY}"), &AS_JSON, b"");
    assert_eq!((asked.len(), &asked[0].operation), (1, &Operation::Siblings));
    let version = |node, value: &[u8]| Sibling {
        dot: Dot::new(Actor::new(NodeId(node), Incarnation(1)), 7),
        time: HybridTime::at(Millis(5)),
        value: value.to_vec(),
    };
    let mut siblings = Siblings {
        value: Some(b"a".to_vec()),
        expiry: None,
        versions: vec![version(1, b"a"), version(2, b"\xff")],
        context: SealedContext(vec![1, 0xab]),
    };
    let response = finish(pending, vec![Outcome::Siblings(siblings.clone())]);
    let expected = serde_json::json!({
        "key": "k",
        "value": "a",
        "expires_ms": null,
        "context": "01ab",
        "versions": [
            { "dot": "1.1:7", "time_ms": 5, "value": "a" },
            { "dot": "2.1:7", "time_ms": 5, "value": { "base64": "/w==" } },
        ],
    });
    assert_eq!(json(&response), expected);

    let (_, pending) = calls(&format!("GET {KEY}"), &AS_JSON, b"");
    (siblings.value, siblings.versions) = (None, Vec::new());
    let nothing = finish(pending, vec![Outcome::Siblings(siblings)]);
    assert_eq!((nothing.status, &json(&nothing)["context"]), (404, &"01ab".into()));
}

#[test]
fn a_context_says_what_a_write_supersedes() {
    let context = ["Starling-Context: 00fF"];
    for (line, body, value) in [
        (format!("PUT {KEY}"), &b"v"[..], Some(b"v".to_vec())),
        (format!("DELETE {KEY}"), b"", None),
    ] {
        let (asked, pending) = calls(&line, &context, body);
        let lifetime = Lifetime::Forever;
        let resolve =
            StringOperation::Resolve { value, lifetime, context: SealedContext(vec![0, 255]) };
        assert_eq!(asked[0].operation, Operation::String(resolve), "{line}");
        assert_eq!(finish(pending, vec![Outcome::Done]).status, 204);
        let (_, pending) = calls(&line, &context, body);
        let refused = finish(pending, vec![Outcome::Failed(CallError::BadContext)]);
        assert_eq!(json(&refused)["type"], "/problems/bad-context");
        for wrong in ["Starling-Context: 0", "Starling-Context: zz"] {
            let refused = refusal(&line, &[wrong], body);
            assert_eq!(json(&refused)["type"], "/problems/bad-context", "{wrong}");
        }
        let refused = refusal(&line, &["If-Match: \"a\""], body);
        assert_eq!(
            (refused.status, &json(&refused)["type"]),
            (501, &"/problems/no-preconditions".into())
        );
    }
}

#[test]
fn writes_take_the_body_as_it_is() {
    let (asked, pending) = calls("PUT /v1/keyspaces/db0/keys/k?level=all&ttl=2s", &[], b"\r\n\0");
    let lifetime = Lifetime::Until(NOW.plus(2000));
    let value = b"\r\n\0".to_vec();
    let set = Operation::Set { value, lifetime, condition: SetCondition::Always };
    assert_eq!((asked[0].write, &asked[0].operation), (Level::All, &set));
    assert_eq!(finish(pending, vec![Outcome::Done]).status, 204);

    let (asked, pending) = calls("DELETE /v1/keyspaces/db0/keys/k", &[], b"");
    assert_eq!((asked[0].write, &asked[0].operation), (Level::LocalQuorum, &Operation::Delete));
    assert_eq!(finish(pending, vec![Outcome::Integer(0)]).status, 204);
}

#[test]
fn failures_say_what_state_remains() {
    let missed =
        CallError::NotEnoughReplicas { level: Level::Quorum, needed: 2, owners: 3, answered: 1 };
    let response = answer("GET /v1/keyspaces/db0/keys/k", Outcome::Failed(missed));
    assert_eq!((response.status, header(&response, "Retry-After")), (503, Some("1")));
    let document = json(&response);
    assert_eq!(document["level"], "quorum");
    assert_eq!((document["needed"].as_u64(), document["answered"].as_u64()), (Some(2), Some(1)));
    let errors = [
        (CallError::WrongType, 409),
        (CallError::Overflow, 409),
        (CallError::NotAScore, 409),
        (CallError::TooManySiblings { count: 101, limit: 100 }, 409),
        (CallError::TooStale { bound_ms: 5 }, 503),
        (CallError::SessionAhead, 503),
        (CallError::StringTooLong, 413),
        (CallError::Busy, 503),
        (CallError::TooLarge { what: "value" }, 413),
        (CallError::NoOwner, 503),
        (CallError::Unanswered, 504),
        (CallError::Storage("disk".into()), 500),
    ];
    for (error, status) in errors {
        let response = answer("GET /v1/keyspaces/db0/keys/k", Outcome::Failed(error));
        assert_eq!(response.status, status);
        assert_eq!(header(&response, "Content-Type"), Some("application/problem+json"));
        assert_eq!(json(&response)["status"], status);
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    for (line, status, kind) in [
        ("GET /v1/keyspaces/db16/keys/k", 404, "no-such-keyspace"),
        ("GET /v1/keyspaces/db01/keys/k", 404, "no-such-keyspace"),
        ("GET /v1/keyspaces/db+1/keys/k", 404, "no-such-keyspace"),
        ("GET /v1/keyspaces/other/keys/k", 404, "no-such-keyspace"),
        ("GET /v1/keyspaces/db0/keys/", 404, "not-found"),
        ("GET /v1/keyspaces/db0/keys/k?level=most", 400, "bad-parameter"),
        ("GET /v1/keyspaces/db0/keys/k?level=any", 400, "bad-parameter"),
        ("PUT /v1/keyspaces/db0/keys/k?ttl=soon", 400, "bad-parameter"),
        ("POST /v1/keyspaces/db0/keys/k", 405, "method-not-allowed"),
        ("GET /nowhere", 404, "not-found"),
    ] {
        let response = reply(line);
        assert_eq!(response.status, status, "{line}");
        assert_eq!(json(&response)["type"], format!("/problems/{kind}"), "{line}");
    }
    let allow = reply("POST /v1/keyspaces/db0/keys/k");
    assert_eq!(header(&allow, "Allow"), Some("GET, PUT, DELETE, HEAD"));
}
