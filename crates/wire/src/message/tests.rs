//! The numbers of kinds and outcomes.

use super::*;

#[test]
fn numbers_find_their_names() {
    for (number, kind) in (1u8..).zip(Kind::ALL) {
        assert_eq!(kind as u8, number);
        assert_eq!(Kind::from_byte(number), Some(kind));
    }
    assert_eq!(Kind::from_byte(0), None);
    assert_eq!(Kind::from_byte(31), None);
    assert!((0u8..).zip(Outcome::ALL).all(|(number, outcome)| outcome as u8 == number));
    assert!((0u8..).zip(Repair::ALL).all(|(number, repair)| repair as u8 == number));
    assert!((0u8..).zip(Reason::ALL).all(|(number, reason)| reason as u8 == number));
}
