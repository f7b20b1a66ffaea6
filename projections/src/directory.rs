//! The projection `directory`: users, teams, registries, namespaces, grants, application tokens,
//! stars, comments. Decisions only, so a billion pulls cost it nothing.

mod fold;
mod rows;

use async_trait::async_trait;
use domain::admin::AdminEvent;
use domain::app_token::AppTokenEvent;
use domain::comment::CommentEvent;
use domain::event::{Class, Event, Fact};
use domain::namespace::NamespaceEvent;
use domain::registry::RegistryEvent;
use domain::repository::RepositoryEvent;
use domain::star::StarEvent;
use domain::team::TeamEvent;
use domain::user::UserEvent;
use sqlx::PgConnection;
use uuid::Uuid;

use self::rows::{
    AdministratorKey, AdministratorRow, CommentKey, CommentRow, DescriptionKey, DescriptionRow,
    GrantKey, GrantRow, MemberKey, MemberRow, NamespaceKey, NamespaceRow, RegistryKey, RegistryRow,
    StarKey, StarRow, TeamKey, TeamRow, TokenKey, TokenRow, UserKey, UserRow,
};
use crate::projection::{Projection, id, micros};
use crate::working::Working;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Directory;

/// What goes with an account, whose name may be given again.
const FORGET_USER: &[&str] = &[
    "DELETE FROM users WHERE name = $1",
    "DELETE FROM team_members WHERE user_name = $1",
    "DELETE FROM stars WHERE user_name = $1",
    "DELETE FROM app_tokens WHERE user_name = $1",
    "DELETE FROM comments WHERE author = $1",
];
const FORGET_TEAM: &[&str] =
    &["DELETE FROM teams WHERE name = $1", "DELETE FROM team_members WHERE team = $1"];
const FORGET_NAMESPACE: &[&str] = &[
    "DELETE FROM namespaces WHERE registry = $2 AND name = $1",
    "DELETE FROM namespace_grants WHERE registry = $2 AND namespace = $1",
    // Whoever gets the name next does not inherit what was said; a namespace inside keeps its own.
    "DELETE FROM comments c WHERE c.registry = $2 AND starts_with(c.repository, $1 || '/')
        AND NOT EXISTS (SELECT FROM namespaces n WHERE n.registry = c.registry
            AND starts_with(n.name, $1 || '/') AND starts_with(c.repository, n.name || '/'))",
];

#[async_trait]
impl Projection for Directory {
    fn name(&self) -> &'static str {
        "directory"
    }

    fn code(&self) -> i32 {
        3
    }

    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("users", "name"),
            ("administrators", "name"),
            ("teams", "name"),
            ("team_members", "team, user_name"),
            ("registries", "name"),
            ("namespaces", "registry, name"),
            ("namespace_grants", "registry, namespace, grant_id"),
            ("repository_descriptions", "registry, repository"),
            ("app_tokens", "token"),
            ("stars", "user_name, registry, repository"),
            ("comments", "comment"),
        ]
    }

    fn class(&self) -> Option<Class> {
        Some(Class::Decision)
    }

    async fn apply(&self, db: &mut PgConnection, facts: &[Fact]) -> Result<(), sqlx::Error> {
        // What ends a thing touches rows that no page can know before: it is done in the database,
        // between what came before it and what comes after.
        for run in facts.chunk_by(|before, after| !ends(&before.event) && !ends(&after.event)) {
            match run {
                [fact] if ends(&fact.event) => end(db, &fact.event).await?,
                run => Desk::fold(db, run).await?,
            }
        }
        Ok(())
    }
}

fn ends(event: &Event) -> bool {
    matches!(
        event,
        Event::User(UserEvent::Removed { .. })
            | Event::Team(TeamEvent::Deleted { .. })
            | Event::Namespace(NamespaceEvent::Deleted { .. })
    )
}

async fn end(db: &mut PgConnection, event: &Event) -> Result<(), sqlx::Error> {
    match event {
        Event::User(UserEvent::Removed { user, .. }) => {
            let teams = teams_of(db, &[user.to_string()]).await?;
            for sql in FORGET_USER {
                sqlx::query(*sql).bind(user.as_str()).execute(&mut *db).await?;
            }
            count(db, &teams).await?;
        }
        Event::Team(TeamEvent::Deleted { team, .. }) => {
            for sql in FORGET_TEAM {
                sqlx::query(*sql).bind(team.as_str()).execute(&mut *db).await?;
            }
        }
        Event::Namespace(NamespaceEvent::Deleted { registry, namespace, .. }) => {
            let holder: Option<String> = sqlx::query_scalar(HOLDER_OF)
                .bind(registry.as_str())
                .bind(namespace.as_str())
                .fetch_optional(&mut *db)
                .await?;
            for sql in FORGET_NAMESPACE {
                sqlx::query(*sql)
                    .bind(namespace.as_str())
                    .bind(registry.as_str())
                    .execute(&mut *db)
                    .await?;
            }
            count(db, holder.as_slice()).await?;
        }
        _ => {}
    }
    Ok(())
}

/// What is shown beside a team, counted when one of these teams or people may have changed it.
const COUNT: &str = "UPDATE teams t SET
      members = (SELECT count(*) FROM team_members m JOIN users u ON u.name = m.user_name
        WHERE m.team = t.name),
      namespaces = (SELECT count(*) FROM namespaces n
        WHERE n.holder_kind = 'team' AND n.holder = t.name)
    WHERE t.name = ANY($1)";
const TEAMS_OF: &str = "SELECT team FROM team_members WHERE user_name = ANY($1)";
const HOLDER_OF: &str = "SELECT holder FROM namespaces
    WHERE registry = $1 AND name = $2 AND holder_kind = 'team'";

async fn count(db: &mut PgConnection, teams: &[String]) -> Result<(), sqlx::Error> {
    if !teams.is_empty() {
        sqlx::query(COUNT).bind(teams).execute(db).await?;
    }
    Ok(())
}

async fn teams_of(db: &mut PgConnection, users: &[String]) -> Result<Vec<String>, sqlx::Error> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar(TEAMS_OF).bind(users).fetch_all(db).await
}

/// The rows that one run of facts touches.
#[derive(Default)]
struct Desk {
    users: Working<UserRow>,
    administrators: Working<AdministratorRow>,
    teams: Working<TeamRow>,
    members: Working<MemberRow>,
    registries: Working<RegistryRow>,
    namespaces: Working<NamespaceRow>,
    grants: Working<GrantRow>,
    descriptions: Working<DescriptionRow>,
    tokens: Working<TokenRow>,
    stars: Working<StarRow>,
    comments: Working<CommentRow>,
}

impl Desk {
    async fn fold(db: &mut PgConnection, facts: &[Fact]) -> Result<(), sqlx::Error> {
        let mut desk = Self::default();
        for fact in facts {
            desk.want(&fact.event);
        }
        desk.users.load(db).await?;
        desk.administrators.load(db).await?;
        desk.teams.load(db).await?;
        desk.members.load(db).await?;
        desk.registries.load(db).await?;
        desk.namespaces.load(db).await?;
        desk.grants.load(db).await?;
        desk.descriptions.load(db).await?;
        desk.tokens.load(db).await?;
        desk.stars.load(db).await?;
        desk.comments.load(db).await?;
        // Whose teams' numbers may change: those that are named, and those that held a namespace.
        let mut held: Vec<String> = desk.holders();
        held.extend(facts.iter().filter_map(team_named));
        for fact in facts {
            desk.apply(fact);
        }
        held.extend(desk.holders());
        desk.users.store(db).await?;
        desk.administrators.store(db).await?;
        desk.teams.store(db).await?;
        desk.members.store(db).await?;
        desk.registries.store(db).await?;
        desk.namespaces.store(db).await?;
        desk.grants.store(db).await?;
        desk.descriptions.store(db).await?;
        desk.tokens.store(db).await?;
        desk.stars.store(db).await?;
        desk.comments.store(db).await?;
        let (mut teams, users) = (held, facts.iter().filter_map(registered).collect::<Vec<_>>());
        teams.extend(teams_of(db, &users).await?);
        count(db, &teams).await
    }

    fn holders(&mut self) -> Vec<String> {
        let held = self.namespaces.values_mut().filter(|row| row.holder_kind == "team");
        held.filter_map(|row| row.holder.clone()).collect()
    }

    fn want(&mut self, event: &Event) {
        match event {
            Event::User(event) => {
                self.users.want(UserKey { name: user_of(event).to_owned() });
                self.administrators.want(AdministratorKey { name: user_of(event).to_owned() });
            }
            Event::Admin(AdminEvent::Granted { user } | AdminEvent::Revoked { user }) => {
                self.users.want(UserKey { name: user.to_string() });
                self.administrators.want(AdministratorKey { name: user.to_string() });
            }
            Event::Team(event) => {
                self.teams.want(TeamKey { name: team_of(event).to_owned() });
                if let TeamEvent::Created { team, owner: user, .. }
                | TeamEvent::MemberAdded { team, user, .. }
                | TeamEvent::MemberRoleChanged { team, user, .. }
                | TeamEvent::MemberRemoved { team, user } = event
                {
                    self.members.want(member_key(team.as_str(), user.as_str()));
                }
            }
            Event::Registry(event) => {
                self.registries.want(RegistryKey { name: registry_of(event).to_owned() });
            }
            Event::Namespace(event) => {
                let key = namespace_key(event);
                if let NamespaceEvent::Granted {
                    grant: domain::namespace::Grant { id, .. }, ..
                }
                | NamespaceEvent::GrantRevoked { grant: id, .. } = event
                {
                    self.grants.want(grant_key(&key, id.0));
                }
                self.namespaces.want(key);
            }
            Event::Repository(RepositoryEvent::Described { registry, repository, .. }) => {
                self.descriptions.want(DescriptionKey {
                    registry: registry.to_string(),
                    repository: repository.to_string(),
                });
            }
            Event::AppToken(
                AppTokenEvent::Created { token, .. } | AppTokenEvent::Revoked { token, .. },
            ) => self.tokens.want(TokenKey { token: token.0 }),
            Event::Star(event) => self.stars.want(star_key(event)),
            Event::Comment(
                CommentEvent::Added { comment, .. } | CommentEvent::Deleted { comment, .. },
            ) => self.comments.want(CommentKey { comment: comment.0 }),
            Event::Content(_) | Event::Auth(_) | Event::System(_) => {}
        }
    }

    fn apply(&mut self, fact: &Fact) {
        let (position, at) = (id(fact.position), micros(fact.recorded_at));
        match &fact.event {
            Event::User(event) => self.user(event, position, at),
            Event::Admin(event) => self.admin(event, at),
            Event::Team(event) => self.team(event, position, at),
            Event::Registry(event) => self.registry(event, position, at),
            Event::Namespace(event) => self.namespace(event, position, at),
            Event::Repository(RepositoryEvent::Described { registry, repository, description }) => {
                let row = DescriptionRow {
                    registry: registry.to_string(),
                    repository: repository.to_string(),
                    description: description.clone(),
                    updated_at: at,
                };
                self.descriptions.set(crate::working::Row::key(&row), Some(row));
            }
            Event::AppToken(event) => self.token(event, position, at),
            Event::Comment(event) => self.comment(event, position, at),
            Event::Star(event) => {
                let key = star_key(event);
                self.stars.set(
                    key.clone(),
                    match event {
                        StarEvent::Starred { .. } => Some(StarRow {
                            user_name: key.user_name,
                            registry: key.registry,
                            repository: key.repository,
                            id: position,
                            created_at: at,
                        }),
                        StarEvent::Unstarred { .. } => None,
                    },
                );
            }
            Event::Content(_) | Event::Auth(_) | Event::System(_) => {}
        }
    }
}

fn team_named(fact: &Fact) -> Option<String> {
    match &fact.event {
        Event::Team(event) => Some(team_of(event).to_owned()),
        _ => None,
    }
}

fn registered(fact: &Fact) -> Option<String> {
    match &fact.event {
        Event::User(UserEvent::Registered { user, .. }) => Some(user.to_string()),
        _ => None,
    }
}

fn user_of(event: &UserEvent) -> &str {
    use UserEvent as E;
    let (E::Registered { user, .. }
    | E::Disabled { user, .. }
    | E::Enabled { user }
    | E::AuditorGranted { user }
    | E::AuditorRevoked { user }
    | E::PasswordChanged { user }
    | E::ProfileChanged { user, .. }
    | E::SignedOutEverywhere { user }
    | E::PersonalDataErased { user }
    | E::Removed { user, .. }) = event;
    user.as_str()
}

fn team_of(event: &TeamEvent) -> &str {
    use TeamEvent as E;
    let (E::Created { team, .. }
    | E::Described { team, .. }
    | E::MemberAdded { team, .. }
    | E::MemberRoleChanged { team, .. }
    | E::MemberRemoved { team, .. }
    | E::Deleted { team, .. }) = event;
    team.as_str()
}

fn registry_of(event: &RegistryEvent) -> &str {
    use RegistryEvent as E;
    let (E::Added { registry, .. }
    | E::SettingsChanged { registry, .. }
    | E::SecretRotated { registry, .. }
    | E::Removed { registry }) = event;
    registry.as_str()
}

fn namespace_key(event: &NamespaceEvent) -> NamespaceKey {
    use NamespaceEvent as E;
    let (E::Created { registry, namespace, .. }
    | E::Described { registry, namespace, .. }
    | E::VisibilityChanged { registry, namespace, .. }
    | E::TeamChanged { registry, namespace, .. }
    | E::Granted { registry, namespace, .. }
    | E::GrantRevoked { registry, namespace, .. }
    | E::Deleted { registry, namespace, .. }) = event;
    NamespaceKey { registry: registry.to_string(), name: namespace.to_string() }
}

fn grant_key(namespace: &NamespaceKey, grant_id: Uuid) -> GrantKey {
    let NamespaceKey { registry, name } = namespace.clone();
    GrantKey { registry, namespace: name, grant_id }
}

fn member_key(team: &str, user: &str) -> MemberKey {
    MemberKey { team: team.to_owned(), user_name: user.to_owned() }
}

fn star_key(event: &StarEvent) -> StarKey {
    let (StarEvent::Starred { user, registry, repository }
    | StarEvent::Unstarred { user, registry, repository }) = event;
    StarKey {
        user_name: user.to_string(),
        registry: registry.to_string(),
        repository: repository.to_string(),
    }
}
