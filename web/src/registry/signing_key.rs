//! The two kinds of key that sign tokens, and what is published of them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The fewest bits of an RSA key that is taken.
pub const MIN_RSA_BITS: usize = 2_048;

/// By what tokens are signed (`token.algorithm`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA over P-256: short, and fast to sign. Distribution 2.8 and 3.x both take it.
    #[default]
    Es256,
    /// RSA of [`MIN_RSA_BITS`], PKCS #1 v1.5: for registries that know nothing else. One signature
    /// costs about twenty times as much.
    Rs256,
}

impl Algorithm {
    /// As tokens name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// A new key pair.
    pub(super) fn generate(self) -> Result<KeyPair, rcgen::Error> {
        match self {
            Self::Es256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::Rs256 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A private key.
pub(super) enum SigningKey {
    P256(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// The key does not sign.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the signing key does not sign")]
pub struct SignError;

impl SigningKey {
    /// `None`: no key of either kind, or one that is too short.
    pub(super) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            return Some(Self::P256(key));
        }
        let key = RsaKeyPair::from_pkcs8(der).ok()?;
        (8 * key.public_modulus_len() >= MIN_RSA_BITS).then(|| Self::Rsa(Box::new(key)))
    }

    /// As in a certificate's `subjectPublicKey`.
    pub(super) fn public_bytes(&self) -> &[u8] {
        match self {
            Self::P256(key) => key.public_key().as_ref(),
            Self::Rsa(key) => key.public_key().as_ref(),
        }
    }

    /// Appends `.` and the signature over all that `token` holds.
    pub(super) fn sign(&self, random: &SystemRandom, token: &mut String) -> Result<(), SignError> {
        match self {
            Self::P256(key) => {
                let signature = key.sign(random, token.as_bytes()).map_err(|_| SignError)?;
                token.push('.');
                BASE64_URL_SAFE_NO_PAD.encode_string(signature.as_ref(), token);
            }
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, random, token.as_bytes(), &mut signature)
                    .map_err(|_| SignError)?;
                token.push('.');
                BASE64_URL_SAFE_NO_PAD.encode_string(&signature, token);
            }
        }
        Ok(())
    }
}

/// A public key, its numbers as JSON Web Keys hold them: base64url, of a point each coordinate with
/// all its 32 bytes, of RSA without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// A point on P-256.
    P256 {
        /// Its first coordinate.
        x: String,
        /// Its second.
        y: String,
    },
    /// RSA.
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
}

impl PublicKey {
    /// `None`: of neither kind.
    pub(super) fn of(spki: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match spki.parsed().ok()? {
            Parsed::EC(point) => {
                let (x, y) = point.data().strip_prefix(&[4])?.split_at_checked(32)?;
                (y.len() == 32).then(|| Self::P256 { x: encode(x), y: encode(y) })
            }
            Parsed::RSA(key) => {
                let plain = |number: &[u8]| {
                    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
                    encode(&number[start..])
                };
                Some(Self::Rsa { n: plain(key.modulus), e: plain(key.exponent) })
            }
            _ => None,
        }
    }

    /// What it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256 { .. } => Algorithm::Es256,
            Self::Rsa { .. } => Algorithm::Rs256,
        }
    }

    /// RFC 7638.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let canonical = match self {
            Self::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
    }

    /// The members of a JSON Web Key that are the key itself.
    #[must_use]
    pub fn jwk(&self) -> Value {
        match self {
            Self::P256 { x, y } => json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }),
            Self::Rsa { n, e } => json!({ "kty": "RSA", "n": n, "e": e }),
        }
    }
}
