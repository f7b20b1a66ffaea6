//! Looking back in the feed, so far and no further.
//!
//! A page reads what it shows where an index leads to it: what happened in the namespaces, teams
//! and repositories of somebody who is in few, what anybody did or what happened of one kind for
//! somebody who sees everything. Everything else is a look through a stretch of the log; when it
//! ends before the page is full, the page says up to where it has looked. The stretch is measured
//! in positions, which everybody knows, so its end tells nothing of what is hidden in it.

use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use jiff_sqlx::ToSqlx;
use sqlx::FromRow;
use sqlx::postgres::PgRow;

use super::{ActivityRow, Cursor, Filter, Viewer};
use crate::projection::candidates;
use crate::read::{Keys, Paging, ReadModels, own_namespaces, own_repositories, own_teams};

/// How many positions of the whole log a page looks through; for somebody who sees everything, how
/// many rows that fit the rarest of what is asked for.
pub const LOOK_BACK: i64 = 5_000;
/// How many positions a page looks back where only what is the viewer's own is read.
pub const LOOK_BACK_OWN: i64 = 50_000;
/// In as many namespaces, teams and repositories at most one is looked at after the other.
const MOST_ROOMS: usize = 100;

/// Part of the feed.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The latest first.
    pub rows: Vec<ActivityRow>,
    /// Before which it goes on; `None`: there is nothing older.
    pub older: Option<Cursor>,
    /// It ends here only because it has looked so far: more may fit.
    pub cut: bool,
}

macro_rules! columns {
    () => {
        "a.position, a.index, a.event_id, a.recorded_at, a.occurred_at, a.kind,
            a.outcome, a.actor_kind, a.actor, a.registry, a.namespace, a.repository, a.tag, a.digest,
            a.team, a.user_name, a.rule, a.detail, a.seal_key, a.seal_box, a.seal_data"
    };
}

/// `Keys` are bound to `$14` to `$17`, teams to `$18`, the viewer to `$19`.
macro_rules! may_see {
    () => {
        "($14 OR a.team = ANY($18) OR a.user_name = $19
            OR (a.actor = $19 AND a.actor_kind IN ('user', 'bot'))
            OR (a.namespace_id IS NOT NULL
                AND a.registry || '/' || a.repository = ANY($17::text[]))
            OR EXISTS (SELECT FROM namespaces n WHERE n.id = a.namespace_id
                 AND CASE WHEN n.visibility = ANY($15) THEN true
                   ELSE n.registry || '/' || n.name = ANY($16::text[]) END))"
    };
}

/// What is wanted, in the stretch from `$10`, `$11` (excluded) down to `$13` (excluded).
macro_rules! fits {
    () => {
        "($1::text IS NULL OR a.actor = $1)
            AND ($2::text IS NULL OR a.registry = $2)
            AND ($3::text IS NULL OR a.namespace = $3)
            AND ($4::text IS NULL OR a.repository = $4)
            AND ($5::text IS NULL OR a.team = $5)
            AND ($6::text IS NULL OR a.kind = $6
              OR (strpos($6, '.') = 0 AND starts_with(a.kind, $6 || '.')))
            AND ($7::text IS NULL OR a.outcome = $7)
            AND ($8::timestamptz IS NULL OR a.recorded_at >= $8)
            AND ($9::timestamptz IS NULL OR a.recorded_at < $9)
            AND ($10::bigint IS NULL OR (a.position, a.index) < ($10, $11::int))
            AND a.position > $13"
    };
}

/// Through the log itself, or by whatever index fits the one thing that is asked for.
const WALK: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM activity a WHERE ",
    may_see!(),
    " AND ",
    fits!(),
    " ORDER BY a.position DESC, a.index DESC LIMIT $12"
);

/// The places of the latest rows in each of several places.
macro_rules! latest {
    ($from:literal, $here:literal) => {
        concat!(
            "(SELECT p.* FROM ",
            $from,
            " CROSS JOIN LATERAL (SELECT a.position, a.index FROM activity a WHERE ",
            $here,
            " AND ",
            fits!(),
            " ORDER BY a.position DESC, a.index DESC LIMIT $12) AS p
             ORDER BY p.position DESC, p.index DESC LIMIT $12)"
        )
    };
}

/// In the namespaces `$14`, looked up there by this, and whatever else is the viewer's own.
macro_rules! own {
    ($here:literal) => {
        concat!(
            "WITH place AS (",
            latest!(
                "(SELECT n.id, n.registry FROM unnest($14::bigint[]) AS wanted(id)
            JOIN namespaces n ON n.id = wanted.id) AS room",
                $here
            ),
            " UNION ",
            latest!("unnest($15::text[]) AS own(team)", "a.team = own.team"),
            " UNION ",
            latest!("(VALUES ($16::text)) AS own(name)", "a.user_name = own.name"),
            " UNION ",
            latest!(
                "(VALUES ($16::text)) AS own(name)",
                "a.actor = own.name AND a.actor_kind IN ('user', 'bot')"
            ),
            " UNION ",
            latest!(
                "unnest($17::text[], $18::text[]) AS own(registry, repository)",
                "a.registry = own.registry AND a.repository = own.repository
           AND a.namespace_id IS NOT NULL"
            ),
            ")
    SELECT ",
            columns!(),
            " FROM (SELECT * FROM place ORDER BY position DESC, index DESC LIMIT $12) AS place
    JOIN activity a ON a.position = place.position AND a.index = place.index
    ORDER BY a.position DESC, a.index DESC"
        )
    };
}

const OWN: &str = own!("a.namespace_id = room.id");
/// Of one repository, which has an index of its own: among ten thousand of a namespace it is not
/// looked for in what happened in all.
const OWN_NAMED: &str =
    own!("a.registry = room.registry AND a.repository = $4 AND a.namespace_id + 0 = room.id");

/// Of one context, kind by kind, for those who see everything.
const CONTEXT: &str = concat!(
    "WITH RECURSIVE kind(name) AS (
        (SELECT a.kind FROM activity a WHERE a.kind > $6 || '.' AND a.kind < $6 || '/'
          ORDER BY a.kind LIMIT 1)
        UNION ALL
        SELECT (SELECT a.kind FROM activity a WHERE a.kind > kind.name AND a.kind < $6 || '/'
          ORDER BY a.kind LIMIT 1) FROM kind WHERE kind.name IS NOT NULL
    ), place AS ",
    latest!("kind", "a.kind = kind.name"),
    " SELECT ",
    columns!(),
    " FROM place JOIN activity a ON a.position = place.position AND a.index = place.index
    ORDER BY a.position DESC, a.index DESC"
);

/// Of one kind, for those who see everything. Joined, so that its index leads there: told the kind
/// outright, Postgres would rather go through the log itself where a kind is frequent, even if it
/// has not happened lately.
const OF_KIND: &str = concat!(
    "WITH place AS ",
    latest!("unnest(ARRAY[$6::text]) AS of(kind)", "a.kind = of.kind"),
    " SELECT ",
    columns!(),
    " FROM place JOIN activity a ON a.position = place.position AND a.index = place.index
    ORDER BY a.position DESC, a.index DESC"
);

/// Of a repository of this name in whatever registry, for those who see everything.
const OF_NAME: &str = concat!(
    "WITH RECURSIVE registry(name) AS (
        (SELECT a.registry FROM activity a WHERE a.repository IS NOT NULL
          ORDER BY a.registry LIMIT 1)
        UNION ALL
        SELECT (SELECT a.registry FROM activity a
          WHERE a.repository IS NOT NULL AND a.registry > registry.name
          ORDER BY a.registry LIMIT 1) FROM registry WHERE registry.name IS NOT NULL
    ), place AS (",
    latest!("registry", "a.registry = registry.name AND a.repository = $4"),
    " UNION ALL ",
    // What was asked of a service that no registry has.
    latest!("(VALUES (1)) AS none(at_all)", "a.registry IS NULL AND a.repository = $4"),
    ")
    SELECT ",
    columns!(),
    " FROM (SELECT * FROM place ORDER BY position DESC, index DESC LIMIT $12) AS place
    JOIN activity a ON a.position = place.position AND a.index = place.index
    ORDER BY a.position DESC, a.index DESC"
);

/// Several things at once, for those who see everything: so many rows of the one that leads, and of
/// these what fits. The last of them says how far that went, whether it fits itself or not.
const LED: &str = concat!(
    "SELECT * FROM (
       SELECT ",
    columns!(),
    ", row_number() OVER () AS looked, (",
    fits!(),
    ") AS fits
       FROM (SELECT * FROM activity a
         WHERE ($14::text IS NULL OR (a.registry = $2 AND a.repository = $14))
           AND ($15::text IS NULL OR a.actor = $15)
           AND ($16::text IS NULL OR a.team = $16)
           AND ($17::text IS NULL OR a.kind = $17)
           AND ($10::bigint IS NULL OR (a.position, a.index) < ($10, $11::int))
         ORDER BY a.position DESC, a.index DESC LIMIT 5000) AS a
     ) AS a WHERE a.fits OR a.looked = 5000
     ORDER BY a.position DESC, a.index DESC LIMIT $12"
);

/// Up to `$5` namespaces that are seen: of the visibilities `$1`, and `$2`, `$3`; in the registry
/// `$4`.
const ROOMS: &str = "(SELECT n.id FROM namespaces n
        WHERE n.visibility = ANY($1) AND ($4::text IS NULL OR n.registry = $4) LIMIT $5)
    UNION
    SELECT n.id FROM unnest($2::text[], $3::text[]) AS own(registry, name)
      CROSS JOIN LATERAL (SELECT n.id FROM namespaces n
        WHERE n.registry = own.registry AND n.name = own.name
          AND ($4::text IS NULL OR n.registry = $4) OFFSET 0) AS n
    LIMIT $5";
/// Up to `$3` of those that are seen and called `$5`, in the registry `$4`, or in whatever.
const ROOMS_CALLED: &str = "WITH RECURSIVE place(registry) AS (
        (SELECT n.registry FROM namespaces n ORDER BY n.registry LIMIT 1)
        UNION ALL
        SELECT (SELECT n.registry FROM namespaces n WHERE n.registry > place.registry
          ORDER BY n.registry LIMIT 1) FROM place WHERE place.registry IS NOT NULL
    )
    SELECT n.id FROM place CROSS JOIN unnest($5::text[]) AS called(name)
      CROSS JOIN LATERAL (SELECT n.id, n.registry, n.name, n.visibility FROM namespaces n
        WHERE n.registry = place.registry AND n.name = called.name OFFSET 0) AS n
    WHERE ($4::text IS NULL OR n.registry = $4)
      AND CASE WHEN n.visibility = ANY($1) THEN true
        ELSE n.registry || '/' || n.name = ANY($2::text[]) END
    LIMIT $3";

pub(crate) const STATEMENTS: &[&str] =
    &[WALK, OWN, OWN_NAMED, CONTEXT, OF_KIND, OF_NAME, LED, ROOMS, ROOMS_CALLED, HEAD];

/// The one row at a place, if `viewer` may see it.
///
/// # Errors
///
/// The database's.
pub async fn one(
    read: &ReadModels,
    viewer: &Viewer,
    at: Cursor,
) -> Result<Option<ActivityRow>, sqlx::Error> {
    let behind = Cursor { position: at.position, index: at.index.saturating_add(1) };
    let stretch = Stretch { before: Some(behind), floor: at.position.saturating_sub(1), limit: 1 };
    let rows = walk(read, &Filter::default(), viewer, stretch).await?;
    Ok(rows.into_iter().next().filter(|row| row.cursor() == at))
}

/// Whether anything that `viewer` may see and that is wanted has happened after a position.
///
/// # Errors
///
/// The database's.
pub async fn has_news(
    read: &ReadModels,
    filter: &Filter,
    viewer: &Viewer,
    after: i64,
) -> Result<bool, sqlx::Error> {
    let stretch = Stretch { before: None, floor: after, limit: 1 };
    Ok(!walk(read, filter, viewer, stretch).await?.is_empty())
}

/// Up to `limit` rows that `viewer` may see and that are wanted, the latest first, before `before`.
///
/// # Errors
///
/// The database's.
pub async fn page(
    read: &ReadModels,
    filter: &Filter,
    viewer: &Viewer,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Slice, sqlx::Error> {
    let limit = Paging::<()>::first(limit).limit();
    let stretch = Stretch { before, floor: 0, limit: limit + 1 };
    if viewer.visible.everything || viewer.auditor {
        return everything(read, filter, viewer, stretch).await;
    }
    let head = match before {
        Some(before) => before.position,
        None => head(read).await?,
    };
    let some = |span: i64| Stretch { floor: head.saturating_sub(span).max(0), ..stretch };
    let Some(rooms) = rooms(read, filter, viewer).await? else {
        let stretch = some(LOOK_BACK);
        return Ok(slice(walk(read, filter, viewer, stretch).await?, stretch));
    };
    // An index leads to what happened in one namespace or repository; all else is looked for.
    let led = Filter { registry: None, namespace: None, repository: None, ..filter.clone() };
    let stretch = if led.parts() == 0 { stretch } else { some(LOOK_BACK_OWN) };
    let (registries, repositories) = own_repositories(&viewer.visible);
    let own = if filter.repository.is_some() { OWN_NAMED } else { OWN };
    let rows = bind(sqlx::query_as(own), filter, stretch)
        .bind(rooms)
        .bind(own_teams(&viewer.visible))
        .bind(viewer.user.as_ref().map(UserName::as_str))
        .bind(registries)
        .bind(repositories)
        .fetch_all(read.pool())
        .await?;
    Ok(slice(rows, stretch))
}

/// For those who see everything.
async fn everything(
    read: &ReadModels,
    filter: &Filter,
    viewer: &Viewer,
    stretch: Stretch,
) -> Result<Slice, sqlx::Error> {
    let context = filter.kind.as_ref().is_some_and(|kind| !kind.contains('.'));
    let indexed = filter.namespace.is_none()
        && (filter.registry.is_none() || filter.repository.is_some())
        && filter.from.is_none()
        && filter.to.is_none()
        && filter.outcome.as_deref() != Some("done");
    match (filter.parts(), context) {
        (1, true) => {
            let query = bind(sqlx::query_as(CONTEXT), filter, stretch);
            Ok(slice(query.fetch_all(read.pool()).await?, stretch))
        }
        (1, _) if filter.kind.is_some() => {
            let query = bind(sqlx::query_as(OF_KIND), filter, stretch);
            Ok(slice(query.fetch_all(read.pool()).await?, stretch))
        }
        (1, _) if filter.repository.is_some() && filter.registry.is_none() => {
            let query = bind(sqlx::query_as(OF_NAME), filter, stretch);
            Ok(slice(query.fetch_all(read.pool()).await?, stretch))
        }
        (0, _) => Ok(slice(walk(read, filter, viewer, stretch).await?, stretch)),
        (1, _) if indexed => Ok(slice(walk(read, filter, viewer, stretch).await?, stretch)),
        _ => led(read, filter, stretch).await,
    }
}

async fn led(read: &ReadModels, filter: &Filter, stretch: Stretch) -> Result<Slice, sqlx::Error> {
    let repository = filter.repository.as_ref().filter(|_| filter.registry.is_some());
    let actor = filter.actor.as_ref().filter(|_| repository.is_none());
    let team = filter.team.as_ref().filter(|_| repository.is_none() && actor.is_none());
    let kind = filter.kind.as_ref().filter(|kind| {
        repository.is_none() && actor.is_none() && team.is_none() && kind.contains('.')
    });
    let found: Vec<Looked> = bind(sqlx::query_as(LED), filter, stretch)
        .bind(repository.map(RepositoryName::as_str))
        .bind(actor)
        .bind(team.map(TeamName::as_str))
        .bind(kind)
        .fetch_all(read.pool())
        .await?;
    let end = found.last().filter(|last| last.end).map(|last| last.row.cursor());
    let rows = found.into_iter().filter(|found| found.fits).map(|found| found.row).collect();
    let mut slice = slice(rows, stretch);
    if slice.older.is_none() && end.is_some() {
        (slice.older, slice.cut) = (end, true);
    }
    Ok(slice)
}

struct Looked {
    row: ActivityRow,
    fits: bool,
    end: bool,
}

impl<'r> FromRow<'r, PgRow> for Looked {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        use sqlx::Row as _;
        Ok(Self {
            row: ActivityRow::from_row(row)?,
            fits: row.try_get("fits")?,
            end: row.try_get::<i64, _>("looked")? == LOOK_BACK,
        })
    }
}

/// A stretch of the feed, and how many rows of it.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    before: Option<Cursor>,
    /// Behind this position.
    floor: i64,
    /// One more than are shown.
    limit: i64,
}

fn slice(mut rows: Vec<ActivityRow>, stretch: Stretch) -> Slice {
    let shown = usize::try_from(stretch.limit - 1).unwrap_or(0);
    if rows.len() > shown {
        rows.truncate(shown);
        let older = rows.last().map(ActivityRow::cursor);
        return Slice { rows, older, cut: false };
    }
    // The next page begins at the floor itself, with all of its numbers.
    let next = Cursor { position: stretch.floor.saturating_add(1), index: 0 };
    let cut = stretch.floor > 0;
    Slice { rows, older: cut.then_some(next), cut }
}

async fn walk(
    read: &ReadModels,
    filter: &Filter,
    viewer: &Viewer,
    stretch: Stretch,
) -> Result<Vec<ActivityRow>, sqlx::Error> {
    let keys = Keys::of(&viewer.visible);
    bind(sqlx::query_as(WALK), filter, stretch)
        .bind(keys.everything || viewer.auditor)
        .bind(keys.visibilities)
        .bind(keys.namespaces)
        .bind(keys.repositories)
        .bind(own_teams(&viewer.visible))
        .bind(viewer.user.as_ref().map(UserName::as_str))
        .fetch_all(read.pool())
        .await
}

type Query<'q, T> = sqlx::query::QueryAs<'q, sqlx::Postgres, T, sqlx::postgres::PgArguments>;

/// `$1` to `$13`.
fn bind<'q, T>(query: Query<'q, T>, filter: &'q Filter, stretch: Stretch) -> Query<'q, T> {
    query
        .bind(&filter.actor)
        .bind(filter.registry.as_ref().map(RegistryName::as_str))
        .bind(filter.namespace.as_ref().map(NamespaceName::as_str))
        .bind(filter.repository.as_ref().map(RepositoryName::as_str))
        .bind(filter.team.as_ref().map(TeamName::as_str))
        .bind(&filter.kind)
        .bind(&filter.outcome)
        .bind(filter.from.map(ToSqlx::to_sqlx))
        .bind(filter.to.map(ToSqlx::to_sqlx))
        .bind(stretch.before.map(|at| at.position))
        .bind(stretch.before.map(|at| at.index))
        .bind(stretch.limit)
        .bind(stretch.floor)
}

const HEAD: &str = "SELECT coalesce(max(position), 0) + 1 FROM activity";

/// Behind the last row.
async fn head(read: &ReadModels) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(HEAD).fetch_one(read.pool()).await
}

/// The ids of the namespaces that `viewer` sees and that may hold what is wanted; `None`: too many
/// to look at one after the other.
async fn rooms(
    read: &ReadModels,
    filter: &Filter,
    viewer: &Viewer,
) -> Result<Option<Vec<i64>>, sqlx::Error> {
    let visible = &viewer.visible;
    // Of a namespace or repository that is named, few may be meant, however many are seen.
    let named = filter.namespace.is_some() || filter.repository.is_some();
    let namespaces = if named { 0 } else { visible.namespaces.len() };
    if [visible.teams.len(), visible.repositories.len(), namespaces]
        .iter()
        .any(|many| *many > MOST_ROOMS)
    {
        return Ok(None);
    }
    let names: Option<Vec<String>> = match (&filter.namespace, &filter.repository) {
        (Some(namespace), _) => Some(vec![namespace.to_string()]),
        (None, Some(repository)) => Some(candidates(repository).map(str::to_owned).collect()),
        (None, None) => None,
    };
    let most = i64::try_from(MOST_ROOMS).unwrap_or(i64::MAX) + 1;
    let registry = filter.registry.as_ref().map(RegistryName::as_str);
    let rooms: Vec<i64> = if let Some(names) = names {
        let called = |name: &NamespaceName| names.iter().any(|called| called == name.as_str());
        let keys = Keys::of_some(visible, |_, name| called(name));
        let query = sqlx::query_scalar(ROOMS_CALLED).bind(keys.visibilities).bind(keys.namespaces);
        query.bind(most).bind(registry).bind(names).fetch_all(read.pool()).await?
    } else {
        let visibilities: Vec<_> = visible.visibilities.iter().map(|v| v.as_str()).collect();
        let (registries, namespaces) = own_namespaces(visible);
        let query = sqlx::query_scalar(ROOMS).bind(visibilities).bind(registries).bind(namespaces);
        query.bind(registry).bind(most).fetch_all(read.pool()).await?
    };
    Ok((rooms.len() <= MOST_ROOMS).then_some(rooms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_looks_as_far_as_said() {
        assert!(LED.contains(&format!("LIMIT {LOOK_BACK})")));
        assert!(LED.contains(&format!("looked = {LOOK_BACK}\n")));
    }
}
