//! The folder `hooks/` as texts by path: built into the binary, or read from a directory.
//!
//! Holds tables only (`.toml`, `.csv`); prose beside them is left out. It knows nothing of what the
//! tables mean, and follows no hidden entries (names that start with a dot).

use include_dir::{Dir, include_dir};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The folder as it was when the binary was built.
static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/hooks");

/// Folders deeper than this are not read: the tables need five levels.
const DEEPEST: usize = 8;

/// Tables by path, with `/` between the parts, relative to the folder.
pub struct Files {
    root: String,
    texts: BTreeMap<String, Cow<'static, str>>,
}

impl Files {
    /// The folder that is built into the binary.
    pub fn embedded() -> Self {
        Self::built_in(&|_| true)
    }

    /// The same without the cases, of which there are far more than tables: a service has no use for them.
    pub fn embedded_tables() -> Self {
        Self::built_in(&|folder| !folder.ends_with("cases"))
    }

    fn built_in(wanted: &dyn Fn(&Path) -> bool) -> Self {
        let mut texts = BTreeMap::new();
        collect_built_in(&BUILT_IN, wanted, &mut texts);
        Files {
            root: "hooks".to_owned(),
            texts,
        }
    }

    /// Reads a folder.
    ///
    /// # Errors
    /// When the folder or a table in it cannot be read, or a table is not UTF-8; the error names it.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut texts = BTreeMap::new();
        collect_folder(folder, "", 0, &mut texts)?;
        Ok(Files {
            root: folder.display().to_string(),
            texts,
        })
    }

    /// A folder that exists in memory only, called `root` in messages.
    pub fn from_texts(root: &str, texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let texts = texts
            .into_iter()
            .map(|(path, text)| (path, Cow::Owned(text)))
            .collect();
        Files {
            root: root.to_owned(),
            texts,
        }
    }

    /// What the folder is called in messages.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The text of a table.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(|text| &**text)
    }

    /// The path and text of a table, as long-lived as the folder.
    pub(super) fn entry(&self, path: &str) -> Option<(&str, &str)> {
        self.texts
            .get_key_value(path)
            .map(|(path, text)| (path.as_str(), &**text))
    }

    /// All tables in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), &**text))
    }

    /// The tables below a folder, in the order of their paths.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.iter().filter(move |(path, _)| {
            path.strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Names of the folders directly below a folder that hold any table, in order.
    pub fn folders(&self, folder: &str) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .iter()
            .filter_map(|(path, _)| path.strip_prefix(folder)?.strip_prefix('/')?.split_once('/'))
            .map(|(name, _)| name)
            .collect();
        names.dedup();
        names
    }
}

/// Whether the name of a file is that of a table.
fn is_table(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|ending| ending == "toml" || ending == "csv")
}

/// The text of one table that is built into the binary.
pub(super) fn built_in_text(path: &str) -> Option<&'static str> {
    BUILT_IN.get_file(path)?.contents_utf8()
}

fn collect_built_in(
    dir: &'static Dir<'static>,
    wanted: &dyn Fn(&Path) -> bool,
    texts: &mut BTreeMap<String, Cow<'static, str>>,
) {
    for file in dir.files() {
        let path = file.path().to_string_lossy().replace('\\', "/");
        if let (true, Some(text)) = (is_table(&path), file.contents_utf8()) {
            texts.insert(path, Cow::Borrowed(text));
        }
    }
    for folder in dir.dirs().filter(|folder| wanted(folder.path())) {
        collect_built_in(folder, wanted, texts);
    }
}

fn collect_folder(
    folder: &Path,
    prefix: &str,
    depth: usize,
    texts: &mut BTreeMap<String, Cow<'static, str>>,
) -> io::Result<()> {
    let naming =
        |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    for entry in std::fs::read_dir(folder).map_err(|error| naming(folder, error))? {
        let path = entry.map_err(|error| naming(folder, error))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth < DEEPEST {
                collect_folder(&path, &format!("{prefix}{name}/"), depth + 1, texts)?;
            }
        } else if is_table(&name) {
            let text = std::fs::read_to_string(&path).map_err(|error| naming(&path, error))?;
            texts.insert(format!("{prefix}{name}"), Cow::Owned(text));
        }
    }
    Ok(())
}
