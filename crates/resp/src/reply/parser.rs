//! Bytes from a server into reply trees, across any split, without recursion.
//!
//! Invariants: finished elements are taken from the buffer as they arrive and never read again;
//! no memory is set aside for a count before its elements are there (but for a small first
//! piece); open aggregates wait on a stack of bounded depth.

use memchr::memchr;

use super::{Reply, ReplyError};
use crate::limits::ReplyLimits;
use crate::number::parse_integer;

/// Room set aside for the elements of an aggregate when its header arrives.
const ELEMENTS_RESERVED_COUNT_MAX: usize = 64;
const LINE_END: &[u8] = b"\r\n";

/// What the front of a buffer holds.
#[derive(Clone, Debug, PartialEq)]
pub enum ParsedReply {
    /// A complete reply.
    Complete {
        /// The reply.
        reply: Reply,
        /// Bytes to drop from the front of the buffer before the next call.
        consumed: usize,
    },
    /// Not a complete reply yet.
    Incomplete {
        /// Bytes to drop from the front of the buffer before the next call.
        consumed: usize,
        /// At least this many more bytes are needed.
        needed: usize,
    },
}

/// The state of one connection to a server between two reads.
///
/// ```
/// use resp::{ParsedReply, Reply, ReplyLimits, ReplyParser};
///
/// let mut parser = ReplyParser::new(ReplyLimits::default());
/// let parsed = parser.parse(b"+PONG\r\n");
/// let Ok(ParsedReply::Complete { reply, consumed }) = parsed else { panic!() };
/// assert_eq!((reply, consumed), (Reply::Simple(b"PONG".to_vec()), 7));
/// ```
#[derive(Debug)]
pub struct ReplyParser {
    limits: ReplyLimits,
    failure: Option<ReplyError>,
    /// Aggregates whose elements are still arriving, outermost first.
    open: Vec<Open>,
    /// Bytes of the current reply that were consumed.
    reply_size: usize,
    /// Elements announced by the headers of the current reply.
    elements_count: usize,
    /// Bytes of the current line in which its end is known not to be.
    searched: usize,
}

/// An aggregate whose elements are still arriving.
#[derive(Debug)]
struct Open {
    shape: Shape,
    missing: usize,
    elements: Vec<Reply>,
}

#[derive(Debug)]
enum Shape {
    Array,
    Set,
    Push,
    Map,
    /// Facts that come before a reply.
    Attributes,
    /// The reply after its facts.
    Attributed(Vec<(Reply, Reply)>),
}

/// The front of a buffer, as far as it can be told without looking at what follows.
enum Token {
    Leaf { reply: Reply, size: usize },
    Header { shape: Shape, count: usize, size: usize },
    Incomplete { needed: usize },
}

/// A line without its marker and its end, and its size with both.
struct Line<'a> {
    text: &'a [u8],
    size: usize,
}

impl ReplyParser {
    /// Starts at the first byte of a connection.
    #[must_use]
    pub const fn new(limits: ReplyLimits) -> Self {
        Self {
            limits,
            failure: None,
            open: Vec::new(),
            reply_size: 0,
            elements_count: 0,
            searched: 0,
        }
    }

    /// Finds the reply at the front of `buffer`.
    ///
    /// Call again with the `consumed` bytes dropped from the front, at once after a reply and
    /// after reading more when incomplete. Bytes that are kept must not change in between.
    ///
    /// # Errors
    /// The server broke the protocol or a limit; every later call fails alike.
    pub fn parse(&mut self, buffer: &[u8]) -> Result<ParsedReply, ReplyError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.parse_tokens(buffer).inspect_err(|&error| self.failure = Some(error))
    }

    fn parse_tokens(&mut self, buffer: &[u8]) -> Result<ParsedReply, ReplyError> {
        let mut consumed = 0;
        loop {
            let (reply, size) = match self.token(buffer.get(consumed..).unwrap_or_default())? {
                Token::Incomplete { needed } => {
                    return Ok(ParsedReply::Incomplete { consumed, needed });
                }
                Token::Leaf { reply, size } => (self.add(reply), size),
                Token::Header { shape, count, size } => (self.open(shape, count)?, size),
            };
            consumed += size;
            self.searched = 0;
            self.reply_size += size;
            if let Some(reply) = reply {
                self.reply_size = 0;
                self.elements_count = 0;
                return Ok(ParsedReply::Complete { reply, consumed });
            }
        }
    }

    /// Opens an aggregate; an empty one is complete at once, and may complete the reply.
    fn open(&mut self, shape: Shape, count: usize) -> Result<Option<Reply>, ReplyError> {
        let elements_room = self.limits.elements_count_max - self.elements_count;
        let per_count = match shape {
            Shape::Map | Shape::Attributes => 2,
            _ => 1,
        };
        let missing = count.checked_mul(per_count).filter(|&missing| missing <= elements_room);
        let missing = missing.ok_or(ReplyError::ElementsCount)?;
        if self.open.len() >= self.limits.depth_max {
            return Err(ReplyError::Depth);
        }
        self.elements_count += missing;
        let elements = Vec::with_capacity(missing.min(ELEMENTS_RESERVED_COUNT_MAX));
        let opened = Open { shape, missing, elements };
        if missing > 0 {
            self.open.push(opened);
            return Ok(None);
        }
        Ok(self.close(opened).and_then(|reply| self.add(reply)))
    }

    /// Puts an element where it belongs, closing what it completes; returns the finished reply.
    fn add(&mut self, mut reply: Reply) -> Option<Reply> {
        loop {
            let Some(parent) = self.open.last_mut() else { return Some(reply) };
            parent.elements.push(reply);
            parent.missing -= 1;
            if parent.missing > 0 {
                return None;
            }
            let complete = self.open.pop().expect("the parent is there");
            reply = self.close(complete)?;
        }
    }

    /// Turns an aggregate with all its elements into a reply. Attributes only now begin to wait
    /// for the reply they are about.
    fn close(&mut self, open: Open) -> Option<Reply> {
        let Open { shape, mut elements, .. } = open;
        match shape {
            Shape::Array => Some(Reply::Array(elements)),
            Shape::Set => Some(Reply::Set(elements)),
            Shape::Push => Some(Reply::Push(elements)),
            Shape::Map => Some(Reply::Map(pairs(elements))),
            Shape::Attributes => {
                let shape = Shape::Attributed(pairs(elements));
                self.open.push(Open { shape, missing: 1, elements: Vec::new() });
                None
            }
            Shape::Attributed(attributes) => {
                let reply = Box::new(elements.pop().expect("it waited for one reply"));
                Some(Reply::Attributed { attributes, reply })
            }
        }
    }

    fn token(&mut self, bytes: &[u8]) -> Result<Token, ReplyError> {
        let Some(&marker) = bytes.first() else { return Ok(Token::Incomplete { needed: 1 }) };
        if !b"+-:_,#($!=*%~>|".contains(&marker) {
            return Err(ReplyError::Kind(marker));
        }
        let Some(line) = self.line(bytes)? else { return Ok(Token::Incomplete { needed: 1 }) };
        if line.size > self.limits.reply_size_max.saturating_sub(self.reply_size) {
            return Err(ReplyError::ReplySize);
        }
        match marker {
            b'$' | b'!' | b'=' => self.string(bytes, marker, &line),
            b'*' | b'%' | b'~' | b'>' | b'|' => header(marker, &line),
            _ => Ok(Token::Leaf { reply: scalar(marker, line.text)?, size: line.size }),
        }
    }

    /// Finds the line at the front, resuming where the last search stopped.
    fn line<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Line<'a>>, ReplyError> {
        let until = bytes.len().min(self.limits.line_size_max.saturating_add(1));
        let from = self.searched.max(1);
        match memchr(b'\r', bytes.get(from..until).unwrap_or_default()) {
            None if bytes.len() > self.limits.line_size_max => Err(ReplyError::LineSize),
            None => {
                self.searched = until;
                Ok(None)
            }
            Some(offset) => match bytes.get(from + offset + 1) {
                None => Ok(None),
                Some(b'\n') => {
                    let end = from + offset;
                    Ok(Some(Line { text: &bytes[1..end], size: end + LINE_END.len() }))
                }
                Some(_) => Err(ReplyError::LineEnd),
            },
        }
    }

    /// Reads a string whose header is `line`.
    fn string(&self, bytes: &[u8], marker: u8, line: &Line<'_>) -> Result<Token, ReplyError> {
        let Some(length) = length(marker, line.text)? else {
            return Ok(Token::Leaf { reply: Reply::Null, size: line.size });
        };
        if length > self.limits.bulk_size_max {
            return Err(ReplyError::BulkSize);
        }
        let size = line.size.saturating_add(length).saturating_add(LINE_END.len());
        if size > self.limits.reply_size_max.saturating_sub(self.reply_size) {
            return Err(ReplyError::ReplySize);
        }
        let Some(body) = bytes.get(line.size..size) else {
            return Ok(Token::Incomplete { needed: size - bytes.len() });
        };
        let text = body.strip_suffix(LINE_END).ok_or(ReplyError::LineEnd)?;
        let reply = match marker {
            b'$' => Reply::Bulk(text.to_vec()),
            b'!' => Reply::Error(text.to_vec()),
            _ => verbatim(text)?,
        };
        Ok(Token::Leaf { reply, size })
    }
}

fn header(marker: u8, line: &Line<'_>) -> Result<Token, ReplyError> {
    let Some(count) = length(marker, line.text)? else {
        return Ok(Token::Leaf { reply: Reply::NullArray, size: line.size });
    };
    let shape = match marker {
        b'*' => Shape::Array,
        b'~' => Shape::Set,
        b'>' => Shape::Push,
        b'%' => Shape::Map,
        _ => Shape::Attributes,
    };
    Ok(Token::Header { shape, count, size: line.size })
}

/// Reads a length; `None` is the null of RESP2, which only strings and arrays have.
fn length(marker: u8, text: &[u8]) -> Result<Option<usize>, ReplyError> {
    match parse_integer(text) {
        Some(-1) if matches!(marker, b'$' | b'*') => Ok(None),
        Some(length) => match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) => Err(ReplyError::Value(marker)),
        },
        None => Err(ReplyError::Value(marker)),
    }
}

/// Reads a value that takes one line.
fn scalar(marker: u8, text: &[u8]) -> Result<Reply, ReplyError> {
    let reply = match marker {
        b'+' => Some(Reply::Simple(text.to_vec())),
        b'-' => Some(Reply::Error(text.to_vec())),
        b':' => parse_integer(text.strip_prefix(b"+").unwrap_or(text)).map(Reply::Integer),
        b'_' => text.is_empty().then_some(Reply::Null),
        b',' => double(text).map(Reply::Double),
        b'#' => match text {
            b"t" => Some(Reply::Boolean(true)),
            b"f" => Some(Reply::Boolean(false)),
            _ => None,
        },
        _ => is_big_number(text).then(|| Reply::BigNumber(text.to_vec())),
    };
    reply.ok_or(ReplyError::Value(marker))
}

fn double(text: &[u8]) -> Option<f64> {
    match text {
        b"nan" | b"-nan" => Some(f64::NAN),
        _ => str::from_utf8(text).ok()?.parse().ok(),
    }
}

fn is_big_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn verbatim(text: &[u8]) -> Result<Reply, ReplyError> {
    match text {
        [a, b, c, b':', text @ ..] => {
            Ok(Reply::Verbatim { format: [*a, *b, *c], text: text.to_vec() })
        }
        _ => Err(ReplyError::Value(b'=')),
    }
}

/// Pairs up the elements of a map, which are even in number.
fn pairs(elements: Vec<Reply>) -> Vec<(Reply, Reply)> {
    let mut pairs = Vec::with_capacity(elements.len() / 2);
    let mut elements = elements.into_iter();
    while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
        pairs.push((key, value));
    }
    pairs
}

#[cfg(test)]
mod tests;
