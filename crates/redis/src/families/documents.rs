//! `COMMAND`: the table as clients read it.

use resp::{Aggregate, Writer};

use crate::Step;
use crate::command::{ANYTIME, Category, Command, Group, integer};
use crate::glob;
use crate::keyspec::{Keys, Legacy, Span, legacy};
use crate::refusal::Refusal;
use crate::table;
use crate::turn::{Turn, is_word};

const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Server, name, arity, since, summary)
        .within("command")
        .flags(ANYTIME)
        .categories(&[Category::Connection])
}

/// A container's row for `HELP`.
pub(crate) const fn help_row(group: Group, container: &'static str) -> Command {
    Command::new(group, "help", 2, "5.0.0", "Show helpful text about the different subcommands")
        .within(container)
        .flags(ANYTIME)
        .run(help)
}

pub(crate) const COMMANDS: &[Command] =
    &[Command::new(Group::Server, "command", -1, "2.8.13", "Get array of Redis command details")
        .flags(ANYTIME)
        .categories(&[Category::Connection])
        .tips(&["nondeterministic_output_order"])
        .run(info_all)
        .subcommands(&[
            row("count", 2, "2.8.13", "Get total number of Redis commands").run(count),
            row("docs", -2, "7.0.0", "Get array of specific Redis command documentation")
                .tips(&["nondeterministic_output_order"])
                .run(docs),
            row("getkeys", -4, "2.8.13", "Extract keys given a full Redis command").run(get_keys),
            row(
                "info",
                -2,
                "2.8.13",
                "Get array of specific Redis command details, or all when no argument is given.",
            )
            .tips(&["nondeterministic_output_order"])
            .run(info),
            row("list", -2, "7.0.0", "Get an array of Redis command names")
                .tips(&["nondeterministic_output_order"])
                .run(list),
            help_row(Group::Server, "command").categories(&[Category::Connection]),
        ])];

fn info_all(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.writer.array(table::commands().len());
    table::commands().iter().for_each(|command| write_details(command, turn.writer));
    Ok(Step::Reply)
}

fn info(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, names @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    if names.is_empty() {
        return info_all(turn);
    }
    turn.writer.array(names.len());
    for name in names {
        match table::by_full_name(name) {
            Some(command) => write_details(command, turn.writer),
            None => turn.writer.null(),
        }
    }
    Ok(Step::Reply)
}

fn write_details(command: &Command, writer: &mut Writer<'_>) {
    write_details_alone(command, writer);
    writer.set(command.subcommands.len());
    for subcommand in command.subcommands {
        write_details_alone(subcommand, writer);
        writer.set(0);
    }
}

/// Writes all of a command but its subcommands.
fn write_details_alone(command: &Command, writer: &mut Writer<'_>) {
    let Legacy { first, last, step } = legacy(&command.keys);
    let is_movable = command.key_specs().any(|keys| !keys.is_fixed());
    writer.array(10);
    writer.bulk(command.full_name().as_bytes());
    writer.integer(i64::from(command.arity));
    writer.set(command.flags.len() + usize::from(is_movable));
    command.flags.iter().for_each(|flag| writer.simple(flag.name()));
    if is_movable {
        writer.simple("movablekeys");
    }
    writer.integer(first);
    writer.integer(last);
    writer.integer(step);
    let categories = command.all_categories();
    writer.set(categories.len());
    categories.iter().for_each(|category| writer.simple(format!("@{}", category.name())));
    writer.set(command.tips.len());
    command.tips.iter().for_each(|tip| writer.bulk(tip.as_bytes()));
    writer.set(command.key_specs().count());
    command.key_specs().for_each(|keys| write_key_specification(keys, writer));
}

fn write_key_specification(keys: &Keys, writer: &mut Writer<'_>) {
    writer.map(3);
    writer.bulk(b"flags");
    writer.set(keys.access.len());
    keys.access.iter().for_each(|access| writer.simple(access));
    writer.bulk(b"begin_search");
    if let Span::Behind(word) = keys.span {
        write_search_for_word(word, integer(keys.first) - 1, writer);
    } else {
        write_search("index", &[("index", integer(keys.first))], writer);
    }
    writer.bulk(b"find_keys");
    // Redis counts the last key of a specification from the first one, not from the name.
    let range = |last| [("lastkey", last), ("keystep", integer(keys.step())), ("limit", 0)];
    match keys.span {
        Span::One | Span::Behind(_) => write_search("range", &range(0), writer),
        Span::Rest { .. } => write_search("range", &range(-1), writer),
        Span::AllButLast => write_search("range", &range(-2), writer),
        Span::Counted => {
            let fields = [("keynumidx", 0), ("firstkey", 1), ("keystep", 1)];
            write_search("keynum", &fields, writer);
        }
    }
}

fn write_search_for_word(word: &str, first: i64, writer: &mut Writer<'_>) {
    writer.map(2);
    writer.bulk(b"type");
    writer.bulk(b"keyword");
    writer.bulk(b"spec");
    writer.map(2);
    writer.bulk(b"keyword");
    writer.bulk(word.to_ascii_uppercase().as_bytes());
    writer.bulk(b"startfrom");
    writer.integer(first);
}

fn write_search(kind: &str, fields: &[(&str, i64)], writer: &mut Writer<'_>) {
    writer.map(2);
    writer.bulk(b"type");
    writer.bulk(kind.as_bytes());
    writer.bulk(b"spec");
    writer.map(fields.len());
    for (name, value) in fields {
        writer.bulk(name.as_bytes());
        writer.integer(*value);
    }
}

fn count(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.writer.integer(integer(table::commands().len()));
    Ok(Step::Reply)
}

fn docs(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, names @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let asked: Vec<_> = match names {
        [] => table::commands().to_vec(),
        names => names.iter().filter_map(|name| table::by_full_name(name)).collect(),
    };
    turn.writer.map(asked.len());
    asked.iter().for_each(|command| write_document(command, turn.writer));
    Ok(Step::Reply)
}

fn write_document(command: &Command, writer: &mut Writer<'_>) {
    let has_subcommands = !command.subcommands.is_empty();
    write_document_alone(command, 3 + usize::from(has_subcommands), writer);
    if has_subcommands {
        writer.bulk(b"subcommands");
        writer.map(command.subcommands.len());
        command.subcommands.iter().for_each(|one| write_document_alone(one, 3, writer));
    }
}

/// Writes the name and the first three of `count` facts.
fn write_document_alone(command: &Command, count: usize, writer: &mut Writer<'_>) {
    writer.bulk(command.full_name().as_bytes());
    writer.map(count);
    let facts =
        [("summary", command.summary), ("since", command.since), ("group", command.group.name())];
    for (name, fact) in facts {
        writer.bulk(name.as_bytes());
        writer.bulk(fact.as_bytes());
    }
}

fn list(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let filter = Filter::parse(words)?;
    let deferred = turn.writer.defer(Aggregate::Array);
    let mut count = 0;
    for command in table::commands().iter().filter(|command| filter.takes(command)) {
        turn.writer.bulk(command.name.as_bytes());
        count += 1;
    }
    turn.writer.finish(deferred, count);
    Ok(Step::Reply)
}

/// Which names `COMMAND LIST` answers.
enum Filter<'a> {
    All,
    /// There are no modules.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(words: &[&'a [u8]]) -> Result<Self, Refusal> {
        let [filter_by, kind, value] = words else {
            return if words.is_empty() { Ok(Self::All) } else { Err(Refusal::Syntax) };
        };
        if !is_word(filter_by, "filterby") {
            return Err(Refusal::Syntax);
        }
        match () {
            () if is_word(kind, "module") => Ok(Self::Module),
            () if is_word(kind, "aclcat") => Ok(Self::Category(value)),
            () if is_word(kind, "pattern") => Ok(Self::Pattern(value)),
            () => Err(Refusal::Syntax),
        }
    }

    fn takes(&self, command: &Command) -> bool {
        match self {
            Self::All => true,
            Self::Module => false,
            Self::Category(wanted) => {
                command.all_categories().iter().any(|category| is_word(wanted, category.name()))
            }
            Self::Pattern(pattern) => glob::matches(pattern, command.name.as_bytes()),
        }
    }
}

fn get_keys(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let args = turn.args.get(2..).unwrap_or_default();
    let command = table::find(args).map_err(|_| Refusal::text("ERR Invalid command specified"))?;
    if command.key_specs().next().is_none() {
        return Err(Refusal::text("ERR The command has no key arguments"));
    }
    if !command.takes(args.len()) {
        return Err(Refusal::text("ERR Invalid number of arguments specified for command"));
    }
    let keys = command.keys_of(args);
    if keys.is_empty() {
        return Err(Refusal::text("ERR Invalid arguments specified for command"));
    }
    turn.writer.array(keys.len());
    keys.iter().for_each(|key| turn.writer.bulk(key));
    Ok(Step::Reply)
}

fn help(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let container = turn.command.container.expect("the row of HELP lies within a container");
    let subcommands = table::command(container.as_bytes()).map_or(&[][..], |all| all.subcommands);
    let name = container.to_ascii_uppercase();
    turn.writer.array(1 + 2 * subcommands.len());
    turn.writer.simple(format!("{name} <subcommand> [<arg> ...]. Subcommands are:"));
    for subcommand in subcommands {
        turn.writer.simple(subcommand.name.to_ascii_uppercase());
        turn.writer.simple(format!("    {}", subcommand.summary));
    }
    Ok(Step::Reply)
}
