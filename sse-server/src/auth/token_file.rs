//! The file of tokens, read again when it changes.

use std::path::Path;

use super::{Asked, Authorizer, Authorizing, ByFiles, Grant, Reread, TokenError, Tokens};
use crate::base::watched_files::{Changed, Parse, WatchedFiles};

/// A file of tokens.
#[derive(Debug)]
pub(crate) struct TokenFile(WatchedFiles<Toml>);

#[derive(Debug)]
struct Toml;

impl Parse for Toml {
    const WHAT: &'static str = "a file of tokens";
    const HINT: &'static str = "`sse-server token new` makes it";
    const MAX_BYTES: u64 = 64 << 20;
    type Parsed = Tokens;

    fn parse(&self, files: &[Vec<u8>]) -> Result<Tokens, String> {
        let text = String::from_utf8(files.concat()).map_err(|error| error.utf8_error().to_string())?;
        Tokens::parse(&text).map_err(|error: TokenError| error.to_string())
    }
}

impl TokenFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        WatchedFiles::open(&[path], Toml).map(Self)
    }
}

impl ByFiles for TokenFile {
    fn reread(&self, anyway: bool) -> Result<Reread, String> {
        let Some(Changed { old, new }) = self.0.reread(anyway)? else { return Ok(Reread::Nothing) };
        let changed = old.changed_in(&new);
        Ok(if changed.is_empty() { Reread::Nothing } else { Reread::Tokens(changed) })
    }

    fn stamp(&self, grant: &Grant) -> Option<u64> {
        self.0.parsed().stamp(grant.token.as_ref()?)
    }

    fn left_of(&self, grant: Grant, stamp: Option<u64>) -> Option<Grant> {
        self.0.parsed().left_of(grant, stamp)
    }
}

impl Authorizer for TokenFile {
    fn authorize<'a>(&'a self, asked: Asked<'a>) -> Authorizing<'a> {
        let tokens = self.0.parsed();
        Box::pin(async move { tokens.grant(asked.token) })
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fs, time::SystemTime};

    use super::*;
    use crate::auth::{NewToken, Operation};

    #[tokio::test]
    async fn tokens_that_are_gone_from_the_file_are_named() {
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
        assert_eq!(file.reread(true), Ok(Reread::Nothing), "nothing of it has changed");

        fs::write(&path, "[[tokens]]\nid = 7\n").unwrap();
        assert!(file.reread(true).unwrap_err().contains("tokens.toml: line"));
        assert!(is_known().await, "what was known stays");

        fs::write(&path, "# none\n").unwrap();
        assert_eq!(file.reread(true), Ok(Reread::Tokens(HashSet::from([issued.id.clone()]))));
        assert!(!is_known().await);
    }
}
