//! What peers say to each other: closed messages and their codec.
//!
//! The messages are plain values; the codec writes them in a compact form drawn byte by byte in
//! `docs/formats/wire.md`. Decoders are total: any bytes give a message or an error, bounded in
//! memory and time. Sockets, storage and decisions are elsewhere.

pub mod shard;
