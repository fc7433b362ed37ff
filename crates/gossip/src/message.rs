//! What gossiping nodes say to each other: closed enums and an estimate of their size.
//!
//! One exchange, started by A; nothing but hashes travels while two nodes agree:
//!
//! ```text
//!   A                                    B
//!   | -- Syn { hash } -----------------> |   equal: done, O(1) bytes
//!   | <- Syn { hash, page } ------------ |   different: B lists what it holds
//!   | -- SynAck { deltas, wanted } ----> |   A gives what B lacks, asks for what A lacks
//!   | <- Ack { deltas } ---------------- |
//! ```
//!
//! The estimates assume fixed-width integers; a codec with shorter ones only sends less.
//! Leaves encoding to others.

use std::sync::Arc;

use crate::ids::{
    ClusterHash, Generation, Heartbeat, Identity, Incarnation, NodeId, ProbeId, StateHash, Version,
};

/// Accusers named by one suspicion at most.
pub const ACCUSER_COUNT_MAX: usize = 8;

const IDENTITY_BYTES: usize = 4 + 8;
pub(crate) const HEADER_BYTES: usize = 8 + IDENTITY_BYTES + 8 + 8 + 2 + 1;
/// Hash, counts and range of the largest body, its lists taken off.
pub(crate) const BODY_FIXED_BYTES_MAX: usize = 32;
pub(crate) const DIGEST_BYTES: usize = IDENTITY_BYTES + 8 + 8;
pub(crate) const DELTA_FIXED_BYTES: usize = IDENTITY_BYTES + 1 + 4 * 8 + 2;
/// Two lengths, a version, and whether there is a value.
pub(crate) const ENTRY_FIXED_BYTES: usize = 2 + 4 + 8 + 1;
const RUMOR_FIXED_BYTES: usize = IDENTITY_BYTES + 8 + 1 + 8;
pub(crate) const RUMOR_BYTES_MAX: usize = RUMOR_FIXED_BYTES + 4 * ACCUSER_COUNT_MAX;

/// A short name in a node's own map.
pub type Key = Arc<str>;

/// Opaque bytes; gossip never looks inside.
pub type Value = Arc<[u8]>;

/// One message, from one node to one other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The cluster of the sender.
    pub cluster: ClusterHash,
    /// The sender.
    pub sender: Identity,
    /// The sender's incarnation: every message refutes older claims about it.
    pub incarnation: Incarnation,
    /// The sender's rounds so far: every message is evidence of life.
    pub heartbeat: Heartbeat,
    /// News about liveness, carried along.
    pub rumors: Vec<Rumor>,
    /// What the message is for.
    pub body: Body,
}

/// What a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Opens an exchange, or answers an opening whose hash differed.
    Syn {
        /// The hash of all the sender holds.
        hash: StateHash,
        /// What the sender holds; only when the hashes are known to differ.
        page: Option<Page>,
    },
    /// Answers a page.
    SynAck {
        /// What the receiver lacked.
        deltas: Vec<Delta>,
        /// Where the sender is behind the page, with its own positions.
        wanted: Vec<Digest>,
    },
    /// Answers the wanted digests.
    Ack {
        /// What the receiver asked for.
        deltas: Vec<Delta>,
    },
    /// Asks for a sign of life.
    Ping {
        /// To be repeated in the answer.
        probe: ProbeId,
    },
    /// The sign of life.
    Pong {
        /// Of the ping.
        probe: ProbeId,
    },
    /// Asks to ping somebody else.
    Relay {
        /// To be repeated in the answer.
        probe: ProbeId,
        /// Whom to ping.
        target: NodeId,
    },
    /// Answers a relay: the target gave a sign of life.
    Relayed {
        /// Of the relay.
        probe: ProbeId,
        /// Who answered.
        target: Identity,
        /// The target's incarnation.
        incarnation: Incarnation,
        /// The target's rounds.
        heartbeat: Heartbeat,
    },
    /// Answers a relay: no sign of life in time, but the relay itself is well.
    Unreached {
        /// Of the relay.
        probe: ProbeId,
    },
    /// Nothing but the rumours; tells a node what is claimed of it, so that it can refute.
    Notice,
}

/// How far somebody is with one node's map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Whose map, in which generation.
    pub identity: Identity,
    /// Complete up to here.
    pub version: Version,
    /// Knows all deletions up to here, even those that are forgotten by now.
    pub floor: Version,
}

/// Some of a node's digests: a full range of ids, and the freshest of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most one for a node.
    pub digests: Vec<Digest>,
    /// The first id of the range in which *every* record of the sender is listed.
    pub first: NodeId,
    /// The last id of the range; before `first` when the range wraps around.
    pub last: NodeId,
}

impl Page {
    /// Whether a record that is not listed is a record that the sender does not hold.
    #[must_use]
    pub fn covers(&self, node: NodeId) -> bool {
        if self.first <= self.last {
            self.first <= node && node <= self.last
        } else {
            node >= self.first || node <= self.last
        }
    }
}

/// A run of writes of one node's map, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Whose map, in which generation.
    pub identity: Identity,
    /// Whether this continues what the receiver holds.
    pub start: Start,
    /// The receiver is complete up to here afterwards.
    pub through: Version,
    /// The version of the sender; above `through` when the delta was cut to fit the message.
    pub latest: Version,
    /// The owner has forgotten its deletions up to here.
    pub floor: Version,
    /// All that was written after the base and up to `through`, in order of version.
    pub entries: Vec<Entry>,
}

/// Where a delta begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Right after this version, which the receiver must have reached.
    After(Version),
    /// From nothing: the receiver may hold what was deleted and forgotten since.
    Afresh,
}

/// One key of a node's map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub key: Key,
    /// When, in the owner's count of writes.
    pub version: Version,
    /// The bytes; nothing when the key was deleted.
    pub value: Option<Value>,
}

/// A claim about the liveness of one node, passed on for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rumor {
    /// About whom.
    pub subject: Identity,
    /// About which incarnation of it; a claim about a later one wins.
    pub incarnation: Incarnation,
    /// What is claimed.
    pub claim: Claim,
}

/// What is claimed of a node; at equal incarnations the later variant wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// By the node itself: it runs.
    Alive {
        /// Its rounds so far.
        heartbeat: Heartbeat,
    },
    /// It did not answer.
    Suspect {
        /// To whom; at most [`ACCUSER_COUNT_MAX`], in order of id.
        accusers: Vec<NodeId>,
    },
    /// It did not refute in time.
    Down,
}

impl Message {
    /// Bytes this message takes at most, its transport's framing apart.
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        HEADER_BYTES + sum(&self.rumors, Rumor::size_estimate) + self.body.size_estimate()
    }
}

impl Body {
    /// Bytes this body takes at most.
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        match self {
            Self::Syn { page: None, .. } => 8 + 1,
            Self::Syn { page: Some(page), .. } => {
                8 + 1 + 4 + 4 + 4 + page.digests.len() * DIGEST_BYTES
            }
            Self::SynAck { deltas, wanted } => {
                4 + 4 + sum(deltas, Delta::size_estimate) + wanted.len() * DIGEST_BYTES
            }
            Self::Ack { deltas } => 4 + sum(deltas, Delta::size_estimate),
            Self::Ping { .. } | Self::Pong { .. } | Self::Unreached { .. } => 8,
            Self::Relay { .. } => 8 + 4,
            Self::Relayed { .. } => 8 + IDENTITY_BYTES + 8 + 8,
            Self::Notice => 0,
        }
    }
}

impl Delta {
    /// Bytes this delta takes at most.
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        DELTA_FIXED_BYTES + sum(&self.entries, Entry::size_estimate)
    }
}

impl Entry {
    /// Bytes this entry takes at most.
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        ENTRY_FIXED_BYTES + self.key.len() + self.value.as_ref().map_or(0, |value| value.len())
    }
}

impl Rumor {
    /// Bytes this rumour takes at most.
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        let accusers = match &self.claim {
            Claim::Suspect { accusers } => 4 * accusers.len(),
            Claim::Alive { .. } | Claim::Down => 0,
        };
        RUMOR_FIXED_BYTES + accusers
    }
}

impl Digest {
    /// The position of somebody who holds nothing of this generation.
    pub(crate) const fn nothing(node: NodeId, generation: Generation) -> Self {
        let identity = Identity { node, generation };
        Self { identity, version: Version(0), floor: Version(0) }
    }
}

fn sum<T>(items: &[T], size: impl Fn(&T) -> usize) -> usize {
    items.iter().map(size).sum()
}
