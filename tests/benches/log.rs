//! The log itself, without the service: in Postgres, and on the double of an event store, in turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use domain::event::{Position, StreamName};
use domain::log::EventLog;
use eventstore_log::{EventStoreLog, EventStoreLogOptions};
use tests::eventstore::Double;
use tests::watched::scratch;
use web::database::{self, DatabaseOptions};
use web::embedded_pg::{EmbeddedOptions, EmbeddedPostgres};

use crate::{machine, world};

/// How long each round lasts.
const ROUND: Duration = Duration::from_secs(3);
/// Of so many rounds the one in the middle counts.
const ROUNDS: usize = 3;
/// Callers at once, each with one fact at a time.
const IN_FLIGHT: [usize; 3] = [1, 32, 512];
/// Facts of one page.
const PAGE: usize = 1_000;

pub(crate) async fn figures() {
    let folder = scratch("bl");
    let postgres = EmbeddedPostgres::start(EmbeddedOptions::new(folder.join("postgres"))).await;
    let postgres = postgres.expect("an embedded Postgres");
    let database = database::open(DatabaseOptions::new(postgres.connect_options())).await;
    let database = database.expect("its database");
    let double = Double::start().await;
    let lazy = Double::start().await;
    lazy.faults().lazy = true;
    let here = PostgresLog::open(database.service.clone(), PostgresLogOptions::default()).await;
    let here = here.expect("the log in Postgres");
    let there = open(&double).await;
    let flushes = machine::flushes(&folder, 500);
    println!("## The log\n");
    println!("One flush of 8 KiB: {:.2} ms (p50)\n", machine::percentile(&flushes, 0.5));
    println!("| appends, one fact each | in flight | facts/s | p50 ms | p99 ms |");
    println!("| --- | --- | --- | --- | --- |");
    for in_flight in IN_FLIGHT {
        let (mut postgres, mut store, mut linked) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            postgres.push(appends(here.clone(), in_flight).await);
            let start = Instant::now();
            let run = appends(there.clone(), in_flight).await;
            while there.unlinked() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            linked.push(run.count as f64 / start.elapsed().as_secs_f64());
            store.push(run);
        }
        row("Postgres", in_flight, postgres);
        row("double of an event store", in_flight, store);
        linked.sort_by(f64::total_cmp);
        println!("| the same, until all links are made | {in_flight} | {:.0} | | |", linked[1]);
    }
    let slow = open(&lazy).await;
    for in_flight in [1, 32] {
        let run = appends(slow.clone(), in_flight).await;
        row("double that acknowledges late", in_flight, vec![run]);
    }
    println!("\n| pages of {PAGE}, from the first | pages/s | facts/s |\n| --- | --- | --- |");
    // As a process that has just started: nothing is remembered.
    let there = open(&double).await;
    for (name, log) in
        [("Postgres", here as Arc<dyn EventLog>), ("double of an event store", there)]
    {
        let mut runs = Vec::new();
        for _ in 0..ROUNDS {
            runs.push(pages(&*log).await);
        }
        runs.sort_by(|a, b| a.1.total_cmp(&b.1));
        println!("| {name} | {:.0} | {:.0} |", runs[1].0, runs[1].1);
    }
    println!();
    drop(slow);
    database.service.close().await;
    database.owner.close().await;
    postgres.stop().await;
    let _ = std::fs::remove_dir_all(&folder);
}

async fn open(double: &Double) -> Arc<EventStoreLog> {
    let options = EventStoreLogOptions::default();
    EventStoreLog::open(&double.url(), options).await.expect("the log on the double")
}

/// One round of appends.
struct Run {
    count: usize,
    rate: f64,
    /// Milliseconds, in ascending order.
    times: Vec<f64>,
}

async fn appends(log: Arc<dyn EventLog>, in_flight: usize) -> Run {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let registry = world::registry_name("main");
    let stream = StreamName::pushes(&registry, world::now());
    let start = Instant::now();
    let callers: Vec<_> = (0..in_flight)
        .map(|_| {
            let (log, registry, stream) = (log.clone(), registry.clone(), stream.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while start.elapsed() < ROUND {
                    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                    let fact = world::told(&registry, &stream, number);
                    let asked = Instant::now();
                    log.append(vec![fact]).await.expect("an append");
                    times.push(asked.elapsed().as_secs_f64() * 1_000.0);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.await.expect("a caller"));
    }
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    Run { count: times.len(), rate, times }
}

fn row(name: &str, in_flight: usize, mut runs: Vec<Run>) {
    runs.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let Run { rate, times, .. } = &runs[runs.len() / 2];
    let (p50, p99) = (machine::percentile(times, 0.5), machine::percentile(times, 0.99));
    println!("| {name} | {in_flight} | {rate:.0} | {p50:.2} | {p99:.2} |");
}

/// Reads everything; pages and facts in a second.
async fn pages(log: &dyn EventLog) -> (f64, f64) {
    let (mut after, mut pages, mut facts) = (Position(0), 0_usize, 0_usize);
    let start = Instant::now();
    loop {
        let page = log.read_all(after, PAGE, None).await.expect("a page");
        pages += 1;
        facts += page.events.len();
        after = page.next;
        if page.next >= page.head {
            let seconds = start.elapsed().as_secs_f64();
            return (pages as f64 / seconds, facts as f64 / seconds);
        }
    }
}
