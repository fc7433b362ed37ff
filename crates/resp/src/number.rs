//! Decimal integers in the one spelling that the protocol allows.

/// Reads a 64-bit integer in its only valid spelling: no plus, no leading zero, no blanks, no `-0`.
///
/// This is the rule for lengths on the wire and for integers that commands take as text.
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !is_negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Counts downwards, because the lowest integer has no positive counterpart.
    let mut value = 0_i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if is_negative { Some(value) } else { value.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_spellings_give_their_value() {
        for value in [0, 1, 9, 10, -1, -10, 1_048_576, i64::MAX, i64::MAX - 1, i64::MIN] {
            assert_eq!(parse_integer(value.to_string().as_bytes()), Some(value));
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for text in [
            "",
            "-",
            "+",
            "+1",
            "01",
            "00",
            "-0",
            "-01",
            " 1",
            "1 ",
            "1x",
            "x",
            "0x10",
            "1.0",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999999999",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
    }
}
