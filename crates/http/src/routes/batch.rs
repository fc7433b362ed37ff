//! Several requests in one: each is answered as it would be alone, in order.
//!
//! What comes together is not done together: other requests may come between, and what one of them
//! fails at, the others have done.

use api::Outcome;
use serde_json::{Value, json};

use super::body::wrong;
use super::collections::document;
use super::data::{Answering, Part};
use crate::parameter::{SESSION, session};
use crate::problem::{BAD_BODY, BAD_PARAMETER, BAD_SESSION, NOT_READY, Problem, TOO_LARGE};
use crate::request::{Method, Request};
use crate::response::Response;
use crate::route::{self, Answer, Asked, Route};
use crate::{Pending, Step, text};

/// The most requests that come together.
const REQUESTS_COUNT_MAX: usize = 1_000;

pub(crate) const ROUTES: &[Route] = &[Route {
    method: Method::Post,
    path: "/v1/batch",
    id: "batch",
    tag: "Data",
    summary: "Make several requests for data in one, each as if it came alone, in order",
    parameters: &[SESSION],
    body: Some(document("Requests")),
    answers: &[Answer {
        status: 200,
        about: "A response for each, whatever it is",
        media: &[document("Responses")],
    }],
    problems: &[BAD_BODY, BAD_PARAMETER, BAD_SESSION, TOO_LARGE, NOT_READY],
    run: batch,
}];

fn batch(asked: &Asked<'_>) -> Result<Step, Problem> {
    let body: Value = serde_json::from_slice(&asked.request.body)
        .map_err(|error| wrong(&format!("it is no JSON: {error}")))?;
    let expected = || wrong("`requests` is a list of objects with `method` and `path`");
    let requests = body.get("requests").and_then(Value::as_array).ok_or_else(expected)?;
    if requests.len() > REQUESTS_COUNT_MAX {
        let detail = format!("{} requests, at most {REQUESTS_COUNT_MAX}", requests.len());
        return Err(Problem::new(TOO_LARGE, detail));
    }
    let (mut calls, mut parts) = (Vec::new(), Vec::with_capacity(requests.len()));
    for request in requests {
        parts.push(match begin(&request_of(request).ok_or_else(expected)?, asked) {
            Ok((more, answering)) => {
                let count = more.len();
                calls.extend(more);
                Part::Calls(count, answering)
            }
            Err(problem) => Part::Answered(problem.response()),
        });
    }
    let answering = Answering::Together(parts);
    if calls.is_empty() {
        return Ok(Step::Reply(answering.finish(Vec::new())?));
    }
    Ok(Step::Calls { calls, pending: Pending { answering }, session: session(asked)? })
}

/// Reads one of the requests; nothing when it is none.
fn request_of(value: &Value) -> Option<Request> {
    let method = Method::parse(value.get("method")?.as_str()?);
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let mut headers = vec![header("accept", "application/json")];
    if let Some(context) = value.get("context") {
        headers.push(header("starling-context", context.as_str()?));
    }
    let body = match value.get("body") {
        None => Vec::new(),
        // A value is bytes; what other resources take is JSON.
        Some(body) => text::read(body).unwrap_or_else(|| body.to_string().into_bytes()),
    };
    Request::new((method, value.get("path")?.as_str()?), headers, body)
}

/// Begins one of the requests.
fn begin(request: &Request, asked: &Asked<'_>) -> Result<(Vec<api::Call>, Answering), Problem> {
    let matched = route::find(request)?;
    let one = Asked { request, values: &matched.values, now: asked.now };
    match (matched.route.tag, (matched.route.run)(&one)?) {
        ("Data", Step::Calls { calls, pending: Pending { answering }, .. })
            if !matches!(answering, Answering::Together(_)) =>
        {
            Ok((calls, answering))
        }
        _ => Err(Problem::new(BAD_BODY, "only requests for data of one key come together")),
    }
}

/// The responses, in the order of the requests.
pub(super) fn responses(parts: Vec<Part>, outcomes: Vec<Outcome>) -> Response {
    let mut outcomes = outcomes.into_iter();
    let responses = parts.into_iter().map(|part| {
        let response = match part {
            Part::Answered(response) => response,
            Part::Calls(count, answering) => {
                let outcomes = outcomes.by_ref().take(count).collect();
                answering.finish(outcomes).unwrap_or_else(Problem::response)
            }
        };
        show(&response)
    });
    let responses: Vec<Value> = responses.collect();
    Response::json(200, &json!({ "responses": responses }))
}

fn show(response: &Response) -> Value {
    let mut shown = json!({ "status": response.status });
    if !response.body.is_empty() {
        let document = serde_json::from_slice(&response.body);
        shown["body"] = document.unwrap_or_else(|_| text::show(&response.body));
    }
    shown
}
