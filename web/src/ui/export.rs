//! The feed as a table for spreadsheets: what one may see, written as it is read.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use projections::activity::{self, ActivityRow, Cursor, Filter, Viewer};

use super::UiState;
use super::activity::{Asked, filter, until, viewer};
use super::past;
use super::visitor::Member;
use crate::error::PageError;

/// The most rows of one table.
pub(super) const MAX_ROWS: i64 = 50_000;
/// Rows read at once: as many are in memory, however many follow.
const ROWS_AT_ONCE: i64 = 1_000;

const COLUMNS: [&str; 16] = [
    "position",
    "recorded_at",
    "occurred_at",
    "outcome",
    "actor_kind",
    "actor",
    "type",
    "registry",
    "namespace",
    "repository",
    "tag",
    "digest",
    "team",
    "user",
    "rule",
    "event_id",
];

/// `GET /activity/export`, with the filters of the feed.
pub(super) async fn download(
    State(ui): State<UiState>,
    Member(mut visitor): Member,
) -> Result<Response, PageError> {
    let past = past::asked(&ui, &mut visitor).await?;
    let asked = Asked::of(&visitor.params);
    let (filter, before) = filter(&visitor.frame.reader, &asked)
        .map_err(|text| PageError::new(StatusCode::UNPROCESSABLE_ENTITY, move |_| text.clone()))?;
    let source = Source {
        filter,
        viewer: viewer(&visitor),
        before: until(past, before),
        left: MAX_ROWS,
        read: ui.read.clone(),
    };
    let first = line(COLUMNS.map(str::to_owned));
    let pages = stream::try_unfold(Some(source), |source| async move {
        let Some(mut source) = source else { return Ok(None) };
        let text = source.page().await?;
        let next = (source.left > 0).then_some(source);
        Ok::<_, sqlx::Error>(Some((text, next)))
    });
    let begin = stream::iter([Ok(first)]);
    let body = Body::from_stream(futures_util::StreamExt::chain(begin, pages));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let name = HeaderValue::from_static("attachment; filename=\"portus-activity.csv\"");
    headers.insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Where the rows come from. Rights are those of the request.
struct Source {
    filter: Filter,
    viewer: Viewer,
    before: Option<Cursor>,
    left: i64,
    read: projections::ReadModels,
}

impl Source {
    /// The next rows; there are none behind them when `left` is zero.
    async fn page(&mut self) -> Result<Vec<u8>, sqlx::Error> {
        let limit = self.left.min(ROWS_AT_ONCE);
        let page = activity::page(&self.read, &self.filter, &self.viewer, self.before, limit);
        let activity::Slice { rows, older, .. } = page.await?;
        let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.left = if older.is_none() { 0 } else { self.left - found };
        self.before = older;
        Ok(rows.iter().flat_map(|row| line(cells(row))).collect())
    }
}

fn cells(row: &ActivityRow) -> [String; 16] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        row.cursor().to_string(),
        row.recorded_at.to_string(),
        row.occurred_at.to_string(),
        row.outcome.clone(),
        row.actor_kind.clone(),
        row.actor.clone(),
        row.kind.clone(),
        text(&row.registry),
        text(&row.namespace),
        text(&row.repository),
        text(&row.tag),
        text(&row.digest),
        text(&row.team),
        text(&row.user_name),
        text(&row.rule),
        row.event_id.to_string(),
    ]
}

/// One line (RFC 4180).
fn line(cells: [String; 16]) -> Vec<u8> {
    let mut line = String::new();
    for (number, cell) in cells.iter().enumerate() {
        if number > 0 {
            line.push(',');
        }
        line.push('"');
        line.push_str(defuse(cell));
        line.push_str(&cell.replace('"', "\"\""));
        line.push('"');
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// A spreadsheet takes a cell that begins like this for a formula, and runs it (SR-WEB-9); an
/// apostrophe before it says that it is text.
fn defuse(cell: &str) -> &'static str {
    let first = cell.trim_start_matches([' ', '\u{feff}', '\u{a0}']).chars().next();
    let formula = ['=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠'];
    if first.is_some_and(|first| formula.contains(&first)) { "\'" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cell: &str) -> String {
        let mut cells = [const { String::new() }; 16];
        cells[0] = cell.to_owned();
        let line = String::from_utf8(line(cells)).unwrap();
        line.strip_suffix(&(",\"\"".repeat(15) + "\r\n")).unwrap().to_owned()
    }

    #[test]
    fn no_cell_is_a_formula() {
        for bad in
            ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1", "|x", "\u{feff}=1"]
        {
            assert!(shown(bad).starts_with("\"'"), "{bad:?}");
        }
        for good in ["team/app", "1.0", "a=b", "", "alice"] {
            assert_eq!(shown(good), format!("\"{good}\""));
        }
    }

    #[test]
    fn no_cell_ends_before_its_end() {
        assert_eq!(shown("a\",b\r\n\"c"), "\"a\"\",b\r\n\"\"c\"");
    }
}
