//! Sessions: what a client has seen and written must not vanish for it, nor be older than it asks.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

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
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(TokenError::Malformed);
        };
        let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(TokenError::Malformed);
        let byte = |[high, low]: &[u8; 2]| {
            let value = (digit(*high)? << 4) | digit(*low)?;
            u8::try_from(value).map_err(|_| TokenError::Malformed)
        };
        pairs.iter().map(byte).collect::<Result<_, _>>().map(Self)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_digits_and_comes_back_from_them() {
        let token = Token((0..=255).collect());
        assert_eq!(token.to_string().parse(), Ok(token));
        for text in ["0", "0g", "  ", "abc", "\u{e9}\u{e9}"] {
            assert_eq!(text.parse::<Token>(), Err(TokenError::Malformed), "{text:?}");
        }
    }
}
