//! The description of the interface (OpenAPI 3.1), collected from the handlers: a route that is not
//! in it does not exist.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::answers::{Problem, REFUSALS, Refusal, RefusedAnybody};
use super::once::MAX_KEY_BYTES;
use super::params::Params;
use crate::error::{ApiError, Place};

/// Where the routes begin.
pub(super) const BASE: &str = "/api/v1";

/// What is said of the interface as a whole; the routes bring the rest.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Portus",
        description = "Users, teams, namespaces, repositories and rights of Docker/OCI registries, \
            for scripts. Paths and fields are those of the original Portus.\n\nThings in paths are \
            named by the number that lists show as `id`, or by name; namespaces and repositories \
            as `team%2Fapp`, or as `registry:team%2Fapp` where several registries have it. What \
            the caller may not see answers like what does not exist.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "Service", description = "The service itself."),
        (name = "Search", description = "Everything that the caller may see, by parts of its name."),
        (name = "Repositories", description = "What registries told of, and what people said of it."),
        (name = "Tags", description = "Names of manifests."),
        (name = "Manifests", description = "Images, indexes and artifacts by digest."),
        (name = "Namespaces", description = "What decides over repositories, and further rights in it."),
        (name = "Teams", description = "People who work together, and what they hold."),
        (name = "Users", description = "People and bots. For administrators."),
        (name = "Application tokens", description = "Credentials for scripts and clients."),
        (name = "Registries", description = "The registries that trust this service. For administrators."),
        (name = "Activities", description = "What has happened, and why it was allowed or refused."),
    ),
    components(schemas(Refusal, Problem)),
)]
pub(super) struct ApiDoc;

/// Who asks: one of these.
fn schemes() -> [(&'static str, SecurityScheme); 4] {
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("User name with password, or with an application token."));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An application token."));
    let portus = ApiKeyValue::with_description(
        "Portus-Auth",
        "`user:token`: an application token with its owner's name, as in the original.",
    );
    let session = ApiKeyValue::with_description(
        "__Host-portus",
        "A page's session. A change needs the header `X-CSRF-Token` of a page, too.",
    );
    [
        ("basic", SecurityScheme::Http(basic.build())),
        ("bearer", SecurityScheme::Http(bearer.build())),
        ("portus_auth", SecurityScheme::ApiKey(ApiKey::Header(portus))),
        ("session", SecurityScheme::ApiKey(ApiKey::Cookie(session))),
    ]
}

/// The document, made once.
pub struct Document {
    /// As JSON.
    pub value: Value,
    text: Bytes,
    etag: HeaderValue,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let value = complete(super::routes().into_openapi());
    let text = serde_json::to_vec(&value).unwrap_or_default();
    let tag: String = Sha256::digest(&text).iter().take(12).map(|b| format!("{b:02x}")).collect();
    let etag = HeaderValue::from_str(&format!("\"{tag}\""));
    Document {
        value,
        text: text.into(),
        etag: etag.unwrap_or(HeaderValue::from_static("\"document\"")),
    }
});

/// The document.
#[must_use]
pub fn document() -> &'static Document {
    &DOCUMENT
}

/// This document.
///
/// Written from the handlers themselves, in OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "describe",
    tag = "Service",
    security(()),
    responses(
        (status = 200, description = "The document.", body = Object),
        (status = 304, description = "The caller has it."),
        RefusedAnybody,
    )
)]
pub(super) async fn describe(headers: HeaderMap, params: Params) -> Result<Response, ApiError> {
    params.end()?;
    let document = document();
    let cache = (CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let etag = (ETAG, document.etag.clone());
    if is_known(&headers, &document.etag) {
        return Ok((StatusCode::NOT_MODIFIED, [cache, etag]).into_response());
    }
    let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(([json, cache, etag], document.text.clone()).into_response())
}

/// Whether the caller has what `etag` stands for (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = known.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| {
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes()
    })
}

/// `GET /api/openapi-spec`: where the original had its description.
pub(super) async fn moved(_: Request) -> Redirect {
    Redirect::permanent("/api/v1/openapi.json")
}

/// Where a field of this name is in a call's body, or whether it is a parameter.
pub(crate) fn place(method: &Method, route: &str, field: &str) -> Place {
    let document = &document().value;
    let path = route.strip_prefix(BASE).unwrap_or(route);
    let operation = &document["paths"][path][method.as_str().to_lowercase()];
    let resolve = |schema: &'static Value| {
        let nullable = schema["oneOf"].get(0).unwrap_or(schema);
        let reference = nullable["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
        reference.and_then(|pointer| document.pointer(pointer)).unwrap_or(nullable)
    };
    let body = resolve(&operation["requestBody"]["content"]["application/json"]["schema"]);
    let Some(fields) = body["properties"].as_object() else { return Place::Query };
    if fields.contains_key(field) {
        return Place::Body(format!("/{field}"));
    }
    // The original wraps what it takes: `{"user": {"username": …}}`.
    let inside = fields.iter().find(|(_, part)| !resolve(part)["properties"][field].is_null());
    inside.map_or(Place::Query, |(outer, _)| Place::Body(format!("/{outer}/{field}")))
}

/// What holds for every call is written into each: who may ask, the headers, what clients are told
/// instead of an answer.
fn complete(api: utoipa::openapi::OpenApi) -> Value {
    let mut api = api;
    if let Some(components) = &mut api.components {
        components
            .security_schemes
            .extend(schemes().map(|(name, scheme)| (name.to_owned(), scheme.into())));
    }
    let mut document = serde_json::to_value(&api).unwrap_or_default();
    document["servers"] = json!([{ "url": BASE }]);
    document["security"] = schemes().iter().map(|(name, _)| json!({ *name: [] })).collect();
    document["components"]["headers"] = headers();
    document["components"]["responses"] = REFUSALS
        .iter()
        .map(|(status, name, text)| ((*name).to_owned(), refusal(*status, text)))
        .collect::<Map<_, _>>()
        .into();
    let every = document["security"].as_array().cloned().unwrap_or_default();
    for (method, operation) in operations_mut(&mut document) {
        // Whoever need not say who they are may do so, where it makes a difference.
        let open = operation.get("security") == Some(&json!([{}]));
        if open && operation["responses"].get("401").is_some() {
            operation["security"] = [&[json!({})][..], &every].concat().into();
        }
        let changes = method != "get";
        // Whoever says who they are may ask again for the answer to what they sent.
        let repeatable = method == "post" && (!open || operation["responses"].get("401").is_some());
        if repeatable {
            operation["responses"]["409"] = json!({ "$ref": "#/components/responses/Conflict" });
            match operation["parameters"].as_array_mut() {
                Some(all) => all.push(idempotency_key()),
                None => operation["parameters"] = json!([idempotency_key()]),
            }
        }
        let paged = operation["parameters"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["name"] == "page"));
        let Some(responses) = operation["responses"].as_object_mut() else { continue };
        let good = responses.iter_mut().filter(|(status, _)| status.starts_with('2'));
        for (_, response) in good {
            for name in BUDGET.iter().chain(if paged { PAGED } else { &[] }) {
                response["headers"][*name] = header(name);
            }
            if changes {
                response["headers"][POSITION] = header(POSITION);
            }
            if repeatable {
                response["headers"][REPLAYED] = header(REPLAYED);
            }
        }
    }
    answers_are_whole(&mut document);
    document
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "For requests that are sent again when nobody knows whether the first one \
            arrived: the same request with the same key is carried out once, and gets the same \
            answer for 24 hours.",
        "schema": {
            "type": "string", "minLength": 1, "maxLength": MAX_KEY_BYTES, "pattern": "^[!-~]+$",
        },
    })
}

const BUDGET: &[&str] = &["RateLimit", "RateLimit-Policy"];
const PAGED: &[&str] =
    &["Link", "X-Total", "X-Total-Pages", "X-Page", "X-Per-Page", "X-Next-Page", "X-Prev-Page"];
const POSITION: &str = "X-Portus-Position";
const REPLAYED: &str = "Idempotency-Replayed";

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn headers() -> Value {
    let text = |about: &str| json!({ "description": about, "schema": { "type": "string" } });
    let number = |about: &str, least: i64| {
        json!({
            "description": about,
            "schema": { "type": "integer", "format": "int64", "minimum": least },
        })
    };
    // The original sends an empty one where there is no such page.
    let maybe = |about: &str| {
        json!({
            "description": about,
            "schema": { "type": "string", "pattern": "^[0-9]*$" },
        })
    };
    json!({
        "RateLimit": text("What is left of the caller's budget, such as `\"api\";r=599;t=1`: `r` \
            calls, and `t` seconds until it is whole again."),
        "RateLimit-Policy": text("The budget, such as `\"api\";q=600;w=60`: `q` calls in `w` seconds."),
        "Retry-After": number("Seconds to wait.", 1),
        "WWW-Authenticate": text("How to say who asks."),
        "Link": text("Other pages of the list (RFC 8288): `first`, `prev`, `next`, `last`."),
        "X-Total": number("How many rows the list has for the caller; at most 10,000 are counted.", 0),
        "X-Total-Pages": number("How many pages that makes.", 1),
        "X-Page": number("Which page this is.", 1),
        "X-Per-Page": number("Rows of a page.", 1),
        "X-Next-Page": maybe("The next page; empty on the last."),
        "X-Prev-Page": maybe("The page before; empty on the first."),
        REPLAYED: text("`true` on the kept answer to an earlier request with the same \
            `Idempotency-Key`."),
        POSITION: number("From this position of the log on, every door and every list takes account of the change.", 0),
    })
}

fn refusal(status: u16, text: &str) -> Value {
    let schema =
        |name: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
    let mut response = json!({
        "description": text,
        "content": {
            "application/json": schema("Refusal"),
            "application/problem+json": schema("Problem"),
        },
    });
    for name in BUDGET {
        response["headers"][*name] = header(name);
    }
    match status {
        409 => response["headers"]["Retry-After"] = header("Retry-After"),
        401 => response["headers"]["WWW-Authenticate"] = header("WWW-Authenticate"),
        429 | 503 => response["headers"]["Retry-After"] = header("Retry-After"),
        _ => (),
    }
    response
}

/// Every operation with its method.
fn operations_mut(document: &mut Value) -> Vec<(String, &mut Value)> {
    let Some(paths) = document["paths"].as_object_mut() else { return Vec::new() };
    let items = paths.values_mut().filter_map(Value::as_object_mut);
    items
        .flat_map(|item| item.iter_mut())
        .filter(|(_, operation)| operation.get("responses").is_some())
        .map(|(method, operation)| (method.clone(), operation))
        .collect()
}

/// A field of an answer that may be null is there, and null; one that may be missing says so by
/// never being null. Bodies are otherwise: what may be null there may also be left out.
fn answers_are_whole(document: &mut Value) {
    let mut sent = Vec::new();
    for (_, operation) in operations_mut(document) {
        references(&operation["requestBody"], &mut sent);
    }
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let mut seen = 0;
    while seen < sent.len() {
        let schema = schemas.get(&sent[seen]).cloned().unwrap_or_default();
        references(&schema, &mut sent);
        seen += 1;
    }
    for (_, schema) in schemas.iter_mut().filter(|(name, _)| !sent.contains(name)) {
        let Some(properties) = schema["properties"].as_object() else { continue };
        let mut required: Vec<String> = schema["required"]
            .as_array()
            .map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default();
        for (name, property) in properties {
            if is_nullable(property) && !required.contains(name) {
                required.push(name.clone());
            }
        }
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
    }
}

fn is_nullable(property: &Value) -> bool {
    let null = |value: &Value| *value == json!("null");
    property["type"].as_array().is_some_and(|types| types.iter().any(null))
        || property["oneOf"].as_array().is_some_and(|all| all.iter().any(|one| null(&one["type"])))
}

fn references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str)
                && let Some(name) = name.strip_prefix("#/components/schemas/")
                && !into.iter().any(|known| known == name)
            {
                into.push(name.to_owned());
            }
            fields.values().for_each(|value| references(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, into)),
        _ => (),
    }
}
