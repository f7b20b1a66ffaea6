//! `/registries`: for administrators.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use commands::registries as wishes;
use domain::access::{Action, Resource};
use domain::name::RegistryName;
use domain::registry::RegistrySettings;
use http::StatusCode;
use projections::registries::{self, RegistryRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::act::{Failed, done};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    registry: Fields,
}

/// The original's fields, and `service` for registries that call themselves otherwise than they
/// are reached.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default)]
    external_hostname: Option<String>,
    #[serde(default)]
    use_ssl: Option<bool>,
    #[serde(default)]
    service: Option<String>,
}

/// `GET /registries`
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    params: Params,
) -> Result<Json<Vec<Value>>, ApiError> {
    params.end()?;
    caller.must(Action::AdminPanel, &Resource::System)?;
    Ok(Json(registries::list(&api.read).await?.iter().map(entity).collect()))
}

/// `GET /registries/{registry}`
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    params.end()?;
    caller.must(Action::AdminPanel, &Resource::System)?;
    let (_, row) = ids::registry(&api.read, &id).await?;
    Ok(Json(entity(&row)))
}

/// `POST /registries`: answers the secret for its notifications, the only time but for
/// `POST /registries/{registry}/secret`.
pub(super) async fn create(
    State(api): State<ApiState>,
    caller: ApiCaller,
    StrictJson(body): StrictJson<Body>,
) -> Result<Response, ApiError> {
    let (api, fields) = (&api, &body.registry);
    let change = move |by, caller: ApiCaller| async move {
        let name = fields.name.as_deref().ok_or_else(|| missing("name"))?;
        let name = ids::field("name", RegistryName::parse(name))?;
        let hostname = fields.hostname.clone().ok_or_else(|| missing("hostname"))?;
        let old =
            RegistrySettings { service: hostname.clone(), host: hostname, url: String::new() };
        let settings = settings(fields, &old);
        service_must_be_free(&caller, &name, &settings.service)?;
        let desk = &api.auth.desk;
        let added = wishes::add(desk, &by, &name, settings).await?;
        let (secret, written) = wishes::rotate_secret(desk, &by, &name).await?;
        Ok::<_, Failed>((name, secret, written.max(added)))
    };
    let done_at = api.act(&caller, Action::AdminPanel, &Resource::System, change).await?;
    let (name, secret, written) = done_at;
    api.settled(written).await?;
    let row = registries::find(&api.read, &name).await?.ok_or_else(ApiError::not_found)?;
    let mut body = entity(&row);
    body["notification_secret"] = json!(*secret);
    Ok(done(StatusCode::CREATED, written, body))
}

/// `PUT /registries/{registry}`
pub(super) async fn update(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<Body>,
) -> Result<Response, ApiError> {
    let (api, fields, id) = (&api, &body.registry, &id);
    let change = move |by, caller: ApiCaller| async move {
        let (name, row) = ids::registry(&api.read, id).await?;
        if fields.name.as_deref().is_some_and(|text| text != row.name) {
            return Err(ApiError::field("name", "a registry's name cannot be changed").into());
        }
        let old = RegistrySettings { service: row.service, host: row.host, url: row.url };
        let settings = settings(fields, &old);
        service_must_be_free(&caller, &name, &settings.service)?;
        let written = wishes::change(&api.auth.desk, &by, &name, settings).await?;
        Ok::<_, Failed>((name, written))
    };
    let done_at = api.act(&caller, Action::AdminPanel, &Resource::System, change).await?;
    let (name, written) = done_at;
    api.settled(written).await?;
    let row = registries::find(&api.read, &name).await?.ok_or_else(ApiError::not_found)?;
    Ok(done(StatusCode::OK, written, entity(&row)))
}

/// `POST /registries/{registry}/secret`: a new secret for its notifications. The old one stays good
/// for a while, so that the registry's configuration can follow.
pub(super) async fn rotate_secret(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (api, id) = (&api, &id);
    let change = move |by, _| async move {
        let (name, _) = ids::registry(&api.read, id).await?;
        Ok::<_, Failed>(wishes::rotate_secret(&api.auth.desk, &by, &name).await?)
    };
    let done_at = api.act(&caller, Action::AdminPanel, &Resource::System, change).await?;
    let (secret, written) = done_at;
    api.settled(written).await?;
    Ok(done(StatusCode::CREATED, written, json!({ "notification_secret": *secret })))
}

/// `GET /registries/validate`: whether these fields could be.
pub(super) async fn validate(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.must(Action::AdminPanel, &Resource::System)?;
    let (name, hostname) = (params.required("name")?, params.required("hostname")?);
    let _: Option<bool> = params.parse("use_ssl")?;
    let external = params.text("external_hostname");
    params.end()?;
    let mut messages = serde_json::Map::new();
    match RegistryName::parse(&name) {
        Err(why) => {
            messages.insert("name".to_owned(), json!([why.to_string()]));
        }
        Ok(name) => {
            if registries::find(&api.read, &name).await?.is_some() {
                messages.insert("name".to_owned(), json!(["this registry name is taken"]));
            }
            if caller.viewer.graph().registry_of(&hostname).is_some() {
                messages.insert("hostname".to_owned(), json!([SERVICE_TAKEN]));
            }
        }
    }
    for (field, text) in [("hostname", Some(&hostname)), ("external_hostname", external.as_ref())] {
        if text.is_some_and(|text| text.chars().any(|c| c.is_whitespace() || c.is_control())) {
            messages.insert(field.to_owned(), json!(["a host name has no blanks"]));
        }
    }
    let valid = messages.is_empty();
    Ok(Json(json!({ "messages": messages, "valid": valid })))
}

const SERVICE_TAKEN: &str = "another registry has this service";

fn service_must_be_free(
    caller: &ApiCaller,
    name: &RegistryName,
    service: &str,
) -> Result<(), ApiError> {
    match caller.viewer.graph().registry_of(service) {
        Some(other) if other != *name => Err(ApiError::field("service", SERVICE_TAKEN)),
        Some(_) | None => Ok(()),
    }
}

fn missing(field: &'static str) -> ApiError {
    ApiError::field(field, "is missing")
}

/// What is said, over what was.
fn settings(fields: &Fields, old: &RegistrySettings) -> RegistrySettings {
    let (was_ssl, was_host) = match old.url.split_once("://") {
        Some((scheme, host)) => (scheme == "https", host.to_owned()),
        None => (false, old.host.clone()),
    };
    let hostname = fields.hostname.clone().unwrap_or(was_host);
    let scheme = if fields.use_ssl.unwrap_or(was_ssl) { "https" } else { "http" };
    let external = fields.external_hostname.clone().filter(|text| !text.is_empty());
    RegistrySettings {
        service: fields.service.clone().unwrap_or_else(|| old.service.clone()),
        host: external.unwrap_or_else(|| match &fields.hostname {
            Some(hostname) => hostname.clone(),
            None => old.host.clone(),
        }),
        url: format!("{scheme}://{hostname}"),
    }
}

fn entity(row: &RegistryRow) -> Value {
    let (scheme, hostname) = row.url.split_once("://").unwrap_or(("http", &row.url));
    json!({
        "id": row.id,
        "name": row.name,
        "hostname": hostname,
        "external_hostname": (row.host != hostname).then_some(&row.host),
        "use_ssl": scheme == "https",
        "service": row.service,
        "secret_rotated_at": row.secret_rotated_at,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    })
}
