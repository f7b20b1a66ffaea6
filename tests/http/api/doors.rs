//! Every way in, in every state: what is shown and is not good is refused, everywhere.

use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use commands::authn::AuthnError;
use commands::desk::Origin;
use domain::auth::AuthEvent;
use domain::event::{Event, Position};
use domain::name::UserName;
use http::{Method, Request};
use jiff::SignedDuration;
use serde_json::json;
use web::auth::{ABSOLUTE, IDLE, Sessions, Shown, SignInError};

use super::bench::{Bench, EXTERNAL, PASSWORD, Shows, by_password};

/// Open to everybody, so that only the credential itself can be refused.
const OPEN: &str = "/namespaces";

#[tokio::test(flavor = "multi_thread")]
async fn every_door_opens_for_the_enabled_and_for_nobody_else() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    bench.get(&Shows::Nothing, OPEN).await.is(200);

    let (token, _) = bench.token(&alice, &["all"]).await;
    let name = || "alice".to_owned();
    let doors = [
        alice.clone(),
        Shows::Basic(name(), token.clone()),
        Shows::PortusAuth(name(), token.clone()),
        Shows::Bearer(token.clone()),
        bench.session("alice").await,
    ];
    for door in &doors {
        bench.get(door, OPEN).await.is(200);
        bench.get(door, "/version").await.is(200);
    }
    bench.post(&bench.admin(), "/users/alice/disable", json!({ "reason": "left" })).await.is(204);
    for door in &doors {
        bench.get(door, OPEN).await.is(401);
    }
    bench.post(&bench.admin(), "/users/alice/enable", json!({})).await.is(204);
    for door in &doors[..4] {
        bench.get(door, OPEN).await.is(200);
    }
    // The session was ended with the account, and does not come back with it.
    bench.get(&doors[4], OPEN).await.is(401);

    bench.delete(&bench.admin(), "/users/alice").await.is(204);
    for door in &doors {
        bench.get(door, OPEN).await.is(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_and_is_not_good_is_refused_where_nothing_would_do() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    bench.person("bob").await;
    let (token, id) = bench.token(&alice, &["all"]).await;
    let shown = |name: &str, secret: &str| (name.to_owned(), secret.to_owned());
    let basic = |name: &str, secret: &str| {
        let (name, secret) = shown(name, secret);
        Shows::Basic(name, secret)
    };
    let portus = |name: &str, secret: &str| {
        let (name, secret) = shown(name, secret);
        Shows::PortusAuth(name, secret)
    };
    let cut = &token[..token.len() - 1];
    let upper = token.to_uppercase();
    let wrong = [
        basic("alice", "wrong horse battery"),
        basic("nobody", PASSWORD),
        basic("", PASSWORD),
        basic("alice", ""),
        basic("bob", &token),
        basic("alice", cut),
        portus("bob", &token),
        portus("alice", PASSWORD),
        portus("alice", cut),
        portus("", &token),
        portus("alice", &upper),
        Shows::Bearer(PASSWORD.to_owned()),
        Shows::Bearer(cut.to_owned()),
        Shows::Session { cookie: "__Host-portus=AAAA".into(), csrf: String::new() },
        Shows::Session { cookie: format!("__Host-portus={}", "A".repeat(43)), csrf: String::new() },
    ];
    for door in &wrong {
        let answer = bench.get(door, OPEN).await;
        assert_eq!(answer.status, 401, "{door:?}");
        assert!(answer.header("www-authenticate").starts_with("Basic "));
    }
    let right = Shows::PortusAuth("alice".into(), token);
    bench.get(&right, OPEN).await.is(200);
    bench.delete(&alice, &format!("/users/application_tokens/{id}")).await.is(204);
    bench.get(&right, OPEN).await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_with_its_time() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    let (token, _) = bench.token(&alice, &["api_read"]).await;
    let door = Shows::Bearer(token);
    bench.pass(SignedDuration::from_hours(90 * 24) - SignedDuration::from_secs(1));
    bench.get(&door, OPEN).await.is(200);
    bench.pass(SignedDuration::from_secs(1));
    bench.get(&door, OPEN).await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_its_scopes_say() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let (pull, _) = bench.token(&admin, &["pull", "push", "delete"]).await;
    let (read, _) = bench.token(&admin, &["api_read"]).await;
    let (write, _) = bench.token(&admin, &["api_write"]).await;
    let (all, _) = bench.token(&admin, &["all"]).await;
    let (full, _) = bench.token(&admin, &["admin"]).await;
    for (token, reads, writes, rules) in [
        (pull, 403, 403, 403),
        (read, 200, 403, 403),
        (write, 200, 201, 403),
        (all, 200, 201, 403),
        (full, 200, 201, 200),
    ] {
        let door = Shows::Bearer(token.clone());
        bench.get(&door, "/teams").await.is(reads);
        let name = format!("t{}", &token[10..20]);
        bench.post(&door, "/teams", json!({ "name": name })).await.is(writes);
        bench.get(&door, "/users").await.is(rules);
        // No token makes another one, not even with every scope.
        let body = json!({ "application": "more" });
        bench.post(&door, "/users/root-admin/application_tokens", body).await.is(403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_credentials_are_the_callers_fault() {
    let bench = Bench::new().await;
    let good = format!("Basic {}", BASE64_STANDARD.encode(format!("root-admin:{PASSWORD}")));
    let get = || Request::get("/api/v1/namespaces");
    let two = get().header("authorization", &good).header("authorization", &good);
    bench.send(two.body(Body::empty()).unwrap()).await.is(400);
    let both = get().header("authorization", &good).header("portus-auth", "a:b");
    bench.send(both.body(Body::empty()).unwrap()).await.is(400);
    let long = format!("Basic {}", BASE64_STANDARD.encode(vec![b'x'; 9_000]));
    let colonless = format!("Basic {}", BASE64_STANDARD.encode("root-admin"));
    let binary = format!("Basic {}", BASE64_STANDARD.encode(b"root-admin:\xff\xfe"));
    let garbage: [&[u8]; 9] = [
        b"",
        b"Basic",
        b"Basic %%%",
        b"Negotiate abc",
        b"Bearer",
        b"\xff\xfe",
        long.as_bytes(),
        colonless.as_bytes(),
        binary.as_bytes(),
    ];
    for value in garbage {
        let request = get().header("authorization", value).body(Body::empty()).unwrap();
        assert_eq!(bench.send(request).await.status, 401, "{}", String::from_utf8_lossy(value));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_bots_do_not_sign_in_at_the_web() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    let (token, _) = bench.token(&alice, &["admin"]).await;
    let bot = json!({ "user": { "username": "ci", "password": PASSWORD, "bot": true } });
    bench.post(&bench.admin(), "/users", bot).await.is(201);
    for (name, secret) in [("alice", token.as_str()), ("ci", PASSWORD), ("nobody", PASSWORD)] {
        let tried = bench.state.auth.sign_in(name, secret, Origin::default()).await;
        let refused = matches!(tried, Err(SignInError::Authn(AuthnError::Refused(_))));
        assert!(refused, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_by_idling_and_by_age() {
    let bench = Bench::new().await;
    let second = SignedDuration::from_secs(1);
    let door = bench.session("root-admin").await;
    bench.pass(IDLE - second);
    bench.get(&door, "/version").await.is(200);
    bench.pass(IDLE);
    bench.get(&door, "/version").await.is(401);

    let door = bench.session("root-admin").await;
    let mut age = SignedDuration::ZERO;
    let step = IDLE - second;
    while age + step < ABSOLUTE {
        bench.pass(step);
        age += step;
        bench.get(&door, "/version").await.is(200);
    }
    bench.pass(ABSOLUTE - age - second);
    bench.get(&door, "/version").await.is(200);
    bench.pass(second);
    bench.get(&door, "/version").await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_last_as_long_as_is_configured_those_that_live_already_too() {
    let bench = Bench::new().await;
    let seconds = SignedDuration::from_secs;
    let usual = bench.state.auth.sessions.clone();
    let short = usual.clone().lasting(seconds(60), seconds(150));
    let begin = async |sessions: &Sessions| {
        let user = UserName::parse("root-admin").unwrap();
        let session =
            sessions.begin(&user, Position(1), &commands::desk::Origin::default()).await.unwrap();
        let set = sessions.hand_out(&session).to_str().unwrap().to_owned();
        let mut headers = http::HeaderMap::new();
        headers.insert("cookie", set.split(';').next().unwrap().parse().unwrap());
        (set, headers)
    };
    let live = async |sessions: &Sessions, headers| {
        matches!(sessions.of(headers).await.unwrap(), Shown::Live(_))
    };
    let (set, headers) = begin(&short).await;
    assert!(set.contains("Max-Age=150;"), "{set}");
    for _ in 0..2 {
        bench.pass(seconds(59));
        assert!(live(&short, &headers).await);
    }
    bench.pass(seconds(31));
    assert!(live(&short, &headers).await);
    bench.pass(seconds(1));
    assert!(!live(&short, &headers).await, "150 s after it began");

    let (_, headers) = begin(&usual).await;
    bench.pass(seconds(60));
    assert!(!live(&short, &headers).await, "60 s unused");
    assert!(live(&usual, &headers).await, "which is what the setting decides, not the session");
}

/// A page that brings itself up to date asks with a header, and keeps nobody signed in by it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_asks_on_its_own_is_no_use_of_a_session() {
    let bench = Bench::new().await;
    let minute = SignedDuration::from_mins(1);
    let sessions = bench.state.auth.sessions.clone();
    let user = UserName::parse("root-admin").unwrap();
    let session = sessions.begin(&user, Position(1), &commands::desk::Origin::default()).await;
    let set = sessions.hand_out(&session.unwrap()).to_str().unwrap().to_owned();
    let mut headers = http::HeaderMap::new();
    headers.insert("cookie", set.split(';').next().unwrap().parse().unwrap());
    let mut alone = headers.clone();
    alone.insert("x-portus-unattended", "1".parse().unwrap());
    let live = async |headers| matches!(sessions.of(headers).await.unwrap(), Shown::Live(_));
    bench.pass(IDLE - minute);
    assert!(live(&headers).await, "used by a person, so it goes on");
    bench.pass(IDLE - minute);
    assert!(live(&alone).await, "a page may ask while the session lives");
    bench.pass(minute);
    assert!(!live(&alone).await && !live(&headers).await, "but does not make it live on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_older_sessions_and_signing_out_ends_its_own() {
    let bench = Bench::new().await;
    bench.person("alice").await;
    let (old, other) = (bench.session("alice").await, bench.session("root-admin").await);
    let body = json!({ "user": { "password": "another horse battery" } });
    bench.put(&bench.admin(), "/users/alice", body).await.is(200);
    bench.get(&old, "/version").await.is(401);
    bench.get(&by_password("alice"), "/version").await.is(401);
    bench
        .get(&Shows::Basic("alice".into(), "another horse battery".into()), "/version")
        .await
        .is(200);
    bench.get(&other, "/version").await.is(200);

    let before = bench.head().await;
    let auth = &bench.state.auth;
    let entered = auth.sign_in("root-admin", PASSWORD, Origin::default()).await.ok().unwrap();
    let cookie = entered.cookie.to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-portus="));
    for attribute in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let door = Shows::Session {
        cookie: cookie.split(';').next().unwrap().to_owned(),
        csrf: entered.session.csrf(),
    };
    bench.get(&door, "/version").await.is(200);
    auth.sign_out(&entered.session, Origin::default()).await.unwrap();
    bench.get(&door, "/version").await.is(401);
    // A wrong password from before may be written down a moment later.
    let mut events = bench.events_after(before).await;
    events.retain(|event| !matches!(event, Event::Auth(AuthEvent::SignInFailed { .. })));
    let expected = matches!(
        events.as_slice(),
        [Event::Auth(AuthEvent::SignedIn { .. }), Event::Auth(AuthEvent::SignedOut { .. })]
    );
    assert!(expected, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_changes_things_from_our_own_pages_only() {
    let bench = Bench::new().await;
    let Shows::Session { cookie, csrf } = bench.session("root-admin").await else { panic!() };
    let other = match bench.session("root-admin").await {
        Shows::Session { csrf, .. } => csrf,
        _ => panic!(),
    };
    let before = bench.head().await;
    let post = |headers: &[(&str, &str)]| {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/teams")
            .header("content-type", "application/json")
            .header("cookie", &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::from(r#"{"name":"ops"}"#)).unwrap()
    };
    let refused: [&[(&str, &str)]; 5] = [
        &[],
        &[("x-csrf-token", "")],
        &[("x-csrf-token", &other)],
        &[("x-csrf-token", &csrf), ("sec-fetch-site", "cross-site")],
        &[("x-csrf-token", &csrf), ("origin", "https://evil.example")],
    ];
    for headers in refused {
        bench.send(post(headers)).await.is(403);
    }
    assert_eq!(bench.head().await, before);
    bench.send(post(&[("x-csrf-token", &csrf), ("origin", EXTERNAL)])).await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_ever_in_the_log_or_in_an_answer_but_its_own() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    let (token, _) = bench.token(&alice, &["all"]).await;
    let Shows::Session { cookie, csrf } = bench.session("alice").await else { panic!() };
    let wrong = "a wrong but memorable one";
    bench.get(&Shows::Basic("alice".into(), wrong.into()), OPEN).await.is(401);
    bench.get(&Shows::Basic(wrong.into(), wrong.into()), OPEN).await.is(401);
    let registry = json!({ "registry": { "name": "two", "hostname": "two", "use_ssl": true } });
    let made = bench.post(&bench.admin(), "/registries", registry).await.is(201);
    let notify = made.body["notification_secret"].as_str().unwrap().to_owned();
    let secrets =
        [PASSWORD, &token, &bench.secret, &cookie[14..], &csrf, wrong, &notify, "root@example.org"];

    let mut said = bench.everything().await;
    for path in [
        "/teams",
        "/namespaces",
        "/repositories",
        "/registries",
        "/registries/two",
        "/users/alice/application_tokens",
        "/activities?per_page=100",
        "/health",
        "/version",
    ] {
        said.push_str(&bench.get(&bench.admin(), path).await.is(200).text);
    }
    for secret in secrets {
        assert!(!said.contains(secret), "{secret}");
    }
}
