//! What a level asks of the owners of one shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{CallError, Level};
use causality::NodeId;
use smallvec::SmallVec;

/// One owner of a shard, as the coordinator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) node: NodeId,
    pub(crate) datacenter: usize,
    pub(crate) is_local: bool,
}

/// The owners of one shard, shared by everybody who waits for them.
pub(crate) type Owners = Arc<[Owner]>;

/// How many owners must take part, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    level: Level,
    /// The level must be met in each: while shards move, among the owners of before and of after.
    sets: SmallVec<[Owners; 1]>,
    /// Owners that have taken part.
    answered: SmallVec<[NodeId; 6]>,
}

impl Requirement {
    pub(crate) fn new(level: Level, owners: &Owners) -> Self {
        Self::across(level, std::slice::from_ref(owners))
    }

    /// Asks for the level in every one of some sets of owners.
    pub(crate) fn across(level: Level, sets: &[Owners]) -> Self {
        Self { level, sets: sets.iter().cloned().collect(), answered: SmallVec::new() }
    }

    /// Asks for the level in more sets of owners.
    pub(crate) fn widen(&mut self, sets: &[Owners]) {
        for set in sets {
            if !self.sets.contains(set) {
                self.sets.push(Owners::clone(set));
            }
        }
    }

    pub(crate) const fn level(&self) -> Level {
        self.level
    }

    /// Notes that an owner has taken part; others do not count.
    pub(crate) fn answered(&mut self, node: NodeId) {
        let is_owner = self.sets.iter().flat_map(|set| set.iter()).any(|owner| owner.node == node);
        if is_owner && !self.answered.contains(&node) {
            self.answered.push(node);
        }
    }

    /// Says whether an owner has taken part.
    pub(crate) fn is_answered_by(&self, node: NodeId) -> bool {
        self.answered.contains(&node)
    }

    /// Says whether enough owners have taken part, of those that count at the moment.
    pub(crate) fn is_met_among(&self, counts: impl Fn(NodeId) -> bool) -> bool {
        self.is_met_by(|owner| self.answered.contains(&owner.node) && counts(owner.node))
    }

    /// Says whether enough owners have taken part.
    pub(crate) fn is_met(&self) -> bool {
        self.is_met_among(|_| true)
    }

    /// Says whether the level can be met by the owners that can be reached.
    pub(crate) fn can_be_met(&self, is_reachable: impl Fn(NodeId) -> bool) -> bool {
        self.is_met_by(|owner| is_reachable(owner.node))
    }

    /// The error that says by how much it was missed.
    pub(crate) fn missed(&self, answered: usize) -> CallError {
        let owners = self.counted(self.lacking(|owner| self.has_answered(owner))).count();
        CallError::NotEnoughReplicas {
            level: self.level,
            needed: self.needed(owners),
            owners,
            answered,
        }
    }

    pub(crate) fn answered_count(&self) -> usize {
        let lacking = self.lacking(|owner| self.has_answered(owner));
        self.counted(lacking).filter(|owner| self.has_answered(owner)).count()
    }

    pub(crate) fn reachable_count(&self, is_reachable: impl Fn(NodeId) -> bool) -> usize {
        let lacking = self.lacking(|owner| is_reachable(owner.node));
        self.counted(lacking).filter(|owner| is_reachable(owner.node)).count()
    }

    fn has_answered(&self, owner: &Owner) -> bool {
        self.answered.contains(&owner.node)
    }

    fn is_met_by(&self, has_part: impl Fn(&Owner) -> bool) -> bool {
        self.sets.iter().all(|set| self.is_met_in(set, &has_part))
    }

    fn is_met_in(&self, set: &[Owner], has_part: impl Fn(&Owner) -> bool) -> bool {
        if self.level == Level::EachQuorum {
            let mut by_datacenter: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
            for owner in set {
                let (parts, owners) = by_datacenter.entry(owner.datacenter).or_default();
                *owners += 1;
                *parts += usize::from(has_part(owner));
            }
            return by_datacenter.values().all(|(parts, owners)| *parts > owners / 2);
        }
        let parts = self.counted(set).filter(|owner| has_part(owner)).count();
        parts >= self.needed(self.counted(set).count())
    }

    /// The first set in which the level is not met, or the first: what an error is about.
    fn lacking(&self, has_part: impl Fn(&Owner) -> bool) -> &[Owner] {
        let unmet = self.sets.iter().find(|set| !self.is_met_in(set, &has_part));
        unmet.or(self.sets.first()).map_or(&[], |set| set)
    }

    /// The owners of a set that count for the level.
    fn counted<'a>(&self, set: &'a [Owner]) -> impl Iterator<Item = &'a Owner> + use<'a> {
        let is_local = matches!(self.level, Level::LocalOne | Level::LocalQuorum);
        set.iter().filter(move |owner| owner.is_local || !is_local)
    }

    /// How many owners must take part in all.
    pub(crate) fn needed_count(&self) -> usize {
        let counted = |set: &Owners| self.needed_in(set);
        self.sets.iter().map(counted).max().unwrap_or(0)
    }

    fn needed_in(&self, set: &[Owner]) -> usize {
        if self.level != Level::EachQuorum {
            return self.needed(self.counted(set).count());
        }
        let mut by_datacenter: BTreeMap<usize, usize> = BTreeMap::new();
        for owner in set {
            *by_datacenter.entry(owner.datacenter).or_default() += 1;
        }
        by_datacenter.values().map(|owners| owners / 2 + 1).sum()
    }

    fn needed(&self, owners: usize) -> usize {
        match self.level {
            Level::Any | Level::One | Level::LocalOne => 1,
            Level::Two => 2,
            Level::Three => 3,
            Level::Quorum | Level::LocalQuorum | Level::EachQuorum => owners / 2 + 1,
            Level::All => owners,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six owners, three in each of two datacenters; the first is local.
    fn owners() -> Owners {
        let owner = |id: u32| Owner {
            node: NodeId(id),
            datacenter: usize::from(id > 3),
            is_local: id <= 3,
        };
        (1..=6).map(owner).collect()
    }

    fn check(level: Level, nodes: &[u32], expected: bool) {
        let mut requirement = Requirement::new(level, &owners());
        for node in nodes {
            requirement.answered(NodeId(*node));
            requirement.answered(NodeId(*node));
        }
        assert_eq!(requirement.is_met(), expected, "{level} by {nodes:?}");
        let reach = |node: NodeId| nodes.contains(&node.0);
        assert_eq!(requirement.can_be_met(reach), expected, "{level} by {nodes:?}");
    }

    #[test]
    fn each_level_asks_for_its_owners() {
        for level in [Level::Any, Level::One, Level::LocalOne] {
            check(level, &[], false);
            check(level, &[2], true);
        }
        check(Level::One, &[6], true);
        check(Level::LocalOne, &[6], false);
        check(Level::Two, &[1], false);
        check(Level::Two, &[1, 6], true);
        check(Level::Three, &[1, 6], false);
        check(Level::Three, &[1, 5, 6], true);
        check(Level::Quorum, &[1, 2, 3], false);
        check(Level::Quorum, &[1, 2, 3, 4], true);
        check(Level::LocalQuorum, &[1, 5, 6], false);
        check(Level::LocalQuorum, &[1, 3], true);
        check(Level::EachQuorum, &[1, 2, 3, 4], false);
        check(Level::EachQuorum, &[1, 2, 4, 5], true);
        check(Level::All, &[1, 2, 3, 4, 5], false);
        check(Level::All, &[1, 2, 3, 4, 5, 6], true);
    }

    #[test]
    fn while_shards_move_the_level_is_met_before_and_after() {
        let after = (4..=9).map(|id| Owner { node: NodeId(id), datacenter: 1, is_local: id > 6 });
        let mut requirement = Requirement::new(Level::Quorum, &owners());
        requirement.widen(&[after.collect(), owners()]);
        for node in [1, 2, 3, 4] {
            requirement.answered(NodeId(node));
        }
        assert!(!requirement.is_met(), "one of six owners of after is no quorum");
        let CallError::NotEnoughReplicas { needed, answered, .. } =
            requirement.missed(requirement.answered_count())
        else {
            panic!("another error")
        };
        assert_eq!((needed, answered), (4, 1), "the error is about the owners of after");
        for node in [5, 8, 9] {
            requirement.answered(NodeId(node));
        }
        assert!(requirement.is_met());
        assert!(!requirement.is_met_among(|node| node != NodeId(1) && node != NodeId(9)));
    }

    #[test]
    fn strangers_do_not_count() {
        check(Level::One, &[9], false);
    }
}
