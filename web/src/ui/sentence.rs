//! What has happened, in a sentence.

use maud::{Markup, html};
use projections::activity::ActivityRow;
use serde_json::Value;

use super::visitor::Registries;

/// The sentence of a row. Types that a newer version wrote are named as they are.
pub(super) fn sentence(row: &ActivityRow, registries: &Registries) -> Markup {
    let who = html! { b { (row.actor) } };
    let image = image(row, registries);
    let detail = |name: &str| row.detail.get(name).map(plain).unwrap_or_default();
    let user = row.user_name.as_deref().unwrap_or("somebody");
    let team = row.team.as_deref().unwrap_or("a team");
    let namespace = html! {
        @match (&row.registry, &row.namespace) {
            (Some(registry), Some(name)) => a href=(registries.namespace(registry, name)) { (super::repositories::namespace_called(name)) },
            _ => "a namespace",
        }
    };
    html! {
        @match row.kind.as_str() {
            "content.manifest_pushed" => { (who) " pushed " (image) }
            "content.manifest_pulled" => { (who) " pulled " (image) }
            "content.blob_mounted" => { (who) " mounted a layer into " (image) }
            "content.deleted" => { (who) " deleted " (image) }
            "content.tag_deleted" => { (who) " deleted the tag " (image) }
            "content.tag_observed" => { "Portus saw " (image) " in the registry" }
            "content.tag_missed" => { "Portus no longer sees " (image) " in the registry" }
            "content.manifest_observed" => { "Portus looked at " (image) " in the registry" }
            "content.manifest_missed" => { "Portus no longer sees " (image) " in the registry" }
            "content.instance_seen" => { "The registry " b { (row.registry.as_deref().unwrap_or("?")) } " was started anew" }
            "content.notification_rejected" => { "A notification of " b { (row.registry.as_deref().unwrap_or("a registry")) } " could not be read: " (detail("reason")) }
            "repository.described" => { (who) " described " (image) }
            "namespace.created" => { (who) " made the " (detail("visibility")) " namespace " (namespace) }
            "namespace.described" => { (who) " described the namespace " (namespace) }
            "namespace.visibility_changed" => { (who) " changed the namespace " (namespace) " from " (detail("from")) " to " (detail("to")) }
            "namespace.team_changed" => { (who) " gave the namespace " (namespace) " from team " (detail("from")) " to team " (detail("to")) }
            "namespace.granted" => { (who) " gave somebody more a right on the namespace " (namespace) }
            "namespace.grant_revoked" => { (who) " took a right on the namespace " (namespace) " back" }
            "namespace.deleted" => { (who) " deleted the namespace " b { (row.namespace.as_deref().unwrap_or("?")) } }
            "team.created" => { (who) " made the team " b { (team) } }
            "team.described" => { (who) " described the team " b { (team) } }
            "team.member_added" => { (who) " added " b { (user) } " to the team " b { (team) } " as " (detail("role")) }
            "team.member_role_changed" => { (who) " changed " b { (user) } " in the team " b { (team) } " from " (detail("from")) " to " (detail("to")) }
            "team.member_removed" => { (who) " removed " b { (user) } " from the team " b { (team) } }
            "team.deleted" => { (who) " deleted the team " b { (team) } }
            "user.registered" => { (who) " registered " b { (user) } }
            "user.disabled" => { (who) " disabled " b { (user) } }
            "user.enabled" => { (who) " enabled " b { (user) } }
            "user.auditor_granted" => { (who) " made " b { (user) } " an auditor" }
            "user.auditor_revoked" => { (who) " ended that " b { (user) } " is an auditor" }
            "user.password_changed" => { (who) " changed the password of " b { (user) } }
            "user.profile_changed" => { (who) " changed the profile of " b { (user) } }
            "user.signed_out_everywhere" => { (who) " ended all sessions of " b { (user) } }
            "user.personal_data_erased" => { (who) " erased the personal data of " b { (user) } }
            "user.removed" => { (who) " removed " b { (user) } }
            "admin.granted" => { (who) " made " b { (user) } " an administrator" }
            "admin.revoked" => { (who) " ended that " b { (user) } " is an administrator" }
            "app_token.created" => { (who) " made the application token “" (detail("label")) "” of " b { (user) } }
            "app_token.revoked" => { (who) " revoked an application token of " b { (user) } }
            "star.starred" => { (who) " starred " (detail("repository")) }
            "star.unstarred" => { (who) " took the star of " (detail("repository")) " back" }
            "registry.added" => { (who) " added the registry " b { (row.registry.as_deref().unwrap_or("?")) } }
            "registry.settings_changed" => { (who) " changed the settings of the registry " b { (row.registry.as_deref().unwrap_or("?")) } }
            "registry.secret_rotated" => { (who) " gave the registry " b { (row.registry.as_deref().unwrap_or("?")) } " a new notification secret" }
            "registry.removed" => { (who) " removed the registry " b { (row.registry.as_deref().unwrap_or("?")) } }
            "auth.signed_in" => { b { (user) } " signed in" }
            "auth.signed_out" => { b { (user) } " signed out" }
            "auth.sign_in_failed" => { "A sign-in as " b { (row.user_name.as_deref().unwrap_or("an unknown name")) } " failed: " (detail("reason").replace('_', " ")) }
            "auth.locked_out" => { "Too many different secrets were tried for " b { (row.user_name.as_deref().unwrap_or("an unknown name")) } }
            "auth.refresh_token_issued" => { b { (user) } " was given a refresh token for " (detail("service")) }
            "auth.tokens_decided" => (decided(row, &who)),
            "system.started" => { "Portus " (detail("version")) " started" }
            "system.stopped" => { "Portus " (detail("version")) " stopped" }
            "system.key_rotated" => { "The signing key changed" }
            "system.projection_rebuilt" => { "The projection " (detail("projection")) " was built anew" }
            "system.projection_halted" => { "The projection " (detail("projection")) " stopped: " (detail("error")) }
            other => { (who) ": " code { (other) } }
        }
    }
}

/// A token request that did not get all that it asked for.
fn decided(row: &ActivityRow, who: &Markup) -> Markup {
    let nothing = Vec::new();
    let scopes = row.detail.get("scopes").and_then(Value::as_array).unwrap_or(&nothing);
    html! {
        @if scopes.is_empty() {
            (who) " was refused a token"
        }
        @for (number, scope) in scopes.iter().enumerate() {
            @let asked = scope.get("asked").map(plain).unwrap_or_default();
            @let granted = scope.get("granted").map(plain).unwrap_or_default();
            @if number > 0 { "; " } @else { (who) " " }
            @if granted.is_empty() {
                "was refused " code { (asked) }
            } @else {
                "asked for " code { (asked) } " and was granted " (granted) @if scope.get("refused").is_some() { " only" }
            }
        }
    }
}

/// `team/app:1.2`, as a link to its repository.
fn image(row: &ActivityRow, registries: &Registries) -> Markup {
    html! {
        @match (&row.registry, &row.repository) {
            (Some(registry), Some(name)) => {
                a href=(registries.repository(registry, name)) {
                    (registries.called(registry, name))
                    @if let Some(tag) = &row.tag { ":" (tag) }
                }
                @if row.tag.is_none() {
                    @if let Some(digest) = &row.digest { " " (super::components::digest(digest)) }
                }
            }
            _ => "something",
        }
    }
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
