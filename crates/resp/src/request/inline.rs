//! Inline commands: one line of text, split at blanks, with quotes and escapes as in Redis.
//!
//! ```text
//! bare        up to the next blank; a quote inside it opens a quoted part, which ends the argument
//! "double"    \n \r \t \b \a, \xHH, and any other escaped byte stands for itself
//! 'single'    only \' is an escape
//! ```
//!
//! A closing quote has to be followed by a blank or by the end of the line.

use super::{ArgRange, ProtocolError};

/// Splits a line, without its end, into arguments laid one after the other in `text`.
pub(super) fn split(
    mut line: &[u8],
    text: &mut Vec<u8>,
    args: &mut Vec<ArgRange>,
) -> Result<(), ProtocolError> {
    loop {
        let blanks = line.iter().take_while(|&&byte| is_space(byte)).count();
        line = &line[blanks..];
        if line.is_empty() {
            return Ok(());
        }
        let start = text.len();
        line = split_one(line, text)?;
        args.push(ArgRange { start, end: text.len() });
    }
}

/// Reads one argument and returns what follows it.
fn split_one<'a>(line: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    let bare_size = line
        .iter()
        .position(|&byte| ends_bare(byte) || matches!(byte, b'"' | b'\''))
        .unwrap_or(line.len());
    let (bare, rest) = line.split_at(bare_size);
    text.extend_from_slice(bare);
    let rest = match rest {
        [b'"', quoted @ ..] => unquote(quoted, text, double_quoted)?,
        [b'\'', quoted @ ..] => unquote(quoted, text, single_quoted)?,
        _ => return Ok(rest),
    };
    match rest.first() {
        Some(&byte) if !is_space(byte) => Err(ProtocolError::UnbalancedQuotes),
        _ => Ok(rest),
    }
}

/// One piece of a quoted part.
enum Piece<'a> {
    Byte(u8, &'a [u8]),
    Close(&'a [u8]),
    Unclosed,
}

fn unquote<'a>(
    mut quoted: &'a [u8],
    text: &mut Vec<u8>,
    next: fn(&'a [u8]) -> Piece<'a>,
) -> Result<&'a [u8], ProtocolError> {
    loop {
        match next(quoted) {
            Piece::Byte(byte, rest) => {
                text.push(byte);
                quoted = rest;
            }
            Piece::Close(rest) => return Ok(rest),
            Piece::Unclosed => return Err(ProtocolError::UnbalancedQuotes),
        }
    }
}

fn double_quoted(quoted: &[u8]) -> Piece<'_> {
    match quoted {
        [] => Piece::Unclosed,
        [b'"', rest @ ..] => Piece::Close(rest),
        [b'\\', b'x', high, low, rest @ ..]
            if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
        {
            Piece::Byte(hex_value(*high) << 4 | hex_value(*low), rest)
        }
        [b'\\', escaped, rest @ ..] => Piece::Byte(unescape(*escaped), rest),
        [byte, rest @ ..] => Piece::Byte(*byte, rest),
    }
}

fn single_quoted(quoted: &[u8]) -> Piece<'_> {
    match quoted {
        [] => Piece::Unclosed,
        [b'\'', rest @ ..] => Piece::Close(rest),
        [b'\\', b'\'', rest @ ..] => Piece::Byte(b'\'', rest),
        [byte, rest @ ..] => Piece::Byte(*byte, rest),
    }
}

const fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The value of a byte that is a hexadecimal digit.
const fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

/// Blanks between arguments. The vertical ones separate, but do not end a bare argument.
const fn is_space(byte: u8) -> bool {
    ends_bare(byte) || matches!(byte, 0x0b | 0x0c)
}

const fn ends_bare(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
