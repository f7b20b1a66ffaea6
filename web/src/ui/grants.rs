//! Rights on a namespace beside its holder's: who has them, giving one, taking one back.

use axum::extract::{FromRequest as _, Request};
use axum::response::Response;
use commands::desk::Caller;
use commands::namespaces as wishes;
use domain::access::{Action, Resource};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use domain::namespace::{Grant, GrantId, Grantee};
use domain::team::Role;
use http::StatusCode;
use jiff::Timestamp;
use maud::{Markup, html};
use projections::namespaces::{self, GrantRow};
use serde::Deserialize;
use uuid::Uuid;

use super::UiState;
use super::activity::begin_of;
use super::components::{Field, cards, csrf, empty, pager, scroll, select, wrong};
use super::forms::reason;
use super::layout::Flash;
use super::names::{Names, Wanted};
use super::namespaces::{Head, Place};
use super::reader::Reader;
use super::sentence::segment;
use super::visitor::{Registries, Visitor, query};
use crate::auth::SignedForm;
use crate::error::PageError;
use crate::texts::{Lang, Said as _};

/// Rows on one page.
const ROWS: i64 = 100;

/// Roles to choose from, the least first.
const ROLES: [&str; 3] = ["viewer", "contributor", "owner"];

/// What the forms hold.
#[derive(Deserialize, Default)]
pub(super) struct Form {
    /// Of whom the name is: `user` or `team`.
    #[serde(default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) role: String,
    /// Empty: on the whole namespace.
    #[serde(default)]
    pub(super) repository: String,
    /// The last day, in the reader's zone; empty: until it is taken back.
    #[serde(default)]
    pub(super) until: String,
    /// Which is taken back.
    #[serde(default)]
    pub(super) grant: String,
}

/// What the page shows.
pub(super) struct Rights {
    pub(super) head: Head,
    /// Each grant, and whether the viewer may see the page of who has it.
    pub(super) rows: Vec<(GrantRow, bool)>,
    /// The grant behind which the next page begins.
    pub(super) next: Option<Uuid>,
    pub(super) first: bool,
    pub(super) form: Form,
    /// Who could be given a right.
    pub(super) known: Names,
    pub(super) wrong: Option<String>,
    pub(super) csrf: String,
}

/// `GET /n/{name}/-/access`
pub(super) async fn show(
    ui: &UiState,
    visitor: &Visitor,
    head: Head,
) -> Result<Response, PageError> {
    let form = Form {
        kind: visitor.params.get("kind").unwrap_or("user").to_owned(),
        repository: visitor.params.get("repository").unwrap_or_default().to_owned(),
        ..Form::default()
    };
    let title = visitor.lang().access_of(&head.row.name);
    let page = rights(ui, visitor, head, form, None).await?;
    Ok(visitor.show(&title, body(&page)))
}

async fn rights(
    ui: &UiState,
    visitor: &Visitor,
    head: Head,
    form: Form,
    wrong: Option<String>,
) -> Result<Rights, PageError> {
    let resource = head.resource().ok_or_else(PageError::not_found)?;
    visitor.must(Action::EditNamespace, &resource)?;
    let name = NamespaceName::parse(&head.row.name).map_err(|_| PageError::not_found())?;
    let after = visitor.params.get("after").and_then(|id| id.parse::<Uuid>().ok());
    let rows = namespaces::some_grants(&ui.read, &head.registry, &name, None, after, ROWS + 1);
    let mut rows = rows.await?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    Ok(Rights {
        next: rows.last().filter(|_| more).map(|row| row.grant_id),
        rows: rows
            .into_iter()
            .map(|row| (sees(visitor, &row), row))
            .map(|(sees, row)| (row, sees))
            .collect(),
        first: after.is_none(),
        form,
        known: Names::near(visitor, &Wanted::for_right()),
        wrong,
        csrf: visitor.csrf(),
        head,
    })
}

fn sees(visitor: &Visitor, row: &GrantRow) -> bool {
    match (row.grantee_kind.as_str(), TeamName::parse(&row.grantee)) {
        ("team", Ok(name)) => visitor.may(Action::SeeTeam, &Resource::Team { name }),
        ("user", _) => {
            visitor.viewer.user().is_some_and(|own| own.as_str() == row.grantee)
                || visitor.may(Action::ListUsers, &Resource::System)
        }
        _ => false,
    }
}

pub(super) fn body(page: &Rights) -> Markup {
    let (head, t) = (&page.head, page.head.reader.lang);
    let path = format!("{}/-/access", head.path());
    let after = page.next.map(|id| id.to_string());
    let next = after.map(|after| format!("{path}{}", query(&[("after", Some(&after))])));
    html! {
        (head.draw("access"))
        p { (t.grants_text()) }
        @if page.rows.is_empty() {
            (empty(html! { p { (t.grants_none()) } }))
        } @else {
            (scroll(t.grants_caption(), html! {
                table.stack {
                    caption { (t.grants_caption()) }
                    thead { tr {
                        th scope="col" { (t.who()) } th scope="col" { (t.role()) } th scope="col" { (t.grant_on()) }
                        th scope="col" { (t.grant_until()) } th scope="col" { (t.action()) }
                    } }
                    tbody { @for (row, sees) in &page.rows { (line(page, row, *sees)) } }
                }
            }))
        }
        (pager(t, (!page.first).then_some(path.as_str()), next.as_deref()))
        h2 { (t.grant_new()) }
        (wrong(page.wrong.as_deref()))
        form method="post" action=(path) data-guard {
            (csrf(&page.csrf))
            (select("kind", t.grant_to(), &page.form.kind, &[("user", t.grant_user()), ("team", t.grant_team())]))
            (Field {
                value: &page.form.name,
                suggestions: Some("names"),
                ask: Some((&Wanted::for_right().path(), "#kind")),
                autocomplete: "on",
                ..Field::text("name", t.name())
            }.draw())
            (page.known.list(t, "names"))
            (roles(t, &page.form.role))
            (Field { value: &page.form.repository, required: false, hint: Some(t.grant_repository_hint()), ..Field::text("repository", t.grant_repository()) }.draw())
            (Field { value: &page.form.until, required: false, kind: "date", hint: Some(t.grant_until_hint()), ..Field::text("until", t.grant_last_day()) }.draw())
            button.primary type="submit" { (t.grant_give()) }
        }
    }
}

fn roles(t: Lang, chosen: &str) -> Markup {
    let about = |role| match role {
        "owner" => t.grant_owner_about(),
        "contributor" => t.grant_contributor_about(),
        _ => t.grant_viewer_about(),
    };
    let chosen = if ROLES.contains(&chosen) { chosen } else { ROLES[0] };
    let all = ROLES.map(|role| (role, t.role_word(role), about(role)));
    cards("role", t.role(), chosen, &all)
}

fn line(page: &Rights, row: &GrantRow, sees: bool) -> Markup {
    let (t, reader) = (page.head.reader.lang, &page.head.reader);
    let team = row.grantee_kind == "team";
    let to = if team { "/teams/" } else { "/u/" };
    html! {
        tr {
            th scope="row" {
                @if sees { a href=(format!("{to}{}", segment(&row.grantee))) { (row.grantee) } } @else { (row.grantee) }
                @if team { " " span.badge { (t.team()) } }
            }
            td data-label=(t.role()) { (t.role_word(&row.role)) }
            td data-label=(t.grant_on()) {
                // It may not be there yet, so it is no link.
                @match &row.repository { Some(name) => (name), None => (t.grant_everything()) }
            }
            td data-label=(t.grant_until()) { (until(reader, row.until)) }
            td data-label=(t.action()) {
                form.inline method="post" action=(format!("{}/-/access/revoke", page.head.path())) {
                    (csrf(&page.csrf))
                    input type="hidden" name="grant" value=(row.grant_id);
                    button.small.danger type="submit" aria-label=(t.grant_revoke_of(&row.grantee)) { (t.grant_revoke()) }
                }
            }
        }
    }
}

fn until(reader: &Reader, until: Option<Timestamp>) -> Markup {
    let t = reader.lang;
    html! {
        @match until {
            None => (t.grant_for_ever()),
            Some(at) => { (reader.exactly(at)) @if at <= reader.now { " " span.badge.warn { (t.grant_over()) } } }
        }
    }
}

/// `POST /n/{name}/-/access` and `…/revoke`
pub(super) async fn submit(
    ui: &UiState,
    registries: Registries,
    registry: RegistryName,
    place: &Place,
    request: Request,
) -> Result<Response, PageError> {
    let SignedForm { by, form, headers } = SignedForm::<Form>::from_request(request, ui).await?;
    let name = place.name().clone();
    let row = namespaces::find(&ui.read, &registry, &name, &by.viewer.visible()).await?;
    let row = row.ok_or_else(PageError::not_found)?;
    let path = format!("{}/-/access", registries.namespace(registry.as_str(), name.as_str()));
    let visitor = Visitor::of(&path, by, &headers);
    let head = Head::of(&visitor, registry.clone(), row, registries);
    let resource = head.resource().ok_or_else(PageError::not_found)?;
    visitor.must(Action::EditNamespace, &resource)?;
    let id = GrantId(ui.auth.desk.new_id().0);
    let (desk, viewer) = (&ui.auth.desk, &visitor.viewer);
    let done = if matches!(place, Place::Revoke(_)) {
        let grant = form.grant.parse::<Uuid>().map(GrantId).map_err(|_| PageError::not_found())?;
        let change = |caller: Caller| {
            let (registry, name) = (&registry, &name);
            async move { wishes::revoke_grant(desk, &caller, registry, name, grant).await }
        };
        ui.act(viewer, Action::EditNamespace, &resource, change).await
    } else {
        match wanted(&head.reader, id, &form) {
            Ok(grant) => {
                let change = |caller: Caller| {
                    let (registry, name, grant) = (&registry, &name, grant.clone());
                    async move { wishes::grant(desk, &caller, registry, name, grant).await }
                };
                ui.act(viewer, Action::EditNamespace, &resource, change).await
            }
            Err(why) => {
                let refused = move |_: Lang| why.clone();
                Err(PageError::new(StatusCode::UNPROCESSABLE_ENTITY, refused))
            }
        }
    };
    match reason(visitor.lang(), done)? {
        Ok(written) => {
            ui.auth.graph.reached(written, crate::api::PATIENCE).await?;
            // Whoever took their own right back may no longer see this page.
            let now = ui.auth.viewer(viewer.subject.clone(), viewer.origin.clone())?;
            let stays = now.may(Action::EditNamespace, &resource);
            let to = if stays { path.as_str() } else { "/namespaces" };
            Ok(ui.done(written, to, Flash::RightsChanged).await)
        }
        Err(why) => {
            let title = visitor.lang().access_of(&head.row.name);
            let page = rights(ui, &visitor, head, form, Some(why)).await?;
            Ok(visitor.again(&title, body(&page)))
        }
    }
}

/// The grant that a form asks for, or what is wrong with it.
fn wanted(reader: &Reader, id: GrantId, form: &Form) -> Result<Grant, String> {
    let t = reader.lang;
    let name = form.name.trim();
    let to = if form.kind == "team" {
        Grantee::Team { team: TeamName::parse(name).map_err(|why| why.said(t))? }
    } else {
        Grantee::User { user: UserName::parse(name).map_err(|why| why.said(t))? }
    };
    let role = Role::parse(&form.role).ok_or_else(|| t.no_such_role().to_owned())?;
    let repository = match form.repository.trim() {
        "" => None,
        name => Some(RepositoryName::parse(name).map_err(|why| why.said(t))?),
    };
    let until = match form.until.trim() {
        "" => None,
        // The last day counts to its end.
        day => Some(begin_of(day, &reader.zone, 1).ok_or_else(|| t.no_day().to_owned())?),
    };
    Ok(Grant { id, to, role, repository, until })
}
