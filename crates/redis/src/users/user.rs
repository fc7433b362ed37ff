//! One user: passwords, and the rules that say what it may do.

use std::collections::BTreeSet;

use crate::command::{Category, Command};

/// What one user may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub(super) is_on: bool,
    /// Any password will do.
    pub(super) is_open: bool,
    /// What the driver made of the passwords.
    pub(super) passwords: Vec<String>,
    pub(super) commands: Commands,
    pub(super) keys: Vec<KeyPattern>,
    pub(super) channels: Vec<Vec<u8>>,
    pub(super) databases: Databases,
}

/// Which commands; later rules win over earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Commands {
    /// Whether commands that no rule names are allowed.
    pub(super) all: bool,
    pub(super) rules: Vec<(Verdict, Target)>,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    Deny,
}

/// Which commands a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Category(Category),
    /// A command with all its subcommands, or one subcommand by its full name.
    Command(String),
}

/// Keys, and what may be done with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyPattern {
    pub(super) may_read: bool,
    pub(super) may_write: bool,
    pub(super) pattern: Vec<u8>,
}

/// Which databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Databases {
    #[default]
    All,
    Only(BTreeSet<u32>),
}

impl User {
    /// A user without a password, for whom nothing is forbidden.
    #[must_use]
    pub fn unbound() -> Self {
        Self {
            is_on: true,
            is_open: true,
            passwords: Vec::new(),
            commands: Commands { all: true, rules: Vec::new() },
            keys: vec![KeyPattern { may_read: true, may_write: true, pattern: b"*".to_vec() }],
            channels: vec![b"*".to_vec()],
            databases: Databases::All,
        }
    }

    /// A user with a password, in the driver's form, for whom nothing is forbidden.
    #[must_use]
    pub fn with_password(stored: String) -> Self {
        Self { is_open: false, passwords: vec![stored], ..Self::unbound() }
    }

    /// Says whether the user may log in.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.is_on
    }

    /// Says whether the user may log in with any password, and without.
    #[must_use]
    pub const fn needs_no_password(&self) -> bool {
        self.is_on && self.is_open
    }

    /// What the driver made of the passwords.
    #[must_use]
    pub fn passwords(&self) -> &[String] {
        &self.passwords
    }

    /// Whether nothing is forbidden, so that nothing need be looked at.
    pub(super) fn is_unbound(&self) -> bool {
        self.commands.all
            && self.commands.rules.is_empty()
            && self.databases == Databases::All
            && self.has_all_keys()
            && self.channels.iter().any(|pattern| pattern == b"*")
    }

    pub(super) fn has_all_keys(&self) -> bool {
        self.keys.iter().any(|one| one.pattern == b"*" && one.may_read && one.may_write)
    }

    /// Whether a command may be run, whatever its arguments.
    pub(crate) fn may_run(&self, command: &Command) -> bool {
        let rules = self.commands.rules.iter().rev();
        let mut deciding = rules.filter(|(_, target)| target.names(command));
        match deciding.next() {
            Some((verdict, _)) => *verdict == Verdict::Allow,
            None => self.commands.all,
        }
    }

    pub(super) fn may_use_database(&self, number: u32) -> bool {
        match &self.databases {
            Databases::All => true,
            Databases::Only(numbers) => numbers.contains(&number),
        }
    }
}

impl Target {
    fn names(&self, command: &Command) -> bool {
        match self {
            Self::Category(category) => command.is_in(*category),
            Self::Command(name) => match (name.split_once('|'), command.container) {
                (None, None) => name == command.name,
                (None, Some(container)) => name == container,
                (Some((container, name)), _) => {
                    command.container == Some(container) && name == command.name
                }
            },
        }
    }
}
