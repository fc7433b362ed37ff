//! What wrong rules make of verification, and damage for the suite to do.

use storage::Store;
use wire::shard::LostVersion;

use crate::node::Node;

#[cfg(feature = "mutation")]
impl<S: Store> Node<S> {
    /// Loses a version with everything that tells of it: only another owner can notice.
    pub fn lose_unnoticed(
        &mut self,
        shard: u16,
        cell: cells::CellAddress<'_>,
        dot: causality::Dot,
    ) {
        let replica = self.replicas.get_mut(&shard).expect("it is held here");
        replica.lose_unnoticed(&mut self.store, cell, dot);
    }

    /// Loses a version's row behind its replica's back.
    pub fn lose_row(&mut self, shard: u16, cell: cells::CellAddress<'_>, dot: causality::Dot) {
        replica::lose_version(&mut self.store, shard, cell, dot);
    }

    /// Makes a row senseless, behind its replica's back.
    pub fn garble(&mut self, shard: u16, row: &LostVersion) {
        replica::garble(&mut self.store, shard, row.cell.borrow());
    }

    /// The live versions of a shard.
    pub fn live_versions(&mut self, shard: u16) -> Vec<LostVersion> {
        let mut live = Vec::new();
        let Some(replica) = self.replicas.get(&shard) else { return live };
        let visited = replica.for_each_cell(&mut self.store, &mut |cell, held| {
            let dots = held.live.iter().map(|version| version.dot);
            live.extend(dots.map(|dot| LostVersion { cell: cell.into(), dot }));
        });
        visited.expect("a store in memory");
        live
    }

    /// Wrong: lets a replica take back whatever it is offered.
    pub(crate) fn believe_offers(&mut self, shard: u16, is_mutated: bool) {
        let unproven = is_mutated.then_some(replica::Mutation::ReinstatedUnproven);
        if let Some(replica) = self.replicas.get_mut(&shard) {
            replica.mutate(unproven);
        }
    }

    /// Wrong: makes two owners equal by removal.
    pub(crate) fn remove_differing(&mut self, shard: u16, versions: &[LostVersion]) {
        for version in versions {
            self.lose_unnoticed(shard, version.cell.borrow(), version.dot);
        }
    }
}

#[cfg(not(feature = "mutation"))]
#[expect(clippy::unused_self, reason = "the same calls as with the feature")]
impl<S: Store> Node<S> {
    #[inline]
    pub(crate) const fn believe_offers(&self, _: u16, _: bool) {}

    #[inline]
    pub(crate) const fn remove_differing(&self, _: u16, _: &[LostVersion]) {}
}
