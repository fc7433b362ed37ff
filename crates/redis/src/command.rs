//! One row of the command table: everything that is true of a command.
//!
//! Names, numbers and texts are those of Redis, so that clients which ask `COMMAND` find what they
//! know. Invariant: a command whose row names keys takes them where the row says.

use crate::Step;
use crate::keyspec::{Keys, Specs};
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
    pub(crate) keys: Specs,
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
    SortedSet,
    List,
    Hash,
    Bitmap,
    HyperLogLog,
    Transactions,
    Geo,
    Connection,
    Server,
    Cluster,
    Scripting,
    PubSub,
    Starling,
}

/// Flags as `COMMAND` names them, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    Write,
    Readonly,
    DenyOom,
    Admin,
    PubSub,
    NoScript,
    Blocking,
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
    SortedSet,
    List,
    Hash,
    String,
    Bitmap,
    HyperLogLog,
    Geo,
    PubSub,
    Admin,
    Fast,
    Slow,
    Blocking,
    Dangerous,
    Connection,
    Transaction,
    Scripting,
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
            keys: [None; 3],
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
        self.keys(Keys::one(1, access))
    }

    /// Adds keys to those that are there.
    pub(crate) const fn keys(self, keys: Keys) -> Self {
        let [first, second, third] = self.keys;
        let keys = match (first, second) {
            (None, _) => [Some(keys), None, None],
            (first, None) => [first, Some(keys), None],
            (first, second) => {
                assert!(third.is_none(), "there is room for three");
                [first, second, Some(keys)]
            }
        };
        Self { keys, ..self }
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

    /// Returns where its keys are.
    pub(crate) fn key_specs(&self) -> impl Iterator<Item = &Keys> {
        self.keys.iter().flatten()
    }

    /// Returns the keys among `args`.
    pub(crate) fn keys_of<'a>(&self, args: &'a [&'a [u8]]) -> Vec<&'a [u8]> {
        self.key_specs().flat_map(|keys| keys.of(args)).collect()
    }

    /// Returns all categories, in the order of [`Category`].
    pub(crate) fn all_categories(&self) -> Vec<Category> {
        Category::ALL.into_iter().filter(|category| self.is_in(*category)).collect()
    }

    /// Says whether the row or what follows from it puts the command into a category.
    pub(crate) fn is_in(&self, category: Category) -> bool {
        let has = |flag| self.flags.contains(&flag);
        let follows = match category {
            Category::Write => has(Flag::Write),
            Category::Read => has(Flag::Readonly),
            Category::Admin | Category::Dangerous => has(Flag::Admin),
            Category::Fast => has(Flag::Fast),
            Category::Slow => !has(Flag::Fast),
            // A container is no command: what it contains has the group's category.
            other => self.group.category() == Some(other) && self.run.is_some(),
        };
        follows || self.categories.contains(&category)
    }

    /// Says whether whoever has not said who it is may run the command.
    pub(crate) fn is_for_everyone(&self) -> bool {
        self.flags.contains(&Flag::NoAuth)
    }

    /// Says whether the command tells of what is stored, or changes it.
    pub(crate) fn is_about_data(&self) -> bool {
        self.flags.contains(&Flag::Write) || self.flags.contains(&Flag::Readonly)
    }
}

impl Group {
    /// Returns the name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::List => "list",
            Self::Hash => "hash",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
            Self::Transactions => "transactions",
            Self::Geo => "geo",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Cluster => "cluster",
            Self::Scripting => "scripting",
            Self::PubSub => "pubsub",
            Self::Starling => "starling",
        }
    }

    const fn category(self) -> Option<Category> {
        match self {
            Self::Generic => Some(Category::Keyspace),
            Self::String => Some(Category::String),
            Self::Set => Some(Category::Set),
            Self::SortedSet => Some(Category::SortedSet),
            Self::List => Some(Category::List),
            Self::Bitmap => Some(Category::Bitmap),
            Self::HyperLogLog => Some(Category::HyperLogLog),
            Self::Geo => Some(Category::Geo),
            Self::Hash => Some(Category::Hash),
            Self::Connection => Some(Category::Connection),
            Self::Transactions => Some(Category::Transaction),
            Self::Scripting => Some(Category::Scripting),
            Self::PubSub => Some(Category::PubSub),
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
            Self::PubSub => "pubsub",
            Self::NoScript => "noscript",
            Self::Blocking => "blocking",
            Self::Loading => "loading",
            Self::Stale => "stale",
            Self::Fast => "fast",
            Self::NoAuth => "no_auth",
            Self::AllowBusy => "allow_busy",
        }
    }
}

impl Category {
    /// Finds a category by its name in small letters.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }

    pub(crate) const ALL: [Self; 20] = [
        Self::Keyspace,
        Self::Read,
        Self::Write,
        Self::Set,
        Self::SortedSet,
        Self::List,
        Self::Hash,
        Self::String,
        Self::Bitmap,
        Self::HyperLogLog,
        Self::Geo,
        Self::PubSub,
        Self::Admin,
        Self::Fast,
        Self::Slow,
        Self::Blocking,
        Self::Dangerous,
        Self::Connection,
        Self::Transaction,
        Self::Scripting,
    ];

    /// Returns the name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Keyspace => "keyspace",
            Self::Read => "read",
            Self::Write => "write",
            Self::Set => "set",
            Self::SortedSet => "sortedset",
            Self::List => "list",
            Self::Hash => "hash",
            Self::String => "string",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
            Self::Geo => "geo",
            Self::Admin => "admin",
            Self::Fast => "fast",
            Self::Slow => "slow",
            Self::Dangerous => "dangerous",
            Self::Connection => "connection",
            Self::Transaction => "transaction",
            Self::Scripting => "scripting",
            Self::PubSub => "pubsub",
            Self::Blocking => "blocking",
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
