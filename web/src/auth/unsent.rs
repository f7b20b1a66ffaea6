//! What somebody typed into a form whose session was over before it was sent: it goes back to them,
//! and never what is secret.

use axum::body::Bytes;
use http::header::ORIGIN;
use http::request::Parts;

use super::csrf::SEC_FETCH_SITE;

/// Fields that people type into. A closed list: what a new form calls a secret is not on it.
pub(crate) const TYPED: [&str; 13] = [
    "description",
    "text",
    "reason",
    "label",
    "name",
    "email",
    "display_name",
    "host",
    "service",
    "url",
    "until",
    "repository",
    "user",
];
/// Fields that people choose, and those that a page fills in without a secret.
pub(crate) const CHOSEN: [&str; 21] = [
    "all",
    "api_read",
    "api_write",
    "days",
    "delete",
    "grant",
    "keys",
    "kind",
    "lang",
    "office",
    "pull",
    "push",
    "registry",
    "role",
    "rows",
    "team",
    "theme",
    "times",
    "visibility",
    "was",
    "zone",
];
/// Fields that people type secrets into: they are asked for anew.
pub(crate) const SECRETS: [&str; 4] = ["password", "old", "new", "secret"];

/// A form that was not carried out.
#[derive(Clone)]
pub struct Unsent {
    /// Where it goes.
    pub(crate) path: String,
    /// What it held of [`TYPED`], in its order.
    pub(crate) typed: Vec<(&'static str, String)>,
    /// What it held of [`CHOSEN`].
    pub(crate) chosen: Vec<(&'static str, String)>,
    /// Which of [`SECRETS`] it held.
    pub(crate) secrets: Vec<&'static str>,
}

impl std::fmt::Debug for Unsent {
    /// Without what people typed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unsent({})", self.path)
    }
}

impl Unsent {
    /// Of a form that a browser says comes from a page of ours; `None` where it does not say so, or
    /// nothing was typed.
    pub(super) fn of(parts: &Parts, body: &Bytes) -> Option<Self> {
        let headers = &parts.headers;
        if !headers.contains_key(SEC_FETCH_SITE) && !headers.contains_key(ORIGIN) {
            return None;
        }
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).ok()?;
        let path = parts.uri.path().to_owned();
        let mut unsent = Self { path, typed: Vec::new(), chosen: Vec::new(), secrets: Vec::new() };
        for (name, value) in fields {
            let known = |all: &[&'static str]| all.iter().copied().find(|known| *known == name);
            if let Some(name) = known(&TYPED) {
                unsent.typed.push((name, value));
            } else if let Some(name) = known(&CHOSEN) {
                unsent.chosen.push((name, value));
            } else if let Some(name) = known(&SECRETS) {
                unsent.secrets.push(name);
            }
        }
        unsent.typed.iter().any(|(_, value)| !value.trim().is_empty()).then_some(unsent)
    }
}
