//! One notification, read field by field: registries of several ages and makes leave out, add and
//! empty fields, and an empty text or a zero means the same as nothing.

use std::net::{IpAddr, SocketAddr};

use domain::digest::{Descriptor, Digest};
use domain::event::RegistrySource;
use domain::name::{RegistryName, RepositoryName, TagName};
use domain::registry::{ContentEvent, Omitted, PullMethod};
use jiff::Timestamp;
use serde_json::Value;

use super::{cut, hash, source};

/// What blobs are sent as, whatever they are.
const BLOB: &str = "application/octet-stream";
/// The longest media type, event id, request id and instance id kept, in bytes.
const MAX_WORD_BYTES: usize = 255;
/// The longest client name kept, in bytes.
const MAX_USER_AGENT_BYTES: usize = 256;
/// Bytes of references that fit into one event beside everything else; of a longer list the rest is
/// counted.
const MAX_REFERENCE_BYTES: usize = 40 * 1024;
/// Timestamps before this (Go's zero time among them) mean that the registry has no clock.
const EARLIEST: Timestamp = Timestamp::constant(946_684_800, 0);

/// One event of an envelope, understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Notification {
    pub(super) event: ContentEvent,
    pub(super) action: &'static str,
    /// The token's `sub`; `None`: anonymous.
    pub(super) actor: Option<String>,
    pub(super) at: Timestamp,
    pub(super) address: Option<IpAddr>,
    pub(super) user_agent: Option<String>,
    pub(super) source: RegistrySource,
}

/// One event that we cannot make sense of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) reason: String,
    pub(super) action: &'static str,
    pub(super) id: Option<String>,
}

/// The host by which the client called the registry, as it named it.
pub(super) fn host(event: &Value) -> Option<&str> {
    event.get("request")?.get("host")?.as_str().filter(|host| !host.is_empty())
}

/// The events of an envelope; none of them is looked into.
pub(super) fn envelope(body: &[u8]) -> Result<Vec<Value>, &'static str> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Err("the body is no JSON");
    };
    let Value::Object(mut envelope) = value else {
        return Err("the body is no JSON object");
    };
    match envelope.remove("events") {
        Some(Value::Array(events)) => Ok(events),
        Some(Value::Null) => Ok(Vec::new()),
        Some(_) => Err("`events` is no list"),
        None => Err("the body has no `events`"),
    }
}

/// One event of an envelope, received at `now`.
pub(super) fn event(
    registry: &RegistryName,
    value: &Value,
    now: Timestamp,
) -> Result<Notification, Rejected> {
    let word = |path: &[&str]| text(value, path).map(|text| cut(text, MAX_WORD_BYTES).to_owned());
    let action = match text(value, &["action"]) {
        Some("push") => "push",
        Some("pull") => "pull",
        Some("mount") => "mount",
        Some("delete") => "delete",
        _ => "other",
    };
    // An id that is too long for a key is no id; an event without one is known by its content.
    let id = text(value, &["id"]).filter(|id| id.len() <= MAX_WORD_BYTES).map(str::to_owned);
    let content = content(registry, value, action).map_err(|reason| Rejected {
        reason,
        action,
        id: id.clone(),
    })?;
    Ok(Notification {
        event: content,
        action,
        actor: text(value, &["actor", "name"]).map(str::to_owned),
        at: timestamp(value).unwrap_or(now),
        address: text(value, &["request", "addr"]).and_then(address),
        user_agent: text(value, &["request", "useragent"])
            .map(|text| cut(text, MAX_USER_AGENT_BYTES).to_owned()),
        source: source(
            id.unwrap_or_else(|| hash(value.to_string().as_bytes())),
            word(&["request", "id"]),
            word(&["source", "instanceID"]),
        ),
    })
}

fn content(
    registry: &RegistryName,
    value: &Value,
    action: &'static str,
) -> Result<ContentEvent, String> {
    if !value.is_object() {
        return Err("an event that is no JSON object".to_owned());
    }
    let target = value.get("target").filter(|target| target.is_object());
    if action == "other" {
        return Err(match text(value, &["action"]) {
            Some(other) => format!("unknown action `{}`", cut(other, 64).escape_debug()),
            None => "an event without an action".to_owned(),
        });
    }
    let Some(target) = target else { return Err("an event without a target".to_owned()) };
    let repository = text(target, &["repository"]).ok_or("an event without a repository")?;
    let repository = RepositoryName::parse(repository).map_err(|error| error.to_string())?;
    let digest = match text(target, &["digest"]) {
        Some(text) => Some(Digest::parse(text).map_err(|error| error.to_string())?),
        None => None,
    };
    let tag = match text(target, &["tag"]) {
        Some(text) => Some(TagName::parse(text).map_err(|error| error.to_string())?),
        None => None,
    };
    let registry = registry.clone();
    if action == "delete" {
        // A tag's deletion has no digest; of one that has both we believe the smaller loss.
        return match (tag, digest) {
            (Some(tag), _) => Ok(ContentEvent::TagDeleted { registry, repository, tag }),
            (None, Some(digest)) => Ok(ContentEvent::Deleted { registry, repository, digest }),
            (None, None) => Err("a deletion of neither tag nor digest".to_owned()),
        };
    }
    let digest = digest.ok_or_else(|| format!("a {action} without a digest"))?;
    let media_type = text(target, &["mediaType"]).map(|text| cut(text, MAX_WORD_BYTES).to_owned());
    let size = number(target, "size").or_else(|| number(target, "length"));
    let method = match text(value, &["request", "method"]) {
        Some(method) if method.eq_ignore_ascii_case("head") => PullMethod::Head,
        _ => PullMethod::Get,
    };
    Ok(match action {
        "mount" => {
            let from = text(target, &["fromRepository"]);
            let from = from.and_then(|from| RepositoryName::parse(from).ok());
            ContentEvent::BlobMounted { registry, repository, digest, from }
        }
        "push" if is_manifest(target, media_type.as_deref()) => {
            let all = target.get("references").and_then(Value::as_array);
            let (references, omitted) = references(all.into_iter().flatten());
            ContentEvent::ManifestPushed {
                registry,
                repository,
                digest,
                tag,
                media_type,
                size,
                references,
                omitted,
            }
        }
        "push" => ContentEvent::BlobPushed { registry, repository, digest, size },
        _ if is_manifest(target, media_type.as_deref()) => {
            ContentEvent::ManifestPulled { registry, repository, digest, tag, media_type, method }
        }
        _ => ContentEvent::BlobPulled { registry, repository, digest, size, method },
    })
}

/// Blobs always carry one media type, and never a tag or references. Without a media type the path
/// in the URL says it: the rest of that URL is the client's own choice.
fn is_manifest(target: &Value, media_type: Option<&str>) -> bool {
    match media_type {
        Some(BLOB) => false,
        Some(_) => true,
        None => {
            text(target, &["tag"]).is_some()
                || target.get("references").and_then(Value::as_array).is_some_and(|r| !r.is_empty())
                || text(target, &["url"]).is_some_and(|url| url.contains("/manifests/"))
        }
    }
}

/// As many references as one fact holds, and what is beyond them.
pub(crate) fn references<'a>(
    all: impl IntoIterator<Item = &'a Value>,
) -> (Vec<Descriptor>, Option<Omitted>) {
    let (mut listed, mut bytes) = (Vec::new(), 0);
    let mut omitted = Omitted { count: 0, bytes: 0 };
    for value in all {
        let size = number(value, "size");
        let descriptor = descriptor(value);
        let cost = descriptor.as_ref().map_or(0, |descriptor| {
            let media_type = descriptor.media_type.as_ref().map_or(0, |t| 2 * t.len());
            media_type + descriptor.digest.as_str().len() + 160
        });
        match descriptor {
            // In order: what follows the first that does not fit is left out too.
            Some(descriptor) if omitted.count == 0 && bytes + cost <= MAX_REFERENCE_BYTES => {
                bytes += cost;
                listed.push(descriptor);
            }
            _ => {
                omitted.count += 1;
                omitted.bytes = omitted.bytes.saturating_add(size.unwrap_or(0));
            }
        }
    }
    (listed, (omitted.count > 0).then_some(omitted))
}

/// A reference of a manifest or of a notification; `None` when it has no digest.
fn descriptor(value: &Value) -> Option<Descriptor> {
    Some(Descriptor {
        media_type: text(value, &["mediaType"]).map(|text| cut(text, MAX_WORD_BYTES).to_owned()),
        digest: Digest::parse(text(value, &["digest"])?).ok()?,
        size: number(value, "size"),
        platform: value.get("platform").and_then(platform),
    })
}

/// `os/architecture[/variant]`.
pub(crate) fn platform(value: &Value) -> Option<String> {
    let part = |name| {
        text(value, &[name])
            .filter(|part| part.len() <= 32 && part.chars().all(|c| c.is_ascii_graphic()))
    };
    let parts = [Some(part("os")?), Some(part("architecture")?), part("variant")];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    let at: Timestamp = text(value, &["timestamp"])?.parse().ok()?;
    (at >= EARLIEST).then_some(at)
}

/// With a port, without, in brackets; anything else is no address.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// A text that is there and not empty.
fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    let found = path.iter().try_fold(value, |value, name| value.get(name))?;
    found.as_str().filter(|text| !text.is_empty())
}

/// A whole number that is there and not zero.
fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name)?.as_u64().filter(|number| *number > 0)
}
