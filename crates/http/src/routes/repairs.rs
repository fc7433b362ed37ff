//! Repairs: things that are begun, and looked at while they go on.

use std::collections::BTreeSet;

use serde_json::json;

use crate::parameter::{Parameter, Place, wrong};
use crate::problem::{
    BAD_PARAMETER, NO_SUCH_REPAIR, NOT_DAMAGED, NOT_OWNED, Problem, REPAIR_UNDER_WAY,
};
use crate::request::Method;
use crate::route::{Answer, Asked, Media, Route};
use crate::{Question, Step};

const REPAIR: Media = Media { name: "application/json", schema: Some("Repair") };
const REPAIRS: Media = Media { name: "application/json", schema: Some("Repairs") };

const ACCEPTED: Media = Media { name: "application/json", schema: None };

const SHARDS: Parameter = Parameter {
    name: "shards",
    place: Place::Query,
    about: "Which shards, such as 0-15,20; without it, all that the node owns",
    schema: || json!({ "type": "string", "pattern": "^[0-9,-]+$", "example": "0-15,20" }),
};

const SHARD: Parameter = Parameter {
    name: "shard",
    place: Place::Path,
    about: "The number of the shard",
    schema: || json!({ "type": "integer", "minimum": 0, "maximum": 65535, "example": "7" }),
};

const ID: Parameter = Parameter {
    name: "id",
    place: Place::Path,
    about: "The number of the repair",
    schema: || json!({ "type": "integer", "minimum": 1, "example": "1" }),
};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: Method::Post,
        path: "/v1/repairs",
        id: "begin_repair",
        tag: "Operations",
        summary: "Reads every row of this node again, and compares each shard with every owner",
        parameters: &[SHARDS],
        body: None,
        answers: &[Answer { status: 202, about: "It has begun", media: &[REPAIR] }],
        problems: &[BAD_PARAMETER, NOT_OWNED, REPAIR_UNDER_WAY],
        run: begin,
    },
    Route {
        method: Method::Get,
        path: "/v1/repairs",
        id: "repairs",
        tag: "Operations",
        summary: "The last repairs of this node, oldest first",
        parameters: &[],
        body: None,
        answers: &[Answer { status: 200, about: "The repairs", media: &[REPAIRS] }],
        problems: &[],
        run: |_| Ok(Step::Ask(Question::Repairs)),
    },
    Route {
        method: Method::Get,
        path: "/v1/repairs/{id}",
        id: "repair",
        tag: "Operations",
        summary: "How far a repair is, what it has found, and when it will have ended",
        parameters: &[ID],
        body: None,
        answers: &[Answer { status: 200, about: "The repair", media: &[REPAIR] }],
        problems: &[NO_SUCH_REPAIR],
        run: look,
    },
    Route {
        method: Method::Post,
        path: "/v1/shards/{shard}/accept-losses",
        id: "accept_losses",
        tag: "Operations",
        summary: "Takes what is left here of a damaged shard for the truth; what is lost stays so",
        parameters: &[SHARD],
        body: None,
        answers: &[Answer { status: 200, about: "What is left", media: &[ACCEPTED] }],
        problems: &[BAD_PARAMETER, NOT_OWNED, NOT_DAMAGED],
        run: accept,
    },
];

fn begin(asked: &Asked<'_>) -> Result<Step, Problem> {
    let said = asked.request.query(SHARDS.name);
    let shards = said.map(|said| {
        let text = std::str::from_utf8(said).ok();
        let shards = text.and_then(ranges);
        shards.ok_or_else(|| wrong(&SHARDS, said, "expected shards such as 0-15,20"))
    });
    Ok(Step::Ask(Question::BeginRepair { shards: shards.transpose()? }))
}

fn accept(asked: &Asked<'_>) -> Result<Step, Problem> {
    let said = asked.value(0);
    let shard = std::str::from_utf8(said).ok().and_then(|text| text.parse().ok());
    let shard = shard.ok_or_else(|| wrong(&SHARD, said, "expected the number of a shard"))?;
    Ok(Step::Ask(Question::AcceptLosses { shard }))
}

/// Reads numbers and ranges of them.
fn ranges(text: &str) -> Option<BTreeSet<u16>> {
    let mut shards = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        shards.extend(first..=last);
    }
    (!shards.is_empty()).then_some(shards)
}

fn look(asked: &Asked<'_>) -> Result<Step, Problem> {
    let text = std::str::from_utf8(asked.value(0)).ok();
    let id = text.and_then(|text| text.parse().ok());
    let id = id.ok_or_else(|| Problem::no_such_repair("the path names no repair"))?;
    Ok(Step::Ask(Question::Repair { id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_numbers_and_ranges() {
        assert_eq!(ranges("3"), Some([3].into()));
        assert_eq!(ranges("0-2,7,2-3"), Some([0, 1, 2, 3, 7].into()));
        for wrong in ["", "-", "1-", "3-1", "x", "70000", "1,,2"] {
            assert_eq!(ranges(wrong), None, "{wrong}");
        }
    }
}
