//! Percent coding of paths and queries: any bytes, as RFC 3986 writes them.

/// Decodes `%41` to `A`; `None` when a percent sign is not followed by two hex digits.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = match (*first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                out.push(digit(*high)? << 4 | digit(*low)?);
                tail
            }
            (b'%', _) => return None,
            (byte, tail) => {
                out.push(byte);
                tail
            }
        };
    }
    Some(out)
}

/// Decodes a part of a query, in which a plus sign stands for a space.
pub(crate) fn decode_query(text: &[u8]) -> Option<Vec<u8>> {
    let spaced: Vec<u8> =
        text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    decode(&spaced)
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_were_meant() {
        assert_eq!(decode(b"a%2Fb%00%fF"), Some(b"a/b\0\xff".to_vec()));
        assert_eq!(decode(b"a+b"), Some(b"a+b".to_vec()));
        assert_eq!(decode_query(b"a+b%2B"), Some(b"a b+".to_vec()));
        for wrong in [&b"%"[..], b"a%4", b"%zz", b"%+1"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
    }
}
