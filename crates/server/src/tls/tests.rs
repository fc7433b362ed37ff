//! Real connections between two ends in one process: who trusts whom, and what is said if not.

use std::path::Path;
use std::rc::Rc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::clock;
use crate::socket::Socket;

/// A CA, and the files of those it signs.
struct Ca {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { directory, issuer: Issuer::new(params, key) }
    }

    /// Signs a certificate of which the last day is the first of a year.
    fn sign(&self, name: &str, year: i32) -> TlsConfig {
        let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = |end: &str| self.directory.path().join(format!("{name}.{end}"));
        std::fs::write(path("pem"), certificate.pem()).unwrap();
        std::fs::write(path("key"), key.serialize_pem()).unwrap();
        TlsConfig {
            ca: self.directory.path().join("ca.pem"),
            certificate: path("pem"),
            key: path("key"),
            clients: ClientsTls::On,
        }
    }
}

fn open(config: &TlsConfig) -> Result<Tls, TlsError> {
    Tls::open(config, clock::now().0 / 1000)
}

/// Lets two ends meet and say a word to each other; what each of them heard, or why not.
fn meet(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> [Result<Heard, String>; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let accepted = listener.accept().await.unwrap().0;
        let server = talk(Socket::accept(accepted, Some(server)), "from the server");
        let client = talk(Socket::connect(dialled, Some(client)), "from the client");
        let (server, client) = tokio::join!(server, client);
        [server, client]
    })
}

#[derive(Debug)]
struct Heard {
    text: String,
    name: Option<String>,
    binding: [u8; 32],
}

async fn talk(
    greeting: impl Future<Output = std::io::Result<Socket>>,
    word: &str,
) -> Result<Heard, String> {
    let talk = async {
        let socket = greeting.await?;
        socket.write_all(word.as_bytes()).await?;
        let mut heard = Vec::new();
        if socket.read_buf(&mut heard).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8(heard).unwrap();
        Ok(Heard { text, name: socket.certified_name(), binding: socket.binding().unwrap() })
    };
    talk.await.map_err(|error: std::io::Error| error.to_string())
}

#[test]
fn nodes_of_one_ca_meet_and_know_the_connection_they_share() {
    let ca = Ca::new();
    let (a, b) = (open(&ca.sign("a", 2100)).unwrap(), open(&ca.sign("b", 2100)).unwrap());
    let [server, client] = meet(a.peers_in(), b.peers_out()).map(Result::unwrap);
    assert_eq!((&*server.text, &*client.text), ("from the client", "from the server"));
    assert_eq!((server.name.as_deref(), client.name.as_deref()), (Some("b"), Some("a")));
    assert_eq!(server.binding, client.binding);
    let [again, _] = meet(a.peers_in(), b.peers_out()).map(Result::unwrap);
    assert_ne!(server.binding, again.binding, "each connection has its own");
}

#[test]
fn strangers_are_told_what_is_wrong() {
    let (ours, theirs) = (Ca::new(), Ca::new());
    let (us, them) = (open(&ours.sign("a", 2100)).unwrap(), open(&theirs.sign("b", 2100)).unwrap());
    let [server, client] = meet(us.peers_in(), them.peers_out()).map(Result::unwrap_err);
    assert!(client.contains("not signed by our `tls_ca`"), "{client}");
    assert!(server.contains("not signed by its `tls_ca`"), "{server}");
    let trusting = ClientTls::new(&ours.sign("x", 2100).ca, None).unwrap();
    let [server, client] = meet(us.peers_in(), trusting.config()).map(Result::unwrap_err);
    assert!(server.contains("shows no certificate"), "{server}");
    assert!(client.contains("demands a certificate"), "{client}");
}

#[test]
fn certificates_are_checked_before_they_are_used() {
    let (ca, other) = (Ca::new(), Ca::new());
    let error = |config: &TlsConfig| open(config).unwrap_err().to_string();
    assert!(error(&ca.sign("old", 2021)).contains("certificate has expired"));
    let good = ca.sign("good", 2100);
    let foreign = TlsConfig { ca: other.sign("x", 2100).ca, ..good.clone() };
    assert!(error(&foreign).contains("not signed by our `tls_ca`"), "{}", error(&foreign));
    let swapped = TlsConfig { key: good.certificate.clone(), ..good.clone() };
    assert!(error(&swapped).contains("no private key"));
    let mixed = TlsConfig { key: ca.sign("mixed", 2100).key, ..good.clone() };
    assert!(open(&mixed).is_err(), "the key of another certificate");
    let missing = TlsConfig { ca: Path::new("/nowhere/ca.pem").into(), ..good };
    assert!(error(&missing).starts_with("`tls_ca` is /nowhere/ca.pem: "));
}

#[test]
fn one_that_expired_meanwhile_is_refused_by_the_other_side() {
    let ca = Ca::new();
    let us = open(&ca.sign("a", 2100)).unwrap();
    let was_valid = 1_590_000_000;
    let them = Tls::open(&ca.sign("b", 2021), was_valid).unwrap();
    let [server, client] = meet(us.peers_in(), them.peers_out()).map(Result::unwrap_err);
    assert!(server.contains("its certificate has expired"), "{server}");
    assert!(client.contains("our certificate has expired"), "{client}");
}

#[test]
fn new_files_are_taken_and_broken_ones_are_not() {
    let ca = Ca::new();
    let config = ca.sign("a", 2050);
    let tls = Rc::new(open(&config).unwrap());
    let now = clock::now().0 / 1000;
    assert_eq!(tls.expires(), 2_524_608_000);
    assert!(!tls.renew(now).unwrap());
    let touch = |text: &str| {
        std::fs::write(&config.certificate, text).unwrap();
        let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(now + 60);
        std::fs::File::options()
            .write(true)
            .open(&config.certificate)
            .and_then(|file| file.set_modified(later))
            .unwrap();
    };
    touch("nothing");
    assert!(tls.renew(now).is_err());
    assert_eq!(tls.expires(), 2_524_608_000, "the old one stays");
    ca.sign("a", 2060);
    touch(&std::fs::read_to_string(&config.certificate).unwrap());
    assert!(tls.renew(now).unwrap());
    assert_eq!(tls.expires(), 2_840_140_800);
}
