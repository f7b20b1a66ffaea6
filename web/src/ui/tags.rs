//! One tag: where it points, what that holds, and where it has pointed.

use axum::response::Response;
use domain::digest::Digest;
use domain::name::{RegistryName, RepositoryName, TagName};
use jiff::Timestamp;
use maud::{Markup, html};
use projections::manifests::{self, ReferenceRow};
use projections::tags::{self, TagChangeRow, TagRow};
use projections::{Paging, repositories};

use super::UiState;
use super::components::{bytes, command, crumbs, digest, scroll, thousands, time, time_or};
use super::visitor::{Registries, Visitor};
use crate::error::PageError;

/// Rows of a tag's history.
const CHANGES: i64 = 100;

/// What the page shows.
pub(super) struct Tag {
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) name: String,
    /// `None`: it points nowhere any more.
    pub(super) now_at: Option<TagRow>,
    pub(super) references: Vec<ReferenceRow>,
    pub(super) history: Vec<TagChangeRow>,
    pub(super) registries: Registries,
    pub(super) now: Timestamp,
}

/// `GET /r/{name}/-/tags/{tag}`
pub(super) async fn show(
    ui: &UiState,
    visitor: Visitor,
    registries: Registries,
    registry: RegistryName,
    repository: RepositoryName,
    tag: TagName,
) -> Result<Response, PageError> {
    let visible = visitor.viewer.visible();
    let seen = repositories::find(&ui.read, &registry, &repository, &visible).await?;
    seen.ok_or_else(|| visitor.missing())?;
    let row = tags::find(&ui.read, &registry, &repository, &tag).await?;
    let first = Paging::first(CHANGES);
    let history = tags::history(&ui.read, &registry, &repository, &tag, &first).await?;
    if row.is_none() && history.is_empty() {
        return Err(PageError::not_found());
    }
    let references = match row.as_ref().and_then(|row| Digest::parse(&row.digest).ok()) {
        Some(digest) => manifests::references(&ui.read, &registry, &repository, &digest).await?,
        None => Vec::new(),
    };
    let page = Tag {
        registry: registry.to_string(),
        repository: repository.to_string(),
        name: tag.to_string(),
        now_at: row,
        references,
        history,
        registries,
        now: visitor.now(),
    };
    Ok(visitor.show(&format!("{repository}:{tag}"), body(&page)))
}

pub(super) fn body(page: &Tag) -> Markup {
    let path = page.registries.repository(&page.registry, &page.repository);
    let image = match page.registries.host(&page.registry) {
        Some(host) => format!("{host}/{}", page.repository),
        None => page.repository.clone(),
    };
    html! {
        (crumbs(&[
            ("Repositories".to_owned(), "/repositories".to_owned()),
            (page.repository.clone(), path),
        ]))
        h1 { (page.repository) ":" (page.name) }
        @match &page.now_at {
            Some(row) => (now_at(page, row, &image)),
            None => { p.notice.warn { "This tag points nowhere any more. Its history stays." } }
        }
        (history(page))
    }
}

fn now_at(page: &Tag, row: &TagRow, image: &str) -> Markup {
    html! {
        (command("Pull by tag", &format!("docker pull {image}:{}", row.name)))
        (command("Pull exactly this content", &format!("docker pull {image}@{}", row.digest)))
        dl.facts {
            @if let Some(kind) = &row.kind { div { dt { "Kind" } dd { (kind) } } }
            @if let Some(media_type) = &row.media_type { div { dt { "Media type" } dd { (media_type) } } }
            div { dt { "Size" } dd { (bytes(row.total_size)) } }
            @if !row.platforms.is_empty() { div { dt { "Platforms" } dd { (row.platforms.join(", ")) } } }
            div { dt { "Pushed" } dd { (time(row.changed_at, page.now)) @if let Some(by) = &row.pushed_by { " by " (by) } } }
            div { dt { "Pulls" } dd { (thousands(row.pulls.max(row.manifest_pulls))) } }
            div { dt { "Last pull" } dd { (time_or(row.last_pull_at, page.now, "never")) } }
        }
        @if !page.references.is_empty() {
            h2 { "What it holds" }
            (scroll("What it holds", html! {
                table.stack {
                    caption { "Configuration and layers, or the images of the platforms" }
                    thead { tr { th scope="col" { "Digest" } th scope="col" { "Media type" } th scope="col" { "Platform" } th.number scope="col" { "Size" } } }
                    tbody {
                        @for part in &page.references {
                            tr {
                                th scope="row" { (digest(&part.digest)) }
                                td data-label="Media type" { (part.media_type.as_deref().unwrap_or("not told")) }
                                td data-label="Platform" { (part.platform.as_deref().unwrap_or("–")) }
                                td.number data-label="Size" { (bytes(part.size)) }
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn history(page: &Tag) -> Markup {
    html! {
        h2 { "History" }
        (scroll("History", html! {
            table.stack {
                caption { "Every change of this tag, the latest first" }
                thead { tr { th scope="col" { "Change" } th scope="col" { "Digest" } th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "Event" } } }
                tbody {
                    @for change in &page.history {
                        tr {
                            th scope="row" { (change.change) }
                            td data-label="Digest" { @match &change.digest { Some(points) => (digest(points)), None => "–" } }
                            td data-label="When" { (time(change.at, page.now)) }
                            td data-label="Who" { (change.actor) }
                            td data-label="Event" { (change.position) }
                        }
                    }
                }
            }
        }))
    }
}
