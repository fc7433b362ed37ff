//! Rule: files, folders and modules are named by concept; no drawer that takes anything.

use crate::finding::{Finding, verdict};
use crate::lexer;
use crate::tree::TREE;

const DRAWERS: &[&str] =
    &["utils", "util", "common", "helpers", "helper", "misc", "manager", "managers"];

fn check(path: &str, text: &str) -> Vec<Finding> {
    let advice = |name: &str| format!("name `{name}` by the one concept it holds");
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let parts = stem.split('/').filter(|part| DRAWERS.contains(part));
    let mut found: Vec<_> = parts.map(|part| Finding::new(path, 1, advice(part))).collect();
    let code = lexer::code(text);
    for at in lexer::words(&code, "mod") {
        let name = lexer::identifier(&code, at + 3);
        if DRAWERS.contains(&name) {
            found.push(Finding::new(path, lexer::line_of(&code, at), advice(name)));
        }
    }
    found
}

#[test]
fn the_repository() {
    let found: Vec<_> = TREE.texts(".rs").flat_map(|(path, text)| check(path, text)).collect();
    verdict("names", &found);
}

#[test]
fn catches_drawers_by_file_by_folder_and_by_module() {
    assert_eq!(check("crates/a/src/utils.rs", "").len(), 1);
    assert_eq!(check("crates/common/src/lib.rs", "").len(), 1);
    let found = check("crates/a/src/lib.rs", "mod clock;\npub(crate) mod misc {}\n");
    assert_eq!(
        found,
        [Finding::new("crates/a/src/lib.rs", 2, "name `misc` by the one concept it holds")]
    );
    assert_eq!(check("crates/a/src/clock.rs", "// mod utils;\nmod uncommon;\n"), []);
}
