//! Calls about the service itself.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::ApiState;
use super::answers::{Refused, RefusedAnybody};
use super::params::Params;
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// How long a part may take to show that it lives.
const HEALTH_PATIENCE: Duration = Duration::from_secs(2);

/// How the parts are.
#[derive(Serialize, ToSchema)]
struct Health {
    /// The log and the read models.
    database: Part,
    /// Who may do what.
    access: Part,
}

/// How one part is.
#[derive(Serialize, ToSchema)]
struct Part {
    /// In words.
    msg: &'static str,
    /// In a word.
    success: bool,
}

/// What answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Version {
    #[serde(rename = "api-versions")]
    api_versions: [&'static str; 1],
    /// The original tells its commit here.
    git: Option<String>,
    /// The program's version.
    version: &'static str,
}

/// Answers.
///
/// With nothing, as long as the service answers at all.
#[utoipa::path(
    get, path = "/_ping", operation_id = "ping", tag = "Service", security(()),
    responses((status = 200, description = "The service answers."), RefusedAnybody)
)]
pub(super) async fn ping(params: Params) -> Result<StatusCode, ApiError> {
    params.end()?;
    Ok(StatusCode::OK)
}

/// Whether the parts answer.
///
/// How they are in detail is for the operator's own listener.
#[utoipa::path(
    get, path = "/health", operation_id = "health", tag = "Service", security(()),
    responses(
        (status = 200, description = "All parts do.", body = Health),
        (status = 503, description = "Not all do.", body = Health),
        RefusedAnybody,
    )
)]
pub(super) async fn health(
    State(api): State<ApiState>,
    params: Params,
) -> Result<Response, ApiError> {
    params.end()?;
    let log = timeout(HEALTH_PATIENCE, api.auth.desk.log.head());
    let read = timeout(HEALTH_PATIENCE, projections::registries::list(&api.read));
    let (log, read) = tokio::join!(log, read);
    let database = matches!((log, read), (Ok(Ok(_)), Ok(Ok(_))));
    let access = api.auth.graph.fresh(api.auth.staleness).is_ok();
    let part = |success, yes, no| Part { msg: if success { yes } else { no }, success };
    let body = Health {
        database: part(database, "database is up-to-date", "cannot connect to the database"),
        access: part(access, "rights are up-to-date", "rights are older than allowed"),
    };
    let status = if database && access { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(body)).into_response())
}

/// The program's version.
///
/// Also at `/api/version`, as in the original.
#[utoipa::path(
    get, path = "/version", operation_id = "version", tag = "Service",
    responses((status = 200, description = "What answers.", body = Version), Refused)
)]
pub(super) async fn version(caller: ApiCaller, params: Params) -> Result<Json<Version>, ApiError> {
    params.end()?;
    caller.must_be_somebody()?;
    Ok(Json(Version { api_versions: ["v1"], git: None, version: env!("CARGO_PKG_VERSION") }))
}
