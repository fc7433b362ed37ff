//! Redis's patterns: `*`, `?`, `[a-z]`, `[^...]` and `\` before a character that means itself.
//! In names of commands and parameters, letters fit in both sizes; in keys they do not.
//!
//! Invariant: no recursion, and at most (pattern times text) steps, whatever a client sends: only
//! the last star is ever tried again.

/// How letters are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Letters {
    /// `a` fits `A`.
    Folded,
    Exact,
}

/// Whether the whole of `text` fits `pattern`, letters of both sizes being the same.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_as(pattern, text, Letters::Folded)
}

/// Whether the whole of `text` fits `pattern`, byte for byte.
pub(crate) fn matches_exactly(pattern: &[u8], text: &[u8]) -> bool {
    matches_as(pattern, text, Letters::Exact)
}

fn matches_as(pattern: &[u8], text: &[u8], letters: Letters) -> bool {
    let (mut pattern_at, mut text_at) = (0, 0);
    // Where to go on when what follows the last star does not fit here.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(text_at) {
        if pattern.get(pattern_at) == Some(&b'*') {
            pattern_at += 1;
            retry = Some((pattern_at, text_at));
            continue;
        }
        let rest = pattern.get(pattern_at..).unwrap_or_default();
        if let Some(size) = match_one(rest, byte, letters) {
            (pattern_at, text_at) = (pattern_at + size, text_at + 1);
        } else if let Some((after_star, tried)) = retry {
            retry = Some((after_star, tried + 1));
            (pattern_at, text_at) = (after_star, tried + 1);
        } else {
            return false;
        }
    }
    pattern.get(pattern_at..).is_some_and(|rest| rest.iter().all(|&byte| byte == b'*'))
}

/// Returns how much of the pattern stands for one byte, if it fits.
fn match_one(pattern: &[u8], byte: u8, letters: Letters) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', set @ ..] => match_set(set, byte, letters).map(|size| 1 + size),
        [b'\\', escaped, ..] => letters.are_same(*escaped, byte).then_some(2),
        [plain, ..] => letters.are_same(*plain, byte).then_some(1),
    }
}

/// Reads a set after its bracket; an open one ends with the pattern, as in Redis.
fn match_set(set: &[u8], byte: u8, letters: Letters) -> Option<usize> {
    let is_inverted = set.first() == Some(&b'^');
    let mut at = usize::from(is_inverted);
    let mut is_found = false;
    loop {
        let (first, last, size) = match set.get(at..).unwrap_or_default() {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', escaped, ..] => (*escaped, *escaped, 2),
            [first, b'-', last, ..] => (*first.min(last), *first.max(last), 3),
            [one, ..] => (*one, *one, 1),
        };
        is_found |= (letters.fold(first)..=letters.fold(last)).contains(&letters.fold(byte));
        at += size;
    }
    (is_found != is_inverted).then_some(at)
}

impl Letters {
    const fn are_same(self, one: u8, other: u8) -> bool {
        self.fold(one) == self.fold(other)
    }

    const fn fold(self, byte: u8) -> u8 {
        match self {
            Self::Folded => byte.to_ascii_lowercase(),
            Self::Exact => byte,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, fits: &[&str], others: &[&str]) {
        for text in fits {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        for text in others {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }

    #[test]
    fn patterns_fit_whole_texts() {
        check("", &[""], &["a"]);
        check("*", &["", "a", "abc"], &[]);
        check("h?llo", &["hello", "hallo"], &["hllo", "heello", "hell"]);
        check("h*llo", &["hllo", "heeeello"], &["hell", "hllo!"]);
        check("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "a", ""]);
        check("h[ae]llo", &["hello", "hallo"], &["hillo"]);
        check("h[^e]llo", &["hallo"], &["hello"]);
        check("h[b-d]", &["hb", "hc", "hd"], &["ha", "he"]);
        check("h[d-b]", &["hc"], &["ha"]);
        check("a\\*b", &["a*b"], &["axb"]);
        check("[\\]]", &["]"], &["\\"]);
        check("a[b", &["ab"], &["aa", "a"]);
        check("a\\", &["a\\"], &["a"]);
        check("a**", &["a", "ab"], &["b"]);
    }

    #[test]
    fn letters_fold() {
        check("MaxM[A-F]*", &["maxmEmory", "MAXMa"], &["maxmg"]);
        assert!(matches_exactly(b"M[A-F]*", b"MAx"));
        assert!(!matches_exactly(b"M[A-F]*", b"Max") && !matches_exactly(b"M", b"m"));
    }

    #[test]
    fn many_stars_end_in_time() {
        let text = [b'a'; 20_000];
        assert!(!matches(b"*a*a*a*a*a*a*a*b", &text));
    }
}
