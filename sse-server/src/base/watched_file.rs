//! A file that is read again when it changes.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::lock::Lock;

/// How often a file is looked at.
pub(crate) const WATCH: Duration = Duration::from_millis(250);

/// How a kind of file is read.
pub(crate) trait Parse: fmt::Debug + Send + Sync + 'static {
    /// What such a file is, as a refusal says it: "a file of tokens".
    const WHAT: &'static str;

    /// How to come by one if there is none, or nothing.
    const HINT: &'static str;

    /// The most bytes that one has.
    const MAX_BYTES: u64;

    type Parsed: fmt::Debug + Send + Sync;

    /// # Errors
    ///
    /// What is wrong with `bytes`, in one line without a secret.
    fn parse(&self, bytes: Vec<u8>) -> Result<Self::Parsed, String>;
}

/// A file, and what it held when it was last read.
#[derive(Debug)]
pub(crate) struct WatchedFile<P: Parse> {
    path: PathBuf,
    parse: P,
    known: Lock<Known<P::Parsed>>,
}

#[derive(Debug)]
struct Known<T> {
    parsed: Arc<T>,
    /// By which a changed file is recognised.
    stamp: Stamp,
    /// That of the file at the last look, if it had changed: somebody may still be writing it.
    changing: Option<Stamp>,
    /// The last fault that was told.
    told: Option<String>,
}

/// What a file held before it was read again, and what it holds now.
#[derive(Debug)]
pub(crate) struct Changed<T> {
    pub(crate) old: Arc<T>,
    pub(crate) new: Arc<T>,
}

/// When a file was changed, its length, and which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(metadata),
        }
    }
}

impl<P: Parse> WatchedFile<P> {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub(crate) fn open(path: &Path, parse: P) -> Result<Self, String> {
        let known = Lock::new(read(path, &parse)?);
        Ok(Self { path: path.to_owned(), parse, known })
    }

    /// What the file held when it was last read.
    pub(crate) fn parsed(&self) -> Arc<P::Parsed> {
        self.known.lock_even_so().parsed.clone()
    }

    /// Reads the file again if it has changed, and has not changed again since the last look, or with `anyway` whether it has
    /// or not. What was known stays if the file can't be read: it is tried again each time. It blocks.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, in one line, when it is told first.
    pub(crate) fn reread(&self, anyway: bool) -> Result<Option<Changed<P::Parsed>>, String> {
        if anyway { self.reload() } else { self.refresh() }
    }

    fn refresh(&self) -> Result<Option<Changed<P::Parsed>>, String> {
        let metadata = fs::metadata(&self.path);
        let mut known = self.known.lock_even_so();
        let now = metadata.as_ref().map_or(Stamp { modified: None, length: u64::MAX, ..known.stamp }, Stamp::of);
        if now == known.stamp {
            (known.changing, known.told) = (None, None);
            return Ok(None);
        }
        if known.changing.replace(now) != Some(now) {
            return Ok(None);
        }
        drop(known);
        self.reload()
    }

    fn reload(&self) -> Result<Option<Changed<P::Parsed>>, String> {
        match read(&self.path, &self.parse) {
            Ok(known) => {
                // nobody waits while much is compared, or dropped
                let new = known.parsed.clone();
                let old = std::mem::replace(&mut *self.known.lock_even_so(), known).parsed;
                Ok(Some(Changed { old, new }))
            }
            Err(error) => {
                let told = self.known.lock_even_so().told.replace(error.clone());
                if told.as_ref() == Some(&error) { Ok(None) } else { Err(error) }
            }
        }
    }
}

fn read<P: Parse>(path: &Path, parse: &P) -> Result<Known<P::Parsed>, String> {
    let told = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => told(&format!("there is no such file; {}", P::HINT)),
        _ => told(&error),
    })?;
    if metadata.len() > P::MAX_BYTES {
        return Err(told(&format!("{} bytes are not {}", metadata.len(), P::WHAT)));
    }
    let bytes = fs::read(path).map_err(|error| told(&error))?;
    if bytes.is_empty() {
        // as somebody leaves it who is about to write
        return Err(told(&format!("it is empty; {}", P::HINT)));
    }
    let parsed = parse.parse(bytes).map_err(|error| told(&error))?;
    Ok(Known { parsed: Arc::new(parsed), stamp: Stamp::of(&metadata), changing: None, told: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Number;

    impl Parse for Number {
        const WHAT: &'static str = "a number";
        const HINT: &'static str = "write one";
        const MAX_BYTES: u64 = 10;
        type Parsed = u32;

        fn parse(&self, bytes: Vec<u8>) -> Result<u32, String> {
            String::from_utf8_lossy(&bytes).trim().parse().map_err(|_| "no number".to_owned())
        }
    }

    #[test]
    fn a_changed_file_is_read_and_a_damaged_one_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        assert!(WatchedFile::open(&path, Number).unwrap_err().ends_with("number: there is no such file; write one"));
        fs::write(&path, "1").unwrap();
        let file = WatchedFile::open(&path, Number).unwrap();
        let quiet = |found: Result<Option<Changed<u32>>, String>| assert!(matches!(found, Ok(None)), "{found:?}");
        quiet(file.refresh());

        for damaged in ["", "one"] {
            fs::write(&path, damaged).unwrap();
            quiet(file.refresh()); // it may be half written
        }
        fs::write(&path, "12345678901").unwrap();
        quiet(file.refresh()); // and again
        assert!(file.refresh().unwrap_err().ends_with("number: 11 bytes are not a number"));
        quiet(file.refresh()); // it was told
        assert_eq!(*file.parsed(), 1, "what was known stays");
        fs::remove_file(&path).unwrap();
        quiet(file.refresh());
        assert!(file.refresh().is_err());
        assert_eq!(*file.parsed(), 1);

        fs::write(&path, "22").unwrap();
        quiet(file.refresh());
        let changed = file.refresh().unwrap().unwrap();
        assert_eq!((*changed.old, *changed.new, *file.parsed()), (1, 22, 22));
        quiet(file.refresh());
    }
}
