//! RESP2 and RESP3 bytes to frames and back: incremental, bounded, and without allocation on the
//! hot path.
//!
//! ```text
//! server   bytes in  -> Parser      -> Command  (ranges of the connection's own buffer)
//!          bytes out <- Writer      <- simple, bulk, array, map, double, ...
//! client   bytes out <- encode_command
//!          bytes in  -> Replies     -> Reply    (an owned tree)
//! ```
//!
//! Nothing here knows a command, a socket or a clock. Any bytes give frames or an error; every
//! length is checked before anything is kept for it, so that a hostile peer costs its own
//! connection and nothing else. Where it matters to clients, bytes are those of Redis 7.2.

mod double;
mod encode;
mod limits;
mod number;
mod reply;
mod request;
mod writer;

pub use double::{DoubleText, append_plain_double};
pub use encode::encode_command;
pub use limits::{Limits, ReplyLimits, Trust};
pub use number::parse_integer;
pub use reply::{ParsedReply, Replies, Reply, ReplyError, ReplyParser};
pub use request::{ArgRange, Command, Parsed, Parser, ProtocolError};
pub use writer::{Aggregate, Deferred, Protocol, Writer};
