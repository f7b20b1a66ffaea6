//! `/users`: for administrators.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use commands::users::{self as wishes, NewUser, ProfileChange};
use commands::vault::Password;
use domain::access::{Action, Resource};
use domain::event::Position;
use domain::name::{TeamName, UserName};
use domain::user::{Account, Origin};
use http::StatusCode;
use projections::users::{self, UserRow};
use projections::{namespaces, teams};
use serde::Deserialize;
use serde_json::{Value, json};

use super::act::{Failed, done, gone};
use super::paging::{Page, in_turn};
use super::params::Params;
use super::strict_json::{OptionalJson, StrictJson};
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBody {
    user: CreateUser,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateUser {
    username: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    bot: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateBody {
    user: UpdateUser,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateUser {
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct DisableBody {
    #[serde(default)]
    reason: String,
}

/// The longest reason for disabling somebody, in bytes.
const MAX_REASON_BYTES: usize = 1_024;

/// `GET /users`
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.must(Action::ListUsers, &Resource::System)?;
    let page = Page::of(&mut params)?;
    let prefix = params.text("prefix").map(|text| text.to_ascii_lowercase());
    params.end()?;
    let rows = users::list(&api.read, prefix.as_deref(), &page.rows()).await?;
    let total = users::count(&api.read, prefix.as_deref()).await?;
    let all = in_turn(rows.iter().map(|row| entity(&api, row))).await?;
    Ok(page.answer(all, total, &params, &api.auth.external))
}

/// `GET /users/{user}`
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    params.end()?;
    caller.must(Action::ListUsers, &Resource::System)?;
    let (_, row) = ids::user(&api.read, &id).await?;
    Ok(Json(entity(&api, &row).await?))
}

/// `GET /users/self`: who the caller is, a token's owner included.
pub(super) async fn oneself(
    State(api): State<ApiState>,
    caller: ApiCaller,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    params.end()?;
    caller.must_read()?;
    let name = caller.viewer.user().ok_or_else(ApiError::unauthorized)?;
    let row = users::find(&api.read, name).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(entity(&api, &row).await?))
}

/// `POST /users`: people need a password; bots may have one, and sign in with tokens.
pub(super) async fn create(
    State(api): State<ApiState>,
    caller: ApiCaller,
    StrictJson(body): StrictJson<CreateBody>,
) -> Result<Response, ApiError> {
    let (action, account) = if body.user.bot {
        (Action::CreateBot, Account::Bot)
    } else {
        (Action::ManageUsers, Account::Person)
    };
    let (api, user) = (&api, &body.user);
    let change = move |by, _| async move {
        let name = ids::field("username", UserName::parse(&user.username))?;
        let password = match &user.password {
            Some(text) => Some(password(text)?),
            None if account == Account::Bot => None,
            None => return Err(ApiError::field("password", "a person needs a password").into()),
        };
        let new = NewUser {
            name: name.clone(),
            account,
            origin: Origin::Administrator,
            password,
            profile: profile(user.email.as_ref(), user.display_name.as_ref()),
        };
        let registries = ids::all_registries(&api.read).await?;
        let written = wishes::register(&api.auth.desk, &by, new, &registries).await?;
        Ok::<_, Failed>((name, written))
    };
    let (name, written) = api.act(&caller, action, &Resource::System, change).await?;
    api.settled(written).await?;
    let row = users::find(&api.read, &name).await?.ok_or_else(ApiError::not_found)?;
    Ok(done(StatusCode::CREATED, written, entity(api, &row).await?))
}

/// `PUT /users/{user}`: e-mail, display name, password. A name is for ever.
pub(super) async fn update(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<UpdateBody>,
) -> Result<Response, ApiError> {
    let (api, id, user) = (&api, &id, &body.user);
    let change = move |by, caller: ApiCaller| async move {
        let (name, _) = ids::user(&api.read, id).await?;
        if let Some(text) = &user.username
            && ids::field("username", UserName::parse(text))? != name
        {
            return Err(ApiError::field("username", "a user name cannot be changed").into());
        }
        let mut written = Position(0);
        if user.email.is_some() || user.display_name.is_some() {
            let change = profile(user.email.as_ref(), user.display_name.as_ref());
            written = wishes::change_profile(&api.auth.desk, &by, &name, change).await?;
        }
        if let Some(text) = &user.password {
            if caller.viewer.user() == Some(&name) {
                let text = "change your own on your profile page, which asks for the old one";
                return Err(ApiError::field("password", text).into());
            }
            let set = wishes::set_password(&api.auth.desk, &by, &name, password(text)?).await?;
            written = written.max(set);
        }
        Ok::<_, Failed>((name, written))
    };
    let (name, written) = api.act(&caller, Action::ManageUsers, &Resource::System, change).await?;
    api.settled(written).await?;
    let row = users::find(&api.read, &name).await?.ok_or_else(ApiError::not_found)?;
    Ok(done(StatusCode::OK, written, entity(api, &row).await?))
}

/// `DELETE /users/{user}`
pub(super) async fn remove(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    params.end()?;
    let (api, id) = (&api, &id);
    let change = move |by, _| async move {
        let (name, _) = ids::user(&api.read, id).await?;
        let teams = teams::of_user(&api.read, &name).await?;
        let teams = teams.iter().map(|row| ids::stored(TeamName::parse(&row.team)));
        let teams = teams.collect::<Result<Vec<_>, _>>()?;
        let written = wishes::remove(&api.auth.desk, &by, &name, &teams).await?;
        Ok::<_, Failed>(written)
    };
    let written = api.act(&caller, Action::ManageUsers, &Resource::System, change).await?;
    api.settled(written).await?;
    Ok(gone(written))
}

/// `POST /users/{user}/disable`: once this answers, every door is closed. Teams that it leaves without
/// an enabled owner are named, and are no reason to wait: an account may have to be closed at once.
pub(super) async fn disable(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    OptionalJson(body): OptionalJson<DisableBody>,
) -> Result<Response, ApiError> {
    if body.reason.len() > MAX_REASON_BYTES {
        let text = format!("a reason has at most {MAX_REASON_BYTES} bytes");
        return Err(ApiError::field("reason", text));
    }
    let toggle = Toggle::Disable { reason: body.reason };
    let (name, written) = toggled(&api, &caller, &id, &toggle).await?;
    let left = api.auth.graph.snapshot().teams_without_owner(&name);
    if left.is_empty() {
        return Ok(gone(written));
    }
    Ok(done(StatusCode::OK, written, json!({ "teams_without_owner": left })))
}

/// `POST /users/{user}/enable`
pub(super) async fn enable(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    toggle(&api, &caller, &id, &Toggle::Enable).await
}

/// `POST /users/{user}/sign_out`: ends all sessions and refresh tokens.
pub(super) async fn sign_out_everywhere(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    toggle(&api, &caller, &id, &Toggle::SignOut).await
}

/// `PUT /users/{user}/admin`
pub(super) async fn grant_admin(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    toggle(&api, &caller, &id, &Toggle::GrantAdmin).await
}

/// `DELETE /users/{user}/admin`: the last administrator stays one.
pub(super) async fn revoke_admin(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    toggle(&api, &caller, &id, &Toggle::RevokeAdmin).await
}

/// `PUT /users/{user}/auditor`
pub(super) async fn grant_auditor(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    toggle(&api, &caller, &id, &Toggle::GrantAuditor).await
}

/// `DELETE /users/{user}/auditor`
pub(super) async fn revoke_auditor(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    toggle(&api, &caller, &id, &Toggle::RevokeAuditor).await
}

enum Toggle {
    Disable { reason: String },
    Enable,
    SignOut,
    GrantAdmin,
    RevokeAdmin,
    GrantAuditor,
    RevokeAuditor,
}

async fn toggle(
    api: &ApiState,
    caller: &ApiCaller,
    id: &str,
    toggle: &Toggle,
) -> Result<Response, ApiError> {
    toggled(api, caller, id, toggle).await.map(|(_, written)| gone(written))
}

async fn toggled(
    api: &ApiState,
    caller: &ApiCaller,
    id: &str,
    toggle: &Toggle,
) -> Result<(UserName, Position), ApiError> {
    let action = match toggle {
        Toggle::GrantAdmin | Toggle::RevokeAdmin => Action::GrantAdmin,
        _ => Action::ManageUsers,
    };
    let change = move |by, _| async move {
        let (name, _) = ids::user(&api.read, id).await?;
        let desk = &api.auth.desk;
        let written = match toggle {
            Toggle::Disable { reason } => wishes::disable(desk, &by, &name, reason.clone()).await?,
            Toggle::Enable => wishes::enable(desk, &by, &name).await?,
            Toggle::SignOut => wishes::sign_out_everywhere(desk, &by, &name).await?,
            Toggle::GrantAdmin => wishes::grant_admin(desk, &by, &name).await?,
            Toggle::RevokeAdmin => wishes::revoke_admin(desk, &by, &name).await?,
            Toggle::GrantAuditor => wishes::grant_auditor(desk, &by, &name).await?,
            Toggle::RevokeAuditor => wishes::revoke_auditor(desk, &by, &name).await?,
        };
        Ok::<_, Failed>((name, written))
    };
    let (name, written) = api.act(caller, action, &Resource::System, change).await?;
    api.settled(written).await?;
    Ok((name, written))
}

/// A password from a body.
pub(super) fn password(text: &str) -> Result<Password, ApiError> {
    Password::parse(text).map_err(|why| ApiError::field("password", why.to_string()))
}

/// Profile data from a body.
pub(super) fn profile(email: Option<&String>, display_name: Option<&String>) -> ProfileChange {
    ProfileChange { email: email.cloned(), display_name: display_name.cloned() }
}

/// A user as administrators see it.
pub(super) async fn entity(api: &ApiState, row: &UserRow) -> Result<Value, ApiError> {
    let name = ids::stored(UserName::parse(&row.name))?;
    let profile = api.auth.desk.vault.profile(&name).await;
    let profile = profile.map_err(|err| ApiError::internal(&err))?;
    let signed_in = users::last_sign_in(&api.read, &name).await?;
    let namespace = namespaces::personal(&api.read, &name).await?;
    Ok(json!({
        "id": row.id,
        "username": row.name,
        "email": profile.email,
        "display_name": profile.display_name,
        "admin": row.admin,
        "auditor": row.auditor,
        "enabled": row.enabled,
        "bot": row.bot,
        "namespace_id": namespace,
        "current_sign_in_at": signed_in,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }))
}
