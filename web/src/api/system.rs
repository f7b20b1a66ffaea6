//! Calls about the service itself.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::ApiState;
use super::params::Params;
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// How long a part may take to show that it lives.
const HEALTH_PATIENCE: Duration = Duration::from_secs(2);

/// `GET /_ping`
pub(super) async fn ping() -> StatusCode {
    StatusCode::OK
}

/// `GET /health`: whether the parts answer; how, is for the operator's own listener.
pub(super) async fn health(State(api): State<ApiState>) -> Response {
    let log = timeout(HEALTH_PATIENCE, api.auth.desk.log.head());
    let read = timeout(HEALTH_PATIENCE, projections::registries::list(&api.read));
    let (log, read) = tokio::join!(log, read);
    let database = matches!((log, read), (Ok(Ok(_)), Ok(Ok(_))));
    let access = api.auth.graph.fresh(api.auth.staleness).is_ok();
    let part = |good: bool, yes: &str, no: &str| json!({ "msg": if good { yes } else { no }, "success": good });
    let body = json!({
        "database": part(database, "database is up-to-date", "cannot connect to the database"),
        "access": part(access, "rights are up-to-date", "rights are older than allowed"),
    });
    let status = if database && access { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// `GET /version`, and `GET /api/version` as in the original: for whoever has signed in.
pub(super) async fn version(caller: ApiCaller, params: Params) -> Result<Json<Value>, ApiError> {
    params.end()?;
    caller.must_be_somebody()?;
    Ok(Json(json!({
        "api-versions": ["v1"],
        "git": Value::Null,
        "version": env!("CARGO_PKG_VERSION"),
    })))
}
