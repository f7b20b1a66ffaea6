//! Edge cases 46–59: what is granted. The rules themselves are tested with the access graph.

use domain::access::Policy;
use domain::event::StreamName;
use domain::name::TeamName;
use domain::team::TeamEvent;
use web::registry::recorder::Keep;

use super::bench::{Bench, password, user};

fn scopes(scopes: &[&str]) -> String {
    scopes.iter().map(|scope| format!("scope={scope}")).collect::<Vec<_>>().join("&")
}

#[tokio::test]
async fn e46_a_right_to_push_always_comes_with_pull() {
    let bench = Bench::new().await;
    for name in ["alice", "bob", "root"] {
        for place in ["alice/x", "bob/x", "crew/x", "inner/x", "open/x", "solo", "nowhere/x"] {
            let query = format!("scope=repository:{place}:pull,push,delete");
            let granted = bench.get(name, &query).await.granted().join(" ");
            assert!(!granted.contains("push") || granted.contains("pull,push"), "{granted}");
        }
    }
}

#[tokio::test]
async fn e47_delete_is_its_own_action() {
    let bench = Bench::new().await;
    let push = bench.get("alice", "scope=repository:alice/app:pull,push").await.granted();
    assert_eq!(push, ["repository:alice/app:pull,push"]);
    let delete = bench.get("alice", "scope=repository:alice/app:delete").await.granted();
    assert_eq!(delete, ["repository:alice/app:delete"]);
}

#[tokio::test]
async fn e48_a_mount_whose_source_is_refused_still_may_push() {
    let bench = Bench::new().await;
    let good = scopes(&["repository:alice/new:pull,push", "repository:open/base:pull"]);
    assert_eq!(
        bench.get("alice", &good).await.granted(),
        ["repository:alice/new:pull,push", "repository:open/base:pull"]
    );
    let bad = scopes(&["repository:alice/new:pull,push", "repository:bob/secret:pull"]);
    assert_eq!(bench.get("alice", &bad).await.granted(), ["repository:alice/new:pull,push"]);
}

#[tokio::test]
async fn e49_a_denied_scope_beside_a_granted_one_is_200_with_the_granted_one() {
    let bench = Bench::new().await;
    // One forbidden at each place of one to six.
    for n in 1..=6 {
        for forbidden in 0..n {
            let name = |i| match i == forbidden {
                true => format!("repository:bob/r{i}:pull"),
                false => format!("repository:alice/r{i}:pull"),
            };
            let asked: Vec<_> = (0..n).map(name).collect();
            let query = asked.iter().map(|scope| format!("scope={scope}")).collect::<Vec<_>>();
            let granted = bench.get("alice", &query.join("&")).await.granted();
            let mut expected = asked;
            expected.remove(forbidden);
            assert_eq!(granted, expected);
        }
    }
}

#[tokio::test]
async fn e50_a_denied_push_is_200_with_less() {
    let bench = Bench::new().await;
    let viewer = bench.get("bob", "scope=repository:crew/app:push,pull").await;
    assert_eq!(viewer.granted(), ["repository:crew/app:pull"]);
    let stranger = bench.get("bob", "scope=repository:alice/app:push,pull").await;
    assert!(stranger.granted().is_empty());
}

#[tokio::test]
async fn e51_what_does_not_exist_is_answered_as_what_is_hidden() {
    let bench = Bench::new().await;
    let ask = async |name: &str| {
        let answer = bench.get("bob", &format!("scope=repository:{name}:pull")).await;
        let mut claims = answer.token().claims;
        claims["jti"] = serde_json::Value::Null;
        let length = answer.body["token"].as_str().unwrap().len();
        (answer.status, claims, length)
    };
    let hidden = ask("alice/secret").await;
    assert_eq!(hidden, ask("alice/absent").await);
    assert_eq!(hidden, ask("absent/secret").await);
    assert_eq!(hidden, ask("absent/a/b/c/d").await);
}

#[tokio::test]
async fn e52_a_push_to_a_new_repository_is_decided_by_its_namespace() {
    let bench = Bench::new().await;
    let query = "scope=repository:alice/never-seen:pull,push";
    assert_eq!(
        bench.get("alice", query).await.granted(),
        ["repository:alice/never-seen:pull,push"]
    );
    assert!(bench.get("bob", query).await.granted().is_empty());
}

#[tokio::test]
async fn e53_the_longest_namespace_that_exists_decides() {
    let bench = Bench::new().await;
    // `crew/deep` is root's own, inside a team's `crew`.
    let query = "scope=repository:crew/deep/app:pull";
    assert!(bench.get("alice", query).await.granted().is_empty());
    assert_eq!(bench.get("root", query).await.granted(), ["repository:crew/deep/app:pull"]);
    let five = "repository:crew/a/b/c/d:pull,push";
    assert_eq!(bench.get("alice", &format!("scope={five}")).await.granted(), [five]);
    // Without a slash: the global namespace, which is public.
    assert_eq!(
        bench.anonymous("scope=repository:solo:pull").await.granted(),
        ["repository:solo:pull"]
    );
    assert_eq!(
        bench.get("root", "scope=repository:solo:pull,push").await.granted(),
        ["repository:solo:pull,push"]
    );
}

#[tokio::test]
async fn e54_a_name_that_no_registry_has_grants_nothing() {
    let bench = Bench::new().await;
    let long = format!("alice/{}", "x".repeat(250));
    for name in [
        "Alice/app",
        "alice/App",
        "alice/../bob/app",
        "../alice/app",
        "alice//app",
        "/alice/app",
        "alice/app/",
        "alice/",
        "alice/app%00",
        "alice/app%0a",
        "alice/a'--",
        "alice/%27;DROP%20TABLE%20log.events;",
        "alice/ä",
        &long,
    ] {
        let query = format!("scope=repository:{name}:*");
        for who in ["alice", "root"] {
            assert!(bench.get(who, &query).await.granted().is_empty(), "{who} {name}");
        }
    }
}

#[tokio::test]
async fn e55_a_reader_that_asks_for_push_gets_pull_and_no_failure_is_recorded() {
    let bench = Bench::new().await;
    let query = "scope=repository:crew/app:push,pull";
    assert_eq!(bench.get("bob", query).await.granted(), ["repository:crew/app:pull"]);
    let facts = bench.facts().await;
    assert!(facts.iter().all(|fact| fact.event.encode().kind != "auth.sign_in_failed"));
}

#[tokio::test]
async fn e56_other_peoples_repositories_in_a_request_grant_nothing_and_break_nothing() {
    let bench = Bench::new().await;
    let query = scopes(&[
        "repository:alice/app:pull,push",
        "repository:bob/one:pull",
        "repository:root/two:pull",
        "repository:gone/three:pull",
    ]);
    assert_eq!(bench.get("alice", &query).await.granted(), ["repository:alice/app:pull,push"]);
}

#[tokio::test]
async fn e57_a_user_disabled_or_a_right_taken_away_shows_in_the_next_token() {
    let bench = Bench::new().await;
    let query = "scope=repository:crew/app:pull";
    let crew = TeamName::parse("crew").unwrap();
    assert_eq!(bench.get("bob", query).await.granted(), ["repository:crew/app:pull"]);
    let left = TeamEvent::MemberRemoved { team: crew.clone(), user: user("bob") };
    bench.tell(StreamName::team(&crew), [left.into()]).await;
    assert!(bench.get("bob", query).await.granted().is_empty());

    let (_, token) = bench.app_token("bob", domain::app_token::TokenScope::All).await;
    assert_eq!(bench.get_with("bob", &token, "").await.status, 200);
    bench.disable("bob").await;
    bench.get("bob", query).await.refuses(401);
    bench.get_with("bob", &token, "").await.refuses(401);
    let enabled = domain::user::UserEvent::Enabled { user: user("bob") };
    bench.of_user(enabled, "bob").await;
    assert_eq!(bench.get("bob", "").await.status, 200);
}

#[tokio::test]
async fn e58_anonymous_gets_pull_of_public_things_and_only_pull() {
    let bench = Bench::new().await;
    for asked in ["pull", "pull,push", "*", "pull,push,delete"] {
        let query = format!("scope=repository:open/x:{asked}");
        assert_eq!(bench.anonymous(&query).await.granted(), ["repository:open/x:pull"]);
        for hidden in ["alice/x", "crew/x", "inner/x", "nowhere/x"] {
            let query = format!("scope=repository:{hidden}:{asked}");
            assert!(bench.anonymous(&query).await.granted().is_empty(), "{hidden}");
        }
    }
    let signed_in = bench.get("bob", "scope=repository:inner/x:*").await.granted();
    assert_eq!(signed_in, ["repository:inner/x:pull"]);
}

#[tokio::test]
async fn e59_case_variants_of_a_user_name_are_one_identity() {
    let bench = Bench::new().await;
    for spelling in ["alice", "Alice", "ALICE", "alice ", " alice"] {
        let answer = bench.get_with(spelling, &password("alice"), "").await;
        assert_eq!(answer.token().claims["sub"], "alice", "{spelling:?}");
    }
    let (_, token) = bench.app_token("alice", domain::app_token::TokenScope::All).await;
    let answer = bench.get_with("ALICE ", &token, "").await;
    assert_eq!(answer.token().claims["sub"], "alice");
}

#[tokio::test]
async fn settings_change_what_is_granted() {
    let policy = Policy { delete_enabled: false, ..Policy::default() };
    let bench = Bench::with(policy, Keep::All).await;
    let granted = bench.get("alice", "scope=repository:alice/app:*").await.granted();
    assert_eq!(granted, ["repository:alice/app:pull,push"]);
}
