//! Replies: values into bytes of the protocol version that the client speaks.
//!
//! Invariant: each call appends one complete reply, or one header whose elements the caller then
//! appends. Text that goes on a line of its own never breaks the line.
//!
//! ```text
//!                RESP2           RESP3
//! null           $-1             _
//! null array     *-1             _
//! map, set, push *2n *n *n       %n ~n >n
//! double         bulk string     ,3.1
//! boolean        :1 :0           #t #f
//! big number     bulk string     (123
//! verbatim       bulk string     =15 txt:...
//! attribute      left out        |n
//! ```

use std::fmt;
use std::io::Write as _;

use memchr::memchr2;

use crate::double::DoubleText;
use crate::request::ProtocolError;

/// The version of the protocol that a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What every connection starts with.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

/// What a header counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Elements in order.
    Array,
    /// Elements without order.
    Set,
    /// Elements of a message that answers no command.
    Push,
    /// Pairs: a key, then its value.
    Map,
}

/// The place of a header that is written after its elements, by [`Writer::finish`].
#[derive(Debug)]
#[must_use = "the header is missing until it is finished"]
pub struct Deferred {
    start: usize,
    aggregate: Aggregate,
}

/// Appends replies to a connection's output.
///
/// ```
/// use resp::{Protocol, Writer};
///
/// let mut out = Vec::new();
/// let mut writer = Writer::new(&mut out, Protocol::Resp3);
/// writer.map(1);
/// writer.bulk(b"score");
/// writer.double(2.5);
/// assert_eq!(out, b"%1\r\n$5\r\nscore\r\n,2.5\r\n");
/// ```
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> Writer<'a> {
    /// Starts at the end of `out`.
    pub const fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// Changes the version from the next reply on.
    pub const fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Returns the version that is written.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Appends replies that are bytes already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends `OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// Appends a simple string; line breaks become blanks.
    pub fn simple(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'+', |out| out.extend_from_slice(text.as_ref()));
    }

    /// Appends an error, which begins with its code (`ERR`, `WRONGTYPE`); line breaks become
    /// blanks.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'-', |out| out.extend_from_slice(text.as_ref()));
    }

    /// Appends a formatted error like [`Self::error`]: `error_fmt(format_args!("ERR ..."))`.
    pub fn error_fmt(&mut self, text: fmt::Arguments<'_>) {
        self.line(b'-', |out| out.write_fmt(text).expect("writing to memory cannot fail"));
    }

    /// Appends what a client is told before its connection is closed.
    pub fn protocol_error(&mut self, error: ProtocolError) {
        match error {
            ProtocolError::ExpectedBulk(byte) => self.line(b'-', |out| {
                out.extend_from_slice(b"ERR Protocol error: expected '$', got '");
                out.extend_from_slice(&[byte, b'\'']);
            }),
            error => self.error_fmt(format_args!("ERR {error}")),
        }
    }

    /// Appends an integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match value {
            0 => self.raw(b":0\r\n"),
            1 => self.raw(b":1\r\n"),
            _ => put_number_line(self.out, b':', value),
        }
    }

    /// Appends a bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        put_bulk(self.out, b'$', bytes);
    }

    /// Appends an integer as a bulk string.
    #[inline]
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Appends the absence of a value.
    #[inline]
    pub fn null(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.raw(b"$-1\r\n"),
            Protocol::Resp3 => self.raw(b"_\r\n"),
        }
    }

    /// Appends the absence of an array, which only RESP2 tells from the absence of a value.
    #[inline]
    pub fn null_array(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.raw(b"*-1\r\n"),
            Protocol::Resp3 => self.raw(b"_\r\n"),
        }
    }

    /// Appends a truth value.
    pub fn boolean(&mut self, value: bool) {
        match (self.protocol, value) {
            (Protocol::Resp2, _) => self.integer(i64::from(value)),
            (Protocol::Resp3, true) => self.raw(b"#t\r\n"),
            (Protocol::Resp3, false) => self.raw(b"#f\r\n"),
        }
    }

    /// Appends a double.
    pub fn double(&mut self, value: f64) {
        let text = DoubleText::new(value);
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => self.line(b',', |out| out.extend_from_slice(text.as_bytes())),
        }
    }

    /// Appends an integer of any size, given as its decimal digits.
    pub fn big_number(&mut self, digits: impl AsRef<[u8]>) {
        let digits = digits.as_ref();
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits),
            Protocol::Resp3 => self.line(b'(', |out| out.extend_from_slice(digits)),
        }
    }

    /// Appends text to be shown as it is; `format` is `txt` or `mkd`.
    pub fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                put_header(self.out, b'=', text.len() + format.len() + 1);
                for part in [&format, b":".as_slice(), text, b"\r\n"] {
                    self.raw(part);
                }
            }
        }
    }

    /// Appends the header of an array of `count` elements.
    #[inline]
    pub fn array(&mut self, count: usize) {
        self.aggregate(Aggregate::Array, count);
    }

    /// Appends the header of a set of `count` elements.
    #[inline]
    pub fn set(&mut self, count: usize) {
        self.aggregate(Aggregate::Set, count);
    }

    /// Appends the header of a push message of `count` elements.
    #[inline]
    pub fn push(&mut self, count: usize) {
        self.aggregate(Aggregate::Push, count);
    }

    /// Appends the header of a map of `count` pairs.
    #[inline]
    pub fn map(&mut self, count: usize) {
        self.aggregate(Aggregate::Map, count);
    }

    /// Appends a header; a map counts pairs.
    #[inline]
    pub fn aggregate(&mut self, aggregate: Aggregate, count: usize) {
        let (marker, count) = match (self.protocol, aggregate) {
            (_, Aggregate::Array) | (Protocol::Resp2, Aggregate::Set | Aggregate::Push) => {
                (b'*', count)
            }
            (Protocol::Resp2, Aggregate::Map) => (b'*', count * 2),
            (Protocol::Resp3, Aggregate::Set) => (b'~', count),
            (Protocol::Resp3, Aggregate::Push) => (b'>', count),
            (Protocol::Resp3, Aggregate::Map) => (b'%', count),
        };
        put_header(self.out, marker, count);
    }

    /// Appends `count` pairs of facts about the reply that follows; RESP2 has no place for them,
    /// so there `pairs` is not called.
    pub fn attribute(&mut self, count: usize, pairs: impl FnOnce(&mut Self)) {
        if self.protocol == Protocol::Resp3 {
            put_header(self.out, b'|', count);
            pairs(self);
        }
    }

    /// Marks the place of a header whose count is known only after its elements.
    ///
    /// Deferred headers may nest, the inner one finished first.
    pub fn defer(&mut self, aggregate: Aggregate) -> Deferred {
        Deferred { start: self.out.len(), aggregate }
    }

    /// Writes a header at its place; costs one move of the elements written since.
    ///
    /// # Panics
    /// When the output was taken away in between.
    #[expect(clippy::needless_pass_by_value, reason = "a header is finished once")]
    pub fn finish(&mut self, deferred: Deferred, count: usize) {
        let end = self.out.len();
        assert!(deferred.start <= end, "the output is shorter than when the header was deferred");
        self.aggregate(deferred.aggregate, count);
        let header_size = self.out.len() - end;
        self.out[deferred.start..].rotate_right(header_size);
    }

    /// Appends a line, with line breaks at its end dropped and others turned into blanks.
    fn line(&mut self, marker: u8, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(marker);
        let start = self.out.len();
        write(self.out);
        while self.out.len() > start && matches!(self.out.last(), Some(b'\r' | b'\n')) {
            self.out.pop();
        }
        let mut rest = &mut self.out[start..];
        while let Some(index) = memchr2(b'\r', b'\n', rest) {
            rest[index] = b' ';
            rest = &mut rest[index + 1..];
        }
        self.raw(b"\r\n");
    }
}

/// Appends a marker, a length and a line end.
#[inline]
pub(crate) fn put_header(out: &mut Vec<u8>, marker: u8, length: usize) {
    match u8::try_from(length) {
        Ok(digit @ 0..=9) => out.extend_from_slice(&[marker, b'0' + digit, b'\r', b'\n']),
        Ok(small @ 10..=99) => {
            let (tens, ones) = (b'0' + small / 10, b'0' + small % 10);
            out.extend_from_slice(&[marker, tens, ones, b'\r', b'\n']);
        }
        _ => put_number_line(out, marker, length),
    }
}

/// Appends a bulk string, or another string that is framed like one.
#[inline]
pub(crate) fn put_bulk(out: &mut Vec<u8>, marker: u8, bytes: &[u8]) {
    put_header(out, marker, bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn put_number_line(out: &mut Vec<u8>, marker: u8, number: impl itoa::Integer) {
    let mut digits = itoa::Buffer::new();
    out.push(marker);
    out.extend_from_slice(digits.format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
