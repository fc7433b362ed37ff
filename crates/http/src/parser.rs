//! Requests from a stream of bytes: HTTP/1.0 and 1.1, bounded, strict where leniency is dangerous.
//!
//! Invariants: whatever the bytes and however they are cut, the same requests come out; a request
//! whose length could be read in two ways is refused (two lengths, a length and an encoding, an
//! unknown encoding), because a proxy in front might read the other one. Bytes are kept by the
//! caller: at most one head and one body, both bounded.

use thiserror::Error;

use crate::request::{Method, Request, parse_target};

const HEADERS_COUNT_MAX: usize = 64;
/// A chunk's size line with its extensions, and each line behind the last chunk.
const CHUNK_LINE_SIZE_MAX: usize = 1024;
/// Lines behind the last chunk, which are read and dropped.
const TRAILERS_COUNT_MAX: usize = 16;

/// How large a request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The request line with all headers, in bytes.
    pub head_size_max: usize,
    /// The body, in bytes.
    pub body_size_max: usize,
}

/// What the bytes came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A request, in so many bytes.
    Complete {
        /// The request.
        request: Box<Request>,
        /// How many bytes it took.
        consumed: usize,
    },
    /// More is needed; so many bytes are not needed again.
    Incomplete {
        /// How many bytes may be dropped.
        consumed: usize,
        /// Whether the client waits for `100 Continue` before it sends the body.
        is_waiting: bool,
    },
}

/// Why a connection cannot go on. Nothing of the request was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The bytes are no request.
    #[error("the request cannot be understood: {0}")]
    Malformed(&'static str),
    /// The head is over its limit.
    #[error("the request line and headers are too long")]
    HeadTooLarge,
    /// The body is over its limit.
    #[error("the body is too long")]
    BodyTooLarge,
    /// The version of HTTP is unknown.
    #[error("only HTTP/1.0 and HTTP/1.1 are spoken here")]
    Version,
    /// The body is encoded in a way that is unknown.
    #[error("the only transfer encoding that is understood is chunked")]
    Encoding,
}

/// Reads one connection's requests.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    state: State,
}

#[derive(Debug)]
enum State {
    Head,
    Sized { head: Box<Request>, size: usize, is_waiting: bool },
    Chunked { head: Box<Request>, stage: Stage, is_waiting: bool },
}

/// Where in a chunked body the next byte is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Size,
    Data(usize),
    Trailer(usize),
}

impl Parser {
    /// Starts on a new connection.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, state: State::Head }
    }

    /// Says whether a request has begun.
    #[must_use]
    pub const fn is_inside(&self) -> bool {
        !matches!(self.state, State::Head)
    }

    /// Reads on; `input` begins with the first byte that was not consumed.
    ///
    /// # Errors
    /// [`ParseError`]; the connection has to end, because where the next request begins is unknown.
    pub fn parse(&mut self, input: &[u8]) -> Result<Parsed, ParseError> {
        let mut consumed = 0;
        if matches!(self.state, State::Head) {
            match self.parse_head(input)? {
                Some(size) => consumed = size,
                None => return Ok(Parsed::Incomplete { consumed: 0, is_waiting: false }),
            }
        }
        let (body, is_complete) = self.parse_body(input.get(consumed..).unwrap_or_default())?;
        consumed += body;
        if !is_complete {
            return Ok(Parsed::Incomplete { consumed, is_waiting: self.take_waiting() });
        }
        match std::mem::replace(&mut self.state, State::Head) {
            State::Sized { head, .. } | State::Chunked { head, .. } => {
                Ok(Parsed::Complete { request: head, consumed })
            }
            State::Head => Err(ParseError::Malformed("no head")),
        }
    }

    /// Reads a head; answers its size once it is complete.
    fn parse_head(&mut self, input: &[u8]) -> Result<Option<usize>, ParseError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_COUNT_MAX];
        let mut head = httparse::Request::new(&mut headers);
        let size = match head.parse(input) {
            Ok(httparse::Status::Complete(size)) if size <= self.limits.head_size_max => size,
            Ok(httparse::Status::Partial) if input.len() <= self.limits.head_size_max => {
                return Ok(None);
            }
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(ParseError::HeadTooLarge),
            Err(httparse::Error::Version) => return Err(ParseError::Version),
            Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => {
                return Err(ParseError::Malformed("a header"));
            }
            Err(_) => return Err(ParseError::Malformed("the request line")),
        };
        self.state = self.open(read_head(&head)?)?;
        Ok(Some(size))
    }

    /// Decides how the body is read.
    fn open(&self, head: Box<Request>) -> Result<State, ParseError> {
        let is_waiting = head.is_modern
            && head.header("expect").is_some_and(|it| it.eq_ignore_ascii_case("100-continue"));
        let count = |name: &str| head.headers.iter().filter(|(known, _)| known == name).count();
        if head.is_modern && count("host") != 1 {
            return Err(ParseError::Malformed("exactly one Host header is needed"));
        }
        match (count("transfer-encoding"), count("content-length")) {
            (0, 0) => Ok(State::Sized { head, size: 0, is_waiting: false }),
            (0, 1) => {
                let size = content_length(head.header("content-length"))?;
                if size > self.limits.body_size_max {
                    return Err(ParseError::BodyTooLarge);
                }
                Ok(State::Sized { head, size, is_waiting })
            }
            (1, 0) if head.is_modern => {
                let encoding = head.header("transfer-encoding").unwrap_or_default();
                if !encoding.eq_ignore_ascii_case("chunked") {
                    return Err(ParseError::Encoding);
                }
                Ok(State::Chunked { head, stage: Stage::Size, is_waiting })
            }
            _ => Err(ParseError::Malformed("the body's length is said more than once")),
        }
    }

    /// Reads of the body what is there; answers how much, and whether that was all.
    fn parse_body(&mut self, input: &[u8]) -> Result<(usize, bool), ParseError> {
        match &mut self.state {
            State::Head => Ok((0, false)),
            State::Sized { head, size, .. } => match input.get(..*size) {
                Some(body) => {
                    head.body = body.to_vec();
                    Ok((*size, true))
                }
                None => Ok((0, false)),
            },
            State::Chunked { head, stage, .. } => {
                parse_chunks(&mut head.body, stage, input, self.limits.body_size_max)
            }
        }
    }

    /// Whether the client has to be told to go on; once.
    fn take_waiting(&mut self) -> bool {
        match &mut self.state {
            State::Head => false,
            State::Sized { is_waiting, .. } | State::Chunked { is_waiting, .. } => {
                std::mem::take(is_waiting)
            }
        }
    }
}

fn read_head(head: &httparse::Request<'_, '_>) -> Result<Box<Request>, ParseError> {
    let target = head.path.and_then(parse_target);
    let (path, query) = target.ok_or(ParseError::Malformed("the target"))?;
    let header = |one: &httparse::Header<'_>| (one.name.to_ascii_lowercase(), one.value.to_vec());
    Ok(Box::new(Request {
        method: Method::parse(head.method.unwrap_or_default()),
        path,
        query,
        headers: head.headers.iter().map(header).collect(),
        body: Vec::new(),
        is_modern: head.version == Some(1),
    }))
}

fn content_length(text: Option<&str>) -> Result<usize, ParseError> {
    let text = text.map(str::trim).unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseError::Malformed("the body's length"));
    }
    // A number beyond all numbers is too large, not malformed.
    text.parse().map_err(|_| ParseError::BodyTooLarge)
}

/// Appends the data of chunks; answers how many bytes were taken, and whether that was all.
fn parse_chunks(
    body: &mut Vec<u8>,
    stage: &mut Stage,
    input: &[u8],
    body_size_max: usize,
) -> Result<(usize, bool), ParseError> {
    let mut position = 0;
    loop {
        let rest = input.get(position..).unwrap_or_default();
        match *stage {
            Stage::Size => {
                let Some(line) = take_line(rest)? else { return Ok((position, false)) };
                let size = chunk_size(line)?;
                if size > body_size_max.saturating_sub(body.len()) {
                    return Err(ParseError::BodyTooLarge);
                }
                position += line.len() + 2;
                *stage = if size == 0 { Stage::Trailer(0) } else { Stage::Data(size) };
            }
            Stage::Data(size) => {
                let Some(data) = rest.get(..size + 2) else { return Ok((position, false)) };
                let data = data.strip_suffix(b"\r\n");
                body.extend_from_slice(data.ok_or(ParseError::Malformed("a chunk's end"))?);
                position += size + 2;
                *stage = Stage::Size;
            }
            Stage::Trailer(count) => {
                let Some(line) = take_line(rest)? else { return Ok((position, false)) };
                position += line.len() + 2;
                if line.is_empty() {
                    return Ok((position, true));
                }
                if count == TRAILERS_COUNT_MAX {
                    return Err(ParseError::HeadTooLarge);
                }
                *stage = Stage::Trailer(count + 1);
            }
        }
    }
}

/// The first line without its end, once that is there.
fn take_line(input: &[u8]) -> Result<Option<&[u8]>, ParseError> {
    let within = &input[..input.len().min(CHUNK_LINE_SIZE_MAX)];
    match within.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => Ok(within.get(..end)),
        None if within.len() == CHUNK_LINE_SIZE_MAX => Err(ParseError::Malformed("a chunk's head")),
        None => Ok(None),
    }
}

fn chunk_size(line: &[u8]) -> Result<usize, ParseError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_number);
    let text = text.ok_or(ParseError::Malformed("a chunk's size"))?;
    usize::from_str_radix(text, 16).map_err(|_| ParseError::BodyTooLarge)
}

#[cfg(test)]
mod tests;
