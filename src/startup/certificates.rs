//! The certificate under which the service is reached, and the authority for those who connect: both can be
//! changed while it runs.
//!
//! Turns `[tls]` into a rustls configuration that looks up, for each new connection, what is in use then. A
//! renewed certificate needs no restart; a connection that stands keeps the one that it began with. Whether
//! those who connect need a certificate at all is settled at the start. It reads no file.

use super::StartError;
use crate::config::{Tls, tls_provider};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use std::sync::{Arc, PoisonError, RwLock};

/// What connections are taken with.
#[derive(Debug)]
pub(super) struct Certificates {
    own: Arc<Own>,
    clients: Option<Arc<Clients>>,
}

impl Certificates {
    /// As they are at the start.
    pub(super) fn new(tls: &Tls) -> Self {
        Self {
            own: Arc::new(Own(RwLock::new(Arc::clone(&tls.identity)))),
            clients: tls.clients.as_ref().map(|clients| {
                Arc::new(Clients {
                    names: clients.root_hint_subjects().to_vec(),
                    schemes: clients.supported_verify_schemes(),
                    verifier: RwLock::new(Arc::clone(clients)),
                })
            }),
        }
    }

    /// Takes others into use, for connections that are opened from now on.
    pub(super) fn renew(&self, tls: &Tls) {
        *self.own.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&tls.identity);
        if let (Some(clients), Some(renewed)) = (&self.clients, &tls.clients) {
            let mut verifier = clients.verifier.write().unwrap_or_else(PoisonError::into_inner);
            *verifier = Arc::clone(renewed);
        }
    }

    /// The configuration of a listener.
    pub(super) fn server(&self) -> Result<ServerConfig, StartError> {
        let builder =
            ServerConfig::builder_with_provider(tls_provider()).with_safe_default_protocol_versions()?;
        let own = Arc::clone(&self.own);
        let Some(clients) = &self.clients else {
            return Ok(builder.with_no_client_auth().with_cert_resolver(own));
        };
        let clients: Arc<dyn ClientCertVerifier> = Arc::clone(clients) as _;
        let mut config = builder.with_client_cert_verifier(clients).with_cert_resolver(own);
        // A session that is taken up again is not verified again, although the authority may be another one by now.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

/// The certificate in use.
#[derive(Debug)]
struct Own(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Own {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let own = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&own))
    }
}

/// The authority in use.
#[derive(Debug)]
struct Clients {
    verifier: RwLock<Arc<dyn ClientCertVerifier>>,
    /// Names of the authorities at the start: a hint for those who connect, never what decides.
    names: Vec<DistinguishedName>,
    schemes: Vec<SignatureScheme>,
}

impl Clients {
    fn now(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientCertVerifier for Clients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.names
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.now().verify_client_cert(certificate, chain, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.now().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.now().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
