//! A local cluster on disk: which nodes, which ports, which files.
//!
//! ```text
//! DIR/cluster.json      how many nodes and datacenters, and the first port
//! DIR/control           socket of the process that runs the cluster
//! DIR/certs/            certificates, with --tls
//! DIR/n1/starling.toml  configuration    DIR/n1/data  what the node keeps
//! DIR/n1/log            its log          DIR/n1/pid   its process, while it runs
//! DIR/n1/cut            the nodes it is cut off from
//! ```

use std::fmt::Write as _;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use server::tls::ClientTls;

use crate::address::{Access, Endpoint};
use crate::cert;

/// HTTP of node i is this far above its port for clients.
const HTTP_PORT_OFFSET: u16 = 1000;
/// Peers of node i listen this far above its port for clients.
const PEER_PORT_OFFSET: u16 = 2000;
/// More processes than any machine of one person is good for.
const NODES_COUNT_MAX: u16 = 64;
/// They are made again with every start.
const CERTIFICATE_DAYS: u32 = 90;

/// What a local cluster looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where everything is kept.
    pub(super) root: PathBuf,
    /// Nodes in all datacenters together.
    pub(super) nodes_count: u16,
    pub(super) datacenters_count: u16,
    /// Port of node 1 for clients.
    pub(super) port: u16,
    pub(super) latency_ms: u64,
    /// Whether everything is encrypted.
    pub(super) is_tls: bool,
}

impl Layout {
    /// Checks that such a cluster can be.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Self { nodes_count: nodes, datacenters_count: datacenters, port, .. } = *self;
        ensure!((1..=NODES_COUNT_MAX).contains(&nodes), "--nodes must be from 1 to 64");
        ensure!((1..=nodes).contains(&datacenters), "--dcs must be from 1 to the number of nodes");
        let ports_end = u32::from(port) + u32::from(PEER_PORT_OFFSET) + u32::from(nodes);
        ensure!(port > 0 && ports_end <= 65_536, "--port is too high or zero: try 7001");
        Ok(())
    }

    /// Reads what an earlier run left in `root`, if anything.
    pub(super) fn read(root: &Path) -> anyhow::Result<Option<Self>> {
        let path = root.join("cluster.json");
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let damaged = || format!("{} is damaged", path.display());
        let value: Value = serde_json::from_str(&text).with_context(damaged)?;
        let number = |key: &str| value[key].as_u64().with_context(damaged);
        Ok(Some(Self {
            root: root.into(),
            nodes_count: u16::try_from(number("nodes")?)?,
            datacenters_count: u16::try_from(number("dcs")?)?,
            port: u16::try_from(number("port")?)?,
            latency_ms: number("dc_latency_ms")?,
            is_tls: value["tls"] == true,
        }))
    }

    /// Creates the directories and writes every file; what the nodes keep is left alone.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        self.check_earlier()?;
        if self.is_tls {
            self.write_certificates()?;
        }
        let secret = RandomState::new().hash_one("secret");
        for node in self.nodes() {
            let directory = self.directory(node);
            create_directory(&directory)?;
            write_file(&directory.join("starling.toml"), &self.config(node, secret))?;
            write_file(&directory.join("cut"), "")?;
        }
        let description = json!({
            "nodes": self.nodes_count, "dcs": self.datacenters_count,
            "port": self.port, "dc_latency_ms": self.latency_ms, "tls": self.is_tls,
        });
        write_file(&self.root.join("cluster.json"), &description.to_string())
    }

    /// The ids of all nodes.
    pub(super) fn nodes(&self) -> impl Iterator<Item = u16> + use<> {
        1..=self.nodes_count
    }

    pub(super) fn directory(&self, node: u16) -> PathBuf {
        self.root.join(format!("n{node}"))
    }

    pub(super) fn control(&self) -> PathBuf {
        self.root.join("control")
    }

    pub(super) fn redis(&self, node: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port + node - 1).into()
    }

    pub(super) fn http(&self, node: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port + HTTP_PORT_OFFSET + node - 1).into()
    }

    pub(super) fn peers(&self, node: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port + PEER_PORT_OFFSET + node - 1).into()
    }

    pub(super) fn certificates(&self) -> PathBuf {
        self.root.join("certs")
    }

    /// Where a node answers, and how it is spoken with.
    pub(super) fn endpoint(&self, node: u16) -> anyhow::Result<Endpoint> {
        let ca = self.certificates().join("ca.pem");
        let tls = self.is_tls.then(|| ClientTls::new(&ca, None)).transpose()?;
        let address = self.redis(node);
        let access = Arc::new(Access { tls, credentials: None });
        Ok(Endpoint { host: address.ip().to_string(), port: address.port(), access })
    }

    /// Makes what is missing: an authority once, the nodes' certificates each time.
    fn write_certificates(&self) -> anyhow::Result<()> {
        let directory = self.certificates();
        if !directory.join("ca.pem").exists() {
            cert::make_ca(&directory)?;
        }
        let hosts = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        self.nodes().try_for_each(|node| {
            cert::make_node(&directory, &format!("n{node}"), &hosts, CERTIFICATE_DAYS)
        })
    }

    /// The datacenter of a node: neighbours share one.
    pub(super) fn datacenter(&self, node: u16) -> String {
        let index = u32::from(node - 1) * u32::from(self.datacenters_count);
        format!("dc{}", index / u32::from(self.nodes_count) + 1)
    }

    /// Refuses a directory in which a cluster of another shape lives: nodes would look for their
    /// keys in the wrong places.
    fn check_earlier(&self) -> anyhow::Result<()> {
        let Some(earlier) = Self::read(&self.root)? else { return Ok(()) };
        let (nodes, datacenters) = (earlier.nodes_count, earlier.datacenters_count);
        if (nodes, datacenters) != (self.nodes_count, self.datacenters_count) {
            bail!(
                "{} holds a cluster of {nodes} node(s) in {datacenters} datacenter(s): say \
                 --nodes {nodes} --dcs {datacenters}, or choose another --data",
                self.root.display()
            );
        }
        Ok(())
    }

    fn config(&self, node: u16, secret: u64) -> String {
        let directory = self.directory(node);
        let text = |path: &Path| json!(path.to_string_lossy()).to_string();
        let mut config = format!(
            "# Written by `starling up`; it will write it again.\n\
             node_id = {node}\ncluster_id = \"up\"\ncluster_secret = \"{secret:016x}\"\n\
             data_directory = {}\nsimulated_cuts = {}\nsimulated_latency_ms = {}\n",
            text(&directory.join("data")),
            text(&directory.join("cut")),
            self.latency_ms,
        );
        if self.is_tls {
            let certificate = |name: &str| text(&self.certificates().join(name));
            write!(
                config,
                "tls_ca = {}\ntls_certificate = {}\ntls_key = {}\n",
                certificate("ca.pem"),
                certificate(&format!("n{node}.pem")),
                certificate(&format!("n{node}.key")),
            )
            .expect("writing to memory cannot fail");
        }
        for member in self.nodes() {
            let (redis, peers, http) = (self.redis(member), self.peers(member), self.http(member));
            write!(
                config,
                "\n[[members]]\nid = {member}\ndatacenter = \"{}\"\nrack = \"r{member}\"\n\
                 redis = \"{redis}\"\npeers = \"{peers}\"\nhttp = \"{http}\"\n",
                self.datacenter(member)
            )
            .expect("writing to memory cannot fail");
        }
        config
    }
}

fn create_directory(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use server::config::Settings;
    use tempfile::TempDir;

    use super::*;

    fn layout(root: &Path) -> Layout {
        Layout {
            root: root.into(),
            nodes_count: 5,
            datacenters_count: 2,
            port: 7001,
            latency_ms: 80,
            is_tls: false,
        }
    }

    #[test]
    fn what_is_written_can_be_served() {
        let root = TempDir::new().unwrap();
        let layout = layout(root.path());
        layout.write().unwrap();
        let config = Settings::from_file(&layout.directory(4).join("starling.toml"))
            .and_then(Settings::into_config)
            .unwrap();
        assert_eq!(config.members.len(), 5);
        assert_eq!(config.redis_address().to_string(), "127.0.0.1:7004");
        assert_eq!(config.peer_address().to_string(), "127.0.0.1:9004");
        assert_eq!(config.http_address().unwrap().to_string(), "127.0.0.1:8004");
        assert_eq!(config.own().datacenter, "dc2");
        assert_eq!(config.simulated_latency_ms, 80);
        assert!(config.data.starts_with(root.path().join("n4")));
    }

    #[test]
    fn datacenters_are_runs_of_nodes() {
        let layout = layout(Path::new("x"));
        let names: Vec<String> = layout.nodes().map(|node| layout.datacenter(node)).collect();
        assert_eq!(names, ["dc1", "dc1", "dc1", "dc2", "dc2"]);
    }

    #[test]
    fn a_directory_keeps_its_shape() {
        let root = TempDir::new().unwrap();
        let first = layout(root.path());
        first.write().unwrap();
        assert_eq!(Layout::read(root.path()).unwrap(), Some(first.clone()));
        Layout { port: 7101, ..first.clone() }.write().unwrap();
        let error = Layout { nodes_count: 3, ..first }.write().unwrap_err().to_string();
        assert!(error.contains("--nodes 5 --dcs 2"), "{error}");
    }

    #[test]
    fn clusters_that_cannot_be_are_refused() {
        let layout = layout(Path::new("x"));
        layout.check().unwrap();
        assert!(Layout { nodes_count: 0, ..layout.clone() }.check().is_err());
        assert!(Layout { datacenters_count: 6, ..layout.clone() }.check().is_err());
        assert!(Layout { port: 65_000, ..layout.clone() }.check().is_err());
        Layout { port: 63_531, ..layout }.check().unwrap();
    }
}
