//! Rule: the pure crates know no clock, thread, socket, file, process or environment.
//!
//! They get `now`, events and a seeded generator as arguments, which is what lets the simulator
//! run the very code that users run.

use crate::finding::{Finding, verdict};
use crate::lexer::line_of;
use crate::manifest;
use crate::std_paths::std_paths;
use crate::tree::{TREE, shipped_code};

const PURE_CRATES: &[&str] = &[
    "api",
    "causality",
    "cells",
    "codec",
    "gossip",
    "http",
    "merkle",
    "node",
    "placement",
    "redis",
    "replica",
    "resp",
    "storage",
    "wire",
];

/// What no pure crate names below `std::`, and what it does instead.
const WORLD: &[(&str, &str)] = &[
    ("time::Instant", "take `now` as an argument"),
    ("time::SystemTime", "take `now` as an argument"),
    ("time::UNIX_EPOCH", "take `now` as an argument"),
    ("net", "push the bytes into the outbox; the driver owns the sockets"),
    ("fs", "ask for it through the outbox or the store; the driver owns the files"),
    ("os", "leave the operating system to the driver"),
    ("thread", "return a deadline or an effect; the driver owns the threads"),
    ("process", "return an error; the driver decides to stop"),
    ("env", "take the setting as an argument"),
];

/// Parts of the world that are a crate's very purpose.
const PURPOSES: &[(&str, &str)] = &[
    // The store's body on disk, and positioned reads. Clock and threads still are the driver's.
    ("storage", "fs"),
    ("storage", "os"),
    // How much space is left, which the standard library does not tell.
    ("storage", "rustix"),
];

/// Dependencies that bring the world in by another door.
const DOORS: &[&str] =
    &["anyhow", "clap", "getrandom", "mimalloc", "rand", "rustix", "socket2", "tokio"];

fn check_source(name: &str, path: &str, text: &str) -> Vec<Finding> {
    let code = shipped_code(text);
    let mut found = Vec::new();
    for (at, used) in std_paths(&code) {
        let is_below = |part: &str| used == part || used.starts_with(&format!("{part}::"));
        let refused = WORLD.iter().find(|(part, _)| is_below(part));
        if let Some((part, advice)) = refused
            && !PURPOSES.contains(&(name, part))
        {
            let advice = format!("`{name}` is pure, `std::{used}` is not: {advice}");
            found.push(Finding::new(path, line_of(&code, at), advice));
        }
    }
    found
}

fn check_manifest(name: &str, path: &str, text: &str) -> Vec<Finding> {
    let dependencies = manifest::dependencies(text);
    let is_door = |one: &str| DOORS.contains(&one) && !PURPOSES.contains(&(name, one));
    let doors = dependencies.iter().filter(|one| is_door(one.name));
    doors
        .map(|one| {
            let advice = format!("`{name}` is pure: leave `{}` to the drivers", one.name);
            Finding::new(path, one.line, advice)
        })
        .collect()
}

#[test]
fn the_repository() {
    let mut found = Vec::new();
    for name in PURE_CRATES {
        let folder = format!("crates/{name}/");
        let sources = TREE.shipped().filter(|(path, _)| path.starts_with(&folder));
        found.extend(sources.flat_map(|(path, text)| check_source(name, path, text)));
        let manifest = format!("{folder}Cargo.toml");
        if let Some(text) = TREE.text(&manifest) {
            found.extend(check_manifest(name, &manifest, text));
        }
    }
    verdict("purity", &found);
}

#[test]
fn catches_every_part_of_the_world() {
    for (part, _) in WORLD {
        let text = format!("//! A file.\nuse std::{part};\n");
        let found = check_source("cells", "a.rs", &text);
        assert_eq!(found.len(), 1, "{part}");
        assert_eq!(found[0].line, 2);
    }
    assert_eq!(
        check_source("cells", "a.rs", "use std::{fmt, time::{Duration, Instant}};").len(),
        1
    );
}

#[test]
fn lets_plain_data_purposes_and_tests_pass() {
    assert_eq!(check_source("cells", "a.rs", "use std::time::Duration;\n// std::fs\n"), []);
    assert_eq!(check_source("storage", "a.rs", "use std::fs::File;"), []);
    assert_eq!(check_source("storage", "a.rs", "use std::thread;").len(), 1);
    let text = "#[cfg(test)]\nmod tests {\n    use std::env;\n}\n";
    assert_eq!(check_source("cells", "a.rs", text), []);
}

#[test]
fn catches_the_world_behind_a_dependency() {
    let text = "[dependencies]\ntokio.workspace = true\n[dev-dependencies]\nrand = \"1\"\n";
    let found = check_manifest("node", "crates/node/Cargo.toml", text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].line, 2);
}
