//! `/registries`: for administrators.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use commands::registries as wishes;
use domain::access::{Action, Resource};
use domain::name::RegistryName;
use domain::registry::RegistrySettings;
use http::StatusCode;
use jiff::Timestamp;
use projections::registries::{self, RegistryRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::act::{Failed, done};
use super::answers::{Refused, RefusedBody, RefusedOne, RefusedWish};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// How a registry is reached.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegistryBody)]
pub(super) struct Body {
    registry: Fields,
}

/// The original's fields, and `service` for registries that call themselves otherwise than they
/// are reached.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegistryFields)]
struct Fields {
    /// For ever. Needed for a new one.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 63)]
    name: Option<String>,
    /// Where this service reaches it. Needed for a new one.
    #[serde(default)]
    #[schema(max_length = 1_024)]
    hostname: Option<String>,
    /// What images are called by, where that is another.
    #[serde(default)]
    #[schema(max_length = 1_024)]
    external_hostname: Option<String>,
    #[serde(default)]
    use_ssl: Option<bool>,
    /// What it calls itself in `auth.token.service`; the host name unless given.
    #[serde(default)]
    #[schema(max_length = 1_024)]
    service: Option<String>,
}

/// A registry that trusts this service.
#[derive(Serialize, ToSchema)]
pub(super) struct Registry {
    id: i64,
    name: String,
    /// Where this service reaches it.
    hostname: String,
    /// What images are called by, where that is another.
    external_hostname: Option<String>,
    use_ssl: bool,
    /// What it calls itself in `auth.token.service`.
    service: String,
    secret_rotated_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A new registry.
#[derive(Serialize, ToSchema)]
struct NewRegistry {
    #[serde(flatten)]
    registry: Registry,
    /// What it shows with its notifications. Not shown again.
    notification_secret: String,
}

/// A new secret.
#[derive(Serialize, ToSchema)]
struct RegistrySecret {
    /// What the registry shows with its notifications. Not shown again.
    notification_secret: String,
}

/// Whether something could be.
#[derive(Serialize, ToSchema)]
pub(super) struct Validation {
    /// What is wrong with which field.
    messages: BTreeMap<&'static str, Vec<String>>,
    valid: bool,
}

/// A registry that somebody thinks of.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Thought {
    name: String,
    hostname: String,
    #[allow(dead_code)] // asked for by the original's clients; any value is good
    use_ssl: Option<bool>,
    external_hostname: Option<String>,
}

/// Lists registries.
#[utoipa::path(
    get, path = "/registries", operation_id = "list_registries", tag = "Registries",
    responses((status = 200, description = "All of them.", body = [Registry]), Refused)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    params: Params,
) -> Result<Json<Vec<Registry>>, ApiError> {
    params.end()?;
    caller.must(Action::AdminPanel, &Resource::System)?;
    Ok(Json(registries::list(&api.read).await?.iter().map(entity).collect()))
}

/// Shows a registry.
#[utoipa::path(
    get, path = "/registries/{registry}", operation_id = "show_registry", tag = "Registries",
    params(("registry" = String, Path, description = "Number or name.")),
    responses((status = 200, description = "The registry.", body = Registry), RefusedOne)
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Registry>, ApiError> {
    params.end()?;
    caller.must(Action::AdminPanel, &Resource::System)?;
    let (_, row) = ids::registry(&api.read, &id).await?;
    Ok(Json(entity(&row)))
}

/// Adds a registry.
///
/// Answers the secret for its notifications, which is shown this once.
#[utoipa::path(
    post, path = "/registries", operation_id = "create_registry", tag = "Registries",
    request_body = Body,
    responses((status = 201, description = "The registry.", body = NewRegistry), RefusedBody)
)]
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
    let body = NewRegistry { registry: entity(&row), notification_secret: secret.to_string() };
    Ok(done(StatusCode::CREATED, written, body))
}

/// Changes how a registry is reached.
///
/// Fields that are left out stay as they are.
#[utoipa::path(
    put, path = "/registries/{registry}", operation_id = "update_registry", tag = "Registries",
    params(("registry" = String, Path, description = "Number or name.")),
    request_body = Body,
    responses((status = 200, description = "The registry.", body = Registry), RefusedBody)
)]
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

/// Makes a new secret for a registry's notifications.
///
/// The old one stays good for a while, so that the registry's configuration can follow.
#[utoipa::path(
    post, path = "/registries/{registry}/secret", operation_id = "rotate_registry_secret",
    tag = "Registries",
    params(("registry" = String, Path, description = "Number or name.")),
    responses((status = 201, description = "The secret.", body = RegistrySecret), RefusedWish)
)]
pub(super) async fn rotate_secret(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    params.end()?;
    let (api, id) = (&api, &id);
    let change = move |by, _| async move {
        let (name, _) = ids::registry(&api.read, id).await?;
        Ok::<_, Failed>(wishes::rotate_secret(&api.auth.desk, &by, &name).await?)
    };
    let done_at = api.act(&caller, Action::AdminPanel, &Resource::System, change).await?;
    let (secret, written) = done_at;
    api.settled(written).await?;
    let body = RegistrySecret { notification_secret: secret.to_string() };
    Ok(done(StatusCode::CREATED, written, body))
}

/// Checks a registry that somebody thinks of.
///
/// Says what is wrong with which field, and changes nothing.
#[utoipa::path(
    get, path = "/registries/validate", operation_id = "validate_registry", tag = "Registries",
    params(Thought),
    responses((status = 200, description = "What is wrong.", body = Validation), Refused)
)]
pub(super) async fn validate(
    State(api): State<ApiState>,
    caller: ApiCaller,
    params: Params,
) -> Result<Json<Validation>, ApiError> {
    caller.must(Action::AdminPanel, &Resource::System)?;
    let thought: Thought = params.only()?;
    let mut found = Vec::new();
    match RegistryName::parse(&thought.name) {
        Err(why) => found.push(("name", why.to_string())),
        Ok(name) => {
            if registries::find(&api.read, &name).await?.is_some() {
                found.push(("name", "this registry name is taken".to_owned()));
            }
            if caller.viewer.graph().registry_of(&thought.hostname).is_some() {
                found.push(("hostname", SERVICE_TAKEN.to_owned()));
            }
        }
    }
    let hosts = [
        ("hostname", Some(&thought.hostname)),
        ("external_hostname", thought.external_hostname.as_ref()),
    ];
    for (field, text) in hosts {
        if text.is_some_and(|text| text.chars().any(|c| c.is_whitespace() || c.is_control())) {
            found.push((field, "a host name has no blanks".to_owned()));
        }
    }
    Ok(Json(found.into_iter().collect()))
}

impl FromIterator<(&'static str, String)> for Validation {
    fn from_iter<I: IntoIterator<Item = (&'static str, String)>>(found: I) -> Self {
        let mut messages = BTreeMap::<_, Vec<_>>::new();
        for (field, text) in found {
            messages.entry(field).or_default().push(text);
        }
        Self { valid: messages.is_empty(), messages }
    }
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

fn entity(row: &RegistryRow) -> Registry {
    let (scheme, hostname) = row.url.split_once("://").unwrap_or(("http", &row.url));
    Registry {
        id: row.id,
        name: row.name.clone(),
        hostname: hostname.to_owned(),
        external_hostname: (row.host != hostname).then(|| row.host.clone()),
        use_ssl: scheme == "https",
        service: row.service.clone(),
        secret_rotated_at: row.secret_rotated_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
