//! Recent requests, kept for a while so that other tables can be tried on them.
//!
//! Turns answered calls of clients for which the settings say so into files of a folder, and removes them again:
//! after the days of the settings, and the oldest beyond their size. It is patient data, with everything that the
//! FHIR server answered, so the folder belongs to the service's user alone, is not part of the journal, its backups
//! or its exports, and the token of a call is never in it. A folder and not the journal: the journal acknowledges
//! feedback within a bound, and documents of this size would hold it up.
//! [`Capture::keep`] never waits: one thread writes, what it cannot take is dropped and counted, and the log says so
//! once. A crash may lose the last ones.

use crate::clock::Clock;
use crate::config::CaptureConfig;
use crate::meters::CaptureMeters;
use crate::replay::{Envelope, Saved};
use jiff::Timestamp;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use uuid::Uuid;

/// Calls that wait to be written.
const WAITING: usize = 64;
/// How often old files are looked for, whether anything comes or not.
const LOOK: Duration = Duration::from_secs(3600);
/// Ending of a file that is being written.
const PARTIAL: &str = "partial";
/// Ending of a file that is whole.
const WHOLE: &str = "json";
/// How the names of the files of an instant begin; digits for each 0.
const BEGUN: &str = "00000000T000000.000000Z-";

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
        let mut shelf = Shelf::new(config, meters);
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
            if name.starts_with(&of) && ending_of_ours(&path) == Some(WHOLE) {
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

/// The ending of a file of ours; `None` for one that somebody else has put there.
fn ending_of_ours(path: &Path) -> Option<&str> {
    let (name, ending) = path.file_name()?.to_str()?.rsplit_once('.')?;
    let (begun, call) = name.split_at_checked(BEGUN.len())?;
    let fits = |(is, of): (u8, u8)| is == of || of == b'0' && is.is_ascii_digit();
    let is_begun = begun.bytes().zip(BEGUN.bytes()).all(fits);
    let is_call = call.len() == 36 && Uuid::try_parse(call).is_ok();
    (is_begun && is_call && matches!(ending, WHOLE | PARTIAL)).then_some(ending)
}

/// Writes a file that is there whole or not at all; what was begun of one that cannot be written is removed.
fn place(written: &[u8], partial: &Path, whole: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(partial)?;
    let placed = file.write_all(written).and_then(|()| fs::rename(partial, whole));
    placed.inspect_err(|_| {
        // Where even that fails, the next tidying removes it.
        fs::remove_file(partial).ok();
    })
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
    /// When old files were last looked for.
    tidied: Instant,
    failing: bool,
    meters: Arc<CaptureMeters>,
}

impl Shelf {
    fn new(config: &CaptureConfig, meters: &Arc<CaptureMeters>) -> Self {
        Self {
            config: config.clone(),
            bytes: 0,
            tidied: Instant::now(),
            failing: false,
            meters: Arc::clone(meters),
        }
    }

    fn run(mut self, waiting: &Receiver<Envelope>) {
        loop {
            let left = LOOK.saturating_sub(self.tidied.elapsed());
            let done = match waiting.recv_timeout(left) {
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
        let put = self.put(call).inspect_err(|_| self.meters.was_not_written());
        if self.bytes > self.config.max_bytes || self.tidied.elapsed() >= LOOK {
            return put.and(self.tidy());
        }
        put
    }

    fn put(&mut self, call: &Envelope) -> io::Result<()> {
        let written = call.write().map_err(io::Error::other)?;
        let name = format!("{}{}", begun(call.at), Uuid::new_v4());
        let file = |ending: &str| self.config.folder.join(format!("{name}.{ending}"));
        place(&written, &file(PARTIAL), &file(WHOLE))?;
        self.bytes += written.len() as u64;
        Ok(())
    }

    /// Removes what is too old and, beyond the size, the oldest down to nine tenths of it, so that not every call
    /// has to look again. Other files than ours stay.
    fn tidy(&mut self) -> io::Result<()> {
        self.tidied = Instant::now();
        let oldest = SystemTime::from(Clock::Real.now())
            .checked_sub(Duration::from_secs(u64::from(self.config.days) * 86_400));
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.config.folder)? {
            let path = entry?.path();
            let Some(ending) = ending_of_ours(&path) else {
                continue;
            };
            let data = fs::metadata(&path)?;
            let written = data.modified()?;
            let late = ending == PARTIAL || oldest.is_some_and(|oldest| written < oldest);
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

    /// A name of ours.
    fn ours(ending: &str) -> String {
        format!("{}{}.{ending}", begun(call(0, 0).at), Uuid::new_v4())
    }

    /// A file that was written so many days ago.
    fn aged(folder: &Path, name: &str, days: u64) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, "x").unwrap();
        let then = SystemTime::from(Clock::Real.now()) - Duration::from_secs(days * 86_400);
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(then).unwrap();
        path
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
        let (new, foreign) = (
            ours("json"),
            [
                "cases.json",
                "20270115T080000.000000Z-notes.json",
                "half.partial",
                "notes.txt",
            ],
        );
        for (name, days) in [(&ours("json"), 3), (&new, 1), (&ours(PARTIAL), 0)] {
            aged(folder.path(), name, days);
        }
        for name in foreign {
            aged(folder.path(), name, 9);
        }
        let config = CaptureConfig {
            folder: folder.path().to_owned(),
            days: 2,
            max_bytes: 10_000,
        };
        Capture::open(&config, &Arc::default()).unwrap().finish();
        let left = files(folder.path());
        let mut expected: Vec<_> = foreign.iter().map(|name| folder.path().join(name)).collect();
        expected.push(folder.path().join(new));
        expected.sort();
        assert_eq!(left, expected);
    }

    #[test]
    fn a_request_that_could_not_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (partial, taken) = (folder.path().join("a.partial"), folder.path().join("a.json"));
        fs::create_dir(&taken).unwrap();
        assert!(place(b"x", &partial, &taken).is_err());
        assert_eq!(files(folder.path()), [taken]);
    }

    #[test]
    fn what_is_too_old_goes_although_one_request_comes_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let config = CaptureConfig {
            folder: folder.path().to_owned(),
            days: 2,
            max_bytes: 10_000,
        };
        let old = aged(folder.path(), &ours("json"), 3);
        let mut shelf = Shelf::new(&config, &Arc::default());
        shelf.take(&call(0, 1)).unwrap();
        assert!(old.exists(), "it was looked for a moment ago");
        shelf.tidied = Instant::now().checked_sub(LOOK).unwrap();
        shelf.take(&call(1, 1)).unwrap();
        assert!(!old.exists() && files(folder.path()).len() == 2);
        assert!(shelf.tidied.elapsed() < LOOK);
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
