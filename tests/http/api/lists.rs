//! What lists can be narrowed to, and in which order they come.

use serde_json::json;
use tests::heard;

use super::bench::{Bench, Shows};

#[tokio::test(flavor = "multi_thread")]
async fn users_are_narrowed_and_sorted_by_what_the_document_lists() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    for name in ["zoe", "bob"] {
        bench.person(name).await;
    }
    bench.post(&admin, "/users", json!({ "user": { "username": "robot", "bot": true } })).await;
    bench.post(&admin, "/users/bob/disable", json!({})).await.is(204);
    let names = async |query: &str| {
        let list = bench.get(&admin, &format!("/users?{query}")).await.is(200);
        assert_eq!(list.header("x-total"), list.all("username").len().to_string(), "{query}");
        list.all("username").join(" ")
    };
    assert_eq!(names("").await, "bob robot root-admin zoe");
    assert_eq!(names("sort_order=desc").await, "zoe root-admin robot bob");
    assert_eq!(names("sort_attr=id").await, "root-admin zoe bob robot");
    assert_eq!(names("sort_attr=created_at&sort_order=desc").await, "robot bob zoe root-admin");
    assert_eq!(names("enabled=false").await, "bob");
    assert_eq!(names("admin=true").await, "root-admin");
    assert_eq!(names("bot=true").await, "robot");
    assert_eq!(names("bot=false&prefix=RO").await, "root-admin");
    for wrong in ["sort_attr=email", "sort_order=up", "enabled=yes", "colour=red"] {
        let said = bench.get(&admin, &format!("/users?{wrong}")).await.is(400);
        let message = said.body["message"].as_str().unwrap().to_owned();
        assert!(message.contains(wrong.split('=').next().unwrap()), "{message}");
        assert!(!wrong.starts_with("sort_attr") || message.contains("name, id, created_at"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_and_teams_are_narrowed_and_tell_nothing_of_what_is_hidden() {
    let bench = Bench::new().await;
    let (alice, bob) = (bench.person("alice").await, bench.person("bob").await);
    bench.team(&alice, "ops").await;
    bench.team(&bob, "secret").await;
    bench.namespace(&alice, "shop", "ops", "public").await;
    bench.namespace(&alice, "stock", "ops", "private").await;
    bench.namespace(&bob, "show", "secret", "public").await;
    let names = async |who: &Shows, query: &str| {
        let list = bench.get(who, &format!("/namespaces?{query}")).await.is(200);
        assert_eq!(list.header("x-total"), list.all("full_name").len().to_string(), "{query}");
        list.all("full_name").join(" ")
    };
    assert_eq!(names(&alice, "prefix=s").await, "shop show stock");
    assert_eq!(names(&alice, "prefix=s&sort_order=desc").await, "stock show shop");
    assert_eq!(names(&alice, "prefix=s&sort_attr=id").await, "shop stock show");
    assert_eq!(names(&alice, "team=ops").await, "shop stock");
    assert_eq!(names(&alice, "visibility=public&prefix=sh").await, "shop show");
    assert_eq!(names(&alice, "registry=other").await, "");
    // A public namespace is seen by all; whose it is, by those who may see the team.
    assert_eq!(names(&alice, "team=secret").await, "");
    assert_eq!(names(&alice, "team=nothing").await, "");
    assert_eq!(names(&bob, "team=secret").await, "show");
    assert_eq!(names(&Shows::Nothing, "prefix=sto").await, "");
    bench.get(&alice, "/namespaces?visibility=secret").await.is(400);

    let teams = bench.get(&bench.admin(), "/teams?prefix=s&sort_order=desc").await.is(200);
    assert_eq!(teams.all("name"), ["secret"]);
    assert_eq!(bench.get(&alice, "/teams?prefix=s").await.is(200).header("x-total"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_and_manifests_come_in_either_direction() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    bench.team(&alice, "ops").await;
    bench.namespace(&alice, "shop", "ops", "private").await;
    for name in ["zoe", "bob"] {
        bench.person(name).await;
        let member = json!({ "user": name, "role": "viewer" });
        bench.post(&alice, "/teams/ops/members", member).await.is(201);
    }
    let name = json!({ "user": { "display_name": "Bob B." } });
    bench.put(&bench.admin(), "/users/bob", name).await.is(200);
    let members = async |query: &str| {
        let list = bench.get(&alice, &format!("/teams/ops/members?{query}")).await.is(200);
        list.all("username").join(" ")
    };
    assert_eq!(members("").await, "alice bob zoe");
    assert_eq!(members("sort_order=desc").await, "zoe bob alice");
    assert_eq!(members("sort_attr=id").await, "alice zoe bob");
    assert_eq!(members("sort_attr=created_at&sort_order=desc&per_page=2").await, "bob zoe");
    assert_eq!(members("sort_order=desc&page=2&per_page=2").await, "alice");
    let list = bench.get(&alice, "/teams/ops/members").await.is(200);
    let called: Vec<_> =
        list.body.as_array().unwrap().iter().map(|row| &row["display_name"]).collect();
    assert_eq!(called, [&json!(null), &json!("Bob B."), &json!(null)]);
    bench.get(&alice, "/teams/ops/members?sort_attr=role").await.is(400);

    for tag in ["x", "xx", "xxx"] {
        bench.pushed("shop/a", tag).await;
    }
    let digests = async |query: &str| {
        let list = bench.get(&alice, &format!("/repositories/shop%2Fa/manifests?{query}")).await;
        list.is(200).all("digest")
    };
    let (up, mut down) = (digests("").await, digests("sort_attr=digest&sort_order=desc").await);
    assert!(up.len() == 3 && up.is_sorted(), "{up:?}");
    assert_eq!(digests("sort_order=desc&per_page=1&page=3").await, up[..1]);
    down.reverse();
    assert_eq!(up, down);
    bench.get(&alice, "/repositories/shop%2Fa/manifests?sort_attr=pulls").await.is(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_come_in_any_order_and_go_on_where_the_link_leads() {
    let bench = Bench::new().await;
    let alice = bench.person("alice").await;
    bench.team(&alice, "ops").await;
    bench.namespace(&alice, "shop", "ops", "private").await;
    bench.namespace(&alice, "open", "ops", "public").await;
    for (repository, tags) in [("shop/a", 1), ("shop/b", 3), ("open/c", 2)] {
        for tag in 0..tags {
            bench.pushed(repository, &"x".repeat(tag + 1)).await;
        }
    }
    bench.put(&alice, "/repositories/shop%2Fa/star", json!({})).await.is(204);
    let names = async |query: &str| {
        let list = bench.get(&alice, &format!("/repositories?{query}")).await.is(200);
        list.all("full_name").join(" ")
    };
    assert_eq!(names("").await, "open/c shop/a shop/b");
    assert_eq!(names("sort_order=desc").await, "shop/b shop/a open/c");
    assert_eq!(names("sort_attr=tags").await, "shop/b open/c shop/a");
    assert_eq!(names("sort_attr=tags&sort_order=asc").await, "shop/a open/c shop/b");
    assert_eq!(names("sort_attr=stars&namespace=shop").await, "shop/a shop/b");
    assert_eq!(names("starred=true").await, "shop/a");
    assert_eq!(names("visibility=public").await, "open/c");
    assert_eq!(names("prefix=shop%2F&part=b").await, "shop/b");
    assert_eq!(names("since=2999-01-01T00:00:00Z").await, "");

    let mut seen = Vec::new();
    let mut query = "?sort_attr=tags&per_page=1".to_owned();
    for _ in 0..3 {
        let list = bench.get(&alice, &format!("/repositories{query}")).await.is(200);
        assert!(list.header("x-total").is_empty(), "nothing is counted");
        seen.extend(list.all("full_name"));
        let link = list.header("link").to_owned();
        let Some((_, next)) = link.split_once('?') else { break };
        query = format!("?{}", next.split('>').next().unwrap());
    }
    assert_eq!(seen.join(" "), "shop/b open/c shop/a");

    for wrong in [
        "sort_attr=colour",
        "sort_attr=tags&page=2",
        "after=nonsense",
        "sort_attr=size&after=-tags+1+1",
    ] {
        bench.get(&alice, &format!("/repositories?{wrong}")).await.is(400);
    }
    bench.get(&Shows::Nothing, "/repositories?namespace=shop").await.is(401);
    bench.get(&Shows::Nothing, "/repositories?starred=true").await.is(401);
    bench.get(&alice, "/repositories?namespace=nothing").await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_end_at_a_number_and_pages_go_on_behind_it() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let most = usize::try_from(projections::MAX_COUNT).unwrap();
    sqlx::query(
        "INSERT INTO read_directory.users SELECT 'u' || n, -n, false, true, false, false, 'test',
           now(), now() FROM generate_series(1, $1) n",
    )
    .bind(projections::MAX_COUNT + 150)
    .execute(bench.state.read.pool())
    .await
    .unwrap();
    let last = most / 100;
    let list = bench.get(&admin, &format!("/users?per_page=100&page={last}")).await.is(200);
    assert_eq!(list.header("x-total"), most.to_string());
    assert_eq!(list.header("x-next-page"), (last + 1).to_string());
    let beyond = bench.get(&admin, &format!("/users?per_page=100&page={}", last + 2)).await.is(200);
    assert_eq!(beyond.body.as_array().unwrap().len(), 51);
    assert_eq!(beyond.header("x-total"), most.to_string());
    assert_eq!(beyond.header("x-next-page"), "");
    // Far behind the end nothing is looked at.
    bench.get(&admin, "/users?per_page=100&page=1000").await.is(200);
    bench.get(&admin, "/users?per_page=100&page=1001").await.is(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_ask_the_database_as_often_for_one_row_as_for_many() {
    let bench = Bench::new().await;
    let (admin, alice) = (bench.admin(), bench.person("alice").await);
    bench.team(&alice, "ops").await;
    bench.team(&alice, "dev").await;
    bench.namespace(&alice, "shop", "ops", "private").await;
    bench.namespace(&alice, "open", "dev", "public").await;
    for repository in ["shop/a", "shop/b", "open/c"] {
        bench.pushed(repository, "x").await;
        bench.pushed(repository, "yy").await;
    }
    for name in ["bob", "carol"] {
        bench.person(name).await;
        let member = json!({ "user": name, "role": "viewer" });
        bench.post(&alice, "/teams/ops/members", member).await.is(201);
        let named = json!({ "user": { "display_name": name, "email": format!("{name}@x.org") } });
        bench.put(&admin, &format!("/users/{name}"), named).await.is(200);
    }
    bench.namespace(&alice, "store", "ops", "private").await;
    let star = bench.put(&alice, "/repositories/shop%2Fb/star", json!({})).await;
    star.is(204);
    let ask = async |who: &Shows, path: String| {
        // The first time, a password is checked and connections are made.
        bench.get(who, &path).await.is(200);
        let (list, statements) = heard::statements(bench.get(who, &path)).await;
        (list.is(200).body.as_array().unwrap().len(), statements)
    };
    for (who, path) in [
        (&alice, "/repositories?"),
        (&alice, "/repositories?sort_attr=pulls&"),
        (&alice, "/namespaces?"),
        (&alice, "/namespaces/shop/repositories?"),
        (&alice, "/teams?"),
        (&alice, "/activities?"),
        (&alice, "/teams/ops/members?"),
        (&alice, "/teams/ops/namespaces?"),
        (&alice, "/repositories/shop%2Fa/tags?"),
        (&alice, "/repositories/shop%2Fa/manifests?"),
        (&admin, "/tags?"),
        (&admin, "/users?"),
    ] {
        let (one, few) = ask(who, format!("{path}per_page=1")).await;
        let (all, many) = ask(who, format!("{path}per_page=100")).await;
        assert!(one == 1 && all > 1, "{path}: {one} and {all} rows");
        assert!(few > 0 && few == many, "{path}: {few} statements for one row, {many} for {all}");
    }
    let starred = bench.get(&alice, "/repositories").await.is(200);
    let of = |name: &str| {
        let mut all = starred.body.as_array().unwrap().iter();
        all.find(|row| row["full_name"] == name).unwrap()["starred"].clone()
    };
    assert_eq!((of("shop/a"), of("shop/b")), (json!(false), json!(true)));
}
