//! What a client asked a token for, in words.

use domain::scope::{Scope, ScopeAction, ScopeResource};
use maud::{Markup, html};
use projections::activity::ActivityRow;
use serde_json::Value;

use super::reader::Reader;
use super::visitor::Registries;
use crate::texts::Lang;

/// The scopes of a decision, as they are recorded.
pub(super) fn asked(row: &ActivityRow) -> Vec<&str> {
    scopes(row).filter_map(|scope| scope.get("asked").and_then(Value::as_str)).collect()
}

/// A token request that did not get all that it asked for.
pub(super) fn decided(
    reader: &Reader,
    row: &ActivityRow,
    who: &Markup,
    registries: &Registries,
) -> Markup {
    let t = reader.lang;
    // The log knows registries by what their tokens are for.
    let service = row.detail.get("service").and_then(Value::as_str);
    let registry = registries.0.iter().find(|registry| Some(registry.service.as_str()) == service);
    let registry = registry.map(|registry| registry.name.as_str()).or(row.registry.as_deref());
    html! {
        (who)
        @if scopes(row).next().is_none() { (t.was_refused_a_token()) }
        @for (number, scope) in scopes(row).enumerate() {
            @let text = scope.get("asked").and_then(Value::as_str).unwrap_or_default();
            @let wish = in_words(reader, text, registry, registries);
            @let granted = scope.get("granted").map(|all| actions(t, all)).unwrap_or_default();
            @if number > 0 { ";" }
            @if granted.is_empty() {
                (t.was_refused(&wish))
            } @else if scope.get("refused").is_some() {
                (t.was_reduced(&wish, &granted))
            } @else {
                (t.was_granted(&wish, &granted))
            }
        }
    }
}

fn scopes(row: &ActivityRow) -> impl Iterator<Item = &Value> {
    row.detail.get("scopes").and_then(Value::as_array).into_iter().flatten()
}

/// "push to team/app", with a link for those who may open that.
fn in_words(
    reader: &Reader,
    text: &str,
    registry: Option<&str>,
    registries: &Registries,
) -> Markup {
    let t = reader.lang;
    let Some(Scope { resource, actions }) = Scope::parse(text) else {
        return html! { (t.wish_unreadable()) };
    };
    match resource {
        ScopeResource::Repository(name) => {
            let name = name.as_str();
            let place = html! {
                @match registry {
                    Some(registry) if reader.opens_repository(registry, name) => a href=(registries.repository(registry, name)) { (registries.called(registry, name)) },
                    Some(registry) => b { (registries.called(registry, name)) },
                    None => b { (name) },
                }
            };
            let actions: Vec<_> = actions.into_iter().collect();
            match actions.as_slice() {
                [] => t.wish_nothing(&place),
                [ScopeAction::Pull] => t.wish_pull(&place),
                [ScopeAction::Push] => t.wish_push(&place),
                [ScopeAction::Delete] => t.wish_delete(&place),
                all if all.contains(&ScopeAction::All) => t.wish_everything(&place),
                several => {
                    let words: Vec<_> = several.iter().map(|one| t.wish_verb(*one)).collect();
                    t.wish_several(&t.list_of(&words), &place)
                }
            }
        }
        ScopeResource::Catalog => html! { (t.wish_catalog()) },
        ScopeResource::Unknown { name, .. } => t.wish_unknown(&html! { b { (name) } }),
    }
}

/// The actions that were granted, as the registry calls them.
fn actions(t: Lang, all: &Value) -> String {
    let all = all.as_array().into_iter().flatten().filter_map(Value::as_str);
    let word = |text: &str| match ScopeAction::parse(text) {
        Some(ScopeAction::All) => t.every_action().to_owned(),
        Some(_) | None => text.to_owned(),
    };
    all.map(word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::samples::{reader, registries};
    use super::*;

    fn said(t: Lang, scope: &str) -> String {
        let reader = reader(t);
        in_words(&reader, scope, Some("main"), &registries()).into_string()
    }

    #[test]
    fn a_scope_is_said_in_words() {
        let place = r#"<a href="/r/team/app">registry.example.org/team/app</a>"#;
        for (actions, english, german) in [
            ("pull", format!("pull from {place}"), format!("von {place} pullen")),
            ("push", format!("push to {place}"), format!("nach {place} pushen")),
            ("delete", format!("delete from {place}"), format!("in {place} löschen")),
            (
                "pull,push",
                format!("pull and push in {place}"),
                format!("in {place} pullen und pushen"),
            ),
            (
                "delete,pull,push",
                format!("pull, push and delete in {place}"),
                format!("in {place} pullen, pushen und löschen"),
            ),
            ("*", format!("do everything with {place}"), format!("alles mit {place} tun")),
            (
                "",
                format!("use {place} in a way that no registry knows"),
                format!("{place} auf eine Weise nutzen, die keine Registry kennt"),
            ),
        ] {
            let scope = format!("repository:team/app:{actions}");
            assert_eq!((said(Lang::En, &scope), said(Lang::De, &scope)), (english, german));
        }
        assert_eq!(said(Lang::En, "registry:catalog:*"), "list all repositories");
        assert!(said(Lang::En, "repository:A//b:pull").contains("<b>A//b</b>"));
        assert_eq!(said(Lang::En, "nothing"), Lang::En.wish_unreadable());
        assert!(said(Lang::En, "thing:<i>:pull").contains("&lt;i&gt;"));
    }
}
