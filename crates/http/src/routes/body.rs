//! Bodies: JSON objects that say what to change.

use api::Operation;
use serde_json::{Value, json};

use super::data::{Answering, call};
use crate::parameter::session;
use crate::problem::{BAD_BODY, Problem};
use crate::route::Asked;
use crate::{Pending, Step, text};

/// Some changes of one key, one after the other.
pub(super) fn changes(
    asked: &Asked<'_>,
    changes: impl Iterator<Item = (&'static str, Operation)>,
) -> Result<Step, Problem> {
    let (names, operations): (Vec<_>, Vec<_>) = changes.unzip();
    if names.is_empty() {
        return Err(wrong("the body names nothing to do"));
    }
    let calls: Result<Vec<_>, Problem> =
        operations.into_iter().map(|operation| call(asked, operation)).collect();
    let pending = Pending { answering: Answering::Numbers(names) };
    Ok(Step::Calls { calls: calls?, pending, session: session(asked)? })
}

pub(super) fn wrong(detail: &str) -> Problem {
    Problem::new(BAD_BODY, detail)
}

/// The body as an object; no body is an empty one.
pub(super) fn body(asked: &Asked<'_>) -> Result<Value, Problem> {
    if asked.request.body.is_empty() {
        return Ok(json!({}));
    }
    let body: Value = serde_json::from_slice(&asked.request.body)
        .map_err(|error| wrong(&format!("it is no JSON: {error}")))?;
    match body.is_object() {
        true => Ok(body),
        false => Err(wrong("it is no JSON object")),
    }
}

/// A list of strings of the body, if it is there and not empty.
pub(super) fn strings(body: &Value, name: &str) -> Result<Option<Vec<Vec<u8>>>, Problem> {
    let expected = || wrong(&format!("`{name}` is a list of strings"));
    let Some(list) = body.get(name) else { return Ok(None) };
    let list = list.as_array().ok_or_else(expected)?;
    let strings: Option<Vec<Vec<u8>>> = list.iter().map(text::read).collect();
    Ok(Some(strings.ok_or_else(expected)?).filter(|strings| !strings.is_empty()))
}

/// A whole number of the body that is not negative, if it is there.
pub(super) fn number(body: &Value, name: &str) -> Result<Option<u64>, Problem> {
    let Some(number) = body.get(name) else { return Ok(None) };
    let expected = || wrong(&format!("`{name}` is a whole number from 0 on"));
    Ok(Some(number.as_u64().ok_or_else(expected)?))
}
