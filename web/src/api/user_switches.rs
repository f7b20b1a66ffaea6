//! What an administrator switches on and off of a user.

use axum::extract::{Path, State};
use axum::response::Response;
use commands::users as wishes;
use domain::access::{Action, Resource};
use domain::event::Position;
use domain::name::{TeamName, UserName};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::act::{Failed, done, gone};
use super::answers::{RefusedBody, RefusedWish};
use super::params::Params;
use super::strict_json::OptionalJson;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// Why somebody is disabled.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DisableUserBody)]
pub(super) struct DisableBody {
    #[serde(default)]
    #[schema(max_length = 1_024)]
    reason: String,
}

/// What was left by somebody who was disabled.
#[derive(Serialize, ToSchema)]
struct LeftBehind {
    /// Teams without an enabled owner, by name.
    #[schema(value_type = Vec<String>)]
    teams_without_owner: Vec<TeamName>,
}

/// The longest reason for disabling somebody, in bytes.
const MAX_REASON_BYTES: usize = 1_024;

/// Disables a user.
///
/// Once this answers, every door is closed to them. Teams that it leaves without an enabled owner
/// are named, and are no reason to wait: an account may have to be closed at once.
#[utoipa::path(
    post, path = "/users/{user}/disable", tag = "Users",
    params(("user" = String, Path, description = "Number or name.")),
    request_body = Option<DisableBody>,
    responses(
        (status = 200, description = "They are disabled, and leave teams.", body = LeftBehind),
        (status = 204, description = "They are disabled."),
        RefusedBody,
    )
)]
pub(super) async fn disable_user(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    OptionalJson(body): OptionalJson<DisableBody>,
) -> Result<Response, ApiError> {
    if body.reason.len() > MAX_REASON_BYTES {
        let text = format!("a reason has at most {MAX_REASON_BYTES} bytes");
        return Err(ApiError::field("reason", text));
    }
    let switch = Switch::Disable { reason: body.reason };
    let (name, written) = turn(&api, &caller, &id, &switch).await?;
    let left = api.auth.graph.snapshot().teams_without_owner(&name);
    if left.is_empty() {
        return Ok(gone(written));
    }
    Ok(done(StatusCode::OK, written, LeftBehind { teams_without_owner: left }))
}

macro_rules! switches {
    ($($(#[$doc:meta])* $name:ident: $method:ident $path:literal $done:literal $switch:ident;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(
            $method, path = $path, tag = "Users",
            params(("user" = String, Path, description = "Number or name.")),
            responses((status = 204, description = $done), RefusedWish)
        )]
        pub(super) async fn $name(
            State(api): State<ApiState>,
            caller: ApiCaller,
            Path(id): Path<String>,
            params: Params,
        ) -> Result<Response, ApiError> {
            params.end()?;
            let (_, written) = turn(&api, &caller, &id, &Switch::$switch).await?;
            Ok(gone(written))
        }
    )*};
}

switches! {
    /// Enables a user.
    enable_user: post "/users/{user}/enable" "They are enabled." Enable;
    /// Signs a user out everywhere.
    ///
    /// Ends all sessions and refresh tokens.
    sign_out_user: post "/users/{user}/sign_out" "They are signed out." SignOut;
    /// Makes somebody an administrator.
    grant_admin: put "/users/{user}/admin" "They are one." GrantAdmin;
    /// Makes an administrator none.
    ///
    /// The last one stays one.
    revoke_admin: delete "/users/{user}/admin" "They are none." RevokeAdmin;
    /// Makes somebody an auditor.
    grant_auditor: put "/users/{user}/auditor" "They are one." GrantAuditor;
    /// Makes an auditor none.
    revoke_auditor: delete "/users/{user}/auditor" "They are none." RevokeAuditor;
}

enum Switch {
    Disable { reason: String },
    Enable,
    SignOut,
    GrantAdmin,
    RevokeAdmin,
    GrantAuditor,
    RevokeAuditor,
}

async fn turn(
    api: &ApiState,
    caller: &ApiCaller,
    id: &str,
    switch: &Switch,
) -> Result<(UserName, Position), ApiError> {
    let action = match switch {
        Switch::GrantAdmin | Switch::RevokeAdmin => Action::GrantAdmin,
        _ => Action::ManageUsers,
    };
    let change = move |by, _| async move {
        let (name, _) = ids::user(&api.read, id).await?;
        let desk = &api.auth.desk;
        let written = match switch {
            Switch::Disable { reason } => wishes::disable(desk, &by, &name, reason.clone()).await?,
            Switch::Enable => wishes::enable(desk, &by, &name).await?,
            Switch::SignOut => wishes::sign_out_everywhere(desk, &by, &name).await?,
            Switch::GrantAdmin => wishes::grant_admin(desk, &by, &name).await?,
            Switch::RevokeAdmin => wishes::revoke_admin(desk, &by, &name).await?,
            Switch::GrantAuditor => wishes::grant_auditor(desk, &by, &name).await?,
            Switch::RevokeAuditor => wishes::revoke_auditor(desk, &by, &name).await?,
        };
        Ok::<_, Failed>((name, written))
    };
    let (name, written) = api.act(caller, action, &Resource::System, change).await?;
    api.settled(written).await?;
    Ok((name, written))
}
