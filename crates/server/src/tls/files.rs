//! Certificates and keys as files in PEM.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{TlsConfig, TlsError};

/// What a side shows of itself.
#[derive(Debug)]
pub(super) struct Identity {
    /// At least one: its own first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads a certificate and its key.
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = certificates("tls_certificate", certificate)?;
        let bytes = read("tls_key", key)?;
        let key = PrivateKeyDer::from_pem_slice(&bytes)
            .map_err(|error| file("tls_key", key, format!("it holds no private key: {error}")))?;
        Ok(Self { chain, key })
    }
}

/// Reads the certificates that others have to be signed by.
pub(super) fn roots(key: &'static str, path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(key, path)? {
        roots.add(certificate).map_err(|error| file(key, path, error.to_string()))?;
    }
    Ok(roots)
}

/// When each file was written; nothing for one that cannot be looked at.
pub(super) fn written(config: &TlsConfig) -> Vec<Option<SystemTime>> {
    let paths = [&config.ca, &config.certificate, &config.key];
    let written = |path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    paths.into_iter().map(written).collect()
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(key, path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.map_err(|error| file(key, path, error.to_string()))?;
    if all.is_empty() {
        return Err(file(key, path, "it holds no certificate in PEM".into()));
    }
    Ok(all)
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| file(key, path, error.to_string()))
}

fn file(key: &'static str, path: &Path, what: String) -> TlsError {
    TlsError::File { key, path: path.into(), what }
}
