//! Rebuilds when a file is added to a folder that is built into the binary; the macro that embeds them
//! notices changed files only.

fn main() {
    println!("cargo::rerun-if-changed=hooks");
    println!("cargo::rerun-if-changed=fixtures/patients");
    println!("cargo::rerun-if-changed=src/journal/migrations");
}
