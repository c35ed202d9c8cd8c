//! The files of deploy/, before the programs that will read them.

use crate::helpers::app::{HOSPITAL, NOBODY, PUBLIC, settings};
use crate::helpers::{SOON, Stop, TestApp, installed, until};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// The macros that write to the log.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(deploy(path)).unwrap()
}

fn passes(command: &mut Command) {
    let ran = command.output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "{command:?}\n{out}{err}");
}

/// Every query of the alarms and of the dashboard.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("grafana/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut found: Vec<String> = targets.map(|t| t["expr"].as_str().unwrap().to_owned()).collect();
    let mut block = false;
    for line in read("prometheus/alerts.yml").lines() {
        match line.trim().strip_prefix("expr: ") {
            Some("|") => (found.push(String::new()), block = true).1,
            Some(query) => found.push(query.to_owned()),
            None if line.trim().starts_with("for:") || line.trim().starts_with("labels:") => block = false,
            None if block => found.last_mut().unwrap().push_str(line),
            None => {}
        }
    }
    found
}

/// Names of ours in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("cds_")).collect()
}

#[test]
fn every_alarm_has_its_chapter_in_the_runbook() {
    let (alarms, runbook) = (read("prometheus/alerts.yml"), read("runbook.md"));
    let named: Vec<&str> = alarms
        .lines()
        .filter_map(|l| l.trim().strip_prefix("- alert: "))
        .collect();
    assert!(named.len() > 10);
    for alarm in named {
        assert!(runbook.contains(&format!("\n### {alarm}\n")), "{alarm}");
        let link = format!("runbook: deploy/runbook.md#{}", alarm.to_lowercase());
        assert!(alarms.contains(&link), "{link}");
    }
}

#[test]
fn every_event_of_the_program_is_explained_in_the_runbook() {
    fn sources(folder: &Path, found: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let (mut code, runbook) = (String::new(), read("runbook.md"));
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    let mut logged = BTreeSet::new();
    for level in LEVELS {
        for call in code.split(&format!("tracing::{level}!(")).skip(1) {
            let (event, fields) = event_of(call).unwrap_or_else(|| panic!("no event first: {call:.80}"));
            logged.insert((event.clone(), level));
            let row = format!("| `{event}` | {level} | ");
            let row = runbook.lines().find(|line| line.starts_with(&row));
            let row = row.unwrap_or_else(|| panic!("{event} of level {level} is not in the runbook"));
            let told = row.split('|').nth(3).unwrap_or_default();
            for field in fields {
                assert!(
                    told.contains(&format!("`{field}`")),
                    "{event}: {field} is not in the runbook"
                );
            }
        }
    }
    assert!(logged.len() > 10);
    let table = runbook.split("| event | level | fields | says |").nth(1).unwrap();
    let told: BTreeSet<(String, &str)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| {
            let mut cells = line.split('|').map(str::trim);
            let event = cells.next().unwrap().trim_end_matches('`').to_owned();
            (event, cells.next().unwrap())
        })
        .collect();
    assert_eq!(told, logged, "the table and the program");
    for (event, _) in logged {
        let stable = event.split_once('.').is_some_and(|(part, what)| {
            let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            plain(part) && plain(what) && !part.is_empty() && !what.is_empty()
        });
        assert!(stable, "{event} is not part.what-happened");
    }
    assert_eq!(
        code.matches("event = \"").count(),
        LEVELS
            .map(|level| code.matches(&format!("tracing::{level}!(")).count())
            .iter()
            .sum::<usize>(),
        "every event is logged through a macro of this list"
    );
}

/// The event of a call of a logging macro, which comes first, and the names of its fields.
fn event_of(call: &str) -> Option<(String, Vec<String>)> {
    let (event, rest) = call.trim_start().strip_prefix("event = \"")?.split_once('"')?;
    let (mut depth, mut quoted, mut parts) = (0, false, vec![String::new()]);
    for letter in rest.chars() {
        match letter {
            '"' => quoted = !quoted,
            '(' | '[' | '{' | '<' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => break,
            ')' | ']' | '}' | '>' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut()?.push(letter);
    }
    let name = |part: &String| {
        let part = part.trim().trim_start_matches(['%', '?']);
        let name = part
            .split(['=', '.'])
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        (!name.is_empty() && !part.starts_with('"')).then_some(name)
    };
    Some((event.to_owned(), parts.iter().filter_map(name).collect()))
}

#[test]
fn the_alarms_are_read_by_prometheus_and_ring_when_they_should() {
    if installed::skipped() {
        return;
    }
    let promtool = installed::program("promtool", &["prometheus"]);
    passes(
        Command::new(&promtool)
            .args(["check", "rules"])
            .arg(deploy("prometheus/alerts.yml")),
    );
    passes(
        Command::new(&promtool)
            .args(["test", "rules"])
            .arg(deploy("prometheus/alerts_test.yml")),
    );
}

/// Prometheus, killed at the end.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn ask(port: u16, query: &str) -> Option<Value> {
    let mut url = url::Url::parse(&format!("http://127.0.0.1:{port}/api/v1/query")).unwrap();
    url.query_pairs_mut().append_pair("query", query);
    let answer = crate::helpers::app::http().get(url).send().await.ok()?;
    serde_json::from_str(&answer.text().await.ok()?).ok()
}

#[tokio::test]
async fn a_real_prometheus_scrapes_the_service_and_answers_every_query() {
    if installed::skipped() {
        return;
    }
    let prometheus = installed::program("prometheus", &["prometheus"]);
    let app = TestApp::with("http://127.0.0.1:9/fhir", "[admin]\nlisten = '127.0.0.1:0'", "").await;
    let stop = Stop::tacrolimus().with_kidney_transplant().request();
    assert_eq!(app.trusted_ehr().hook(&stop).await.status, 200);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let rules = deploy("prometheus/alerts.yml");
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\nscrape_configs:\n  \
         - job_name: stepdown\n    static_configs: [{{targets: ['{}']}}]\n",
        rules.display(),
        app.admin_address()
    );
    std::fs::write(&config, text).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = Command::new(prometheus)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--log.level=error")
        .spawn();
    let _running = Prometheus(child.unwrap());
    let look = async || {
        let found = ask(port, "up{job=\"stepdown\"} == 1 and on () cds_heartbeat_ok == 1").await?;
        let scraped = found["data"]["result"].as_array().is_some_and(|r| !r.is_empty());
        scraped.then_some(found)
    };
    let scraped = until(SOON, "a scrape of the service", look).await;
    assert_eq!(scraped["status"], "success");
    let metrics = app.metrics().await;
    for query in queries() {
        let answer = ask(port, &query).await.unwrap();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        for name in names(&query) {
            let base = ["_bucket", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let known = |name: &str| metrics.contains(&format!("# TYPE {name} "));
            assert!(known(name) || base.is_some_and(known), "{name} in {query}");
        }
    }
    let alerts = ask(port, "ALERTS{alertstate=\"firing\"}").await.unwrap();
    assert_eq!(alerts["data"]["result"].as_array().unwrap().len(), 0, "{alerts}");
}

#[test]
fn the_unit_is_one_that_systemd_reads() {
    if installed::skipped() {
        return;
    }
    let analyze = installed::program("systemd-analyze", &["systemd"]);
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("stepdown.service");
    let text = read("embedded/stepdown.service");
    let here = text.replace("/usr/local/bin/stepdown", env!("CARGO_BIN_EXE_stepdown"));
    assert_ne!(text, here);
    std::fs::write(&unit, here).unwrap();
    let ran = Command::new(analyze)
        .args(["verify", "--man=no"])
        .arg(&unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("stepdown.service"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}

#[test]
fn the_manifests_keep_to_the_schemas_of_kubernetes() {
    if installed::skipped() {
        return;
    }
    let python = installed::program("python3", &["python3", "python3-pip"]);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubernetes-validate-1.37.0");
    if !folder.join("bin").is_dir() {
        passes(
            Command::new(&python)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--target",
                ])
                .arg(&folder)
                .arg("kubernetes-validate==1.37.0"),
        );
    }
    let mut validate = Command::new(&python);
    validate.env("PYTHONPATH", &folder);
    validate.args(["-m", "kubernetes_validate", "--strict", "--quiet", "-k", "1.33"]);
    let kustomization = read("scale-out/kustomization.yaml");
    for entry in std::fs::read_dir(deploy("scale-out")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "kustomization.yaml" {
            continue;
        }
        let applied = kustomization.contains(&format!("- {name}\n"));
        assert!(applied || name == "secret.example.yaml", "{name} is not applied");
        validate.arg(path);
    }
    passes(&mut validate);
}

#[test]
fn the_settings_of_the_secret_are_settings() {
    let text = read("scale-out/secret.example.yaml");
    let settings = text.split("settings.toml: |\n").nth(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    std::fs::write(folder.path().join("keys/hospital.json"), "{}").unwrap();
    let config = stepdown::config::Config::from_toml(settings, folder.path()).unwrap();
    assert_eq!(config.admin.unwrap().port(), 9464);
}

/// Runs a script of deploy/ in a folder; what it printed.
fn script(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("sh");
    let ran = command
        .arg(deploy(name))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_token_of_the_script_for_trials_is_taken() {
    if installed::skipped() {
        return;
    }
    installed::program("openssl", &["openssl"]);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_owned();
    script("test-token.sh", &at, &["key", "test"]);
    let settings = settings(&at, NOBODY, "", "").replacen("hospital.json", "test.jwks.json", 1);
    let app = TestApp::on(folder, &settings).await;
    let path = app.path("medication-discontinue");
    let address = format!("{PUBLIC}{path}");
    let token = script("test-token.sh", &at, &["sign", "test.key", HOSPITAL, &address]);
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    let call = app.call(Method::POST, &path).bearer_auth(token);
    let call = call
        .header("content-type", "application/json")
        .body(request.to_string());
    assert_eq!(call.send().await.unwrap().status(), 200);
}
