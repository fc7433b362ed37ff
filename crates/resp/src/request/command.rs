//! A complete command, as ranges of the bytes it arrived in.

/// Where an argument lies within [`Command::bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgRange {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// One command: at least one argument, the first being its name.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    bytes: &'a [u8],
    args: &'a [ArgRange],
}

impl<'a> Command<'a> {
    /// Takes arguments that lie within `bytes`; there is at least one.
    pub(super) const fn new(bytes: &'a [u8], args: &'a [ArgRange]) -> Self {
        Self { bytes, args }
    }

    /// Returns the command's name as sent.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.get(0).expect("a command has at least one argument")
    }

    /// Returns how many arguments there are, the name included.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.args.len()
    }

    /// Returns an argument; the name is at 0.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let range = self.args.get(index)?;
        self.bytes.get(range.start..range.end)
    }

    /// Returns all arguments in order, the name included.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.args.iter().map(move |range| &bytes[range.start..range.end])
    }

    /// Returns the arguments as ranges of [`Self::bytes`].
    #[must_use]
    pub const fn ranges(&self) -> &'a [ArgRange] {
        self.args
    }

    /// Returns the bytes the arguments lie in.
    ///
    /// They are a part of the connection's buffer, or of the parser for an inline command, whose
    /// quotes had to be undone.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}
