//! Events a second from one store of the log to the other, by `portus log copy`.

use std::process::Stdio;
use std::time::Instant;

use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use domain::event::{Actor, EventId, Meta, NewEvent, StreamName};
use domain::log::{Append, EventLog, Expected};
use domain::system::SystemEvent;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tests::eventstore::Double;
use tests::program::binary;
use web::database::{self, SERVICE_ROLE};
use web::embedded_pg::{EmbeddedOptions, EmbeddedPostgres};

/// Events of the log that moves.
const EVENTS: usize = 20_000;
/// As many bytes of text in each as make it like a pull's.
const TEXT: usize = 500;

pub(crate) async fn figures() {
    let folder = tempfile::Builder::new().prefix("pmove-").tempdir_in("/tmp").expect("a folder");
    let server = EmbeddedPostgres::start(EmbeddedOptions::new(folder.path())).await;
    let server = server.expect("Postgres");
    let options = server.connect_options();
    let first = options.clone().database("moving_here");
    let last = options.clone().database("moving_back");
    let admin = PgPoolOptions::new().connect_lazy_with(options.database("postgres"));
    for database in ["CREATE DATABASE moving_here", "CREATE DATABASE moving_back"] {
        sqlx::raw_sql(database).execute(&admin).await.expect("a database");
    }
    database::migrate(&first).await.expect("its schemas");
    fill(&first).await;
    let double = Double::start().await;
    println!("## Moving the log, {EVENTS} events, an event store's double\n");
    println!("| from | to | what | s | events/s |\n| --- | --- | --- | --- | --- |");
    let (here, back) = (address(&first), address(&last));
    for (from, to, names) in [
        (here.as_str(), double.url(), ["Postgres", "double"]),
        (&double.url(), back.clone(), ["double", "Postgres"]),
    ] {
        for what in ["copy", "verify"] {
            let start = Instant::now();
            let said = tokio::process::Command::new(binary())
                .args(["log", what, "--from", "env:FROM", "--to", "env:TO", "--json"])
                .envs([("FROM", from), ("TO", &to)])
                .stdin(Stdio::null())
                .kill_on_drop(true)
                .output();
            let said = said.await.expect("portus runs");
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            let time = start.elapsed().as_secs_f64();
            let [from, to] = names;
            println!("| {from} | {to} | {what} | {time:.2} | {:.0} |", EVENTS as f64 / time);
            let talk = String::from_utf8_lossy(&said.stderr).into_owned();
            talk.lines().for_each(|line| println!("| | | `{line}` | | |"));
        }
    }
    println!();
    admin.close().await;
    server.stop().await;
}

async fn fill(options: &PgConnectOptions) {
    let pool = PgPoolOptions::new().connect_lazy_with(options.clone().username(SERVICE_ROLE));
    let log = PostgresLog::open(pool.clone(), PostgresLogOptions::default()).await.expect("a log");
    let command = |number: usize| Append {
        stream: StreamName::stored(format!("pulls-main-{}", number / 100)),
        expected: Expected::Any,
        key: number.is_multiple_of(2).then(|| format!("main {number}")),
        events: vec![NewEvent {
            id: EventId::from_key(&number.to_string()),
            occurred_at: jiff::Timestamp::UNIX_EPOCH,
            meta: Meta::by(Actor::Anonymous),
            event: SystemEvent::Started { version: "x".repeat(TEXT) }.into(),
        }],
    };
    for from in (0..EVENTS).step_by(1_000) {
        log.append((from..from + 1_000).map(command).collect()).await.expect("appended");
    }
    drop(log);
    pool.close().await;
}

fn address(options: &PgConnectOptions) -> String {
    let socket = options.get_socket().expect("a socket").display();
    let (port, user) = (options.get_port(), options.get_username());
    let database = options.get_database().expect("a database");
    format!("postgres:///{database}?host={socket}&port={port}&user={user}")
}
