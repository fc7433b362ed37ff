//! A small client: one command, one reply, over one connection, plain or encrypted.
//!
//! Bound: every call ends within a time; a node that does not answer is an error.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use resp::{Replies, Reply, ReplyLimits};
use server::tls::in_words;

use crate::address::{Credentials, Endpoint};

/// How an answer begins of somebody who expected TLS; no reply begins so.
const TLS_ALERT: u8 = 0x15;

/// What bytes are written to and read from.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A connection to one node.
pub(crate) struct Client {
    address: String,
    stream: Box<dyn Stream>,
    replies: Replies,
}

/// Connects to a node, and encrypts the connection if that is asked for; connecting, every read
/// and every write may take as long as `patience`.
pub(crate) fn connect(endpoint: &Endpoint, patience: Duration) -> io::Result<Box<dyn Stream>> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in (endpoint.host.as_str(), endpoint.port).to_socket_addrs()? {
        let socket = match TcpStream::connect_timeout(&address, patience) {
            Ok(socket) => socket,
            Err(error) => {
                last = error;
                continue;
            }
        };
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(patience))?;
        return Ok(match &endpoint.access.tls {
            None => Box::new(socket),
            Some(tls) => Box::new(tls.connect(&endpoint.host, socket)?),
        });
    }
    Err(last)
}

impl Client {
    /// Connects, and says who asks; connecting and each reply may take as long as `patience`.
    pub(crate) fn connect(endpoint: &Endpoint, patience: Duration) -> anyhow::Result<Self> {
        let stream = connect(endpoint, patience)
            .with_context(|| format!("no node can be reached at {endpoint}"))?;
        let replies = Replies::new(ReplyLimits::default());
        let mut client = Self { address: endpoint.to_string(), stream, replies };
        if let Some(Credentials { user, password }) = &endpoint.access.credentials {
            client.call(&[b"AUTH", user.as_bytes(), password.as_bytes()])?;
        }
        Ok(client)
    }

    /// Sends a command and returns its reply; a refusal is an error.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> anyhow::Result<Reply> {
        let mut request = Vec::new();
        resp::encode_command(&mut request, args);
        self.stream.write_all(&request).with_context(|| self.lost())?;
        self.stream.flush().with_context(|| self.lost())?;
        match self.reply()? {
            Reply::Error(text) => bail!("{}", String::from_utf8_lossy(&text)),
            reply => Ok(reply),
        }
    }

    fn reply(&mut self) -> anyhow::Result<Reply> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if self.replies.pending().first() == Some(&TLS_ALERT) {
                bail!("{} speaks TLS: say --tls-ca FILE", self.address);
            }
            if let Some(reply) = self.replies.take()? {
                return Ok(reply);
            }
            let count = self.stream.read(&mut buffer).map_err(|error| match error.kind() {
                ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
                _ => in_words(error),
            });
            match count.with_context(|| self.lost())? {
                0 => bail!("{} closed the connection", self.address),
                count => self.replies.receive(&buffer[..count]),
            }
        }
    }

    fn lost(&self) -> String {
        format!("{} does not answer", self.address)
    }
}
