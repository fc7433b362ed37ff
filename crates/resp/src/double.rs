//! Doubles as text, in the two spellings that Redis 7.2 uses.
//!
//! Scores and typed doubles take the fewest digits that read back as the same number, with an
//! exponent for very large and very small ones ([`DoubleText`]). Increments by a float never show
//! an exponent ([`append_plain_double`]).

use std::fmt::{self, Write as _};

/// Whole numbers up to here are printed as integers (half of the largest 64-bit integer).
const WHOLE_MAX: f64 = 4_611_686_018_427_387_904.0;
/// The most significant digits that a double needs.
const DIGITS_COUNT_MAX: usize = 17;
/// Decimals that a plain double shows at most.
const PLAIN_DECIMALS_COUNT_MAX: usize = 17;

/// A double as text, on the stack.
///
/// ```
/// assert_eq!(resp::DoubleText::new(3.0).as_str(), "3");
/// assert_eq!(resp::DoubleText::new(0.1).as_str(), "0.1");
/// assert_eq!(resp::DoubleText::new(1e20).as_str(), "1e+20");
/// assert_eq!(resp::DoubleText::new(f64::NEG_INFINITY).as_str(), "-inf");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DoubleText(Text<32>);

impl DoubleText {
    /// Formats a double.
    #[must_use]
    pub fn new(value: f64) -> Self {
        let mut text = Text::new();
        if let Some(word) = special(value) {
            text.push(word.as_bytes());
        } else if value == 0.0 {
            text.push(if value.is_sign_negative() { b"-0" } else { b"0" });
        } else if let Some(whole) = whole(value) {
            text.push(itoa::Buffer::new().format(whole).as_bytes());
        } else {
            if value < 0.0 {
                text.push(b"-");
            }
            lay_out(&Digits::shortest(value.abs()), &mut text);
        }
        Self(text)
    }

    /// Returns the text, which is ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).expect("only ASCII is ever pushed")
    }
}

/// Appends a double without an exponent and with at most 17 decimals, as `INCRBYFLOAT` answers.
///
/// Redis computes these in 80 bits where the machine has them, and prints more digits of very
/// large numbers than a double holds; we print the shortest digits that read back, then zeros.
pub fn append_plain_double(out: &mut Vec<u8>, value: f64) {
    if let Some(word) = special(value) {
        return out.extend_from_slice(word.as_bytes());
    }
    let start = out.len();
    put(out, format_args!("{value}"));
    let decimals = match out[start..].iter().position(|&byte| byte == b'.') {
        Some(point) => out.len() - start - point - 1,
        None => 0,
    };
    if decimals > PLAIN_DECIMALS_COUNT_MAX {
        out.truncate(start);
        put(out, format_args!("{value:.PLAIN_DECIMALS_COUNT_MAX$}"));
        let zeros = out[start..].iter().rev().take_while(|&&byte| byte == b'0').count();
        out.truncate(out.len() - zeros);
        if out.ends_with(b".") {
            out.pop();
        }
    }
    if &out[start..] == b"-0" {
        out.remove(start);
    }
}

fn put(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    use std::io::Write as _;
    out.write_fmt(text).expect("writing to memory cannot fail");
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("nan")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "inf" } else { "-inf" })
    } else {
        None
    }
}

fn whole(value: f64) -> Option<i64> {
    if value.abs() > WHOLE_MAX || value.fract() != 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and far inside the range")]
    Some(value as i64)
}

/// The significant digits of a positive number, and the power of ten of the last one.
struct Digits {
    text: Text<DIGITS_COUNT_MAX>,
    exponent: i32,
}

impl Digits {
    /// The fewest digits that read back as `value`.
    fn shortest(value: f64) -> Self {
        // The standard library writes `d.ddde-x` with the fewest digits.
        let mut scientific = Text::<32>::new();
        write!(scientific, "{value:e}").expect("17 digits and an exponent fit");
        let bytes = scientific.as_bytes();
        let split = bytes.iter().position(|&byte| byte == b'e').expect("asked for an exponent");
        let mut text = Text::new();
        for &digit in bytes[..split].iter().filter(|byte| byte.is_ascii_digit()) {
            text.push(&[digit]);
        }
        let first = str::from_utf8(&bytes[split + 1..]).ok().and_then(|text| text.parse().ok());
        let first: i32 = first.expect("the exponent is a small integer");
        let below_first = i32::try_from(text.size).expect("at most 17 digits") - 1;
        Self { text, exponent: first - below_first }
    }
}

/// Places the point or the exponent by the rules of the `fpconv` library that Redis prints with.
fn lay_out(digits: &Digits, text: &mut Text<32>) {
    let count = digits.text.size;
    let first_exponent = digits.exponent + i32::try_from(count).expect("at most 17 digits") - 1;
    let magnitude = first_exponent.unsigned_abs() as usize;
    let shift = digits.exponent.unsigned_abs() as usize;
    if digits.exponent >= 0 && magnitude < count + 7 {
        text.push(digits.text.as_bytes());
        text.push_zeros(shift);
    } else if digits.exponent < 0 && (shift < 7 || magnitude < 4) {
        lay_out_decimals(digits.text.as_bytes(), shift, text);
    } else {
        lay_out_exponent(digits.text.as_bytes(), first_exponent, text);
    }
}

fn lay_out_decimals(digits: &[u8], decimals_count: usize, text: &mut Text<32>) {
    if let Some(point) = digits.len().checked_sub(decimals_count).filter(|&point| point > 0) {
        text.push(&digits[..point]);
        text.push(b".");
        text.push(&digits[point..]);
    } else {
        text.push(b"0.");
        text.push_zeros(decimals_count - digits.len());
        text.push(digits);
    }
}

fn lay_out_exponent(digits: &[u8], exponent: i32, text: &mut Text<32>) {
    text.push(&digits[..1]);
    if digits.len() > 1 {
        text.push(b".");
        text.push(&digits[1..]);
    }
    text.push(if exponent < 0 { b"e-" } else { b"e+" });
    text.push(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
}

/// A short text on the stack; too long a text is our mistake and panics.
#[derive(Clone, Copy, Debug)]
struct Text<const SIZE_MAX: usize> {
    bytes: [u8; SIZE_MAX],
    size: usize,
}

impl<const SIZE_MAX: usize> Text<SIZE_MAX> {
    const fn new() -> Self {
        Self { bytes: [0; SIZE_MAX], size: 0 }
    }

    fn push(&mut self, more: &[u8]) {
        self.bytes[self.size..][..more.len()].copy_from_slice(more);
        self.size += more.len();
    }

    fn push_zeros(&mut self, count: usize) {
        self.bytes[self.size..][..count].fill(b'0');
        self.size += count;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.size]
    }
}

impl<const SIZE_MAX: usize> fmt::Write for Text<SIZE_MAX> {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        self.push(more.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
