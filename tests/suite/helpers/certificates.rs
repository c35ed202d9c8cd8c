//! Certificate authorities that live for one test.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity};
use std::path::Path;

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
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
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
