//! Everything a key holds, as one value: what `COPY`, `RENAME`, `DUMP` and their relatives move.
//!
//! It is read by one batch and written by one, so that nothing comes between at the coordinator.

use api::{
    Batch, CallError, Check, Lifetime, ListOperation, Operation, Outcome, Part, Score,
    SetCondition, ZsetOperation,
};
use causality::Millis;
use cells::Keyspace;

/// What a key holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    Map(Vec<(Vec<u8>, Vec<u8>)>),
    Zset(Vec<(Vec<u8>, Score)>),
    Sketch(Vec<u8>),
}

/// A key as it was at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) content: Content,
    pub(crate) expiry: Option<Millis>,
    /// What a check compares.
    pub(crate) version: i64,
}

/// A key with its keyspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) keyspace: Keyspace,
    pub(crate) key: Vec<u8>,
}

impl Spot {
    /// Returns a part of a batch about the key.
    pub(crate) fn part(&self, operation: Operation) -> Part {
        Part { keyspace: self.keyspace, key: self.key.clone(), operation }
    }

    /// Returns the condition that the key is as it was; 0 for absent.
    pub(crate) fn check(&self, version: i64) -> Check {
        Check { keyspace: self.keyspace, key: self.key.clone(), version }
    }

    /// Asks for everything the key holds.
    pub(crate) fn look(&self) -> Operation {
        let all = ListOperation::Range { start: 0, stop: -1 };
        let parts = [
            Operation::Version,
            Operation::Type,
            Operation::ExpiryOf,
            Operation::Get,
            Operation::SketchGet,
            Operation::List(all),
            Operation::SetMembers,
            Operation::MapAll,
            Operation::Zset(ZsetOperation::All),
        ];
        let parts = parts.into_iter().map(|operation| self.part(operation)).collect();
        Operation::Batch(Batch { checks: Vec::new(), parts })
    }

    /// Says what to write so that the key holds just this.
    pub(crate) fn write(&self, content: Content, expiry: Option<Millis>) -> Vec<Part> {
        let lifetime = expiry.map_or(Lifetime::Forever, Lifetime::Until);
        let operations = match content {
            Content::String(value) => {
                let condition = SetCondition::Always;
                return vec![self.part(Operation::Set { value, lifetime, condition })];
            }
            Content::List(values) => vec![Operation::List(ListOperation::Replace { values })],
            Content::Set(members) => vec![Operation::SetReplace { members }],
            Content::Map(fields) => vec![Operation::Delete, Operation::MapSet { fields }],
            Content::Zset(scored) => {
                let members = scored.into_iter().map(|(member, score)| (score, member)).collect();
                vec![Operation::Zset(ZsetOperation::Replace { members })]
            }
            Content::Sketch(registers) => {
                vec![Operation::Delete, Operation::SketchMerge { sketches: vec![registers] }]
            }
        };
        let end = expiry.map(|at| Operation::ExpireAt { at });
        operations.into_iter().chain(end).map(|operation| self.part(operation)).collect()
    }
}

impl Held {
    /// Reads the answer to [`Spot::look`]: nothing when there is no such key. An error when what
    /// came does not fit.
    pub(crate) fn read(outcome: &Outcome) -> Result<Option<Self>, CallError> {
        let odd = || CallError::Elsewhere("the answer is incomplete".to_owned());
        let Outcome::Batch(parts) = outcome else { return Err(odd()) };
        let [Outcome::Integer(version), Outcome::Text(kind), expiry, contents @ ..] =
            parts.as_slice()
        else {
            return Err(odd());
        };
        if *kind == "none" {
            return Ok(None);
        }
        let Outcome::Expiry(expiry) = expiry else { return Err(odd()) };
        let [string, sketch, list, set, map, zset] = contents else { return Err(odd()) };
        let content = match (*kind, string, sketch, list, set, map, zset) {
            ("string", Outcome::Value(value), ..) => Content::String(value.clone()),
            ("string", _, Outcome::Value(registers), ..) => Content::Sketch(registers.clone()),
            ("list", _, _, Outcome::Values(values), ..) => Content::List(values.clone()),
            ("set", _, _, _, Outcome::Values(members), ..) => Content::Set(members.clone()),
            ("hash", _, _, _, _, Outcome::Pairs(pairs), _) => Content::Map(pairs.clone()),
            ("zset", .., Outcome::Scored(scored)) => Content::Zset(scored.clone()),
            _ => {
                let failed = contents.iter().find_map(|one| match one {
                    Outcome::Failed(CallError::WrongType | CallError::NotASketch) => None,
                    Outcome::Failed(error) => Some(error.clone()),
                    _ => None,
                });
                return Err(failed.unwrap_or_else(odd));
            }
        };
        Ok(Some(Self { content, expiry: *expiry, version: *version }))
    }
}
