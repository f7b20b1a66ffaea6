//! `/search?q=…`: repositories, tags, manifests by digest, namespaces and teams that may be seen.

use axum::Json;
use axum::extract::State;
use projections::search::{Entry, Hits, Kind, MAX_QUESTION_BYTES, Query};
use serde_json::{Value, json};

use super::ApiState;
use super::paging::Page;
use super::params::Params;
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// `GET /search?q=…&kind=repository`: hits of each kind, the best first, with how many there are.
pub(super) async fn search(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.must_read()?;
    let page = Page::of(&mut params)?.rows::<()>();
    let question = params.text("q").unwrap_or_default();
    let kind = params.text("kind");
    params.end()?;
    if question.len() > MAX_QUESTION_BYTES {
        let text = format!("A question has at most {MAX_QUESTION_BYTES} bytes");
        return Err(ApiError::bad_request(text));
    }
    let mut query = Query::new(&question, usize::try_from(page.limit).unwrap_or_default());
    query.offset = usize::try_from(page.offset).unwrap_or_default();
    if let Some(word) = kind {
        let known: Option<Kind> = serde_json::from_value(json!(word)).ok();
        let known = known.ok_or_else(|| {
            let text = "`kind` is one of repository, tag, manifest, namespace, team";
            ApiError::bad_request(text)
        })?;
        query = query.only([known]);
    }
    let (index, visible) = (api.search.clone(), caller.viewer.visible());
    let found = tokio::task::spawn_blocking(move || index.find(&query, &visible)).await;
    let found = found.map_err(|err| ApiError::internal(&err))?;
    let found = found.map_err(|err| ApiError::internal(&err))?;
    Ok(Json(json!({
        "total": found.total(),
        "forgiving": found.forgiving,
        "position": found.position,
        "repositories": hits(&found.repositories),
        "tags": hits(&found.tags),
        "manifests": hits(&found.manifests),
        "namespaces": hits(&found.namespaces),
        "teams": hits(&found.teams),
    })))
}

fn hits(hits: &Hits) -> Value {
    let best: Vec<_> = hits.best.iter().map(hit).collect();
    json!({ "total": hits.total, "hits": best })
}

fn hit(entry: &Entry) -> Value {
    let mut hit = match entry {
        Entry::Repository { registry, stars, pulls, pushed_at, .. } => {
            json!({ "registry": registry, "stars": stars, "pulls": pulls, "pushed_at": pushed_at })
        }
        Entry::Tag { registry, repository, tag, digest, pushed_at } => json!({
            "registry": registry,
            "repository": repository,
            "tag": tag,
            "digest": digest,
            "pushed_at": pushed_at,
        }),
        Entry::Manifest { registry, repository, digest, pushed_at } => json!({
            "registry": registry,
            "repository": repository,
            "digest": digest,
            "pushed_at": pushed_at,
        }),
        Entry::Namespace { registry, visibility, description, .. } => {
            json!({ "registry": registry, "visibility": visibility, "description": description })
        }
        Entry::Team { description, .. } => json!({ "description": description }),
    };
    hit["name"] = json!(entry.name());
    hit
}
