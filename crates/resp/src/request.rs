//! Requests: bytes of a connection's buffer into commands, in place and across any split.
//!
//! Invariants: bytes that were understood are never looked at again, however many pieces a
//! command arrives in; what the parser keeps is bounded by the bytes received and by [`Limits`].
//! Line ends are trusted as Redis trusts them: the byte after a carriage return and the two bytes
//! after an argument are skipped unread. A NUL in an inline command is an ordinary byte, where
//! Redis would wait for more input until its line limit.

mod command;
mod error;
mod header;
mod inline;

use memchr::memchr;

use crate::limits::{Limits, Trust};
pub use command::{ArgRange, Command};
pub use error::ProtocolError;
use header::{LINE_END_SIZE, bulk_size, multibulk_count, short_header};

/// Room for arguments that a connection keeps between commands; larger lists are given back.
const ARGS_KEPT_COUNT_MAX: usize = 1024;
/// Room for unquoted inline commands that a connection keeps; larger ones are given back.
const INLINE_KEPT_SIZE_MAX: usize = 1024;

/// What the front of a buffer holds.
#[derive(Clone, Copy, Debug)]
pub enum Parsed<'a> {
    /// A complete command.
    Command {
        /// The command.
        command: Command<'a>,
        /// Bytes to drop from the front of the buffer before the next call.
        consumed: usize,
    },
    /// Not a complete command yet.
    Incomplete {
        /// Bytes to drop from the front of the buffer before the next call (empty commands).
        consumed: usize,
        /// At least this many more bytes are needed. The client claims this: read towards it,
        /// but reserve memory only as bytes arrive.
        needed: usize,
    },
}

/// The state of one connection between two reads.
///
/// ```
/// use resp::{Limits, Parsed, Parser};
///
/// let mut parser = Parser::new(Limits::default());
/// let buffer = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\nPI";
/// let Ok(Parsed::Command { command, consumed }) = parser.parse(buffer) else { panic!() };
/// assert_eq!(command.iter().collect::<Vec<_>>(), [b"GET", b"key"]);
/// let rest = &buffer[consumed..];
/// assert!(matches!(parser.parse(rest), Ok(Parsed::Incomplete { consumed: 0, needed: 1 })));
/// ```
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    trust: Trust,
    progress: Progress,
    failure: Option<ProtocolError>,
    args: Vec<ArgRange>,
    inline: Vec<u8>,
}

/// How far the command at the front of the buffer is understood.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Bytes of the command that are done with.
    position: usize,
    /// Bytes of the command in which the end of the current line is known not to be.
    searched: usize,
    /// Arguments still to come; 0 before the header is read.
    args_missing: usize,
    /// Size of the argument at `position`, once its header is read.
    bulk_size: Option<usize>,
}

/// One step of the parser.
enum Step {
    Command { consumed: usize, source: Source },
    Empty { consumed: usize },
    Incomplete { needed: usize },
}

/// Where the arguments of a complete command lie.
enum Source {
    Buffer,
    Inline,
}

impl Parser {
    /// Starts at the first byte of a connection.
    ///
    /// # Panics
    /// When the limits contradict themselves, see [`Limits`].
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        limits.check();
        Self {
            limits,
            trust: Trust::Authenticated,
            progress: Progress { position: 0, searched: 0, args_missing: 0, bulk_size: None },
            failure: None,
            args: Vec::new(),
            inline: Vec::new(),
        }
    }

    /// Sets which bounds apply from the next header on.
    pub const fn set_trust(&mut self, trust: Trust) {
        self.trust = trust;
    }

    /// Replaces the bounds from the next header on.
    ///
    /// # Panics
    /// When the limits contradict themselves, see [`Limits`].
    pub const fn set_limits(&mut self, limits: Limits) {
        limits.check();
        self.limits = limits;
    }

    /// Returns the bytes of memory that the parser holds beside the connection's buffer.
    #[must_use]
    pub const fn memory_size(&self) -> usize {
        self.args.capacity() * size_of::<ArgRange>() + self.inline.capacity()
    }

    /// Finds the command at the front of `buffer`.
    ///
    /// Call again with the `consumed` bytes dropped from the front, at once after a command and
    /// after reading more when incomplete. Bytes that are kept must not change in between.
    /// Commands without arguments are skipped.
    ///
    /// # Errors
    /// The client broke the protocol: tell it with `Writer::protocol_error` and close the
    /// connection. There is no way to find the next command; every later call fails alike.
    pub fn parse<'a>(&'a mut self, buffer: &'a [u8]) -> Result<Parsed<'a>, ProtocolError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let mut start = 0;
        loop {
            let bytes = buffer.get(start..).unwrap_or_default();
            match self.step(bytes).inspect_err(|&error| self.failure = Some(error))? {
                Step::Command { consumed, source } => {
                    let bytes = match source {
                        Source::Buffer => &bytes[..consumed],
                        Source::Inline => &self.inline,
                    };
                    let command = Command::new(bytes, &self.args);
                    return Ok(Parsed::Command { command, consumed: start + consumed });
                }
                Step::Empty { consumed } => start += consumed,
                Step::Incomplete { needed } => {
                    return Ok(Parsed::Incomplete { consumed: start, needed });
                }
            }
        }
    }

    fn step(&mut self, bytes: &[u8]) -> Result<Step, ProtocolError> {
        if self.progress.args_missing > 0 {
            return self.step_args(bytes);
        }
        self.forget_args();
        match bytes.first() {
            None => Ok(Step::Incomplete { needed: 1 }),
            Some(b'*') => self.step_multibulk(bytes),
            Some(_) => self.step_inline(bytes),
        }
    }

    /// Empties the last command's arguments, and gives back what an unusual one took.
    fn forget_args(&mut self) {
        self.args.clear();
        self.inline.clear();
        if self.args.capacity() > ARGS_KEPT_COUNT_MAX {
            self.args = Vec::new();
        }
        if self.inline.capacity() > INLINE_KEPT_SIZE_MAX {
            self.inline = Vec::new();
        }
    }

    fn step_multibulk(&mut self, bytes: &[u8]) -> Result<Step, ProtocolError> {
        let (count, next) = match short_header(bytes, 0, b'*') {
            Some((count, next)) => (Some(count), next),
            None => match self.find_header_end(bytes, ProtocolError::MultibulkLineSize)? {
                Some(end) => (multibulk_count(&bytes[1..end])?, end + LINE_END_SIZE),
                None => return Ok(Step::Incomplete { needed: 1 }),
            },
        };
        let Some(count) = count.filter(|&count| count > 0) else {
            self.progress = Progress::default();
            return Ok(Step::Empty { consumed: next });
        };
        self.check_args_count(count)?;
        self.progress = Progress { position: next, args_missing: count, ..Progress::default() };
        self.step_args(bytes)
    }

    fn check_args_count(&self, count: usize) -> Result<(), ProtocolError> {
        if count > self.limits.args_count_max {
            return Err(ProtocolError::MultibulkLength);
        }
        let is_trusted = self.trust == Trust::Authenticated;
        if is_trusted || count <= self.limits.untrusted_args_count_max {
            Ok(())
        } else {
            Err(ProtocolError::UnauthenticatedMultibulkLength)
        }
    }

    fn step_args(&mut self, bytes: &[u8]) -> Result<Step, ProtocolError> {
        while self.progress.args_missing > 0 {
            let Some(size) = self.bulk_size(bytes)? else {
                return Ok(Step::Incomplete { needed: 1 });
            };
            let start = self.progress.position;
            let end = start + size;
            let next = end + LINE_END_SIZE;
            if bytes.len() < next {
                self.progress.bulk_size = Some(size);
                return Ok(Step::Incomplete { needed: next - bytes.len() });
            }
            self.args.push(ArgRange { start, end });
            self.progress.position = next;
            self.progress.bulk_size = None;
            self.progress.args_missing -= 1;
        }
        let consumed = self.progress.position;
        self.progress = Progress::default();
        Ok(Step::Command { consumed, source: Source::Buffer })
    }

    /// Returns the size of the next argument with `position` at its first byte, or `None` when
    /// its header is not complete.
    fn bulk_size(&mut self, bytes: &[u8]) -> Result<Option<usize>, ProtocolError> {
        if let Some(size) = self.progress.bulk_size {
            return Ok(Some(size));
        }
        let start = self.progress.position;
        let (size, next) = match short_header(bytes, start, b'$') {
            Some(header) => header,
            None => match self.find_header_end(bytes, ProtocolError::BulkLineSize)? {
                Some(end) => (bulk_size(&bytes[start..end], bytes[start])?, end + LINE_END_SIZE),
                None => return Ok(None),
            },
        };
        self.check_bulk_size(size, next)?;
        self.progress.position = next;
        Ok(Some(size))
    }

    fn check_bulk_size(&self, size: usize, position: usize) -> Result<(), ProtocolError> {
        if size > self.limits.bulk_size_max {
            return Err(ProtocolError::BulkLength);
        }
        let is_trusted = self.trust == Trust::Authenticated;
        if !is_trusted && size > self.limits.untrusted_bulk_size_max {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        if position.saturating_add(size) > self.limits.command_size_max {
            return Err(ProtocolError::CommandSize);
        }
        Ok(())
    }

    /// Finds the carriage return of the header at `position`, when the byte after it is here too.
    fn find_header_end(
        &mut self,
        bytes: &[u8],
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let end = self.find_line_end(bytes, b'\r', too_long)?;
        Ok(end.filter(|end| end + 1 < bytes.len()))
    }

    /// Finds `ending` in the line at `position`, resuming where the last search stopped.
    fn find_line_end(
        &mut self,
        bytes: &[u8],
        ending: u8,
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let start = self.progress.position;
        let from = self.progress.searched.max(start);
        let line_end_max = start.saturating_add(self.limits.line_size_max).saturating_add(1);
        let until = bytes.len().min(line_end_max);
        let unsearched = bytes.get(from..until).unwrap_or_default();
        if let Some(offset) = memchr(ending, unsearched) {
            return Ok(Some(from + offset));
        }
        if bytes.len() >= line_end_max {
            return Err(too_long);
        }
        self.progress.searched = until;
        Ok(None)
    }

    fn step_inline(&mut self, bytes: &[u8]) -> Result<Step, ProtocolError> {
        let Some(end) = self.find_line_end(bytes, b'\n', ProtocolError::InlineSize)? else {
            return Ok(Step::Incomplete { needed: 1 });
        };
        self.progress = Progress::default();
        let consumed = end + 1;
        let line = &bytes[..end];
        inline::split(line.strip_suffix(b"\r").unwrap_or(line), &mut self.inline, &mut self.args)?;
        if self.args.is_empty() {
            Ok(Step::Empty { consumed })
        } else {
            Ok(Step::Command { consumed, source: Source::Inline })
        }
    }
}
