//! Why a command was not carried out, in Redis's words: clients compare them.

use std::borrow::Cow;

use resp::Writer;

/// A command that is answered with an error before anything happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The number of arguments is not the command's.
    Arity,
    /// An option is unknown, incomplete or contradicts another.
    Syntax,
    /// An argument is not an integer of 64 bits.
    NotAnInteger,
    /// A time to live that is not ahead, or beyond all clocks.
    InvalidExpire,
    /// The empty key names a keyspace as a whole, inside.
    EmptyKey,
    /// Anything else, with its code; bytes, because it may repeat what the client sent.
    Text(Cow<'static, [u8]>),
}

impl Refusal {
    /// Refuses with a text that is known beforehand.
    pub(crate) const fn text(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text.as_bytes()))
    }

    /// Refuses with a text made for the occasion.
    pub(crate) fn owned(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// Refuses with a text around something that the client sent.
    pub(crate) fn quoting(before: &str, quoted: &[u8], after: &str) -> Self {
        Self::owned([before.as_bytes(), quoted, after.as_bytes()].concat())
    }

    /// Writes the error reply of the command `name`.
    pub(crate) fn write(&self, name: &str, writer: &mut Writer<'_>) {
        match self {
            Self::Arity => {
                let text = format!("ERR wrong number of arguments for '{name}' command");
                writer.error(text);
            }
            Self::Syntax => writer.error("ERR syntax error"),
            Self::NotAnInteger => writer.error("ERR value is not an integer or out of range"),
            Self::InvalidExpire => {
                writer.error_fmt(format_args!("ERR invalid expire time in '{name}' command"));
            }
            Self::EmptyKey => writer.error("ERR the empty key is not supported"),
            Self::Text(text) => writer.error(text),
        }
    }
}
