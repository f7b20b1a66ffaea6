//! Search: as a page, and as suggestions while somebody types.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::name::TeamName;
use http::StatusCode;
use maud::{Markup, html};
use projections::search::{Entry, Hits, Kind, MAX_OFFSET, Query, Results};

use super::UiState;
use super::components::{digest, empty, visibility};
use super::layout::search_box;
use super::reader::Reader;
use super::sentence::segment;
use super::visitor::{Registries, Visitor, query};
use crate::error::PageError;
use crate::texts::Lang;

/// Hits of each kind on the page of all kinds.
const FEW: usize = 10;
/// Hits on a page of one kind.
const MANY: usize = 50;
/// Hits of each kind among the suggestions.
const SUGGESTED: usize = 4;

/// The words in addresses for the kinds.
const KINDS: [(&str, Kind); 5] = [
    ("repositories", Kind::Repository),
    ("tags", Kind::Tag),
    ("manifests", Kind::Manifest),
    ("namespaces", Kind::Namespace),
    ("teams", Kind::Team),
];

/// `GET /search?q=`
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let question = visitor.params.get("q").unwrap_or_default().to_owned();
    let kind = visitor.params.get("kind");
    let kind = kind.and_then(|word| KINDS.into_iter().find(|(name, _)| *name == word));
    let page: usize = visitor.params.get("page").and_then(|page| page.parse().ok()).unwrap_or(0);
    let offset = if kind.is_some() { page.saturating_mul(MANY).min(MAX_OFFSET) } else { 0 };
    let mut found = None;
    if !question.is_empty() {
        let asked = match kind {
            Some((_, kind)) => Query { offset, ..Query::new(&question, MANY).only([kind]) },
            None => Query::new(&question, FEW),
        };
        found = Some(find(&ui, &visitor, asked).await?);
    }
    let search = Search {
        question,
        kind,
        page: offset / MANY,
        found,
        registries: ui.registries().await?,
        reader: visitor.reader(),
    };
    Ok(visitor.show(visitor.lang().search(), body(&search)))
}

/// `GET /search/suggest?q=`: a part of a page, for script.
pub(super) async fn suggest(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let question = visitor.params.get("q").unwrap_or_default().to_owned();
    if question.is_empty() {
        return Ok(html! {}.into_response());
    }
    let found = find(&ui, &visitor, Query::new(&question, SUGGESTED)).await?;
    let (registries, reader) = (ui.registries().await?, visitor.reader());
    Ok(suggestions(&question, &found, &registries, &reader).into_response())
}

async fn find(ui: &UiState, visitor: &Visitor, asked: Query) -> Result<Results, PageError> {
    let (index, visible) = (ui.search.clone(), visitor.viewer.visible());
    let results = tokio::task::spawn_blocking(move || index.find(&asked, &visible)).await;
    let unavailable = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "search does not work");
        PageError::new(StatusCode::SERVICE_UNAVAILABLE, Lang::search_down)
    };
    results.map_err(|error| unavailable(&error))?.map_err(|error| unavailable(&error))
}

pub(super) fn suggestions(
    question: &str,
    found: &Results,
    registries: &Registries,
    reader: &Reader,
) -> Markup {
    let t = reader.lang;
    let groups =
        [&found.repositories, &found.tags, &found.namespaces, &found.teams, &found.manifests];
    html! {
        div.suggestions {
            p.visually-hidden role="status" {
                @if found.total() == 0 { (t.nothing_matches(question)) } @else { (said(t, found)) }
            }
            @if found.total() == 0 {
                p.muted { (t.nothing_matches(question)) }
            } @else {
                ul.hits {
                    @for hits in groups { @for hit in &hits.best { (entry(hit, registries, reader)) } }
                }
                p { a href=(format!("/search{}", query(&[("q", Some(question))]))) { (t.all_matches()) } }
            }
        }
    }
}

/// What the page shows.
pub(super) struct Search {
    pub(super) question: String,
    pub(super) kind: Option<(&'static str, Kind)>,
    pub(super) page: usize,
    pub(super) found: Option<Results>,
    pub(super) registries: Registries,
    pub(super) reader: Reader,
}

pub(super) fn body(search: &Search) -> Markup {
    let t = search.reader.lang;
    html! {
        h1 { (t.search()) }
        (search_box(t, "q", &search.question))
        @match &search.found {
            None => { p.muted { (t.search_hint()) } }
            Some(found) if found.total() == 0 => (nothing(search)),
            Some(found) => (hits(search, found)),
        }
    }
}

fn nothing(search: &Search) -> Markup {
    let t = search.reader.lang;
    empty(html! {
        p role="status" { (t.nothing_matches(&search.question)) }
        ul {
            li { (t.search_fewer()) }
            li { (t.search_tag()) }
            li { (t.search_others()) }
        }
    })
}

type Counted = fn(Lang, i64) -> String;

fn groups(t: Lang, found: &Results) -> [(&'static str, &'static str, Counted, &Hits); 5] {
    [
        ("repositories", t.repositories_title(), Lang::repositories, &found.repositories),
        ("tags", t.tags_title(), Lang::tags, &found.tags),
        ("manifests", t.manifests_title(), Lang::manifests, &found.manifests),
        ("namespaces", t.namespaces_title(), Lang::namespaces, &found.namespaces),
        ("teams", t.teams_title(), Lang::teams, &found.teams),
    ]
}

/// `7 repositories, 12 tags`
fn said(t: Lang, found: &Results) -> String {
    let groups = groups(t, found).into_iter().filter(|(.., hits)| hits.total > 0);
    groups.map(|(_, _, noun, hits)| noun(t, number(hits.total))).collect::<Vec<_>>().join(", ")
}

fn hits(search: &Search, found: &Results) -> Markup {
    let t = search.reader.lang;
    html! {
        p.muted role="status" {
            (said(t, found))
            @if found.forgiving { ". " (t.only_similar()) }
        }
        @if search.kind.is_some() {
            p { a href=(format!("/search{}", query(&[("q", Some(&search.question))]))) { (t.all_kinds()) } }
        }
        @for (word, title, noun, hits) in groups(t, found) {
            @if !hits.best.is_empty() {
                section {
                    h2 { (title) " " span.badge { (hits.total) } }
                    ul.hits data-rows { @for hit in &hits.best { (entry(hit, &search.registries, &search.reader)) } }
                    (more(search, word, title, noun, hits))
                }
            }
        }
    }
}

fn more(search: &Search, word: &str, title: &str, noun: Counted, hits: &Hits) -> Markup {
    let t = search.reader.lang;
    let link = |page: usize| {
        let page = page.to_string();
        let pairs =
            [("q", Some(search.question.as_str())), ("kind", Some(word)), ("page", Some(&page))];
        format!("/search{}", query(&pairs))
    };
    let seen = search.page * MANY + hits.best.len();
    html! {
        @if search.kind.is_none() {
            @if hits.total > hits.best.len() { p { a href=(link(0)) { (t.all_matches()) ": " (noun(t, number(hits.total))) } } }
        } @else {
            nav.pages aria-label=(format!("{}: {title}", t.pages_of_list())) {
                @if search.page > 0 { a.button href=(link(search.page - 1)) { (t.better_matches()) } }
                @if hits.total > seen { a.button href=(link(search.page + 1)) { (t.further_matches()) } }
            }
        }
    }
}

fn number(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn entry(hit: &Entry, registries: &Registries, reader: &Reader) -> Markup {
    let t = reader.lang;
    let big = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    html! {
        li {
            @match hit {
                Entry::Repository { registry, name, stars, pulls, pushed_at, .. } => {
                    a.name href=(registries.repository(registry.as_str(), name.as_str())) { (registries.called(registry.as_str(), name.as_str())) }
                    span.about {
                        (t.pulls(big(*pulls))) ", " (t.stars(big(*stars))) ", "
                        (t.pushed_ago(&reader.time_or_never(*pushed_at)))
                    }
                }
                Entry::Tag { registry, repository, tag, digest: points, pushed_at } => {
                    a.name href=(format!("{}/-/tags/{tag}", registries.repository(registry.as_str(), repository.as_str()))) {
                        (registries.called(registry.as_str(), repository.as_str())) ":" (tag)
                    }
                    span.about { (digest(points.as_str())) ", " (t.pushed_ago(&reader.time(*pushed_at))) }
                }
                Entry::Manifest { registry, repository, digest: is, pushed_at } => {
                    a.name href=(format!("{}/-/manifests/{is}", registries.repository(registry.as_str(), repository.as_str()))) { (registries.called(registry.as_str(), repository.as_str())) }
                    span.about { (digest(is.as_str())) ", " (t.pushed_ago(&reader.time(*pushed_at))) }
                }
                Entry::Namespace { registry, name, visibility: seen, description, .. } => {
                    a.name href=(registries.namespace(registry.as_str(), name.as_str())) { (registries.called(registry.as_str(), name.as_str())) }
                    (visibility(t, seen.as_str()))
                    span.about { (description) }
                }
                Entry::Team { name, description } => {
                    a.name href=(team(name)) { (name) }
                    span.about { (description) }
                }
            }
        }
    }
}

fn team(name: &TeamName) -> String {
    format!("/teams/{}", segment(name.as_str()))
}
