//! Asking a cluster to be let in: one question to the clients' port of any of its nodes.
//!
//! The secret is not sent: the request carries a proof made with it.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use causality::Incarnation;
use resp::{Replies, Reply, ReplyLimits};
use serde_json::{Value, json};
use thiserror::Error;
use wire::Roster;

use crate::config::Config;
use crate::members::{TRY_AGAIN, proof};
use crate::tls::{ClientTls, ClientsTls, TlsError};

/// How long connecting and the answer may take, each.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often, and after which pauses, a cluster is asked again that is busy with another change.
const ATTEMPTS: usize = 120;
const PAUSE: Duration = Duration::from_millis(500);

/// Whom to ask, and whose place to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The address for clients of a node of the cluster, as host:port.
    pub address: String,
    /// Whose place to take, if anybody's.
    pub replaces: Option<u32>,
}

/// Why a node was not let in. Nothing was changed here.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// Nobody answers there.
    #[error("no node answers at {address}: {source}")]
    Unreachable {
        /// Where.
        address: String,
        /// The cause; part of the message, so not told again.
        source: io::Error,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The cluster says no.
    #[error("the cluster does not let this node in: {0}")]
    Refused(String),
    /// What was answered makes no sense.
    #[error("{0} answered what no node of this release does")]
    Unexpected(String),
    /// The configuration does not fit the cluster.
    #[error("the cluster has `{key} = {theirs}`: set it so here too")]
    Settings {
        /// Which setting.
        key: &'static str,
        /// Its value there.
        theirs: u64,
    },
}

/// Writes what a node would say if it asked to be let in, and the proof: for showing what that
/// would do.
#[must_use]
pub fn join_request(config: &Config, replaces: Option<u32>) -> [String; 2] {
    request(config, Incarnation(0), replaces)
}

/// Writes what a node says when it asks to be let in, and the proof.
fn request(config: &Config, incarnation: Incarnation, replaces: Option<u32>) -> [String; 2] {
    let own = config.own();
    let request = json!({
        "id": own.id, "incarnation": incarnation.0,
        "datacenter": own.datacenter, "rack": own.rack, "weight": 100,
        "redis": own.redis.to_string(), "peers": own.peers.to_string(), "replaces": replaces,
    });
    let request = request.to_string();
    let proof = proof(&config.context_key(), &request);
    [request, proof]
}

/// Asks to be let in.
pub(crate) fn ask(
    config: &Config,
    incarnation: Incarnation,
    join: &Join,
) -> Result<Roster, JoinError> {
    let [request, proof] = request(config, incarnation, join.replaces);
    let unexpected = || JoinError::Unexpected(join.address.clone());
    let args: [&[u8]; 5] = [b"STARLING", b"NODE", b"ADMIT", request.as_bytes(), proof.as_bytes()];
    let unreachable = |source| JoinError::Unreachable { address: join.address.clone(), source };
    let tls = client_tls(config)?;
    let mut reply = call(&join.address, tls.as_ref(), &args).map_err(unreachable)?;
    for _ in 0..ATTEMPTS {
        if !matches!(&reply, Some(Reply::Error(text)) if text.starts_with(TRY_AGAIN.as_bytes())) {
            break;
        }
        #[expect(clippy::disallowed_methods, reason = "nothing else runs before a node starts")]
        std::thread::sleep(PAUSE);
        reply = call(&join.address, tls.as_ref(), &args).map_err(unreachable)?;
    }
    let text = match reply {
        Some(Reply::Error(text)) => {
            return Err(JoinError::Refused(String::from_utf8_lossy(&text).into_owned()));
        }
        Some(reply) => reply.as_bytes().map(<[u8]>::to_vec).unwrap_or_default(),
        None => return Err(unexpected()),
    };
    let answer: Value = serde_json::from_slice(&text).unwrap_or_default();
    for (key, ours) in
        [("shards", u64::from(config.shard_count)), ("replication", u64::from(config.replication))]
    {
        let theirs = answer[key].as_u64().ok_or_else(unexpected)?;
        if theirs != ours {
            let key = if key == "shards" { "shard_count" } else { "replication" };
            return Err(JoinError::Settings { key, theirs });
        }
    }
    let roster = answer["roster"].as_str().and_then(from_hex);
    let roster = roster.and_then(|bytes| Roster::decode(&bytes).ok());
    roster.ok_or_else(unexpected)
}

/// How clients' ports are spoken with: as our own is.
fn client_tls(config: &Config) -> Result<Option<ClientTls>, TlsError> {
    match &config.tls {
        Some(tls) if tls.clients != ClientsTls::Off => {
            ClientTls::new(&tls.ca, Some((&tls.certificate, &tls.key))).map(Some)
        }
        _ => Ok(None),
    }
}

/// One command, one reply; nothing when the reply is none.
fn call(address: &str, tls: Option<&ClientTls>, args: &[&[u8]]) -> io::Result<Option<Reply>> {
    let first = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let socket = TcpStream::connect_timeout(&first, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    match tls {
        None => exchange(socket, args),
        Some(tls) => exchange(tls.connect(host(address), socket)?, args),
    }
}

/// The name or the IP address in front of the port.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

fn exchange(mut socket: impl Read + Write, args: &[&[u8]]) -> io::Result<Option<Reply>> {
    let mut request = Vec::new();
    resp::encode_command(&mut request, args);
    socket.write_all(&request)?;
    let mut replies = Replies::new(ReplyLimits::default());
    let mut buffer = [0; 16 * 1024];
    loop {
        match replies.take() {
            Ok(Some(reply)) => return Ok(Some(reply)),
            Ok(None) => {}
            Err(_) => return Ok(None),
        }
        match socket.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => replies.receive(&buffer[..count]),
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::from_hex;

    #[test]
    fn hexadecimal_digits_come_in_pairs() {
        assert_eq!(from_hex("00ff7f"), Some(vec![0, 255, 127]));
        assert_eq!(from_hex("0g"), None);
        assert_eq!(from_hex(""), Some(vec![]));
    }
}
