//! The concurrent values of a string, and the context that says which of them a client was shown.

use std::fmt;
use std::str::FromStr;

use causality::{Dot, HybridTime, Millis};
use thiserror::Error;

use crate::hexadecimal;

/// A string as one owner holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Siblings {
    /// The value that is shown: the last writer's, with what was added to it.
    pub value: Option<Vec<u8>>,
    /// When it expires; absent when never.
    pub expiry: Option<Millis>,
    /// Every live version, the shown one first.
    pub versions: Vec<Sibling>,
    /// Names these versions: a write with it supersedes them and no other.
    pub context: SealedContext,
}

/// One live version of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// The operation that wrote it.
    pub dot: Dot,
    /// When.
    pub time: HybridTime,
    /// The value.
    pub value: Vec<u8>,
}

/// Which versions of a key a client was shown, as it travels: bytes that only nodes can read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedContext(pub Vec<u8>);

/// The text is no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this is not a context")]
pub struct NotAContext;

impl fmt::Display for SealedContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal::write(f, &self.0)
    }
}

impl FromStr for SealedContext {
    type Err = NotAContext;

    fn from_str(text: &str) -> Result<Self, NotAContext> {
        hexadecimal::parse(text).map(Self).ok_or(NotAContext)
    }
}
