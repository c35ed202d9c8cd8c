//! Every way in which tables are refused: one change of the invented drug's tables each, and the words
//! with file and line that its author reads.

use super::files::Files;
use super::load::load;
use super::load_tests::toy;

/// File, what is replaced in it (its first occurrence), by what, and the problem that is reported.
type Broken = (&'static str, &'static str, &'static str, &'static str);

const DRUG: &str = "withdrawals/placidone/";

#[rustfmt::skip] // one row a line reads as the table that it is
const BROKEN: &[Broken] = &[
    // Names.
    ("W/gates.toml", r#"when = "local""#, r#"when = "locale""#, "toy/W/gates.toml:3: there is no signal 'locale'"),
    ("W/gates.toml", r#"when = "local""#, r#"when = "not locale""#, "toy/W/gates.toml:3: there is no signal 'locale'"),
    ("W/right-to-stop.toml", r#"["itself", "calmer"]"#, r#"["itself", "calmers"]"#, "toy/W/right-to-stop.toml:8: there is no ingredient or class 'calmers'"),
    ("W/right-to-stop.toml", r#"["itself", "calmer"]"#, r#"["itself", "calmer", "not calmers"]"#, "toy/W/right-to-stop.toml:8: there is no ingredient or class 'calmers'"),
    ("W/signals.toml", r#"continues = ["cover"]"#, r#"continues = ["cover", "not serenamide"]"#, "toy/W/signals.toml:22: nothing is left of this set of drugs"),
    ("W/right-to-stop.toml", r#"tests = ["placidone-level"]"#, r#"tests = ["level"]"#, "toy/W/right-to-stop.toml:16: there is no analyte 'level'"),
    ("W/right-to-stop.toml", r#"text = "toxic""#, r#"text = "tonic""#, "toy/W/right-to-stop.toml:6: there is no text 'tonic'"),
    ("W/indications/restless-kidney.toml", r#""toy-trial-2024"]"#, r#""toy-trial-2023"]"#, "toy/W/indications/restless-kidney.toml:12: there is no source 'toy-trial-2023'"),
    ("W/indications/restless-kidney.toml", r#"evidence = ["restless-kidney"]"#, r#"evidence = ["restful-kidney"]"#, "toy/W/indications/restless-kidney.toml:3: there is no group 'restful-kidney'"),
    ("W/indications/restless-kidney.toml", r#"key = "serenamide""#, r#"key = "serenity""#, "toy/W/indications/restless-kidney.toml:65: there is no agent 'serenity'"),
    ("agents/serenamide.toml", r#"ingredient = "serenamide""#, r#"ingredient = "serenity""#, "toy/agents/serenamide.toml:2: there is no ingredient 'serenity'"),
    ("agents/serenamide.toml", r#"need = "hepatitis-c""#, r#"need = "sleepwort""#, "toy/agents/serenamide.toml:14: 'sleepwort' is not the name of a gap"),
    ("terms/analytes.toml", "need = \"hepatitis-c\"", "", "toy/terms/analytes.toml: the gap of 'sleepwort' would be called 'sleepwort', which is no name of a gap"),
    ("texts/en.toml", "\"need.hiv\"", "\"need.sleepwort\" = \"sleep\"\n\"need.hiv\"", "toy/texts/en.toml: the contract has no need for the phrase 'need.sleepwort'"),
    ("W/drug.toml", r#"ingredient = "placidone""#, r#"ingredient = "placid""#, "toy/W/drug.toml:1: there is no ingredient 'placid'"),
    ("W/drug.toml", r#"to = "slow-tablet""#, r#"to = "tablet""#, "toy/W/drug.toml:28: there is no formulation 'tablet'"),
    ("W/products.csv", ",slow-tablet,", ",tablet,", "toy/W/products.csv:6: the formulation 'tablet' is not in drug.toml"),
    ("terms/labs.csv", ",calm,,", ",calmness,,", "toy/terms/labs.csv:3: the analyte 'calmness' is not in analytes.toml"),
    ("terms/labs.csv", "http://loinc.org", "LOINC", "toy/terms/labs.csv:2: the system 'LOINC' is not in systems.toml"),
    ("terms/drugs.csv", "73,Serenamide 250 mg tablet,serenamide", "73,Serenamide 250 mg tablet,serenity", "toy/terms/drugs.csv:3: the ingredient 'serenity' is not in ingredients.toml"),
    // Keys and forms.
    ("W/gates.toml", "silent", "quiet", "toy/W/gates.toml:4: unknown field `quiet`, expected one of `row`, `when`, `silent`, `topic`, `indicator`, `warn`, `text`, `unsure`, `evidence`, `sources`, `right-first`"),
    ("W/gates.toml", r#"topic = "hold-and-restart""#, "", "toy/W/gates.toml:7: a gate has 'silent'; or 'topic' and 'indicator', or 'warn', each with text, evidence and sources"),
    ("W/gates.toml", r#"row = "held-with-date""#, r#"row = "local-product""#, "toy/W/gates.toml:7: the row 'local-product' is listed twice"),
    ("W/gates.toml", r#"when = "held-with-date""#, r#"when = "local""#, "toy/W/gates.toml:8: the row 'held-with-date' is never reached: 'local-product' has the same condition"),
    ("W/gates.toml", r#"when = "held-with-date""#, r#"when = "always""#, "toy/W/gates.toml:8: 'always' stands only in the last row of a table of hazards, and in notes"),
    ("W/gates.toml", r#"when = "local""#, r#"when = { at-least = 2, of = ["local"] }"#, "toy/W/gates.toml:3: 'at-least = 2' of 1 says nothing"),
    ("W/gates.toml", r#"when = "local""#, "when = { any = [] }", "toy/W/gates.toml:3: the list is empty"),
    ("W/signals.toml", r#"hold = "with-date""#, "", "toy/W/signals.toml:28: 'held-with-date' has no form"),
    ("W/signals.toml", r#"hold = "with-date""#, "hold = \"with-date\"\nwithin = \"7 d\"", "toy/W/signals.toml:28: 'held-with-date' has keys of another form: within"),
    ("W/signals.toml", r#"within = "7 d""#, "", "toy/W/signals.toml:36: 'level-toxic' needs 'within'"),
    ("W/signals.toml", r#"above = "20 ng/mL""#, "", "toy/W/signals.toml:36: 'level-toxic' needs exactly one test"),
    ("W/signals.toml", r#"within = "7 d""#, r#"within = "7 days""#, "toy/W/signals.toml:40: '7 days' is not a duration (30 d, 8 wk, 36 mo, 3 a)"),
    ("W/signals.toml", r#"any = ["fret-high", "fret-risen"]"#, r#"any = ["fret-high", "fretful"]"#, "toy/W/signals.toml:16: the signal asks itself: fretful > fretful"),
    ("source-attributes.toml", "code = \"race\"", "code = \"language\"", "toy/source-attributes.toml: the attribute 'race' has to stand here once"),
    ("signals.toml", "age = { below = 18 }", r#"not = "fret-high""#, "toy/signals.toml:3: there is no signal 'fret-high'"),
    // Numbers and units.
    ("W/signals.toml", "20 mg/L", "20", "toy/W/signals.toml:1: '20' has no unit"),
    ("W/signals.toml", "\"20 mg/L\"", "20", "toy/W/signals.toml:1: '20' has no unit"),
    ("W/signals.toml", "20 mg/L", "20 g/L", "toy/W/signals.toml:1: 'fret' does not know the unit 'g/L'"),
    ("W/signals.toml", r#"source = "toy-guideline-2025""#, "", "toy/W/signals.toml:1: 'fret-high' is surer than opinion and names no source"),
    ("signals.toml", r#"is = ["positive"]"#, r#"above = "1""#, "toy/signals.toml:16: 'sleepwort' is a coded result and has no numbers"),
    ("terms/analytes.toml", "/ 10", "tenth", "toy/terms/analytes.toml:4: 'tenth' is not a factor (A, / B, A / B)"),
    ("terms/analytes.toml", r#"unit = "U/L""#, "", "toy/terms/analytes.toml:9: has no unit and is not coded"),
    ("terms/analytes.toml", "0 to 50", "50 to 0", "toy/terms/analytes.toml:5: '50 to 0' is not a range (0 to 100)"),
    ("repeats.toml", "hours = 24", "hours = 25", "toy/repeats.toml:5: from 0 to 24 hours"),
    ("repeats.toml", r#""opinion""#, r#""guideline""#, "toy/repeats.toml:7: what is more than an opinion names its source"),
    ("repeats.toml", r#""opinion""#, "\"guideline\"\nsource = \"somewhere\"", "toy/repeats.toml:8: there is no source 'somewhere'"),
    // Tables of hazards.
    ("W/indications/unknown.toml", r#"when = "always""#, r#"when = "fretful""#, "toy/W/indications/unknown.toml: the table of hazards has no last row with when = \"always\""),
    ("W/indications/unknown.toml", r#"indicator = "warning""#, r#"indicator = "info""#, "toy/W/indications/unknown.toml:8: the row for always is at least a warning"),
    ("W/indications/restless-kidney.toml", r#"when = { all = ["fretful", "not child"] }"#, r#"when = "always""#, "toy/W/indications/restless-kidney.toml:15: the row 'calm' comes after the one for always"),
    ("W/indications/restless-kidney.toml", r#"row = "calm""#, r#"row = "fretful""#, "toy/W/indications/restless-kidney.toml:15: the row 'fretful' is listed twice"),
    ("W/indications/restless-kidney.toml", r#"when = { at-least = 2, of = ["long", "covered", "fret-low"] }"#, r#"when = { all = ["not child", "fretful"] }"#, "toy/W/indications/restless-kidney.toml:16: the row 'calm' is never reached: 'fretful' has the same condition"),
    ("W/indications/restless-kidney.toml", r#"sources = ["toy-guideline-2025", "toy-trial-2024"]"#, "sources = []", "toy/W/indications/restless-kidney.toml:12: a statement has at least one source"),
    ("W/indications/restless-kidney.toml", r#"cut = "25 %""#, r#"cut = "125 %""#, "toy/W/indications/restless-kidney.toml:40: '125 %' is not a part of the dose (25 %)"),
    ("W/indications/restless-kidney.toml", r#"cut = "25 %""#, "cut = \"25 %\"\nuntil = \"50 %\"", "toy/W/indications/restless-kidney.toml:40: 'until' (a share of the dose at the start) and 'hold' (how long) need each other"),
    ("W/indications/restless-kidney.toml", r#"cut = "25 %""#, "cut = \"25 %\"\nuntil = \"half\"\nhold = \"12 mo\"", "toy/W/indications/restless-kidney.toml:41: 'half' is not a part of the dose (25 %)"),
    ("W/indications/restless-kidney.toml", r#"cut = "25 %""#, "cut = \"25 %\"\nuntil = \"50 %\"\nhold = \"12 mo\"\nover = \"9 mo\"", "toy/W/indications/restless-kidney.toml:43: 'over' and 'hold' do not go together"),
    ("W/indications/restless-kidney.toml", r#"cut = "25 %""#, "cut = \"25 %\"\nwhen = \"fretful\"", "toy/W/indications/restless-kidney.toml:41: [taper] is the usual one: 'when' stands in [[taper-instead]]"),
    ("W/indications/restless-kidney.toml", "[taper]", "[[taper-instead]]", "toy/W/indications/restless-kidney.toml: [[taper-instead]] needs a [taper] that it replaces"),
    ("W/indications/restless-kidney.toml", "[taper]", "[[taper-instead]]", "toy/W/indications/restless-kidney.toml:40: [[taper-instead]] needs 'when'"),
    ("W/indications/restless-kidney.toml", r#"every = "14 d""#, r#"every = "0 d""#, "toy/W/indications/restless-kidney.toml:42: a step takes at least a day"),
    ("W/indications/restless-kidney.toml", r#"kind = "disease""#, r#"kind = "transplant""#, "toy/W/indications/restless-kidney.toml:2: a transplant has no taper and no agents"),
    ("W/indications/unknown.toml", r#"no-taper = "the indication is not known""#, "", "toy/W/indications/unknown.toml: needs either [taper] or no-taper = \"why\""),
    ("W/right-to-stop.toml", r#"indicator = "info""#, r#"indicator = "critical""#, "toy/W/right-to-stop.toml:4: a reason to stop is never critical"),
    ("W/drug.toml", "trough-hours = 8", "", "toy/W/drug.toml: 'level' and 'trough-hours' stand together"),
    ("W/signals.toml", "since-start = { at-least = 36 }", r#"exposure = { daily = "5", for = "21 d", within = "1 a" }"#, "toy/W/signals.toml:26: '5' is not an amount in mg"),
    ("W/signals.toml", "since-start = { at-least = 36 }", r#"exposure = { daily = "5 mg", for = "2 a", within = "1 a" }"#, "toy/W/signals.toml:26: 'for' is at least a day and at most 'within'"),
    ("W/drug.toml", r#"["restless-kidney", "unknown"]"#, r#"["unknown", "restless-kidney"]"#, "toy/W/drug.toml:10: the last indication, and no other, is of kind unknown"),
    ("W/drug.toml", r#"["restless-kidney", "unknown"]"#, r#"["unknown"]"#, "toy/W/indications/restless-kidney.toml: is not in the indications of drug.toml"),
    // Texts.
    ("W/texts/en/all.toml", r#"courses = ["Go on.", "Step down."]"#, r#"courses = ["Go on."]"#, "toy/W/indications/restless-kidney.toml:11: the text 'restless-kidney.fretful' of a warning needs at least two courses"),
    ("W/texts/en/all.toml", "fret {fret} may", "fret {frett} may", "toy/W/texts/en/all.toml:2: there is no placeholder '{frett}'"),
    ("W/texts/en/all.toml", "before {fret.before}", "before {fret.after}", "toy/W/texts/en/all.toml:3: there is no placeholder '{fret.after}'"),
    ("W/texts/en/all.toml", "From a guideline", "{From a guideline", "toy/W/texts/en/all.toml:5: there is no placeholder '{From a guideline on {indication}'"),
    ("W/texts/en/all.toml", r#", "{drug} is held"]"#, "]", "toy/W/texts/en/all.toml:20: the last summary has no placeholder but {drug}"),
    ("W/texts/en/all.toml", "What to check after {drug}", LONG, "toy/W/texts/en/all.toml:29: a summary stays below 140 characters; this one has 140"),
    ("W/texts/en/all.toml", r#"summary = ["What to check after {drug}"]"#, "summary = []", "toy/W/texts/en/all.toml:28: the text 'monitoring' has no summary"),
    ("W/right-to-stop.toml", "{fret} may be", "{fretful} may be", "toy/W/right-to-stop.toml:15: there is no placeholder '{fretful}'"),
    // Sources, codes, agents.
    ("sources.toml", "https://example.org", "http://example.org", "toy/sources.toml:3: 'http://example.org/toy-guideline' is not an absolute https address"),
    ("sources.toml", "https://example.org", "https://www.Rumour.example", "toy/sources.toml:3: 'www.rumour.example' is an aggregator (rumour.example): cite the source itself"),
    ("terms/words.toml", r#"["rumour.example"]"#, "[]", "toy/terms/words.toml:4: the list of aggregators is empty"),
    ("terms/labs.csv", "99002-9", "99001-1", "toy/terms/labs.csv:3: the code '99001-1' is listed twice with different meanings; first at toy/terms/labs.csv:2"),
    ("W/products.csv", "9900012", "9900021", "toy/W/products.csv:4: the code '9900021' is listed twice with different meanings; first at toy/terms/drugs.csv:2"),
    ("W/products.csv", "rxnorm,9900001,placidone,yes,,", "rxnorm,9900001,placidone,yes,systemic,", "toy/W/products.csv:2: the code '9900001' is listed twice with different meanings; first at toy/terms/ingredients.toml:4"),
    ("W/products.csv", "0999-0011-01", "999001101", "toy/W/products.csv:7: '999001101' is not an NDC of 11 digits or with its hyphens"),
    ("W/products.csv", ",1,,no", ",1,,yes", "toy/W/products.csv:7: only a product with an RxNorm code may be suggested"),
    ("terms/ingredients.toml", r#"names = ["serenor"]"#, r#"names = ["placidone"]"#, "toy/terms/ingredients.toml:14: the name 'placidone' is that of 'placidone' already"),
    ("agents/serenamide.toml", "[[exclude]]\nwhen = \"child\"\nbecause = \"not for children\"", "", "toy/agents/serenamide.toml: an agent has at least one exclusion"),
    ("content.toml", "chart-days = 1095", "chart-days = 9999", "toy/content.toml:3: chart-days is at most 3650"),
    ("content.toml", "2026-11-22", "today", "toy/content.toml:2: released is a date (2026-11-22)"),
    ("services.toml", "[[service]]", "[[service", "toy/services.toml:1: "),
];

/// A summary of 140 characters beside its placeholder.
const LONG: &str = "{drug}0123456789012345678901234567890123456789012345678901234567890123456789\
                    0123456789012345678901234567890123456789012345678901234567890123456789";

/// What is reported for a change, if it is not what was expected.
fn differs((file, from, to, says): &Broken) -> Option<String> {
    let path = file.replace("W/", DRUG);
    let mut texts = toy();
    let text = texts
        .iter_mut()
        .find(|(known, _)| *known == path)
        .map(|(_, text)| text);
    let Some(text) = text.filter(|text| text.contains(from)) else {
        return Some(format!("{path} does not contain {from}"));
    };
    *text = text.replacen(from, to, 1);
    let problems = load(&Files::from_texts("toy", texts)).err().unwrap_or_default();
    let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = says.replace("W/", DRUG);
    // An expectation that ends after the line leaves the words to the TOML reader.
    let met = |line: &String| {
        if expected.ends_with(": ") {
            line.starts_with(&expected)
        } else {
            *line == expected
        }
    };
    (!found.iter().any(met)).then(|| format!("expected {expected}\n   found {}", found.join("\n         ")))
}

#[test]
fn broken_tables_are_refused_with_file_and_line() {
    let wrong: Vec<String> = BROKEN.iter().filter_map(differs).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_missing_and_a_misspelt_table_are_both_told() {
    let mut texts = toy();
    for (path, _) in &mut texts {
        *path = path.replace("gates.toml", "gate.toml");
    }
    let problems = load(&Files::from_texts("toy", texts)).err().unwrap_or_default();
    let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(
        list.contains(&format!("toy/{DRUG}gates.toml: is missing")),
        "{list:?}"
    );
    assert!(
        list.contains(&format!("toy/{DRUG}gate.toml: no table has this name")),
        "{list:?}"
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let mut texts = toy();
    for (path, text) in &mut texts {
        if path.ends_with("gates.toml") {
            *text = text
                .replace("\"local\"", "\"locale\"")
                .replace("\"held\"", "\"hold\"");
        }
        if path == "sources.toml" {
            *text = text.replace("https", "http");
        }
    }
    let problems = load(&Files::from_texts("toy", texts)).err().unwrap_or_default();
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn an_unreadable_file_of_signals_does_not_make_their_names_unknown() {
    let mut texts = toy();
    for (path, text) in &mut texts {
        if path.ends_with("placidone/signals.toml") {
            *text = text.replace("7 d", "7 days");
        }
    }
    let problems = load(&Files::from_texts("toy", texts)).err().unwrap_or_default();
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn a_phrase_that_the_cards_need_is_missed() {
    let mut texts = toy();
    for (path, text) in &mut texts {
        if path == "texts/en.toml" {
            *text = "[list]\nand = \"and\"\n".to_owned();
        }
    }
    let problems = load(&Files::from_texts("toy", texts)).err().unwrap_or_default();
    let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(
        list.contains(&"toy/texts/en.toml: the phrase 'taper.none.child' is missing".to_owned()),
        "{list:?}"
    );
}
