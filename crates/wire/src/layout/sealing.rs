//! The steps of retiring an actor: a step byte, the actor, then what the step carries.

use causality::Counters;
use codec::DecodeError;

use super::{BodyReader, BodyWriter, Layout};
use crate::shard::Sealing;

const FREEZE: u8 = 0;
const FROZEN: u8 = 1;
const ALLOW: u8 = 2;
const COMPLETE: u8 = 3;
const SEAL: u8 = 4;

impl Layout for Sealing {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        let (step, actor, ballot, counters) = match self {
            Self::Freeze { actor, ballot } => (FREEZE, actor, Some(ballot), None),
            Self::Frozen { actor, ballot, counters } => {
                (FROZEN, actor, Some(ballot), Some(counters))
            }
            Self::Allow { actor, ballot, counters } => (ALLOW, actor, Some(ballot), Some(counters)),
            Self::Complete { actor, ballot } => (COMPLETE, actor, Some(ballot), None),
            Self::Seal { actor, counters } => (SEAL, actor, None, Some(counters)),
        };
        writer.byte(step);
        writer.actor(*actor);
        if let Some(ballot) = ballot {
            writer.varint(*ballot);
        }
        if let Some(counters) = counters {
            counters.write(writer);
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let step = reader.bytes.byte()?;
        let (actor, _) = reader.actor()?;
        match step {
            FREEZE => Ok(Self::Freeze { actor, ballot: reader.bytes.varint()? }),
            FROZEN => {
                let ballot = reader.bytes.varint()?;
                Ok(Self::Frozen { actor, ballot, counters: Counters::read(reader)? })
            }
            ALLOW => {
                let ballot = reader.bytes.varint()?;
                Ok(Self::Allow { actor, ballot, counters: Counters::read(reader)? })
            }
            COMPLETE => Ok(Self::Complete { actor, ballot: reader.bytes.varint()? }),
            SEAL => Ok(Self::Seal { actor, counters: Counters::read(reader)? }),
            _ => Err(DecodeError::Unknown("step of sealing")),
        }
    }
}
