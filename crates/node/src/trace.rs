//! Where a key is, as one owner sees it: every live version, and which operations it has applied.
//!
//! Reading only, bounded, and as of one moment. Whoever asks several owners can tell for each
//! version who has it, who knows a newer one, and who has not heard of it yet.

use causality::{Dot, HybridTime, Millis, NodeId};
use cells::types::register;
use cells::{Cell, Family, KeyAddress, ReadCells, ReadControl};
use storage::Store;

use crate::node::Node;

/// The most versions that are told of one key.
const VERSIONS_COUNT_MAX: usize = 64;
/// The bytes of a value that are told.
const VALUE_SIZE_MAX: usize = 256;

/// A key, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The key's shard.
    pub shard: u16,
    /// Who owns it.
    pub owners: Vec<NodeId>,
    /// The live versions by column and dot; nothing when this node is no owner.
    pub versions: Option<Vec<TracedVersion>>,
    /// Whether there are more than are told.
    pub is_cut_off: bool,
}

/// One live version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedVersion {
    /// Which of the key's cells it is in.
    pub column: Vec<u8>,
    /// The operation that wrote it.
    pub dot: Dot,
    /// When.
    pub time: HybridTime,
    /// From when on it is gone.
    pub expiry: Option<Millis>,
    /// The beginning of its value.
    pub value: Vec<u8>,
}

impl<S: Store> Node<S> {
    /// Looks where a key is; this changes nothing.
    pub fn trace(&mut self, now: Millis, key: KeyAddress<'_>) -> Trace {
        let shard = self.topology.shard_of(key.key);
        let owners = self.topology.owners(shard).iter().map(|owner| owner.node).collect();
        let mut trace = Trace { shard, owners, versions: None, is_cut_off: false };
        if let Some(replica) = self.replicas.get_mut(&shard) {
            let mut versions = Vec::new();
            let read = replica.reader(&mut self.store, now).scan(key, &[], &mut |column, cell| {
                versions.extend(told(column, cell));
                let is_enough = versions.len() > VERSIONS_COUNT_MAX;
                if is_enough { ReadControl::Stop } else { ReadControl::Continue }
            });
            trace.is_cut_off = versions.len() > VERSIONS_COUNT_MAX;
            versions.truncate(VERSIONS_COUNT_MAX);
            // A store that cannot be read tells nothing, which is not the same as no versions.
            trace.versions = read.ok().map(|()| versions);
        }
        trace
    }

    /// Says for each operation whether it is applied here; nothing when this node is no owner.
    #[must_use]
    pub fn applied(&self, shard: u16, dots: &[Dot]) -> Option<Vec<bool>> {
        let replica = self.replicas.get(&shard)?;
        Some(dots.iter().map(|dot| replica.is_applied(*dot)).collect())
    }
}

/// The live versions of a cell.
fn told(column: &[u8], cell: &Cell<'_>) -> Vec<TracedVersion> {
    let family = column.first().and_then(|byte| Family::from_byte(*byte));
    let is_register = matches!(family, Some(Family::Register | Family::MapField));
    let siblings = if is_register { register::siblings(cell).ok() } else { None };
    let written = |dot: Dot| {
        let siblings = siblings.as_ref()?;
        siblings.iter().find(|sibling| sibling.dot == dot).map(|sibling| sibling.value)
    };
    let version = |version: &cells::Version<'_>| {
        let value = written(version.dot).unwrap_or(version.payload);
        TracedVersion {
            column: column.to_vec(),
            dot: version.dot,
            time: version.time,
            expiry: version.expiry,
            value: value[..value.len().min(VALUE_SIZE_MAX)].to_vec(),
        }
    };
    cell.live.iter().map(version).collect()
}
