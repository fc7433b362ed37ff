//! What is known of a key's families without looking at its cells.

use crate::Family;

/// Which families of a key may have versions that show, and which certainly have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    possible: u16,
    certain: u16,
}

impl Families {
    /// Nothing is known: there may be any.
    pub const UNKNOWN: Self = Self { possible: u16::MAX, certain: 0 };
    /// Nothing but the string's register can be there.
    pub const PLAIN: Self = Self { possible: bit(Family::Register), certain: 0 };

    /// Notes that a family may have versions that show.
    #[must_use]
    pub const fn with_possible(self, family: Family) -> Self {
        Self { possible: self.possible | bit(family), ..self }
    }

    /// Notes that a family has versions that show.
    #[must_use]
    pub const fn with_certain(self, family: Family) -> Self {
        let known = self.with_possible(family);
        Self { certain: known.certain | bit(family), ..known }
    }

    /// Whether nothing but the string's register can be there.
    #[must_use]
    pub const fn is_plain(self) -> bool {
        self.possible & !bit(Family::Register) == 0
    }

    /// Whether a family may have versions that show; a no is certain.
    #[must_use]
    pub const fn may_show(self, family: Family) -> bool {
        self.possible & bit(family) != 0
    }

    /// Whether a family has versions that show; a yes is certain.
    #[must_use]
    pub const fn surely_shows(self, family: Family) -> bool {
        self.certain & bit(family) != 0
    }
}

const fn bit(family: Family) -> u16 {
    1 << (family as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_certain_is_possible_and_nothing_else_is() {
        let known =
            Families::PLAIN.with_certain(Family::RegisterCount).with_possible(Family::Sketch);
        assert!(!known.is_plain() && Families::PLAIN.is_plain());
        assert!(known.may_show(Family::Register) && !known.surely_shows(Family::Register));
        assert!(known.surely_shows(Family::RegisterCount) && known.may_show(Family::RegisterCount));
        assert!(known.may_show(Family::Sketch) && !known.surely_shows(Family::Sketch));
        assert!(!known.may_show(Family::ListItem) && Families::UNKNOWN.may_show(Family::ListItem));
    }
}
