//! `[tls]`: the certificate under which this service is reached where no proxy stands in front; and
//! `[client.tls]`: what it shows to the servers of a client, and which authority it believes there.
//!
//! Turns the files that the tables name into values that connections are made with: TLS 1.2 and 1.3, with
//! aws-lc. Refuses a file that cannot be read, a certificate that is not valid today, and a key that is not
//! the certificate's. It never prints what a file holds, and opens no connection.

use super::check::Source;
use super::{ConfigError, file};
use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::Arc;
use toml::Spanned;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

/// What the service shows to those who connect, and whom it lets in.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate with its chain, and its key.
    pub identity: Arc<CertifiedKey>,
    /// Checks the certificates of those who connect; `None` where they need none.
    pub clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// What the service shows to the servers of one client, and which authority it believes beside the machine's.
/// Its `Debug` prints neither.
#[derive(Clone)]
pub struct ClientTls {
    identity: Option<Identity>,
    authorities: Vec<Certificate>,
}

impl ClientTls {
    /// Makes connections so.
    pub fn applied(&self, builder: ClientBuilder) -> ClientBuilder {
        let builder = builder.tls_certs_merge(self.authorities.iter().cloned());
        match &self.identity {
            Some(identity) => builder.identity(identity.clone()),
            None => builder,
        }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

/// The algorithms of every connection that is taken.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Reads the files of `[tls]`.
pub(super) fn read(source: &Source<'_>, written: &file::Tls) -> Result<Tls, ConfigError> {
    let identity = identity(source, &written.certificate, &written.private_key)?;
    let clients = match &written.client_ca {
        None => None,
        Some(value) => Some(verifier(source, value)?),
    };
    Ok(Tls {
        identity: Arc::new(identity),
        clients,
    })
}

/// Reads the files of `[client.tls]`.
pub(super) fn read_client(
    source: &Source<'_>,
    written: &file::ClientTls,
) -> Result<Arc<ClientTls>, ConfigError> {
    let identity = match (&written.certificate, &written.private_key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(shown(source, certificate, key)?),
        (Some(one), None) => return Err(source.invalid(&one.span(), "certificate", "needs private-key")),
        (None, Some(one)) => return Err(source.invalid(&one.span(), "private-key", "needs certificate")),
    };
    let mut authorities = Vec::new();
    if let Some(value) = &written.server_ca {
        for root in certificates(source, value, "server-ca")? {
            let refuse = |error: reqwest::Error| refused(source, value, "server-ca", &error);
            authorities.push(Certificate::from_der(&root).map_err(refuse)?);
        }
    }
    Ok(Arc::new(ClientTls {
        identity,
        authorities,
    }))
}

fn refused(source: &Source<'_>, value: &Spanned<String>, key: &str, error: &dyn fmt::Display) -> ConfigError {
    source.invalid(&value.span(), key, format!("{}: {error}", value.get_ref()))
}

/// A certificate with its chain, and the key that is its own.
fn identity(
    source: &Source<'_>,
    certificate: &Spanned<String>,
    private_key: &Spanned<String>,
) -> Result<CertifiedKey, ConfigError> {
    let chain = certificates(source, certificate, "certificate")?;
    let key = key(source, private_key)?;
    CertifiedKey::from_der(chain, key, &provider())
        .map_err(|error| refused(source, private_key, "private-key", &error))
}

/// The same, for connections that we open.
fn shown(
    source: &Source<'_>,
    certificate: &Spanned<String>,
    private_key: &Spanned<String>,
) -> Result<Identity, ConfigError> {
    identity(source, certificate, private_key)?;
    let read = |value: &Spanned<String>, key: &str| {
        let path = source.path(value, key)?;
        std::fs::read(path).map_err(|error| refused(source, value, key, &error))
    };
    let mut pem = read(private_key, "private-key")?;
    pem.push(b'\n');
    pem.extend(read(certificate, "certificate")?);
    Identity::from_pem(&pem).map_err(|error| refused(source, private_key, "private-key", &error))
}

fn verifier(
    source: &Source<'_>,
    value: &Spanned<String>,
) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(source, value, "client-ca")? {
        let added = roots.add(root);
        added.map_err(|error| refused(source, value, "client-ca", &error))?;
    }
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    built.map_err(|error| refused(source, value, "client-ca", &error))
}

/// The certificates of a PEM file, each of them valid today.
fn certificates(
    source: &Source<'_>,
    value: &Spanned<String>,
    key: &str,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let path = source.path(value, key)?;
    let refuse = |message: &str| {
        let message = format!("{}: {message}", path.display());
        source.invalid(&value.span(), key, message)
    };
    let read = CertificateDer::pem_file_iter(&path).map_err(|error| refuse(&error.to_string()))?;
    let found: Vec<CertificateDer<'static>> = read
        .collect::<Result<_, _>>()
        .map_err(|error| refuse(&error.to_string()))?;
    if found.is_empty() {
        return Err(refuse("holds no certificate in PEM"));
    }
    for certificate in &found {
        let (_, read) =
            X509Certificate::from_der(certificate).map_err(|_| refuse("holds what is no certificate"))?;
        let (valid, now) = (read.validity(), ASN1Time::now());
        if now > valid.not_after {
            return Err(refuse(&format!("expired on {}", valid.not_after)));
        }
        if now < valid.not_before {
            return Err(refuse(&format!("is not valid before {}", valid.not_before)));
        }
    }
    Ok(found)
}

fn key(source: &Source<'_>, value: &Spanned<String>) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let path = source.path(value, "private-key")?;
    PrivateKeyDer::from_pem_file(&path).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        source.invalid(&value.span(), "private-key", message)
    })
}
