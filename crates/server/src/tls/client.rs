//! The other end: a program that talks with one node, and waits.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::files::{self, Identity};
use super::{TlsError, explain, provider};

/// A connection on which everything is encrypted.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// How a program speaks TLS with nodes.
#[derive(Clone, Debug)]
pub struct ClientTls(Arc<ClientConfig>);

impl ClientTls {
    /// Trusts certificates signed by `ca`; shows a certificate of its own, with its key, if it has
    /// one.
    ///
    /// # Errors
    /// A file cannot be read, or holds something else.
    pub fn new(ca: &Path, own: Option<(&Path, &Path)>) -> Result<Self, TlsError> {
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_root_certificates(files::roots("tls_ca", ca)?);
        let config = match own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let Identity { chain, key } = Identity::read(certificate, key)?;
                config.with_client_auth_cert(chain, key)?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    #[cfg(test)]
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }

    /// Greets the node at `host` over a connection that has its timeouts.
    ///
    /// # Errors
    /// The connection fails, or either side does not trust the other.
    pub fn connect(&self, host: &str, mut socket: TcpStream) -> io::Result<TlsStream> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let mut connection =
            ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(in_words)?;
        }
        Ok(StreamOwned::new(connection, socket))
    }
}

/// Says what went wrong with a connection in our words.
#[must_use]
pub fn in_words(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => io::Error::new(error.kind(), explain(inner)),
        None => error,
    }
}
