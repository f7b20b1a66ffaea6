//! Generated pasts: a small cast in which everything that can happen to it happens in any order,
//! and everything that could be asked about it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use domain::access::{Action, Resource, Subject};
use domain::admin::AdminEvent;
use domain::app_token::{AppTokenEvent, TokenId, TokenScope};
use domain::event::Event;
use domain::name::{NamespaceName, RegistryName, TeamName, UserName};
use domain::namespace::{Grant, GrantId, Grantee, Holder, NamespaceEvent, Visibility};
use domain::registry::{RegistryEvent, RegistrySettings};
use domain::team::{Role, TeamEvent};
use domain::user::{Account, Origin, UserEvent};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use crate::oracle::Oracle;
use crate::past::{moment, name};

const USERS: [&str; 4] = ["ann", "bob", "cem", "robot"];
const TEAMS: [&str; 3] = ["blue", "red", "green"];
const REGISTRIES: [&str; 2] = ["main", "other"];
const NAMESPACES: [&str; 6] = ["a", "a/b", "a/b/c", "d", "ann", "_"];
const REPOSITORIES: [&str; 7] = ["a/x", "a/b/x", "a/b/c/x", "d/x", "ann/x", "solo", "nowhere/x"];
const TOKENS: u128 = 6;
const GRANTS: u128 = 6;
/// Moments at which grants and tokens end, and at which questions are asked.
pub(crate) const MOMENTS: [i64; 3] = [10, 20, 30];

fn pick<T: Clone + std::fmt::Debug + 'static>(from: &'static [T]) -> impl Strategy<Value = T> {
    select(from)
}

fn user() -> impl Strategy<Value = UserName> {
    pick(&USERS).prop_map(name)
}

fn team() -> impl Strategy<Value = TeamName> {
    pick(&TEAMS).prop_map(name)
}

fn role() -> impl Strategy<Value = Role> {
    select(&[Role::Viewer, Role::Contributor, Role::Owner][..])
}

fn visibility() -> impl Strategy<Value = Visibility> {
    select(&[Visibility::Private, Visibility::Protected, Visibility::Public][..])
}

fn holder() -> impl Strategy<Value = Holder> {
    prop_oneof![
        4 => team().prop_map(|team| Holder::Team { team }),
        2 => user().prop_map(|user| Holder::Personal { user }),
        1 => Just(Holder::Global),
    ]
}

fn grant() -> impl Strategy<Value = Grant> {
    let to = prop_oneof![
        team().prop_map(|team| Grantee::Team { team }),
        user().prop_map(|user| Grantee::User { user }),
    ];
    let until = prop::option::of(pick(&MOMENTS));
    let repository = prop::option::of(pick(&REPOSITORIES));
    (0..GRANTS, to, role(), repository, until).prop_map(|(id, to, role, repository, until)| Grant {
        id: GrantId(Uuid::from_u128(id)),
        to,
        role,
        repository: repository.map(name),
        until: until.map(moment),
    })
}

/// One more thing that may happen. Not everything is a change: a good share of what is drawn
/// speaks of things that are not there.
fn happening() -> impl Strategy<Value = Event> {
    let account = prop_oneof![3 => Just(Account::Person), 1 => Just(Account::Bot)];
    let users = prop_oneof![
        2 => (user(), account).prop_map(|(user, account)| {
            UserEvent::Registered { user, account, origin: Origin::SignUp }
        }),
        1 => user().prop_map(|user| UserEvent::Disabled { user, reason: String::new() }),
        2 => user().prop_map(|user| UserEvent::Enabled { user }),
        1 => user().prop_map(|user| UserEvent::AuditorGranted { user }),
        1 => user().prop_map(|user| UserEvent::AuditorRevoked { user }),
        1 => user().prop_map(|user| UserEvent::Removed { user, name_free_at: moment(0) }),
    ]
    .prop_map(Event::from);
    let admins = (user(), any::<bool>()).prop_map(|(user, granted)| {
        Event::from(match granted {
            true => AdminEvent::Granted { user },
            false => AdminEvent::Revoked { user },
        })
    });
    let teams = prop_oneof![
        2 => (team(), user()).prop_map(|(team, owner)| {
            TeamEvent::Created { team, owner, description: String::new() }
        }),
        6 => (team(), user(), role()).prop_map(|(team, user, role)| {
            TeamEvent::MemberAdded { team, user, role }
        }),
        2 => (team(), user(), role(), role()).prop_map(|(team, user, from, to)| {
            TeamEvent::MemberRoleChanged { team, user, from, to }
        }),
        2 => (team(), user()).prop_map(|(team, user)| TeamEvent::MemberRemoved { team, user }),
        1 => team().prop_map(|team| TeamEvent::Deleted { team, name_free_at: moment(0) }),
    ]
    .prop_map(Event::from);
    let registry = || pick(&REGISTRIES).prop_map(name);
    let namespace = || pick(&NAMESPACES).prop_map(name);
    let namespaces = prop_oneof![
        4 => (registry(), namespace(), holder(), visibility()).prop_map(
            |(registry, namespace, holder, visibility)| NamespaceEvent::Created {
                registry, namespace, holder, visibility, description: String::new(),
            }
        ),
        2 => (registry(), namespace(), visibility(), visibility()).prop_map(
            |(registry, namespace, from, to)| {
                NamespaceEvent::VisibilityChanged { registry, namespace, from, to }
            }
        ),
        2 => (registry(), namespace(), team(), team()).prop_map(
            |(registry, namespace, from, to)| {
                NamespaceEvent::TeamChanged { registry, namespace, from, to }
            }
        ),
        6 => (registry(), namespace(), grant()).prop_map(|(registry, namespace, grant)| {
            NamespaceEvent::Granted { registry, namespace, grant }
        }),
        2 => (registry(), namespace(), 0..GRANTS).prop_map(|(registry, namespace, id)| {
            let grant = GrantId(Uuid::from_u128(id));
            NamespaceEvent::GrantRevoked { registry, namespace, grant }
        }),
        1 => (registry(), namespace()).prop_map(|(registry, namespace)| {
            NamespaceEvent::Deleted { registry, namespace, name_free_at: moment(0) }
        }),
    ]
    .prop_map(Event::from);
    let registries = (registry(), any::<bool>()).prop_map(|(registry, added)| match added {
        true => registry_event(registry),
        false => RegistryEvent::Removed { registry }.into(),
    });
    let scopes = prop::collection::btree_set(select(&TokenScope::EVERY[..]), 1..3);
    let inside = prop::option::weighted(
        0.4,
        prop::collection::btree_set(pick(&NAMESPACES).prop_map(name::<NamespaceName>), 1..3),
    );
    let tokens = prop_oneof![
        4 => (0..TOKENS, scopes, inside, pick(&MOMENTS)).prop_map(
            |(id, scopes, namespaces, end)| AppTokenEvent::Created {
                user: maker(id),
                token: TokenId(Uuid::from_u128(id)),
                label: String::new(),
                scopes,
                namespaces,
                expires_at: moment(end),
            }
        ),
        1 => (user(), 0..TOKENS).prop_map(|(user, id)| {
            AppTokenEvent::Revoked { user, token: TokenId(Uuid::from_u128(id)) }
        }),
    ]
    .prop_map(Event::from);
    prop_oneof![
        3 => users,
        2 => admins,
        6 => teams,
        8 => namespaces,
        1 => registries,
        5 => tokens,
    ]
}

fn registry_event(registry: RegistryName) -> Event {
    let service = format!("{registry}.example.org");
    let settings =
        RegistrySettings { host: service.clone(), url: format!("http://{service}"), service };
    RegistryEvent::Added { registry, settings }.into()
}

/// A past that begins with people in teams, so that what is drawn after it finds somebody, and
/// that no decider would refuse to have made.
pub(crate) fn past(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(happening(), length).prop_map(|drawn| {
        let mut past: Vec<Event> = REGISTRIES.map(|it| registry_event(name(it))).into();
        let accounts = [Account::Person, Account::Person, Account::Person, Account::Bot];
        past.extend(USERS.into_iter().zip(accounts).map(|(user, account)| {
            Event::from(UserEvent::Registered { user: name(user), account, origin: Origin::SignUp })
        }));
        past.extend(TEAMS.into_iter().zip(USERS).map(|(team, owner)| {
            let description = String::new();
            Event::from(TeamEvent::Created { team: name(team), owner: name(owner), description })
        }));
        let mut oracle = Oracle::after(&past);
        for event in drawn {
            if oracle.could_happen(&event) {
                oracle.hear(&event);
                past.push(event);
            }
        }
        past
    })
}

/// Token `n` is made by one of the users only; see [`subjects`].
fn maker(id: u128) -> UserName {
    name(USERS[(id % USERS.len() as u128) as usize])
}

/// Everybody who could ask; one shows a token in somebody else's name.
pub(crate) fn subjects() -> &'static [Subject] {
    static ALL: LazyLock<Vec<Subject>> = LazyLock::new(|| {
        let token = |owner, id| Subject::Token { owner, id: TokenId(Uuid::from_u128(id)) };
        let mut all = vec![
            Subject::Anonymous,
            Subject::Invalid,
            Subject::Registry { name: name(REGISTRIES[0]) },
            token(maker(1), 0),
        ];
        all.extend(USERS.into_iter().map(|user| Subject::Account { name: name(user) }));
        all.extend((0..TOKENS).map(|id| token(maker(id), id)));
        all
    });
    &ALL
}

/// Everything that could be asked about.
pub(crate) fn resources() -> &'static [Resource] {
    static ALL: LazyLock<Vec<Resource>> = LazyLock::new(|| {
        let mut all = vec![Resource::System];
        all.extend(TEAMS.into_iter().map(|team| Resource::Team { name: name(team) }));
        let places = [
            (REGISTRIES[0], &NAMESPACES[..], &REPOSITORIES[..]),
            (REGISTRIES[1], &NAMESPACES[..2], &REPOSITORIES[..2]),
        ];
        for (registry, namespaces, repositories) in places {
            let registry: RegistryName = name(registry);
            all.extend(
                namespaces
                    .iter()
                    .chain(&["nowhere"])
                    .map(|it| Resource::Namespace { registry: registry.clone(), name: name(it) }),
            );
            all.extend(
                repositories
                    .iter()
                    .map(|it| Resource::Repository { registry: registry.clone(), name: name(it) }),
            );
        }
        all
    });
    &ALL
}

/// Every action, in order.
pub(crate) fn actions() -> &'static [Action] {
    static ALL: LazyLock<Vec<Action>> = LazyLock::new(|| {
        let named = crate::table_rows::rows().iter().map(|(row, _)| row.action);
        named.collect::<BTreeSet<_>>().into_iter().collect()
    });
    &ALL
}
