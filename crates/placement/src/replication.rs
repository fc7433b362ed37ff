//! How many copies of each shard are kept in each datacenter.

use std::collections::BTreeMap;

/// How many copies of each shard each datacenter keeps.
///
/// A datacenter with fewer members than copies keeps one on each member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replication {
    /// The same number in every datacenter, also in those to come.
    Same(u8),
    /// A number per datacenter; none in those that are not named.
    PerDatacenter(BTreeMap<String, u8>),
}

impl Replication {
    /// Returns how many copies a datacenter keeps.
    #[must_use]
    pub fn copies_in(&self, datacenter: &str) -> u8 {
        match self {
            Self::Same(copies) => *copies,
            Self::PerDatacenter(copies) => copies.get(datacenter).copied().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datacenters_that_are_not_named_keep_nothing() {
        let named = Replication::PerDatacenter(BTreeMap::from([("a".to_owned(), 3)]));
        assert_eq!((named.copies_in("a"), named.copies_in("b")), (3, 0));
        assert_eq!(Replication::Same(2).copies_in("b"), 2);
    }
}
