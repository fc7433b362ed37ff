//! Who may do what: the users of a cluster, and the guard that every command passes.
//!
//! Invariants: a command is looked at before anything of it is carried out or queued, and again
//! when a transaction carries it out; what users may do is looked up each time, so that a change
//! counts from the next command on, and before a message or an element that was waited for is
//! handed over. Passwords are never here: only what the driver made of them,
//! and it is the driver that compares.

mod checks;
mod log;
mod rules;
mod user;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub use checks::{Denial, Wish};
pub(crate) use log::{Entry, Log};
pub use rules::RuleError;
pub(crate) use rules::names_of_commands;
pub use user::User;

/// The user of connections that say nothing about themselves.
pub const DEFAULT_USER: &str = "default";
/// Longest name of a user, in bytes.
const NAME_SIZE_MAX: usize = 256;

/// Every user by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users(BTreeMap<String, Rc<User>>);

impl Users {
    /// Only the default user, who may do everything without a password.
    #[must_use]
    pub fn open() -> Self {
        Self(BTreeMap::from([(DEFAULT_USER.to_owned(), Rc::new(User::unbound()))]))
    }

    /// The users given, and the default one as given unless it is among them.
    #[must_use]
    pub fn new(users: impl IntoIterator<Item = (String, User)>, default: User) -> Self {
        let mut all = BTreeMap::from([(DEFAULT_USER.to_owned(), Rc::new(default))]);
        all.extend(users.into_iter().map(|(name, user)| (name, Rc::new(user))));
        Self(all)
    }

    /// Finds a user.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Rc<User>> {
        self.0.get(name)
    }

    /// Every user, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &User)> {
        self.0.iter().map(|(name, user)| (name.as_str(), &**user))
    }
}

/// Checks that a name can be a user's.
pub(crate) fn is_name(name: &str) -> bool {
    let is_fit = |symbol: char| !symbol.is_whitespace() && !symbol.is_control();
    !name.is_empty() && name.len() <= NAME_SIZE_MAX && name.chars().all(is_fit)
}

/// What stands before all connections of one node.
#[derive(Debug)]
pub struct Guard {
    users: RefCell<Rc<Users>>,
    pub(crate) log: RefCell<Log>,
}

impl Default for Guard {
    fn default() -> Self {
        Self::new(Users::open())
    }
}

impl Guard {
    /// Lets users do what they may.
    #[must_use]
    pub fn new(users: Users) -> Self {
        Self { users: RefCell::new(Rc::new(users)), log: RefCell::default() }
    }

    /// Replaces the users; connections obey from their next command on.
    pub fn set(&self, users: Users) {
        *self.users.borrow_mut() = Rc::new(users);
    }

    /// Says whether there is a user of that name.
    pub(crate) fn knows(&self, name: &[u8]) -> bool {
        std::str::from_utf8(name).is_ok_and(|name| self.users.borrow().get(name).is_some())
    }

    /// The users as they are now.
    #[must_use]
    pub fn users(&self) -> Rc<Users> {
        Rc::clone(&self.users.borrow())
    }

    /// Whom a connection that says nothing speaks as.
    #[must_use]
    pub fn nobody(&self) -> Option<String> {
        let users = self.users.borrow();
        let default = users.get(DEFAULT_USER)?;
        default.needs_no_password().then(|| DEFAULT_USER.to_owned())
    }

    /// The user of that name, if it may do anything at all.
    #[must_use]
    pub fn active(&self, name: &str) -> Option<Rc<User>> {
        self.users.borrow().get(name).filter(|user| user.is_on()).cloned()
    }
}
