//! A change that is sent twice is made once.

use std::collections::BTreeSet;
use std::sync::Arc;

use commands::desk::Origin;
use domain::event::Position;
use domain::name::UserName;
use http::{HeaderValue, Method};
use jiff::SignedDuration;
use serde_json::{Value, json};
use web::api::{IDEMPOTENCY_KEY, MAX_KEY_BYTES};

use super::bench::{Answer, Bench, PASSWORD, Shows};

async fn post(bench: &Bench, who: &Shows, key: &str, path: &str, body: Value) -> Answer {
    let mut request = Bench::request(who, Method::POST, path, Some(body));
    request.headers_mut().insert(IDEMPOTENCY_KEY, HeaderValue::from_str(key).unwrap());
    bench.send(request).await
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

/// Every kind of thing that is made over REST, in an order in which it can be.
fn creations() -> [(&'static str, Value); 9] {
    [
        ("/users", json!({ "user": { "username": "carol", "password": PASSWORD } })),
        ("/users", json!({ "user": { "username": "robot", "bot": true } })),
        ("/teams", json!({ "name": "blue", "description": "Sky" })),
        ("/teams/blue/members", json!({ "user": "carol", "role": "contributor" })),
        ("/namespaces", json!({ "name": "sky", "team": "blue" })),
        ("/namespaces/sky/grants", json!({ "user": "robot", "role": "viewer" })),
        ("/users/self/application_tokens", json!({ "application": "one" })),
        ("/users/robot/application_tokens", json!({ "application": "two" })),
        ("/registries", json!({ "registry": { "name": "two", "hostname": "two.example.org" } })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_gets_the_same_answer_and_is_carried_out_once() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    for (n, (path, body)) in creations().into_iter().enumerate() {
        let key = format!("key-{n}");
        let first = post(&bench, &admin, &key, path, body.clone()).await.is(201);
        assert!(!replayed(&first));
        let before = bench.everything().await;
        for key in [key.clone(), format!("\"{key}\"")] {
            let again = post(&bench, &admin, &key, path, body.clone()).await.is(201);
            assert!(replayed(&again), "{path}");
            assert_eq!(again.text, first.text, "{path}");
            assert_eq!(again.header("x-portus-position"), first.header("x-portus-position"));
            assert_eq!(again.header("content-type"), first.header("content-type"));
        }
        let mut other = body.clone();
        let field = other.as_object_mut().unwrap().values_mut().next().unwrap();
        match field.as_object_mut() {
            Some(fields) => {
                fields.insert("display_name".into(), json!("Other"));
            }
            None => *field = json!("other"),
        }
        let refused = post(&bench, &admin, &key, path, other).await.is(409);
        assert!(refused.body["message"].as_str().unwrap().contains("take a new one"));
        assert_eq!(bench.everything().await, before, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_after_one_that_died_before_its_answer_finds_what_was_done() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    for (n, (path, body)) in creations().into_iter().enumerate() {
        let key = format!("key-{n}");
        let mut first = post(&bench, &admin, &key, path, body.clone()).await.is(201);
        // As it is when the process ends between what it writes and what it answers.
        sqlx::query("UPDATE vault.answers SET sealed = NULL")
            .execute(&bench.database.owner)
            .await
            .unwrap();
        let busy = post(&bench, &admin, &key, path, body.clone()).await.is(409);
        let seconds: i64 = busy.header("retry-after").parse().unwrap();
        assert!((1..=40).contains(&seconds), "{seconds}");
        bench.pass(SignedDuration::from_secs(seconds));
        let mut again = post(&bench, &admin, &key, path, body.clone()).await.is(201);
        // The secret of a registry is made anew; the lost one is good for a while.
        for answer in [&mut first, &mut again] {
            if path == "/registries" {
                let fields = answer.body.as_object_mut().unwrap();
                assert!(fields.remove("notification_secret").is_some());
                fields.remove("secret_rotated_at");
                fields.remove("updated_at");
            }
        }
        assert_eq!(again.body, first.body, "{path}");
    }
    for (path, count) in [
        ("/users", 3),
        ("/teams", 1),
        ("/teams/blue/members", 2),
        ("/namespaces/sky/grants", 1),
        ("/users/self/application_tokens", 2),
        ("/users/robot/application_tokens", 1),
        ("/registries", 2),
    ] {
        let all = bench.get(&admin, path).await.is(200);
        assert_eq!(all.body.as_array().unwrap().len(), count, "{path}: {}", all.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_some_of_whom_hang_up_one_is_carried_out() {
    let bench = Arc::new(Bench::new().await);
    let alice = bench.person("alice").await;
    let (path, body) = ("/users/self/application_tokens", json!({ "application": "ci" }));
    let tries: Vec<_> = (0..16)
        .map(|_| {
            let (bench, alice, body) = (bench.clone(), alice.clone(), body.clone());
            tokio::spawn(async move { post(&bench, &alice, "ci", path, body).await })
        })
        .collect();
    for some in tries.iter().step_by(2) {
        tokio::task::yield_now().await;
        some.abort();
    }
    let mut secrets = BTreeSet::new();
    for one in tries {
        let Ok(answer) = one.await else { continue };
        match answer.status.as_u16() {
            201 => drop(secrets.insert(answer.body["plain_token"].to_string())),
            409 => assert!(answer.header("retry-after").parse::<u32>().is_ok()),
            other => panic!("{other}: {}", answer.text),
        }
    }
    // Whoever is at it is at it still, or done.
    let last = loop {
        let answer = post(&bench, &alice, "ci", path, body.clone()).await;
        if answer.status == 201 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    secrets.insert(last.body["plain_token"].to_string());
    assert_eq!(secrets.len(), 1, "{secrets:?}");
    let all = bench.get(&alice, path).await.is(200);
    assert_eq!(all.body.as_array().unwrap().len(), 1);
    let token = last.body["plain_token"].as_str().unwrap().to_owned();
    bench.get(&Shows::Bearer(token), "/users/self").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_was_answered_is_for_nobody_else() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    let bob = bench.person("bob").await;
    let (path, body) = ("/users/self/application_tokens", json!({ "application": "ci" }));
    let made = post(&bench, &alice, "1", path, body.clone()).await.is(201);
    let others = post(&bench, &bob, "1", path, body.clone()).await.is(201);
    assert!(!replayed(&others));
    assert_ne!(made.body["plain_token"], others.body["plain_token"]);
    // A token may not make tokens, and is not shown one either.
    let (token, _) = bench.token(&alice, &["all"]).await;
    post(&bench, &Shows::Bearer(token), "1", path, body.clone()).await.is(403);
    let wrong = Shows::Basic("alice".into(), "not it at all".into());
    post(&bench, &wrong, "1", path, body.clone()).await.is(401);
    post(&bench, &Shows::Nothing, "1", path, body.clone()).await.is(401);
    bench.post(&bench.admin(), "/users/alice/disable", json!({ "reason": "" })).await;
    post(&bench, &alice, "1", path, body).await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_holds_for_a_day_and_no_longer() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    let (path, body) = ("/users/self/application_tokens", json!({ "application": "ci" }));
    let made = post(&bench, &alice, "k", path, body.clone()).await.is(201);
    bench.pass(SignedDuration::from_secs(24 * 3_600));
    assert!(replayed(&post(&bench, &alice, "k", path, body.clone()).await.is(201)));
    bench.pass(SignedDuration::from_secs(1));
    let gone = format!("/users/application_tokens/{}", made.id());
    bench.delete(&alice, &gone).await.is(204);
    let anew = post(&bench, &alice, "k", path, body.clone()).await.is(201);
    assert!(!replayed(&anew));
    assert_ne!(anew.body["id"], made.body["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_cleared_away_and_nothing_else() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    let (owner, auth) = (&bench.database.owner, &bench.state.auth);
    let path = "/users/self/application_tokens";
    let begin = async || {
        let now = auth.desk.clock.now();
        let name: UserName = "alice".parse().unwrap();
        auth.sessions.begin(&name, Position(1), &Origin::default()).await.unwrap();
        let hour = now + SignedDuration::from_hours(1);
        auth.desk.vault.new_reset(&name, hour).await.unwrap();
    };
    // More than one statement takes.
    sqlx::query(
        "INSERT INTO vault.answers (tag, print, seed, begun_at, leased_until)
         SELECT sha256(n::text::bytea), sha256('p'), 'seed', '2026-11-22Z', '2026-11-22Z'
         FROM generate_series(1, 2500) n",
    )
    .execute(owner)
    .await
    .unwrap();
    post(&bench, &alice, "k", path, json!({ "application": "ci" })).await.is(201);
    begin().await;
    assert_eq!(bench.sweeper.sweep(auth.desk.clock.now()).await.unwrap(), 0);

    bench.pass(SignedDuration::from_hours(30 * 24));
    post(&bench, &alice, "next", path, json!({ "application": "cd" })).await.is(201);
    begin().await;
    assert_eq!(bench.sweeper.sweep(auth.desk.clock.now()).await.unwrap(), 2_501 + 1 + 1);
    for table in ["answers", "sessions", "password_resets"] {
        let sql = format!("SELECT count(*) FROM vault.{table}");
        let rows: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(owner).await.unwrap();
        assert_eq!(rows, 1, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_kept_and_may_be_asked_again() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let body = json!({ "name": "sky", "team": "blue" });
    post(&bench, &admin, "k", "/namespaces", body.clone()).await.is(404);
    bench.team(&admin, "blue").await;
    let made = post(&bench, &admin, "k", "/namespaces", body.clone()).await.is(201);
    assert!(!replayed(&made));
    assert!(replayed(&post(&bench, &admin, "k", "/namespaces", body).await.is(201)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_sent_once_and_has_its_length() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let longest = "k".repeat(MAX_KEY_BYTES);
    post(&bench, &admin, &longest, "/teams", json!({ "name": "a" })).await.is(201);
    for key in ["", "\"\"", "two words", &format!("{longest}k"), "tab\tbed"] {
        let refused = post(&bench, &admin, key, "/teams", json!({ "name": "b" })).await.is(400);
        assert!(refused.text.contains("255"), "{}", refused.text);
    }
    let mut twice = Bench::request(&admin, Method::POST, "/teams", Some(json!({ "name": "b" })));
    for key in ["one", "two"] {
        twice.headers_mut().append(IDEMPOTENCY_KEY, HeaderValue::from_static(key));
    }
    bench.send(twice).await.is(400);
    let large = json!({ "name": "b", "description": "x".repeat(64 * 1024) });
    post(&bench, &admin, "large", "/teams", large).await.is(413);
    bench.get(&admin, "/teams/b").await.is(404);
}
