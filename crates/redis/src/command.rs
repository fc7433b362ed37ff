//! One row of the command table: everything that is true of a command.
//!
//! Names, numbers and texts are those of Redis, so that clients which ask `COMMAND` find what they
//! know. Invariant: a command whose row names keys takes them where the row says.

use crate::Step;
use crate::refusal::Refusal;
use crate::turn::Turn;

/// What a command does once its arity is right.
pub(crate) type Run = fn(&mut Turn<'_, '_>) -> Result<Step, Refusal>;

/// A command or a subcommand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command {
    /// The container of a subcommand.
    pub(crate) container: Option<&'static str>,
    /// Its name in small letters.
    pub(crate) name: &'static str,
    /// How many arguments with the name; negative: at least so many.
    pub(crate) arity: i32,
    /// What it is about.
    pub(crate) group: Group,
    /// What may be relied on, in the order of [`Flag`].
    pub(crate) flags: &'static [Flag],
    /// Categories beyond those that follow from group and flags.
    pub(crate) categories: &'static [Category],
    /// Where its keys are.
    pub(crate) keys: Option<Keys>,
    /// Hints to cluster clients.
    pub(crate) tips: &'static [&'static str],
    /// The release of Redis, or of Starling for its own, that had it first.
    pub(crate) since: &'static str,
    /// One line about it.
    pub(crate) summary: &'static str,
    /// What it does; nothing for a container that is no command by itself.
    pub(crate) run: Option<Run>,
    /// What it contains.
    pub(crate) subcommands: &'static [Command],
}

/// Groups as `COMMAND DOCS` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Generic,
    String,
    Set,
    Hash,
    Connection,
    Server,
    Cluster,
    Starling,
}

/// Flags as `COMMAND` names them, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    Write,
    Readonly,
    DenyOom,
    Admin,
    NoScript,
    Loading,
    Stale,
    Fast,
    NoAuth,
    AllowBusy,
}

/// Categories as `COMMAND` names them, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Keyspace,
    Read,
    Write,
    Set,
    Hash,
    String,
    Admin,
    Fast,
    Slow,
    Dangerous,
    Connection,
}

/// Where the keys of a command are, counted from its name at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// The first key.
    pub(crate) first: usize,
    /// How the keys go on.
    pub(crate) span: Span,
    /// What is done with them, in the words of Redis's key specifications.
    pub(crate) access: &'static [&'static str],
}

/// How far keys reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// One key.
    One,
    /// Every argument, or every second one, from the first key on.
    Rest {
        /// From one key to the next.
        step: usize,
    },
}

impl Command {
    pub(crate) const fn new(
        group: Group,
        name: &'static str,
        arity: i32,
        since: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            container: None,
            name,
            arity,
            group,
            flags: &[],
            categories: &[],
            keys: None,
            tips: &[],
            since,
            summary,
            run: None,
            subcommands: &[],
        }
    }

    pub(crate) const fn run(self, run: Run) -> Self {
        Self { run: Some(run), ..self }
    }

    pub(crate) const fn within(self, container: &'static str) -> Self {
        Self { container: Some(container), ..self }
    }

    pub(crate) const fn flags(self, flags: &'static [Flag]) -> Self {
        Self { flags, ..self }
    }

    pub(crate) const fn categories(self, categories: &'static [Category]) -> Self {
        Self { categories, ..self }
    }

    pub(crate) const fn tips(self, tips: &'static [&'static str]) -> Self {
        Self { tips, ..self }
    }

    pub(crate) const fn key(self, access: &'static [&'static str]) -> Self {
        Self { keys: Some(Keys { first: 1, span: Span::One, access }), ..self }
    }

    pub(crate) const fn keys(self, keys: Keys) -> Self {
        Self { keys: Some(keys), ..self }
    }

    pub(crate) const fn subcommands(self, subcommands: &'static [Self]) -> Self {
        Self { subcommands, ..self }
    }

    /// Returns the name with its container's: `client|setname`.
    pub(crate) fn full_name(&self) -> String {
        match self.container {
            Some(container) => format!("{container}|{}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// Whether a command of `count` arguments, the name included, can be this one.
    pub(crate) fn takes(&self, count: usize) -> bool {
        let needed = usize::try_from(self.arity.unsigned_abs()).unwrap_or(usize::MAX);
        if self.arity < 0 { count >= needed } else { count == needed }
    }

    /// Returns all categories, in the order of [`Category`].
    pub(crate) fn all_categories(&self) -> Vec<Category> {
        let has = |flag| self.flags.contains(&flag);
        let follows = |category| match category {
            Category::Write => has(Flag::Write),
            Category::Read => has(Flag::Readonly),
            Category::Admin | Category::Dangerous => has(Flag::Admin),
            Category::Fast => has(Flag::Fast),
            Category::Slow => !has(Flag::Fast),
            // A container is no command: what it contains has the group's category.
            other => self.group.category() == Some(other) && self.run.is_some(),
        };
        let named = |category: &Category| self.categories.contains(category) || follows(*category);
        Category::ALL.into_iter().filter(named).collect()
    }
}

impl Keys {
    /// Returns the last key as `COMMAND` counts it: from the end when negative.
    pub(crate) fn last(&self) -> i64 {
        match self.span {
            Span::One => integer(self.first),
            Span::Rest { .. } => -1,
        }
    }

    /// Returns the distance from one key to the next.
    pub(crate) fn step(&self) -> usize {
        match self.span {
            Span::One => 1,
            Span::Rest { step } => step,
        }
    }

    /// Returns the keys among `args`.
    pub(crate) fn of<'a>(&self, args: &'a [&'a [u8]]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let count_max = match self.span {
            Span::One => 1,
            Span::Rest { .. } => usize::MAX,
        };
        args.iter().skip(self.first).step_by(self.step()).take(count_max).copied()
    }
}

impl Group {
    /// Returns the name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Cluster => "cluster",
            Self::Starling => "starling",
        }
    }

    const fn category(self) -> Option<Category> {
        match self {
            Self::Generic => Some(Category::Keyspace),
            Self::String => Some(Category::String),
            Self::Set => Some(Category::Set),
            Self::Hash => Some(Category::Hash),
            Self::Connection => Some(Category::Connection),
            Self::Server | Self::Cluster | Self::Starling => None,
        }
    }
}

impl Flag {
    /// Returns the name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Readonly => "readonly",
            Self::DenyOom => "denyoom",
            Self::Admin => "admin",
            Self::NoScript => "noscript",
            Self::Loading => "loading",
            Self::Stale => "stale",
            Self::Fast => "fast",
            Self::NoAuth => "no_auth",
            Self::AllowBusy => "allow_busy",
        }
    }
}

impl Category {
    const ALL: [Self; 11] = [
        Self::Keyspace,
        Self::Read,
        Self::Write,
        Self::Set,
        Self::Hash,
        Self::String,
        Self::Admin,
        Self::Fast,
        Self::Slow,
        Self::Dangerous,
        Self::Connection,
    ];

    /// Returns the name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Keyspace => "keyspace",
            Self::Read => "read",
            Self::Write => "write",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::String => "string",
            Self::Admin => "admin",
            Self::Fast => "fast",
            Self::Slow => "slow",
            Self::Dangerous => "dangerous",
            Self::Connection => "connection",
        }
    }
}

/// Flags of commands that only read.
pub(crate) const READ: &[Flag] = &[Flag::Readonly];
/// Flags of commands that only read one thing.
pub(crate) const READ_FAST: &[Flag] = &[Flag::Readonly, Flag::Fast];
/// Flags of commands that write and may need memory.
pub(crate) const GROW: &[Flag] = &[Flag::Write, Flag::DenyOom];
/// Flags of commands that write one thing and may need memory.
pub(crate) const GROW_FAST: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];
/// Flags of commands that write and need none.
pub(crate) const WRITE: &[Flag] = &[Flag::Write];
/// Flags of commands that write one thing and need none.
pub(crate) const WRITE_FAST: &[Flag] = &[Flag::Write, Flag::Fast];
/// Flags of commands that look at no data.
pub(crate) const ANYTIME: &[Flag] = &[Flag::Loading, Flag::Stale];
/// Flags of quick commands that look at no data.
pub(crate) const ANYTIME_FAST: &[Flag] = &[Flag::Loading, Flag::Stale, Flag::Fast];

/// Turns a count into what the protocol carries.
pub(crate) fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
