//! `[tls]`: the certificate under which this service is reached where no proxy stands in front.
//!
//! Turns the files that the table names into a rustls configuration: TLS 1.2 and 1.3, with aws-lc. Refuses
//! a file that cannot be read, a certificate that is not valid today, and a key that is not the
//! certificate's. It never prints what a file holds.

use super::check::Source;
use super::{ConfigError, file};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::sync::Arc;
use toml::Spanned;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

/// Reads the files of `[tls]`.
pub(super) fn read(source: &Source<'_>, written: &file::Tls) -> Result<Arc<ServerConfig>, ConfigError> {
    let chain = certificates(source, &written.certificate, "certificate")?;
    let key = key(source, &written.private_key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let refuse = |value: &Spanned<String>, key: &str, error: &dyn std::fmt::Display| {
        source.invalid(&value.span(), key, format!("{}: {error}", value.get_ref()))
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(&written.certificate, "certificate", &error))?;
    let builder = match &written.client_ca {
        None => builder.with_no_client_auth(),
        Some(value) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(source, value, "client-ca")? {
                roots
                    .add(root)
                    .map_err(|error| refuse(value, "client-ca", &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| refuse(value, "client-ca", &error))?)
        }
    };
    let config = builder.with_single_cert(chain, key);
    Ok(Arc::new(config.map_err(|error| {
        refuse(&written.private_key, "private-key", &error)
    })?))
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
