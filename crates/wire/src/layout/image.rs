//! The state exchange: images, their cells, and what two replicas compare.
//!
//! ```text
//! cell    = address (extra: the count of versions * 2 + (any gone)) | versions, ascending by dot
//!         | [gone count | gone dots, ascending]
//! names   = horizon | clock | 0, or 1 and the cell to continue after | cells without values
//! compared = 0 equal, 1 equal with losses, 2 apart | horizon, 3 different, 4 unable
//! version = head 1 B (bit 0 payload, bit 2 expiry, bits 5-7 stamp) | stamp | [expiry] | [payload]
//! ```

use causality::{Clock, Dot, Dots};
use cells::OwnedCellAddress;
use codec::DecodeError;

use super::writer::{Stamp, stamp_bits};
use super::{BodyReader, BodyWriter, Layout, fields};
use crate::shard::{
    Comparison, Detail, LostVersion, Names, Reinstate, StateCell, StateCells, StateCellsWanted,
    StateClear, StateOpened, StateVersion, Summary,
};

const HAS_PAYLOAD: u8 = 1;
const HAS_EXPIRY: u8 = 1 << 2;

fields!(StateOpened { session, horizon, digest, element_count, applied, sealed, clears });
fields!(
    StateClear { cell, dot, covered }
    at least OwnedCellAddress::SIZE_MIN + Dot::SIZE_MIN + Clock::SIZE_MIN
);
fields!(StateCellsWanted { session, first, last, detail, budget, after });
fields!(StateCells { session, digest, next, cells });
fields!(Summary { horizon, digest, element_count, clock });
fields!(Reinstate { clock, cell, version });
fields!(Names { horizon, clock, next, cells });
fields!(LostVersion { cell, dot } at least OwnedCellAddress::SIZE_MIN + Dot::SIZE_MIN);

impl Layout for Comparison {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        match self {
            Self::Equal => writer.byte(0),
            Self::EqualWithLosses => writer.byte(1),
            Self::Apart { horizon } => {
                writer.byte(2);
                horizon.write(writer);
            }
            Self::Different => writer.byte(3),
            Self::Unable => writer.byte(4),
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        match reader.bytes.byte()? {
            0 => Ok(Self::Equal),
            1 => Ok(Self::EqualWithLosses),
            2 => Ok(Self::Apart { horizon: Layout::read(reader)? }),
            3 => Ok(Self::Different),
            4 => Ok(Self::Unable),
            _ => Err(DecodeError::Unknown("comparison")),
        }
    }
}

impl Layout for Detail {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.byte(match self {
            Self::Names => 0,
            Self::Values => 1,
        });
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        match reader.bytes.byte()? {
            0 => Ok(Self::Names),
            1 => Ok(Self::Values),
            _ => Err(DecodeError::Unknown("detail")),
        }
    }
}

impl Layout for StateCell {
    const SIZE_MIN: usize = OwnedCellAddress::SIZE_MIN;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        let Self { cell, versions, gone } = self;
        assert!(is_ascending(versions), "versions ascend by dot");
        assert!(gone.is_sorted_by(|one, next| one < next), "gone dots ascend");
        writer.cell(versions.len() << 1 | usize::from(!gone.is_empty()), cell.borrow());
        writer.items(versions);
        if !gone.is_empty() {
            writer.list(gone);
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let (extra, cell) = reader.cell()?;
        let versions: Vec<StateVersion> = reader.items(extra >> 1)?;
        let gone = if extra & 1 == 0 { Dots::new() } else { read_gone(reader)? };
        if !is_ascending(&versions) {
            return Err(DecodeError::Inconsistent("versions"));
        }
        Ok(Self { cell: cell.into(), versions, gone })
    }
}

fn is_ascending(versions: &[StateVersion]) -> bool {
    versions.is_sorted_by(|one, next| one.dot < next.dot)
}

fn read_gone(reader: &mut BodyReader<'_, '_>) -> Result<Dots, DecodeError> {
    let gone: Vec<Dot> = Layout::read(reader)?;
    if gone.is_empty() || !gone.is_sorted_by(|one, next| one < next) {
        return Err(DecodeError::Inconsistent("gone dots"));
    }
    Ok(gone.into())
}

impl Layout for StateVersion {
    const SIZE_MIN: usize = 2;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        let Self { dot, time, expiry, payload } = self;
        let payload_bit = if payload.is_some() { HAS_PAYLOAD } else { 0 };
        let expiry_bit = if expiry.is_some() { HAS_EXPIRY } else { 0 };
        writer.stamp(payload_bit | expiry_bit, Stamp { dot: *dot, time: *time });
        if let Some(expiry) = expiry {
            writer.expiry(*expiry);
        }
        if let Some(payload) = payload {
            writer.slice(payload);
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let head = reader.bytes.byte()?;
        if head & !(HAS_PAYLOAD | HAS_EXPIRY | stamp_bits::ALL) != 0 {
            return Err(DecodeError::Unknown("mark of a version"));
        }
        let Stamp { dot, time } = reader.stamp(head)?;
        let expiry = (head & HAS_EXPIRY != 0).then(|| reader.expiry()).transpose()?;
        let payload = (head & HAS_PAYLOAD != 0).then(|| reader.slice("payload")).transpose()?;
        Ok(Self { dot, time, expiry, payload: payload.map(Box::from) })
    }
}
