//! The description of the interface, and that it is true.

use std::path::PathBuf;

use http::{Request, header};
use serde_json::{Value, json};
use tests::described::Described;

use super::bench::{Bench, Shows};

/// Set it to write the description anew.
const RENEW: &str = "PORTUS_TEST_RENEW_OPENAPI";

#[test]
fn the_description_in_the_documents_is_that_of_the_handlers() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = folder.parent().unwrap().join("docs/openapi.json");
    let mut now = serde_json::to_string_pretty(&web::api::document().value).unwrap();
    now.push('\n');
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == now,
        "docs/openapi.json is not what the handlers say. If the change is meant, write it anew:\n\
         {RENEW}=1 cargo test -p tests --test http the_description_in"
    );
}

#[test]
fn every_operation_says_what_it_does_and_what_it_takes() {
    let document = &web::api::document().value;
    let paths = document["paths"].as_object().unwrap();
    let mut names = std::collections::BTreeSet::new();
    let mut calls = 0;
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let said = format!("{method} {path}: {operation}");
            calls += 1;
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "twice: {said}");
            let summary = operation["summary"].as_str().unwrap();
            assert!(summary.ends_with('.') && summary.len() <= 72, "{said}");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{said}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                assert_eq!(
                    parameter["in"] == "path",
                    path.contains(&format!("{{{name}}}")),
                    "{said}"
                );
            }
            let parameters = operation["parameters"].as_array().map_or(0, Vec::len);
            assert!(path.matches('{').count() <= parameters, "{said}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let known = response["$ref"].is_string() || response["description"].is_string();
                assert!(known, "{status} of {said}");
            }
            if ["post", "put"].contains(&method.as_str()) && !operation["requestBody"].is_null() {
                assert!(operation["responses"]["415"].is_object(), "{said}");
            }
        }
    }
    assert_eq!(Described::by(document).operations().len(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served_and_kept_by_whoever_has_it() {
    let bench = Bench::empty().await;
    let served = bench.get(&Shows::Nothing, "/openapi.json").await.is(200);
    assert_eq!(served.body, web::api::document().value);
    assert_eq!(served.body["openapi"], "3.1.0");
    let etag = served.header("etag");
    let known = [etag.to_owned(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()];
    for (known, status) in known.iter().map(|known| (&**known, 304)).chain([("\"x\"", 200)]) {
        let again = Request::get("/api/v1/openapi.json").header(header::IF_NONE_MATCH, known);
        let again = bench.send(again.body(Default::default()).unwrap()).await;
        assert_eq!((again.status.as_u16(), again.body.is_null()), (status, status == 304));
    }

    let old = Request::get("/api/openapi-spec").body(Default::default()).unwrap();
    let old = bench.send(old).await.is(308);
    assert_eq!(old.header("location"), "/api/v1/openapi.json");
}

/// One world in which every call succeeds once. The bench holds each answer against the document,
/// here as in every other test of the interface.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_as_it_is_described() {
    let bench = Bench::empty().await;
    bench.bootstrap("root-admin").await.is(201);
    let admin = bench.admin();
    let alice = bench.person("alice").await;
    bench.post(&admin, "/users", json!({ "user": { "username": "robot", "bot": true } })).await;
    for team in ["ops", "spare"] {
        bench.team(&admin, team).await;
    }
    let namespace = bench.namespace(&admin, "shop", "ops", "public").await;
    bench.namespace(&admin, "empty", "spare", "private").await;
    bench.pushed("shop/app", "1.0").await;
    bench.pushed("shop/app", "1.1.0").await;
    let repository = bench.get(&admin, "/repositories/shop%2Fapp").await.is(200).id();
    let tag = bench.get(&admin, "/tags").await.is(200).body[0]["id"].clone();
    let feed = bench.get(&admin, "/activities").await.is(200);
    let activity = feed.body[0]["id"].as_str().unwrap().replace('/', "%2F");
    let manifests = format!("/repositories/{repository}/manifests");
    let manifest = bench.get(&admin, &manifests).await.is(200).body[0]["digest"].clone();
    let grant = json!({ "user": "robot", "role": "viewer", "until": "2027-01-01T00:00:00Z" });
    let grants = format!("/namespaces/{namespace}/grants");
    let grant = bench.post(&admin, &grants, grant).await.is(201).body["id"].clone();
    let grant = grant.as_str().unwrap();
    let token = json!({ "application": "ci", "scopes": ["pull"], "namespaces": ["shop"] });
    let token = bench.post(&alice, "/users/alice/application_tokens", token).await.is(201).id();

    let reads = [
        "/_ping",
        "/health",
        "/version",
        "/openapi.json",
        "/search?q=sho&kind=repository",
        "/search?q=",
        &format!("/activities/{activity}"),
        "/activities?outcome=done&kind=content&per_page=1",
        "/explain?user=alice&action=pull&repository=shop%2Fapp",
        "/explain?user=alice&action=push&namespace=shop",
        "/users?prefix=a",
        "/users/alice",
        "/users/self",
        "/users/self/application_tokens",
        "/users/alice/application_tokens",
        "/teams",
        "/teams/ops",
        "/teams/ops/namespaces",
        "/teams/ops/members",
        "/namespaces?per_page=1&page=2",
        "/namespaces/validate?name=_",
        "/namespaces/shop",
        "/namespaces/shop/repositories",
        &grants,
        "/repositories",
        &format!("/repositories/{repository}/tags"),
        &format!("/repositories/{repository}/tags/grouped"),
        &format!("/repositories/{repository}/tags/1.0"),
        &format!("/repositories/{repository}/tags/1.0/history"),
        &format!("{manifests}/{}", manifest.as_str().unwrap()),
        &format!("/tags/{tag}"),
        "/registries",
        "/registries/main",
        "/registries/validate?name=x&hostname=a%20b",
    ];
    for path in reads {
        bench.get(&admin, path).await.is(200);
        // Whoever may see less is answered as described, too.
        for who in [&alice, &Shows::Nothing] {
            assert!(bench.get(who, path).await.status.as_u16() < 500);
        }
    }
    let star = format!("/repositories/{repository}/star");
    let registry = json!({ "registry": {
        "name": "second", "hostname": "second.example.org", "use_ssl": true,
    } });
    let changes = [
        ("PUT", "/users/alice", json!({ "user": { "display_name": "Alice" } }), 200),
        ("PUT", "/users/alice/admin", Value::Null, 204),
        ("DELETE", "/users/alice/admin", Value::Null, 204),
        ("PUT", "/users/alice/auditor", Value::Null, 204),
        ("DELETE", "/users/alice/auditor", Value::Null, 204),
        ("POST", "/users/alice/sign_out", Value::Null, 204),
        ("POST", "/users/alice/disable", json!({ "reason": "left" }), 204),
        ("POST", "/users/alice/enable", Value::Null, 204),
        ("POST", "/teams/ops/members", json!({ "user": "alice", "role": "viewer" }), 201),
        ("PUT", "/teams/ops/members/alice", json!({ "role": "contributor" }), 200),
        ("DELETE", "/teams/ops/members/alice", Value::Null, 204),
        ("PUT", "/teams/ops", json!({ "team": { "description": "Operators" } }), 200),
        ("PUT", "/namespaces/shop", json!({ "namespace": { "visibility": "protected" } }), 200),
        ("DELETE", &format!("{grants}/{grant}"), Value::Null, 204),
        ("PUT", "/repositories/shop%2Fapp", json!({ "repository": { "description": "*" } }), 200),
        ("PUT", &star, Value::Null, 204),
        ("DELETE", &star, Value::Null, 204),
        ("POST", "/registries", registry, 201),
        ("PUT", "/registries/second", json!({ "registry": { "use_ssl": false } }), 200),
        ("POST", "/registries/second/secret", Value::Null, 201),
        ("DELETE", &format!("/users/application_tokens/{token}"), Value::Null, 204),
        ("DELETE", "/namespaces/empty", Value::Null, 204),
        ("DELETE", "/teams/spare", Value::Null, 204),
        ("DELETE", "/users/alice", Value::Null, 204),
    ];
    for (method, path, body, status) in changes {
        let body = (!body.is_null()).then_some(body);
        let answer = bench.call(&admin, method.parse().unwrap(), path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
    }

    let mut good: Vec<_> = bench.known().into_iter().filter(|known| known.status < 300).collect();
    good.dedup_by(|one, other| one.operation == other.operation);
    let answered: Vec<_> = good.into_iter().map(|known| known.operation).collect();
    assert_eq!(answered, Described::by(&web::api::document().value).operations());
}
