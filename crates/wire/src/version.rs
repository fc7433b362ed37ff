//! Which versions of the peer protocol two nodes can speak, and which they choose.
//!
//! Invariant: a release speaks its own version and the one before it, so a cluster is upgraded
//! one node after the other, one version at a time. Two nodes speak the newest version that both
//! know. What differs between versions is the business of the layouts.

use std::fmt;

use thiserror::Error;

/// The number of one protocol version; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion(pub u8);

/// The versions that a node speaks, from the oldest to the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolRange {
    oldest: ProtocolVersion,
    newest: ProtocolVersion,
}

/// Two nodes have no version in common; no link was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this node speaks protocol versions {ours}, the peer speaks {theirs}: none is common")]
pub struct VersionError {
    /// What this node speaks.
    pub ours: ProtocolRange,
    /// What the peer speaks.
    pub theirs: ProtocolRange,
}

impl ProtocolVersion {
    /// The version of this release.
    pub const CURRENT: Self = Self(1);
}

impl ProtocolRange {
    /// What this release speaks.
    pub const SUPPORTED: Self = Self::of_release(ProtocolVersion::CURRENT);

    /// Returns what a release whose own version is `newest` speaks: that, and the one before it
    /// if there was one.
    #[must_use]
    pub const fn of_release(newest: ProtocolVersion) -> Self {
        assert!(0 < newest.0, "versions start at 1");
        let oldest = if newest.0 == 1 { newest } else { ProtocolVersion(newest.0 - 1) };
        Self { oldest, newest }
    }

    /// Builds a range that a peer stated; nothing when it is empty or names a version 0.
    #[must_use]
    pub fn stated(oldest: ProtocolVersion, newest: ProtocolVersion) -> Option<Self> {
        (ProtocolVersion(1) <= oldest && oldest <= newest).then_some(Self { oldest, newest })
    }

    /// Returns the newest version that both sides speak.
    ///
    /// # Errors
    /// The ranges do not meet; the error names both.
    pub fn agree(self, theirs: Self) -> Result<ProtocolVersion, VersionError> {
        let version = self.newest.min(theirs.newest);
        if self.contains(version) && theirs.contains(version) {
            Ok(version)
        } else {
            Err(VersionError { ours: self, theirs })
        }
    }

    /// Says whether a version is in the range.
    #[must_use]
    pub fn contains(self, version: ProtocolVersion) -> bool {
        self.oldest <= version && version <= self.newest
    }

    /// Returns the oldest version.
    #[must_use]
    pub const fn oldest(self) -> ProtocolVersion {
        self.oldest
    }

    /// Returns the newest version.
    #[must_use]
    pub const fn newest(self) -> ProtocolVersion {
        self.newest
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ProtocolRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.oldest, self.newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_understand_each_other_and_nobody_else_does() {
        let check = |ours, theirs, expected: Option<u8>| {
            let ours = ProtocolRange::of_release(ProtocolVersion(ours));
            let theirs = ProtocolRange::of_release(ProtocolVersion(theirs));
            assert_eq!(ours.agree(theirs).ok(), expected.map(ProtocolVersion), "{ours}, {theirs}");
            assert_eq!(theirs.agree(ours).ok(), expected.map(ProtocolVersion));
        };
        check(1, 1, Some(1));
        check(1, 2, Some(1));
        check(2, 2, Some(2));
        check(6, 7, Some(6));
        check(1, 3, None);
        check(5, 7, None);
        check(254, 255, Some(254));
    }

    #[test]
    fn a_refusal_names_both_sides() {
        let ours = ProtocolRange::of_release(ProtocolVersion(2));
        let theirs = ProtocolRange::of_release(ProtocolVersion(7));
        let refusal = ours.agree(theirs).unwrap_err().to_string();
        assert!(refusal.contains("1 to 2"), "{refusal}");
        assert!(refusal.contains("6 to 7"), "{refusal}");
    }

    #[test]
    fn stated_ranges_are_checked() {
        let stated = |oldest, newest| {
            ProtocolRange::stated(ProtocolVersion(oldest), ProtocolVersion(newest))
        };
        assert_eq!(stated(1, 2), Some(ProtocolRange::of_release(ProtocolVersion(2))));
        assert_eq!(stated(0, 2), None);
        assert_eq!(stated(3, 2), None);
    }
}
