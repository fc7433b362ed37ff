//! Rule: the README names the two commands a newcomer needs, to run Starling and to test it, and
//! the command to test is the one that CI runs.

use crate::finding::{Finding, verdict};
use crate::markdown;
use crate::tree::TREE;

const TEST_COMMAND: &str = "cargo test --workspace";
const RUN_COMMAND: &str = "cargo run ";

/// Checks the README and the script of CI against each other.
fn check(readme: &str, ci: &str) -> Vec<Finding> {
    let (_, fenced) = markdown::split(readme);
    let has = |command: &str| fenced.iter().any(|(_, line)| line.trim().starts_with(command));
    let mut found = Vec::new();
    for command in [TEST_COMMAND, RUN_COMMAND] {
        if !has(command) {
            let advice = format!("show `{}` in a fenced block", command.trim());
            found.push(Finding::new("README.md", 1, advice));
        }
    }
    if !ci.contains(TEST_COMMAND) {
        let advice = format!("run `{TEST_COMMAND}`, which the README promises");
        found.push(Finding::new(".ci/run", 1, advice));
    }
    found
}

#[test]
fn the_repository() {
    let ci = TREE.text(".ci/run").expect("the script of CI exists");
    // A workspace that is being laid out has no README yet.
    let found = TREE.text("README.md").map_or(Vec::new(), |readme| check(readme, ci));
    verdict("readme", &found);
}

#[test]
fn catches_a_missing_command() {
    let good = "# S\n```sh\ncargo run --release -- up\n```\n```sh\ncargo test --workspace\n```\n";
    assert_eq!(check(good, "cargo test --workspace"), []);
    assert_eq!(check(good, "cargo test").len(), 1);
    assert_eq!(check("# S\ncargo run x\ncargo test --workspace\n", TEST_COMMAND).len(), 2);
}
