//! Keys and values, the same for every engine: keys of 24 to 40 bytes in 16 shards, values of 120
//! bytes (half random, half compressible), log records of both, in random order.

use std::fmt::Write as _;

use crate::engine::Key;

pub const SHARDS: u16 = 16;
pub const VALUE_BYTES: usize = 120;
/// Key, value and what a log record says beside them.
const RECORD_BYTES: usize = KEY_BYTES_MAX + VALUE_BYTES;

const KEY_BYTES_MAX: usize = 40;
const PAD: u8 = 0;

const POOL_BYTES: usize = 1 << 16;

pub struct Workload {
    rng: fastrand::Rng,
    rows: u64,
    text: String,
    record: [u8; RECORD_BYTES],
    pool: Vec<u8>,
}

impl Workload {
    pub fn new(rows: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut pool = vec![0; POOL_BYTES];
        rng.fill(&mut pool);
        Self { rng, rows, text: String::new(), record: [b'v'; RECORD_BYTES], pool }
    }

    pub fn random(&mut self) -> u64 {
        self.rng.u64(..self.rows)
    }

    pub fn key(&mut self, number: u64) -> Key<'_> {
        let shard = name(number, &mut self.text);
        Key { shard, name: self.text.as_bytes() }
    }

    /// Returns the key of a cell, a log record and a value for it.
    pub fn change(&mut self, number: u64) -> (Key<'_>, &[u8], &[u8]) {
        let shard = name(number, &mut self.text);
        let at = self.rng.usize(..POOL_BYTES - VALUE_BYTES / 2);
        let random = &self.pool[at..at + VALUE_BYTES / 2];
        self.record[KEY_BYTES_MAX..][..VALUE_BYTES / 2].copy_from_slice(random);
        self.record[..KEY_BYTES_MAX].fill(PAD);
        self.record[..self.text.len()].copy_from_slice(self.text.as_bytes());
        let key = Key { shard, name: self.text.as_bytes() };
        (key, &self.record, &self.record[KEY_BYTES_MAX..])
    }

    /// Returns the key and the value that a log record tells of.
    pub fn told(record: &[u8]) -> (&[u8], &[u8]) {
        let (key, value) = record.split_at(KEY_BYTES_MAX);
        let len = key.iter().position(|byte| *byte == PAD).unwrap_or(KEY_BYTES_MAX);
        (&key[..len], value)
    }

    /// Bytes of keys and values of so many changes.
    pub fn user_bytes(count: u64) -> f64 {
        const KEY_BYTES: u64 = 31;
        (count * (KEY_BYTES + VALUE_BYTES as u64)) as f64
    }
}

/// Writes a key's name and returns its shard.
fn name(number: u64, text: &mut String) -> u16 {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    text.clear();
    write!(text, "user:{mixed:016x}:").unwrap();
    let tail = usize::try_from(mixed % 17).unwrap();
    text.push_str(&"abcdefghijklmnopq"[..=tail]);
    u16::try_from(mixed % u64::from(SHARDS)).unwrap()
}
