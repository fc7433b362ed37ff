//! One connection: requests out, replies in, in order.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use resp::{Replies, Reply, ReplyLimits};
use thiserror::Error;

/// How long a connection waits for a reply before the load is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a load could not be carried out.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A server cannot be reached, or broke a connection.
    #[error("{address}: {source}")]
    Socket {
        /// Which server.
        address: String,
        /// What happened.
        source: io::Error,
    },
    /// A server sent what is no reply.
    #[error("{address} sent what is no reply: {text}")]
    NoReply {
        /// Which server.
        address: String,
        /// What is wrong with it.
        text: String,
    },
    /// A server refuses what the load begins with.
    #[error("{address} refuses: {text}")]
    Refused {
        /// Which server.
        address: String,
        /// What it said.
        text: String,
    },
    /// Nothing to load.
    #[error("there is no server to load")]
    NoServer,
}

/// A connection to one server.
pub(crate) struct Connection {
    address: String,
    stream: TcpStream,
    replies: Replies,
    buffer: Box<[u8]>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self, LoadError> {
        let lost = |source| LoadError::Socket { address: address.into(), source };
        let mut last = io::ErrorKind::NotFound.into();
        for found in address.to_socket_addrs().map_err(lost)? {
            match TcpStream::connect_timeout(&found, PATIENCE) {
                Ok(stream) => return Self::over(address, stream).map_err(lost),
                Err(error) => last = error,
            }
        }
        Err(lost(last))
    }

    fn over(address: &str, stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            address: address.into(),
            stream,
            replies: Replies::new(ReplyLimits::default()),
            buffer: vec![0; 64 * 1024].into(),
        })
    }

    /// Sends a command and returns its reply; a refusal is an error.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> Result<Reply, LoadError> {
        let mut request = Vec::new();
        resp::encode_command(&mut request, args);
        self.send(&request)?;
        match self.reply()? {
            Reply::Error(text) => Err(LoadError::Refused {
                address: self.address.clone(),
                text: String::from_utf8_lossy(&text).into_owned(),
            }),
            reply => Ok(reply),
        }
    }

    pub(crate) fn send(&mut self, requests: &[u8]) -> Result<(), LoadError> {
        self.stream.write_all(requests).map_err(|source| self.lost(source))
    }

    /// Waits for the next reply.
    pub(crate) fn reply(&mut self) -> Result<Reply, LoadError> {
        loop {
            let taken = self.replies.take().map_err(|error| LoadError::NoReply {
                address: self.address.clone(),
                text: error.to_string(),
            })?;
            if let Some(reply) = taken {
                return Ok(reply);
            }
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(self.lost(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => self.replies.receive(&self.buffer[..count]),
                Err(source) => return Err(self.lost(source)),
            }
        }
    }

    fn lost(&self, source: io::Error) -> LoadError {
        LoadError::Socket { address: self.address.clone(), source }
    }
}
