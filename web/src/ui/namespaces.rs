//! Namespaces: the list, a new one, and the page of one with its repositories.

use axum::extract::{FromRequest as _, Path, Request, State};
use axum::response::Response;
use commands::desk::Caller;
use commands::namespaces::{self as wishes, NewNamespace};
use domain::access::{Action, Resource, Visible};
use domain::name::{NamespaceName, RegistryName, TeamName};
use domain::namespace::Visibility;
use maud::{Markup, html};
use projections::namespaces::{self, NamespaceRow};
use projections::repositories::{self, RepositoryRow};
use projections::{MAX_PAGE, teams};
use projections::{Paging, activity};
use serde::Deserialize;

use super::UiState;
use super::components::{
    Field, cards, command, crumbs, csrf, empty, pager, scroll, select, tabs, textarea, visibility,
    wrong,
};
use super::feed::Part;
use super::forms::reason;
use super::layout::Flash;
use super::reader::Reader;
use super::repositories::{entry, namespace_called};
use super::sentence::segment;
use super::visitor::{Button, Member, Registries, Visitor, query};
use crate::auth::SignedForm;
use crate::error::PageError;
use crate::texts::{Lang, Said as _, thousands};

/// Rows on one page.
const ROWS: i64 = 100;
/// Rows of what has happened.
const HAPPENED: i64 = 50;

/// What a path below `/n/` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Repositories(NamespaceName),
    Settings(NamespaceName),
    Visibility(NamespaceName),
    Team(NamespaceName),
    Delete(NamespaceName),
    /// Rights beside the holder's.
    Access(NamespaceName),
    /// Taking one of those back.
    Revoke(NamespaceName),
    Activity(NamespaceName),
    Live(NamespaceName),
}

impl Place {
    /// As for repositories, `/-/` ends the name.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        let (name, sub) = match rest.split_once("/-/") {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        let name = NamespaceName::parse(name).ok()?;
        match sub {
            None => Some(Self::Repositories(name)),
            Some("settings") => Some(Self::Settings(name)),
            Some("visibility") => Some(Self::Visibility(name)),
            Some("team") => Some(Self::Team(name)),
            Some("delete") => Some(Self::Delete(name)),
            Some("access") => Some(Self::Access(name)),
            Some("access/revoke") => Some(Self::Revoke(name)),
            Some("activity") => Some(Self::Activity(name)),
            Some("live") => Some(Self::Live(name)),
            Some(_) => None,
        }
    }

    pub(super) fn name(&self) -> &NamespaceName {
        match self {
            Self::Repositories(name)
            | Self::Settings(name)
            | Self::Visibility(name)
            | Self::Team(name)
            | Self::Delete(name)
            | Self::Access(name)
            | Self::Revoke(name)
            | Self::Activity(name)
            | Self::Live(name) => name,
        }
    }
}

/// What the list shows.
pub(super) struct List {
    pub(super) rows: Vec<NamespaceRow>,
    /// The key behind which the next page begins.
    pub(super) next: Option<String>,
    pub(super) first: bool,
    pub(super) may_make: bool,
    pub(super) registries: Registries,
    pub(super) reader: Reader,
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
        next: rows.last().filter(|_| more).map(|row| format!("{} {}", row.registry, row.name)),
        rows,
        first,
        may_make: visitor.session.is_some(),
        registries: ui.registries().await?,
        reader: visitor.reader(),
    };
    Ok(visitor.show(visitor.lang().namespaces_title(), list_body(&all)))
}

pub(super) fn list_body(list: &List) -> Markup {
    let t = list.reader.lang;
    let next =
        list.next.as_ref().map(|key| format!("/namespaces{}", query(&[("after", Some(key))])));
    html! {
        div.headline {
            h1 { (t.namespaces_title()) }
            @if list.may_make { a.button.end href="/namespaces/new" { (t.new_namespace()) } }
        }
        p.muted { (t.namespaces_about()) }
        @if list.rows.is_empty() {
            (empty(html! { p { (t.no_namespace()) } }))
        } @else {
            (scroll(t.namespaces_title(), html! {
                table.stack data-rows {
                    caption { (t.namespaces_by_name()) }
                    thead { tr {
                        th scope="col" { (t.name()) } th scope="col" { (t.visibility()) } th scope="col" { (t.belongs_to()) }
                        th.number scope="col" { (t.repositories_title()) }
                    } }
                    tbody {
                        @for row in &list.rows {
                            tr {
                                th scope="row" { a href=(list.registries.namespace(&row.registry, &row.name)) { (list.registries.called(&row.registry, namespace_called(t, &row.name))) } }
                                td data-label=(t.visibility()) { (visibility(t, &row.visibility)) }
                                td data-label=(t.belongs_to()) { (holder(t, row, false)) }
                                td.number data-label=(t.repositories_title()) { (thousands(row.repositories)) }
                            }
                        }
                    }
                }
            }))
        }
        (pager(t, (!list.first).then_some("/namespaces"), next.as_deref()))
    }
}

/// What the form for a new namespace holds.
#[derive(Deserialize, Default)]
pub(super) struct New {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) team: String,
    #[serde(default)]
    pub(super) registry: String,
    #[serde(default)]
    pub(super) visibility: String,
    #[serde(default)]
    pub(super) description: String,
}

/// What its page shows.
pub(super) struct NewPage {
    pub(super) form: New,
    pub(super) wrong: Option<String>,
    /// Teams in which the viewer may make one.
    pub(super) teams: Vec<String>,
    pub(super) csrf: String,
    pub(super) registries: Registries,
    pub(super) reader: Reader,
}

/// `GET /namespaces/new?team=`
pub(super) async fn show_new(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    let team = visitor.params.get("team").unwrap_or_default().to_owned();
    let form = New { team, visibility: "private".to_owned(), ..New::default() };
    let page = new_page(&ui, &visitor, form, None).await?;
    Ok(visitor.show(visitor.lang().new_namespace(), new_body(&page)))
}

async fn new_page(
    ui: &UiState,
    visitor: &Visitor,
    form: New,
    wrong: Option<String>,
) -> Result<NewPage, PageError> {
    let own = visitor.user()?;
    let may = |team: &String| {
        let name = TeamName::parse(team).ok();
        name.is_some_and(|name| visitor.may(Action::CreateNamespace, &Resource::Team { name }))
    };
    let rows = teams::of_user(&ui.read, own).await?;
    let mut teams: Vec<_> = rows.into_iter().map(|row| row.team).filter(may).collect();
    // An administrator makes them in any team, too: the one that the link names.
    if !form.team.is_empty() && !teams.contains(&form.team) && may(&form.team) {
        teams.push(form.team.clone());
    }
    let (registries, reader) = (ui.registries().await?, visitor.reader());
    Ok(NewPage { form, wrong, teams, csrf: visitor.csrf(), registries, reader })
}

pub(super) fn new_body(page: &NewPage) -> Markup {
    let (t, form) = (page.reader.lang, &page.form);
    let teams: Vec<_> = page.teams.iter().map(|team| (team.as_str(), team.as_str())).collect();
    let hosts = page.registries.0.iter();
    let hosts: Vec<_> = hosts.map(|row| (row.name.as_str(), row.host.as_str())).collect();
    html! {
        (crumbs(t, &[(t.namespaces_title().to_owned(), "/namespaces".to_owned())]))
        h1 { (t.new_namespace()) }
        (wrong(page.wrong.as_deref()))
        @if teams.is_empty() {
            (empty(html! {
                p { (t.no_team_for_namespace()) }
                p { a.button href="/teams/new" { (t.new_team()) } }
            }))
        } @else {
            form method="post" action="/namespaces/new" data-guard {
                (csrf(&page.csrf))
                (Field { value: &form.name, hint: Some(t.namespace_name_hint()), ..Field::text("name", t.name()) }.draw())
                (select("team", t.belongs_to(), &form.team, &teams))
                @if hosts.len() > 1 { (select("registry", t.registry(), &form.registry, &hosts)) }
                (visibilities(t, &form.visibility))
                (textarea("description", t.description(), Some(t.optional()), &form.description, None))
                button.primary type="submit" { (t.make_namespace()) }
            }
        }
    }
}

pub(super) fn visibilities(t: Lang, chosen: &str) -> Markup {
    cards(
        "visibility",
        t.visibility(),
        chosen,
        &[
            ("private", t.visibility_word("private"), t.visibility_private()),
            ("protected", t.visibility_word("protected"), t.visibility_protected()),
            ("public", t.visibility_word("public"), t.visibility_public()),
        ],
    )
}

/// `POST /namespaces/new`
pub(super) async fn create(
    State(ui): State<UiState>,
    SignedForm { by, form, headers }: SignedForm<New>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/namespaces/new", by, &headers);
    let t = visitor.lang();
    let registries = ui.registries().await?;
    let registry = match RegistryName::parse(&form.registry) {
        Ok(name) if registries.host(name.as_str()).is_some() => Some(name),
        _ => registries.default(),
    };
    let registry = registry.ok_or_else(PageError::not_found)?;
    let read = (|| {
        let name = NamespaceName::parse(form.name.trim()).map_err(|why| why.said(t))?;
        let team = TeamName::parse(&form.team).map_err(|why| why.said(t))?;
        let shown = Visibility::parse(&form.visibility);
        Ok((name, team, shown.ok_or_else(|| t.no_such_visibility().to_owned())?))
    })();
    let (name, team, shown) = match read {
        Ok(read) => read,
        Err(why) => return new_again(&ui, &visitor, form, why).await,
    };
    let owner = Resource::Team { name: team.clone() };
    let inside = Resource::Namespace { registry: registry.clone(), name: name.clone() };
    let (ui_, viewer, form_) = (&ui, &visitor.viewer, &form);
    let (registry_, name_, team_, inside_) = (&registry, &name, &team, &inside);
    let change = |caller: Caller| async move {
        let new = NewNamespace {
            registry: registry_.clone(),
            name: name_.clone(),
            team: team_.clone(),
            visibility: shown,
            description: form_.description.trim().to_owned(),
        };
        // Two questions: may they make one in this team, and may they make it in this place?
        let above = viewer.permit(Action::CreateNamespace, inside_).ok().map(|by| by.permit);
        wishes::create(&ui_.auth.desk, &caller, new, above.as_ref()).await
    };
    let made = ui.act(viewer, Action::CreateNamespace, &owner, change).await;
    match reason(t, made)? {
        Ok(written) => {
            let path = registries.namespace(registry.as_str(), name.as_str());
            Ok(ui.done(written, &path, Flash::Created).await)
        }
        Err(why) => new_again(&ui, &visitor, form, why).await,
    }
}

async fn new_again(
    ui: &UiState,
    visitor: &Visitor,
    form: New,
    why: String,
) -> Result<Response, PageError> {
    let page = new_page(ui, visitor, form, Some(why)).await?;
    Ok(visitor.again(visitor.lang().new_namespace(), new_body(&page)))
}

/// `GET /n/{name}` and what lies below.
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
    Path(rest): Path<String>,
) -> Result<Response, PageError> {
    let registries = ui.registries().await?;
    let registry = registries.default().ok_or_else(PageError::not_found)?;
    show_place(&ui, visitor, registries, registry, &rest).await
}

/// `GET /registries/{registry}/n/{name}`
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
    let place = Place::parse(rest).ok_or_else(PageError::not_found)?;
    let visible = visitor.viewer.visible();
    let row = namespaces::find(&ui.read, &registry, place.name(), &visible).await?;
    let row = row.ok_or_else(|| visitor.missing())?;
    let head = Head::of(&visitor, registry, row, registries);
    match place {
        Place::Repositories(name) => show_one(ui, visitor, head, name).await,
        Place::Settings(_) => super::namespace_settings::show(ui, &visitor, head).await,
        Place::Delete(_) => super::namespace_settings::show_delete(&visitor, &head),
        Place::Access(_) => super::grants::show(ui, &visitor, head).await,
        Place::Activity(_) => show_activity(ui, &visitor, head).await,
        Place::Live(name) => super::live::namespace(ui, visitor, &head, name),
        Place::Visibility(_) | Place::Team(_) | Place::Revoke(_) => {
            Err(super::errors::method_not_allowed().await)
        }
    }
}

/// `POST /n/{name}/-/…`
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
    let place = match Place::parse(rest) {
        Some(place)
            if !matches!(place, Place::Repositories(_) | Place::Activity(_) | Place::Live(_)) =>
        {
            place
        }
        known => {
            // Who is not signed in learns no more here than elsewhere.
            SignedForm::<Button>::from_request(request, ui).await?;
            return Err(match known {
                Some(_) => super::errors::method_not_allowed().await,
                None => PageError::not_found(),
            });
        }
    };
    if matches!(place, Place::Access(_) | Place::Revoke(_)) {
        return super::grants::submit(ui, registries, registry, &place, request).await;
    }
    let SignedForm { by, form, headers } =
        SignedForm::<super::namespace_settings::Change>::from_request(request, ui).await?;
    // As everybody left it.
    ui.followers.reached(by.viewer.graph().position()).await;
    let row = namespaces::find(&ui.read, &registry, place.name(), &by.viewer.visible()).await?;
    let row = row.ok_or_else(PageError::not_found)?;
    let path = registries.namespace(registry.as_str(), row.name.as_str());
    let visitor = Visitor::of(&path, by, &headers);
    let head = Head::of(&visitor, registry, row, registries);
    super::namespace_settings::submit(ui, &visitor, head, place, form).await
}

/// Eyes for what happens in a namespace and nowhere else; `None`: the viewer may not see it.
pub(super) fn happens(
    visitor: &Visitor,
    registry: &RegistryName,
    name: &NamespaceName,
) -> Option<activity::Viewer> {
    visitor.session.as_ref()?;
    let place = (registry.clone(), name.clone());
    let resource = Resource::Namespace { registry: registry.clone(), name: name.clone() };
    visitor.may(Action::ViewActivities, &resource).then(|| activity::Viewer {
        visible: Visible { namespaces: [place].into(), ..Visible::default() }.into(),
        user: None,
        auditor: false,
    })
}

/// What the head of each of a namespace's pages shows.
pub(super) struct Head {
    pub(super) registry: RegistryName,
    pub(super) row: NamespaceRow,
    pub(super) registries: Registries,
    /// Whether the viewer may see the team that it belongs to.
    pub(super) sees_holder: bool,
    pub(super) may_edit: bool,
    /// Whether the viewer gives and takes rights on it.
    pub(super) may_grant: bool,
    /// Whether the viewer sees what happens in it.
    pub(super) may_see_activity: bool,
    pub(super) reader: Reader,
}

impl Head {
    pub(super) fn of(
        visitor: &Visitor,
        registry: RegistryName,
        row: NamespaceRow,
        registries: Registries,
    ) -> Self {
        let team = row.holder.as_deref().filter(|_| row.holder_kind == "team");
        let team = team.and_then(|team| TeamName::parse(team).ok());
        let sees_holder = match team {
            Some(name) => visitor.may(Action::SeeTeam, &Resource::Team { name }),
            None => true,
        };
        let mut head = Self {
            registry,
            row,
            registries,
            sees_holder,
            may_edit: false,
            may_grant: false,
            may_see_activity: false,
            reader: visitor.reader(),
        };
        let place = head.resource();
        head.may_grant = place.is_some_and(|at| visitor.may(Action::EditNamespace, &at));
        head.may_see_activity = head.happens(visitor).is_some();
        head.may_edit = head.resource().is_some_and(|place| {
            [Action::EditNamespace, Action::ChangeVisibility]
                .iter()
                .any(|action| visitor.may(*action, &place))
        });
        head
    }

    /// The namespace as something to have rights on.
    pub(super) fn resource(&self) -> Option<Resource> {
        let name = NamespaceName::parse(&self.row.name).ok()?;
        Some(Resource::Namespace { registry: self.registry.clone(), name })
    }

    pub(super) fn path(&self) -> String {
        self.registries.namespace(&self.row.registry, &self.row.name)
    }

    /// Eyes for what happens in this namespace and nowhere else; `None`: the viewer may not see it.
    fn happens(&self, visitor: &Visitor) -> Option<activity::Viewer> {
        let name = NamespaceName::parse(&self.row.name).ok()?;
        happens(visitor, &self.registry, &name)
    }

    pub(super) fn draw(&self, here: &str) -> Markup {
        let (t, row, path) = (self.reader.lang, &self.row, self.path());
        let mut entries = vec![(path.clone(), t.repositories_inside(), here == "repositories")];
        if self.may_see_activity {
            entries.push((format!("{path}/-/activity"), t.activity_title(), here == "activity"));
        }
        if self.may_grant {
            entries.push((format!("{path}/-/access"), t.access(), here == "access"));
        }
        if self.may_edit {
            entries.push((format!("{path}/-/settings"), t.settings(), here == "settings"));
        }
        html! {
            (crumbs(t, &[(t.namespaces_title().to_owned(), "/namespaces".to_owned())]))
            div.headline { h1 { (namespace_called(t, &row.name)) } (visibility(t, &row.visibility)) }
            @if !row.description.is_empty() && here == "repositories" { (super::markdown::render(&row.description)) }
            dl.facts {
                div { dt { (t.belongs_to()) } dd { (holder(t, row, self.sees_holder)) } }
                @if self.registries.0.len() > 1 { div { dt { (t.registry()) } dd { (self.registries.host(&row.registry).unwrap_or(&row.registry)) } } }
            }
            (tabs(t.namespace_parts(), &entries))
        }
    }
}

async fn show_one(
    ui: &UiState,
    visitor: Visitor,
    head: Head,
    name: NamespaceName,
) -> Result<Response, PageError> {
    let visible = visitor.viewer.visible();
    let after = visitor.params.get("after").map(str::to_owned);
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let inside = repositories::of_namespace(&ui.read, &head.registry, &name, &visible, &paging);
    let mut rows = inside.await?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let page = Namespace {
        next: rows.last().filter(|_| more).map(|row| row.name.clone()),
        repositories: rows,
        first,
        head,
    };
    let title = namespace_called(visitor.lang(), &page.head.row.name).to_owned();
    Ok(visitor.show(&title, body(&page)))
}

/// What the page of a namespace shows.
pub(super) struct Namespace {
    pub(super) head: Head,
    pub(super) repositories: Vec<RepositoryRow>,
    /// The name behind which the next page begins.
    pub(super) next: Option<String>,
    pub(super) first: bool,
}

pub(super) fn body(page: &Namespace) -> Markup {
    let (head, t, row) = (&page.head, page.head.reader.lang, &page.head.row);
    let path = head.path();
    let host = head.registries.host(&row.registry).unwrap_or_default();
    let image = if row.name == "_" { "app".to_owned() } else { format!("{}/app", row.name) };
    let next = page.next.as_ref().map(|key| format!("{path}{}", query(&[("after", Some(key))])));
    html! {
        (head.draw("repositories"))
        @if page.repositories.is_empty() {
            (empty(html! {
                p { (t.nothing_pushed()) }
                (command(t, t.push_first_image(), &format!("docker push {host}/{image}:1.0")))
            }))
        } @else {
            ul.hits data-rows { @for row in &page.repositories { (entry(row, &head.registries, &head.reader)) } }
        }
        (pager(t, (!page.first).then_some(path.as_str()), next.as_deref()))
    }
}

async fn show_activity(ui: &UiState, visitor: &Visitor, head: Head) -> Result<Response, PageError> {
    let viewer = head.happens(visitor).ok_or_else(|| visitor.missing())?;
    let before = visitor.params.get("before").and_then(|text| text.parse().ok());
    let filter = activity::Filter::default();
    let slice = activity::page(&ui.read, &filter, &viewer, before, HAPPENED).await?;
    let clients = ui.clients(visitor, &slice.rows).await;
    let part = Part { slice, clients, first: before.is_none(), live: visitor.frame.position };
    let title = visitor.lang().activity_of(namespace_called(visitor.lang(), &head.row.name));
    Ok(visitor.show(&title, activity_body(&head, &part)))
}

pub(super) fn activity_body(head: &Head, part: &Part) -> Markup {
    let path = head.path();
    let (here, news) = (format!("{path}/-/activity"), format!("{path}/-/live"));
    html! {
        (head.draw("activity"))
        (super::feed::part(part, &here, &news, &head.registries, &head.reader))
    }
}

/// To whom a namespace belongs. Which team, is for those who may see it.
pub(super) fn holder(t: Lang, row: &NamespaceRow, sees: bool) -> Markup {
    html! {
        @match (row.holder_kind.as_str(), &row.holder) {
            ("team", Some(team)) if sees => a href=(format!("/teams/{}", segment(team))) { (t.holder_team(team)) },
            ("team", _) => span.muted { (t.holder_hidden()) },
            ("personal", Some(user)) => (t.holder_person(user)),
            _ => (t.holder_registry()),
        }
    }
}

/// The most teams that are offered to give a namespace to.
pub(super) const OFFERED_TEAMS: i64 = MAX_PAGE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_dash_ends_the_name_of_a_namespace() {
        let name = |text| NamespaceName::parse(text).unwrap();
        assert_eq!(Place::parse("a/b"), Some(Place::Repositories(name("a/b"))));
        assert_eq!(Place::parse("a/b/-/settings"), Some(Place::Settings(name("a/b"))));
        assert_eq!(Place::parse("_/-/visibility"), Some(Place::Visibility(name("_"))));
        for wrong in ["", "a/-/", "a/-/nothing", "A", "-/settings", "a/-/settings/x"] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }
}
