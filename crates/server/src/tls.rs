//! TLS: certificates read from files, and what each kind of connection demands of the other side.
//!
//! ```text
//! between nodes   both sides show a certificate that `tls_ca` has signed
//! clients         the node shows its own; `tls_clients` says whether clients show one too
//! ```
//!
//! Invariant: files are read and checked as a whole, at the start and whenever they change; what
//! is in use stays in use until everything new makes sense. Between nodes no host name is looked
//! for: who the other node is, it proves with the cluster's secret, bound to this very connection.

mod client;
mod files;
mod subject;
mod verifier;

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;

pub use client::{ClientTls, TlsStream, in_words};
use files::Identity;
pub(crate) use subject::Subject;
use verifier::AnyName;

/// Both sides of a link prove to be on the same connection with what this label derives.
pub(crate) const BINDING_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// Where certificates are, and who has to show one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// What other nodes' certificates, and those of clients, are signed by.
    pub ca: PathBuf,
    /// This node's certificate, and those between it and the CA.
    pub certificate: PathBuf,
    /// The key of the certificate.
    pub key: PathBuf,
    /// What clients have to do.
    pub clients: ClientsTls,
}

/// What clients of a node with a certificate have to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientsTls {
    /// They speak plainly.
    Off,
    /// They speak TLS, and may show a certificate.
    On,
    /// They speak TLS and show a certificate.
    Certificate,
}

/// Why certificates cannot be used. Those in use stay in use.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("`{key}` is {path}: {what}")]
    File {
        /// Which setting names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The certificate would be accepted by nobody.
    #[error("`tls_certificate` is {path}: {what}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The TLS library refuses what it is given.
    #[error("TLS: {0}")]
    Library(#[from] rustls::Error),
}

/// The certificates of a node, ready for use; replaced when their files change.
pub(crate) struct Tls {
    config: TlsConfig,
    current: RefCell<Current>,
}

/// One reading of the files.
struct Current {
    /// When the files were written.
    written: Vec<Option<SystemTime>>,
    peers_in: Arc<ServerConfig>,
    peers_out: Arc<ClientConfig>,
    clients: Arc<ServerConfig>,
    expires: u64,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    pub(crate) fn open(config: &TlsConfig, now_seconds: u64) -> Result<Self, TlsError> {
        let current = RefCell::new(Current::read(config, now_seconds)?);
        Ok(Self { config: config.clone(), current })
    }

    /// Reads the files again if they were written since; says whether they were.
    pub(crate) fn renew(&self, now_seconds: u64) -> Result<bool, TlsError> {
        if self.current.borrow().written == files::written(&self.config) {
            return Ok(false);
        }
        let next = Current::read(&self.config, now_seconds)?;
        *self.current.borrow_mut() = next;
        Ok(true)
    }

    /// For a node that connects to us.
    pub(crate) fn peers_in(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.borrow().peers_in)
    }

    /// For a node that we connect to.
    pub(crate) fn peers_out(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.current.borrow().peers_out)
    }

    /// For clients, unless they speak plainly.
    pub(crate) fn clients(&self) -> Option<Arc<ServerConfig>> {
        let is_spoken = self.config.clients != ClientsTls::Off;
        is_spoken.then(|| Arc::clone(&self.current.borrow().clients))
    }

    /// When the certificate expires, in seconds since 1970.
    pub(crate) fn expires(&self) -> u64 {
        self.current.borrow().expires
    }
}

impl Current {
    fn read(config: &TlsConfig, now_seconds: u64) -> Result<Self, TlsError> {
        let written = files::written(config);
        let roots = Arc::new(files::roots("tls_ca", &config.ca)?);
        let identity = Identity::read(&config.certificate, &config.key)?;
        let leaf = identity.chain.first().expect("an identity has a certificate");
        let unusable = |what: String| TlsError::Unusable { path: config.certificate.clone(), what };
        verifier::check_own(&roots, &identity.chain, now_seconds).map_err(unusable)?;
        let expires = Subject::of(leaf).map_or(u64::MAX, |subject| subject.expires);
        Ok(Self {
            written,
            peers_in: Arc::new(peers_in(&roots, &identity)?),
            peers_out: Arc::new(peers_out(&roots, &identity)?),
            clients: Arc::new(clients(roots, identity, config.clients)?),
            expires,
        })
    }
}

/// The one provider of cryptography.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn peers_in(roots: &Arc<RootCertStore>, own: &Identity) -> Result<ServerConfig, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(own.chain.clone(), own.key.clone_key())?;
    // A link that is resumed would not look at certificates again.
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn peers_out(roots: &Arc<RootCertStore>, own: &Identity) -> Result<ClientConfig, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyName::new(roots)?))
        .with_client_auth_cert(own.chain.clone(), own.key.clone_key())?;
    config.resumption = rustls::client::Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

fn clients(
    roots: Arc<RootCertStore>,
    own: Identity,
    clients: ClientsTls,
) -> Result<ServerConfig, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let verifier = match clients {
        ClientsTls::Certificate => verifier,
        ClientsTls::On | ClientsTls::Off => verifier.allow_unauthenticated(),
    };
    let verifier = verifier.build().map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(own.chain, own.key)?)
}

/// Says in our words why a connection was refused; `subject` is who the other side is.
pub(crate) fn explain(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Wrong, Error};
    match error {
        Error::InvalidCertificate(wrong) => match wrong {
            Wrong::Expired | Wrong::ExpiredContext { .. } => "its certificate has expired".into(),
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
                "its certificate is not valid yet: compare the clocks".into()
            }
            // Authorities of one name: another one of them has signed it.
            Wrong::UnknownIssuer | Wrong::BadSignature => {
                "its certificate is not signed by our `tls_ca`".into()
            }
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                "its certificate does not name this address: make one with `--host`".into()
            }
            other => format!("its certificate is refused: {other}"),
        },
        Error::NoCertificatesPresented => "it shows no certificate".into(),
        Error::AlertReceived(Alert::CertificateExpired) => {
            "it says that our certificate has expired".into()
        }
        Error::AlertReceived(Alert::UnknownCA | Alert::BadCertificate | Alert::DecryptError) => {
            "it says that our certificate is not signed by its `tls_ca`".into()
        }
        Error::AlertReceived(Alert::CertificateRequired) => {
            "it demands a certificate, and we show none".into()
        }
        Error::InvalidMessage(_) => "it does not speak TLS".into(),
        other => format!("TLS: {other}"),
    }
}

#[cfg(test)]
mod tests;
