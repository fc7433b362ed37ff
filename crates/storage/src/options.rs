//! What the owner of a store chooses.

/// Milliseconds on a clock of the caller's; only differences matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

/// When written records are made durable, and with that what an acknowledgement promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushPolicy {
    /// At the end of every turn that wrote something: acknowledged means durable.
    Always,
    /// At the first end of a turn this long after the last time: a power failure costs at most this
    /// much, a killed process nothing.
    Interval(Millis),
    /// When the operating system pleases: a power failure costs its write-back delay.
    Os,
}

/// The settings of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cluster that the data belongs to; another cluster's directory is refused.
    pub cluster: u128,
    /// Names a new directory, and keys its hashes: a random number. Not used for one that has a
    /// name.
    pub store: u128,
    /// A random number, another at every opening: tells a directory from its clones.
    pub nonce: u64,
    /// When records become durable.
    pub flush: FlushPolicy,
    /// A log segment ends when it is at least this long.
    pub segment_bytes: u32,
    /// What the store may hold in memory, all counted.
    pub memory_bytes: usize,
    /// Below this much free space ordinary writes are refused.
    pub free_bytes_min: u64,
    /// A checkpoint is due when this much log would have to be replayed.
    pub replay_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cluster: 0,
            store: 0,
            nonce: 0,
            flush: FlushPolicy::Interval(Millis(1000)),
            segment_bytes: 32 << 20,
            memory_bytes: 256 << 20,
            free_bytes_min: 256 << 20,
            replay_bytes_max: 256 << 20,
        }
    }
}
