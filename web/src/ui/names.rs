//! Names to choose from while somebody types one. Only of people and teams that they see on other
//! pages anyway: who makes a team of their own learns no names by it. The list is the browser's own
//! (`datalist`), so a keyboard and a screen reader work it as they work every other; without script
//! it holds the first few, and without any of it the field is a field.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::access::{Action, Resource};
use domain::name::{TeamName, UserName};
use maud::{Markup, html};
use projections::{Order, Paging, teams, users};

use super::UiState;
use super::visitor::{Visitor, query};
use crate::error::PageError;
use crate::texts::Lang;

/// How many names are offered at once, of people and of teams each.
pub(super) const OFFERED: usize = 20;

/// Where names are asked for while somebody types.
pub(super) const PATH: &str = "/suggest/names";

/// Of whom names are wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// How they begin.
    begins: String,
    people: bool,
    teams: bool,
    /// A team whose members are not meant.
    outside: Option<TeamName>,
}

impl Wanted {
    /// People who could be taken into this team.
    pub(super) fn for_team(team: &TeamName) -> Self {
        Self { people: true, outside: Some(team.clone()), ..Self::default() }
    }

    /// People and teams who could be given a right.
    pub(super) fn for_right() -> Self {
        Self { people: true, teams: true, ..Self::default() }
    }

    /// The address where they are asked for.
    pub(super) fn path(&self) -> String {
        let team = self.outside.as_ref().map(TeamName::as_str);
        format!("{PATH}{}", query(&[("team", team)]))
    }

    fn of(visitor: &Visitor) -> Self {
        let params = &visitor.params;
        let begins = params.get("user").or_else(|| params.get("name")).unwrap_or_default();
        let kind = params.get("kind");
        let team = params.get("team").and_then(|name| TeamName::parse(name).ok());
        Self {
            begins: begins.to_lowercase(),
            people: kind != Some("team"),
            teams: kind.is_some_and(|kind| kind != "user"),
            // Who is in a team is not for those to find out who may not see it.
            outside: team.filter(|name| {
                visitor.may(Action::SeeTeamMembers, &Resource::Team { name: name.clone() })
            }),
        }
    }
}

/// Names to choose from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) people: Vec<String>,
    pub(super) teams: Vec<String>,
}

impl Names {
    /// Those among whom the viewer is: asks no database.
    pub(super) fn near(visitor: &Visitor, wanted: &Wanted) -> Self {
        let Some(own) = visitor.viewer.user() else { return Self::default() };
        let graph = visitor.viewer.graph();
        let mut names = Self::default();
        if wanted.people {
            let meant = |user: &UserName| wanted.is_meant(visitor, user);
            let found = graph.colleagues(own, &wanted.begins, OFFERED, meant);
            names.people = found.iter().map(ToString::to_string).collect();
        }
        if wanted.teams {
            let found = graph.teams_of(own, &wanted.begins, OFFERED);
            names.teams = found.iter().map(ToString::to_string).collect();
        }
        names
    }

    /// The list that a field refers to as `id`.
    pub(super) fn list(&self, t: Lang, id: &str) -> Markup {
        html! { datalist id=(id) { (self.options(t)) } }
    }

    fn options(&self, t: Lang) -> Markup {
        html! {
            @for name in &self.people { option value=(name) {} }
            @for name in &self.teams { option value=(name) { (t.team()) } }
        }
    }
}

impl Wanted {
    fn is_meant(&self, visitor: &Visitor, user: &UserName) -> bool {
        let graph = visitor.viewer.graph();
        self.outside.as_ref().is_none_or(|team| graph.role_in(user, team).is_none())
    }
}

/// `GET /suggest/names?user=` or `?name=&kind=`: the options of a list, for script.
pub(super) async fn suggest(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let wanted = Wanted::of(&visitor);
    // What is longer than any name is no beginning of one.
    if visitor.session.is_none() || wanted.begins.len() > UserName::MAX_BYTES {
        return Ok(html! {}.into_response());
    }
    let everybody = visitor.may(Action::ListUsers, &Resource::System);
    let names = match everybody && !wanted.begins.is_empty() {
        true => all(&ui, &visitor, &wanted).await?,
        false => Names::near(&visitor, &wanted),
    };
    Ok(names.options(visitor.lang()).into_response())
}

/// Of all people and teams, for those who may list them.
async fn all(ui: &UiState, visitor: &Visitor, wanted: &Wanted) -> Result<Names, PageError> {
    let mut names = Names::default();
    let most = i64::try_from(OFFERED).unwrap_or(i64::MAX);
    let begins = Some(wanted.begins.clone());
    if wanted.people {
        let filter =
            users::Filter { prefix: begins.clone(), enabled: Some(true), ..Default::default() };
        let rows = users::page(&ui.read, &filter, Order::default(), &Paging::first(most)).await?;
        let meant =
            |name: &String| UserName::parse(name).is_ok_and(|user| wanted.is_meant(visitor, &user));
        names.people = rows.into_iter().map(|row| row.name).filter(meant).collect();
    }
    if wanted.teams {
        let visible = visitor.viewer.visible();
        let (begins, first) = (begins.as_deref(), Paging::first(most));
        let rows = teams::page(&ui.read, &visible, begins, Order::default(), &first).await?;
        names.teams = rows.into_iter().map(|row| row.name).collect();
    }
    Ok(names)
}
