//! The source's side of a state exchange: a frozen, verified image, read range by range.

use causality::Millis;
use cells::{CellAddress, Family, KeyAddress, Keyspace, OwnedCellAddress, Version};
use merkle::Tree;
use storage::{Row, ScanControl, Store};
use wire::shard::{
    Detail, StateCell, StateCells, StateCellsWanted, StateClear, StateOpened, StateSession,
    StateVersion,
};

use crate::error::ReplicaError;
use crate::format::decode_cell;
use crate::image::Image;
use crate::mutation::Mutation;
use crate::replica::Replica;
use crate::rows::{first_group, is_cell_column, put_group, split_group};
use crate::verifying::Scrubbed;

/// A row of the image: group, column, bytes.
pub(crate) type ImageRow = (Vec<u8>, Vec<u8>, Vec<u8>);

impl Replica {
    /// Freezes an image for a replica that takes over this one's state. Absence in the image will
    /// be read as deletion, so the rows are verified first, and the taker's horizon is adopted so
    /// that both drop the same expired versions.
    ///
    /// # Errors
    /// Unverified rows quarantine this replica; a horizon ahead of this node's clock is refused.
    pub fn open_image<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        horizon: Millis,
    ) -> Result<StateOpened, ReplicaError> {
        self.check_serving()?;
        if self.state.has_losses && !self.is_mutated(Mutation::SourceUnverified) {
            return Err(ReplicaError::Quarantined);
        }
        self.adopt_horizon(store, now, horizon)?;
        if !self.is_mutated(Mutation::SourceUnverified) && self.scrub(store)? != Scrubbed::Sound {
            return Err(ReplicaError::Quarantined);
        }
        let session = self.images.open(self.tree.clone(), self.settings.image_bytes_max);
        let column = Family::Clear.column(&[]);
        let clears = self.clears().iter().map(|clear| {
            let key = KeyAddress { keyspace: clear.keyspace, key: &clear.key };
            let cell = CellAddress { key, column: &column };
            StateClear { cell: cell.into(), dot: clear.dot, covered: clear.covered.clone() }
        });
        Ok(StateOpened {
            session,
            applied: self.state.applied.clone(),
            sealed: self.state.sealed.clone(),
            horizon: self.state.horizon,
            clears: clears.collect(),
            digest: self.state.digest,
            element_count: self.state.element_count,
        })
    }

    /// Lets go of an image.
    pub fn close_image(&mut self, session: StateSession) {
        self.images.close(session);
    }

    /// Reads cells of an image.
    ///
    /// # Errors
    /// The image outgrew its budget or was never opened: the taker starts again.
    pub fn image_cells<S: Store>(
        &self,
        store: &mut S,
        wanted: &StateCellsWanted,
    ) -> Result<StateCells, ReplicaError> {
        // Two replicas may take over each other's state, so one that is fetching still gives what
        // it has frozen.
        match self.check_serving() {
            Err(ReplicaError::Fetching) => {}
            other => other?,
        }
        let image = self.images.get(wanted.session).ok_or(ReplicaError::ImageGone)?;
        let (rows, cut) = self.image_rows(store, image, wanted)?;
        let mut cells = Vec::with_capacity(rows.len());
        for (group, column, bytes) in rows {
            let (key, _) = split_group(&group).expect("the picker keeps rows of client keys");
            let held = decode_cell(&bytes).map_err(|source| self.damaged("row", source))?;
            cells.push(StateCell {
                cell: CellAddress { key, column: &column }.into(),
                versions: held.live.iter().map(|v| state_version(v, wanted.detail)).collect(),
                gone: held.gone.clone(),
            });
        }
        let last = cells.last().map(|cell| cell.cell.clone());
        let next = if cut == Cut::AtBudget { last } else { None };
        let digest = range_digest(&image.tree, wanted.first, wanted.last);
        Ok(StateCells { session: wanted.session, cells, next, digest })
    }

    /// Collects the image's rows of a range, at most about a budget of them, in store order.
    fn image_rows<S: Store>(
        &self,
        store: &mut S,
        image: &Image,
        wanted: &StateCellsWanted,
    ) -> Result<(Vec<ImageRow>, Cut), ReplicaError> {
        let nothing = Image::default();
        let is_thawed = self.is_mutated(Mutation::ImageNotFrozen);
        Picker::new(if is_thawed { &nothing } else { image }, wanted).read(store, self.shard)
    }
}

/// Sums the leaves of a range of key hashes, as the tree has them.
fn range_digest(tree: &Tree, first: u64, last: u64) -> u128 {
    let leaf_bits = u64::BITS - u64::BITS / 16 * u32::from(tree.depth().get());
    let is_in = |leaf: &merkle::Leaf| {
        let start = (leaf.index as u64) << leaf_bits;
        first <= start && start <= last
    };
    let sums = tree.leaves().filter(is_in).map(|leaf| leaf.digest.0);
    sums.fold(0, u128::wrapping_add)
}

pub(crate) fn state_version(version: &Version<'_>, detail: Detail) -> StateVersion {
    StateVersion {
        dot: version.dot,
        time: version.time,
        expiry: version.expiry,
        payload: (detail == Detail::Values).then(|| version.payload.into()),
    }
}

/// The group and column of a cell's row.
fn row_of(cell: &OwnedCellAddress) -> (Vec<u8>, Vec<u8>) {
    let mut group = Vec::new();
    put_group(cell.borrow().key, &mut group);
    (group, cell.column.to_vec())
}

/// Whether a range was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Nowhere,
    AtBudget,
}

/// Walks the rows of a hash range, keyspace by keyspace, and puts preimages in their place.
pub(crate) struct Picker<'a> {
    image: &'a Image,
    /// The last row that is wanted, group and column.
    until: Option<(Vec<u8>, Vec<u8>)>,
    first: u64,
    last: u64,
    after: Option<(Vec<u8>, Vec<u8>)>,
    budget: usize,
    size: usize,
    rows: Vec<ImageRow>,
    start: Option<Vec<u8>>,
    jump: Option<Vec<u8>>,
}

impl<'a> Picker<'a> {
    pub(crate) fn new(image: &'a Image, wanted: &StateCellsWanted) -> Self {
        let after = wanted.after.as_ref().map(row_of);
        let start = after
            .as_ref()
            .map_or_else(|| first_group(Keyspace(1), wanted.first), |(group, _)| group.clone());
        Self {
            image,
            until: None,
            first: wanted.first,
            last: wanted.last,
            after,
            budget: wanted.budget as usize,
            size: 0,
            rows: Vec::new(),
            start: Some(start),
            jump: None,
        }
    }

    /// Ends the walk after a cell.
    pub(crate) fn until(mut self, last: Option<&OwnedCellAddress>) -> Self {
        self.until = last.map(row_of);
        self
    }

    /// Reads the rows, and says whether there are more than the budget allowed.
    pub(crate) fn read<S: Store>(
        mut self,
        store: &mut S,
        shard: u16,
    ) -> Result<(Vec<ImageRow>, Cut), ReplicaError> {
        while let Some(from) = self.next_start() {
            store.scan_shard(shard, &from, &mut |row, bytes| self.visit(row, bytes))?;
            self.end_of_scan();
        }
        Ok(self.into_rows())
    }

    fn next_start(&mut self) -> Option<Vec<u8>> {
        self.start.take()
    }

    fn visit(&mut self, row: Row<'_>, bytes: &[u8]) -> ScanControl {
        let Some((key, hash)) = split_group(row.group) else { return ScanControl::Continue };
        let is_beyond = |(group, column): &(Vec<u8>, Vec<u8>)| {
            (row.group, row.column) > (&group[..], &column[..])
        };
        if self.until.as_ref().is_some_and(is_beyond) {
            return ScanControl::Stop;
        }
        if hash < self.first {
            self.jump = Some(first_group(key.keyspace, self.first));
            return ScanControl::Stop;
        }
        if hash > self.last {
            let next = key.keyspace.0.checked_add(1);
            self.jump = next.map(|next| first_group(Keyspace(next), self.first));
            return ScanControl::Stop;
        }
        let is_behind = self
            .after
            .as_ref()
            .is_some_and(|(group, column)| (row.group, row.column) <= (&group[..], &column[..]));
        let is_new = self.image.preimage(row.group, row.column).is_some();
        if is_cell_column(row.column) && !is_behind && !is_new {
            self.push(row.group, row.column, bytes);
        }
        if self.size > self.budget { ScanControl::Stop } else { ScanControl::Continue }
    }

    /// Goes on in the next keyspace, or ends the walk.
    fn end_of_scan(&mut self) {
        self.start = if self.size > self.budget { None } else { self.jump.take() };
    }

    /// Adds the preimages of the range, and sorts both into store order. Rows beyond the last
    /// scanned one are cut off when the scan stopped at the budget: they come next time.
    fn into_rows(mut self) -> (Vec<ImageRow>, Cut) {
        let is_cut = self.size > self.budget;
        let end = self.rows.last().map(|(group, column, _)| (group.clone(), column.clone()));
        let (from_group, from_column) = self.after.clone().unwrap_or_default();
        for ((group, column), bytes) in self.image.preimages_from(&from_group, &from_column) {
            let Some((_, hash)) = split_group(group) else { continue };
            let is_in = (self.first..=self.last).contains(&hash) && is_cell_column(column);
            let key = (group.clone(), column.clone());
            let is_behind = self.after.as_ref().is_some_and(|after| key <= *after);
            let is_beyond = is_cut && end.as_ref().is_some_and(|end| key > *end);
            if let (Some(bytes), true, false, false) = (bytes, is_in, is_behind, is_beyond) {
                self.rows.push((group.clone(), column.clone(), bytes.to_vec()));
            }
        }
        self.rows.sort_unstable();
        (self.rows, if is_cut { Cut::AtBudget } else { Cut::Nowhere })
    }

    fn push(&mut self, group: &[u8], column: &[u8], bytes: &[u8]) {
        self.size += group.len() + column.len() + bytes.len();
        self.rows.push((group.to_vec(), column.to_vec(), bytes.to_vec()));
    }
}
