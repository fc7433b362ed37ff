//! May this user do that? Commands, keys, channels and databases, in this order.

use super::User;
use super::user::Databases;
use crate::command::Command;
use crate::glob;
use crate::lobby::Push;
use crate::refusal::Refusal;
use crate::rounds::Blocked;

/// What is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The command, by its full name.
    Command(String),
    /// A key.
    Key(Vec<u8>),
    /// A channel.
    Channel(Vec<u8>),
    /// A database.
    Database(u32),
}

/// What a surface other than the command line of Redis wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The command that does the same.
    pub command: &'a str,
    /// The number of the database.
    pub database: u32,
    /// The key, where there is one.
    pub key: Option<&'a [u8]>,
    /// Whether the key is written.
    pub is_write: bool,
}

/// Where the commands of publish and subscribe name channels.
const CHANNELS: &[(&str, Places)] = &[
    ("publish", Places::First),
    ("spublish", Places::First),
    ("subscribe", Places::All),
    ("ssubscribe", Places::All),
    ("psubscribe", Places::Patterns),
];

/// Which arguments are channels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Places {
    First,
    All,
    /// Patterns, which must be among the user's own, letter by letter.
    Patterns,
}

impl User {
    /// Checks one command with all it touches; `args` begin with its name.
    pub(crate) fn check(
        &self,
        command: &Command,
        args: &[&[u8]],
        database: u32,
    ) -> Result<(), Denial> {
        if self.is_unbound() {
            return Ok(());
        }
        // Whoever is somebody may say so, and leave.
        if !command.is_for_everyone() && !self.may_run(command) {
            return Err(Denial::Command(command.full_name()));
        }
        self.check_databases(command, args, database)?;
        for keys in command.key_specs() {
            let wants_read = keys.access.contains(&"access") && !is_blind(command, args);
            let writes = ["insert", "update", "delete"];
            let wants_write = keys.access.iter().any(|word| writes.contains(word));
            for key in keys.of(args) {
                self.check_key(key, wants_read, wants_write)?;
            }
        }
        self.check_patterns(command, args)?;
        self.check_channels(command, args)
    }

    /// `SORT` with `BY` or `GET` reads keys that only what is sorted names: it takes all of them.
    fn check_patterns(&self, command: &Command, args: &[&[u8]]) -> Result<(), Denial> {
        let is_sort = matches!((command.container, command.name), (None, "sort" | "sort_ro"));
        let words = args.get(2..).unwrap_or_default();
        let is_option =
            |word: &&[u8]| word.eq_ignore_ascii_case(b"by") || word.eq_ignore_ascii_case(b"get");
        let may_read_all = self.keys.iter().any(|one| one.may_read && one.pattern == b"*");
        match is_sort && words.iter().any(is_option) && !may_read_all {
            true => Err(Denial::Key(b"*".to_vec())),
            false => Ok(()),
        }
    }

    /// Checks what another surface wants.
    ///
    /// # Errors
    /// Says what is not allowed.
    ///
    /// # Panics
    /// The command is none of the table's.
    pub fn check_wish(&self, wish: Wish<'_>) -> Result<(), Denial> {
        let command = crate::table::by_full_name(wish.command.as_bytes());
        let command = command.expect("surfaces name commands that there are");
        if !self.may_run(command) {
            return Err(Denial::Command(command.full_name()));
        }
        if !self.may_use_database(wish.database) {
            return Err(Denial::Database(wish.database));
        }
        wish.key.map_or(Ok(()), |key| self.check_key(key, !wish.is_write, wish.is_write))
    }

    fn check_key(&self, key: &[u8], reads: bool, writes: bool) -> Result<(), Denial> {
        let fits = self.keys.iter().any(|one| {
            (one.may_read || !reads)
                && (one.may_write || !writes)
                && glob::matches_exactly(&one.pattern, key)
        });
        if fits { Ok(()) } else { Err(Denial::Key(key.to_vec())) }
    }

    fn check_channels(&self, command: &Command, args: &[&[u8]]) -> Result<(), Denial> {
        let found = CHANNELS.iter().find(|(name, _)| *name == command.name);
        let Some((_, places)) = found.filter(|_| command.container.is_none()) else {
            return Ok(());
        };
        let count = if *places == Places::First { 1 } else { usize::MAX };
        match args.iter().skip(1).take(count).find(|channel| !self.may_use(*places, channel)) {
            Some(channel) => Err(Denial::Channel(channel.to_vec())),
            None => Ok(()),
        }
    }

    fn may_use(&self, places: Places, channel: &[u8]) -> bool {
        self.channels.iter().any(|pattern| match places {
            Places::Patterns => pattern == b"*" || pattern == channel,
            Places::First | Places::All => glob::matches_exactly(pattern, channel),
        })
    }

    /// Whether a client of the user may be sent that, having asked for it once.
    pub(crate) fn may_hear(&self, push: &Push) -> bool {
        match push {
            Push::Message { pattern: Some(pattern), .. } => self.may_use(Places::Patterns, pattern),
            Push::Message { said, pattern: None } => self.may_use(Places::All, &said.channel),
            Push::Command(_) => {
                crate::table::command(b"monitor").is_some_and(|it| self.may_run(it))
            }
        }
    }

    /// Whether a command of the user that waits may still take what it waits for.
    pub(crate) fn may_go_on(&self, blocked: &Blocked, database: u32) -> bool {
        self.may_run(blocked.command)
            && self.may_use_database(database)
            && blocked.keys().iter().all(|(_, key)| self.check_key(key, true, true).is_ok())
    }

    fn check_databases(
        &self,
        command: &Command,
        args: &[&[u8]],
        database: u32,
    ) -> Result<(), Denial> {
        let Databases::Only(_) = self.databases else { return Ok(()) };
        let number = |at: usize| {
            let text = args.get(at).and_then(|text| std::str::from_utf8(text).ok());
            text.and_then(|text| text.parse::<u32>().ok())
        };
        let behind_word = || {
            let at = args.iter().skip(3).position(|arg| arg.eq_ignore_ascii_case(b"db"));
            at.and_then(|at| number(at + 4))
        };
        let others = match (command.container, command.name) {
            (None, "select") => return number(1).map_or(Ok(()), |number| self.enter(number)),
            (None, "copy") => [behind_word(), None],
            (None, "move") => [number(2), None],
            (None, "swapdb") => [number(1), number(2)],
            (None, "flushall") => return Err(Denial::Command(command.full_name())),
            _ => [None, None],
        };
        others.into_iter().flatten().try_for_each(|number| self.enter(number))?;
        // Commands without keys may tell of the whole database; those of the connection do not.
        if command.is_about_data() { self.enter(database) } else { Ok(()) }
    }

    fn enter(&self, number: u32) -> Result<(), Denial> {
        if self.may_use_database(number) { Ok(()) } else { Err(Denial::Database(number)) }
    }
}

/// Whether a command that may read what it writes does not: `SET` without `GET`.
fn is_blind(command: &Command, args: &[&[u8]]) -> bool {
    let mut options = args.iter().skip(3);
    let reads = |word: &&[u8]| word.eq_ignore_ascii_case(b"get");
    command.container.is_none() && command.name == "set" && !options.any(reads)
}

impl Denial {
    /// Why, as Redis says it to whoever tried.
    pub(crate) fn refusal(&self, user: &str) -> Refusal {
        match self {
            Self::Command(_) => Refusal::owned(format!("NOPERM {}", self.text(user))),
            Self::Key(_) => Refusal::text("NOPERM No permissions to access a key"),
            Self::Channel(_) => Refusal::text("NOPERM No permissions to access a channel"),
            Self::Database(_) => Refusal::text("NOPERM No permissions to access database"),
        }
    }

    /// Why, in one sentence with all names.
    #[must_use]
    pub fn text(&self, user: &str) -> String {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Command(name) => {
                format!("User {user} has no permissions to run the '{name}' command")
            }
            Self::Key(key) => {
                format!("User {user} has no permissions to access the '{}' key", shown(key))
            }
            Self::Channel(channel) => {
                let channel = shown(channel);
                format!("User {user} has no permissions to access the '{channel}' channel")
            }
            Self::Database(number) => {
                format!("User {user} has no permissions to access database {number}")
            }
        }
    }

    /// The kind of thing, and its name, as `ACL LOG` tells them.
    pub(crate) fn reason(&self) -> (&'static str, Vec<u8>) {
        match self {
            Self::Command(name) => ("command", name.clone().into_bytes()),
            Self::Key(key) => ("key", key.clone()),
            Self::Channel(channel) => ("channel", channel.clone()),
            Self::Database(number) => ("database", number.to_string().into_bytes()),
        }
    }
}
