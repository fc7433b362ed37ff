//! Every message of one peer to another: a closed list.
//!
//! Invariant: each message has a kind of its own, whose number never means anything else, so that
//! traces and captures of any release can be read. What a message does is decided by whoever
//! takes it; the values that only replicas understand are in [`crate::shard`].

use causality::{Clock, HybridTime, Incarnation, Millis, NodeId};
use cells::OwnedOp;
use merkle::{Ask, Tell};

use crate::ids::{Challenge, ClockHash, ClusterId, Proof, RequestId, RootHash, ShardId};
use crate::shard::{
    Comparison, GroupsGiven, GroupsWanted, KeySum, LostVersion, Names, Reinstate, Repair, Sealing,
    StateCells, StateCellsWanted, StateOpened, StateSession, Summary,
};
use crate::version::ProtocolRange;

/// What one node says to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Opens a link, and proves that the sender knows the cluster's secret.
    Hello(Hello),
    /// Says that a request is not answered, and why.
    Refused {
        /// The request.
        request: RequestId,
        /// Why, for programs.
        reason: Reason,
        /// Why, for people; what exceeds [`TEXT_SIZE_MAX`] is cut off on sending.
        text: String,
    },
    /// News of membership and liveness, written by the gossip machine's own layout.
    Gossip(Box<[u8]>),
    /// A client's request, passed on to a node that can coordinate it.
    Forward {
        /// Names it.
        request: RequestId,
        /// The request, as the surfaces write it.
        bytes: Box<[u8]>,
    },
    /// The answer to [`Message::Forward`].
    Forwarded {
        /// The request.
        request: RequestId,
        /// The answer, as the surfaces write it.
        bytes: Box<[u8]>,
    },
    /// Operations to apply: live replication, or hints.
    Replicate {
        /// Their shard.
        shard: ShardId,
        /// Names the batch.
        request: RequestId,
        /// The operations.
        ops: Vec<OwnedOp>,
    },
    /// The answer to [`Message::Replicate`].
    Acknowledged {
        /// The shard.
        shard: ShardId,
        /// The batch.
        request: RequestId,
        /// What became of it.
        outcome: Outcome,
        /// Everything the sender has applied, when it is worth telling.
        clock: Option<Clock>,
    },
    /// Asks "are we equal?" for all shared shards at once.
    Beat {
        /// When.
        now: HybridTime,
        /// Expired versions are dropped up to here at the sender.
        horizon: Millis,
        /// The hash of the clocks of all shared shards.
        root: RootHash,
    },
    /// Details a beat whose root differed.
    BeatShards {
        /// The moment of the beat it details.
        now: HybridTime,
        /// One hash per shared shard, by shard.
        shards: Vec<ShardHash>,
    },
    /// Asks for the operations that the sender misses.
    Wanted {
        /// The shard.
        shard: ShardId,
        /// Names the question.
        request: RequestId,
        /// What the sender has.
        wanted: GroupsWanted,
    },
    /// Asks for the operations on some keys that the sender misses, ahead of all others; answered
    /// like [`Message::Wanted`].
    KeysWanted {
        /// The shard.
        shard: ShardId,
        /// Names the question.
        request: RequestId,
        /// What the receiver does about what it misses itself.
        repair: Repair,
        /// For how many milliseconds the sender waits.
        patience_ms: u64,
        /// The keys.
        keys: Vec<KeySum>,
        /// What the sender has.
        wanted: GroupsWanted,
    },
    /// The answer to [`Message::Wanted`].
    Given {
        /// The shard.
        shard: ShardId,
        /// The question.
        request: RequestId,
        /// What it misses.
        given: GroupsGiven,
    },
    /// Asks the receiver to freeze an image of its state.
    StateWanted {
        /// The shard.
        shard: ShardId,
        /// Names the question.
        request: RequestId,
        /// Expired versions are dropped up to here at the sender.
        horizon: Millis,
    },
    /// The answer to [`Message::StateWanted`].
    StateOpened {
        /// The shard.
        shard: ShardId,
        /// The question.
        request: RequestId,
        /// The image.
        opened: StateOpened,
    },
    /// Asks for cells of an image.
    CellsWanted {
        /// The shard.
        shard: ShardId,
        /// Names the question.
        request: RequestId,
        /// Which cells.
        wanted: StateCellsWanted,
    },
    /// The answer to [`Message::CellsWanted`].
    CellsGiven {
        /// The shard.
        shard: ShardId,
        /// The question.
        request: RequestId,
        /// The cells.
        cells: StateCells,
    },
    /// Says that an image is no longer needed.
    StateClosed {
        /// The shard.
        shard: ShardId,
        /// The image.
        session: StateSession,
    },
    /// A step of a walk over two hash trees.
    Ask {
        /// The shard.
        shard: ShardId,
        /// Names the question.
        request: RequestId,
        /// The image whose tree is asked.
        session: StateSession,
        /// The question.
        ask: Ask,
    },
    /// The answer to [`Message::Ask`].
    Tell {
        /// The shard.
        shard: ShardId,
        /// The question.
        request: RequestId,
        /// The image whose tree answers.
        session: StateSession,
        /// The answer.
        tell: Tell,
    },
    /// What the sender holds, for the receiver to compare with what it holds itself.
    Summary {
        /// The shard.
        shard: ShardId,
        /// Names the comparison.
        request: RequestId,
        /// What the sender holds.
        summary: Summary,
    },
    /// Gives back a version that the receiver has lost.
    Reinstate {
        /// The shard.
        shard: ShardId,
        /// Names the gift.
        request: RequestId,
        /// The version.
        reinstate: Reinstate,
    },
    /// Operations to keep for an owner that is absent, until they can be handed to it in a message
    /// of the same kind.
    Keep {
        /// Their shard.
        shard: ShardId,
        /// Names the batch; answered like [`Message::Replicate`].
        request: RequestId,
        /// The owner they are for.
        target: NodeId,
        /// The operations.
        ops: Vec<OwnedOp>,
    },
    /// Operations to apply and to pass on: one copy for the owners of a remote datacenter.
    Relay {
        /// Their shard.
        shard: ShardId,
        /// Names the batch; every owner answers the sender as if it had come directly.
        request: RequestId,
        /// Whom to pass it on to.
        targets: Vec<NodeId>,
        /// The operations.
        ops: Vec<OwnedOp>,
    },
    /// Operations to apply that a relay passes on.
    Relayed {
        /// Their shard.
        shard: ShardId,
        /// Names the batch.
        request: RequestId,
        /// Who waits for the answer, which is that of [`Message::Replicate`].
        origin: NodeId,
        /// The operations.
        ops: Vec<OwnedOp>,
    },
    /// A step of retiring an actor.
    Sealing {
        /// The shard.
        shard: ShardId,
        /// Names the step.
        request: RequestId,
        /// The step.
        sealing: Sealing,
    },
    /// Asks for something that the receiver knows about itself, for people to see. Drivers speak
    /// this; it changes nothing.
    Describe {
        /// Names the question.
        request: RequestId,
        /// The question, as the surfaces write it.
        bytes: Box<[u8]>,
    },
    /// The answer to [`Message::Describe`].
    Described {
        /// The question.
        request: RequestId,
        /// The answer, as the surfaces write it.
        bytes: Box<[u8]>,
    },
    /// The answer to [`Message::Summary`].
    Compared {
        /// The shard.
        shard: ShardId,
        /// The comparison.
        request: RequestId,
        /// How the receiver's replica compares with the summary.
        comparison: Comparison,
    },
    /// The answer to [`Message::CellsWanted`] when no image was asked but the replica as it is.
    Names {
        /// The shard.
        shard: ShardId,
        /// The question.
        request: RequestId,
        /// What is live there.
        names: Names,
    },
    /// Asks for versions that the sender has lost; each comes back as [`Message::Reinstate`].
    Lost {
        /// The shard.
        shard: ShardId,
        /// Names the question.
        request: RequestId,
        /// The versions.
        versions: Vec<LostVersion>,
    },
}

/// The first words on a link, from both sides. Each sends its challenge, and again with the
/// answer once it has heard the other's. Its layout is the same in all protocol versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What the sender speaks.
    pub versions: ProtocolRange,
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// Who it is.
    pub node: NodeId,
    /// Which of its lives this is.
    pub incarnation: Incarnation,
    /// What the receiver has to answer.
    pub challenge: Challenge,
    /// The answer to the receiver's challenge; 0 before that was heard.
    pub proof: Proof,
}

/// The hash of one shard's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardHash {
    /// The shard.
    pub shard: ShardId,
    /// The hash.
    pub hash: ClockHash,
}

/// What became of a batch of operations. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// All of it is applied, as durably as the sender's policy promises.
    Applied = 0,
    /// Nothing of it is promised: the sender has too much to do.
    Busy = 1,
    /// Some of it can never be applied here.
    Refused = 2,
}

/// Why a request is not answered. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// There is no common protocol version.
    Version = 0,
    /// The sender is of another cluster, or does not know the secret.
    Cluster = 1,
    /// Too much to do; try again later.
    Busy = 2,
    /// The shard has no replica here.
    NotOwner = 3,
    /// The replica takes over state and cannot be a source yet.
    Fetching = 4,
    /// The replica is damaged and cannot be a source until it is repaired.
    Damaged = 5,
    /// The image is not, or no longer, held here.
    NoSession = 6,
    /// The request makes no sense.
    Invalid = 7,
    /// The node is about to stop.
    Closing = 8,
}

/// The bytes of text that a refusal carries at most.
pub const TEXT_SIZE_MAX: usize = 1024;

/// The number of a message's layout in a frame. Never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is described by the message of the same name")]
pub enum Kind {
    Hello = 1,
    Refused = 2,
    Gossip = 3,
    Forward = 4,
    Forwarded = 5,
    Replicate = 6,
    Acknowledged = 7,
    Beat = 8,
    BeatShards = 9,
    Wanted = 10,
    Given = 11,
    StateWanted = 12,
    StateOpened = 13,
    CellsWanted = 14,
    CellsGiven = 15,
    StateClosed = 16,
    Ask = 17,
    Tell = 18,
    Summary = 19,
    Reinstate = 20,
    Sealing = 21,
    Keep = 22,
    Describe = 23,
    Described = 24,
    Compared = 25,
    Names = 26,
    Lost = 27,
    KeysWanted = 28,
    Relay = 29,
    Relayed = 30,
}

impl Message {
    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Hello(_) => Kind::Hello,
            Self::Refused { .. } => Kind::Refused,
            Self::Gossip(_) => Kind::Gossip,
            Self::Forward { .. } => Kind::Forward,
            Self::Forwarded { .. } => Kind::Forwarded,
            Self::Replicate { .. } => Kind::Replicate,
            Self::Acknowledged { .. } => Kind::Acknowledged,
            Self::Beat { .. } => Kind::Beat,
            Self::BeatShards { .. } => Kind::BeatShards,
            Self::Wanted { .. } => Kind::Wanted,
            Self::Given { .. } => Kind::Given,
            Self::StateWanted { .. } => Kind::StateWanted,
            Self::StateOpened { .. } => Kind::StateOpened,
            Self::CellsWanted { .. } => Kind::CellsWanted,
            Self::CellsGiven { .. } => Kind::CellsGiven,
            Self::StateClosed { .. } => Kind::StateClosed,
            Self::Ask { .. } => Kind::Ask,
            Self::Tell { .. } => Kind::Tell,
            Self::Summary { .. } => Kind::Summary,
            Self::Reinstate { .. } => Kind::Reinstate,
            Self::Sealing { .. } => Kind::Sealing,
            Self::Keep { .. } => Kind::Keep,
            Self::Describe { .. } => Kind::Describe,
            Self::Described { .. } => Kind::Described,
            Self::Compared { .. } => Kind::Compared,
            Self::Names { .. } => Kind::Names,
            Self::Lost { .. } => Kind::Lost,
            Self::KeysWanted { .. } => Kind::KeysWanted,
            Self::Relay { .. } => Kind::Relay,
            Self::Relayed { .. } => Kind::Relayed,
        }
    }
}

impl Outcome {
    /// Every outcome, by number.
    pub const ALL: [Self; 3] = [Self::Applied, Self::Busy, Self::Refused];
}

impl Reason {
    /// Every reason, by number.
    pub const ALL: [Self; 9] = [
        Self::Version,
        Self::Cluster,
        Self::Busy,
        Self::NotOwner,
        Self::Fetching,
        Self::Damaged,
        Self::NoSession,
        Self::Invalid,
        Self::Closing,
    ];
}

impl Kind {
    /// Every kind, by number; the first is 1.
    pub const ALL: [Self; 30] = [
        Self::Hello,
        Self::Refused,
        Self::Gossip,
        Self::Forward,
        Self::Forwarded,
        Self::Replicate,
        Self::Acknowledged,
        Self::Beat,
        Self::BeatShards,
        Self::Wanted,
        Self::Given,
        Self::StateWanted,
        Self::StateOpened,
        Self::CellsWanted,
        Self::CellsGiven,
        Self::StateClosed,
        Self::Ask,
        Self::Tell,
        Self::Summary,
        Self::Reinstate,
        Self::Sealing,
        Self::Keep,
        Self::Describe,
        Self::Described,
        Self::Compared,
        Self::Names,
        Self::Lost,
        Self::KeysWanted,
        Self::Relay,
        Self::Relayed,
    ];

    /// Returns the kind of a number.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests;
