//! How much verification may take.

/// How often shards are verified, and at what cost at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationConfig {
    /// Each shard is compared with each other owner once in this time; 0: never by itself.
    pub period_ms: u64,
    /// Bytes asked for and answered, each second; fewer than 16 count as 16.
    pub bytes_per_second: u64,
    /// Questions asked, each second; fewer than 16 count as 16.
    pub requests_per_second: u64,
}

impl Default for VerificationConfig {
    fn default() -> Self {
        Self { period_ms: 3_600_000, bytes_per_second: 4 << 20, requests_per_second: 256 }
    }
}
