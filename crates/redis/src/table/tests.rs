//! Tests of the command table: what every row must be.

use std::collections::BTreeSet;

use super::*;
use crate::command::{Flag, Group};
use crate::keyspec::Span;

fn all() -> impl Iterator<Item = &'static Command> {
    commands().iter().flat_map(|command| std::iter::once(*command).chain(command.subcommands))
}

#[test]
fn names_are_small_letters_and_unique() {
    let names: BTreeSet<_> = all().map(Command::full_name).collect();
    assert_eq!(names.len(), all().count());
    for command in all() {
        assert_eq!(command.name, command.name.to_ascii_lowercase());
        assert!(!command.summary.is_empty());
    }
    for command in commands() {
        assert_eq!(command.container, None, "{}", command.name);
        for subcommand in command.subcommands {
            assert_eq!(subcommand.container, Some(command.name), "{}", subcommand.name);
        }
    }
}

#[test]
fn every_row_is_found_by_its_name_in_any_case() {
    for command in all() {
        let name = command.full_name().to_uppercase();
        let found = by_full_name(name.as_bytes()).map(Command::full_name);
        assert_eq!(found, Some(command.full_name()));
    }
    for odd in ["", "ge", "gett", "client|", "|", "client|nope", "get|x"] {
        assert!(by_full_name(odd.as_bytes()).is_none(), "{odd}");
    }
    assert!(command(&[b'a'; 64]).is_none());
}

#[test]
fn every_row_does_something() {
    for command in all() {
        assert!(command.run.is_some() || !command.subcommands.is_empty(), "{}", command.name);
    }
}

/// Commands about all keys, which name none.
const OF_ALL_KEYS: [&str; 6] = ["dbsize", "flushall", "flushdb", "keys", "randomkey", "scan"];

#[test]
fn rows_do_not_contradict_themselves() {
    for command in all() {
        let name = command.full_name();
        let has = |flag| command.flags.contains(&flag);
        assert!(!(has(Flag::Write) && has(Flag::Readonly)), "{name}");
        let of_data = !matches!(
            command.group,
            Group::Connection
                | Group::Server
                | Group::Cluster
                | Group::PubSub
                | Group::Scripting
                | Group::Starling
                | Group::Transactions
        );
        if command.run.is_none() || command.name == "help" {
            // What contains or explains is about no data.
            continue;
        }
        if OF_ALL_KEYS.contains(&command.name) {
            assert!(command.keys[0].is_none() && has(Flag::Write) != has(Flag::Readonly), "{name}");
            continue;
        }
        if command.group == Group::Transactions {
            // What they carry out says for itself what it does.
            continue;
        }
        assert_eq!(has(Flag::Write) || has(Flag::Readonly), command.keys[0].is_some(), "{name}");
        assert!(command.keys[0].is_some() || !of_data, "{name} is about data and has no key");
        let mut writes = 0;
        for (at, keys) in command.key_specs().enumerate() {
            let needed = command.arity.unsigned_abs() as usize;
            let is_optional = at > 0 || matches!(keys.span, Span::Behind(_));
            assert!(keys.first < needed || is_optional, "{name}: its first key is always there");
            let takes_any = matches!(keys.span, Span::Rest { .. } | Span::AllButLast);
            assert!(!takes_any || command.arity < 0, "{name}");
            let modes: Vec<_> = keys.access.iter().filter(|one| one.len() == 2).collect();
            assert_eq!(modes.len(), 1, "{name}: one of RO, RW, OW, RM");
            writes += usize::from(*modes[0] != "RO");
        }
        assert_eq!(writes > 0, has(Flag::Write), "{name}: what writes has a key to write");
    }
}

#[test]
fn what_is_absent_is_not_there() {
    let absent: Vec<_> = ABSENT.split_ascii_whitespace().collect();
    assert!(absent.is_sorted());
    assert!(absent.len() > 30, "streams and scripts alone are so many");
    for name in absent {
        assert!(command(name.as_bytes()).is_none(), "{name} is there: strike it off");
    }
}

#[test]
fn arity_is_exact_or_a_minimum() {
    let takes = |name: &str, count| command(name.as_bytes()).expect("a row").takes(count);
    assert_eq!([1, 2, 3].map(|count| takes("get", count)), [false, true, false]);
    assert_eq!([2, 3, 90].map(|count| takes("set", count)), [false, true, true]);
    assert_eq!([1, 2].map(|count| takes("ping", count)), [true, true]);
}

/// The document's table of commands is this table: each group's row lists its names in order.
#[test]
fn every_command_is_documented() {
    let document = include_str!("../../../../docs/redis.md");
    let groups: BTreeSet<_> = commands().iter().map(|command| command.group.name()).collect();
    let row = |group: &str| {
        let of_group = all().filter(|one| one.group.name() == group && one.run.is_some());
        let name = |one: &Command| one.full_name().to_uppercase().replace('|', " ");
        let names: Vec<_> = of_group.map(name).collect();
        format!("| {group} | {} |\n", names.join(", "))
    };
    let missing = groups.into_iter().map(row).filter(|row| !document.contains(row.as_str()));
    let missing: String = missing.collect();
    assert!(missing.is_empty(), "docs/redis.md lacks:\n{missing}");
}
