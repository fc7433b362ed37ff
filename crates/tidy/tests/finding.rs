//! What a rule found, and how it is told.
//!
//! Invariant: a rule never prints or panics by itself; it returns findings and `verdict` decides.

use std::fmt;

use crate::exceptions::{EXCEPTIONS, Exception};

/// One place where the repository breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Path from the repository root, with `/` between the parts.
    pub(crate) path: String,
    /// Line, counted from 1; 1 for a finding about the whole file.
    pub(crate) line: usize,
    /// What to do about it.
    pub(crate) advice: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, advice: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.advice)
    }
}

/// Fails the running test, naming every finding of `rule` that no exception excuses.
///
/// # Panics
/// When a finding is left over, or an exception excuses nothing any more.
pub(crate) fn verdict(rule: &str, findings: &[Finding]) {
    let left = judge(rule, findings, EXCEPTIONS);
    assert!(left.is_empty(), "\n{rule}: {} to mend\n{}\n", left.len(), left.join("\n"));
}

fn judge(rule: &str, findings: &[Finding], exceptions: &[Exception]) -> Vec<String> {
    let ours: Vec<_> = exceptions.iter().filter(|exception| exception.rule == rule).collect();
    let excused = |finding: &Finding| ours.iter().any(|one| one.path == finding.path);
    let mut left: Vec<String> =
        findings.iter().filter(|one| !excused(one)).map(ToString::to_string).collect();
    for exception in ours {
        if !findings.iter().any(|finding| finding.path == exception.path) {
            left.push(format!(
                "crates/tidy/tests/exceptions.rs:1: delete the exception of `{}` for {rule}: \
                 it excuses nothing",
                exception.path
            ));
        }
    }
    left
}

#[test]
fn an_exception_excuses_its_rule_and_file_only() {
    let table = [Exception { rule: "words", path: "a.rs", reason: "a test" }];
    let findings = [Finding::new("a.rs", 3, "no"), Finding::new("b.rs", 7, "mend it")];
    assert_eq!(judge("words", &findings, &table), ["b.rs:7: mend it"]);
    assert_eq!(judge("sizes", &findings, &table).len(), 2);
}

#[test]
fn an_exception_that_excuses_nothing_is_a_finding() {
    let table = [Exception { rule: "words", path: "gone.rs", reason: "a test" }];
    let left = judge("words", &[], &table);
    assert_eq!(left.len(), 1);
    assert!(left[0].contains("gone.rs"), "{left:?}");
}
