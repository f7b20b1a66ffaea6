//! Each call, good and refused.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::bench::{Bench, PASSWORD, Shows, by_password};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_comes_once_and_by_the_secret() {
    let bench = Bench::empty().await;
    let body = |secret: &str, name: &str, password: &str| json!({ "secret": secret, "user": { "username": name, "password": password } });
    let at = "/users/bootstrap";
    let nobody = Shows::Nothing;
    bench.post(&nobody, at, body("wrong", "root-admin", PASSWORD)).await.is(403);
    bench.post(&nobody, at, body(&bench.secret, "root-admin", "short")).await.is(422);
    bench.post(&nobody, at, body(&bench.secret, "a:b", PASSWORD)).await.is(422);
    let unknown = json!({ "user": { "username": "root-admin", "password": PASSWORD } });
    bench.post(&nobody, at, unknown).await.is(400);
    assert!(!bench.state.auth.graph.snapshot().bootstrapped());

    let tries = (0..16).map(|n| bench.bootstrap(if n % 2 == 0 { "root-admin" } else { "eve" }));
    let answers = futures_util::future::join_all(tries).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(statuses[1..].iter().all(|status| *status == 400), "{statuses:?}");

    let won = answers.iter().find(|answer| answer.status == 201).unwrap();
    assert_eq!(won.body["application"], "bootstrap");
    let token = won.body["plain_token"].as_str().unwrap().to_owned();
    let all = bench.get(&Shows::Bearer(token), "/users").await.is(200);
    assert_eq!(all.body.as_array().unwrap().len(), 1);
    assert_eq!(all.body[0]["admin"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_for_administrators() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let user = json!({ "user": {
        "username": "Alice", "password": PASSWORD, "email": "alice@example.org",
        "display_name": "Alice A."
    } });
    let made = bench.post(&admin, "/users", user.clone()).await.is(201);
    let id = made.id();
    assert_eq!(made.body["username"], "alice");
    assert_eq!(made.body["email"], "alice@example.org");
    assert_eq!(made.body["enabled"], true);
    assert!(made.body["namespace_id"].is_i64());
    assert!(made.header("x-portus-position").parse::<i64>().unwrap() >= id);
    bench.post(&admin, "/users", user).await.is(422);
    for (field, value) in [
        ("username", json!("portus")),
        ("username", json!("a/b")),
        ("username", json!("")),
        ("password", json!("short")),
        ("password", json!("x".repeat(1_025))),
        ("password", Value::Null),
        ("email", json!("no address")),
        ("display_name", json!("a\u{7}b")),
    ] {
        let mut body = json!({ "user": { "username": "bob", "password": PASSWORD } });
        body["user"][field] = value.clone();
        let answer = bench.post(&admin, "/users", body).await;
        assert_eq!(answer.status, 422, "{field} {value}: {}", answer.text);
    }
    assert!(bench.state.auth.graph.snapshot().account(&"bob".parse().unwrap()).is_none());

    for at in [format!("/users/{id}"), "/users/alice".into(), "/users/ALICE".into()] {
        assert_eq!(bench.get(&admin, &at).await.is(200).id(), id);
    }
    for at in ["/users/nobody", "/users/999999", "/users/99999999999999999999", "/users/%00"] {
        bench.get(&admin, at).await.is(404);
    }
    let change = json!({ "user": { "email": "", "display_name": "A" } });
    let changed = bench.put(&admin, "/users/alice", change).await.is(200);
    assert_eq!(
        (&changed.body["email"], &changed.body["display_name"]),
        (&Value::Null, &json!("A"))
    );
    bench.put(&admin, "/users/alice", json!({ "user": { "username": "eve" } })).await.is(422);
    // One's own password is changed where the old one is asked for.
    let own = json!({ "user": { "password": "a brand new password" } });
    bench.put(&admin, "/users/root-admin", own).await.is(422);

    // Alice herself is not an administrator: nothing of this is hers.
    let alice = by_password("alice");
    let before = bench.head().await;
    bench.get(&alice, "/users").await.is(403);
    bench.get(&alice, "/users/alice").await.is(403);
    bench.put(&alice, "/users/alice/admin", json!({})).await.is(403);
    bench.post(&alice, "/users/root-admin/disable", json!({})).await.is(403);
    bench.delete(&alice, "/users/root-admin").await.is(403);
    assert_eq!(bench.head().await, before);

    // The last administrator stays one, whoever asks.
    bench.delete(&admin, "/users/root-admin/admin").await.is(422);
    bench.put(&admin, "/users/alice/admin", json!({})).await.is(204);
    bench.get(&alice, "/users").await.is(200);
    bench.delete(&alice, "/users/root-admin/admin").await.is(204);
    bench.get(&admin, "/users").await.is(403);
    bench.delete(&alice, "/users/alice").await.is(422);
    bench.delete(&alice, "/users/root-admin").await.is(204);
    bench.get(&alice, "/users/root-admin").await.is(404);
    let again = json!({ "user": { "username": "root-admin", "password": PASSWORD } });
    bench.post(&alice, "/users", again).await.is(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_a_teams_last_owner_is_done_at_once_and_says_what_it_leaves() {
    let bench = Bench::new().await;
    let (alice, _) = (bench.person("alice").await, bench.person("bob").await);
    bench.team(&alice, "alone").await;
    let both = bench.team(&alice, "both").await;
    let owner = json!({ "user": "bob", "role": "owner" });
    bench.post(&alice, &format!("/teams/{both}/members"), owner).await.is(201);

    let disabled = bench.post(&bench.admin(), "/users/alice/disable", json!({})).await.is(200);
    assert_eq!(disabled.body, json!({ "teams_without_owner": ["alone"] }));
    bench.get(&alice, "/teams").await.is(401);
    let shown = async |team: &str| {
        let team = bench.get(&bench.admin(), &format!("/teams/{team}")).await.is(200);
        team.body["has_enabled_owner"].clone()
    };
    assert_eq!([shown("alone").await, shown("both").await], [json!(false), json!(true)]);

    // An administrator finds it another owner; then nothing is left to say.
    let owner = json!({ "user": "bob", "role": "owner" });
    bench.post(&bench.admin(), "/teams/alone/members", owner).await.is(201);
    assert_eq!(shown("alone").await, true);
    bench.post(&bench.admin(), "/users/alice/enable", json!({})).await.is(204);
    bench.post(&bench.admin(), "/users/alice/disable", json!({})).await.is(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_administrators_who_demote_each_other_leave_one() {
    let bench = Bench::new().await;
    let mut all = vec![bench.admin()];
    for n in 1..16 {
        all.push(bench.person(&format!("admin{n}")).await);
        bench.put(&bench.admin(), &format!("/users/admin{n}/admin"), json!({})).await.is(204);
    }
    let demote = (0..16).map(|n| {
        let other = match (n + 1) % 16 {
            0 => "root-admin".to_owned(),
            other => format!("admin{other}"),
        };
        let (bench, by) = (&bench, &all[n]);
        async move { bench.delete(by, &format!("/users/{other}/admin")).await.status.as_u16() }
    });
    let statuses = futures_util::future::join_all(demote).await;
    assert!(statuses.iter().all(|status| [204, 403, 422, 503].contains(status)), "{statuses:?}");
    let graph = bench.state.auth.graph.snapshot();
    let names = (0..16).map(|n| match n {
        0 => "root-admin".to_owned(),
        other => format!("admin{other}"),
    });
    let left = names.filter(|name| graph.account(&name.parse().unwrap()).unwrap().admin).count();
    assert!(left >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn application_tokens_are_ones_own() {
    let bench = Bench::new().await;
    let (alice, bob) = (bench.person("alice").await, bench.person("bob").await);
    let at = "/users/alice/application_tokens";
    let made = bench.post(&alice, at, json!({ "application": "laptop" })).await.is(201);
    let id = made.id();
    assert!(made.body["plain_token"].as_str().unwrap().starts_with("portus_"));
    assert_eq!(made.body["scopes"], json!(["all"]));
    bench.post(&alice, at, json!({ "application": "laptop" })).await.is(422);
    for (field, value) in [
        ("application", json!("")),
        ("application", json!("x".repeat(256))),
        ("scopes", json!([])),
        ("scopes", json!(["root"])),
        ("namespaces", json!([])),
        ("namespaces", json!(["A B"])),
        ("expires_at", json!("2026-11-22T11:59:59Z")),
        ("expires_at", json!("2028-11-22T12:00:00Z")),
    ] {
        let mut body = json!({ "application": "other" });
        body[field] = value.clone();
        let answer = bench.post(&alice, at, body).await;
        assert_eq!(answer.status, 422, "{field} {value}: {}", answer.text);
    }
    let listed = bench.get(&alice, at).await.is(200);
    assert_eq!(listed.all("application"), ["laptop"]);
    assert_eq!(listed.body[0]["last_used_at"], Value::Null);
    let secret = made.body["plain_token"].as_str().unwrap().to_owned();
    let laptop = Shows::PortusAuth("alice".into(), secret);
    bench.get(&laptop, "/users/self").await.is(200);
    let listed = bench.get(&alice, at).await.is(200);
    assert_eq!(listed.body[0]["last_used_at"], Value::Null, "reading leaves no fact");
    bench.post(&laptop, "/teams", json!({ "name": "crew" })).await.is(201);
    let listed = bench.get(&alice, at).await.is(200);
    assert_eq!(listed.body[0]["last_used_at"], "2026-11-22T12:00:00Z");
    assert!(listed.body[0].get("plain_token").is_none());

    // Bob finds nothing; an administrator sees that it is there, and can end it, but not make one.
    let before = bench.head().await;
    bench.get(&bob, at).await.is(404);
    bench.post(&bob, at, json!({ "application": "x" })).await.is(404);
    bench.delete(&bob, &format!("/users/application_tokens/{id}")).await.is(404);
    bench.delete(&bob, "/users/application_tokens/999999").await.is(404);
    let admin = bench.admin();
    bench.get(&admin, at).await.is(200);
    bench.post(&admin, at, json!({ "application": "x" })).await.is(403);
    assert_eq!(bench.head().await, before);
    bench.delete(&admin, &format!("/users/application_tokens/{id}")).await.is(204);
    bench.delete(&admin, &format!("/users/application_tokens/{id}")).await.is(404);

    let bot = json!({ "user": { "username": "ci", "bot": true } });
    bench.post(&admin, "/users", bot).await.is(201);
    let at = "/users/ci/application_tokens";
    bench.post(&bob, at, json!({ "application": "x" })).await.is(404);
    let made = bench.post(&admin, at, json!({ "application": "x", "scopes": ["pull"] })).await;
    let token = made.is(201).body["plain_token"].as_str().unwrap().to_owned();
    bench.get(&Shows::PortusAuth("ci".into(), token), "/teams").await.is(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_are_for_their_members() {
    let bench = Bench::new().await;
    let (alice, bob, admin) =
        (bench.person("alice").await, bench.person("bob").await, bench.admin());
    let id = bench.team(&alice, "Ops").await;
    bench.post(&alice, "/teams", json!({ "name": "ops" })).await.is(422);
    bench.post(&alice, "/teams", json!({ "name": "a/b" })).await.is(422);
    let seen = bench.get(&alice, &format!("/teams/{id}")).await.is(200);
    assert_eq!((&seen.body["name"], &seen.body["role"]), (&json!("ops"), &json!("owner")));
    bench.get(&alice, "/teams/ops").await.is(200);
    bench.get(&admin, "/teams/ops").await.is(200);
    assert_eq!(bench.get(&alice, "/teams").await.all("name"), ["ops"]);
    assert!(bench.get(&bob, "/teams").await.all("name").is_empty());
    bench.get(&Shows::Nothing, "/teams").await.is(401);

    let before = bench.head().await;
    for (method, path, body) in [
        (Method::GET, "/teams/ops", None),
        (Method::GET, "/teams/ops/members", None),
        (Method::GET, "/teams/ops/namespaces", None),
        (Method::PUT, "/teams/ops", Some(json!({ "team": { "description": "mine" } }))),
        (Method::DELETE, "/teams/ops", None),
        (Method::POST, "/teams/ops/members", Some(json!({ "user": "bob", "role": "owner" }))),
        (Method::PUT, "/teams/ops/members/alice", Some(json!({ "role": "viewer" }))),
        (Method::DELETE, "/teams/ops/members/alice", None),
    ] {
        bench.call(&bob, method, path, body).await.is(404);
    }
    assert_eq!(bench.head().await, before);

    let body = json!({ "team": { "description": "We run it" } });
    let changed = bench.put(&alice, "/teams/ops", body).await.is(200);
    assert_eq!(changed.body["description"], "We run it");
    bench.put(&alice, "/teams/ops", json!({ "team": { "name": "dev" } })).await.is(422);
    let long = json!({ "team": { "description": "x".repeat(4_097) } });
    bench.put(&alice, "/teams/ops", long).await.is(422);
    let longest = json!({ "team": { "description": "x".repeat(4_096) } });
    bench.put(&alice, "/teams/ops", longest).await.is(200);

    let add = |name: &str, role: &str| json!({ "user": name, "role": role });
    let member = bench.post(&alice, "/teams/ops/members", add("bob", "viewer")).await.is(201);
    assert_eq!((&member.body["username"], &member.body["role"]), (&json!("bob"), &json!("viewer")));
    bench.post(&alice, "/teams/ops/members", add("bob", "owner")).await.is(422);
    bench.post(&alice, "/teams/ops/members", add("nobody", "viewer")).await.is(422);
    bench.post(&alice, "/teams/ops/members", add("bob", "king")).await.is(422);
    bench.get(&bob, "/teams/ops/members").await.is(200);
    // A member sees the team, and may not change it: 403, not 404.
    bench.put(&bob, "/teams/ops/members/alice", json!({ "role": "viewer" })).await.is(403);
    bench.delete(&bob, "/teams/ops").await.is(403);
    let at = format!("/teams/{id}/members/{}", member.id());
    assert_eq!(
        bench.put(&alice, &at, json!({ "role": "owner" })).await.is(200).body["role"],
        "owner"
    );
    bench.put(&alice, "/teams/ops/members/999999", json!({ "role": "owner" })).await.is(404);
    // Two owners who remove each other at once: one stays.
    let (one, two) = tokio::join!(
        bench.delete(&alice, "/teams/ops/members/bob"),
        bench.delete(&bob, "/teams/ops/members/alice"),
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 204, "{statuses:?}");
    assert!([404, 422].contains(&statuses[1]), "{statuses:?}");
    assert_eq!(bench.get(&admin, "/teams/ops/members").await.header("x-total"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_goes_when_its_namespaces_have_gone_elsewhere() {
    let bench = Bench::new().await;
    let (alice, bob) = (bench.person("alice").await, bench.person("bob").await);
    bench.team(&alice, "ops").await;
    bench.team(&alice, "dev").await;
    bench.team(&bob, "others").await;
    bench.namespace(&alice, "shop", "ops", "private").await;
    bench.delete(&alice, "/teams/ops").await.is(422);
    // Whoever deletes must own both ends.
    bench.delete(&alice, "/teams/ops?new_team=others").await.is(404);
    bench.delete(&alice, "/teams/ops?new_team=ops").await.is(422);
    bench.delete(&alice, "/teams/ops?new_team=dev").await.is(204);
    let moved = bench.get(&alice, "/namespaces/shop").await.is(200);
    assert_eq!(moved.body["team"]["name"], "dev");
    bench.get(&alice, "/teams/ops").await.is(404);
    bench.post(&alice, "/teams", json!({ "name": "ops" })).await.is(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_show_what_they_should_to_whom_they_should() {
    let bench = Bench::new().await;
    let (alice, bob, nobody) =
        (bench.person("alice").await, bench.person("bob").await, Shows::Nothing);
    bench.team(&alice, "ops").await;
    let private = bench.namespace(&alice, "vault", "ops", "private").await;
    bench.namespace(&alice, "intern", "ops", "protected").await;
    bench.namespace(&alice, "shop", "ops", "public").await;

    let names = async |who: &Shows| bench.get(who, "/namespaces").await.is(200).all("full_name");
    assert_eq!(names(&nobody).await, ["_", "shop"]);
    assert_eq!(names(&bob).await, ["_", "bob", "intern", "shop"]);
    assert_eq!(names(&alice).await, ["_", "alice", "intern", "shop", "vault"]);
    assert_eq!(names(&bench.admin()).await.len(), 7);
    for (who, status) in [(&nobody, 401), (&bob, 404), (&alice, 200)] {
        bench.get(who, &format!("/namespaces/{private}")).await.is(status);
        bench.get(who, "/namespaces/vault").await.is(status);
        bench.get(who, "/namespaces/main:vault").await.is(status);
    }
    // Hidden looks like absent.
    for who in [&nobody, &bob] {
        let hidden = bench.get(who, "/namespaces/vault").await;
        let absent = bench.get(who, "/namespaces/nothing").await;
        assert_eq!((hidden.status, &hidden.text), (absent.status, &absent.text));
    }
    let global = bench.get(&nobody, "/namespaces/_").await.is(200);
    assert_eq!(global.body["name"], "r.example.org");
    assert_eq!(
        (&global.body["global"], &global.body["visibility"]),
        (&json!(true), &json!("public"))
    );
    // Whose the namespace is, is for those who may see the team.
    let seen = bench.get(&bob, "/namespaces/shop").await.is(200);
    assert!(seen.body["team"].is_null());

    let put = |body: Value| json!({ "namespace": body });
    let before = bench.head().await;
    bench.put(&bob, "/namespaces/shop", put(json!({ "visibility": "private" }))).await.is(403);
    bench.put(&bob, "/namespaces/vault", put(json!({ "visibility": "public" }))).await.is(404);
    bench.delete(&bob, "/namespaces/shop").await.is(403);
    bench.post(&bob, "/namespaces", json!({ "name": "x", "team": "ops" })).await.is(404);
    assert_eq!(bench.head().await, before);

    let both = put(json!({ "description": "The shop", "visibility": "protected" }));
    let changed = bench.put(&alice, "/namespaces/shop", both).await.is(200);
    assert_eq!(changed.body["description"], "The shop");
    assert_eq!(changed.body["visibility"], "protected");
    assert_eq!(names(&nobody).await, ["_"]);
    bench.put(&alice, "/namespaces/shop", put(json!({ "visibility": "open" }))).await.is(422);
    bench.put(&alice, "/namespaces/shop", put(json!({ "name": "store" }))).await.is(422);
    bench.put(&alice, "/namespaces/shop", put(json!({ "team": "nobodys" }))).await.is(404);
    bench
        .put(&bench.admin(), "/namespaces/_", put(json!({ "visibility": "private" })))
        .await
        .is(422);
    bench.delete(&bench.admin(), "/namespaces/_").await.is(403);

    for (name, status) in [("shop", 422), ("_", 422), ("A", 422), ("shop/sub", 201)] {
        let body = json!({ "name": name, "team": "ops" });
        bench.post(&alice, "/namespaces", body).await.is(status);
    }
    let valid = async |name: &str| {
        let at = format!("/namespaces/validate?name={name}");
        bench.get(&alice, &at).await.is(200).body["valid"].as_bool().unwrap()
    };
    assert!(valid("fresh").await);
    assert!(!valid("shop").await && !valid("A").await && !valid("_").await);

    bench.pushed("shop/app", "v1").await;
    bench.delete(&alice, "/namespaces/shop").await.is(422);
    bench.delete(&alice, "/namespaces/vault").await.is(204);
    bench.get(&alice, "/namespaces/vault").await.is(404);
    bench.post(&alice, "/namespaces", json!({ "name": "vault", "team": "ops" })).await.is(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn further_grants_open_and_close() {
    let bench = Bench::new().await;
    let (alice, bob) = (bench.person("alice").await, bench.person("bob").await);
    bench.team(&alice, "ops").await;
    bench.namespace(&alice, "shop", "ops", "private").await;
    bench.pushed("shop/app", "v1").await;
    bench.get(&bob, "/namespaces/shop/grants").await.is(404);
    let at = "/namespaces/shop/grants";
    let on = json!({ "user": "bob", "role": "viewer", "repository": "shop/app" });
    let grant = bench.post(&alice, at, on).await.is(201);
    bench.get(&bob, "/repositories/main:shop%2Fapp").await.is(200);
    bench.get(&bob, at).await.is(404);
    for body in [
        json!({ "role": "viewer" }),
        json!({ "role": "viewer", "user": "bob", "team": "ops" }),
        json!({ "role": "viewer", "user": "nobody" }),
        json!({ "role": "king", "user": "bob" }),
        json!({ "role": "viewer", "user": "bob", "repository": "other/app" }),
        json!({ "role": "viewer", "user": "bob", "until": "2026-11-22T12:00:00Z" }),
    ] {
        bench.post(&alice, at, body).await.is(422);
    }
    assert_eq!(bench.get(&alice, at).await.is(200).body.as_array().unwrap().len(), 1);
    let id = grant.body["id"].as_str().unwrap();
    bench.delete(&bob, &format!("{at}/{id}")).await.is(404);
    bench.delete(&alice, &format!("{at}/{id}")).await.is(204);
    bench.delete(&alice, &format!("{at}/{id}")).await.is(404);
    bench.delete(&alice, &format!("{at}/nonsense")).await.is(404);
    bench.get(&bob, "/repositories/main:shop%2Fapp").await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_come_by_name_or_the_newest_first() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    bench.team(&alice, "ops").await;
    bench.namespace(&alice, "shop", "ops", "public").await;
    for tag in ["1.10", "latest", "1.2", "1.2-alpine", "2.0"] {
        bench.pass(SignedDuration::from_secs(1));
        bench.pushed("shop/app", tag).await;
    }
    // Two of the same moment.
    bench.pushed("shop/app", "1.9").await;
    let at = "/repositories/shop%2Fapp/tags";
    let by_name = ["1.10", "1.2", "1.2-alpine", "1.9", "2.0", "latest"];
    let newest = ["2.0", "1.9", "1.2-alpine", "1.2", "latest", "1.10"];
    for (query, tags) in [
        ("", &by_name[..]),
        ("?sort_attr=name&sort_order=asc", &by_name),
        ("?sort_attr=pushed", &newest),
        ("?sort_attr=pushed&sort_order=desc", &newest),
        ("?sort_attr=pushed&per_page=2&page=2", &newest[2..4]),
        ("?prefix=1.2", &["1.2", "1.2-alpine"]),
        ("?prefix=1.2&per_page=1&page=2", &["1.2-alpine"]),
        ("?prefix=", &by_name),
        ("?prefix=1%25", &[]),
        ("?prefix=~", &[]),
    ] {
        let list = bench.get(&alice, &format!("{at}{query}")).await.is(200);
        assert_eq!(list.all("name"), tags, "{query}");
    }
    let narrow = bench.get(&alice, &format!("{at}?prefix=1.2&per_page=1")).await.is(200);
    assert_eq!(narrow.header("x-total"), "2");
    assert!(narrow.header("link").contains("prefix=1.2"), "{}", narrow.header("link"));
    for query in [
        "sort_attr=size",
        "sort_attr=name&sort_order=desc",
        "sort_attr=pushed&sort_order=asc",
        "sort_attr=pushed&prefix=1",
    ] {
        bench.get(&alice, &format!("{at}?{query}")).await.is(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_and_tags_are_found_described_and_starred() {
    let bench = Bench::new().await;
    let (alice, bob) = (bench.person("alice").await, bench.person("bob").await);
    bench.team(&alice, "ops").await;
    bench.namespace(&alice, "shop", "ops", "public").await;
    bench.namespace(&alice, "vault", "ops", "private").await;
    for (repository, tag) in [("shop/app", "v1"), ("shop/app", "v2"), ("shop/app", "latest")] {
        bench.pushed(repository, tag).await;
    }
    bench.pushed("vault/secret", "v1").await;
    let nobody = Shows::Nothing;
    assert_eq!(bench.get(&nobody, "/repositories").await.all("full_name"), ["shop/app"]);
    assert_eq!(
        bench.get(&alice, "/repositories").await.all("full_name"),
        ["shop/app", "vault/secret"]
    );
    let app = bench.get(&nobody, "/repositories/shop%2Fapp").await.is(200);
    assert_eq!((&app.body["name"], &app.body["tags_count"]), (&json!("app"), &json!(3)));
    let at = format!("/repositories/{}", app.id());
    assert_eq!(bench.get(&bob, &format!("{at}/tags")).await.all("name"), ["latest", "v1", "v2"]);
    let grouped = bench.get(&bob, &format!("{at}/tags/grouped")).await.is(200);
    assert_eq!(grouped.body.as_array().unwrap().len(), 2);
    let tag = bench.get(&bob, &format!("{at}/tags/v1")).await.is(200);
    bench.get(&bob, &format!("{at}/tags/{}", tag.id())).await.is(200);
    assert_eq!(bench.get(&bob, &format!("/tags/{}", tag.id())).await.is(200).body["name"], "v1");
    bench.get(&bob, &format!("{at}/tags/v9")).await.is(404);
    bench.get(&bob, "/tags").await.is(403);
    assert_eq!(bench.get(&bench.admin(), "/tags").await.is(200).header("x-total"), "4");

    let secret = bench.get(&alice, "/repositories/vault%2Fsecret").await.is(200).id();
    let hidden = bench.get(&alice, &format!("/repositories/{secret}/tags/v1")).await.is(200).id();
    for path in [
        format!("/repositories/{secret}"),
        format!("/repositories/{secret}/tags"),
        format!("/repositories/{secret}/tags/grouped"),
        format!("/tags/{hidden}"),
        "/repositories/vault%2Fsecret".into(),
        "/namespaces/vault/repositories".into(),
    ] {
        bench.get(&bob, &path).await.is(404);
        bench.get(&nobody, &path).await.is(401);
    }

    let describe = |text: &str| json!({ "repository": { "description": text } });
    bench.put(&bob, &at, describe("mine")).await.is(403);
    bench.put(&alice, &at, describe(&"x".repeat(4_097))).await.is(422);
    let described = bench.put(&alice, &at, describe("*The* app")).await.is(200);
    assert_eq!(described.body["description"], "*The* app");
    bench.put(&bob, &format!("{at}/star"), json!({})).await.is(204);
    bench.put(&bob, &format!("{at}/star"), json!({})).await.is(204);
    let starred = bench.get(&bob, &at).await.is(200);
    assert_eq!((&starred.body["stars"], &starred.body["starred"]), (&json!(1), &json!(true)));
    bench.put(&nobody, &format!("{at}/star"), json!({})).await.is(401);
    bench.put(&bob, &format!("/repositories/{secret}/star"), json!({})).await.is(404);
    bench.delete(&bob, &format!("{at}/star")).await.is(204);

    let found = bench.get(&nobody, "/search?q=app").await.is(200);
    assert_eq!(found.body["repositories"]["hits"][0]["name"], "shop/app");
    let found = bench.get(&bob, "/search?q=secret").await.is(200);
    assert_eq!(found.body["total"], 0);
    let found = bench.get(&alice, "/search?q=secret&kind=repository").await.is(200);
    assert_eq!(found.body["total"], 1);
    bench.get(&alice, "/search?q=x&kind=user").await.is(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_shows_what_concerns_what_one_may_see() {
    let bench = Bench::new().await;
    let (alice, bob) = (bench.person("alice").await, bench.person("bob").await);
    bench.team(&alice, "ops").await;
    bench.namespace(&alice, "vault", "ops", "private").await;
    bench.pushed("vault/secret", "v1").await;
    bench.get(&Shows::Nothing, "/activities").await.is(401);
    let mine = bench.get(&alice, "/activities?repository=vault/secret").await.is(200);
    assert_eq!(mine.all("kind"), ["content.manifest_pushed"]);
    let theirs = bench.get(&bob, "/activities?per_page=100").await.is(200);
    assert!(!theirs.text.contains("vault") && !theirs.text.contains("ops"), "{}", theirs.text);
    let all = bench.get(&bench.admin(), "/activities?per_page=100").await.is(200);
    let all = all.all("id");
    let mut paged = Vec::new();
    let mut at = "/activities?per_page=2".to_owned();
    loop {
        let page = bench.get(&bench.admin(), &at).await.is(200);
        paged.extend(page.all("id"));
        let Some(next) = page.header("link").split(['<', '>']).nth(1) else { break };
        at = next.split_once("/api/v1").unwrap().1.to_owned();
    }
    assert_eq!(paged, all);
    for bad in ["outcome=maybe", "before=x", "from=yesterday", "per_page=101", "colour=red"] {
        bench.get(&alice, &format!("/activities?{bad}")).await.is(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_names_rule_and_ground() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    bench.team(&alice, "ops").await;
    bench.namespace(&alice, "shop", "ops", "private").await;
    let at = "/explain?user=alice&action=push&repository=shop/app";
    bench.get(&alice, at).await.is(403);
    let said = bench.get(&bench.admin(), at).await.is(200);
    assert_eq!((&said.body["allowed"], &said.body["rule"]), (&json!(true), &json!("push")));
    let ground = json!({ "kind": "member", "team": "ops", "role": "owner" });
    assert_eq!(said.body["ground"], ground);
    let said = bench.get(&bench.admin(), "/explain?action=pull&repository=shop/app").await.is(200);
    assert_eq!(said.body["allowed"], false);
    bench.put(&bench.admin(), "/users/alice/auditor", json!({})).await.is(204);
    bench.get(&alice, at).await.is(200);
    bench.delete(&bench.admin(), "/users/alice/auditor").await.is(204);
    bench.get(&alice, at).await.is(403);
    bench.get(&bench.admin(), "/explain?action=fly").await.is(400);
    bench.get(&bench.admin(), "/explain").await.is(400);
    bench.get(&bench.admin(), "/explain?action=pull&repository=a&team=b").await.is(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn registries_are_for_administrators() {
    let bench = Bench::new().await;
    let (alice, admin) = (bench.person("alice").await, bench.admin());
    bench.get(&alice, "/registries").await.is(403);
    let body = |name: &str, host: &str| json!({ "registry": { "name": name, "hostname": host, "use_ssl": true } });
    bench.post(&alice, "/registries", body("two", "two:5000")).await.is(403);
    let made = bench.post(&admin, "/registries", body("two", "two:5000")).await.is(201);
    assert_eq!(made.body["service"], "two:5000");
    let secret = made.body["notification_secret"].as_str().unwrap().to_owned();
    bench.post(&admin, "/registries", body("three", "two:5000")).await.is(422);
    bench.post(&admin, "/registries", body("Bad Name", "x")).await.is(422);
    bench.post(&admin, "/registries", body("three", "with blank")).await.is(422);
    bench.post(&admin, "/registries", json!({ "registry": { "name": "x" } })).await.is(422);
    let change = json!({ "registry": { "external_hostname": "two.example.org" } });
    let changed = bench.put(&admin, "/registries/two", change).await.is(200);
    assert_eq!(changed.body["external_hostname"], "two.example.org");
    assert_eq!(changed.body["hostname"], "two:5000");
    assert!(changed.body.get("notification_secret").is_none());
    bench.put(&admin, "/registries/two", body("other", "two:5000")).await.is(422);
    let new = bench.post(&admin, "/registries/two/secret", json!({})).await.is(201);
    assert_ne!(new.body["notification_secret"], secret.as_str());
    bench.post(&alice, "/registries/two/secret", json!({})).await.is(403);
    bench.get(&admin, "/registries/none").await.is(404);
    let valid = "/registries/validate?name=four&hostname=four&use_ssl=false";
    assert_eq!(bench.get(&admin, valid).await.is(200).body["valid"], true);
    let taken = "/registries/validate?name=two&hostname=two:5000";
    assert_eq!(bench.get(&admin, taken).await.is(200).body["valid"], false);
    // With two of them, a name alone does not say where.
    bench.team(&alice, "ops").await;
    bench.post(&alice, "/namespaces", json!({ "name": "shop", "team": "ops" })).await.is(422);
    let on = json!({ "name": "shop", "team": "ops", "registry": "two" });
    bench.post(&alice, "/namespaces", on).await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_say_so() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    for n in 0..7 {
        bench.team(&alice, &format!("team{n}")).await;
    }
    let page = bench.get(&alice, "/teams?page=2&per_page=3").await.is(200);
    assert_eq!(page.all("name"), ["team3", "team4", "team5"]);
    for (name, value) in [
        ("x-total", "7"),
        ("x-total-pages", "3"),
        ("x-page", "2"),
        ("x-per-page", "3"),
        ("x-next-page", "3"),
        ("x-prev-page", "1"),
    ] {
        assert_eq!(page.header(name), value, "{name}");
    }
    let base = "https://portus.example.org/api/v1/teams";
    let link = |rel: &str, page: u8| format!("<{base}?page={page}&per_page=3>; rel=\"{rel}\"");
    let links = [link("first", 1), link("prev", 1), link("next", 3), link("last", 3)];
    assert_eq!(page.header("link"), links.join(", "));
    assert!(bench.get(&alice, "/teams?page=9").await.is(200).all("name").is_empty());
    bench.get(&alice, "/teams?per_page=100").await.is(200);
    bench.get(&alice, "/teams?per_page=100&page=1000").await.is(200);
    for bad in [
        "per_page=101",
        "per_page=0",
        "per_page=x",
        "page=0",
        "page=-1",
        "page=x",
        "all=true",
        "per_page=100&page=1001",
        "page=9223372036854775807",
        "page=1&page=2",
        "sort_attr=email",
        "sort_order=down",
        "colour=red",
        "%ff=1",
    ] {
        let answer = bench.get(&alice, &format!("/teams?{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text);
    }
    bench.get(&alice, "/teams?all=false&sort_attr=name&sort_order=asc").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_says_how_it_is() {
    let bench = Bench::new().await;
    bench.get(&Shows::Nothing, "/_ping").await.is(200);
    let health = bench.get(&Shows::Nothing, "/health").await.is(200);
    assert_eq!(health.body["database"]["success"], true);
    bench.get(&Shows::Nothing, "/version").await.is(401);
    let version = bench.get(&bench.admin(), "/version").await.is(200);
    assert_eq!(version.body["api-versions"], json!(["v1"]));
}
