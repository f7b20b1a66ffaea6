//! What owners change of a team: who is in it, what is said of it, whether it is.

use axum::extract::{Path, State};
use axum::response::Response;
use commands::desk::Caller;
use commands::teams as wishes;
use domain::access::Action;
use domain::name::UserName;
use domain::team::Role;
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::UiState;
use super::components::{Field, csrf};
use super::described::{Described, typed};
use super::forms::reason;
use super::layout::Flash;
use super::meanwhile::{Chosen, clashes};
use super::teams::{Head, body, members};
use super::visitor::{Member, Visitor};
use crate::auth::SignedForm;
use crate::error::PageError;
use crate::texts::{Lang, Said as _};

/// What the forms about one member hold.
#[derive(Deserialize)]
pub(super) struct About {
    #[serde(default)]
    user: String,
    #[serde(default)]
    role: String,
    /// The role that the form was drawn with.
    #[serde(default)]
    was: String,
}

/// What the forms about the team itself hold.
#[derive(Deserialize)]
pub(super) struct Change {
    #[serde(default)]
    description: String,
    #[serde(default)]
    was: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

enum Wish {
    Add(Role),
    Change(Role),
    Remove,
}

impl Wish {
    /// The role of a member, if this wish is not made for it: somebody else was first.
    fn clash(&self, was: &str, now: Option<Role>) -> Option<Role> {
        let wish = match self {
            Self::Add(_) => return None,
            Self::Change(role) => role.as_str(),
            Self::Remove => "",
        };
        now.filter(|now| clashes(wish, was, now.as_str()))
    }
}

/// `POST /teams/{team}/members`
pub(super) async fn add(
    State(ui): State<UiState>,
    Path(team): Path<String>,
    form: SignedForm<About>,
) -> Result<Response, PageError> {
    let wish = Role::parse(&form.form.role).map(Wish::Add);
    carry_out(&ui, &team, form, wish, Flash::MemberAdded).await
}

/// `POST /teams/{team}/members/role`
pub(super) async fn change(
    State(ui): State<UiState>,
    Path(team): Path<String>,
    form: SignedForm<About>,
) -> Result<Response, PageError> {
    let wish = Role::parse(&form.form.role).map(Wish::Change);
    carry_out(&ui, &team, form, wish, Flash::Saved).await
}

/// `POST /teams/{team}/members/remove`
pub(super) async fn remove(
    State(ui): State<UiState>,
    Path(team): Path<String>,
    form: SignedForm<About>,
) -> Result<Response, PageError> {
    carry_out(&ui, &team, form, Some(Wish::Remove), Flash::MemberRemoved).await
}

async fn carry_out(
    ui: &UiState,
    team: &str,
    SignedForm { by, form, headers }: SignedForm<About>,
    wish: Option<Wish>,
    flash: Flash,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/teams", by, &headers);
    let t = visitor.lang();
    let head = Head::of(ui, &visitor, team).await?;
    visitor.must(Action::ManageTeam, &head.resource())?;
    let read = match (UserName::parse(&form.user), wish) {
        (Ok(user), Some(wish)) => Ok((user, wish)),
        (Err(why), _) => Err(why.said(t)),
        (_, None) => Err(t.no_such_role().to_owned()),
    };
    let (user, wish) = match read {
        Ok(read) => read,
        Err(why) => return again(ui, &visitor, team, &form.user, why).await,
    };
    let (desk, graph, was) = (&ui.auth.desk, &ui.auth.graph, &form.was);
    let (team_, user_, wish_) = (&head.team, &user, &wish);
    let change = |caller: Caller| async move {
        // Never older than the right: what is written after it asks for the right again.
        if let Some(now) = wish_.clash(was, graph.snapshot().role_in(user_, team_)) {
            return Ok(Err(now));
        }
        let done = match wish_ {
            Wish::Add(role) => wishes::add_member(desk, &caller, team_, user_, *role).await,
            Wish::Change(role) => wishes::change_role(desk, &caller, team_, user_, *role).await,
            Wish::Remove => wishes::remove_member(desk, &caller, team_, user_).await,
        };
        done.map(Ok)
    };
    let done = ui.act(&visitor.viewer, Action::ManageTeam, &head.resource(), change).await;
    match reason(t, done)? {
        Ok(Err(now)) => {
            let mark = if matches!(wish, Wish::Remove) { now.as_str() } else { form.role.as_str() };
            let mut page = members(ui, &visitor, team, "", None).await?;
            page.clash = Some((user.to_string(), Chosen::over(mark, now.as_str())));
            Ok(visitor.again_as(StatusCode::CONFLICT, &page.head.row.name, body(&page)))
        }
        Ok(Ok(written)) => {
            // Who has left may no longer see the team.
            let left = matches!(wish, Wish::Remove) && visitor.viewer.user() == Some(&user);
            let to = if left { "/teams".to_owned() } else { head.path() };
            Ok(ui.done(written, &to, flash).await)
        }
        Err(why) => again(ui, &visitor, team, &form.user, why).await,
    }
}

async fn again(
    ui: &UiState,
    visitor: &Visitor,
    team: &str,
    typed: &str,
    why: String,
) -> Result<Response, PageError> {
    let page = members(ui, visitor, team, typed, Some(why)).await?;
    Ok(visitor.again(&page.head.row.name, body(&page)))
}

/// `GET /teams/{team}/settings`
pub(super) async fn show_settings(
    State(ui): State<UiState>,
    Member(visitor): Member,
    Path(team): Path<String>,
) -> Result<Response, PageError> {
    let page = settings(&ui, &visitor, &team).await?;
    Ok(visitor.show(&visitor.lang().settings_of(&page.head.row.name), settings_body(&page)))
}

/// What the page of settings shows.
pub(super) struct Settings {
    pub(super) head: Head,
    pub(super) described: Described,
    pub(super) may_delete: bool,
    pub(super) csrf: String,
}

async fn settings(ui: &UiState, visitor: &Visitor, team: &str) -> Result<Settings, PageError> {
    let head = Head::of(ui, visitor, team).await?;
    visitor.must(Action::ManageTeam, &head.resource())?;
    let may_delete = visitor.may(Action::DeleteTeam, &head.resource());
    let described = Described::of(&head.row.description);
    Ok(Settings { head, described, may_delete, csrf: visitor.csrf() })
}

pub(super) fn settings_body(page: &Settings) -> Markup {
    let (head, t) = (&page.head, page.head.reader.lang);
    let path = head.path();
    html! {
        (head.draw("settings"))
        form method="post" action=(format!("{path}/settings")) data-guard {
            (csrf(&page.csrf))
            (page.described.draw(t, Some(t.space_description_hint())))
            button.primary type="submit" { (t.save()) }
        }
        @if page.may_delete {
            h2 { (t.delete_team()) }
            @if head.row.namespaces > 0 {
                p.muted { (t.delete_team_full()) }
            } @else {
                p { a.button.danger href=(format!("{path}/delete")) { (t.delete_team()) } }
            }
        }
    }
}

/// `POST /teams/{team}/settings`
pub(super) async fn describe(
    State(ui): State<UiState>,
    Path(team): Path<String>,
    SignedForm { by, form, headers }: SignedForm<Change>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/teams", by, &headers);
    // As everybody left it.
    ui.followers.reached(visitor.viewer.graph().position()).await;
    let page = settings(&ui, &visitor, &team).await?;
    let again = |page: Settings, described: Described| {
        let title = visitor.lang().settings_of(&page.head.row.name);
        let status = described.status();
        visitor.again_as(status, &title, settings_body(&Settings { described, ..page }))
    };
    let (text, head) = (&typed(&form.description), &page.head);
    if let Some(clash) = Described::clash(text, &form.was, &head.row.description) {
        return Ok(again(page, clash));
    }
    let (desk, name) = (&ui.auth.desk, &head.team);
    let change =
        |caller: Caller| async move { wishes::describe(desk, &caller, name, text.clone()).await };
    let done = ui.act(&visitor.viewer, Action::ManageTeam, &head.resource(), change).await;
    match reason(visitor.lang(), done)? {
        Ok(written) => Ok(ui.done(written, &head.path(), Flash::Saved).await),
        Err(why) => {
            let described = Described::refused(text, &head.row.description, why);
            Ok(again(page, described))
        }
    }
}

/// `GET /teams/{team}/delete`: what it means, before it is done.
pub(super) async fn show_delete(
    State(ui): State<UiState>,
    Member(visitor): Member,
    Path(team): Path<String>,
) -> Result<Response, PageError> {
    let head = Head::of(&ui, &visitor, &team).await?;
    visitor.must(Action::DeleteTeam, &head.resource())?;
    let body = delete_body(&head, &visitor.csrf(), None, None);
    Ok(visitor.show(&visitor.lang().delete_question(&head.row.name), body))
}

pub(super) fn delete_body(
    head: &Head,
    token: &str,
    wrong_name: Option<&str>,
    wrong_password: Option<&str>,
) -> Markup {
    let t = head.reader.lang;
    html! {
        h1 { (t.delete_question(&head.row.name)) }
        p { (t.delete_team_text()) }
        form method="post" action=(format!("{}/delete", head.path())) {
            (csrf(token))
            (Field { wrong: wrong_name, ..Field::text("name", t.type_name()) }.draw())
            (own_password(t, wrong_password))
            button.danger type="submit" { (t.delete_it()) }
            " " a.button href=(format!("{}/settings", head.path())) { (t.cancel()) }
        }
    }
}

/// The field for one's password where a session alone does not do.
pub(super) fn own_password(t: Lang, wrong: Option<&str>) -> Markup {
    let field = Field::secret("password", t.confirm_password(), "current-password");
    Field { hint: Some(t.confirm_password_hint()), wrong, ..field }.draw()
}

/// `POST /teams/{team}/delete`
pub(super) async fn delete(
    State(ui): State<UiState>,
    Path(team): Path<String>,
    SignedForm { by, form, headers }: SignedForm<Change>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/teams", by, &headers);
    let t = visitor.lang();
    let head = Head::of(&ui, &visitor, &team).await?;
    visitor.must(Action::DeleteTeam, &head.resource())?;
    let title = t.delete_question(&head.row.name);
    let again = |name: Option<&str>, password: Option<&str>| {
        visitor.again(&title, delete_body(&head, &visitor.csrf(), name, password))
    };
    if form.name.trim() != head.row.name {
        return Ok(again(Some(t.type_name_wrong()), None));
    }
    if !visitor.viewer.graph().namespaces_of(&head.team).is_empty() {
        return Ok(again(Some(t.delete_team_full()), None));
    }
    if !ui.is_own_password(&visitor, &form.password).await? {
        return Ok(again(None, Some(t.password_wrong())));
    }
    let (desk, name) = (&ui.auth.desk, &head.team);
    let change = |caller: Caller| async move { wishes::delete(desk, &caller, name).await };
    let done = ui.act(&visitor.viewer, Action::DeleteTeam, &head.resource(), change).await;
    match reason(t, done)? {
        Ok(written) => Ok(ui.done(written, "/teams", Flash::Deleted).await),
        Err(why) => Ok(again(Some(&why), None)),
    }
}
