//! What is held of one node's map, and the rules by which it grows.
//!
//! A position is (version V, floor F): complete up to V, and every deletion up to F is known even
//! if forgotten. The owner forgets deletions and says so by raising F; nobody else may.
//!
//! What is published is the owner's exact map at one of its versions. A delta that was cut to fit
//! its message leads to a state the owner never had: a key that the source knows rewritten beyond
//! the cut still shows an older value. Such a state is staged, and published only when it reaches
//! the version of every source it was built from. (Plain Scuttlebutt shows it at once, and two
//! copies at one version may differ for ever when the owner is lost.)
//!
//! Who is at V may have missed a deletion that a source at floor F > V has forgotten, so it begins
//! afresh, staged likewise; until it reaches F only sources at that floor can continue it. What was
//! published stays readable meanwhile, and a staged state that nobody continues is given up.
//!
//! Invariants: entries are in order of version, one per key; the published V is never below the
//! published F, and neither ever falls within a generation.

use std::collections::BTreeSet;

use super::Applied;
use crate::ids::{Generation, Identity, NodeId, Version};
use crate::message::{DELTA_FIXED_BYTES, Delta, Digest, Entry, Key, Start, Value};

/// What no record may exceed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) key_count_max: usize,
    pub(crate) key_bytes_max: usize,
    pub(crate) value_bytes_max: usize,
}

/// How often a staged state is listed without progress before it is given up.
const STAGED_LISTED_MAX: u8 = 20;

#[derive(Debug)]
pub(super) struct Record {
    pub(super) generation: Generation,
    pub(super) published: Contents,
    /// What is not complete yet; boxed because it is rare.
    staged: Option<Box<Staged>>,
    /// The number of the store's change that touched this record last.
    pub(super) changed_at: u64,
}

#[derive(Debug)]
struct Staged {
    contents: Contents,
    start: Start,
    /// The latest version of all its sources.
    target: Version,
    listed_count: u8,
}

/// A node's map up to a version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) version: Version,
    pub(crate) floor: Version,
    pub(super) entries: Vec<Entry>,
}

impl Record {
    pub(super) const fn new(generation: Generation) -> Self {
        let published = Contents { version: Version(0), floor: Version(0), entries: Vec::new() };
        Self { generation, published, staged: None, changed_at: 0 }
    }

    /// Takes in a delta of this record's generation.
    pub(super) fn apply(&mut self, delta: &Delta, bounds: &Bounds) -> Applied {
        if delta.identity.generation != self.generation {
            return Applied::Ignored;
        }
        if !is_well_formed(delta, bounds) {
            return Applied::Refused;
        }
        match delta.start {
            Start::After(base) => self.apply_after(base, delta, bounds),
            Start::Afresh => self.apply_afresh(delta),
        }
    }

    fn apply_after(&mut self, base: Version, delta: &Delta, bounds: &Bounds) -> Applied {
        let (current, start, target) = match self.staged.as_deref() {
            Some(staged) => (&staged.contents, staged.start, staged.target),
            None => (&self.published, delta.start, Version(0)),
        };
        if !current.continues(base, delta) {
            return Applied::Ignored;
        }
        let contents = current.extended(delta);
        if contents.entries.len() > bounds.key_count_max {
            return Applied::Refused;
        }
        self.settle(Staged { contents, start, target: target.max(delta.latest), listed_count: 0 })
    }

    fn apply_afresh(&mut self, delta: &Delta) -> Applied {
        let needed = delta.floor > self.published.version;
        let newer = |staged: &Staged| {
            let Contents { floor, version, .. } = staged.contents;
            (delta.floor, delta.through) > (floor, version)
        };
        if !needed || !self.staged.as_deref().is_none_or(newer) {
            return Applied::Ignored;
        }
        let contents = Contents { floor: delta.floor, ..Contents::default() }.extended(delta);
        let (start, target) = (Start::Afresh, delta.latest);
        self.settle(Staged { contents, start, target, listed_count: 0 })
    }

    /// Publishes a state that is the owner's, stages any other.
    fn settle(&mut self, staged: Staged) -> Applied {
        if staged.contents.version < staged.target {
            self.staged = Some(Box::new(staged));
            return Applied::Extended(Vec::new());
        }
        assert!(staged.contents.version > self.published.version, "only progress is settled");
        assert!(staged.contents.floor <= staged.contents.version, "a source is above its floor");
        let keys = changed_keys(&self.published, &staged.contents);
        self.published = staged.contents;
        self.staged = None;
        match staged.start {
            Start::After(_) => Applied::Extended(keys),
            Start::Afresh => Applied::Reset(keys),
        }
    }

    /// The position from which this record wants to go on.
    pub(super) fn digest(&self, node: NodeId) -> Digest {
        let contents = match self.staged.as_deref() {
            Some(staged) => &staged.contents,
            None => &self.published,
        };
        let identity = Identity { node, generation: self.generation };
        Digest { identity, version: contents.version, floor: contents.floor }
    }

    /// Notes that its position was asked to be brought on: a staged state whose sources are lost
    /// is given up after a while, so that what is published can catch up with other sources.
    pub(super) fn note_listed(&mut self) {
        if let Some(staged) = &mut self.staged {
            staged.listed_count += 1;
        }
        self.staged = self.staged.take().filter(|s| s.listed_count <= STAGED_LISTED_MAX);
    }

    /// How to bring somebody on; nothing when this record cannot. Without a digest of this
    /// generation the receiver holds nothing, not even the knowledge that it exists.
    pub(super) fn start_for(&self, theirs: Option<&Digest>) -> Option<Start> {
        let Some(theirs) = theirs else {
            let forgotten = self.published.floor > Version(0);
            return Some(if forgotten { Start::Afresh } else { Start::After(Version(0)) });
        };
        let floor = self.published.floor;
        if floor > theirs.version && floor > theirs.floor {
            return Some(Start::Afresh);
        }
        let is_staged_above = theirs.floor > theirs.version && theirs.floor > floor;
        let is_ahead = self.published.version > theirs.version;
        (is_ahead && !is_staged_above).then_some(Start::After(theirs.version))
    }

    /// As much of the published map as fits; nothing when not even one entry does.
    pub(super) fn delta(&self, node: NodeId, start: Start, bytes_max: usize) -> Option<Delta> {
        let base = match start {
            Start::After(version) => version,
            Start::Afresh => Version(0),
        };
        let Contents { version, floor, ref entries } = self.published;
        let pending = &entries[entries.partition_point(|entry| entry.version <= base)..];
        let mut bytes_left = bytes_max.checked_sub(DELTA_FIXED_BYTES)?;
        let mut taken: Vec<Entry> = Vec::new();
        for entry in pending {
            let Some(rest) = bytes_left.checked_sub(entry.size_estimate()) else { break };
            bytes_left = rest;
            taken.push(entry.clone());
        }
        let through = match (taken.len() == pending.len(), taken.last()) {
            (true, _) => version,
            (false, Some(last)) => last.version,
            (false, None) => return None,
        };
        let identity = Identity { node, generation: self.generation };
        Some(Delta { identity, start, through, latest: version, floor, entries: taken })
    }

    /// Stands for (node, generation, version) in the hash of all records.
    pub(super) fn fingerprint(&self, node: NodeId) -> u64 {
        let seed = mix(u64::from(node.0) ^ 0x5354_4152_4c49_4e47);
        mix(mix(seed ^ self.generation.0) ^ self.published.version.0)
    }
}

impl Contents {
    /// The live value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|entry| &*entry.key == key)?.value.as_ref()
    }

    /// Live keys and values, the last written last.
    pub(crate) fn live(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.entries.iter().filter_map(|entry| Some((&entry.key, entry.value.as_ref()?)))
    }

    /// Whether a delta after `base` leaves no gap and hides no missed deletion.
    fn continues(&self, base: Version, delta: &Delta) -> bool {
        let is_next = base <= self.version && delta.through > self.version;
        let missed_here = delta.floor > self.version && delta.floor > self.floor;
        let missed_there = self.floor > self.version && self.floor > delta.floor;
        is_next && !missed_here && !missed_there
    }

    fn extended(&self, delta: &Delta) -> Self {
        let mut next = self.clone();
        for entry in delta.entries.iter().filter(|entry| entry.version > self.version) {
            next.put(entry.clone());
        }
        next.version = delta.through;
        next.forget_deletions(self.floor.max(delta.floor));
        next
    }

    /// Puts the newest entry in place of an older one of its key.
    pub(super) fn put(&mut self, entry: Entry) {
        self.entries.retain(|older| older.key != entry.key);
        self.entries.push(entry);
    }

    pub(super) fn forget_deletions(&mut self, floor: Version) {
        self.floor = floor;
        self.entries.retain(|entry| entry.value.is_some() || entry.version > floor);
    }
}

fn is_well_formed(delta: &Delta, bounds: &Bounds) -> bool {
    let mut last = match delta.start {
        Start::After(base) => base,
        Start::Afresh => Version(0),
    };
    let mut is_next = |version| std::mem::replace(&mut last, version) < version;
    delta.through.max(delta.floor) <= delta.latest
        && delta.entries.len() <= bounds.key_count_max
        && delta.entries.iter().all(|entry| {
            is_next(entry.version)
                && entry.version <= delta.through
                && entry.key.len() <= bounds.key_bytes_max
                && entry.value.as_ref().is_none_or(|value| value.len() <= bounds.value_bytes_max)
        })
}

fn changed_keys(old: &Contents, new: &Contents) -> Vec<Key> {
    let mut gone: BTreeSet<&Key> = old.live().map(|(key, _)| key).collect();
    let mut keys = Vec::new();
    for entry in &new.entries {
        gone.remove(&entry.key);
        if old.get(&entry.key) != entry.value.as_ref() {
            keys.push(entry.key.clone());
        }
    }
    keys.extend(gone.into_iter().cloned());
    keys
}

/// The finalizer of splitmix64 (Steele et al., 2014): every input bit reaches every output bit.
const fn mix(input: u64) -> u64 {
    let a = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}
