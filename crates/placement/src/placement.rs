//! The placement: which members own each shard, datacenter by datacenter.
//!
//! A placement is a table, computed once per view and never changed. It depends on the view, the
//! replication, the number of shards and the version of the function, and on nothing else.
//! Invariants: in each datacenter a shard has as many distinct owners as were asked for, or all
//! members if there are fewer; no rack holds more of them than some rack must, so that they stand
//! in distinct racks when there are as many racks as copies.
//!
//! Left to others: who of the owners is alive, and who may serve what during a transition.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::{cmp::Reverse, fmt};

use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

use crate::matching::{self, Candidate, Ranked};
use crate::share::Limits;
use crate::{
    Member, MemberId, MemberState, PlacementVersion, Replication, ShardCount, ShardId, View,
};

/// The hash of a placement's whole table; the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableHash(pub u64);

impl fmt::Display for TableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Why no placement was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlacementError {
    /// The cluster has agreed on a function that this build does not have.
    #[error("this build cannot compute placements of version {}", .0.0)]
    UnknownVersion(PlacementVersion),
}

/// Which members own each shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    version: PlacementVersion,
    shards: ShardCount,
    /// Those that keep copies, ascending by name.
    datacenters: Vec<Datacenter>,
}

/// The owners in one datacenter.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Datacenter {
    name: String,
    /// How many owners each shard has here.
    copies: usize,
    /// Whoever could own shards, ascending by id.
    candidates: Vec<Candidate>,
    /// The owners of the first shard by preference, those of the second, and so on.
    owners: Vec<MemberId>,
}

impl Placement {
    /// Computes who owns what today: active members, and those that are leaving.
    ///
    /// The version is [`View::placement_version`], unless another is being considered.
    ///
    /// # Errors
    ///
    /// This build does not have the version.
    pub fn compute(
        view: &View,
        replication: &Replication,
        shards: ShardCount,
        version: PlacementVersion,
    ) -> Result<Self, PlacementError> {
        Self::compute_for(view, replication, shards, version, MemberState::owns_now)
    }

    /// Computes who owns what once everybody under way has arrived: active members, and those
    /// that are joining. This is what [`Placement::compute`] gives for [`View::settled`].
    ///
    /// # Errors
    ///
    /// This build does not have the version.
    pub fn compute_future(
        view: &View,
        replication: &Replication,
        shards: ShardCount,
        version: PlacementVersion,
    ) -> Result<Self, PlacementError> {
        Self::compute_for(view, replication, shards, version, MemberState::owns_in_future)
    }

    fn compute_for(
        view: &View,
        replication: &Replication,
        shards: ShardCount,
        version: PlacementVersion,
        is_owner: fn(MemberState) -> bool,
    ) -> Result<Self, PlacementError> {
        if version != PlacementVersion::V1 {
            return Err(PlacementError::UnknownVersion(version));
        }
        let mut by_datacenter: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
        for member in view.members() {
            let copies = replication.copies_in(&member.datacenter);
            if copies > 0 && member.weight.0 > 0 && is_owner(member.state) {
                by_datacenter.entry(&member.datacenter).or_default().push(member);
            }
        }
        let datacenters = by_datacenter
            .into_iter()
            .map(|(name, members)| {
                Datacenter::compute(name, &members, replication.copies_in(name), shards)
            })
            .collect();
        Ok(Self { version, shards, datacenters })
    }

    /// Returns the version of the function that computed the table.
    #[must_use]
    pub const fn version(&self) -> PlacementVersion {
        self.version
    }

    /// Returns how many shards there are.
    #[must_use]
    pub const fn shards(&self) -> ShardCount {
        self.shards
    }

    /// Returns the datacenters that keep copies, ascending by name.
    pub fn datacenters(&self) -> impl ExactSizeIterator<Item = &str> {
        self.datacenters.iter().map(|one| one.name.as_str())
    }

    /// Returns everybody who could own shards, by datacenter and id.
    pub fn members(&self) -> impl Iterator<Item = MemberId> {
        self.datacenters.iter().flat_map(|one| one.candidates.iter().map(|candidate| candidate.id))
    }

    /// Returns the datacenter in which a member could own shards.
    #[must_use]
    pub fn datacenter_of(&self, member: MemberId) -> Option<&str> {
        self.home_of(member).map(|one| one.name.as_str())
    }

    /// Returns the owners of a shard, in the order of preference within each datacenter; nobody
    /// for a shard that does not exist.
    pub fn owners(&self, shard: ShardId) -> impl Iterator<Item = MemberId> {
        self.owners_by_datacenter(shard).flat_map(|(_, owners)| owners.iter().copied())
    }

    /// Returns the owners of a shard datacenter by datacenter, in the order of preference.
    pub fn owners_by_datacenter(
        &self,
        shard: ShardId,
    ) -> impl ExactSizeIterator<Item = (&str, &[MemberId])> {
        self.datacenters.iter().map(move |one| (one.name.as_str(), one.owners(shard)))
    }

    /// Returns the owners of a shard in one datacenter, in the order of preference.
    #[must_use]
    pub fn owners_in(&self, shard: ShardId, datacenter: &str) -> &[MemberId] {
        self.datacenter(datacenter).map_or(&[], |one| one.owners(shard))
    }

    /// Whether a member owns a shard.
    #[must_use]
    pub fn is_owner(&self, shard: ShardId, member: MemberId) -> bool {
        self.owners(shard).any(|owner| owner == member)
    }

    /// Returns who stands in for absent owners of a shard in a datacenter: the members there
    /// that do not own it, in the order of preference. Take the first that are healthy.
    ///
    /// Costs one hash per member of the datacenter, and the logarithm of that for each taken.
    #[must_use]
    pub fn successors(&self, shard: ShardId, datacenter: &str) -> Successors<'_> {
        let known = self.datacenter(datacenter).filter(|_| self.shards.contains(shard));
        known.map_or(Successors::default(), |one| one.successors(shard))
    }

    /// Returns the shards of a member, ascending.
    pub fn shards_of(&self, member: MemberId) -> impl Iterator<Item = ShardId> {
        let owners = self.home_of(member).map_or(&[][..], |one| &one.owners);
        let copies = self.home_of(member).map_or(1, |one| one.copies);
        let rows = self.shards.shards().zip(owners.chunks_exact(copies));
        rows.filter(move |(_, owners)| owners.contains(&member)).map(|(shard, _)| shard)
    }

    /// Returns how many shards each member owns.
    #[must_use]
    pub fn loads(&self) -> BTreeMap<MemberId, u32> {
        let mut loads: BTreeMap<MemberId, u32> = self.members().map(|id| (id, 0)).collect();
        for owner in self.datacenters.iter().flat_map(|one| &one.owners) {
            *loads.entry(*owner).or_default() += 1;
        }
        loads
    }

    /// Returns the hash of the whole table, for comparing builds and nodes.
    #[must_use]
    pub fn hash(&self) -> TableHash {
        let mut hasher = Xxh3::new();
        hasher.update(b"placement 1");
        hasher.update(&self.version.0.to_le_bytes());
        hasher.update(&self.shards.get().to_le_bytes());
        for one in &self.datacenters {
            hasher.update(&(one.name.len() as u64).to_le_bytes());
            hasher.update(one.name.as_bytes());
            hasher.update(&(one.copies as u64).to_le_bytes());
            one.owners.iter().for_each(|owner| hasher.update(&owner.0.to_le_bytes()));
        }
        TableHash(hasher.digest())
    }

    /// Returns how many bytes of memory the table takes.
    #[must_use]
    pub fn memory_size(&self) -> usize {
        let apart = self.datacenters.iter().map(|one| {
            one.name.capacity()
                + one.candidates.capacity() * size_of::<Candidate>()
                + one.owners.capacity() * size_of::<MemberId>()
        });
        size_of::<Self>()
            + self.datacenters.capacity() * size_of::<Datacenter>()
            + apart.sum::<usize>()
    }

    fn datacenter(&self, name: &str) -> Option<&Datacenter> {
        let found = self.datacenters.binary_search_by(|one| one.name.as_str().cmp(name));
        found.ok().map(|index| &self.datacenters[index])
    }

    fn home_of(&self, member: MemberId) -> Option<&Datacenter> {
        let is_here = |one: &&Datacenter| {
            one.candidates.binary_search_by_key(&member, |candidate| candidate.id).is_ok()
        };
        self.datacenters.iter().find(is_here)
    }
}

impl Datacenter {
    /// Computes the owners; `members` is ascending by id and not empty.
    fn compute(name: &str, members: &[&Member], wanted: u8, shards: ShardCount) -> Self {
        let racks: BTreeSet<&str> = members.iter().map(|member| member.rack.as_str()).collect();
        let racks: BTreeMap<&str, usize> = racks.into_iter().zip(0..).collect();
        let candidates: Vec<Candidate> = members
            .iter()
            .map(|member| Candidate {
                id: member.id,
                weight: member.weight,
                rack: racks[member.rack.as_str()],
            })
            .collect();
        let limits = Limits::new(&candidates, wanted, shards);
        let owners = matching::owners(&candidates, &limits, shards);
        Self { name: name.to_owned(), copies: limits.copies, candidates, owners }
    }

    fn owners(&self, shard: ShardId) -> &[MemberId] {
        let start = usize::from(shard.0) * self.copies;
        self.owners.get(start..start + self.copies).unwrap_or(&[])
    }

    fn successors(&self, shard: ShardId) -> Successors<'_> {
        let owners = self.owners(shard);
        let others = matching::ranked(&self.candidates, shard)
            .filter(|(_, index)| !owners.contains(&self.candidates[*index].id));
        Successors { candidates: &self.candidates, rest: others.map(Reverse).collect() }
    }
}

/// Members that may stand in for the owners of a shard, by preference.
#[derive(Clone, Debug, Default)]
pub struct Successors<'a> {
    candidates: &'a [Candidate],
    rest: BinaryHeap<Reverse<Ranked>>,
}

impl Iterator for Successors<'_> {
    type Item = MemberId;

    fn next(&mut self) -> Option<MemberId> {
        self.rest.pop().map(|Reverse((_, index))| self.candidates[index].id)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest.len(), Some(self.rest.len()))
    }
}
