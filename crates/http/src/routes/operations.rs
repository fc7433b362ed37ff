//! The node about itself: health, metrics, status, and what this interface is.

use serde_json::json;

use crate::exposition::TextFormat;
use crate::parameter::{self, KEY, KEYSPACE, Parameter, Place};
use crate::problem::{BUSY, NO_SUCH_KEYSPACE, NOT_FOUND, NOT_READY, PROBLEMS, Problem};
use crate::request::Method;
use crate::response::Response;
use crate::route::{Answer, Asked, Media, Route};
use crate::{Question, Step};

const JSON: &str = "application/json";

const PROBLEM_NAME: Parameter = Parameter {
    name: "name",
    place: Place::Path,
    about: "The kind of problem",
    schema: || json!({ "enum": PROBLEMS.iter().map(|kind| kind.name).collect::<Vec<_>>() }),
};

const fn document(schema: &'static str) -> Media {
    Media { name: JSON, schema: Some(schema) }
}

/// A route that only reads.
const fn read(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    answers: &'static [Answer],
    run: fn(&Asked<'_>) -> Result<Step, Problem>,
) -> Route {
    Route {
        method: Method::Get,
        path,
        id,
        tag: "Operations",
        summary,
        parameters: &[],
        body: None,
        answers,
        problems: &[],
        run,
    }
}

const HEALTH: &[Answer] =
    &[Answer { status: 200, about: "It is well", media: &[document("Health")] }];

pub(crate) const ROUTES: &[Route] = &[
    read("/health/live", "live", "Does the node run at all?", HEALTH, |_| {
        Ok(Step::Ask(Question::Live))
    }),
    Route {
        problems: &[NOT_READY],
        ..read("/health/ready", "ready", "Should requests be sent here?", HEALTH, |_| {
            Ok(Step::Ask(Question::Ready))
        })
    },
    read(
        "/metrics",
        "metrics",
        "What has been counted and measured, for Prometheus",
        &[Answer {
            status: 200,
            about: "OpenMetrics when it is asked for, else the older text",
            media: &[
                Media { name: "application/openmetrics-text", schema: Some("Text") },
                Media { name: "text/plain", schema: Some("Text") },
            ],
        }],
        metrics,
    ),
    read(
        "/v1/node",
        "node",
        "How this node is, and how it sees its peers",
        &[Answer { status: 200, about: "The node", media: &[document("Node")] }],
        |_| Ok(Step::Ask(Question::Node)),
    ),
    Route {
        parameters: &[KEYSPACE, KEY],
        problems: &[NO_SUCH_KEYSPACE, BUSY],
        ..read(
            "/v1/keyspaces/{keyspace}/keys/{key}/trace",
            "trace",
            "Where a key is: every live version, who wrote it, and which owners have it",
            &[Answer { status: 200, about: "The versions", media: &[document("Trace")] }],
            trace,
        )
    },
    read(
        "/v1/predict",
        "predict",
        "What each level would cost and how fresh its reads would be, beside what was measured",
        &[Answer { status: 200, about: "The prediction", media: &[document("Prediction")] }],
        |_| Ok(Step::Ask(Question::Predict)),
    ),
    read(
        "/v1/cluster",
        "cluster",
        "How every node is; each is asked by the one that answers",
        &[Answer { status: 200, about: "The cluster", media: &[document("Cluster")] }],
        |_| Ok(Step::Ask(Question::Cluster)),
    ),
    read(
        "/v1/convergence",
        "convergence",
        "How far the nodes are apart, now and over the last day; as events, once a second",
        &[Answer {
            status: 200,
            about: "The cluster and this node's history; or events `history` and `cluster`",
            media: &[
                document("Cluster"),
                Media { name: "text/event-stream", schema: Some("Text") },
            ],
        }],
        convergence,
    ),
    read(
        "/openapi.json",
        "openapi",
        "This interface, as an OpenAPI document",
        &[Answer { status: 200, about: "The document", media: &[document("Object")] }],
        |_| Ok(Step::Reply(Response::json(200, &crate::openapi::document()))),
    ),
    Route {
        parameters: &[PROBLEM_NAME],
        problems: &[NOT_FOUND],
        ..read(
            "/problems/{name}",
            "problem",
            "What a kind of problem means and what to do",
            &[Answer { status: 200, about: "The kind", media: &[document("ProblemKind")] }],
            problem,
        )
    },
];

fn convergence(asked: &Asked<'_>) -> Result<Step, Problem> {
    let is_stream =
        asked.request.method == Method::Get && asked.request.prefers("text/event-stream");
    Ok(Step::Ask(if is_stream { Question::Watch } else { Question::Convergence }))
}

fn trace(asked: &Asked<'_>) -> Result<Step, Problem> {
    let keyspace = parameter::keyspace(asked)?;
    Ok(Step::Ask(Question::Trace { keyspace, key: asked.value(1).to_vec() }))
}

fn metrics(asked: &Asked<'_>) -> Result<Step, Problem> {
    let format = match asked.request.prefers("application/openmetrics-text") {
        true => TextFormat::OpenMetrics,
        false => TextFormat::Prometheus,
    };
    Ok(Step::Ask(Question::Metrics(format)))
}

fn problem(asked: &Asked<'_>) -> Result<Step, Problem> {
    let found = PROBLEMS.iter().find(|kind| kind.name.as_bytes() == asked.value(0));
    let kind = found.ok_or_else(|| Problem::new(NOT_FOUND, "no problem has this name"))?;
    let document = json!({
        "type": format!("/problems/{}", kind.name),
        "title": kind.title,
        "status": kind.status,
        "advice": kind.advice,
    });
    Ok(Step::Reply(Response::json(200, &document)))
}
