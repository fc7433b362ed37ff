//! A small client: one command, one reply, over one connection.
//!
//! Bound: every call ends within a time; a node that does not answer is an error.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};
use resp::{ParsedReply, Reply, ReplyLimits, ReplyParser};

/// A connection to one node.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    socket: TcpStream,
    parser: ReplyParser,
    input: Vec<u8>,
}

impl Client {
    /// Connects; connecting and each reply may take as long as `patience`.
    pub(crate) fn connect(address: SocketAddr, patience: Duration) -> anyhow::Result<Self> {
        let connect = || {
            let socket = TcpStream::connect_timeout(&address, patience)?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(patience))?;
            socket.set_write_timeout(Some(patience))?;
            Ok::<_, std::io::Error>(socket)
        };
        let socket = connect().with_context(|| format!("no node can be reached at {address}"))?;
        let parser = ReplyParser::new(ReplyLimits::default());
        Ok(Self { address, socket, parser, input: Vec::new() })
    }

    /// Sends a command and returns its reply; a refusal is an error.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> anyhow::Result<Reply> {
        let mut request = Vec::new();
        resp::encode_command(&mut request, args);
        self.socket.write_all(&request).with_context(|| self.lost())?;
        match self.reply()? {
            Reply::Error(text) => bail!("{}", String::from_utf8_lossy(&text)),
            reply => Ok(reply),
        }
    }

    fn reply(&mut self) -> anyhow::Result<Reply> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.parser.parse(&self.input)? {
                ParsedReply::Complete { reply, consumed } => {
                    self.input.drain(..consumed);
                    return Ok(reply);
                }
                ParsedReply::Incomplete { consumed, .. } => {
                    self.input.drain(..consumed);
                }
            }
            let count = self.socket.read(&mut buffer).map_err(|error| match error.kind() {
                ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
                _ => error,
            });
            match count.with_context(|| self.lost())? {
                0 => bail!("{} closed the connection", self.address),
                count => self.input.extend_from_slice(&buffer[..count]),
            }
        }
    }

    fn lost(&self) -> String {
        format!("{} does not answer", self.address)
    }
}
