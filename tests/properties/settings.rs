//! What each setting changes, over the whole table.

use std::collections::BTreeMap;

use domain::access::{Action, Form, Policy, PushPolicy};

use crate::table::every_row_decides;
use crate::table_rows::{Row, rows};

/// Checks the whole table under `policy`. `change` says what becomes of a row that has no `*`:
/// `None` leaves it as it is. Rows with `*` follow from the others.
fn with(policy: Policy, change: impl Fn(&Row) -> Option<Verdict>) {
    let changed = |row: &Row| match change(row) {
        None => row.refusal,
        Some(Verdict::Allow) => None,
        Some(Verdict::Deny) => row.refusal.or(Some(form_of_a_new_refusal(row))),
    };
    let mut held: BTreeMap<_, usize> = BTreeMap::new();
    let mut touched = 0;
    for (row, _) in rows() {
        touched += usize::from(changed(row) != row.refusal);
        if matches!(row.action, Action::Pull | Action::Push | Action::Delete)
            && changed(row).is_none()
        {
            *held.entry(row.situation()).or_default() += 1;
        }
    }
    assert!(touched > 0, "a setting that changes no row is not tested");
    every_row_decides(&policy, |row| match (row.action, row.refusal) {
        (Action::Wildcard, Some(Form::Unauthorized)) => row.refusal,
        (Action::Wildcard, _) => match held.get(&row.situation()) {
            Some(3) => None,
            Some(_) => Some(Form::Partial),
            None => Some(Form::Omit),
        },
        _ => changed(row),
    });
}

enum Verdict {
    Allow,
    Deny,
}

/// Whoever was allowed before sees the thing, and may be told so.
fn form_of_a_new_refusal(row: &Row) -> Form {
    match row.action {
        Action::Pull | Action::Push | Action::Delete => Form::Omit,
        _ if row.who == "anonymous" => Form::SignIn,
        _ => Form::Forbidden,
    }
}

fn deny(when: bool) -> Option<Verdict> {
    when.then_some(Verdict::Deny)
}

/// Leaves `actions` to administrators.
fn administrators_only(actions: &[Action]) -> impl Fn(&Row) -> Option<Verdict> {
    move |row| deny(actions.contains(&row.action) && !row.is_admin())
}

#[test]
fn nothing_is_deleted_when_deleting_is_switched_off_not_even_by_administrators() {
    with(Policy { delete_enabled: false, ..Policy::default() }, |row| {
        deny(matches!(
            row.action,
            Action::Delete
                | Action::DeleteTag
                | Action::DeleteRepository
                | Action::DeleteNamespace
                | Action::DeleteTeam
        ))
    });
}

#[test]
fn contributors_delete_images_when_they_may_but_no_namespaces_and_teams() {
    with(Policy { delete_contributors: true, ..Policy::default() }, |row| {
        let by_registry = ["user", "bot", "app_token[delete]", "app_token[all]"];
        let by_hand = ["user", "bot", "app_token[api_write]", "app_token[all]"];
        let may = match row.action {
            Action::Delete => by_registry.contains(&row.who.as_str()),
            Action::DeleteTag | Action::DeleteRepository => by_hand.contains(&row.who.as_str()),
            _ => false,
        };
        (row.role == "contributor" && may).then_some(Verdict::Allow)
    });
}

#[test]
fn allow_personal_leaves_pushing_into_teams_to_administrators() {
    with(Policy { push: PushPolicy::AllowPersonal, ..Policy::default() }, |row| {
        deny(row.action == Action::Push && row.kind != "personal_own" && !row.is_admin())
    });
}

#[test]
fn admin_only_leaves_all_pushing_to_administrators() {
    with(
        Policy { push: PushPolicy::AdminOnly, ..Policy::default() },
        administrators_only(&[Action::Push]),
    );
}

#[test]
fn an_unknown_push_policy_or_switch_is_refused() {
    for bad in [r#"{"push":"everybody"}"#, r#"{"push":""}"#, r#"{"no_such_switch":true}"#] {
        assert!(serde_json::from_str::<Policy>(bad).is_err(), "{bad}");
    }
    let read: Policy = serde_json::from_str(r#"{"push":"allow-personal"}"#).unwrap();
    assert_eq!(read.push, PushPolicy::AllowPersonal);
}

#[test]
fn create_team_off_leaves_it_to_administrators() {
    with(
        Policy { create_team: false, ..Policy::default() },
        administrators_only(&[Action::CreateTeam]),
    );
}

#[test]
fn manage_team_off_leaves_it_to_administrators() {
    with(
        Policy { manage_team: false, ..Policy::default() },
        administrators_only(&[Action::ManageTeam, Action::RenameTeam]),
    );
}

#[test]
fn create_namespace_off_leaves_it_to_administrators() {
    with(
        Policy { create_namespace: false, ..Policy::default() },
        administrators_only(&[Action::CreateNamespace]),
    );
}

#[test]
fn manage_namespace_off_leaves_it_to_administrators() {
    with(
        Policy { manage_namespace: false, ..Policy::default() },
        administrators_only(&[Action::EditNamespace, Action::ChangeTeam]),
    );
}

#[test]
fn change_visibility_off_leaves_it_to_administrators() {
    with(
        Policy { change_visibility: false, ..Policy::default() },
        administrators_only(&[Action::ChangeVisibility]),
    );
}

#[test]
fn create_webhook_off_leaves_webhooks_to_administrators() {
    with(
        Policy { create_webhook: false, ..Policy::default() },
        administrators_only(&[Action::ManageWebhooks]),
    );
}

#[test]
fn manage_webhook_off_leaves_webhooks_to_administrators() {
    with(
        Policy { manage_webhook: false, ..Policy::default() },
        administrators_only(&[Action::ManageWebhooks]),
    );
}

#[test]
fn anonymous_browsing_off_closes_pages_and_leaves_pulling() {
    with(Policy { anonymous_browsing: false, ..Policy::default() }, |row| {
        let seeing = matches!(
            row.action,
            Action::SeeNamespace | Action::SeeRepository | Action::SeeTag | Action::SearchHit
        );
        deny(row.who == "anonymous" && seeing)
    });
}

#[test]
fn anonymous_pull_off_closes_pulling_and_leaves_pages() {
    with(Policy { anonymous_pull: false, ..Policy::default() }, |row| {
        deny(row.who == "anonymous" && row.action == Action::Pull)
    });
}
