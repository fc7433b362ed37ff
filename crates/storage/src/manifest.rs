//! The checkpoint file: which tables there are, the state of each shard, and up to which log
//! position they contain everything. It is replaced whole; with it a checkpoint or a merge takes
//! effect.

use std::collections::BTreeMap;
use std::sync::Arc;

use codec::{DecodeError, Reader, put_slice, put_varint};

use crate::disk::Disk;
use crate::floors::{Floors, Ranges};
use crate::log::{Checkpoint, Position, ShardMarks};
use crate::sealed::{Copies, seal, unseal};
use crate::store::StoreError;
use crate::table::TableInfo;

const NAME: &str = "manifest";
const MAGIC: [u8; 8] = *b"starMAN\x01";
/// Decoded counts above this are damage that a checksum missed.
const COUNT_MAX: usize = 1 << 28;

/// What the last checkpoint and the merges since have made durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Names the directory, as the identity does.
    pub(crate) store: u128,
    /// The run that wrote this.
    pub(crate) run: u64,
    pub(crate) log: Checkpoint,
    pub(crate) next_table: u64,
    pub(crate) next_age: u64,
    /// Newest first.
    pub(crate) tables: Vec<TableInfo>,
    /// What was dropped since the tables were written.
    pub(crate) floors: Floors,
    pub(crate) states: BTreeMap<u16, Arc<[u8]>>,
}

/// What was found in place of a manifest.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    Damaged,
    Manifest(Box<Manifest>, Copies),
}

impl Manifest {
    pub(crate) fn read(disk: &mut impl Disk) -> Result<Found, StoreError> {
        let Some(bytes) = crate::sealed::read(disk, NAME, "reading the manifest")? else {
            return Ok(Found::Nothing);
        };
        let Some((payload, copies)) = unseal(MAGIC, &bytes) else { return Ok(Found::Damaged) };
        match Self::decode(payload) {
            Ok(manifest) => Ok(Found::Manifest(Box::new(manifest), copies)),
            Err(_) => Ok(Found::Damaged),
        }
    }

    pub(crate) fn write(&self, disk: &mut impl Disk) -> Result<(), StoreError> {
        let bytes = seal(MAGIC, &self.encode());
        crate::sealed::replace(disk, NAME, &bytes, "writing the manifest")
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = self.store.to_le_bytes().to_vec();
        put_varint(&mut out, self.run);
        put_varint(&mut out, self.next_table);
        put_varint(&mut out, self.next_age);
        put_varint(&mut out, self.tables.len() as u64);
        for table in &self.tables {
            table.encode(&mut out);
        }
        self.floors.encode(&mut out);
        put_varint(&mut out, self.states.len() as u64);
        for (shard, state) in &self.states {
            put_varint(&mut out, u64::from(*shard));
            put_slice(&mut out, state);
        }
        encode_log(&self.log, &mut out);
        if !self.floors.ranges.is_empty() {
            self.floors.ranges.encode(&mut out);
        }
        out
    }

    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let mut manifest = Self {
            store: reader.u128()?,
            run: reader.varint()?,
            next_table: reader.varint()?,
            next_age: reader.varint()?,
            ..Self::default()
        };
        for _ in 0..reader.count("tables", COUNT_MAX)? {
            manifest.tables.push(TableInfo::decode(&mut reader)?);
        }
        manifest.floors = Floors::decode(&mut reader)?;
        for _ in 0..reader.count("states", COUNT_MAX)? {
            let shard = shard(&mut reader)?;
            manifest.states.insert(shard, reader.slice("state", COUNT_MAX)?.into());
        }
        manifest.log = decode_log(&mut reader)?;
        if !reader.rest().is_empty() {
            manifest.floors.ranges = Ranges::decode(&mut reader)?;
        }
        reader.finish()?;
        Ok(manifest)
    }
}

fn encode_log(log: &Checkpoint, out: &mut Vec<u8>) {
    put_varint(out, log.position.0);
    put_varint(out, log.segments.len() as u64);
    for segment in &log.segments {
        put_varint(out, u64::from(*segment));
    }
    put_varint(out, log.shards.len() as u64);
    for (shard, marks) in &log.shards {
        put_varint(out, u64::from(*shard));
        put_varint(out, marks.dropped.0);
        put_varint(out, marks.forgotten.len() as u64);
        for (actor, through, before) in &marks.forgotten {
            put_varint(out, *actor);
            put_varint(out, *through);
            put_varint(out, before.0);
        }
    }
}

fn decode_log(reader: &mut Reader<'_>) -> Result<Checkpoint, DecodeError> {
    let mut log = Checkpoint { position: Position(reader.varint()?), ..Checkpoint::default() };
    for _ in 0..reader.count("segments", COUNT_MAX)? {
        log.segments.push(u32::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?);
    }
    for _ in 0..reader.count("shards", COUNT_MAX)? {
        let shard = shard(reader)?;
        let dropped = Position(reader.varint()?);
        let mut marks = ShardMarks { dropped, forgotten: Vec::new() };
        for _ in 0..reader.count("forgotten", COUNT_MAX)? {
            let (actor, through) = (reader.varint()?, reader.varint()?);
            marks.forgotten.push((actor, through, Position(reader.varint()?)));
        }
        log.shards.insert(shard, marks);
    }
    Ok(log)
}

fn shard(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    u16::try_from(reader.varint()?).map_err(|_| DecodeError::Number)
}
