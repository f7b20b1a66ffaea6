//! Digests and descriptors: what a registry's content is called.

use serde::{Deserialize, Serialize};

/// A content digest such as `sha256:…` (OCI image spec, descriptor).
///
/// `sha256` and `sha512` must have their exact number of lower-case hex digits; other algorithms
/// are taken as they are, up to 255 bytes, because a registry may know more than we do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(std::sync::Arc<str>);

/// The text is no digest. Its message may be shown to whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: expected `sha256:` and 64 lower-case hex digits")]
pub struct DigestError;

impl Digest {
    /// Checks `text` against `algorithm:encoded`.
    ///
    /// # Errors
    ///
    /// [`DigestError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let (algorithm, encoded) = text.split_once(':').ok_or(DigestError)?;
        let hex = |n: usize| {
            encoded.len() == n && encoded.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let good = match algorithm {
            "sha256" => hex(64),
            "sha512" => hex(128),
            _ => {
                let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
                text.len() <= 255
                    && algorithm
                        .split(['+', '.', '_', '-'])
                        .all(|p| !p.is_empty() && p.chars().all(word))
                    && !encoded.is_empty()
                    && encoded.chars().all(|c| c.is_ascii_alphanumeric() || "=_-".contains(c))
            }
        };
        if good { Ok(Self(text.into())) } else { Err(DigestError) }
    }

    /// The digest as text, algorithm included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve characters of the encoded part: what people compare by eye.
    #[must_use]
    pub fn short(&self) -> &str {
        let encoded = self.0.split_once(':').map_or(&*self.0, |(_, encoded)| encoded);
        &encoded[..encoded.len().min(12)]
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0.as_ref().to_owned()
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A reference from a manifest to other content, as far as a notification tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// Media type as sent, unknown ones included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What it points to.
    pub digest: Digest,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `os/architecture[/variant]` where the registry tells (Distribution 3.x does for indexes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_exact() {
        let hex = "0123456789abcdef".repeat(4);
        assert!(Digest::parse(&format!("sha256:{hex}")).is_ok());
        assert!(Digest::parse("multihash+base58:QmRZ").is_ok());
        for bad in ["", "sha256", "sha256:", "sha256:abc", "sha256:/../x", ":x", "a b:c", "x:ä"] {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
        assert!(Digest::parse(&format!("sha256:{}", hex.to_uppercase())).is_err());
    }

    #[test]
    fn a_short_digest_never_panics() {
        assert_eq!(Digest::parse("x:ab").unwrap().short(), "ab");
    }
}
