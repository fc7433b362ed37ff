//! Decimal numbers with seventeen places: what counters add up.
//!
//! Sums of these are exact and do not depend on their order, which binary fractions are not. The
//! range is that of 64-bit integers; seventeen places are what Redis prints of a float.

use std::fmt;

/// A decimal number with seventeen places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed(i128);

const PLACES: i64 = 17;
const ONE: i128 = 10i128.pow(17);
/// Any number of so many digits fits 128 bits with sign.
const DIGIT_COUNT_MAX: usize = 38;

impl Fixed {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// The least number.
    pub const MIN: Self = Self::from_integer(i64::MIN);
    /// The greatest number.
    pub const MAX: Self = Self::from_integer(i64::MAX);

    /// Takes an integer.
    #[must_use]
    pub const fn from_integer(value: i64) -> Self {
        Self(value as i128 * ONE)
    }

    /// Takes a float, rounded to seventeen places; nothing when it is out of range.
    #[must_use]
    pub fn from_float(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        // The shortest text that means this float: 0.1 is a tenth, as whoever wrote it meant.
        Self::parse(format!("{value:e}").as_bytes())
    }

    /// Reads `-12.5e3`, rounded to seventeen places; nothing when it is no number or out of range.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (sign, text) = match text.split_first()? {
            (b'-', rest) => (-1, rest),
            (b'+', rest) => (1, rest),
            _ => (1, text),
        };
        let at = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let exponent: i64 = match at {
            Some(at) => std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?,
            None => 0,
        };
        let (digits, places) = parse_digits(&text[..at.unwrap_or(text.len())])?;
        let units = scale(&digits, exponent.checked_sub(places)?.checked_add(PLACES)?)?;
        Self(sign * units).bounded()
    }

    /// Adds, unless the sum is out of range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self(self.0.checked_add(other.0)?).bounded()
    }

    /// Adds, stopping at the ends of the range.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0)).clamp(Self::MIN, Self::MAX)
    }

    /// Returns the integer it is; nothing when it has a fraction.
    #[must_use]
    pub fn to_integer(self) -> Option<i64> {
        (self.0 % ONE == 0).then(|| i64::try_from(self.0 / ONE).ok()).flatten()
    }

    /// Returns the nearest float.
    #[must_use]
    pub fn to_float(self) -> f64 {
        self.to_string().parse().expect("the text of a number is a number")
    }

    /// Splits into what is added and what is subtracted, in units of the last place.
    pub(crate) fn split(self) -> (u128, u128) {
        let units = self.0.unsigned_abs();
        if self.0 < 0 { (0, units) } else { (units, 0) }
    }

    /// Sums up, in units of the last place, stopping at the ends of the range only in the end.
    pub(crate) fn of_sum(parts: impl Iterator<Item = i128>) -> Self {
        // Halves are summed apart: that many cannot overflow.
        let mask = i128::from(u64::MAX);
        let halves = parts.map(|part| (part >> 64, part & mask));
        let (high, low) = halves.fold((0i128, 0i128), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        let units = (high + (low >> 64)).checked_mul(1 << 64).map(|high| high + (low & mask));
        let limit = if high < 0 { i128::MIN } else { i128::MAX };
        Self(units.unwrap_or(limit)).clamp(Self::MIN, Self::MAX)
    }

    fn bounded(self) -> Option<Self> {
        (Self::MIN <= self && self <= Self::MAX).then_some(self)
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.unsigned_abs();
        let one = ONE.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let fraction = format!("{:017}", units % one);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{}{point}{fraction}", units / one)
    }
}

/// Splits `12.50` into its digits without leading zeros, and the number of places.
fn parse_digits(text: &[u8]) -> Option<(Vec<u8>, i64)> {
    let mut digits = Vec::new();
    let (mut places, mut has_point, mut has_digit) = (0, false, false);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                has_digit = true;
                places += i64::from(has_point);
                if *byte != b'0' || !digits.is_empty() {
                    digits.push(byte - b'0');
                }
            }
            b'.' if !has_point => has_point = true,
            _ => return None,
        }
    }
    has_digit.then_some((digits, places))
}

/// Returns digits times ten to the power of `shift`, rounded half away from zero.
fn scale(digits: &[u8], shift: i64) -> Option<i128> {
    if digits.is_empty() {
        return Some(0);
    }
    let kept = digits.len().min(DIGIT_COUNT_MAX);
    let shift = shift.checked_add(i64::try_from(digits.len() - kept).ok()?)?;
    let value = digits[..kept].iter().fold(0i128, |sum, digit| sum * 10 + i128::from(*digit));
    if shift >= 0 {
        let factor = 10i128.checked_pow(u32::try_from(shift).ok()?)?;
        return value.checked_mul(factor);
    }
    // Whatever is divided by more than its own size rounds to nothing.
    let Some(divisor) = u32::try_from(-shift).ok().and_then(|places| 10i128.checked_pow(places))
    else {
        return Some(0);
    };
    Some((value + divisor / 2) / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = Fixed::parse(text.as_bytes()).map_or("-".to_owned(), |fixed| fixed.to_string());
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn reads_and_prints_decimals() {
        check("0", "0");
        check("-0", "0");
        check("10.50", "10.5");
        check("-5", "-5");
        check("5.0e3", "5000");
        check("+.5", "0.5");
        check("1e-17", "0.00000000000000001");
        check("1e-18", "0");
        check("5e-18", "0.00000000000000001");
        check("1e-400", "0");
        check("0e999999", "0");
        check("9223372036854775807", "9223372036854775807");
        check("-9223372036854775808", "-9223372036854775808");
        check("0.1234567890123456789012345678901234567890123", "0.12345678901234568");
    }

    #[test]
    fn refuses_what_is_no_number_or_out_of_range() {
        for text in ["", "-", ".", "e5", "1e", "1.2.3", "a", "1 ", "inf", "nan", "0x10"] {
            check(text, "-");
        }
        for text in ["9223372036854775808", "1e300", "1e9223372036854775807", "-1e19"] {
            check(text, "-");
        }
    }

    #[test]
    fn sums_do_not_depend_on_their_order() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let mut parts: Vec<Fixed> =
                (0..20).filter_map(|_| Fixed::from_float(rng.f64() * 1e6 - 5e5)).collect();
            let sum = |parts: &[Fixed]| parts.iter().fold(Fixed::ZERO, |a, b| a.saturating_add(*b));
            let before = sum(&parts);
            rng.shuffle(&mut parts);
            assert_eq!(sum(&parts), before);
        }
    }

    #[test]
    fn floats_come_back_as_they_were() {
        let mut rng = fastrand::Rng::with_seed(2);
        for _ in 0..10_000 {
            let value = (rng.f64() - 0.5) * 1e6;
            let back = Fixed::from_float(value).unwrap().to_float();
            assert!((back - value).abs() <= 5e-18 + value.abs() * f64::EPSILON, "{value} {back}");
        }
        assert_eq!(Fixed::from_float(f64::INFINITY), None);
        assert_eq!(Fixed::from_float(0.1).unwrap().to_float(), 0.1);
    }

    #[test]
    fn sums_may_leave_the_range_on_their_way() {
        let sum = |parts: &[i128]| Fixed::of_sum(parts.iter().copied());
        let large = 1 << 126;
        assert_eq!(sum(&[large, large, large, large, 7, -large, -large, -large, -large]), Fixed(7));
        assert_eq!(sum(&[-1, -large, large]), Fixed(-1));
        assert_eq!(sum(&[large, large]), Fixed::MAX);
        assert_eq!(sum(&[-large, -large, -large]), Fixed::MIN);
        assert_eq!(sum(&[]), Fixed::ZERO);
    }

    #[test]
    fn integers_are_told_from_fractions() {
        assert_eq!(Fixed::parse(b"12.0").unwrap().to_integer(), Some(12));
        assert_eq!(Fixed::parse(b"12.5").unwrap().to_integer(), None);
        assert_eq!(Fixed::MIN.to_integer(), Some(i64::MIN));
        assert_eq!(Fixed::MAX.checked_add(Fixed::from_integer(1)), None);
        assert_eq!(Fixed::MAX.saturating_add(Fixed::from_integer(1)), Fixed::MAX);
    }
}
