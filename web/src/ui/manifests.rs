//! One content by its digest: what it holds, and which tags point to it.

use std::time::Duration;

use axum::response::Response;
use commands::registry::{Inside, RegistryClient, is_manifest};
use domain::digest::Digest;
use domain::name::RepositoryName;
use maud::{Markup, html};
use projections::manifests::{self, ManifestRow, ReferenceRow};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::UiState;
use super::components::{command, copy, crumbs, digest, scroll};
use super::reader::Reader;
use super::referrers::Made;
use super::repositories::{Head, One, platforms};
use super::visitor::Visitor;
use crate::error::PageError;
use crate::registry::reconciler::own_tokens;
use crate::texts::{Lang, thousands};

/// What the page shows.
pub(super) struct Manifest {
    pub(super) head: Head,
    pub(super) row: ManifestRow,
    pub(super) references: Vec<ReferenceRow>,
    pub(super) made: Made,
    /// What the registry itself says, if it was asked.
    pub(super) inside: Option<Looked>,
}

/// What came of asking the registry.
pub(super) enum Looked {
    Found(Inside),
    /// It has no such manifest any more.
    Gone,
    /// It does not answer, or not in a way that can be shown.
    Failed,
    /// Too many ask at once.
    Busy,
}

/// How long the registry may take, in all.
const PATIENCE: Duration = Duration::from_secs(8);
/// So many pages ask registries at once: each holds a connection and what it reads.
const ASKING: usize = 4;

/// Asks the registry, with a token of our own: whoever sees this page sees the repository.
async fn look_inside(
    ui: &UiState,
    one: &One,
    repository: &RepositoryName,
    digest: &Digest,
) -> Looked {
    static ASKS: Semaphore = Semaphore::const_new(ASKING);
    let Ok(_turn) = ASKS.try_acquire() else { return Looked::Busy };
    let row = one.registries.0.iter().find(|row| row.name == one.registry.as_str());
    let Some(row) = row else { return Looked::Failed };
    let tokens = own_tokens(&ui.signer, &ui.auth.desk, &row.service);
    let asked = async { RegistryClient::new(&row.url, tokens)?.inside(repository, digest).await };
    match timeout(PATIENCE, asked).await {
        Ok(Ok(Some(inside))) => Looked::Found(inside),
        Ok(Ok(None)) => Looked::Gone,
        Ok(Err(error)) => {
            tracing::info!(registry = %one.registry, %error, "a manifest could not be shown");
            Looked::Failed
        }
        Err(_) => Looked::Failed,
    }
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
    let made = Made::of(ui, &one.registry, &repository, &digest).await?;
    let inside = match visitor.params.get("raw") {
        Some(_) => Some(look_inside(ui, &one, &repository, &digest).await),
        None => None,
    };
    let page =
        Manifest { head: Head::of(&visitor, one, &repository), row, references, made, inside };
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
        (page.made.draw(reader, &path))
        h2 id="inside" { (t.inside()) }
        @match &page.inside {
            None => p { a.button href=(format!("{path}/-/manifests/{}?raw=1#inside", row.digest)) { (t.ask_registry()) } " " span.muted { (t.ask_registry_text()) } },
            Some(Looked::Gone) => p.notice.warn { (t.inside_gone()) },
            Some(Looked::Failed) => p.notice.warn { (t.inside_failed()) },
            Some(Looked::Busy) => p.notice.warn { (t.inside_busy()) },
            Some(Looked::Found(inside)) => (found(t, inside)),
        }
    }
}

/// The configuration in words, and the manifest as it is.
fn found(t: Lang, inside: &Inside) -> Markup {
    html! {
        @if let Some(config) = &inside.config {
            dl.list {
                @for (name, words) in [(t.entrypoint(), &config.entrypoint), (t.image_command(), &config.command)] {
                    @if !words.is_empty() { div { dt { (name) } dd { code { (words.join(" ")) } } } }
                }
                @if let Some(user) = &config.user { div { dt { (t.runs_as()) } dd { code { (user) } } } }
                @if let Some(folder) = &config.folder { div { dt { (t.working_folder()) } dd { code { (folder) } } } }
                @if !config.ports.is_empty() { div { dt { (t.ports()) } dd { (config.ports.join(", ")) } } }
                @if !config.variables.is_empty() { div { dt { (t.variables()) } dd { code { (config.variables.join(", ")) } } } }
                @for (name, value) in &config.labels {
                    div { dt { code { (name) } } dd { (label(name, value)) } }
                }
            }
        }
        p { (copy(t, t.manifest(), &inside.text)) }
        pre.code tabindex="0" role="region" aria-label=(t.manifest()) { (inside.text) }
    }
}

/// Where an image says its source is, as a link.
fn label(name: &str, value: &str) -> Markup {
    let address = (value.starts_with("https://") || value.starts_with("http://"))
        && !value.chars().any(|c| c.is_whitespace() || c.is_control());
    html! {
        @if LINKS.contains(&name) && address { a href=(value) rel="nofollow noopener noreferrer" { (value) } } @else { (value) }
    }
}

/// Labels whose values are addresses.
const LINKS: [&str; 3] = [
    "org.opencontainers.image.source",
    "org.opencontainers.image.url",
    "org.opencontainers.image.documentation",
];

/// Configuration and layers, or the images of an index, which are pages of their own.
pub(super) fn holds(reader: &Reader, path: &str, references: &[ReferenceRow]) -> Markup {
    let t = reader.lang;
    // The images of an index are manifests of their own.
    let others = |part: &ReferenceRow| match is_manifest(part.media_type.as_deref()) {
        true => 0,
        false => part.holders - 1,
    };
    let shares = references.iter().any(|part| others(part) > 0);
    html! {
        @if !references.is_empty() {
            h2 { (t.holds()) }
            (scroll(t.holds(), html! {
                table.stack {
                    caption { (t.holds_caption()) }
                    thead { tr { th scope="col" { (t.digest_title()) } th scope="col" { (t.media_type()) } th scope="col" { (t.platform()) } th.number scope="col" { (t.size()) } @if shares { th.number scope="col" { (t.also_in()) } } } }
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
                                @if shares {
                                    td.number data-label=(t.also_in()) {
                                        @match others(part) { ..=0 => "–", others => (t.other_manifests(others)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_of_an_image_is_a_link_if_it_leads_to_the_web() {
        let source = |value| label("org.opencontainers.image.source", value).into_string();
        assert!(
            source("https://example.org/a").starts_with("<a href=\"https://example.org/a\" rel=")
        );
        for text in ["javascript:alert(1)", "//example.org", "example.org", "https://a b"] {
            assert!(!source(text).contains("<a"), "{text}");
        }
        assert!(!label("maintainer", "https://example.org").into_string().contains("<a"));
    }
}
