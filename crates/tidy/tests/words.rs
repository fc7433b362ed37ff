//! Rule: nothing half done is kept, and nothing names the machine it was written on.

use crate::finding::{Finding, verdict};
use crate::tree::TREE;

/// One refused text.
struct Word {
    text: &'static str,
    /// Endings of the files it is refused in; the empty ending is every file.
    suffixes: &'static [&'static str],
    advice: &'static str,
}

const RUST: &[&str] = &[".rs"];
const WRITTEN: &[&str] =
    &[".rs", ".toml", ".js", ".css", ".html", ".sh", ".py", ".ci/run", ".yml", ".yaml", ".md"];
const DOCUMENTS: &[&str] = &[".md", ".html", ".toml", ".yml", ".yaml"];

const WORDS: &[Word] = &[
    Word { text: "todo!(", suffixes: RUST, advice: "finish it or leave it out" },
    Word { text: "unimplemented!(", suffixes: RUST, advice: "finish it or leave it out" },
    Word { text: "TODO", suffixes: WRITTEN, advice: "do it now, or open an issue" },
    Word { text: "FIXME", suffixes: WRITTEN, advice: "fix it now, or open an issue" },
    Word { text: "XXX", suffixes: WRITTEN, advice: "mend it now, or say plainly what is odd" },
    Word { text: "#[ignore", suffixes: RUST, advice: "mend the test or delete it" },
    Word { text: "dbg!(", suffixes: RUST, advice: "delete the debugging aid" },
    Word { text: "/home/", suffixes: DOCUMENTS, advice: "write a path from the repository root" },
    Word { text: "/tmp/", suffixes: DOCUMENTS, advice: "write a path any reader has" },
    Word { text: "/root/", suffixes: DOCUMENTS, advice: "write a path any reader has" },
    Word { text: "/Users/", suffixes: DOCUMENTS, advice: "write a path any reader has" },
];

fn check(path: &str, text: &str) -> Vec<Finding> {
    let bound: Vec<&Word> = WORDS
        .iter()
        .filter(|word| word.suffixes.iter().any(|suffix| path.ends_with(suffix)))
        .collect();
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in bound.iter().filter(|word| has(line, word.text)) {
            found.push(Finding::new(path, index + 1, format!("`{}`: {}", word.text, word.advice)));
        }
    }
    found
}

/// Whether `word` stands in `line` and is not a part of a longer word or path.
fn has(line: &str, word: &str) -> bool {
    let is_letter = |one: char| one.is_alphanumeric() || one == '_';
    // `see /tmp/x` is a path of a machine; `a/tmp/x` and `../tmp/x` are paths of ours.
    let joins_before = |one: char| match word.starts_with('/') {
        true => is_letter(one) || matches!(one, '.' | '-' | '}'),
        false => word.starts_with(is_letter) && is_letter(one),
    };
    let joins_after = |one: char| word.ends_with(is_letter) && is_letter(one);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(joins_before) && !after.is_some_and(joins_after)
    })
}

#[test]
fn the_repository() {
    let found: Vec<_> = TREE.texts("").flat_map(|(path, text)| check(path, text)).collect();
    verdict("words", &found);
}

#[test]
fn catches_every_word_in_every_file_it_is_refused_in() {
    for word in WORDS {
        for suffix in word.suffixes {
            let text = format!("first\n  {} rest\n", word.text);
            let found = check(&format!("a{suffix}"), &text);
            assert_eq!(found.len(), 1, "{} in {suffix}", word.text);
            assert_eq!(found[0].line, 2);
        }
    }
}

#[test]
fn longer_words_and_our_own_paths_pass() {
    for text in ["my_todo!(", "TODOS", "XXXL", "a_dbg!(x)", "docs/tmp/x", "../tmp/x"] {
        assert_eq!(check("a.rs", text), [], "{text}");
        assert_eq!(check("a.md", text), [], "{text}");
    }
    assert_eq!(check("a.rs", "let path = \"/tmp/x\";"), []);
}
