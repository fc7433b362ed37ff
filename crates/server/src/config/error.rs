//! What can be wrong with a configuration; each message is one sentence saying what to do.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use super::member::Address;

/// What is wrong with a configuration. Nothing was started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The cause; part of the message, so not told again.
        source: std::io::Error,
    },
    /// The text is no TOML, or a value is of the wrong kind.
    #[error("line {line}: {what}")]
    Malformed {
        /// Where.
        line: usize,
        /// What the parser says.
        what: String,
    },
    /// A key that does not exist.
    #[error("line {line}: unknown key `{key}`{}", did_you_mean(.suggestion.as_ref()))]
    UnknownKey {
        /// Where.
        line: usize,
        /// As written.
        key: String,
        /// The key it resembles.
        suggestion: Option<String>,
    },
    /// A key without which nothing can be served.
    #[error("`{0}` is missing: set it in the file, by flag or by environment")]
    Missing(&'static str),
    /// A value that is not one of those possible.
    #[error("`{key}` is `{value}`, but must be {expected}")]
    Invalid {
        /// Which key.
        key: &'static str,
        /// As written.
        value: String,
        /// What is possible.
        expected: &'static str,
    },
    /// Nobody said where to listen.
    #[error(
        "the members' list says that this node is reached at {name}: say with `{key}` where it \
         listens, like 0.0.0.0:{}", .name.port()
    )]
    Nowhere {
        /// Which key.
        key: &'static str,
        /// The name.
        name: Address,
    },
    /// Some of the keys for TLS are set and others are not.
    #[error("`{set}` is set but `{unset}` is not: TLS needs both")]
    HalfTls {
        /// A key that is set.
        set: &'static str,
        /// A key that is not.
        unset: &'static str,
    },
    /// Whoever has a certificate would be taken for any node.
    #[error("nodes with certificates need a `cluster_secret`, or a `cluster_secret_file`")]
    NoSecret,
    /// Everyone on the network could do everything.
    #[error(
        "`{key}` is {address}, which is not a loopback address, and nobody has to say who they \
         are: set `password_file`, or `auth = \"off\"` if everyone there may do everything"
    )]
    Unguarded {
        /// Which key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// The secret is said twice.
    #[error("`cluster_secret` and `cluster_secret_file` are both set: keep one")]
    TwoSecrets,
    /// The members' list says something else than the rest.
    #[error("{0}")]
    Members(String),
    /// Plain traffic would leave the machine.
    #[error(
        "`{key}` is {address}, which is not a loopback address, and traffic there is not \
         encrypted: set `tls_ca`, `tls_certificate` and `tls_key` (`starling cert` makes them), \
         listen on 127.0.0.1, or set `insecure = true` if the network is safe"
    )]
    Exposed {
        /// Which key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
    },
}

fn did_you_mean(suggestion: Option<&String>) -> String {
    match suggestion {
        Some(key) => format!("; did you mean `{key}`?"),
        None => "; `starling config default` prints all keys".into(),
    }
}
