//! Lists come in pages, and say so in the original's headers.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::LINK;
use http::{HeaderMap, HeaderName, HeaderValue};
use projections::{By, MAX_COUNT, Order, Paging};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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

/// What every list in pages takes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// Which page, from 1. No page ends beyond row 100,000: narrow the list instead.
    #[param(minimum = 1, maximum = 100_000, default = 1)]
    page: Option<i64>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 100, default = 15)]
    per_page: Option<i64>,
    /// The original's way to ask for everything at once. Lists come in pages: `true` is refused.
    #[param(default = false)]
    all: Option<bool>,
}

/// How to sort a list that has one order only.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ByName {
    /// What to sort by. This list is always sorted by name; `id` is taken for old scripts' sake.
    #[param(inline)]
    #[allow(dead_code)] // being readable is all that is asked of it
    sort_attr: Option<Name>,
    /// Upwards or downwards.
    #[param(inline)]
    #[allow(dead_code)]
    sort_order: Option<Upwards>,
}

/// How to sort a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Sorted {
    /// What to sort by: by name unless given. `id` and `created_at` are the same order.
    #[param(inline)]
    sort_attr: Option<Attribute>,
    /// Upwards unless given.
    #[param(inline)]
    sort_order: Option<Direction>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Attribute {
    Name,
    Id,
    CreatedAt,
}

/// Upwards or downwards.
#[derive(Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    Asc,
    Desc,
}

impl From<Sorted> for Order {
    fn from(asked: Sorted) -> Self {
        let by = match asked.sort_attr {
            None | Some(Attribute::Name) => By::Name,
            Some(Attribute::Id | Attribute::CreatedAt) => By::Id,
        };
        Self { by, descending: asked.sort_order == Some(Direction::Desc) }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Name {
    Name,
    Id,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Upwards {
    Asc,
}

impl Page {
    /// Takes `page`, `per_page` and `all`.
    pub(super) fn of(params: &mut Params) -> Result<Self, ApiError> {
        let asked: PageParams = params.take()?;
        if asked.all == Some(true) {
            return Err(ApiError::bad_request(format!(
                "Lists come in pages: ask for `per_page` up to {MAX_PER_PAGE}, and follow the \
                 Link header"
            )));
        }
        let page = asked.page.unwrap_or(1);
        let per_page = rows(asked.per_page)?;
        if page < 1 || page.checked_mul(per_page).is_none_or(|end| end > MAX_OFFSET) {
            return Err(ApiError::bad_request(format!(
                "`page` begins at 1, and no page ends beyond row {MAX_OFFSET}"
            )));
        }
        Ok(Self { page, per_page })
    }

    /// The same of a list that is sorted by name, upwards, and in no other way.
    pub(super) fn by_name(params: &mut Params) -> Result<Self, ApiError> {
        let page = Self::of(params)?;
        params.take::<ByName>()?;
        Ok(page)
    }

    /// How many rows, of a list that goes on behind its last one and has no numbered pages.
    pub(super) fn first(self, what: &str) -> Result<i64, ApiError> {
        if self.page == 1 {
            return Ok(self.per_page);
        }
        let text = format!("`page` is only 1 here: {what} goes on where the Link header leads");
        Err(ApiError::bad_request(text))
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
        let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= self.per_page;
        let mut response = Json(rows).into_response();
        self.decorate(response.headers_mut(), total, full, params, external);
        response
    }

    fn decorate(
        self,
        headers: &mut HeaderMap,
        total: i64,
        full: bool,
        params: &Params,
        external: &External,
    ) {
        let last = ((total + self.per_page - 1) / self.per_page).max(1);
        // Behind what is counted, a full page has a next one.
        let beyond = total >= MAX_COUNT && full && (self.page + 1) * self.per_page <= MAX_OFFSET;
        let next = (self.page < last || beyond).then_some(self.page + 1);
        let last = last.max(self.page.min(next.unwrap_or(last)));
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

/// How many rows somebody wants who asks for `per_page`.
pub(super) fn rows(per_page: Option<i64>) -> Result<i64, ApiError> {
    match per_page.unwrap_or(DEFAULT_PER_PAGE) {
        rows if (1..=MAX_PER_PAGE).contains(&rows) => Ok(rows),
        _ => Err(ApiError::bad_request(format!("`per_page` is 1 to {MAX_PER_PAGE}"))),
    }
}

/// The answer of a list that goes on behind its last row, not at a number: a full page links to the
/// next, which is the same question with this parameter.
pub(super) fn onward<T: Serialize>(
    rows: Vec<T>,
    limit: i64,
    (name, last): (&str, Option<String>),
    params: &Params,
    external: &External,
) -> Response {
    let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= limit;
    led_on(rows, (name, last.filter(|_| full)), params, external)
}

/// The same of a list that knows itself where it goes on.
pub(super) fn led_on<T: Serialize>(
    rows: Vec<T>,
    (name, next): (&str, Option<String>),
    params: &Params,
    external: &External,
) -> Response {
    let mut response = Json(rows).into_response();
    if let Some(next) = next {
        let mut query = params.taken().clone();
        query.insert(name.to_owned(), next);
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        let link = format!("<{}{}?{query}>; rel=\"next\"", external.origin(), params.path);
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(LINK, link);
        }
    }
    response
}

/// Draws a page's rows, one after the other: a list takes no more of the database at once than one
/// row does.
pub(super) async fn in_turn<F, T>(rows: impl Iterator<Item = F>) -> Result<Vec<T>, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    let mut drawn = Vec::new();
    for row in rows {
        drawn.push(row.await?);
    }
    Ok(drawn)
}
