//! What a manifest is, as far as its media types tell. Unknown ones are kept, not dropped.

use domain::digest::Descriptor;
use domain::registry::Omitted;

use super::rows::ManifestRow;

const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
const MANIFESTS: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
/// Of the time before configurations and layers were told apart.
const OLD_IMAGES: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];
const IMAGE_CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// An artifact without a configuration says what it is by its first layer.
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";

/// What a fact tells of a manifest beside its digest.
pub(super) struct Details {
    media_type: Option<String>,
    artifact_type: Option<String>,
    kind: &'static str,
    size: Option<i64>,
    total_size: Option<i64>,
    platforms: Vec<String>,
}

impl Details {
    pub(super) fn of(
        media_type: Option<&str>,
        size: Option<u64>,
        references: &[Descriptor],
        omitted: Option<Omitted>,
    ) -> Self {
        let (kind, artifact_type) = kind(media_type, references);
        let total = references
            .iter()
            .filter_map(|descriptor| descriptor.size)
            .chain(size)
            .chain(omitted.map(|omitted| omitted.bytes))
            .fold(0_u64, u64::saturating_add);
        let mut platforms: Vec<String> =
            references.iter().filter_map(|descriptor| descriptor.platform.clone()).collect();
        platforms.sort_unstable();
        platforms.dedup();
        Self {
            media_type: media_type.map(str::to_owned),
            artifact_type,
            kind,
            size: size.map(bytes),
            // Without references only the manifest's own size is known.
            total_size: (!references.is_empty()).then(|| bytes(total)),
            platforms,
        }
    }

    /// Adds what is new: content never changes under its digest, but one word may tell more of it
    /// than another. Answers whether this one told of references that were not known.
    pub(super) fn merge_into(self, row: &mut ManifestRow) -> bool {
        let learned =
            self.total_size > row.total_size || row.platforms.len() < self.platforms.len();
        row.media_type = row.media_type.take().or(self.media_type);
        row.artifact_type = row.artifact_type.take().or(self.artifact_type);
        row.size = row.size.or(self.size);
        row.total_size = row.total_size.max(self.total_size);
        if row.kind == "unknown" {
            self.kind.clone_into(&mut row.kind);
        }
        if row.platforms.len() < self.platforms.len() {
            row.platforms = self.platforms;
        }
        learned
    }
}

fn kind(media_type: Option<&str>, references: &[Descriptor]) -> (&'static str, Option<String>) {
    let Some(media_type) = media_type else { return ("unknown", None) };
    if INDEXES.contains(&media_type) {
        return ("index", None);
    }
    if OLD_IMAGES.contains(&media_type) {
        return ("image", None);
    }
    if !MANIFESTS.contains(&media_type) {
        return ("unknown", None);
    }
    let mut types = references.iter().map(|descriptor| descriptor.media_type.as_deref());
    match types.next().flatten() {
        None => ("unknown", None),
        Some(config) if IMAGE_CONFIGS.contains(&config) => ("image", None),
        Some(EMPTY_CONFIG) => ("artifact", types.next().flatten().map(str::to_owned)),
        Some(config) => ("artifact", Some(config.to_owned())),
    }
}

fn bytes(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
