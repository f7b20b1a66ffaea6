//! `/activities`: what has happened to what the caller may see, the latest first.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::access::{Action, Resource, Subject};
use http::HeaderValue;
use http::header::LINK;
use projections::activity::{self, ActivityRow, Cursor, Filter, Viewer};
use serde_json::{Value, json};

use super::paging::in_turn;
use super::params::Params;
use super::{ApiState, DEFAULT_PER_PAGE, MAX_PER_PAGE};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// `GET /activities?actor=…&repository=…&kind=…&outcome=…&from=…&to=…&before=…&per_page=…`
///
/// The next page is in the Link header. Client addresses are for auditors and administrators.
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    if caller.viewer.subject == Subject::Anonymous {
        return Err(ApiError::unauthorized());
    }
    caller.must_read()?;
    let limit = params.parse("per_page")?.unwrap_or(DEFAULT_PER_PAGE);
    if !(1..=MAX_PER_PAGE).contains(&limit) {
        return Err(ApiError::bad_request(format!("`per_page` is 1 to {MAX_PER_PAGE}")));
    }
    let before: Option<Cursor> = params.parse("before")?;
    let filter = Filter {
        actor: params.text("actor"),
        registry: params.parse("registry")?,
        namespace: params.parse("namespace")?,
        repository: params.parse("repository")?,
        team: params.parse("team")?,
        kind: params.text("kind"),
        outcome: params.text("outcome"),
        from: params.parse("from")?,
        to: params.parse("to")?,
    };
    params.end()?;
    if let Some(outcome) = &filter.outcome
        && !["done", "reduced", "refused"].contains(&outcome.as_str())
    {
        return Err(ApiError::bad_request("`outcome` is one of done, reduced, refused"));
    }
    let auditor = caller.viewer.may(Action::ViewAudit, &Resource::System);
    let viewer = Viewer {
        visible: caller.viewer.visible_activities(),
        // A token that is cut to namespaces does not read what its owner did elsewhere.
        user: caller.viewer.user().filter(|_| caller.is_whole()).cloned(),
        auditor,
    };
    let rows = activity::page(&api.read, &filter, &viewer, before, limit).await?;
    let all = in_turn(rows.iter().map(|row| entity(&api, row, auditor))).await?;
    let mut response = Json(all).into_response();
    if let Some(last) = rows.last().filter(|_| rows.len() == usize::try_from(limit).unwrap_or(0)) {
        let mut query = params.taken().clone();
        query.insert("before".to_owned(), last.cursor().to_string());
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        let link = format!("<{}{}?{query}>; rel=\"next\"", api.auth.external.origin(), params.path);
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(LINK, link);
        }
    }
    Ok(response)
}

async fn entity(api: &ApiState, row: &ActivityRow, auditor: bool) -> Result<Value, ApiError> {
    let mut entity = json!({
        "id": row.cursor().to_string(),
        "event_id": row.event_id,
        "recorded_at": row.recorded_at,
        "occurred_at": row.occurred_at,
        "kind": row.kind,
        "outcome": row.outcome,
        "actor": { "kind": row.actor_kind, "name": row.actor },
        "registry": row.registry,
        "namespace": row.namespace,
        "repository": row.repository,
        "tag": row.tag,
        "digest": row.digest,
        "team": row.team,
        "user": row.user_name,
        "rule": row.rule,
        "detail": row.detail,
    });
    if auditor && let Some((sealed, associated)) = row.sealed() {
        let opened = api.auth.desk.vault.open_origin(&sealed, &associated).await;
        // A box that does not open is an odd fact, not a reason to hide the feed.
        if let Ok(Some(origin)) = opened {
            entity["address"] = json!(origin.address);
            entity["user_agent"] = json!(origin.user_agent);
        }
    }
    Ok(entity)
}
