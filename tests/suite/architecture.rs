//! Rules of the sources themselves: what the judgement may know, and where clinical knowledge may stand.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder with that ending, sorted.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|of| of == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// Whether a source file belongs to the tests: it, or a folder above it, is declared as such.
fn is_tests(path: &Path) -> bool {
    let within = path.strip_prefix(root()).unwrap();
    if within.starts_with("tests") || within.starts_with("src/fhir/out/tests") {
        return true;
    }
    let modules = within.ancestors().take_while(|part| *part != Path::new("src"));
    modules
        .into_iter()
        .any(|module| is_declared_as_test(&root().join(module)))
}

/// By `#[cfg(test)] mod name;` in the module above, or by `#[cfg(test)] #[path = "file.rs"]` in any beside it.
fn is_declared_as_test(module: &Path) -> bool {
    let (Some(folder), Some(name)) = (module.parent(), module.file_stem().and_then(|name| name.to_str()))
    else {
        return false;
    };
    let by_path = format!("#[path = \"{name}.rs\"]");
    let declares = |file: &Path, next: &dyn Fn(&str) -> bool| {
        let text = read(file);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines
            .windows(2)
            .any(|pair| pair[0] == "#[cfg(test)]" && next(pair[1]))
    };
    let parents = [
        folder.join("mod.rs"),
        folder.join("lib.rs"),
        folder.with_extension("rs"),
    ];
    let by_name = |line: &str| line.ends_with(&format!("mod {name};"));
    parents
        .iter()
        .any(|parent| parent.is_file() && declares(parent, &by_name))
        || files(folder, "rs")
            .iter()
            .any(|beside| beside.parent() == Some(folder) && declares(beside, &|line| line == by_path))
}

/// Sources without their tests and without comments, with the number of each line.
fn production(path: &Path) -> Vec<(usize, String)> {
    let text = read(path);
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let ours = lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]" || !ends_the_file(&text, line));
    ours.filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at, line.to_owned()))
        .collect()
}

/// A test module of a file stands at its end; `#[cfg(test)] mod tests;` is only a declaration.
fn ends_the_file(text: &str, attribute: &str) -> bool {
    let after = text.split_once(attribute).map_or("", |(_, after)| after);
    after.trim_start().starts_with("mod ")
        && after
            .trim_start()
            .lines()
            .next()
            .is_some_and(|line| line.ends_with('{'))
}

#[test]
fn the_judgement_knows_neither_wire_nor_disk_nor_clock() {
    let outside = [
        "actix",
        "reqwest",
        "sqlx",
        "tokio",
        "std::time",
        "std::fs",
        "std::net",
        "std::env",
        "std::io",
        "tracing",
        "serde_json",
        "futures",
        "jsonwebtoken",
        "Timestamp::now",
        "Zoned::now",
        "println!",
        "eprintln!",
        "async fn",
        ".await",
    ];
    let mut wrong = Vec::new();
    for path in files(&root().join("src/clinical"), "rs")
        .iter()
        .filter(|path| !is_tests(path))
    {
        for (at, line) in production(path) {
            for name in outside.iter().filter(|name| line.contains(**name)) {
                wrong.push(format!("{}:{at}: {name}", path.display()));
            }
            for name in elsewhere(&line) {
                wrong.push(format!("{}:{at}: crate::{name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a line takes from a module of ours that is not the judgement.
fn elsewhere(line: &str) -> Vec<&str> {
    let named = line.split("crate::").skip(1);
    let module = |rest: &'_ str| {
        rest.find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len())
    };
    named
        .map(|rest| &rest[..module(rest)])
        .filter(|name| *name != "clinical")
        .collect()
}

#[test]
fn a_module_beside_the_judgement_is_recognised_however_it_is_named() {
    assert!(elsewhere("use crate::clinical::gap::Why; // super::gap").is_empty());
    assert_eq!(elsewhere("use crate::meters::Board;"), ["meters"]);
    assert_eq!(elsewhere("use crate::{gather, clinical};"), [""]);
    assert_eq!(
        elsewhere("pub(in crate::clinical) fn x() -> crate::marks::Marks"),
        ["marks"]
    );
}

/// Names and codes that only the tables may hold.
fn clinical_words() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let hooks = root().join("hooks");
    let ingredients: toml::Table = read(&hooks.join("terms/ingredients.toml")).parse().unwrap();
    for (key, ingredient) in &ingredients {
        words.insert(key.replace('-', " "));
        words.insert(key.clone());
        words.extend(ingredient["name"].as_str().map(str::to_lowercase));
        words.extend(ingredient["code"].as_str().map(str::to_lowercase));
        let names = ingredient
            .get("names")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten();
        words.extend(names.filter_map(toml::Value::as_str).map(str::to_lowercase));
    }
    let tables = files(&hooks.join("terms"), "csv")
        .into_iter()
        .chain(files(&hooks.join("withdrawals"), "csv"));
    for table in tables.filter(|table| !table.ends_with("timings.csv") && !table.ends_with("routes.csv")) {
        let mut reader = csv::Reader::from_path(&table).unwrap();
        for row in reader.records() {
            let row = row.unwrap();
            // Words for findings ("seen", "intermediate") are plain English.
            let plain = table.ends_with("findings.csv") && &row[0] == "text";
            words.extend((!plain).then(|| row[1].to_lowercase()));
        }
    }
    // What is too short to be told from anything else.
    words.retain(|word| word.len() > 3);
    words
}

/// Runs of letters, digits, hyphens and dots, in lower case: how a code or a name stands in a line.
fn words_of(line: &str) -> impl Iterator<Item = String> {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    let words = line
        .split(move |c| !part_of_word(c))
        .map(|word| word.trim_matches(['.', '-']).to_lowercase());
    words.collect::<Vec<_>>().into_iter()
}

#[test]
fn no_drug_name_and_no_clinical_code_stands_in_the_program() {
    let (clinical, mut wrong) = (clinical_words(), Vec::new());
    let phrases: Vec<&String> = clinical.iter().filter(|word| word.contains(' ')).collect();
    assert!(clinical.contains("tacrolimus") && clinical.contains("2890-2") && clinical.contains("198377"));
    for path in files(&root().join("src"), "rs")
        .iter()
        .filter(|path| !is_tests(path))
    {
        for (at, line) in production(path) {
            if !line.contains(|c: char| c.is_alphanumeric()) {
                continue;
            }
            let strings = line
                .split('"')
                .skip(1)
                .step_by(2)
                .map(str::to_lowercase)
                .collect::<Vec<_>>()
                .join(" ");
            for word in words_of(&line).filter(|word| clinical.contains(word)) {
                wrong.push(format!("{}:{at}: {word}", path.display()));
            }
            let begins = |phrase: &str| strings.contains(phrase.split(' ').next().unwrap_or_default());
            for phrase in phrases
                .iter()
                .filter(|phrase| begins(phrase) && strings.contains(phrase.as_str()))
            {
                wrong.push(format!("{}:{at}: {phrase}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_source_is_unsafe() {
    let word = concat!("un", "safe");
    for path in files(&root().join("src"), "rs")
        .iter()
        .chain(&files(&root().join("tests"), "rs"))
    {
        for (at, line) in read(path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let used = code
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|part| part == word);
            assert!(!used, "{}:{}: {word}", path.display(), at + 1);
        }
    }
    assert!(read(&root().join("Cargo.toml")).contains("unsafe_code = \"forbid\""));
}

#[test]
fn nothing_is_read_from_the_environment_but_how_much_is_logged() {
    let mut read_by = Vec::new();
    for path in files(&root().join("src"), "rs")
        .iter()
        .filter(|path| !is_tests(path))
    {
        for (at, line) in production(path) {
            assert!(!line.contains("env::"), "{}:{at}: {line}", path.display());
            if ["from_env(", "from_default_env("]
                .iter()
                .any(|call| line.contains(call))
            {
                read_by.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    assert_eq!(read_by, [Path::new("src/commands/mod.rs")]);
}

/// A file that nobody can read in one go is two files.
#[test]
fn sources_are_short_and_begin_with_what_they_are_for() {
    let mut wrong = Vec::new();
    for path in files(&root().join("src"), "rs")
        .iter()
        .chain(&files(&root().join("tests"), "rs"))
    {
        let text = read(path);
        if !text.starts_with("//!") && (!is_tests(path) || path.starts_with(root().join("tests"))) {
            wrong.push(format!("{} has no header", path.display()));
        }
        let code = production(path)
            .iter()
            .filter(|(_, line)| !line.trim().is_empty())
            .count();
        if code > 450 && !is_tests(path) {
            wrong.push(format!("{} has {code} lines of code", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
