//! Whatever is sent: a clear refusal, no event, nothing of ours shown.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use proptest::prelude::{Strategy, any, prop};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use web::api::MAX_BODY_BYTES;

use super::bench::{Bench, PASSWORD, Shows};

/// Every route with a method that it takes, and a body that would do. `{…}` stand for ids.
fn routes() -> Vec<(Method, &'static str, Option<Value>)> {
    let user = json!({ "user": { "email": "x@example.org" } });
    let create = json!({ "user": { "username": "new", "password": PASSWORD } });
    let registry = json!({ "registry": { "name": "new", "hostname": "new", "use_ssl": true } });
    vec![
        (Method::GET, "/users", None),
        (Method::POST, "/users", Some(create)),
        (Method::GET, "/users/{user}", None),
        (Method::PUT, "/users/{user}", Some(user)),
        (Method::DELETE, "/users/{user}", None),
        (Method::POST, "/users/{user}/enable", None),
        (Method::POST, "/users/{user}/disable", Some(json!({ "reason": "x" }))),
        (Method::POST, "/users/{user}/sign_out", None),
        (Method::PUT, "/users/{user}/admin", None),
        (Method::DELETE, "/users/{user}/admin", None),
        (Method::PUT, "/users/{user}/auditor", None),
        (Method::DELETE, "/users/{user}/auditor", None),
        (Method::GET, "/users/{user}/application_tokens", None),
        (Method::POST, "/users/{user}/application_tokens", Some(json!({ "application": "x" }))),
        (Method::DELETE, "/users/application_tokens/{token}", None),
        (Method::GET, "/teams/{team}", None),
        (Method::PUT, "/teams/{team}", Some(json!({ "team": { "description": "x" } }))),
        (Method::DELETE, "/teams/{team}", None),
        (Method::GET, "/teams/{team}/namespaces", None),
        (Method::GET, "/teams/{team}/members", None),
        (Method::POST, "/teams/{team}/members", Some(json!({ "user": "eve", "role": "owner" }))),
        (Method::PUT, "/teams/{team}/members/alice", Some(json!({ "role": "viewer" }))),
        (Method::DELETE, "/teams/{team}/members/alice", None),
        (Method::GET, "/namespaces/{namespace}", None),
        (
            Method::PUT,
            "/namespaces/{namespace}",
            Some(json!({ "namespace": { "visibility": "public" } })),
        ),
        (Method::DELETE, "/namespaces/{namespace}", None),
        (Method::GET, "/namespaces/{namespace}/repositories", None),
        (Method::GET, "/namespaces/{namespace}/grants", None),
        (
            Method::POST,
            "/namespaces/{namespace}/grants",
            Some(json!({ "user": "eve", "role": "owner" })),
        ),
        (
            Method::DELETE,
            "/namespaces/{namespace}/grants/0195b3a0-0000-7000-8000-000000000000",
            None,
        ),
        (Method::GET, "/repositories/{repository}", None),
        (
            Method::PUT,
            "/repositories/{repository}",
            Some(json!({ "repository": { "description": "x" } })),
        ),
        (Method::GET, "/repositories/{repository}/tags", None),
        (Method::GET, "/repositories/{repository}/tags/grouped", None),
        (Method::GET, "/repositories/{repository}/tags/v1", None),
        (Method::PUT, "/repositories/{repository}/star", None),
        (Method::DELETE, "/repositories/{repository}/star", None),
        (Method::GET, "/tags", None),
        (Method::GET, "/tags/{tag}", None),
        (Method::GET, "/registries", None),
        (Method::POST, "/registries", Some(registry)),
        (Method::GET, "/registries/{registry}", None),
        (Method::PUT, "/registries/{registry}", Some(json!({ "registry": { "use_ssl": false } }))),
        (Method::POST, "/registries/{registry}/secret", None),
        (Method::GET, "/explain?action=pull", None),
    ]
}

/// A service in which everything is Alice's and hidden, and the ids of it.
async fn alices() -> (Bench, Vec<(&'static str, i64)>) {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    let team = bench.team(&alice, "canary-team").await;
    let namespace = bench.namespace(&alice, "canary-space", "canary-team", "private").await;
    bench.pushed("canary-space/canary-app", "v1").await;
    let (_, token) = bench.token(&alice, &["all"]).await;
    let user = bench.get(&bench.admin(), "/users/alice").await.id();
    let repository = bench.get(&alice, "/repositories/canary-space%2Fcanary-app").await.id();
    let tag = bench.get(&alice, &format!("/repositories/{repository}/tags/v1")).await.id();
    let registry = bench.get(&bench.admin(), "/registries/main").await.id();
    let ids = vec![
        ("{user}", user),
        ("{team}", team),
        ("{namespace}", namespace),
        ("{repository}", repository),
        ("{tag}", tag),
        ("{token}", token),
        ("{registry}", registry),
    ];
    (bench, ids)
}

fn filled(path: &str, ids: &[(&str, i64)]) -> String {
    ids.iter().fold(path.to_owned(), |path, (name, id)| path.replace(name, &id.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_walk_over_every_route_finds_nothing_and_changes_nothing() {
    let (bench, ids) = alices().await;
    let eve = bench.person("eve").await;
    let absent: Vec<_> = ids.iter().map(|(name, _)| (*name, 999_999)).collect();
    let before = bench.head().await;
    for (method, path, body) in routes() {
        let real = filled(path, &ids);
        let answer = bench.call(&eve, method.clone(), &real, body.clone()).await;
        let status = answer.status.as_u16();
        assert!([403, 404].contains(&status), "{method} {real}: {status} {}", answer.text);
        assert!(!answer.text.contains("canary"), "{method} {real}: {}", answer.text);
        // What is hidden answers as what is not there, to the byte.
        let other = bench.call(&eve, method.clone(), &filled(path, &absent), body.clone()).await;
        assert_eq!((answer.status, &answer.text), (other.status, &other.text), "{method} {path}");

        let nobody = bench.call(&Shows::Nothing, method.clone(), &real, body).await;
        assert_eq!(nobody.status, 401, "{method} {real}: {}", nobody.text);
    }
    let mut lists = String::new();
    for path in ["/teams", "/namespaces", "/repositories", "/search?q=canary", "/activities"] {
        let page = bench.get(&eve, path).await.is(200);
        lists.push_str(&page.text);
        lists.push_str(&format!("{:?}", page.headers));
    }
    assert!(!lists.contains("canary"), "{lists}");
    assert_eq!(bench.head().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_changes_nothing() {
    let (bench, ids) = alices().await;
    let admin = bench.admin();
    let before = bench.head().await;
    for (method, path, _) in routes() {
        if method == Method::GET {
            bench.get(&admin, &filled(path, &ids)).await.is(200);
            bench.call(&admin, Method::HEAD, &filled(path, &ids), None).await.is(200);
        }
    }
    assert_eq!(bench.head().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_or_path_is_told_in_json() {
    let (bench, ids) = alices().await;
    for (_, path, _) in routes() {
        let path = filled(path, &ids);
        let answer = bench.call(&bench.admin(), Method::PATCH, &path, None).await;
        assert_eq!(answer.status, 405, "{path}");
        assert!(!answer.header("allow").is_empty(), "{path}");
        assert!(answer.body["message"].is_string(), "{path}: {}", answer.text);
    }
    for path in ["", "/", "/nothing", "/users/1/2/3", "/teams/", "/../users", "//users"] {
        let answer = bench.get(&bench.admin(), path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body["message"].is_string(), "{path}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_nobody_asked_for_is_refused() {
    let (bench, ids) = alices().await;
    let admin = bench.admin();
    let before = bench.head().await;
    for (method, path, body) in routes() {
        let Some(body) = body else { continue };
        for (field, value) in [("admin", json!(true)), ("id", json!(1)), ("created_at", json!(""))]
        {
            let mut outer = body.clone();
            outer[field] = value.clone();
            let answer = bench.call(&admin, method.clone(), &filled(path, &ids), Some(outer)).await;
            assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text);
            let mut inner = body.clone();
            let Some(Value::Object(fields)) = inner.as_object_mut().unwrap().values_mut().next()
            else {
                continue;
            };
            fields.insert(field.to_owned(), value);
            let answer = bench.call(&admin, method.clone(), &filled(path, &ids), Some(inner)).await;
            assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text);
        }
    }
    assert_eq!(bench.head().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_json_of_a_bounded_size() {
    let bench = Bench::new().await;
    let Shows::Basic(name, secret) = bench.admin() else { panic!() };
    let (token, _) = bench.token(&Shows::Basic(name, secret), &["admin"]).await;
    let post = |media_type: Option<&str>, body: Vec<u8>| {
        let mut request =
            Request::post("/api/v1/teams").header("authorization", format!("Bearer {token}"));
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        request.body(Body::from(body)).unwrap()
    };
    let json = Some("application/json");
    let good = br#"{"name":"one"}"#.to_vec();
    bench.send(post(Some("application/json; charset=utf-8"), good.clone())).await.is(201);
    for media_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        bench.send(post(media_type, good.clone())).await.is(415);
    }
    let filled = |bytes: usize| {
        let mut body = br#"{"name":"two"}"#.to_vec();
        body.resize(bytes, b' ');
        body
    };
    bench.send(post(json, filled(MAX_BODY_BYTES))).await.is(201);
    bench.send(post(json, filled(MAX_BODY_BYTES + 1))).await.is(413);
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let wrong: [&[u8]; 8] = [
        b"",
        b"{",
        b"null",
        b"[]",
        br#"{"name":1}"#,
        br#"{"name":"x","name":"y"}"#,
        b"{\"name\":\"\xff\"}",
        deep.as_bytes(),
    ];
    for body in wrong {
        let answer = bench.send(post(json, body.to_vec())).await;
        assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(&body[..body.len().min(40)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_document_comes_to_whoever_accepts_one() {
    let bench = Bench::new().await;
    let request = Request::get("/api/v1/users")
        .header("accept", "application/problem+json")
        .body(Body::empty())
        .unwrap();
    let answer = bench.send(request).await.is(401);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(
        (&answer.body["status"], &answer.body["title"]),
        (&json!(401), &json!("Not signed in"))
    );
    assert_eq!(answer.body["type"], "/help/problems/unauthorized");
    assert_eq!(
        answer.body["instance"],
        format!("urn:portus:request:{}", answer.header("x-request-id"))
    );
    // What the original's clients read is there as well.
    assert_eq!(answer.body["message"], answer.body["detail"]);
    let plain = bench.get(&Shows::Nothing, "/users").await.is(401);
    assert_eq!(plain.header("content-type"), "application/json");
    assert!(plain.body["message"].is_string());
    assert_eq!(plain.body["request_id"], plain.header("x-request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_says_where_it_is() {
    let bench = Bench::new().await;
    let (token, _) = bench.token(&bench.admin(), &["admin", "all"]).await;
    let ask = async |method: &str, path: &str, body: Value| {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("accept", "application/problem+json")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        bench.send(request).await.is(422).body
    };
    let user = json!({ "user": { "username": "a:b", "password": "long enough, really" } });
    let told = ask("POST", "/users", user).await;
    assert_eq!(told["type"], "/help/problems/cannot-be");
    assert_eq!(told["errors"][0]["pointer"], "/user/username");
    assert_eq!(told["errors"][0]["detail"], told["message"]["username"][0]);

    let team = ask("POST", "/teams", json!({ "name": "no/team" })).await;
    assert_eq!(team["errors"][0]["pointer"], "/name");

    // What is no field of a body is a parameter.
    bench.post(&bench.admin(), "/teams", json!({ "name": "ops" })).await.is(201);
    // Rules of the domain speak of fields, too.
    let long = "x".repeat(5_000);
    for (method, path, body, pointer) in [
        ("POST", "/teams", json!({ "name": "ops" }), "/name"),
        ("POST", "/teams", json!({ "name": "dev", "description": long }), "/description"),
        ("PUT", "/teams/ops", json!({ "team": { "description": long } }), "/team/description"),
        (
            "POST",
            "/users",
            json!({ "user": { "username": "root-admin", "bot": true } }),
            "/user/username",
        ),
        (
            "POST",
            "/users",
            json!({ "user": { "username": "b", "bot": true, "email": "b" } }),
            "/user/email",
        ),
        ("POST", "/teams/ops/members", json!({ "user": "nobody", "role": "owner" }), "/user"),
    ] {
        let told = ask(method, path, body).await;
        assert_eq!(told["errors"][0]["pointer"], pointer, "{told}");
        let field = pointer.rsplit('/').next().unwrap();
        assert_eq!(told["message"][field][0], told["errors"][0]["detail"], "{told}");
    }
    bench.namespace(&bench.admin(), "shop", "ops", "private").await;
    let held = ask("DELETE", "/teams/ops", Value::Null).await;
    assert_eq!(held["errors"][0]["parameter"], "new_team");
    assert!(held["errors"][0]["pointer"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn below_api_nothing_answers_with_a_page() {
    let bench = Bench::new().await;
    for path in [
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v1/users/",
        "/api/v2/users",
        "/api/nothing/at/all",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let request = Request::builder().method(method).uri(path);
            let request = request.header("accept", "text/html, */*;q=0.1");
            let answer = bench.send(request.body(Body::empty()).unwrap()).await.is(404);
            assert_eq!(answer.header("content-type"), "application/json", "{method} {path}");
            assert!(answer.body["request_id"].is_string(), "{method} {path}: {}", answer.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_accepts_no_json_is_told_so_and_nothing_is_done() {
    let bench = Bench::new().await;
    let (token, _) = bench.token(&bench.admin(), &["admin", "all"]).await;
    let before = bench.head().await;
    let make = |accept: &'static str| {
        Request::post("/api/v1/teams")
            .header("accept", accept)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(r#"{"name":"ops"}"#))
            .unwrap()
    };
    for accept in ["application/xml", "text/html", "application/json;q=0"] {
        let answer = bench.send(make(accept)).await.is(406);
        assert!(answer.body["message"].as_str().unwrap().contains("application/json"), "{accept}");
    }
    assert_eq!(bench.head().await, before);
    bench.send(make("application/json;q=0.5")).await.is(201);
    // A probe that reads nothing need not accept anything.
    let ping = Request::get("/api/v1/_ping").header("accept", "text/plain");
    bench.send(ping.body(Body::empty()).unwrap()).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_read_as_it_is_and_in_utf_8() {
    let bench = Bench::new().await;
    let (token, _) = bench.token(&bench.admin(), &["admin", "all"]).await;
    let make = |name: &str, kind: &'static str, encoding: &'static str| {
        Request::post("/api/v1/teams")
            .header("content-type", kind)
            .header("content-encoding", encoding)
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(json!({ "name": name }).to_string()))
            .unwrap()
    };
    let json = "application/json";
    for encoding in ["gzip", "br", "identity, gzip"] {
        let answer = bench.send(make("ops", json, encoding)).await.is(415);
        assert!(answer.text.contains("Content-Encoding"), "{}", answer.text);
    }
    for kind in ["application/json; charset=latin1", "application/json;charset=\"utf-16\""] {
        bench.send(make("ops", kind, "identity")).await.is(415);
    }
    bench.send(make("ops", "application/json; charset=UTF-8", "identity")).await.is(201);
    bench.send(make("dev", "application/json;charset=\"utf-8\"", "identity")).await.is(201);
}

/// Random requests out of pieces that have hurt others: whatever comes, no 5xx, no hang.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_makes_an_error_of_ours() {
    let (bench, ids) = alices().await;
    let (token, _) = bench.token(&bench.admin(), &["admin"]).await;
    let pieces = [
        "users",
        "teams",
        "namespaces",
        "repositories",
        "tags",
        "registries",
        "members",
        "grants",
        "application_tokens",
        "validate",
        "bootstrap",
        "search",
        "activities",
        "explain",
        "admin",
        "1",
        "0",
        "-1",
        "9223372036854775807",
        "9223372036854775808",
        "alice",
        "canary-team",
        "main:canary-space",
        "%2e%2e",
        "%00",
        "%ff",
        "%2F",
        "a%0d%0ab",
        "_",
        ":",
        "'",
        "%22%3b--",
        "%F0%9F%92%A9",
        "v1",
        "grouped",
    ];
    let queries = [
        "",
        "?page=1",
        "?page=99999999999999999999",
        "?per_page=-1",
        "?name=%00",
        "?q=%00",
        "?q=%22%28%5b%2a",
        "?action=pull&repository=_",
        "?from=9999-12-31T23:59:59Z",
        "?before=-1/-1",
        "?before=9223372036854775807/2147483647",
        "?actor=%00",
        "?name=a&hostname=%00",
        "?%00=1",
        "?prefix=%00",
        "?prefix=%25%5f",
    ];
    let leaf = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("\u{0}"),
        json!("x".repeat(5_000)),
        json!("alice"),
        json!("\u{202e}"),
        json!([]),
        json!({}),
        json!("2026-13-45T99:99:99Z"),
        json!("9999-12-31T23:59:59Z"),
        json!("owner"),
        json!("all"),
    ]);
    let names = prop::sample::select(vec![
        "user",
        "team",
        "namespace",
        "registry",
        "repository",
        "name",
        "username",
        "password",
        "email",
        "role",
        "application",
        "scopes",
        "namespaces",
        "expires_at",
        "until",
        "secret",
        "description",
        "visibility",
        "hostname",
        "owner_id",
        "reason",
    ]);
    let flat = prop::collection::hash_map(names.clone(), leaf.clone(), 0..4);
    let nested = (names, flat.clone());
    let body = (any::<bool>(), flat, nested).prop_map(|(deep, flat, (name, inner))| {
        if deep { json!({ name: inner }) } else { json!(flat) }
    });
    let path = prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..5);
    let method = prop::sample::select(vec![
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ]);
    let request = (method, path, prop::sample::select(queries.to_vec()), body);
    let mut runner = TestRunner::deterministic();
    let door = Shows::Bearer(token);
    let routes = routes();
    for n in 0..1_500 {
        let (method, pieces, query, body) = request.new_tree(&mut runner).unwrap().current();
        // Half of them at least reach a handler.
        let (method, path) = match routes.get(n / 2 % routes.len()) {
            Some((method, path, _)) if n % 2 == 0 && !path.contains('?') => {
                (method.clone(), filled(path, &ids))
            }
            _ => (method, format!("/{}", pieces.join("/"))),
        };
        if path.ends_with("/root-admin") || method == Method::DELETE && path.contains("users") {
            continue;
        }
        let uri = format!("{path}{query}");
        let answer = bench.call(&door, method.clone(), &uri, Some(body.clone())).await;
        let said = format!("{method} {uri} {body}: {} {}", answer.status, answer.text);
        assert!(answer.status < StatusCode::INTERNAL_SERVER_ERROR, "{said}");
        if answer.status.is_client_error() && method != Method::HEAD {
            let message = &answer.body["message"];
            assert!(message.is_string() || message.is_object(), "{said}");
        }
    }
    bench.get(&door, "/users").await.is(200);
}
