//! What a data type sees of this replica: live versions that are not over at a moment.
//!
//! Reading changes nothing. A version is hidden when its own expiry has passed, or when its key has
//! ended and the version is older than that: what is written to a key after its end is a new
//! beginning.

use causality::Millis;
use cells::types::Life;
use cells::types::zset::{self, Toward};
use cells::{
    Cell, CellAddress, Families, Family, KeyAddress, Keyspace, ReadCells, ReadControl, ReadError,
};
use storage::{Row, ScanControl, Store};

use crate::error::ReplicaError;
use crate::format::decode_cell;
use crate::head::Head;
use crate::replica::Replica;
use crate::rows::{GROUP_PREFIX_SIZE, HEAD_COLUMN, is_cell_column, put_group};
use crate::scores::SCORE_COLUMN;

/// A view of one replica at a moment.
#[derive(Debug)]
pub struct Reader<'a, S> {
    pub(crate) replica: &'a Replica,
    pub(crate) store: &'a mut S,
    now: Millis,
    /// Nothing is hidden.
    shows_all: bool,
    group: Vec<u8>,
    here: Option<Here>,
}

/// The key that a reader is at; its group is in the reader.
#[derive(Debug)]
struct Here {
    keyspace: Keyspace,
    head: Head,
    hidden: Hidden,
}

impl Here {
    /// What the head tells. Where nothing can be hidden, what has live versions shows; only
    /// registers end one by one.
    fn families(&self) -> Families {
        let can_hide = self.hidden.hides_any();
        self.head.families().fold(Families::PLAIN, |known, family| {
            let ends_alone = matches!(family, Family::Register | Family::MapField);
            if can_hide || ends_alone {
                known.with_possible(family)
            } else {
                known.with_certain(family)
            }
        })
    }
}

/// What hides versions of one key at one moment.
#[derive(Debug)]
struct Hidden {
    now: Millis,
    /// The key's own end, where it has a record of one.
    life: Option<Life>,
}

impl Hidden {
    /// Whether the key's end can hide anything at all.
    fn hides_any(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.is_spent(self.now))
    }

    fn hides(&self, column: &[u8], version: &cells::Version<'_>) -> bool {
        let family = column.first().and_then(|byte| Family::from_byte(*byte));
        let has_ended = || match (&self.life, family) {
            (Some(life), Some(family)) => life.hides(family, version, self.now),
            _ => false,
        };
        version.is_expired(self.now) || has_ended()
    }

    fn shown<'c>(&self, column: &[u8], mut cell: Cell<'c>) -> Cell<'c> {
        cell.live.retain(|version| !self.hides(column, version));
        cell
    }
}

impl Replica {
    /// Looks at this replica as of a moment.
    pub fn reader<'a, S: Store>(&'a self, store: &'a mut S, now: Millis) -> Reader<'a, S> {
        Reader { replica: self, store, now, shows_all: false, group: Vec::new(), here: None }
    }

    /// Looks at what is stored, also where its time is over: for housekeeping.
    pub fn stored_reader<'a, S: Store>(&'a self, store: &'a mut S) -> Reader<'a, S> {
        Reader { shows_all: true, ..self.reader(store, Millis(0)) }
    }
}

impl<S: Store> Reader<'_, S> {
    fn read_head(&mut self) -> Result<Head, ReplicaError> {
        let at = Row { shard: self.replica.shard, group: &self.group, column: HEAD_COLUMN };
        let Some(bytes) = self.store.get(at)? else { return Ok(Head::default()) };
        Head::decode(bytes).map_err(|source| self.replica.damaged("head", source))
    }

    /// Goes to a key: reads its head, and what hides its versions. Nothing changes while a reader
    /// lives, so coming back to the same key costs nothing.
    fn enter(&mut self, key: KeyAddress<'_>) -> Result<(), ReplicaError> {
        let is_here = self.here.as_ref().is_some_and(|here| {
            here.keyspace == key.keyspace && self.group.get(GROUP_PREFIX_SIZE..) == Some(key.key)
        });
        if is_here {
            return Ok(());
        }
        self.here = None;
        put_group(key, &mut self.group);
        let head = self.read_head()?;
        let mut hidden = Hidden { now: self.now, life: None };
        if head.count(Family::KeyExpiry) > 0 && !self.shows_all {
            hidden.life = self.read_life()?;
        }
        self.here = Some(Here { keyspace: key.keyspace, head, hidden });
        Ok(())
    }

    fn read_life(&mut self) -> Result<Option<Life>, ReplicaError> {
        let column = Family::KeyExpiry.column(&[]);
        let at = Row { shard: self.replica.shard, group: &self.group, column: &column };
        let Some(bytes) = self.store.get(at)? else { return Ok(None) };
        let cell = decode_cell(bytes).map_err(|s| self.replica.damaged("row", s))?;
        // A record that makes no sense hides nothing: the key's data is worth more than its end.
        Ok(Life::of(&cell).ok())
    }

    fn here(&self) -> &Here {
        self.here.as_ref().expect("a key was entered")
    }

    fn visit_shown(
        &mut self,
        from: &[u8],
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Cell<'_>) -> ReadControl,
    ) -> Result<(), ReplicaError> {
        let mut failed = Ok(());
        let replica = self.replica;
        let hidden = &self.here.as_ref().expect("a key was entered").hidden;
        let mut look = |column: &[u8], bytes: &[u8]| {
            if !is_cell_column(column) {
                // Behind the cells are derived rows, one per member of a sorted set.
                let is_behind = column.first() >= Some(&SCORE_COLUMN);
                return if is_behind { ScanControl::Stop } else { ScanControl::Continue };
            }
            match decode_cell(bytes) {
                Ok(cell) => {
                    let shown = hidden.shown(column, cell);
                    if !shown.live.is_empty() && visit(column, &shown) == ReadControl::Stop {
                        return ScanControl::Stop;
                    }
                    ScanControl::Continue
                }
                Err(source) => {
                    failed = Err(replica.damaged("row", source));
                    ScanControl::Stop
                }
            }
        };
        let from = from.min(&[SCORE_COLUMN]);
        let at = Row { shard: replica.shard, group: &self.group, column: from };
        match direction {
            Direction::Up => self.store.scan_group(at, &mut look)?,
            Direction::Down => self.store.scan_group_back(at, &mut look)?,
        }
        failed
    }

    fn count_shown(&mut self, key: KeyAddress<'_>, family: Family) -> Result<u64, ReplicaError> {
        self.enter(key)?;
        if !self.here().hidden.hides_any() {
            return Ok(self.here().head.count(family));
        }
        // Some of the cells may have ended with the key: look at each.
        let mut count = 0;
        let from = family.column(&[]);
        self.visit_shown(&from, Direction::Up, &mut |column, _| {
            let cell = CellAddress { key, column };
            if cell.family() != Some(family) {
                return ReadControl::Stop;
            }
            count += 1;
            ReadControl::Continue
        })?;
        Ok(count)
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

impl From<ReplicaError> for ReadError {
    fn from(error: ReplicaError) -> Self {
        Self(error.to_string())
    }
}

impl<S: Store> ReadCells for Reader<'_, S> {
    fn read<T>(
        &mut self,
        key: KeyAddress<'_>,
        column: &[u8],
        see: impl FnOnce(&Cell<'_>) -> T,
    ) -> Result<T, ReadError> {
        self.enter(key)?;
        let replica = self.replica;
        let at = Row { shard: replica.shard, group: &self.group, column };
        let bytes = self.store.get(at).map_err(ReplicaError::from)?;
        let cell = match bytes {
            Some(bytes) => decode_cell(bytes).map_err(|source| replica.damaged("row", source))?,
            None => Cell::default(),
        };
        let hidden = &self.here.as_ref().expect("a key was entered").hidden;
        Ok(see(&hidden.shown(column, cell)))
    }

    fn scan(
        &mut self,
        key: KeyAddress<'_>,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &Cell<'_>) -> ReadControl,
    ) -> Result<(), ReadError> {
        self.enter(key)?;
        self.visit_shown(from, Direction::Up, visit).map_err(ReadError::from)
    }

    fn scan_back(
        &mut self,
        key: KeyAddress<'_>,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &Cell<'_>) -> ReadControl,
    ) -> Result<(), ReadError> {
        self.enter(key)?;
        self.visit_shown(from, Direction::Down, visit).map_err(ReadError::from)
    }

    fn count(&mut self, key: KeyAddress<'_>, family: Family) -> Result<u64, ReadError> {
        self.count_shown(key, family).map_err(ReadError::from)
    }

    fn scan_scores(
        &mut self,
        key: KeyAddress<'_>,
        from: Option<&[u8]>,
        toward: Toward,
        visit: &mut dyn FnMut(&[u8]) -> ReadControl,
    ) -> Result<(), ReadError> {
        self.enter(key)?;
        if self.here().hidden.hides_any() {
            // The index knows nothing of ends: read the members that are shown.
            return zset::sort_and_visit(self, key, from, toward, visit);
        }
        self.visit_scores(key, from, toward, visit).map_err(ReadError::from)
    }

    fn count_scores(&mut self, key: KeyAddress<'_>) -> Result<u64, ReadError> {
        self.enter(key)?;
        if self.here().hidden.hides_any() {
            return zset::count_shown(self, key);
        }
        Ok(self.here().head.count_scores())
    }

    fn families(&mut self, key: KeyAddress<'_>) -> Result<Families, ReadError> {
        self.enter(key)?;
        Ok(self.here().families())
    }

    fn now(&self) -> Millis {
        self.now
    }
}
