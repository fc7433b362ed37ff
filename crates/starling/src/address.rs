//! Which node a command talks to.

use std::net::SocketAddr;

use clap::Args;

/// The node to ask.
#[derive(Args, Clone, Debug)]
pub(crate) struct NodeAddress {
    /// Address of the node to ask
    #[arg(long, value_name = "ADDRESS", env = "STARLING_NODE", default_value = "127.0.0.1:7001")]
    pub(crate) node: SocketAddr,
}
