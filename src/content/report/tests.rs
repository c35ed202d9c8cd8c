use super::report;
use crate::content::load::{embedded, files};
use std::path::Path;

fn page() -> String {
    report(None).unwrap()
}

#[test]
fn every_row_sign_agent_and_source_stands_on_the_page() {
    let (page, knowledge) = (page(), embedded().unwrap());
    for withdrawal in &knowledge.withdrawals {
        for rule in crate::content::coverage::rows(withdrawal) {
            assert!(page.contains(&format!("<article id=\"{rule}\">")), "{rule}");
        }
    }
    for signal in &knowledge.signals {
        assert!(
            page.contains(&format!("<code>{}</code>", signal.name)),
            "{}",
            signal.name
        );
    }
    for agent in &knowledge.agents {
        assert!(
            page.contains(&format!("<article id=\"agent-{}\">", agent.key)),
            "{}",
            agent.key
        );
    }
    for source in &knowledge.sources {
        assert!(
            page.contains(&format!("href=\"{}\"", source.url.replace('&', "&#38;"))),
            "{}",
            source.url
        );
    }
}

#[test]
fn every_link_within_the_page_has_a_target() {
    let page = page();
    for part in page.split("href=\"#").skip(1) {
        let target = part.split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
    }
}

#[test]
fn every_case_stands_on_the_page_with_its_answer() {
    let page = page();
    let cases = files(None).unwrap();
    let cases = cases.iter().filter(|(path, _)| path.contains("/cases/")).count();
    assert!(cases > 0);
    assert_eq!(page.matches("<details class=\"case\"").count(), cases);
}

#[test]
fn a_folder_that_is_refused_has_no_page() {
    assert!(report(Some(Path::new("/nowhere"))).is_err());
}
