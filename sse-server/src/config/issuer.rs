//! `[[auth.issuers]]`: who issues JSON Web Tokens, and how they are told from others.

use std::path::PathBuf;

use super::setting::{Given, Setting};

/// An issuer of JSON Web Tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issuer {
    /// What the claim `iss` has to be. Empty, for one issuer: it may be anything, or missing.
    pub issuer: String,
    /// One of these has to be in the claim `aud`. If there are none, a token must have no such claim.
    pub audience: Vec<String>,
    /// Where its keys are.
    pub keys: IssuerKeys,
    /// The one algorithm of its key, such as `RS256`, unless the key says it.
    pub algorithm: Option<String>,
    /// The claim with what may be published; empty: nothing may be. `a.b` is the member `b` of the claim `a`.
    pub publish_claim: String,
    /// The claim with what may be subscribed to; empty: nothing may be.
    pub subscribe_claim: String,
}

/// Where the keys of an issuer are: in a file that is read again when it changes, or at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerKeys {
    /// A secret that the issuer and the hub share.
    Secret(PathBuf),
    /// A public key in PEM.
    Pem(PathBuf),
    /// A set of keys in JSON (RFC 7517).
    Set(PathBuf),
    /// The address of such a set, in which secrets are passed over.
    Url(String),
}

impl IssuerKeys {
    /// How they are given: the name of the key in the configuration, and its value.
    fn given(&self) -> (&'static str, String) {
        match self {
            Self::Secret(path) => ("secret_file", path.display().to_string()),
            Self::Pem(path) => ("public_key_file", path.display().to_string()),
            Self::Set(path) => ("jwks_file", path.display().to_string()),
            Self::Url(url) => ("jwks_url", url.clone()),
        }
    }
}

const ALGORITHMS: [&str; 12] =
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

impl Issuer {
    /// An issuer of whatever name, with the default names of claims.
    #[must_use]
    pub fn with(keys: IssuerKeys) -> Self {
        Self {
            issuer: String::new(),
            audience: Vec::new(),
            keys,
            algorithm: None,
            publish_claim: "publish".into(),
            subscribe_claim: "subscribe".into(),
        }
    }

    /// Reads a table.
    fn read(table: &[(String, String)]) -> Option<Self> {
        let places = table.iter().filter_map(|(name, path)| match name.as_str() {
            "secret_file" => Some(IssuerKeys::Secret(path.into())),
            "public_key_file" => Some(IssuerKeys::Pem(path.into())),
            "jwks_file" => Some(IssuerKeys::Set(path.into())),
            "jwks_url" => Some(IssuerKeys::Url(path.clone())),
            _ => None,
        });
        let mut places = places.collect::<Vec<_>>();
        let mut issuer = Self::with(places.pop().filter(|_| places.is_empty())?);
        for (name, value) in table {
            if name != "audience" && value.contains('\n') {
                return None; // a list, which only an audience may be
            }
            match name.as_str() {
                "issuer" => issuer.issuer.clone_from(value),
                "audience" if value.is_empty() => {} // an empty list
                "audience" => issuer.audience = value.split('\n').map(str::to_owned).collect(),
                "algorithm" if ALGORITHMS.contains(&value.as_str()) => issuer.algorithm = Some(value.clone()),
                "publish_claim" => issuer.publish_claim.clone_from(value),
                "subscribe_claim" => issuer.subscribe_claim.clone_from(value),
                "secret_file" | "public_key_file" | "jwks_file" => {}
                "jwks_url" if is_safe(value) => {}
                _ => return None,
            }
        }
        if issuer.audience.iter().any(String::is_empty) {
            return None;
        }
        // a set says for each of its keys what it is for
        let is_told_twice =
            issuer.algorithm.is_some() && matches!(issuer.keys, IssuerKeys::Set(_) | IssuerKeys::Url(_));
        (!is_told_twice).then_some(issuer)
    }

    /// The table as it would be given.
    fn show(&self) -> toml::Value {
        let mut table = toml::Table::new();
        table.insert("issuer".into(), self.issuer.as_str().into());
        if !self.audience.is_empty() {
            let all = self.audience.iter().map(|one| one.as_str().into()).collect();
            table.insert("audience".into(), toml::Value::Array(all));
        }
        let mut insert = |name: &str, value: &str| table.insert(name.into(), value.into());
        let (name, value) = self.keys.given();
        insert(name, &value);
        if let Some(algorithm) = &self.algorithm {
            insert("algorithm", algorithm);
        }
        insert("publish_claim", &self.publish_claim);
        insert("subscribe_claim", &self.subscribe_claim);
        toml::Value::Table(table)
    }
}

/// Returns true if what comes from there comes from nobody else: an address with https, or on this machine.
fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let is_here = uri.host().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    });
    super::setting::is_url(url) && (uri.scheme_str() == Some("https") || is_here)
}

impl Setting for Vec<Issuer> {
    type Takes = ();

    fn read(given: &Given, (): &()) -> Option<Self> {
        match given {
            Given::Tables(tables) => tables.iter().map(|table| Issuer::read(table)).collect(),
            Given::List(list) if list.is_empty() => Some(Self::new()),
            Given::List(_) | Given::Text(_) => None,
        }
    }

    fn show(&self) -> toml::Value {
        toml::Value::Array(self.iter().map(Issuer::show).collect())
    }

    fn allowed((): &()) -> String {
        format!(
            "tables [[auth.issuers]] with one of secret_file, public_key_file, jwks_file and jwks_url (an address with \
             https, or on this machine), and any of issuer, audience (a list), algorithm (but with a set: {}), \
             publish_claim, subscribe_claim",
            ALGORITHMS.join(", ")
        )
    }

    fn allowed_in_table((): &()) -> String {
        "tables, in the file only".into()
    }
}
