//! What two replicas of one shard say to each other.

use causality::{Actor, Clock, Counters, Dot, Dots, HybridTime, Millis, Sealed};
use cells::{KeyAddress, Keyspace, OwnedBody, OwnedCellAddress};

/// Asks a replica for the operations that the sender misses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsWanted {
    /// What the sender has applied, retired actors apart.
    pub applied: Clock,
    /// What it has applied of retired actors.
    pub sealed: SealedPart,
    /// Expired versions are dropped up to here at the sender.
    pub horizon: Millis,
    /// Roughly how many bytes the answer may take.
    pub budget: u32,
}

/// What a replica knows of retired actors: usually the same as its peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealedPart {
    /// Its hash.
    Hash(u64),
    /// All of it.
    Whole(Sealed),
}

/// A key of which a reader wants to know everything, and what it holds around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySum {
    /// The keyspace.
    pub keyspace: Keyspace,
    /// The key; not empty.
    pub key: Box<[u8]>,
    /// How deep in the hash tree the sum was taken.
    pub depth: u8,
    /// The sum over the live versions of the key and of its neighbours in the tree.
    pub digest: u128,
}

impl KeySum {
    /// Returns the key.
    #[must_use]
    pub const fn address(&self) -> KeyAddress<'_> {
        KeyAddress { keyspace: self.keyspace, key: &self.key }
    }
}

/// What an owner does that a read finds behind. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Repair {
    /// Nothing.
    No = 0,
    /// It answers, and then takes what it misses of the keys from whoever asked.
    Later = 1,
    /// It takes that first, and then answers.
    First = 2,
}

impl Repair {
    /// Every choice, by number.
    pub const ALL: [Self; 3] = [Self::No, Self::Later, Self::First];
}

/// The answer to [`GroupsWanted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupsGiven {
    /// Operations, grouped by cell; clears come first.
    Groups {
        /// One group per cell; each holds every missing operation on its cell.
        groups: Vec<Group>,
        /// Are there more than the budget allowed?
        rest: Rest,
        /// Expired versions are dropped up to here at the sender.
        horizon: Millis,
        /// The sender's retired actors, when the receiver's differ.
        sealed: Option<Sealed>,
    },
    /// The log no longer holds what is missing: exchange state instead.
    StateNeeded,
    /// What the two know of retired actors differs: ask again with the whole.
    SealedNeeded,
}

/// Whether an answer was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Everything missing was sent.
    Nothing,
    /// Ask again: the answer was cut at the budget.
    More,
}

/// Every operation on one cell that the receiver misses: it is applied as one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The cell.
    pub cell: OwnedCellAddress,
    /// The operations, ascending by dot.
    pub members: Vec<Member>,
}

/// One operation of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub dot: Dot,
    /// When it was minted.
    pub time: HybridTime,
    /// What it supersedes.
    pub removed: Dots,
    /// What it does; `Dead` when the version it inserted is no longer live at the sender.
    pub body: OwnedBody,
}

/// What two replicas compare to know whether they are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Everything applied, retired actors included.
    pub clock: Clock,
    /// Expired versions are dropped up to here.
    pub horizon: Millis,
    /// The sum over all live versions.
    pub digest: u128,
    /// How many live versions there are.
    pub element_count: u64,
}

/// How a replica compares with another one's [`Summary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The clocks, the horizons and the rows are equal.
    Equal,
    /// They are, but this replica knows that it has lost rows: what both have lost nobody sees.
    EqualWithLosses,
    /// The clocks or the horizons differ, which says nothing about the rows.
    Apart {
        /// Expired versions are dropped up to here at the answering replica.
        horizon: Millis,
    },
    /// Clocks and horizons are equal and the rows are not: one of the two has lost some.
    Different,
    /// The replica cannot say: it takes over state, or is damaged, or is not there.
    Unable,
}

/// What is live in a range of a replica as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Everything applied when the cells were read, retired actors included.
    pub clock: Clock,
    /// Expired versions are dropped up to here.
    pub horizon: Millis,
    /// Where to continue; nothing when the range is done.
    pub next: Option<OwnedCellAddress>,
    /// The cells, in the order of the store, without values.
    pub cells: Vec<StateCell>,
}

/// A version that somebody has lost: its dot is known there, its row is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostVersion {
    /// The cell.
    pub cell: OwnedCellAddress,
    /// The operation that inserted it.
    pub dot: Dot,
}

/// Names a state exchange at its source; 0 names no image but the replica as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateSession(pub u64);

impl StateSession {
    /// No image: the replica as it is.
    pub const PRESENT: Self = Self(0);
}

/// The source's answer to a request for its state: a frozen image is ready to be walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateOpened {
    /// How to name the image.
    pub session: StateSession,
    /// The clock of the image, retired actors apart.
    pub applied: Clock,
    /// The retired actors.
    pub sealed: Sealed,
    /// Expired versions are dropped up to here in the image.
    pub horizon: Millis,
    /// Clears that may still meet what they cover.
    pub clears: Vec<StateClear>,
    /// The sum over the image's live versions.
    pub digest: u128,
    /// How many there are.
    pub element_count: u64,
}

/// One outstanding clear of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateClear {
    /// The keyspace and key (empty: the whole keyspace); the column is the clear family's.
    pub cell: OwnedCellAddress,
    /// The operation.
    pub dot: Dot,
    /// What it hides.
    pub covered: Clock,
}

/// One cell of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateCell {
    /// The cell.
    pub cell: OwnedCellAddress,
    /// Its live versions.
    pub versions: Vec<StateVersion>,
    /// Dots superseded before they came.
    pub gone: Dots,
}

/// One live version of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateVersion {
    /// The operation that inserted it.
    pub dot: Dot,
    /// When.
    pub time: HybridTime,
    /// Until when it is there.
    pub expiry: Option<Millis>,
    /// The value; absent when only names were asked for.
    pub payload: Option<Box<[u8]>>,
}

/// Asks for cells of an image within an inclusive range of key hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateCellsWanted {
    /// The image.
    pub session: StateSession,
    /// The first key hash.
    pub first: u64,
    /// The last key hash.
    pub last: u64,
    /// Continue after this cell.
    pub after: Option<OwnedCellAddress>,
    /// With values, or only names?
    pub detail: Detail,
    /// Roughly how many bytes the answer may take.
    pub budget: u32,
}

/// How much of each version is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Dots, times and expiries.
    Names,
    /// Values too.
    Values,
}

/// The answer to [`StateCellsWanted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateCells {
    /// The image.
    pub session: StateSession,
    /// Its cells, in the source's order.
    pub cells: Vec<StateCell>,
    /// Where to continue; nothing when the range is done.
    pub next: Option<OwnedCellAddress>,
    /// The sum over the whole range, by the image's tree and not by its rows: the receiver sums
    /// what it was sent, so that a row lost under way is noticed.
    pub digest: u128,
}

/// Gives back a version that the receiver has lost: its clock has the dot, its rows do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reinstate {
    /// Everything the sender had applied when it read the version live.
    pub clock: Clock,
    /// The cell.
    pub cell: OwnedCellAddress,
    /// The version, with its value.
    pub version: StateVersion,
}

/// The steps by which all replicas of a shard agree what a retired actor has minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// Accept no more new dots of the actor, and say which you have.
    Freeze {
        /// Who retires.
        actor: Actor,
        /// Higher ballots override lower ones.
        ballot: u64,
    },
    /// The answer: frozen, with these.
    Frozen {
        /// Who retires.
        actor: Actor,
        /// The ballot answered.
        ballot: u64,
        /// The actor's dots applied here.
        counters: Counters,
    },
    /// Everyone is frozen; accept exactly these.
    Allow {
        /// Who retires.
        actor: Actor,
        /// The ballot.
        ballot: u64,
        /// The union of what all replicas have.
        counters: Counters,
    },
    /// The answer: everything allowed has been applied here.
    Complete {
        /// Who retires.
        actor: Actor,
        /// The ballot.
        ballot: u64,
    },
    /// Everyone is complete: the actor is sealed.
    Seal {
        /// Who retires.
        actor: Actor,
        /// All it ever minted that counts.
        counters: Counters,
    },
}
