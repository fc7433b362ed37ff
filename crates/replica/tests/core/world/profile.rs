//! Which steps a run takes, how often, and in how large a world.

/// One kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Mint,
    Clear,
    Deliver,
    DeliverAgain,
    Exchange,
    ExchangeKey,
    TakeState,
    Truncate,
    Prune,
    Checkpoint,
    Crash,
    Die,
    Join,
    LoseVersion,
    Scrub,
    Verify,
    Expire,
    Seal,
}

/// A run's shape: steps with their weights.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    pub steps: usize,
    pub weights: &'static [(Step, u32)],
    pub keyspaces: u32,
    pub keys: u8,
    pub members: u8,
    pub nodes_max: usize,
    /// Does a version carry an expiry now and then?
    pub expiring: bool,
    /// May replicas silently lose rows, so that equal clocks do not mean equal rows?
    pub lossy: bool,
    pub is_traced: bool,
}

const SMALL: Profile = Profile {
    steps: 90,
    weights: &[],
    keyspaces: 1,
    keys: 1,
    members: 2,
    nodes_max: 3,
    expiring: false,
    lossy: false,
    is_traced: false,
};

impl Profile {
    /// Operations by groups with evidence: late, lost, repeated, out of order, cut short.
    pub const OPLOG: Self = Self {
        weights: &[
            (Step::Mint, 42),
            (Step::Deliver, 30),
            (Step::DeliverAgain, 4),
            (Step::Exchange, 21),
            (Step::Prune, 4),
            (Step::Die, 1),
        ],
        ..SMALL
    };

    /// The same with whole-key clears.
    pub const CLEAR: Self = Self {
        weights: &[
            (Step::Mint, 40),
            (Step::Clear, 7),
            (Step::Deliver, 28),
            (Step::DeliverAgain, 4),
            (Step::Exchange, 18),
            (Step::TakeState, 8),
            (Step::Truncate, 2),
            (Step::Prune, 4),
        ],
        keyspaces: 2,
        keys: 2,
        ..SMALL
    };

    /// Log and state exchange mixed; truncation, deaths, empty joiners, aborts.
    pub const MIX: Self = Self {
        weights: &[
            (Step::Mint, 40),
            (Step::Clear, 2),
            (Step::Deliver, 25),
            (Step::DeliverAgain, 3),
            (Step::Exchange, 16),
            (Step::TakeState, 16),
            (Step::Truncate, 6),
            (Step::Prune, 3),
            (Step::Die, 3),
            (Step::Join, 3),
        ],
        nodes_max: 5,
        keys: 2,
        ..SMALL
    };

    /// Crashes that lose the tail of the log.
    pub const CRASH: Self = Self {
        weights: &[
            (Step::Mint, 40),
            (Step::Clear, 3),
            (Step::Deliver, 28),
            (Step::DeliverAgain, 4),
            (Step::Exchange, 16),
            (Step::TakeState, 8),
            (Step::Truncate, 2),
            (Step::Checkpoint, 5),
            (Step::Crash, 5),
            (Step::Seal, 4),
        ],
        ..SMALL
    };

    /// Replicas silently lose versions that another live replica still holds.
    pub const LOSS: Self = Self {
        weights: &[
            (Step::Mint, 40),
            (Step::Deliver, 26),
            (Step::Exchange, 22),
            (Step::TakeState, 4),
            (Step::LoseVersion, 4),
            (Step::Scrub, 4),
            (Step::Verify, 8),
        ],
        lossy: true,
        ..SMALL
    };

    /// Expiry, with clocks that differ.
    pub const EXPIRY: Self = Self {
        weights: &[
            (Step::Mint, 40),
            (Step::Clear, 2),
            (Step::Deliver, 26),
            (Step::DeliverAgain, 4),
            (Step::Exchange, 18),
            (Step::TakeState, 6),
            (Step::Truncate, 2),
            (Step::Expire, 14),
        ],
        expiring: true,
        ..SMALL
    };

    /// Retiring the actors of dead nodes and of old incarnations.
    pub const SEALING: Self = Self {
        weights: &[
            (Step::Mint, 40),
            (Step::Clear, 3),
            (Step::Deliver, 26),
            (Step::DeliverAgain, 6),
            (Step::Exchange, 20),
            (Step::TakeState, 6),
            (Step::Crash, 4),
            (Step::Checkpoint, 3),
            (Step::Die, 2),
            (Step::Join, 2),
            (Step::Seal, 16),
        ],
        nodes_max: 5,
        ..SMALL
    };

    /// What is missing on single keys, taken ahead of the rest, among everything but joiners.
    pub const KEYED: Self = Self {
        steps: 100,
        weights: &[
            (Step::Mint, 40),
            (Step::Clear, 5),
            (Step::Deliver, 20),
            (Step::DeliverAgain, 5),
            (Step::Exchange, 6),
            (Step::ExchangeKey, 20),
            (Step::TakeState, 6),
            (Step::Truncate, 2),
            (Step::Prune, 3),
            (Step::Checkpoint, 3),
            (Step::Crash, 2),
            (Step::Expire, 6),
            (Step::Seal, 6),
        ],
        keyspaces: 2,
        keys: 3,
        expiring: true,
        ..SMALL
    };

    /// Everything at once, and longer.
    pub const ALL: Self = Self {
        steps: 220,
        weights: &[
            (Step::Mint, 40),
            (Step::Clear, 4),
            (Step::Deliver, 26),
            (Step::DeliverAgain, 5),
            (Step::Exchange, 18),
            (Step::TakeState, 9),
            (Step::Truncate, 2),
            (Step::Prune, 3),
            (Step::Checkpoint, 3),
            (Step::Crash, 3),
            (Step::Die, 1),
            (Step::Join, 2),
            (Step::Expire, 6),
            (Step::Seal, 6),
        ],
        keyspaces: 2,
        keys: 2,
        nodes_max: 5,
        expiring: true,
        ..SMALL
    };

    /// Everything at once, and keys taken ahead of the rest as well.
    pub const ALL_KEYED: Self = Self {
        weights: &[
            (Step::Mint, 40),
            (Step::Clear, 4),
            (Step::Deliver, 26),
            (Step::DeliverAgain, 5),
            (Step::Exchange, 18),
            (Step::ExchangeKey, 9),
            (Step::TakeState, 9),
            (Step::Truncate, 2),
            (Step::Prune, 3),
            (Step::Checkpoint, 3),
            (Step::Crash, 3),
            (Step::Die, 1),
            (Step::Join, 2),
            (Step::Expire, 6),
            (Step::Seal, 6),
        ],
        ..Self::ALL
    };

    /// Finds a profile by its name, for replays.
    pub fn named(name: &str) -> Option<Self> {
        let profiles = [
            ("oplog", Self::OPLOG),
            ("clear", Self::CLEAR),
            ("mix", Self::MIX),
            ("crash", Self::CRASH),
            ("loss", Self::LOSS),
            ("expiry", Self::EXPIRY),
            ("sealing", Self::SEALING),
            ("keyed", Self::KEYED),
            ("all", Self::ALL),
            ("all-keyed", Self::ALL_KEYED),
        ];
        profiles.iter().find(|(held, _)| *held == name).map(|(_, profile)| *profile)
    }
}
