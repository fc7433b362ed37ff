//! The keys of a keyspace, page by page.

use api::Position;
use serde_json::json;

use super::collections::document;
use crate::parameter::{self, KEYSPACE, Parameter, Place, READ_LEVEL, wrong};
use crate::problem::{
    BAD_PARAMETER, BUSY, NO_OWNER, NO_SUCH_KEYSPACE, NOT_ENOUGH_REPLICAS, NOT_READY, Problem,
    TOO_STALE, UNANSWERED,
};
use crate::request::Method;
use crate::route::{Answer, Asked, Route};
use crate::{Question, Step};

/// The most keys of one page.
const LIMIT_MAX: u32 = 10_000;
const LIMIT: u32 = 1_000;

const CURSOR: Parameter = Parameter {
    name: "cursor",
    place: Place::Query,
    about: "Where to go on: `next` of the page before; without it, at the beginning",
    schema: || json!({ "type": "string", "pattern": "^[0-9a-f]{1,4}-[0-9a-f]{1,12}$" }),
};

const PAGE_LIMIT: Parameter = Parameter {
    name: "limit",
    place: Place::Query,
    about: "How many keys at most, give or take those that share the last one's place",
    schema: || json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT }),
};

pub(crate) const ROUTES: &[Route] = &[Route {
    method: Method::Get,
    path: "/v1/keyspaces/{keyspace}/keys",
    id: "getKeys",
    tag: "Data",
    summary: "Walk over the keys of a keyspace, in an order of their own that never changes",
    parameters: &[KEYSPACE, CURSOR, PAGE_LIMIT, READ_LEVEL],
    body: None,
    answers: &[Answer { status: 200, about: "A page of keys", media: &[document("Keys")] }],
    problems: &[
        BAD_PARAMETER,
        NO_SUCH_KEYSPACE,
        BUSY,
        NOT_ENOUGH_REPLICAS,
        NO_OWNER,
        NOT_READY,
        TOO_STALE,
        UNANSWERED,
    ],
    run: walk,
}];

fn walk(asked: &Asked<'_>) -> Result<Step, Problem> {
    let keyspace = parameter::keyspace(asked)?;
    let level = parameter::read_level(asked)?;
    let from = match asked.request.query(CURSOR.name) {
        Some(said) => place(said).ok_or_else(|| wrong(&CURSOR, said, "it is of no page"))?,
        None => (0, Position::START),
    };
    let limit = match asked.request.query(PAGE_LIMIT.name) {
        Some(said) => {
            let number = std::str::from_utf8(said).ok().and_then(|text| text.parse().ok());
            let number = number.filter(|number| (1..=LIMIT_MAX).contains(number));
            number.ok_or_else(|| wrong(&PAGE_LIMIT, said, "expected a number from 1 to 10000"))?
        }
        None => LIMIT,
    };
    Ok(Step::Ask(Question::Keys { keyspace, level, from, limit }))
}

/// Writes the place where a walk goes on.
#[must_use]
pub fn cursor((shard, position): (u16, Position)) -> String {
    format!("{shard:x}-{:x}", position.number())
}

/// Reads what [`cursor`] wrote.
fn place(said: &[u8]) -> Option<(u16, Position)> {
    let (shard, position) = std::str::from_utf8(said).ok()?.split_once('-')?;
    let number = u64::from_str_radix(position, 16).ok()?;
    Some((u16::from_str_radix(shard, 16).ok()?, Position::new(number)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_do_not() {
        for place_of in [(0, 0), (16_383, 1), (9, (1 << 48) - 1)] {
            let at = (place_of.0, Position::new(place_of.1).unwrap());
            assert_eq!(place(cursor(at).as_bytes()), Some(at));
        }
        for wrong in ["", "-", "0", "1-", "g-0", "10000-0", "0-1000000000000", "0-0-0"] {
            assert_eq!(place(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
