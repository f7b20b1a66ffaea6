//! How real registries deliver: each attempt that both versions made at an endpoint that failed in
//! some way, replayed at ours.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use http::{Method, Request};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use web::registry::notifications::PATH;

use super::bench::{Bench, OCI, digest};

/// One request of a registry.
#[derive(Debug, Deserialize)]
struct Attempt {
    method: String,
    headers: BTreeMap<String, String>,
    /// What the endpoint answered then: a status, `sleep:SECONDS` or `redirect:STATUS:URL`.
    answered: Value,
    /// The events inside.
    events: Vec<String>,
}

fn captured() -> BTreeMap<String, Vec<Attempt>> {
    let text = include_str!("../../fixtures/notifications/delivery.json");
    serde_json::from_str(text).unwrap()
}

/// The envelope of an attempt: the asked-for events, and as long as it was.
fn body(attempt: &Attempt) -> Vec<u8> {
    let events: Vec<Value> = attempt
        .events
        .iter()
        .map(|id| {
            json!({
                "id": id, "timestamp": "2026-11-22T04:03:40.4Z", "action": "pull",
                "target": {"mediaType": OCI, "size": 1, "digest": digest(1),
                    "repository": "alice/multi", "tag": "v1"},
                "request": {"id": "r", "addr": "192.0.2.7:1", "method": "HEAD", "useragent": "c"},
                "actor": {"name": "alice"}, "source": {"instanceID": "i"},
            })
        })
        .collect();
    let mut body = json!({ "events": events }).to_string().into_bytes();
    let length = attempt.headers.get("Content-Length").map_or(0, |text| text.parse().unwrap());
    body.resize(length.max(body.len()), b'\n');
    body
}

async fn replay(bench: &Bench, attempt: &Attempt) -> u16 {
    let method: Method = attempt.method.parse().unwrap();
    let body = if method == Method::POST { body(attempt) } else { Vec::new() };
    let mut request = Request::builder().method(method).uri(PATH);
    for (name, value) in attempt.headers.iter().filter(|(name, _)| *name != "Content-Length") {
        request = request.header(name, value);
    }
    let request = request.header("Content-Length", body.len()).body(Body::from(body)).unwrap();
    let answer = bench.router.clone().oneshot(request).await.unwrap();
    assert!(!answer.status().is_redirection(), "a redirect loses events");
    answer.status().as_u16()
}

#[tokio::test]
async fn however_often_both_registries_delivered_each_event_is_one_fact() {
    for (name, attempts) in captured() {
        let bench = Bench::new().await;
        let mut sent = BTreeSet::new();
        for attempt in &attempts {
            let status = replay(&bench, attempt).await;
            if attempt.method == "POST" {
                assert_eq!(status, 200, "{name}");
                sent.extend(attempt.events.iter().cloned());
            } else {
                // What a redirect made of the POST: whoever gets no 2xx does not take it for done.
                assert_eq!(status, 405, "{name}");
            }
        }
        let told: Vec<_> = bench.facts().await.into_iter().filter_map(|f| f.meta.source).collect();
        assert_eq!(told.len(), sent.len(), "{name}");
        assert_eq!(told.into_iter().map(|source| source.event).collect::<BTreeSet<_>>(), sent);
    }
}

/// The answers that made a registry deliver the same event again; and those that did not.
fn repeated() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut again, mut done) = (BTreeSet::new(), BTreeSet::new());
    for (_, attempts) in captured() {
        for (number, attempt) in attempts.iter().enumerate() {
            let later = &attempts[number + 1..];
            let same = later
                .iter()
                .any(|other| !attempt.events.is_empty() && other.events == attempt.events);
            let answer = attempt.answered.to_string();
            if same {
                again.insert(answer)
            } else {
                done.insert(answer)
            };
        }
    }
    (again, done)
}

#[tokio::test]
async fn our_answers_are_repeated_or_not_as_they_should_be_by_both_registries() {
    let (again, done) = repeated();
    let was = |all: &BTreeSet<String>, status: u16| all.contains(&status.to_string());
    let bench = Bench::new().await;
    let attempts = captured().remove("burst-20-registry-2").unwrap();

    let taken = replay(&bench, &attempts[0]).await;
    assert!(was(&done, taken) && !was(&again, taken), "what was taken is not sent again");
    let unreadable = bench.post("application/json", "no JSON at all").await.as_u16();
    assert!(was(&done, unreadable) && !was(&again, unreadable), "and blocks nothing behind it");
    let wrong = [("authorization", "Bearer wrong")];
    let wrong = bench.send(PATH, &wrong, body(&attempts[1])).await.as_u16();
    assert!(was(&again, wrong), "what came with a wrong secret waits for the right one");
    assert!(was(&again, 500), "and so does what could not be stored, which we answer with 503");
}
