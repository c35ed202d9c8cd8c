//! The keys with which a client signs its tokens, as the service would read them.

use super::Findings;
use super::ask::{Asker, place, shown};
use crate::config::{ClientConfig, KeySource};
use crate::trust::{KeySetError, survey};

/// Looks at the key set of a client.
pub(super) async fn examine(client: &ClientConfig, asker: &Asker, findings: &mut Findings<'_>) {
    let bytes = match &client.keys {
        KeySource::None => return,
        KeySource::File(path) => match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let says = format!("{}: {error}.", path.display());
                findings.problem(
                    "keys.reachable",
                    says,
                    "put the file there, readable for the service.",
                );
                return;
            }
        },
        KeySource::Url(url) => {
            let remedy = "check jwks-url, name service and firewall; until it answers, every call is a 401.";
            match asker.get(url, "application/json").await {
                Ok(answer) if answer.status == 200 => {
                    findings.ok("keys.reachable", format!("{} answers.", place(url)));
                    answer.judge_certificate("keys.certificate", findings);
                    answer.body
                }
                Ok(answer) => {
                    findings.problem(
                        "keys.reachable",
                        format!("{}: {}.", place(url), answer.told()),
                        remedy,
                    );
                    return;
                }
                Err(why) => {
                    findings.problem(
                        "keys.reachable",
                        format!("{} does not answer: {why}.", place(url)),
                        remedy,
                    );
                    return;
                }
            }
        }
    };
    judge(client, &bytes, findings);
}

fn judge(client: &ClientConfig, bytes: &[u8], findings: &mut Findings<'_>) {
    let found = match survey(bytes) {
        Ok(found) => found,
        Err(KeySetError::Private) => {
            let says =
                "the key set holds a private key: whoever can read it can sign as this EHR. It is refused.";
            let remedy = "tell the EHR's team at once: that key pair must be replaced, and only public keys published.";
            findings.problem("keys.private", says, remedy);
            return;
        }
        Err(error) => {
            findings.problem(
                "keys.set",
                format!("the key set {error}."),
                "ask the EHR's team for its JSON Web Key Set.",
            );
            return;
        }
    };
    let mut usable = 0;
    for (kid, algorithms) in &found.usable {
        let names: Vec<String> = algorithms
            .iter()
            .map(|algorithm| format!("{algorithm:?}"))
            .collect();
        let (kid, names) = (shown(kid), names.join(" or "));
        if algorithms
            .iter()
            .any(|algorithm| client.algorithms.contains(algorithm))
        {
            usable += 1;
            findings.ok("keys.key", format!("key {kid} is good for {names}."));
        } else {
            let says = format!(
                "key {kid} is good for {names}, which `algorithms` does not allow: its tokens are refused."
            );
            let remedy = "let the EHR sign with ES384 or RS384, or add the algorithm to `algorithms`.";
            findings.warning("keys.key", says, remedy);
        }
    }
    for (place, why) in &found.passed_over {
        let remedy = "ignore it if no token is signed with it; else ask the EHR's team to correct it.";
        findings.warning(
            "keys.key",
            format!("key number {place} is passed over: it {why}."),
            remedy,
        );
    }
    for kid in found.doubled() {
        let says = format!("more than one key has the id {}; each is tried.", shown(kid));
        findings.warning(
            "keys.doubled",
            says,
            "ask the EHR's team for distinct ids: SMART wants them unique.",
        );
    }
    if usable == 0 {
        let says = "no key of the set can be used: every call will be a 401.";
        findings.problem(
            "keys.set",
            says,
            "ask the EHR's team for a key with `kid`, P-384 or RSA.",
        );
    }
}
