//! The requests below some paths, one after the other.
//!
//! Turns files, folders (with what lies below them, in the order of their names) and NDJSON (one request to a
//! line) into [`Found`]. It holds one file or line at a time. In a folder, `.json` is one request, `.ndjson` and
//! `.jsonl` are many; whatever else lies there is named as left out.

use super::saved::Saved;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Largest request that is read, in bytes. A kept one holds the answers of the FHIR server as well.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What lay there.
pub enum Found {
    /// A request.
    Request(Saved),
    /// Something that cannot be read.
    Unreadable {
        /// File, and line in NDJSON.
        name: String,
        /// Why.
        says: String,
    },
    /// A file in a folder whose ending is not that of a request.
    LeftOut {
        /// File.
        name: String,
    },
}

/// The requests below paths.
pub fn requests(paths: &[PathBuf]) -> impl Iterator<Item = Found> + use<> {
    Walk {
        named: paths.iter().cloned().collect(),
        inside: VecDeque::new(),
        lines: None,
    }
}

struct Walk {
    /// Paths that were asked for: a file among them is read whatever its ending.
    named: VecDeque<PathBuf>,
    /// What lies in the folders among them.
    inside: VecDeque<PathBuf>,
    lines: Option<Lines>,
}

struct Lines {
    name: String,
    file: BufReader<File>,
    line: usize,
}

/// What an ending says.
#[derive(PartialEq, Eq)]
enum Form {
    One,
    Many,
    Other,
}

fn form(path: &Path) -> Form {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => Form::One,
        Some("ndjson" | "jsonl") => Form::Many,
        _ => Form::Other,
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(lines) = &mut self.lines {
                match lines.next() {
                    Some(found) => return Some(found),
                    None => self.lines = None,
                }
            } else if let Some(path) = self.inside.pop_front() {
                if let Some(found) = self.open(&path, false) {
                    return Some(found);
                }
            } else {
                let path = self.named.pop_front()?;
                if let Some(found) = self.open(&path, true) {
                    return Some(found);
                }
            }
        }
    }
}

impl Walk {
    /// A request, a problem, or nothing yet: a folder or NDJSON, which is then gone through.
    fn open(&mut self, path: &Path, named: bool) -> Option<Found> {
        let name = path.display().to_string();
        let unreadable = |error: io::Error| Found::Unreadable {
            name: name.clone(),
            says: error.to_string(),
        };
        if path.is_dir() {
            return match entries(path) {
                Ok(entries) => {
                    for entry in entries.into_iter().rev() {
                        self.inside.push_front(entry);
                    }
                    None
                }
                Err(error) => Some(unreadable(error)),
            };
        }
        match form(path) {
            Form::Other if !named => Some(Found::LeftOut { name }),
            Form::Many => match File::open(path) {
                Ok(file) => {
                    self.lines = Some(Lines {
                        name,
                        file: BufReader::new(file),
                        line: 0,
                    });
                    None
                }
                Err(error) => Some(unreadable(error)),
            },
            Form::One | Form::Other => Some(match whole(path) {
                Ok(body) => Found::Request(Saved { name, body }),
                Err(error) => unreadable(error),
            }),
        }
    }
}

/// What lies in a folder, by name; links to folders are not followed, so that no walk is endless.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if !(entry.file_type()?.is_symlink() && path.is_dir()) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn too_large() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("is larger than {LARGEST} bytes"),
    )
}

fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut body)?;
    if body.len() as u64 > LARGEST {
        return Err(too_large());
    }
    Ok(body)
}

impl Lines {
    fn next(&mut self) -> Option<Found> {
        loop {
            let mut body = Vec::new();
            let read = (&mut self.file).take(LARGEST + 1).read_until(b'\n', &mut body);
            self.line += 1;
            let name = format!("{}:{}", self.name, self.line);
            let read = match read {
                Ok(_) if body.len() as u64 > LARGEST => self.skip_line().and(Err(too_large())),
                other => other,
            };
            match read {
                Ok(0) => return None,
                Ok(_) if body.trim_ascii().is_empty() => {}
                Ok(_) => return Some(Found::Request(Saved { name, body })),
                Err(error) => {
                    let says = error.to_string();
                    return Some(Found::Unreadable { name, says });
                }
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<usize> {
        self.file.skip_until(b'\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_below_a_folder_is_named_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("b/two.json", "2");
        put("a.json", "1");
        put("c.ndjson", "3\n\n4");
        put("notes.txt", "x");
        let paths = [
            folder.path().to_owned(),
            folder.path().join("notes.txt"),
            folder.path().join("none.json"),
        ];
        let told: Vec<String> = requests(&paths)
            .map(|found| match found {
                Found::Request(saved) => {
                    format!("{} {}", saved.name, String::from_utf8_lossy(&saved.body).trim())
                }
                Found::Unreadable { name, .. } => format!("{name} unreadable"),
                Found::LeftOut { name } => format!("{name} left out"),
            })
            .map(|told| told.replace(&format!("{}/", folder.path().display()), ""))
            .collect();
        assert_eq!(
            told,
            [
                "a.json 1",
                "b/two.json 2",
                "c.ndjson:1 3",
                "c.ndjson:3 4",
                "notes.txt left out",
                "notes.txt x",
                "none.json unreadable",
            ]
        );
    }
}
