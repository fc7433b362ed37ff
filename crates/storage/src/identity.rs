//! Who the directory is and what it promised, kept apart from the data.
//!
//! The file may live on another disk than the data, so that a restored backup or a cloned volume of
//! the data does not bring its old promises along. It tells the run number (every opening counts it
//! up before anything else is written), how far the log was durable at the least, and up to which
//! counter each actor may have minted.

use std::collections::BTreeMap;

use codec::{DecodeError, Reader, put_varint};

use crate::disk::Disk;
use crate::log::{Position, Run};
use crate::sealed::{Copies, seal, unseal};
use crate::store::StoreError;

const NAME: &str = "identity";
const MAGIC: [u8; 8] = *b"starIDY\x01";
const COUNT_MAX: usize = 1 << 24;

/// The content of the identity file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Names the directory; random, never changed.
    pub(crate) store: u128,
    pub(crate) cluster: u128,
    /// The last run that was begun.
    pub(crate) run: u64,
    /// The last run of which the data tells too.
    pub(crate) run_in_data: Run,
    /// The log was durable up to here at least.
    pub(crate) durable: Position,
    /// The run ended on purpose with the log ending here.
    pub(crate) closed_at: Option<Position>,
    /// The run acknowledged before the data was durable.
    pub(crate) is_weak: bool,
    /// The highest counter that each actor of each shard may have used.
    pub(crate) reserved: BTreeMap<(u16, u64), u64>,
}

/// What was found in place of an identity.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    Damaged,
    Identity(Identity, Copies),
}

impl Identity {
    pub(crate) fn read(disk: &mut impl Disk) -> Result<Found, StoreError> {
        let Some(bytes) = crate::sealed::read(disk, NAME, "reading the identity")? else {
            return Ok(Found::Nothing);
        };
        let Some((payload, copies)) = unseal(MAGIC, &bytes) else { return Ok(Found::Damaged) };
        match Self::decode(payload) {
            Ok(identity) => Ok(Found::Identity(identity, copies)),
            Err(_) => Ok(Found::Damaged),
        }
    }

    pub(crate) fn write(&self, disk: &mut impl Disk) -> Result<(), StoreError> {
        let bytes = seal(MAGIC, &self.encode());
        crate::sealed::replace(disk, NAME, &bytes, "writing the identity")
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = self.store.to_le_bytes().to_vec();
        out.extend_from_slice(&self.cluster.to_le_bytes());
        out.push(u8::from(self.is_weak));
        put_varint(&mut out, self.run);
        put_varint(&mut out, self.run_in_data.number);
        put_varint(&mut out, self.run_in_data.nonce);
        put_varint(&mut out, self.durable.0);
        put_varint(&mut out, self.closed_at.map_or(0, |position| position.0));
        put_varint(&mut out, self.reserved.len() as u64);
        for ((shard, actor), through) in &self.reserved {
            put_varint(&mut out, u64::from(*shard));
            put_varint(&mut out, *actor);
            put_varint(&mut out, *through);
        }
        out
    }

    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let (store, cluster) = (reader.u128()?, reader.u128()?);
        let is_weak = reader.byte()? != 0;
        let run = reader.varint()?;
        let run_in_data = Run { number: reader.varint()?, nonce: reader.varint()? };
        let durable = Position(reader.varint()?);
        let closed_at = Some(Position(reader.varint()?)).filter(|position| position.0 > 0);
        let mut reserved = BTreeMap::new();
        for _ in 0..reader.count("reserved", COUNT_MAX)? {
            let shard = u16::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?;
            let actor = reader.varint()?;
            reserved.insert((shard, actor), reader.varint()?);
        }
        reader.finish()?;
        Ok(Self { store, cluster, run, run_in_data, durable, closed_at, is_weak, reserved })
    }
}
