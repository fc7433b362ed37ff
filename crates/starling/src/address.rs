//! Which node a command talks to, and how: plainly or encrypted, as which user.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::Args;
use server::tls::ClientTls;

/// The node to ask.
#[derive(Args, Clone, Debug)]
pub(crate) struct NodeAddress {
    /// Address of the node to ask
    #[arg(long, value_name = "ADDRESS", env = "STARLING_NODE", default_value = "127.0.0.1:7001")]
    node: String,
    /// What signs the certificates of nodes; with it, everything is encrypted
    #[arg(long, value_name = "FILE", env = "STARLING_TLS_CA", help_heading = "Access")]
    tls_ca: Option<PathBuf>,
    /// A certificate to show
    #[arg(long, value_name = "FILE", env = "STARLING_TLS_CERTIFICATE", help_heading = "Access")]
    #[arg(requires = "tls_ca", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The key of the certificate
    #[arg(long, value_name = "FILE", env = "STARLING_TLS_KEY", help_heading = "Access")]
    tls_key: Option<PathBuf>,
    /// Whom to speak as; the password is in STARLING_PASSWORD or in a file
    #[arg(long, value_name = "NAME", env = "STARLING_USER", help_heading = "Access")]
    user: Option<String>,
    /// A file that holds the password
    #[arg(long, value_name = "FILE", env = "STARLING_PASSWORD_FILE", help_heading = "Access")]
    password_file: Option<PathBuf>,
}

/// How nodes are spoken with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub(crate) tls: Option<ClientTls>,
    pub(crate) credentials: Option<Credentials>,
}

/// A user's name and password.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where a node is, and how it is spoken with.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) access: Arc<Access>,
}

impl NodeAddress {
    /// Returns the node to ask.
    pub(crate) fn endpoint(&self) -> anyhow::Result<Endpoint> {
        let (host, port) = split(&self.node)?;
        Ok(Endpoint { host, port, access: Arc::new(self.access()?) })
    }

    fn access(&self) -> anyhow::Result<Access> {
        let own = self.tls_certificate.as_deref().zip(self.tls_key.as_deref());
        let tls = self.tls_ca.as_deref().map(|ca| ClientTls::new(ca, own)).transpose()?;
        let password = match &self.password_file {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                Some(text.with_context(|| format!("cannot read {}", path.display()))?)
            }
            // Not a flag: everyone on the machine sees flags.
            None => std::env::var("STARLING_PASSWORD").ok(),
        };
        let user = self.user.clone().unwrap_or_else(|| "default".into());
        let credentials = password
            .map(|text| Credentials { user, password: text.trim_end_matches(['\r', '\n']).into() });
        Ok(Access { tls, credentials })
    }
}

impl Endpoint {
    /// Returns another node, spoken with in the same way.
    pub(crate) fn at(&self, address: &str) -> anyhow::Result<Self> {
        let (host, port) = split(address)?;
        Ok(Self { host, port, access: Arc::clone(&self.access) })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Parts an address into host and port.
fn split(address: &str) -> anyhow::Result<(String, u16)> {
    let wrong = || format!("`{address}` is no address like 127.0.0.1:7001 or db1:7001");
    let (host, port) = address.rsplit_once(':').with_context(wrong)?;
    let port = port.parse().with_context(wrong)?;
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    ensure!(!host.is_empty(), wrong());
    Ok((host.into(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_and_ports() {
        for (text, host, port) in [
            ("127.0.0.1:7001", "127.0.0.1", 7001),
            ("[::1]:1", "::1", 1),
            ("db-1.x:2", "db-1.x", 2),
        ] {
            assert_eq!(split(text).unwrap(), (host.to_owned(), port), "{text}");
        }
        for text in ["", ":1", "host", "host:", "host:70000", "[]:1"] {
            assert!(split(text).is_err(), "{text}");
        }
        let (host, port) = split("[::1]:1").unwrap();
        let endpoint = Endpoint { host, port, access: Arc::default() };
        assert_eq!(endpoint.to_string(), "[::1]:1");
        assert_eq!(endpoint.at("a:2").unwrap().to_string(), "a:2");
    }
}
