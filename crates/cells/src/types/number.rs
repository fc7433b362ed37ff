//! A register to which counters add: what strings and map fields are made of.
//!
//! The value is the register's when it is no number or nothing was added, else their sum. A write
//! resets the increments it sees; one it does not see is added to what it wrote. Increments beside
//! a value that is no number do not show; the next write that sees them resets them.

use causality::{Dots, Millis};

use super::counter::{self, Part, Tally};
use super::walk::live_dots;
use super::{Draft, Fixed, TypeError, register};
use crate::{Family, KeyAddress, ReadCells};

/// Where such a value lives in its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) register: Family,
    pub(crate) part: Part,
    pub(crate) subkey: &'a [u8],
}

/// Such a value as one replica shows it.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    pub(crate) dots: Dots,
    pub(crate) written: Option<Vec<u8>>,
    pub(crate) expiry: Option<Millis>,
    pub(crate) tally: Tally,
}

impl Place<'_> {
    /// Reads everything about the value.
    pub(crate) fn read<R: ReadCells>(
        self,
        cells: &mut R,
        key: KeyAddress<'_>,
    ) -> Result<Number, TypeError> {
        let (dots, written, expiry) = cells.read(key, &self.column(), |cell| {
            let winner = register::winner(cell)?;
            let written = winner.map(|winner| winner.value.to_vec());
            let expiry = winner.and_then(|winner| winner.expiry);
            Ok::<_, TypeError>((cell.dots(), written, expiry))
        })??;
        let tally = counter::tally(cells, key, self.part, self.subkey)?;
        Ok(Number { dots, written, expiry, tally })
    }

    /// Writes the value and resets the increments that are seen; says whether it is new.
    pub(crate) fn write<R: ReadCells>(
        self,
        cells: &mut R,
        key: KeyAddress<'_>,
        value: &[u8],
        draft: &mut Draft,
    ) -> Result<bool, TypeError> {
        let removed = live_dots(cells, key, &self.column())?;
        let tally = counter::tally(cells, key, self.part, self.subkey)?;
        let is_new = removed.is_empty() && tally.total().is_none();
        draft.insert(self.column(), removed, register::write_payload(value), None);
        tally.reset(self.part, self.subkey, draft);
        Ok(is_new)
    }

    /// Removes the value and resets the increments that are seen; says whether it was there.
    pub(crate) fn remove<R: ReadCells>(
        self,
        cells: &mut R,
        key: KeyAddress<'_>,
        draft: &mut Draft,
    ) -> Result<bool, TypeError> {
        let was_written = register::remove(cells, key, &self.column(), draft)?;
        let tally = counter::tally(cells, key, self.part, self.subkey)?;
        tally.reset(self.part, self.subkey, draft);
        Ok(was_written || tally.total().is_some())
    }

    /// Adds an integer; answers the sum.
    pub(crate) fn add_integer(
        self,
        number: &Number,
        by: i64,
        draft: &mut Draft,
    ) -> Result<i64, TypeError> {
        let before = number.to_integer().ok_or(TypeError::NotAnInteger)?;
        let sum = before.checked_add(by).ok_or(TypeError::Overflow)?;
        if by == 0 && number.show().is_none() {
            self.begin_at_zero(number, draft);
        } else if by != 0 {
            number.tally.add(self.part, self.subkey, Fixed::from_integer(by), draft);
        }
        Ok(sum)
    }

    /// Adds a decimal number; answers the sum. What seventeen places and the range of integers
    /// cannot hold is written as a value instead, and then the last writer wins.
    pub(crate) fn add_decimal(
        self,
        number: &Number,
        by: &[u8],
        draft: &mut Draft,
    ) -> Result<Vec<u8>, TypeError> {
        let shown = number.show();
        let before = shown.as_deref().unwrap_or(b"0");
        let sum = Fixed::parse(before)
            .zip(Fixed::parse(by))
            .and_then(|(before, by)| Some((by, before.checked_add(by)?)));
        let Some((by, sum)) = sum else { return self.add_float(number, before, by, draft) };
        if by == Fixed::ZERO && shown.is_none() {
            self.begin_at_zero(number, draft);
        } else if by != Fixed::ZERO {
            number.tally.add(self.part, self.subkey, by, draft);
        }
        Ok(sum.to_string().into_bytes())
    }

    fn add_float(
        self,
        number: &Number,
        before: &[u8],
        by: &[u8],
        draft: &mut Draft,
    ) -> Result<Vec<u8>, TypeError> {
        let sum = parse_float(before)? + parse_float(by)?;
        if !sum.is_finite() {
            return Err(TypeError::NotFinite);
        }
        let text = sum.to_string().into_bytes();
        let payload = register::write_payload(&text);
        draft.insert(self.column(), number.dots.clone(), payload, number.expiry);
        number.tally.reset(self.part, self.subkey, draft);
        Ok(text)
    }

    /// An increment by nothing leaves no trace in a counter, yet the value is there afterwards.
    fn begin_at_zero(self, number: &Number, draft: &mut Draft) {
        let payload = register::write_payload(b"0");
        draft.insert(self.column(), number.dots.clone(), payload, None);
    }

    pub(crate) fn column(self) -> Vec<u8> {
        self.register.column(self.subkey)
    }
}

impl Number {
    /// Returns the integer that the value is, 0 when there is none; nothing for other values.
    fn to_integer(&self) -> Option<i64> {
        if self.written.is_none() {
            return self.tally.total().map_or(Some(0), Fixed::to_integer);
        }
        self.show().as_deref().map_or(Some(0), parse_integer)
    }

    /// Returns the value; nothing when there is none.
    pub(crate) fn show(&self) -> Option<Vec<u8>> {
        show(self.written.as_deref(), &self.tally)
    }
}

/// Adds what was counted to what was written.
pub(crate) fn show(written: Option<&[u8]>, tally: &Tally) -> Option<Vec<u8>> {
    let Some(total) = tally.total() else { return written.map(<[u8]>::to_vec) };
    let Some(written) = written else { return Some(total.to_string().into_bytes()) };
    match Fixed::parse(written) {
        // A value to which nothing was added shows as it was written.
        Some(base) if total != Fixed::ZERO => {
            Some(base.saturating_add(total).to_string().into_bytes())
        }
        _ => Some(written.to_vec()),
    }
}

/// Reads an integer as it is printed: no plus, no spaces, no leading zeros.
fn parse_integer(text: &[u8]) -> Option<i64> {
    let value: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (value.to_string().as_bytes() == text).then_some(value)
}

fn parse_float(text: &[u8]) -> Result<f64, TypeError> {
    let value = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    value.filter(|value| !value.is_nan()).ok_or(TypeError::NotANumber)
}
