//! Lists come in pages, and say so in the original's headers.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::LINK;
use http::{HeaderMap, HeaderName, HeaderValue};
use projections::Paging;
use serde::Serialize;
use serde_json::Value;

use super::params::Params;
use crate::auth::External;
use crate::error::ApiError;

/// Rows of a page when nothing else is asked for.
pub const DEFAULT_PER_PAGE: i64 = 15;
/// The most rows of a page.
pub const MAX_PER_PAGE: i64 = 100;
/// The most rows before a page: beyond it the database would count for too long.
pub const MAX_OFFSET: i64 = 100_000;

/// Which page of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    page: i64,
    per_page: i64,
}

impl Page {
    /// Takes `page`, `per_page`, `all`, `sort_attr` and `sort_order`, which all lists have. Lists
    /// are sorted by name, upwards: no other order is served.
    pub(super) fn of(params: &mut Params) -> Result<Self, ApiError> {
        if params.parse::<bool>("all")? == Some(true) {
            return Err(ApiError::bad_request(format!(
                "Lists come in pages: ask for `per_page` up to {MAX_PER_PAGE}, and follow the \
                 Link header"
            )));
        }
        for (name, known) in [("sort_attr", ["name", "id"].as_slice()), ("sort_order", &["asc"])] {
            if let Some(text) = params.text(name)
                && !known.contains(&text.as_str())
            {
                let known = known.join("` or `");
                return Err(ApiError::bad_request(format!("`{name}` can only be `{known}`")));
            }
        }
        let page: i64 = params.parse("page")?.unwrap_or(1);
        let per_page: i64 = params.parse("per_page")?.unwrap_or(DEFAULT_PER_PAGE);
        if !(1..=MAX_PER_PAGE).contains(&per_page) {
            return Err(ApiError::bad_request(format!("`per_page` is 1 to {MAX_PER_PAGE}")));
        }
        if page < 1 || page.checked_mul(per_page).is_none_or(|end| end > MAX_OFFSET) {
            return Err(ApiError::bad_request(format!(
                "`page` begins at 1, and no page ends beyond row {MAX_OFFSET}"
            )));
        }
        Ok(Self { page, per_page })
    }

    pub(super) fn rows<Key>(self) -> Paging<Key> {
        Paging { after: None, offset: (self.page - 1) * self.per_page, limit: self.per_page }
    }

    /// The list's answer. `total` is what the caller may see, never more.
    pub(super) fn answer<T: Serialize>(
        self,
        rows: Vec<T>,
        total: i64,
        params: &Params,
        external: &External,
    ) -> Response {
        let mut response = Json(rows).into_response();
        self.decorate(response.headers_mut(), total, params, external);
        response
    }

    fn decorate(self, headers: &mut HeaderMap, total: i64, params: &Params, external: &External) {
        let last = ((total + self.per_page - 1) / self.per_page).max(1);
        let next = (self.page < last).then_some(self.page + 1);
        let previous = (self.page > 1).then(|| (self.page - 1).min(last));
        let numbers = [
            ("x-total", Some(total)),
            ("x-total-pages", Some(last)),
            ("x-page", Some(self.page)),
            ("x-per-page", Some(self.per_page)),
            ("x-next-page", next),
            ("x-prev-page", previous),
        ];
        for (name, number) in numbers {
            let value = number.map_or(HeaderValue::from_static(""), HeaderValue::from);
            headers.insert(HeaderName::from_static(name), value);
        }
        let links = [("first", Some(1)), ("prev", previous), ("next", next), ("last", Some(last))];
        let links: Vec<_> = links
            .into_iter()
            .filter_map(|(rel, page)| Some((rel, self.link(page?, params, external)?)))
            .map(|(rel, link)| format!("<{link}>; rel=\"{rel}\""))
            .collect();
        if let Ok(value) = HeaderValue::from_str(&links.join(", ")) {
            headers.insert(LINK, value);
        }
    }

    fn link(self, page: i64, params: &Params, external: &External) -> Option<String> {
        let mut query = params.taken().clone();
        query.insert("page".to_owned(), page.to_string());
        query.insert("per_page".to_owned(), self.per_page.to_string());
        let query = serde_urlencoded::to_string(query).ok()?;
        Some(format!("{}{}?{query}", external.origin(), params.path))
    }
}

/// Draws a page's rows, one after the other: a list takes no more of the database at once than one
/// row does.
pub(super) async fn in_turn<F>(rows: impl Iterator<Item = F>) -> Result<Vec<Value>, ApiError>
where
    F: Future<Output = Result<Value, ApiError>>,
{
    let mut drawn = Vec::new();
    for row in rows {
        drawn.push(row.await?);
    }
    Ok(drawn)
}
