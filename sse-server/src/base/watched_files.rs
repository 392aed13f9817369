//! Files that are read again when one of them changes.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::lock::Lock;

/// How often files are looked at.
pub(crate) const WATCH: Duration = Duration::from_millis(250);

/// How a kind of files is read.
pub(crate) trait Parse: fmt::Debug + Send + Sync + 'static {
    /// What such a file is, as a refusal says it: "a file of tokens".
    const WHAT: &'static str;

    /// How to come by one if there is none, or nothing.
    const HINT: &'static str;

    /// The most bytes that one has.
    const MAX_BYTES: u64;

    type Parsed: fmt::Debug + Send + Sync;

    /// Reads `files` together.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in one line without a secret.
    fn parse(&self, files: &[Vec<u8>]) -> Result<Self::Parsed, String>;
}

/// Files, and what they held when they were last read.
#[derive(Debug)]
pub(crate) struct WatchedFiles<P: Parse> {
    paths: Vec<PathBuf>,
    parse: P,
    known: Lock<Known<P::Parsed>>,
}

#[derive(Debug)]
struct Known<T> {
    parsed: Arc<T>,
    /// By which changed files are recognised.
    stamps: Vec<Stamp>,
    /// Those of the files at the last look, if one had changed: somebody may still be writing it.
    changing: Option<Vec<Stamp>>,
    /// The last fault that was told.
    told: Option<String>,
}

/// What files held before they were read again, and what they hold now.
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

    /// That of a file that is not there.
    const NONE: Self = Self {
        modified: None,
        length: u64::MAX,
        #[cfg(unix)]
        inode: 0,
    };
}

impl<P: Parse> WatchedFiles<P> {
    /// Reads the files at `paths`.
    ///
    /// # Errors
    ///
    /// What is wrong with one, in one line.
    pub(crate) fn open(paths: &[&Path], parse: P) -> Result<Self, String> {
        let paths: Vec<_> = paths.iter().map(|path| path.to_path_buf()).collect();
        let known = Lock::new(read(&paths, &parse)?);
        Ok(Self { paths, parse, known })
    }

    /// What the files held when they were last read.
    pub(crate) fn parsed(&self) -> Arc<P::Parsed> {
        self.known.lock_even_so().parsed.clone()
    }

    /// Reads the files again if one has changed, and none has changed again since the last look, or with `anyway` whether they
    /// have or not. What was known stays if one can't be read: it is tried again each time. It blocks.
    ///
    /// # Errors
    ///
    /// What is wrong with a file, in one line, when it is told first.
    pub(crate) fn reread(&self, anyway: bool) -> Result<Option<Changed<P::Parsed>>, String> {
        if anyway { self.reload() } else { self.refresh() }
    }

    fn refresh(&self) -> Result<Option<Changed<P::Parsed>>, String> {
        let stamp = |path: &PathBuf| fs::metadata(path).as_ref().map_or(Stamp::NONE, Stamp::of);
        let now: Vec<_> = self.paths.iter().map(stamp).collect();
        let mut known = self.known.lock_even_so();
        if now == known.stamps {
            (known.changing, known.told) = (None, None);
            return Ok(None);
        }
        if known.changing.as_ref() != Some(&now) {
            known.changing = Some(now);
            return Ok(None);
        }
        drop(known);
        self.reload()
    }

    fn reload(&self) -> Result<Option<Changed<P::Parsed>>, String> {
        match read(&self.paths, &self.parse) {
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

fn read<P: Parse>(paths: &[PathBuf], parse: &P) -> Result<Known<P::Parsed>, String> {
    let (mut files, mut stamps) = (Vec::with_capacity(paths.len()), Vec::with_capacity(paths.len()));
    for path in paths {
        let (bytes, stamp) = read_one::<P>(path).map_err(|error| format!("{}: {error}", path.display()))?;
        files.push(bytes);
        stamps.push(stamp);
    }
    let parsed = parse.parse(&files).map_err(|error| {
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        format!("{}: {error}", paths.join(", "))
    })?;
    Ok(Known { parsed: Arc::new(parsed), stamps, changing: None, told: None })
}

fn read_one<P: Parse>(path: &Path) -> Result<(Vec<u8>, Stamp), String> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no such file; {}", P::HINT),
        _ => error.to_string(),
    })?;
    if metadata.len() > P::MAX_BYTES {
        return Err(format!("{} bytes are not {}", metadata.len(), P::WHAT));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    if bytes.is_empty() {
        // as somebody leaves it who is about to write
        return Err(format!("it is empty; {}", P::HINT));
    }
    Ok((bytes, Stamp::of(&metadata)))
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

        fn parse(&self, files: &[Vec<u8>]) -> Result<u32, String> {
            String::from_utf8_lossy(&files.concat()).trim().parse().map_err(|_| "no number".to_owned())
        }
    }

    #[test]
    fn a_changed_file_is_read_and_a_damaged_one_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        assert!(
            WatchedFiles::open(&[&path], Number).unwrap_err().ends_with("number: there is no such file; write one")
        );
        fs::write(&path, "1").unwrap();
        let file = WatchedFiles::open(&[&path], Number).unwrap();
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

    #[test]
    fn files_that_belong_together_are_read_together() {
        let dir = tempfile::tempdir().unwrap();
        let paths = [dir.path().join("tens"), dir.path().join("ones")];
        paths.iter().for_each(|path| fs::write(path, "1").unwrap());
        let files = WatchedFiles::open(&[&paths[0], &paths[1]], Number).unwrap();
        assert_eq!(*files.parsed(), 11);
        fs::write(&paths[0], "22").unwrap();
        assert!(files.refresh().unwrap().is_none());
        fs::write(&paths[1], "x").unwrap();
        assert!(files.refresh().unwrap().is_none(), "the other one changes still");
        assert!(files.refresh().unwrap_err().ends_with("ones: no number"));
        fs::write(&paths[1], "33").unwrap();
        assert!(files.refresh().unwrap().is_none());
        assert_eq!(files.refresh().unwrap().map(|changed| *changed.new), Some(2233));
    }
}
