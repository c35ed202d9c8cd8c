//! The companion app at a client: what its authorization server offers, and whether it takes our proof.
//!
//! Turns `.well-known/smart-configuration` into findings, by the reader that a launch uses. Follows SMART App
//! Launch 2.2, "Conformance" and "Scopes and Launch Context".

use super::Findings;
use super::ask::{Asker, place, shown};
use crate::config::{ClientConfig, SmartLogin};
use crate::smart::survey::{Launchable, Reception, Survey};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// Capabilities without which a launch from the EHR does not work, or the app shows less.
const WANTED: [(&str, &str); 3] = [
    ("launch-ehr", "a card's button cannot open the app"),
    ("context-ehr-patient", "the app may not be told whose chart it is"),
    ("sso-openid-connect", "the app does not learn who opened it"),
];

#[derive(Deserialize, Default)]
struct Document {
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// Looks at the authorization server of a client.
pub(super) async fn examine(
    client: &ClientConfig,
    public_url: &str,
    asker: &Asker,
    findings: &mut Findings<'_>,
) {
    let survey = match Survey::of(client) {
        Ok(Some(survey)) => survey,
        Ok(None) => {
            findings.ok(
                "smart.set-up",
                "no [client.smart]: cards carry no button to the app.",
            );
            return;
        }
        Err(error) => {
            findings.problem(
                "smart.set-up",
                format!("{error}."),
                "make a key: P-384 or RSA of 2048 bits, as PEM.",
            );
            return;
        }
    };
    let Some(document) = fetched(&client.fhir_base, asker, findings).await else {
        return;
    };
    let Some(launchable) = survey.read(&document) else {
        let says = "the document lacks an authorization or a token endpoint that may be asked: both must be https, and on \
                    this machine only where fhir-base is.";
        findings.problem(
            "smart.endpoints",
            says,
            "show it to the EHR's team; every launch will be refused.",
        );
        return;
    };
    let (authorize, token) = (place(launchable.authorize()), place(launchable.token()));
    findings.ok(
        "smart.endpoints",
        format!("authorization at {authorize}, tokens at {token}."),
    );
    let said: Document = serde_json::from_slice(&document).unwrap_or_default();
    challenges(&said, findings);
    capabilities(&launchable, findings);
    scopes(client, &launchable, &said, findings);
    login(client, &launchable, &said, findings);
    identity(&launchable, asker, findings).await;
    proof(&survey, &launchable, public_url, findings).await;
}

async fn fetched(base: &Url, asker: &Asker, findings: &mut Findings<'_>) -> Option<Vec<u8>> {
    let address = base.join(".well-known/smart-configuration").ok()?;
    let remedy =
        "compare fhir-base with the `iss` of a launch; without this document every launch is refused.";
    match asker.get(&address, "application/json").await {
        Ok(answer) if answer.status == 200 => {
            if serde_json::from_slice::<Value>(&answer.body).is_ok_and(|document| document.is_object()) {
                findings.ok("smart.discovery", format!("{address} answers."));
                return Some(answer.body);
            }
            findings.problem("smart.discovery", format!("{address} is no JSON object."), remedy);
        }
        Ok(answer) => findings.problem(
            "smart.discovery",
            format!("{address}: {}.", answer.told()),
            remedy,
        ),
        Err(why) => findings.problem(
            "smart.discovery",
            format!("{address} does not answer: {why}."),
            remedy,
        ),
    }
    None
}

fn challenges(said: &Document, findings: &mut Findings<'_>) {
    let has = |method: &str| {
        said.code_challenge_methods_supported
            .iter()
            .any(|of| of == method)
    };
    let remedy = "tell the EHR's team: SMART 2 asks for S256 and forbids plain.";
    if !has("S256") {
        let says = "it does not say that it takes PKCE with S256, which the app always uses.";
        findings.warning("smart.pkce", says, remedy);
    } else if has("plain") {
        let says = "it also takes PKCE with `plain`, which protects nothing; the app never uses it.";
        findings.warning("smart.pkce", says, remedy);
    } else {
        findings.ok("smart.pkce", "PKCE with S256.");
    }
}

fn capabilities(launchable: &Launchable, findings: &mut Findings<'_>) {
    let missing = WANTED
        .iter()
        .filter(|(capability, _)| !launchable.offers(capability));
    let missing: Vec<String> = missing
        .map(|(capability, so)| format!("{capability} ({so})"))
        .collect();
    if missing.is_empty() {
        findings.ok("smart.capabilities", "it lists what a launch from a card needs.");
    } else {
        let says = format!("it does not list {}.", missing.join(", "));
        findings.warning(
            "smart.capabilities",
            says,
            "ask the EHR's team whether it is so, or only not listed.",
        );
    }
}

/// Scopes that would be asked for beside those that the tables need, and those that the server lists.
fn scopes(client: &ClientConfig, launchable: &Launchable, said: &Document, findings: &mut Findings<'_>) {
    let remedy_own = "leave `scopes` out, or add them; what is not read is a gap (not-permitted).";
    let unread = launchable.unread();
    if !unread.is_empty() {
        let says = format!(
            "the scopes that will be asked for do not let {} be read.",
            unread.join(", ")
        );
        findings.warning("smart.scopes", says, remedy_own);
    }
    let own = client.smart.as_ref().is_some_and(|smart| smart.scopes.is_some());
    if said.scopes_supported.is_empty() {
        let says = format!(
            "will ask for: {}. The server lists none.",
            launchable.asked.join(" ")
        );
        findings.ok("smart.scopes", says);
        return;
    }
    let listed = |scope: &String| said.scopes_supported.iter().any(|listed| covers(listed, scope));
    let unlisted: Vec<&str> = launchable
        .asked
        .iter()
        .filter(|scope| !listed(scope))
        .map(String::as_str)
        .collect();
    if unlisted.is_empty() {
        findings.ok(
            "smart.scopes",
            format!("will ask for: {}. All are listed.", launchable.asked.join(" ")),
        );
    } else {
        let says = format!(
            "will ask for scopes that the server does not list: {}.",
            unlisted.join(" ")
        );
        let remedy = match own {
            true => "compare `scopes` with the list of the server.",
            false => {
                "ask the EHR's team to allow them for our client id; what is not granted is a gap (not-permitted)."
            }
        };
        findings.warning("smart.scopes", says, remedy);
    }
}

/// Type and access of a scope about records.
fn clinical(scope: &str) -> Option<(&str, &str)> {
    scope.split_once('/')?.1.split_once('.')
}

/// Whether a listed scope is the one asked for, or a wider one.
fn covers(listed: &str, asked: &str) -> bool {
    if listed == asked {
        return true;
    }
    let (Some((context, _)), Some((kind, access))) = (asked.split_once('/'), clinical(asked)) else {
        return false;
    };
    let Some((of, given)) = clinical(listed).filter(|_| listed.starts_with(context)) else {
        return false;
    };
    let enough =
        given == access || given == "*" || access != "read" && access.chars().all(|c| given.contains(c));
    (of == kind || of == "*") && enough
}

fn login(client: &ClientConfig, launchable: &Launchable, said: &Document, findings: &mut Findings<'_>) {
    let Some(smart) = &client.smart else { return };
    let (method, capability) = match smart.login {
        SmartLogin::Public => ("none", "client-public"),
        SmartLogin::Secret(_) => ("client_secret_basic", "client-confidential-symmetric"),
        SmartLogin::Key(_) => ("private_key_jwt", "client-confidential-asymmetric"),
    };
    let methods = &said.token_endpoint_auth_methods_supported;
    if methods.iter().any(|listed| listed == method) || launchable.offers(capability) {
        findings.ok(
            "smart.login",
            format!("it takes clients that prove themselves as ours does ({method})."),
        );
    } else {
        let says =
            format!("it does not list the way in which our client proves itself ({method}, {capability}).");
        findings.warning(
            "smart.login",
            says,
            "compare secret-file or key-file with how the app was registered.",
        );
    }
}

/// Whether identity tokens will be believed: their issuer names itself in the same way, and shows keys.
async fn identity(launchable: &Launchable, asker: &Asker, findings: &mut Findings<'_>) {
    let Some((issuer, keys)) = launchable.identity() else {
        let says = "identity cannot be proven there (sso-openid-connect, issuer and jwks_uri): it will not be asked for.";
        findings.warning(
            "smart.issuer",
            says,
            "ask the EHR's team if the app should know who opened it.",
        );
        return;
    };
    let remedy = "show both to the EHR's team: identity tokens of that issuer would be refused.";
    let address = Url::parse(&format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    ));
    let Some(address) = address
        .ok()
        .filter(|url| url.scheme() == "https" || crate::outbound::is_loopback(url))
    else {
        findings.problem(
            "smart.issuer",
            format!("the issuer {} is no https address.", shown(issuer)),
            remedy,
        );
        return;
    };
    match asker.get(&address, "application/json").await {
        Ok(answer) if answer.status == 200 => {
            let document = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
            let named = document["issuer"].as_str().unwrap_or_default();
            if named == issuer {
                findings.ok(
                    "smart.issuer",
                    format!("the issuer of identity tokens is {}.", shown(issuer)),
                );
            } else {
                let says = format!(
                    "the issuer is {} here and {} in its own document.",
                    shown(issuer),
                    shown(named)
                );
                findings.problem("smart.issuer", says, remedy);
            }
        }
        Ok(answer) => findings.warning("smart.issuer", format!("{address}: {}.", answer.told()), remedy),
        Err(why) => findings.warning(
            "smart.issuer",
            format!("{address} does not answer: {why}."),
            remedy,
        ),
    }
    match asker.get(keys, "application/json").await {
        Ok(answer) if answer.status == 200 => findings.ok("smart.keys", format!("{} answers.", place(keys))),
        Ok(answer) => findings.problem(
            "smart.keys",
            format!("{}: {}.", place(keys), answer.told()),
            remedy,
        ),
        Err(why) => findings.problem(
            "smart.keys",
            format!("{} does not answer: {why}.", place(keys)),
            remedy,
        ),
    }
}

/// Shows our proof to the token endpoint.
async fn proof(survey: &Survey, launchable: &Launchable, public_url: &str, findings: &mut Findings<'_>) {
    let check = "smart.token";
    match survey
        .prove(launchable, &format!("{public_url}/smart/callback"))
        .await
    {
        Reception::Known => {
            findings.ok(
                check,
                "the token endpoint knows our client, and refuses a code that does not exist.",
            );
        }
        Reception::Refused => {
            let says = "the token endpoint does not know our client id or does not take its proof.";
            let remedy = "compare client-id, and secret-file or key-file, with the registration; with a key, can the EHR reach \
                          our /smart/jwks.json?";
            findings.problem(check, says, remedy);
        }
        Reception::Other(status, code) => {
            let code = code.unwrap_or("no error code of OAuth");
            let says = format!(
                "to a code that does not exist the token endpoint answers {status} ({code}), not invalid_grant."
            );
            findings.warning(
                check,
                says,
                "try a launch; if it fails, show this to the EHR's team.",
            );
        }
        Reception::Silent => {
            findings.problem(
                check,
                "the token endpoint does not answer.",
                "check name service and firewall towards it.",
            );
        }
    }
}
