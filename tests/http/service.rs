//! The service as a whole: what every request gets, whoever answers it.

use domain::access::Visible;
use domain::event::Position;
use domain::name::{RegistryName, RepositoryName};
use projections::repositories;
use serde_json::json;
use tests::site::Site;

#[tokio::test]
async fn a_disabled_user_gets_no_more_tokens() {
    let site = Site::start().await;
    site.register("bob").await;
    let before = site.token("bob", "repository:bob/app:pull").await;
    assert_eq!(before, r#"200 [{"actions":["pull"],"name":"bob/app","type":"repository"}]"#);

    let (status, body) = site.as_admin().disable("bob", "left the company").await;
    assert_eq!(status, 204, "{body}");

    assert_eq!(site.token("bob", "repository:bob/app:pull").await, "401 UNAUTHORIZED");
    site.stop().await;
}

/// Somebody's browser can be led to any address (SR-WEB-2).
#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let site = Site::start().await;
    let http = reqwest::Client::new();
    for (path, status) in [
        ("/", 200),
        ("/nothing", 404),
        ("/api/v1/_ping", 200),
        ("/api/v1/users", 401),
        ("/api/v1/nothing", 404),
        ("/api/v1/openapi.json", 200),
        ("/v2/token", 400),
        ("/v2/webhooks/events", 405),
        ("/livez", 200),
        ("/.well-known/jwks.json", 200),
    ] {
        let answer = http.get(format!("{}{path}", site.url)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "same-origin"),
        ] {
            let said: Vec<_> = answer.headers().get_all(name).iter().collect();
            assert_eq!(said, [value], "{name} of {path}");
        }
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(answer.headers().contains_key("cache-control"), "{path}");
        assert!(!answer.headers().contains_key("server"), "{path}");
    }
    site.stop().await;
}

/// As set in the configuration; what our own parts pull is left out whatever is set there.
#[tokio::test]
async fn what_robots_pull_is_recorded_but_not_counted() {
    let site = Site::start_with(&[("notifications.robots", "scanner, mirror")]).await;
    for name in ["scanner", "bob"] {
        site.register(name).await;
    }
    let digest = format!("sha256:{:064x}", 1);
    let event = |id: &str, action: &str, actor: &str| {
        json!({
            "id": id, "action": action, "timestamp": "2026-01-01T00:00:00Z",
            "target": {"repository": "bob/app", "digest": digest, "tag": "v1",
                "mediaType": "application/vnd.oci.image.manifest.v1+json"},
            "request": {"method": "GET"}, "actor": {"name": actor}, "source": {"instanceID": "i"},
        })
    };
    let events = [
        event("1", "push", "bob"),
        event("2", "pull", "scanner"),
        event("3", "pull", "mirror"),
        event("4", "pull", "bob"),
        event("5", "pull", "portus:other"),
    ];
    let answer = reqwest::Client::new()
        .post(format!("{}/v2/webhooks/events", site.url))
        .bearer_auth(&site.registry_secret)
        .json(&json!({ "events": events }))
        .send();
    assert_eq!(answer.await.unwrap().status(), 200);
    let head = site.ground.log.head().await.unwrap();
    site.reached(head).await;

    let everything = Visible { everything: true, ..Visible::default() };
    let (registry, name) =
        (RegistryName::parse("main").unwrap(), RepositoryName::parse("bob/app").unwrap());
    let read = &site.parts.routes.api.read;
    let row = repositories::find(read, &registry, &name, &everything).await.unwrap().unwrap();
    assert_eq!((row.pulls, row.last_pull_by.as_deref()), (1, Some("bob")));
    let page = site.ground.log.read_all(Position(0), 1_000, None).await.unwrap();
    let pulled = page.events.iter().filter(|fact| fact.kind == "content.manifest_pulled");
    assert_eq!(pulled.count(), 4, "each of them is a fact");
    site.stop().await;
}

#[tokio::test]
async fn a_service_that_is_well_says_so() {
    let site = Site::start().await;
    assert_eq!(site.get("/livez").await, (200, r#"{"status":"ok"}"#.to_owned()));
    assert_eq!(site.get("/readyz").await, (200, r#"{"status":"ok"}"#.to_owned()));
    site.stop().await;
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_not_for_what_a_proxy_lets_through() {
    let site = Site::start().await;
    let (status, text) = site.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("portus_build_info"), "{text}");
    let url = format!("{}/metrics", site.url);
    let forwarded = reqwest::Client::new().get(url).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(forwarded.send().await.unwrap().status(), 404);
    site.stop().await;
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_a_plain_one_is_kept() {
    let site = Site::start().await;
    let ask = async |id: Option<&str>| {
        let mut request = reqwest::Client::new().get(format!("{}/nothing/here", site.url));
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        let answer = request.send().await.unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask(None).await.len(), 32);
    assert_eq!(ask(Some("build-4711")).await, "build-4711");
    let long = "x".repeat(web::client::MAX_REQUEST_ID_BYTES + 1);
    assert_eq!(ask(Some(&long)).await.len(), 32);
    assert_eq!(ask(Some("a b")).await.len(), 32);
    site.stop().await;
}

#[tokio::test]
async fn a_database_that_is_gone_makes_the_service_unready_and_says_why() {
    let site = Site::start().await;
    site.ground.database.service.close().await;
    let (status, body) = site.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("database"), "{body}");
    assert_eq!(site.get("/livez").await.0, 200);
    site.stop().await;
}
