//! Programs of others that a test needs: found, or installed from the distribution's packages.
//!
//! A test that needs one never passes without it: it fails and says what is missing, unless
//! `STEPDOWN_SKIP_FOREIGN=1` asks to go without.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

/// One installation at a time: the package manager holds a lock.
static TURN: Mutex<()> = Mutex::new(());

/// Whether the tests that need programs of others are to be left out.
pub fn skipped() -> bool {
    std::env::var_os("STEPDOWN_SKIP_FOREIGN").is_some_and(|set| set == "1")
}

/// The path of a program, installed from `packages` if it is not there.
///
/// Panics where it cannot be had.
pub fn program(name: &str, packages: &[&str]) -> PathBuf {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(found) = on_path(name) {
        return found;
    }
    let refreshed = apt(&["update"]);
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(packages);
    let installed = refreshed && apt(&install);
    on_path(name).filter(|_| installed).unwrap_or_else(|| {
        panic!(
            "this test needs the program `{name}` (Debian: {}), which is missing and could not be installed; \
             install it, or leave such tests out with STEPDOWN_SKIP_FOREIGN=1",
            packages.join(", ")
        )
    })
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain(postgresql())
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Where Debian keeps the server programs of PostgreSQL: in a folder for each version, on no path.
fn postgresql() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect()
}

fn apt(arguments: &[&str]) -> bool {
    Command::new("apt-get")
        .args(["--quiet", "--quiet"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .is_ok_and(|status| status.success())
}
