//! From settings to a configuration: every value parsed, and the whole checked to make sense.

use std::net::SocketAddr;
use std::path::Path;

use causality::NodeId;
use node::{CoordinationConfig, QuorumMode, ReadRepair, VerificationConfig};
use redis::Secret;
use xxhash_rust::xxh3::xxh3_64;

use super::{Address, Config, ConfigError, Flush, Listen, Member, Settings};
use crate::log::{Format, Logging};
use crate::tls::{ClientsTls, TlsConfig};

const NODES_COUNT_MAX: usize = 1024;
/// A store with less would write tables without pause.
const STORE_MEMORY_MIN: usize = 16 << 20;
const SLOTS_COUNT: u16 = 16_384;

impl Settings {
    /// Parses the settings, after taking what is not said from the defaults.
    ///
    /// # Errors
    /// Something is missing, impossible, or contradicts something else.
    pub fn into_config(self) -> Result<Config, ConfigError> {
        let settings = self.over(Self::defaults());
        let me = NodeId(settings.node_id.ok_or(ConfigError::Missing("node_id"))?);
        let mut members = members(&settings, me)?;
        let own = members.iter_mut().find(|member| member.id() == me);
        let listen = listen(&settings, own.expect("checked with the list"))?;
        let log = logging(&settings, me)?;
        let coordination = coordination(&settings)?;
        let (tls, secret) = (tls(&settings)?, secret(&settings)?);
        let verification = verification(&settings)?;
        let is_guarded = match required(settings.auth.as_deref(), "auth")? {
            "on" => true,
            "off" => false,
            other => return Err(invalid("auth", other, "\"on\" or \"off\"")),
        };
        let password = settings.password_file.as_deref();
        let password = password.map(|path| secret_in("password_file", path)).transpose()?;
        let config = Config {
            password: password.map(|password| Secret::new(password.as_bytes())),
            me,
            members,
            listen,
            cluster: xxh3_64(required(settings.cluster_id, "cluster_id")?.as_bytes()),
            secret,
            tls,
            data: required(settings.data_directory, "data_directory")?,
            shard_count: required(settings.shard_count, "shard_count")?,
            replication: required(settings.replication, "replication")?,
            flush: flush(&required(settings.flush, "flush")?)?,
            exchange_interval_ms: required(settings.exchange_interval_ms, "exchange_interval_ms")?,
            gossip_interval_ms: required(settings.gossip_interval_ms, "gossip_interval_ms")?,
            gossip_fanout: required(settings.gossip_fanout, "gossip_fanout")?,
            request_timeout_ms: required(settings.request_timeout_ms, "request_timeout_ms")?,
            coordination,
            verification,
            clients_count_max: required(settings.clients_count_max, "clients_count_max")?,
            request_size_max: required(settings.request_size_max, "request_size_max")?,
            store_memory_max: required(settings.store_memory_max, "store_memory_max")?,
            disk_free_min: required(settings.disk_free_min, "disk_free_min")?,
            peer_queue_size_max: required(settings.peer_queue_size_max, "peer_queue_size_max")?,
            simulated_latency_ms: required(settings.simulated_latency_ms, "simulated_latency_ms")?,
            simulated_cuts: settings.simulated_cuts,
            ready_lag_max_ms: required(settings.ready_lag_max_ms, "ready_lag_max_ms")?,
            log,
        };
        check_numbers(&config)?;
        if config.tls.is_some() && config.secret.is_empty() && config.members.len() > 1 {
            return Err(ConfigError::NoSecret);
        }
        if settings.insecure != Some(true) {
            check_exposure(&config)?;
        }
        if is_guarded && config.password.is_none() {
            check_unguarded("redis_address", config.redis_address())?;
            if let Some(address) = config.http_address() {
                check_unguarded("http_address", address)?;
            }
        }
        Ok(config)
    }
}

fn required<T>(value: Option<T>, key: &'static str) -> Result<T, ConfigError> {
    value.ok_or(ConfigError::Missing(key))
}

/// What the nodes of a cluster know, from the one place where it is said.
fn secret(settings: &Settings) -> Result<String, ConfigError> {
    let said = required(settings.cluster_secret.as_deref(), "cluster_secret")?;
    let Some(path) = &settings.cluster_secret_file else { return Ok(said.into()) };
    if !said.is_empty() {
        return Err(ConfigError::TwoSecrets);
    }
    secret_in("cluster_secret_file", path)
}

/// The one line of a file.
fn secret_in(key: &'static str, path: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
    match text.trim() {
        "" => Err(invalid(key, path.display(), "a file that is not empty")),
        secret => Ok(secret.into()),
    }
}

fn tls(settings: &Settings) -> Result<Option<TlsConfig>, ConfigError> {
    let clients = match required(settings.tls_clients.as_deref(), "tls_clients")? {
        "off" => ClientsTls::Off,
        "on" => ClientsTls::On,
        "certificate" => ClientsTls::Certificate,
        other => {
            return Err(invalid("tls_clients", other, "\"off\", \"on\" or \"certificate\""));
        }
    };
    let files = [
        ("tls_certificate", &settings.tls_certificate),
        ("tls_key", &settings.tls_key),
        ("tls_ca", &settings.tls_ca),
    ];
    if let [(_, Some(certificate)), (_, Some(key)), (_, Some(ca))] = files {
        let (ca, certificate, key) = (ca.clone(), certificate.clone(), key.clone());
        return Ok(Some(TlsConfig { ca, certificate, key, clients }));
    }
    let set = files.iter().find(|(_, path)| path.is_some());
    let unset = files.iter().find(|(_, path)| path.is_none());
    match (set, unset) {
        (Some((set, _)), Some((unset, _))) => Err(ConfigError::HalfTls { set, unset }),
        _ => Ok(None),
    }
}

fn flush(text: &str) -> Result<Flush, ConfigError> {
    match text {
        "always" => Ok(Flush::Always),
        "periodic" => Ok(Flush::Periodic),
        "never" => Ok(Flush::Never),
        _ => Err(invalid("flush", text, "\"always\", \"periodic\" or \"never\"")),
    }
}

const PER_MILLE: &str = "read_repair_per_mille";

fn coordination(settings: &Settings) -> Result<CoordinationConfig, ConfigError> {
    let quorum = match required(settings.quorum.as_deref(), "quorum")? {
        "strict" => QuorumMode::Strict,
        "sloppy" => QuorumMode::Sloppy,
        other => return Err(invalid("quorum", other, "\"strict\" or \"sloppy\"")),
    };
    let rate = required(settings.hint_bytes_per_second, "hint_bytes_per_second")?;
    if rate == 0 {
        return Err(invalid("hint_bytes_per_second", rate, "more than 0"));
    }
    Ok(CoordinationConfig {
        quorum,
        hint_ttl_ms: required(settings.hint_ttl_ms, "hint_ttl_ms")?,
        hint_bytes_max: required(settings.hint_bytes_max, "hint_bytes_max")?,
        hint_bytes_per_second: rate,
        calls_max: required(settings.calls_max, "calls_max")?,
        call_bytes_max: required(settings.call_bytes_max, "call_bytes_max")?,
        relays: required(settings.relays, "relays")?,
        read_repair: read_repair(required(settings.read_repair.as_deref(), "read_repair")?)?,
        read_repair_per_mille: per_mille(required(settings.read_repair_per_mille, PER_MILLE)?)?,
    })
}

fn verification(settings: &Settings) -> Result<VerificationConfig, ConfigError> {
    let rate = required(settings.verification_bytes_per_second, "verification_bytes_per_second")?;
    if rate == 0 {
        return Err(invalid("verification_bytes_per_second", rate, "more than 0"));
    }
    Ok(VerificationConfig {
        period_ms: required(settings.verification_period_ms, "verification_period_ms")?,
        bytes_per_second: rate,
        ..VerificationConfig::default()
    })
}

fn read_repair(text: &str) -> Result<ReadRepair, ConfigError> {
    match text {
        "blocking" => Ok(ReadRepair::Blocking),
        "background" => Ok(ReadRepair::Background),
        "off" => Ok(ReadRepair::Off),
        _ => Err(invalid("read_repair", text, "\"blocking\", \"background\" or \"off\"")),
    }
}

fn per_mille(count: u32) -> Result<u32, ConfigError> {
    if count <= 1_000 { Ok(count) } else { Err(invalid(PER_MILLE, count, "from 0 to 1000")) }
}

fn logging(settings: &Settings, me: NodeId) -> Result<Logging, ConfigError> {
    let level = required(settings.log_level.as_deref(), "log_level")?;
    let expected = "\"error\", \"warn\", \"info\" or \"debug\"";
    let level = level.parse().map_err(|()| invalid("log_level", level, expected))?;
    let format = match required(settings.log_format.as_deref(), "log_format")? {
        "text" => Format::Text,
        "json" => Format::Json,
        other => return Err(invalid("log_format", other, "\"text\" or \"json\"")),
    };
    Ok(Logging { level, format, node: me })
}

fn address(key: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| invalid(key, text, "an IP address and a port like 127.0.0.1:7001"))
}

fn invalid(
    key: &'static str,
    value: impl std::fmt::Display,
    expected: &'static str,
) -> ConfigError {
    ConfigError::Invalid { key, value: value.to_string(), expected }
}

/// The members by rising id; a node without a list is alone.
fn members(settings: &Settings, me: NodeId) -> Result<Vec<Member>, ConfigError> {
    let mut members = match &settings.members {
        Some(list) if !list.is_empty() => list.clone(),
        _ => vec![alone(settings, me)?],
    };
    members.sort_by_key(|member| member.id);
    if let Some(pair) = members.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(ConfigError::Members(format!("two members have the id {}", pair[0].id)));
    }
    if members.len() > NODES_COUNT_MAX {
        return Err(ConfigError::Members(format!("more than {NODES_COUNT_MAX} members")));
    }
    let Some(own) = members.iter().find(|member| member.id() == me) else {
        let id = me.0;
        return Err(ConfigError::Members(format!("`node_id` is {id}, but no member has that id")));
    };
    agree("datacenter", settings.datacenter.as_ref(), &own.datacenter)?;
    agree("rack", settings.rack.as_ref(), &own.rack)?;
    Ok(members)
}

fn alone(settings: &Settings, me: NodeId) -> Result<Member, ConfigError> {
    let redis = settings.redis_address.as_deref().unwrap_or("127.0.0.1:7001");
    let peers = settings.peer_address.as_deref().unwrap_or("127.0.0.1:9001");
    let http = settings.http_address.as_deref().unwrap_or("127.0.0.1:8001");
    Ok(Member {
        id: me.0,
        datacenter: settings.datacenter.clone().unwrap_or_else(|| "dc1".into()),
        rack: settings.rack.clone().unwrap_or_else(|| "r1".into()),
        redis: address("redis_address", redis)?.into(),
        peers: address("peer_address", peers)?.into(),
        http: http_address(http)?.map(Address::from),
    })
}

fn http_address(text: &str) -> Result<Option<SocketAddr>, ConfigError> {
    if text == "off" { Ok(None) } else { address("http_address", text).map(Some) }
}

/// Where this node listens: as its keys say, and else where others reach it. That must be numbers
/// then: a name does not say which of the machine's addresses is meant.
fn listen(settings: &Settings, own: &mut Member) -> Result<Listen, ConfigError> {
    let one = |key: &'static str, said: Option<&String>, reached: &Address| match said {
        Some(text) => address(key, text),
        None => reached.socket().ok_or_else(|| ConfigError::Nowhere { key, name: reached.clone() }),
    };
    let http = match (&settings.http_address, &own.http) {
        (Some(text), _) => http_address(text)?,
        (None, None) => None,
        (None, Some(reached)) => Some(one("http_address", None, reached)?),
    };
    // Whoever speaks HTTP is found there, and whoever does not is not looked for.
    own.http = http.map(|http| own.http.take().unwrap_or_else(|| http.into()));
    Ok(Listen {
        redis: one("redis_address", settings.redis_address.as_ref(), &own.redis)?,
        http,
        peers: one("peer_address", settings.peer_address.as_ref(), &own.peers)?,
    })
}

fn agree(key: &str, said: Option<&String>, listed: &str) -> Result<(), ConfigError> {
    match said {
        Some(said) if said != listed => Err(ConfigError::Members(format!(
            "`{key}` is `{said}`, but the members' list says `{listed}`: say it once"
        ))),
        _ => Ok(()),
    }
}

fn check_numbers(config: &Config) -> Result<(), ConfigError> {
    let Config { shard_count, replication, .. } = *config;
    if !shard_count.is_power_of_two() || shard_count > SLOTS_COUNT {
        let expected = "a power of two from 1 to 16384";
        return Err(invalid("shard_count", shard_count, expected));
    }
    if !(1..=15).contains(&replication) {
        return Err(invalid("replication", replication, "from 1 to 15"));
    }
    if !(10..=3_600_000).contains(&config.exchange_interval_ms) {
        let expected = "from 10 to 3600000";
        return Err(invalid("exchange_interval_ms", config.exchange_interval_ms, expected));
    }
    if !(10..=60_000).contains(&config.gossip_interval_ms) {
        let expected = "from 10 to 60000";
        return Err(invalid("gossip_interval_ms", config.gossip_interval_ms, expected));
    }
    if !(1..=16).contains(&config.gossip_fanout) {
        return Err(invalid("gossip_fanout", config.gossip_fanout, "from 1 to 16"));
    }
    if !(10..=600_000).contains(&config.request_timeout_ms) {
        let expected = "from 10 to 600000";
        return Err(invalid("request_timeout_ms", config.request_timeout_ms, expected));
    }
    if config.request_size_max < 1024 {
        return Err(invalid("request_size_max", config.request_size_max, "at least 1024"));
    }
    if config.store_memory_max < STORE_MEMORY_MIN {
        return Err(invalid("store_memory_max", config.store_memory_max, "at least 16777216"));
    }
    if config.peer_queue_size_max < 65_536 {
        return Err(invalid("peer_queue_size_max", config.peer_queue_size_max, "at least 65536"));
    }
    Ok(())
}

/// Plain traffic stays on this machine.
fn check_exposure(config: &Config) -> Result<(), ConfigError> {
    if config.tls.is_none() {
        check_loopback("peer_address", config.peer_address())?;
    }
    if config.clients_tls() == ClientsTls::Off {
        check_loopback("redis_address", config.redis_address())?;
        if let Some(address) = config.http_address() {
            check_loopback("http_address", address)?;
        }
    }
    Ok(())
}

fn check_unguarded(key: &'static str, address: SocketAddr) -> Result<(), ConfigError> {
    match address.ip().is_loopback() {
        true => Ok(()),
        false => Err(ConfigError::Unguarded { key, address }),
    }
}

fn check_loopback(key: &'static str, address: SocketAddr) -> Result<(), ConfigError> {
    match address.ip().is_loopback() {
        true => Ok(()),
        false => Err(ConfigError::Exposed { key, address }),
    }
}
