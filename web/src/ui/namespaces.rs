//! Namespaces: the list, and the page of one with its repositories.

use axum::extract::{Path, State};
use axum::response::Response;
use domain::name::{NamespaceName, RegistryName};
use jiff::Timestamp;
use maud::{Markup, html};
use projections::Paging;
use projections::namespaces::{self, NamespaceRow};
use projections::repositories::{self, RepositoryRow};

use super::UiState;
use super::components::{command, count, crumbs, empty, scroll, thousands, visibility};
use super::repositories::{entry, namespace_called};
use super::visitor::{Registries, Visitor, query};
use crate::error::PageError;

/// Rows on one page.
const ROWS: i64 = 100;

/// What the list shows.
pub(super) struct List {
    pub(super) rows: Vec<NamespaceRow>,
    pub(super) total: i64,
    /// The key behind which the next page begins.
    pub(super) next: Option<String>,
    pub(super) first: bool,
    pub(super) registries: Registries,
}

/// `GET /namespaces`
pub(super) async fn list(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let visible = visitor.viewer.visible();
    let after = visitor.params.get("after").and_then(|key| key.split_once(' '));
    let after = after.map(|(registry, name)| (registry.to_owned(), name.to_owned()));
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let mut rows = namespaces::list(&ui.read, &visible, &paging).await?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let all = List {
        total: namespaces::count(&ui.read, &visible).await?,
        next: rows.last().filter(|_| more).map(|row| format!("{} {}", row.registry, row.name)),
        rows,
        first,
        registries: ui.registries().await?,
    };
    Ok(visitor.show("Namespaces", list_body(&all)))
}

pub(super) fn list_body(list: &List) -> Markup {
    html! {
        h1 { "Namespaces" }
        p.muted { "A namespace is the beginning of repository names. It belongs to a team or a person, and decides who sees what is inside." }
        @if list.rows.is_empty() {
            (empty(html! { p { "There is no namespace that you may see." } }))
        } @else {
            (scroll("Namespaces", html! {
                table.stack {
                    caption { (count(list.total, "namespace")) " that you may see, by name" }
                    thead { tr {
                        th scope="col" { "Name" } th scope="col" { "Visibility" } th scope="col" { "Belongs to" }
                        th.number scope="col" { "Repositories" }
                    } }
                    tbody {
                        @for row in &list.rows {
                            tr {
                                th scope="row" { a href=(list.registries.namespace(&row.registry, &row.name)) { (list.registries.called(&row.registry, namespace_called(&row.name))) } }
                                td data-label="Visibility" { (visibility(&row.visibility)) }
                                td data-label="Belongs to" { (holder(row)) }
                                td.number data-label="Repositories" { (thousands(row.repositories)) }
                            }
                        }
                    }
                }
            }))
            nav.pages aria-label="Pages" {
                @if !list.first { a.button href="/namespaces" { "First page" } }
                @if let Some(next) = &list.next { a.button href=(format!("/namespaces{}", query(&[("after", Some(next))]))) { "Next page" } }
            }
        }
    }
}

/// `GET /n/{name}`
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let registries = ui.registries().await?;
    let registry = registries.default().ok_or_else(PageError::not_found)?;
    show_one(&ui, visitor, registries, registry, &name).await
}

/// `GET /registries/{registry}/n/{name}`
pub(super) async fn show_in(
    State(ui): State<UiState>,
    visitor: Visitor,
    Path((registry, name)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let registry = RegistryName::parse(&registry).map_err(|_| PageError::not_found())?;
    let registries = ui.registries().await?;
    show_one(&ui, visitor, registries, registry, &name).await
}

async fn show_one(
    ui: &UiState,
    visitor: Visitor,
    registries: Registries,
    registry: RegistryName,
    name: &str,
) -> Result<Response, PageError> {
    let name = NamespaceName::parse(name).map_err(|_| PageError::not_found())?;
    let visible = visitor.viewer.visible();
    let row = namespaces::find(&ui.read, &registry, &name, &visible).await?;
    let row = row.ok_or_else(|| visitor.missing())?;
    let after = visitor.params.get("after").map(str::to_owned);
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let inside = repositories::of_namespace(&ui.read, &registry, &name, &visible, &paging);
    let mut rows = inside.await?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let page = Namespace {
        row,
        next: rows.last().filter(|_| more).map(|row| row.name.clone()),
        repositories: rows,
        first,
        registries,
        now: visitor.now(),
    };
    Ok(visitor.show(namespace_called(&page.row.name), body(&page)))
}

/// What the page of a namespace shows.
pub(super) struct Namespace {
    pub(super) row: NamespaceRow,
    pub(super) repositories: Vec<RepositoryRow>,
    /// The name behind which the next page begins.
    pub(super) next: Option<String>,
    pub(super) first: bool,
    pub(super) registries: Registries,
    pub(super) now: Timestamp,
}

pub(super) fn body(page: &Namespace) -> Markup {
    let row = &page.row;
    let path = page.registries.namespace(&row.registry, &row.name);
    let host = page.registries.host(&row.registry).unwrap_or_default();
    let image = if row.name == "_" { "app".to_owned() } else { format!("{}/app", row.name) };
    html! {
        (crumbs(&[("Namespaces".to_owned(), "/namespaces".to_owned())]))
        div.headline { h1 { (namespace_called(&row.name)) } (visibility(&row.visibility)) }
        p.muted { (holder(row)) }
        @if !row.description.is_empty() { p { (row.description) } }
        h2 { "Repositories" }
        @if page.repositories.is_empty() {
            (empty(html! {
                p { "No image has been pushed here yet." }
                (command("Push the first image", &format!("docker push {host}/{image}:1.0")))
            }))
        } @else {
            ul.hits { @for row in &page.repositories { (entry(row, &page.registries, page.now)) } }
            nav.pages aria-label="Pages" {
                @if !page.first { a.button href=(path) { "First page" } }
                @if let Some(next) = &page.next { a.button href=(format!("{path}{}", query(&[("after", Some(next))]))) { "Next page" } }
            }
        }
    }
}

fn holder(row: &NamespaceRow) -> Markup {
    html! {
        @match (row.holder_kind.as_str(), &row.holder) {
            ("team", Some(team)) => { "Team " (team) }
            ("personal", Some(user)) => { (user) ", personally" }
            _ => "The registry itself",
        }
    }
}
