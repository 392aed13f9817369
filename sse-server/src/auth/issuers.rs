//! The issuers of JSON Web Tokens that the configuration names, and their keys' files, read again when they change.

use std::time::SystemTime;

use jsonwebtoken::Algorithm;

use super::{
    Asked, Authorizer, Authorizing, ByFiles, Denial, Grant, Reread,
    jwt::{Issuer, Keys, issuer_of},
};
use crate::{
    base::watched_files::{Parse, WatchedFiles},
    config::{Auth, IssuerKeys},
};

/// Decides by tokens that others issue.
#[derive(Debug)]
pub(crate) struct Issuers(Vec<(Issuer, WatchedFiles<KeyFile>)>);

/// How a file of keys is read.
#[derive(Debug)]
struct KeyFile {
    keys: IssuerKeys,
    algorithm: Option<Algorithm>,
}

impl Parse for KeyFile {
    const WHAT: &'static str = "a file of keys";
    const HINT: &'static str = "it is to hold the issuer's key";
    const MAX_BYTES: u64 = 1 << 20;
    type Parsed = Keys;

    fn parse(&self, files: &[Vec<u8>]) -> Result<Keys, String> {
        let bytes = files.concat();
        match self.keys {
            IssuerKeys::Secret(_) => Keys::of_secret(bytes, self.algorithm),
            IssuerKeys::Pem(_) => Keys::of_pem(&bytes, self.algorithm),
            IssuerKeys::Set(_) => Keys::of_set(&bytes),
        }
    }
}

impl Issuers {
    /// Reads the keys of those that are configured.
    ///
    /// # Errors
    ///
    /// What is wrong with a file, in one line.
    pub(crate) fn open(config: &Auth) -> Result<Self, String> {
        let issuers = config.issuers.iter().map(|given| {
            let algorithm = given.algorithm.as_deref().and_then(|name| name.parse().ok());
            let file = KeyFile { keys: given.keys.clone(), algorithm };
            Ok((
                Issuer { given: given.clone(), leeway: config.leeway },
                WatchedFiles::open(&[given.keys.path()], file)?,
            ))
        });
        issuers.collect::<Result<_, _>>().map(Self)
    }

    fn grant(&self, token: &str, now: SystemTime) -> Result<Grant, Denial> {
        let name = issuer_of(token)?;
        let is_it = |issuer: &Issuer| issuer.given.issuer.is_empty() || Some(&issuer.given.issuer) == name.as_ref();
        // by its name before whoever has none
        let all = self.0.iter().filter(|(issuer, _)| is_it(issuer));
        let (issuer, keys) = all
            .max_by_key(|(issuer, _)| !issuer.given.issuer.is_empty())
            .ok_or_else(|| Denial::invalid("the claim iss names nobody whose tokens are taken here"))?;
        issuer.grant(token, &keys.parsed(), now)
    }
}

impl ByFiles for Issuers {
    fn reread(&self, anyway: bool) -> Result<Reread, String> {
        let mut reread = Ok(Reread::Nothing);
        for (_, file) in &self.0 {
            match file.reread(anyway) {
                Ok(None) => {}
                Ok(Some(_)) => reread = reread.map(|_| Reread::Keys),
                Err(error) => reread = Err(error),
            }
        }
        reread
    }
}

impl Authorizer for Issuers {
    fn authorize<'a>(&'a self, asked: Asked<'a>) -> Authorizing<'a> {
        Box::pin(async move { self.grant(asked.token, SystemTime::now()) })
    }
}
