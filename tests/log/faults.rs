//! Postgres dies, disappears, or its answer gets lost: what was acknowledged stays, and nothing is
//! there twice.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use domain::event::{EventId, Position};
use domain::log::{Append, EventLog, LogError, Outcome};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tests::postgres::TestDatabase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use web::database::{self, DatabaseOptions, SERVICE_ROLE};
use web::embedded_pg::{EmbeddedOptions, EmbeddedPostgres};

use crate::facts::{append, everything, fact, first, one, put};

/// A Postgres of the test's own, as durable as in earnest.
struct OwnPostgres {
    dir: tempfile::TempDir,
    server: Option<EmbeddedPostgres>,
}

impl OwnPostgres {
    async fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("pt-").tempdir_in("/tmp").unwrap();
        let mut own = Self { dir, server: None };
        own.up().await;
        own
    }

    async fn up(&mut self) {
        self.server =
            Some(EmbeddedPostgres::start(EmbeddedOptions::new(self.dir.path())).await.unwrap());
    }

    async fn down(&mut self) {
        self.server.take().unwrap().stop().await;
    }

    fn server(&self) -> &EmbeddedPostgres {
        self.server.as_ref().unwrap()
    }

    async fn pool(&self) -> PgPool {
        let owner = self.server().connect_options();
        let service = Some(owner.clone().username(SERVICE_ROLE));
        let opened = database::open(DatabaseOptions { service, ..DatabaseOptions::new(owner) });
        opened.await.unwrap().service
    }
}

/// Appends until the log has it, as whoever must not lose it does: always with the same ids.
async fn insist(log: &dyn EventLog, command: Append) {
    loop {
        match log.append(vec![command.clone()]).await {
            Ok(outcomes) => match outcomes[0] {
                Outcome::Appended { .. } | Outcome::Duplicate { .. } => return,
                Outcome::Conflict { .. } => panic!("a conflict with any version"),
            },
            Err(LogError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_under_load_loses_nothing_acknowledged_and_doubles_nothing() {
    const KILLS: u64 = 3;
    let own = OwnPostgres::start().await;
    let log = PostgresLog::open(own.pool().await, PostgresLogOptions::default()).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let (log, stop) = (log.clone(), stop.clone());
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let command = append(&format!("s{}", writer % 4), vec![fact("a"), fact("b")]);
                    let ids: Vec<_> = command.events.iter().map(|event| event.id).collect();
                    insist(&*log, command).await;
                    acknowledged.extend(ids);
                }
                acknowledged
            })
        })
        .collect();
    for restart in 1..=KILLS {
        let before = loop {
            // Read when it can be: the service may still be coming back.
            if let Ok(head) = log.head().await
                && head.0 > (restart - 1) * 50
            {
                break head;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let postmaster = own.server().process_id().unwrap();
        kill(Pid::from_raw(postmaster), Signal::SIGKILL).unwrap();
        wait_until("it was started again", || own.server().restarts() >= restart).await;
        wait_until_log(&log, "it writes again", before).await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged: HashSet<EventId> = HashSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    let all = everything(&*log).await;
    let positions: Vec<_> = all.iter().map(|event| event.position.0).collect();
    assert_eq!(positions, (1..=all.len() as u64).collect::<Vec<_>>());
    let mut count: HashMap<EventId, u32> = HashMap::new();
    for event in &all {
        *count.entry(event.id).or_default() += 1;
    }
    assert!(count.values().all(|times| *times == 1), "nothing is doubled");
    assert!(acknowledged.iter().all(|id| count.contains_key(id)), "nothing is lost");
    assert_eq!(acknowledged.len(), count.len(), "every writer insisted to the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fact_known_before_a_crash_is_known_after_it() {
    let own = OwnPostgres::start().await;
    let pool = own.pool().await;
    let log = PostgresLog::open(pool, PostgresLogOptions::default()).await.unwrap();
    let (by_id, mut by_key) = (one("s"), one("s"));
    by_key.key = Some("k".to_owned());
    let at = [first(&put(&*log, by_id.clone()).await), first(&put(&*log, by_key.clone()).await)];
    kill(Pid::from_raw(own.server().process_id().unwrap()), Signal::SIGKILL).unwrap();
    by_key.events = vec![fact("other")];
    for (command, first) in [by_id, by_key].into_iter().zip(at) {
        let outcome = loop {
            match log.append(vec![command.clone()]).await {
                Ok(mut outcomes) => break outcomes.remove(0),
                Err(LogError::Unavailable(_)) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(outcome, Outcome::Duplicate { first });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgres_the_log_says_so_within_a_second_and_recovers_by_itself() {
    let mut own = OwnPostgres::start().await;
    let pool = own.pool().await;
    let log = PostgresLog::open(pool, PostgresLogOptions::default()).await.unwrap();
    let kept = first(&put(&*log, one("s")).await);
    own.down().await;
    // The best of some: a loaded machine may sleep through any one of them.
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let asked = Instant::now();
        let answer = log.append(vec![one("s")]).await;
        assert!(matches!(answer, Err(LogError::Unavailable(_))), "{answer:?}");
        best = best.min(asked.elapsed());
    }
    assert!(best < Duration::from_secs(1), "{best:?}");
    let read = log.read_all(Position(0), 1, None).await;
    assert!(matches!(read, Err(LogError::Unavailable(_))), "{read:?}");
    own.up().await;
    insist(&*log, one("s")).await;
    let all = everything(&*log).await;
    assert_eq!((all[0].position, all.len()), (kept, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_answer_gets_lost_after_the_commit_the_append_is_known_as_ones_own() {
    let db = TestDatabase::new().await;
    let proxy = Proxy::start(&db.service_options()).await;
    let pool = PgPoolOptions::new().connect_lazy_with(proxy.options(&db.service_options()));
    let options =
        PostgresLogOptions { patience: Duration::from_secs(60), ..PostgresLogOptions::default() };
    let log = PostgresLog::open(pool, options).await.unwrap();
    put(&*log, one("s")).await;
    for _ in 0..5 {
        let (lost, known) = (append("s", vec![fact("a"), fact("b")]), one("s"));
        proxy.lose_one.store(true, Ordering::SeqCst);
        let outcomes = log.append(vec![lost, known]).await.unwrap();
        assert!(!proxy.lose_one.load(Ordering::SeqCst), "the answer was lost");
        let Outcome::Appended { first, last, version, recorded_at } = outcomes[0] else {
            panic!("{outcomes:?}")
        };
        let page = log.read_all(Position(first.0 - 1), 3, None).await.unwrap();
        assert_eq!(last, page.events[1].position);
        assert_eq!((version, recorded_at), (page.events[1].version, page.events[1].recorded_at));
        assert!(matches!(outcomes[1], Outcome::Appended { .. }));
    }
    assert_eq!(everything(&*log).await.len(), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_append_with_the_same_key_is_not_taken_for_ones_own() {
    let db = TestDatabase::new().await;
    let proxy = Proxy::start(&db.service_options()).await;
    let pool = PgPoolOptions::new().connect_lazy_with(proxy.options(&db.service_options()));
    let options =
        PostgresLogOptions { patience: Duration::from_secs(60), ..PostgresLogOptions::default() };
    let log = PostgresLog::open(pool, options).await.unwrap();
    let mut theirs = one("s");
    theirs.key = Some("k".to_owned());
    let at = first(&put(&*log, theirs.clone()).await);
    let mut ours = one("s");
    ours.key = theirs.key;
    proxy.lose_one.store(true, Ordering::SeqCst);
    assert_eq!(put(&*log, ours).await, Outcome::Duplicate { first: at });
}

/// Stands between log and Postgres, and can swallow an answer and hang up.
struct Proxy {
    dir: tempfile::TempDir,
    lose_one: Arc<AtomicBool>,
}

impl Proxy {
    async fn start(to: &PgConnectOptions) -> Self {
        let dir = tempfile::Builder::new().prefix("px-").tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
        let server: PathBuf = to.get_socket().unwrap().join(".s.PGSQL.5432");
        let lose_one = Arc::new(AtomicBool::new(false));
        tokio::spawn({
            let lose_one = lose_one.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let server = UnixStream::connect(&server).await.unwrap();
                    tokio::spawn(relay(client, server, lose_one.clone()));
                }
            }
        });
        Self { dir, lose_one }
    }

    fn options(&self, to: &PgConnectOptions) -> PgConnectOptions {
        to.clone().socket(self.dir.path())
    }
}

async fn relay(client: UnixStream, server: UnixStream, lose_one: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    // Whether the client has said something since it was last answered: what the server says
    // without being asked, such as a notification, is no answer.
    let asked = Arc::new(AtomicBool::new(false));
    let upward = tokio::spawn({
        let asked = asked.clone();
        async move {
            let mut buffer = vec![0; 65_536];
            while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
                // 'B' binds values: it is the statement itself, not its preparation.
                asked.store(buffer[..count].windows(5).any(is_bind), Ordering::SeqCst);
                if to_server.write_all(&buffer[..count]).await.is_err() {
                    break;
                }
            }
        }
    });
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
        if asked.swap(false, Ordering::SeqCst) && lose_one.swap(false, Ordering::SeqCst) {
            break;
        }
        if to_client.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    upward.abort();
}

/// A Bind message begins with `B`, four bytes of length, and an empty portal name.
fn is_bind(window: &[u8]) -> bool {
    window[0] == b'B' && window[1] == 0
}

async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "not in a minute: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn wait_until_log(log: &PostgresLog, what: &str, beyond: Position) {
    let started = Instant::now();
    while log.head().await.unwrap_or_default() <= beyond {
        assert!(started.elapsed() < Duration::from_secs(60), "not in a minute: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
