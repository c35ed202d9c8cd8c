use super::super::samples::{dec, vocabulary};
use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Option<Vec<String>> {
    let doses = read_dosage_text(text, Some(dec("1")), &vocabulary())?;
    Some(doses.iter().map(|dose| dose.normalize().to_string()).collect())
}

fn says(text: &str, doses: &[&str]) {
    assert_eq!(read(text).unwrap_or_default(), doses, "{text}");
}

#[test]
fn common_instructions_are_read() {
    says("1.5 mg twice daily", &["1.5", "1.5"]);
    says("Take 2 capsules by mouth every 12 hours", &["2", "2"]);
    says("2 mg in the morning and 1 mg in the evening", &["2", "1"]);
    says("1 mg BID", &["1", "1"]);
    says("0.5 mg PO q12h", &["0.5", "0.5"]);
    says("3 caps am, 2 caps pm", &["3", "2"]);
    says("1,5 mg twice daily", &["1.5", "1.5"]);
    says("500 mcg once daily", &["0.5"]);
    says("500 \u{b5}g once daily", &["0.5"]);
    says("Take two capsules twice daily.", &["2", "2"]);
    says("1 mg (1 capsule) 2 times daily", &["1", "1"]);
    says("2 capsules (1 mg each) at bedtime", &["2"]);
    says("Solvane 1 mg oral capsule: take 3 capsules daily", &["3"]);
    says("in the morning 2 mg, in the evening 1 mg", &["2", "1"]);
    says("1 mg twice daily, in the morning and in the evening", &["1", "1"]);
    says("1 mg in the morning and at bedtime", &["1", "1"]);
    says("1 mg once daily at bedtime", &["1"]);
    says(".5 mg bid", &["0.5", "0.5"]);
}

#[test]
fn what_is_no_steady_dose_is_not_read() {
    for text in [
        "",
        "as directed",
        "1-2 mg twice daily",
        "1 to 2 mg twice daily",
        "1 mg or 2 mg daily",
        "0.1 mg/kg daily",
        "0.1 mg per kg daily",
        "0.1 mg / kg daily",
        "1 mg daily as needed",
        "1 mg daily prn",
        "taper: 2 mg daily",
        "2 mg daily then 1 mg daily",
        "1 mg every other day",
        "2 mg twice daily for 7 days",
        "2 mg",
        "twice daily",
        "2 twice daily",
        "1,000 mg daily",
        "0 mg daily",
        "-1 mg daily",
        "5 mg/mL 2 mL daily",
        "0.1 % apply daily",
        "take one to two capsules daily",
        "2 mg daily 1 mg daily",
        "1 mg bid, 2 mg at bedtime",
        "max 2 mg daily",
        "2 mg twice daily in the morning",
        "\u{bd} tablet daily",
        "1/2 tablet daily",
        "9999999999999999999999999999999999 g daily",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
    assert_eq!(read_dosage_text("2 capsules daily", None, &vocabulary()), None);
}

#[test]
fn the_strength_of_a_product_stands_in_its_text() {
    assert_eq!(strength_in("Solvane 1 MG Oral Capsule [X]"), Some(dec("1")));
    assert_eq!(strength_in("Solvane 500 mcg tab"), Some(dec("0.5")));
    assert_eq!(strength_in("Solvane 0.5 MG/ML suspension"), None);
    assert_eq!(strength_in("Solvane 1 mg / 2 mg"), None);
    assert_eq!(strength_in("Solvane 0.1 % ointment"), None);
    assert_eq!(strength_in("B12 mg"), None);
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC{0,80}") {
        let _ = read_dosage_text(&text, Some(Decimal::MAX), &vocabulary());
        let _ = strength_in(&text);
        let _ = times_in(&text, &vocabulary());
    }

    #[test]
    fn any_mixture_of_dosage_words_is_survived_and_positive(words in prop::collection::vec(
        prop::sample::select(vec!["1", "mg", "2.5", "capsule", "and", "daily", "bid", "am", "-", "/", "one", ",", "\u{b5}g", "99999999999999999999999999999"]), 0..12)
    ) {
        let doses = read_dosage_text(&words.join(" "), Some(dec("0.5")), &vocabulary()).unwrap_or_default();
        prop_assert!(doses.iter().all(|dose| *dose > Decimal::ZERO) && doses.len() <= 24);
    }
}
