//! Rule: every dependency is named once, in the root manifest, below the reason for it; every
//! crate of ours takes dependencies and lints from there.

use crate::finding::{Finding, verdict};
use crate::manifest;
use crate::tree::TREE;

/// Checks that in `[workspace.dependencies]` each group of lines opens with a comment.
fn check_root(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut is_inside = false;
    let mut has_reason = false;
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.starts_with('[') && line.ends_with(']') {
            is_inside = line == "[workspace.dependencies]";
            has_reason = false;
        } else if line.is_empty() {
            has_reason = false;
        } else if line.starts_with('#') {
            has_reason = true;
        } else if is_inside && !has_reason && line.contains('=') {
            let name = line.split('=').next().unwrap_or_default().trim();
            let advice = format!("write the reason for `{name}` as a comment above it");
            found.push(Finding::new(path, index + 1, advice));
        }
    }
    found
}

/// Checks that a crate of ours inherits its dependencies and its lints.
fn check_member(path: &str, text: &str) -> Vec<Finding> {
    let used = manifest::dependencies(text).into_iter().filter(|one| !one.is_inherited);
    let mut found: Vec<_> = used
        .map(|one| {
            let advice = format!("list `{0}` in the root manifest, here `{0}.workspace`", one.name);
            Finding::new(path, one.line, advice)
        })
        .collect();
    let rows = manifest::rows(text);
    let is_lints = |row: &manifest::Row<'_>| row.section == "lints" && row.key == "workspace";
    if !rows.iter().any(|row| is_lints(row) && row.value == "true") {
        found.push(Finding::new(path, 1, "add `[lints]` with `workspace = true`"));
    }
    found
}

#[test]
fn the_repository() {
    let root = TREE.text("Cargo.toml").expect("the workspace has a manifest");
    let mut found = check_root("Cargo.toml", root);
    for name in TREE.crates() {
        let path = format!("crates/{name}/Cargo.toml");
        found.extend(check_member(&path, TREE.text(&path).expect("listed by the tree")));
    }
    verdict("reasons", &found);
}

#[test]
fn catches_a_dependency_without_a_reason() {
    let text = "\
[workspace.dependencies]
# Integers to text.
itoa = \"1\"
memchr = \"2\"

libc = \"1\"
[profile.dev]
debug = true
";
    let found = check_root("Cargo.toml", text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].line, 6);
}

#[test]
fn catches_a_crate_that_goes_its_own_way() {
    let good = "[dependencies]\nitoa.workspace = true\n[lints]\nworkspace = true\n";
    assert_eq!(check_member("a", good), []);
    assert_eq!(check_member("a", "[dependencies]\nitoa.workspace = true\n").len(), 1);
    let own = "[dependencies]\nitoa = \"1\"\n[lints]\nworkspace = true\n";
    assert_eq!(check_member("a", own)[0].line, 2);
}
