//! `HSCAN`, `SSCAN`, `ZSCAN`: collections page by page.
//!
//! Elements come in the order of their names' cells, which every owner shares: one that is there
//! all the time is met once, whatever else is written meanwhile. A cursor stands for the element
//! that the last page ended with. Any node goes on with it: one that does not remember the element
//! looks for it, and one that cannot find it because it is gone begins anew.

use std::rc::Rc;

use api::{Operation, Outcome, Paged};
use resp::{DoubleText, Writer};

use crate::Step;
use crate::command::{Command, Group, READ};
use crate::families::keyspace::{ScanOptions, parse_cursor};
use crate::glob;
use crate::lobby::{Lobby, cursor_of};
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::turn::Turn;

/// Elements of a page at least: small collections come whole, as in Redis.
const PAGE_COUNT_MIN: u64 = 128;
/// Elements of a page at most, and of a page that is only looked through.
const PAGE_COUNT_MAX: u64 = 8192;

const fn row(group: Group, name: &'static str, summary: &'static str) -> Command {
    Command::new(group, name, -3, "2.8.0", summary)
        .flags(READ)
        .key(&["RO", "access"])
        .tips(&["nondeterministic_output"])
}

pub(crate) const COMMANDS: &[Command] = &[
    row(Group::Set, "sscan", "Incrementally iterate Set elements").run(sscan),
    row(Group::Hash, "hscan", "Incrementally iterate hash fields and associated values").run(hscan),
    row(
        Group::SortedSet,
        "zscan",
        "Incrementally iterate sorted sets elements and associated scores",
    )
    .run(zscan),
];

fn sscan(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    walk(turn, Paged::Set)
}

fn hscan(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    walk(turn, Paged::Map)
}

fn zscan(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    walk(turn, Paged::Zset)
}

/// A walk over one collection.
struct Walk {
    key: Vec<u8>,
    of: Paged,
    pattern: Option<Vec<u8>>,
    limit: u64,
    lobby: Rc<Lobby>,
}

fn walk(turn: &Turn<'_, '_>, of: Paged) -> Result<Step, Refusal> {
    let [_, key, cursor, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let cursor = parse_cursor(cursor)?;
    let options = ScanOptions::parse(words)?;
    if options.kind.is_some() {
        return Err(Refusal::Syntax);
    }
    let count = u64::try_from(options.count).unwrap_or(u64::MAX);
    let walk = Walk {
        key: key.to_vec(),
        of,
        pattern: options.pattern.map(<[u8]>::to_vec),
        limit: count.clamp(PAGE_COUNT_MIN, PAGE_COUNT_MAX),
        lobby: Rc::clone(&turn.session.lobby),
    };
    let remembered = walk.lobby.cursors.borrow().find(key, cursor);
    turn.go_on(match (cursor, remembered) {
        (0, _) => walk.page(None),
        (_, Some(name)) => walk.page(Some(name)),
        (cursor, None) => walk.look_for(cursor, None),
    })
}

impl Walk {
    fn ask(&self, after: Option<Vec<u8>>, limit: u64) -> Vec<(Vec<u8>, Operation)> {
        vec![(self.key.clone(), Operation::Page { of: self.of, after, limit })]
    }

    /// Answers the page behind an element.
    fn page(self, after: Option<Vec<u8>>) -> Next {
        let asked = self.ask(after, self.limit);
        // This round is the last, but the page's cursor is remembered once it is known.
        let then = Then::write(move |outcomes, writer| {
            let [page] = outcomes else { return Err(misfit()) };
            let (count, last) = extent(page).ok_or_else(misfit)?;
            let goes_on = last.filter(|_| count as u64 >= self.limit);
            let cursor =
                goes_on.map_or(0, |name| self.lobby.cursors.borrow_mut().give(&self.key, name));
            writer.array(2);
            writer.bulk(cursor.to_string().as_bytes());
            self.write(page, writer);
            Ok(())
        });
        Next::Ask(asked, then)
    }

    /// Looks for the element that a cursor stands for.
    fn look_for(self, cursor: u64, after: Option<Vec<u8>>) -> Next {
        let asked = self.ask(after, PAGE_COUNT_MAX);
        let then = Then::go(move |outcomes, _| {
            let [page] = outcomes else { return Err(misfit()) };
            let found = names(page).find(|name| cursor_of(&self.key, name) == cursor);
            let found = found.map(<[u8]>::to_vec);
            let (count, last) = extent(page).ok_or_else(misfit)?;
            let last = last.map(<[u8]>::to_vec);
            Ok(match (found, last) {
                (Some(name), _) => self.page(Some(name)),
                (None, Some(last)) if count as u64 >= PAGE_COUNT_MAX => {
                    self.look_for(cursor, Some(last))
                }
                _ => self.page(None),
            })
        });
        Next::Ask(asked, then)
    }

    fn fits(&self, name: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| glob::matches_exactly(pattern, name))
    }

    fn write(&self, page: &Outcome, writer: &mut Writer<'_>) {
        let count = names(page).filter(|name| self.fits(name)).count();
        match page {
            Outcome::Pairs(pairs) => {
                writer.array(2 * count);
                for (field, value) in pairs.iter().filter(|(field, _)| self.fits(field)) {
                    writer.bulk(field);
                    writer.bulk(value);
                }
            }
            Outcome::Scored(scored) => {
                writer.array(2 * count);
                for (member, score) in scored.iter().filter(|(member, _)| self.fits(member)) {
                    writer.bulk(member);
                    writer.bulk(DoubleText::new(score.get()).as_bytes());
                }
            }
            _ => {
                writer.array(count);
                names(page).filter(|name| self.fits(name)).for_each(|name| writer.bulk(name));
            }
        }
    }
}

/// Returns the names of a page's elements.
fn names(page: &Outcome) -> Box<dyn Iterator<Item = &[u8]> + '_> {
    match page {
        Outcome::Values(values) => Box::new(values.iter().map(Vec::as_slice)),
        Outcome::Pairs(pairs) => Box::new(pairs.iter().map(|(field, _)| field.as_slice())),
        Outcome::Scored(scored) => Box::new(scored.iter().map(|(member, _)| member.as_slice())),
        _ => Box::new(std::iter::empty()),
    }
}

/// Returns how many elements a page has, and the last one; nothing when it is no page.
fn extent(page: &Outcome) -> Option<(usize, Option<&[u8]>)> {
    match page {
        Outcome::Values(_) | Outcome::Pairs(_) | Outcome::Scored(_) => {
            Some((names(page).count(), names(page).last()))
        }
        _ => None,
    }
}
