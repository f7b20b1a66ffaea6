//! Search.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use maud::{Markup, html};
use projections::search::{Entry, Hits, Kind, MAX_OFFSET, Query, Results};

use super::UiState;
use super::components::{count, digest, empty, time_or, visibility};
use super::visitor::{Registries, Visitor, query};
use crate::error::PageError;

/// Hits of each kind on the page of all kinds.
const FEW: usize = 10;
/// Hits on a page of one kind.
const MANY: usize = 50;

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
        let (index, visible) = (ui.search.clone(), visitor.viewer.visible());
        let results = tokio::task::spawn_blocking(move || index.find(&asked, &visible)).await;
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "search does not work");
            let text = "Search does not work at the moment. Try again shortly.";
            PageError::new(StatusCode::SERVICE_UNAVAILABLE, text)
        };
        let results = results.map_err(|error| unavailable(&error))?;
        found = Some(results.map_err(|error| unavailable(&error))?);
    }
    let search = Search {
        question,
        kind,
        page: offset / MANY,
        found,
        registries: ui.registries().await?,
        now: visitor.now(),
    };
    Ok(visitor.show("Search", body(&search)))
}

/// What the page shows.
pub(super) struct Search {
    pub(super) question: String,
    pub(super) kind: Option<(&'static str, Kind)>,
    pub(super) page: usize,
    pub(super) found: Option<Results>,
    pub(super) registries: Registries,
    pub(super) now: Timestamp,
}

pub(super) fn body(search: &Search) -> Markup {
    html! {
        h1 { "Search" }
        form.find action="/search" method="get" {
            label.visually-hidden for="q" { "Search repositories, tags, namespaces and teams" }
            input id="q" type="search" name="q" value=(search.question) maxlength="512"
                autocomplete="off" autocapitalize="none" spellcheck="false";
            button.primary type="submit" { "Search" }
        }
        @match &search.found {
            None => { p.muted { "Names are found by any part of them: " code { "my-app" } ", " code { "team/app:1.2" } ", or the beginning of a digest." } }
            Some(found) if found.total() == 0 => (nothing(search)),
            Some(found) => (hits(search, found)),
        }
    }
}

fn nothing(search: &Search) -> Markup {
    empty(html! {
        p role="status" { "Nothing that you may see matches “" (search.question) "”." }
        ul {
            li { "Fewer or shorter words find more: each word must occur in the name." }
            li { "A tag is found with its repository: " code { "app:1.2" } "." }
            li { "What belongs to others is not shown. An owner of the team can add you." }
        }
    })
}

fn hits(search: &Search, found: &Results) -> Markup {
    let groups: [(&str, &str, &str, &Hits); 5] = [
        ("repositories", "Repositories", "repository", &found.repositories),
        ("tags", "Tags", "tag", &found.tags),
        ("manifests", "Manifests", "manifest", &found.manifests),
        ("namespaces", "Namespaces", "namespace", &found.namespaces),
        ("teams", "Teams", "team", &found.teams),
    ];
    let said: Vec<String> = groups
        .iter()
        .filter(|(_, _, _, hits)| hits.total > 0)
        .map(|(_, _, noun, hits)| number(hits.total, noun))
        .collect();
    html! {
        p.muted role="status" {
            (said.join(", "))
            @if found.forgiving { ". Some are only similar to what you typed." }
        }
        @if search.kind.is_some() {
            p { a href=(format!("/search{}", query(&[("q", Some(&search.question))]))) { "All kinds" } }
        }
        @for (word, title, noun, hits) in groups {
            @if !hits.best.is_empty() {
                section {
                    h2 { (title) " " span.badge { (hits.total) } }
                    ul.hits { @for hit in &hits.best { (entry(hit, search)) } }
                    (more(search, word, noun, hits))
                }
            }
        }
    }
}

fn more(search: &Search, word: &str, noun: &str, hits: &Hits) -> Markup {
    let link = |page: usize| {
        let page = page.to_string();
        let pairs =
            [("q", Some(search.question.as_str())), ("kind", Some(word)), ("page", Some(&page))];
        format!("/search{}", query(&pairs))
    };
    let seen = search.page * MANY + hits.best.len();
    html! {
        @if search.kind.is_none() {
            @if hits.total > hits.best.len() { p { a href=(link(0)) { "All " (number(hits.total, noun)) } } }
        } @else {
            nav.pages aria-label="Pages" {
                @if search.page > 0 { a.button href=(link(search.page - 1)) { "Better matches" } }
                @if hits.total > seen { a.button href=(link(search.page + 1)) { "Further matches" } }
            }
        }
    }
}

fn number(number: usize, noun: &str) -> String {
    count(i64::try_from(number).unwrap_or(i64::MAX), noun)
}

fn entry(hit: &Entry, search: &Search) -> Markup {
    let registries = &search.registries;
    html! {
        li {
            @match hit {
                Entry::Repository { registry, name, stars, pulls, pushed_at, .. } => {
                    a.name href=(registries.repository(registry.as_str(), name.as_str())) { (registries.called(registry.as_str(), name.as_str())) }
                    span.about {
                        (big(*pulls, "pull")) ", " (big(*stars, "star")) ", pushed "
                        (time_or(*pushed_at, search.now, "never"))
                    }
                }
                Entry::Tag { registry, repository, tag, digest: points, pushed_at } => {
                    a.name href=(format!("{}#tag-{tag}", registries.repository(registry.as_str(), repository.as_str()))) {
                        (registries.called(registry.as_str(), repository.as_str())) ":" (tag)
                    }
                    span.about { (digest(points.as_str())) ", pushed " (time_or(Some(*pushed_at), search.now, "")) }
                }
                Entry::Manifest { registry, repository, digest: is, pushed_at } => {
                    a.name href=(registries.repository(registry.as_str(), repository.as_str())) { (registries.called(registry.as_str(), repository.as_str())) }
                    span.about { (digest(is.as_str())) ", pushed " (time_or(Some(*pushed_at), search.now, "")) }
                }
                Entry::Namespace { registry, name, visibility: seen, description, .. } => {
                    a.name href=(registries.namespace(registry.as_str(), name.as_str())) { (registries.called(registry.as_str(), name.as_str())) }
                    (visibility(seen.as_str()))
                    span.about { (description) }
                }
                Entry::Team { name, description } => {
                    span.name { (name) }
                    span.about { (description) }
                }
            }
        }
    }
}

fn big(number: u64, noun: &str) -> String {
    count(i64::try_from(number).unwrap_or(i64::MAX), noun)
}
