//! `SCRIPT FLUSH` and `FUNCTION FLUSH`: there are no scripts and no functions, so there are none
//! afterwards.

use crate::Step;
use crate::command::{Category, Command, Flag, Group};
use crate::families::documents::help_row;
use crate::refusal::Refusal;
use crate::turn::{Turn, is_word};

const fn container(name: &'static str, since: &'static str, summary: &'static str) -> Command {
    Command::new(Group::Scripting, name, -2, since, summary)
}

const fn flush_row(container: &'static str, since: &'static str, summary: &'static str) -> Command {
    Command::new(Group::Scripting, "flush", -2, since, summary)
        .within(container)
        .flags(&[Flag::NoScript])
        .categories(&[Category::Scripting])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(flush)
}

pub(crate) const COMMANDS: &[Command] = &[
    container("function", "7.0.0", "A container for function commands").subcommands(&[
        flush_row("function", "7.0.0", "Deleting all functions"),
        help_row(Group::Scripting, "function"),
    ]),
    container("script", "2.6.0", "A container for Lua scripts management commands").subcommands(&[
        flush_row("script", "2.6.0", "Remove all the scripts from the script cache."),
        help_row(Group::Scripting, "script"),
    ]),
];

fn flush(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    match turn.args {
        [_, _] => turn.ok(),
        [_, _, word] if is_word(word, "async") || is_word(word, "sync") => turn.ok(),
        [name, ..] if is_word(name, "script") => {
            Err(Refusal::text("ERR SCRIPT FLUSH only support SYNC|ASYNC option"))
        }
        _ => Err(Refusal::text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")),
    }
}
