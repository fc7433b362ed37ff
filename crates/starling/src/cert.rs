//! `starling cert`: a certificate authority of the cluster's own, and what it signs.
//!
//! ```text
//! DIR/ca.pem  DIR/ca.key        made once; nobody but who signs needs the key
//! DIR/NAME.pem  DIR/NAME.key    one for each node, and for each user that shows one
//! ```
//!
//! Invariant: the authority is never replaced; keys are readable by their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use crate::{Ending, output};

const DAY: Duration = Duration::from_secs(24 * 3600);
const CA_DAYS: u32 = 3650;
/// Clocks differ: what is made now is valid since an hour.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(3600);
const CA_NAME: &str = "Starling cluster CA";

/// Make certificates for a cluster
#[derive(Args, Debug)]
#[command(after_help = "Run it again for a node to renew what it has.\n\nExample:\n  \
                        starling cert ca\n  \
                        starling cert node node-1 --host 10.0.0.1 --host db1.example.com\n  \
                        starling cert user alice")]
pub(crate) struct Cert {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make the certificate authority of a cluster, once
    Ca {
        #[command(flatten)]
        place: Place,
    },
    /// Make a node's certificate
    Node {
        /// Name of the files, and of the holder
        name: String,
        /// A name or an IP address that clients reach the node by; once for each
        #[arg(long = "host", value_name = "HOST", required = true)]
        hosts: Vec<String>,
        #[command(flatten)]
        validity: Validity,
        #[command(flatten)]
        place: Place,
    },
    /// Make a certificate by which a client shows that it is a user
    User {
        /// The user
        name: String,
        #[command(flatten)]
        validity: Validity,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args, Debug)]
struct Place {
    /// Directory of the certificates
    #[arg(long, value_name = "DIR", default_value = "certs")]
    dir: PathBuf,
}

#[derive(Args, Debug)]
struct Validity {
    /// For how many days it is valid
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: u32,
}

impl Cert {
    pub(crate) fn run(self) -> anyhow::Result<Ending> {
        let (directory, name) = match &self.action {
            Action::Ca { place } => {
                make_ca(&place.dir)?;
                (&place.dir, "ca")
            }
            Action::Node { name, hosts, validity, place } => {
                make_node(&place.dir, name, hosts, validity.days)?;
                (&place.dir, name.as_str())
            }
            Action::User { name, validity, place } => {
                let usage = [ExtendedKeyUsagePurpose::ClientAuth];
                sign(&place.dir, name, &[], &usage, validity.days)?;
                (&place.dir, name.as_str())
            }
        };
        let path = directory.join(name);
        output::line(format!("{0}.pem, and its key in {0}.key", path.display()))
    }
}

/// Makes the authority; one that is there already stays.
pub(crate) fn make_ca(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create {directory:?}"))?;
    let key = KeyPair::generate()?;
    let certificate = authority().self_signed(&key)?;
    let path = directory.join("ca.key");
    let made = secret_options().create_new(true).open(&path);
    let mut file = made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow::anyhow!(
            "{} is there already: nodes trust what it has signed, so it is not replaced",
            path.display()
        ),
        _ => anyhow::Error::new(error).context(format!("cannot create {}", path.display())),
    })?;
    file.write_all(key.serialize_pem().as_bytes())?;
    write(&directory.join("ca.pem"), &certificate.pem())
}

/// Makes a node's certificate: for those that connect to it, and for those it connects to.
pub(crate) fn make_node(
    directory: &Path,
    name: &str,
    hosts: &[String],
    days: u32,
) -> anyhow::Result<()> {
    let usages = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    sign(directory, name, hosts, &usages, days)
}

fn sign(
    directory: &Path,
    name: &str,
    hosts: &[String],
    usages: &[ExtendedKeyUsagePurpose],
    days: u32,
) -> anyhow::Result<()> {
    ensure!(name != "ca" && !name.contains('/') && !name.is_empty(), "`{name}` is no good name");
    let issuer = read_ca(directory)?;
    let key = KeyPair::generate()?;
    let names = CertificateParams::new(hosts).context("a --host is no name and no IP address")?;
    let mut params = valid(days);
    params.subject_alt_names = names.subject_alt_names;
    params.distinguished_name = called(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = usages.to_vec();
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &issuer)?;
    let path = directory.join(name);
    // Not `with_extension`: a name may hold a dot.
    let (key_path, path) = (format!("{}.key", path.display()), format!("{}.pem", path.display()));
    let options = secret_options().create(true).truncate(true).open(&key_path);
    let mut file = options.with_context(|| format!("cannot create {key_path}"))?;
    file.write_all(key.serialize_pem().as_bytes())?;
    write(Path::new(&path), &certificate.pem())
}

/// What signs: its key, and the name under which [`make_ca`] made it.
fn read_ca(directory: &Path) -> anyhow::Result<Issuer<'static, KeyPair>> {
    let path = directory.join("ca.key");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{} is not there: run `starling cert ca` first", path.display())
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {path:?}")),
    };
    let key = KeyPair::from_pem(&text).with_context(|| format!("{} is no key", path.display()))?;
    Ok(Issuer::new(authority(), key))
}

/// What the authority says of itself: the same whenever it signs.
fn authority() -> CertificateParams {
    let mut params = valid(CA_DAYS);
    params.distinguished_name = called(CA_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn valid(days: u32) -> CertificateParams {
    #[expect(clippy::disallowed_methods, reason = "certificates begin now")]
    let now = SystemTime::now();
    let mut params = CertificateParams::default();
    params.not_before = (now - CLOCK_TOLERANCE).into();
    params.not_after = (now + DAY * days).into();
    params
}

fn secret_options() -> OpenOptions {
    let mut options = File::options();
    options.write(true).mode(0o600);
    options
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use server::tls::ClientTls;
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn what_is_made_can_be_used_and_the_authority_stays() {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name);
        let error = make_node(directory.path(), "n", &["a".into()], 1).unwrap_err().to_string();
        assert!(error.contains("run `starling cert ca` first"), "{error}");
        make_ca(directory.path()).unwrap();
        assert!(make_ca(directory.path()).unwrap_err().to_string().contains("not replaced"));
        make_node(directory.path(), "n.1", &["::1".into(), "db1.example".into()], 1).unwrap();
        ClientTls::new(&path("ca.pem"), Some((&path("n.1.pem"), &path("n.1.key")))).unwrap();
        for key in ["ca.key", "n.1.key"] {
            assert_eq!(fs::metadata(path(key)).unwrap().permissions().mode() & 0o777, 0o600);
        }
        for name in ["ca", "", "../x"] {
            assert!(make_node(directory.path(), name, &["a".into()], 1).is_err(), "{name}");
        }
    }
}
