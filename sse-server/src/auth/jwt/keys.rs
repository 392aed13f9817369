//! The keys of an issuer.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, Header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;

/// The most keys of an issuer.
const MAX_KEYS: usize = 256;

/// The most keys that a token is tried with which does not name its own.
const MAX_TRIED: usize = 8;

/// The fewest bytes of a secret: those of the hash of HS256 (RFC 7518, 3.2).
const SECRET_BYTES: usize = 32;

/// The fewest bytes of an RSA key's modulus.
const RSA_BYTES: usize = 256;

/// The keys of an issuer.
#[derive(Debug)]
pub(crate) struct Keys(Vec<Key>);

/// A key with the one algorithm that it is for. What a token says of itself chooses neither.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

/// A set of keys as RFC 7517 has it. Those that are for something else are passed over.
#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    /// A shared secret, for HS256 unless `algorithm` says otherwise. A line end behind it is not part of it.
    pub(crate) fn of_secret(mut bytes: Vec<u8>, algorithm: Option<Algorithm>) -> Result<Self, String> {
        while bytes.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
            bytes.pop();
        }
        let text = bytes.trim_ascii_start();
        if text.starts_with(b"-----BEGIN") || text.starts_with(b"{") {
            return Err("this is a key that is known to others, not a secret: see public_key_file and jwks_file".into());
        }
        if bytes.len() < SECRET_BYTES {
            return Err(format!("the secret has {} bytes; {SECRET_BYTES} are the fewest", bytes.len()));
        }
        let algorithm = algorithm.unwrap_or(Algorithm::HS256);
        let decoding = DecodingKey::from_secret(&bytes).map_err(|error| error.to_string())?;
        Self::one(algorithm, decoding)
    }

    /// A public key in PEM. RSA is for RS256 unless `algorithm` says otherwise, a curve for its only algorithm.
    pub(crate) fn of_pem(bytes: &[u8], algorithm: Option<Algorithm>) -> Result<Self, String> {
        if String::from_utf8_lossy(bytes).contains("PRIVATE KEY") {
            return Err("this is a private key, which is nobody's but the issuer's; the public one is enough".into());
        }
        let kinds = [DecodingKey::from_rsa_pem, DecodingKey::from_ec_pem, DecodingKey::from_ed_pem];
        let decoding = kinds.into_iter().find_map(|read| read(bytes).ok());
        let decoding = decoding.ok_or("this is no public key in PEM; RSA, P-256, P-384 and Ed25519 are supported")?;
        let own = match decoding.family() {
            AlgorithmFamily::Hmac => None,
            AlgorithmFamily::Rsa => Some(Algorithm::RS256),
            AlgorithmFamily::Ed => Some(Algorithm::EdDSA),
            AlgorithmFamily::Ec => match decoding.try_get_as_bytes().map_or(0, <[u8]>::len) {
                65 => Some(Algorithm::ES256),
                97 => Some(Algorithm::ES384),
                _ => None,
            },
        };
        let own = own.ok_or("the key's curve is not supported; P-256, P-384 and Ed25519 are")?;
        if is_short_rsa(&decoding) {
            return Err(format!("the key has fewer than {} bits", RSA_BYTES * 8));
        }
        let algorithm = algorithm.unwrap_or(own);
        if own.family() == AlgorithmFamily::Ec && algorithm.family() == AlgorithmFamily::Ec && algorithm != own {
            return Err(format!("the key is for {own:?}, and algorithm is {algorithm:?}"));
        }
        Self::one(algorithm, decoding)
    }

    /// A set of keys: JSON, as RFC 7517 has it. There may be secrets in it, since the file is nobody else's.
    pub(crate) fn of_set(bytes: &[u8]) -> Result<Self, String> {
        let set: Set = serde_json::from_slice(bytes).map_err(|error| format!("this is no set of keys: {error}"))?;
        if set.keys.len() > MAX_KEYS {
            return Err(format!("there are {} keys; {MAX_KEYS} are the most", set.keys.len()));
        }
        let keys: Vec<_> = set.keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err("none of the keys is for signatures of a kind that is supported".into());
        }
        Ok(Self(keys))
    }

    /// A set of keys that are known to others: a secret among them is none, and passed over.
    pub(crate) fn of_public_set(bytes: &[u8]) -> Result<Self, String> {
        let mut set = Self::of_set(bytes)?;
        set.0.retain(|key| key.decoding.family() != AlgorithmFamily::Hmac);
        if set.0.is_empty() {
            return Err("all of the keys are secrets, and whoever can fetch them knows them".into());
        }
        Ok(set)
    }

    /// Returns true if a key may have signed a token with this header.
    pub(super) fn has_one_of(&self, header: &Header) -> bool {
        self.of(header).next().is_some()
    }

    fn one(algorithm: Algorithm, decoding: DecodingKey) -> Result<Self, String> {
        if algorithm.family() != decoding.family() {
            return Err(format!("the key is of another kind than algorithm {algorithm:?} takes"));
        }
        Ok(Self(vec![Key { id: None, algorithm, decoding }]))
    }

    /// The keys that may have signed a token with this header, that which it names first.
    pub(super) fn of(&self, header: &Header) -> impl Iterator<Item = &Key> {
        let of_algorithm = || self.0.iter().filter(|key| key.algorithm == header.alg);
        let is_named = |key: &&Key| key.id.is_some() && key.id == header.kid;
        let has_no_name = |key: &&Key| key.id.is_none() || header.kid.is_none();
        of_algorithm().filter(is_named).chain(of_algorithm().filter(has_no_name)).take(MAX_TRIED)
    }
}

impl Key {
    fn read(json: serde_json::Value) -> Option<Self> {
        let key: Jwk = serde_json::from_value(json).ok()?;
        let (common, operations) = (&key.common, key.common.key_operations.as_deref());
        let signs = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
            && operations.is_none_or(|all| all.contains(&KeyOperations::Verify));
        let own = match &key.algorithm {
            AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                EllipticCurve::P256 => Some(Algorithm::ES256),
                EllipticCurve::P384 => Some(Algorithm::ES384),
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Some(Algorithm::EdDSA),
            AlgorithmParameters::OctetKey(_) => Some(Algorithm::HS256),
            _ => return None,
        };
        let algorithm = match common.key_algorithm {
            Some(named) => named.to_string().parse().ok()?,
            None => own?,
        };
        let decoding = DecodingKey::from_jwk(&key).ok()?;
        let is_curve = own.is_some_and(|own| own.family() == AlgorithmFamily::Ec);
        let fits = algorithm.family() == decoding.family() && (!is_curve || own == Some(algorithm));
        let is_long = algorithm.family() != AlgorithmFamily::Hmac
            || decoding.try_get_as_bytes().is_ok_and(|secret| secret.len() >= SECRET_BYTES);
        let is_long = is_long && !is_short_rsa(&decoding);
        (signs && fits && is_long).then(|| Self { id: key.common.key_id, algorithm, decoding })
    }
}

/// Returns true for an RSA key that no signature is taken of.
fn is_short_rsa(key: &DecodingKey) -> bool {
    key.family() == AlgorithmFamily::Rsa
        && match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, .. } => n.len() < RSA_BYTES,
            DecodingKeyKind::SecretOrDer(der) => der.len() < RSA_BYTES,
        }
}
