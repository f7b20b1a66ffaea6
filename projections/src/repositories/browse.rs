//! The list of repositories in any of its orders, with filters, a page at a time.
//!
//! What somebody may see is either little or much. Little is gathered and sorted. Much is walked
//! in its order, by an index of that order, and what may not be seen or is not wanted is left out:
//! there is enough of it that a page is soon full. A walk ends at [`MOST_WALKED`] repositories that
//! may be seen, so that a filter that hardly anything passes costs no more than that; the page then
//! says where to go on. Only what may be seen counts for that, so the place tells of nothing hidden.

mod plan;

use std::fmt;
use std::str::FromStr;

use domain::access::Visible;
use domain::name::{NamespaceName, RegistryName, UserName};
use domain::namespace::Visibility;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;

use self::plan::{Plan, plan};
use super::{RepositoryRow, columns};
use crate::read::{Paging, ReadModels, Rights};

/// How many repositories that may be seen one page looks at, of each visibility, for what fits. More
/// than the longest page shows, or a page that is full would look like the end of the list.
pub const MOST_WALKED: i64 = 2_000;

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Name.
    Name,
    /// Last push; never comes before everything.
    Pushed,
    /// Last pull; never comes before everything.
    Pulled,
    /// Pulls ever.
    Pulls,
    /// Stars.
    Stars,
    /// Live tags.
    Tags,
    /// Bytes.
    Size,
}

impl Sort {
    /// All of them.
    pub const EVERY: [Self; 7] =
        [Self::Name, Self::Pushed, Self::Pulled, Self::Pulls, Self::Stars, Self::Tags, Self::Size];

    /// The word in a link.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Pushed => "pushed",
            Self::Pulled => "pulled",
            Self::Pulls => "pulls",
            Self::Stars => "stars",
            Self::Tags => "tags",
            Self::Size => "size",
        }
    }

    /// One of the words.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|sort| sort.as_str() == word)
    }
}

/// An order: what it goes by, and in which direction. What is equal in it goes by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub sort: Sort,
    /// The greatest, or latest, first.
    pub descending: bool,
}

impl Order {
    /// As people expect it first: names from the beginning, all else from the greatest down.
    #[must_use]
    pub fn by(sort: Sort) -> Self {
        Self { sort, descending: sort != Sort::Name }
    }
}

/// Which repositories are wanted; empty: all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those over which this namespace decides.
    pub namespace: Option<(RegistryName, NamespaceName)>,
    /// Of this visibility.
    pub visibility: Option<Visibility>,
    /// Whose name holds this.
    pub part: Option<String>,
    /// Whose name begins with this.
    pub prefix: Option<String>,
    /// Pushed to at or after.
    pub since: Option<Timestamp>,
    /// Starred by this person, who must be the one who asks: what others like is theirs to tell.
    pub starred_by: Option<UserName>,
}

impl Filter {
    /// Whether a walk in this order may meet what is not wanted.
    fn leaves_out(&self, sort: Sort) -> bool {
        self.namespace.is_some()
            || self.part.is_some()
            || (self.prefix.is_some() && sort != Sort::Name)
            || (self.since.is_some() && sort != Sort::Pushed)
    }
}

/// A place in an order, written `sort key id`, with a minus before the sort of a descending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The order that it is a place in.
    pub order: Order,
    key: Key,
    id: i64,
}

/// Of one kind in one order; no moment comes before every moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Text(String),
    Number(i64),
    At(Option<Timestamp>),
}

impl Cursor {
    fn behind(order: Order, row: &RepositoryRow) -> Self {
        let key = match order.sort {
            Sort::Name => Key::Text(row.name.clone()),
            Sort::Pushed => Key::At(row.last_push_at),
            Sort::Pulled => Key::At(row.last_pull_at),
            Sort::Pulls => Key::Number(row.pulls),
            Sort::Stars => Key::Number(row.stars),
            Sort::Tags => Key::Number(row.tags),
            Sort::Size => Key::Number(row.size),
        };
        Self { order, key, id: row.id }
    }

    /// The place in the order of names behind all of this name.
    pub(super) fn behind_name(name: &str) -> Self {
        Self { order: Order::by(Sort::Name), key: Key::Text(name.replace('\0', "")), id: i64::MAX }
    }

    /// Whether this comes after `other` in their order.
    fn lies_behind(&self, other: &Self) -> bool {
        let up = self.key.cmp(&other.key).then(self.id.cmp(&other.id));
        if self.order.descending { up.is_lt() } else { up.is_gt() }
    }

    /// As the statement reads it.
    fn parameter(&self) -> String {
        match &self.key {
            Key::Text(text) => text.clone(),
            Key::Number(number) => number.to_string(),
            Key::At(None) => "-infinity".to_owned(),
            Key::At(Some(at)) => at.to_string(),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minus = if self.order.descending { "-" } else { "" };
        write!(f, "{minus}{} ", self.order.sort.as_str())?;
        match &self.key {
            Key::Text(text) => f.write_str(text)?,
            Key::Number(number) => write!(f, "{number}")?,
            Key::At(None) => f.write_str("never")?,
            Key::At(Some(at)) => write!(f, "{}", at.as_microsecond())?,
        }
        write!(f, " {}", self.id)
    }
}

/// The text is no place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place in the list is what the link to the next page says")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let [sort, key, id] =
            text.split(' ').collect::<Vec<_>>().try_into().map_err(|_| CursorError)?;
        let (descending, word) = match sort.strip_prefix('-') {
            Some(word) => (true, word),
            None => (false, sort),
        };
        let sort = Sort::parse(word).ok_or(CursorError)?;
        let number = |text: &str| text.parse().map_err(|_| CursorError);
        let key = match sort {
            Sort::Name => Key::Text(plain(key).ok_or(CursorError)?),
            Sort::Pushed | Sort::Pulled if key == "never" => Key::At(None),
            Sort::Pushed | Sort::Pulled => {
                let at = Timestamp::from_microsecond(number(key)?).map_err(|_| CursorError)?;
                Key::At(Some(at))
            }
            Sort::Pulls | Sort::Stars | Sort::Tags | Sort::Size => Key::Number(number(key)?),
        };
        Ok(Self { order: Order { sort, descending }, key, id: number(id)? })
    }
}

/// Postgres has no NUL in text.
fn plain(text: &str) -> Option<String> {
    (!text.contains('\0')).then(|| text.to_owned())
}

/// Part of the list.
#[derive(Debug, Clone)]
pub struct Slice {
    /// In order.
    pub rows: Vec<RepositoryRow>,
    /// Behind which the list goes on; `None`: it has ended.
    pub next: Option<Cursor>,
    /// It ends here only because it has looked at [`MOST_WALKED`]: more may fit.
    pub cut: bool,
}

/// What may be seen: as `Rights` are bound to `$1` to `$6`.
macro_rules! may_see {
    () => {
        "($1 OR r.visibility = ANY($2)
            OR (r.registry, r.namespace) IN (SELECT * FROM unnest($3::text[], $4::text[]))
            OR (r.registry, r.name) IN (SELECT * FROM unnest($5::text[], $6::text[])))"
    };
}

/// What is wanted.
macro_rules! fits {
    () => {
        "(($11::text IS NULL OR starts_with(r.name, $11))
            AND ($12::timestamptz IS NULL OR r.last_push_at >= $12)
            AND ($14::text IS NULL OR (r.registry = $14 AND r.namespace = $15))
            AND ($16::text IS NULL OR r.visibility = $16)
            AND ($17::text IS NULL OR strpos(r.name, $17) > 0))"
    };
}

/// One visibility of those in `$7` in its order; all of it may be seen if it is among `$8`.
macro_rules! walk {
    ($key:literal, $type:literal, $direction:literal, $beyond:literal, $within:literal) => {
        concat!(
            "SELECT r.registry, r.name, r.id, r.namespace, r.visibility, r.last_push_at, ",
            $key,
            " AS key FROM repositories r
            WHERE r.id IS NOT NULL AND r.visibility = class.visibility
              AND (class.visibility = ANY($8) OR ",
            may_see!(),
            ") AND ($9::text IS NULL OR (",
            $key,
            ", r.id) ",
            $beyond,
            " ($9::text",
            $type,
            ", $10::bigint)) ",
            $within,
            " ORDER BY ",
            $key,
            $direction,
            ", r.id",
            $direction
        )
    };
}

macro_rules! show {
    () => {
        " JOIN repositories r ON r.registry = page.registry AND r.name = page.name
        LEFT JOIN content_namespaces n ON n.registry = r.registry AND n.name = r.namespace
        LEFT JOIN repository_descriptions d
          ON d.registry = r.registry AND d.repository = r.name"
    };
}

/// The page of one order: a walk, together with what is gathered of the namespaces `$18`, `$19` and
/// repositories `$20`, `$21` as far as they are of the visibilities `$22`. What lies inside an
/// order, its beginning, say, is left to the index by `$within`.
macro_rules! page {
    ($key:literal, $type:literal, $direction:literal, $beyond:literal, $within:literal) => {
        concat!(
            "WITH page AS (
              SELECT * FROM (
                SELECT w.* FROM unnest($7::text[]) AS class(visibility)
                CROSS JOIN LATERAL (SELECT * FROM (",
            walk!($key, $type, $direction, $beyond, $within),
            " LIMIT 2000) AS r WHERE ",
            fits!(),
            " ORDER BY r.key",
            $direction,
            ", r.id",
            $direction,
            " LIMIT $13) AS w
                UNION ALL
                SELECT r.registry, r.name, r.id, r.namespace, r.visibility, r.last_push_at, ",
            $key,
            " AS key
                FROM (
                  SELECT r.* FROM unnest($18::text[], $19::text[]) AS wanted(registry, namespace)
                    CROSS JOIN LATERAL (SELECT * FROM repositories r
                      WHERE r.registry = wanted.registry AND r.namespace = wanted.namespace
                      OFFSET 0) AS r
                  UNION ALL
                  SELECT r.* FROM unnest($20::text[], $21::text[]) AS wanted(registry, name)
                    CROSS JOIN LATERAL (SELECT * FROM repositories r
                      WHERE r.registry = wanted.registry AND r.name = wanted.name
                      OFFSET 0) AS r
                    WHERE ((r.registry, r.namespace)
                      IN (SELECT * FROM unnest($18::text[], $19::text[]))) IS NOT TRUE
                ) AS r
                WHERE r.id IS NOT NULL AND r.visibility = ANY($22) AND ",
            may_see!(),
            " AND ",
            fits!(),
            " AND ($9::text IS NULL OR (",
            $key,
            ", r.id) ",
            $beyond,
            " ($9::text",
            $type,
            ", $10::bigint))
              ) AS all_of_it
              ORDER BY key",
            $direction,
            ", id",
            $direction,
            " LIMIT $13
            )
            SELECT ",
            columns!(),
            " FROM page",
            show!(),
            " ORDER BY page.key",
            $direction,
            ", page.id",
            $direction
        )
    };
}

/// Where the first walk ends of those that have gone as far as they may.
macro_rules! end {
    ($key:literal, $type:literal, $direction:literal, $beyond:literal, $within:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", $11::text AS prefix, $12::timestamptz AS since FROM (
              SELECT w.* FROM unnest($7::text[]) AS class(visibility) CROSS JOIN LATERAL (",
            walk!($key, $type, $direction, $beyond, $within),
            " OFFSET 1999 LIMIT 1) AS w ORDER BY w.key",
            $direction,
            ", w.id",
            $direction,
            " LIMIT 1) AS page",
            show!()
        )
    };
}

/// Upwards and downwards, each with its end.
macro_rules! both {
    ($key:literal, $type:literal, $within:literal) => {
        [
            [page!($key, $type, "", ">", $within), end!($key, $type, "", ">", $within)],
            [page!($key, $type, " DESC", "<", $within), end!($key, $type, " DESC", "<", $within)],
        ]
    };
}

// U+10FFFF is behind all names that begin alike.
const BY_NAME: [[&str; 2]; 2] = both!(
    "r.name",
    "",
    "AND ($11::text IS NULL OR (r.name >= $11 AND r.name < $11 || U&'\\+10FFFF'))"
);
const BY_PUSHED: [[&str; 2]; 2] = both!(
    "coalesce(r.last_push_at, '-infinity'::timestamptz)",
    "::timestamptz",
    "AND ($12::timestamptz IS NULL OR coalesce(r.last_push_at, '-infinity'::timestamptz) >= $12)"
);
const BY_PULLED: [[&str; 2]; 2] =
    both!("coalesce(r.last_pull_at, '-infinity'::timestamptz)", "::timestamptz", "");
const BY_PULLS: [[&str; 2]; 2] = both!("r.pulls", "::bigint", "");
const BY_STARS: [[&str; 2]; 2] = both!("r.stars", "::bigint", "");
const BY_TAGS: [[&str; 2]; 2] = both!("r.tags", "::bigint", "");
const BY_SIZE: [[&str; 2]; 2] = both!("r.size", "::bigint", "");

pub(crate) const STATEMENTS: [&[&str]; 15] = [
    &BY_NAME[0],
    &BY_NAME[1],
    &BY_PUSHED[0],
    &BY_PUSHED[1],
    &BY_PULLED[0],
    &BY_PULLED[1],
    &BY_PULLS[0],
    &BY_PULLS[1],
    &BY_STARS[0],
    &BY_STARS[1],
    &BY_TAGS[0],
    &BY_TAGS[1],
    &BY_SIZE[0],
    &BY_SIZE[1],
    plan::STATEMENTS,
];

/// The statements of a page, and of the end of its walk.
fn statements(order: Order) -> [&'static str; 2] {
    let [up, down] = match order.sort {
        Sort::Name => BY_NAME,
        Sort::Pushed => BY_PUSHED,
        Sort::Pulled => BY_PULLED,
        Sort::Pulls => BY_PULLS,
        Sort::Stars => BY_STARS,
        Sort::Tags => BY_TAGS,
        Sort::Size => BY_SIZE,
    };
    if order.descending { down } else { up }
}

/// The repositories that may be seen and are wanted, in `order`: up to `limit` behind `after`,
/// which must be a place in that order, or it is left out.
///
/// # Errors
///
/// The database's.
pub async fn browse(
    read: &ReadModels,
    visible: &Visible,
    filter: &Filter,
    order: Order,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Slice, sqlx::Error> {
    let Some(Plan { walk, gather }) = plan(read, visible, filter).await? else {
        return Ok(Slice { rows: Vec::new(), next: None, cut: false });
    };
    let after = after.filter(|after| after.order == order);
    let limit = Paging::<()>::first(limit).limit();
    let namespace = filter.namespace.as_ref();
    let [page, end] = statements(order);
    let asked = Asked { visible, filter, walk: &walk, after };
    let mut rows: Vec<RepositoryRow> = asked
        .bind(sqlx::query_as(page))
        .bind(limit + 1)
        .bind(namespace.map(|(registry, _)| registry.as_str()))
        .bind(namespace.map(|(_, name)| name.as_str()))
        .bind(filter.visibility.map(Visibility::as_str))
        .bind(&filter.part)
        .bind(gather.namespaces.0)
        .bind(gather.namespaces.1)
        .bind(gather.repositories.0)
        .bind(gather.repositories.1)
        .bind(gather.visibilities)
        .fetch_all(read.pool())
        .await?;
    // Behind the end of one walk, what others have found is not all there is.
    let mut end_of_walk = None;
    if !walk.is_empty() && filter.leaves_out(order.sort) {
        let end: Option<RepositoryRow> =
            asked.bind(sqlx::query_as(end)).fetch_optional(read.pool()).await?;
        end_of_walk = end.map(|end| Cursor::behind(order, &end));
    }
    if let Some(end) = &end_of_walk {
        rows.retain(|row| !Cursor::behind(order, row).lies_behind(end));
    }
    let shown = usize::try_from(limit).unwrap_or(0);
    if rows.len() > shown {
        rows.truncate(shown);
        let next = rows.last().map(|row| Cursor::behind(order, row));
        return Ok(Slice { rows, next, cut: false });
    }
    Ok(Slice { rows, cut: end_of_walk.is_some(), next: end_of_walk })
}

/// What every statement of a page is asked with.
struct Asked<'a> {
    visible: &'a Visible,
    filter: &'a Filter,
    walk: &'a [(&'static str, bool)],
    after: Option<&'a Cursor>,
}

type Query<'q> =
    sqlx::query::QueryAs<'q, sqlx::Postgres, RepositoryRow, sqlx::postgres::PgArguments>;

impl Asked<'_> {
    /// `$1` to `$12`.
    fn bind<'q>(&'q self, query: Query<'q>) -> Query<'q> {
        let rights = Rights::of(self.visible);
        let whole = self.walk.iter().filter(|(_, whole)| *whole);
        query
            .bind(rights.everything)
            .bind(rights.visibilities)
            .bind(rights.namespaces.0)
            .bind(rights.namespaces.1)
            .bind(rights.repositories.0)
            .bind(rights.repositories.1)
            .bind(self.walk.iter().map(|(class, _)| *class).collect::<Vec<_>>())
            .bind(whole.map(|(class, _)| *class).collect::<Vec<_>>())
            .bind(self.after.map(Cursor::parameter))
            .bind(self.after.map(|after| after.id))
            .bind(&self.filter.prefix)
            .bind(self.filter.since.map(ToSqlx::to_sqlx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in [
            "name team/app 7",
            "-name team/app 7",
            "-pushed 1700000000000001 7",
            "pulled never 7",
            "-pulls 12 7",
            "-stars 0 7",
            "tags 5 7",
            "-size -1 7",
        ] {
            let place: Cursor = text.parse().unwrap();
            assert_eq!(place.to_string(), text);
        }
        for wrong in [
            "",
            "name",
            "name a",
            "name a x",
            "name a 1 2",
            "nothing 1 2",
            "pulls x 1",
            "--pulls 1 2",
            "pushed 9999999999999999999 1",
            "name a\0 1",
        ] {
            assert_eq!(wrong.parse::<Cursor>(), Err(CursorError), "{wrong:?}");
        }
    }

    #[test]
    fn the_statements_walk_as_far_as_said() {
        for sort in Sort::EVERY {
            let [page, end] = statements(Order::by(sort));
            assert!(page.contains(&format!("LIMIT {MOST_WALKED}) AS r")));
            assert!(end.contains(&format!("OFFSET {} LIMIT 1", MOST_WALKED - 1)));
        }
    }
}
