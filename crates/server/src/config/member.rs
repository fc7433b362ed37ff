//! One line of the members' list.

use std::net::SocketAddr;
use std::str::FromStr;

use causality::NodeId;
use serde::Deserialize;

/// Where a member stands and how it is reached.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its id, never reused.
    pub id: u32,
    /// Its datacenter.
    pub datacenter: String,
    /// Its rack.
    pub rack: String,
    /// Where clients reach it.
    pub redis: SocketAddr,
    /// Where peers reach it.
    pub peers: SocketAddr,
    /// Where it speaks HTTP, if it does.
    #[serde(default)]
    pub http: Option<SocketAddr>,
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
        let address = |text: &str| {
            text.parse().map_err(|_| format!("`{text}` is no address like 127.0.0.1:7001"))
        };
        Ok(Self {
            id: id.parse().map_err(|_| format!("`{id}` is no node id"))?,
            datacenter: datacenter.into(),
            rack: rack.into(),
            redis: address(redis)?,
            peers: address(peers)?,
            http: http.map(address).transpose()?,
        })
    }
}
