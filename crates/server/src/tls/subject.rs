//! What a certificate says about its holder: the common name, and until when.
//!
//! ```text
//! Certificate { tbs { [0] version, serial, algorithm, issuer, validity, subject, .. }, .. }
//! ```
//!
//! Only certificates that were verified are looked at; bytes that make no sense give nothing.

/// Object identifier 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;

/// The holder of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The last common name of the subject, if it is text.
    pub(crate) common_name: Option<String>,
    /// When the certificate expires, in seconds since 1970.
    pub(crate) expires: u64,
}

impl Subject {
    /// Reads a certificate.
    pub(crate) fn of(certificate: &[u8]) -> Option<Self> {
        let mut certificate = Der(Der(certificate).expect(SEQUENCE)?);
        let mut body = Der(certificate.expect(SEQUENCE)?);
        if body.0.first() == Some(&VERSION) {
            body.next()?;
        }
        let [_serial, _algorithm, _issuer] = [body.next()?, body.next()?, body.next()?];
        let mut validity = Der(body.expect(SEQUENCE)?);
        let _from = validity.next()?;
        let (kind, until) = validity.next()?;
        let subject = Der(body.expect(SEQUENCE)?);
        Some(Self { common_name: common_name(subject), expires: seconds(kind, until)? })
    }
}

fn common_name(mut subject: Der<'_>) -> Option<String> {
    let mut found = None;
    while let Some(set) = subject.expect(SET) {
        let mut pair = Der(Der(set).expect(SEQUENCE)?);
        if pair.expect(OBJECT_IDENTIFIER)? == COMMON_NAME {
            let (_, text) = pair.next()?;
            found = String::from_utf8(text.to_vec()).ok();
        }
    }
    found
}

/// A moment as certificates write it: years of two digits, or of four.
fn seconds(kind: u8, text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = text.split_at_checked(if kind == UTC_TIME { 2 } else { 4 })?;
    let year: u64 = year.parse().ok()?;
    let year = match kind {
        UTC_TIME if year < 50 => 2000 + year,
        UTC_TIME => 1900 + year,
        _ => year,
    };
    let part = |from: usize| rest.get(from..from + 2)?.parse::<u64>().ok();
    let (month, day) = (part(0)?, part(2)?);
    let (hour, minute, second) = (part(4)?, part(6)?, part(8)?);
    let days = days_since_1970(year, month, day)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days up to a date, counted in years that begin in March.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    const DAYS_TO_1970: u64 = 719_468;
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.checked_sub(DAYS_TO_1970)
}

/// A run of values, each a kind, a length and its bytes.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Takes the next value.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&kind, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (size, rest) = match first {
            size @ ..=0x7f => (usize::from(size), rest),
            // Certificates of four gigabytes are none.
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                (digits.iter().fold(0, |size, digit| size << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(size)?;
        self.0 = rest;
        Some((kind, value))
    }

    /// Takes the next value, which must be of a kind.
    fn expect(&mut self, kind: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == kind).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (kind, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "311231235959Z", Some(1_956_527_999)),
            (0x18, "20310504070809Z", Some(1_935_644_889)),
            (0x18, "20001301000000Z", None),
            (0x18, "garbage", None),
            (UTC_TIME, "7001010000Z", None),
        ] {
            assert_eq!(seconds(kind, text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_give_nothing() {
        for bytes in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x82\xff", b"\x30\x00"]
        {
            assert_eq!(Subject::of(bytes), None);
        }
    }
}
