//! Commands as a client sends them.

use crate::writer::{put_bulk, put_header};

/// Appends a command as an array of bulk strings.
///
/// Servers skip a command without arguments and do not answer it.
///
/// ```
/// let mut out = Vec::new();
/// resp::encode_command(&mut out, ["GET", "key"]);
/// assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
/// ```
pub fn encode_command<Args>(out: &mut Vec<u8>, args: Args)
where
    Args: IntoIterator<IntoIter: ExactSizeIterator, Item: AsRef<[u8]>>,
{
    let args = args.into_iter();
    put_header(out, b'*', args.len());
    for arg in args {
        put_bulk(out, b'$', arg.as_ref());
    }
}
