//! Where outgoing connections may lead: a check of every address at the moment of connecting.
//!
//! Turns the addresses that a name has now into those that may be connected to. Hosts come from the settings only,
//! but what a name means is decided by whoever answers for it, and may change between two calls (DNS rebinding). A
//! name never leads to this machine, to a link-local address or to a cloud's metadata; to a private network it does,
//! because that is where most hospitals' servers are, unless the settings say otherwise. `localhost`, and a base
//! that is written as an address, mean what they say. It resolves nothing that nobody connects to.

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use url::Url;

/// What the settings say about outgoing connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Whether a name may lead to a private network.
    pub private: bool,
}

impl Default for Outbound {
    fn default() -> Self {
        Self { private: true }
    }
}

/// Whether `url` points to this machine: the only place where plain HTTP is accepted.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// How names are looked up.
type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// A resolver that keeps to [`Outbound`].
pub struct Guard {
    outbound: Outbound,
    lookup: Lookup,
}

/// No address of the name may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to addresses of this machine, of the link or of a private network only")]
struct Refused;

impl Outbound {
    /// The resolver for an HTTP client.
    pub fn resolver(self) -> Arc<Guard> {
        let lookup = |host: String| -> BoxFuture<'static, _> {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
        };
        Arc::new(Guard {
            outbound: self,
            lookup: Arc::new(lookup),
        })
    }

    /// Whether a name may lead to an address.
    fn allows(self, host: &str, address: IpAddr) -> bool {
        if host.trim_end_matches('.').eq_ignore_ascii_case("localhost") {
            return address.is_loopback();
        }
        match address {
            IpAddr::V4(address) => self.allows_v4(address),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) => self.allows_v4(mapped),
                None => self.allows_v6(address),
            },
        }
    }

    fn allows_v4(self, address: Ipv4Addr) -> bool {
        let [first, second, ..] = address.octets();
        let shared = first == 100 && (64..128).contains(&second);
        let nowhere = address.is_loopback()
            || address.is_link_local()
            || address.is_multicast()
            || address.is_broadcast()
            || first == 0;
        !nowhere && (self.private || !(address.is_private() || shared))
    }

    fn allows_v6(self, address: Ipv6Addr) -> bool {
        // The address at which Amazon's machines find their metadata lies in a private range.
        let metadata = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
        let nowhere = address.is_loopback()
            || address.is_unspecified()
            || address.is_multicast()
            || address.is_unicast_link_local()
            || address == metadata;
        !nowhere && (self.private || !address.is_unique_local())
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (outbound, host) = (self.outbound, name.as_str().to_owned());
        let found = (self.lookup)(host.clone());
        Box::pin(async move {
            let found = found.await?;
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| outbound.allows(&host, address.ip()))
                .collect();
            if allowed.is_empty() {
                tracing::warn!(event = "outbound.refused", host);
                return Err(Refused.into());
            }
            let allowed: Addrs = Box::new(allowed.into_iter());
            Ok(allowed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    #[test]
    fn names_lead_outside_or_into_the_hospital_and_nowhere_else() {
        let both = ["8.8.8.8", "2606:4700::1111"];
        let private = [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "fd12::1",
            "::ffff:10.0.0.1",
        ];
        let never = [
            "127.0.0.1",
            "::1",
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "fd00:ec2::254",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
        ];
        let allows = |private, address: &str| {
            Outbound { private }.allows("ehr.hospital.example", address.parse().unwrap())
        };
        for address in both {
            assert!(allows(true, address) && allows(false, address), "{address}");
        }
        for address in private {
            assert!(allows(true, address) && !allows(false, address), "{address}");
        }
        for address in never {
            assert!(!allows(true, address) && !allows(false, address), "{address}");
        }
        let here = Outbound { private: false };
        assert!(here.allows("localhost", "127.0.0.1".parse().unwrap()));
        assert!(!here.allows("localhost", "10.0.0.1".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_name_that_was_turned_towards_this_machine_is_not_connected_to() {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
        let here = *server.address();
        let lookup = |host: String| -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
            let all = match host.as_str() {
                "rebound.example" => vec![
                    "127.0.0.1:0".parse().unwrap(),
                    "169.254.169.254:0".parse().unwrap(),
                ],
                _ => vec!["127.0.0.1:0".parse().unwrap()],
            };
            Box::pin(async move { Ok(all) })
        };
        let guard = Guard {
            outbound: Outbound::default(),
            lookup: Arc::new(lookup),
        };
        let http = reqwest::Client::builder()
            .no_proxy()
            .dns_resolver(Arc::new(guard))
            .build()
            .unwrap();
        let ask = async |host: &str| http.get(format!("http://{host}:{}/", here.port())).send().await;
        assert!(ask("rebound.example").await.is_err());
        assert!(
            server.received_requests().await.unwrap().is_empty(),
            "nothing reached it"
        );
        assert_eq!(
            ask("localhost").await.unwrap().status().as_u16(),
            200,
            "named, so meant"
        );
        assert_eq!(
            ask("127.0.0.1").await.unwrap().status().as_u16(),
            200,
            "an address means itself"
        );
    }
}
