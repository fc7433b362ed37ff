//! Places in a walk over all keys of a keyspace: a shard, and a place in its order of hashes.

use std::collections::VecDeque;

use api::{Operation, Outcome, Position, ShardOperation};

use crate::refusal::Refusal;
use crate::rounds::misfit;

/// The most shards that one round asks.
pub(super) const ROUND_SHARDS_MAX: u16 = 256;

/// A place in a walk over a keyspace: a shard, and a place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) shard: u16,
    pub(super) position: Position,
}

impl Place {
    const POSITION_BITS: u32 = 48;

    pub(super) const fn start_of(shard: u16) -> Self {
        Self { shard, position: Position::START }
    }

    /// Reads a cursor; numbers that no walk gives out are places too, at the end.
    pub(super) fn of_cursor(cursor: u64) -> Self {
        let shard = u16::try_from(cursor >> Self::POSITION_BITS).unwrap_or(u16::MAX);
        let position = Position::new(cursor & ((1 << Self::POSITION_BITS) - 1));
        Self { shard, position: position.unwrap_or_default() }
    }

    pub(super) fn cursor(self) -> u64 {
        (u64::from(self.shard) << Self::POSITION_BITS) | self.position.number()
    }

    pub(super) fn keys(self, count_max: u32) -> Asked {
        let operation = ShardOperation::Keys { from: self.position, count_max };
        (Vec::new(), Operation::OnShard { shard: self.shard, operation })
    }

    pub(super) fn count(self) -> Asked {
        let operation = ShardOperation::Count { from: self.position, count_max: u32::MAX };
        (Vec::new(), Operation::OnShard { shard: self.shard, operation })
    }
}

/// An operation on a shard, as commands ask for it: without a key.
pub(super) type Asked = (Vec<u8>, Operation);

/// Key and name of its type.
pub(super) type Shown = (Vec<u8>, &'static str);

/// Keys of a shard, and where it goes on.
pub(super) type Page<'o> = (&'o [Shown], Option<Position>);

/// Reads what a shard answered: its keys, and where it goes on.
pub(super) fn page(outcome: &Outcome) -> Result<Page<'_>, Refusal> {
    match outcome {
        Outcome::Keys { keys, next } => Ok((keys, *next)),
        _ => Err(misfit()),
    }
}

/// Places of a walk that takes everything, in any order.
pub(super) struct Everything {
    pub(super) ahead: VecDeque<Place>,
}

impl Everything {
    pub(super) fn of(shards: impl IntoIterator<Item = u16>) -> Self {
        Self { ahead: shards.into_iter().map(Place::start_of).collect() }
    }

    /// Takes the places of one round.
    pub(super) fn round(&mut self) -> Vec<Place> {
        let count = self.ahead.len().min(usize::from(ROUND_SHARDS_MAX));
        self.ahead.drain(..count).collect()
    }

    pub(super) fn go_on(&mut self, place: Place, next: Option<Position>) {
        self.ahead.extend(next.map(|position| Place { position, ..place }));
    }
}
