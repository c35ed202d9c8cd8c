//! Settings that load, and one refusal for each rule with the line that it names.

use std::path::Path;

use super::*;

const CLIENT: &str =
    "[[client]]\nname='a'\nissuer='https://a'\njwks-url='https://a/jwks'\nfhir-base='https://a/r4//'\n";
const JOURNAL: &str = "[journal]\nurl='sqlite:data/j.db'\n";

fn read(text: &str) -> Result<Config, ConfigError> {
    Config::from_toml(text, Path::new("/srv/site"))
}

fn refusal(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn the_documented_example_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/settings.default.toml");
    let config = Config::load(&path).unwrap();
    assert_eq!(config.public_url.as_deref(), Some("https://cds.hospital.example"));
    assert_eq!(
        config.clients[0].jku.as_deref(),
        Some("https://ehr.hospital.example/.well-known/jwks.json")
    );
}

#[test]
fn every_key_that_the_example_comments_out_is_a_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/settings.default.toml");
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certified(4094);
    for (name, content) in [
        ("keys/hospital.json", "{}"),
        (
            "codes/hospital.csv",
            "system,code,maps-to-system,maps-to-code\nurn:l,1,urn:p,2\n",
        ),
        ("hooks/x", ""),
        ("secrets/smart", "s"),
        ("keys/smart.pem", "k"),
        ("keys/server.pem", &certificate),
        ("keys/server.key", &key),
        ("keys/clients.pem", &certificate),
        ("keys/own.pem", &certificate),
        ("keys/own.key", &key),
        ("keys/hospital-ca.pem", &certificate),
        ("keys/database-password", "canary\n"),
        ("keys/collector-headers", "authorization: Bearer canary\n"),
        ("keys/operator-token", "0123456789abcdef0123456789abcdef\n"),
        ("keys/a-reviewer", "0123456789abcdef0123456789abcdeg\n"),
    ] {
        std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let shown: Vec<String> = std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(uncommented)
        .collect();
    let text = shown
        .join("\n")
        .replace("jwks-url = ", "#")
        .replace("sqlite:stepdown.db", "postgres://stepdown@db.example/journal")
        .replace("secret-file = ", "#");
    let config = Config::from_toml(&text, folder.path()).unwrap();
    assert_eq!(config.workers, Some(2));
    let client = &config.clients[0];
    assert_eq!(client.codes.len(), 1);
    assert_eq!(client.shows.suggestions, Shows::default().suggestions);
    assert_eq!(client.shows.links.as_deref().map(<[String]>::len), Some(2));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(client.breaker, BreakerConfig::default());
    assert_eq!(client.practice.silent.len(), 2);
    assert!(config.tls.is_some() && client.tls.is_some());
    let names: Vec<&str> = config.operators.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["operator", "a.reviewer"]);
    let capture = config.capture.unwrap();
    assert_eq!((capture.days, capture.max_bytes), (14, 512_000_000));
    let traces = config.traces.unwrap();
    assert_eq!(traces.headers[0].0, "authorization");
    assert!(!format!("{traces:?}").contains("canary"));
    assert_eq!(config.journal.when_unavailable, WhenUnavailable::Refuse);
}

/// A certificate that ends with a year, and its key, as PEM.
fn certified(year: i32) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(year, 12, 31);
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A commented setting without its `# `; prose stays a comment.
fn uncommented(line: &str) -> String {
    let bare = line.strip_prefix("# ").unwrap_or(line);
    let is_setting =
        bare.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) || bare.starts_with('[');
    if is_setting {
        bare.to_owned()
    } else {
        line.to_owned()
    }
}

#[test]
fn defaults_and_normal_forms() {
    let config = read(&format!("{JOURNAL}{CLIENT}")).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url, None);
    assert_eq!(config.max_body_bytes, 8_388_608);
    assert_eq!(config.journal.address.to_string(), "sqlite:/srv/site/data/j.db");
    assert_eq!(config.journal.retention_days, 400);
    let client = &config.clients[0];
    assert_eq!(client.fhir_base.as_str(), "https://a/r4/");
    assert_eq!(client.deadline, Duration::from_secs(2));
    assert_eq!(
        client.algorithms,
        [SignatureAlgorithm::ES384, SignatureAlgorithm::RS384]
    );
    assert_eq!(client.max_token_life, Duration::from_secs(900));
}

#[test]
fn a_refusal_names_line_and_key() {
    let cases: &[(&str, String, &str)] = &[
        (
            "unknown key",
            format!("lisn='x'\n{JOURNAL}{CLIENT}"),
            "settings:1: `lisn`",
        ),
        (
            "wrong type",
            format!("\nlisten=8080\n{JOURNAL}{CLIENT}"),
            "settings:2: `listen`",
        ),
        (
            "not an address",
            format!("listen='here'\n{JOURNAL}{CLIENT}"),
            "settings:1: `listen`",
        ),
        (
            "no public address",
            format!("listen='0.0.0.0:80'\n{JOURNAL}{CLIENT}"),
            "`public-url`: is needed",
        ),
        ("no client", JOURNAL.to_owned(), "`client`: at least one"),
        ("no journal", CLIENT.to_owned(), "missing field `journal`"),
        (
            "same name twice",
            format!("{JOURNAL}{CLIENT}{CLIENT}"),
            "settings:9: `name`: another",
        ),
        (
            "same issuer twice",
            format!("{JOURNAL}{CLIENT}{}", CLIENT.replace("name='a'", "name='b'")),
            "settings:10: `issuer`: another",
        ),
        (
            "plain FHIR",
            format!("{JOURNAL}{}", CLIENT.replace("https://a/r4", "http://a/r4")),
            "settings:7: `fhir-base`",
        ),
        (
            "plain keys",
            format!("{JOURNAL}{}", CLIENT.replace("https://a/jwks", "http://a/jwks")),
            "settings:6: `jwks-url`",
        ),
        (
            "password",
            format!("{JOURNAL}{}", CLIENT.replace("https://a/r4", "https://u:p@a/r4")),
            "user name or a password",
        ),
        (
            "query",
            format!(
                "{JOURNAL}{}",
                CLIENT.replace("https://a/r4//", "https://a/r4?x=1")
            ),
            "must not hold a query",
        ),
        (
            "no key file",
            format!(
                "{JOURNAL}{}",
                CLIENT.replace("jwks-url='https://a/jwks'", "jwks-file='k'")
            ),
            "settings:6: `jwks-file`: /srv/site/k",
        ),
        (
            "two key sources",
            format!("{JOURNAL}{CLIENT}jwks-file='k'\n"),
            "keep one",
        ),
        (
            "no key source",
            format!("{JOURNAL}{}", CLIENT.replace("jwks-url='https://a/jwks'", "")),
            "needs jwks-file or jwks-url",
        ),
        (
            "symmetric algorithm",
            format!("{JOURNAL}{CLIENT}algorithms=['HS256']\n"),
            "settings:8: `algorithms`: unknown variant `HS256`",
        ),
        (
            "no algorithm",
            format!("{JOURNAL}{CLIENT}algorithms=[]\n"),
            "no token could be accepted",
        ),
        (
            "no extension",
            format!("{JOURNAL}{CLIENT}stop-triggers={{extension=' ',codes=['1']}}\n"),
            "settings:8: `stop-triggers`: names no extension",
        ),
        (
            "no trigger",
            format!("{JOURNAL}{CLIENT}stop-triggers={{extension='x',codes=[]}}\n"),
            "`stop-triggers`: needs codes",
        ),
        (
            "no time",
            format!("{JOURNAL}{CLIENT}deadline-ms=0\n"),
            "`deadline-ms`: must lie between 1 and 60000",
        ),
        (
            "another engine",
            CLIENT.to_owned() + "[journal]\nurl='mysql://h/d'\n",
            "settings:7: `url`: must be sqlite:PATH or postgres://USER@HOST/DATABASE",
        ),
        (
            "no password file",
            CLIENT.to_owned() + "[journal]\nurl='postgres://u@h/d'\npassword-file='nowhere'\n",
            "settings:8: `password-file`: ",
        ),
        (
            "a password for a file",
            format!("{JOURNAL}password-file='x'\n{CLIENT}"),
            "`password-file`: is for postgres only",
        ),
        (
            "no operator's token",
            format!("{JOURNAL}{CLIENT}[operator]\ntoken-file='nowhere'\n"),
            "`token-file`: ",
        ),
        (
            "an operator's name with a space",
            format!("{JOURNAL}{CLIENT}[operator]\n[[operator.person]]\nname='a b'\ntoken-file='token'\n"),
            "`name`: must be letters",
        ),
        (
            "memory",
            CLIENT.to_owned() + "[journal]\nurl='sqlite::memory:'\n",
            "outlive the process",
        ),
        (
            "no such profile",
            format!("{JOURNAL}{CLIENT}profile='other'\n"),
            "settings:8: `profile`: is none of the profiles: athenahealth, epic, lowest, oracle-health, sandbox",
        ),
        (
            "five cards",
            format!("{JOURNAL}{CLIENT}[client.shows]\nmax-cards=5\n"),
            "settings:9: `max-cards`: must lie between 1 and 4",
        ),
        (
            "a host that only begins like one",
            format!("{JOURNAL}{CLIENT}[client.shows]\nlinks=['https://doi.org']\n"),
            "settings:9: `links`: must begin with https:// and a host",
        ),
        (
            "no such kind",
            format!("{JOURNAL}{CLIENT}[client.shows]\nsuggestions=['all']\n"),
            "settings:9: `suggestions`: unknown variant `all`",
        ),
        (
            "no such country",
            format!("{JOURNAL}{CLIENT}country='fr'\n"),
            "settings:8: `country`: unknown variant `fr`",
        ),
        (
            "no rule",
            format!("silent=['one-part']\n{JOURNAL}{CLIENT}"),
            "settings:1: `silent`: must be drug/table/row",
        ),
        (
            "no rule of a client",
            format!("{JOURNAL}{CLIENT}silent=['a/b/c/d']\n"),
            "settings:8: `silent`: must be drug/table/row",
        ),
        (
            "no such prefetch key",
            format!("{JOURNAL}{CLIENT}[client.prefetch]\nlabs='x'\n"),
            "settings:9: `labs`: is none of our prefetch keys: patient, medications",
        ),
        (
            "no time for a hook",
            format!("{JOURNAL}{CLIENT}[client.deadlines-ms]\norder-sign=0\n"),
            "settings:9: `order-sign`: must lie between 1 and 60000",
        ),
        (
            "no calls",
            format!("{JOURNAL}{CLIENT}[client.rate]\nper-second=0\n"),
            "settings:9: `per-second`: must lie between 1 and",
        ),
        (
            "no burst",
            format!("{JOURNAL}{CLIENT}[client.rate]\nper-second=1\nburst=0\n"),
            "settings:10: `burst`: must lie between 1 and",
        ),
        (
            "no failure",
            format!("{JOURNAL}{CLIENT}[client.breaker]\nfailures=0\n"),
            "settings:9: `failures`: must lie between 1 and",
        ),
        (
            "no pause",
            format!("{JOURNAL}{CLIENT}[client.breaker]\npause-ms=0\n"),
            "settings:9: `pause-ms`: must lie between 1 and",
        ),
        (
            "any origin",
            format!("cors-origins=['*']\n{JOURNAL}{CLIENT}"),
            "settings:1: `cors-origins`: must be an origin",
        ),
        (
            "an address as origin",
            format!("cors-origins=['https://a/']\n{JOURNAL}{CLIENT}"),
            "settings:1: `cors-origins`: must be an origin",
        ),
        (
            "no room",
            format!("max-calls=0\n{JOURNAL}{CLIENT}"),
            "settings:1: `max-calls`: must lie between 1 and",
        ),
        (
            "no time for a head",
            format!("head-timeout-ms=0\n{JOURNAL}{CLIENT}"),
            "settings:1: `head-timeout-ms`: must lie between 1000 and",
        ),
        (
            "no time for a body",
            format!("body-timeout-ms=0\n{JOURNAL}{CLIENT}"),
            "settings:1: `body-timeout-ms`: must lie between 1 and",
        ),
        (
            "no idle time",
            format!("keep-alive-s=0\n{JOURNAL}{CLIENT}"),
            "settings:1: `keep-alive-s`: must lie between 1 and",
        ),
        (
            "no folder",
            format!("knowledge='nowhere'\n{JOURNAL}{CLIENT}"),
            "is not a folder",
        ),
    ];
    for (what, text, expected) in cases {
        let said = refusal(text);
        assert!(said.contains(expected), "{what}: {said}");
    }
}

#[test]
fn plain_http_is_for_this_machine() {
    for host in ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"] {
        let text = format!("{JOURNAL}{CLIENT}").replace("https://a/", &format!("http://{host}:1/"));
        read(&text).unwrap();
    }
    refusal(&format!("{JOURNAL}{CLIENT}").replace("https://a/", "http://localhost.example/"));
}

#[test]
fn local_codes_are_read_and_a_bad_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{JOURNAL}{CLIENT}codes='c.csv'\n");
    let write = |rows: &str| {
        let content = format!("system,code,maps-to-system,maps-to-code\n{rows}");
        std::fs::write(folder.path().join("c.csv"), content).unwrap();
        Config::from_toml(&text, folder.path())
    };
    assert_eq!(
        write("urn:site,1,http://loinc.org,2-2\n").unwrap().clients[0].codes[0].maps_to_code,
        "2-2"
    );
    let said = write("urn:site,1,http://loinc.org,2-2\nurn:site,1\n")
        .unwrap_err()
        .to_string();
    assert!(said.contains("c.csv:3"), "{said}");
}

#[test]
fn a_client_may_announce_stops() {
    let client = |text: &str| {
        read(&format!("{JOURNAL}{CLIENT}{text}"))
            .unwrap()
            .clients
            .remove(0)
    };
    assert_eq!(client("").stop_triggers, None);
    let triggers =
        client("stop-triggers = { extension = 'com.example.trigger', codes = ['23'] }\n").stop_triggers;
    let expected = StopTriggers {
        extension: "com.example.trigger".to_owned(),
        codes: vec!["23".to_owned()],
    };
    assert_eq!(triggers, Some(expected));
}

#[test]
fn a_missing_file_is_named() {
    let said = Config::load(Path::new("/nowhere/s.toml"))
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("/nowhere/s.toml: "), "{said}");
}

#[test]
fn every_profile_is_read_and_single_lines_win_over_it() {
    let profile = |name: &str, own: &str| {
        let text = format!("{JOURNAL}{CLIENT}profile='{name}'\n[client.shows]\n{own}\n");
        read(&text).unwrap().clients.remove(0).shows
    };
    for name in ["epic", "oracle-health", "athenahealth", "sandbox", "lowest"] {
        assert_ne!(profile(name, ""), Shows::default(), "{name}");
    }
    assert_eq!(profile("epic", "").suggestions, [SuggestionKind::Agents]);
    assert_eq!(profile("lowest", "max-cards = 2").max_cards, 2);
    assert!(profile("epic", "suggested-doses = true").suggested_doses);
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (good, expired, other) = (certified(4094), certified(2020), certified(4094));
    for (name, content) in [
        ("good.pem", &good.0),
        ("good.key", &good.1),
        ("expired.pem", &expired.0),
        ("expired.key", &expired.1),
        ("other.key", &other.1),
        ("no.pem", &"text".to_owned()),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let read = |certificate: &str, key: &str, more: &str| {
        let tls = format!("[tls]\ncertificate='{certificate}'\nprivate-key='{key}'\n{more}\n");
        Config::from_toml(&format!("{tls}{JOURNAL}{CLIENT}"), folder.path())
    };
    assert!(read("good.pem", "good.key", "").unwrap().tls.is_some());
    assert!(read("good.pem", "good.key", "client-ca='other.pem'").is_err());
    let shown = |tls: &str| {
        let all = format!("{JOURNAL}{CLIENT}\n[client.tls]\n{tls}\n");
        Config::from_toml(&all, folder.path()).map_err(|error| error.to_string())
    };
    let whole = "certificate='good.pem'\nprivate-key='good.key'\nserver-ca='good.pem'";
    let config = shown(whole).unwrap();
    assert!(config.clients[0].tls.is_some() && !format!("{config:?}").contains("PRIVATE"));
    for (tls, expected) in [
        ("certificate='good.pem'", "`certificate`: needs private-key"),
        ("private-key='good.key'", "`private-key`: needs certificate"),
        (
            "certificate='good.pem'\nprivate-key='other.key'",
            "`private-key`: other.key",
        ),
        ("server-ca='expired.pem'", "expired.pem: expired on"),
    ] {
        let said = shown(tls).unwrap_err();
        assert!(said.contains(expected), "{tls}: {said}");
    }
    for (certificate, key, more, expected) in [
        ("none.pem", "good.key", "", "settings:2: `certificate`: "),
        ("no.pem", "good.key", "", "no.pem: holds no certificate"),
        ("expired.pem", "expired.key", "", "expired.pem: expired on"),
        ("good.pem", "none.key", "", "settings:3: `private-key`: "),
        ("good.pem", "no.pem", "", "no.pem: "),
        (
            "good.pem",
            "other.key",
            "",
            "settings:3: `private-key`: other.key",
        ),
        (
            "good.pem",
            "good.key",
            "client-ca='no.pem'",
            "settings:4: `client-ca`: ",
        ),
    ] {
        let said = read(certificate, key, more).unwrap_err().to_string();
        assert!(said.contains(expected), "{certificate} {key}: {said}");
        assert!(!said.contains("PRIVATE"), "{said}");
    }
}

#[test]
fn a_password_of_the_journal_is_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "canary-file\n").unwrap();
    let journal = "[journal]\nurl='postgres://canary-user:canary-url@db.example:5433/answers?sslmode=disable'\n\
                   password-file='password'\n";
    let config = Config::from_toml(&format!("{journal}{CLIENT}"), folder.path()).unwrap();
    assert_eq!(
        config.journal.address.to_string(),
        "postgres://db.example:5433/answers"
    );
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn operators_are_told_apart_by_name_and_token() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one"), "0123456789abcdef0123456789abcdef").unwrap();
    std::fs::write(folder.path().join("two"), "another-one-of-32-characters-0000").unwrap();
    let read = |name: &str, token: &str| {
        let person = format!("[[operator.person]]\nname='{name}'\ntoken-file='{token}'\n");
        let text = format!("{JOURNAL}{CLIENT}[operator]\ntoken-file='one'\n{person}");
        Config::from_toml(&text, folder.path())
    };
    assert_eq!(read("ward", "two").unwrap().operators.len(), 2);
    for (name, token, says) in [
        ("operator", "two", "`name`: another operator has this name"),
        ("ward", "one", "`token-file`: another operator has this token"),
    ] {
        let said = read(name, token).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
        assert!(!said.contains("0123456789abcdef"), "{said}");
    }
}

#[test]
fn a_collector_gets_no_secret_over_a_line_that_anybody_reads() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("headers"), "x-key: canary\n").unwrap();
    std::fs::write(folder.path().join("broken"), "x-key canary\n").unwrap();
    let read =
        |lines: &str| Config::from_toml(&format!("[traces]\n{lines}\n{JOURNAL}{CLIENT}"), folder.path());
    let plain = "endpoint = 'http://collector.example:4318/v1/traces'\n";
    assert_eq!(read(plain).unwrap().traces.unwrap().sample_ratio, 0.1);
    for (lines, expected) in [
        (
            format!("{plain}headers-file = 'headers'"),
            "settings:2: `endpoint`: must be https",
        ),
        (
            format!("{plain}headers-file = 'broken'"),
            "line 1 is not a header",
        ),
        (
            format!("{plain}sample-ratio = 1.5"),
            "`sample-ratio`: must lie between 0 and 1",
        ),
        (
            "endpoint = 'https://a:canary@b/'".to_owned(),
            "must not hold a user name",
        ),
    ] {
        let said = read(&lines).unwrap_err().to_string();
        assert!(said.contains(expected), "{lines}: {said}");
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn requests_are_kept_only_where_there_is_a_place_and_no_longer_than_the_journal() {
    let kept =
        |top: &str, client: &str| read(&format!("{top}\n{JOURNAL}retention-days = 30\n{CLIENT}{client}"));
    let config = kept("[capture]\nfolder = 'kept'\nmax-mb = 1", "capture = true").unwrap();
    assert!(config.clients[0].captured);
    assert_eq!(config.capture.unwrap().folder, Path::new("/srv/site/kept"));
    assert!(!kept("[capture]\nfolder = 'kept'", "").unwrap().clients[0].captured);
    let said = kept("", "capture = true").unwrap_err().to_string();
    assert!(said.contains("`capture`: needs [capture]"), "{said}");
    let said = kept("[capture]\nfolder = 'kept'\ndays = 31", "")
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("settings:3: `days`: must lie between 1 and 30"),
        "{said}"
    );
}
