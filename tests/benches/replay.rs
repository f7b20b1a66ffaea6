//! Facts a second from the log into the access graph, and into Postgres.

use std::time::{Duration, Instant};

use domain::log::EventLog as _;
use projections::access::AccessGraph;
use tests::program::Program;

use crate::{machine, world};

/// Decisions: namespaces, and half as many grants.
const NAMESPACES: usize = 60_000;
/// Pushes and pulls.
const TRAFFIC: usize = 100_000;

pub(crate) async fn figures() {
    let site = Program::start_with(&[("PORTUS_LOG__FILTER", "warn")]).await;
    let alice = site.person("alice").await;
    let (team, _, _) = site.team("crew", &alice).await;
    let log = world::open(&site).await;
    world::namespaces(&log, "main", &team, NAMESPACES).await;
    world::grants(&log, "main", &alice.name, NAMESPACES / 2).await;
    let decisions = site.head().await;
    world::traffic(&log, "main", TRAFFIC).await;
    let pid = site.pid().expect("a running portus");
    machine::settle(&machine::family(pid), Duration::from_secs(300));

    println!("## Replay\n");
    println!("| into | facts | s | facts/s |\n| --- | --- | --- | --- |");
    let start = Instant::now();
    let graph = AccessGraph::new(log.clone());
    graph.catch_up().await.expect("the graph");
    let time = start.elapsed().as_secs_f64();
    println!("| access graph | {decisions} | {time:.2} | {:.0} |", decisions as f64 / time);
    drop(graph);

    let head = log.head().await.expect("the log's head").0;
    let mut all = String::new();
    for model in ["directory", "content", "activity"] {
        let start = Instant::now();
        all += &site.cli(&["projections", "rebuild", model]).await;
        let time = start.elapsed().as_secs_f64();
        println!("| Postgres, `{model}` | {head} | {time:.2} | {:.0} |", head as f64 / time);
    }
    println!("\n`portus projections rebuild` says:\n\n```\n{}\n```\n", all.trim());
}
