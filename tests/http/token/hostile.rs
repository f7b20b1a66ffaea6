//! Nothing that a request holds makes a 5xx, a panic or a hang.

use axum::body::Body;
use http::{HeaderValue, Method, Request};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::bench::{Bench, SERVICE};

#[derive(Debug, Clone)]
struct Hostile {
    method: Method,
    query: String,
    authorization: Option<Vec<u8>>,
    media_type: Option<String>,
    body: Vec<u8>,
}

fn parameter() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("scope"),
        Just("service"),
        Just("account"),
        Just("client_id"),
        Just("offline_token"),
        Just("grant_type"),
        Just("username"),
        Just("password"),
        Just("refresh_token"),
        Just("x"),
    ];
    let value = prop_oneof![
        Just(SERVICE.to_owned()),
        Just("password".to_owned()),
        Just("refresh_token".to_owned()),
        Just("portus-refresh-1.AAAA.AAAA".to_owned()),
        "(repository|registry)(\\(x\\))?:[a-z/:.%0-9]{0,20}:[a-z,*]{0,12}",
        "[ -~]{0,24}",
        "(%[0-9A-Fa-f]{0,2}|[+&=;:]){0,12}",
    ];
    (key, value).prop_map(|(key, value)| format!("{key}={value}"))
}

fn parameters() -> impl Strategy<Value = String> {
    let some = || prop::collection::vec(parameter(), 0..6).prop_map(|list| list.join("&"));
    prop_oneof![
        3 => some().prop_map(|rest| format!("service={SERVICE}&{rest}")),
        1 => some(),
    ]
}

fn hostile() -> impl Strategy<Value = Hostile> {
    let method =
        prop_oneof![4 => Just(Method::GET), 4 => Just(Method::POST), 1 => Just(Method::PUT)];
    let credential = prop_oneof![
        "Basic [A-Za-z0-9+/=]{0,40}".prop_map(String::into_bytes),
        "(Bearer|basic|Basic|) ?[ -~]{0,30}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
        ("[ -~]{0,12}", "[ -~]{0,24}")
            .prop_map(|(name, secret)| super::bench::basic(&name, &secret).into_bytes()),
    ];
    let media_type = prop_oneof![
        4 => Just("application/x-www-form-urlencoded".to_owned()),
        1 => "[ -~]{0,30}",
    ];
    let body = prop_oneof![
        4 => parameters().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ];
    (method, parameters(), prop::option::of(credential), prop::option::of(media_type), body)
        .prop_map(|(method, query, authorization, media_type, body)| Hostile {
            method,
            query,
            authorization,
            media_type,
            body,
        })
}

#[test]
fn hostile_requests_are_answered_in_order() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bench = runtime.block_on(Bench::new());
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&hostile(), |hostile| {
        let query: String = hostile
            .query
            .chars()
            .filter(|c| c.is_ascii_graphic() && !"\"<>#\\^`{|}".contains(*c))
            .collect();
        let mut request =
            Request::builder().method(&hostile.method).uri(format!("/v2/token?{query}"));
        if let Some(value) = &hostile.authorization
            && let Ok(value) = HeaderValue::from_bytes(value)
        {
            request = request.header("authorization", value);
        }
        if let Some(value) = &hostile.media_type {
            request = request.header("content-type", value);
        }
        let Ok(request) = request.body(Body::from(hostile.body.clone())) else { return Ok(()) };
        let answer = runtime.block_on(bench.send(request));
        prop_assert!(answer.status.as_u16() < 500, "{} {}", answer.status, answer.body);
        if answer.status == 200 {
            // Nobody has shown a good credential: at most what is public.
            for granted in answer.granted() {
                prop_assert!(granted.ends_with(":pull"), "{}", granted);
            }
            prop_assert_eq!(&answer.token().claims["sub"], "");
        } else {
            prop_assert!(answer.error().1.len() > 20);
        }
        Ok(())
    });
    result.unwrap();
    // And it still works.
    let answer = runtime.block_on(bench.get("alice", "scope=repository:alice/app:pull"));
    assert_eq!(answer.granted(), ["repository:alice/app:pull"]);
}
