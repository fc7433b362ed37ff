//! The questions and answers of a walk over two hash trees.
//!
//! ```text
//! ask  = 0 | root 16 B | count             tell = 0                        same
//!      | 1 | count | nodes, 4 B each            | 1 | depth 1 B | count | sums, 16 x 8 B each
//!                                               | 2 | depth 1 B            shallow
//! ```

use codec::DecodeError;
use merkle::{Ask, ChildSums, Depth, Digest, FANOUT, Fingerprint, NodeRef, Tell};

use super::{BodyReader, BodyWriter, Layout};

const OPEN: u8 = 0;
const NODES: u8 = 1;

const SAME: u8 = 0;
const CHILDREN: u8 = 1;
const SHALLOW: u8 = 2;

impl Layout for Ask {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        match self {
            Self::Open { root, count } => {
                writer.byte(OPEN);
                writer.fixed(&root.0.to_le_bytes());
                writer.varint(*count);
            }
            Self::Nodes(nodes) => {
                writer.byte(NODES);
                writer.list(nodes);
            }
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        match reader.bytes.byte()? {
            OPEN => {
                let root = Digest(reader.bytes.u128()?);
                Ok(Self::Open { root, count: reader.bytes.varint()? })
            }
            NODES => Layout::read(reader).map(Self::Nodes),
            _ => Err(DecodeError::Unknown("question")),
        }
    }
}

impl Layout for Tell {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        match self {
            Self::Same => writer.byte(SAME),
            Self::Children { depth, sums } => {
                writer.byte(CHILDREN);
                writer.byte(depth.get());
                writer.list(sums);
            }
            Self::Shallow { depth } => {
                writer.byte(SHALLOW);
                writer.byte(depth.get());
            }
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        match reader.bytes.byte()? {
            SAME => Ok(Self::Same),
            CHILDREN => {
                let depth = read_depth(reader)?;
                Ok(Self::Children { depth, sums: Layout::read(reader)? })
            }
            SHALLOW => Ok(Self::Shallow { depth: read_depth(reader)? }),
            _ => Err(DecodeError::Unknown("answer")),
        }
    }
}

fn read_depth(reader: &mut BodyReader<'_, '_>) -> Result<Depth, DecodeError> {
    Depth::new(reader.bytes.byte()?).map_err(|_| DecodeError::Inconsistent("depth"))
}

impl Layout for NodeRef {
    const SIZE_MIN: usize = 4;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.fixed(&self.bits().to_le_bytes());
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let bits = u32::from_le_bytes(reader.bytes.array()?);
        Self::from_bits(bits).map_err(|_| DecodeError::Inconsistent("node"))
    }
}

impl Layout for ChildSums {
    const SIZE_MIN: usize = FANOUT * size_of::<u64>();

    fn write(&self, writer: &mut BodyWriter<'_>) {
        for Fingerprint(sum) in self {
            writer.fixed(&sum.to_le_bytes());
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let mut sums = [Fingerprint(0); FANOUT];
        for sum in &mut sums {
            *sum = Fingerprint(reader.bytes.u64()?);
        }
        Ok(sums)
    }
}
