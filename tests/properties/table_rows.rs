//! The rows of `tests/fixtures/authorization.csv`, and for each the world that it speaks of.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::access::{Action, Graph, Resource, Subject};
use domain::admin::AdminEvent;
use domain::app_token::{AppTokenEvent, TokenId, TokenScope};
use domain::event::Event;
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::{RegistryEvent, RegistrySettings};
use domain::team::{Role, TeamEvent};
use domain::user::{Account, Origin, UserEvent};
use tests::table;
pub(crate) use tests::table::Row;
use uuid::Uuid;

use crate::past::{graph_of, moment, name};

/// Every row with its world.
pub(crate) fn rows() -> &'static [(Row, Scene)] {
    static ALL: LazyLock<Vec<(Row, Scene)>> = LazyLock::new(|| {
        let mut graphs: HashMap<_, Graph> = HashMap::new();
        let with_world = |row: Row| {
            let graph = graphs.entry(row.situation()).or_insert_with(|| world(&row)).clone();
            let (subjects, resources) = (subjects(&row.who), resources(&row));
            (row, Scene { graph, subjects, resources })
        };
        table::rows().into_iter().map(with_world).collect()
    });
    &ALL
}

/// A row's world: its graph, the subjects that its `who` means, and the resources that it is about.
pub(crate) struct Scene {
    pub(crate) graph: Graph,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) resources: Vec<Resource>,
}

const TOKEN: TokenId = TokenId(Uuid::from_u128(1));
const EXPIRED: TokenId = TokenId(Uuid::from_u128(2));
const REVOKED: TokenId = TokenId(Uuid::from_u128(3));

/// The moment at which rows are asked.
pub(crate) fn now() -> jiff::Timestamp {
    moment(100)
}

/// Builds the world of a row from events alone: `sam` asks, `olga` is somebody else.
fn world(row: &Row) -> Graph {
    let mut past = vec![
        registry_added(),
        registered("olga", Account::Person),
        registered("sam", if row.who == "bot" { Account::Bot } else { Account::Person }),
        // Somebody must be administrator when sam is not; and the first is not the last one.
        registered("root", Account::Person),
        Event::from(AdminEvent::Granted { user: name("root") }),
        Event::from(TeamEvent::Created {
            team: name("blue"),
            owner: name("olga"),
            description: String::new(),
        }),
    ];
    if row.who.starts_with("admin") || row.who == "disabled_admin" {
        past.push(AdminEvent::Granted { user: name("sam") }.into());
    }
    if row.who == "auditor" {
        past.push(UserEvent::AuditorGranted { user: name("sam") }.into());
    }
    past.extend(place(row));
    for (id, expires) in [(TOKEN, 1_000), (EXPIRED, 100), (REVOKED, 1_000)] {
        past.push(token(id, scope_of(&row.who), expires));
    }
    past.push(AppTokenEvent::Revoked { user: name("sam"), token: REVOKED }.into());
    if row.who.contains("disabled") {
        past.push(UserEvent::Disabled { user: name("sam"), reason: "left".to_owned() }.into());
    }
    graph_of(&past)
}

/// The namespace and membership that the row speaks of.
fn place(row: &Row) -> Vec<Event> {
    let visibility = Visibility::parse(&row.visibility);
    let created = |namespace: &str, holder: Holder| {
        Event::from(NamespaceEvent::Created {
            registry: name("main"),
            namespace: name(namespace),
            holder,
            visibility: visibility.unwrap_or(Visibility::Protected),
            description: String::new(),
        })
    };
    match row.kind.as_str() {
        "global" => vec![created("_", Holder::Global)],
        "personal_own" => vec![created("sam", Holder::Personal { user: name("sam") })],
        "personal_other" => vec![created("olga", Holder::Personal { user: name("olga") })],
        "team" => {
            let mut events = vec![created("space", Holder::Team { team: name("blue") })];
            if let Some(role) = Role::parse(&row.role) {
                let (team, user) = (name("blue"), name("sam"));
                events.push(TeamEvent::MemberAdded { team, user, role }.into());
            }
            events
        }
        "missing" | "none" => vec![],
        other => panic!("no such kind: {other}"),
    }
}

fn resources(row: &Row) -> Vec<Resource> {
    let (namespace, repository) = match row.kind.as_str() {
        "global" => ("_", "app"),
        "personal_own" => ("sam", "sam/app"),
        "personal_other" => ("olga", "olga/app"),
        "team" => ("space", "space/app"),
        "missing" => ("nowhere", "nowhere/app"),
        _ => return vec![Resource::System],
    };
    let namespace = Resource::Namespace { registry: name("main"), name: name(namespace) };
    let repository = Resource::Repository { registry: name("main"), name: name(repository) };
    use Action as A;
    match row.action {
        // Rows on teams; hidden ones are those of personal and global namespaces.
        _ if row.visibility == "-" && row.kind == "team" => {
            vec![Resource::Team { name: name("blue") }]
        }
        _ if row.visibility == "-" && row.kind != "missing" => {
            let like_it = if row.kind == "global" { "global" } else { "sam" };
            vec![namespace, Resource::Team { name: name(like_it) }]
        }
        A::SeeNamespace
        | A::SeeWebhooks
        | A::EditNamespace
        | A::RenameNamespaceWithRepositories
        | A::ChangeVisibility
        | A::ChangeTeam
        | A::ChangeTeamForeign
        | A::DeleteNamespace
        | A::ManageWebhooks => vec![namespace],
        A::SearchHit | A::ViewActivities => vec![namespace, repository],
        _ => vec![repository],
    }
}

fn subjects(who: &str) -> Vec<Subject> {
    let token = |id| Subject::Token { owner: name("sam"), id };
    match who {
        "anonymous" => vec![Subject::Anonymous],
        "user" | "admin" | "auditor" | "bot" | "disabled_user" | "disabled_admin" => {
            vec![Subject::Account { name: name("sam") }]
        }
        "revoked_or_expired_app_token" => vec![token(REVOKED), token(EXPIRED)],
        "registry" => vec![Subject::Registry { name: name("main") }],
        "registry_wrong_secret" => vec![Subject::Invalid],
        _ if who.contains("app_token[") => vec![token(TOKEN)],
        other => panic!("no such subject: {other}"),
    }
}

fn scope_of(who: &str) -> TokenScope {
    let inside = who.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    inside.map_or(TokenScope::All, |(scope, _)| TokenScope::parse(scope).unwrap())
}

fn token(id: TokenId, scope: TokenScope, expires: i64) -> Event {
    Event::from(AppTokenEvent::Created {
        user: name("sam"),
        token: id,
        label: format!("token {}", id.0.as_u128()),
        scopes: [scope].into(),
        namespaces: None,
        expires_at: moment(expires),
    })
}

pub(crate) fn registered(user: &str, account: Account) -> Event {
    UserEvent::Registered { user: name(user), account, origin: Origin::Administrator }.into()
}

pub(crate) fn registry_added() -> Event {
    Event::from(RegistryEvent::Added {
        registry: name("main"),
        settings: RegistrySettings {
            service: "registry.example.org".to_owned(),
            host: "registry.example.org".to_owned(),
            url: "http://127.0.0.1:5000".to_owned(),
        },
    })
}
