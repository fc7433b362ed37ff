//! One command being carried out: what it may look at, and the words it is read with.

use std::cmp::Reverse;

use api::{Call, Operation};
use causality::Millis;
use resp::Writer;

use crate::assembly::Assembly;
use crate::command::Command;
use crate::refusal::Refusal;
use crate::{ClusterView, Pending, Session, Step};

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
        self.calls([(key, operation)], assembly)
    }

    /// Asks several things, in order.
    pub(crate) fn calls<'k>(
        &self,
        asked: impl IntoIterator<Item = (&'k [u8], Operation)>,
        assembly: Assembly,
    ) -> Result<Step, Refusal> {
        let calls = asked.into_iter().map(|(key, operation)| self.one_call(key, operation));
        let calls = calls.collect::<Result<Vec<_>, _>>()?;
        assert!(!calls.is_empty(), "a command that asks nothing is answered at once");
        let pending = Pending { assembly, protocol: self.session.protocol };
        Ok(Step::Calls { calls, pending })
    }

    fn one_call(&self, key: &[u8], operation: Operation) -> Result<Call, Refusal> {
        if key.is_empty() {
            return Err(Refusal::EmptyKey);
        }
        Ok(Call {
            keyspace: self.session.database.keyspace(),
            key: key.to_vec(),
            read: self.session.levels.read,
            write: self.session.levels.write,
            operation,
        })
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
    let mut sorted: Vec<(&[u8], usize)> = args.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    sorted.dedup_by_key(|(arg, _)| *arg);
    sorted.sort_unstable_by_key(|(_, index)| *index);
    sorted.into_iter().map(|(arg, _)| arg)
}

/// A name and its value.
pub(crate) type Pair<'a> = (&'a [u8], &'a [u8]);

/// Reads names and values that alternate; of a repeated name, the last value counts.
pub(crate) fn pairs<'a>(args: &[&'a [u8]]) -> Result<Vec<Pair<'a>>, Refusal> {
    let (chunks, []) = args.as_chunks::<2>() else {
        return Err(Refusal::Arity);
    };
    let mut sorted: Vec<([&[u8]; 2], usize)> = chunks.iter().copied().zip(0..).collect();
    sorted.sort_unstable_by_key(|([name, _], index)| (*name, Reverse(*index)));
    sorted.dedup_by_key(|([name, _], _)| *name);
    sorted.sort_unstable_by_key(|(_, index)| *index);
    Ok(sorted.into_iter().map(|([name, value], _)| (name, value)).collect())
}
