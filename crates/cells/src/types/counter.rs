//! The counter that is part of strings, map fields and scores: every increment counts once.
//!
//! Each actor that increments owns an entry, keyed by its birth: the dot of the change that made
//! it. An entry holds what its owner has added and subtracted in all, written by the owner alone;
//! a floor of the same birth holds how much of that was reset. The value is the sum, over present
//! entries, of what exceeds their floors. A reset raises floors to what it saw, so increments that
//! it did not see survive exactly, and concurrent resets are one.
//!
//! Siblings of one entry or floor are joined by their maximum: an entry only grows, so a version
//! of it that comes twice, or late under a new name, changes nothing. For the same reason an entry
//! may be deleted only when its floor hides all of it, and the floor must outlive every copy of
//! the entry that may still come: see [`sweep`].
//!
//! ```text
//! column:  family | subkey of the register | birth actor 8 B | birth counter 8 B (big-endian)
//! payload: added | subtracted, each: places 1 B, digits varint [, high digits varint]
//! ```

use std::collections::{BTreeMap, BTreeSet};

use causality::{Actor, Dot, Dots};
use codec::{DecodeError, Reader, put_varint};
use smallvec::SmallVec;

use super::walk::{walk, walk_from};
use super::{Draft, Fixed, TypeError};
use crate::{Cell, Family, KeyAddress, ReadCells, ReadControl};

/// An entry beyond this starts a new birth, so that no amount ever leaves 128 bits with sign.
const AMOUNT_MAX: u128 = 1 << 126;
const PLACES: u8 = 17;
/// One, in units of the seventeenth place.
const ONE: u128 = 10u128.pow(17);
const HIGH: u8 = 0x20;
const BIRTH_SIZE: usize = 16;
/// Two small whole amounts.
const AMOUNTS_SIZE_USUAL: usize = 4;

/// Which counters: those of the string, of map fields, or of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Additions to the string.
    String,
    /// Additions to map fields.
    Map,
    /// Additions to scores.
    Zset,
}

/// What has been added and subtracted in all, in units of the seventeenth place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amounts {
    plus: u128,
    minus: u128,
}

/// One birth of a counter as one replica shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    counted: Amounts,
    counted_dots: Dots,
    floor: Amounts,
    floor_dots: Dots,
}

/// Every birth of one counter, by dot: few, about one for each actor that increments it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    entries: SmallVec<[(Dot, Entry); 1]>,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::String, Self::Map, Self::Zset];

    /// Returns the part to whose entries a family belongs.
    #[must_use]
    pub const fn of_count(family: Family) -> Option<Self> {
        match family {
            Family::RegisterCount => Some(Self::String),
            Family::MapCount => Some(Self::Map),
            Family::ZsetCount => Some(Self::Zset),
            _ => None,
        }
    }

    /// Returns the family of the entries.
    #[must_use]
    pub const fn count(self) -> Family {
        match self {
            Self::String => Family::RegisterCount,
            Self::Map => Family::MapCount,
            Self::Zset => Family::ZsetCount,
        }
    }

    /// Returns the family of the floors.
    #[must_use]
    pub const fn floor(self) -> Family {
        match self {
            Self::String => Family::RegisterFloor,
            Self::Map => Family::MapFloor,
            Self::Zset => Family::ZsetFloor,
        }
    }
}

impl Amounts {
    fn join(self, other: Self) -> Self {
        Self { plus: self.plus.max(other.plus), minus: self.minus.max(other.minus) }
    }

    fn add(self, amount: Fixed) -> Option<Self> {
        let (plus, minus) = amount.split();
        let sum = Self { plus: self.plus + plus, minus: self.minus + minus };
        (sum.plus <= AMOUNT_MAX && sum.minus <= AMOUNT_MAX).then_some(sum)
    }

    fn difference(self) -> i128 {
        let signed = |amount: u128| i128::try_from(amount).expect("amounts are bounded");
        signed(self.plus) - signed(self.minus)
    }

    fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(AMOUNTS_SIZE_USUAL);
        put_amount(&mut out, self.plus);
        put_amount(&mut out, self.minus);
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let amounts = Self { plus: amount(&mut reader)?, minus: amount(&mut reader)? };
        reader.finish()?;
        Ok(amounts)
    }

    /// Joins the siblings of an entry or floor.
    fn of(cell: &Cell<'_>, family: Family) -> Result<Self, TypeError> {
        let decoded = cell.live.iter().map(|version| Self::decode(version.payload));
        let joined = decoded.reduce(|a, b| Ok(a?.join(b?)));
        joined.unwrap_or(Ok(Self::default())).map_err(|_| TypeError::Malformed(family))
    }
}

impl Entry {
    /// What is counted beyond the floor; an old copy of an entry may lie below it.
    fn excess(&self) -> Amounts {
        Amounts {
            plus: self.counted.plus.saturating_sub(self.floor.plus),
            minus: self.counted.minus.saturating_sub(self.floor.minus),
        }
    }

    fn is_reset(&self) -> bool {
        self.excess() == Amounts::default()
    }
}

impl Tally {
    /// Returns the entry of a birth, which begins with nothing.
    fn entry(&mut self, birth: Dot) -> &mut Entry {
        let at = self.find(birth).unwrap_or_else(|at| {
            self.entries.insert(at, (birth, Entry::default()));
            at
        });
        &mut self.entries[at].1
    }

    fn find(&self, birth: Dot) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&birth, |(birth, _)| *birth)
    }

    /// Returns what all increments that were not reset come to; nothing when there are none.
    /// Nothing and zero differ: a counter that was raised and lowered again is there.
    #[must_use]
    pub fn total(&self) -> Option<Fixed> {
        let mut excesses = self.entries.iter().filter(|(_, entry)| !entry.is_reset()).peekable();
        excesses.peek()?;
        let differences = excesses.map(|(_, entry)| entry.excess().difference());
        Some(Fixed::of_sum(differences))
    }

    /// Adds to the counter through the minter's own entry, or a new one.
    pub fn add(&self, part: Part, subkey: &[u8], amount: Fixed, draft: &mut Draft) {
        let me = draft.actor();
        // The newest own entry. Should an old copy of a deleted one have come back, then its floor
        // says how far it had come.
        let mut own = self.entries.iter().rev().filter(|(birth, _)| birth.actor == me);
        let found = own.find_map(|(birth, entry)| {
            let is_live = !entry.counted_dots.is_empty();
            let grown = entry.counted.join(entry.floor).add(amount).filter(|_| is_live)?;
            Some((*birth, entry.counted_dots.clone(), grown))
        });
        let (birth, removed, grown) = found.unwrap_or_else(|| {
            let grown = Amounts::default().add(amount).expect("one increment fits a new entry");
            (draft.next_dot(), Dots::new(), grown)
        });
        draft.insert(column(part.count(), subkey, birth), removed, grown.encode(), None);
    }

    /// Resets every increment that is seen here.
    pub fn reset(&self, part: Part, subkey: &[u8], draft: &mut Draft) {
        self.reset_births(part, subkey, |_| true, draft);
    }

    /// Resets the increments of some births.
    pub(crate) fn reset_births(
        &self,
        part: Part,
        subkey: &[u8],
        is_wanted: impl Fn(Dot) -> bool,
        draft: &mut Draft,
    ) {
        let entries = self.entries.iter().filter(|(_, entry)| !entry.is_reset());
        for (birth, entry) in entries.filter(|(birth, _)| is_wanted(*birth)) {
            let raised = entry.counted.join(entry.floor).encode();
            let column = column(part.floor(), subkey, *birth);
            draft.insert(column, entry.floor_dots.clone(), raised, None);
        }
    }
}

/// Reads one counter.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn tally<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    part: Part,
    subkey: &[u8],
) -> Result<Tally, TypeError> {
    let mut tally = Tally::default();
    let families = cells.families(key)?;
    if !families.may_show(part.count()) {
        return Ok(tally);
    }
    walk(cells, key, &part.count().column(subkey), |rest, cell| {
        if rest.len() != BIRTH_SIZE {
            // The entry of a field further down the same path.
            return Ok(ReadControl::Continue);
        }
        let counted = Amounts::of(cell, part.count())?;
        let birth = read_birth(rest, part.count())?;
        let entry = tally.entry(birth);
        (entry.counted, entry.counted_dots) = (counted, cell.dots());
        Ok(ReadControl::Continue)
    })?;
    if !tally.entries.is_empty() && families.may_show(part.floor()) {
        read_floors(cells, key, part, subkey, &mut tally)?;
    }
    Ok(tally)
}

/// Reads every counter of a part of the key, by the subkeys of what they add to.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn tallies<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    part: Part,
) -> Result<BTreeMap<Vec<u8>, Tally>, TypeError> {
    let mut tallies: BTreeMap<Vec<u8>, Tally> = BTreeMap::new();
    walk(cells, key, &[part.count() as u8], |rest, cell| {
        let (subkey, birth) = split_birth(rest, part.count())?;
        let entry = tallies.entry(subkey.to_vec()).or_default().entry(birth);
        entry.counted = Amounts::of(cell, part.count())?;
        entry.counted_dots = cell.dots();
        Ok(ReadControl::Continue)
    })?;
    walk(cells, key, &[part.floor() as u8], |rest, cell| {
        let (subkey, birth) = split_birth(rest, part.floor())?;
        let entry = tallies.entry(subkey.to_vec()).or_default().entry(birth);
        entry.floor = Amounts::of(cell, part.floor())?;
        entry.floor_dots = cell.dots();
        Ok(ReadControl::Continue)
    })?;
    Ok(tallies)
}

/// Says whether any counter of a part of the key has an increment that was not reset; it looks no
/// further than the first one.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn has_any<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    part: Part,
) -> Result<bool, TypeError> {
    let prefix = [part.count() as u8];
    let mut from = prefix.to_vec();
    loop {
        let mut first = None;
        walk_from(cells, key, &prefix, &from, &mut |rest, _| {
            first = Some(rest.to_vec());
            Ok(ReadControl::Stop)
        })?;
        let Some(first) = first else { return Ok(false) };
        let (subkey, _) = split_birth(&first, part.count())?;
        if tally(cells, key, part, subkey)?.total().is_some() {
            return Ok(true);
        }
        // The next column is this one and a zero.
        from = [&prefix[..], &first, &[0]].concat();
    }
}

/// What may be deleted of a counter's birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: somebody else may still write to it.
    Kept,
    /// The entry, once its floor hides all of it: this replica is the owner and will never write
    /// to it again, or the owner is retired and every replica has all that it minted.
    Owned,
    /// The floor as well: no operation of the birth can come any more, under no name, because
    /// every replica has all of them.
    Settled,
}

/// Deletes what is left of counters that were reset: entries hidden by their floors, and floors
/// that have nothing to hide. `fate` says what is known of a birth; a floor deleted too early
/// would let a late copy of its entry count again. `stored` shows what is stored, hidden or not:
/// a floor whose entry is hidden has something to hide.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn sweep<R: ReadCells>(
    stored: &mut R,
    key: KeyAddress<'_>,
    fate: impl Fn(Dot) -> Fate,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    for part in Part::ALL {
        for (subkey, tally) in tallies(stored, key, part)? {
            for (birth, entry) in &tally.entries {
                let fate = fate(*birth);
                if fate != Fate::Kept && entry.is_reset() {
                    let column = column(part.count(), &subkey, *birth);
                    draft.remove(column, entry.counted_dots.clone());
                }
                // The entry goes first: a floor without its entry hides nothing that is known.
                if fate == Fate::Settled && entry.counted_dots.is_empty() {
                    let column = column(part.floor(), &subkey, *birth);
                    draft.remove(column, entry.floor_dots.clone());
                }
            }
        }
    }
    Ok(())
}

/// The births of which only floors are left.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn orphans<R: ReadCells>(
    stored: &mut R,
    key: KeyAddress<'_>,
) -> Result<BTreeSet<Dot>, TypeError> {
    let mut orphans = BTreeSet::new();
    for part in Part::ALL {
        for tally in tallies(stored, key, part)?.values() {
            let alone = tally.entries.iter().filter(|(_, entry)| entry.counted_dots.is_empty());
            orphans.extend(alone.map(|(birth, _)| *birth));
        }
    }
    Ok(orphans)
}

fn read_floors<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    part: Part,
    subkey: &[u8],
    tally: &mut Tally,
) -> Result<(), TypeError> {
    walk(cells, key, &part.floor().column(subkey), |rest, cell| {
        if rest.len() != BIRTH_SIZE {
            return Ok(ReadControl::Continue);
        }
        // A floor without an entry has nothing to hide.
        if let Ok(at) = tally.find(read_birth(rest, part.floor())?) {
            let entry = &mut tally.entries[at].1;
            entry.floor = Amounts::of(cell, part.floor())?;
            entry.floor_dots = cell.dots();
        }
        Ok(ReadControl::Continue)
    })
}

fn column(family: Family, subkey: &[u8], birth: Dot) -> Vec<u8> {
    let mut column = Vec::with_capacity(1 + subkey.len() + BIRTH_SIZE);
    column.push(family as u8);
    column.extend_from_slice(subkey);
    column.extend_from_slice(&birth.actor.bits().to_be_bytes());
    column.extend_from_slice(&birth.counter.to_be_bytes());
    column
}

/// Splits the subkey of an entry or floor into that of its register, and its birth.
pub(crate) fn split_birth(subkey: &[u8], family: Family) -> Result<(&[u8], Dot), TypeError> {
    let at = subkey.len().checked_sub(BIRTH_SIZE).ok_or(TypeError::Malformed(family))?;
    Ok((&subkey[..at], read_birth(&subkey[at..], family)?))
}

fn read_birth(bytes: &[u8], family: Family) -> Result<Dot, TypeError> {
    let mut reader = Reader::new(bytes);
    let mut number = || reader.array().map(u64::from_be_bytes);
    let birth = number().and_then(|bits| Ok(Dot::new(Actor::from_bits(bits), number()?)));
    birth
        .and_then(|birth| reader.finish().map(|()| birth))
        .map_err(|_| TypeError::Malformed(family))
}

/// Splits an amount into its digits without zeros behind the point, and how many places stay.
/// Most amounts are whole, and dividing 128 bits is slow.
fn without_zeros(amount: u128) -> (u128, u8) {
    if amount.is_multiple_of(ONE) {
        return (amount / ONE, 0);
    }
    let (mut digits, mut places) = (amount, PLACES);
    while digits.is_multiple_of(10) {
        digits /= 10;
        places -= 1;
    }
    (digits, places)
}

/// Most amounts are whole, so trailing zeros are left out: one byte says how many places stay.
fn put_amount(out: &mut Vec<u8>, amount: u128) {
    let (digits, places) = without_zeros(amount);
    let high = u64::try_from(digits >> 64).expect("half of 128 bits");
    let low = u64::try_from(digits & u128::from(u64::MAX)).expect("half of 128 bits");
    out.push(places | if high > 0 { HIGH } else { 0 });
    put_varint(out, low);
    if high > 0 {
        put_varint(out, high);
    }
}

fn amount(reader: &mut Reader<'_>) -> Result<u128, DecodeError> {
    let tag = reader.byte()?;
    let low = reader.varint()?;
    let high = if tag & HIGH > 0 { reader.varint()? } else { 0 };
    let places = tag & !HIGH;
    let zeros = PLACES.checked_sub(places).ok_or(DecodeError::Unknown("number of places"))?;
    let digits = u128::from(high) << 64 | u128::from(low);
    let unit = if zeros == PLACES { ONE } else { 10u128.pow(u32::from(zeros)) };
    let amount = digits.checked_mul(unit);
    amount.filter(|amount| *amount <= AMOUNT_MAX).ok_or(DecodeError::Limit("amount"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_round_trip_and_whole_ones_are_small() {
        let mut rng = fastrand::Rng::with_seed(4);
        for _ in 0..20_000 {
            let amounts = Amounts {
                plus: rng.u128(..) >> rng.u32(2..128),
                minus: rng.u128(..) >> rng.u32(2..128),
            };
            assert_eq!(Amounts::decode(&amounts.encode()), Ok(amounts));
        }
        let one = Amounts::default().add(Fixed::from_integer(1)).unwrap();
        assert_eq!(one.encode(), [0, 1, 0, 0]);
    }

    #[test]
    fn any_bytes_are_amounts_or_an_error() {
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..50_000 {
            let bytes: Vec<u8> =
                (0..rng.usize(0..12)).map(|_| rng.u8(..) >> rng.u32(0..8)).collect();
            if let Ok(amounts) = Amounts::decode(&bytes) {
                assert_eq!(Amounts::decode(&amounts.encode()), Ok(amounts));
            }
        }
    }

    #[test]
    fn a_full_entry_makes_room_for_a_new_birth() {
        let full = Amounts { plus: AMOUNT_MAX, minus: 0 };
        assert_eq!(full.add(Fixed::from_integer(1)), None);
        assert!(full.add(Fixed::from_integer(-1)).is_some());
    }
}
