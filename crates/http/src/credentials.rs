//! The header `Authorization`: who asks, and the password.
//!
//! `Basic` as in RFC 7617; `Bearer` with the same pair as it is, for programs that only know
//! tokens.

use crate::text::unbase64;

/// Reads a user and a password; nothing when the header holds something else.
#[must_use]
pub fn credentials(header: &str) -> Option<(String, Vec<u8>)> {
    let (scheme, rest) = header.trim().split_once(' ')?;
    let pair = match scheme.to_ascii_lowercase().as_str() {
        "basic" => unbase64(rest.trim())?,
        "bearer" => rest.trim().as_bytes().to_vec(),
        _ => return None,
    };
    let colon = pair.iter().position(|&byte| byte == b':')?;
    let user = String::from_utf8(pair.get(..colon)?.to_vec()).ok()?;
    Some((user, pair.get(colon + 1..)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::credentials;

    #[test]
    fn users_and_passwords() {
        for (header, user, password) in [
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"),
            ("basic  dXNlcjphOmI=", "user", "a:b"),
            ("Bearer user:token", "user", "token"),
            ("Bearer :x", "", "x"),
        ] {
            let expected = Some((user.to_owned(), password.as_bytes().to_vec()));
            assert_eq!(credentials(header), expected, "{header}");
        }
        for header in ["", "Basic", "Basic !", "Basic dXNlcg==", "Bearer token", "Digest a:b"] {
            assert_eq!(credentials(header), None, "{header}");
        }
    }
}
