//! Certificate authorities that live for one test, and a server that asks for a certificate.

use super::resources::searchset;
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime};
use stepdown::clock::Clock;

/// An authority that signs for servers and for clients.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// With a key of its own.
    pub fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key, as PEM.
    pub fn signs(&self, name: &str) -> (String, String) {
        self.signs_for(name, 365)
    }

    /// The same, for so many days.
    pub fn signs_for(&self, name: &str, days: u64) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let now = u64::try_from(Clock::Real.now().as_second()).unwrap();
        let end = Duration::from_secs(now + days * 86_400 + 3_600);
        parameters.not_after = (SystemTime::UNIX_EPOCH + end).into();
        (
            parameters.signed_by(&key, &self.0).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes `server.pem` and `server.key` for this machine, and `ca.pem`.
    pub fn equips(&self, folder: &Path) {
        let (certificate, key) = self.signs("127.0.0.1");
        for (name, content) in [
            ("server.pem", &certificate),
            ("server.key", &key),
            ("ca.pem", &self.pem()),
        ] {
            std::fs::write(folder.join(name), content).unwrap();
        }
    }

    /// An HTTP client that believes nobody else, with a certificate of its own where it has one.
    pub fn trusting(&self, identity: Option<(String, String)>) -> Client {
        let root = Certificate::from_pem(self.pem().as_bytes()).unwrap();
        let mut client = Client::builder().no_proxy().tls_certs_only([root]);
        if let Some((certificate, key)) = identity {
            client = client.identity(Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap());
        }
        client.build().unwrap()
    }
}

/// `[tls]` with the files of a folder.
pub fn tls(folder: &Path, more: &str) -> String {
    let at = folder.display();
    format!("[tls]\ncertificate = '{at}/server.pem'\nprivate-key = '{at}/server.key'\n{more}")
}

/// An EHR whose servers let nobody in without a certificate that the hospital's authority has signed.
pub struct Guarded {
    /// Its origin.
    pub base: String,
    /// Paths that were asked for.
    pub asked: Arc<Mutex<Vec<String>>>,
    handle: ServerHandle,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

impl Guarded {
    /// Shows this certificate, and answers with the key set at `/jwks.json` and with an empty list elsewhere.
    pub fn with(authority: &Authority, (certificate, key): (String, String), keys: Value) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (list, (ready, started)) = (Arc::clone(&asked), mpsc::channel());
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    let (list, keys) = (Arc::clone(&list), keys.clone());
                    App::new().default_service(web::to(move |request: HttpRequest| {
                        list.lock().unwrap().push(request.path().to_owned());
                        let body = match request.path() {
                            "/jwks.json" => keys.clone(),
                            _ => searchset(&[]),
                        };
                        async move { HttpResponse::Ok().json(body) }
                    }))
                })
                .workers(1)
                .disable_signals()
                .bind_rustls_0_23("127.0.0.1:0", config)
                .unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                ready
                    .send((format!("https://{address}"), server.handle()))
                    .unwrap();
                server.await.unwrap();
            });
        });
        let (base, handle) = started.recv().unwrap();
        Self { base, asked, handle }
    }
}
