//! The compiled graph and the naive oracle agree, on everything that can be asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::access::{Form, Graph, Policy, PushPolicy, Resource, Subject, Verdict, Visible};
use domain::event::Event;
use domain::namespace::Visibility;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::oracle::Oracle;
use crate::past::{fact, graph_of, moment};
use crate::worlds::{MOMENTS, actions, past, resources, subjects};

pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let push = select(&[PushPolicy::AllowTeams, PushPolicy::AllowPersonal, PushPolicy::AdminOnly]);
    // Mostly the defaults: a world in which nobody may do anything shows little.
    let switches = prop::collection::vec(prop::bool::weighted(0.2), 10);
    let drawn =
        (push, prop::bool::weighted(0.3), switches).prop_map(|(push, contributors, off)| {
            let on = |switch: usize| !off[switch];
            Policy {
                delete_enabled: on(0),
                delete_contributors: contributors,
                push,
                create_team: on(1),
                manage_team: on(2),
                create_namespace: on(3),
                manage_namespace: on(4),
                change_visibility: on(5),
                create_webhook: on(6),
                manage_webhook: on(7),
                anonymous_browsing: on(8),
                anonymous_pull: on(9),
            }
        });
    prop_oneof![Just(Policy::default()), drawn]
}

/// A moment at which something ends, or one just before it.
pub(crate) fn time() -> impl Strategy<Value = Timestamp> {
    (select(&MOMENTS[..]), 0..2_i64).prop_map(|(at, before)| moment(at - before))
}

fn refusal(verdict: &Verdict) -> Option<Form> {
    match verdict {
        Verdict::Allowed(_) => None,
        Verdict::Denied(_, form) => Some(*form),
    }
}

/// Asks both of everything that `subjects` could do.
fn agree(
    graph: &Graph,
    oracle: &Oracle,
    policy: &Policy,
    subjects: &[Subject],
    at: Timestamp,
) -> Result<(), TestCaseError> {
    let (actions, resources) = (actions(), resources());
    for subject in subjects {
        for resource in resources {
            for &action in actions {
                let verdict = graph.decide(policy, subject, action, resource, at);
                let expected = oracle.refusal(policy, subject, action, resource, at);
                prop_assert_eq!(
                    refusal(&verdict),
                    expected,
                    "{:?} {:?} {:?}: {:?}",
                    subject,
                    action,
                    resource,
                    verdict
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn graph_and_oracle_decide_alike_in_every_world(
        past in past(0..60),
        policy in policy(),
        at in time(),
    ) {
        agree(&graph_of(&past), &Oracle::after(&past), &policy, subjects(), at)?;
    }

    /// P10: after each single event the current row decides the very next request.
    #[test]
    fn after_every_event_the_next_request_is_decided_by_it(
        past in past(20..60),
        subject in select(subjects()),
        policy in policy(),
        at in time(),
    ) {
        let (mut graph, mut oracle) = (Graph::default(), Oracle::default());
        for (position, event) in (1..).zip(&past) {
            graph.apply(&fact(position, event));
            oracle.hear(event);
            agree(&graph, &oracle, &policy, std::slice::from_ref(&subject), at)?;
        }
    }

    /// What queries carry is what decisions say: for lists and search, and for the feed.
    #[test]
    fn what_is_visible_is_what_is_decided(
        past in past(0..60),
        policy in policy(),
        at in time(),
    ) {
        use domain::access::Action::{SearchHit, ViewActivities};
        let (graph, oracle) = (graph_of(&past), Oracle::after(&past));
        for subject in subjects() {
            let search = graph.visible(&policy, subject, at);
            let feed = graph.visible_activities(&policy, subject, at);
            for (action, visible) in [(SearchHit, &search), (ViewActivities, &feed)] {
                for resource in resources() {
                    let Some(seen) = is_seen(&graph, visible, resource) else { continue };
                    let expected = oracle.refusal(&policy, subject, action, resource, at).is_none();
                    prop_assert_eq!(
                        seen, expected, "{:?} {:?} {:?}: {:?}", subject, action, resource, visible
                    );
                }
            }
        }
    }

    /// P9: replaying, replaying from JSON in pieces, and an old snapshot.
    #[test]
    fn a_snapshot_keeps_its_answers_while_the_graph_goes_on(
        past in past(20..60),
        cut in 0.0..1.0_f64,
        subject in select(subjects()),
        at in time(),
    ) {
        let cut = ((past.len() as f64) * cut) as usize;
        let (before, after) = past.split_at(cut);
        let mut graph = graph_of(before);
        let snapshot = graph.clone();
        for (position, event) in (cut as u64 + 1..).zip(after) {
            graph.apply(&fact(position, event));
        }
        // Delivered a second time, nothing changes.
        for (position, event) in (1..).zip(&past) {
            graph.apply(&fact(position, event));
        }
        let policy = Policy::default();
        let who = std::slice::from_ref(&subject);
        agree(&snapshot, &Oracle::after(before), &policy, who, at)?;
        agree(&graph, &Oracle::after(&past), &policy, who, at)?;
        // Whoever replays gives the same reasons, not only the same answers.
        let replayed = graph_of(&past);
        for resource in resources() {
            for &action in actions() {
                prop_assert_eq!(
                    graph.decide(&policy, &subject, action, resource, at),
                    replayed.decide(&policy, &subject, action, resource, at)
                );
            }
        }
    }
}

proptest! {
    // Asks of lists only, so many worlds are cheap; what is forgotten shows in few of them.
    #![proptest_config(config(1_000))]

    /// What was found out before and is brought up to date, event by event or some at once, is what
    /// is found out anew, and is said to hold no longer.
    #[test]
    fn what_is_visible_can_be_brought_up_to_date(
        past in past(20..80),
        policy in policy(),
        subject in select(subjects()),
        at in time(),
        steps in prop::collection::vec(1..8_usize, 20..40),
    ) {
        use domain::access::Action::{SearchHit, ViewActivities};
        for action in [SearchHit, ViewActivities] {
            let mut graph = Graph::default();
            let found = |graph: &Graph| {
                let (visible, until) = graph.visible_until(&policy, &subject, action, at);
                (Arc::new(visible), until)
            };
            let (mut kept, mut since) = (found(&graph), graph.changed());
            let mut events = (1..).zip(&past).peekable();
            for step in &steps {
                for (position, event) in events.by_ref().take(*step) {
                    graph.apply(&fact(position, event));
                }
                let anew = found(&graph);
                let again = graph.visible_since(&subject, since, &kept, at);
                (kept, since) = (again.unwrap_or_else(|| anew.clone()), graph.changed());
                prop_assert_eq!(&kept.0, &anew.0);
                prop_assert!(anew.1.is_none_or(|end| kept.1.is_some_and(|until| until <= end)));
            }
        }
    }
}

/// Whether a query with `visible` would find the thing; `None` for what queries do not hold.
fn is_seen(graph: &Graph, visible: &Visible, resource: &Resource) -> Option<bool> {
    match resource {
        Resource::System => None,
        Resource::Team { name } => graph.has_team(name).then(|| visible.sees_team(name)),
        Resource::Namespace { registry, name } => {
            let facts = graph.namespace_facts(registry, name)?;
            Some(visible.sees_namespace(registry, name, facts.visibility))
        }
        Resource::Repository { registry, name } => {
            let facts = graph.namespace_of(registry, name)?;
            Some(visible.sees_repository(registry, name, &facts.name, facts.visibility))
        }
    }
}

/// The generator would be worthless if it never made the worlds that matter.
#[test]
fn the_generated_worlds_hold_everything_that_matters() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let past = past(30..60).new_tree(&mut runner).unwrap().current();
        let (graph, oracle) = (graph_of(&past), Oracle::after(&past));
        let visibilities = oracle.namespaces.iter().map(|it| it.visibility);
        seen.extend(visibilities.map(|it| match it {
            Visibility::Private => "private",
            Visibility::Protected => "protected",
            Visibility::Public => "public",
        }));
        for subject in subjects() {
            for resource in resources() {
                for &action in actions() {
                    let at = moment(15);
                    let verdict = graph.decide(&Policy::default(), subject, action, resource, at);
                    let (Verdict::Allowed(because) | Verdict::Denied(because, _)) = verdict;
                    seen.insert(because.rule.as_str());
                    seen.extend(because.grant.map(|ground| match ground {
                        domain::access::Ground::Grant { .. } => "further grant",
                        domain::access::Ground::Auditor => "by auditor",
                        domain::access::Ground::Personal => "personal",
                        _ => "another ground",
                    }));
                }
            }
        }
    }
    let settings = |rule: &&domain::access::Rule| !rule.as_str().starts_with("setting_");
    for rule in domain::access::Rule::EVERY.iter().filter(settings) {
        assert!(seen.contains(rule.as_str()), "{rule:?} never decided; seen: {seen:?}");
    }
    for what in ["private", "protected", "public", "further grant", "by auditor", "personal"] {
        assert!(seen.contains(what), "{what} never came");
    }
}

/// A world in which one thing after another happens to one namespace, told as a story.
#[test]
fn names_that_come_back_start_anew() {
    use domain::app_token::TokenId;
    use domain::name::RegistryName;
    let (ann, bob) = ("ann", "bob");
    let mut past: Vec<Event> = vec![crate::table_rows::registry_added()];
    let person = domain::user::Account::Person;
    past.extend([ann, bob].map(|user| crate::table_rows::registered(user, person)));
    let story = crate::laws::story_of_a_shared_namespace();
    past.extend(story);
    let pull = |past: &[Event], user: &str| {
        let resource = Resource::Repository {
            registry: "main".parse::<RegistryName>().unwrap(),
            name: "space/x".parse().unwrap(),
        };
        let subject = Subject::Account { name: user.parse().unwrap() };
        let pull = domain::access::Action::Pull;
        graph_of(past).decide(&Policy::default(), &subject, pull, &resource, moment(0)).is_allowed()
    };
    assert!(pull(&past, bob), "by a further grant");
    assert!(pull(&past, ann), "as owner of the team");
    let token = TokenId(uuid::Uuid::from_u128(9));
    assert!(graph_of(&past).token(token).is_some());

    let gone = crate::laws::removed(bob);
    let back = crate::table_rows::registered(bob, person);
    let recreated: Vec<_> = past.iter().cloned().chain([gone, back]).collect();
    assert!(!pull(&recreated, bob), "a new bob is not the old one");
    assert!(graph_of(&recreated).token(token).is_none());

    let team = crate::laws::team_deleted_and_made_by(bob);
    let recreated: Vec<_> = past.iter().cloned().chain(team).collect();
    assert!(!pull(&recreated, ann), "the old team is gone");
    let namespace = graph_of(&recreated).namespaces_of(&"blue".parse().unwrap());
    assert!(namespace.is_empty(), "the new team does not inherit");
}
