//! Bytes as hexadecimal digits: how what only nodes can read travels through clients.

use std::fmt;

/// Writes two digits for each byte.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads the bytes back; nothing for a text that is not such digits.
pub(crate) fn parse(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from((digit(*high)? << 4) | digit(*low)?).ok();
    pairs.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use crate::{SealedContext, Token};

    #[test]
    fn bytes_are_digits_and_come_back_from_them() {
        let bytes: Vec<u8> = (0..=255).collect();
        let (token, context) = (Token(bytes.clone()), SealedContext(bytes));
        assert_eq!(token.to_string(), context.to_string());
        assert_eq!(token.to_string().to_uppercase().parse(), Ok(token));
        assert_eq!(context.to_string().parse(), Ok(context));
        for text in ["0", "0g", "  ", "abc", "\u{e9}\u{e9}"] {
            assert!(text.parse::<Token>().is_err(), "{text}");
            assert!(text.parse::<SealedContext>().is_err(), "{text}");
        }
    }
}
