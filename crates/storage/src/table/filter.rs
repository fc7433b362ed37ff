//! A set of hashes that may err on one side: "absent" is certain, "possible" is wrong about one
//! time in a hundred.
//!
//! A split block Bloom filter (Putze, Sanders, Singler 2007; as in Parquet): a hash picks one block
//! of 32 bytes and sets one bit in each of its eight words, so that asking touches one cache line.

use codec::{DecodeError, Reader, put_varint, varint_len};

const BITS_PER_KEY: usize = 12;
const WORDS: usize = 8;
const BLOCK_BYTES: usize = WORDS * 4;
const SALTS: [u32; WORDS] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// The filter of one table.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    blocks: Vec<[u32; WORDS]>,
}

impl Filter {
    /// Makes an empty filter for about this many keys.
    pub(crate) fn for_keys(count: usize) -> Self {
        let blocks = (count * BITS_PER_KEY).div_ceil(32 * WORDS).max(1);
        Self { blocks: vec![[0; WORDS]; blocks] }
    }

    pub(crate) fn insert(&mut self, hash: u64) {
        let block = self.block(hash);
        for (word, bit) in self.blocks[block].iter_mut().zip(bits(hash)) {
            *word |= bit;
        }
    }

    /// False when the hash was certainly never inserted.
    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        let block = &self.blocks[self.block(hash)];
        block.iter().zip(bits(hash)).all(|(word, bit)| word & bit != 0)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<[u32; WORDS]>()
    }

    /// Counts the bytes of the whole filter as it is written.
    pub(crate) fn encoded_bytes(&self) -> u64 {
        (varint_len(self.blocks.len() as u64) + self.blocks.len() * BLOCK_BYTES) as u64
    }

    /// Appends a part of about so many bytes that begins with a block, or with the count before
    /// all, and returns the block that the next part begins with, if there is one.
    pub(crate) fn encode_some(
        &self,
        from: usize,
        bytes: usize,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        if from == 0 {
            put_varint(out, self.blocks.len() as u64);
        }
        let end = self.blocks.len().min(from + bytes.div_ceil(BLOCK_BYTES));
        for word in self.blocks[from..end].iter().flatten() {
            out.extend_from_slice(&word.to_le_bytes());
        }
        (end < self.blocks.len()).then_some(end)
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.count("filter", 1 << 27)?;
        let bytes = reader.take(count * BLOCK_BYTES)?;
        let word = |chunk: &[u8]| u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        let blocks = bytes.chunks_exact(BLOCK_BYTES).map(|block| {
            let mut words = [0; WORDS];
            for (held, chunk) in words.iter_mut().zip(block.chunks_exact(4)) {
                *held = word(chunk);
            }
            words
        });
        let blocks: Vec<_> = blocks.collect();
        if blocks.is_empty() { Err(DecodeError::Truncated) } else { Ok(Self { blocks }) }
    }

    fn block(&self, hash: u64) -> usize {
        (((hash >> 32) * self.blocks.len() as u64) >> 32) as usize
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half picks the bits")]
fn bits(hash: u64) -> impl Iterator<Item = u32> {
    let low = hash as u32;
    SALTS.iter().map(move |salt| 1 << (low.wrapping_mul(*salt) >> 27))
}

#[cfg(test)]
mod tests {
    use super::Filter;
    use codec::Reader;

    #[test]
    fn never_denies_a_member_and_seldom_admits_a_stranger() {
        let mut rng = fastrand::Rng::with_seed(1);
        let members: Vec<u64> = (0..10_000).map(|_| rng.u64(..)).collect();
        let mut filter = Filter::for_keys(members.len());
        for member in &members {
            filter.insert(*member);
        }
        let mut bytes = Vec::new();
        assert_eq!(filter.encode_some(0, usize::MAX / 2, &mut bytes), None);
        assert_eq!(bytes.len() as u64, filter.encoded_bytes());
        let read = Filter::decode(&mut Reader::new(&bytes)).unwrap();
        assert!(members.iter().all(|member| read.may_contain(*member)));
        let wrong = (0..100_000).filter(|_| read.may_contain(rng.u64(..))).count();
        assert!(wrong < 1_500, "{wrong} of 100000");
        assert!(Filter::decode(&mut Reader::new(&bytes[..bytes.len() - 1])).is_err());
        assert!(Filter::decode(&mut Reader::new(&[0])).is_err(), "an empty filter");
    }
}
