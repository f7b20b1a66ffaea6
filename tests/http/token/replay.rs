//! Every token request that was captured from a real client, sent again.

use std::path::Path;

use axum::body::Body;
use http::Request;
use serde_json::Value;

use super::bench::{Bench, SERVICE, basic, encoded, password};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/registry/token-requests");

#[tokio::test]
async fn every_captured_request_of_a_real_client_is_answered() {
    let bench = Bench::new().await;
    for name in ["alice@example.test", "robot$ci+build ~x"] {
        bench.person(name, &password(name)).await;
    }
    let refresh = bench.refresh_token("alice").await;
    let mut files: Vec<_> = std::fs::read_dir(FOLDER).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let (mut good, mut refused) = (0, 0);
    for file in files {
        for captured in requests(&file) {
            let wrong = captured["response"]["status"] == 401;
            let (request, credential) = again(&captured, &refresh, wrong);
            let answer = bench.send(request).await;
            let context = format!("{}: {captured:#}\n{}", file.display(), answer.body);
            if wrong && credential {
                assert_eq!(answer.status, 401, "{context}");
                refused += 1;
                continue;
            }
            assert_eq!(answer.status, 200, "{context}");
            let asked = asked(&captured);
            for granted in answer.granted() {
                let (thing, actions) = granted.rsplit_once(':').unwrap();
                for action in actions.split(',') {
                    let covered = asked.iter().any(|scope| {
                        let scope = scope.replace("(plugin)", "");
                        scope.rsplit_once(':').is_some_and(|(name, wanted)| {
                            name == thing
                                && wanted.split(',').any(|word| word == action || word == "*")
                        })
                    });
                    assert!(covered, "{granted} was not asked for\n{context}");
                }
            }
            good += 1;
        }
    }
    assert!(good > 400 && refused > 20, "{good} good, {refused} refused");
}

fn requests(file: &Path) -> Vec<Value> {
    let captured: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    captured["requests"].as_array().unwrap().clone()
}

fn pairs(list: &Value) -> Vec<(&str, &str)> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect()
}

fn asked(captured: &Value) -> Vec<String> {
    let both = pairs(&captured["params"]).into_iter().chain(pairs(&captured["form"]));
    let scopes = both.filter(|(key, _)| *key == "scope");
    scopes.flat_map(|(_, value)| value.split(' ').map(str::to_owned)).collect()
}

/// The request as it was, with credentials of this world; and whether it has any.
fn again(captured: &Value, refresh: &str, wrong: bool) -> (Request<Body>, bool) {
    let secret = |name: &str| match (wrong, name) {
        (true, _) => "not the password".to_owned(),
        (false, "") => refresh.to_owned(),
        (false, name) => password(name),
    };
    let query = captured["query"].as_str().unwrap();
    let uri = match query {
        "" => "/v2/token".to_owned(),
        query => format!("/v2/token?{query}"),
    };
    let method = captured["method"].as_str().unwrap();
    let mut request = Request::builder().method(method).uri(uri);
    let mut credential = false;
    for (key, value) in captured["headers"].as_object().unwrap() {
        let value = value.as_str().unwrap();
        match key.as_str() {
            "Authorization" => {
                let text = value.strip_prefix("Basic <base64 of ").unwrap();
                let (name, _) = text.split_once(':').unwrap();
                request = request.header(key, basic(name, &secret(name)));
                credential = true;
            }
            "Content-Length" | "Host" => (),
            _ => request = request.header(key, value),
        }
    }
    let form = pairs(&captured["form"]);
    let name = form.iter().find(|(key, _)| *key == "username").map_or("", |(_, name)| *name);
    let (password, token) = (secret(name), if wrong { "refused" } else { refresh });
    let form: Vec<_> = form
        .into_iter()
        .map(|(key, value)| match key {
            "password" => (key, password.as_str()),
            "refresh_token" => (key, token),
            _ => (key, value),
        })
        .collect();
    credential |= !form.is_empty();
    assert!(query.contains(SERVICE) || form.contains(&("service", SERVICE)));
    (request.body(Body::from(encoded(&form))).unwrap(), credential)
}
