//! The demonstration and the companion app in a real Chromium: what a prescriber clicks, types and prints.
//!
//! `tests/browser/` holds the walks; its programs are installed by npm from its public registry into the build
//! folder, where the screenshots are kept too (`tmp/browser/shots`). Nothing the browser asks for leaves this
//! machine: a request that would is stopped and fails its walk.

use crate::helpers::installed;
use crate::helpers::{Demo, TestApp};
use std::process::{Command, Stdio};

const FILES: [&str; 4] = ["package.json", "package-lock.json", "walk.js", "walks.js"];

#[tokio::test]
async fn the_pages_work_in_chromium() {
    if installed::skipped() {
        return;
    }
    let chromium = installed::program("chromium", &["chromium"]);
    let folder = installed::node_program("browser", &FILES);
    let report = folder.join("report.html");
    let page = stepdown::content::report(None).expect("knowledge that can be told");
    std::fs::write(&report, page).unwrap();
    let demo = Demo::alone().await;
    let token = "an-operator-token-of-forty-characters-00";
    let file = folder.join("token");
    std::fs::write(&file, token).unwrap();
    let journal = "url = 'sqlite:journal.db'\n[operator]\ntoken-file";
    let operated = TestApp::keeping(&format!("{journal} = '{}'", file.display())).await;
    let output = Command::new(installed::program("node", &["nodejs"]))
        .arg(folder.join("walk.js"))
        .env("BASE", demo.base())
        .env("OPERATED", operated.base())
        .env("TOKEN", token)
        .env("CHROMIUM", chromium)
        .env("REPORT", &report)
        .env("SHOTS", folder.join("shots"))
        .stderr(Stdio::inherit())
        .output()
        .expect("the walks start");
    let told = String::from_utf8(output.stdout).unwrap();
    let faults: Vec<&str> = told.lines().filter(|line| !line.starts_with("ok ")).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(output.status.success(), "the walks ended with {}", output.status);
    assert!(told.lines().count() >= 12, "walks are missing: {told}");
}
