//! Configuration: defaults, one TOML file, environment and flags, parsed into what a node needs.
//!
//! ```text
//! default.toml  <  the file  <  environment  <  flags      each a `Settings`, later ones win
//! Settings::into_config -> Config                          every value parsed, nothing left open
//! ```
//!
//! Invariant: a [`Config`] can be served; whatever is wrong was said in one sentence before.

mod check;
mod error;
mod explain;
mod member;
mod settings;
mod spelling;

use std::net::SocketAddr;
use std::path::PathBuf;

use causality::{ContextKey, NodeId};
use node::{CoordinationConfig, VerificationConfig};
use redis::Secret;
use xxhash_rust::xxh3::xxh3_128;

pub use error::ConfigError;
pub use explain::explain;
pub use member::{Address, Member};
pub use settings::Settings;

use crate::log::Logging;
use crate::tls::{ClientsTls, TlsConfig};

/// The defaults, commented: what `starling config default` prints.
pub const DEFAULT_TOML: &str = include_str!("config/default.toml");

/// Everything a node needs to know before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which member this node is.
    pub me: NodeId,
    /// The cluster's name, hashed: nodes of different clusters never talk.
    pub cluster: u64,
    /// What a peer has to know.
    pub secret: String,
    /// The password of the user `default`, if there is one.
    pub password: Option<Secret>,
    /// The certificates, if traffic is encrypted.
    pub tls: Option<TlsConfig>,
    /// Where everything is kept.
    pub data: PathBuf,
    /// Every member, this node too, by rising id.
    pub members: Vec<Member>,
    /// Where this node listens, which may differ from where others reach it.
    pub listen: Listen,
    /// How many shards the keys are spread over.
    pub shard_count: u16,
    /// Copies of each shard in each datacenter.
    pub replication: u8,
    /// When bytes are made durable.
    pub flush: Flush,
    /// How often two owners compare what they hold.
    pub exchange_interval_ms: u64,
    /// How often a node gossips, and looks whether a peer is alive.
    pub gossip_interval_ms: u64,
    /// With how many random peers a round gossips.
    pub gossip_fanout: usize,
    /// How long a coordinator waits for owners.
    pub request_timeout_ms: u64,
    /// How far a node may lag behind others and still say that it is ready.
    pub ready_lag_max_ms: u64,
    /// How many clients may be connected.
    pub clients_count_max: usize,
    /// The largest request of a client, in bytes.
    pub request_size_max: usize,
    /// How much of what is stored may be held in memory, in bytes.
    pub store_memory_max: usize,
    /// Below how much free space writes are refused, in bytes.
    pub disk_free_min: u64,
    /// How much may wait for one peer, in bytes.
    pub peer_queue_size_max: usize,
    /// How calls are coordinated.
    pub coordination: CoordinationConfig,
    /// How often and at what cost shards are verified.
    pub verification: VerificationConfig,
    /// How long messages to other datacenters are held back, to feel distance on one machine.
    pub simulated_latency_ms: u64,
    /// A file with the ids of nodes to which the links are cut, to feel partitions.
    pub simulated_cuts: Option<PathBuf>,
    /// What is worth a line in the log, and how the lines look.
    pub log: Logging,
}

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// For clients.
    pub redis: SocketAddr,
    /// For HTTP, if it is spoken.
    pub http: Option<SocketAddr>,
    /// For peers.
    pub peers: SocketAddr,
}

/// When bytes are made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Before they are promised to anyone.
    Always,
    /// Some time later: a machine that loses power may forget its last second.
    Periodic,
    /// When the operating system likes.
    Never,
}

impl Config {
    /// Returns what the members know about this node.
    #[must_use]
    pub fn own(&self) -> &Member {
        let own = self.members.iter().find(|member| member.id() == self.me);
        own.expect("checked when the configuration was parsed")
    }

    /// Returns where this node listens for clients.
    #[must_use]
    pub const fn redis_address(&self) -> SocketAddr {
        self.listen.redis
    }

    /// Returns what contexts and session tokens are hashed with: known to whoever knows the secret.
    #[must_use]
    pub fn context_key(&self) -> ContextKey {
        ContextKey::new(xxh3_128(self.secret.as_bytes()).to_le_bytes())
    }

    /// Returns where this node listens for HTTP, if it does.
    #[must_use]
    pub const fn http_address(&self) -> Option<SocketAddr> {
        self.listen.http
    }

    /// Returns what clients have to do about TLS.
    #[must_use]
    pub fn clients_tls(&self) -> ClientsTls {
        self.tls.as_ref().map_or(ClientsTls::Off, |tls| tls.clients)
    }

    /// Returns where this node listens for peers.
    #[must_use]
    pub const fn peer_address(&self) -> SocketAddr {
        self.listen.peers
    }
}

#[cfg(test)]
mod tests;
