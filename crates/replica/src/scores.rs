//! The order of a sorted set by (score, member): derived rows beside the members.
//!
//! A score is what the last writer wrote plus increments, so it changes with three families of
//! cells. Whenever one of them changes, the member's row in the index follows; nothing of it is
//! replicated or part of the digest.

use causality::Millis;
use cells::types::zset;
use cells::{CellAddress, Family, KeyAddress};
use storage::{Row, ScanControl, Store};

use crate::error::ReplicaError;
use crate::reading::Reader;
use crate::replica::Replica;
use crate::rows::put_group;

/// First byte of the index's columns; they sort behind all cells of the key.
const SCORE_COLUMN: u8 = 0xf0;

/// A member whose score may change, with its score before.
pub(crate) struct Scored {
    member: Vec<u8>,
    before: Option<f64>,
}

impl Replica {
    /// Notes a member's score before one of its cells changes.
    pub(crate) fn score_before<S: Store>(
        &self,
        store: &mut S,
        address: CellAddress<'_>,
    ) -> Option<Scored> {
        let family = address.family()?;
        if !matches!(family, Family::ZsetMember | Family::ZsetCount | Family::ZsetFloor) {
            return None;
        }
        // A column that names no member is of no known format: it has no place in the order.
        let member = zset::member_of(address.column).ok()??.to_vec();
        let before = self.score_of(store, address.key, &member);
        Some(Scored { member, before })
    }

    /// Moves the member to where its score is now.
    pub(crate) fn score_after<S: Store>(
        &self,
        store: &mut S,
        key: KeyAddress<'_>,
        group: &[u8],
        scored: &Scored,
    ) -> Result<(), ReplicaError> {
        let after = self.score_of(store, key, &scored.member);
        if after.map(f64::to_bits) == scored.before.map(f64::to_bits) {
            return Ok(());
        }
        if let Some(before) = scored.before {
            let column = score_column(before, &scored.member);
            store.delete(Row { shard: self.shard, group, column: &column })?;
        }
        if let Some(after) = after {
            let column = score_column(after, &scored.member);
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
    /// Visits members in the order of (score, member), from a score on (inclusive). Members of a
    /// key that has ended are among them: ask for their shown score where that matters.
    ///
    /// # Errors
    /// The store failed.
    pub fn scores(
        &mut self,
        key: KeyAddress<'_>,
        from: f64,
        visit: &mut dyn FnMut(f64, &[u8]) -> ScanControl,
    ) -> Result<(), ReplicaError> {
        let mut group = Vec::new();
        put_group(key, &mut group);
        let column = score_column(from, &[]);
        let at = Row { shard: self.replica.shard, group: &group, column: &column };
        let mut look = |column: &[u8], _: &[u8]| match split_score(column) {
            Some((score, member)) => visit(score, member),
            None => ScanControl::Stop,
        };
        Ok(self.store.scan_group(at, &mut look)?)
    }

    /// Visits members in the reverse order, from a score down (inclusive).
    ///
    /// # Errors
    /// The store failed.
    pub fn scores_back(
        &mut self,
        key: KeyAddress<'_>,
        from: f64,
        visit: &mut dyn FnMut(f64, &[u8]) -> ScanControl,
    ) -> Result<(), ReplicaError> {
        let mut group = Vec::new();
        put_group(key, &mut group);
        // Every member of this score sorts below the next possible score.
        let mut column = score_column(from, &[]);
        let above = column.iter_mut().rev().find(|byte| **byte != 0xff);
        if let Some(byte) = above {
            *byte += 1;
        }
        let at = Row { shard: self.replica.shard, group: &group, column: &column };
        let mut look = |column: &[u8], _: &[u8]| match split_score(column) {
            Some((score, _)) if score > from => ScanControl::Continue,
            Some((score, member)) => visit(score, member),
            None => ScanControl::Stop,
        };
        Ok(self.store.scan_group_back(at, &mut look)?)
    }
}

fn score_column(score: f64, member: &[u8]) -> Vec<u8> {
    let mut column = vec![SCORE_COLUMN];
    column.extend_from_slice(&zset::index_key(score, member));
    column
}

fn split_score(column: &[u8]) -> Option<(f64, &[u8])> {
    let (first, rest) = column.split_first()?;
    let (score, member) = rest.split_first_chunk::<8>()?;
    (*first == SCORE_COLUMN).then_some(())?;
    Some((zset::score_of_key(*score)?, member))
}
