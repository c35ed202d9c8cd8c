//! Programs of others that a test needs: found, or installed from the distribution's packages.
//!
//! A test that needs one never passes without it: it fails and says what is missing, unless
//! `STEPDOWN_SKIP_FOREIGN=1` asks to go without.

use std::path::{Path, PathBuf};
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

/// The folder below the build folder where the files of `tests/<name>/` stand beside the packages that its lock
/// file names; npm installs them once, and again when the list changes.
pub fn node_program(name: &str, files: &[&str]) -> PathBuf {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for file in files {
        std::fs::copy(from.join(file), folder.join(file)).unwrap();
    }
    let lock = std::fs::read_to_string(from.join("package-lock.json")).unwrap();
    let done = folder.join("installed");
    if std::fs::read_to_string(&done).is_ok_and(|before| before == lock) {
        return folder;
    }
    let status = Command::new(program("npm", &["nodejs", "npm"]))
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .status()
        .expect("npm starts");
    assert!(
        status.success(),
        "npm could not install the packages of tests/{name} ({status})"
    );
    std::fs::write(done, lock).unwrap();
    folder
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
