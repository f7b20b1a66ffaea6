//! Laws that hold in every world (security rules 6.6), whatever the table says in detail.

use domain::access::{Action, Ground, Resource, Subject, Verdict};
use domain::app_token::{AppTokenEvent, TokenId, TokenScope};
use domain::event::Event;
use domain::namespace::{Grant, GrantId, Grantee, Holder, NamespaceEvent, Visibility};
use domain::team::{Role, TeamEvent};
use domain::user::{Account, UserEvent};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use crate::agreement::{config, policy, time};
use crate::past::{graph_of, moment, name};
use crate::worlds::{actions, past, resources, subjects};

fn questions() -> impl Iterator<Item = (Action, &'static Resource)> {
    resources().iter().flat_map(|resource| actions().iter().map(move |action| (*action, resource)))
}

/// Reading, in the registry, on pages and over REST.
fn is_reading(action: Action) -> bool {
    matches!(
        action,
        Action::Pull
            | Action::SeeNamespace
            | Action::SeeRepository
            | Action::SeeTag
            | Action::SearchHit
            | Action::ViewActivities
    )
}

fn person(user: &str) -> Subject {
    Subject::Account { name: name(user) }
}

proptest! {
    #![proptest_config(config(24))]

    /// P3: more role never takes a right away.
    #[test]
    fn more_role_never_takes_a_right_away(
        past in past(10..50), policy in policy(), at in time(),
        team in select(&["blue", "red", "green"][..]), user in select(&["ann", "bob", "cem", "robot"][..]),
        roles in select(&[(Role::Viewer, Role::Contributor), (Role::Contributor, Role::Owner)][..]),
    ) {
        let with = |role| {
            let joined = TeamEvent::MemberAdded { team: name(team), user: name(user), role };
            graph_of(&past.iter().cloned().chain([joined.into()]).collect::<Vec<_>>())
        };
        let (less, more) = (with(roles.0), with(roles.1));
        for (action, resource) in questions() {
            let may = |graph: &domain::access::Graph| {
                graph.decide(&policy, &person(user), action, resource, at).is_allowed()
            };
            prop_assert!(!may(&less) || may(&more), "{:?} {:?}", action, resource);
        }
    }

    /// P3: more visibility never takes a reading right away, from anybody.
    #[test]
    fn more_visibility_never_takes_a_reading_right_away(
        past in past(10..50), policy in policy(), at in time(),
        namespace in select(&["a", "a/b", "d", "ann", "_"][..]),
        step in select(&[
            (Visibility::Private, Visibility::Protected),
            (Visibility::Protected, Visibility::Public),
        ][..]),
    ) {
        let with = |to| {
            let changed = NamespaceEvent::VisibilityChanged {
                registry: name("main"), namespace: name(namespace), from: to, to,
            };
            graph_of(&past.iter().cloned().chain([changed.into()]).collect::<Vec<_>>())
        };
        let (less, more) = (with(step.0), with(step.1));
        for subject in subjects() {
            for (action, resource) in questions().filter(|(action, _)| is_reading(*action)) {
                let may = |graph: &domain::access::Graph| {
                    graph.decide(&policy, subject, action, resource, at).is_allowed()
                };
                prop_assert!(!may(&less) || may(&more), "{:?} {:?} {:?}", subject, action, resource);
            }
        }
    }

    /// P4 and P5: a token never exceeds its owner, a bad credential never does anything, and
    /// without the admin scope nothing is done as an administrator.
    #[test]
    fn a_token_never_exceeds_its_owner(past in past(20..60), policy in policy(), at in time()) {
        let graph = graph_of(&past);
        for subject in subjects() {
            let Subject::Token { owner, id } = subject else { continue };
            let good = graph.token(*id).is_some_and(|token| {
                token.owner == *owner && !token.revoked && at < token.expires_at
            }) && graph.account(owner).is_some_and(|account| account.enabled);
            let admin_scope = past.iter().rev().any(|event| matches!(
                event,
                Event::AppToken(AppTokenEvent::Created { token, scopes, .. })
                    if token == id && scopes.contains(&TokenScope::Admin)
            ));
            for (action, resource) in questions() {
                let verdict = graph.decide(&policy, subject, action, resource, at);
                let Verdict::Allowed(because) = verdict else { continue };
                prop_assert!(good, "{:?} {:?} {:?}", subject, action, resource);
                let by_owner = graph.decide(&policy, &person(owner.as_str()), action, resource, at);
                prop_assert!(by_owner.is_allowed(), "{:?} {:?} {:?}", subject, action, resource);
                let as_admin = because.grant == Some(Ground::Administrator);
                prop_assert!(!as_admin || admin_scope, "{:?} {:?} {:?}", subject, action, resource);
            }
        }
    }

    /// P5: disabled means nothing, by any credential, and known as 401.
    #[test]
    fn a_disabled_user_may_do_nothing(
        past in past(10..50), policy in policy(), at in time(),
        user in select(&["ann", "bob", "cem", "robot"][..]),
    ) {
        let disabled = UserEvent::Disabled { user: name(user), reason: String::new() };
        let graph = graph_of(&past.iter().cloned().chain([disabled.into()]).collect::<Vec<_>>());
        let own = |subject: &Subject| subject.user().is_some_and(|it| it.as_str() == user);
        for subject in subjects().iter().filter(|subject| own(subject)) {
            for (action, resource) in questions() {
                let verdict = graph.decide(&policy, subject, action, resource, at);
                prop_assert!(
                    matches!(verdict, Verdict::Denied(_, domain::access::Form::Unauthorized)),
                    "{:?} {:?} {:?}: {:?}", subject, action, resource, verdict
                );
            }
        }
    }

    /// P6: anonymous reads public things, and nothing else.
    #[test]
    fn anonymous_reads_public_things_alone(past in past(10..60), policy in policy(), at in time()) {
        let graph = graph_of(&past);
        for (action, resource) in questions() {
            let verdict = graph.decide(&policy, &Subject::Anonymous, action, resource, at);
            if !verdict.is_allowed() {
                continue;
            }
            let facts = match resource {
                Resource::Repository { registry, name } => graph.namespace_of(registry, name),
                Resource::Namespace { registry, name } => graph.namespace_facts(registry, name),
                Resource::System | Resource::Team { .. } => None,
            };
            let public = facts.is_some_and(|facts| facts.visibility == Visibility::Public);
            prop_assert!(public && is_reading(action), "{:?} {:?}", action, resource);
        }
    }

    /// P7: a bot may at most what a person in its place may.
    #[test]
    fn a_bot_never_exceeds_a_person_in_its_place(
        past in past(10..60), policy in policy(), at in time(),
        user in select(&["ann", "bob", "robot"][..]),
    ) {
        let played_by = |account: Account| {
            let mut past = past.clone();
            for event in &mut past {
                if let Event::User(UserEvent::Registered { user: it, account: kind, .. }) = event
                    && it.as_str() == user
                {
                    *kind = account;
                }
            }
            graph_of(&past)
        };
        let (bot, human) = (played_by(Account::Bot), played_by(Account::Person));
        for (action, resource) in questions() {
            let may = |graph: &domain::access::Graph| {
                graph.decide(&policy, &person(user), action, resource, at).is_allowed()
            };
            prop_assert!(!may(&bot) || may(&human), "{:?} {:?}", action, resource);
        }
    }

    /// P8: an auditor may what a user may, and read the record.
    #[test]
    fn an_auditor_is_a_user_who_reads_the_record(
        past in past(10..60), policy in policy(), at in time(),
        user in select(&["ann", "bob", "robot"][..]),
    ) {
        let then = |event: UserEvent| {
            graph_of(&past.iter().cloned().chain([event.into()]).collect::<Vec<_>>())
        };
        let auditor = then(UserEvent::AuditorGranted { user: name(user) });
        let plain = then(UserEvent::AuditorRevoked { user: name(user) });
        for (action, resource) in questions() {
            let may = |graph: &domain::access::Graph| {
                graph.decide(&policy, &person(user), action, resource, at).is_allowed()
            };
            let record =
                matches!(action, Action::ViewAudit | Action::ExportAudit | Action::ViewActivities);
            let (with, without) = (may(&auditor), may(&plain));
            prop_assert!(with == without || (with && record), "{:?} {:?}", action, resource);
        }
    }
}

/// `space` belongs to team blue of ann; bob reads by a grant of his own, and has a token.
pub(crate) fn story_of_a_shared_namespace() -> Vec<Event> {
    vec![
        TeamEvent::Created { team: name("blue"), owner: name("ann"), description: String::new() }
            .into(),
        NamespaceEvent::Created {
            registry: name("main"),
            namespace: name("space"),
            holder: Holder::Team { team: name("blue") },
            visibility: Visibility::Private,
            description: String::new(),
        }
        .into(),
        granted(1, Grantee::User { user: name("bob") }, Role::Viewer, None, None),
        AppTokenEvent::Created {
            user: name("bob"),
            token: TokenId(Uuid::from_u128(9)),
            label: "ci".to_owned(),
            scopes: [TokenScope::All].into(),
            namespaces: None,
            expires_at: moment(1_000),
        }
        .into(),
    ]
}

pub(crate) fn granted(
    id: u128,
    to: Grantee,
    role: Role,
    repository: Option<&str>,
    until: Option<i64>,
) -> Event {
    let grant = Grant {
        id: GrantId(Uuid::from_u128(id)),
        to,
        role,
        repository: repository.map(name),
        until: until.map(moment),
    };
    NamespaceEvent::Granted { registry: name("main"), namespace: name("space"), grant }.into()
}

pub(crate) fn removed(user: &str) -> Event {
    UserEvent::Removed { user: name(user), name_free_at: moment(0) }.into()
}

pub(crate) fn team_deleted_and_made_by(owner: &str) -> [Event; 2] {
    let (team, owner, description) = (name("blue"), name(owner), String::new());
    [
        TeamEvent::Deleted { team: name("blue"), name_free_at: moment(0) }.into(),
        TeamEvent::Created { team, owner, description }.into(),
    ]
}
