//! The decision table, row by row.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::{Action, Form, Policy, Rule, Verdict};
use domain::scope::{Scope, ScopeAction};

use crate::past::name;
use crate::table_rows::{Row, now, rows};

/// Asks every row under `policy`, and compares with `expected`; counts rows.
pub(crate) fn every_row_decides(policy: &Policy, expected: impl Fn(&Row) -> Option<Form>) {
    let mut wrong = Vec::new();
    for (row, scene) in rows() {
        let expected = expected(row);
        for subject in &scene.subjects {
            for resource in &scene.resources {
                let verdict = scene.graph.decide(policy, subject, row.action, resource, now());
                let refusal = match &verdict {
                    Verdict::Allowed(_) => None,
                    Verdict::Denied(_, form) => Some(*form),
                };
                if refusal != expected {
                    wrong.push(format!("{row:?} on {resource:?}: {verdict:?}, not {expected:?}"));
                }
            }
        }
    }
    let shown = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} rows are decided otherwise:\n{shown}", wrong.len());
}

#[test]
fn every_row_is_decided_as_the_table_says_in_the_form_it_says() {
    every_row_decides(&Policy::default(), |row| row.refusal);
}

#[test]
fn every_row_names_its_rule() {
    for (row, scene) in rows() {
        let verdict = scene.graph.decide(
            &Policy::default(),
            &scene.subjects[0],
            row.action,
            &scene.resources[0],
            now(),
        );
        let (Verdict::Allowed(because) | Verdict::Denied(because, _)) = &verdict;
        assert_ne!(because.rule, Rule::Default, "{row:?}: {verdict:?}");
        let without_ground =
            matches!(row.action, Action::LoginWeb | Action::IssueTokenSelf | Action::CreateTeam);
        assert!(
            !verdict.is_allowed() || because.grant.is_some() || without_ground,
            "{row:?}: {verdict:?}",
        );
    }
}

#[test]
fn every_action_is_in_the_table() {
    let named: BTreeSet<Action> = rows().iter().map(|(row, _)| row.action).collect();
    assert_eq!(named.len(), 48);
    assert_eq!(named.last(), Some(&Action::PostNotification));
}

/// The scope actions as the token endpoint is asked for them.
#[test]
fn every_row_of_the_registry_is_granted_as_the_table_says() {
    let actions = |row: &Row| match row.action {
        Action::Pull => Some("pull"),
        Action::Push => Some("push"),
        Action::Delete => Some("delete"),
        Action::Wildcard | Action::Catalog => Some("*"),
        _ => None,
    };
    // What each situation holds, by its single rows: what a star must come to.
    let mut held: BTreeMap<_, BTreeSet<ScopeAction>> = BTreeMap::new();
    for (row, _) in rows().iter().filter(|(row, _)| row.refusal.is_none()) {
        let action = match row.action {
            Action::Pull => ScopeAction::Pull,
            Action::Push => ScopeAction::Push,
            Action::Delete => ScopeAction::Delete,
            _ => continue,
        };
        held.entry(row.situation()).or_default().insert(action);
    }

    let mut asked = 0;
    for (row, scene) in rows() {
        let Some(action) = actions(row) else { continue };
        let text = match (&scene.resources[0], row.action) {
            (_, Action::Catalog) => "registry:catalog:*".to_owned(),
            (domain::access::Resource::Repository { name, .. }, _) => {
                format!("repository:{name}:{action}")
            }
            (other, _) => panic!("{other:?}"),
        };
        let expected: BTreeSet<ScopeAction> = match (row.action, row.refusal) {
            (Action::Wildcard, _) => held.get(&row.situation()).cloned().unwrap_or_default(),
            (_, None) => ScopeAction::parse(action).into_iter().collect(),
            (_, Some(_)) => BTreeSet::new(),
        };
        for subject in &scene.subjects {
            let scopes = [Scope::parse(&text).unwrap()];
            let policy = Policy::default();
            let answers = scene.graph.grant(&policy, subject, &name("main"), &scopes, now());
            let [answer] = answers.as_slice() else { panic!("{answers:?}") };
            assert_eq!(answer.granted, expected, "{row:?}: {answer:?}");
            assert_eq!(answer.allowed.is_some(), !expected.is_empty(), "{row:?}: {answer:?}");
            assert_eq!(answer.refused.is_some(), row.refusal.is_some(), "{row:?}: {answer:?}");
        }
        asked += 1;
    }
    assert!(asked > 1_000, "{asked} rows of the registry");
}

#[test]
fn what_an_administrator_may_only_as_such_is_recognisable() {
    let foreign = rows().iter().filter(|(row, _)| {
        row.is_admin() && row.kind != "personal_own" && row.visibility == "private"
    });
    let mut privileged = 0;
    for (row, scene) in foreign.filter(|(row, _)| row.refusal.is_none()) {
        for resource in &scene.resources {
            let verdict = scene.graph.decide(
                &Policy::default(),
                &scene.subjects[0],
                row.action,
                resource,
                now(),
            );
            let Verdict::Allowed(because) = verdict else { panic!("{row:?}: {verdict:?}") };
            let by_membership = row.role == "viewer"
                && matches!(
                    row.action,
                    Action::Pull
                        | Action::SeeNamespace
                        | Action::SeeRepository
                        | Action::SeeTag
                        | Action::SearchHit
                        | Action::ViewActivities
                        | Action::Comment
                        | Action::DeleteCommentOwn
                        | Action::Star
                );
            assert_eq!(because.is_privileged(), !by_membership, "{row:?}: {because}");
            privileged += usize::from(because.is_privileged());
        }
    }
    assert!(privileged > 50);
}
