//! Operations: one by one with their cells, or grouped by cell.
//!
//! ```text
//! operation = cell (extra 0) | member
//! group     = cell (extra: the count of members) | members, ascending by dot
//! member    = head 1 B | stamp | [removed count] | removed dots | [expiry] | [payload or clock]
//! head      = body (bits 0-1: 0 remove, 1 insert, 2 dead, 3 clear) | has expiry (bit 2)
//!           | removed count (bits 3-4: 0, 1, 2; 3: it is written out) | stamp flags (bits 5-7)
//! ```
//!
//! Invariants: an operation never supersedes itself; a clear, and nothing else, stands in a
//! column of the clear family.

use std::borrow::Cow;

use causality::{Clock, Dot, Dots, Millis};
use cells::{Body, CellAddress, Family, Insert, Op, OwnedBody, OwnedCellAddress, OwnedOp};
use codec::DecodeError;

use super::writer::Stamp;
use super::{BodyReader, BodyWriter, Layout};
use crate::shard::{Group, Member};

const REMOVE: u8 = 0;
const INSERT: u8 = 1;
const DEAD: u8 = 2;
const CLEAR: u8 = 3;
const BODY_MASK: u8 = 3;
const HAS_EXPIRY: u8 = 1 << 2;
const REMOVED_SHIFT: u32 = 3;
/// Says that the count of removed dots is written out.
const REMOVED_COUNTED: u8 = 3;

/// A head and a time.
const MEMBER_SIZE_MIN: usize = 2;

impl BodyWriter<'_> {
    /// Writes an operation with its cell.
    pub(super) fn op(&mut self, op: &Op<'_>) {
        self.cell(0, op.cell);
        self.member(op.cell, Stamp { dot: op.dot, time: op.time }, op.removed, &op.body);
    }

    fn member(&mut self, cell: CellAddress<'_>, stamp: Stamp, removed: &[Dot], body: &Body<'_>) {
        assert!(is_fitting(cell, body), "clears, and only they, are in the clear family");
        assert!(!removed.contains(&stamp.dot), "an operation does not supersede itself");
        let expiry = body.expiry();
        let removed_form =
            u8::try_from(removed.len()).map_or(REMOVED_COUNTED, |n| n.min(REMOVED_COUNTED));
        let body_bits = match body {
            Body::Remove => REMOVE,
            Body::Insert(_) => INSERT,
            Body::Dead { .. } => DEAD,
            Body::Clear(_) => CLEAR,
        };
        let expiry_bit = if expiry.is_some() { HAS_EXPIRY } else { 0 };
        self.stamp(body_bits | expiry_bit | removed_form << REMOVED_SHIFT, stamp);
        if removed_form == REMOVED_COUNTED {
            self.varint(removed.len() as u64);
        }
        self.items(removed);
        if let Some(expiry) = expiry {
            self.expiry(expiry);
        }
        match body {
            Body::Remove | Body::Dead { .. } => {}
            Body::Insert(insert) => self.slice(insert.payload),
            Body::Clear(covered) => covered.write(self),
        }
    }
}

impl<'a> BodyReader<'a, '_> {
    /// Reads an operation; the dots it supersedes go into `removed`, all else is borrowed from
    /// the body.
    pub(super) fn op<'s>(&mut self, removed: &'s mut Dots) -> Result<Op<'s>, DecodeError>
    where
        'a: 's,
    {
        let cell = self.plain_cell()?;
        let (Stamp { dot, time }, body) = self.member(cell, removed)?;
        Ok(Op { dot, time, cell, removed, body })
    }

    fn member(
        &mut self,
        cell: CellAddress<'_>,
        removed: &mut Dots,
    ) -> Result<(Stamp, Body<'a>), DecodeError> {
        let head = self.bytes.byte()?;
        let stamp = self.stamp(head)?;
        self.removed(head >> REMOVED_SHIFT & REMOVED_COUNTED, stamp.dot, removed)?;
        let expiry = (head & HAS_EXPIRY != 0).then(|| self.expiry()).transpose()?;
        let body = self.member_body(head & BODY_MASK, expiry)?;
        if !is_fitting(cell, &body) {
            return Err(DecodeError::Inconsistent("clear"));
        }
        Ok((stamp, body))
    }

    fn removed(&mut self, form: u8, own: Dot, removed: &mut Dots) -> Result<(), DecodeError> {
        removed.clear();
        let count = if form == REMOVED_COUNTED { self.bytes.varint()? } else { u64::from(form) };
        if count < u64::from(form) {
            return Err(DecodeError::Inconsistent("count of removed dots"));
        }
        let count = usize::try_from(count).map_err(|_| DecodeError::Truncated)?;
        removed.reserve(self.checked_count(count, Dot::SIZE_MIN)?);
        for _ in 0..count {
            removed.push(self.mention()?);
        }
        if removed.contains(&own) {
            return Err(DecodeError::Inconsistent("operation that supersedes itself"));
        }
        Ok(())
    }

    fn member_body(&mut self, body: u8, expiry: Option<Millis>) -> Result<Body<'a>, DecodeError> {
        match (body, expiry) {
            (INSERT, _) => Ok(Body::Insert(Insert { payload: self.slice("payload")?, expiry })),
            (DEAD, _) => Ok(Body::Dead { expiry }),
            (REMOVE, None) => Ok(Body::Remove),
            (CLEAR, None) => Ok(Body::Clear(Cow::Owned(Clock::read(self)?))),
            _ => Err(DecodeError::Inconsistent("expiry")),
        }
    }
}

impl Layout for OwnedOp {
    const SIZE_MIN: usize = OwnedCellAddress::SIZE_MIN + MEMBER_SIZE_MIN;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.op(&self.borrow());
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let cell = reader.plain_cell()?;
        let mut removed = Dots::new();
        let (Stamp { dot, time }, body) = reader.member(cell, &mut removed)?;
        Ok(Self { dot, time, cell: cell.into(), removed, body: owned(body) })
    }
}

impl Layout for Group {
    const SIZE_MIN: usize = OwnedCellAddress::SIZE_MIN + MEMBER_SIZE_MIN;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        let Self { cell, members } = self;
        assert!(!members.is_empty(), "a group has members");
        assert!(members.is_sorted_by(|one, next| one.dot < next.dot), "members ascend by dot");
        writer.cell(members.len(), cell.borrow());
        for Member { dot, time, removed, body } in members {
            let stamp = Stamp { dot: *dot, time: *time };
            writer.member(cell.borrow(), stamp, removed, &body.borrow());
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let (count, cell) = reader.cell()?;
        let mut members: Vec<Member> =
            Vec::with_capacity(reader.checked_count(count, MEMBER_SIZE_MIN)?);
        for _ in 0..count {
            let mut removed = Dots::new();
            let (Stamp { dot, time }, body) = reader.member(cell, &mut removed)?;
            members.push(Member { dot, time, removed, body: owned(body) });
        }
        if members.is_empty() || !members.is_sorted_by(|one, next| one.dot < next.dot) {
            return Err(DecodeError::Inconsistent("group"));
        }
        Ok(Self { cell: cell.into(), members })
    }
}

fn owned(body: Body<'_>) -> OwnedBody {
    match body {
        Body::Remove => OwnedBody::Remove,
        Body::Insert(insert) => {
            OwnedBody::Insert { payload: insert.payload.into(), expiry: insert.expiry }
        }
        Body::Dead { expiry } => OwnedBody::Dead { expiry },
        Body::Clear(covered) => OwnedBody::Clear(covered.into_owned()),
    }
}

fn is_fitting(cell: CellAddress<'_>, body: &Body<'_>) -> bool {
    matches!(body, Body::Clear(_)) == (cell.family() == Some(Family::Clear))
}
