//! No page without a sample: by its route, and by the function that draws it.

use std::collections::BTreeSet;
use std::path::Path;

use super::samples;
use crate::texts::Lang;

/// The samples of each route that is asked with GET; `Err`: it is no page, and why.
const ROUTES: &[(&str, Result<&[&str], &str>)] = &[
    ("/", Ok(&["front", "dashboard"])),
    ("/setup", Ok(&["setup", "setup, steps"])),
    ("/setup/address", Ok(&["setup, address", "setup, another address"])),
    ("/setup/registry", Ok(&["setup, registry", "setup, no registry"])),
    ("/setup/keys", Ok(&["setup, keys"])),
    ("/setup/configuration", Ok(&["setup, configuration", "setup, managed registry"])),
    ("/sign-in", Ok(&["sign-in"])),
    ("/sign-up", Ok(&["sign-up"])),
    ("/password", Ok(&["password"])),
    ("/password/new", Ok(&["new password"])),
    ("/password/{token}", Err("leads to /password/new")),
    ("/search", Ok(&["search", "search, hits"])),
    ("/search/suggest", Err("a part of a page, shown below the search field")),
    ("/suggest/names", Err("a part of a page, in the list of a field")),
    ("/repositories", Ok(&["repositories"])),
    (
        "/r/{*rest}",
        Ok(&[
            "repository",
            "repository, activity",
            "repository, comments",
            "repository, access",
            "repository, settings",
            "tag",
            "manifest",
        ]),
    ),
    ("/registries/{registry}/r/{*rest}", Err("the pages below /r in another registry")),
    ("/namespaces", Ok(&["namespaces"])),
    ("/namespaces/new", Ok(&["new namespace"])),
    (
        "/n/{*rest}",
        Ok(&[
            "namespace",
            "namespace, activity",
            "namespace, access",
            "namespace, settings",
            "namespace, delete",
        ]),
    ),
    ("/registries/{registry}/n/{*rest}", Err("the pages below /n in another registry")),
    ("/teams", Ok(&["teams"])),
    ("/teams/new", Ok(&["new team"])),
    ("/teams/{team}", Ok(&["team"])),
    ("/teams/{team}/namespaces", Ok(&["team, namespaces"])),
    ("/teams/{team}/activity", Ok(&["team, activity"])),
    ("/teams/{team}/activity/live", Err("a stream of events")),
    ("/teams/{team}/settings", Ok(&["team, settings"])),
    ("/teams/{team}/delete", Ok(&["team, delete"])),
    ("/u/{user}", Ok(&["person"])),
    ("/activity", Ok(&["activity"])),
    ("/activity/export", Err("a file")),
    ("/activity/live", Err("a stream of events")),
    ("/activity/{event}", Ok(&["event"])),
    ("/me", Ok(&["profile"])),
    ("/me/tokens", Ok(&["tokens"])),
    ("/me/security", Ok(&["security"])),
    ("/me/preferences", Ok(&["preferences"])),
    ("/admin", Ok(&["admin"])),
    ("/admin/users", Ok(&["admin, users"])),
    ("/admin/users/new", Ok(&["admin, new user"])),
    ("/admin/users/{user}", Ok(&["admin, user"])),
    ("/admin/registries", Ok(&["admin, registries"])),
    ("/admin/registries/{name}", Ok(&["admin, registry"])),
    ("/admin/keys", Ok(&["admin, keys"])),
    ("/help", Ok(&["help"])),
    ("/help/problems", Ok(&["problems"])),
    ("/help/problems/{slug}", Ok(&["problem"])),
    ("/api", Ok(&["reference"])),
    ("/users/sign_in", Err("the same page as /sign-in")),
    ("/users/sign_up", Err("the same page as /sign-up")),
    ("/users/password/new", Err("the same page as /password")),
    ("/assets/{file}", Err("a file")),
    ("/teams/{team}/members", Err("leads to /teams/{team}")),
    ("/teams/{team}/members/role", Err("leads to /teams/{team}")),
    ("/teams/{team}/members/remove", Err("leads to /teams/{team}")),
    ("/me/tokens/revoke", Err("leads to /me/tokens")),
    ("/me/password", Err("leads to /me/security")),
    ("/me/sessions/others", Err("leads to /me/security")),
    ("/me/sessions/end", Err("leads to /me/security")),
    ("/admin/users/{user}/{wish}", Err("leads to /admin/users/{user}")),
    ("/admin/registries/{name}/secret", Err("leads to /admin/registries/{name}")),
];

/// The routes in the source that answer GET.
fn routes() -> BTreeSet<String> {
    let source: String = include_str!("../../ui.rs").split_whitespace().collect();
    let routes = source.split(".route(\"").skip(1).filter_map(|rest| {
        let (path, rest) = rest.split_once('"')?;
        rest.split(".route(").next()?.contains("get(").then(|| path.to_owned())
    });
    routes.collect()
}

#[test]
fn every_route_has_a_sample_or_a_reason() {
    let names: BTreeSet<_> = samples(Lang::En, "x").into_iter().map(|(name, _)| name).collect();
    let known: BTreeSet<_> = ROUTES.iter().map(|(route, _)| (*route).to_owned()).collect();
    assert!(known.len() > 30);
    assert_eq!(routes(), known, "what is a page, and what is listed here");
    for (route, shown) in ROUTES {
        match shown {
            Ok(shown) => {
                for name in *shown {
                    assert!(names.contains(name), "{route}: there is no sample {name}");
                }
            }
            Err(why) => assert!(!why.is_empty(), "{route}"),
        }
    }
}

/// Functions that are called so and draw part of a page.
const PARTS: &[&str] = &["past::form("];

/// Functions that draw a whole page: their name ends so, and they are for other files.
fn draws(name: &str) -> bool {
    name.ends_with("body") || name == "form" || name == "one"
}

fn page_functions(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "samples" && name != "assets") {
                page_functions(&path, found);
            }
            continue;
        }
        let Some(module) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("\npub(").skip(1) {
            let Some((name, rest)) = part.split_once("fn ").and_then(|(before, rest)| {
                (before.len() < 20).then(|| rest.split_once('(')).flatten()
            }) else {
                continue;
            };
            let head = rest.split('{').next().unwrap_or_default();
            if draws(name) && head.trim_end().ends_with("-> Markup") {
                found.push(format!("{module}::{name}("));
            }
        }
    }
}

#[test]
fn every_function_that_draws_a_page_is_drawn_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui");
    let mut found = Vec::new();
    page_functions(&folder, &mut found);
    assert!(found.len() > 30, "{found:?}");
    let mut drawn = include_str!("../samples.rs").to_owned();
    for entry in std::fs::read_dir(folder.join("samples")).unwrap().flatten() {
        drawn += &std::fs::read_to_string(entry.path()).unwrap();
    }
    for part in PARTS {
        assert!(found.iter().any(|function| function == part), "there is no {part})");
    }
    for function in found.iter().filter(|function| !PARTS.contains(&function.as_str())) {
        assert!(drawn.contains(function.as_str()), "{function}) is a page without a sample");
    }
}
