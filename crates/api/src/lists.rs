//! What can be done with a list.

/// An end of a list, or which way through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListEnd {
    /// The first element, and on from there.
    Front,
    /// The last element, and back from there.
    Back,
}

/// When elements are pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushRule {
    /// In any case.
    Always,
    /// If there is a list.
    IfPresent,
}

/// Where a new element goes, seen from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListSide {
    /// Just before it.
    Before,
    /// Just behind it.
    Behind,
}

/// One operation on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListOperation {
    /// Pushes elements one after the other: `Integer` of the new size.
    Push {
        /// Where.
        end: ListEnd,
        /// The elements; the last one is then the outermost.
        values: Vec<Vec<u8>>,
        /// When.
        rule: PushRule,
    },
    /// Takes elements from an end: `Values`, or `Nothing` when there is no list.
    Pop {
        /// Where.
        end: ListEnd,
        /// How many at most.
        limit: u64,
    },
    /// Moves an element from one end to another: `Value`, or `Nothing`.
    Rotate {
        /// From where.
        from: ListEnd,
        /// To where.
        to: ListEnd,
    },
    /// `Integer`.
    Count,
    /// `Values`.
    Range {
        /// The first index; negative ones count from the back.
        start: i64,
        /// The last.
        stop: i64,
    },
    /// `Value`, or `Nothing`.
    Get {
        /// Which; negative ones count from the back.
        index: i64,
    },
    /// Writes over an element: `Done`.
    Set {
        /// Which; negative ones count from the back.
        index: i64,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes elements that equal a value: `Integer` of them.
    Remove {
        /// From which end.
        end: ListEnd,
        /// How many at most.
        limit: u64,
        /// The value.
        value: Vec<u8>,
    },
    /// Puts an element beside the first that equals the pivot: `Integer` of the new size, 0 when
    /// there is no list, -1 when there is no such element.
    Insert {
        /// On which side.
        side: ListSide,
        /// Beside what.
        pivot: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes everything outside a range: `Done`.
    Trim {
        /// The first index that stays; negative ones count from the back.
        start: i64,
        /// The last.
        stop: i64,
    },
    /// Where elements are that equal a value: `Integers`, from the front.
    Find {
        /// The value.
        value: Vec<u8>,
        /// From which end.
        end: ListEnd,
        /// How many to pass over.
        skip: u64,
        /// How many at most.
        limit: u64,
        /// How many elements to look at.
        looked_at_max: u64,
    },
    /// Replaces whatever the key holds: `Integer` of elements; none deletes the key.
    Replace {
        /// The elements.
        values: Vec<Vec<u8>>,
    },
}

impl ListOperation {
    /// Says whether the operation is a write that does more than take away.
    #[must_use]
    pub const fn needs_room(&self) -> bool {
        let takes_away = matches!(self, Self::Pop { .. } | Self::Remove { .. } | Self::Trim { .. });
        self.is_write() && !takes_away
    }

    /// Says whether the operation is a write that comes to the same whatever is there.
    #[must_use]
    pub const fn is_blind(&self) -> bool {
        matches!(self, Self::Push { rule: PushRule::Always, .. })
    }

    /// Says whether the operation may change the key.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        match self {
            Self::Push { .. }
            | Self::Pop { .. }
            | Self::Rotate { .. }
            | Self::Set { .. }
            | Self::Remove { .. }
            | Self::Insert { .. }
            | Self::Trim { .. }
            | Self::Replace { .. } => true,
            Self::Count | Self::Range { .. } | Self::Get { .. } | Self::Find { .. } => false,
        }
    }
}
