//! Every exception to every rule, visible to all, each with its reason.
//!
//! Invariant: an exception that excuses nothing any more fails the rule it belongs to.

/// One file that may break one rule.
pub(crate) struct Exception {
    /// Name of the rule, which is the name of its module.
    pub(crate) rule: &'static str,
    /// Path from the repository root.
    pub(crate) path: &'static str,
    /// Why the rule makes this file worse, as a sentence.
    pub(crate) reason: &'static str,
}

/// The table. Prefer mending the file; then changing the rule for all; then a row here.
pub(crate) const EXCEPTIONS: &[Exception] = &[Exception {
    rule: "words",
    path: "crates/tidy/tests/words.rs",
    reason: "The list of refused words and the bad inputs that test it name those words.",
}];

#[test]
fn every_exception_has_a_reason_and_a_rule() {
    for exception in EXCEPTIONS {
        assert!(exception.reason.len() > 20, "say why `{}` is excused", exception.path);
        let module = format!("\nmod {};", exception.rule);
        assert!(include_str!("main.rs").contains(&module), "`{}` is no rule", exception.rule);
    }
}
