//! The end of a table in pieces: index and filter, twice in a row, each copy behind its checksum.
//!
//! It grows with the table, and nobody is to wait for all of it. The checksum stands before what it
//! covers, so the content is gone through three times: for the checksum, and for each copy. What a
//! whole file would be is for [`crate::sealed`] to say.

use crc32fast::Hasher;

use super::META_MAGIC;
use super::filter::Filter;
use super::index::Index;
use crate::sealed::{HEAD_BYTES, checksum_of_head, head};

/// A piece is about so long.
pub(super) const PIECE_BYTES: usize = 32 << 10;
const COPIES: u8 = 2;

/// How far the end is written.
#[derive(Debug)]
pub(super) struct Ending {
    content_bytes: u64,
    checksum: Hasher,
    /// The head of each copy, when the checksum is known.
    head: Option<[u8; HEAD_BYTES]>,
    copies_left: u8,
    place: Place,
}

/// Where the next piece begins: with which block of the index or the filter.
#[derive(Clone, Copy, Debug)]
enum Place {
    Index(usize),
    Filter(usize),
}

impl Ending {
    pub(super) fn new(index: &Index, filter: &Filter) -> Self {
        let content_bytes = index.encoded_bytes() + filter.encoded_bytes();
        Self {
            content_bytes,
            checksum: checksum_of_head(META_MAGIC, content_bytes),
            head: None,
            copies_left: COPIES,
            place: Place::Index(0),
        }
    }

    /// Counts the bytes of all of it.
    pub(super) fn bytes(&self) -> u64 {
        u64::from(COPIES) * (HEAD_BYTES as u64 + self.content_bytes)
    }

    /// Goes one piece further, and appends what is to be written of it. False at the end.
    pub(super) fn step(&mut self, index: &Index, filter: &Filter, out: &mut Vec<u8>) -> bool {
        if self.copies_left == 0 {
            return false;
        }
        let before = out.len();
        if let (Place::Index(0), Some(head)) = (self.place, self.head) {
            out.extend_from_slice(&head);
        }
        let is_end = self.put_piece(index, filter, out);
        if self.head.is_none() {
            self.checksum.update(&out[before..]);
            out.truncate(before);
        }
        if is_end {
            self.place = Place::Index(0);
            match self.head {
                Some(_) => self.copies_left -= 1,
                None => {
                    let sum = self.checksum.clone().finalize();
                    self.head = Some(head(META_MAGIC, self.content_bytes, sum));
                }
            }
        }
        true
    }

    /// Appends a piece of the content, and says whether it was the last one.
    fn put_piece(&mut self, index: &Index, filter: &Filter, out: &mut Vec<u8>) -> bool {
        let next = match self.place {
            Place::Index(from) => match index.encode_some(from, PIECE_BYTES, out) {
                Some(next) => Some(Place::Index(next)),
                None => Some(Place::Filter(0)),
            },
            Place::Filter(from) => filter.encode_some(from, PIECE_BYTES, out).map(Place::Filter),
        };
        self.place = next.unwrap_or(self.place);
        next.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Filter, Index, META_MAGIC, PIECE_BYTES};
    use crate::sealed::{Copies, seal, unseal};
    use crate::store::Row;
    use codec::Reader;

    #[test]
    fn pieces_make_the_sealed_content_and_none_is_long() {
        for rows in [1, 2, 3000, 60_000_u32] {
            let (mut index, mut filter) = (Index::default(), Filter::for_keys(rows as usize));
            for number in 0..rows / 10 + 1 {
                let group = number.to_be_bytes();
                let first = Row { shard: 3, group: &group, column: b"c" };
                index.push(first, u64::from(number) * 4000, 4000);
                filter.insert(u64::from(number) << 40);
            }
            let mut ending = Ending::new(&index, &filter);
            let (mut out, mut steps) = (Vec::new(), 0);
            while ending.step(&index, &filter, &mut out) {
                steps += 1;
                assert!(out.len() <= (steps + 1) * (PIECE_BYTES + 100), "a piece is too long");
            }
            assert_eq!(out.len() as u64, ending.bytes());
            assert!(steps >= 3 * out.len() / 2 / PIECE_BYTES, "{steps} for {}", out.len());
            let (content, copies) = unseal(META_MAGIC, &out).unwrap();
            assert_eq!(copies, Copies::Both);
            assert_eq!(seal(META_MAGIC, content), out);
            let mut reader = Reader::new(content);
            let read = Index::decode(&mut reader).unwrap();
            assert_eq!(read.firsts().count(), index.firsts().count());
            let read = Filter::decode(&mut reader).unwrap();
            assert!((0..=rows / 10).all(|number| read.may_contain(u64::from(number) << 40)));
            reader.finish().unwrap();
        }
    }
}
