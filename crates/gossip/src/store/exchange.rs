//! Listing what is held, comparing it with a peer's list, and packing what the peer lacks.
//!
//! Lists and deltas are bounded by bytes. Fairness under the bound: the freshest records first,
//! because most differences are fresh, but a random part of every message goes to the others, so
//! that no record waits for ever while fresher ones keep changing.

use std::collections::BTreeSet;

use super::Store;
use super::record::Record;
use crate::ids::NodeId;
use crate::message::{DELTA_FIXED_BYTES, DIGEST_BYTES, Delta, Digest, Page, Start};

/// A record that a peer lacks in part, with the place where it must continue.
struct Candidate<'a> {
    node: NodeId,
    record: &'a Record,
    start: Start,
}

impl Store {
    /// Lists what is held, in full when it fits.
    pub(crate) fn page(&mut self, rng: &mut fastrand::Rng, bytes_max: usize) -> Page {
        let count_max = bytes_max / DIGEST_BYTES;
        let page = if self.records.len() <= count_max {
            self.page_of_all()
        } else {
            self.page_of_some(rng, count_max)
        };
        for digest in &page.digests {
            if let Some(record) = self.records.get_mut(&digest.identity.node) {
                record.note_listed();
            }
        }
        page
    }

    fn page_of_all(&self) -> Page {
        let digests = self.records.iter().map(|(node, record)| record.digest(*node)).collect();
        Page { digests, first: NodeId(0), last: NodeId(u32::MAX) }
    }

    /// One half a random range, the other the freshest outside of it.
    fn page_of_some(&self, rng: &mut fastrand::Rng, count_max: usize) -> Page {
        let range_count = count_max.div_ceil(2);
        let start = rng.usize(..self.records.len());
        let range = self.records.iter().cycle().skip(start).take(range_count);
        let digests: Vec<Digest> = range.map(|(node, record)| record.digest(*node)).collect();
        let first = digests.first().map_or(NodeId(0), |digest| digest.identity.node);
        let last = digests.last().map_or(NodeId(0), |digest| digest.identity.node);
        let mut page = Page { digests, first, last };
        for node in self.recency.values().rev().take(count_max - range_count) {
            if !page.covers(*node) {
                page.digests.push(self.records[node].digest(*node));
            }
        }
        page
    }

    /// Compares a peer's list with what is held: what it lacks, and where it is ahead.
    pub(crate) fn answer(
        &self,
        page: &Page,
        rng: &mut fastrand::Rng,
        bytes_max: usize,
    ) -> (Vec<Delta>, Vec<Digest>) {
        let mut candidates = self.candidates(&page.digests);
        let listed: BTreeSet<NodeId> = page.digests.iter().map(|d| d.identity.node).collect();
        let unlisted =
            self.records.iter().filter(|(node, _)| page.covers(**node) && !listed.contains(node));
        candidates.extend(unlisted.filter_map(|(node, record)| {
            let start = record.start_for(None)?;
            Some(Candidate { node: *node, record, start })
        }));
        let wanted = self.wanted(page, bytes_max / 2);
        let bytes_left = bytes_max - wanted.len() * DIGEST_BYTES;
        (pack(candidates, rng, bytes_left), wanted)
    }

    /// Brings a peer on where it asked for it.
    pub(crate) fn serve(
        &self,
        wanted: &[Digest],
        rng: &mut fastrand::Rng,
        bytes_max: usize,
    ) -> Vec<Delta> {
        pack(self.candidates(wanted), rng, bytes_max)
    }

    /// Digests of which a record here is ahead; each record once, whatever the list repeats.
    fn candidates(&self, digests: &[Digest]) -> Vec<Candidate<'_>> {
        let mut seen = BTreeSet::new();
        let mut candidates = Vec::new();
        for theirs in digests {
            let node = theirs.identity.node;
            let Some(record) = self.records.get(&node) else { continue };
            if theirs.identity.generation > record.generation {
                continue;
            }
            let is_same = theirs.identity.generation == record.generation;
            let Some(start) = record.start_for(is_same.then_some(theirs)) else { continue };
            if seen.insert(node) {
                candidates.push(Candidate { node, record, start });
            }
        }
        candidates
    }

    fn wanted(&self, page: &Page, bytes_max: usize) -> Vec<Digest> {
        let own_position = |theirs: &Digest| {
            let node = theirs.identity.node;
            let nothing = Digest::nothing(node, theirs.identity.generation);
            let Some(record) = self.records.get(&node) else { return Some(nothing) };
            if theirs.identity.generation > record.generation {
                return Some(nothing);
            }
            let is_same = theirs.identity.generation == record.generation;
            let is_ahead = theirs.version > record.published.version;
            (is_same && is_ahead).then(|| record.digest(node))
        };
        let others = page.digests.iter().filter(|theirs| theirs.identity.node != self.me.node);
        others.filter_map(own_position).take(bytes_max / DIGEST_BYTES).collect()
    }
}

/// One at random with up to half of the bytes, then the freshest first.
fn pack(
    mut candidates: Vec<Candidate<'_>>,
    rng: &mut fastrand::Rng,
    bytes_max: usize,
) -> Vec<Delta> {
    if candidates.is_empty() {
        return Vec::new();
    }
    let lucky = candidates.swap_remove(rng.usize(..candidates.len()));
    candidates.sort_unstable_by_key(|candidate| std::cmp::Reverse(candidate.record.changed_at));
    let mut bytes_left = bytes_max;
    let mut deltas = Vec::new();
    let shares = std::iter::once((lucky, bytes_max / 2))
        .chain(candidates.into_iter().map(|candidate| (candidate, bytes_max)));
    for (candidate, share) in shares {
        let bytes = share.min(bytes_left);
        if bytes < DELTA_FIXED_BYTES {
            break;
        }
        if let Some(delta) = candidate.record.delta(candidate.node, candidate.start, bytes) {
            bytes_left -= delta.size_estimate();
            deltas.push(delta);
        }
    }
    deltas
}
