//! Counters, sets and maps, and the sessions that requests are made in.

use api::{Level, Operation, Outcome, Staleness};
use http::{Session, Step};
use serde_json::json;

use super::{begin, done, json};

const KEY: &str = "/v1/keyspaces/db0/keys/k";

#[test]
fn a_counter_takes_additions() {
    let line = format!("POST {KEY}/counter?level=one");
    let (asked, answer) = done(&line, r#"{"by":-5}"#, vec![Outcome::Integer(37)]);
    assert_eq!((asked, answer), (vec![Operation::Increment { by: -5 }], json!({ "value": 37 })));
    let (asked, _) = done(&line, "", vec![Outcome::Integer(1)]);
    assert_eq!(asked, [Operation::Increment { by: 1 }]);
}

#[test]
fn a_set_and_a_map_take_changes_in_one_request() {
    let body = r#"{"add":["a",{"base64":"/w=="}],"remove":["b"]}"#;
    let outcomes = vec![Outcome::Integer(0), Outcome::Integer(2)];
    let (asked, answer) = done(&format!("POST {KEY}/set"), body, outcomes);
    let members = vec![b"a".to_vec(), b"\xff".to_vec()];
    assert_eq!(
        asked,
        [Operation::SetRemove { members: vec![b"b".to_vec()] }, Operation::SetAdd { members },]
    );
    assert_eq!(answer, json!({ "removed": 0, "added": 2 }));
    let members = Outcome::Values(vec![b"a".to_vec(), b"\xff".to_vec()]);
    let (_, answer) = done(&format!("GET {KEY}/set"), "", vec![members]);
    assert_eq!(answer, json!({ "members": ["a", { "base64": "/w==" }] }));

    let body = r#"{"set":[{"field":"f","value":"v"}]}"#;
    let (asked, _) = done(&format!("POST {KEY}/map"), body, vec![Outcome::Integer(1)]);
    assert_eq!(asked, [Operation::MapSet { fields: vec![(b"f".to_vec(), b"v".to_vec())] }]);
    let pairs = Outcome::Pairs(vec![(b"f".to_vec(), b"v".to_vec())]);
    let (_, answer) = done(&format!("GET {KEY}/map"), "", vec![pairs]);
    assert_eq!(answer, json!({ "fields": [{ "field": "f", "value": "v" }] }));
}

#[test]
fn bodies_that_make_no_sense_write_nothing() {
    for (path, body) in [
        ("counter", "1"),
        ("counter", "{"),
        ("counter", r#"{"by":1.5}"#),
        ("counter", r#"{"by":9223372036854775808}"#),
        ("set", "{}"),
        ("set", r#"{"add":"a"}"#),
        ("set", r#"{"add":[1]}"#),
        ("set", r#"{"add":[{"base64":"?"}]}"#),
        ("map", r#"{"set":{"f":"v"}}"#),
        ("map", r#"{"set":[{"field":"f"}]}"#),
    ] {
        match begin(&format!("POST {KEY}/{path}"), &[], body.as_bytes()) {
            Step::Reply(response) => {
                assert_eq!(
                    (response.status, json(&response)["type"].as_str()),
                    (400, Some("/problems/bad-body")),
                    "{path} {body}"
                );
            }
            other => panic!("{path} {body}: {other:?}"),
        }
    }
}

#[test]
fn a_request_says_its_session_and_how_stale_the_answer_may_be() {
    let session = |header: &str| match begin(&format!("GET {KEY}"), &[header], b"") {
        Step::Calls { session, .. } => Ok(session),
        Step::Reply(response) => Err(response.status),
        Step::Ask(_) => panic!("a call"),
    };
    assert_eq!(session("X: y"), Ok(None));
    assert_eq!(session("Starling-Session: new"), Ok(Some(Session::New)));
    let token = "0102".parse().unwrap();
    assert_eq!(session("starling-session: 0102"), Ok(Some(Session::Known(token))));
    assert_eq!(session("Starling-Session: mine"), Err(400));
    assert_eq!(session("Starling-Session:"), Err(400));

    let Step::Calls { calls, .. } = begin(&format!("GET {KEY}?max_staleness_ms=50"), &[], b"")
    else {
        panic!("a call")
    };
    assert_eq!((calls[0].staleness, calls[0].read), (Some(Staleness(50)), Level::LocalOne));
    for wrong in ["0", "-1", "x", "", "86400001"] {
        let line = format!("GET {KEY}?max_staleness_ms={wrong}");
        assert!(matches!(begin(&line, &[], b""), Step::Reply(_)), "{wrong}");
    }
}
