//! The keys, each once: in the file, as a flag and as an environment variable.
//!
//! Invariant: a value that is absent here was not said; `default.toml` and the layers below speak
//! then. Flags and environment are merged by the command line parser.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::error::ConfigError;
use super::member::Member;
use super::spelling;

/// Declares the keys: the struct, the list of their names, and the layering.
macro_rules! settings {
    ($($(#[$attribute:meta])* $key:ident: $kind:ty, $variable:literal;)*) => {
        /// What one layer says; see `default.toml` for what each key means.
        #[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Eq)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            $($(#[$attribute])* #[arg(long, env = $variable)] pub $key: Option<$kind>,)*
        }

        impl Settings {
            /// Every key, in the order of the file.
            pub const KEYS: &[&str] = &[$(stringify!($key)),*];

            /// Takes from `below` what is not said here.
            #[must_use]
            pub fn over(self, below: Self) -> Self {
                Self { $($key: self.$key.or(below.$key),)* }
            }

            /// Every key that is said, with its value.
            fn pairs(&self) -> Vec<(&'static str, serde_json::Value)> {
                let pairs = [$((stringify!($key), serde_json::json!(self.$key)),)*];
                pairs.into_iter().filter(|(_, value)| !value.is_null()).collect()
            }
        }
    };
}

settings! {
    /// Which member this node is
    #[arg(value_name = "N")]
    node_id: u32, "STARLING_NODE_ID";
    /// The cluster's name
    #[arg(value_name = "TEXT")]
    cluster_id: String, "STARLING_CLUSTER_ID";
    /// What nodes have to know to be let in
    #[arg(value_name = "TEXT", hide_env_values = true)]
    cluster_secret: String, "STARLING_CLUSTER_SECRET";
    /// A file that holds the cluster secret
    #[arg(value_name = "FILE")]
    cluster_secret_file: PathBuf, "STARLING_CLUSTER_SECRET_FILE";
    /// The datacenter the node stands in
    #[arg(value_name = "NAME")]
    datacenter: String, "STARLING_DATACENTER";
    /// The rack the node stands in
    #[arg(value_name = "NAME")]
    rack: String, "STARLING_RACK";
    /// Where everything is kept
    #[arg(value_name = "DIR")]
    data_directory: PathBuf, "STARLING_DATA_DIRECTORY";
    /// Where clients connect
    #[arg(value_name = "ADDRESS")]
    redis_address: String, "STARLING_REDIS_ADDRESS";
    /// Where HTTP is spoken: the API, the metrics and the dashboard; or off
    #[arg(value_name = "ADDRESS")]
    http_address: String, "STARLING_HTTP_ADDRESS";
    /// Where peers connect
    #[arg(value_name = "ADDRESS")]
    peer_address: String, "STARLING_PEER_ADDRESS";
    /// A file that holds the password of the user `default`
    #[arg(value_name = "FILE")]
    password_file: PathBuf, "STARLING_SERVE_PASSWORD_FILE";
    /// Whether clients beyond loopback have to say who they are: on, off
    #[arg(value_name = "MODE")]
    auth: String, "STARLING_AUTH";
    /// What signs the certificates of nodes, and of clients that have one
    #[arg(value_name = "FILE")]
    tls_ca: PathBuf, "STARLING_TLS_CA";
    /// This node's certificate
    #[arg(value_name = "FILE")]
    tls_certificate: PathBuf, "STARLING_TLS_CERTIFICATE";
    /// The key of this node's certificate
    #[arg(value_name = "FILE")]
    tls_key: PathBuf, "STARLING_TLS_KEY";
    /// Whether clients speak TLS: off, on, certificate
    #[arg(value_name = "MODE")]
    tls_clients: String, "STARLING_TLS_CLIENTS";
    /// Allow unencrypted traffic beyond loopback
    #[arg(value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    insecure: bool, "STARLING_INSECURE";
    /// How many shards the keys are spread over
    #[arg(value_name = "COUNT")]
    shard_count: u16, "STARLING_SHARD_COUNT";
    /// Copies of every key in each datacenter
    #[arg(value_name = "COUNT")]
    replication: u8, "STARLING_REPLICATION";
    /// When bytes are made durable: always, periodic, never
    #[arg(value_name = "WHEN")]
    flush: String, "STARLING_FLUSH";
    /// How often two owners compare what they hold
    #[arg(value_name = "MS")]
    exchange_interval_ms: u64, "STARLING_EXCHANGE_INTERVAL_MS";
    /// How often a node gossips and looks whether a peer is alive
    #[arg(value_name = "MS")]
    gossip_interval_ms: u64, "STARLING_GOSSIP_INTERVAL_MS";
    /// With how many random peers a round gossips
    #[arg(value_name = "COUNT")]
    gossip_fanout: usize, "STARLING_GOSSIP_FANOUT";
    /// How long a request may wait for owners
    #[arg(value_name = "MS")]
    request_timeout_ms: u64, "STARLING_REQUEST_TIMEOUT_MS";
    /// Who may take part in writes while owners are down: strict, sloppy
    #[arg(value_name = "MODE")]
    quorum: String, "STARLING_QUORUM";
    /// Send a write once to each remote datacenter, where an owner passes it on
    #[arg(value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    relays: bool, "STARLING_RELAYS";
    /// What an owner does that a read finds behind: blocking, background, off
    #[arg(value_name = "MODE")]
    read_repair: String, "STARLING_READ_REPAIR";
    /// How many of a thousand reads at one owner compare with the others
    #[arg(value_name = "COUNT")]
    read_repair_per_mille: u32, "STARLING_READ_REPAIR_PER_MILLE";
    /// How many calls may wait for other nodes at once
    #[arg(value_name = "COUNT")]
    calls_max: usize, "STARLING_CALLS_MAX";
    /// How many bytes they may take
    #[arg(value_name = "BYTES")]
    call_bytes_max: usize, "STARLING_CALL_BYTES_MAX";
    /// For how long operations are kept for an absent owner
    #[arg(value_name = "MS")]
    hint_ttl_ms: u64, "STARLING_HINT_TTL_MS";
    /// How much is kept for one absent owner, in bytes
    #[arg(value_name = "BYTES")]
    hint_bytes_max: u64, "STARLING_HINT_BYTES_MAX";
    /// How fast that is handed over, in bytes a second
    #[arg(value_name = "BYTES")]
    hint_bytes_per_second: u64, "STARLING_HINT_BYTES_PER_SECOND";
    /// How often every shard is compared with each other owner, row sums included; 0: never
    #[arg(value_name = "MS")]
    verification_period_ms: u64, "STARLING_VERIFICATION_PERIOD_MS";
    /// How much verification may take
    #[arg(value_name = "BYTES")]
    verification_bytes_per_second: u64, "STARLING_VERIFICATION_BYTES_PER_SECOND";
    /// How much of what is stored may be held in memory, in bytes
    #[arg(value_name = "BYTES")]
    store_memory_max: usize, "STARLING_STORE_MEMORY_MAX";
    /// Below how much free space on the disk writes are refused, in bytes
    #[arg(value_name = "BYTES")]
    disk_free_min: u64, "STARLING_DISK_FREE_MIN";
    /// How many clients may be connected
    #[arg(value_name = "COUNT")]
    clients_count_max: usize, "STARLING_CLIENTS_COUNT_MAX";
    /// The largest request of a client, in bytes
    #[arg(value_name = "BYTES")]
    request_size_max: usize, "STARLING_REQUEST_SIZE_MAX";
    /// How much may wait for one peer, in bytes
    #[arg(value_name = "BYTES")]
    peer_queue_size_max: usize, "STARLING_PEER_QUEUE_SIZE_MAX";
    /// Hold messages to other datacenters back
    #[arg(value_name = "MS")]
    simulated_latency_ms: u64, "STARLING_SIMULATED_LATENCY_MS";
    /// A file of node ids to keep apart from, one cut link each; read while running
    #[arg(value_name = "FILE")]
    simulated_cuts: PathBuf, "STARLING_SIMULATED_CUTS";
    /// How far a node may lag behind others of its datacenter and still be ready
    #[arg(value_name = "MS")]
    ready_lag_max_ms: u64, "STARLING_READY_LAG_MAX_MS";
    /// What is worth a line in the log: error, warn, info, debug
    #[arg(value_name = "LEVEL")]
    log_level: String, "STARLING_LOG_LEVEL";
    /// How lines of the log look: text, json
    #[arg(value_name = "FORMAT")]
    log_format: String, "STARLING_LOG_FORMAT";
    /// A member as id,datacenter,rack,redis address,peer address and, if it speaks HTTP, that
    /// address; once for each, or joined by ';'
    #[arg(value_name = "MEMBER", value_delimiter = ';')]
    members: Vec<Member>, "STARLING_MEMBERS";
}

fn show_member(member: &serde_json::Value) -> String {
    let fields = member.as_object().into_iter().flatten();
    let fields = fields.map(|(key, value)| format!("{key} = {value}\n"));
    std::iter::once("\n[[members]]\n".to_owned()).chain(fields).collect()
}

impl Settings {
    /// Returns the defaults.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[must_use]
    pub fn defaults() -> Self {
        toml::from_str(super::DEFAULT_TOML).expect("the defaults are part of the program")
    }

    /// Writes what is said as a file would say it, but for secrets.
    #[must_use]
    pub fn show(&self) -> String {
        let mut text = String::new();
        for (key, value) in self.pairs() {
            let line = match value.as_array() {
                Some(members) => members.iter().map(show_member).collect(),
                None if key == "cluster_secret" && value != "" => {
                    format!("# {key} is set, and not shown\n")
                }
                // What JSON writes of numbers, words and text, TOML reads.
                None => format!("{key} = {value}\n"),
            };
            text.push_str(&line);
        }
        text
    }

    /// Reads one layer from the text of a file.
    ///
    /// # Errors
    /// The text is no TOML, a key is unknown, or a value is of the wrong kind.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| spelling::explain(text, &error, Self::KEYS))
    }

    /// Reads one layer from a file.
    ///
    /// # Errors
    /// The file cannot be read, or see [`Self::from_toml`].
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
        Self::from_toml(&text)
    }
}
