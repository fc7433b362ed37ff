//! One member of the cluster: which node, in which of its lives, how far on its way in or out.
//!
//! Two reports of one member merge to the one that takes precedence. The order is total, so that
//! merging is commutative, associative and idempotent, whatever was reported.

use std::fmt;

/// A node as a member of the cluster: the number of its node id. Given at join, never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u32);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// Which life of a node: the number of its incarnation. It only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u32);

/// How much a member owns, relative to the others of its datacenter.
///
/// A member of weight zero owns nothing. Scores keep their full resolution up to about 65,536.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(pub u32);

impl Default for Weight {
    /// 100: lighter and heavier can both be said.
    fn default() -> Self {
        Self(100)
    }
}

/// How far a member is on its way through the cluster; within one incarnation it only advances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberState {
    /// It will own shards, and is fetching them.
    Joining,
    /// It owns shards.
    Active,
    /// It owns shards still, and will own none.
    Leaving,
    /// It is out for good; its id is never used again.
    Removed,
}

impl MemberState {
    /// Returns the number of the state in hashes and formats; it never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Joining => 1,
            Self::Active => 2,
            Self::Leaving => 3,
            Self::Removed => 4,
        }
    }

    /// Returns the state with a code, if there is one.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Joining),
            2 => Some(Self::Active),
            3 => Some(Self::Leaving),
            4 => Some(Self::Removed),
            _ => None,
        }
    }

    /// Whether such a member owns shards today.
    #[must_use]
    pub const fn owns_now(self) -> bool {
        matches!(self, Self::Active | Self::Leaving)
    }

    /// Whether such a member owns shards once everybody under way has arrived.
    #[must_use]
    pub const fn owns_in_future(self) -> bool {
        matches!(self, Self::Joining | Self::Active)
    }
}

/// What the cluster knows of one member. Where it listens is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which node.
    pub id: MemberId,
    /// Which of its lives.
    pub incarnation: Incarnation,
    /// How far it is on its way.
    pub state: MemberState,
    /// The datacenter it stands in.
    pub datacenter: String,
    /// The rack it stands in; rack names count within one datacenter.
    pub rack: String,
    /// How much it owns, relative to others.
    pub weight: Weight,
}

impl Member {
    /// Whether this report replaces `other`, a report of the same member.
    ///
    /// Removal absorbs everything. Then the newer incarnation counts, then the later state. Where
    /// a node stands and what it weighs is settled per incarnation; should two reports of one
    /// incarnation differ in that, the greater wins: for no better reason than that all agree.
    #[must_use]
    pub fn takes_precedence_over(&self, other: &Self) -> bool {
        self.precedence() > other.precedence()
    }

    fn precedence(&self) -> impl Ord + '_ {
        let is_removed = self.state == MemberState::Removed;
        (is_removed, self.incarnation, self.state, self.weight, &self.datacenter, &self.rack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_there_and_back() {
        let states = (0..=u8::MAX).filter_map(MemberState::from_code).collect::<Vec<_>>();
        assert_eq!(states.len(), 4);
        assert!(states.is_sorted());
        assert!(states.iter().all(|state| MemberState::from_code(state.code()) == Some(*state)));
    }

    #[test]
    fn removal_absorbs_then_incarnation_counts_then_state() {
        let member = |incarnation, state| Member {
            id: MemberId(1),
            incarnation: Incarnation(incarnation),
            state,
            datacenter: "a".to_owned(),
            rack: "r".to_owned(),
            weight: Weight::default(),
        };
        let ascending = [
            member(1, MemberState::Joining),
            member(1, MemberState::Active),
            member(1, MemberState::Leaving),
            member(2, MemberState::Joining),
            member(9, MemberState::Active),
            member(1, MemberState::Removed),
            member(2, MemberState::Removed),
        ];
        for (low, one) in ascending.iter().enumerate() {
            for (high, other) in ascending.iter().enumerate() {
                assert_eq!(other.takes_precedence_over(one), high > low, "{one:?} {other:?}");
            }
        }
    }
}
