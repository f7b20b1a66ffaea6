//! Repositories: the list, and the page of one with its tags.

use axum::extract::{FromRequest as _, Path, Request, State};
use axum::response::Response;
use commands::stars as wishes;
use domain::access::{Action, Graph, Resource, Visible};
use domain::name::{RegistryName, RepositoryName, TagName};
use http::StatusCode;
use jiff::Timestamp;
use maud::{Markup, html};
use projections::repositories::{self, RepositoryRow};
use projections::stars::{self, StarRow};
use projections::tags::{self, TagRow};
use projections::{Paging, activity, manifests};

use super::UiState;
use super::components::{
    bytes, command, count, crumbs, csrf, digest, empty, scroll, slim_command, thousands, time,
    time_or, visibility,
};
use super::layout::Flash;
use super::visitor::{Button, Registries, Visitor, query};
use crate::auth::SignedForm;
use crate::error::PageError;

/// Rows on one page.
const ROWS: i64 = 100;
/// Rows of the feed of one repository.
const HAPPENED: i64 = 50;

/// What a path below `/r/` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tags(RepositoryName),
    Tag(RepositoryName, TagName),
    Activity(RepositoryName),
    Star(RepositoryName),
    Unstar(RepositoryName),
}

impl Place {
    /// Names hold slashes, and no part of one is a lone `-`: so `/-/` ends the name.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        let (name, sub) = match rest.split_once("/-/") {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        let name = RepositoryName::parse(name).ok()?;
        match sub {
            None => Some(Self::Tags(name)),
            Some("activity") => Some(Self::Activity(name)),
            Some("star") => Some(Self::Star(name)),
            Some("unstar") => Some(Self::Unstar(name)),
            Some(sub) => Some(Self::Tag(name, TagName::parse(sub.strip_prefix("tags/")?).ok()?)),
        }
    }
}

/// `GET /repositories`
pub(super) async fn list(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let visible = visitor.viewer.visible();
    let after = visitor.params.get("after").and_then(|key| key.split_once(' '));
    let after = after.map(|(registry, name)| (registry.to_owned(), name.to_owned()));
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let mut rows = repositories::list(&ui.read, &visible, &paging).await?;
    let more = rows.len() > usize::try_from(ROWS).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(ROWS).unwrap_or(usize::MAX));
    let all = List {
        total: repositories::count(&ui.read, &visible).await?,
        next: rows.last().filter(|_| more).map(|row| format!("{} {}", row.registry, row.name)),
        rows,
        first,
        registries: ui.registries().await?,
        now: visitor.now(),
    };
    Ok(visitor.show("Repositories", list_body(&all)))
}

/// What the list shows.
pub(super) struct List {
    pub(super) rows: Vec<RepositoryRow>,
    pub(super) total: i64,
    /// The key behind which the next page begins.
    pub(super) next: Option<String>,
    pub(super) first: bool,
    pub(super) registries: Registries,
    pub(super) now: Timestamp,
}

pub(super) fn list_body(list: &List) -> Markup {
    html! {
        h1 { "Repositories" }
        @if list.total == 0 {
            (empty(html! {
                p { "There is no repository that you may see. One begins with the first push into a namespace." }
                p { a href="/help" { "How to push an image" } }
            }))
        } @else {
            (scroll("Repositories", html! {
                table.stack {
                    caption { (count(list.total, "repository")) " that you may see, by name" }
                    thead { tr {
                        th scope="col" { "Name" } th scope="col" { "Visibility" }
                        th.number scope="col" { "Tags" } th.number scope="col" { "Pulls" }
                        th.number scope="col" { "Stars" } th scope="col" { "Last push" }
                    } }
                    tbody {
                        @for row in &list.rows {
                            tr {
                                th scope="row" { a href=(list.registries.repository(&row.registry, &row.name)) { (list.registries.called(&row.registry, &row.name)) } }
                                td data-label="Visibility" { (visibility(row.visibility.as_deref().unwrap_or("hidden"))) }
                                td.number data-label="Tags" { (thousands(row.tags)) }
                                td.number data-label="Pulls" { (thousands(row.pulls)) }
                                td.number data-label="Stars" { (thousands(row.stars)) }
                                td data-label="Last push" { (time_or(row.last_push_at, list.now, "never")) @if let Some(by) = &row.last_push_by { " by " (by) } }
                            }
                        }
                    }
                }
            }))
            nav.pages aria-label="Pages" {
                @if !list.first { a.button href="/repositories" { "First page" } }
                @if let Some(next) = &list.next { a.button href=(format!("/repositories{}", query(&[("after", Some(next))]))) { "Next page" } }
            }
        }
    }
}

/// `GET /r/{name}` and what lies below.
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
    Path(rest): Path<String>,
) -> Result<Response, PageError> {
    let registries = ui.registries().await?;
    let registry = registries.default().ok_or_else(PageError::not_found)?;
    show_place(&ui, visitor, registries, registry, &rest).await
}

/// `GET /registries/{registry}/r/{name}`
pub(super) async fn show_in(
    State(ui): State<UiState>,
    visitor: Visitor,
    Path((registry, rest)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let registry = RegistryName::parse(&registry).map_err(|_| PageError::not_found())?;
    let registries = ui.registries().await?;
    show_place(&ui, visitor, registries, registry, &rest).await
}

async fn show_place(
    ui: &UiState,
    visitor: Visitor,
    registries: Registries,
    registry: RegistryName,
    rest: &str,
) -> Result<Response, PageError> {
    match Place::parse(rest) {
        Some(Place::Tags(name)) => show_tags(ui, visitor, registries, registry, name).await,
        Some(Place::Tag(name, tag)) => {
            super::tags::show(ui, visitor, registries, registry, name, tag).await
        }
        Some(Place::Activity(name)) => show_activity(ui, visitor, registries, registry, name).await,
        Some(Place::Star(_) | Place::Unstar(_)) => Err(super::errors::method_not_allowed().await),
        None => Err(PageError::not_found()),
    }
}

async fn show_tags(
    ui: &UiState,
    visitor: Visitor,
    registries: Registries,
    registry: RegistryName,
    name: RepositoryName,
) -> Result<Response, PageError> {
    let visible = visitor.viewer.visible();
    let row = repositories::find(&ui.read, &registry, &name, &visible).await?;
    let row = row.ok_or_else(|| visitor.missing())?;
    let after = visitor.params.get("after").map(str::to_owned);
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let mut rows = tags::list(&ui.read, &registry, &name, &paging).await?;
    let more = rows.len() > usize::try_from(ROWS).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(ROWS).unwrap_or(usize::MAX));
    let starred = match visitor.viewer.user() {
        Some(user) => Some(stars::is_starred(&ui.read, user, &registry, &name).await?),
        None => None,
    };
    let may_star = visitor.viewer.may(Action::Star, &resource(&registry, &name));
    let page = Repository {
        untagged: manifests::count_untagged(&ui.read, &registry, &name).await?,
        next: rows.last().filter(|_| more).map(|tag| tag.name.clone()),
        first,
        tags: rows,
        starred: starred.filter(|starred| may_star || *starred),
        csrf: visitor.frame.csrf.clone(),
        may_see_activity: visitor.viewer.may(Action::ViewActivities, &resource(&registry, &name)),
        row,
        registries,
        now: visitor.now(),
    };
    Ok(visitor.show(&page.row.name, body(&page)))
}

/// What the page of a repository shows.
pub(super) struct Repository {
    pub(super) row: RepositoryRow,
    pub(super) tags: Vec<TagRow>,
    /// The tag behind which the next page begins.
    pub(super) next: Option<String>,
    pub(super) first: bool,
    pub(super) untagged: i64,
    /// Whether the viewer has starred it; `None`: they cannot.
    pub(super) starred: Option<bool>,
    pub(super) csrf: Option<String>,
    pub(super) may_see_activity: bool,
    pub(super) registries: Registries,
    pub(super) now: Timestamp,
}

pub(super) fn body(page: &Repository) -> Markup {
    let (row, registries) = (&page.row, &page.registries);
    let path = registries.repository(&row.registry, &row.name);
    let image = match registries.host(&row.registry) {
        Some(host) => format!("{host}/{}", row.name),
        None => row.name.clone(),
    };
    // What people most likely want: `latest`, or else whatever was pushed last.
    let newest = page.tags.iter().max_by_key(|tag| tag.changed_at);
    let first = page.tags.iter().find(|tag| tag.name == "latest").or(newest);
    html! {
        (head(row, registries, page.now))
        @if let Some(tag) = first {
            (command("Pull this image", &format!("docker pull {image}:{}", tag.name)))
        }
        @if let (Some(starred), Some(token)) = (page.starred, &page.csrf) {
            form.inline method="post" action=(format!("{path}/-/{}", if starred { "unstar" } else { "star" })) {
                (csrf(token))
                button.small type="submit" {
                    @if starred { "★ Take the star back" } @else { "☆ Star" }
                }
            }
        }
        (tabs(&path, "tags", page.may_see_activity))
        @if !row.description.is_empty() { p { (row.description) } }
        @if page.tags.is_empty() {
            (empty(html! {
                p { "No tag points to anything here." }
                @if page.untagged > 0 { p { (count(page.untagged, "manifest")) " without a tag can still be pulled by digest." } }
                (command("Push a tag", &format!("docker push {image}:1.0")))
            }))
        } @else {
            (scroll("Tags", tag_table(page, &path, &image)))
            @if page.untagged > 0 { p.muted.small { (count(page.untagged, "manifest")) " without a tag, among them the images of single platforms." } }
            nav.pages aria-label="Pages" {
                @if !page.first { a.button href=(path) { "First page" } }
                @if let Some(next) = &page.next { a.button href=(format!("{path}{}", query(&[("after", Some(next))]))) { "Next page" } }
            }
        }
    }
}

fn head(row: &RepositoryRow, registries: &Registries, now: Timestamp) -> Markup {
    html! {
        @if let Some(namespace) = &row.namespace {
            (crumbs(&[
                ("Repositories".to_owned(), "/repositories".to_owned()),
                (namespace_called(namespace).to_owned(), registries.namespace(&row.registry, namespace)),
            ]))
        }
        div.headline {
            h1 { (row.name) }
            (visibility(row.visibility.as_deref().unwrap_or("hidden")))
        }
        dl.facts {
            @if registries.0.len() > 1 { div { dt { "Registry" } dd { (registries.host(&row.registry).unwrap_or(&row.registry)) } } }
            div { dt { "Tags" } dd { (thousands(row.tags)) } }
            div { dt { "Pulls" } dd { (thousands(row.pulls)) } }
            div { dt { "Stars" } dd { (thousands(row.stars)) } }
            @if let Some(at) = row.last_push_at {
                div { dt { "Last push" } dd { (time(at, now)) @if let Some(by) = &row.last_push_by { " by " (by) } } }
            }
        }
    }
}

fn tag_table(page: &Repository, path: &str, image: &str) -> Markup {
    html! {
        table.stack {
            caption { (count(page.row.tags, "tag")) ", by name" }
            thead { tr {
                th scope="col" { "Tag" } th scope="col" { "Digest" } th scope="col" { "Platforms" }
                th.number scope="col" { "Size" } th scope="col" { "Pushed" }
                th scope="col" { "Last pull" } th.number scope="col" { "Pulls" } th scope="col" { "Command" }
            } }
            tbody {
                @for tag in &page.tags {
                    tr id=(format!("tag-{}", tag.name)) {
                        th scope="row" { a href=(format!("{path}/-/tags/{}", tag.name)) { (tag.name) } @if let Some(kind) = badge(tag) { " " span.badge { (kind) } } }
                        td data-label="Digest" { (digest(&tag.digest)) }
                        td data-label="Platforms" {
                            @if tag.platforms.is_empty() { span.muted { "not told" } } @else { (tag.platforms.join(", ")) }
                        }
                        td.number.nowrap data-label="Size" { (bytes(tag.total_size)) }
                        td data-label="Pushed" {
                            (time(tag.changed_at, page.now))
                            @match &tag.pushed_by {
                                Some(by) => { " by " (by) }
                                None if tag.observed => { " " span.muted { "(seen in the registry)" } }
                                None => {}
                            }
                        }
                        td data-label="Last pull" { (time_or(tag.last_pull_at, page.now, "never")) }
                        td.number data-label="Pulls" { (thousands(tag.pulls.max(tag.manifest_pulls))) }
                        td data-label="Command" { (slim_command(&format!("Pull {}", tag.name), &format!("docker pull {image}:{}", tag.name))) }
                    }
                }
            }
        }
    }
}

fn badge(tag: &TagRow) -> Option<&str> {
    tag.kind.as_deref().filter(|kind| *kind == "artifact")
}

fn tabs(path: &str, here: &str, activity: bool) -> Markup {
    let entries =
        [("tags", path.to_owned(), "Tags"), ("activity", format!("{path}/-/activity"), "Activity")];
    html! {
        nav.tabs aria-label="Repository" {
            ul {
                @for (id, path, name) in entries {
                    @if id != "activity" || activity {
                        li { a href=(path) aria-current=[(id == here).then_some("page")] { (name) } }
                    }
                }
            }
        }
    }
}

async fn show_activity(
    ui: &UiState,
    visitor: Visitor,
    registries: Registries,
    registry: RegistryName,
    name: RepositoryName,
) -> Result<Response, PageError> {
    let visible = visitor.viewer.visible();
    let row = repositories::find(&ui.read, &registry, &name, &visible).await?;
    let row = row.ok_or_else(|| visitor.missing())?;
    visitor.must(Action::ViewActivities, &resource(&registry, &name))?;
    let filter = activity::Filter {
        registry: Some(registry.clone()),
        repository: Some(name.clone()),
        ..activity::Filter::default()
    };
    let viewer = super::activity::viewer(&visitor);
    let rows = activity::page(&ui.read, &filter, &viewer, None, HAPPENED).await?;
    let path = registries.repository(registry.as_str(), name.as_str());
    let all = format!("/activity{}", query(&[("repository", Some(name.as_str()))]));
    let body = html! {
        (head(&row, &registries, visitor.now()))
        (tabs(&path, "activity", true))
        (super::activity::feed(&rows, &registries, visitor.now()))
        p { a href=(all) { "Filter and go further back" } }
    };
    Ok(visitor.show(&format!("Activity of {name}"), body))
}

/// `POST /r/{name}/-/star` and `…/unstar`
pub(super) async fn act(
    State(ui): State<UiState>,
    Path(rest): Path<String>,
    request: Request,
) -> Result<Response, PageError> {
    let registries = ui.registries().await?;
    let registry = registries.default().ok_or_else(PageError::not_found)?;
    act_place(&ui, &registries, &registry, &rest, request).await
}

/// `POST /registries/{registry}/r/{name}/-/star` and `…/unstar`
pub(super) async fn act_in(
    State(ui): State<UiState>,
    Path((registry, rest)): Path<(String, String)>,
    request: Request,
) -> Result<Response, PageError> {
    let registry = RegistryName::parse(&registry).map_err(|_| PageError::not_found())?;
    let registries = ui.registries().await?;
    act_place(&ui, &registries, &registry, &rest, request).await
}

async fn act_place(
    ui: &UiState,
    registries: &Registries,
    registry: &RegistryName,
    rest: &str,
    request: Request,
) -> Result<Response, PageError> {
    let SignedForm { by, form: Button {} } =
        SignedForm::<Button>::from_request(request, ui).await?;
    let (name, star) = match Place::parse(rest) {
        Some(Place::Star(name)) => (name, true),
        Some(Place::Unstar(name)) => (name, false),
        Some(_) => return Err(super::errors::method_not_allowed().await),
        None => return Err(PageError::not_found()),
    };
    let visible = by.viewer.visible();
    if repositories::find(&ui.read, registry, &name, &visible).await?.is_none() {
        return Err(PageError::not_found());
    }
    let user =
        by.viewer.user().cloned().ok_or_else(|| {
            PageError::new(StatusCode::FORBIDDEN, "Only people star repositories.")
        })?;
    let desk = &ui.auth.desk;
    let (resource, user, name) = (resource(registry, &name), &user, &name);
    let change = |caller: commands::desk::Caller| async move {
        if star {
            wishes::star(desk, &caller, user, registry, name).await
        } else {
            wishes::unstar(desk, &caller, user, registry, name).await
        }
    };
    let written = ui.act(&by.viewer, Action::Star, &resource, change).await?;
    let path = registries.repository(registry.as_str(), name.as_str());
    Ok(ui.done(written, &path, if star { Flash::Starred } else { Flash::Unstarred }).await)
}

/// A repository in a list.
pub(super) fn entry(row: &RepositoryRow, registries: &Registries, now: Timestamp) -> Markup {
    html! {
        li {
            a.name href=(registries.repository(&row.registry, &row.name)) { (registries.called(&row.registry, &row.name)) }
            @if let Some(word) = &row.visibility { (visibility(word)) }
            span.about {
                (count(row.tags, "tag")) ", " (count(row.pulls, "pull")) ", pushed "
                (time_or(row.last_push_at, now, "never"))
                @if let Some(by) = &row.last_push_by { " by " (by) }
            }
        }
    }
}

/// Stars on what may still be seen.
pub(super) fn only_visible(rows: Vec<StarRow>, visible: &Visible, graph: &Graph) -> Vec<StarRow> {
    let sees = |row: &StarRow| {
        let (registry, name) = (
            RegistryName::parse(&row.registry).ok()?,
            RepositoryName::parse(&row.repository).ok()?,
        );
        let namespace = graph.namespace_of(&registry, &name)?;
        let seen = visible.everything
            || visible.visibilities.contains(&namespace.visibility)
            || visible.namespaces.contains(&(registry.clone(), namespace.name))
            || visible.repositories.contains(&(registry, name));
        seen.then_some(())
    };
    rows.into_iter().filter(|row| sees(row).is_some()).collect()
}

/// The global namespace has no name of its own.
pub(super) fn namespace_called(name: &str) -> &str {
    if name == "_" { "(global)" } else { name }
}

fn resource(registry: &RegistryName, name: &RepositoryName) -> Resource {
    Resource::Repository { registry: registry.clone(), name: name.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_dash_ends_the_name() {
        let name = |text| RepositoryName::parse(text).unwrap();
        assert_eq!(Place::parse("a/b"), Some(Place::Tags(name("a/b"))));
        assert_eq!(Place::parse("a/b/-/activity"), Some(Place::Activity(name("a/b"))));
        let tag = TagName::parse("v1.0-rc").unwrap();
        assert_eq!(Place::parse("a/b/-/tags/v1.0-rc"), Some(Place::Tag(name("a/b"), tag)));
        assert_eq!(Place::parse("activity"), Some(Place::Tags(name("activity"))));
        for wrong in [
            "",
            "a/-/nothing",
            "a/-/",
            "-/activity",
            "A",
            "a//b",
            "../etc",
            "a/-/star/-/x",
            "a/-/tags/",
            "a/-/tags/x/y",
            "a/-/tags/..",
        ] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }
}
