//! Values that need no context: numbers, times, names, lists, and what may be absent.

use causality::{HybridTime, Incarnation, Millis, NodeId};
use codec::DecodeError;

use super::{BodyReader, BodyWriter, Layout};
use crate::ids::{Challenge, ClockHash, ClusterId, Proof, RequestId, RootHash, ShardId};
use crate::message::{Hello, Outcome, Reason, ShardHash, TEXT_SIZE_MAX};
use crate::shard::{Repair, StateSession};
use crate::version::{ProtocolRange, ProtocolVersion};

const LOGICAL_MAX: u64 = (1 << 16) - 1;
const MILLIS_MAX: u64 = (1 << 48) - 1;

/// A varint.
impl Layout for u64 {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.varint(*self);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        reader.bytes.varint()
    }
}

/// A varint.
impl Layout for u32 {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.varint(u64::from(*self));
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        Self::try_from(reader.bytes.varint()?).map_err(|_| DecodeError::Number)
    }
}

/// A varint: ids are given from 1 on.
impl Layout for NodeId {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        self.0.write(writer);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        u32::read(reader).map(Self)
    }
}

/// Sixteen bytes: digests are as good as random.
impl Layout for u128 {
    const SIZE_MIN: usize = 16;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.fixed(&self.to_le_bytes());
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        reader.bytes.u128()
    }
}

/// A varint.
impl Layout for Millis {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        self.0.write(writer);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        u64::read(reader).map(Self)
    }
}

/// A time that stands alone: the wall part * 2 + (logical part is not 0), then the logical part.
impl Layout for HybridTime {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        let logical = logical(*self);
        writer.varint(self.millis().0 << 1 | u64::from(logical != 0));
        if logical != 0 {
            writer.varint(logical);
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let value = reader.bytes.varint()?;
        let logical = if value & 1 == 1 { read_logical(reader)? } else { 0 };
        hybrid_time(value >> 1, logical)
    }
}

/// Returns the part of a time that counts within its millisecond.
pub(super) const fn logical(time: HybridTime) -> u64 {
    time.bits() & LOGICAL_MAX
}

/// Reads a logical part; one of 0 is not written.
pub(super) fn read_logical(reader: &mut BodyReader<'_, '_>) -> Result<u64, DecodeError> {
    let logical = reader.bytes.varint()?;
    let is_valid = 0 < logical && logical <= LOGICAL_MAX;
    if is_valid { Ok(logical) } else { Err(DecodeError::Inconsistent("time")) }
}

/// Joins the parts of a time.
pub(super) fn hybrid_time(millis: u64, logical: u64) -> Result<HybridTime, DecodeError> {
    if millis <= MILLIS_MAX {
        Ok(HybridTime::from_bits(millis << 16 | logical))
    } else {
        Err(DecodeError::Inconsistent("time"))
    }
}

/// A count, then the items.
impl<T: Layout> Layout for Vec<T> {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.list(self);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let count = reader.bytes.count("count", usize::MAX)?;
        reader.items(count)
    }
}

/// A byte, 0 or 1, then the value if there is one.
impl<T: Layout> Layout for Option<T> {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.byte(u8::from(self.is_some()));
        writer.items(self.as_slice());
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        match reader.bytes.byte()? {
            0 => Ok(None),
            1 => T::read(reader).map(Some),
            _ => Err(DecodeError::Unknown("presence")),
        }
    }
}

/// Opaque bytes, to the end of the body.
impl Layout for Box<[u8]> {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.fixed(self);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        Ok(reader.bytes.take(reader.bytes.rest().len())?.into())
    }
}

/// Text for people: a length, then UTF-8; what is too long is cut off between characters.
impl Layout for String {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        let end = self.floor_char_boundary(TEXT_SIZE_MAX);
        writer.slice(self.get(..end).expect("the end is a boundary").as_bytes());
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let bytes = reader.bytes.slice("text", TEXT_SIZE_MAX)?;
        let text = str::from_utf8(bytes).map_err(|_| DecodeError::Inconsistent("text"))?;
        Ok(text.to_owned())
    }
}

/// A varint.
impl Layout for ShardId {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.varint(u64::from(self.0));
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        u16::try_from(reader.bytes.varint()?).map(Self).map_err(|_| DecodeError::Number)
    }
}

/// A varint.
impl Layout for RequestId {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        self.0.write(writer);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        u64::read(reader).map(Self)
    }
}

/// A varint.
impl Layout for StateSession {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        self.0.write(writer);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        u64::read(reader).map(Self)
    }
}

/// Eight bytes.
impl Layout for RootHash {
    const SIZE_MIN: usize = 8;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.fixed(&self.0.to_le_bytes());
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        reader.bytes.u64().map(Self)
    }
}

/// The distance from the shard before, then six bytes of hash. Shards ascend.
impl Layout for ShardHash {
    const SIZE_MIN: usize = 1 + ClockHash::SIZE;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        let shard = u64::from(self.shard.0);
        let distance = shard.checked_sub(writer.trail.next_shard).expect("shards ascend");
        writer.varint(distance);
        let bytes = self.hash.bits().to_le_bytes();
        writer.fixed(bytes.get(..ClockHash::SIZE).expect("a hash has more bytes"));
        writer.trail.next_shard = shard + 1;
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let shard = reader.trail.next_shard.saturating_add(reader.bytes.varint()?);
        let shard = u16::try_from(shard).map_err(|_| DecodeError::Number)?;
        let mut bytes = [0; 8];
        let (low, _) = bytes.split_at_mut(ClockHash::SIZE);
        low.copy_from_slice(reader.bytes.take(ClockHash::SIZE)?);
        reader.trail.next_shard = u64::from(shard) + 1;
        Ok(Self { shard: ShardId(shard), hash: ClockHash::of(u64::from_le_bytes(bytes)) })
    }
}

/// Its number.
impl Layout for Outcome {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.byte(*self as u8);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let outcome = Self::ALL.get(usize::from(reader.bytes.byte()?));
        outcome.copied().ok_or(DecodeError::Unknown("outcome"))
    }
}

/// Its number.
impl Layout for Repair {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.byte(*self as u8);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let repair = Self::ALL.get(usize::from(reader.bytes.byte()?));
        repair.copied().ok_or(DecodeError::Unknown("repair"))
    }
}

/// Its number.
impl Layout for Reason {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.byte(*self as u8);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let reason = Self::ALL.get(usize::from(reader.bytes.byte()?));
        reason.copied().ok_or(DecodeError::Unknown("reason"))
    }
}

/// All of fixed width, and alike in every protocol version, for ever.
impl Layout for Hello {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        let Self { versions, cluster, node, incarnation, challenge, proof } = self;
        writer.fixed(&[versions.oldest().0, versions.newest().0]);
        writer.fixed(&cluster.0.to_le_bytes());
        writer.fixed(&node.0.to_le_bytes());
        writer.fixed(&incarnation.0.to_le_bytes());
        writer.fixed(&challenge.0);
        writer.fixed(&proof.0.to_le_bytes());
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let [oldest, newest] = reader.bytes.array()?.map(ProtocolVersion);
        Ok(Self {
            versions: ProtocolRange::stated(oldest, newest)
                .ok_or(DecodeError::Inconsistent("range of versions"))?,
            cluster: ClusterId(reader.bytes.u64()?),
            node: NodeId(u32::from_le_bytes(reader.bytes.array()?)),
            incarnation: Incarnation(u32::from_le_bytes(reader.bytes.array()?)),
            challenge: Challenge(reader.bytes.array()?),
            proof: Proof(reader.bytes.u64()?),
        })
    }
}
