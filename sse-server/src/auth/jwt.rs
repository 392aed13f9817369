//! JSON Web Tokens (RFC 7519): whose they are, and what their claims grant. The time is given.

mod keys;
mod signature;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, Validation, dangerous::insecure_decode_claims, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use sse_engine::Selector;

use super::{Denial, Grant, MAX_SELECTORS};
use crate::config;
pub(crate) use keys::Keys;

/// The most bytes of a token.
const MAX_BYTES: usize = 16 << 10;

/// Somebody who issues tokens, and what is asked of them.
#[derive(Debug, Clone)]
pub(crate) struct Issuer {
    pub(crate) given: config::Issuer,
    /// By how much clocks may differ.
    pub(crate) leeway: Duration,
}

/// The claim `iss` of a token that nobody has verified: who is to verify it.
pub(crate) fn issuer_of(token: &str) -> Result<Option<String>, Denial> {
    #[derive(Deserialize)]
    struct Unverified {
        iss: Option<String>,
    }

    if token.len() > MAX_BYTES {
        return Err(Denial::Invalid(format!("the token has more than {MAX_BYTES} bytes")));
    }
    let claims: Unverified = insecure_decode_claims(token).map_err(|_| no_token())?;
    Ok(claims.iss)
}

/// Returns true if one of `keys` may have signed `token`, by what it says of itself.
pub(crate) fn may_be_signed_by(token: &str, keys: &Keys) -> bool {
    decode_header(token).is_ok_and(|header| keys.has_one_of(&header))
}

impl Issuer {
    /// What `token` grants at `now`, if one of `keys` has signed it and its claims are right.
    pub(crate) fn grant(&self, token: &str, keys: &Keys, now: SystemTime) -> Result<Grant, Denial> {
        let claims = verified(token, keys)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let name = &self.given.issuer;
        if !name.is_empty() && text("iss") != Some(name) {
            return Err(Denial::invalid("the claim iss is not the issuer's"));
        }
        self.check_audience(claims.get("aud"))?;
        let ends = date(&claims, "exp")?.ok_or_else(|| Denial::invalid("the claim exp is missing"))?;
        let until = ends.checked_add(self.leeway).ok_or_else(|| no_date("exp"))?;
        if until <= now {
            return Err(Denial::invalid("the token has expired"));
        }
        if let Some(begins) = date(&claims, "nbf")?
            && begins.duration_since(now).is_ok_and(|left| left > self.leeway)
        {
            return Err(Denial::invalid("the token is not valid yet"));
        }
        Ok(Grant {
            subject: text("sub").map(str::to_owned),
            issuer: (!name.is_empty()).then(|| name.clone()),
            token: text("jti").map(str::to_owned),
            publish: selectors(&claims, &self.given.publish_claim)?,
            subscribe: selectors(&claims, &self.given.subscribe_claim)?,
            until: Some(until),
        })
    }

    /// A token that names whom it is for is for nobody else (RFC 7519, 4.1.3).
    fn check_audience(&self, claim: Option<&Value>) -> Result<(), Denial> {
        let is_own = |one: &Value| one.as_str().is_some_and(|one| self.given.audience.iter().any(|own| own == one));
        let is_for_this = match claim {
            None => self.given.audience.is_empty(),
            Some(Value::Array(all)) => all.iter().any(is_own),
            Some(one) => is_own(one),
        };
        is_for_this.then_some(()).ok_or_else(|| Denial::invalid("the claim aud does not name this hub"))
    }
}

/// The claims of a token that one of `keys` has signed.
fn verified(token: &str, keys: &Keys) -> Result<Map<String, Value>, Denial> {
    signature::provide();
    let header = decode_header(token).map_err(|_| no_token())?;
    keys.of(&header)
        .find_map(|key| decode(token, &key.decoding, &only_signed(key.algorithm)).ok())
        .map(|decoded| decoded.claims)
        .ok_or_else(|| Denial::invalid("no key of the issuer has signed the token, or not with that algorithm"))
}

/// Looks at nothing but the signature: the claims are looked at here, where the time is given.
fn only_signed(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    validation
}

/// A claim that is a date: seconds since 1970, perhaps with a fraction.
fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<SystemTime>, Denial> {
    let Some(claim) = claims.get(name) else { return Ok(None) };
    let since = claim.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    since.and_then(|since| UNIX_EPOCH.checked_add(since)).map(Some).ok_or_else(|| no_date(name))
}

/// The selectors in the claim `name`: a list, or one text with white space between them. A name with dots is also that of a
/// member of members.
fn selectors(claims: &Map<String, Value>, name: &str) -> Result<Arc<[Selector]>, Denial> {
    if name.is_empty() {
        return Ok(Arc::default());
    }
    let within = || {
        let mut names = name.split('.');
        let outer = claims.get(names.next()?);
        names.fold(outer, |value, name| value?.as_object()?.get(name))
    };
    let refused = |why: &str| Denial::Invalid(format!("the claim {name} {why}"));
    let texts: Vec<&str> = match claims.get(name).or_else(within) {
        None | Some(Value::Null) => return Ok(Arc::default()),
        Some(Value::String(text)) => text.split_whitespace().collect(),
        Some(Value::Array(list)) => {
            let texts = list.iter().map(Value::as_str).collect::<Option<_>>();
            texts.ok_or_else(|| refused("has something else than texts"))?
        }
        Some(_) => return Err(refused("is neither a list nor a text")),
    };
    if texts.len() > MAX_SELECTORS {
        return Err(refused(&format!("has more than {MAX_SELECTORS} topics and patterns")));
    }
    let selectors = texts.iter().map(|text| Selector::new(text)).collect::<Result<_, _>>();
    selectors.map_err(|why| refused(&format!("has something that is no topic or pattern: {why}")))
}

fn no_token() -> Denial {
    Denial::invalid("the token is no JSON Web Token")
}

fn no_date(claim: &str) -> Denial {
    Denial::Invalid(format!("the claim {claim} is no time in seconds since 1970"))
}

#[cfg(test)]
mod tests;
