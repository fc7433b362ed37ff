//! Rule: every Rust file is compiled: a target of cargo, or a `mod` reachable from one.
//!
//! A `mod name;` inside a `mod outer { }` is not followed: give the outer module its own file.

use std::collections::BTreeSet;

use crate::finding::{Finding, verdict};
use crate::lexer;
use crate::manifest;
use crate::tree::TREE;

/// Path and text of files.
type Files<'a> = [(&'a str, &'a str)];

fn check(files: &Files<'_>) -> Vec<Finding> {
    let mut live = BTreeSet::new();
    for (manifest, text) in files.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
        let folder = manifest.strip_suffix("Cargo.toml").unwrap_or_default();
        let sources = files.iter().filter_map(|(path, _)| path.strip_prefix(folder));
        for root in sources.filter(|path| is_target(text, path)) {
            follow(&format!("{folder}{root}"), files, &mut live);
        }
    }
    let rust = files.iter().map(|(path, _)| *path).filter(|path| path.ends_with(".rs"));
    let dead = rust.filter(|path| !live.contains(*path));
    dead.map(|path| Finding::new(path, 1, "declare it with `mod` or delete it: never compiled"))
        .collect()
}

/// Whether cargo compiles `path`, from the package's folder, as the root of a target.
fn is_target(manifest: &str, path: &str) -> bool {
    let rows = manifest::rows(manifest);
    let quoted = format!("\"{path}\"");
    if rows.iter().any(|row| matches!(row.key, "path" | "build") && row.value == quoted) {
        return true;
    }
    let is_off = |key: &str| rows.iter().any(|row| row.key == key && row.value == "false");
    match path.split('/').collect::<Vec<_>>()[..] {
        ["build.rs"] => true,
        ["src", "lib.rs" | "main.rs"] => true,
        ["src", "bin", name] => name.ends_with(".rs") && !is_off("autobins"),
        ["src", "bin", _, "main.rs"] => !is_off("autobins"),
        ["tests", name] => name.ends_with(".rs") && !is_off("autotests"),
        ["tests", _, "main.rs"] => !is_off("autotests"),
        ["benches", name] => name.ends_with(".rs") && !is_off("autobenches"),
        ["benches", _, "main.rs"] => !is_off("autobenches"),
        ["examples", name] => name.ends_with(".rs") && !is_off("autoexamples"),
        ["examples", _, "main.rs"] => !is_off("autoexamples"),
        _ => false,
    }
}

/// Marks the target `root` and every file its `mod` declarations lead to.
fn follow(root: &str, files: &Files<'_>, live: &mut BTreeSet<String>) {
    let mut queue = vec![(root.to_owned(), folder_of(root).to_owned())];
    while let Some((path, children)) = queue.pop() {
        let Some((_, text)) = files.iter().find(|(known, _)| *known == path) else { continue };
        for (name, given) in modules(text) {
            let candidates = match given {
                Some(given) => vec![(format!("{}{given}", folder_of(&path)), String::new())],
                None => vec![
                    (format!("{children}{name}.rs"), format!("{children}{name}/")),
                    (format!("{children}{name}/mod.rs"), format!("{children}{name}/")),
                ],
            };
            for (path, children) in candidates {
                let children = if children.is_empty() { folder_of(&path).into() } else { children };
                if !live.contains(&path) {
                    queue.push((path, children));
                }
            }
        }
        live.insert(path);
    }
}

/// The folder of `path`, empty or ending in `/`.
fn folder_of(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..=at])
}

/// Name and given path of every `mod name;` in `text`.
fn modules(text: &str) -> Vec<(String, Option<String>)> {
    let code = lexer::code(text);
    let mut found = Vec::new();
    for at in lexer::words(&code, "mod") {
        let name = lexer::identifier(&code, at + 3);
        let after = code[at + 3..].trim_start().strip_prefix(name).unwrap_or_default();
        if !name.is_empty() && after.trim_start().starts_with(';') {
            found.push((name.to_owned(), given_path(&text[..at])));
        }
    }
    found
}

/// The path of a `#[path = "..."]` that ends `before` the `mod` and its visibility.
fn given_path(before: &str) -> Option<String> {
    let (_, attribute) = before.rsplit_once("#[path = \"")?;
    let (path, rest) = attribute.split_once("\"]")?;
    let is_last = rest.split_whitespace().all(|word| word.starts_with("pub"));
    is_last.then(|| path.to_owned())
}

#[test]
fn the_repository() {
    verdict("dead_files", &check(&TREE.texts("").collect::<Vec<_>>()));
}

#[test]
fn catches_files_nobody_declares() {
    let files = [
        ("crates/a/Cargo.toml", "[package]\n"),
        ("crates/a/src/lib.rs", "mod one;\n// mod dead;\nconst S: &str = \"mod dead;\";\n"),
        ("crates/a/src/one.rs", "mod deep;\n#[path = \"odd.rs\"]\npub(crate) mod even;\n"),
        ("crates/a/src/one/deep.rs", ""),
        ("crates/a/src/odd.rs", ""),
        ("crates/a/src/dead.rs", ""),
        ("crates/a/src/one/even.rs", ""),
        ("crates/a/src/bin/tool.rs", ""),
        ("crates/a/tests/main.rs", "mod story;\n"),
        ("crates/a/tests/story/mod.rs", ""),
        ("stray.rs", ""),
    ];
    let dead: Vec<_> = check(&files).into_iter().map(|finding| finding.path).collect();
    assert_eq!(dead, ["crates/a/src/dead.rs", "crates/a/src/one/even.rs", "stray.rs"]);
}

#[test]
fn targets_named_in_the_manifest_count_and_discovery_can_be_off() {
    let manifest = "[package]\nautotests = false\n[[test]]\npath = \"tests/main.rs\"\n";
    let files = [
        ("crates/a/Cargo.toml", manifest),
        ("crates/a/tests/main.rs", ""),
        ("crates/a/tests/forgotten.rs", ""),
    ];
    let dead: Vec<_> = check(&files).into_iter().map(|finding| finding.path).collect();
    assert_eq!(dead, ["crates/a/tests/forgotten.rs"]);
}
