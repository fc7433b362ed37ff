//! The head of a key: how many cells of each family have live versions, and how many members a
//! sorted set has.
//!
//! Derived and local: it gives cardinalities without counting, and tells which types a key has.
//! A key that is only a plain string has no head, so that the commonest write touches one row.
//!
//! ```text
//! count x (family 1 B, live cells varint), families ascending, no zero counts;
//! first byte of the index's columns instead of a family: members with a score
//! ```

use cells::Family;
use codec::{DecodeError, Reader, put_varint};
use smallvec::SmallVec;

use crate::format::COUNTER_MAX;
use crate::scores::SCORE_COLUMN;

/// Counts of cells with live versions, by family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    counts: SmallVec<[(u8, u64); 4]>,
}

impl Head {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut head = Self::default();
        while !reader.is_empty() {
            let (family, count) = (reader.byte()?, reader.varint()?);
            if count == 0
                || count > COUNTER_MAX
                || head.counts.last().is_some_and(|(last, _)| *last >= family)
            {
                return Err(DecodeError::Inconsistent("head"));
            }
            head.counts.push((family, count));
        }
        Ok(head)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        for (family, count) in &self.counts {
            out.push(*family);
            put_varint(out, *count);
        }
    }

    pub(crate) fn count(&self, family: Family) -> u64 {
        self.count_of(family as u8)
    }

    /// Returns the families of which there are live versions; the string's register is not counted.
    pub(crate) fn families(&self) -> impl Iterator<Item = Family> {
        self.counts.iter().filter_map(|(kind, _)| Family::from_byte(*kind))
    }

    fn count_of(&self, kind: u8) -> u64 {
        self.counts.iter().find(|(held, _)| *held == kind).map_or(0, |(_, count)| *count)
    }

    /// Returns how many rows the index by score has.
    pub(crate) fn count_scores(&self) -> u64 {
        self.count_of(SCORE_COLUMN)
    }

    /// Notes that one more cell of a family has live versions.
    pub(crate) fn raise(&mut self, family: u8) {
        match self.counts.binary_search_by_key(&family, |(held, _)| *held) {
            Ok(at) => self.counts[at].1 += 1,
            Err(at) => self.counts.insert(at, (family, 1)),
        }
    }

    /// Notes that one cell less of a family has live versions; an error when the head knew none.
    pub(crate) fn lower(&mut self, family: u8) -> Result<(), DecodeError> {
        let at = self.counts.binary_search_by_key(&family, |(held, _)| *held);
        let Ok(at) = at else { return Err(DecodeError::Inconsistent("head")) };
        self.counts[at].1 -= 1;
        if self.counts[at].1 == 0 {
            self.counts.remove(at);
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}
