//! What can be done with a sorted set.

use std::cmp::Ordering;

/// Which way through what has an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the least on.
    Rising,
    /// From the greatest down.
    Falling,
}

/// A score: never "not a number", so scores have an order. Both zeros are one.
#[derive(Clone, Copy, Debug)]
pub struct Score(f64);

/// One operation on a sorted set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZsetOperation {
    /// Gives members scores: `Integer` of what `counted` says.
    Add {
        /// Scores and members; of a member named twice, all count in turn.
        members: Vec<(Score, Vec<u8>)>,
        /// When to write at all.
        rule: ScoreRule,
        /// What is counted.
        counted: Counted,
    },
    /// Adds to a member's score: `Scores` of the new one; of nothing when the rule forbids.
    Increment {
        /// The member.
        member: Vec<u8>,
        /// How much.
        by: Score,
        /// When to write at all.
        rule: ScoreRule,
    },
    /// Removes members: `Integer` of those that were there.
    Remove {
        /// The members.
        members: Vec<Vec<u8>>,
    },
    /// Replaces whatever the key holds: `Integer` of members; none deletes the key.
    Replace {
        /// Scores and members, each once.
        members: Vec<(Score, Vec<u8>)>,
    },
    /// The score of each, or nothing: `Scores`.
    Scores {
        /// The members.
        members: Vec<Vec<u8>>,
    },
    /// `Integer`.
    Count,
    /// How many members a range has: `Integer`.
    CountIn {
        /// The range.
        range: ZsetRange,
    },
    /// How many members come before one: `Rank`, or `Nothing`.
    Rank {
        /// The member.
        member: Vec<u8>,
        /// From which end.
        order: Order,
    },
    /// The members of a range: `Scored`.
    Range {
        /// The range.
        range: ZsetRange,
        /// From which end; ranks count from there as well.
        order: Order,
        /// How many to pass over.
        skip: u64,
        /// How many to answer at most.
        limit: u64,
    },
    /// The members of several ranges of scores, range by range, each at most once: `Scored`.
    Ranges {
        /// Least and greatest score, both inclusive.
        ranges: Vec<(Score, Score)>,
    },
    /// Removes the members of a range: `Integer`.
    RemoveIn {
        /// The range.
        range: ZsetRange,
    },
    /// Takes members from an end: `Scored`.
    Pop {
        /// From which end.
        order: Order,
        /// How many at most.
        limit: u64,
    },
    /// Members at random: `Scored`.
    Pick {
        /// How many.
        pick: Pick,
    },
    /// Everything of a sorted set, or of a set with a score of 1 each: `Scored`.
    All,
}

/// Which members a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZsetRange {
    /// By rank, both inclusive; negative ones count from the other end.
    Rank {
        /// The first.
        start: i64,
        /// The last.
        stop: i64,
    },
    /// By score.
    Score {
        /// The least.
        min: Bound<Score>,
        /// The greatest.
        max: Bound<Score>,
    },
    /// By member, among members of one score.
    Lex {
        /// The least; nothing for no bound.
        min: LexBound,
        /// The greatest.
        max: LexBound,
    },
}

/// An end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound<T> {
    /// Up to this, with it.
    Included(T),
    /// Up to this, without it.
    Excluded(T),
}

/// An end of a range of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LexBound {
    /// Before every member.
    Lowest,
    /// Behind every member.
    Highest,
    /// At a member.
    At(Bound<Vec<u8>>),
}

/// When a score is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScoreRule {
    /// Whether the member must be there, or must not.
    pub presence: Presence,
    /// How the new score must compare to the one that is there.
    pub comparison: Comparison,
}

/// Whether a member must be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It does not matter.
    #[default]
    Any,
    /// It must be.
    Present,
    /// It must not be.
    Absent,
}

/// How a new score must compare to the one that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comparison {
    /// It does not matter.
    #[default]
    Any,
    /// It must be greater.
    Greater,
    /// It must be less.
    Less,
}

/// What adding counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Members that were not there.
    New,
    /// Those, and members whose score has changed.
    Changed,
}

/// How many elements to choose at random, and by which chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// How many.
    pub amount: Amount,
    /// What the choice is made from, so that it can be made again.
    pub seed: u64,
}

/// How many elements to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many different ones, or all when there are fewer.
    Distinct(u64),
    /// So many, each chosen on its own.
    Repeated(u64),
}

impl Score {
    /// Takes a number; nothing for what is none.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        // Adding zero turns the negative zero into the positive one.
        (!value.is_nan()).then_some(Self(value + 0.0))
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl ZsetOperation {
    /// Says whether the operation is a write that does more than take away.
    #[must_use]
    pub const fn needs_room(&self) -> bool {
        let takes_away =
            matches!(self, Self::Pop { .. } | Self::Remove { .. } | Self::RemoveIn { .. });
        self.is_write() && !takes_away
    }

    /// Says whether the operation is a write that comes to the same whatever is there.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        match self {
            Self::Add { rule, .. } | Self::Increment { rule, .. } => *rule == ScoreRule::default(),
            _ => false,
        }
    }

    /// Says whether the operation may change the key.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        match self {
            Self::Add { .. }
            | Self::Increment { .. }
            | Self::Remove { .. }
            | Self::Replace { .. }
            | Self::RemoveIn { .. }
            | Self::Pop { .. } => true,
            Self::Scores { .. }
            | Self::Count
            | Self::CountIn { .. }
            | Self::Rank { .. }
            | Self::Range { .. }
            | Self::Ranges { .. }
            | Self::Pick { .. }
            | Self::All => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_have_an_order_and_one_zero() {
        assert_eq!(Score::new(f64::NAN), None);
        assert_eq!(Score::new(-0.0), Score::new(0.0));
        assert!(Score::new(f64::NEG_INFINITY) < Score::new(-1.0));
        assert!(Score::new(-1.0) < Score::new(0.5));
    }
}
