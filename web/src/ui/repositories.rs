//! Repositories: the list, and the page of one with its tags.

pub(super) mod list;
pub(super) mod tags;

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{FromRequest as _, Path, Request, State};
use axum::response::Response;
use commands::stars as wishes;
use domain::access::{Action, Graph, Resource, Visible};
use domain::comment::CommentId;
use domain::digest::Digest;
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName};
use http::StatusCode;
use maud::{Markup, html};
use projections::manifests::{self, PlatformRow};
use projections::repositories::{self, RepositoryRow};
use projections::stars::{self, StarRow};
use projections::tags::TagRow;
use projections::{activity, namespaces};

use super::UiState;
use super::clients::Clients;
use super::components::{
    button, command, copy, crumbs, digest, empty, first_command, pager, scroll, tabs, visibility,
};
use super::layout::Flash;
use super::past::{self, Past};
use super::reader::Reader;
use super::visitor::{Button, Registries, Visitor, query};
use crate::auth::SignedForm;
use crate::error::PageError;
use crate::texts::{Lang, thousands};

/// Rows on one page.
const ROWS: i64 = 100;
/// Where the page says in short what the repository is like.
const FACTS: &str = "facts";
/// Rows of the feed of one repository.
const HAPPENED: i64 = 50;

/// What a path below `/r/` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tags(RepositoryName),
    Tag(RepositoryName, TagName),
    Manifest(RepositoryName, Digest),
    Activity(RepositoryName),
    Access(RepositoryName),
    Settings(RepositoryName),
    Comments(RepositoryName),
    DeleteComment(RepositoryName, CommentId),
    Live(RepositoryName),
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
        Some(match sub {
            None => Self::Tags(name),
            Some("activity") => Self::Activity(name),
            Some("access") => Self::Access(name),
            Some("settings") => Self::Settings(name),
            Some("comments") => Self::Comments(name),
            Some("live") => Self::Live(name),
            Some("star") => Self::Star(name),
            Some("unstar") => Self::Unstar(name),
            Some(sub) => match sub.split_once('/')? {
                ("tags", tag) => Self::Tag(name, TagName::parse(tag).ok()?),
                ("comments", rest) => {
                    let id = rest.strip_suffix("/delete")?.parse().ok()?;
                    Self::DeleteComment(name, CommentId(id))
                }
                ("manifests", digest) => Self::Manifest(name, Digest::parse(digest).ok()?),
                _ => return None,
            },
        })
    }
}

fn seen_by(t: Lang, row: &RepositoryRow) -> Markup {
    match &row.visibility {
        Some(word) => visibility(t, word),
        None => html! { span.badge { (t.hidden()) } },
    }
}

fn last_push(reader: &Reader, row: &RepositoryRow) -> Markup {
    html! {
        (reader.time_or_never(row.last_push_at))
        @if let Some(by) = &row.last_push_by { (reader.lang.by(by)) }
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
    mut visitor: Visitor,
    registries: Registries,
    registry: RegistryName,
    rest: &str,
) -> Result<Response, PageError> {
    let place = Place::parse(rest).ok_or_else(PageError::not_found)?;
    let (Place::Tags(name)
    | Place::Tag(name, _)
    | Place::Manifest(name, _)
    | Place::Activity(name)
    | Place::Access(name)
    | Place::Settings(name)
    | Place::Comments(name)
    | Place::DeleteComment(name, _)
    | Place::Live(name)
    | Place::Star(name)
    | Place::Unstar(name)) = &place;
    // Nothing below a repository is there for those who do not see it.
    let visible = visitor.viewer.visible();
    let row = repositories::find(&ui.read, &registry, name, &visible).await?;
    let row = row.ok_or_else(|| visitor.missing())?;
    let one = One { registry, row, registries };
    let looks_back =
        matches!(place, Place::Tags(_) | Place::Tag(..) | Place::Manifest(..) | Place::Activity(_));
    if looks_back && let Some(past) = past::asked(ui, &mut visitor).await? {
        return match place {
            Place::Tag(name, tag) => past::show_tag(ui, visitor, one, name, tag, past).await,
            Place::Manifest(name, digest) => {
                past::show_manifest(ui, visitor, one, name, digest, past).await
            }
            Place::Activity(name) => show_activity(ui, visitor, one, name, Some(past)).await,
            _ => past::show_tags(ui, visitor, one, name.clone(), past).await,
        };
    }
    match place {
        Place::Tags(name) => show_tags(ui, visitor, one, name).await,
        Place::Tag(name, tag) => super::tags::show(ui, visitor, one, name, tag).await,
        Place::Manifest(name, digest) => {
            super::manifests::show(ui, visitor, one, name, digest).await
        }
        Place::Activity(name) => show_activity(ui, visitor, one, name, None).await,
        Place::Access(name) => super::access::show(ui, visitor, one, name).await,
        Place::Settings(name) => super::settings::show(visitor, &one, &name),
        Place::Comments(name) => super::comments::show(ui, visitor, one, name).await,
        Place::DeleteComment(name, id) => {
            super::comments::show_delete(ui, visitor, one, name, id).await
        }
        Place::Live(name) => super::live::repository(ui, visitor, one, name),
        Place::Star(_) | Place::Unstar(_) => Err(super::errors::method_not_allowed().await),
    }
}

/// One repository that may be seen.
pub(super) struct One {
    pub(super) registry: RegistryName,
    pub(super) row: RepositoryRow,
    pub(super) registries: Registries,
}

/// What the head of each of a repository's pages shows.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) row: RepositoryRow,
    pub(super) registries: Registries,
    pub(super) may_see_activity: bool,
    pub(super) may_see_access: bool,
    pub(super) may_edit: bool,
    /// To whom its namespace belongs, where the page says so.
    pub(super) holder: Option<Markup>,
    pub(super) reader: Reader,
}

impl Head {
    pub(super) fn of(visitor: &Visitor, one: One, name: &RepositoryName) -> Self {
        let resource = resource(&one.registry, name);
        Self {
            may_see_activity: visitor.may(Action::ViewActivities, &resource),
            may_see_access: visitor.session.is_some(),
            may_edit: visitor.may(Action::EditRepository, &resource),
            holder: None,
            row: one.row,
            registries: one.registries,
            reader: visitor.reader(),
        }
    }

    /// The page of its tags.
    pub(super) fn path(&self) -> String {
        self.registries.repository(&self.row.registry, &self.row.name)
    }

    /// What people type to name it.
    pub(super) fn image(&self) -> String {
        match self.registries.host(&self.row.registry) {
            Some(host) => format!("{host}/{}", self.row.name),
            None => self.row.name.clone(),
        }
    }

    /// Name, facts and tabs; `here` is the tab.
    pub(super) fn draw(&self, here: &str, beside: &Markup) -> Markup {
        let (t, row, path) = (self.reader.lang, &self.row, self.path());
        let entries = [
            ("tags", path.clone(), t.tags_title(), true),
            ("activity", format!("{path}/-/activity"), t.activity_title(), self.may_see_activity),
            ("access", format!("{path}/-/access"), t.access(), self.may_see_access),
            ("comments", format!("{path}/-/comments"), t.comments_title(), self.may_see_access),
            ("settings", format!("{path}/-/settings"), t.settings(), self.may_edit),
        ];
        let entries: Vec<_> = entries
            .into_iter()
            .filter(|(.., shown)| *shown)
            .map(|(id, path, name, _)| (path, name, id == here))
            .collect();
        html! {
            @if let Some(namespace) = &row.namespace {
                (crumbs(t, &[
                    (t.repositories_title().to_owned(), "/repositories".to_owned()),
                    (namespace_called(t, namespace).to_owned(), self.registries.namespace(&row.registry, namespace)),
                ]))
            }
            div.headline {
                h1 { (row.name) }
                (seen_by(t, row))
                (beside)
            }
            @if !row.description.is_empty() && here == "tags" { (super::markdown::render(&row.description)) }
            dl.facts id=(FACTS) {
                div { dt { (t.registry()) } dd { (self.registries.host(&row.registry).unwrap_or(&row.registry)) } }
                @if let Some(holder) = &self.holder { div { dt { (t.belongs_to()) } dd { (holder) } } }
                div { dt { (t.tags_title()) } dd { (thousands(row.tags)) } }
                div { dt { (t.pulls_title()) } dd { (thousands(row.pulls)) } }
                div { dt { (t.stars_title()) } dd { (thousands(row.stars)) } }
                div { dt { (t.size()) } dd { (self.reader.bytes(Some(row.size))) } }
                @if row.unique_size > 0 && row.unique_size < row.size {
                    div { dt { (t.unique_size()) } dd { (self.reader.bytes(Some(row.unique_size))) } }
                }
                @if row.last_pull_at.is_some() { div { dt { (t.last_pull()) } dd { (self.reader.time_or_never(row.last_pull_at)) } } }
                @if row.last_push_at.is_some() { div { dt { (t.last_push()) } dd { (last_push(&self.reader, row)) } } }
            }
            (tabs(t.repository_parts(), &entries))
        }
    }
}

async fn show_tags(
    ui: &UiState,
    mut visitor: Visitor,
    one: One,
    name: RepositoryName,
) -> Result<Response, PageError> {
    let registry = one.registry.clone();
    visitor.knows("sort", tags::ORDERS);
    let asked = tags::Asked::of(&visitor.params);
    let (rows, next) = asked.rows(&ui.read, &registry, &name).await?;
    let starred = match visitor.viewer.user() {
        Some(user) => Some(stars::is_starred(&ui.read, user, &registry, &name).await?),
        None => None,
    };
    let may_star = visitor.may(Action::Star, &resource(&registry, &name));
    let indexes: BTreeSet<_> =
        rows.iter().filter(|tag| tag.platforms.len() > 1).map(|tag| tag.digest.clone()).collect();
    let indexes: Vec<_> = indexes.into_iter().collect();
    let mut platforms: BTreeMap<String, Vec<PlatformRow>> = BTreeMap::new();
    if !indexes.is_empty() {
        for row in manifests::platforms(&ui.read, &registry, &name, &indexes).await? {
            platforms.entry(row.parent.clone()).or_default().push(row);
        }
    }
    let mut head = Head::of(&visitor, one, &name);
    head.holder = holder(ui, &visitor, &registry, &head.row).await?;
    let page = Repository {
        asked,
        next,
        platforms,
        tags: rows,
        starred: starred.filter(|starred| may_star || *starred),
        csrf: visitor.csrf(),
        live: match visitor.frame.position {
            // How much happens here is not for strangers to count.
            _ if visitor.session.is_none() => Some(None),
            since => since.filter(|_| head.may_see_activity).map(Some),
        },
        head,
    };
    Ok(visitor.show(&page.head.row.name, body(&page)))
}

/// To whom the namespace of a repository belongs.
async fn holder(
    ui: &UiState,
    visitor: &Visitor,
    registry: &RegistryName,
    row: &RepositoryRow,
) -> Result<Option<Markup>, PageError> {
    let Some(name) = row.namespace.as_deref().and_then(|name| NamespaceName::parse(name).ok())
    else {
        return Ok(None);
    };
    let visible = visitor.viewer.visible();
    let found = namespaces::find(&ui.read, registry, &name, &visible).await?;
    Ok(found.map(|namespace| {
        let sees = match namespace.holder.as_deref().map(TeamName::parse) {
            Some(Ok(name)) if namespace.holder_kind == "team" => {
                visitor.may(Action::SeeTeam, &Resource::Team { name })
            }
            _ => true,
        };
        super::namespaces::holder(visitor.lang(), &namespace, sees)
    }))
}

/// What the page of a repository shows.
pub(super) struct Repository {
    pub(super) head: Head,
    pub(super) asked: tags::Asked,
    pub(super) tags: Vec<TagRow>,
    /// The images of each index, by its digest.
    pub(super) platforms: BTreeMap<String, Vec<PlatformRow>>,
    /// Behind what the next page begins.
    pub(super) next: Option<String>,
    /// Whether the viewer has starred it; `None`: they cannot.
    pub(super) starred: Option<bool>,
    pub(super) csrf: String,
    /// An open page hears of what comes after this place, or after it was opened.
    pub(super) live: Option<Option<u64>>,
}

pub(super) fn body(page: &Repository) -> Markup {
    let (head, t) = (&page.head, page.head.reader.lang);
    let (path, image) = (head.path(), head.image());
    // What people most likely want: `latest`, or else whatever was pushed last.
    let newest = page.tags.iter().max_by_key(|tag| tag.changed_at);
    let first = page.tags.iter().find(|tag| tag.name == "latest").or(newest);
    let next = page.next.as_ref().map(|key| page.asked.link(&path, Some(key)));
    let begin = page.asked.link(&path, None);
    let star = html! {
        @if let Some(starred) = page.starred {
            @if starred {
                (button(&page.csrf, &format!("{path}/-/unstar"), &format!("★ {}", t.unstar_it()), "small", None))
            } @else {
                (button(&page.csrf, &format!("{path}/-/star"), &format!("☆ {}", t.star_it()), "small", None))
            }
        }
    };
    let tags = html! {
        @if let Some(tag) = first {
            (first_command(t, t.pull_this(), &format!("docker pull {image}:{}", tag.name)))
        }
        (tags::filters(t, page, &path))
        @if page.tags.is_empty() && head.row.tags > 0 {
            (empty(html! { p { (t.no_such_tag()) } }))
        } @else if page.tags.is_empty() {
            (empty(html! {
                p { (t.no_tag()) }
                (command(t, t.push_a_tag(), &format!("docker push {image}:1.0")))
            }))
        } @else {
            (scroll(t.tags_title(), tag_table(page, &path, &image)))
        }
    };
    html! {
        (head.draw("tags", &star))
        @if let Some(since) = &page.live {
            (super::live::listener(t, &format!("{path}/-/live"), *since))
            (super::live::fresh(&begin, Some(FACTS), &tags))
        } @else {
            (tags)
        }
        (pager(t, (!page.asked.is_first()).then_some(begin.as_str()), next.as_deref()))
        (past::form(&head.reader, &path, None))
    }
}

fn tag_table(page: &Repository, path: &str, image: &str) -> Markup {
    let (reader, t) = (&page.head.reader, page.head.reader.lang);
    html! {
        table.stack data-rows {
            caption { (t.tags_title()) }
            thead { tr {
                th scope="col" { (t.tag_title()) } th scope="col" { (t.digest_title()) } th scope="col" { (t.platforms()) }
                th.number scope="col" { (t.size()) } th scope="col" { (t.pushed()) }
                th scope="col" { (t.last_pull()) } th.number scope="col" { (t.pulls_title()) }
            } }
            tbody {
                @for tag in &page.tags {
                    tr id=(format!("tag-{}", tag.name)) {
                        th scope="row" {
                            div.named {
                                a href=(format!("{path}/-/tags/{}", tag.name)) { (tag.name) }
                                @if tag.kind.as_deref() == Some("artifact") { span.badge { "artifact" } }
                                (copy(t, &t.pull_tag(&tag.name), &format!("docker pull {image}:{}", tag.name)))
                            }
                        }
                        td data-label=(t.digest_title()) { a.plain href=(format!("{path}/-/manifests/{}", tag.digest)) { (digest(&tag.digest)) } }
                        td data-label=(t.platforms()) {
                            @match page.platforms.get(&tag.digest) {
                                Some(images) => (images_of(reader, path, &tag.platforms, images)),
                                None => (platforms(t, &tag.platforms)),
                            }
                        }
                        td.number.nowrap data-label=(t.size()) { (reader.bytes(tag.total_size)) }
                        td data-label=(t.pushed()) {
                            (reader.time(tag.changed_at))
                            @match &tag.pushed_by {
                                Some(by) => (t.by(by)),
                                None if tag.observed => { " " span.muted { (t.seen_in_registry()) } }
                                None => {}
                            }
                        }
                        td data-label=(t.last_pull()) { (reader.time_or_never(tag.last_pull_at)) }
                        td.number data-label=(t.pulls_title()) { (thousands(tag.pulls.max(tag.manifest_pulls))) }
                    }
                }
            }
        }
    }
}

/// So many platforms are named; the others fold out.
const NAMED: usize = 3;

/// The platforms of an index, which fold out to the image of each.
fn images_of(reader: &Reader, path: &str, all: &[String], images: &[PlatformRow]) -> Markup {
    let named = all.get(..NAMED).unwrap_or(all);
    html! {
        details.more {
            summary { (named.join(", ")) @if all.len() > NAMED { " +" (all.len() - NAMED) } }
            ul.plain.small {
                @for image in images {
                    li {
                        (image.platform) " "
                        a.plain href=(format!("{path}/-/manifests/{}", image.digest)) { (digest(&image.digest)) }
                        " " (reader.bytes(image.size))
                    }
                }
            }
        }
    }
}

/// The platforms of an image. A few are named, the others fold out.
pub(super) fn platforms(t: Lang, all: &[String]) -> Markup {
    html! {
        @match all.len() {
            0 => span.muted { (t.not_told()) },
            len if len <= NAMED => (all.join(", ")),
            len => details.more {
                summary { (all[..NAMED].join(", ")) " +" (len - NAMED) }
                (all[NAMED..].join(", "))
            },
        }
    }
}

async fn show_activity(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    name: RepositoryName,
    past: Option<Past>,
) -> Result<Response, PageError> {
    visitor.must(Action::ViewActivities, &resource(&one.registry, &name))?;
    let filter = activity::Filter {
        registry: Some(one.registry.clone()),
        repository: Some(name.clone()),
        ..activity::Filter::default()
    };
    let viewer = super::activity::viewer(&visitor);
    let before = past.map(|past| activity::Cursor { position: past.before(), index: 0 });
    let rows = activity::page(&ui.read, &filter, &viewer, before, HAPPENED).await?.rows;
    let clients = ui.clients(&visitor, &rows).await;
    let head = Head::of(&visitor, one, &name);
    let t = visitor.lang();
    let body = match past {
        Some(past) => past::activity_body(&head, &rows, &clients, past),
        None => activity_body(&head, &rows, &clients),
    };
    Ok(visitor.show(&t.activity_of(name.as_str()), body))
}

pub(super) fn activity_body(
    head: &Head,
    rows: &[activity::ActivityRow],
    clients: &Clients,
) -> Markup {
    let all = format!("/activity{}", query(&[("repository", Some(&head.row.name))]));
    html! {
        (head.draw("activity", &html! {}))
        (super::activity::feed(rows, clients, &head.registries, &head.reader))
        p { a href=(all) { (head.reader.lang.filter_further()) } }
    }
}

/// `POST /r/{name}/-/star`, `…/unstar`, `…/settings`
pub(super) async fn act(
    State(ui): State<UiState>,
    Path(rest): Path<String>,
    request: Request,
) -> Result<Response, PageError> {
    let registries = ui.registries().await?;
    let registry = registries.default().ok_or_else(PageError::not_found)?;
    act_place(&ui, registries, registry, &rest, request).await
}

/// The same in a registry that is not the first.
pub(super) async fn act_in(
    State(ui): State<UiState>,
    Path((registry, rest)): Path<(String, String)>,
    request: Request,
) -> Result<Response, PageError> {
    let registry = RegistryName::parse(&registry).map_err(|_| PageError::not_found())?;
    let registries = ui.registries().await?;
    act_place(&ui, registries, registry, &rest, request).await
}

async fn act_place(
    ui: &UiState,
    registries: Registries,
    registry: RegistryName,
    rest: &str,
    request: Request,
) -> Result<Response, PageError> {
    let (name, star) = match Place::parse(rest) {
        Some(Place::Star(name)) => (name, true),
        Some(Place::Unstar(name)) => (name, false),
        Some(Place::Comments(name)) => {
            return super::comments::submit(ui, registries, registry, name, request).await;
        }
        Some(Place::DeleteComment(name, id)) => {
            return super::comments::delete(ui, registries, registry, name, id, request).await;
        }
        Some(Place::Settings(name)) => {
            return super::settings::submit(ui, registries, registry, name, request).await;
        }
        Some(_) => {
            // Who is not signed in learns no more here than elsewhere.
            SignedForm::<Button>::from_request(request, ui).await?;
            return Err(super::errors::method_not_allowed().await);
        }
        None => {
            SignedForm::<Button>::from_request(request, ui).await?;
            return Err(PageError::not_found());
        }
    };
    let SignedForm { by, form: Button {}, .. } =
        SignedForm::<Button>::from_request(request, ui).await?;
    let visible = by.viewer.visible();
    if repositories::find(&ui.read, &registry, &name, &visible).await?.is_none() {
        return Err(PageError::not_found());
    }
    let user = by.viewer.user().cloned();
    let user = user.ok_or_else(|| PageError::new(StatusCode::FORBIDDEN, Lang::only_people_star))?;
    let desk = &ui.auth.desk;
    let resource = resource(&registry, &name);
    let (registry, user, name) = (&registry, &user, &name);
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
pub(super) fn entry(row: &RepositoryRow, registries: &Registries, reader: &Reader) -> Markup {
    let t = reader.lang;
    html! {
        li {
            a.name href=(registries.repository(&row.registry, &row.name)) { (registries.called(&row.registry, &row.name)) }
            @if let Some(word) = &row.visibility { (visibility(t, word)) }
            span.about {
                (t.tags(row.tags)) ", " (t.pulls(row.pulls)) ", "
                (t.pushed_ago(&reader.time_or_never(row.last_push_at)))
                @if let Some(by) = &row.last_push_by { (t.by(by)) }
            }
        }
    }
}

/// Stars on what may still be seen.
pub(super) fn only_visible(
    rows: Vec<StarRow>,
    visible: &Visible,
    graph: &Graph,
) -> impl Iterator<Item = StarRow> {
    let sees = |row: &StarRow| {
        let (registry, name) = (
            RegistryName::parse(&row.registry).ok()?,
            RepositoryName::parse(&row.repository).ok()?,
        );
        let namespace = graph.namespace_of(&registry, &name)?;
        let (decides, shown) = (&namespace.name, namespace.visibility);
        visible.sees_repository(&registry, &name, decides, shown).then_some(())
    };
    rows.into_iter().filter(move |row| sees(row).is_some())
}

/// The global namespace has no name of its own.
pub(super) fn namespace_called(t: Lang, name: &str) -> &str {
    if name == "_" { t.global_namespace() } else { name }
}

pub(super) fn resource(registry: &RegistryName, name: &RepositoryName) -> Resource {
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
        let digest = format!("sha256:{}", "0f".repeat(32));
        let place = Place::parse(&format!("a/b/-/manifests/{digest}"));
        assert_eq!(place, Some(Place::Manifest(name("a/b"), Digest::parse(&digest).unwrap())));
        let id = "018f3c2e-9a7d-7b51-8000-000000000001";
        let place = Place::parse(&format!("a/b/-/comments/{id}/delete"));
        assert_eq!(place, Some(Place::DeleteComment(name("a/b"), CommentId(id.parse().unwrap()))));
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
            "a/-/manifests/latest",
            "a/-/comments/x/delete",
            "a/-/comments/018f3c2e-9a7d-7b51-8000-000000000001",
        ] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }
}
