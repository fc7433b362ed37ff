//! The words of `ACL SETUSER`: read, applied to a user, and written again.
//!
//! Invariant: what [`User::rules`] writes, [`User::apply`] reads back to the same user.

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

use super::user::{Commands, Databases, KeyPattern, Target, User, Verdict};
use crate::command::{Category, Command};
use crate::session::DATABASE_COUNT;
use crate::table;

/// How many rules, patterns and passwords one user may have, each.
const RULES_COUNT_MAX: usize = 1024;

/// Why a word changes nothing, as Redis says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RuleError {
    /// The word is none.
    #[error("Syntax error")]
    Syntax,
    /// There is no such command or category.
    #[error("Unknown command or category name in ACL")]
    Unknown,
    /// All keys are allowed already.
    #[error(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not \
         have any effect. Try 'resetkeys' to start with an empty list of patterns"
    )]
    AllKeys,
    /// All channels are allowed already.
    #[error(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does \
         not have any effect. Try 'resetchannels' to start with an empty list of channels"
    )]
    AllChannels,
    /// What should be the hash of a password is none.
    #[error(
        "The provided password hash must be exactly 64 characters and contain only lowercase \
         hexadecimal characters"
    )]
    Hash,
    /// The password to be removed is none of the user's.
    #[error("The password you are trying to remove from the user does not exist")]
    NoSuchPassword,
    /// Several sets of permissions in one user.
    #[error("Selectors are not supported by this release of Starling")]
    Selector,
    /// A user has room for so many.
    #[error("A user can have no more rules, patterns or passwords")]
    TooMany,
}

impl User {
    /// Applies one word. Passwords come in the driver's form, behind `#` and `!`.
    ///
    /// # Errors
    /// The word is wrong: the user is as it was.
    pub fn apply(&mut self, word: &str) -> Result<(), RuleError> {
        if self.passwords.len().max(self.keys.len()).max(self.channels.len()) >= RULES_COUNT_MAX
            || self.commands.rules.len() >= RULES_COUNT_MAX
        {
            return Err(RuleError::TooMany);
        }
        match word.to_ascii_lowercase().as_str() {
            "on" => self.is_on = true,
            "off" => self.is_on = false,
            "nopass" => {
                self.is_open = true;
                self.passwords.clear();
            }
            "resetpass" => {
                self.is_open = false;
                self.passwords.clear();
            }
            "allkeys" => self.add_key("~*")?,
            "resetkeys" => self.keys.clear(),
            "allchannels" => self.channels = vec![b"*".to_vec()],
            "resetchannels" => self.channels.clear(),
            "alldbs" => self.databases = Databases::All,
            "resetdbs" => self.databases = Databases::Only(BTreeSet::new()),
            "allcommands" => self.commands = Commands { all: true, rules: Vec::new() },
            "nocommands" => self.commands = Commands::default(),
            "reset" => *self = Self::default(),
            // Payloads are always checked; there are never selectors.
            "sanitize-payload" | "skip-sanitize-payload" | "clearselectors" => {}
            _ => self.apply_marked(word)?,
        }
        Ok(())
    }

    /// Applies a word whose first characters say what it is.
    fn apply_marked(&mut self, word: &str) -> Result<(), RuleError> {
        let mut symbols = word.chars();
        let mark = symbols.next().ok_or(RuleError::Syntax)?;
        let rest = symbols.as_str();
        match mark {
            '~' | '%' => self.add_key(word),
            '&' => self.add_channel(rest),
            '+' => self.rule(Verdict::Allow, rest),
            '-' => self.rule(Verdict::Deny, rest),
            '#' => self.add_password(rest),
            '!' => {
                let at = self.passwords.iter().position(|one| one == rest);
                self.passwords.remove(at.ok_or(RuleError::NoSuchPassword)?);
                Ok(())
            }
            '(' => Err(RuleError::Selector),
            _ => match word.split_once('=') {
                Some((key, numbers)) if key.eq_ignore_ascii_case("db") => self.databases(numbers),
                _ => Err(RuleError::Syntax),
            },
        }
    }

    fn add_password(&mut self, stored: &str) -> Result<(), RuleError> {
        if !is_stored_form(stored) {
            return Err(RuleError::Hash);
        }
        self.is_open = false;
        if !self.passwords.iter().any(|one| one == stored) {
            self.passwords.push(stored.into());
        }
        Ok(())
    }

    fn add_key(&mut self, word: &str) -> Result<(), RuleError> {
        let (access, pattern) = word.split_once('~').ok_or(RuleError::Syntax)?;
        let access = access.to_ascii_lowercase();
        let (may_read, may_write) = match access.as_str() {
            "" | "%rw" | "%wr" => (true, true),
            "%r" => (true, false),
            "%w" => (false, true),
            _ => return Err(RuleError::Syntax),
        };
        let added = KeyPattern { may_read, may_write, pattern: pattern.as_bytes().to_vec() };
        if self.has_all_keys() {
            let is_all = added.pattern == b"*";
            return if is_all { Ok(()) } else { Err(RuleError::AllKeys) };
        }
        if !self.keys.contains(&added) {
            self.keys.push(added);
        }
        Ok(())
    }

    fn add_channel(&mut self, pattern: &str) -> Result<(), RuleError> {
        let pattern = pattern.as_bytes().to_vec();
        if self.channels.iter().any(|one| one == b"*") && pattern != b"*" {
            return Err(RuleError::AllChannels);
        }
        if !self.channels.contains(&pattern) {
            self.channels.push(pattern);
        }
        Ok(())
    }

    fn databases(&mut self, numbers: &str) -> Result<(), RuleError> {
        let number = |text: &str| {
            text.parse().ok().filter(|number| *number < DATABASE_COUNT).ok_or(RuleError::Syntax)
        };
        let numbers: BTreeSet<u32> = numbers.split(',').map(number).collect::<Result<_, _>>()?;
        self.databases = Databases::Only(numbers);
        Ok(())
    }

    fn rule(&mut self, verdict: Verdict, name: &str) -> Result<(), RuleError> {
        let name = name.to_ascii_lowercase();
        let target = match name.strip_prefix('@') {
            Some("all") => {
                self.commands = Commands { all: verdict == Verdict::Allow, rules: Vec::new() };
                return Ok(());
            }
            Some(category) => Target::Category(Category::find(category).ok_or(RuleError::Unknown)?),
            None => {
                table::by_full_name(name.as_bytes()).ok_or(RuleError::Unknown)?;
                Target::Command(name)
            }
        };
        let rules = &mut self.commands.rules;
        rules.retain(|(_, other)| *other != target);
        rules.push((verdict, target));
        Ok(())
    }

    /// Writes the words that make this user out of a new one.
    #[must_use]
    pub fn rules(&self) -> String {
        let mut words = vec![if self.is_on { "on" } else { "off" }.to_owned()];
        if self.is_open {
            words.push("nopass".into());
        }
        words.push("sanitize-payload".into());
        words.extend(self.passwords.iter().map(|stored| format!("#{stored}")));
        words.extend(self.key_words());
        if self.channels.is_empty() {
            words.push("resetchannels".into());
        }
        words.extend(self.channel_words());
        if let Databases::Only(numbers) = &self.databases {
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            words.push(match numbers.is_empty() {
                true => "resetdbs".into(),
                false => format!("db={}", numbers.join(",")),
            });
        }
        words.push(self.command_words());
        words.join(" ")
    }

    pub(crate) fn key_words(&self) -> Vec<String> {
        self.keys.iter().map(ToString::to_string).collect()
    }

    pub(crate) fn channel_words(&self) -> Vec<String> {
        let word = |pattern: &Vec<u8>| format!("&{}", String::from_utf8_lossy(pattern));
        self.channels.iter().map(word).collect()
    }

    pub(crate) fn command_words(&self) -> String {
        let first = if self.commands.all { "+@all" } else { "-@all" }.to_owned();
        let rules = self.commands.rules.iter().map(|(verdict, target)| {
            let mark = if *verdict == Verdict::Allow { '+' } else { '-' };
            match target {
                Target::Category(category) => format!("{mark}@{}", category.name()),
                Target::Command(name) => format!("{mark}{name}"),
            }
        });
        std::iter::once(first).chain(rules).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`Self::rules`] wrote.
    ///
    /// # Errors
    /// A word is wrong, or from a release that knows more.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let mut user = Self::default();
        text.split(' ').filter(|word| !word.is_empty()).try_for_each(|word| user.apply(word))?;
        Ok(user)
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.may_read, self.may_write) {
            (true, false) => "%R",
            (false, true) => "%W",
            _ => "",
        })?;
        write!(f, "~{}", String::from_utf8_lossy(&self.pattern))
    }
}

/// Whether this can be what is kept of a password: SHA-256 in hexadecimal digits, as Redis keeps
/// it, or the driver's own form, which names its method.
fn is_stored_form(stored: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_sha = stored.len() == 64 && stored.bytes().all(is_digit);
    let mut parts = stored.split(':');
    let is_named = parts.next().is_some_and(|name| name == "pbkdf2-sha512");
    let is_ours = is_named && parts.all(|part| !part.is_empty() && part.bytes().all(is_digit));
    is_sha || is_ours
}

/// The names of all commands of a category, containers left out.
pub(crate) fn names_of_commands(category: Category) -> Vec<String> {
    let all = table::commands().iter().flat_map(|command| {
        let own = command.run.is_some().then_some(*command);
        own.into_iter().chain(command.subcommands)
    });
    all.filter(|command| command.is_in(category)).map(Command::full_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[track_caller]
    fn check(words: &str, expected: &str) {
        let user = User::parse(words).unwrap();
        assert_eq!(user.rules(), expected, "{words}");
        assert_eq!(User::parse(&user.rules()).unwrap(), user, "{words} read back");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let nothing = "off sanitize-payload resetchannels -@all";
        check("", nothing);
        check("on ~x reset", nothing);
        let everything = "on nopass sanitize-payload ~* &* +@all";
        check("on nopass allkeys allchannels allcommands", everything);
        check(
            "ON ~a* %R~b %w~c &news +@read -get +client|id db=3,1",
            "on sanitize-payload ~a* %R~b %W~c &news db=1,3 -@all +@read -get +client|id",
        );
        check("+get -get +@all", "off sanitize-payload resetchannels +@all");
        check("+get +set +get", "off sanitize-payload resetchannels -@all +set +get");
        check("resetdbs", "off sanitize-payload resetchannels resetdbs -@all");
        for stored in [HASH, "pbkdf2-sha512:10:ab:cd"] {
            let expected = format!("off sanitize-payload #{stored} resetchannels -@all");
            check(&format!("nopass #{stored}"), &expected);
        }
    }

    #[test]
    fn wrong_words_change_nothing() {
        for (word, error) in [
            ("what", RuleError::Syntax),
            ("", RuleError::Syntax),
            ("%x~a", RuleError::Syntax),
            ("%r", RuleError::Syntax),
            ("db=", RuleError::Syntax),
            ("db=99", RuleError::Syntax),
            ("+nothing", RuleError::Unknown),
            ("-@nothing", RuleError::Unknown),
            ("+client|nothing", RuleError::Unknown),
            ("~more", RuleError::AllKeys),
            ("&more", RuleError::AllChannels),
            ("#short", RuleError::Hash),
            ("!short", RuleError::NoSuchPassword),
            ("(+get ~a)", RuleError::Selector),
        ] {
            let mut user = User::unbound();
            assert_eq!(user.apply(word), Err(error), "{word}");
            assert_eq!(user, User::unbound(), "{word}");
        }
    }
}
