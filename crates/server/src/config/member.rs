//! One line of the members' list, and the addresses in it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use causality::NodeId;
use serde::{Deserialize, Serialize};

/// Where others reach something: a name or an IP address, and a port. Names are looked up with
/// every connection, so that what they stand for may move.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    host: String,
    port: u16,
}

/// Where a member stands and how it is reached.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its id, never reused.
    pub id: u32,
    /// Its datacenter.
    pub datacenter: String,
    /// Its rack.
    pub rack: String,
    /// Where clients reach it.
    pub redis: Address,
    /// Where peers reach it.
    pub peers: Address,
    /// Where it speaks HTTP, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Address>,
}

impl Address {
    /// The name, or the IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address as one that can be listened on; nothing for a name.
    #[must_use]
    pub fn socket(&self) -> Option<SocketAddr> {
        let address: IpAddr = self.host.parse().ok()?;
        Some(SocketAddr::new(address, self.port))
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let wrong = || format!("`{text}` is no address like 127.0.0.1:7001 or db1.example:7001");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        // Four numbers that are no IP address are no name either.
        let is_name = host.bytes().any(|byte| byte.is_ascii_alphabetic());
        if host.len() > 253 || !is_name || !host.bytes().all(is_fit) {
            return Err(wrong());
        }
        Ok(Self { host: host.into(), port: port.parse().map_err(|_| wrong())? })
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Member {
    /// Returns the member's id.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        NodeId(self.id)
    }
}

impl FromStr for Member {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let (parts, http) = match parts[..] {
            [.., http] if parts.len() == 6 => (&parts[..5], Some(http)),
            _ => (&parts[..], None),
        };
        let &[id, datacenter, rack, redis, peers] = parts else {
            let expected = "expected id,datacenter,rack,redis address,peer address[,http address]";
            return Err(expected.into());
        };
        Ok(Self {
            id: id.parse().map_err(|_| format!("`{id}` is no node id"))?,
            datacenter: datacenter.into(),
            rack: rack.into(),
            redis: redis.parse()?,
            peers: peers.parse()?,
            http: http.map(str::parse).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_names_or_numbers() {
        for text in ["127.0.0.1:7001", "[::1]:1", "db1:7001", "db-1.eu_west.example.com:65535"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        assert!("127.0.0.1:1".parse::<Address>().unwrap().socket().is_some());
        assert!("db1:1".parse::<Address>().unwrap().socket().is_none());
        for text in ["", "db1", "db1:", "db1:70000", "a b:1", "1.2.3:4", "999.1.1.1:1", "::1:x"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
