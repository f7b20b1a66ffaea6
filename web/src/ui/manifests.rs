//! One content by its digest: what it holds, and which tags point to it.

use axum::response::Response;
use commands::registry::is_manifest;
use domain::digest::Digest;
use domain::name::RepositoryName;
use maud::{Markup, html};
use projections::manifests::{self, ManifestRow, ReferenceRow};

use super::UiState;
use super::components::{command, copy, crumbs, digest, scroll};
use super::reader::Reader;
use super::repositories::{Head, One, platforms};
use super::visitor::Visitor;
use crate::error::PageError;
use crate::texts::thousands;

/// What the page shows.
pub(super) struct Manifest {
    pub(super) head: Head,
    pub(super) row: ManifestRow,
    pub(super) references: Vec<ReferenceRow>,
}

/// `GET /r/{name}/-/manifests/{digest}`
pub(super) async fn show(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    repository: RepositoryName,
    digest: Digest,
) -> Result<Response, PageError> {
    let row = manifests::find(&ui.read, &one.registry, &repository, &digest).await?;
    let row = row.ok_or_else(PageError::not_found)?;
    let references = manifests::references(&ui.read, &one.registry, &repository, &digest).await?;
    let page = Manifest { head: Head::of(&visitor, one, &repository), row, references };
    Ok(visitor.show(&format!("{repository}@{digest}"), body(&page)))
}

pub(super) fn body(page: &Manifest) -> Markup {
    let (head, row, reader) = (&page.head, &page.row, &page.head.reader);
    let (t, path) = (reader.lang, page.head.path());
    html! {
        (crumbs(t, &[
            (t.repositories_title().to_owned(), "/repositories".to_owned()),
            (head.row.name.clone(), path.clone()),
        ]))
        div.headline { h1 { (t.manifest()) " " (digest(&row.digest)) } (copy(t, t.digest_title(), &row.digest)) }
        (command(t, t.pull_exactly(), &format!("docker pull {}@{}", head.image(), row.digest)))
        dl.list {
            div { dt { (t.kind()) } dd { (row.kind) } }
            @if let Some(text) = &row.media_type { div { dt { (t.media_type()) } dd { code { (text) } } } }
            @if let Some(text) = &row.artifact_type { div { dt { (t.artifact_type()) } dd { code { (text) } } } }
            div { dt { (t.size()) } dd { (reader.bytes(row.total_size)) } }
            div { dt { (t.platforms()) } dd { (platforms(t, &row.platforms)) } }
            div { dt { (t.first_pushed()) } dd { (reader.time_or_never(row.first_push_at)) @if let Some(by) = &row.pushed_by { (t.by(by)) } } }
            div { dt { (t.pulls_title()) } dd { (thousands(row.pulls)) } }
            div { dt { (t.last_pull()) } dd { (reader.time_or_never(row.last_pull_at)) } }
        }
        h2 { (t.pointing_tags()) }
        @if row.tags.is_empty() {
            p.muted { (t.no_pointing_tag()) }
        } @else {
            ul.chips { @for tag in &row.tags { li { a.chip href=(format!("{path}/-/tags/{tag}")) { (tag) } } } }
        }
        (holds(reader, &path, &page.references))
    }
}

/// Configuration and layers, or the images of an index, which are pages of their own.
pub(super) fn holds(reader: &Reader, path: &str, references: &[ReferenceRow]) -> Markup {
    let t = reader.lang;
    html! {
        @if !references.is_empty() {
            h2 { (t.holds()) }
            (scroll(t.holds(), html! {
                table.stack {
                    caption { (t.holds_caption()) }
                    thead { tr { th scope="col" { (t.digest_title()) } th scope="col" { (t.media_type()) } th scope="col" { (t.platform()) } th.number scope="col" { (t.size()) } } }
                    tbody {
                        @for part in references {
                            tr {
                                th scope="row" {
                                    @if is_manifest(part.media_type.as_deref()) {
                                        a.plain href=(format!("{path}/-/manifests/{}", part.digest)) { (digest(&part.digest)) }
                                    } @else { (digest(&part.digest)) }
                                }
                                td data-label=(t.media_type()) { (part.media_type.as_deref().unwrap_or(t.not_told())) }
                                td data-label=(t.platform()) { (part.platform.as_deref().unwrap_or("–")) }
                                td.number data-label=(t.size()) { (reader.bytes(part.size)) }
                            }
                        }
                    }
                }
            }))
        }
    }
}
