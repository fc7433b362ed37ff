//! Outcomes into one reply.
//!
//! Invariant: one reply whatever the outcomes are. A call that failed makes the whole reply its
//! error, except where Redis answers otherwise (`MGET` over a key of another type).

use api::{CallError, Outcome, Sibling, Siblings};
use causality::Millis;
use resp::Writer;

use crate::command::integer;
use crate::expiry::TimeForm;

/// How the outcomes of a command's calls become its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assembly {
    /// `OK` once all are done.
    Ok,
    /// `OK` whatever was counted.
    OkCounted,
    /// `OK`, or null when the condition failed.
    OkOrNull,
    /// 1 when done, or 0 when the condition failed.
    DoneOrNot,
    /// The value or null.
    Value,
    /// The value in a hash, whose errors name it.
    FieldValue,
    /// The size of the value in a hash; 0 for none.
    FieldSize,
    /// The size of the value; 0 for none.
    Size,
    /// Each value or null; keys of other types have none.
    EachValue,
    /// A word.
    Word,
    /// The number.
    Integer,
    /// The number in a hash, whose errors name it.
    FieldInteger,
    /// The sum of all numbers.
    Sum,
    /// The first of the numbers.
    FirstInteger,
    /// All numbers.
    Integers,
    /// Strings without order.
    Set,
    /// Strings in their order.
    List,
    /// The first string or null.
    FirstOptional,
    /// Each string or null.
    Optionals,
    /// Whether there is a string, as 1 or 0.
    Presence,
    /// Fields and values.
    Pairs,
    /// The fields of pairs.
    Names,
    /// The values of pairs.
    Values,
    /// A moment as the client counts; -1 for never, -2 for no key.
    Expiry {
        form: TimeForm,
        /// When the command came.
        now: Millis,
    },
    /// A string with its versions, who wrote them and when, and the context that names them.
    Siblings,
}

/// An outcome that no operation of the command can have: a mistake of ours, not the client's.
pub(crate) const MISFIT: &str = "ERR internal error: the outcome does not fit the command";

impl Assembly {
    /// Writes the reply.
    pub(crate) fn write(self, outcomes: &[Outcome], writer: &mut Writer<'_>) {
        if let Some(error) = outcomes.iter().find_map(|outcome| self.failure(outcome)) {
            return self.write_error(error, writer);
        }
        let is_written = match (self, outcomes) {
            (_, []) => false,
            (Self::EachValue, all) => write_each_value(all, writer),
            (Self::Sum, all) => write_sum(all, writer),
            (Self::Ok, all) if all.iter().all(|one| *one == Outcome::Done) => {
                writer.ok();
                true
            }
            (_, [one]) => self.write_one(one, writer),
            _ => false,
        };
        if !is_written {
            writer.error(MISFIT);
        }
    }

    fn failure(self, outcome: &Outcome) -> Option<&CallError> {
        match (self, outcome) {
            (Self::EachValue, Outcome::Failed(CallError::WrongType)) => None,
            (_, Outcome::Failed(error)) => Some(error),
            _ => None,
        }
    }

    fn write_error(self, error: &CallError, writer: &mut Writer<'_>) {
        match error {
            CallError::NotAnInteger if self == Self::FieldInteger => {
                writer.error("ERR hash value is not an integer");
            }
            CallError::NotANumber if self == Self::FieldValue => {
                writer.error("ERR hash value is not a float");
            }
            error => write_failure(error, writer),
        }
    }

    /// Writes the reply of a command with one call, unless the outcome does not fit it.
    fn write_one(self, outcome: &Outcome, writer: &mut Writer<'_>) -> bool {
        match (self, outcome) {
            (Self::OkOrNull, Outcome::Done) | (Self::OkCounted, Outcome::Integer(_)) => writer.ok(),
            (Self::OkOrNull | Self::Value, Outcome::Nothing) => writer.null(),
            (Self::DoneOrNot, Outcome::Done) => writer.integer(1),
            (Self::DoneOrNot | Self::Size, Outcome::Nothing) => writer.integer(0),
            (Self::Value | Self::FieldValue, Outcome::Value(value)) => writer.bulk(value),
            (Self::Size, Outcome::Value(value)) => writer.integer(integer(value.len())),
            (Self::Word, Outcome::Text(word)) => writer.simple(word),
            (Self::Integer | Self::FieldInteger, Outcome::Integer(value)) => {
                writer.integer(*value);
            }
            (Self::FirstInteger, Outcome::Integers(values)) => match values.as_slice() {
                [value] => writer.integer(*value),
                _ => return false,
            },
            (Self::Integers, Outcome::Integers(values)) => {
                writer.array(values.len());
                values.iter().for_each(|value| writer.integer(*value));
            }
            (Self::Expiry { .. }, Outcome::Nothing) => writer.integer(-2),
            (Self::Expiry { .. }, Outcome::Expiry(None)) => writer.integer(-1),
            (Self::Expiry { form, now }, Outcome::Expiry(Some(moment))) => {
                writer.integer(form.say(*moment, now));
            }
            _ => return self.write_collection(outcome, writer),
        }
        true
    }

    fn write_collection(self, outcome: &Outcome, writer: &mut Writer<'_>) -> bool {
        match (self, outcome) {
            (Self::Set, Outcome::Values(members)) => {
                writer.set(members.len());
                members.iter().for_each(|member| writer.bulk(member));
            }
            (Self::List, Outcome::Values(values)) => {
                writer.array(values.len());
                values.iter().for_each(|value| writer.bulk(value));
            }
            (Self::FirstOptional, Outcome::Optionals(values)) => match values.as_slice() {
                [value] => write_optional(value.as_deref(), writer),
                _ => return false,
            },
            (Self::FieldSize, Outcome::Optionals(values)) => match values.as_slice() {
                [value] => writer.integer(integer(value.as_ref().map_or(0, Vec::len))),
                _ => return false,
            },
            (Self::Presence, Outcome::Optionals(values)) => match values.as_slice() {
                [value] => writer.integer(i64::from(value.is_some())),
                _ => return false,
            },
            (Self::Optionals, Outcome::Optionals(values)) => {
                writer.array(values.len());
                values.iter().for_each(|value| write_optional(value.as_deref(), writer));
            }
            (Self::Pairs, Outcome::Pairs(pairs)) => {
                writer.map(pairs.len());
                for (name, value) in pairs {
                    writer.bulk(name);
                    writer.bulk(value);
                }
            }
            (Self::Names, Outcome::Pairs(pairs)) => {
                writer.array(pairs.len());
                pairs.iter().for_each(|(name, _)| writer.bulk(name));
            }
            (Self::Values, Outcome::Pairs(pairs)) => {
                writer.array(pairs.len());
                pairs.iter().for_each(|(_, value)| writer.bulk(value));
            }
            (Self::Siblings, Outcome::Siblings(siblings)) => {
                write_siblings(siblings, writer);
            }
            _ => return false,
        }
        true
    }
}

/// Writes the error reply of a call that failed.
pub(crate) fn write_failure(error: &CallError, writer: &mut Writer<'_>) {
    match error {
        CallError::WrongType | CallError::NotASketch => {
            writer.error_fmt(format_args!("WRONGTYPE {error}"));
        }
        CallError::NotEnoughReplicas { .. } | CallError::NoOwner | CallError::TooStale { .. } => {
            writer.error_fmt(format_args!("NOREPLICAS {error}"));
        }
        CallError::Full { .. } => writer.error_fmt(format_args!("OOM {error}")),
        CallError::SessionAhead => writer.error_fmt(format_args!("TRYAGAIN {error}")),
        CallError::Busy => writer.error_fmt(format_args!("BUSY {error}")),
        error => writer.error_fmt(format_args!("ERR {error}")),
    }
}

fn write_each_value(outcomes: &[Outcome], writer: &mut Writer<'_>) -> bool {
    let fits = |outcome: &Outcome| {
        matches!(outcome, Outcome::Value(_) | Outcome::Nothing | Outcome::Failed(_))
    };
    if !outcomes.iter().all(fits) {
        return false;
    }
    writer.array(outcomes.len());
    for outcome in outcomes {
        match outcome {
            Outcome::Value(value) => writer.bulk(value),
            _ => writer.null(),
        }
    }
    true
}

fn write_sum(outcomes: &[Outcome], writer: &mut Writer<'_>) -> bool {
    let sum = outcomes.iter().try_fold(0_i64, |sum, outcome| match outcome {
        Outcome::Integer(value) => sum.checked_add(*value),
        _ => None,
    });
    let Some(sum) = sum else {
        return false;
    };
    writer.integer(sum);
    true
}

fn write_optional(value: Option<&[u8]>, writer: &mut Writer<'_>) {
    match value {
        Some(value) => writer.bulk(value),
        None => writer.null(),
    }
}

fn write_siblings(siblings: &Siblings, writer: &mut Writer<'_>) {
    writer.map(4);
    writer.bulk(b"value");
    write_optional(siblings.value.as_deref(), writer);
    writer.bulk(b"expires");
    match siblings.expiry {
        Some(Millis(at)) => writer.integer(i64::try_from(at).unwrap_or(i64::MAX)),
        None => writer.null(),
    }
    writer.bulk(b"context");
    writer.bulk(siblings.context.to_string().as_bytes());
    writer.bulk(b"versions");
    writer.array(siblings.versions.len());
    siblings.versions.iter().for_each(|sibling| write_sibling(sibling, writer));
}

fn write_sibling(sibling: &Sibling, writer: &mut Writer<'_>) {
    writer.map(3);
    writer.bulk(b"dot");
    writer.bulk(sibling.dot.to_string().as_bytes());
    writer.bulk(b"time");
    writer.bulk(sibling.time.to_string().as_bytes());
    writer.bulk(b"value");
    writer.bulk(&sibling.value);
}
