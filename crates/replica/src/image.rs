//! Frozen images of a replica, for those who take over its state.
//!
//! An image is the hash tree of one moment, and the preimages of rows that changed
//! since. Reading a cell of the image reads its preimage, or else the row itself. An image that
//! outgrows its budget is dropped and the taker starts again.

use std::collections::BTreeMap;

use merkle::Tree;
use wire::shard::StateSession;

/// The most images a replica keeps at once.
const IMAGES_MAX: usize = 2;

/// Group and column of a row.
type RowKey = (Vec<u8>, Vec<u8>);

/// The state of one moment.
#[derive(Debug, Default)]
pub(crate) struct Image {
    pub(crate) session: StateSession,
    pub(crate) tree: Tree,
    preimages: BTreeMap<RowKey, Option<Vec<u8>>>,
    preimage_bytes: usize,
    budget: usize,
}

/// The images that are open.
#[derive(Debug, Default)]
pub(crate) struct Images {
    held: Vec<Image>,
    opened: u64,
}

impl Image {
    /// Returns what a row was, if it has changed since.
    pub(crate) fn preimage(&self, group: &[u8], column: &[u8]) -> Option<Option<&[u8]>> {
        let held = self.preimages.get(&(group.to_vec(), column.to_vec()));
        held.map(|row| row.as_deref())
    }

    /// Returns the preimages from a row on, in order.
    pub(crate) fn preimages_from<'a>(
        &'a self,
        group: &[u8],
        column: &[u8],
    ) -> impl Iterator<Item = (&'a RowKey, Option<&'a [u8]>)> + use<'a> {
        let from = (group.to_vec(), column.to_vec());
        self.preimages.range(from..).map(|(key, row)| (key, row.as_deref()))
    }

    fn keep(&mut self, group: &[u8], column: &[u8], old: Option<&[u8]>) {
        let key = (group.to_vec(), column.to_vec());
        if let std::collections::btree_map::Entry::Vacant(entry) = self.preimages.entry(key) {
            self.preimage_bytes += group.len() + column.len() + old.map_or(0, <[u8]>::len) + 64;
            entry.insert(old.map(<[u8]>::to_vec));
        }
    }
}

impl Images {
    /// Freezes a moment; the oldest image makes room.
    pub(crate) fn open(&mut self, tree: Tree, budget: usize) -> StateSession {
        if self.held.len() == IMAGES_MAX {
            self.held.remove(0);
        }
        self.opened += 1;
        let session = StateSession(self.opened);
        self.held.push(Image {
            session,
            tree,
            preimages: BTreeMap::new(),
            preimage_bytes: 0,
            budget,
        });
        session
    }

    pub(crate) fn close(&mut self, session: StateSession) {
        self.held.retain(|image| image.session != session);
    }

    pub(crate) fn get(&self, session: StateSession) -> Option<&Image> {
        self.held.iter().find(|image| image.session == session)
    }

    pub(crate) fn get_mut(&mut self, session: StateSession) -> Option<&mut Image> {
        self.held.iter_mut().find(|image| image.session == session)
    }

    /// Keeps what a row is before it changes, in every image that does not have it yet.
    pub(crate) fn keep_preimage(&mut self, group: &[u8], column: &[u8], old: Option<&[u8]>) {
        for image in &mut self.held {
            image.keep(group, column, old);
        }
        self.held.retain(|image| image.preimage_bytes <= image.budget);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}
