//! The key's own expiry: a cell whose versions each name a moment; the latest counts.

use causality::Millis;

use crate::Cell;

/// Writes a moment as the payload of a key expiry version.
#[must_use]
pub fn key_expiry_payload(at: Millis) -> [u8; 8] {
    at.0.to_be_bytes()
}

/// Returns when a key expires: the longest of its concurrent expiries wins.
#[must_use]
pub fn key_expiry(cell: &Cell<'_>) -> Option<Millis> {
    let read = |payload: &[u8]| Some(Millis(u64::from_be_bytes(payload.try_into().ok()?)));
    cell.live.iter().filter_map(|version| read(version.payload)).max()
}

#[cfg(test)]
mod tests {
    use causality::{Actor, Dot, HybridTime};

    use super::*;
    use crate::Version;

    #[test]
    fn the_longest_expiry_wins_and_damaged_ones_do_not_count() {
        let (short, long) = (key_expiry_payload(Millis(5)), key_expiry_payload(Millis(900)));
        let mut cell = Cell::default();
        for (counter, payload) in (1..).zip([&short[..], &long[..], &b"?"[..]]) {
            let dot = Dot::new(Actor::from_bits(1), counter);
            let time = HybridTime::from_bits(counter);
            cell.put(Version { dot, time, expiry: None, payload });
        }
        assert_eq!(key_expiry(&cell), Some(Millis(900)));
        assert_eq!(key_expiry(&Cell::default()), None);
    }
}
