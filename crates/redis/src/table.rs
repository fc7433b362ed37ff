//! The command table: every family's rows under their names, and what is known to be absent.

use std::sync::LazyLock;

use crate::command::Command;
use crate::families::FAMILIES;
use crate::refusal::Refusal;

/// Every command, by name.
static TABLE: LazyLock<Vec<&'static Command>> = LazyLock::new(|| {
    let mut table: Vec<_> = FAMILIES.iter().copied().flatten().collect();
    table.sort_unstable_by_key(|command| command.name);
    table
});

/// The same, where [`place_of`] puts their names: most places hold one command or none.
static PLACES: LazyLock<Vec<Vec<&'static Command>>> = LazyLock::new(|| {
    let mut places = vec![Vec::new(); PLACES_COUNT];
    TABLE.iter().for_each(|command| places[place_of(command.name.as_bytes())].push(*command));
    places
});

/// How many places names are spread over.
const PLACES_COUNT: usize = 1 << 10;

/// Redis 7.2's commands that this release does not have, so that nobody mistakes a gap for a typo.
const ABSENT: &str = include_str!("absent.txt");

/// How much of an unknown name, and of what follows it, an error repeats.
const QUOTED_SIZE_MAX: usize = 128;

/// Returns every command, in the order of their names.
pub(crate) fn commands() -> &'static [&'static Command] {
    &TABLE
}

/// Finds a command by its name, in any case.
pub(crate) fn command(name: &[u8]) -> Option<&'static Command> {
    let mut there = PLACES[place_of(name)].iter().copied();
    there.find(|command| command.name.as_bytes().eq_ignore_ascii_case(name))
}

/// Where a name is looked for: by its length and a few letters, in any case.
fn place_of(name: &[u8]) -> usize {
    let letter = |at: usize| usize::from(name.get(at).copied().unwrap_or_default() & 0x1f);
    let (first, second) = (letter(0), letter(1));
    let last = letter(name.len().wrapping_sub(1));
    (name.len() ^ first << 5 ^ second << 2 ^ last << 4) % PLACES_COUNT
}

/// Finds a subcommand by its name, in any case.
pub(crate) fn subcommand(container: &Command, name: &[u8]) -> Option<&'static Command> {
    let mut all = container.subcommands.iter();
    all.find(|command| command.name.as_bytes().eq_ignore_ascii_case(name))
}

/// Finds a command by its full name: `get`, `client|setname`.
pub(crate) fn by_full_name(name: &[u8]) -> Option<&'static Command> {
    match name.iter().position(|&byte| byte == b'|') {
        Some(at) => subcommand(command(name.get(..at)?)?, name.get(at + 1..)?),
        None => command(name),
    }
}

/// Finds the command that arguments call.
pub(crate) fn find(args: &[&[u8]]) -> Result<&'static Command, Refusal> {
    let (name, rest) = args.split_first().expect("a command has a name");
    let found = command(name).ok_or_else(|| unknown(name, rest))?;
    match rest.first() {
        Some(word) if !found.subcommands.is_empty() => {
            subcommand(found, word).ok_or_else(|| unknown_subcommand(found, word))
        }
        _ => Ok(found),
    }
}

fn unknown(name: &[u8], rest: &[&[u8]]) -> Refusal {
    let shown = &name[..name.len().min(QUOTED_SIZE_MAX)];
    let is_absent = |one: &str| one.as_bytes().eq_ignore_ascii_case(name);
    if ABSENT.split_ascii_whitespace().any(is_absent) {
        let after = "': Redis has it, this release of Starling does not";
        return Refusal::quoting("ERR unknown command '", shown, after);
    }
    let mut text = [b"ERR unknown command '", shown, b"', with args beginning with: "].concat();
    let start = text.len();
    for arg in rest {
        let Some(room) = QUOTED_SIZE_MAX.checked_sub(text.len() - start).filter(|room| *room > 0)
        else {
            break;
        };
        let shown = &arg[..arg.len().min(room)];
        text.extend_from_slice(&[b"'", shown, b"' "].concat());
    }
    Refusal::owned(text)
}

fn unknown_subcommand(container: &Command, word: &[u8]) -> Refusal {
    let shown = &word[..word.len().min(QUOTED_SIZE_MAX)];
    let after = format!("'. Try {} HELP.", container.name.to_ascii_uppercase());
    Refusal::quoting("ERR unknown subcommand '", shown, &after)
}

#[cfg(test)]
mod tests;
