//! `/activities`: what has happened to what the caller may see, the latest first.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::access::{Action, Resource, Subject};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName};
use jiff::Timestamp;
use projections::activity::{self, ActivityRow, Cursor, Filter, Viewer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::ApiState;
use super::answers::{Refused, RefusedOne};
use super::paging::{in_turn, led_on, rows};
use super::params::Params;
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// Which activities.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ActivityParams {
    /// By this user, bot or registry.
    actor: Option<String>,
    #[param(value_type = Option<String>)]
    registry: Option<RegistryName>,
    #[param(value_type = Option<String>)]
    namespace: Option<NamespaceName>,
    #[param(value_type = Option<String>)]
    repository: Option<RepositoryName>,
    #[param(value_type = Option<String>)]
    team: Option<TeamName>,
    /// Of this kind, such as `namespace.created`, or of all kinds that begin so, such as `content`.
    kind: Option<String>,
    #[param(inline)]
    outcome: Option<Outcome>,
    /// Recorded at or after.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Recorded before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Only what comes after this one in the list: the `id` of the last that was seen.
    #[param(value_type = Option<String>, pattern = "^[0-9]+(/[0-9]+)?$")]
    before: Option<Text<Cursor>>,
    /// At most so many rows.
    #[param(minimum = 1, maximum = 100, default = 15)]
    per_page: Option<i64>,
}

/// What became of a wish.
#[derive(Serialize, Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Done,
    /// Some of it was granted.
    Reduced,
    Refused,
}

/// Something that has happened.
#[derive(Serialize, ToSchema)]
pub(super) struct Activity {
    /// Its place in the feed, such as `1234/0`.
    id: String,
    event_id: Uuid,
    recorded_at: Timestamp,
    occurred_at: Timestamp,
    /// Such as `namespace.created`.
    kind: String,
    #[schema(value_type = Outcome)]
    outcome: String,
    actor: Actor,
    registry: Option<String>,
    namespace: Option<String>,
    repository: Option<String>,
    tag: Option<String>,
    digest: Option<String>,
    team: Option<String>,
    user: Option<String>,
    /// The rule that decided.
    rule: Option<String>,
    /// What else the fact holds.
    detail: Value,
    /// The client's, for auditors and administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    address: Option<String>,
    /// The client's, for auditors and administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user_agent: Option<String>,
}

/// Who did something.
#[derive(Serialize, ToSchema)]
struct Actor {
    /// Such as user, bot or registry.
    kind: String,
    name: String,
}

/// Lists what has happened.
///
/// To what the caller may see, the latest first; the next page is in the Link header, also where a
/// page holds less than was asked for because much had to be looked through. Client
/// addresses are for auditors and administrators.
#[utoipa::path(
    get, path = "/activities", operation_id = "list_activities", tag = "Activities",
    params(ActivityParams),
    responses((status = 200, description = "Some of it.", body = [Activity]), Refused)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    let (viewer, auditor) = eyes(&caller)?;
    let asked: ActivityParams = params.take()?;
    params.end()?;
    let limit = rows(asked.per_page)?;
    let filter = Filter {
        actor: asked.actor,
        registry: asked.registry,
        namespace: asked.namespace,
        repository: asked.repository,
        team: asked.team,
        kind: asked.kind,
        outcome: asked.outcome.map(|outcome| outcome.as_str().to_owned()),
        from: asked.from,
        to: asked.to,
    };
    let before = asked.before.map(|Text(cursor)| cursor);
    let activity::Slice { rows, older, .. } =
        activity::page(&api.read, &filter, &viewer, before, limit).await?;
    let next = older.map(|older| older.to_string());
    let all = in_turn(rows.iter().map(|row| entity(&api, row, auditor))).await?;
    Ok(led_on(all, ("before", next), &params, &api.auth.external))
}

/// Shows one activity.
#[utoipa::path(
    get, path = "/activities/{activity}", operation_id = "show_activity", tag = "Activities",
    params(("activity" = String, Path, description = "Its `id`, with `%2F` for the stroke.")),
    responses((status = 200, description = "The activity.", body = Activity), RefusedOne)
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Activity>, ApiError> {
    params.end()?;
    let (viewer, auditor) = eyes(&caller)?;
    let cursor: Cursor = id.parse().map_err(|_| ApiError::not_found())?;
    let row = activity::one(&api.read, &viewer, cursor).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(entity(&api, &row, auditor).await?))
}

/// What the caller may see of the feed, and whether they may see addresses.
fn eyes(caller: &ApiCaller) -> Result<(Viewer, bool), ApiError> {
    if caller.viewer.subject == Subject::Anonymous {
        return Err(ApiError::unauthorized());
    }
    caller.must_read()?;
    let auditor = caller.viewer.may(Action::ViewAudit, &Resource::System);
    let viewer = Viewer {
        visible: caller.viewer.visible_activities(),
        // A token that is cut to namespaces does not read what its owner did elsewhere.
        user: caller.viewer.user().filter(|_| caller.is_whole()).cloned(),
        auditor,
    };
    Ok((viewer, auditor))
}

async fn entity(api: &ApiState, row: &ActivityRow, auditor: bool) -> Result<Activity, ApiError> {
    let mut entity = Activity {
        id: row.cursor().to_string(),
        event_id: row.event_id,
        recorded_at: row.recorded_at,
        occurred_at: row.occurred_at,
        kind: row.kind.clone(),
        outcome: row.outcome.clone(),
        actor: Actor { kind: row.actor_kind.clone(), name: row.actor.clone() },
        registry: row.registry.clone(),
        namespace: row.namespace.clone(),
        repository: row.repository.clone(),
        tag: row.tag.clone(),
        digest: row.digest.clone(),
        team: row.team.clone(),
        user: row.user_name.clone(),
        rule: row.rule.clone(),
        detail: row.detail.clone(),
        address: None,
        user_agent: None,
    };
    if auditor && let Some((sealed, associated)) = row.sealed() {
        let opened = api.auth.desk.vault.open_origin(&sealed, &associated).await;
        // A box that does not open is an odd fact, not a reason to hide the feed.
        if let Ok(Some(origin)) = opened {
            entity.address = origin.address.map(|address| address.to_string());
            entity.user_agent = origin.user_agent;
        }
    }
    Ok(entity)
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Reduced => "reduced",
            Self::Refused => "refused",
        }
    }
}

/// A parameter that is written as text.
struct Text<T>(T);

impl<'de, T: std::str::FromStr<Err: std::fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}
