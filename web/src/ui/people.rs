//! Somebody, as others see them: the teams that both are in, and what they did.

use axum::extract::{Path, State};
use axum::response::Response;
use domain::access::{Action, Resource};
use domain::name::{TeamName, UserName};
use maud::{Markup, html};
use projections::activity::{self, ActivityRow};
use projections::teams::{self, MemberRow};
use projections::users;

use super::UiState;
use super::clients::Clients;
use super::reader::Reader;
use super::teams::path_of;
use super::visitor::{Member, Registries};
use crate::error::PageError;

/// Rows of what they did.
const HAPPENED: i64 = 30;

/// What the page shows.
pub(super) struct Person {
    pub(super) name: String,
    /// What they want to be called.
    pub(super) display_name: Option<String>,
    /// Their memberships that the viewer may see.
    pub(super) teams: Vec<MemberRow>,
    pub(super) happened: Vec<ActivityRow>,
    pub(super) clients: Clients,
    pub(super) registries: Registries,
    pub(super) reader: Reader,
}

/// `GET /u/{user}`: for those who share a team with them, and for administrators. To everybody
/// else nobody is here, so that names cannot be tried out.
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let name = UserName::parse(&name).map_err(|_| PageError::not_found())?;
    let found = users::find(&ui.read, &name).await?;
    let mut teams = teams::of_user(&ui.read, &name).await?;
    teams.retain(|row| {
        let team = TeamName::parse(&row.team).ok();
        team.is_some_and(|name| visitor.may(Action::SeeTeamMembers, &Resource::Team { name }))
    });
    let own = visitor.viewer.user() == Some(&name);
    let known = own || !teams.is_empty() || visitor.may(Action::ListUsers, &Resource::System);
    let row = found.filter(|_| known).ok_or_else(PageError::not_found)?;
    let filter = activity::Filter { actor: Some(row.name.clone()), ..activity::Filter::default() };
    let viewer = super::activity::viewer(&visitor);
    let happened = activity::page(&ui.read, &filter, &viewer, None, HAPPENED).await?.rows;
    let page = Person {
        clients: ui.clients(&visitor, &happened).await,
        happened,
        display_name: ui.auth.desk.vault.profile(&name).await?.display_name,
        name: row.name,
        teams,
        registries: ui.registries().await?,
        reader: visitor.reader(),
    };
    Ok(visitor.show(&page.name, body(&page)))
}

pub(super) fn body(page: &Person) -> Markup {
    let t = page.reader.lang;
    html! {
        h1 { (page.name) }
        @if let Some(called) = &page.display_name { p.lead { (called) } }
        h2 { (t.person_teams()) }
        @if page.teams.is_empty() { p.muted { (t.person_no_teams()) } }
        ul.hits {
            @for row in &page.teams {
                li { a.name href=(path_of(&row.team)) { (row.team) } span.about { (t.role_word(&row.role)) } }
            }
        }
        h2 { (t.person_activity()) }
        (super::activity::feed(&page.happened, &page.clients, &page.registries, &page.reader))
    }
}
