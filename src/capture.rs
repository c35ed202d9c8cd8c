//! Recent requests, kept for a while so that other tables can be tried on them.
//!
//! Turns answered calls of clients for which the settings say so into files of a folder, and removes them again:
//! after the days of the settings, and the oldest beyond their size. It is patient data, with everything that the
//! FHIR server answered, so the folder belongs to the service's user alone, is not part of the journal, its backups
//! or its exports, and the token of a call is never in it. A folder and not the journal: the journal acknowledges
//! feedback within a bound, and documents of this size would hold it up.
//! [`Capture::keep`] never waits: one thread writes, what it cannot take is dropped and counted, and the log says so
//! once. A crash may lose the last ones.

use crate::config::CaptureConfig;
use crate::meters::CaptureMeters;
use crate::replay::{Envelope, Saved};
use crate::startup::Clock;
use jiff::Timestamp;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// Calls that wait to be written.
const WAITING: usize = 64;
/// How often old files are looked for where nothing comes.
const LOOK: Duration = Duration::from_secs(3600);
/// Ending of a file that is being written.
const PARTIAL: &str = "partial";

/// A folder of recent requests.
pub struct Capture {
    folder: PathBuf,
    queue: Mutex<Option<SyncSender<Envelope>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    dropping: AtomicBool,
    meters: Arc<CaptureMeters>,
}

/// Why requests cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The folder cannot be used.
    #[error("capture: {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// Others can read the folder.
    #[error("capture: {}: holds patient data and must be readable by its owner alone (chmod 700)", .0.display())]
    Open(PathBuf),
}

impl Capture {
    /// Makes the folder, removes what is too old, and begins to write; what is lost is counted there.
    ///
    /// # Errors
    /// [`CaptureError`] if the folder cannot be used, or others than its owner can read it.
    pub fn open(config: &CaptureConfig, meters: &Arc<CaptureMeters>) -> Result<Self, CaptureError> {
        let refused = |source| CaptureError::Folder {
            folder: config.folder.clone(),
            source,
        };
        own_folder(&config.folder).map_err(refused)?;
        if is_open(&config.folder).map_err(refused)? {
            return Err(CaptureError::Open(config.folder.clone()));
        }
        let mut shelf = Shelf {
            config: config.clone(),
            bytes: 0,
            failing: false,
            meters: Arc::clone(meters),
        };
        shelf.tidy().map_err(refused)?;
        let (queue, waiting) = sync_channel(WAITING);
        let writer = std::thread::Builder::new().name("capture".to_owned());
        let writer = writer.spawn(move || shelf.run(&waiting)).map_err(refused)?;
        Ok(Self {
            folder: config.folder.clone(),
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(writer)),
            dropping: AtomicBool::new(false),
            meters: Arc::clone(meters),
        })
    }

    /// Hands over one call and returns at once.
    pub fn keep(&self, call: Envelope) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = queue.as_ref().is_some_and(|queue| queue.try_send(call).is_ok());
        drop(queue);
        if !taken {
            self.meters.found_no_room();
        }
        if self.dropping.swap(!taken, Ordering::Relaxed) == taken && !taken {
            tracing::warn!(
                event = "capture.dropping",
                "more requests wait to be kept than may; calls are answered as ever"
            );
        }
    }

    /// The calls that were judged at that instant, to the microsecond: none where they are not yet or no longer kept.
    ///
    /// # Errors
    /// When the folder or a file cannot be read.
    pub fn of_instant(&self, at: Timestamp) -> io::Result<Vec<Saved>> {
        let (of, mut found) = (begun(at), Vec::new());
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if name.starts_with(&of) && name.ends_with(".json") {
                found.push(Saved {
                    name: name.to_owned(),
                    body: fs::read(&path)?,
                });
            }
        }
        Ok(found)
    }

    /// Writes what waits, and ends.
    pub fn finish(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // It has told the log of whatever failed.
            writer.join().ok();
        }
    }
}

/// How the names of the files of an instant begin.
fn begun(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%S.%6fZ-").to_string()
}

/// Makes a folder that only its owner can read; one that is there stays as it is.
fn own_folder(folder: &Path) -> io::Result<()> {
    let mut making = DirBuilder::new();
    making.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut making, 0o700);
    making.create(folder)
}

#[cfg(unix)]
fn is_open(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(folder)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> io::Result<bool> {
    Ok(false)
}

/// The files, and what they come to.
struct Shelf {
    config: CaptureConfig,
    bytes: u64,
    failing: bool,
    meters: Arc<CaptureMeters>,
}

impl Shelf {
    fn run(mut self, waiting: &Receiver<Envelope>) {
        loop {
            let done = match waiting.recv_timeout(LOOK) {
                Ok(call) => self.take(&call),
                Err(RecvTimeoutError::Timeout) => self.tidy(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.told(done);
        }
    }

    /// Logs the first failure of a row. Its text names a file, which tells nothing of its content.
    fn told(&mut self, done: io::Result<()>) {
        match done {
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::warn!(event = "capture.failing", %error, "a request could not be kept; calls are answered as ever");
            }
            Err(_) => {}
            Ok(()) => self.failing = false,
        }
    }

    fn take(&mut self, call: &Envelope) -> io::Result<()> {
        self.put(call).inspect_err(|_| self.meters.was_not_written())?;
        if self.bytes > self.config.max_bytes {
            return self.tidy();
        }
        Ok(())
    }

    fn put(&mut self, call: &Envelope) -> io::Result<()> {
        let written = call.write().map_err(io::Error::other)?;
        let name = format!("{}{}", begun(call.at), Uuid::new_v4());
        let partial = self.config.folder.join(format!("{name}.{PARTIAL}"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&partial)?.write_all(&written)?;
        fs::rename(&partial, self.config.folder.join(format!("{name}.json")))?;
        self.bytes += written.len() as u64;
        Ok(())
    }

    /// Removes what is too old and, beyond the size, the oldest down to nine tenths of it, so that not every call
    /// has to look again. Other files than ours stay.
    fn tidy(&mut self) -> io::Result<()> {
        let oldest = SystemTime::from(Clock::Real.now())
            .checked_sub(Duration::from_secs(u64::from(self.config.days) * 86_400));
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.config.folder)? {
            let path = entry?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if !matches!(ending, Some("json" | PARTIAL)) {
                continue;
            }
            let data = fs::metadata(&path)?;
            let written = data.modified()?;
            let late = ending == Some(PARTIAL) || oldest.is_some_and(|oldest| written < oldest);
            match late {
                true => fs::remove_file(&path)?,
                false => files.push((written, data.len(), path)),
            }
        }
        files.sort();
        self.bytes = files.iter().map(|(_, bytes, _)| bytes).sum();
        if self.bytes > self.config.max_bytes {
            for (_, bytes, path) in files {
                if self.bytes <= self.config.max_bytes / 10 * 9 {
                    break;
                }
                fs::remove_file(path)?;
                self.bytes -= bytes;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::{Meters, Moment};
    use std::os::unix::fs::PermissionsExt;

    fn call(second: i64, filler: usize) -> Envelope {
        Envelope {
            at: jiff::Timestamp::from_second(1_800_000_000 + second).unwrap(),
            client: "hospital".to_owned(),
            content: "1".to_owned(),
            body: format!("{{\"hook\":\"{}\"}}", "x".repeat(filler)).into_bytes(),
            fetched: Vec::new(),
        }
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut found: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn what_is_kept_is_its_owners_alone_and_bounded_in_size() {
        let folder = tempfile::tempdir().unwrap();
        let config = CaptureConfig {
            folder: folder.path().join("a/b"),
            days: 1,
            max_bytes: 10_000,
        };
        let capture = Capture::open(&config, &Arc::default()).unwrap();
        for second in 0..20 {
            capture.keep(call(second, 1_000));
        }
        capture.finish();
        let left = files(&config.folder);
        assert!((8..10).contains(&left.len()), "{left:?}");
        assert!(
            left.last()
                .unwrap()
                .display()
                .to_string()
                .contains("20270115T080019"),
            "{left:?}"
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&left[0]), mode(&config.folder)), (0o600, 0o700));
        capture.keep(call(21, 1));
        assert_eq!(files(&config.folder).len(), left.len(), "nothing after the end");
    }

    #[test]
    fn what_is_too_old_or_unfinished_goes_and_what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        for (name, days) in [
            ("old.json", 3),
            ("new.json", 1),
            ("half.partial", 0),
            ("notes.txt", 9),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, "x").unwrap();
            let then = SystemTime::from(Clock::Real.now()) - Duration::from_secs(days * 86_400);
            fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(then)
                .unwrap();
        }
        let config = CaptureConfig {
            folder: folder.path().to_owned(),
            days: 2,
            max_bytes: 10_000,
        };
        Capture::open(&config, &Arc::default()).unwrap().finish();
        let left: Vec<_> = files(folder.path())
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(left, ["new.json", "notes.txt"]);
    }

    #[test]
    fn what_is_lost_is_counted_by_cause() {
        let folder = tempfile::tempdir().unwrap();
        let config = CaptureConfig {
            folder: folder.path().join("a"),
            days: 1,
            max_bytes: 10_000,
        };
        let meters = Meters::new();
        let capture = Capture::open(&config, &meters.capture).unwrap();
        fs::remove_dir(&config.folder).unwrap();
        capture.keep(call(0, 1));
        capture.finish();
        capture.keep(call(1, 1));
        capture.keep(call(2, 1));
        let text = meters.text(&Moment {
            dropped: 0,
            writable: true,
            ready: true,
        });
        for lost in [
            r#"cds_capture_dropped_total{cause="write"} 1"#,
            r#"cds_capture_dropped_total{cause="queue"} 2"#,
        ] {
            assert!(text.contains(lost), "{lost}\n{text}");
        }
    }

    #[test]
    fn a_folder_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let config = CaptureConfig {
            folder: folder.path().to_owned(),
            days: 1,
            max_bytes: 1,
        };
        let refused = Capture::open(&config, &Arc::default()).err().unwrap().to_string();
        assert!(refused.contains("chmod 700"), "{refused}");
    }
}
