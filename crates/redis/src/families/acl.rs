//! `ACL`: who the users are, what they may do, and what was denied.
//!
//! Users belong to the cluster, not to a node: the driver keeps them, and turns passwords into what
//! is kept of them. Here words are checked before it is asked.

use crate::command::{Category, Command, Flag, Group};
use crate::families::documents::help_row;
use crate::refusal::Refusal;
use crate::table;
use crate::turn::{Turn, is_word, parse_count};
use crate::users::{Entry, User, is_name, names_of_commands};
use crate::{Question, Step, UsersChange};

const QUIET: &[Flag] = &[Flag::NoScript, Flag::Loading, Flag::Stale];
const ADMIN: &[Flag] = &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale];

/// How many bits a made password has without a wish, and at most.
const BITS: u64 = 256;
const BITS_MAX: u64 = 4096;
/// How many denials are shown without a wish.
const ENTRIES_COUNT: u64 = 10;

const fn row(name: &'static str, arity: i32, summary: &'static str) -> Command {
    Command::new(Group::Server, name, arity, "6.0.0", summary).within("acl").flags(ADMIN)
}

pub(crate) const COMMANDS: &[Command] =
    &[Command::new(Group::Server, "acl", -2, "6.0.0", "A container for access control commands")
        .subcommands(&[
            row("cat", -2, "List the categories of commands, or the commands of one")
                .flags(QUIET)
                .run(cat),
            row("deluser", -3, "Remove users, and end what their connections may do").run(deluser),
            row("dryrun", -4, "Say whether a user may run a command, without running it")
                .run(dryrun),
            row("genpass", -2, "Make a random password").flags(QUIET).run(genpass),
            row("getuser", 3, "Get what a user may do").run(getuser),
            row("list", 2, "List all users with their rules").run(list),
            row("log", -2, "List what was denied lately, or forget it").run(log),
            row("setuser", -3, "Make a user, or change what one may do").run(setuser),
            row("users", 2, "List the names of all users").run(users),
            row("whoami", 2, "Get the name of the connection's user").flags(QUIET).run(whoami),
            help_row(Group::Server, "acl"),
        ])];

fn whoami(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let name = turn.session.user().unwrap_or_default().to_owned();
    turn.writer.bulk(name.as_bytes());
    Ok(Step::Reply)
}

fn users(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let users = turn.session.guard.users();
    turn.writer.array(users.iter().count());
    users.iter().for_each(|(name, _)| turn.writer.bulk(name.as_bytes()));
    Ok(Step::Reply)
}

fn list(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let users = turn.session.guard.users();
    turn.writer.array(users.iter().count());
    for (name, user) in users.iter() {
        turn.writer.bulk(format!("user {name} {}", user.rules()).as_bytes());
    }
    Ok(Step::Reply)
}

fn getuser(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let name = text(turn.only()?)?;
    let users = turn.session.guard.users();
    let writer = &mut *turn.writer;
    let Some(user) = users.get(name) else {
        writer.null();
        return Ok(Step::Reply);
    };
    writer.map(6);
    writer.bulk(b"flags");
    let mut flags = vec![if user.is_on() { "on" } else { "off" }];
    if user.rules().split(' ').any(|word| word == "nopass") {
        flags.push("nopass");
    }
    flags.push("sanitize-payload");
    writer.set(flags.len());
    flags.iter().for_each(|flag| writer.bulk(flag.as_bytes()));
    writer.bulk(b"passwords");
    writer.array(user.passwords().len());
    user.passwords().iter().for_each(|stored| writer.bulk(stored.as_bytes()));
    let words = [
        ("commands", user.command_words()),
        ("keys", user.key_words().join(" ")),
        ("channels", user.channel_words().join(" ")),
    ];
    for (name, words) in words {
        writer.bulk(name.as_bytes());
        writer.bulk(words.as_bytes());
    }
    writer.bulk(b"selectors");
    writer.array(0);
    Ok(Step::Reply)
}

fn setuser(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, name, words @ ..] = turn.args else { return Err(Refusal::Arity) };
    let name = text(name)?;
    if !is_name(name) {
        return Err(Refusal::text("ERR Usernames can't contain spaces or null characters"));
    }
    let known = turn.session.guard.users().get(name).map(|user| User::clone(user));
    let mut user = known.unwrap_or_default();
    let words = words.iter().map(|word| text(word)).collect::<Result<Vec<_>, _>>()?;
    for word in &words {
        // The driver compares passwords; here it is enough that they are some.
        let is_password = word.starts_with(['>', '<']);
        let applied = if is_password { Ok(()) } else { user.apply(word) };
        applied.map_err(|error| {
            Refusal::owned(format!("ERR Error in ACL SETUSER modifier '{word}': {error}"))
        })?;
    }
    let words = words.into_iter().map(str::to_owned).collect();
    Ok(Step::Ask(Question::ChangeUsers(UsersChange::Set { name: name.into(), words })))
}

fn deluser(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let names = turn.args.get(2..).unwrap_or_default();
    let names = names.iter().map(|name| text(name).map(str::to_owned));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    if names.iter().any(|name| name == crate::DEFAULT_USER) {
        return Err(Refusal::text("ERR The 'default' user cannot be removed"));
    }
    Ok(Step::Ask(Question::ChangeUsers(UsersChange::Remove(names))))
}

fn cat(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let names: Vec<String> = match turn.args.get(2..).unwrap_or_default() {
        [] => Category::ALL.into_iter().map(|category| category.name().to_owned()).collect(),
        [name] => {
            let found = Category::find(&String::from_utf8_lossy(name).to_ascii_lowercase());
            let unknown = || Refusal::quoting("ERR Unknown category '", name, "'");
            names_of_commands(found.ok_or_else(unknown)?)
        }
        _ => return Err(Refusal::Arity),
    };
    turn.writer.array(names.len());
    names.iter().for_each(|name| turn.writer.bulk(name.as_bytes()));
    Ok(Step::Reply)
}

fn genpass(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let range = Refusal::text(
        "ERR ACL GENPASS argument must be the number of bits for the output password, a positive \
         number up to 4096",
    );
    let bits = match turn.args.get(2..).unwrap_or_default() {
        [] => BITS,
        [bits] => parse_count(bits).map_err(|_| range.clone())?,
        _ => return Err(Refusal::Arity),
    };
    if !(1..=BITS_MAX).contains(&bits) {
        return Err(range);
    }
    let digits = usize::try_from(bits.div_ceil(4)).expect("at most 1024");
    Ok(Step::Ask(Question::Password { digits }))
}

fn dryrun(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, name, args @ ..] = turn.args else { return Err(Refusal::Arity) };
    let users = turn.session.guard.users();
    let name = text(name)?;
    let user = users.get(name);
    let user =
        user.ok_or_else(|| Refusal::quoting("ERR User '", name.as_bytes(), "' not found"))?;
    let unknown = || Refusal::quoting("ERR Command '", args[0], "' not found");
    let command = table::find(args).map_err(|_| unknown())?;
    if !command.takes(args.len()) {
        let text = format!("ERR wrong number of arguments for '{}' command", command.full_name());
        return Err(Refusal::owned(text));
    }
    match user.check(command, args, turn.session.database.0) {
        Ok(()) => turn.writer.ok(),
        Err(denial) => turn.writer.bulk(denial.text(name).as_bytes()),
    }
    Ok(Step::Reply)
}

fn log(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let count = match turn.args.get(2..).unwrap_or_default() {
        [] => ENTRIES_COUNT,
        [word] if is_word(word, "reset") => {
            turn.session.guard.log.borrow_mut().clear();
            return turn.ok();
        }
        [count] => parse_count(count)?,
        _ => return Err(Refusal::Arity),
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let entries = turn.session.guard.log.borrow().newest(count);
    turn.writer.array(entries.len());
    entries.iter().for_each(|entry| write_entry(turn, entry));
    Ok(Step::Reply)
}

fn write_entry(turn: &mut Turn<'_, '_>, entry: &Entry) {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let now = turn.now.0;
    let writer = &mut *turn.writer;
    writer.map(10);
    writer.bulk(b"count");
    writer.integer(number(entry.count));
    for (name, value) in [
        ("reason", entry.reason.as_bytes()),
        ("context", entry.context.as_bytes()),
        ("object", &entry.object),
        ("username", entry.user.as_bytes()),
    ] {
        writer.bulk(name.as_bytes());
        writer.bulk(value);
    }
    writer.bulk(b"age-seconds");
    let age = now.saturating_sub(entry.created.0);
    writer.bulk(format!("{}.{:03}", age / 1000, age % 1000).as_bytes());
    writer.bulk(b"client-info");
    writer.bulk(entry.client.as_bytes());
    for (name, value) in [
        ("entry-id", entry.id),
        ("timestamp-created", entry.created.0),
        ("timestamp-last-updated", entry.updated.0),
    ] {
        writer.bulk(name.as_bytes());
        writer.integer(number(value));
    }
}

/// Names and rules are text.
fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    let not_text = Refusal::text("ERR names of users and rules are UTF-8 text");
    std::str::from_utf8(bytes).map_err(|_| not_text)
}
