//! Signatures of JSON Web Tokens, verified by ring.
//!
//! jsonwebtoken leaves them to a provider, of which a process has one. This one is there unless the program has brought its
//! own. It makes no signatures: the hub issues no such token.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
    signature::{Error as Refused, Verifier},
};
use ring::{hmac, signature as asymmetric};

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

/// Makes sure that the process has a provider.
pub(super) fn provide() {
    // that of a program, or of a feature of the library's that it has switched on, stays
    if CryptoProvider::try_get_default().is_none() {
        let _ = PROVIDER.install_default();
    }
}

/// A key, and the one algorithm that it is used with.
struct Verifying {
    algorithm: Algorithm,
    key: DecodingKey,
}

fn signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Verifying { algorithm: *algorithm, key: key.clone() }))
}

impl Verifying {
    fn is_valid(&self, message: &[u8], signature: &[u8]) -> Option<()> {
        let algorithm = match self.algorithm {
            Algorithm::HS256 => return self.is_code(hmac::HMAC_SHA256, message, signature),
            Algorithm::HS384 => return self.is_code(hmac::HMAC_SHA384, message, signature),
            Algorithm::HS512 => return self.is_code(hmac::HMAC_SHA512, message, signature),
            Algorithm::RS256 => return self.is_rsa(&asymmetric::RSA_PKCS1_2048_8192_SHA256, message, signature),
            Algorithm::RS384 => return self.is_rsa(&asymmetric::RSA_PKCS1_2048_8192_SHA384, message, signature),
            Algorithm::RS512 => return self.is_rsa(&asymmetric::RSA_PKCS1_2048_8192_SHA512, message, signature),
            Algorithm::PS256 => return self.is_rsa(&asymmetric::RSA_PSS_2048_8192_SHA256, message, signature),
            Algorithm::PS384 => return self.is_rsa(&asymmetric::RSA_PSS_2048_8192_SHA384, message, signature),
            Algorithm::PS512 => return self.is_rsa(&asymmetric::RSA_PSS_2048_8192_SHA512, message, signature),
            Algorithm::ES256 => &asymmetric::ECDSA_P256_SHA256_FIXED as &dyn asymmetric::VerificationAlgorithm,
            Algorithm::ES384 => &asymmetric::ECDSA_P384_SHA384_FIXED,
            Algorithm::EdDSA => &asymmetric::ED25519,
            _ => return None,
        };
        self.is_signed(algorithm, message, signature)
    }

    fn is_code(&self, algorithm: hmac::Algorithm, message: &[u8], code: &[u8]) -> Option<()> {
        let key = hmac::Key::new(algorithm, self.key.try_get_as_bytes().ok()?);
        hmac::verify(&key, message, code).ok()
    }

    fn is_rsa(&self, algorithm: &'static asymmetric::RsaParameters, message: &[u8], signature: &[u8]) -> Option<()> {
        match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                asymmetric::RsaPublicKeyComponents { n, e }.verify(algorithm, message, signature).ok()
            }
            DecodingKeyKind::SecretOrDer(_) => self.is_signed(algorithm, message, signature),
        }
    }

    fn is_signed(
        &self,
        algorithm: &'static dyn asymmetric::VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Option<()> {
        let key = asymmetric::UnparsedPublicKey::new(algorithm, self.key.try_get_as_bytes().ok()?);
        key.verify(message, signature).ok()
    }
}

impl Verifier<Vec<u8>> for Verifying {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Refused> {
        self.is_valid(message, signature).ok_or_else(Refused::new)
    }
}

impl JwtVerifier for Verifying {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
