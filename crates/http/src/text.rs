//! How bytes, dots and times are written in JSON documents.

use api::Score;
use causality::Dot;
use serde_json::{Value, json};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes as text where they are text, and as `{"base64": "..."}` where they are not.
#[must_use]
pub fn show(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": base64(bytes) }),
    }
}

/// A dot as `NODE.INCARNATION:COUNTER`.
#[must_use]
pub fn dot(dot: Dot) -> String {
    format!("{}.{}:{}", dot.actor.node().0, dot.actor.incarnation().0, dot.counter)
}

/// A score: a number, or `"inf"` and `"-inf"`, which JSON has no numbers for.
pub(crate) fn score(score: Score) -> Value {
    let number = score.get();
    match (number.is_finite(), number > 0.0) {
        (true, _) => json!(number),
        (false, true) => json!("inf"),
        (false, false) => json!("-inf"),
    }
}

/// Reads a score as [`score`] writes it.
pub(crate) fn read_score(value: &Value) -> Option<Score> {
    let number = match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        Some(_) => return None,
        None => value.as_f64()?,
    };
    Score::new(number)
}

/// Reads bytes as [`show`] writes them; nothing when they are neither.
pub(crate) fn read(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Object(members) if members.len() == 1 => unbase64(members.get("base64")?.as_str()?),
        _ => None,
    }
}

/// Reads base 64 with its padding; nothing when it could be read in two ways.
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
    let (groups, []) = text.as_bytes().as_chunks::<4>() else { return None };
    let mut out = Vec::with_capacity(groups.len() * 3);
    for (index, group) in groups.iter().enumerate() {
        let digits = group.iter().take_while(|byte| **byte != b'=').count();
        let is_last = index + 1 == groups.len();
        let is_padded = group[digits..].iter().all(|byte| *byte == b'=');
        if digits < 2 || !is_padded || (digits < 4 && !is_last) {
            return None;
        }
        let mut number = 0;
        for byte in &group[..digits] {
            let digit = ALPHABET.iter().position(|known| known == byte)?;
            number = number << 6 | u32::try_from(digit).ok()?;
        }
        number <<= 6 * (4 - digits);
        let bytes = number.to_be_bytes();
        let (kept, dropped) = bytes[1..].split_at(digits - 1);
        if dropped.iter().any(|byte| *byte != 0) {
            return None;
        }
        out.extend_from_slice(kept);
    }
    Some(out)
}

/// Bytes in base 64, with padding.
fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let number = number << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = number >> (18 - 6 * place) & 63;
            let is_padding = place > group.len();
            out.push(if is_padding { '=' } else { char::from(ALPHABET[digit as usize]) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_coded() {
        assert_eq!(show(b"plain"), json!("plain"));
        assert_eq!(show(b"\xff"), json!({ "base64": "/w==" }));
        for (bytes, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(base64(bytes.as_bytes()), coded);
        }
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
    }

    #[test]
    fn what_is_shown_is_read_back_and_nothing_else() {
        for length in 0..40 {
            let bytes: Vec<u8> = (0..length).map(|index| 255 - index * 3).collect();
            assert_eq!(read(&show(&bytes)), Some(bytes));
        }
        for wrong in ["a", "Zg=", "Zg", "Zh==", "Z===", "====", "Zg==Zg==", "Zm9=", "Z g="] {
            assert_eq!(read(&json!({ "base64": wrong })), None, "{wrong}");
        }
        for wrong in [json!(1), json!(null), json!(["a"]), json!({ "base64": 1 }), json!({})] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }
}
