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
use jiff::Timestamp;
use projections::teams;
use projections::users::{self, Filter, UserRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::act::{Failed, done, gone};
use super::answers::{Refused, RefusedBody, RefusedOne, RefusedWish};
use super::paging::{Page, PageParams, Sorted};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// A new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateUserBody)]
pub(super) struct CreateBody {
    user: CreateUser,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateUser {
    /// For ever.
    #[schema(min_length = 1, max_length = 128)]
    username: String,
    #[serde(default)]
    #[schema(max_length = 254)]
    email: Option<String>,
    /// Needed for a person.
    #[serde(default)]
    #[schema(min_length = 12, max_length = 1_024)]
    password: Option<String>,
    #[serde(default)]
    #[schema(max_length = 255)]
    display_name: Option<String>,
    /// A bot, which signs in with tokens.
    #[serde(default)]
    bot: bool,
}

/// What changes of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateUserBody)]
pub(super) struct UpdateBody {
    user: UpdateUser,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateUser {
    /// Taken only as it is: a name is for ever.
    #[serde(default)]
    username: Option<String>,
    /// An empty one takes it away.
    #[serde(default)]
    #[schema(max_length = 254)]
    email: Option<String>,
    /// Of somebody else: one's own is changed on one's page, where the old one is asked for.
    #[serde(default)]
    #[schema(min_length = 12, max_length = 1_024)]
    password: Option<String>,
    /// An empty one takes it away.
    #[serde(default)]
    #[schema(max_length = 255)]
    display_name: Option<String>,
}

/// A person or bot, as administrators see it.
#[derive(Serialize, ToSchema)]
pub(super) struct User {
    id: i64,
    username: String,
    email: Option<String>,
    display_name: Option<String>,
    admin: bool,
    auditor: bool,
    enabled: bool,
    bot: bool,
    /// Their own namespace; of several, the oldest.
    namespace_id: Option<i64>,
    /// The last time that they signed in at a page.
    current_sign_in_at: Option<Timestamp>,
    /// The time before that one, as in the original.
    last_sign_in_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Which users.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UserParams {
    /// Whose name begins so.
    #[param(max_length = 128)]
    prefix: Option<String>,
    /// Those who are enabled, or are not.
    enabled: Option<bool>,
    /// Administrators, or all others.
    admin: Option<bool>,
    /// Bots, or people.
    bot: Option<bool>,
}

/// Lists users.
#[utoipa::path(
    get, path = "/users", operation_id = "list_users", tag = "Users",
    params(UserParams, PageParams, Sorted),
    responses((status = 200, description = "A page of them.", body = [User]), Refused)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.must(Action::ListUsers, &Resource::System)?;
    let page = Page::of(&mut params)?;
    let order = params.take::<Sorted>()?.into();
    let UserParams { prefix, enabled, admin, bot } = params.take()?;
    params.end()?;
    let prefix = prefix.map(|text| text.to_ascii_lowercase());
    if prefix.as_ref().is_some_and(|text| text.len() > UserName::MAX_BYTES) {
        let text = format!("`prefix` has at most {} bytes, as names have", UserName::MAX_BYTES);
        return Err(ApiError::bad_request(text));
    }
    let filter = Filter { prefix, enabled, admin, bot };
    let rows = users::page(&api.read, &filter, order, &page.rows()).await?;
    let total = users::count(&api.read, &filter).await?;
    let all = entities(&api, &rows).await?;
    Ok(page.answer(all, total, &params, &api.auth.external))
}

/// Shows a user.
#[utoipa::path(
    get, path = "/users/{user}", operation_id = "show_user", tag = "Users",
    params(("user" = String, Path, description = "Number or name.")),
    responses((status = 200, description = "The user.", body = User), RefusedOne)
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<User>, ApiError> {
    params.end()?;
    caller.must(Action::ListUsers, &Resource::System)?;
    let (_, row) = ids::user(&api.read, &id).await?;
    Ok(Json(entity(&api, &row).await?))
}

/// Shows the caller.
///
/// Of a token, its owner. `self` stands for oneself in `/users/self/application_tokens`, too.
#[utoipa::path(
    get, path = "/users/self", operation_id = "show_oneself", tag = "Users",
    responses((status = 200, description = "Who one is.", body = User), RefusedOne)
)]
pub(super) async fn oneself(
    State(api): State<ApiState>,
    caller: ApiCaller,
    params: Params,
) -> Result<Json<User>, ApiError> {
    params.end()?;
    caller.must_read()?;
    let name = caller.viewer.user().ok_or_else(ApiError::unauthorized)?;
    let row = users::find(&api.read, name).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(entity(&api, &row).await?))
}

/// Makes a user.
///
/// People need a password; bots may have one, and sign in with tokens.
#[utoipa::path(
    post, path = "/users", operation_id = "create_user", tag = "Users",
    request_body = CreateBody,
    responses((status = 201, description = "The user.", body = User), RefusedBody)
)]
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

/// Changes a user.
///
/// E-mail, display name, password. A name is for ever.
#[utoipa::path(
    put, path = "/users/{user}", operation_id = "update_user", tag = "Users",
    params(("user" = String, Path, description = "Number or name.")),
    request_body = UpdateBody,
    responses((status = 200, description = "The user.", body = User), RefusedBody)
)]
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

/// Removes a user.
///
/// Their name is kept back for a day. The last administrator stays.
#[utoipa::path(
    delete, path = "/users/{user}", operation_id = "remove_user", tag = "Users",
    params(("user" = String, Path, description = "Number or name.")),
    responses((status = 204, description = "They are gone."), RefusedWish)
)]
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

/// A password from a body.
pub(super) fn password(text: &str) -> Result<Password, ApiError> {
    Password::parse(text).map_err(|why| ApiError::field("password", why.to_string()))
}

/// Profile data from a body.
pub(super) fn profile(email: Option<&String>, display_name: Option<&String>) -> ProfileChange {
    ProfileChange { email: email.cloned(), display_name: display_name.cloned() }
}

/// A user as administrators see it.
pub(super) async fn entity(api: &ApiState, row: &UserRow) -> Result<User, ApiError> {
    let one = entities(api, std::slice::from_ref(row)).await?;
    one.into_iter().next().ok_or_else(ApiError::not_found)
}

/// Accounts as administrators see them: what they are drawn with is read once for all of them.
async fn entities(api: &ApiState, rows: &[UserRow]) -> Result<Vec<User>, ApiError> {
    let names: Vec<&str> = rows.iter().map(|row| &*row.name).collect();
    let profiles = api.auth.desk.vault.profiles(&names).await;
    let mut profiles = profiles.map_err(|err| ApiError::internal(&err))?;
    let mut beside = users::beside(&api.read, &names).await?;
    let draw = |row: &UserRow| {
        let profile = profiles.remove(&row.name).unwrap_or_default();
        let beside = beside.remove(&row.name).unwrap_or_default();
        let [current, last] = beside.sign_ins;
        User {
            id: row.id,
            username: row.name.clone(),
            email: profile.email,
            display_name: profile.display_name,
            admin: row.admin,
            auditor: row.auditor,
            enabled: row.enabled,
            bot: row.bot,
            namespace_id: beside.namespace,
            current_sign_in_at: current,
            last_sign_in_at: last,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    };
    Ok(rows.iter().map(draw).collect())
}
