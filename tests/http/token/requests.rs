//! Edge cases 1–33: what clients send.

use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use commands::authn::{Authenticator, AuthnOptions};
use domain::access::Policy;
use domain::app_token::{AppTokenEvent, TokenScope};
use domain::event::StreamName;
use domain::user::UserEvent;
use http::{Method, Request};
use jiff::SignedDuration;
use web::registry::recorder::Keep;
use web::registry::token::{MAX_AUTHORIZATION_BYTES, MAX_REQUEST_BYTES, MAX_SCOPES};

use super::bench::{Bench, SERVICE, basic, encoded, get, password, user};

const APP: &str = "repository:alice/app:pull";

#[tokio::test]
async fn e01_several_scope_query_parameters_all_count() {
    let bench = Bench::new().await;
    let query = "scope=repository:alice/app:pull&scope=repository:alice/base:pull,push";
    let granted = bench.get("alice", query).await.granted();
    assert_eq!(granted, ["repository:alice/app:pull", "repository:alice/base:pull,push"]);
}

#[tokio::test]
async fn e02_one_scope_value_with_several_scopes_counts_in_get_and_post() {
    let bench = Bench::new().await;
    let both = ["repository:alice/app:pull", "repository:open/x:pull"];
    let query = "scope=repository:alice/app:pull+repository:open/x:pull";
    assert_eq!(bench.get("alice", query).await.granted(), both);
    let form = [("scope", "repository:alice/app:pull repository:open/x:pull")];
    assert_eq!(bench.post_password("alice", &form).await.granted(), both);
}

#[tokio::test]
async fn e03_several_scope_form_fields_in_one_post_all_count() {
    let bench = Bench::new().await;
    let refresh = bench.refresh_token("alice").await;
    let form = [
        ("scope", "repository:alice/app:pull,push"),
        ("scope", "repository:alice/base:pull"),
        ("scope", "repository:open/x:pull"),
    ];
    assert_eq!(bench.post_refresh(&refresh, &form).await.granted().len(), 3);
}

#[tokio::test]
async fn e04_the_same_scope_twice_gives_one_entry() {
    let bench = Bench::new().await;
    let query = format!("scope={APP}&scope={APP}");
    assert_eq!(bench.get("alice", &query).await.granted(), [APP]);
}

#[tokio::test]
async fn e05_pull_and_pull_push_for_one_repository_give_the_union() {
    let bench = Bench::new().await;
    let (one, more) = ("repository:alice/app:pull", "repository:alice/app:pull,push");
    for query in [format!("scope={one}&scope={more}"), format!("scope={more}+{one}")] {
        assert_eq!(bench.get("alice", &query).await.granted(), [more]);
    }
}

#[tokio::test]
async fn e06_push_pull_and_pull_push_mean_the_same() {
    let bench = Bench::new().await;
    for actions in ["push,pull", "pull,push"] {
        let query = format!("scope=repository:alice/app:{actions}");
        assert_eq!(bench.get("alice", &query).await.granted(), ["repository:alice/app:pull,push"]);
    }
}

#[tokio::test]
async fn e07_a_star_on_a_repository_gives_every_action_that_the_user_holds_spelled_out() {
    let bench = Bench::new().await;
    let mine = bench.get("alice", "scope=repository:alice/app:*").await.granted();
    assert_eq!(mine, ["repository:alice/app:pull,push,delete"]);
    let viewed = bench.get("bob", "scope=repository:crew/app:*").await.granted();
    assert_eq!(viewed, ["repository:crew/app:pull"]);
    let foreign = bench.get("bob", "scope=repository:alice/app:*").await.granted();
    assert!(foreign.is_empty(), "200, and nothing");
}

#[tokio::test]
async fn e08_the_catalog_is_for_those_who_may_see_all() {
    let bench = Bench::new().await;
    let all = bench.get("root", "scope=registry:catalog:*").await.granted();
    assert_eq!(all, ["registry:catalog:*"]);
    assert!(bench.get("alice", "scope=registry:catalog:*").await.granted().is_empty());
    assert!(bench.anonymous("scope=registry:catalog:*").await.granted().is_empty());
    for never in ["registry:catalog:pull", "registry:other:*"] {
        assert!(bench.get("root", &format!("scope={never}")).await.granted().is_empty());
    }
}

#[tokio::test]
async fn e09_a_class_is_dropped() {
    let bench = Bench::new().await;
    let query = "scope=repository(plugin):alice/plug:pull+repository:alice/plug:pull";
    assert_eq!(bench.get("alice", query).await.granted(), ["repository:alice/plug:pull"]);
}

#[tokio::test]
async fn e10_the_type_ends_at_the_first_colon_and_the_actions_start_after_the_last() {
    let bench = Bench::new().await;
    let query = "scope=repository:host:5000/x:pull&scope=repository:alice/app:pull";
    assert_eq!(bench.get("alice", query).await.granted(), [APP]);
    let asked: Vec<_> =
        bench.decisions().await[0].scopes.iter().map(|scope| scope.asked.clone()).collect();
    assert_eq!(asked, ["repository:host:5000/x:pull", APP]);
}

#[tokio::test]
async fn e11_what_is_not_known_grants_nothing_and_the_rest_works() {
    let bench = Bench::new().await;
    for unknown in [
        "repository:alice/app:own",
        "repository:alice/app:",
        "repository:alice/app:PULL",
        "image:alice/app:pull",
        "repository",
        "repository:alice/app",
        ":::",
        "",
        "%20",
    ] {
        let query = format!("scope={unknown}");
        assert!(bench.get("alice", &query).await.granted().is_empty(), "{unknown}");
        let query = format!("scope={unknown}&scope=repository:alice/base:pull");
        assert_eq!(bench.get("alice", &query).await.granted(), ["repository:alice/base:pull"]);
    }
    let query = "scope=repository:alice/app:pull,fly,push";
    let known = bench.get("alice", query).await.granted();
    assert_eq!(known, ["repository:alice/app:pull,push"]);
}

#[tokio::test]
async fn e12_no_scope_with_good_credentials_is_a_login() {
    let bench = Bench::new().await;
    let token = bench.get("alice", "account=alice&client_id=docker").await.token();
    assert_eq!(token.claims["access"], serde_json::json!([]));
    assert_eq!(token.claims["sub"], "alice");
}

#[tokio::test]
async fn e13_no_scope_and_no_credentials_is_an_anonymous_token_and_never_a_refresh_token() {
    let bench = Bench::new().await;
    let answer = bench.anonymous("offline_token=true&access_type=offline").await;
    assert_eq!(answer.token().claims["sub"], "");
    assert!(answer.body.get("refresh_token").is_none());

    let closed = Policy { anonymous_pull: false, ..Policy::default() };
    let bench = Bench::with(closed, Keep::All).await;
    bench.anonymous("").await.refuses(401);
    bench.anonymous("scope=repository:open/x:pull").await.refuses(401);
    assert_eq!(bench.get("alice", "").await.status, 200);
}

#[tokio::test]
async fn e14_bad_credentials_are_401_even_where_anonymous_would_do() {
    let bench = Bench::new().await;
    let query = "scope=repository:open/x:pull";
    assert_eq!(bench.anonymous(query).await.granted(), ["repository:open/x:pull"]);
    bench.get_with("alice", "not her password", query).await.refuses(401);
    bench.get_with("nobody", "not a password", query).await.refuses(401);
}

#[tokio::test]
async fn e15_a_plus_in_the_query_is_a_blank() {
    let bench = Bench::new().await;
    let query = "scope=repository:alice/app:pull+repository:alice/base:pull&account=robot+x";
    assert_eq!(bench.get("alice", query).await.granted().len(), 2);
    // %2B is a plus, which no repository name has.
    let query = "scope=repository:alice/app:pull%2Brepository:alice/base:pull";
    assert!(bench.get("alice", query).await.granted().is_empty());
}

#[tokio::test]
async fn e16_hard_user_names_and_passwords_pass_in_basic_and_in_the_form() {
    let bench = Bench::new().await;
    for (name, secret) in [
        ("robot$ci+build ~x", "p:a ss/w&o=r%d+1"),
        ("alice@example.test", ":::: leading colons"),
        ("x+y", "grüße aus köln ☃"),
        ("pia~1", "100%25 %2B not decoded twice"),
    ] {
        bench.person(name, secret).await;
        let answer = bench.get_with(name, secret, "").await;
        assert_eq!(answer.token().claims["sub"], name);
        let form = [
            ("grant_type", "password"),
            ("service", SERVICE),
            ("username", name),
            ("password", secret),
        ];
        assert_eq!(bench.post(&form).await.token().claims["sub"], name);
    }
}

#[tokio::test]
async fn e17_basic_is_split_at_the_first_colon_only() {
    let bench = Bench::new().await;
    bench.person("carol", "colon:in:the:middle").await;
    assert_eq!(bench.get_with("carol", "colon:in:the:middle", "").await.status, 200);
    bench.get_with("carol", "colon:in:the", "").await.refuses(401);
}

#[tokio::test]
async fn e18_basic_with_an_empty_name_and_a_refresh_token_is_that_token() {
    let bench = Bench::new().await;
    let refresh = bench.refresh_token("alice").await;
    let answer = bench.get_with("", &refresh, &format!("scope={APP}")).await;
    assert_eq!(answer.token().claims["sub"], "alice");
    assert_eq!(answer.granted(), [APP]);
    for secret in ["", "not a refresh token", &refresh[1..]] {
        bench.get_with("", secret, "scope=repository:open/x:pull").await.refuses(401);
    }
}

#[tokio::test]
async fn e19_an_authorization_that_is_not_readable_basic_is_401() {
    let bench = Bench::new().await;
    let encode = |bytes: &[u8]| format!("Basic {}", BASE64_STANDARD.encode(bytes));
    for header in [
        "Bearer abc".to_owned(),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic ***".to_owned(),
        "Digest username=\"alice\"".to_owned(),
        encode(b"no colon"),
        encode(b"alice:\xff\xfe"),
        encode(&b"alice:x".repeat(MAX_AUTHORIZATION_BYTES)),
        String::new(),
    ] {
        let request = get("scope=repository:open/x:pull").header("authorization", &header);
        bench.send(request.body(Body::empty()).unwrap()).await.refuses(401);
    }
    let good = basic("alice", &password("alice"));
    let twice = get("").header("authorization", &good).header("authorization", &good);
    bench.send(twice.body(Body::empty()).unwrap()).await.refuses(401);
    let other_case = get("").header("authorization", good.replace("Basic", "bAsIc"));
    assert_eq!(bench.send(other_case.body(Body::empty()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn e20_the_account_parameter_changes_nothing() {
    let bench = Bench::new().await;
    let query = "account=root&scope=registry:catalog:*";
    let answer = bench.get("alice", query).await;
    assert_eq!(answer.token().claims["sub"], "alice");
    assert!(answer.granted().is_empty());
    let answer = bench.anonymous("account=root&scope=repository:root/x:pull").await;
    assert_eq!(answer.token().claims["sub"], "");
    assert!(answer.granted().is_empty());
}

#[tokio::test]
async fn e21_a_service_that_is_missing_repeated_or_unknown_gets_no_token() {
    let bench = Bench::new().await;
    for query in [
        "/v2/token".to_owned(),
        "/v2/token?service=".to_owned(),
        format!("/v2/token?service={SERVICE}&service={SERVICE}"),
        "/v2/token?service=registry.example.test.".to_owned(),
        "/v2/token?service=REGISTRY.example.test".to_owned(),
        "/v2/token?service=other.example.test".to_owned(),
    ] {
        let request = Request::get(&query).header("authorization", basic("alice", "whatever"));
        bench.send(request.body(Body::empty()).unwrap()).await.refuses(400);
    }
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    bench.post(&form).await.refuses(400);
}

#[tokio::test]
async fn e22_the_audience_is_one_string_equal_to_the_service() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("alice", "").await.token().claims["aud"], SERVICE);
    assert_eq!(bench.post_password("alice", &[]).await.token().claims["aud"], SERVICE);
}

#[tokio::test]
async fn e23_a_form_with_a_charset_works_and_any_other_type_is_refused() {
    let bench = Bench::new().await;
    let secret = password("alice");
    let body = encoded(&[
        ("grant_type", "password"),
        ("service", SERVICE),
        ("username", "alice"),
        ("password", &secret),
    ]);
    for good in [
        "application/x-www-form-urlencoded; charset=utf-8",
        "application/x-www-form-urlencoded;charset=UTF-8",
        "Application/X-WWW-Form-Urlencoded",
    ] {
        assert_eq!(bench.post_as(good, &body).await.status, 200, "{good}");
    }
    bench.post_as("application/json", r#"{"grant_type":"password"}"#).await.refuses(415);
    bench.post_as("text/plain", &body).await.refuses(415);
    bench.post_as("", &body).await.refuses(415);
}

#[tokio::test]
async fn e24_the_password_grant_works_without_offline_and_without_scope() {
    let bench = Bench::new().await;
    let answer = bench.post_password("alice", &[("client_id", "containerd-client")]).await;
    assert_eq!(answer.token().claims["access"], serde_json::json!([]));
    assert!(answer.body.get("refresh_token").is_none());
}

#[tokio::test]
async fn e25_a_refresh_token_comes_when_asked_for_and_only_then() {
    let bench = Bench::new().await;
    let has = |answer: super::bench::Answer| answer.body.get("refresh_token").is_some();
    assert!(has(bench.get("alice", "offline_token=true").await));
    assert!(has(bench.post_password("alice", &[("access_type", "offline")]).await));
    for query in ["", "offline_token=false", "offline_token=", "access_type=online"] {
        assert!(!has(bench.get("alice", query).await), "{query}");
    }
    assert!(!has(bench.post_password("alice", &[("access_type", "online")]).await));
}

#[tokio::test]
async fn e26_a_refresh_token_goes_on_working_also_in_parallel_and_after_a_restart() {
    let mut bench = Bench::new().await;
    let refresh = bench.refresh_token("alice").await;
    let scope = [("scope", APP), ("access_type", "offline")];
    let (a, b, c, d, e) = tokio::join!(
        bench.post_refresh(&refresh, &scope),
        bench.post_refresh(&refresh, &scope),
        bench.post_refresh(&refresh, &scope),
        bench.post_refresh(&refresh, &scope),
        bench.post_refresh(&refresh, &scope),
    );
    for answer in [a, b, c, d, e] {
        assert_eq!(answer.granted(), [APP]);
        assert_eq!(answer.body["refresh_token"], refresh.as_str(), "no rotation");
    }
    let restarted = Authenticator::new(&bench.desk, AuthnOptions::default());
    bench.change(|state| state.authenticator = restarted);
    assert_eq!(bench.post_refresh(&refresh, &scope).await.granted(), [APP]);
}

#[tokio::test]
async fn e27_a_refresh_token_of_another_service_or_an_ended_user_is_refused() {
    let bench = Bench::new().await;
    let refused = async |token: &str, why: &str| {
        let answer = bench.post_refresh(token, &[("scope", "repository:open/x:pull")]).await;
        assert_eq!(answer.status, 401, "{why}");
    };

    let graph = bench.state.access.snapshot();
    let alice = domain::access::Subject::Account { name: user("alice") };
    let elsewhere = bench.state.authenticator.issue_refresh(&graph, &alice, "other.example.test");
    refused(&elsewhere.unwrap(), "another service").await;

    let signed_out = bench.refresh_token("alice").await;
    bench.of_user(UserEvent::SignedOutEverywhere { user: user("alice") }, "alice").await;
    refused(&signed_out, "signed out everywhere").await;

    let old = bench.refresh_token("alice").await;
    bench.of_user(UserEvent::PasswordChanged { user: user("alice") }, "alice").await;
    refused(&old, "password changed").await;

    let new = bench.refresh_token("alice").await;
    assert_eq!(bench.post_refresh(&new, &[]).await.status, 200);
    bench.disable("alice").await;
    refused(&new, "disabled").await;

    let removed = bench.refresh_token("bob").await;
    let name_free_at = bench.desk.clock.now();
    bench.of_user(UserEvent::Removed { user: user("bob"), name_free_at }, "bob").await;
    refused(&removed, "removed").await;
    bench.person("bob", "another bob's password").await;
    refused(&removed, "the name belongs to somebody else now").await;

    let old = bench.refresh_token("root").await;
    bench.wait(SignedDuration::from_hours(24 * 90));
    refused(&old, "past its life").await;
}

#[tokio::test]
async fn e27b_a_refresh_token_got_with_an_application_token_is_no_more_than_that() {
    let bench = Bench::new().await;
    let (id, secret) = bench.app_token("alice", TokenScope::Pull).await;
    let answer = bench.get_with("alice", &secret, "offline_token=true").await;
    let refresh = answer.body["refresh_token"].as_str().unwrap().to_owned();
    let form = [("scope", "repository:alice/app:pull,push")];
    assert_eq!(bench.post_refresh(&refresh, &form).await.granted(), [APP]);
    let revoked = AppTokenEvent::Revoked { user: user("alice"), token: id };
    bench.tell(StreamName::app_tokens(&user("alice")), [revoked.into()]).await;
    bench.post_refresh(&refresh, &form).await.refuses(401);
}

#[tokio::test]
async fn e28_a_refused_refresh_token_is_told_in_both_forms() {
    let bench = Bench::new().await;
    let answer = bench.post_refresh("refresh-made-up", &[]).await;
    answer.refuses(401);
    assert_eq!(answer.body["error"], "invalid_grant");
    assert_eq!(answer.error().0, "UNAUTHORIZED");
}

#[tokio::test]
async fn e29_an_unknown_grant_type_is_400() {
    let bench = Bench::new().await;
    for grant in ["authorization_code", "", "PASSWORD", "client_credentials"] {
        let answer = bench.post(&[("grant_type", grant), ("service", SERVICE)]).await;
        answer.refuses(400);
        assert_eq!(answer.body["error"], "unsupported_grant_type");
    }
    bench.post(&[("service", SERVICE)]).await.refuses(400);
    bench.post(&[("service", SERVICE), ("grant_type", "password")]).await.refuses(400);
    bench.post(&[("service", SERVICE), ("grant_type", "refresh_token")]).await.refuses(400);
}

#[tokio::test]
async fn e30_whoever_gets_a_refresh_token_can_post_it() {
    let bench = Bench::new().await;
    let refresh = bench.refresh_token("alice").await;
    for path in ["/v2/token", "/auth/token"] {
        let body = encoded(&[
            ("grant_type", "refresh_token"),
            ("service", SERVICE),
            ("refresh_token", &refresh),
        ]);
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body));
        assert_eq!(bench.send(request.unwrap()).await.status, 200);
    }
}

#[tokio::test]
async fn e31_a_client_id_is_stored_cut_and_plain_and_never_trusted() {
    let bench = Bench::new().await;
    let long = format!("client_id=root%22%0A%3Cb%3E{}", "x".repeat(500));
    assert_eq!(bench.get("alice", &long).await.token().claims["sub"], "alice");
    let client = bench.decisions().await[0].client.clone().unwrap();
    assert!(client.starts_with("root???b?xxx"), "{client}");
    assert_eq!(client.len(), 64);
}

#[tokio::test]
async fn e32_other_methods_are_405_with_allow() {
    let bench = Bench::new().await;
    for method in [Method::PUT, Method::DELETE, Method::HEAD, Method::PATCH, Method::OPTIONS] {
        for path in ["/v2/token", "/auth/token"] {
            let request = Request::builder()
                .method(&method)
                .uri(format!("{path}?service={SERVICE}"))
                .header("authorization", basic("alice", &password("alice")));
            let answer = bench.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 405, "{method}");
            assert_eq!(answer.header("allow"), "GET, POST");
        }
    }
}

#[tokio::test]
async fn e33_a_hundred_scopes_are_answered_and_more_refused() {
    let bench = Bench::new().await;
    let scopes = |n: usize| {
        (0..n).map(|n| format!("scope=repository:alice/r{n}:pull")).collect::<Vec<_>>().join("&")
    };
    let answer = bench.get("alice", &scopes(MAX_SCOPES)).await;
    assert_eq!(answer.granted().len(), MAX_SCOPES);
    bench.get("alice", &scopes(MAX_SCOPES + 1)).await.refuses(400);

    // A form of exactly the most bytes, and of one more.
    let secret = password("alice");
    let form = [
        ("grant_type", "password"),
        ("service", SERVICE),
        ("username", "alice"),
        ("password", secret.as_str()),
        ("scope", ""),
    ];
    let form = encoded(&form);
    let filled = |bytes: usize| format!("{form}{}", "x".repeat(bytes - form.len()));
    let media_type = "application/x-www-form-urlencoded";
    assert_eq!(bench.post_as(media_type, &filled(MAX_REQUEST_BYTES)).await.status, 200);
    bench.post_as(media_type, &filled(MAX_REQUEST_BYTES + 1)).await.refuses(400);
    let long = "x".repeat(60_000);
    assert!(bench.get("alice", &format!("scope={long}")).await.granted().is_empty());
}
