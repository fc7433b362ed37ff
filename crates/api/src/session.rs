//! Sessions: what a client has seen and written must not vanish for it, nor be older than it asks.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::hexadecimal;

/// Names a session at the node where it is open; chosen by the driver, unique while open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// An answer lacks no write that is older than so many milliseconds, by the clocks of the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Staleness(pub u64);

/// What a session has seen, as it travels: hexadecimal digits that only nodes can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(pub Vec<u8>);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal::write(f, &self.0)
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        hexadecimal::parse(text).map(Self).ok_or(TokenError::Malformed)
    }
}

/// Why a token was not taken. The session is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The bytes are no token.
    #[error("this is not a session token")]
    Malformed,
    /// The token is of another cluster, or was changed.
    #[error("this session token was not issued by this cluster")]
    Foreign,
}
