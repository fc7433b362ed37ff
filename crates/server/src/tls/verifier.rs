//! Whose certificates are accepted between nodes: those that the cluster's CA has signed.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::{TlsError, explain, provider};

/// Checks everything about a certificate but which host it names: the ordinary verifier looks at
/// names last, so that whoever fails there has passed all else.
#[derive(Debug)]
pub(super) struct AnyName(Arc<WebPkiServerVerifier>);

impl AnyName {
    pub(super) fn new(roots: &Arc<RootCertStore>) -> Result<Self, TlsError> {
        let ordinary = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider());
        let ordinary = ordinary.build().map_err(|error| Error::General(error.to_string()))?;
        Ok(Self(ordinary))
    }
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let verified =
            self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Checks that others would accept our own certificate now.
pub(super) fn check_own(
    roots: &Arc<RootCertStore>,
    chain: &[CertificateDer<'_>],
    now_seconds: u64,
) -> Result<(), String> {
    let verifier = AnyName::new(roots).map_err(|error| error.to_string())?;
    let (leaf, rest) = chain.split_first().ok_or("there is none")?;
    let nobody = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0])));
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now_seconds));
    let verified = verifier.verify_server_cert(leaf, rest, &nobody, &[], now);
    verified.map(|_| ()).map_err(|error| explain(&error).replacen("its", "this", 1))
}
