//! How many calls a caller may make.

use http::Request;
use jiff::SignedDuration;
use web::api::Limits;

use super::bench::{Bench, Shows, by_password};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_used_up_their_calls_waits_and_nobody_else_does() {
    let bench = Bench::with_limits(Limits { known: 10, anonymous: 4 }).await;
    bench.pass(SignedDuration::from_mins(2));
    let alice = bench.person("alice").await;
    let (token, _) = bench.token(&alice, &["api_read"]).await;
    let token = Shows::Bearer(token);

    // Her token was made by a call of hers.
    for left in (0..9).rev() {
        let answer = bench.get(&alice, "/users/self").await.is(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"api\";q=10;w=60");
        let said = format!("\"api\";r={left};t={}", 6 * (10 - left));
        assert_eq!(answer.header("ratelimit"), said);
    }
    let refused = bench.get(&alice, "/users/self").await.is(429);
    assert_eq!(refused.header("retry-after"), "6");
    assert_eq!(refused.header("ratelimit"), "\"api\";r=0;t=60");
    // Neither her token, nor others, nor strangers pay for it.
    bench.get(&token, "/users/self").await.is(200);
    bench.get(&bench.admin(), "/users/self").await.is(200);
    bench.get(&Shows::Nothing, "/_ping").await.is(200);

    bench.pass(SignedDuration::from_secs(6));
    bench.get(&alice, "/users/self").await.is(200);
    bench.get(&alice, "/users/self").await.is(429);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_counted_by_their_address_whatever_they_show() {
    let bench = Bench::with_limits(Limits { known: 10, anonymous: 4 }).await;
    bench.pass(SignedDuration::from_mins(2));
    let known = bench.get(&bench.admin(), "/users/self").await.is(200);
    assert_eq!(known.header("ratelimit"), "\"api\";r=9;t=6");
    bench.get(&Shows::Nothing, "/_ping").await.is(200);
    bench.get(&Shows::Nothing, "/users").await.is(401);
    bench.get(&Shows::Bearer("portus_wrong".to_owned()), "/users").await.is(401);
    bench.get(&Shows::Nothing, "/nothing/here").await.is(404);
    let refused = bench.get(&Shows::Nothing, "/_ping").await.is(429);
    assert_eq!(refused.header("ratelimit-policy"), "\"anonymous\";q=4;w=60");
    assert_eq!(refused.header("retry-after"), "15");
    // What is wrong with it is not said any more, either.
    bench.get(&by_password("nobody"), "/users").await.is(429);
    bench.get(&bench.admin(), "/users/self").await.is(200);

    let problem = Request::get("/api/v1/_ping")
        .header("accept", "application/problem+json")
        .body(axum::body::Body::empty())
        .unwrap();
    let problem = bench.send(problem).await.is(429);
    assert_eq!(problem.body["type"], "/help/problems/too-many-requests");
    assert_eq!(problem.header("ratelimit"), "\"anonymous\";r=0;t=60");
}
