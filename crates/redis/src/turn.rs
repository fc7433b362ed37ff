//! One command being carried out: what it may look at, and the words it is read with.

use std::cmp::Reverse;

use api::{Amount, Operation};
use causality::Millis;
use resp::Writer;
use smallvec::SmallVec;

use crate::assembly::Assembly;
use crate::command::Command;
use crate::refusal::Refusal;
use crate::rounds::{Asked, Asker, Next, Then};
use crate::{ClusterView, Session, Step};

/// What a command works with.
pub(crate) struct Turn<'t, 'w> {
    pub(crate) session: &'t mut Session,
    pub(crate) command: &'static Command,
    /// The name, then the arguments.
    pub(crate) args: &'t [&'t [u8]],
    pub(crate) now: Millis,
    pub(crate) view: &'t ClusterView,
    pub(crate) writer: &'t mut Writer<'w>,
}

impl<'t> Turn<'t, '_> {
    /// Carries the command out.
    pub(crate) fn run(&mut self) -> Result<Step, Refusal> {
        let run = self.command.run.filter(|_| self.command.takes(self.args.len()));
        run.ok_or(Refusal::Arity)?(self)
    }

    /// Asks one thing about one key.
    pub(crate) fn call(
        &self,
        key: &[u8],
        operation: Operation,
        assembly: Assembly,
    ) -> Result<Step, Refusal> {
        let call = self.asker().call(key.to_vec(), operation)?;
        self.go_on(Next::Call(vec![call], Then::Assemble(assembly)))
    }

    /// Asks one thing about one key, and goes on from there.
    pub(crate) fn call_then(
        &self,
        key: &[u8],
        operation: Operation,
        then: Then,
    ) -> Result<Step, Refusal> {
        self.ask(vec![(key.to_vec(), operation)], then)
    }

    /// Asks several things, in order.
    pub(crate) fn calls<'k>(
        &self,
        asked: impl IntoIterator<Item = (&'k [u8], Operation)>,
        assembly: Assembly,
    ) -> Result<Step, Refusal> {
        let asked = asked.into_iter().map(|(key, operation)| (key.to_vec(), operation));
        self.ask(asked.collect(), Then::Assemble(assembly))
    }

    /// Asks several things, in order, and goes on from there.
    pub(crate) fn ask(&self, asked: Asked, then: Then) -> Result<Step, Refusal> {
        self.go_on(Next::Ask(asked, then))
    }

    /// Makes the first round of a command.
    pub(crate) fn go_on(&self, next: Next) -> Result<Step, Refusal> {
        let (asker, protocol) = (self.asker(), self.session.protocol);
        crate::go_on(next, asker, self.command, protocol)
    }

    /// Returns who asks.
    pub(crate) const fn asker(&self) -> Asker {
        Asker {
            keyspace: self.session.database.keyspace(),
            levels: self.session.levels,
            session: self.session.at_node(),
            staleness: self.session.staleness,
        }
    }

    /// Returns the one argument, or the one after a subcommand's name.
    pub(crate) fn only(&self) -> Result<&'t [u8], Refusal> {
        match (self.command.container, self.args) {
            (None, [_, only]) | (Some(_), [_, _, only]) => Ok(only),
            _ => Err(Refusal::Arity),
        }
    }

    /// Answers `OK`.
    pub(crate) fn ok(&mut self) -> Result<Step, Refusal> {
        self.writer.ok();
        Ok(Step::Reply)
    }
}

/// Reads an integer of 64 bits.
pub(crate) fn parse_integer(text: &[u8]) -> Result<i64, Refusal> {
    resp::parse_integer(text).ok_or(Refusal::NotAnInteger)
}

/// Reads how many of something are wanted at most.
pub(crate) fn parse_count(text: &[u8]) -> Result<u64, Refusal> {
    let refusal = Refusal::text("ERR value is out of range, must be positive");
    let count = resp::parse_integer(text).and_then(|count| u64::try_from(count).ok());
    count.ok_or(refusal)
}

/// Reads how many are wanted at random: negative ones may repeat. A lower one than `least` is out
/// of range.
pub(crate) fn parse_amount(text: &[u8], least: i64) -> Result<Amount, Refusal> {
    let count = parse_integer(text)?;
    if count < least {
        let greatest = least.checked_neg().unwrap_or(i64::MAX);
        let text = format!("ERR value is out of range, value must between {least} and {greatest}");
        return Err(Refusal::owned(text));
    }
    let size = count.unsigned_abs();
    Ok(if count < 0 { Amount::Repeated(size) } else { Amount::Distinct(size) })
}

/// Reads a number: `inf` counts, "not a number" does not.
pub(crate) fn parse_float(text: &[u8]) -> Option<f64> {
    // What the standard library takes beyond Redis begins or ends with these.
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<f64>().ok().filter(|value| !value.is_nan())
}

/// Keys, and the arguments behind them.
pub(crate) type KeysAndRest<'a> = (&'a [&'a [u8]], &'a [&'a [u8]]);

/// Reads how many keys follow, and the keys; what is behind them is returned as well. The words
/// of the refusals differ: for no number, for one below 1, and for more than there are arguments.
pub(crate) fn counted_keys<'a>(
    args: &'a [&'a [u8]],
    [odd, least, most]: [Refusal; 3],
) -> Result<KeysAndRest<'a>, Refusal> {
    let (count, rest) = args.split_first().ok_or(Refusal::Arity)?;
    let count = resp::parse_integer(count).ok_or(odd)?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0);
    rest.split_at_checked(count.ok_or(least)?).ok_or(most)
}

/// Whether an argument is a word, in any case.
pub(crate) fn is_word(text: &[u8], word: &str) -> bool {
    text.eq_ignore_ascii_case(word.as_bytes())
}

/// Copies arguments into what a call owns, each once: the node counts what was new, and a
/// repeated argument is new only the first time.
pub(crate) fn distinct(args: &[&[u8]]) -> Vec<Vec<u8>> {
    distinct_slices(args).map(<[u8]>::to_vec).collect()
}

/// Drops repeated arguments and keeps the order of the others.
pub(crate) fn distinct_slices<'a>(args: &[&'a [u8]]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let mut sorted: SmallVec<[(&[u8], usize); 4]> = args.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    sorted.dedup_by_key(|(arg, _)| *arg);
    sorted.sort_unstable_by_key(|(_, index)| *index);
    sorted.into_iter().map(|(arg, _)| arg)
}

/// A name and its value.
pub(crate) type Pair<'a> = (&'a [u8], &'a [u8]);

/// A name with its value, and how many stand before it.
type Numbered<'a> = ([&'a [u8]; 2], usize);

/// Reads names and values that alternate; of a repeated name, the last value counts.
pub(crate) fn pairs<'a>(args: &[&'a [u8]]) -> Result<Vec<Pair<'a>>, Refusal> {
    let (chunks, []) = args.as_chunks::<2>() else {
        return Err(Refusal::Arity);
    };
    let mut sorted: SmallVec<[Numbered<'_>; 4]> = chunks.iter().copied().zip(0..).collect();
    sorted.sort_unstable_by_key(|([name, _], index)| (*name, Reverse(*index)));
    sorted.dedup_by_key(|([name, _], _)| *name);
    sorted.sort_unstable_by_key(|(_, index)| *index);
    Ok(sorted.into_iter().map(|([name, value], _)| (name, value)).collect())
}
