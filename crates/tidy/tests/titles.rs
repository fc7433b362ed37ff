//! Rule: each document has exactly one title, at its top.

use crate::finding::{Finding, verdict};
use crate::markdown;
use crate::tree::TREE;

fn check(path: &str, text: &str) -> Option<Finding> {
    let (prose, _) = markdown::split(text);
    let titles: Vec<_> = prose.iter().filter(|(_, line)| line.starts_with("# ")).collect();
    match titles[..] {
        [_] => None,
        [] => Some(Finding::new(path, 1, "give the document a `# ` title")),
        [_, (line, _), ..] => Some(Finding::new(path, *line, "make the second title a `## `")),
    }
}

#[test]
fn the_repository() {
    let found: Vec<_> = TREE.texts(".md").filter_map(|(path, text)| check(path, text)).collect();
    verdict("titles", &found);
}

#[test]
fn catches_no_title_and_two() {
    assert_eq!(check("a.md", "# A\n```sh\n# a comment\n```\n## B\n"), None);
    assert_eq!(check("a.md", "## A\n").map(|one| one.line), Some(1));
    assert_eq!(check("a.md", "# A\n\n# B\n").map(|one| one.line), Some(3));
}
