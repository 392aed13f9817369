//! The file of tokens, read again when it changes.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Asked, Authorizer, Authorizing, TokenError, Tokens};
use crate::base::lock::Lock;

/// How often the file is looked at.
pub(crate) const WATCH: Duration = Duration::from_millis(250);

/// The most bytes of a file of tokens.
const MAX_BYTES: u64 = 64 << 20;

/// A file of tokens, and what it held when it was last read.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    known: Lock<Known>,
}

#[derive(Debug)]
struct Known {
    tokens: Arc<Tokens>,
    /// By which a changed file is recognised.
    stamp: Stamp,
    /// That of the file at the last look, if it had changed: somebody may still be writing it.
    changing: Option<Stamp>,
    /// The last fault that was told.
    told: Option<String>,
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

impl TokenFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let (tokens, stamp) = read(path)?;
        Ok(Self { path: path.to_owned(), known: Lock::new(Known::new(tokens, stamp)) })
    }

    /// Reads the file again if it has changed, and has not changed again since the last look. Returns the IDs of tokens that are
    /// gone or grant something else. What was known stays if the file can't be read: it is tried again each time. It blocks.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, in one line, when it is told first.
    pub(crate) fn refresh(&self) -> Result<HashSet<String>, String> {
        let metadata = fs::metadata(&self.path);
        let mut known = self.known.lock_even_so();
        let now = metadata.as_ref().map_or(Stamp { modified: None, length: u64::MAX, ..known.stamp }, Stamp::of);
        if now == known.stamp {
            (known.changing, known.told) = (None, None);
            return Ok(HashSet::new());
        }
        if known.changing.replace(now) != Some(now) {
            return Ok(HashSet::new());
        }
        drop(known);
        self.reload()
    }

    /// Reads the file again, changed or not; see [`refresh`](Self::refresh).
    pub(crate) fn reload(&self) -> Result<HashSet<String>, String> {
        match read(&self.path) {
            Ok((tokens, stamp)) => {
                // nobody waits while many are compared, or dropped
                let known = Known::new(tokens, stamp);
                let new = known.tokens.clone();
                let old = std::mem::replace(&mut *self.known.lock_even_so(), known);
                Ok(old.tokens.changed_in(&new))
            }
            Err(error) => {
                let told = self.known.lock_even_so().told.replace(error.clone());
                if told.as_ref() == Some(&error) { Ok(HashSet::new()) } else { Err(error) }
            }
        }
    }
}

impl Known {
    fn new(tokens: Tokens, stamp: Stamp) -> Self {
        Self { tokens: Arc::new(tokens), stamp, changing: None, told: None }
    }
}

impl Authorizer for TokenFile {
    fn authorize<'a>(&'a self, asked: Asked<'a>) -> Authorizing<'a> {
        let tokens = self.known.lock_even_so().tokens.clone();
        Box::pin(async move { tokens.grant(asked.token) })
    }
}

fn read(path: &Path) -> Result<(Tokens, Stamp), String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => told(&"there is no such file; `sse-server token new` makes it"),
        _ => told(&error),
    })?;
    if metadata.len() > MAX_BYTES {
        return Err(told(&format!("{} bytes are no file of tokens", metadata.len())));
    }
    let text = fs::read_to_string(path).map_err(|error| told(&error))?;
    if text.is_empty() {
        // as somebody leaves it who is about to write
        return Err(told(&"it is empty; a file without tokens has a comment at least"));
    }
    let tokens = Tokens::parse(&text).map_err(|error: TokenError| told(&error))?;
    Ok((tokens, Stamp::of(&metadata)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{NewToken, Operation};

    #[tokio::test]
    async fn a_changed_file_is_read_and_a_damaged_one_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.toml");
        assert!(TokenFile::open(&path).unwrap_err().contains("`sse-server token new` makes it"));

        let mut tokens = Tokens::default();
        let new = NewToken { subject: "s".into(), ..NewToken::default() };
        let issued = tokens.issue(new, SystemTime::now()).unwrap();
        fs::write(&path, tokens.to_toml().unwrap()).unwrap();
        let file = TokenFile::open(&path).unwrap();
        let is_known = async || {
            let asked = Asked::new(&issued.token, Operation::Subscribe(&[]));
            file.authorize(asked).await.is_ok()
        };
        assert!(is_known().await);
        assert_eq!(file.refresh(), Ok(HashSet::new()));

        for damaged in ["", "[[tokens]]\nid = 6\n"] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(file.refresh(), Ok(HashSet::new()), "it may be half written");
        }
        fs::write(&path, "[[tokens]]\nid = 7\n\n").unwrap();
        assert_eq!(file.refresh(), Ok(HashSet::new()), "and again");
        assert!(file.refresh().unwrap_err().contains("tokens.toml: "));
        assert_eq!(file.refresh(), Ok(HashSet::new()), "it was told");
        assert!(is_known().await, "what was known stays");
        fs::remove_file(&path).unwrap();
        assert_eq!(file.refresh(), Ok(HashSet::new()));
        assert!(file.refresh().is_err());
        assert!(is_known().await);

        fs::write(&path, "# none\n").unwrap();
        assert_eq!(file.refresh(), Ok(HashSet::new()));
        assert_eq!(file.refresh(), Ok(HashSet::from([issued.id.clone()])));
        assert!(!is_known().await);
    }
}
