//! Rule: every link within the repository leads somewhere, down to the heading.

use crate::finding::{Finding, verdict};
use crate::markdown;
use crate::tree::TREE;

/// What a link can lead to: whether a path exists, and the text of a document.
struct Places<'a> {
    has: &'a dyn Fn(&str) -> bool,
    text: &'a dyn Fn(&str) -> Option<String>,
}

fn check(path: &str, text: &str, places: &Places<'_>) -> Vec<Finding> {
    let (prose, _) = markdown::split(text);
    let mut found = Vec::new();
    for (line, content) in prose {
        for target in markdown::targets(content) {
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if let Err(advice) = resolve(path, &target, places) {
                found.push(Finding::new(path, line, advice));
            }
        }
    }
    found
}

fn resolve(from: &str, target: &str, places: &Places<'_>) -> Result<(), String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let place = if file.is_empty() { Some(from.to_owned()) } else { join(from, file) };
    let place = place.filter(|place| (places.has)(place));
    let place = place.ok_or(format!("`{target}` leads nowhere: mend the link"))?;
    if anchor.is_empty() || !place.ends_with(".md") {
        return Ok(());
    }
    let text = (places.text)(&place).unwrap_or_default();
    let (prose, _) = markdown::split(&text);
    let mut headings = prose.iter().filter(|(_, line)| line.starts_with('#'));
    let is_there = headings.any(|(_, line)| markdown::anchor(line) == anchor);
    is_there.then_some(()).ok_or(format!("`{target}`: {place} has no such heading"))
}

/// The path of `target` as seen from the document `from`; `None` outside of the repository.
fn join(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[test]
fn the_repository() {
    let places = Places {
        has: &|path| TREE.has(path),
        text: &|path| TREE.text(path).map(ToOwned::to_owned),
    };
    let documents = TREE.texts(".md");
    let found: Vec<_> = documents.flat_map(|(path, text)| check(path, text, &places)).collect();
    verdict("links", &found);
}

#[test]
fn catches_links_that_lead_nowhere() {
    let places = Places {
        has: &|path| ["docs/a.md", "docs/b.md", "README.md", "crates"].contains(&path),
        text: &|path| (path == "docs/b.md").then(|| "# B\n\n## The end\n".to_owned()),
    };
    let text = "# A\n[1](b.md) [2](b.md#the-end) [3](../README.md) [4](../crates/) \
                [5](https://example.org/x) [6](#a)\n[7](gone.md)\n[8](b.md#gone)\n[9](../../x)\n";
    let places = Places {
        has: places.has,
        text: &|path| if path == "docs/a.md" { Some(text.to_owned()) } else { (places.text)(path) },
    };
    let lines: Vec<_> = check("docs/a.md", text, &places).iter().map(|one| one.line).collect();
    assert_eq!(lines, [3, 4, 5]);
}
