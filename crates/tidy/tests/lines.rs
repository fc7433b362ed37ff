//! Rule: source lines are at most 100 characters wide and plain ASCII.

use crate::finding::{Finding, verdict};
use crate::tree::TREE;

const CHARACTER_COUNT_MAX: usize = 100;

/// Kinds of files this rule binds. Manifests may be wider: a string of theirs cannot be split.
const WIDTH_SUFFIXES: &[&str] = &[".rs", ".js", ".css", ".html", ".sh", ".py", ".ci/run"];

/// Kinds of files that hold nothing but ASCII; other characters are written as escapes.
const ASCII_SUFFIXES: &[&str] =
    &[".rs", ".js", ".css", ".html", ".sh", ".py", ".ci/run", ".toml", ".yml", ".yaml"];

fn check(path: &str, text: &str) -> Vec<Finding> {
    let is_narrow = WIDTH_SUFFIXES.iter().any(|suffix| path.ends_with(suffix));
    let is_ascii = ASCII_SUFFIXES.iter().any(|suffix| path.ends_with(suffix));
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let count = line.chars().count();
        if is_narrow && count > CHARACTER_COUNT_MAX {
            let advice = format!("break the line: {count} characters, {CHARACTER_COUNT_MAX} fit");
            found.push(Finding::new(path, index + 1, advice));
        }
        if let Some(odd) = line.chars().find(|one| !one.is_ascii())
            && is_ascii
        {
            let advice = format!("write {} in ASCII or as an escape", odd.escape_unicode());
            found.push(Finding::new(path, index + 1, advice));
        }
    }
    found
}

#[test]
fn the_repository() {
    let found: Vec<_> = TREE.texts("").flat_map(|(path, text)| check(path, text)).collect();
    verdict("lines", &found);
}

#[test]
fn catches_wide_lines() {
    let fits = "x".repeat(CHARACTER_COUNT_MAX);
    assert_eq!(check("a.rs", &fits), []);
    let found = check("a.rs", &format!("ok\n{fits}y\n"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].line, 2);
    assert_eq!(check("a.md", &format!("{fits}y")), []);
}

#[test]
fn catches_characters_beyond_ascii() {
    let found = check("a.rs", "fn f() {}\n// 5 \u{b5}s\n");
    assert_eq!(found, [Finding::new("a.rs", 2, "write \\u{b5} in ASCII or as an escape")]);
    assert_eq!(check("a.md", "5 \u{b5}s"), []);
}
