//! Teams: the list, a new one, and the page of one with its members and namespaces.

use axum::extract::{Path, State};
use axum::response::Response;
use commands::desk::Caller;
use commands::teams as wishes;
use domain::access::{Action, Resource, Visible};
use domain::name::TeamName;
use maud::{Markup, html};
use projections::namespaces::{self, NamespaceRow};
use projections::teams::{self, MemberRow, TeamRow};
use projections::{Paging, activity};
use serde::Deserialize;

use super::UiState;
use super::components::{
    Field, crumbs, csrf, empty, pager, scroll, tabs, textarea, visibility, wrong,
};
use super::feed::Part;
use super::forms::reason;
use super::layout::Flash;
use super::meanwhile::Chosen;
use super::names::{Names, Wanted};
use super::reader::Reader;
use super::repositories::namespace_called;
use super::sentence::segment;
use super::visitor::{Member, Registries, Visitor, query};
use crate::auth::SignedForm;
use crate::error::PageError;
use crate::texts::{Said as _, thousands};

/// Rows on one page.
const ROWS: i64 = 100;
/// Rows of what has happened.
const HAPPENED: i64 = 50;

/// The roles, the least first.
pub(super) const ROLES: [&str; 3] = ["viewer", "contributor", "owner"];

/// The page of a team.
pub(super) fn path_of(team: &str) -> String {
    format!("/teams/{}", segment(team))
}

/// What the list shows.
pub(super) struct List {
    pub(super) rows: Vec<TeamRow>,
    /// The name behind which the next page begins.
    pub(super) next: Option<String>,
    pub(super) first: bool,
    pub(super) may_make: bool,
    pub(super) reader: Reader,
}

/// `GET /teams`
pub(super) async fn list(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    let visible = visitor.viewer.visible();
    let after = visitor.params.get("after").map(str::to_owned);
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let mut rows = teams::list(&ui.read, &visible, &paging).await?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let list = List {
        next: rows.last().filter(|_| more).map(|row| row.name.clone()),
        rows,
        first,
        may_make: visitor.may(Action::CreateTeam, &Resource::System),
        reader: visitor.reader(),
    };
    Ok(visitor.show(visitor.lang().teams_title(), list_body(&list)))
}

pub(super) fn list_body(list: &List) -> Markup {
    let t = list.reader.lang;
    let next = list.next.as_ref().map(|key| format!("/teams{}", query(&[("after", Some(key))])));
    html! {
        div.headline {
            h1 { (t.teams_title()) }
            @if list.may_make { a.button.end href="/teams/new" { (t.new_team()) } }
        }
        p.muted { (t.teams_about()) }
        @if list.rows.is_empty() {
            (empty(html! { p { (t.no_team()) } }))
        } @else {
            (scroll(t.teams_title(), html! {
                table.stack data-rows {
                    caption { (t.teams_by_name()) }
                    thead { tr {
                        th scope="col" { (t.name()) } th scope="col" { (t.description()) }
                        th.number scope="col" { (t.members_title()) } th.number scope="col" { (t.namespaces_title()) }
                    } }
                    tbody {
                        @for row in &list.rows {
                            tr {
                                th scope="row" { a href=(path_of(&row.name)) { (row.name) } }
                                td data-label=(t.description()) { (row.description) }
                                td.number data-label=(t.members_title()) { (thousands(row.members)) }
                                td.number data-label=(t.namespaces_title()) { (thousands(row.namespaces)) }
                            }
                        }
                    }
                }
            }))
        }
        (pager(t, (!list.first).then_some("/teams"), next.as_deref()))
    }
}

/// What the form for a new team holds.
#[derive(Deserialize, Default)]
pub(super) struct New {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
}

/// `GET /teams/new`
pub(super) async fn show_new(Member(visitor): Member) -> Result<Response, PageError> {
    visitor.must(Action::CreateTeam, &Resource::System)?;
    let body = new_body(&visitor.reader(), &New::default(), None, &visitor.csrf());
    Ok(visitor.show(visitor.lang().new_team(), body))
}

pub(super) fn new_body(reader: &Reader, form: &New, why: Option<&str>, token: &str) -> Markup {
    let t = reader.lang;
    html! {
        (crumbs(t, &[(t.teams_title().to_owned(), "/teams".to_owned())]))
        h1 { (t.new_team()) }
        (wrong(why))
        form method="post" action="/teams/new" data-guard {
            (csrf(token))
            (Field { value: &form.name, hint: Some(t.team_name_hint()), ..Field::text("name", t.name()) }.draw())
            (textarea("description", t.description(), Some(t.optional()), &form.description, None))
            button.primary type="submit" { (t.make_team()) }
        }
    }
}

/// `POST /teams/new`
pub(super) async fn create(
    State(ui): State<UiState>,
    SignedForm { by, form, headers }: SignedForm<New>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/teams/new", by, &headers);
    let t = visitor.lang();
    let again = |why: &str| {
        let body = new_body(&visitor.reader(), &form, Some(why), &visitor.csrf());
        visitor.again(t.new_team(), body)
    };
    visitor.must(Action::CreateTeam, &Resource::System)?;
    let team = match TeamName::parse(&form.name) {
        Ok(team) => team,
        Err(why) => return Ok(again(&why.said(t))),
    };
    let own = visitor.user()?;
    let (desk, team_, about) = (&ui.auth.desk, &team, form.description.trim());
    let change = |caller: Caller| async move {
        wishes::create(desk, &caller, team_, own, about.to_owned()).await
    };
    let made = ui.act(&visitor.viewer, Action::CreateTeam, &Resource::System, change).await;
    match reason(t, made)? {
        Ok(written) => Ok(ui.done(written, &path_of(team.as_str()), Flash::Created).await),
        Err(why) => Ok(again(&why)),
    }
}

/// What the head of each of a team's pages shows.
pub(super) struct Head {
    pub(super) row: TeamRow,
    pub(super) team: TeamName,
    /// The viewer's role.
    pub(super) role: Option<&'static str>,
    pub(super) may_manage: bool,
    /// Whether the viewer sees what happens in it.
    pub(super) may_see_activity: bool,
    pub(super) reader: Reader,
}

impl Head {
    /// A team that the viewer sees; any other is not there.
    pub(super) async fn of(ui: &UiState, visitor: &Visitor, name: &str) -> Result<Self, PageError> {
        let team = TeamName::parse(name).map_err(|_| PageError::not_found())?;
        let row = teams::find(&ui.read, &team, &visitor.viewer.visible()).await?;
        let row = row.ok_or_else(PageError::not_found)?;
        let resource = Resource::Team { name: team.clone() };
        visitor.must(Action::SeeTeam, &resource)?;
        let own = visitor.viewer.user();
        let role = own.and_then(|own| visitor.viewer.graph().role_in(own, &team));
        Ok(Self {
            row,
            role: role.map(domain::team::Role::as_str),
            may_manage: visitor.may(Action::ManageTeam, &resource),
            may_see_activity: visitor.may(Action::ViewActivities, &resource),
            team,
            reader: visitor.reader(),
        })
    }

    pub(super) fn resource(&self) -> Resource {
        Resource::Team { name: self.team.clone() }
    }

    pub(super) fn path(&self) -> String {
        path_of(&self.row.name)
    }

    pub(super) fn draw(&self, here: &str) -> Markup {
        let (t, row, path) = (self.reader.lang, &self.row, self.path());
        let mut entries = vec![
            (path.clone(), t.members_title(), here == "members"),
            (format!("{path}/namespaces"), t.namespaces_title(), here == "namespaces"),
        ];
        if self.may_see_activity {
            entries.push((format!("{path}/activity"), t.activity_title(), here == "activity"));
        }
        if self.may_manage {
            entries.push((format!("{path}/settings"), t.settings(), here == "settings"));
        }
        html! {
            (crumbs(t, &[(t.teams_title().to_owned(), "/teams".to_owned())]))
            div.headline {
                h1 { (row.name) }
                @if let Some(role) = self.role { span.badge { (t.role_word(role)) } }
            }
            @if !row.description.is_empty() && here == "members" { (super::markdown::render(&row.description)) }
            (tabs(t.team_parts(), &entries))
        }
    }
}

/// `GET /teams/{team}/activity`
pub(super) async fn show_activity(
    State(ui): State<UiState>,
    Member(visitor): Member,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let head = Head::of(&ui, &visitor, &name).await?;
    let viewer = happens(&visitor, &head.team).ok_or_else(PageError::not_found)?;
    let before = visitor.params.get("before").and_then(|text| text.parse().ok());
    let filter = activity::Filter::default();
    let slice = activity::page(&ui.read, &filter, &viewer, before, HAPPENED).await?;
    let clients = ui.clients(&visitor, &slice.rows).await;
    let part = Part { slice, clients, first: before.is_none(), live: visitor.frame.position };
    let registries = ui.registries().await?;
    let body = activity_body(&head, &part, &registries);
    Ok(visitor.show(&visitor.lang().activity_of(&head.row.name), body))
}

/// Eyes for what happens in a team and nowhere else; `None`: the viewer may not see it.
pub(super) fn happens(visitor: &Visitor, team: &TeamName) -> Option<activity::Viewer> {
    let may = visitor.may(Action::ViewActivities, &Resource::Team { name: team.clone() });
    may.then(|| activity::Viewer {
        visible: Visible { teams: [team.clone()].into(), ..Visible::default() }.into(),
        user: None,
        auditor: false,
    })
}

pub(super) fn activity_body(head: &Head, part: &Part, registries: &Registries) -> Markup {
    let path = format!("{}/activity", head.path());
    html! {
        (head.draw("activity"))
        (super::feed::part(part, &path, &format!("{path}/live"), registries, &head.reader))
    }
}

/// What the page of members shows.
pub(super) struct Members {
    pub(super) head: Head,
    pub(super) rows: Vec<MemberRow>,
    pub(super) next: Option<String>,
    pub(super) first: bool,
    pub(super) own: String,
    pub(super) csrf: String,
    /// Who could be taken in.
    pub(super) known: Names,
    /// What was typed, and what is wrong with it.
    pub(super) typed: String,
    pub(super) wrong: Option<String>,
    /// Whose role somebody else has changed since it was to be changed here.
    pub(super) clash: Option<(String, Chosen)>,
}

/// `GET /teams/{team}`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let page = members(&ui, &visitor, &name, "", None).await?;
    Ok(visitor.show(&page.head.row.name, body(&page)))
}

pub(super) async fn members(
    ui: &UiState,
    visitor: &Visitor,
    name: &str,
    typed: &str,
    wrong: Option<String>,
) -> Result<Members, PageError> {
    let head = Head::of(ui, visitor, name).await?;
    visitor.must(Action::SeeTeamMembers, &head.resource())?;
    let after = visitor.params.get("after").map(str::to_owned);
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let mut rows = teams::members(&ui.read, &head.team, &paging).await?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    Ok(Members {
        next: rows.last().filter(|_| more).map(|row| row.user_name.clone()),
        rows,
        first,
        own: visitor.user()?.to_string(),
        csrf: visitor.csrf(),
        known: match head.may_manage {
            true => Names::near(visitor, &Wanted::for_team(&head.team)),
            false => Names::default(),
        },
        typed: typed.to_owned(),
        wrong,
        clash: None,
        head,
    })
}

pub(super) fn body(page: &Members) -> Markup {
    let (head, reader) = (&page.head, &page.head.reader);
    let (t, path) = (reader.lang, head.path());
    let next = page.next.as_ref().map(|key| format!("{path}{}", query(&[("after", Some(key))])));
    html! {
        (head.draw("members"))
        @if let Some((user, chosen)) = &page.clash {
            (clash(page, user, chosen))
        }
        (scroll(t.members_title(), html! {
            table.stack data-rows {
                caption { (t.members_caption()) }
                thead { tr {
                    th scope="col" { (t.name()) } th scope="col" { (t.role()) } th scope="col" { (t.since()) }
                    @if head.may_manage { th scope="col" { (t.action()) } }
                } }
                tbody {
                    @for row in &page.rows {
                        tr {
                            th scope="row" { a href=(format!("/u/{}", segment(&row.user_name))) { (row.user_name) } @if row.bot { " " span.badge { (t.bot()) } } }
                            td data-label=(t.role()) { (role_of(page, row)) }
                            td data-label=(t.since()) { (reader.time(row.created_at)) }
                            @if head.may_manage {
                                td data-label=(t.action()) { (remove(page, row)) }
                            }
                        }
                    }
                }
            }
        }))
        (pager(t, (!page.first).then_some(path.as_str()), next.as_deref()))
        @if head.may_manage { (add(page)) }
    }
}

/// Somebody else has changed a role first: what it is now, and the wish again, wherever in the list
/// its member is.
fn clash(page: &Members, user: &str, chosen: &Chosen) -> Markup {
    let t = page.head.reader.lang;
    html! {
        h2 { (t.role_of(user)) }
        (role_form(page, user, "role-again", chosen))
    }
}

/// A member's role; for owners a form to change it.
fn role_of(page: &Members, row: &MemberRow) -> Markup {
    let (head, t) = (&page.head, page.head.reader.lang);
    html! {
        @if head.may_manage {
            (role_form(page, &row.user_name, &format!("role-{}", row.id), &Chosen::of(&row.role)))
        } @else {
            (t.role_word(&row.role))
        }
    }
}

fn role_form(page: &Members, user: &str, id: &str, chosen: &Chosen) -> Markup {
    let (head, t) = (&page.head, page.head.reader.lang);
    html! {
        form.line.small method="post" action=(format!("{}/members/role", head.path())) {
            (csrf(&page.csrf))
            input type="hidden" name="user" value=(user);
            (chosen.draw(t, |role| t.role_word(role).to_owned()))
            label.visually-hidden for=(id) { (t.role_of(user)) }
            select.small id=(id) name="role" {
                @for role in ROLES { option value=(role) selected[role == chosen.mark] { (t.role_word(role)) } }
            }
            button.small type="submit" aria-label=(t.change_role_of(user)) { (t.change_role()) }
        }
    }
}

fn remove(page: &Members, row: &MemberRow) -> Markup {
    let (head, t) = (&page.head, page.head.reader.lang);
    let own = row.user_name == page.own;
    let words = if own { t.leave() } else { t.remove_member() };
    let label = (!own).then(|| t.remove_person(&row.user_name));
    html! {
        form.inline method="post" action=(format!("{}/members/remove", head.path())) {
            (csrf(&page.csrf))
            input type="hidden" name="user" value=(row.user_name);
            input type="hidden" name="was" value=(row.role);
            button.small.danger type="submit" aria-label=[label] { (words) }
        }
    }
}

fn add(page: &Members) -> Markup {
    let (head, t) = (&page.head, page.head.reader.lang);
    html! {
        h2 { (t.add_member()) }
        form.line method="post" action=(format!("{}/members", head.path())) {
            (csrf(&page.csrf))
            (Field {
                value: &page.typed,
                wrong: page.wrong.as_deref(),
                suggestions: Some("people"),
                ask: Some((&Wanted::for_team(&head.team).path(), "")),
                autocomplete: "on",
                ..Field::text("user", t.user_name())
            }.draw())
            (page.known.list(t, "people"))
            div.field {
                label for="role" { (t.role()) }
                select id="role" name="role" {
                    @for role in ROLES { option value=(role) { (t.role_word(role)) } }
                }
            }
            button.primary type="submit" { (t.add()) }
        }
        dl.list.muted {
            div { dt { (t.role_word("viewer")) } dd { (t.role_viewer_about()) } }
            div { dt { (t.role_word("contributor")) } dd { (t.role_contributor_about()) } }
            div { dt { (t.role_word("owner")) } dd { (t.role_owner_about()) } }
        }
    }
}

/// What the page of a team's namespaces shows.
pub(super) struct Namespaces {
    pub(super) head: Head,
    pub(super) rows: Vec<NamespaceRow>,
    pub(super) may_make: bool,
    pub(super) registries: Registries,
    pub(super) next: Option<String>,
    pub(super) first: bool,
}

/// `GET /teams/{team}/namespaces`
pub(super) async fn show_namespaces(
    State(ui): State<UiState>,
    Member(visitor): Member,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let head = Head::of(&ui, &visitor, &name).await?;
    let visible = visitor.viewer.visible();
    let after = visitor.params.get("after").and_then(|key| key.split_once(' '));
    let after = after.map(|(registry, name)| (registry.to_owned(), name.to_owned()));
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let mut rows = namespaces::of_team(&ui.read, &head.team, &visible, &paging).await?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let page = Namespaces {
        may_make: visitor.may(Action::CreateNamespace, &head.resource()),
        registries: ui.registries().await?,
        next: rows.last().filter(|_| more).map(|row| format!("{} {}", row.registry, row.name)),
        rows,
        first,
        head,
    };
    Ok(visitor.show(&page.head.row.name, namespaces_body(&page)))
}

pub(super) fn namespaces_body(page: &Namespaces) -> Markup {
    let (head, t) = (&page.head, page.head.reader.lang);
    let path = format!("{}/namespaces", head.path());
    let next = page.next.as_ref().map(|key| format!("{path}{}", query(&[("after", Some(key))])));
    let new = format!("/namespaces/new{}", query(&[("team", Some(&head.row.name))]));
    html! {
        (head.draw("namespaces"))
        @if page.rows.is_empty() {
            (empty(html! { p { (t.no_team_namespaces()) } }))
        } @else {
            ul.hits data-rows {
                @for row in &page.rows {
                    li {
                        a.name href=(page.registries.namespace(&row.registry, &row.name)) { (page.registries.called(&row.registry, namespace_called(t, &row.name))) }
                        (visibility(t, &row.visibility))
                        span.about { (t.repositories(row.repositories)) @if !row.description.is_empty() { " · " (row.description) } }
                    }
                }
            }
        }
        (pager(t, (!page.first).then_some(path.as_str()), next.as_deref()))
        @if page.may_make { p { a.button href=(new) { (t.new_namespace()) } } }
    }
}
