//! Misspelt keys: where they stand and what was probably meant.

use super::error::ConfigError;

/// Turns what the TOML parser says into our own words.
pub(super) fn explain(text: &str, error: &toml::de::Error, keys: &[&str]) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    match error.message().strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) {
        Some((key, expected)) => {
            let inner = quoted(expected);
            let known = if inner.is_empty() { keys } else { &inner };
            let suggestion = nearest(key, known).map(str::to_owned);
            ConfigError::UnknownKey { line, key: key.into(), suggestion }
        }
        None => ConfigError::Malformed { line, what: error.message().into() },
    }
}

/// The words between backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The known key that resembles `key` most, if any does.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|one| (distance(key, one), *one)).min()?;
    let limit = (key.len() / 3).max(2);
    (near.0 <= limit).then_some(near.1)
}

/// How many bytes have to be put in, taken out or replaced.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "", 0), ("rack", "rack", 0), ("rck", "rack", 1), ("", "abc", 3), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn what_resembles_nothing_gets_no_suggestion() {
        assert_eq!(nearest("node-id", &["rack", "node_id"]), Some("node_id"));
        assert_eq!(nearest("colour", &["rack", "node_id"]), None);
    }
}
