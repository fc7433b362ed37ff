//! The view: who the members are, as a replicated set that merges from any side.
//!
//! Per member the report that takes precedence is kept, for ever: a removed member stays as the
//! proof that its id was used. Merging is commutative, associative and idempotent; two nodes with
//! equal view hashes hold equal members and compute equal placements.
//!
//! Left to others: who is alive (failure detection never changes a view), and when a view may be
//! acted upon.

use std::collections::{BTreeMap, btree_map::Entry};
use std::fmt;

use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

use crate::{Incarnation, Member, MemberId, MemberState, PlacementVersion};

/// The hash of everything in a view but its epoch; the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewHash(pub u64);

impl fmt::Display for ViewHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How often a view has changed, for people to read.
///
/// On one node it grows with every change. Two nodes may reach one view by different steps, and
/// different views at one epoch: compare views by [`ViewHash`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Whether something made a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Change {
    /// All of it was known.
    Nothing,
    /// The view is another one now.
    Changed,
}

/// Why a view refused a change; it is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The id belongs to a member, or belonged to one that was removed.
    #[error("{0} is or was a member: ids are not used again")]
    IdTaken(MemberId),
    /// There is no such member, or no longer.
    #[error("{0} is not a member")]
    NotAMember(MemberId),
    /// States only advance within an incarnation.
    #[error("{id} is {now:?} and cannot become {wanted:?}")]
    Backwards {
        /// The member.
        id: MemberId,
        /// Its state.
        now: MemberState,
        /// What was asked for.
        wanted: MemberState,
    },
    /// A new life of a node needs a higher incarnation than all before.
    #[error("{id} is at incarnation {}: {} is not newer", now.0, wanted.0)]
    OldIncarnation {
        /// The member.
        id: MemberId,
        /// Its incarnation.
        now: Incarnation,
        /// What was asked for.
        wanted: Incarnation,
    },
}

/// Who the members are, and which function places shards on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    members: BTreeMap<MemberId, Member>,
    placement_version: PlacementVersion,
    epoch: Epoch,
}

impl View {
    /// Restores a view from its parts; of two reports of one member the right one is kept.
    #[must_use]
    pub fn restore(
        members: impl IntoIterator<Item = Member>,
        placement_version: PlacementVersion,
        epoch: Epoch,
    ) -> Self {
        let mut view = Self { members: BTreeMap::new(), placement_version, epoch };
        for member in members {
            // Whether a report was kept does not matter here: nobody saw the view before.
            let _ = view.keep(member);
        }
        view
    }

    /// Takes over what `other` knows better.
    pub fn merge(&mut self, other: &Self) -> Change {
        let mut mine = Change::Nothing;
        for member in other.members.values() {
            if self.keep(member.clone()) == Change::Changed {
                mine = Change::Changed;
            }
        }
        if self.placement_version < other.placement_version {
            self.placement_version = other.placement_version;
            mine = Change::Changed;
        }
        let theirs = if self.is_same_as(other) { Change::Nothing } else { Change::Changed };
        self.epoch = self.epoch.after(mine).max(other.epoch.after(theirs));
        mine
    }

    /// Takes over one report, unless a report of the same member takes precedence.
    pub fn merge_member(&mut self, member: Member) -> Change {
        let change = self.keep(member);
        self.epoch = self.epoch.after(change);
        change
    }

    /// Adds a member.
    ///
    /// # Errors
    ///
    /// The id was used before.
    pub fn admit(&mut self, member: Member) -> Result<(), ViewError> {
        if self.members.contains_key(&member.id) {
            return Err(ViewError::IdTaken(member.id));
        }
        let _ = self.merge_member(member);
        Ok(())
    }

    /// Advances a member to a state, in its present incarnation.
    ///
    /// # Errors
    ///
    /// There is no such member, or it is further on.
    pub fn advance(&mut self, id: MemberId, state: MemberState) -> Result<Change, ViewError> {
        let member = self.members.get(&id).ok_or(ViewError::NotAMember(id))?;
        if state < member.state {
            return Err(ViewError::Backwards { id, now: member.state, wanted: state });
        }
        Ok(self.merge_member(Member { state, ..member.clone() }))
    }

    /// Gives a member a new incarnation. It keeps its state: a member that was leaving when it
    /// restarted is leaving still.
    ///
    /// # Errors
    ///
    /// There is no such member, it was removed, or the incarnation is not newer.
    pub fn reincarnate(&mut self, id: MemberId, wanted: Incarnation) -> Result<(), ViewError> {
        let member = self.get(id).filter(|member| member.state != MemberState::Removed);
        let member = member.ok_or(ViewError::NotAMember(id))?;
        if wanted <= member.incarnation {
            return Err(ViewError::OldIncarnation { id, now: member.incarnation, wanted });
        }
        let _ = self.merge_member(Member { incarnation: wanted, ..member.clone() });
        Ok(())
    }

    /// Moves on to a newer function of placement; an older one changes nothing.
    pub fn advance_placement(&mut self, version: PlacementVersion) -> Change {
        if version <= self.placement_version {
            return Change::Nothing;
        }
        self.placement_version = version;
        self.epoch = self.epoch.after(Change::Changed);
        Change::Changed
    }

    /// Returns what is known of a member, removed or not.
    #[must_use]
    pub fn get(&self, id: MemberId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// Returns all members that ever were, ascending by id.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    /// Returns which function places shards on the members.
    #[must_use]
    pub const fn placement_version(&self) -> PlacementVersion {
        self.placement_version
    }

    /// Returns how often the view has changed, for people to read.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the hash by which nodes know that they hold the same view.
    #[must_use]
    pub fn hash(&self) -> ViewHash {
        let mut hasher = Xxh3::new();
        hasher.update(b"view 1");
        hasher.update(&self.placement_version.0.to_le_bytes());
        for member in self.members.values() {
            hasher.update(&member.id.0.to_le_bytes());
            hasher.update(&member.incarnation.0.to_le_bytes());
            hasher.update(&[member.state.code()]);
            hasher.update(&member.weight.0.to_le_bytes());
            for label in [&member.datacenter, &member.rack] {
                // With the length in front no two lists of members are the same bytes.
                hasher.update(&(label.len() as u64).to_le_bytes());
                hasher.update(label.as_bytes());
            }
        }
        ViewHash(hasher.digest())
    }

    /// Returns the view once everybody under way has arrived: joining members are active,
    /// leaving members removed.
    #[must_use]
    pub fn settled(&self) -> Self {
        let mut settled = self.clone();
        for member in self.members.values() {
            let state = match member.state {
                MemberState::Joining => MemberState::Active,
                MemberState::Leaving => MemberState::Removed,
                MemberState::Active | MemberState::Removed => continue,
            };
            let _ = settled.merge_member(Member { state, ..member.clone() });
        }
        settled
    }

    fn keep(&mut self, member: Member) -> Change {
        match self.members.entry(member.id) {
            Entry::Vacant(place) => {
                place.insert(member);
                Change::Changed
            }
            Entry::Occupied(mut place) if member.takes_precedence_over(place.get()) => {
                place.insert(member);
                Change::Changed
            }
            Entry::Occupied(_) => Change::Nothing,
        }
    }

    /// Whether only the epochs may differ.
    fn is_same_as(&self, other: &Self) -> bool {
        self.placement_version == other.placement_version && self.members == other.members
    }
}

impl Epoch {
    /// A forged epoch stops at the end instead of starting anew.
    const fn after(self, change: Change) -> Self {
        match change {
            Change::Nothing => self,
            Change::Changed => Self(self.0.saturating_add(1)),
        }
    }
}
