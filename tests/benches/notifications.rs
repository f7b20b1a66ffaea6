//! Notifications: a registry delivers one at a time, so our answer's time is its throughput.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tests::image::{MANIFEST, digest};
use tests::program::Program;

use crate::load::{self, Until};
use crate::machine;

/// The registry's secret, for this site alone.
const SECRET: &str = "a-secret-of-the-benchmark-registry-0001";
/// Notifications of each figure.
const ONE: usize = 2_000;
/// The same with many in flight.
const MANY: usize = 20_000;

pub(crate) async fn figures() {
    let site =
        Program::start_with(&[("PORTUS_LOG__FILTER", "warn"), ("PORTUS_REGISTRY__SECRET", SECRET)])
            .await;
    let alice = site.person("alice").await;
    let pid = site.pid().expect("a running portus");
    machine::settle(&machine::family(pid), Duration::from_secs(30));
    let flushes = machine::flushes(&site.data(), 1_000);
    let address = site.url().trim_start_matches("http://").to_owned();
    println!("## Notifications\n");
    println!("| what | p50 ms | p99 ms | facts/s |\n| --- | --- | --- | --- |");
    let (p50, p99) = (machine::percentile(&flushes, 0.5), machine::percentile(&flushes, 0.99));
    let rate = 1_000.0 / (flushes.iter().sum::<f64>() / flushes.len() as f64);
    println!("| bare flush: 8 KiB and fdatasync | {p50:.2} | {p99:.2} | {rate:.0} |");
    for (connections, count) in [(1, ONE), (64, MANY)] {
        let requests: Vec<Vec<u8>> =
            (0..count).map(|number| push(&address, &alice.name, number)).collect();
        let before = site.head().await;
        let run = load::run(&address, connections, Arc::new(requests), 200, Until::Once).await;
        assert_eq!(run.bad, 0, "bad answers beside {} good ones", run.good);
        let written = site.head().await - before;
        assert!(written >= run.good as i64, "{written} facts of {} acknowledged", run.good);
        println!(
            "| acknowledged, {connections} in flight | {:.2} | {:.2} | {:.0} |",
            run.percentile(0.5),
            run.percentile(0.99),
            run.rate()
        );
    }
    println!();
}

/// The notification of one manifest's push, as Distribution 2.8 sends it.
fn push(address: &str, user: &str, number: usize) -> Vec<u8> {
    let digest = digest(&number.to_be_bytes());
    let repository = format!("{user}/app{}", number % 10);
    let body = json!({"events": [{
        "id": uuid::Uuid::new_v4(), "timestamp": "2026-11-22T03:53:31.274114676Z", "action": "push",
        "target": {"mediaType": MANIFEST, "size": 700, "digest": digest, "length": 700,
            "repository": repository, "tag": format!("v{number}"),
            "url": format!("http://127.0.0.1:5000/v2/{repository}/manifests/{digest}"),
            "references": [{"mediaType": "application/octet-stream", "size": 1_400, "digest": digest}]},
        "request": {"id": uuid::Uuid::new_v4(), "addr": "127.0.0.1:58894", "host": "127.0.0.1:5000",
            "method": "PUT", "useragent": "docker/20.10.24+dfsg1 go/go1.19.8 os/linux arch/amd64"},
        "actor": {"name": user},
        "source": {"addr": "registry-1:5005", "instanceID": "172845dc-c28d-4218-ae84-2ff84dd39659"},
    }]})
    .to_string();
    let length = body.len();
    format!(
        "POST /v2/webhooks/events HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Go-http-client/1.1\r\n\
         Authorization: Bearer {SECRET}\r\n\
         Content-Type: application/vnd.docker.distribution.events.v1+json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
