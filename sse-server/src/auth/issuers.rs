//! The issuers of JSON Web Tokens that the configuration names, and their keys' files, read again when they change.

use std::{path::Path, time::SystemTime};

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
    kind: Kind,
    algorithm: Option<Algorithm>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Secret,
    Pem,
    Set,
}

impl Parse for KeyFile {
    const WHAT: &'static str = "a file of keys";
    const HINT: &'static str = "it is to hold the issuer's key";
    const MAX_BYTES: u64 = 1 << 20;
    type Parsed = Keys;

    fn parse(&self, files: &[Vec<u8>]) -> Result<Keys, String> {
        let bytes = files.concat();
        match self.kind {
            Kind::Secret => Keys::of_secret(bytes, self.algorithm),
            Kind::Pem => Keys::of_pem(&bytes, self.algorithm),
            Kind::Set => Keys::of_set(&bytes, true),
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
        let mut issuers = Vec::with_capacity(config.issuers.len());
        for given in &config.issuers {
            let (kind, path): (_, &Path) = match &given.keys {
                IssuerKeys::Secret(path) => (Kind::Secret, path),
                IssuerKeys::Pem(path) => (Kind::Pem, path),
                IssuerKeys::Set(path) => (Kind::Set, path),
            };
            let algorithm = given.algorithm.as_deref().and_then(|name| name.parse().ok());
            let issuer = Issuer {
                name: given.issuer.clone(),
                audience: given.audience.clone(),
                publish_claim: given.publish_claim.clone(),
                subscribe_claim: given.subscribe_claim.clone(),
                leeway: config.leeway,
            };
            issuers.push((issuer, WatchedFiles::open(&[path], KeyFile { kind, algorithm })?));
        }
        Ok(Self(issuers))
    }

    fn grant(&self, token: &str, now: SystemTime) -> Result<Grant, Denial> {
        let name = issuer_of(token)?;
        let is_it = |issuer: &Issuer| issuer.name.is_empty() || Some(&issuer.name) == name.as_ref();
        // by its name before whoever has none
        let all = self.0.iter().filter(|(issuer, _)| is_it(issuer));
        let (issuer, keys) = all
            .max_by_key(|(issuer, _)| !issuer.name.is_empty())
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
