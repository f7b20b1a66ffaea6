//! For what an image is made, as people filter by it.

use std::str::FromStr;

/// `linux/amd64`, `linux/arm/v7`: operating system, architecture, and its variant where that is
/// not the usual one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform(String);

/// Why a text is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a platform is like linux/amd64 or linux/arm/v7, at most {} bytes", Platform::MAX_BYTES)]
pub struct NoPlatform;

impl Platform {
    /// The longest, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// The platform as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a manifest says, if an image can run there: `unknown/unknown` is how builders mark
    /// what is no image at all.
    pub(super) fn told(text: &str) -> Option<Self> {
        text.parse().ok().filter(|platform: &Self| !platform.0.starts_with("unknown/"))
    }
}

impl FromStr for Platform {
    type Err = NoPlatform;

    fn from_str(text: &str) -> Result<Self, NoPlatform> {
        let part = |part: &str| {
            let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            !part.is_empty() && part.chars().all(letter)
        };
        let parts = text.split('/').count();
        if text.len() > Self::MAX_BYTES || !(2..=3).contains(&parts) || !text.split('/').all(part) {
            return Err(NoPlatform);
        }
        let text = text.to_ascii_lowercase();
        // As the engines do: what every processor of this architecture is goes without saying.
        let usual = text.strip_suffix("/v8").filter(|rest| rest.ends_with("/arm64"));
        let usual = usual.or(text.strip_suffix("/v1").filter(|rest| rest.ends_with("/amd64")));
        Ok(Self(usual.map_or(text.clone(), str::to_owned)))
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_variant_goes_without_saying() {
        let parsed = |text: &str| text.parse::<Platform>().map(|platform| platform.to_string());
        assert_eq!(parsed("linux/arm64/v8").unwrap(), "linux/arm64");
        assert_eq!(parsed("Linux/AMD64").unwrap(), "linux/amd64");
        assert_eq!(parsed("linux/arm/v7").unwrap(), "linux/arm/v7");
        let long = format!("linux/{}", "a".repeat(59));
        for bad in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/am d", "linux/ä", &long] {
            assert_eq!(parsed(bad), Err(NoPlatform), "{bad}");
        }
        assert!(parsed(&long[..64]).is_ok());
        assert!(Platform::told("unknown/unknown").is_none());
    }
}
