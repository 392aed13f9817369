//! The issuers of JSON Web Tokens that the configuration names, and their keys' files, read again when they change.

use std::{path::Path, sync::Arc, time::SystemTime};

use jsonwebtoken::Algorithm;

use super::{
    Asked, Authorizer, Authorizing, ByFiles, Denial, Grant, Reread,
    jwt::{Issuer, Keys, issuer_of, may_be_signed_by},
    remote_keys::RemoteKeys,
};
use crate::{
    base::watched_files::{Parse, WatchedFiles},
    config::{Auth, IssuerKeys},
};

/// Decides by tokens that others issue.
#[derive(Debug)]
pub(crate) struct Issuers(Vec<(Issuer, Source)>);

/// Where the keys of an issuer come from.
#[derive(Debug)]
enum Source {
    File(WatchedFiles<KeyFile>),
    Remote(Arc<RemoteKeys>),
}

/// How a file of keys is read.
#[derive(Debug)]
struct KeyFile {
    kind: Kind,
    algorithm: Option<Algorithm>,
}

/// What a file of keys holds.
#[derive(Debug)]
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
            Kind::Set => Keys::of_set(&bytes),
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
            let file = |path: &Path, kind| WatchedFiles::open(&[path], KeyFile { kind, algorithm }).map(Source::File);
            let source = match &given.keys {
                IssuerKeys::Secret(path) => file(path, Kind::Secret),
                IssuerKeys::Pem(path) => file(path, Kind::Pem),
                IssuerKeys::Set(path) => file(path, Kind::Set),
                IssuerKeys::Url(url) => RemoteKeys::new(url).map(Source::Remote),
            };
            Ok((Issuer { given: given.clone(), leeway: config.leeway }, source?))
        });
        issuers.collect::<Result<_, _>>().map(Self)
    }

    async fn grant(&self, token: &str, now: SystemTime) -> Result<Grant, Denial> {
        let name = issuer_of(token)?;
        let is_it = |issuer: &Issuer| issuer.given.issuer.is_empty() || Some(&issuer.given.issuer) == name.as_ref();
        // by its name before whoever has none
        let all = self.0.iter().filter(|(issuer, _)| is_it(issuer));
        let (issuer, source) = all
            .max_by_key(|(issuer, _)| !issuer.given.issuer.is_empty())
            .ok_or_else(|| Denial::invalid("the claim iss names nobody whose tokens are taken here"))?;
        let keys = match source {
            Source::File(file) => file.parsed(),
            Source::Remote(remote) => remote.keys(|keys| may_be_signed_by(token, keys)).await?,
        };
        issuer.grant(token, &keys, now)
    }
}

impl ByFiles for Issuers {
    fn reread(&self, anyway: bool) -> Result<Reread, String> {
        let mut reread = Ok(Reread::Nothing);
        for (_, source) in &self.0 {
            let Source::File(file) = source else { continue };
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
        Box::pin(self.grant(asked.token, SystemTime::now()))
    }
}
