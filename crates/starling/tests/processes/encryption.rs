//! TLS between real nodes and with real clients: who is let in, and what the others are told.

use std::fs;
use std::process::Output;

use rcgen::{CertificateParams, DnType, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

use crate::client::Client;
use crate::cluster::{Cluster, starling};
use crate::local_cluster::Up;
use crate::lone::Lone;

/// A directory with an authority and the certificate of one holder.
struct Certificates(TempDir);

impl Certificates {
    fn new() -> Self {
        let certificates = Self(TempDir::new().unwrap());
        certificates.make(&["ca"]);
        certificates.make(&["node", "node", "--host", "127.0.0.1"]);
        certificates
    }

    #[track_caller]
    fn make(&self, words: &[&str]) {
        let output = starling().arg("cert").args(words).arg("--dir").arg(self.0.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Replaces the holder's certificate by one that is over since 2021.
    fn expire(&self) {
        let ca = fs::read_to_string(self.0.path().join("ca.key")).unwrap();
        let mut authority = CertificateParams::default();
        authority.distinguished_name = rcgen::DistinguishedName::new();
        authority.distinguished_name.push(DnType::CommonName, "Starling cluster CA");
        let issuer = Issuer::new(authority, KeyPair::from_pem(&ca).unwrap());
        let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
        params.not_after = date_time_ymd(2021, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::write(self.0.path().join("node.pem"), certificate.pem()).unwrap();
        fs::write(self.0.path().join("node.key"), key.serialize_pem()).unwrap();
    }

    fn settings(&self) -> String {
        let path = |name: &str| self.0.path().join(name);
        format!(
            "tls_ca = {:?}\ntls_certificate = {:?}\ntls_key = {:?}\n",
            path("ca.pem"),
            path("node.pem"),
            path("node.key")
        )
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

/// Runs a command of the small client against a node.
fn run(words: &[&str], node: &str, access: &[&str]) -> Output {
    starling().args(words).args(["--node", node]).args(access).output().unwrap()
}

#[track_caller]
fn check_refused(output: &Output, expected: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains(expected), "{text:?}: no {expected:?}");
}

#[test]
fn nodes_with_foreign_certificates_or_secrets_stay_outside_and_are_told_why() {
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    let plain_clients = "tls_clients = \"off\"\n";
    let mut cluster = Cluster::start_with(&format!("{}{plain_clients}", ours.settings()));
    assert!(cluster.client(1).set("k", "v"));

    cluster.stop(3);
    cluster.edit(3, &ours.settings(), &theirs.settings());
    cluster.start_node(3);
    cluster.wait_for_log(3, "a peer was turned away: it says that our certificate is not signed");
    cluster.wait_for_log(1, "no link to node 3: its certificate is not signed by our `tls_ca`");

    cluster.stop(3);
    cluster.edit(3, &theirs.settings(), "");
    cluster.start_node(3);
    cluster.wait_for_log(3, "a peer was turned away: it does not speak our protocol");
    cluster.wait_for_log(2, "no link to node 3: it does not speak TLS");

    cluster.stop(3);
    cluster.edit(3, plain_clients, &format!("{}{plain_clients}", ours.settings()));
    cluster.edit(3, "cluster_secret = \"s\"", "cluster_secret = \"t\"");
    cluster.start_node(3);
    cluster.wait_for_log(1, "no link to node 3: ");
    cluster.wait_for_log(1, "secret is another one");

    cluster.stop(3);
    cluster.edit(3, "cluster_secret = \"t\"", "cluster_secret = \"s\"");
    cluster.start_node(3);
    cluster.wait_for_links();
}

#[test]
fn a_certificate_that_is_over_keeps_its_node_from_starting() {
    let certificates = Certificates::new();
    certificates.expire();
    let data = TempDir::new().unwrap();
    let config = data.path().join("starling.toml");
    let text = format!("node_id = 1\ndata_directory = {:?}\n", data.path().join("d"));
    fs::write(&config, text + &certificates.settings()).unwrap();
    let output = starling().args(["serve", "--config"]).arg(&config).output().unwrap();
    check_refused(&output, "node.pem: this certificate has expired");
}

#[test]
fn clients_speak_tls_and_are_told_when_they_do_not() {
    let stranger = Certificates::new();
    let cluster = Up::start(&["--tls", "--nodes", "2"]);
    let ca = cluster.directory.path().join("certs/ca.pem");
    let ours: &[&str] = &["--tls-ca", ca.to_str().unwrap()];
    let node = &cluster.redis[0].to_string();
    assert!(run(&["set", "k", "v"], node, ours).status.success());
    assert_eq!(run(&["get", "k"], node, ours).stdout, b"v\n");
    assert!(run(&["status"], node, ours).status.success());
    assert!(run(&["lag"], node, ours).status.success(), "HTTP is encrypted too");
    let foreign = format!("{}/ca.pem", stranger.path());
    let output = run(&["get", "k"], node, &["--tls-ca", &foreign]);
    check_refused(&output, "its certificate is not signed by our `tls_ca`");
    check_refused(&run(&["get", "k"], node, &[]), "speaks TLS: say --tls-ca");
    let plain = Client::connect(cluster.redis[0]).unwrap().call(&["PING"]);
    assert!(plain.is_err(), "{plain:?}");
    cluster.stop();
}

#[test]
fn where_certificates_are_demanded_nobody_is_served_without_one() {
    let certificates = Certificates::new();
    certificates.make(&["user", "alice"]);
    let node = Lone::start(&format!("{}tls_clients = \"certificate\"\n", certificates.settings()));
    let ca = format!("{}/ca.pem", certificates.path());
    let alice = ["pem", "key"].map(|end| format!("{}/alice.{end}", certificates.path()));
    let access = ["--tls-ca", &ca, "--tls-certificate", &alice[0], "--tls-key", &alice[1]];
    assert!(run(&["set", "k", "v"], &node.address, &access).status.success());
    check_refused(&run(&["get", "k"], &node.address, &access[..2]), "demands a certificate");
}
