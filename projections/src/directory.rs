//! The projection `directory`: users, teams, registries, namespaces, grants, application tokens,
//! stars. Decisions only, so a billion pulls cost it nothing.

use async_trait::async_trait;
use domain::admin::AdminEvent;
use domain::app_token::AppTokenEvent;
use domain::event::{Class, Event, Fact};
use domain::namespace::{Grantee, Holder, NamespaceEvent};
use domain::registry::RegistryEvent;
use domain::repository::RepositoryEvent;
use domain::star::StarEvent;
use domain::team::TeamEvent;
use domain::user::{Account, Origin, UserEvent};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::projection::{Projection, id, micros};
use crate::working::{Working, table};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Directory;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct UserRow {
    name: String,
    id: i64,
    bot: bool,
    enabled: bool,
    admin: bool,
    auditor: bool,
    origin: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}
table!(
    UserRow,
    UserKey { name: String },
    "users",
    "name",
    "id, bot, enabled, admin, auditor, origin, created_at, updated_at",
    "excluded.id, excluded.bot, excluded.enabled, excluded.admin, excluded.auditor,
     excluded.origin, excluded.created_at, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct AdministratorRow {
    name: String,
}
table!(
    AdministratorRow,
    AdministratorKey { name: String },
    "administrators",
    "name",
    "name",
    "excluded.name"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TeamRow {
    name: String,
    id: i64,
    description: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}
table!(
    TeamRow,
    TeamKey { name: String },
    "teams",
    "name",
    "id, description, created_at, updated_at",
    "excluded.id, excluded.description, excluded.created_at, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct MemberRow {
    team: String,
    user_name: String,
    id: i64,
    role: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}
table!(
    MemberRow,
    MemberKey { team: String, user_name: String },
    "team_members",
    "team, user_name",
    "id, role, created_at, updated_at",
    "excluded.id, excluded.role, excluded.created_at, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RegistryRow {
    name: String,
    id: i64,
    service: String,
    host: String,
    url: String,
    secret_rotated_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}
table!(
    RegistryRow,
    RegistryKey { name: String },
    "registries",
    "name",
    "id, service, host, url, secret_rotated_at, created_at, updated_at",
    "excluded.id, excluded.service, excluded.host, excluded.url, excluded.secret_rotated_at,
     excluded.created_at, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NamespaceRow {
    registry: String,
    name: String,
    id: i64,
    holder_kind: String,
    holder: Option<String>,
    visibility: String,
    description: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}
table!(
    NamespaceRow,
    NamespaceKey { registry: String, name: String },
    "namespaces",
    "registry, name",
    "id, holder_kind, holder, visibility, description, created_at, updated_at",
    "excluded.id, excluded.holder_kind, excluded.holder, excluded.visibility,
     excluded.description, excluded.created_at, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct GrantRow {
    grant_id: Uuid,
    registry: String,
    namespace: String,
    id: i64,
    grantee_kind: String,
    grantee: String,
    role: String,
    repository: Option<String>,
    until: Option<Timestamp>,
}
table!(
    GrantRow,
    GrantKey { registry: String, namespace: String, grant_id: Uuid },
    "namespace_grants",
    "registry, namespace, grant_id",
    "id, grantee_kind, grantee, role, repository, until",
    "excluded.id, excluded.grantee_kind, excluded.grantee, excluded.role, excluded.repository,
     excluded.until"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct DescriptionRow {
    registry: String,
    repository: String,
    description: String,
    updated_at: Timestamp,
}
table!(
    DescriptionRow,
    DescriptionKey { registry: String, repository: String },
    "repository_descriptions",
    "registry, repository",
    "description, updated_at",
    "excluded.description, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TokenRow {
    token: Uuid,
    id: i64,
    user_name: String,
    label: String,
    scopes: Vec<String>,
    namespaces: Option<Vec<String>>,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
    created_at: Timestamp,
}
table!(
    TokenRow,
    TokenKey { token: Uuid },
    "app_tokens",
    "token",
    "id, user_name, label, scopes, namespaces, expires_at, revoked_at, created_at",
    "excluded.id, excluded.user_name, excluded.label, excluded.scopes, excluded.namespaces,
     excluded.expires_at, excluded.revoked_at, excluded.created_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StarRow {
    user_name: String,
    registry: String,
    repository: String,
    id: i64,
    created_at: Timestamp,
}
table!(
    StarRow,
    StarKey { user_name: String, registry: String, repository: String },
    "stars",
    "user_name, registry, repository",
    "id, created_at",
    "excluded.id, excluded.created_at"
);

/// What goes with an account, whose name may be given again.
const FORGET_USER: &[&str] = &[
    "DELETE FROM users WHERE name = $1",
    "DELETE FROM team_members WHERE user_name = $1",
    "DELETE FROM stars WHERE user_name = $1",
    "DELETE FROM app_tokens WHERE user_name = $1",
];
const FORGET_TEAM: &[&str] =
    &["DELETE FROM teams WHERE name = $1", "DELETE FROM team_members WHERE team = $1"];
const FORGET_NAMESPACE: &[&str] = &[
    "DELETE FROM namespaces WHERE registry = $2 AND name = $1",
    "DELETE FROM namespace_grants WHERE registry = $2 AND namespace = $1",
];

#[async_trait]
impl Projection for Directory {
    fn name(&self) -> &'static str {
        "directory"
    }

    fn code(&self) -> i32 {
        1
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
            for sql in FORGET_USER {
                sqlx::query(*sql).bind(user.as_str()).execute(&mut *db).await?;
            }
        }
        Event::Team(TeamEvent::Deleted { team, .. }) => {
            for sql in FORGET_TEAM {
                sqlx::query(*sql).bind(team.as_str()).execute(&mut *db).await?;
            }
        }
        Event::Namespace(NamespaceEvent::Deleted { registry, namespace, .. }) => {
            for sql in FORGET_NAMESPACE {
                sqlx::query(*sql)
                    .bind(namespace.as_str())
                    .bind(registry.as_str())
                    .execute(&mut *db)
                    .await?;
            }
        }
        _ => {}
    }
    Ok(())
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
        for fact in facts {
            desk.apply(fact);
        }
        desk.users.store(db).await?;
        desk.administrators.store(db).await?;
        desk.teams.store(db).await?;
        desk.members.store(db).await?;
        desk.registries.store(db).await?;
        desk.namespaces.store(db).await?;
        desk.grants.store(db).await?;
        desk.descriptions.store(db).await?;
        desk.tokens.store(db).await?;
        desk.stars.store(db).await
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

    fn user(&mut self, event: &UserEvent, position: i64, at: Timestamp) {
        use UserEvent as E;
        let name = user_of(event).to_owned();
        if let E::Registered { account, origin, .. } = event {
            let key = AdministratorKey { name: name.clone() };
            let admin = self.administrators.get(&key).is_some();
            self.users.set(
                UserKey { name: name.clone() },
                Some(UserRow {
                    name,
                    id: position,
                    bot: *account == Account::Bot,
                    enabled: true,
                    admin,
                    auditor: false,
                    origin: origin_word(origin).to_owned(),
                    created_at: at,
                    updated_at: at,
                }),
            );
            return;
        }
        let Some(row) = self.users.slot(UserKey { name }) else { return };
        match event {
            E::Disabled { .. } => row.enabled = false,
            E::Enabled { .. } => row.enabled = true,
            E::AuditorGranted { .. } => row.auditor = true,
            E::AuditorRevoked { .. } => row.auditor = false,
            E::PasswordChanged { .. }
            | E::ProfileChanged { .. }
            | E::PersonalDataErased { .. }
            | E::SignedOutEverywhere { .. } => {}
            E::Registered { .. } | E::Removed { .. } => return,
        }
        row.updated_at = at;
    }

    fn admin(&mut self, event: &AdminEvent, at: Timestamp) {
        let (AdminEvent::Granted { user } | AdminEvent::Revoked { user }) = event;
        let (name, admin) = (user.to_string(), matches!(event, AdminEvent::Granted { .. }));
        if let Some(row) = self.users.slot(UserKey { name: name.clone() }) {
            row.admin = admin;
            row.updated_at = at;
        }
        self.administrators.set(
            AdministratorKey { name: name.clone() },
            admin.then_some(AdministratorRow { name }),
        );
    }

    fn team(&mut self, event: &TeamEvent, position: i64, at: Timestamp) {
        use TeamEvent as E;
        let name = team_of(event).to_owned();
        match event {
            E::Created { owner, description, .. } => {
                self.teams.set(
                    TeamKey { name: name.clone() },
                    Some(TeamRow {
                        name: name.clone(),
                        id: position,
                        description: description.clone(),
                        created_at: at,
                        updated_at: at,
                    }),
                );
                self.member(&name, owner.as_str(), "owner", position, at);
            }
            E::MemberAdded { user, role, .. } | E::MemberRoleChanged { user, to: role, .. } => {
                self.member(&name, user.as_str(), role.as_str(), position, at);
            }
            E::MemberRemoved { user, .. } => {
                self.members.set(member_key(&name, user.as_str()), None);
            }
            E::Described { description, .. } => {
                if let Some(row) = self.teams.slot(TeamKey { name: name.clone() }) {
                    row.description.clone_from(description);
                }
            }
            E::Deleted { .. } => {}
        }
        if let Some(row) = self.teams.slot(TeamKey { name }) {
            row.updated_at = at;
        }
    }

    fn member(&mut self, team: &str, user: &str, role: &str, position: i64, at: Timestamp) {
        let slot = self.members.slot(member_key(team, user));
        let row = slot.get_or_insert_with(|| MemberRow {
            team: team.to_owned(),
            user_name: user.to_owned(),
            id: position,
            role: String::new(),
            created_at: at,
            updated_at: at,
        });
        role.clone_into(&mut row.role);
        row.updated_at = at;
    }

    fn registry(&mut self, event: &RegistryEvent, position: i64, at: Timestamp) {
        use RegistryEvent as E;
        let name = registry_of(event).to_owned();
        let slot = self.registries.slot(RegistryKey { name: name.clone() });
        match event {
            E::Added { settings, .. } => {
                *slot = Some(RegistryRow {
                    name,
                    id: position,
                    service: settings.service.clone(),
                    host: settings.host.clone(),
                    url: settings.url.clone(),
                    secret_rotated_at: None,
                    created_at: at,
                    updated_at: at,
                });
            }
            E::SettingsChanged { settings, .. } => {
                if let Some(row) = slot {
                    row.service.clone_from(&settings.service);
                    row.host.clone_from(&settings.host);
                    row.url.clone_from(&settings.url);
                    row.updated_at = at;
                }
            }
            E::SecretRotated { .. } => {
                if let Some(row) = slot {
                    row.secret_rotated_at = Some(at);
                    row.updated_at = at;
                }
            }
            E::Removed { .. } => *slot = None,
        }
    }

    fn namespace(&mut self, event: &NamespaceEvent, position: i64, at: Timestamp) {
        use NamespaceEvent as E;
        let key = namespace_key(event);
        match event {
            E::Created { holder, visibility, description, .. } => {
                let (holder_kind, holder) = match holder {
                    Holder::Personal { user } => ("personal", Some(user.to_string())),
                    Holder::Team { team } => ("team", Some(team.to_string())),
                    Holder::Global => ("global", None),
                };
                self.namespaces.set(
                    key.clone(),
                    Some(NamespaceRow {
                        registry: key.registry,
                        name: key.name,
                        id: position,
                        holder_kind: holder_kind.to_owned(),
                        holder,
                        visibility: visibility.as_str().to_owned(),
                        description: description.clone(),
                        created_at: at,
                        updated_at: at,
                    }),
                );
                return;
            }
            E::Granted { grant, .. } => {
                let (grantee_kind, grantee) = match &grant.to {
                    Grantee::Team { team } => ("team", team.to_string()),
                    Grantee::User { user } => ("user", user.to_string()),
                };
                self.grants.set(
                    grant_key(&key, grant.id.0),
                    Some(GrantRow {
                        grant_id: grant.id.0,
                        registry: key.registry.clone(),
                        namespace: key.name.clone(),
                        id: position,
                        grantee_kind: grantee_kind.to_owned(),
                        grantee,
                        role: grant.role.as_str().to_owned(),
                        repository: grant.repository.as_ref().map(ToString::to_string),
                        until: grant.until.map(micros),
                    }),
                );
            }
            E::GrantRevoked { grant, .. } => self.grants.set(grant_key(&key, grant.0), None),
            E::Described { .. } | E::VisibilityChanged { .. } | E::TeamChanged { .. } => {}
            E::Deleted { .. } => return,
        }
        let Some(row) = self.namespaces.slot(key) else { return };
        row.updated_at = at;
        match event {
            E::Described { description, .. } => row.description.clone_from(description),
            E::VisibilityChanged { to, .. } => to.as_str().clone_into(&mut row.visibility),
            E::TeamChanged { to, .. } => {
                "team".clone_into(&mut row.holder_kind);
                row.holder = Some(to.to_string());
            }
            _ => {}
        }
    }

    fn token(&mut self, event: &AppTokenEvent, position: i64, at: Timestamp) {
        match event {
            AppTokenEvent::Created { user, token, label, scopes, namespaces, expires_at } => {
                self.tokens.set(
                    TokenKey { token: token.0 },
                    Some(TokenRow {
                        token: token.0,
                        id: position,
                        user_name: user.to_string(),
                        label: label.clone(),
                        scopes: scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
                        namespaces: namespaces
                            .as_ref()
                            .map(|names| names.iter().map(ToString::to_string).collect()),
                        expires_at: micros(*expires_at),
                        revoked_at: None,
                        created_at: at,
                    }),
                );
            }
            AppTokenEvent::Revoked { token, .. } => {
                if let Some(row) = self.tokens.slot(TokenKey { token: token.0 }) {
                    row.revoked_at = Some(at);
                }
            }
        }
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

fn origin_word(origin: &Origin) -> &'static str {
    match origin {
        Origin::Bootstrap => "bootstrap",
        Origin::Administrator => "administrator",
        Origin::Console => "console",
        Origin::SignUp => "sign_up",
        Origin::Directory { .. } => "directory",
    }
}
