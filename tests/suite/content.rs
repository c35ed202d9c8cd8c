//! The knowledge: complete, and every case as expected.

use stepdown::content;

#[test]
fn every_case_of_the_embedded_knowledge_passes() {
    let mut report = Vec::new();
    let passed = content::check::run(None, &mut report).expect("writing to memory");
    assert!(passed, "{}", String::from_utf8_lossy(&report));
}
