//! Rule: the rooms of the house open onto each other only where the table says so.
//!
//! An edge that is missing here is an absence somebody relies on ("`gossip` knows no keys"). A
//! new one needs a decision record in `docs/decisions` and a line in `ARCHITECTURE.md`.

use crate::finding::{Finding, verdict};
use crate::manifest;
use crate::tree::TREE;

/// What a crate may use of ours.
enum May {
    Use(&'static [&'static str]),
    AllBut(&'static str),
    All,
}

use May::{All, AllBut, Use};

/// Crates that know nothing at all, so that anyone may stand on them.
const FLOOR: &[&str] = &["codec"];

/// Every crate, bottom up. The dependencies of its tests are apart.
const TABLE: &[(&str, May)] = &[
    ("codec", Use(&[])),
    // Pure data.
    ("causality", Use(&[])),
    ("cells", Use(&["causality"])),
    ("merkle", Use(&[])),
    ("placement", Use(&[])),
    // Vocabularies and machines.
    ("api", Use(&["causality", "cells"])),
    ("gossip", Use(&[])),
    ("wire", Use(&["causality", "cells", "merkle", "placement", "gossip"])),
    ("storage", Use(&[])),
    // The database.
    ("replica", Use(&["causality", "cells", "merkle", "placement", "wire", "storage"])),
    (
        "node",
        Use(&[
            "causality",
            "cells",
            "merkle",
            "placement",
            "api",
            "wire",
            "gossip",
            "storage",
            "replica",
        ]),
    ),
    // Surfaces: translation only. Values are causality's and cells' own types.
    ("resp", Use(&[])),
    ("redis", Use(&["api", "resp", "causality", "cells"])),
    ("http", Use(&["api", "causality", "cells"])),
    // Worlds.
    ("server", AllBut("sim")),
    ("sim", AllBut("server")),
    ("starling", All),
    ("bench", Use(&["api", "resp"])),
    ("e2e", Use(&["api", "resp"])),
    // For tests only: a body for arbitrary bytes per decoder, whoever owns the format.
    ("decoders", All),
    ("tidy", Use(&[])),
];

/// Checks the manifest of the crate `name`; `crates` are the names of all of ours.
fn check(name: &str, text: &str, crates: &[&str]) -> Vec<Finding> {
    let path = format!("crates/{name}/Cargo.toml");
    let Some((_, may)) = TABLE.iter().find(|(known, _)| *known == name) else {
        let advice = format!("give `{name}` a row in crates/tidy/tests/dependencies.rs");
        return vec![Finding::new(&path, 1, advice)];
    };
    let is_allowed = |used: &str| match may {
        Use(list) => list.contains(&used) || FLOOR.contains(&used),
        AllBut(one) => *one != used,
        All => true,
    };
    let used = manifest::dependencies(text);
    used.iter()
        .filter(|one| crates.contains(&one.name) && !is_allowed(one.name))
        .map(|one| {
            let advice =
                format!("`{name}` must not know `{}`: move the code or the edge", one.name);
            Finding::new(&path, one.line, advice)
        })
        .collect()
}

#[test]
fn the_repository() {
    let crates = TREE.crates();
    let mut found = Vec::new();
    for name in &crates {
        let text = TREE.text(&format!("crates/{name}/Cargo.toml")).expect("listed by the tree");
        found.extend(check(name, text, &crates));
    }
    verdict("dependencies", &found);
}

#[test]
fn catches_an_edge_that_is_not_in_the_table() {
    let crates = ["causality", "cells", "codec", "server", "sim"];
    let text = "[dependencies]\ncells.workspace = true\ncodec.workspace = true\nmemchr = \"2\"\n";
    let found = check("causality", text, &crates);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.as_str(), found[0].line), ("crates/causality/Cargo.toml", 2));
    assert_eq!(check("cells", "[dependencies]\ncausality.workspace = true\n", &crates), []);
    assert_eq!(check("server", "[dependencies.sim]\nworkspace = true\n", &crates).len(), 1);
    assert_eq!(check("starling", "[dependencies.sim]\nworkspace = true\n", &crates), []);
    assert_eq!(check("causality", "[dev-dependencies]\ncells.workspace = true\n", &crates), []);
}

#[test]
fn catches_a_crate_without_a_row() {
    assert_eq!(check("newcomer", "", &["newcomer"]).len(), 1);
}

#[test]
fn the_table_goes_bottom_up() {
    for (index, (name, may)) in TABLE.iter().enumerate() {
        if let Use(list) = may {
            let is_below = |used: &str| TABLE[..index].iter().any(|(one, _)| *one == used);
            let up: Vec<_> = list.iter().filter(|used| !is_below(used)).collect();
            assert!(up.is_empty(), "`{name}` stands on what is not below it: {up:?}");
        }
    }
}
