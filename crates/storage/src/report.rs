//! What opening a store found, for the owner to act on.
//!
//! Rules for the owner: after a cut, a lost tail or an unclean end of a policy weaker than `Always`
//! it must not mint with its old actors ([`Report::must_reincarnate`]); shards affected by damage
//! that no checkpoint covers must be quarantined and fetched from peers; for damage that a
//! checkpoint covers only log entries are lost, so the shard cannot serve them to peers any more.

/// Everything unusual about an opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The directory was empty.
    pub is_new: bool,
    /// The last run ended with `close`, and nothing changed since.
    pub is_clean: bool,
    /// Half written bytes at the end of the log, which were never acknowledged, were cut off.
    pub cut: Option<Cut>,
    /// The log ends before a point that is known to have been durable.
    pub is_tail_lost: bool,
    /// The directory is older than its identity says: a backup was restored, or a volume cloned.
    pub is_restored: bool,
    /// The last run did not end with `close`, and it acknowledged before it flushed.
    pub is_unclean_and_weak: bool,
    /// The identity itself was damaged or missing; counters that were reserved are not known.
    pub is_identity_lost: bool,
    /// Bytes that were durable and are not sound any more.
    pub damage: Vec<Damage>,
    /// One of two copies of a small file was damaged; nothing is lost.
    pub healed: Vec<String>,
}

/// The torn end of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file that was cut.
    pub file: String,
    /// Where.
    pub at: u64,
    /// How much was cut off.
    pub bytes: u64,
    /// How many sound records, never acknowledged as durable, stood behind the tear.
    pub records: u64,
}

/// One damaged place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which bytes of which file, for people.
    pub what: String,
    /// Whose data may be gone.
    pub affected: Affected,
    /// A checkpoint has the effects of what was lost; only log entries are gone.
    pub is_covered: bool,
}

/// Whose data a damage may have destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affected {
    /// It cannot be told: any shard.
    All,
    /// Exactly these shards; none when nothing of worth was there.
    Shards(Vec<u16>),
}

impl Damage {
    /// Says whether rows of some shard may be wrong, so that it must be quarantined.
    #[must_use]
    pub fn loses_rows(&self) -> bool {
        let is_nobody = matches!(&self.affected, Affected::Shards(shards) if shards.is_empty());
        !self.is_covered && !is_nobody
    }
}

impl Report {
    /// Says whether the owner must not use its old actors to mint: operations that they minted may
    /// be missing here.
    #[must_use]
    pub fn must_reincarnate(&self) -> bool {
        self.cut.is_some()
            || self.is_tail_lost
            || self.is_restored
            || self.is_unclean_and_weak
            || self.is_identity_lost
            || self.damage.iter().any(Damage::loses_rows)
    }
}
