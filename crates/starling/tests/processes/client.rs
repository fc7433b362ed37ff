//! A client that asks one node and keeps its connection.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use resp::{Replies, Reply, ReplyLimits};

const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Client {
    socket: TcpStream,
    replies: Replies,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, replies: Replies::new(ReplyLimits::default()) })
    }

    pub(crate) fn call(&mut self, args: &[&str]) -> io::Result<Reply> {
        self.send(args)?;
        self.receive()
    }

    pub(crate) fn send(&mut self, args: &[&str]) -> io::Result<()> {
        let mut request = Vec::new();
        resp::encode_command(&mut request, args);
        self.socket.write_all(&request)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.socket.shutdown(std::net::Shutdown::Write)
    }

    pub(crate) fn receive(&mut self) -> io::Result<Reply> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(reply) = self.replies.take().map_err(io::Error::other)? {
                return Ok(reply);
            }
            match self.socket.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.replies.receive(&buffer[..count]),
            }
        }
    }

    /// Reads a string; nothing when there is none or the node refused.
    pub(crate) fn get(&mut self, key: &str) -> Option<String> {
        match self.call(&["GET", key]).ok()? {
            Reply::Bulk(value) => Some(String::from_utf8(value).unwrap()),
            _ => None,
        }
    }

    /// Writes a string; whether it was acknowledged.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> bool {
        self.call(&["SET", key, value]).is_ok_and(|reply| reply == Reply::Simple(b"OK".to_vec()))
    }
}
