//! The order of a sorted set by (score, member): derived rows beside the members.
//!
//! A score is what the last writer wrote plus increments, so it changes with three families of
//! cells. Whenever one of them changes, the member's row in the index follows, and the key's head
//! counts the rows; nothing of it is replicated or part of the digest.

use causality::Millis;
use cells::types::counter::Tally;
use cells::types::zset::{self, Toward};
use cells::{Cell, CellAddress, Family, KeyAddress, ReadControl};
use storage::{Row, ScanControl, Store};

use crate::edit::{Edit, Listed};
use crate::error::ReplicaError;
use crate::head::Head;
use crate::reading::Reader;
use crate::replica::Replica;
use crate::rows::{HEAD_COLUMN, put_group};

/// First byte of the index's columns; they sort behind all cells of the key.
pub(crate) const SCORE_COLUMN: u8 = 0xf0;

/// A member whose score may change, with its score before.
pub(crate) struct Scored<'a> {
    member: &'a [u8],
    before: Option<f64>,
    after: After,
}

/// Its score afterwards.
enum After {
    Known(Option<f64>),
    /// Increments count too: it is read when all is written.
    Unread,
}

impl Replica {
    /// Notes a member's score before one of its cells changes.
    pub(crate) fn score_before<'a, S: Store>(
        &self,
        store: &mut S,
        address: CellAddress<'a>,
        group: &[u8],
        edit: &Edit,
    ) -> Option<Scored<'a>> {
        let family = address.family()?;
        if !matches!(family, Family::ZsetMember | Family::ZsetCount | Family::ZsetFloor) {
            return None;
        }
        // A column that names no member is of no known format: it has no place in the order.
        let member = zset::member_of(address.column).ok()??;
        if family == Family::ZsetMember && self.has_written_scores(store, group) {
            let after = After::Known(edit.after.score);
            return Some(Scored { member, before: edit.before.score, after });
        }
        let before = self.score_of(store, address.key, member);
        Some(Scored { member, before, after: After::Unread })
    }

    /// Whether scores are what was written and nothing else: no increments, and no end of the key
    /// that hides members.
    fn has_written_scores<S: Store>(&self, store: &mut S, group: &[u8]) -> bool {
        let head = store.get(Row { shard: self.shard, group, column: HEAD_COLUMN });
        let head = head.ok().map(|bytes| bytes.map_or(Ok(Head::default()), Head::decode));
        let counts = |head: &Head, family| head.count(family) > 0;
        head.and_then(Result::ok).is_some_and(|head| {
            !counts(&head, Family::ZsetCount) && !counts(&head, Family::KeyExpiry)
        })
    }

    /// Moves the member to where its score is now.
    pub(crate) fn score_after<S: Store>(
        &mut self,
        store: &mut S,
        key: KeyAddress<'_>,
        group: &[u8],
        scored: &Scored<'_>,
    ) -> Result<(), ReplicaError> {
        let after = match scored.after {
            After::Known(score) => score,
            After::Unread => self.score_of(store, key, scored.member),
        };
        if after.map(f64::to_bits) == scored.before.map(f64::to_bits) {
            return Ok(());
        }
        if after.is_some() != scored.before.is_some() {
            let listed = if after.is_some() { Listed::Yes } else { Listed::No };
            self.count_in_head(store, group, SCORE_COLUMN, listed)?;
        }
        if let Some(before) = scored.before {
            let column = score_column(before, scored.member);
            store.delete(Row { shard: self.shard, group, column: &column })?;
        }
        if let Some(after) = after {
            let column = score_column(after, scored.member);
            store.put(Row { shard: self.shard, group, column: &column }, &[])?;
        }
        Ok(())
    }

    /// The score as all live versions make it, whether or not the key has ended meanwhile.
    fn score_of<S: Store>(&self, store: &mut S, key: KeyAddress<'_>, member: &[u8]) -> Option<f64> {
        zset::score(&mut self.reader(store, Millis(0)), key, member).ok().flatten()
    }
}

impl<S: Store> Reader<'_, S> {
    /// Visits the index as it is stored: members of a key that has ended are among them.
    pub(crate) fn visit_scores(
        &mut self,
        key: KeyAddress<'_>,
        from: Option<&[u8]>,
        toward: Toward,
        visit: &mut dyn FnMut(&[u8]) -> ReadControl,
    ) -> Result<(), ReplicaError> {
        let mut group = Vec::new();
        put_group(key, &mut group);
        let column = match (from, toward) {
            (Some(from), _) => [&[SCORE_COLUMN], from].concat(),
            (None, Toward::Up) => vec![SCORE_COLUMN],
            (None, Toward::Down) => vec![SCORE_COLUMN + 1],
        };
        let at = Row { shard: self.replica.shard, group: &group, column: &column };
        let mut look = |column: &[u8], _: &[u8]| match column.split_first() {
            Some((&SCORE_COLUMN, key)) if visit(key) == ReadControl::Continue => {
                ScanControl::Continue
            }
            Some((byte, _)) if *byte > SCORE_COLUMN && toward == Toward::Down => {
                ScanControl::Continue
            }
            _ => ScanControl::Stop,
        };
        match toward {
            Toward::Up => self.store.scan_group(at, &mut look)?,
            Toward::Down => self.store.scan_group_back(at, &mut look)?,
        }
        Ok(())
    }
}

/// The score that a member's own cell gives it, increments apart.
pub(crate) fn written_score(address: CellAddress<'_>, cell: &Cell<'_>) -> Option<f64> {
    let is_member = address.family() == Some(Family::ZsetMember);
    is_member.then(|| zset::visible_score(cell, &Tally::default()).ok().flatten()).flatten()
}

fn score_column(score: f64, member: &[u8]) -> Vec<u8> {
    [&[SCORE_COLUMN], &zset::score_key(score)[..], member].concat()
}
