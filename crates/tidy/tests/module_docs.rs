//! Rule: every Rust file opens by saying what it is for, in `//!`.

use crate::finding::{Finding, verdict};
use crate::tree::TREE;

/// Shorter than this says nothing.
const PURPOSE_CHARACTER_COUNT_MIN: usize = 12;

fn check(path: &str, text: &str) -> Option<Finding> {
    let first = text.lines().next().unwrap_or_default();
    let purpose = first.strip_prefix("//!").map(str::trim);
    match purpose {
        Some(words) if words.chars().count() >= PURPOSE_CHARACTER_COUNT_MIN => None,
        _ => Some(Finding::new(path, 1, "open the file with `//!` and its purpose in a sentence")),
    }
}

#[test]
fn the_repository() {
    let found: Vec<_> = TREE.texts(".rs").filter_map(|(path, text)| check(path, text)).collect();
    verdict("module_docs", &found);
}

#[test]
fn catches_a_file_without_purpose() {
    assert_eq!(check("a.rs", "//! Clocks and what they cover.\n\nuse x;\n"), None);
    for bad in ["", "use x;\n", "\n//! Too late.\n", "// Plain comment.\n", "//!\n//! Late.\n"] {
        assert!(check("a.rs", bad).is_some(), "{bad:?}");
    }
}
