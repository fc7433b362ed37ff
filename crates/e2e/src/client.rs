//! A client that asks one node, one command or one pipeline at a time.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use resp::{Replies, Reply, ReplyLimits};

const CONNECT_PATIENCE: Duration = Duration::from_millis(300);

pub(crate) struct Client {
    socket: TcpStream,
    replies: Replies,
}

impl Client {
    /// Connects; each reply may take as long as `patience`.
    pub(crate) fn connect(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, CONNECT_PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(patience))?;
        Ok(Self { socket, replies: Replies::new(ReplyLimits::default()) })
    }

    pub(crate) fn call(&mut self, args: &[&str]) -> io::Result<Reply> {
        let mut replies = self.pipeline(&[args])?;
        Ok(replies.remove(0))
    }

    /// Sends all commands, then takes all replies.
    pub(crate) fn pipeline(&mut self, commands: &[&[&str]]) -> io::Result<Vec<Reply>> {
        let mut request = Vec::new();
        commands.iter().for_each(|args| resp::encode_command(&mut request, *args));
        self.send(&request)?;
        commands.iter().map(|_| self.receive()).collect()
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    pub(crate) fn receive(&mut self) -> io::Result<Reply> {
        let mut buffer = [0; 64 * 1024];
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
}
