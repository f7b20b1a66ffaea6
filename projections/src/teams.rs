//! Teams and their members.

use domain::access::Visible;
use domain::name::{TeamName, UserName};
use jiff::Timestamp;

use crate::read::{Order, Paging, ReadModels, own_teams, row};

row! {
    /// A team.
    pub struct TeamRow {
        /// Position of the fact that made it.
        pub id: i64,
        /// Canonical name.
        pub name: String,
        /// Free text.
        pub description: String,
        /// How many members.
        pub members: i64,
        /// How many namespaces it holds.
        pub namespaces: i64,
        /// When it was made.
        pub created_at: Timestamp,
        /// When anything of it last changed.
        pub updated_at: Timestamp,
    }
}

row! {
    /// Somebody's membership.
    pub struct MemberRow {
        /// Position of the fact that made them a member.
        pub id: i64,
        /// Team.
        pub team: String,
        /// Member.
        pub user_name: String,
        /// Id of the member's account.
        pub user_id: i64,
        /// Whether the member is a bot.
        pub bot: bool,
        /// viewer, contributor, owner.
        pub role: String,
        /// Since when.
        pub created_at: Timestamp,
        /// Since when in this role.
        pub updated_at: Timestamp,
    }
}

macro_rules! select {
    ($($rest:expr),+) => {
        concat!(
            "SELECT t.id, t.name, t.description, t.created_at, t.updated_at, t.members,
                t.namespaces
             FROM teams t ",
            $($rest),+
        )
    };
}

macro_rules! wanted {
    () => {
        "WHERE ($1 OR t.name = ANY($2)) AND ($3::text IS NULL OR starts_with(t.name, $3)) "
    };
}

macro_rules! members {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.team, m.user_name, u.id AS user_id, u.bot, m.role,
                m.created_at, m.updated_at
             FROM team_members m JOIN users u ON u.name = m.user_name ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE t.name = $1 AND ($2 OR t.name = ANY($3))");
const FIND_ID: &str = select!("WHERE t.id = $1 AND ($2 OR t.name = ANY($3))");
const LIST: &str = select!(
    "WHERE ($1 OR t.name = ANY($2)) AND ($3::text IS NULL OR t.name > $3)
     ORDER BY t.name OFFSET $4 LIMIT $5"
);
const PAGES: [&str; 4] = [
    select!(wanted!(), "ORDER BY t.name OFFSET $4 LIMIT $5"),
    select!(wanted!(), "ORDER BY t.name DESC OFFSET $4 LIMIT $5"),
    select!(wanted!(), "ORDER BY t.id OFFSET $4 LIMIT $5"),
    select!(wanted!(), "ORDER BY t.id DESC OFFSET $4 LIMIT $5"),
];
const COUNT: &str =
    concat!("SELECT count(*) FROM (SELECT FROM teams t ", wanted!(), "LIMIT 10000) counted");
const MEMBERS: &str = members!(
    "WHERE m.team = $1 AND ($2::text IS NULL OR m.user_name > $2)
     ORDER BY m.user_name OFFSET $3 LIMIT $4"
);
const MEMBER_PAGES: [&str; 4] = [
    members!("WHERE m.team = $1 ORDER BY m.user_name OFFSET $2 LIMIT $3"),
    members!("WHERE m.team = $1 ORDER BY m.user_name DESC OFFSET $2 LIMIT $3"),
    members!("WHERE m.team = $1 ORDER BY m.id OFFSET $2 LIMIT $3"),
    members!("WHERE m.team = $1 ORDER BY m.id DESC OFFSET $2 LIMIT $3"),
];
const MEMBERS_COUNT: &str = "SELECT count(*) FROM (SELECT FROM team_members m
    JOIN users u ON u.name = m.user_name WHERE m.team = $1 LIMIT 10000) counted";
const MEMBER: &str = members!("WHERE m.team = $1 AND (m.user_name = $2 OR m.id = $3)");
const OF_USER: &str = members!("WHERE m.user_name = $1 ORDER BY m.team LIMIT 1000");

pub(crate) const STATEMENTS: &[&str] = &[
    FIND,
    FIND_ID,
    LIST,
    COUNT,
    MEMBERS,
    MEMBER,
    MEMBERS_COUNT,
    OF_USER,
    PAGES[0],
    PAGES[1],
    PAGES[2],
    PAGES[3],
    MEMBER_PAGES[0],
    MEMBER_PAGES[1],
    MEMBER_PAGES[2],
    MEMBER_PAGES[3],
];

/// One team by name, if it may be seen.
///
/// # Errors
///
/// The database's.
pub async fn find(
    read: &ReadModels,
    name: &TeamName,
    visible: &Visible,
) -> Result<Option<TeamRow>, sqlx::Error> {
    sqlx::query_as(FIND)
        .bind(name.as_str())
        .bind(visible.everything)
        .bind(own_teams(visible))
        .fetch_optional(read.pool())
        .await
}

/// One team by id, if it may be seen.
///
/// # Errors
///
/// The database's.
pub async fn find_id(
    read: &ReadModels,
    id: i64,
    visible: &Visible,
) -> Result<Option<TeamRow>, sqlx::Error> {
    sqlx::query_as(FIND_ID)
        .bind(id)
        .bind(visible.everything)
        .bind(own_teams(visible))
        .fetch_optional(read.pool())
        .await
}

/// The teams that may be seen, by name.
///
/// # Errors
///
/// The database's.
pub async fn list(
    read: &ReadModels,
    visible: &Visible,
    paging: &Paging<String>,
) -> Result<Vec<TeamRow>, sqlx::Error> {
    // As many of them as the page needs, and no more.
    let after = paging.after.as_deref();
    let most = usize::try_from(paging.offset().saturating_add(paging.limit()));
    let own = visible.teams.iter().map(TeamName::as_str);
    let own: Vec<&str> = own
        .filter(|name| after.is_none_or(|after| after < *name))
        .take(most.unwrap_or(usize::MAX))
        .collect();
    sqlx::query_as(LIST)
        .bind(visible.everything)
        .bind(own)
        .bind(&paging.after)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// The teams that may be seen and whose name begins with `prefix`, in this order.
///
/// # Errors
///
/// The database's.
pub async fn page(
    read: &ReadModels,
    visible: &Visible,
    prefix: Option<&str>,
    order: Order,
    paging: &Paging<()>,
) -> Result<Vec<TeamRow>, sqlx::Error> {
    sqlx::query_as(order.of(PAGES))
        .bind(visible.everything)
        .bind(own_teams(visible))
        .bind(prefix)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// How many [`page`] has in all, but no more than [`crate::MAX_COUNT`].
///
/// # Errors
///
/// The database's.
pub async fn count(
    read: &ReadModels,
    visible: &Visible,
    prefix: Option<&str>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(COUNT)
        .bind(visible.everything)
        .bind(own_teams(visible))
        .bind(prefix)
        .fetch_one(read.pool())
        .await
}

/// A team's members, by name. Who may see them is asked before
/// ([`domain::access::Action::SeeTeamMembers`]).
///
/// # Errors
///
/// The database's.
pub async fn members(
    read: &ReadModels,
    team: &TeamName,
    paging: &Paging<String>,
) -> Result<Vec<MemberRow>, sqlx::Error> {
    sqlx::query_as(MEMBERS)
        .bind(team.as_str())
        .bind(&paging.after)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// A team's members in this order. Who may see them is asked before, as for [`members`].
///
/// # Errors
///
/// The database's.
pub async fn members_page(
    read: &ReadModels,
    team: &TeamName,
    order: Order,
    paging: &Paging<()>,
) -> Result<Vec<MemberRow>, sqlx::Error> {
    sqlx::query_as(order.of(MEMBER_PAGES))
        .bind(team.as_str())
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// The memberships of one user, by team; at most a thousand.
///
/// # Errors
///
/// The database's.
pub async fn of_user(read: &ReadModels, user: &UserName) -> Result<Vec<MemberRow>, sqlx::Error> {
    sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(read.pool()).await
}

/// How many [`members`] has in all.
///
/// # Errors
///
/// The database's.
pub async fn members_count(read: &ReadModels, team: &TeamName) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(MEMBERS_COUNT).bind(team.as_str()).fetch_one(read.pool()).await
}

/// One member, by name or by the membership's id.
///
/// # Errors
///
/// The database's.
pub async fn member(
    read: &ReadModels,
    team: &TeamName,
    name: Option<&UserName>,
    id: Option<i64>,
) -> Result<Option<MemberRow>, sqlx::Error> {
    sqlx::query_as(MEMBER)
        .bind(team.as_str())
        .bind(name.map(UserName::as_str))
        .bind(id)
        .fetch_optional(read.pool())
        .await
}
