//! The flag: on or off; a bias says which wins when both were written concurrently.
//!
//! Both switches write a token over the tokens they saw, so the bias is the reader's: one flag
//! read with another bias is still the same everywhere.

use super::walk::live_dots;
use super::{Draft, TypeError};
use crate::{Family, KeyAddress, ReadCells};

/// The state of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Off.
    Off,
    /// On.
    On,
}

/// What a flag shows that was switched both ways concurrently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// Enabling wins.
    On,
    /// Disabling wins.
    Off,
}

/// Switches the flag.
///
/// # Errors
/// Reading failed.
pub fn set<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    switch: Switch,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    let column = Family::Flag.column(&[]);
    let removed = live_dots(cells, key, &column)?;
    draft.insert(column, removed, vec![switch as u8], None);
    Ok(())
}

/// Returns the flag's state; nothing when it was never switched, or removed.
///
/// # Errors
/// Reading failed, or a `Malformed` cell.
pub fn get<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    bias: Bias,
) -> Result<Option<Switch>, TypeError> {
    cells.read(key, &Family::Flag.column(&[]), |cell| {
        let tokens = cell.live.iter().map(|version| token(version.payload));
        let tokens = tokens.collect::<Result<Vec<Switch>, TypeError>>()?;
        let winner = match bias {
            Bias::On => Switch::On,
            Bias::Off => Switch::Off,
        };
        let has_winner = tokens.contains(&winner);
        Ok(if has_winner { Some(winner) } else { tokens.first().copied() })
    })?
}

/// Removes the flag; says whether it was there.
///
/// # Errors
/// Reading failed.
pub fn remove<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    let column = Family::Flag.column(&[]);
    let removed = live_dots(cells, key, &column)?;
    let was_there = !removed.is_empty();
    draft.remove(column, removed);
    Ok(was_there)
}

fn token(payload: &[u8]) -> Result<Switch, TypeError> {
    match payload {
        [0] => Ok(Switch::Off),
        [1] => Ok(Switch::On),
        _ => Err(TypeError::Malformed(Family::Flag)),
    }
}
