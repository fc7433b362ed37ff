//! Where the blocks of a table stand and with which row each begins; always in memory.

use std::cmp::Ordering;

use codec::{DecodeError, Reader, put_slice, put_varint, varint_len};

use crate::store::Row;

/// The blocks of one table, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    blocks: Vec<BlockPlace>,
    keys: Vec<u8>,
    /// Length of all blocks' entries as they are written.
    entry_bytes: u64,
}

/// Where one block stands in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockPlace {
    pub(crate) offset: u64,
    pub(crate) len: u32,
    pub(crate) shard: u16,
    key_at: u32,
    group_len: u32,
    column_len: u32,
}

impl Index {
    /// Adds the next block with its first row.
    pub(crate) fn push(&mut self, first: Row<'_>, offset: u64, len: u32) {
        let small = |len: usize| u32::try_from(len).expect("keys are shorter than 4 GiB together");
        self.blocks.push(BlockPlace {
            offset,
            len,
            shard: first.shard,
            key_at: small(self.keys.len()),
            group_len: small(first.group.len()),
            column_len: small(first.column.len()),
        });
        self.keys.extend_from_slice(first.group);
        self.keys.extend_from_slice(first.column);
        let numbers = [u64::from(first.shard), u64::from(len)];
        let lens = [first.group.len(), first.column.len()].map(|len| len as u64);
        let varints = numbers.into_iter().chain(lens).map(varint_len).sum::<usize>();
        self.entry_bytes += varints as u64 + lens.iter().sum::<u64>();
    }

    /// Returns where a block stands.
    pub(crate) fn block(&self, number: usize) -> Option<BlockPlace> {
        self.blocks.get(number).copied()
    }

    /// Walks the places of blocks with the group of their first row.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = (BlockPlace, &[u8])> {
        self.blocks.iter().map(|block| (*block, self.key(block).0))
    }

    /// Returns the number of the only block that may hold a row; the first one when the row comes
    /// before all.
    pub(crate) fn place(&self, row: Row<'_>) -> usize {
        let count = self.blocks.partition_point(|block| self.compare(block, row).is_le());
        count.saturating_sub(1)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<BlockPlace>() + self.keys.capacity()
    }

    /// Counts the bytes of the whole index as it is written.
    pub(crate) fn encoded_bytes(&self) -> u64 {
        varint_len(self.blocks.len() as u64) as u64 + self.entry_bytes
    }

    /// Appends a part that begins with a block, or with the count before all. It ends when it is
    /// long enough; what comes back is the block that the next part begins with, if there is one.
    pub(crate) fn encode_some(
        &self,
        from: usize,
        bytes: usize,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let enough = out.len() + bytes;
        if from == 0 {
            put_varint(out, self.blocks.len() as u64);
        }
        for (number, block) in self.blocks.iter().enumerate().skip(from) {
            if out.len() >= enough {
                return Some(number);
            }
            put_varint(out, u64::from(block.shard));
            put_varint(out, u64::from(block.len));
            let (group, column) = self.key(block);
            put_slice(out, group);
            put_slice(out, column);
        }
        None
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut index = Self::default();
        let count = reader.count("blocks", 1 << 30)?;
        let mut offset = 0;
        for _ in 0..count {
            let shard = u16::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?;
            let len = u32::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?;
            let group = reader.slice("group", u32::MAX as usize)?;
            let column = reader.slice("column", u32::MAX as usize)?;
            index.push(Row { shard, group, column }, offset, len);
            offset += u64::from(len);
        }
        Ok(index.fitted())
    }

    /// Gives back memory that was kept for more blocks.
    pub(crate) fn fitted(mut self) -> Self {
        self.blocks.shrink_to_fit();
        self.keys.shrink_to_fit();
        self
    }

    fn key(&self, block: &BlockPlace) -> (&[u8], &[u8]) {
        let start = block.key_at as usize;
        let middle = start + block.group_len as usize;
        (&self.keys[start..middle], &self.keys[middle..middle + block.column_len as usize])
    }

    fn compare(&self, block: &BlockPlace, row: Row<'_>) -> Ordering {
        let (group, column) = self.key(block);
        block.shard.cmp(&row.shard).then_with(|| (group, column).cmp(&(row.group, row.column)))
    }
}
