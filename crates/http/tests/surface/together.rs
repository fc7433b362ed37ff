//! Requests that come together, and pages of keys.

use api::{
    CallError, Level, Lifetime, Operation, Outcome, Position, SealedContext, StringOperation,
};
use cells::Keyspace;
use http::{Question, Step, cursor};
use serde_json::json;

use super::{begin, done, json as document};

#[test]
fn each_request_is_answered_as_if_it_came_alone() {
    let body = json!({ "requests": [
        { "method": "PUT", "path": "/v1/keyspaces/db0/keys/a?level=one", "body": "1" },
        { "method": "GET", "path": "/v1/keyspaces/db0/keys/b/set" },
        { "method": "POST", "path": "/v1/keyspaces/db0/keys/c/set",
          "body": { "add": ["x"], "remove": ["y"] } },
        { "method": "PUT", "path": "/v1/keyspaces/db0/keys/d", "context": "0a", "body": "2" },
        { "method": "DELETE", "path": "/v1/keyspaces/db99/keys/e" },
        { "method": "GET", "path": "/v1/keyspaces/db0/keys/f/map" },
        { "method": "GET", "path": "/v1/node" },
        { "method": "POST", "path": "/v1/batch", "body": { "requests": [] } },
    ] });
    let outcomes = vec![
        Outcome::Done,
        Outcome::Values(vec![b"m".to_vec()]),
        Outcome::Integer(0),
        Outcome::Integer(1),
        Outcome::Done,
        Outcome::Failed(CallError::WrongType),
    ];
    let (asked, answer) = done("POST /v1/batch", &body.to_string(), outcomes);
    assert_eq!(asked[1], Operation::SetMembers);
    let (value, context) = (Some(b"2".to_vec()), SealedContext(vec![10]));
    let lifetime = Lifetime::Forever;
    let resolve = StringOperation::Resolve { value, lifetime, context };
    assert_eq!(asked[4], Operation::String(resolve));
    let statuses: Vec<_> =
        answer["responses"].as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [204, 200, 200, 204, 404, 409, 400, 400]);
    assert_eq!(answer["responses"][1]["body"], json!({ "members": ["m"] }));
    assert_eq!(answer["responses"][2]["body"], json!({ "removed": 0, "added": 1 }));
    assert_eq!(answer["responses"][5]["body"]["type"], "/problems/wrong-type");
}

#[test]
fn what_is_no_list_of_requests_is_refused() {
    let many = json!({ "requests": vec![json!({ "method": "GET", "path": "/" }); 1001] });
    for (body, status) in [
        ("{".to_owned(), 400),
        ("{}".to_owned(), 400),
        (json!({ "requests": [{ "path": "/" }] }).to_string(), 400),
        (json!({ "requests": [{ "method": "GET", "path": "no path" }] }).to_string(), 400),
        (many.to_string(), 413),
        (json!({ "requests": [] }).to_string(), 200),
    ] {
        match begin("POST /v1/batch", &[], body.as_bytes()) {
            Step::Reply(response) => assert_eq!(response.status, status, "{body:.60}"),
            other => panic!("{body:.60}: {other:?}"),
        }
    }
}

#[test]
fn keys_come_in_pages() {
    let path = "GET /v1/keyspaces/db2/keys";
    let asked = |query: &str| match begin(&format!("{path}{query}"), &[], b"") {
        Step::Ask(question) => Ok(question),
        Step::Reply(response) => Err(document(&response)["type"].clone()),
        Step::Calls { .. } => panic!("{query}"),
    };
    let keys = |level, from, limit| Question::Keys { keyspace: Keyspace(3), level, from, limit };
    assert_eq!(asked(""), Ok(keys(Level::LocalOne, (0, Position::START), 1_000)));
    let from = (700, Position::new(99).unwrap());
    let query = format!("?cursor={}&limit=7&level=quorum", cursor(from));
    assert_eq!(asked(&query), Ok(keys(Level::Quorum, from, 7)));
    for wrong in ["?cursor=5", "?limit=0", "?limit=10001", "?limit=x", "?level=any"] {
        assert_eq!(asked(wrong), Err("/problems/bad-parameter".into()), "{wrong}");
    }
}
