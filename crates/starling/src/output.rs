//! What is printed: data on standard output, complaints on standard error.

use std::io::{self, Write as _};

use crate::Ending;

/// Prints one line, or a text of several.
pub(crate) fn line(text: impl AsRef<str>) -> anyhow::Result<Ending> {
    bytes(text.as_ref().as_bytes())
}

/// Prints bytes as they are, and a line end.
pub(crate) fn bytes(bytes: &[u8]) -> anyhow::Result<Ending> {
    let mut out = io::stdout().lock();
    let written =
        out.write_all(bytes).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    match written {
        // Whoever reads along, like `head`, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Ending::Done),
        written => Ok(written.map(|()| Ending::Done)?),
    }
}

/// Says what went wrong, in one line with its causes.
pub(crate) fn complain(error: &anyhow::Error) {
    note(&format!("starling: {error:#}"));
}

/// Says something beside the data.
pub(crate) fn note(text: &str) {
    // There is nowhere else to say that nothing can be said.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
