//! How much a peer may ask of us: the bound on every length that comes from outside.
//!
//! Invariant: a limit is checked when a length is read, before the bytes it promises arrive.

/// Bounds on the requests of one connection; the defaults are those of Redis.
///
/// Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Arguments of one command.
    pub args_count_max: usize,
    /// One argument (`proto-max-bulk-len`).
    pub bulk_size_max: usize,
    /// One inline command, or one header line that has not ended yet; at least 32, so that every
    /// valid header fits.
    pub line_size_max: usize,
    /// One whole command with its headers (`client-query-buffer-limit`); at most 2^48.
    pub command_size_max: usize,
    /// Arguments of one command before the client is authenticated.
    pub untrusted_args_count_max: usize,
    /// One argument before the client is authenticated.
    pub untrusted_bulk_size_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            args_count_max: 1024 * 1024,
            bulk_size_max: 512 * 1024 * 1024,
            line_size_max: 64 * 1024,
            command_size_max: 1024 * 1024 * 1024,
            untrusted_args_count_max: 10,
            untrusted_bulk_size_max: 16 * 1024,
        }
    }
}

impl Limits {
    /// Asserts what the parser relies on; limits are set by us, never by a client.
    pub(crate) const fn check(&self) {
        assert!(self.line_size_max >= 32, "a header line has to fit");
        assert!(self.command_size_max <= 1 << 48, "positions must not overflow");
    }
}

/// Whether a connection has shown who it is; strangers get smaller bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// No password is needed, or it was given.
    #[default]
    Authenticated,
    /// A password is needed and was not given yet.
    Unauthenticated,
}

/// Bounds on one reply read by a client.
///
/// Sizes are in bytes. A tree costs up to `elements_count_max` small allocations beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLimits {
    /// Aggregates inside aggregates.
    pub depth_max: usize,
    /// Elements of all aggregates of one reply together.
    pub elements_count_max: usize,
    /// One bulk string.
    pub bulk_size_max: usize,
    /// One line: a simple string, an error, a number or a header.
    pub line_size_max: usize,
    /// The whole reply as sent.
    pub reply_size_max: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self {
            depth_max: 64,
            elements_count_max: 16 * 1024 * 1024,
            bulk_size_max: 512 * 1024 * 1024,
            line_size_max: 64 * 1024,
            reply_size_max: 1024 * 1024 * 1024,
        }
    }
}
