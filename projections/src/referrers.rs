//! What was made for a manifest: signatures, attestations, lists of contents.
//!
//! A registry's notifications do not say to which manifest another belongs (its `subject`), but the
//! tags by which clients find such things do: cosign's `sha256-….sig`, `….att` and `….sbom`, and the
//! index at `sha256-…` that the OCI distribution specification has clients keep where a registry
//! has no list of its own (1.1, "Referrers Tag Schema").

use domain::digest::Digest;
use domain::name::{RegistryName, RepositoryName};
use jiff::Timestamp;

use crate::read::{ReadModels, row};

/// How many [`list`] tells of.
pub const MOST_REFERRERS: i64 = 20;

/// What cosign puts behind the name of a tag.
const SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];
/// The longest name of an algorithm, and of a digest's other half, in such a tag.
const MAX_PARTS: (usize, usize) = (32, 64);

row! {
    /// Something that was made for a manifest.
    pub struct ReferrerRow {
        /// The tag that names it, if it has one of its own.
        pub tag: Option<String>,
        /// Its digest.
        pub digest: String,
        /// What it is, as a media type, where that is known.
        pub artifact_type: Option<String>,
        /// Bytes of all of it, as far as known.
        pub size: Option<i64>,
        /// Since when it is there, by the registry's clock.
        pub at: Option<Timestamp>,
        /// Who pushed it.
        pub pushed_by: Option<String>,
    }
}

const LIST: &str = "(SELECT t.name AS tag, t.digest, m.artifact_type, m.total_size AS size,
      t.changed_at AS at, t.pushed_by
    FROM tags t LEFT JOIN manifests m USING (registry, repository, digest)
    WHERE t.live AND t.registry = $1 AND t.repository = $2 AND t.name = ANY($3)
    ORDER BY t.name)
  UNION ALL
  (SELECT NULL, r.digest, m.artifact_type, coalesce(m.total_size, r.size),
      m.first_push_at, m.pushed_by
    FROM tags t
      JOIN manifests i ON i.registry = t.registry AND i.repository = t.repository
        AND i.digest = t.digest AND i.kind = 'index'
      JOIN manifest_references r ON r.registry = t.registry AND r.repository = t.repository
        AND r.parent = t.digest
      LEFT JOIN manifests m ON m.registry = r.registry AND m.repository = r.repository
        AND m.digest = r.digest
    WHERE t.live AND t.registry = $1 AND t.repository = $2 AND t.name = $4
    ORDER BY r.ordinal LIMIT $5)
  LIMIT $5";

pub(crate) const STATEMENTS: &[&str] = &[LIST];

/// The tag under which clients list what refers to `digest`.
#[must_use]
pub fn tag_of(digest: &Digest) -> String {
    let (algorithm, hex) = digest.as_str().split_once(':').unwrap_or((digest.as_str(), ""));
    let cut = |text: &str, most: usize| {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
        text.chars().take(most).map(plain).collect::<String>()
    };
    format!("{}-{}", cut(algorithm, MAX_PARTS.0), cut(hex, MAX_PARTS.1))
}

/// What was made for `digest` in the same repository: by tags of its own first, then in the order of
/// the list that clients keep. One more than [`MOST_REFERRERS`] when there are more. Who asks has
/// found the repository before.
///
/// # Errors
///
/// The database's.
pub async fn list(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Vec<ReferrerRow>, sqlx::Error> {
    let tag = tag_of(digest);
    sqlx::query_as(LIST)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(SUFFIXES.map(|suffix| format!("{tag}{suffix}")))
        .bind(&tag)
        .bind(MOST_REFERRERS + 1)
        .fetch_all(read.pool())
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digests_tag_is_as_the_specification_says() {
        let tag = |text: &str| tag_of(&Digest::parse(text).unwrap());
        let hex = "0f".repeat(32);
        assert_eq!(tag(&format!("sha256:{hex}")), format!("sha256-{hex}"));
        let hex = "1e".repeat(64);
        assert_eq!(tag(&format!("sha512:{hex}")), format!("sha512-{}", &hex[..64]));
    }
}
