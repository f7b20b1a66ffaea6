//! What a registry itself says of a manifest, shown when somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use domain::digest::Digest;
use domain::name::TagName;
use domain::namespace::Visibility;
use domain::registry::ContentEvent;
use serde_json::json;
use tests::site::Site;

use super::{browser, digest, person, record, registry, repo, signed_in, team};

const CONFIG: &str = r#"{"architecture":"arm64","config":{"Entrypoint":["/app"],
    "Env":["PATH=/bin","PASSWORD=hunter2"],
    "Labels":{"org.opencontainers.image.source":"https://example.org/app"}}}"#;

/// A registry that counts who asks it.
#[derive(Clone, Default)]
struct Asked(Arc<AtomicUsize>);

fn manifest() -> String {
    let config = "application/vnd.oci.image.config.v1+json";
    let config = json!({"mediaType": config, "digest": digest(CONFIG), "size": CONFIG.len()});
    json!({"schemaVersion": 2, "config": config, "layers": []}).to_string()
}

async fn answer(
    State(asked): State<Asked>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    asked.0.fetch_add(usize::from(path.contains("/manifests/")), Ordering::Relaxed);
    let shown = headers.get("authorization").and_then(|value| value.to_str().ok());
    if !shown.is_some_and(|shown| shown.starts_with("Bearer ey")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let long = "x".repeat(300 * 1024);
    match path.as_str() {
        _ if path.ends_with(&format!("manifests/{}", digest(&manifest()))) => {
            manifest().into_response()
        }
        _ if path.ends_with(&format!("manifests/{}", digest(&long))) => long.into_response(),
        _ if path.ends_with(&format!("manifests/{}", digest("forged"))) => "{}".into_response(),
        _ if path.ends_with(&format!("blobs/{}", digest(CONFIG))) => CONFIG.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn site() -> (Site, Asked) {
    let asked = Asked::default();
    let routes = Router::new().route("/v2/{*path}", get(answer)).with_state(asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    // Seldom enough compared that no comparison asks while the test counts.
    let site = Site::start_with(&[("registry.url", &url), ("reconcile.every_s", "604800")]).await;
    for name in ["alice", "eve"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", Visibility::Private).await;
    (site, asked)
}

async fn known(site: &Site, content: &str) -> String {
    let found: Digest = digest(content);
    let event = ContentEvent::ManifestPushed {
        registry: registry(),
        repository: repo("crew/app"),
        digest: found.clone(),
        tag: Some(TagName::parse("1").unwrap()),
        media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
        size: Some(7),
        references: vec![],
        omitted: None,
    };
    record(site, person("alice"), event).await;
    format!("/r/crew/app/-/manifests/{found}")
}

#[tokio::test]
async fn a_manifest_and_its_configuration_are_shown_when_asked_for() {
    let (site, _) = site().await;
    let path = known(&site, &manifest()).await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open(&path).await;
    let link = page.attributes("a.button[href*='raw=1']", "href").remove(0);
    assert!(!page.text.contains("schemaVersion"), "the page itself asks nobody");
    let page = alice.open(link.split('#').next().unwrap()).await;
    assert!(page.text.contains("schemaVersion"), "{}", page.text);
    assert!(page.words().contains("/app") && page.words().contains("PATH, PASSWORD"));
    assert!(!page.text.contains("hunter2"), "of variables only the names");
    assert_eq!(page.attributes("dl a[rel]", "href"), ["https://example.org/app"]);
    site.stop().await;
}

#[tokio::test]
async fn what_a_registry_cannot_or_must_not_say_is_a_sentence() {
    let (site, _) = site().await;
    let mut alice = signed_in(&site, "alice").await;
    for (content, words) in [
        ("absent".to_owned(), "no such manifest any more"),
        ("forged".to_owned(), "does not answer"),
        ("x".repeat(300 * 1024), "does not answer"),
    ] {
        let path = known(&site, &content).await;
        let page = alice.open(&format!("{path}?raw=1")).await;
        assert_eq!(page.status, 200);
        assert!(page.words().contains(words), "{words}: {}", page.words());
    }
    site.stop().await;
}

#[tokio::test]
async fn nobody_makes_us_ask_for_what_they_may_not_see() {
    let (site, asked) = site().await;
    let path = known(&site, &manifest()).await;
    let mut eve = signed_in(&site, "eve").await;
    let before = asked.0.load(Ordering::Relaxed);
    assert_eq!(eve.open(&format!("{path}?raw=1")).await.status, 404);
    assert!(browser(&site).open(&format!("{path}?raw=1")).await.path.starts_with("/sign-in"));
    assert_eq!(asked.0.load(Ordering::Relaxed), before);
    site.stop().await;
}

#[tokio::test]
async fn an_administrator_tries_a_registry_out_step_by_step() {
    let (site, _) = site().await;
    let mut ada = signed_in(&site, tests::site::ADMINISTRATOR).await;
    let page = ada.open("/admin/registries/main").await;
    let page = ada.submit(&page, "/admin/registries/main/test", &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(page.count("tbody tr"), 5);
    assert_eq!(page.all("tbody .badge"), ["good", "not good", "not good", "good", "not good"]);
    assert!(page.words().contains("It has told us nothing yet"), "{}", page.words());

    let mut alice = signed_in(&site, "alice").await;
    let token = alice.csrf("/me").await;
    let path = "/admin/registries/main/test";
    let request = alice.request(reqwest::Method::POST, path).form(&[("csrf", token)]);
    assert_eq!(alice.ask(request, path).await.status, 403);
    assert_eq!(ada.open(path).await.status, 405, "looking at a page tries nothing out");
    site.stop().await;
}
