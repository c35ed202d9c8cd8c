//! The proxy of deploy/ before the service, as nginx runs it.

use crate::helpers::certificates::Authority;
use crate::helpers::{SOON, Stop, TestApp, installed, until};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};

/// nginx, killed at the end.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The site of deploy/ with the paths and ports of this test, and nothing else changed.
fn site(folder: &Path, port: u16, service: &str) -> String {
    let site = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/proxy/nginx.conf"));
    let at = folder.display();
    let mut site = site.unwrap();
    for (theirs, ours) in [
        ("127.0.0.1:8080", service.to_owned()),
        ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
        ("/etc/ssl/cds.hospital.example.pem", format!("{at}/server.pem")),
        (
            "/etc/ssl/private/cds.hospital.example.key",
            format!("{at}/server.key"),
        ),
        ("/var/log/nginx/stepdown.log", format!("{at}/access.log")),
        ("/var/log/nginx/stepdown-error.log", format!("{at}/error.log")),
    ] {
        assert_eq!(site.matches(theirs).count(), 1, "{theirs}");
        site = site.replace(theirs, &ours);
    }
    site
}

#[tokio::test]
async fn a_call_goes_through_the_proxy_and_no_query_into_its_logs() {
    if installed::skipped() {
        return;
    }
    let nginx = installed::program("nginx", &["nginx-light"]);
    let (app, authority, folder) = (
        TestApp::spawn().await,
        Authority::new(),
        tempfile::tempdir().unwrap(),
    );
    authority.equips(folder.path());
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let site = site(folder.path(), port, app.base().trim_start_matches("http://"));
    std::fs::write(folder.path().join("site.conf"), site).unwrap();
    let at = folder.path().display();
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {at}/{of};"));
    let all = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/main.log; events {{}}\n\
         http {{ {} include {at}/site.conf; }}\n",
        temporary.join(" ")
    );
    let config = folder.path().join("nginx.conf");
    std::fs::write(&config, all).unwrap();
    let start = |more: &[&str]| {
        let mut command = Command::new(&nginx);
        command
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&config)
            .args(more);
        command
    };
    let tested = start(&["-t"]).output().unwrap();
    assert!(
        tested.status.success(),
        "{}",
        String::from_utf8_lossy(&tested.stderr)
    );
    let _running = Nginx(start(&[]).spawn().unwrap());
    let (client, outside) = (authority.trusting(None), format!("https://127.0.0.1:{port}"));
    let alive = async || client.get(format!("{outside}/livez")).send().await.ok();
    until(SOON, "the proxy", alive).await;

    let request = Stop::tacrolimus().with_kidney_transplant().request();
    let path = app.path("medication-discontinue");
    let call = client
        .post(format!("{outside}{path}"))
        .bearer_auth(app.trusted_ehr().token(&path))
        .header("content-type", "application/json");
    let answer = call.body(request.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));
    assert!(answer.text().await.unwrap().contains("\"cards\":[{"));
    let refused = client
        .post(format!("{outside}{path}"))
        .header("content-type", "application/json");
    assert_eq!(
        refused.body(request.to_string()).send().await.unwrap().status(),
        401
    );

    drop(app);
    let callback = format!("{outside}/smart/callback?code=canary-code&state=canary-state");
    let gone = async || {
        let status = client.get(&callback).send().await.unwrap().status();
        (status == 502).then_some(())
    };
    until(SOON, "a proxy that finds nobody behind it", gone).await;
    let log = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    // The proxy writes a line when the answer has left.
    let told = async || {
        log("access.log")
            .contains("\"GET /smart/callback\" 502")
            .then_some(())
    };
    until(SOON, "the line of the lost callback", told).await;
    for name in ["access.log", "error.log", "main.log"] {
        let said = log(name);
        assert!(!said.contains("canary"), "{name}: {said}");
    }
}
