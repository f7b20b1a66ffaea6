//! One tag: where it points, what that holds, and where it has pointed.

use axum::response::Response;
use domain::digest::Digest;
use domain::name::{RepositoryName, TagName};
use maud::{Markup, html};
use projections::Paging;
use projections::manifests::{self, ReferenceRow};
use projections::tags::{self, TagChangeRow, TagRow};

use super::UiState;
use super::components::{command, copy, crumbs, digest, first_command, pager, scroll};
use super::manifests::holds;
use super::referrers::Made;
use super::repositories::{Head, One, platforms};
use super::visitor::{Visitor, query};
use crate::error::PageError;
use crate::texts::thousands;

/// Rows of a tag's history on one page.
const CHANGES: i64 = 50;

/// What the page shows.
pub(super) struct Tag {
    pub(super) head: Head,
    pub(super) name: String,
    /// `None`: it points nowhere any more.
    pub(super) now_at: Option<TagRow>,
    pub(super) references: Vec<ReferenceRow>,
    pub(super) made: Made,
    pub(super) history: Vec<TagChangeRow>,
    pub(super) first: bool,
    /// The position behind which the next page of the history begins.
    pub(super) next: Option<i64>,
}

/// `GET /r/{name}/-/tags/{tag}`
pub(super) async fn show(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    repository: RepositoryName,
    tag: TagName,
) -> Result<Response, PageError> {
    let row = tags::find(&ui.read, &one.registry, &repository, &tag).await?;
    let after = visitor.params.get("after").and_then(|position| position.parse().ok());
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: CHANGES + 1 };
    let mut history = tags::history(&ui.read, &one.registry, &repository, &tag, &paging).await?;
    if row.is_none() && history.is_empty() && first {
        return Err(PageError::not_found());
    }
    let most = usize::try_from(CHANGES).unwrap_or(usize::MAX);
    let more = history.len() > most;
    history.truncate(most);
    let (mut references, mut made) = (Vec::new(), Made::default());
    if let Some(digest) = row.as_ref().and_then(|row| Digest::parse(&row.digest).ok()) {
        references = manifests::references(&ui.read, &one.registry, &repository, &digest).await?;
        made = Made::of(ui, &one.registry, &repository, &digest).await?;
    }
    let page = Tag {
        head: Head::of(&visitor, one, &repository),
        name: tag.to_string(),
        now_at: row,
        references,
        made,
        next: history.last().filter(|_| more).map(|change| change.position),
        history,
        first,
    };
    Ok(visitor.show(&format!("{repository}:{tag}"), body(&page)))
}

pub(super) fn body(page: &Tag) -> Markup {
    let (t, path) = (page.head.reader.lang, page.head.path());
    html! {
        (crumbs(t, &[
            (t.repositories_title().to_owned(), "/repositories".to_owned()),
            (page.head.row.name.clone(), path),
        ]))
        h1 { (page.head.row.name) ":" (page.name) }
        @match &page.now_at {
            Some(row) => (now_at(page, row)),
            None => { p.notice.warn { (t.tag_gone()) } }
        }
        (history(page))
    }
}

fn now_at(page: &Tag, row: &TagRow) -> Markup {
    let (head, reader, t) = (&page.head, &page.head.reader, page.head.reader.lang);
    let (image, path) = (head.image(), head.path());
    html! {
        (first_command(t, t.pull_by_tag(), &format!("docker pull {image}:{}", row.name)))
        (command(t, t.pull_exactly(), &format!("docker pull {image}@{}", row.digest)))
        dl.list {
            div { dt { (t.digest_title()) } dd { a.plain href=(format!("{path}/-/manifests/{}", row.digest)) { (digest(&row.digest)) } " " (copy(t, t.digest_title(), &row.digest)) } }
            @if let Some(kind) = &row.kind { div { dt { (t.kind()) } dd { (kind) } } }
            @if let Some(media_type) = &row.media_type { div { dt { (t.media_type()) } dd { code { (media_type) } } } }
            div { dt { (t.size()) } dd { (reader.bytes(row.total_size)) } }
            div { dt { (t.platforms()) } dd { (platforms(t, &row.platforms)) } }
            div { dt { (t.pushed()) } dd { (reader.time(row.changed_at)) @if let Some(by) = &row.pushed_by { (t.by(by)) } } }
            div { dt { (t.pulls_title()) } dd { (thousands(row.pulls.max(row.manifest_pulls))) } }
            div { dt { (t.last_pull()) } dd { (reader.time_or_never(row.last_pull_at)) } }
        }
        (holds(reader, &path, &page.references))
        (page.made.draw(reader, &path))
    }
}

fn history(page: &Tag) -> Markup {
    let (reader, t, path) = (&page.head.reader, page.head.reader.lang, page.head.path());
    let here = format!("{path}/-/tags/{}", page.name);
    let next = page.next.map(|at| format!("{here}{}", query(&[("after", Some(&at.to_string()))])));
    html! {
        h2 { (t.history()) }
        (scroll(t.history(), html! {
            table.stack {
                caption { (t.history_caption()) }
                thead { tr { th scope="col" { (t.change()) } th scope="col" { (t.digest_title()) } th scope="col" { (t.when()) } th scope="col" { (t.who()) } th scope="col" { (t.event()) } } }
                tbody {
                    @for change in &page.history {
                        tr {
                            th scope="row" { (t.tag_change(&change.change)) }
                            td data-label=(t.digest_title()) { (pointed_to(page, change.digest.as_deref(), &path)) }
                            td data-label=(t.when()) { (reader.time(change.at)) }
                            td data-label=(t.who()) { (change.actor) }
                            td data-label=(t.event()) {
                                @if page.head.may_see_activity { a href=(format!("/activity/{}", change.position)) { (change.position) } } @else { (change.position) }
                                " · " a href=(format!("{path}?at=event:{}", change.position)) { (t.repository_then()) }
                            }
                        }
                    }
                }
            }
        }))
        (pager(t, (!page.first).then_some(here.as_str()), next.as_deref()))
    }
}

/// Only what is surely still there is a link.
fn pointed_to(page: &Tag, to: Option<&str>, path: &str) -> Markup {
    let current = page.now_at.as_ref().map(|row| row.digest.as_str());
    html! {
        @match to {
            Some(to) if current == Some(to) => a.plain href=(format!("{path}/-/manifests/{to}")) { (digest(to)) },
            Some(to) => (digest(to)),
            None => "–",
        }
    }
}
