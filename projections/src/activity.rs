//! The activity feed: what has happened, for everybody who may see what it happened to.
//!
//! Each row belongs to a namespace, a team, a person, or to the service itself. Who may see that,
//! sees the row; the right is part of the query. A namespace is meant by its id, so a new one of an
//! old name does not inherit the old one's feed.

pub(crate) mod fold;

use domain::access::Visible;
use domain::event::Sealed;
use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use uuid::Uuid;

use crate::read::{Paging, ReadModels, Rights, row};

row! {
    /// Something that has happened.
    pub struct ActivityRow {
        /// Position of its fact.
        pub position: i64,
        /// Number inside its fact, for facts that hold several decisions.
        pub index: i32,
        /// Identity of its fact.
        pub event_id: Uuid,
        /// When the log took it.
        pub recorded_at: Timestamp,
        /// When it happened, by the clock of whoever saw it.
        pub occurred_at: Timestamp,
        /// The fact's type name, such as `content.manifest_pushed`.
        pub kind: String,
        /// done, reduced, refused.
        pub outcome: String,
        /// What kind of actor, such as `user`, `bot`, `anonymous`, `system`.
        pub actor_kind: String,
        /// Who did it.
        pub actor: String,
        /// Registry.
        pub registry: Option<String>,
        /// Namespace that decided over it at that time.
        pub namespace: Option<String>,
        /// Repository.
        pub repository: Option<String>,
        /// Tag.
        pub tag: Option<String>,
        /// Digest.
        pub digest: Option<String>,
        /// Team.
        pub team: Option<String>,
        /// Person that it happened to.
        pub user_name: Option<String>,
        /// The rule that decided.
        pub rule: Option<String>,
        /// The fact itself, as JSON.
        pub detail: serde_json::Value,
        /// With [`Self::seal_box`]: client address and user agent, sealed.
        pub seal_key: Option<String>,
        /// Ciphertext.
        pub seal_box: Option<String>,
        /// The box's associated data: an event id (UUID) or a token's id.
        pub seal_data: Option<String>,
    }
}

impl ActivityRow {
    /// Client address and user agent, sealed, with the associated data that opens them.
    #[must_use]
    pub fn sealed(&self) -> Option<(Sealed, Vec<u8>)> {
        let (key, data) = (self.seal_key.clone()?, self.seal_box.clone()?);
        let associated = match self.seal_data.as_deref()? {
            text if self.kind == "auth.tokens_decided" => text.as_bytes().to_vec(),
            text => text.parse::<Uuid>().ok()?.as_bytes().to_vec(),
        };
        Some((Sealed { key, data }, associated))
    }

    /// Where it stands: what [`page`] goes on from.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { position: self.position, index: self.index }
    }
}

/// A place in the feed, written `position/index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Position of the fact.
    pub position: i64,
    /// Number inside it.
    pub index: i32,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.position, self.index)
    }
}

/// The text is no place in the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place in the feed looks like `1234/0`")]
pub struct CursorError;

impl std::str::FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (position, index) = text.split_once('/').unwrap_or((text, "0"));
        Ok(Self {
            position: position.parse().map_err(|_| CursorError)?,
            index: index.parse().map_err(|_| CursorError)?,
        })
    }
}

/// Which rows are wanted; empty: all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// By this actor.
    pub actor: Option<String>,
    /// In this registry.
    pub registry: Option<RegistryName>,
    /// Under this namespace, by name.
    pub namespace: Option<NamespaceName>,
    /// Of this repository.
    pub repository: Option<RepositoryName>,
    /// Of this team.
    pub team: Option<TeamName>,
    /// Of this type, or of this context (`content`).
    pub kind: Option<String>,
    /// done, reduced, refused.
    pub outcome: Option<String>,
    /// Recorded at or after.
    pub from: Option<Timestamp>,
    /// Recorded before.
    pub to: Option<Timestamp>,
    /// At this place or after it.
    pub at: Option<Cursor>,
}

/// Whose eyes the feed is for.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    /// What they may see.
    pub visible: Visible,
    /// Who they are; `None`: nobody signed in. They see what they did and what happened to them.
    pub user: Option<UserName>,
    /// Auditors see everything (as administrators do by [`Visible::everything`]).
    pub auditor: bool,
}

/// `LIMIT` must not make the planner walk the whole feed for a filter that an index answers, so
/// each optional filter is written to be folded away when its parameter is null.
const PAGE: &str = "SELECT a.position, a.index, a.event_id, a.recorded_at, a.occurred_at, a.kind,
        a.outcome, a.actor_kind, a.actor, a.registry, a.namespace, a.repository, a.tag, a.digest,
        a.team, a.user_name, a.rule, a.detail, a.seal_key, a.seal_box, a.seal_data
    FROM activity a
    WHERE ($1 OR a.team = ANY($5) OR a.user_name = $6
        OR (a.actor = $6 AND a.actor_kind IN ('user', 'bot'))
        OR (a.namespace_id IS NOT NULL
            AND (a.registry, a.repository) IN (SELECT * FROM unnest($7::text[], $8::text[])))
        OR EXISTS (SELECT FROM namespaces n WHERE n.id = a.namespace_id
             AND (n.visibility = ANY($2)
               OR (n.registry, n.name) IN (SELECT * FROM unnest($3::text[], $4::text[])))))
      AND ($9::text IS NULL OR a.actor = $9)
      AND ($10::text IS NULL OR a.registry = $10)
      AND ($11::text IS NULL OR a.namespace = $11)
      AND ($12::text IS NULL OR a.repository = $12)
      AND ($13::text IS NULL OR a.team = $13)
      AND ($14::text IS NULL OR a.kind = $14 OR starts_with(a.kind, $14 || '.'))
      AND ($15::text IS NULL OR a.outcome = $15)
      AND ($16::timestamptz IS NULL OR a.recorded_at >= $16)
      AND ($17::timestamptz IS NULL OR a.recorded_at < $17)
      AND ($18::bigint IS NULL OR (a.position, a.index) < ($18, $19::int))
      AND ($21::bigint IS NULL OR (a.position, a.index) >= ($21, $22::int))
    ORDER BY a.position DESC, a.index DESC LIMIT $20";

pub(crate) const STATEMENTS: &[&str] = &[PAGE];

/// Up to `limit` rows that `viewer` may see, the latest first, before `before`.
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
) -> Result<Vec<ActivityRow>, sqlx::Error> {
    let rights = Rights::of(&viewer.visible);
    sqlx::query_as(PAGE)
        .bind(rights.everything || viewer.auditor)
        .bind(rights.visibilities)
        .bind(rights.namespaces.0)
        .bind(rights.namespaces.1)
        .bind(rights.teams)
        .bind(viewer.user.as_ref().map(UserName::as_str))
        .bind(rights.repositories.0)
        .bind(rights.repositories.1)
        .bind(&filter.actor)
        .bind(filter.registry.as_ref().map(RegistryName::as_str))
        .bind(filter.namespace.as_ref().map(NamespaceName::as_str))
        .bind(filter.repository.as_ref().map(RepositoryName::as_str))
        .bind(filter.team.as_ref().map(TeamName::as_str))
        .bind(&filter.kind)
        .bind(&filter.outcome)
        .bind(filter.from.map(ToSqlx::to_sqlx))
        .bind(filter.to.map(ToSqlx::to_sqlx))
        .bind(before.map(|at| at.position))
        .bind(before.map(|at| at.index))
        .bind(Paging::<()>::first(limit).limit())
        .bind(filter.at.map(|at| at.position))
        .bind(filter.at.map(|at| at.index))
        .fetch_all(read.pool())
        .await
}

/// The row at this place, if `viewer` may see it.
///
/// # Errors
///
/// The database's.
pub async fn one(
    read: &ReadModels,
    viewer: &Viewer,
    at: Cursor,
) -> Result<Option<ActivityRow>, sqlx::Error> {
    // The question for a page, cut to one place by the key's order: rights stay in one query.
    let Some(index) = at.index.checked_add(1) else { return Ok(None) };
    let before = Some(Cursor { index, ..at });
    let rows = page(read, &Filter { at: Some(at), ..Filter::default() }, viewer, before, 1).await?;
    Ok(rows.into_iter().next())
}
