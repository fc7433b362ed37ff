//! The key as a whole: which type it shows, when it ends, what deleting it takes.
//!
//! Types live in cells of their own families, so replicas that wrote different types to one key
//! lose nothing: the newest type shows, the others are reported, and deleting takes all of them.

use std::collections::BTreeSet;

use causality::{Dot, Dots, HybridTime, Millis};
use smallvec::SmallVec;

use super::counter::{Part, has_any, split_birth, tallies};
use super::{Draft, Life, TypeError, life, string};
use crate::{Cell, Change, Families, Family, KeyAddress, ReadCells, ReadControl};

/// A key of more cells than this is deleted by a clear, which costs about a hundred bytes.
const CELL_COUNT_MAX: usize = 4;

/// Where the cells of types begin.
const FIRST_TYPE: [u8; 1] = [Family::Register as u8];

/// Sees one cell of a type, with its family and column.
type Visit<'v> = dyn FnMut(Family, &[u8], &Cell<'_>) -> Result<ReadControl, TypeError> + 'v;

/// What a key can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A string with its counters.
    String,
    /// A set.
    Set,
    /// A map.
    Map,
    /// A sorted set.
    Zset,
    /// A list.
    List,
    /// A flag.
    Flag,
    /// A HyperLogLog.
    Sketch,
}

/// What a key shows, and what concurrent writers of other types left beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// The type with the newest live version.
    pub shown: Kind,
    /// The others.
    pub hidden: Vec<Kind>,
}

impl Kind {
    /// All of them, in the order of their families.
    const ALL: [Self; 7] =
        [Self::String, Self::Set, Self::Map, Self::Zset, Self::List, Self::Flag, Self::Sketch];

    /// Returns the type of a family; nothing for what belongs to no type.
    #[must_use]
    pub const fn of(family: Family) -> Option<Self> {
        match family {
            Family::Clear | Family::KeyExpiry => None,
            Family::Register | Family::RegisterCount | Family::RegisterFloor => Some(Self::String),
            Family::SetMember => Some(Self::Set),
            Family::MapField | Family::MapCount | Family::MapFloor => Some(Self::Map),
            Family::ZsetMember | Family::ZsetCount | Family::ZsetFloor => Some(Self::Zset),
            Family::ListItem => Some(Self::List),
            Family::Flag => Some(Self::Flag),
            Family::Sketch => Some(Self::Sketch),
        }
    }

    /// Returns the first family of a type; those of one type follow each other.
    const fn first_family(self) -> Family {
        match self {
            Self::String => Family::Register,
            Self::Set => Family::SetMember,
            Self::Map => Family::MapField,
            Self::Zset => Family::ZsetMember,
            Self::List => Family::ListItem,
            Self::Flag => Family::Flag,
            Self::Sketch => Family::Sketch,
        }
    }

    /// Returns the counters that are part of a type.
    const fn part(self) -> Option<Part> {
        match self {
            Self::String => Some(Part::String),
            Self::Map => Some(Part::Map),
            Self::Zset => Some(Part::Zset),
            Self::Set | Self::List | Self::Flag | Self::Sketch => None,
        }
    }
}

/// Returns what the key shows; nothing when there is no such key.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn kinds<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<Option<Kinds>, TypeError> {
    let families = cells.families(key)?;
    if families.is_plain() {
        let is_there = has_element(cells, key, Kind::String)?;
        return Ok(is_there.then(|| Kinds { shown: Kind::String, hidden: Vec::new() }));
    }
    let mut present = SmallVec::<[Kind; 2]>::new();
    for kind in Kind::ALL {
        if shows(cells, key, kind, families)? {
            present.push(kind);
        }
    }
    if present.len() > 1 {
        let newest = |kind: &Kind| newest(cells, key, *kind);
        let times = present.iter().map(newest).collect::<Result<Vec<_>, _>>()?;
        let at = (0..times.len()).max_by_key(|at| times[*at]).expect("there are several");
        present.swap(0, at);
    }
    let mut present = present.into_iter();
    let shown = present.next();
    Ok(shown.map(|shown| Kinds { shown, hidden: present.collect() }))
}

/// Says whether the key shows this type or nothing, as far as that is known without a look at its
/// cells; a yes is certain.
///
/// # Errors
/// Reading failed.
pub fn is_at_most<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    kind: Kind,
) -> Result<bool, TypeError> {
    let families = cells.families(key)?;
    let may_show = |other: Kind| {
        families.may_show(other.first_family())
            || other.part().is_some_and(|part| families.may_show(part.count()))
    };
    Ok(!Kind::ALL.into_iter().any(|other| other != kind && may_show(other)))
}

/// Says whether there is such a key.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn exists<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<bool, TypeError> {
    Ok(kinds(cells, key)?.is_some())
}

/// Deletes the key with all its types, as far as they are seen here: a clear, or removals when
/// that is less, and a reset of every counter. Says whether there was such a key.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn delete<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    let was_there = exists(cells, key)?;
    let now = cells.now();
    let record = Life::read(cells, key)?;
    match few_cells(cells, key)? {
        Some(removals) => {
            removals.into_iter().for_each(|removal| draft.push(removal));
            if record.expiry(now).is_some() {
                record.change(now, None, draft);
            }
        }
        None => {
            draft.clear_key();
            // The clear takes the record as well; but what that hides and a clear does not,
            // increments, must stay hidden.
            if record.is_spent(now) {
                record.change(now, None, draft);
            }
        }
    }
    reset_counters(cells, key, |_| true, draft)?;
    Ok(was_there)
}

/// Returns from when on the key is gone; nothing when it has no end.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn expiry<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
) -> Result<Option<Millis>, TypeError> {
    if let Some(shown) = string::shown(cells, key)? {
        return Ok(shown.expiry);
    }
    let now = cells.now();
    Ok(Life::read(cells, key)?.expiry(now))
}

/// Gives the key an end; says whether there is such a key. Of two concurrent ends the later one
/// holds; a string written concurrently has its own. An end that has passed is a deletion, which
/// is for the caller to ask for.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn expire<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    end: Millis,
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    change_end(cells, key, Some(end), draft)
}

/// Takes the key's end away; says whether there is such a key and it had one.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn persist<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    if expiry(cells, key)?.is_none() {
        return Ok(false);
    }
    change_end(cells, key, None, draft)
}

/// How far the leftovers of keys that have ended may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReapLimits {
    /// Everything minted up to this moment is here: what had ended by then cannot have been given a
    /// longer life by somebody who is not heard yet.
    pub complete_until: Millis,
    /// Records of keys that ended before this moment go too: nothing older than that is still on
    /// its way, which the record would have to hide.
    pub forget_before: Millis,
    /// How many cells are emptied at once.
    pub count_max: usize,
    /// How many cells are looked at.
    pub visit_max: usize,
}

/// Removes what the key's spent record hides, resets the increments it hides, and removes the
/// record when it hides nothing any more. `stored` shows what is stored, hidden or not. Returns the
/// column to go on from when there are more cells; the record goes when one pass sees them all.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn reap<R: ReadCells>(
    stored: &mut R,
    key: KeyAddress<'_>,
    from: Option<&[u8]>,
    limits: ReapLimits,
    draft: &mut Draft,
) -> Result<Option<Vec<u8>>, TypeError> {
    let now = limits.complete_until;
    let record = Life::read(stored, key)?;
    if !record.is_spent(now) {
        return Ok(None);
    }
    let (mut removals, mut births) = (Vec::new(), BTreeSet::new());
    let (mut visited, mut next) = (0, None);
    let first = from.unwrap_or(&FIRST_TYPE);
    scan_types(stored, key, first, &mut |family, column, cell| {
        if visited == limits.visit_max || removals.len() + births.len() == limits.count_max {
            next = Some(column.to_vec());
            return Ok(ReadControl::Stop);
        }
        visited += 1;
        let hidden = cell.live.iter().filter(|version| record.hides(family, version, now));
        let removed: Dots = hidden.map(|version| version.dot).collect();
        if removed.is_empty() {
            return Ok(ReadControl::Continue);
        }
        match Part::of_count(family) {
            Some(_) => {
                births.insert(split_birth(&column[1..], family)?.1);
            }
            None => removals.push(Change { column: column.to_vec(), removed, insert: None }),
        }
        Ok(ReadControl::Continue)
    })?;
    removals.into_iter().for_each(|removal| draft.push(removal));
    if !births.is_empty() {
        reset_counters(stored, key, |birth| births.contains(&birth), draft)?;
    }
    let has_seen_all = from.is_none() && next.is_none();
    let is_over = record.expiry(now).is_none() && record.ended(now) < limits.forget_before;
    if has_seen_all && is_over {
        record.forget(draft);
    }
    Ok(next)
}

fn change_end<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    end: Option<Millis>,
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    if !exists(cells, key)? {
        return Ok(false);
    }
    string::touch(cells, key, end, draft)?;
    let now = cells.now();
    let record = Life::read(cells, key)?;
    if record.expiry(now) != end && (end.is_none() || has_governed(cells, key)?) {
        record.change(now, end, draft);
    }
    Ok(true)
}

/// Says whether a type has an element, or an increment that was not reset.
fn shows<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    kind: Kind,
    families: Families,
) -> Result<bool, TypeError> {
    let elements = kind.first_family();
    let has_elements = families.surely_shows(elements)
        || (families.may_show(elements) && has_element(cells, key, kind)?);
    match kind.part() {
        Some(part) if !has_elements && families.may_show(part.count()) => {
            // An increment shows unless a floor hides it.
            let is_sure = families.surely_shows(part.count()) && !families.may_show(part.floor());
            Ok(is_sure || has_any(cells, key, part)?)
        }
        _ => Ok(has_elements),
    }
}

fn has_element<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    kind: Kind,
) -> Result<bool, TypeError> {
    let family = kind.first_family();
    if kind == Kind::String {
        return Ok(cells.read(key, &family.column(&[]), |cell| !cell.live.is_empty())?);
    }
    let mut is_found = false;
    cells.scan(key, &[family as u8], &mut |column, _| {
        is_found = column.first() == Some(&(family as u8));
        ReadControl::Stop
    })?;
    Ok(is_found)
}

fn newest<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    kind: Kind,
) -> Result<HybridTime, TypeError> {
    let mut newest = HybridTime::default();
    scan_types(cells, key, &FIRST_TYPE, &mut |family, _, cell| {
        // Floors are traces of deletions, no signs of life.
        if Kind::of(family) == Some(kind) && !is_floor(family) {
            newest = newest.max(cell.newest());
        }
        Ok(ReadControl::Continue)
    })?;
    Ok(newest)
}

fn has_governed<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<bool, TypeError> {
    let mut found = false;
    scan_types(cells, key, &FIRST_TYPE, &mut |family, _, _| {
        found = life::is_governed(family);
        Ok(if found { ReadControl::Stop } else { ReadControl::Continue })
    })?;
    Ok(found)
}

/// Returns removals of all that a clear would hide, unless that is more than a few cells.
fn few_cells<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
) -> Result<Option<Vec<Change>>, TypeError> {
    let mut removals = Vec::new();
    scan_types(cells, key, &FIRST_TYPE, &mut |family, column, cell| {
        if family.is_clearable() {
            removals.push(Change { column: column.to_vec(), removed: cell.dots(), insert: None });
        }
        Ok(if removals.len() > CELL_COUNT_MAX { ReadControl::Stop } else { ReadControl::Continue })
    })?;
    Ok((removals.len() <= CELL_COUNT_MAX).then_some(removals))
}

fn reset_counters<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    is_wanted: impl Fn(Dot) -> bool,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    for part in Part::ALL {
        for (subkey, tally) in tallies(cells, key, part)? {
            tally.reset_births(part, &subkey, &is_wanted, draft);
        }
    }
    Ok(())
}

const fn is_floor(family: Family) -> bool {
    matches!(family, Family::RegisterFloor | Family::MapFloor | Family::ZsetFloor)
}

/// Visits the cells of the key's types; cells of a future format are passed over.
fn scan_types<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    from: &[u8],
    visit: &mut Visit<'_>,
) -> Result<(), TypeError> {
    let mut failed = Ok(());
    cells.scan(key, from, &mut |column, cell| {
        let Some(family) = column.first().and_then(|byte| Family::from_byte(*byte)) else {
            return ReadControl::Continue;
        };
        visit(family, column, cell).unwrap_or_else(|error| {
            failed = Err(error);
            ReadControl::Stop
        })
    })?;
    failed
}
