//! What is kept of passwords, and the comparison, which is slow on purpose.
//!
//! ```text
//! pbkdf2-sha512:ITERATIONS:SALT:HASH     what is made here; salt and hash in hexadecimal digits
//! HASH                                   SHA-256 in 64 digits, as Redis keeps it; taken as well
//! ```

use std::num::NonZeroU32;

use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, pbkdf2};

/// About a tenth of a second of one core.
const ITERATIONS: u32 = 210_000;
/// What somebody else has chosen is not let to take minutes.
const ITERATIONS_MAX: u32 = 10_000_000;
const SALT_SIZE: usize = 16;
const HASH_SIZE: usize = 32;
const METHOD: &str = "pbkdf2-sha512";

/// Makes what is kept of a password.
pub(crate) fn hash(password: &[u8]) -> String {
    let salt = random::<SALT_SIZE>();
    let mut hash = [0; HASH_SIZE];
    let iterations = NonZeroU32::new(ITERATIONS).expect("a constant above zero");
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, iterations, &salt, password, &mut hash);
    format!("{METHOD}:{ITERATIONS}:{}:{}", to_hex(&salt), to_hex(&hash))
}

/// Says whether a password is one of those that are kept; whoever has none takes as long.
pub(crate) fn is_among(kept: &[String], password: &[u8]) -> bool {
    if kept.is_empty() {
        // The result is nobody's.
        let _ = is_same(&format!("{METHOD}:{ITERATIONS}:00:00"), password);
        return false;
    }
    kept.iter().any(|kept| is_same(kept, password) == Some(true))
}

/// Nothing when what is kept makes no sense.
fn is_same(kept: &str, password: &[u8]) -> Option<bool> {
    let parts: Vec<&str> = kept.split(':').collect();
    match parts[..] {
        [METHOD, iterations, salt, hash] => {
            let iterations: u32 = iterations.parse().ok()?;
            let iterations = NonZeroU32::new(iterations.min(ITERATIONS_MAX))?;
            let (salt, hash) = (from_hex(salt)?, from_hex(hash)?);
            let algorithm = pbkdf2::PBKDF2_HMAC_SHA512;
            Some(pbkdf2::verify(algorithm, iterations, &salt, password, &hash).is_ok())
        }
        [sha] => {
            let known = from_hex(sha)?;
            let said = digest::digest(&digest::SHA256, password);
            let pairs = known.iter().zip(said.as_ref());
            // Every byte is looked at, whatever the first ones are.
            let differences = pairs.fold(0, |all, (known, said)| all | (known ^ said));
            Some(known.len() == said.as_ref().len() && differences == 0)
        }
        _ => None,
    }
}

/// Bytes that nobody can foresee.
pub(crate) fn random<const SIZE: usize>() -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// So many random hexadecimal digits, 1024 at most.
pub(crate) fn random_digits(count: usize) -> String {
    let mut digits = to_hex(&random::<512>());
    digits.truncate(count);
    digits
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_and_others_are_not() {
        let kept = vec![hash(b"correct horse")];
        assert!(is_among(&kept, b"correct horse"));
        for wrong in [&b""[..], b"correct hors", b"correct horse "] {
            assert!(!is_among(&kept, wrong));
        }
        assert!(!is_among(&[], b""));
        assert_ne!(kept[0], hash(b"correct horse"), "salted");
        assert!(!kept[0].contains("correct"));
    }

    #[test]
    fn what_redis_keeps_is_understood() {
        // printf foobared | sha256sum
        let kept = "1b58ee375b42e41f0e48ef2ff27d10a5b1f6924a9acdcdba7cae868e7adce6bf";
        assert!(is_among(&[kept.into()], b"foobared"));
        assert!(!is_among(&[kept.into()], b"foobare"));
        for odd in ["", "zz", "pbkdf2-sha512:0:00:00", "pbkdf2-sha512:x:y:z", "other:1:00:00"] {
            assert!(!is_among(&[odd.into()], b""), "{odd}");
        }
    }

    #[test]
    fn made_passwords_are_as_long_as_asked_and_never_the_same() {
        assert_eq!(random_digits(7).len(), 7);
        assert_eq!(random_digits(1024).len(), 1024);
        assert_ne!(random_digits(64), random_digits(64));
    }
}
