//! One connection of this node: plain or encrypted, with the same few verbs.
//!
//! Nothing here waits but what says so. Encrypted bytes that the system did not take yet are kept,
//! about 64 KiB at most: [`Socket::has_unsent`] says that there are, and every write and
//! [`Socket::flush`] tries again. A task that waits for a socket has to care for them.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::{IpAddr, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::tls::{self, BINDING_LABEL, Subject};

/// Room made for decrypted bytes at a time.
const CHUNK_SIZE: usize = 16 * 1024;

/// What both ends of one connection can derive and nobody between them.
pub(crate) type Binding = [u8; 32];

/// A connection.
#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    tls: Option<Box<RefCell<Connection>>>,
    /// Decrypted bytes wait to be read: the system would not wake anyone for them.
    is_ready: Cell<bool>,
}

impl From<TcpStream> for Socket {
    fn from(tcp: TcpStream) -> Self {
        Self { tcp, tls: None, is_ready: Cell::new(false) }
    }
}

impl Socket {
    /// Encrypts a connection that somebody made to us; plain without a configuration.
    pub(crate) async fn accept(
        tcp: TcpStream,
        config: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        match config {
            None => Ok(tcp.into()),
            Some(config) => {
                let connection = ServerConnection::new(config).map_err(io::Error::other)?;
                Self::begin(tcp, connection.into()).await
            }
        }
    }

    /// Encrypts a connection that we made; plain without a configuration.
    pub(crate) async fn connect(
        tcp: TcpStream,
        config: Option<Arc<ClientConfig>>,
    ) -> io::Result<Self> {
        match config {
            None => Ok(tcp.into()),
            Some(config) => {
                // Nobody compares it: see `tls::verifier`.
                let name = ServerName::IpAddress(IpAddr::from(tcp.peer_addr()?.ip()));
                let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
                Self::begin(tcp, connection.into()).await
            }
        }
    }

    async fn begin(tcp: TcpStream, connection: Connection) -> io::Result<Self> {
        let tls = Some(Box::new(RefCell::new(connection)));
        let socket = Self { tcp, tls, is_ready: Cell::new(false) };
        while socket.is_greeting() {
            socket.flush()?;
            if socket.has_unsent() {
                socket.tcp.writable().await?;
            } else if socket.is_greeting() {
                socket.tcp.readable().await?;
                match socket.receive() {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
        socket.flush()?;
        Ok(socket)
    }

    fn is_greeting(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.borrow().is_handshaking())
    }

    /// Waits until there may be something to read.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        if self.is_ready.get() {
            return Ok(());
        }
        self.tcp.readable().await
    }

    /// Waits until something may be written.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.tcp.writable().await
    }

    /// Appends what has come; 0 at the end.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing yet; whatever broke the connection otherwise.
    pub(crate) fn try_read_buf(&self, input: &mut Vec<u8>) -> io::Result<usize> {
        let Some(tls) = &self.tls else { return self.read_plain(input) };
        if !self.is_ready.get() {
            self.receive()?;
        }
        self.is_ready.set(false);
        let before = input.len();
        let (mut tls, mut chunk) = (tls.borrow_mut(), [0; CHUNK_SIZE]);
        loop {
            match tls.reader().read(&mut chunk) {
                Ok(0) => return Ok(input.len() - before),
                Ok(count) => input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock && input.len() > before => {
                    return Ok(input.len() - before);
                }
                // Not every client says goodbye before it hangs up; our messages end by themselves.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(input.len() - before);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Appends what the system has. A read that leaves room has taken all of it, and the system
    /// tells what comes later: nobody needs to ask it in vain until then.
    fn read_plain(&self, input: &mut Vec<u8>) -> io::Result<usize> {
        let count = self.tcp.try_read_buf(input)?;
        if count > 0 && input.len() < input.capacity() {
            let emptied = || Err::<(), _>(ErrorKind::WouldBlock.into());
            let told = self.tcp.try_io(Interest::READABLE, emptied);
            debug_assert!(told.is_err(), "there is nothing left");
        }
        Ok(count)
    }

    /// Takes bytes to be sent, as many as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; whatever broke the connection otherwise.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &self.tls else { return self.tcp.try_write(bytes) };
        self.flush()?;
        if self.has_unsent() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = tls.borrow_mut().writer().write(bytes)?;
        self.flush()?;
        Ok(count)
    }

    /// Whether bytes that were taken wait to be sent.
    pub(crate) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.borrow().wants_write())
    }

    /// Sends what was taken, as far as the system takes it.
    pub(crate) fn flush(&self) -> io::Result<()> {
        let Some(tls) = &self.tls else { return Ok(()) };
        let mut tls = tls.borrow_mut();
        while tls.wants_write() {
            match tls.write_tls(&mut Plain(&self.tcp)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Appends what comes next, however long that takes; 0 at the end.
    pub(crate) async fn read_buf(&self, input: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            self.readable().await?;
            match self.try_read_buf(input) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    /// Writes everything, however long that takes.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() || self.has_unsent() {
            match self.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that nothing more will be sent.
    pub(crate) fn shut_down(&self) -> io::Result<()> {
        self.say_goodbye();
        SockRef::from(&self.tcp).shutdown(Shutdown::Write)
    }

    /// Where the other side is.
    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }

    /// Where it reached us.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// What both ends of this very connection know; nothing on a plain one.
    pub(crate) fn binding(&self) -> Option<Binding> {
        let tls = self.tls.as_ref()?.borrow();
        tls.export_keying_material([0; 32], BINDING_LABEL, None).ok()
    }

    /// The common name in the certificate that the other side has shown.
    pub(crate) fn certified_name(&self) -> Option<String> {
        let tls = self.tls.as_ref()?.borrow();
        Subject::of(tls.peer_certificates()?.first()?)?.common_name
    }

    /// Takes what the system has and decrypts it; returns how much there was, 0 at the end.
    fn receive(&self) -> io::Result<usize> {
        let tls = self.tls.as_ref().expect("only encrypted connections decrypt");
        let mut tls = tls.borrow_mut();
        let count = tls.read_tls(&mut Plain(&self.tcp))?;
        match tls.process_new_packets() {
            Ok(state) => self.is_ready.set(state.plaintext_bytes_to_read() > 0),
            Err(error) => {
                // The other side learns why, if it still listens.
                let _ = tls.write_tls(&mut Plain(&self.tcp));
                return Err(io::Error::new(ErrorKind::InvalidData, tls::explain(&error)));
            }
        }
        drop(tls);
        self.flush()?;
        Ok(count)
    }

    fn say_goodbye(&self) {
        if let Some(tls) = &self.tls {
            tls.borrow_mut().send_close_notify();
            // Whoever does not listen any more misses nothing.
            let _ = self.flush();
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}

/// The bytes of a connection as they travel.
struct Plain<'a>(&'a TcpStream);

impl Read for Plain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Plain<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
