//! `LCS`: the longest common subsequence of two strings.

use api::{CallError, Operation, Outcome};
use resp::{Aggregate, Writer};

use super::strings::row;
use crate::Step;
use crate::assembly::write_failure;
use crate::command::{Command, READ, integer};
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Then, misfit};
use crate::turn::{Turn, is_word, parse_integer};

/// The most pairs of bytes that are compared: the table of their lengths is held in memory.
const PAIRS_COUNT_MAX: usize = 16 * 1024 * 1024;

pub(crate) const COMMANDS: &[Command] = &[row("lcs", -3, "7.0.0", "Find longest common substring")
    .flags(READ)
    .key(&["RO", "access"])
    .keys(Keys::one(2, &["RO", "access"]))
    .run(lcs)];

/// What is answered.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    length: bool,
    matches: bool,
    match_sizes: bool,
    match_size_min: i64,
}

impl Options {
    fn parse(mut words: &[&[u8]]) -> Result<Self, Refusal> {
        let mut options = Self::default();
        while let [word, rest @ ..] = words {
            words = rest;
            match () {
                () if is_word(word, "idx") => options.matches = true,
                () if is_word(word, "len") => options.length = true,
                () if is_word(word, "withmatchlen") => options.match_sizes = true,
                () if is_word(word, "minmatchlen") => {
                    let [size, rest @ ..] = words else { return Err(Refusal::Syntax) };
                    options.match_size_min = parse_integer(size)?.max(0);
                    words = rest;
                }
                () => return Err(Refusal::Syntax),
            }
        }
        if options.matches && options.length {
            let text = "ERR If you want both the length and indexes, please just use IDX.";
            return Err(Refusal::text(text));
        }
        Ok(options)
    }
}

fn lcs(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, left, right, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let options = Options::parse(words)?;
    let asked = [left, right].map(|key| (key.to_vec(), Operation::Get)).to_vec();
    turn.ask(asked, Then::write_any(move |outcomes, writer| answer(outcomes, options, writer)))
}

fn answer(outcomes: &[Outcome], options: Options, writer: &mut Writer<'_>) -> Result<(), Refusal> {
    let mut strings: Vec<&[u8]> = Vec::new();
    for outcome in outcomes {
        strings.push(match outcome {
            Outcome::Value(value) => value,
            Outcome::Nothing => &[],
            Outcome::Failed(CallError::WrongType) => {
                return Err(Refusal::text("ERR The specified keys must contain string values"));
            }
            Outcome::Failed(error) => {
                write_failure(error, writer);
                return Ok(());
            }
            _ => return Err(misfit()),
        });
    }
    let [left, right] = strings[..] else { return Err(misfit()) };
    if (left.len() + 1).saturating_mul(right.len() + 1) > PAIRS_COUNT_MAX {
        return Err(Refusal::text(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    let found = Common::find(left, right);
    match options {
        Options { matches: true, .. } => found.write_matches(options, writer),
        Options { length: true, .. } => writer.integer(integer(found.text.len())),
        _ => writer.bulk(&found.text),
    }
    Ok(())
}

/// A run of bytes that both strings have: where it begins and ends in each, the end included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    left: (usize, usize),
    right: (usize, usize),
}

impl Match {
    const fn size(&self) -> usize {
        self.left.1 - self.left.0 + 1
    }
}

/// What two strings have in common.
#[derive(Debug)]
struct Common {
    text: Vec<u8>,
    /// From the last one to the first, as Redis finds them.
    matches: Vec<Match>,
}

impl Common {
    fn find(left: &[u8], right: &[u8]) -> Self {
        let lengths = Lengths::new(left, right);
        let (mut at, mut to) = (left.len(), right.len());
        let (mut text, mut matches) = (Vec::new(), Vec::new());
        let mut run: Option<Match> = None;
        while at > 0 && to > 0 {
            if left[at - 1] == right[to - 1] {
                text.push(left[at - 1]);
                (at, to) = (at - 1, to - 1);
                match &mut run {
                    Some(run) => (run.left.0, run.right.0) = (at, to),
                    None => run = Some(Match { left: (at, at), right: (to, to) }),
                }
                continue;
            }
            matches.extend(run.take());
            if lengths.at(at - 1, to) > lengths.at(at, to - 1) {
                at -= 1;
            } else {
                to -= 1;
            }
        }
        matches.extend(run);
        text.reverse();
        Self { text, matches }
    }

    fn write_matches(&self, options: Options, writer: &mut Writer<'_>) {
        let least = usize::try_from(options.match_size_min).unwrap_or(usize::MAX);
        writer.map(2);
        writer.bulk(b"matches");
        let deferred = writer.defer(Aggregate::Array);
        let wanted = self.matches.iter().filter(|one| one.size() >= least);
        let mut count = 0;
        for one in wanted {
            count += 1;
            writer.array(if options.match_sizes { 3 } else { 2 });
            for (start, end) in [one.left, one.right] {
                writer.array(2);
                writer.integer(integer(start));
                writer.integer(integer(end));
            }
            if options.match_sizes {
                writer.integer(integer(one.size()));
            }
        }
        writer.finish(deferred, count);
        writer.bulk(b"len");
        writer.integer(integer(self.text.len()));
    }
}

/// How much every pair of beginnings has in common.
struct Lengths {
    width: usize,
    table: Vec<u32>,
}

impl Lengths {
    fn new(left: &[u8], right: &[u8]) -> Self {
        let width = right.len() + 1;
        let mut lengths = Self { width, table: vec![0; width * (left.len() + 1)] };
        for (row, a) in (1..).zip(left) {
            for (column, b) in (1..).zip(right) {
                let length = if a == b {
                    lengths.at(row - 1, column - 1) + 1
                } else {
                    lengths.at(row - 1, column).max(lengths.at(row, column - 1))
                };
                lengths.table[row * width + column] = length;
            }
        }
        lengths
    }

    fn at(&self, row: usize, column: usize) -> u32 {
        self.table[row * self.width + column]
    }
}
