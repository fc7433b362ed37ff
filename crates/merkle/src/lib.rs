//! An incremental hash tree over key-hash ranges, and the messages by which two trees find where
//! they differ.
//!
//! A tree sums the digests of all elements of a shard by ranges of their key hashes. A change
//! touches one leaf; equal roots prove equal contents in one comparison; unequal ones lead, in one
//! short exchange per level, to the leaves that differ. One side keeps a `Walk`, the other only
//! answers. The crate does not know what an element is, how it is hashed, or how a message is
//! written in bytes.

mod digest;
mod level;
mod message;
mod node;
mod rebuild;
mod tree;
mod walk;

pub use digest::{Digest, Fingerprint};
pub use message::{Ask, AskError, ChildSums, Tell, answer};
pub use node::{Depth, FANOUT, HashRange, NodeError, NodeRef};
pub use rebuild::{Rebuild, RebuildError};
pub use tree::{Leaf, LeavesError, Tree};
pub use walk::{TellError, Walk};
