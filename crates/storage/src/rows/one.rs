//! A row that is alone in its group, in one allocation.
//!
//! ```text
//! group length varint | column length * 2 + (removed) varint | group | column | value
//! ```
//!
//! So a group takes half a line of memory beside this, and finding it compares bytes that stand in
//! the same line as those that say how long they are.

use codec::put_varint;

/// One row in one allocation.
#[derive(Debug)]
pub(crate) struct One {
    data: Vec<u8>,
}

/// Where the parts of a row stand.
struct Parts {
    /// The byte whose lowest bit says that the row is removed.
    flag_at: usize,
    group_at: usize,
    column_at: usize,
    value_at: usize,
}

impl One {
    pub(crate) fn new(group: &[u8], column: &[u8], value: Option<&[u8]>) -> Self {
        let kept = value.unwrap_or_default();
        let heads = head_len(group.len()) + head_len(column.len() * 2);
        let mut data = Vec::with_capacity(heads + group.len() + column.len() + kept.len());
        put_varint(&mut data, group.len() as u64);
        put_varint(&mut data, (column.len() * 2 + usize::from(value.is_none())) as u64);
        data.extend_from_slice(group);
        data.extend_from_slice(column);
        data.extend_from_slice(kept);
        Self { data }
    }

    pub(crate) fn group(&self) -> &[u8] {
        let parts = self.parts();
        &self.data[parts.group_at..parts.column_at]
    }

    /// Returns column and value together.
    pub(crate) fn row(&self) -> (&[u8], Option<&[u8]>) {
        let parts = self.parts();
        let is_removed = self.data[parts.flag_at] & 1 == 1;
        let (before, value) = self.data.split_at(parts.value_at);
        (&before[parts.column_at..], (!is_removed).then_some(value))
    }

    /// Reads as little as there is to read, so that the rest is at hand soon.
    pub(crate) fn touch(&self) {
        std::hint::black_box(self.data.first());
    }

    pub(crate) fn set(&mut self, value: Option<&[u8]>) {
        let parts = self.parts();
        self.data.truncate(parts.value_at);
        let kept = value.unwrap_or_default();
        self.data.reserve_exact(kept.len());
        self.data.extend_from_slice(kept);
        let flag = &mut self.data[parts.flag_at];
        *flag = *flag & !1 | u8::from(value.is_none());
    }

    pub(crate) fn capacity(&self) -> usize {
        self.data.capacity()
    }

    fn parts(&self) -> Parts {
        let (group_len, flag_at) = len_at(&self.data, 0);
        let (twice, group_at) = len_at(&self.data, flag_at);
        let column_at = group_at + group_len;
        Parts { flag_at, group_at, column_at, value_at: column_at + twice / 2 }
    }
}

/// Counts the bytes of a length.
fn head_len(len: usize) -> usize {
    len.checked_ilog2().map_or(1, |log| log as usize / 7 + 1)
}

/// Reads a length and returns it with the place behind it.
fn len_at(data: &[u8], mut at: usize) -> (usize, usize) {
    let (mut len, mut shift) = (0, 0);
    loop {
        let byte = data[at];
        len |= usize::from(byte & 0x7f) << shift;
        at += 1;
        if byte < 0x80 {
            return (len, at);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::One;

    #[test]
    fn parts_of_any_length_are_kept_apart() {
        for group_len in [0, 1, 63, 64, 127, 128, 300, 16_384, 70_000] {
            for column_len in [0, 1, 63, 64, 127, 128, 8191, 8192, 70_000] {
                let (group, column) = (vec![1; group_len], vec![2; column_len]);
                let mut one = One::new(&group, &column, Some(b"value"));
                let check = |one: &One, value: Option<&[u8]>| {
                    assert_eq!(one.group(), group);
                    assert_eq!(one.row(), (&column[..], value));
                };
                check(&one, Some(b"value"));
                assert_eq!(one.capacity(), one.data.len(), "not a byte too much");
                one.set(None);
                check(&one, None);
                one.set(Some(b"a longer value"));
                check(&one, Some(b"a longer value"));
                one.set(Some(b""));
                check(&one, Some(b""));
                check(&One::new(&group, &column, None), None);
            }
        }
    }
}
