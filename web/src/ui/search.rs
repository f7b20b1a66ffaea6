//! Search: as a page, and as suggestions while somebody types.

mod empty;
mod facets;
mod hit;
mod wish;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use maud::{Markup, html};
use projections::search::{Hits, Kind, MAX_OFFSET, Query, Results, Since};

use super::UiState;
use super::layout::search_box_with;
use super::reader::Reader;
use super::visitor::{Registries, Visitor, visibilities};
use crate::error::PageError;
use crate::texts::Lang;

pub(super) use self::wish::Wish;

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

/// `GET /search?q=&kind=&namespace=&visibility=&platform=&since=`
pub(super) async fn show(
    State(ui): State<UiState>,
    mut visitor: Visitor,
) -> Result<Response, PageError> {
    visitor.knows("kind", KINDS.iter().map(|(kind, _)| *kind));
    visitor.knows("visibility", visibilities());
    visitor.knows("since", Since::EVERY.map(Since::as_str));
    let wish = Wish::of(&visitor.params);
    let offset = wish.page.saturating_mul(MANY).min(MAX_OFFSET);
    let wish = Wish { page: offset / MANY, ..wish };
    let mut found = None;
    if wish.asks() {
        let (limit, now) = (if wish.kind.is_some() { MANY } else { FEW }, visitor.viewer.at());
        let query = Query::new(&wish.question, limit, now).filtered(wish.filters.clone());
        let asked = match wish.kind {
            Some((_, kind)) => Query { offset, ..query.only([kind]) },
            None => query,
        };
        found = Some(find(&ui, &visitor, asked).await?);
    }
    let search =
        Search { wish, found, registries: ui.registries().await?, reader: visitor.reader() };
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
    let asked = Query::new(&question, SUGGESTED, visitor.viewer.at());
    let found = find(&ui, &visitor, asked).await?;
    let (registries, reader) = (ui.registries().await?, visitor.reader());
    Ok(suggestions(&question, &found, &registries, &reader).into_response())
}

async fn find(ui: &UiState, visitor: &Visitor, asked: Query) -> Result<Results, PageError> {
    let (index, viewer) = (ui.search.clone(), visitor.viewer.clone());
    // What somebody may see may take a while to find out as well.
    let results = tokio::task::spawn_blocking(move || index.find(&asked, &viewer.visible())).await;
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
    let all = Wish { question: question.to_owned(), ..Wish::default() }.path();
    let drawn = hit::Drawn::new(question, registries, reader);
    html! {
        div.suggestions {
            p.visually-hidden role="status" {
                @if found.total() == 0 { (t.nothing_matches(question)) } @else { (said(t, found)) }
            }
            @if found.total() == 0 {
                p.muted { (t.nothing_matches(question)) }
                @if !found.nearest.is_empty() {
                    p { (t.did_you_mean()) }
                    ul.hits { @for near in &found.nearest { (drawn.short(near)) } }
                }
            } @else {
                ul.hits {
                    @for group in groups(t, found) {
                        @for hit in &group.hits.best { (drawn.short(hit)) }
                    }
                }
                p { a href=(all) { (t.all_matches()) } }
            }
        }
    }
}

/// What the page shows.
pub(super) struct Search {
    pub(super) wish: Wish,
    pub(super) found: Option<Results>,
    pub(super) registries: Registries,
    pub(super) reader: Reader,
}

pub(super) fn body(search: &Search) -> Markup {
    let (t, wish) = (search.reader.lang, &search.wish);
    let pairs = wish.pairs();
    let also: Vec<_> = pairs.iter().skip(1).map(|(name, is)| (*name, is.as_deref())).collect();
    html! {
        h1 { (t.search()) }
        (search_box_with(t, "q", &wish.question, &also))
        @match &search.found {
            None => { p.muted { (t.search_hint()) } }
            Some(found) => {
                (facets::kinds(search, found))
                (facets::chips(search))
                div.sifted {
                    div.sifted-hits {
                        @if found.total() == 0 { (empty::nothing(search, found)) } @else { (hits(search, found)) }
                    }
                    (facets::sidebar(search, found))
                }
            }
        }
    }
}

type Counted = fn(Lang, i64) -> String;

/// Hits of one kind, as they are shown.
struct Group<'a> {
    /// In addresses.
    word: &'static str,
    kind: Kind,
    title: &'static str,
    noun: Counted,
    hits: &'a Hits,
}

/// The kinds that have hits, the one that matches best first.
fn groups(t: Lang, found: &Results) -> Vec<Group<'_>> {
    found.order.iter().map(|kind| group(t, *kind, found)).collect()
}

fn group(t: Lang, kind: Kind, found: &Results) -> Group<'_> {
    let (word, title, noun, hits): (_, _, Counted, _) = match kind {
        Kind::Repository => {
            ("repositories", t.repositories_title(), Lang::repositories, &found.repositories)
        }
        Kind::Tag => ("tags", t.tags_title(), Lang::tags, &found.tags),
        Kind::Manifest => ("manifests", t.manifests_title(), Lang::manifests, &found.manifests),
        Kind::Namespace => {
            ("namespaces", t.namespaces_title(), Lang::namespaces, &found.namespaces)
        }
        Kind::Team => ("teams", t.teams_title(), Lang::teams, &found.teams),
    };
    Group { word, kind, title, noun, hits }
}

/// `7 repositories, 12 tags`
fn said(t: Lang, found: &Results) -> String {
    let said = |group: Group<'_>| (group.noun)(t, number(group.hits.total));
    groups(t, found).into_iter().map(said).collect::<Vec<_>>().join(", ")
}

fn hits(search: &Search, found: &Results) -> Markup {
    let t = search.reader.lang;
    let drawn = hit::Drawn::new(&search.wish.question, &search.registries, &search.reader);
    html! {
        p.muted role="status" {
            (said(t, found))
            @if found.forgiving { ". " (t.only_similar()) }
            " " a.to-facets href="#narrow" { (t.narrow_down()) }
        }
        @for group in groups(t, found) {
            @if !group.hits.best.is_empty() {
                section {
                    h2 { (group.title) " " span.badge { (crate::texts::thousands(number(group.hits.total))) } }
                    ul.hits data-rows { @for hit in &group.hits.best { (drawn.full(hit)) } }
                    (more(search, &group))
                }
            }
        }
    }
}

fn more(search: &Search, group: &Group<'_>) -> Markup {
    let (t, wish) = (search.reader.lang, &search.wish);
    let link =
        |page: usize| Wish { kind: Some((group.word, group.kind)), page, ..wish.clone() }.path();
    let seen = wish.page * MANY + group.hits.best.len();
    let further = group.hits.total > seen && (wish.page + 1) * MANY <= MAX_OFFSET;
    html! {
        @if wish.kind.is_none() {
            @if group.hits.total > group.hits.best.len() {
                p { a href=(link(0)) { (t.all_matches()) ": " ((group.noun)(t, number(group.hits.total))) } }
            }
        } @else {
            nav.pages aria-label=(format!("{}: {}", t.pages_of_list(), group.title)) {
                @if wish.page > 0 { a.button href=(link(wish.page - 1)) { (t.better_matches()) } }
                @if further { a.button href=(link(wish.page + 1)) { (t.further_matches()) } }
            }
        }
    }
}

fn number(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
