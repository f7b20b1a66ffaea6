//! What has happened, in a sentence.

use maud::{Markup, html};
use projections::activity::ActivityRow;
use serde_json::Value;

use super::components::digest;
use super::reader::Reader;
use super::repositories::namespace_called;
use super::scopes::decided;
use super::visitor::Registries;

/// The sentence of a row. Types that a newer version wrote are named as they are.
pub(super) fn sentence(reader: &Reader, row: &ActivityRow, registries: &Registries) -> Markup {
    let t = reader.lang;
    let who = &html! { b { (row.actor) } };
    let image = &image(reader, row, registries);
    let detail = |name: &str| row.detail.get(name).map(plain).unwrap_or_default();
    let bold = |name: Option<&str>, none: &'static str| html! { b { (name.unwrap_or(none)) } };
    let user = &bold(row.user_name.as_deref(), t.somebody());
    let claimed = &bold(row.user_name.as_deref(), t.an_unknown_name());
    let registry = &bold(row.registry.as_deref(), t.a_registry());
    let team = &html! {
        @match &row.team {
            Some(name) if row.kind != "team.deleted" && reader.opens_team(name) => a href=(format!("/teams/{}", segment(name))) { (name) },
            Some(name) => b { (name) },
            None => (t.a_team()),
        }
    };
    let namespace = &html! {
        @match (&row.registry, &row.namespace) {
            (Some(registry), Some(name)) if reader.opens_namespace(registry, name) => a href=(registries.namespace(registry, name)) { (namespace_called(t, name)) },
            (_, Some(name)) => b { (namespace_called(t, name)) },
            _ => (t.a_namespace()),
        }
    };
    let role = |name: &str| t.role_word(&detail(name)).to_owned();
    let shown = |name: &str| t.visibility_word(&detail(name)).to_owned();
    match row.kind.as_str() {
        "content.manifest_pushed" => t.did_push(who, image),
        "content.manifest_pulled" => t.did_pull(who, image),
        "content.blob_mounted" => t.did_mount(who, image),
        "content.deleted" => t.did_delete(who, image),
        "content.tag_deleted" => t.did_delete_tag(who, image),
        "content.tag_observed" => t.did_see(image),
        "content.tag_missed" | "content.manifest_missed" => t.did_miss(image),
        "content.manifest_observed" => t.did_look(image),
        "content.instance_seen" => t.did_restart_registry(registry),
        "content.notification_rejected" => t.did_misread(registry, &detail("reason")),
        "repository.described" => t.did_describe(who, image),
        "namespace.created" => t.did_make_namespace(who, &shown("visibility"), namespace),
        "namespace.described" => t.did_describe_namespace(who, namespace),
        "namespace.visibility_changed" => {
            t.did_change_visibility(who, namespace, &shown("from"), &shown("to"))
        }
        "namespace.team_changed" => {
            t.did_change_team(who, namespace, &detail("from"), &detail("to"))
        }
        "namespace.granted" => t.did_grant(who, namespace),
        "namespace.grant_revoked" => t.did_revoke_grant(who, namespace),
        "namespace.deleted" => {
            t.did_delete_namespace(who, &bold(row.namespace.as_deref(), t.a_namespace()))
        }
        "team.created" => t.did_make_team(who, team),
        "team.described" => t.did_describe_team(who, team),
        "team.member_added" => t.did_add_member(who, user, team, &role("role")),
        "team.member_role_changed" => {
            t.did_change_role(who, user, team, &role("from"), &role("to"))
        }
        "team.member_removed" => t.did_remove_member(who, user, team),
        "team.deleted" => t.did_delete_team(who, team),
        "user.registered" => t.did_register(who, user),
        "user.disabled" => t.did_disable(who, user),
        "user.enabled" => t.did_enable(who, user),
        "user.auditor_granted" => t.did_make_auditor(who, user),
        "user.auditor_revoked" => t.did_end_auditor(who, user),
        "user.password_changed" => t.did_change_password(who, user),
        "user.profile_changed" => t.did_change_profile(who, user),
        "user.signed_out_everywhere" => t.did_end_sessions(who, user),
        "user.personal_data_erased" => t.did_erase(who, user),
        "user.removed" => t.did_remove_user(who, user),
        "admin.granted" => t.did_make_admin(who, user),
        "admin.revoked" => t.did_end_admin(who, user),
        "app_token.created" => t.did_make_token(who, &detail("label"), user),
        "app_token.revoked" => t.did_revoke_token(who, user),
        "star.starred" => t.did_star(who, &starred(reader, row, registries)),
        "star.unstarred" => t.did_unstar(who, &starred(reader, row, registries)),
        "registry.added" => t.did_add_registry(who, registry),
        "registry.settings_changed" => t.did_change_registry(who, registry),
        "registry.secret_rotated" => t.did_rotate_secret(who, registry),
        "registry.removed" => t.did_remove_registry(who, registry),
        "auth.signed_in" => t.did_sign_in(user),
        "auth.signed_out" => t.did_sign_out(user),
        "auth.sign_in_failed" => t.did_fail_sign_in(claimed, &t.failure(&detail("reason"))),
        "auth.locked_out" => t.did_lock_out(claimed),
        "auth.refresh_token_issued" => t.did_refresh(user, &detail("service")),
        "auth.password_reset_requested" => match detail("answer").as_str() {
            "mail" => t.did_ask_reset(claimed),
            why => t.did_not_reset(claimed, &t.no_reset(why)),
        },
        "comment.added" => t.did_comment(who, image),
        "comment.deleted" => t.did_delete_comment(who, user, image),
        "auth.tokens_decided" => decided(reader, row, who, registries),
        "system.started" => t.did_start(&detail("version")),
        "system.stopped" => t.did_stop(&detail("version")),
        "system.key_rotated" => html! { (t.did_rotate_key()) },
        "system.projection_rebuilt" => t.did_rebuild(&detail("projection")),
        "system.projection_halted" => t.did_halt(&detail("projection"), &detail("error")),
        other => html! { (who) ": " code { (other) } },
    }
}

/// The sentence of several rows that are one deed: same actor, same repository.
pub(super) fn burst(reader: &Reader, rows: &[ActivityRow], registries: &Registries) -> Markup {
    let t = reader.lang;
    let Some(first) = rows.first() else { return html! {} };
    let who = &html! { b { (first.actor) } };
    let number = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let tagged = rows.iter().all(|row| row.tag.is_some());
    let what = if tagged { t.tags(number) } else { t.manifests(number) };
    let place = ActivityRow { tag: None, digest: None, ..first.clone() };
    let place = &image(reader, &place, registries);
    match first.kind.as_str() {
        "content.manifest_pushed" => t.did_push_many(who, &what, place),
        "content.manifest_pulled" => t.did_pull_many(who, &t.times_over(number), place),
        _ => t.did_delete_many(who, &what, place),
    }
}

/// What got a star, or lost it. The row itself is of a person, and not of the repository.
fn starred(reader: &Reader, row: &ActivityRow, registries: &Registries) -> Markup {
    let named = |name: &str| row.detail.get(name).and_then(Value::as_str).map(str::to_owned);
    let (registry, repository) = (named("registry"), named("repository"));
    let place = ActivityRow { registry, repository, tag: None, digest: None, ..row.clone() };
    image(reader, &place, registries)
}

/// `team/app:1.2`, as a link to its repository for those who may open that.
fn image(reader: &Reader, row: &ActivityRow, registries: &Registries) -> Markup {
    let t = reader.lang;
    html! {
        @match (&row.registry, &row.repository) {
            (Some(registry), Some(name)) => {
                @let called = html! { (registries.called(registry, name)) @if let Some(tag) = &row.tag { ":" (tag) } };
                @if reader.opens_repository(registry, name) { a href=(registries.repository(registry, name)) { (called) } }
                @else { b { (called) } }
                @if row.tag.is_none() {
                    @if let Some(of) = &row.digest { " " (digest(of)) }
                }
            }
            _ => (t.something()),
        }
    }
}

/// A name as one part of a path: user and team names may hold blanks and more.
pub(super) fn segment(name: &str) -> String {
    name.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~@+$".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// A value as people read it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
