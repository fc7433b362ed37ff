//! The users of the cluster at one node: kept in the cluster itself, followed here.
//!
//! ```text
//! keyspace 0, key `users`: a map of name -> rules     clients reach keyspaces from 1 on
//! DIR/users                                           what was known last, for a start alone
//! ```
//!
//! A change is written at LOCAL_QUORUM, counts here at once, and everywhere when the other nodes
//! look: they are told, and look every few seconds anyway. Of two changes to one user at the same
//! time the later one stays. Invariants: a node that cannot look goes on with what it knew last;
//! what is written down of passwords is what [`passwords`] makes of them; comparing them is done on
//! another thread, one at a time, and what was found once is remembered under a key of this
//! process.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use api::{Call, Level, Operation, Outcome};
use cells::Keyspace;
use redis::{Guard, Question, User, Users, UsersChange};
use ring::hmac;
use tokio::sync::{Notify, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::caller::Caller;
use crate::config::Config;
use crate::log::Log;
use crate::passwords;

/// Clients begin with keyspace 1.
const KEYSPACE: Keyspace = Keyspace(0);
const KEY: &[u8] = b"users";
/// How often the cluster is asked who the users are, and until it has answered once.
const INTERVAL: Duration = Duration::from_secs(5);
const INTERVAL_FIRST: Duration = Duration::from_millis(200);
/// How long other nodes may take to hear of a change; they look anyway.
const TELL_PATIENCE: Duration = Duration::from_secs(1);
/// Passwords that wait for comparison; one more is refused.
const WAITING_COUNT_MAX: usize = 256;
/// Comparisons that are remembered.
const KNOWN_COUNT_MAX: usize = 1024;

/// The users, and whoever asks about them.
pub(crate) struct Accounts {
    guard: Rc<Guard>,
    caller: Rc<Caller>,
    /// The user of those who say nothing, unless the cluster knows another.
    default: User,
    path: PathBuf,
    log: Log,
    key: hmac::Key,
    /// Pairs of user and password that were found right; looked up only, never iterated.
    known: RefCell<HashSet<Vec<u8>>>,
    comparing: Semaphore,
    waiting_count: Cell<usize>,
    /// Wakes whoever follows: another node has changed something.
    pub(crate) changed_elsewhere: Rc<Notify>,
    /// Wakes whoever tells others: this node has changed something.
    pub(crate) changed_here: Notify,
}

/// What a question came to.
pub(crate) enum Answer {
    /// Whether the password is the user's.
    Login(bool),
    /// `OK`.
    Done,
    Count(i64),
    Text(String),
    Refused(String),
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl Accounts {
    /// Knows what was known last; what the cluster knows, [`Self::follow`] finds out.
    pub(crate) fn new(config: &Config, caller: Rc<Caller>) -> Self {
        let password = config.password.as_ref();
        let default = password.map_or_else(User::unbound, |password| {
            User::with_password(passwords::hash(password.bytes()))
        });
        let accounts = Self {
            guard: Rc::default(),
            caller,
            default,
            path: config.data.join("users"),
            log: Log::new(config.log),
            key: hmac::Key::new(hmac::HMAC_SHA256, &passwords::random::<32>()),
            known: RefCell::default(),
            comparing: Semaphore::new(1),
            waiting_count: Cell::new(0),
            changed_elsewhere: Rc::default(),
            changed_here: Notify::new(),
        };
        let text = fs::read_to_string(&accounts.path).unwrap_or_default();
        let kept = text.lines().filter_map(|line| line.split_once(' '));
        accounts.guard.set(accounts.users(kept));
        accounts
    }

    pub(crate) fn guard(&self) -> Rc<Guard> {
        Rc::clone(&self.guard)
    }

    /// Follows what the cluster knows, for ever.
    pub(crate) async fn follow(self: Rc<Self>) {
        let mut interval = INTERVAL_FIRST;
        loop {
            // What cannot be found out now may be in a moment.
            if self.look().await.is_ok() {
                interval = INTERVAL;
            }
            let _ = timeout(interval, self.changed_elsewhere.notified()).await;
        }
    }

    /// Answers what only this side can.
    pub(crate) async fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Login { user, password } => self.log_in(&user, password.bytes()).await,
            Question::ChangeUsers(UsersChange::Set { name, words }) => {
                let done = self.set(&name, words).await;
                done.map_or_else(Answer::Refused, |()| Answer::Done)
            }
            Question::ChangeUsers(UsersChange::Remove(names)) => {
                self.remove(&names).await.map_or_else(Answer::Refused, Answer::Count)
            }
            Question::Password { digits } => Answer::Text(passwords::random_digits(digits)),
            Question::Status
            | Question::Token
            | Question::Last
            | Question::Members(_)
            | Question::AdoptToken(_) => Answer::Refused("ERR nobody to ask".into()),
        }
    }

    /// Compares a password with a user's.
    pub(crate) async fn log_in(&self, user: &str, password: &[u8]) -> Answer {
        let found = self.guard.active(user);
        if found.as_ref().is_some_and(|found| found.needs_no_password()) {
            return Answer::Login(true);
        }
        let kept = found.map_or_else(Vec::new, |found| found.passwords().to_vec());
        let tag = self.tag(user, &kept, password);
        if self.known.borrow().contains(&tag) {
            return Answer::Login(true);
        }
        if self.waiting_count.get() >= WAITING_COUNT_MAX {
            return Answer::Refused("ERR too many passwords wait for comparison, try again".into());
        }
        self.waiting_count.set(self.waiting_count.get() + 1);
        let is_right = self.compare(kept, password.to_vec()).await;
        self.waiting_count.set(self.waiting_count.get() - 1);
        if is_right {
            let mut known = self.known.borrow_mut();
            if known.len() >= KNOWN_COUNT_MAX {
                known.clear();
            }
            known.insert(tag);
        }
        Answer::Login(is_right)
    }

    async fn compare(&self, kept: Vec<String>, password: Vec<u8>) -> bool {
        let Ok(_one_at_a_time) = self.comparing.acquire().await else { return false };
        let compared = spawn_blocking(move || passwords::is_among(&kept, &password)).await;
        compared.unwrap_or(false)
    }

    /// Names a user, what is kept of its passwords, and a password, to nobody but this process.
    fn tag(&self, user: &str, kept: &[String], password: &[u8]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        let parts = kept.iter().map(String::as_bytes).chain([user.as_bytes(), password]);
        for part in parts {
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    /// Changes a user, or makes one.
    async fn set(&self, name: &str, words: Vec<String>) -> Result<(), String> {
        self.look().await?;
        let known = self.guard.users().get(name).map(|user| User::clone(user));
        let mut user = known.unwrap_or_default();
        for word in words {
            let shown = if word.starts_with(['>', '<']) { &word[..1] } else { word.as_str() };
            let stored = self.without_password(&user, &word).await;
            let applied = user.apply(stored.as_ref().unwrap_or(&word));
            applied
                .map_err(|error| format!("ERR Error in ACL SETUSER modifier '{shown}': {error}"))?;
        }
        let fields = vec![(name.as_bytes().to_vec(), user.rules().into_bytes())];
        self.write(Operation::MapSet { fields }).await?;
        Ok(())
    }

    /// What a word with a password becomes; nothing for other words.
    async fn without_password(&self, user: &User, word: &str) -> Option<String> {
        if let Some(password) = word.strip_prefix('>') {
            let password = password.as_bytes().to_vec();
            let stored = spawn_blocking(move || passwords::hash(&password)).await.ok()?;
            return Some(format!("#{stored}"));
        }
        let password = word.strip_prefix('<')?;
        let (kept, password) = (user.passwords().to_vec(), password.as_bytes().to_vec());
        let find = move || {
            let mut kept = kept.into_iter();
            kept.find(|one| passwords::is_among(std::slice::from_ref(one), &password))
        };
        let found = spawn_blocking(find).await.ok()?;
        Some(format!("!{}", found.unwrap_or_default()))
    }

    async fn remove(&self, names: &[String]) -> Result<i64, String> {
        let fields = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        match self.write(Operation::MapRemove { fields }).await? {
            Outcome::Integer(count) => Ok(count),
            _ => Ok(0),
        }
    }

    async fn write(&self, operation: Operation) -> Result<Outcome, String> {
        let outcome = self.call(operation).await?;
        self.look().await?;
        self.changed_here.notify_one();
        Ok(outcome)
    }

    /// Finds out who the users are.
    async fn look(&self) -> Result<(), String> {
        let outcome = self.call(Operation::MapAll).await?;
        let Outcome::Pairs(pairs) = outcome else { return Ok(()) };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs: Vec<_> = pairs.iter().map(|(name, rules)| (text(name), text(rules))).collect();
        let kept = pairs.iter().map(|(name, rules)| (name.as_str(), rules.as_str()));
        let users = self.users(kept);
        if *self.guard.users() != users {
            self.guard.set(users);
            let lines: String =
                pairs.iter().map(|(name, rules)| format!("{name} {rules}\n")).collect();
            if let Err(error) = self.write_down(&lines) {
                self.log.warn(format_args!("{}: {error}", self.path.display()));
            }
        }
        Ok(())
    }

    /// A user whose rules make no sense here may do nothing.
    fn users<'a>(&self, kept: impl Iterator<Item = (&'a str, &'a str)>) -> Users {
        let read = |(name, rules): (&str, &str)| {
            let user = User::parse(rules).unwrap_or_else(|error| {
                self.log.warn(format_args!("user {name} may do nothing here: {error}"));
                User::default()
            });
            (name.to_owned(), user)
        };
        Users::new(kept.map(read), self.default.clone())
    }

    fn write_down(&self, lines: &str) -> std::io::Result<()> {
        let draft = self.path.with_extension("new");
        let mut options = fs::File::options();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)
    }

    async fn call(&self, operation: Operation) -> Result<Outcome, String> {
        let call = Call {
            keyspace: KEYSPACE,
            key: KEY.to_vec(),
            read: Level::LocalQuorum,
            write: Level::LocalQuorum,
            session: None,
            staleness: None,
            operation,
        };
        match self.caller.call(call).await.map(|answered| answered.outcome) {
            Some(Outcome::Failed(error)) => {
                Err(format!("NOREPLICAS users cannot be reached: {error}"))
            }
            Some(outcome) => Ok(outcome),
            None => Err("ERR the node stops".into()),
        }
    }
}

/// Lets other nodes know, each time users were changed here; never ends.
pub(crate) async fn tell(accounts: Rc<Accounts>, neighbours: Rc<crate::neighbours::Neighbours>) {
    loop {
        accounts.changed_here.notified().await;
        neighbours.ask(&serde_json::json!({ "what": "users" }), TELL_PATIENCE).await;
        // A crowd of changes is told once a moment.
        sleep(Duration::from_millis(10)).await;
    }
}
