//! What peers say to each other: closed messages and their codec.
//!
//! The messages are plain values; the codec writes them in a compact form drawn byte by byte in
//! `docs/formats/wire.md`. Decoders are total: any bytes give a message or an error, bounded in
//! memory and time. Sockets, storage and decisions are elsewhere.
//!
//! ```
//! use wire::{Decoder, Encoder, FrameLimit, Message, ProtocolVersion, Scan, scan};
//!
//! let limit = FrameLimit::default();
//! let mut encoder = Encoder::new(ProtocolVersion::CURRENT, limit);
//! let news = Message::Gossip(Box::from(*b"news"));
//! let mut stream = Vec::new();
//! encoder.message(&news, &mut stream)?;
//!
//! let mut decoder = Decoder::new();
//! let Scan::Complete { frame, size } = scan(&stream, limit)? else { panic!("all is there") };
//! assert_eq!(decoder.message(&frame)?, news);
//! assert_eq!(size, stream.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod frame;
mod ids;
mod layout;
mod link;
mod message;
mod news;
pub mod shard;
mod version;

pub use frame::{Frame, FrameLimit, HEADER_SIZE, Scan, TooLong, WireError, scan};
pub use ids::{Challenge, ClockHash, ClusterId, Proof, RequestId, RootHash, ShardId};
pub use link::{Batch, Decoder, Encoder};
pub use message::{Hello, Kind, Message, Outcome, Reason, ShardHash, TEXT_SIZE_MAX};
pub use news::{Contact, NEWS_SIZE_MAX, News, Roster, RosterHash, ShardReport, Standing};
pub use shard::Repair;
pub use version::{ProtocolRange, ProtocolVersion, VersionError};
