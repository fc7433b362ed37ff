//! Known-wrong variants of the rules, each behind a switch that only the test suite can set.
//!
//! A rule that no test can break is not known to be tested. Without the feature `mutation`
//! [`Replica::is_mutated`] is constantly false and the variants are not compiled in.

use cells::{Cell, Effect};

#[cfg(feature = "mutation")]
use cells::{CellAddress, Version};

use crate::replica::Replica;

/// One wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "mutation"),
    expect(dead_code, unreachable_pub, reason = "set by the suite only")
)]
pub enum Mutation {
    /// Dots that a context names count as applied (as in bigset, section 6.5.2).
    ContextCountsAsApplied,
    /// Dots superseded before they come are not remembered.
    GoneForgotten,
    /// A version declared dead needs no evidence.
    DeadNeedsNoEvidence,
    /// Missing log entries are taken for superseded ones.
    TruncatedMeansSuperseded,
    /// The clock is joined when a session ends, not with each group.
    ClockJoinedAtEnd,
    /// A session marks everything its source had as applied, also when it was cut short.
    ClockJoinedUnseen,
    /// The loser of last-writer-wins is dropped when it is overtaken.
    LoserDropped,
    /// Clears hide what is there and are forgotten, whatever still comes.
    ClearForgotten,
    /// Clears are shipped after what they cover.
    ClearsLast,
    /// Expired versions are dropped by the local clock, without moving the horizon.
    ExpiredDroppedEarly,
    /// Taken-over state ignores the clears known here.
    JoinIgnoresClears,
    /// Taken-over state ignores what is known to be gone here.
    JoinIgnoresGone,
    /// Taken-over state leaves the floors as they were.
    FloorsNotRaised,
    /// An image shows rows as they are now.
    ImageNotFrozen,
    /// A source gives its state without verifying it.
    SourceUnverified,
    /// A version is given back whoever offers it.
    ReinstatedUnproven,
    /// A frozen actor's new dots are still accepted.
    FreezeIgnored,
    /// An actor is sealed before everyone has all it minted.
    SealedIncomplete,
    /// A restarted node goes on counting where its surviving log ends.
    DotReused,
    /// Clocks are cut by when operations arrived, not by when they were minted.
    CutByArrival,
    /// What is held around a key is said to be equal without being compared.
    KeysEqualUnseen,
    /// The clears that hit a key are left out of what is given for it.
    KeysWithoutClears,
}

#[cfg(feature = "mutation")]
impl Mutation {
    /// Every wrong rule.
    pub const ALL: [Self; 22] = [
        Self::ContextCountsAsApplied,
        Self::GoneForgotten,
        Self::DeadNeedsNoEvidence,
        Self::TruncatedMeansSuperseded,
        Self::ClockJoinedAtEnd,
        Self::ClockJoinedUnseen,
        Self::LoserDropped,
        Self::ClearForgotten,
        Self::ClearsLast,
        Self::ExpiredDroppedEarly,
        Self::JoinIgnoresClears,
        Self::JoinIgnoresGone,
        Self::FloorsNotRaised,
        Self::ImageNotFrozen,
        Self::SourceUnverified,
        Self::ReinstatedUnproven,
        Self::FreezeIgnored,
        Self::SealedIncomplete,
        Self::DotReused,
        Self::CutByArrival,
        Self::KeysEqualUnseen,
        Self::KeysWithoutClears,
    ];
}

#[cfg(feature = "mutation")]
impl Replica {
    /// Breaks one rule.
    pub const fn mutate(&mut self, mutation: Option<Mutation>) {
        self.mutation = mutation;
    }

    /// Replaces the clock: several wrong rules are wrong about nothing else.
    pub fn overwrite_clock(&mut self, clock: causality::Clock) {
        self.state.applied = clock;
    }

    pub(crate) fn is_mutated(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Breaks what an operation does to its cell.
    pub(crate) fn mutate_effect<'a>(&self, cell: &mut Cell<'a>, effect: &mut Effect<'a>) {
        if self.is_mutated(Mutation::GoneForgotten) {
            cell.gone.clear();
        }
        let Some(winner) = cell.winner().map(|winner| winner.dot) else { return };
        if self.is_mutated(Mutation::LoserDropped) {
            let came = effect.inserted.map(|inserted| inserted.dot);
            let is_old_loser = |v: &&Version<'_>| v.dot != winner && Some(v.dot) != came;
            effect.dropped.extend(cell.live.iter().filter(is_old_loser).copied());
            cell.live.retain(|version| version.dot == winner);
            effect.inserted = effect.inserted.filter(|inserted| inserted.dot == winner);
        }
    }
}

#[cfg(not(feature = "mutation"))]
#[expect(clippy::unused_self, reason = "the same calls as with the feature")]
impl Replica {
    #[inline]
    pub(crate) const fn is_mutated(&self, _mutation: Mutation) -> bool {
        false
    }

    #[inline]
    pub(crate) const fn mutate_effect<'a>(&self, _: &mut Cell<'a>, _: &mut Effect<'a>) {}
}

#[cfg(feature = "mutation")]
impl Replica {
    /// Loses a live version with everything that tells of it, as no rule allows: only a comparison
    /// with another replica can find that.
    pub fn lose_unnoticed<S: storage::Store>(
        &mut self,
        store: &mut S,
        address: CellAddress<'_>,
        dot: causality::Dot,
    ) {
        let held = self.read_row(store, address).expect("a store in memory");
        let old = crate::format::decode_cell(&held).expect("the row was written whole");
        let mut new = old.clone();
        new.take(dot).expect("the version is live");
        self.replace_cell(store, address, &old, &new).expect("a store in memory");
    }
}

/// Damages a row behind its replica's back: a live version is no longer there.
#[cfg(feature = "mutation")]
pub fn lose_version<S: storage::Store>(
    store: &mut S,
    shard: u16,
    address: CellAddress<'_>,
    dot: causality::Dot,
) {
    let mut group = Vec::new();
    crate::rows::put_group(address.key, &mut group);
    let at = storage::Row { shard, group: &group, column: address.column };
    let held = store.get(at).expect("a store in memory").expect("the row is there").to_vec();
    let mut cell = crate::format::decode_cell(&held).expect("the row was written whole");
    cell.take(dot).expect("the version is live");
    let mut row = Vec::new();
    crate::format::encode_cell(&cell, &mut row);
    store.put(at, &row).expect("a store in memory");
}

/// Damages a row behind its replica's back: it makes no sense any more.
#[cfg(feature = "mutation")]
pub fn garble<S: storage::Store>(store: &mut S, shard: u16, address: CellAddress<'_>) {
    let mut group = Vec::new();
    crate::rows::put_group(address.key, &mut group);
    let at = storage::Row { shard, group: &group, column: address.column };
    store.put(at, &[0xff]).expect("a store in memory");
}
