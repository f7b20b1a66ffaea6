//! A few people and what is theirs, made as it is made everywhere, in a world that is written into
//! the read models' tables as their folds would leave it.

use domain::event::Actor;
use domain::name::{RegistryName, UserName};
use domain::namespace::Visibility;
use domain::registry::ContentEvent;
use domain::star::StarEvent;
use domain::team::{Role, TeamEvent};
use domain::user::UserEvent;
use tests::site::{ADMINISTRATOR, Site};

use super::super::{digest, person, push, record, team};

/// Repositories, and other things in proportion, of each size of the world.
const REPOSITORIES: i64 = 25_000;

/// What is there by name.
pub(super) struct Ground {
    digest: String,
    event: String,
    hidden: String,
    size: i64,
}

impl Ground {
    pub(super) fn fill(&self, path: &str) -> String {
        path.replace("{digest}", &self.digest)
            .replace("{event}", &self.event)
            .replace("{hidden}", &self.hidden)
    }

    /// The same without what is different each time.
    pub(super) fn blank(&self, path: &str) -> String {
        path.replace(&self.digest, "{digest}")
            .replace(&format!("/activity/{}", self.event), "/activity/{event}")
            .replace(&format!("/activity/{}", self.hidden), "/activity/{hidden}")
    }
}

pub(super) async fn lay(site: &Site) -> Ground {
    for name in ["alice", "bob", "olga"] {
        site.register(name).await;
    }
    let olga = UserName::parse("olga").unwrap();
    record(site, person(ADMINISTRATOR), UserEvent::AuditorGranted { user: olga }).await;
    team(site, "payments", "alice", Visibility::Private).await;
    team(site, "huge", "bob", Visibility::Public).await;
    let add = |user: &str| TeamEvent::MemberAdded {
        team: domain::name::TeamName::parse("payments").unwrap(),
        user: UserName::parse(user).unwrap(),
        role: Role::Contributor,
    };
    record(site, person("alice"), add("bob")).await;
    let event = push(site, "alice", "payments/checkout:latest").await;
    push(site, "bob", "payments/ledger:1").await;
    push(site, "bob", "huge/app-0:1").await;
    let gone = ContentEvent::Deleted {
        registry: RegistryName::parse("main").unwrap(),
        repository: domain::name::RepositoryName::parse("payments/ledger").unwrap(),
        digest: digest("payments/ledger:1"),
    };
    record(site, person("bob"), gone).await;
    let star = StarEvent::Starred {
        user: UserName::parse("alice").unwrap(),
        registry: RegistryName::parse("main").unwrap(),
        repository: domain::name::RepositoryName::parse("payments/checkout").unwrap(),
    };
    record(site, person("alice"), star).await;
    team(site, "secret", "bob", Visibility::Private).await;
    let hidden = record(
        site,
        Actor::User { name: UserName::parse("bob").unwrap() },
        super::super::pushed("secret/app:1"),
    )
    .await;
    Ground {
        digest: digest("payments/checkout:latest").to_string(),
        event: event.0.to_string(),
        hidden: hidden.0.to_string(),
        size: 0,
    }
}

impl Ground {
    /// Makes the world so many times as large as it was laid out to be.
    pub(super) async fn grow(&mut self, site: &Site, size: i64) {
        let owner = &site.ground.database.owner;
        let (from, to) = (self.size * REPOSITORIES + 1, size * REPOSITORIES);
        for sql in MORE {
            sqlx::query(*sql).bind(from).bind(to).execute(owner).await.unwrap();
        }
        sqlx::raw_sql("VACUUM ANALYZE").execute(owner).await.unwrap();
        self.size = size;
    }
}

/// Of each, the `$1`st to the `$2`th. Ids are far behind those of real facts.
const MORE: &[&str] = &[
    // Accounts and teams, one for ten repositories; teams of three.
    "INSERT INTO read_directory.users (name, id, bot, enabled, admin, auditor, origin, created_at,
        updated_at)
      SELECT 'u' || n, 1000000000 + n, false, true, false, false, 'administrator', '2024-01-01Z',
        '2024-01-01Z' FROM generate_series($1 / 10 + 1, $2 / 10) n",
    "INSERT INTO read_directory.teams (name, id, description, created_at, updated_at, members,
        namespaces)
      SELECT 't' || n, 2000000000 + n, '', '2024-01-01Z', '2024-01-01Z', 3, 1
      FROM generate_series($1 / 10 + 1, $2 / 10) n",
    "INSERT INTO read_directory.team_members (team, user_name, id, role, created_at, updated_at)
      SELECT 't' || n, 'u' || (n + k), 2000000000 + n, 'owner', '2024-01-01Z', '2024-01-01Z'
      FROM generate_series($1 / 10 + 1, $2 / 10) n, generate_series(0, 2) k",
    // And one team with many members and namespaces.
    "INSERT INTO read_directory.team_members (team, user_name, id, role, created_at, updated_at)
      SELECT 'payments', 'u' || n, 3000000000 + n, 'viewer', '2024-01-01Z', '2024-01-01Z'
      FROM generate_series($1 / 10 + 1, $2 / 10) n",
    "UPDATE read_directory.teams SET members = $2 / 10 + $1 * 0 WHERE name = 'payments'",
    // Namespaces of twenty repositories, of which every tenth is open to everybody.
    "INSERT INTO read_directory.namespaces (registry, name, id, holder_kind, holder, visibility,
        description, created_at, updated_at)
      SELECT 'main', 'n' || n, 4000000000 + n, 'team', CASE WHEN n % 3 = 0 THEN 'huge' ELSE 't' || n END,
        CASE WHEN n % 10 = 0 THEN 'public' ELSE 'private' END, '', '2024-01-01Z', '2024-01-01Z'
      FROM generate_series($1 / 20 + 1, $2 / 20) n",
    "INSERT INTO read_content.content_namespaces (registry, name, id, visibility, repositories)
      SELECT registry, name, id, visibility, 20 FROM read_directory.namespaces
      WHERE id BETWEEN 4000000000 + $1 / 20 + 1 AND 4000000000 + $2 / 20",
    "UPDATE read_content.content_namespaces SET repositories = $2 / 5 + $1 * 0 WHERE name = 'huge'",
    // Repositories, a fifth of them in one namespace.
    "INSERT INTO read_content.repositories (registry, name, id, namespace, created_at, pulls,
        last_pull_at, pushes, last_push_at, last_push_by, visibility, tags, size, stars)
      SELECT 'main', CASE WHEN n % 5 = 0 THEN 'huge' ELSE 'n' || (n / 20 + 1) END || '/app-' || n,
        5000000000 + n, CASE WHEN n % 5 = 0 THEN 'huge' ELSE 'n' || (n / 20 + 1) END, '2024-01-01Z',
        n % 977, '2024-01-01Z'::timestamptz + n % 9973 * interval '1 h', 3,
        '2024-01-01Z'::timestamptz + n % 9941 * interval '1 h', 'u' || n % 100,
        CASE WHEN n % 5 = 0 OR (n / 20 + 1) % 10 = 0 THEN 'public' ELSE 'private' END, n % 50, n % 9901 * 1000, n % 17
      FROM generate_series($1::bigint, $2::bigint) n",
    // Tags and manifests: of a repository that is looked at, and of a manifest in it.
    "INSERT INTO read_content.tags (registry, repository, name, id, live, digest, changed_at,
        created_at, observed, pulls)
      SELECT 'main', 'payments/checkout', n::text, 6000000000 + n, true,
        (SELECT digest FROM read_content.tags WHERE repository = 'payments/checkout' AND name = 'latest'),
        '2024-01-01Z', '2024-01-01Z', false, 0
      FROM generate_series($1::bigint, $2::bigint) n",
    "UPDATE read_content.repositories SET tags = $2 + $1 * 0 WHERE name = 'payments/checkout'",
    "INSERT INTO read_content.tag_history (registry, repository, tag, position, change, digest, at, actor)
      SELECT 'main', 'payments/checkout', 'latest', 6000000000 + n, 'moved', NULL, '2024-01-01Z', 'alice'
      FROM generate_series($1::bigint, $2::bigint) n",
    "INSERT INTO read_content.manifests (registry, repository, digest, id, live, kind, platforms, pulls,
        first_push_at, last_push_at)
      SELECT 'main', 'payments/checkout', 'sha256:' || lpad(n::text, 64, '0'), 7000000000 + n, true, 'image',
        '{}', 0, '2024-01-01Z', '2024-01-01Z'
      FROM generate_series($1::bigint, $2::bigint) n",
    "INSERT INTO read_directory.stars (user_name, registry, repository, id, created_at)
      SELECT 'u' || n, 'main', 'payments/checkout', 8000000000 + n, '2024-01-01Z'
      FROM generate_series($1 / 10 + 1, $2 / 10) n",
    // Activities: three for each repository, by a hundred people, and few things of other kinds.
    "INSERT INTO read_activity.activity (position, index, event_id, recorded_at, occurred_at, kind,
        outcome, actor_kind, actor, registry, namespace, namespace_id, repository, detail)
      SELECT 1000 + n, 0, gen_random_uuid(), '2024-01-01Z', '2024-01-01Z', 'content.manifest_pushed',
        CASE WHEN n % 5000 = 0 THEN 'refused' ELSE 'done' END, 'user', 'u' || n % 100, 'main',
        r.namespace, s.id, r.name, '{}'
      FROM generate_series(3 * $1 - 2, 3 * $2) n
      JOIN read_content.repositories r ON r.id = 5000000000 + (n + 2) / 3
      JOIN read_content.content_namespaces s ON s.registry = r.registry AND s.name = r.namespace",
];
