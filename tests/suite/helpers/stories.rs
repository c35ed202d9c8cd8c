//! A dozen patients of all kinds, for the properties that hold for each of them.

use super::resources::*;
use super::{Stop, days_ago};

/// Their names and charts.
pub fn stories() -> Vec<(&'static str, Stop)> {
    vec![
        ("active lupus nephritis", lupus().with_upcr("2.1", "g/g", 7)),
        ("stable lupus nephritis", lupus().with_upcr("0.3", "g/g", 7)),
        ("quiescent lupus nephritis", quiescent()),
        (
            "two drugs at once",
            lupus().with_upcr("0.3", "g/g", 7).stopping_also("mmf-1"),
        ),
        ("pregnant with lupus nephritis", pregnant()),
        (
            "extrarenal lupus",
            Stop::tacrolimus().with_condition("sle-1", "M32.9", "Systemic lupus erythematosus", 2000),
        ),
        (
            "kidney transplant, one problem says so",
            Stop::tacrolimus().with_kidney_transplant(),
        ),
        ("liver transplant, one procedure says so", liver_transplant()),
        (
            "kidney transplant behind lupus",
            lupus().with_upcr("0.2", "g/g", 7).with_kidney_transplant(),
        ),
        ("thrombotic microangiopathy", microangiopathy()),
        ("toxic level", lupus().with_trough("31", "ng/mL", 1)),
        (
            "held without a date",
            lupus().with_upcr("0.3", "g/g", 7).held(None),
        ),
        (
            "held with a date",
            lupus().with_upcr("0.3", "g/g", 7).held(Some(10)),
        ),
        ("switch to too much", switch("6")),
        ("switch in range", switch("2.5")),
        (
            "autoimmune hepatitis",
            Stop::tacrolimus().in_autoimmune_hepatitis(),
        ),
        (
            "membranous nephropathy",
            Stop::tacrolimus()
                .with_condition("mn-1", "N04.21", "Primary membranous nephropathy", 700)
                .with_upcr("0.2", "g/g", 7),
        ),
        (
            "minimal change disease",
            Stop::tacrolimus().with_condition("mcd-1", "N04.0", "Minimal change disease", 400),
        ),
        (
            "myasthenia gravis after a crisis",
            Stop::tacrolimus().with_condition("mg-1", "G70.01", "Myasthenia gravis in crisis", 400),
        ),
        ("indication unknown", Stop::tacrolimus()),
    ]
}

/// The chart of that name.
pub fn story(name: &str) -> Stop {
    stories()
        .into_iter()
        .find(|(of, _)| *of == name)
        .map(|(_, stop)| stop)
        .expect("a story of that name")
}

fn lupus() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis()
}

/// Everything that the milder advice asks for is on record.
fn quiescent() -> Stop {
    let chart = Stop::tacrolimus_for(1900)
        .in_lupus_nephritis()
        .with_upcr("0.1", "g/g", 7);
    let screens = [
        ("hbsag-1", "5196-1"),
        ("hbc-1", "13952-7"),
        ("hcv-1", "13955-0"),
        ("hiv-1", "56888-1"),
    ];
    screens.into_iter().fold(chart, |chart, (id, loinc)| {
        chart.with_screen(finding(id, loinc, "NEG", &days_ago(300)))
    })
}

fn pregnant() -> Stop {
    let chart = lupus().with_upcr("0.3", "g/g", 7);
    chart.with_result(finding("hcg-1", "2118-8", "POS", &days_ago(3)))
}

fn liver_transplant() -> Stop {
    let done = procedure("ltx-1", "18027006", "Transplantation of liver", &days_ago(500));
    Stop::tacrolimus().with_procedure(done)
}

fn microangiopathy() -> Stop {
    let at = days_ago(1);
    lupus()
        .with_upcr("0.3", "g/g", 7)
        .with_result(lab_between(
            "platelets-2",
            "777-3",
            "62",
            "10*9/L",
            &at,
            [150.0, 400.0],
        ))
        .with_result(lab_between("ldh-1", "2532-0", "760", "U/L", &at, [120.0, 250.0]))
        .with_result(lab_between(
            "haptoglobin-1",
            "4542-7",
            "8",
            "mg/dL",
            &at,
            [30.0, 200.0],
        ))
        .with_result(finding("schistocytes-1", "800-3", "POS", &at))
}

fn switch(mg: &str) -> Stop {
    let draft = order(
        "tac-2",
        "draft",
        ENVARSUS_1_MG,
        (mg.parse().unwrap(), 1),
        &days_ago(0),
    );
    lupus().with_upcr("0.3", "g/g", 7).drafting(draft)
}
