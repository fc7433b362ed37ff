//! Which element a cursor of `HSCAN`, `SSCAN` or `ZSCAN` stands for.
//!
//! A cursor is the hash of the element that the last page ended with, so that any node can find it
//! again by walking; the node that gave it out remembers it and need not walk.

use std::collections::{HashMap, VecDeque};

/// Cursors that are remembered.
const COUNT_MAX: usize = 4096;
/// Names longer than this are looked for again.
const NAME_SIZE_MAX: usize = 1024;

/// The cursors given out lately, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    /// Looked up by cursor only, never iterated.
    names: HashMap<u64, Vec<u8>>,
    order: VecDeque<u64>,
}

impl Cursors {
    /// Returns the cursor that goes on behind an element of a key.
    pub(crate) fn give(&mut self, key: &[u8], name: &[u8]) -> u64 {
        let cursor = cursor_of(key, name);
        if name.len() <= NAME_SIZE_MAX && self.names.insert(cursor, name.to_vec()).is_none() {
            self.order.push_back(cursor);
        }
        if self.order.len() > COUNT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        cursor
    }

    /// Returns the element that a cursor of a key stands for, if it is remembered.
    pub(crate) fn find(&self, key: &[u8], cursor: u64) -> Option<Vec<u8>> {
        self.names.get(&cursor).filter(|name| cursor_of(key, name) == cursor).cloned()
    }
}

/// Hashes an element of a key: the same on every node and in every release; never 0, and no more
/// than clients with signed numbers can hold.
pub(crate) fn cursor_of(key: &[u8], name: &[u8]) -> u64 {
    // FNV-1a, then a finalizer that spreads the last bytes.
    let bytes = key.len().to_le_bytes().into_iter().chain(key.iter().copied());
    let hash = bytes.chain(name.iter().copied()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((mixed ^ mixed >> 33) >> 1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_cursors_are_remembered() {
        let mut cursors = Cursors::default();
        let given: Vec<u64> = (0..COUNT_MAX + 10)
            .map(|number| cursors.give(b"k", number.to_string().as_bytes()))
            .collect();
        assert!(given.iter().all(|cursor| *cursor > 0 && *cursor >> 63 == 0));
        assert_eq!(cursors.find(b"k", given[9]), None);
        assert_eq!(cursors.find(b"k", given[10]), Some(b"10".to_vec()));
        assert_eq!(cursors.find(b"other", given[10]), None);
        assert_eq!(cursors.names.len(), COUNT_MAX);
    }

    #[test]
    fn key_and_name_are_told_apart() {
        assert_ne!(cursor_of(b"ab", b"c"), cursor_of(b"a", b"bc"));
    }
}
