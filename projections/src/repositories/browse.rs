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
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};

use self::plan::{Gather, plan};
use super::{RepositoryRow, columns};
use crate::read::{Paging, ReadModels};

/// How many repositories that may be seen one page looks at, of each visibility, for what fits. More
/// than the longest page shows, or a page that is full would look like the end of the list.
pub const MOST_WALKED: i64 = 1_200;

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

/// A place in an order, written `sort key id`, with a minus before the sort of a descending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The order that it is a place in.
    pub order: Order,
    key: Key,
    id: i64,
}

/// Of one kind in one order; no moment comes before every moment.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// What may be seen: as `Keys` are bound to `$1` to `$4`. In this form Postgres hashes the keys once
/// and looks nothing up in the table: all it asks for is in the indexes that are walked.
macro_rules! may_see {
    () => {
        "($1 OR CASE WHEN r.visibility = ANY($2) THEN true
            WHEN r.registry || '/' || r.namespace = ANY($3::text[]) THEN true
            ELSE r.registry || '/' || r.name = ANY($4::text[]) END)"
    };
}

/// What is wanted.
macro_rules! fits {
    () => {
        "(($7::text IS NULL OR starts_with(r.name, $7))
            AND ($8::timestamptz IS NULL OR r.last_push_at >= $8)
            AND ($10::text IS NULL OR (r.registry = $10 AND r.namespace = $11))
            AND ($12::text IS NULL OR strpos(r.name, $12) > 0))"
    };
}

/// One visibility of those in `$13` in its order; all of it may be seen if it is among `$14`.
macro_rules! walk {
    ($key:literal, $direction:literal, $within:expr) => {
        concat!(
            "SELECT r.registry, r.name, r.id, r.namespace, r.last_push_at, ",
            $key,
            " AS key FROM repositories r
            WHERE r.id IS NOT NULL AND r.visibility = class.visibility
              AND (class.visibility = ANY($14) OR ",
            may_see!(),
            ") ",
            $within,
            " ORDER BY ",
            $key,
            $direction,
            ", r.id",
            $direction
        )
    };
}

/// What is gathered of these namespaces and these repositories, registries and names of each, as far
/// as they are of these visibilities.
macro_rules! gathered {
    ($spaces:literal, $repositories:literal, $visibilities:literal) => {
        concat!(
            "(
              SELECT r.* FROM unnest(",
            $spaces,
            ") AS wanted(registry, namespace)
                CROSS JOIN LATERAL (SELECT * FROM repositories r
                  WHERE r.registry = wanted.registry AND r.namespace = wanted.namespace
                  OFFSET 0) AS r
              UNION ALL
              SELECT r.* FROM unnest(",
            $repositories,
            ") AS wanted(registry, name)
                CROSS JOIN LATERAL (SELECT * FROM repositories r
                  WHERE r.registry = wanted.registry AND r.name = wanted.name
                  OFFSET 0) AS r
                WHERE ((r.registry, r.namespace)
                  IN (SELECT * FROM unnest(",
            $spaces,
            "))) IS NOT TRUE
            ) AS r
            WHERE r.id IS NOT NULL AND r.visibility = ANY(",
            $visibilities,
            ") AND "
        )
    };
}

/// What walks find. That its rows are counted in their order tells Postgres that they come in it, so
/// that a page that is full ends the walk. What lies inside an order, its beginning, say, is left to
/// the index by `$within`. Where a walk has gone as far as it may, its last row is there too, whether
/// it is wanted or not.
macro_rules! walked {
    ($key:literal, $direction:literal, $within:expr) => {
        concat!(
            "SELECT w.* FROM unnest($13::text[]) AS class(visibility)
                CROSS JOIN LATERAL (
                  SELECT r.id, r.key, r.fits, r.looked = 1200 AS is_end FROM (
                    SELECT r.*, ",
            fits!(),
            " AS fits, row_number() OVER (ORDER BY r.key",
            $direction,
            ", r.id",
            $direction,
            ") AS looked FROM (",
            walk!($key, $direction, $within),
            " LIMIT 1200) AS r) AS r
                  WHERE r.fits OR r.looked = 1200
                  ORDER BY r.key",
            $direction,
            ", r.id",
            $direction,
            " LIMIT $9) AS w"
        )
    };
}

/// What `$13` starred, as far as it is of the visibilities in `$14`.
macro_rules! starred {
    () => {
        "stars s CROSS JOIN LATERAL (SELECT * FROM repositories r
              WHERE r.registry = s.registry AND r.name = s.repository OFFSET 0) AS r
            WHERE s.user_name = $13::text
              AND r.id IS NOT NULL AND r.visibility = ANY($14::text[]) AND "
    };
}

/// What of these may be seen and is wanted.
macro_rules! picked {
    ($key:literal, $within:expr, $from:expr) => {
        concat!(
            "SELECT r.id, ",
            $key,
            " AS key, true AS fits, false AS is_end FROM ",
            $from,
            may_see!(),
            " AND ",
            fits!(),
            $within
        )
    };
}

/// The page of what was found.
macro_rules! page {
    ($direction:literal, $found:expr) => {
        concat!(
            "WITH page AS (
              SELECT * FROM (",
            $found,
            ") AS found
              ORDER BY key",
            $direction,
            ", id",
            $direction,
            " LIMIT $9
            )
            SELECT ",
            columns!(),
            ", page.fits, page.is_end FROM page
            CROSS JOIN LATERAL (SELECT * FROM repositories r WHERE r.id = page.id OFFSET 0) AS r
            LEFT JOIN content_namespaces n ON n.registry = r.registry AND n.name = r.namespace
            LEFT JOIN repository_descriptions d
              ON d.registry = r.registry AND d.repository = r.name
            ORDER BY page.key",
            $direction,
            ", page.id",
            $direction
        )
    };
}

/// One order: walked, gathered, both, and starred. What a page does not do, Postgres need not plan.
macro_rules! ways {
    ($key:literal, $direction:literal, $within:expr) => {
        [
            page!($direction, walked!($key, $direction, $within)),
            page!(
                $direction,
                picked!(
                    $key,
                    $within,
                    gathered!(
                        "$13::text[], $14::text[]",
                        "$15::text[], $16::text[]",
                        "$17::text[]"
                    )
                )
            ),
            page!(
                $direction,
                concat!(
                    walked!($key, $direction, $within),
                    " UNION ALL ",
                    picked!(
                        $key,
                        $within,
                        gathered!(
                            "$15::text[], $16::text[]",
                            "$17::text[], $18::text[]",
                            "$19::text[]"
                        )
                    )
                )
            ),
            page!($direction, picked!($key, $within, starred!())),
        ]
    };
}

/// Behind `$5`, `$6`, upwards and downwards.
macro_rules! both {
    ($key:literal, $type:literal, $within:literal) => {
        [
            ways!(
                $key,
                "",
                concat!(
                    " AND ($5::text IS NULL OR (",
                    $key,
                    ", r.id) > ($5::text",
                    $type,
                    ", $6::bigint)) ",
                    $within
                )
            ),
            ways!(
                $key,
                " DESC",
                concat!(
                    " AND ($5::text IS NULL OR (",
                    $key,
                    ", r.id) < ($5::text",
                    $type,
                    ", $6::bigint)) ",
                    $within
                )
            ),
        ]
    };
}

/// Of one order, upwards and downwards.
type Both = [[&'static str; 4]; 2];

// U+10FFFF is behind all names that begin alike.
const BY_NAME: Both = both!(
    "r.name",
    "",
    "AND ($7::text IS NULL OR (r.name >= $7 AND r.name < $7 || U&'\\+10FFFF'))"
);
const BY_PUSHED: Both = both!(
    "coalesce(r.last_push_at, '-infinity'::timestamptz)",
    "::timestamptz",
    "AND ($8::timestamptz IS NULL OR coalesce(r.last_push_at, '-infinity'::timestamptz) >= $8)"
);
const BY_PULLED: Both =
    both!("coalesce(r.last_pull_at, '-infinity'::timestamptz)", "::timestamptz", "");
const BY_PULLS: Both = both!("r.pulls", "::bigint", "");
const BY_STARS: Both = both!("r.stars", "::bigint", "");
const BY_TAGS: Both = both!("r.tags", "::bigint", "");
const BY_SIZE: Both = both!("r.size", "::bigint", "");

/// Binds `$1` to `$4`.
macro_rules! bind_keys {
    ($query:expr, $keys:expr) => {{
        let keys = $keys;
        $query
            .bind(keys.everything)
            .bind(keys.visibilities)
            .bind(keys.namespaces)
            .bind(keys.repositories)
    }};
}

/// Binds which visibilities are walked, and which of them may be seen as a whole.
macro_rules! bind_walk {
    ($query:expr, $walk:expr) => {{
        let whole = $walk.iter().filter(|(_, whole)| *whole).map(|(class, _)| *class);
        $query
            .bind($walk.iter().map(|(class, _)| *class).collect::<Vec<_>>())
            .bind(whole.collect::<Vec<_>>())
    }};
}

/// Binds what is gathered.
macro_rules! bind_gather {
    ($query:expr, $gather:expr) => {
        $query
            .bind($gather.namespaces.0)
            .bind($gather.namespaces.1)
            .bind($gather.repositories.0)
            .bind($gather.repositories.1)
            .bind($gather.visibilities)
    };
}

/// How many may be seen, up to [`crate::MAX_COUNT`].
const COUNT: &str = concat!(
    "SELECT count(*) FROM (
      SELECT 1 FROM unnest($5::text[]) AS class(visibility)
      CROSS JOIN LATERAL (SELECT FROM repositories r
        WHERE r.id IS NOT NULL AND r.visibility = class.visibility
          AND (class.visibility = ANY($6) OR ",
    may_see!(),
    ") LIMIT 10000) AS walked
      UNION ALL
      SELECT 1 FROM ",
    gathered!("$7::text[], $8::text[]", "$9::text[], $10::text[]", "$11::text[]"),
    may_see!(),
    " LIMIT 10000) AS counted"
);

pub(crate) const STATEMENTS: [&[&str]; 9] = [
    BY_NAME.as_flattened(),
    BY_PUSHED.as_flattened(),
    BY_PULLED.as_flattened(),
    BY_PULLS.as_flattened(),
    BY_STARS.as_flattened(),
    BY_TAGS.as_flattened(),
    BY_SIZE.as_flattened(),
    &[COUNT],
    plan::STATEMENTS,
];

/// The statements of a page, as in `ways!`.
fn statements(order: Order) -> [&'static str; 4] {
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
    let Some(plan) = plan(read, visible, filter).await? else {
        return Ok(Slice { rows: Vec::new(), next: None, cut: false });
    };
    let after = after.filter(|after| after.order == order);
    let limit = Paging::<()>::first(limit).limit();
    let namespace = filter.namespace.as_ref();
    let (walks, gathers) = (!plan.walk.is_empty(), plan.gather != Gather::default());
    let [walked, gathered, both, starred] = statements(order);
    let statement = match (&plan.starred, walks, gathers) {
        (Some(_), ..) => starred,
        (None, true, true) => both,
        (None, false, true) => gathered,
        (None, _, false) => walked,
    };
    let mut query = bind_keys!(sqlx::query_as(statement), plan.keys)
        .bind(after.map(Cursor::parameter))
        .bind(after.map(|after| after.id))
        .bind(&filter.prefix)
        .bind(filter.since.map(ToSqlx::to_sqlx))
        .bind(limit + 1)
        .bind(namespace.map(|(registry, _)| registry.as_str()))
        .bind(namespace.map(|(_, name)| name.as_str()))
        .bind(&filter.part);
    if let Some((user, visibilities)) = plan.starred {
        query = query.bind(user.as_str()).bind(visibilities);
    } else {
        if walks || !gathers {
            query = bind_walk!(query, plan.walk);
        }
        if gathers {
            query = bind_gather!(query, plan.gather);
        }
    }
    let found: Vec<Found> = query.fetch_all(read.pool()).await?;
    Ok(slice(found, order, limit))
}

/// Behind the end of one walk, what others have found is not all there is.
fn slice(found: Vec<Found>, order: Order, limit: i64) -> Slice {
    let (mut rows, mut end) = (Vec::with_capacity(found.len()), None);
    for Found { row, fits, is_end } in found {
        end = is_end.then(|| Cursor::behind(order, &row));
        if fits {
            rows.push(row);
        }
        if end.is_some() {
            break;
        }
    }
    let shown = usize::try_from(limit).unwrap_or(0);
    if rows.len() > shown {
        rows.truncate(shown);
        let next = rows.last().map(|row| Cursor::behind(order, row));
        return Slice { rows, next, cut: false };
    }
    Slice { rows, cut: end.is_some(), next: end }
}

/// How many repositories may be seen, but no more than [`crate::MAX_COUNT`].
///
/// # Errors
///
/// The database's.
pub async fn count(read: &ReadModels, visible: &Visible) -> Result<i64, sqlx::Error> {
    let filter = Filter::default();
    let Some(plan) = plan(read, visible, &filter).await? else { return Ok(0) };
    let query = bind_walk!(bind_keys!(sqlx::query_scalar(COUNT), plan.keys), plan.walk);
    bind_gather!(query, plan.gather).fetch_one(read.pool()).await
}

/// A repository on the way.
struct Found {
    row: RepositoryRow,
    /// It is wanted.
    fits: bool,
    /// Its walk ends here.
    is_end: bool,
}

impl<'r> FromRow<'r, PgRow> for Found {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        let (fits, is_end) = (row.try_get("fits")?, row.try_get("is_end")?);
        Ok(Self { row: RepositoryRow::from_row(row)?, fits, is_end })
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
            let [walked, _, both, _] = statements(Order::by(sort));
            for page in [walked, both] {
                assert!(page.contains(&format!("LIMIT {MOST_WALKED}) AS r")));
                assert!(page.contains(&format!("r.looked = {MOST_WALKED} AS is_end")));
                assert!(page.contains(&format!("OR r.looked = {MOST_WALKED}\n")));
            }
        }
    }
}
