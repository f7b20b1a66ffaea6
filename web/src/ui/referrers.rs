//! What was made for a manifest: signatures, attestations, lists of contents. On its page, and on
//! those of its tags.

use domain::digest::Digest;
use domain::name::{RegistryName, RepositoryName};
use maud::{Markup, html};
use projections::referrers::{self, MOST_REFERRERS, ReferrerRow};

use super::UiState;
use super::components::digest;
use super::reader::Reader;
use crate::error::PageError;
use crate::texts::Lang;
use crate::texts::Word;

/// What was made for one manifest.
#[derive(Default)]
pub(super) struct Made {
    pub(super) rows: Vec<ReferrerRow>,
    /// The tag where there are more, if there are.
    pub(super) more: Option<String>,
}

impl Made {
    /// For `digest`; one statement, however much there is.
    pub(super) async fn of(
        ui: &UiState,
        registry: &RegistryName,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Self, PageError> {
        let mut rows = referrers::list(&ui.read, registry, repository, digest).await?;
        let most = usize::try_from(MOST_REFERRERS).unwrap_or(usize::MAX);
        let more = (rows.len() > most).then(|| referrers::tag_of(digest));
        rows.truncate(most);
        Ok(Self { rows, more })
    }

    /// As a list; nothing where there is nothing.
    pub(super) fn draw(&self, reader: &Reader, path: &str) -> Markup {
        let t = reader.lang;
        html! {
            @if !self.rows.is_empty() {
                h2 { (t.made_for_it()) }
                ul.hits.made {
                    @for row in &self.rows { li { (line(reader, path, row)) } }
                }
                @if let Some(tag) = &self.more {
                    p { a href=(format!("{path}/-/tags/{tag}")) { (t.made_for_it_more()) } }
                }
                p.muted { (t.made_for_it_text()) }
            }
        }
    }
}

fn line(reader: &Reader, path: &str, row: &ReferrerRow) -> Markup {
    let t = reader.lang;
    let (what, by) = kind(row.tag.as_deref(), row.artifact_type.as_deref());
    let to = match &row.tag {
        Some(tag) => Some(format!("{path}/-/tags/{tag}")),
        // Of what nobody told us there is no page.
        None => row.at.map(|_| format!("{path}/-/manifests/{}", row.digest)),
    };
    let words = html! { (what(t)) @if let Some(by) = by { " – " (by) } };
    html! {
        @match to { Some(to) => a.name href=(to) { (words) }, None => span.name { (words) } }
        span.about {
            (digest(&row.digest))
            @if let Some(at) = row.at { ", " (reader.time(at)) }
            @if let Some(by) = &row.pushed_by { (t.by(by)) }
            @if row.size.is_some() { ", " (reader.bytes(row.size)) }
            @if let Some(text) = &row.artifact_type { ", " code { (text) } }
        }
    }
}

/// What it is, and which tool's, by the tag that names it and by its media type.
fn kind(tag: Option<&str>, artifact_type: Option<&str>) -> (Word, Option<&'static str>) {
    let tag = tag.and_then(|tag| tag.rsplit_once('.')).map(|(_, suffix)| suffix);
    let media = artifact_type.unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|word| media.contains(word));
    let by = match () {
        () if tag.is_some() || has(&["cosign"]) => Some("cosign"),
        () if has(&["cncf.notary"]) => Some("Notation"),
        () if has(&["sigstore"]) => Some("sigstore"),
        () if has(&["spdx"]) => Some("SPDX"),
        () if has(&["cyclonedx"]) => Some("CycloneDX"),
        () => None,
    };
    let what: Word = match tag {
        Some("sig") => Lang::made_signature,
        Some("att") => Lang::made_attestation,
        Some("sbom") => Lang::made_contents,
        _ if has(&["in-toto", "attestation", "provenance"]) => Lang::made_attestation,
        _ if has(&["spdx", "cyclonedx", "sbom"]) => Lang::made_contents,
        _ if has(&["signature", ".sig.", "simplesigning", "sigstore.bundle"]) => {
            Lang::made_signature
        }
        _ => Lang::made_other,
    };
    (what, by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_called_by_its_name() {
        for (tag, media, said) in [
            (Some("sha256-0f.sig"), None, ("Signature", Some("cosign"))),
            (Some("sha256-0f.att"), None, ("Attestation", Some("cosign"))),
            (
                Some("sha256-0f.sbom"),
                Some("text/spdx"),
                ("List of contents (SBOM)", Some("cosign")),
            ),
            (None, Some("application/vnd.cncf.notary.signature"), ("Signature", Some("Notation"))),
            (
                None,
                Some("application/vnd.dev.cosign.artifact.sig.v1+json"),
                ("Signature", Some("cosign")),
            ),
            (
                None,
                Some("application/vnd.dev.sigstore.bundle.v0.3+json"),
                ("Signature", Some("sigstore")),
            ),
            (None, Some("application/spdx+json"), ("List of contents (SBOM)", Some("SPDX"))),
            (None, Some("application/vnd.in-toto+json"), ("Attestation", None)),
            (None, Some("text/html"), ("Attached artifact", None)),
            (None, None, ("Attached artifact", None)),
        ] {
            let (what, by) = kind(tag, media);
            assert_eq!((what(Lang::En), by), said, "{tag:?} {media:?}");
        }
    }
}
