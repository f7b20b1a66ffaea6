//! Edge cases 34–45 and 62–66: what clients and registries get.

use std::collections::HashSet;
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::Request;
use jiff::SignedDuration;
use web::registry::keys::{KeyForm, KeyStore, Kind};
use web::registry::signer::{MAX_LIFETIME_S, MIN_LIFETIME_S, Signer, SignerOptions};
use web::registry::signing_key::PublicKey;

use super::bench::{Bench, ISSUER, SERVICE, basic, password};

#[tokio::test]
async fn e34_get_and_post_carry_token_and_access_token_and_they_are_equal() {
    let bench = Bench::new().await;
    for answer in [bench.get("alice", "").await, bench.post_password("alice", &[]).await] {
        assert_eq!(answer.body["token"], answer.body["access_token"]);
        assert!(answer.body["token"].as_str().unwrap().len() > 500);
    }
    let form = [("scope", "repository:alice/app:push,pull repository:bob/x:pull")];
    let answer = bench.post_password("alice", &form).await;
    assert_eq!(answer.body["scope"], "repository:alice/app:pull,push", "a POST says what it got");
}

#[tokio::test]
async fn e35_expires_in_is_an_integer_of_at_least_60() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("alice", "").await.body["expires_in"].as_i64(), Some(300));
    for (asked, given) in [(1, MIN_LIFETIME_S), (86_400, MAX_LIFETIME_S), (120, 120)] {
        let options = SignerOptions { lifetime_s: asked, ..SignerOptions::new(ISSUER) };
        let signer = Signer::open(bench.keys.clone(), options, bench.desk.clock.now()).unwrap();
        assert_eq!(signer.lifetime_s(), given);
    }
}

#[tokio::test]
async fn e36_issued_at_is_absent() {
    let bench = Bench::new().await;
    assert!(bench.get("alice", "").await.body.get("issued_at").is_none());
    assert!(bench.post_password("alice", &[]).await.body.get("issued_at").is_none());
}

#[tokio::test]
async fn e37_times_are_integers_and_nbf_lies_a_few_seconds_back() {
    let bench = Bench::new().await;
    let claims = bench.get("alice", "").await.token().claims;
    let now = bench.desk.clock.now().as_second();
    assert_eq!(claims["iat"].as_i64(), Some(now));
    assert_eq!(claims["nbf"].as_i64(), Some(now - 10));
    assert_eq!(claims["exp"].as_i64(), Some(now + 300));
}

#[tokio::test]
async fn e38_jti_is_unique_and_sub_is_a_string() {
    let bench = Bench::new().await;
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let claims = bench.anonymous("").await.token().claims;
        assert!(seen.insert(claims["jti"].as_str().unwrap().to_owned()));
        assert_eq!(claims["sub"], "");
    }
}

#[tokio::test]
async fn e39_access_is_a_list_of_objects_with_lists() {
    let bench = Bench::new().await;
    let query = "scope=repository:bob/x:pull&scope=x&scope=repository:alice/app:pull";
    let claims = bench.get("alice", query).await.token().claims;
    let expected = serde_json::json!([
        { "type": "repository", "name": "alice/app", "actions": ["pull"] }
    ]);
    assert_eq!(claims["access"], expected);
    assert_eq!(bench.get("alice", "").await.token().claims["access"], serde_json::json!([]));
}

#[tokio::test]
async fn e40_answers_stay_small_and_list_only_what_was_asked_for() {
    let bench = Bench::new().await;
    let mounts: Vec<_> =
        (0..10).map(|n| format!("scope=repository:alice/layer-{n}:pull")).collect();
    let query = format!("scope=repository:alice/app:pull,push&{}", mounts.join("&"));
    let answer = bench.get("alice", &query).await;
    assert_eq!(answer.granted().len(), 11);
    let token = answer.body["token"].as_str().unwrap().len();
    assert!(token < 7_000, "{token}");
    let usual = bench.get("alice", "scope=repository:alice/app:pull").await;
    assert!(usual.body["token"].as_str().unwrap().len() < 1_500);
    // The longest that is answered at all.
    let name = format!("alice/{}", "x".repeat(240));
    let most: Vec<_> = (0..100).map(|n| format!("scope=repository:{name}{n}:*")).collect();
    let answer = bench.get("alice", &most.join("&")).await;
    assert_eq!(answer.granted().len(), 100);
    assert!(answer.bytes < 128 * 1_024, "{}", answer.bytes);
}

#[tokio::test]
async fn e41_the_header_has_chain_and_key_id_and_a_short_coordinate_is_padded() {
    let bench = Bench::new().await;
    let header = bench.get("alice", "").await.token().header;
    assert_eq!([&header["alg"], &header["typ"]], ["ES256", "JWT"]);
    assert_eq!(header["kid"].as_str().unwrap().len(), 12 * 4 + 11);

    // About every 128th key has an x or y that begins with a zero byte.
    let now = bench.desk.clock.now();
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let short = (0..5_000).map(|_| bench.keys.rotate(now).unwrap()).find(|leaf| {
        let PublicKey::P256 { x, y } = &leaf.key else { panic!("{leaf:?}") };
        assert_eq!([decode(x).len(), decode(y).len()], [32, 32]);
        decode(x)[0] == 0 || decode(y)[0] == 0
    });
    let short = short.expect("one in 128");
    bench.state.signer.look(now).unwrap();
    let token = bench.get("alice", "").await.token(); // verified
    assert_eq!(token.header["kid"], short.kid.as_str());
}

#[tokio::test]
async fn e42_signatures_are_64_bytes() {
    let bench = Bench::new().await;
    for _ in 0..50 {
        let answer = bench.anonymous("").await;
        let token = answer.body["token"].as_str().unwrap();
        let signature = token.rsplit('.').next().unwrap();
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap().len(), 64);
    }
}

/// That a registry takes old and new ones is in the tests with a real registry.
#[tokio::test]
async fn e43_a_running_service_takes_up_a_rotated_key_and_publishes_both() {
    let bench = Bench::new().await;
    let old = bench.get("alice", "").await.token().header["kid"].clone();
    let new = bench.keys.rotate(bench.desk.clock.now()).unwrap();
    assert!(bench.state.signer.look(bench.desk.clock.now()).unwrap());
    let token = bench.get("alice", "").await.token();
    assert_eq!(token.header["kid"], new.kid.as_str());
    let request = Request::get("/.well-known/jwks.json").body(Body::empty()).unwrap();
    let published = bench.send(request).await;
    let kids: Vec<_> =
        published.body["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    assert_eq!(kids, [new.kid.into(), old]);
}

#[tokio::test]
async fn e43b_a_leaf_is_changed_before_its_end_without_anybody_asking() {
    let bench = Bench::new().await;
    let (old, bundle) = (bench.state.signer.key(), bench.keys.bundle().unwrap());
    let soon = bench.desk.clock.now() + SignedDuration::from_hours(24 * 61);
    assert!(bench.state.signer.look(soon).unwrap());
    assert_ne!(bench.state.signer.key().kid, old.kid);
    assert_eq!(bench.keys.bundle().unwrap(), bundle);
    assert!(!bench.state.signer.look(soon).unwrap());
}

#[tokio::test]
async fn e43c_a_broken_key_file_does_not_stop_a_running_service() {
    let bench = Bench::new().await;
    let leaf = bench.keys.bundle_path().with_file_name("leaf.pem");
    std::fs::write(leaf, "nonsense").unwrap();
    assert!(bench.state.signer.look(bench.desk.clock.now()).is_err());
    assert_eq!(bench.get("alice", "").await.token().claims["sub"], "alice");
}

#[tokio::test]
async fn e43d_the_key_id_form_has_no_chain() {
    let bench = Bench::new().await;
    let (folder, now) = (tempfile::tempdir().unwrap(), bench.desk.clock.now());
    let kind = Kind { form: KeyForm::KeyId, ..Kind::default() };
    let keys = KeyStore::open_as(folder.path(), kind, now).unwrap();
    let signer = Signer::open(keys, SignerOptions::new(ISSUER), now).unwrap();
    let wanted = web::registry::signer::Wanted {
        subject: "alice",
        audience: SERVICE,
        access: &[],
        id: "1",
        now: bench.desk.clock.now(),
    };
    let token = signer.sign(&wanted).unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    assert!(header.get("x5c").is_none());
    assert_eq!(header["kid"], signer.key().kid.as_str());
}

#[tokio::test]
async fn e44_answers_are_json_and_not_stored() {
    let bench = Bench::new().await;
    let wrong = bench.get_with("alice", "wrong password!", "").await;
    for answer in [bench.get("alice", "").await, bench.anonymous("").await, wrong] {
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn e45_a_slow_directory_is_answered_with_an_error_in_time() {
    let mut bench = Bench::new().await;
    assert!(bench.state.patience < Duration::from_secs(15));
    bench.change(|state| state.patience = Duration::from_millis(300));
    let mut lock = bench.database.owner.begin().await.unwrap();
    sqlx::query("LOCK TABLE vault.passwords IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let answer = bench.get("alice", "").await;
    answer.refuses(503);
    assert!(!answer.header("retry-after").is_empty());
    lock.rollback().await.unwrap();
    bench.change(|state| state.patience = Duration::from_secs(30));
    assert_eq!(bench.get("alice", "").await.status, 200);
}

#[tokio::test]
async fn a_graph_that_is_too_old_gives_no_token() {
    let mut bench = Bench::new().await;
    bench.change(|state| state.staleness = Duration::ZERO);
    let answer = bench.anonymous("scope=repository:open/x:pull").await;
    answer.refuses(503);
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn e62_a_401_says_what_to_do_and_challenges() {
    let bench = Bench::new().await;
    let answer = bench.get_with("alice", "wrong password!", "").await;
    let (code, message) = answer.error();
    assert_eq!(code, "UNAUTHORIZED");
    assert!(message.contains("docker login"), "{message}");
    assert!(answer.header("www-authenticate").starts_with("Basic realm="));
}

/// docker hides these, and tries again for a minute.
#[tokio::test]
async fn e63_no_message_is_a_registrys_default() {
    let bench = Bench::new().await;
    let answers = [
        bench.get_with("alice", "wrong password!", "").await,
        bench.post_refresh("made up", &[]).await,
        bench.anonymous(&"scope=a:b:c&".repeat(101)).await,
        bench.post(&[]).await,
        bench.send(Request::put("/v2/token").body(Body::empty()).unwrap()).await,
    ];
    for answer in answers {
        let (_, message) = answer.error();
        for default in ["authentication required", "requested access to the resource is denied"] {
            assert!(!message.eq_ignore_ascii_case(default));
        }
    }
}

/// Refusals have a form whose message docker and skopeo were seen to print.
#[tokio::test]
async fn refusals_have_the_form_whose_message_people_see() {
    let captured = include_str!("../../fixtures/registry/client-messages.json");
    let captured: Vec<serde_json::Value> = serde_json::from_str(captured).unwrap();
    let bench = Bench::new().await;
    let from = "192.0.2.1".parse().unwrap();
    for n in 0..60 {
        bench.get_from(from, "alice", &format!("portus_{n}")).await;
    }
    let answers = [
        bench.get_with("alice", "wrong password!", "").await,
        bench.post_refresh("made up", &[]).await,
        bench.get_from(from, "alice", "portus_").await,
    ];
    for (answer, seen_by) in
        answers.iter().zip([&["docker", "skopeo"][..], &["docker"], &["docker"]])
    {
        let (code, _) = answer.error();
        for client in seen_by {
            let shown = captured.iter().any(|case| {
                let given = &case["token_endpoint_answer"];
                let error = &given["body"]["errors"][0];
                let message = error["message"].as_str().unwrap_or("authentication required");
                given["status"] == answer.status.as_u16()
                    && error["code"] == code
                    && message != "authentication required"
                    && case["client"].as_str().unwrap().starts_with(client)
                    && case["client_says"].as_str().unwrap().contains(message)
            });
            assert!(shown, "{client} was never seen to show {code}");
        }
    }
}

#[tokio::test]
async fn e65_a_realm_that_breaks_clients_is_told() {
    use web::registry::realm::problem;
    assert_eq!(problem("https://auth.example.test/v2/token"), None);
    assert!(problem("https://10.1.2.3/v2/token").unwrap().to_string().contains("crane"));
}

#[tokio::test]
async fn e66_auth_token_answers_too() {
    let bench = Bench::new().await;
    let request = Request::get(format!("/auth/token?service={SERVICE}"))
        .header("authorization", basic("alice", &password("alice")));
    let answer = bench.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.token().claims["sub"], "alice");
}
