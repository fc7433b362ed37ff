//! The surface as a client sees it: requests in, calls or responses out.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod collections;
mod data;
mod documents;
mod generated;
mod ordered;
mod together;

use api::{Operation, Outcome};
use causality::Millis;
use http::{Guard, Limits, Parsed, Parser, Request, Response, Step, finish};
use serde_json::Value;

const NOW: Millis = Millis(1_000_000);

/// Parses a request from its first line without the version, more headers, and a body.
fn request(line: &str, headers: &[&str], body: &[u8]) -> Request {
    let mut bytes = format!("{line} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
    for header in headers {
        bytes.extend_from_slice(format!("{header}\r\n").as_bytes());
    }
    bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    let limits = Limits { head_size_max: 65_536, body_size_max: 65_536 };
    match Parser::new(limits).parse(&bytes) {
        Ok(Parsed::Complete { request, .. }) => *request,
        other => panic!("{line}: {other:?}"),
    }
}

fn begin(line: &str, headers: &[&str], body: &[u8]) -> Step {
    http::begin(&request(line, headers, body), Guard::Loopback, NOW)
}

/// The response of a request that needs no call.
#[track_caller]
fn reply(line: &str) -> Response {
    match begin(line, &[], b"") {
        Step::Reply(response) => response,
        other => panic!("{line}: {other:?}"),
    }
}

/// The operations of a request, and its answer when they come to this.
#[track_caller]
fn done(line: &str, body: &str, outcomes: Vec<Outcome>) -> (Vec<Operation>, Value) {
    match begin(line, &[], body.as_bytes()) {
        Step::Calls { calls, pending, session: None } => {
            assert_eq!(calls.len(), outcomes.len(), "{line}");
            let operations = calls.into_iter().map(|call| call.operation).collect();
            (operations, json(&finish(pending, outcomes)))
        }
        other => panic!("{line}: {other:?}"),
    }
}

fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let found = response.headers.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}
