//! Where the keys of a command are, as rows of the table say it.
//!
//! A command has up to three specifications: keys it reads and a key it writes differ in what is
//! done with them.

use crate::command::integer;

/// Some of the keys of a command, counted from its name at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// The first key; for counted keys their count, for a word where it may stand first.
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
    /// Every argument from the first key on but the last one.
    AllButLast,
    /// As many as the argument at the place says, right behind it.
    Counted,
    /// One key, behind a word.
    Behind(&'static str),
}

/// The specifications of one command.
pub(crate) type Specs = [Option<Keys>; 3];

/// First, last and step as `COMMAND` tells them to clients that know no specifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Legacy {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) step: i64,
}

impl Keys {
    /// One key.
    pub(crate) const fn one(first: usize, access: &'static [&'static str]) -> Self {
        Self { first, span: Span::One, access }
    }

    /// All arguments from one on.
    pub(crate) const fn rest(first: usize, access: &'static [&'static str]) -> Self {
        Self { first, span: Span::Rest { step: 1 }, access }
    }

    /// As many as the argument at the place says.
    pub(crate) const fn counted(first: usize, access: &'static [&'static str]) -> Self {
        Self { first, span: Span::Counted, access }
    }

    /// Returns the distance from one key to the next.
    pub(crate) const fn step(&self) -> usize {
        match self.span {
            Span::One | Span::AllButLast | Span::Counted | Span::Behind(_) => 1,
            Span::Rest { step } => step,
        }
    }

    /// Says whether the keys have their places whatever the arguments are.
    pub(crate) const fn is_fixed(&self) -> bool {
        matches!(self.span, Span::One | Span::Rest { .. } | Span::AllButLast)
    }

    /// Returns the keys among `args`.
    pub(crate) fn of<'a>(&self, args: &'a [&'a [u8]]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (first, count_max) = match self.span {
            Span::One => (self.first, 1),
            Span::Rest { .. } => (self.first, usize::MAX),
            Span::AllButLast => (self.first, args.len().saturating_sub(self.first + 1)),
            Span::Counted => {
                let count = args.get(self.first).and_then(|count| resp::parse_integer(count));
                (self.first + 1, count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
            }
            Span::Behind(word) => {
                let at = args.iter().skip(self.first).rposition(|arg| is_word(arg, word));
                (at.map_or(args.len(), |at| self.first + at + 1), 1)
            }
        };
        args.iter().skip(first).step_by(self.step()).take(count_max).copied()
    }
}

/// Returns what clients are told that know no specifications.
pub(crate) fn legacy(specs: &Specs) -> Legacy {
    let fixed = || specs.iter().flatten().filter(|keys| keys.is_fixed());
    let Some(first) = fixed().map(|keys| keys.first).min() else {
        return Legacy { first: 0, last: 0, step: 0 };
    };
    let is_open = fixed().any(|keys| matches!(keys.span, Span::Rest { .. }));
    let last = fixed().map(|keys| keys.first).max().unwrap_or(first);
    let is_but_last = fixed().any(|keys| keys.span == Span::AllButLast);
    let step = fixed().map(Keys::step).max().unwrap_or(1);
    Legacy {
        first: integer(first),
        last: if is_open {
            -1
        } else if is_but_last {
            -2
        } else {
            integer(last)
        },
        step: integer(step),
    }
}

fn is_word(text: &[u8], word: &str) -> bool {
    text.eq_ignore_ascii_case(word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: Keys, line: &str) -> String {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let found: Vec<_> = keys.of(&args).map(String::from_utf8_lossy).collect();
        found.join(" ")
    }

    #[test]
    fn keys_are_found_wherever_they_are() {
        assert_eq!(keys(Keys::one(1, &[]), "smove a b c"), "a");
        assert_eq!(keys(Keys::rest(2, &[]), "bitop and a b c"), "a b c");
        let pairs = Keys { first: 1, span: Span::Rest { step: 2 }, access: &[] };
        assert_eq!(keys(pairs, "mset a 1 b 2"), "a b");
        assert_eq!(keys(Keys::counted(1, &[]), "zunion 2 a b weights"), "a b");
        for odd in ["zunion 9 a b", "zunion x a b", "zunion -1 a b", "zunion"] {
            assert!(["a b", ""].contains(&keys(Keys::counted(1, &[]), odd).as_str()), "{odd}");
        }
        let store = Keys { first: 3, span: Span::Behind("store"), access: &[] };
        assert_eq!(keys(store, "georadius k store 1 2 m STORE d"), "d");
        assert_eq!(keys(store, "georadius k store 1 2 m"), "");
    }

    #[test]
    fn old_clients_are_told_one_range() {
        let told = |specs| {
            let Legacy { first, last, step } = legacy(&specs);
            (first, last, step)
        };
        assert_eq!(told([Some(Keys::one(1, &[])), Some(Keys::one(2, &[])), None]), (1, 2, 1));
        assert_eq!(told([Some(Keys::one(2, &[])), Some(Keys::rest(3, &[])), None]), (2, -1, 1));
        assert_eq!(told([Some(Keys::counted(1, &[])), None, None]), (0, 0, 0));
        assert_eq!(told([Some(Keys::one(1, &[])), Some(Keys::counted(2, &[])), None]), (1, 1, 1));
    }
}
