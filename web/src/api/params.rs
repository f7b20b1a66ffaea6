//! Query parameters: each list of them is a struct, which is also their description. What is left
//! over is refused (SR-API-4).

mod typed;

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The most parameters of one request.
const MAX_PARAMETERS: usize = 32;

/// The parameters of one request, with the path that they came with.
pub(super) struct Params {
    pub(super) path: String,
    left: BTreeMap<String, String>,
    taken: BTreeMap<String, String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
            .map_err(|_| ApiError::bad_request("The query is not readable as UTF-8 text"))?;
        if pairs.len() > MAX_PARAMETERS {
            let text = format!("A request has at most {MAX_PARAMETERS} parameters");
            return Err(ApiError::bad_request(text));
        }
        let mut left = BTreeMap::new();
        for (name, value) in pairs {
            // No text of ours holds one, and the database takes none.
            if value.contains('\0') {
                return Err(ApiError::bad_request("A parameter holds no NUL character"));
            }
            if left.insert(name.clone(), value).is_some() {
                return Err(ApiError::bad_request(format!(
                    "The parameter `{}` is given twice",
                    short(&name)
                )));
            }
        }
        // Under a nested router the request's own URI is shortened.
        let uri = parts.extensions.get::<axum::extract::OriginalUri>().map(|uri| uri.path());
        let path = uri.unwrap_or(parts.uri.path()).to_owned();
        Ok(Self { path, left, taken: BTreeMap::new() })
    }
}

impl Params {
    /// The parameters that `T` has fields for. An empty one counts as none.
    pub(super) fn take<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        T::deserialize(typed::Fields(self)).map_err(|err| ApiError::bad_request(err.to_string()))
    }

    /// The last parameters that there may be.
    pub(super) fn only<T: DeserializeOwned>(mut self) -> Result<T, ApiError> {
        let taken = self.take()?;
        self.end()?;
        Ok(taken)
    }

    /// Refuses what nobody has taken.
    pub(super) fn end(&self) -> Result<(), ApiError> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => {
                Err(ApiError::bad_request(format!("There is no parameter `{}` here", short(name))))
            }
        }
    }

    /// What was taken, for links to other pages of the same list.
    pub(super) fn taken(&self) -> &BTreeMap<String, String> {
        &self.taken
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let value = self.left.remove(name)?;
        self.taken.insert(name.to_owned(), value.clone());
        Some(value).filter(|value| !value.is_empty())
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
