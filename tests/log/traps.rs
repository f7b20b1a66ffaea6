//! The known traps of a log in Postgres, each a test: what other designs lose, this one keeps.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use commands::log::postgres::{PAGE_BYTES, PostgresLog, PostgresLogOptions};
use domain::event::{Class, EventId, Position, Version};
use domain::log::{Append, EventLog, LogError, Outcome};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Transaction};
use tests::postgres::TestDatabase;
use uuid::Uuid;

use crate::facts::{append, decision, everything, fact, first, one, pages, put, stream};

/// Tests hold the log's lock for as long as a loaded machine takes.
fn patient() -> PostgresLogOptions {
    PostgresLogOptions {
        lock_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(30),
        patience: Duration::from_secs(60),
        ..PostgresLogOptions::default()
    }
}

async fn open(pool: PgPool) -> Arc<PostgresLog> {
    PostgresLog::open(pool, patient()).await.unwrap()
}

/// A log as another process would open it: with a pool of its own.
async fn open_elsewhere(db: &TestDatabase) -> Arc<PostgresLog> {
    let pool = PgPoolOptions::new().max_connections(4).connect_lazy_with(db.service_options());
    open(pool).await
}

const RAW: &str = "SELECT log.append('{1}', '{-2}', '{1}', '{NULL}', ARRAY[$1], '{1}', ARRAY[$2],
    '{system.started}', '{1}', '{1}', ARRAY[now()], ARRAY['{}'::json], ARRAY[$3::text::json])";

/// Appends past the adapter, inside a transaction that the caller ends as it likes.
async fn raw(connection: &mut PgConnection, to: &str, id: Uuid) {
    raw_data(connection, to, id, r#"{"version":"x"}"#).await;
}

async fn raw_data(connection: &mut PgConnection, to: &str, id: Uuid, data: &str) {
    sqlx::query(RAW).bind(to).bind(id).bind(data).execute(connection).await.unwrap();
}

/// Takes the log's lock until the transaction ends.
async fn hold(pool: &PgPool) -> Transaction<'static, Postgres> {
    let mut held = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM log.head FOR UPDATE").execute(&mut *held).await.unwrap();
    held
}

/// Returns when as many backends wait for a lock in this database.
async fn until_blocked(pool: &PgPool, count: i64) {
    let started = Instant::now();
    loop {
        let blocked: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        if blocked >= count {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{blocked} of {count} wait");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Follows the log as a projection does, and never looks back.
struct Follower {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Vec<(Position, EventId)>>,
}

impl Follower {
    fn start(log: Arc<PostgresLog>, size: usize, class: Option<Class>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn({
            let stop = stop.clone();
            async move {
                let (mut after, mut seen) = (Position(0), Vec::new());
                loop {
                    let last = stop.load(Ordering::SeqCst);
                    let page = log.read_all(after, size, class).await.unwrap();
                    assert!(page.next >= after);
                    seen.extend(page.events.iter().map(|event| (event.position, event.id)));
                    after = page.next;
                    if page.next >= page.head {
                        if last {
                            return seen;
                        }
                        log.wait_beyond(after, None).await;
                    }
                }
            }
        });
        Self { stop, task }
    }

    /// What it has seen, when writers have stopped.
    async fn end(self) -> Vec<(Position, EventId)> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap()
    }
}

/// Sixteen writers in two processes, each some appends of one to three events; the ids written.
async fn sixteen_writers(logs: [Arc<PostgresLog>; 2]) -> HashSet<EventId> {
    let writers = (0..16).map(|writer| {
        let log = logs[writer % 2].clone();
        tokio::spawn(async move {
            let mut ids = HashSet::new();
            for round in 0..40 {
                let events: Vec<_> = (0..=round % 3)
                    .map(|n| if n == 1 { decision("x") } else { fact("x") })
                    .collect();
                ids.extend(events.iter().map(|event| event.id));
                first(&put(&*log, append(&format!("s{}", (writer + round) % 5), events)).await);
            }
            ids
        })
    });
    let mut ids = HashSet::new();
    for writer in writers.collect::<Vec<_>>() {
        ids.extend(writer.await.unwrap());
    }
    ids
}

/// Holds what followers saw against what was written: each once, in order, none missing.
async fn nothing_was_missed(
    db: &TestDatabase,
    followers: Vec<Follower>,
    written: &HashSet<EventId>,
) {
    let head: i64 =
        sqlx::query_scalar("SELECT position FROM log.head").fetch_one(&db.owner).await.unwrap();
    for follower in followers {
        let seen = follower.end().await;
        let positions: Vec<_> = seen.iter().map(|(position, _)| position.0).collect();
        assert_eq!(positions, (1..=head.cast_unsigned()).collect::<Vec<_>>(), "dense, in order");
        let ids: HashSet<_> = seen.iter().map(|(_, id)| *id).collect();
        assert_eq!(ids.len(), seen.len(), "each once");
        assert!(written.is_subset(&ids), "all that was acknowledged");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_miss_nothing_while_sixteen_writers_of_two_processes_append() {
    let db = TestDatabase::new().await;
    let logs = [open(db.service.clone()).await, open_elsewhere(&db).await];
    let followers =
        logs.iter().zip([7, 1_000]).map(|(log, size)| Follower::start(log.clone(), size, None));
    let followers = followers.collect();
    let written = sixteen_writers(logs).await;
    nothing_was_missed(&db, followers, &written).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_one_class_miss_nothing_either() {
    let db = TestDatabase::new().await;
    let logs = [open(db.service.clone()).await, open_elsewhere(&db).await];
    let follower = Follower::start(logs[0].clone(), 5, Some(Class::Decision));
    sixteen_writers(logs.clone()).await;
    let seen: Vec<_> = follower.end().await.iter().map(|(_, id)| *id).collect();
    let all = everything(&*logs[0]).await;
    let decisions = all.iter().filter(|event| event.class == Class::Decision);
    assert_eq!(seen, decisions.map(|event| event.id).collect::<Vec<_>>());
}

/// Runs `disturb` again and again while sixteen writers write and two readers follow.
async fn undisturbed_by<F>(disturb: impl Fn(PgPool) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let db = TestDatabase::new().await;
    let logs = [open(db.service.clone()).await, open_elsewhere(&db).await];
    let followers: Vec<_> =
        logs.iter().map(|log| Follower::start(log.clone(), 100, None)).collect();
    let (done, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let disturber = tokio::spawn({
        let (owner, done, rounds) = (db.owner.clone(), done.clone(), rounds.clone());
        async move {
            while !done.load(Ordering::SeqCst) {
                disturb(owner.clone()).await;
                rounds.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let written = sixteen_writers(logs).await;
    done.store(true, Ordering::SeqCst);
    disturber.await.unwrap();
    assert!(rounds.load(Ordering::SeqCst) > 0);
    nothing_was_missed(&db, followers, &written).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_miss_nothing_while_a_writer_is_slow() {
    undisturbed_by(|pool| async move {
        let mut slow = pool.begin().await.unwrap();
        raw(&mut slow, "slow", Uuid::new_v4()).await;
        // Others gather behind it: what it wrote becomes visible late, and yet in its place.
        tokio::time::sleep(Duration::from_millis(20)).await;
        slow.commit().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_miss_nothing_while_writers_roll_back() {
    undisturbed_by(|pool| async move {
        let mut failing = pool.begin().await.unwrap();
        raw(&mut failing, "never", Uuid::new_v4()).await;
        failing.rollback().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_miss_nothing_while_writers_are_killed_in_the_middle() {
    undisturbed_by(|pool| async move {
        let options: PgConnectOptions = pool.connect_options().as_ref().clone();
        let mut victim = PgConnection::connect_with(&options).await.unwrap();
        let pid: i32 =
            sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut victim).await.unwrap();
        sqlx::query("BEGIN").execute(&mut victim).await.unwrap();
        raw(&mut victim, "never", Uuid::new_v4()).await;
        sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&pool).await.unwrap();
        assert!(sqlx::query("COMMIT").execute(&mut victim).await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_writes_on_when_its_own_connections_are_killed() {
    undisturbed_by(|pool| async move {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'portus sequencer'",
        )
        .execute(&pool)
        .await
        .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_write_transaction_in_another_database_holds_nobody_up() {
    let (db, other) = (TestDatabase::new().await, TestDatabase::new().await);
    let log = open(db.service.clone()).await;
    let mut idle = other.owner.begin().await.unwrap();
    raw(&mut idle, "s", Uuid::new_v4()).await;
    for number in 1..=20 {
        put(&*log, one("s")).await;
        let page = log.read_all(Position(0), 100, None).await.unwrap();
        assert_eq!((page.events.len(), page.head), (number, Position(number as u64)));
    }
    idle.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_a_position_is_visible_all_before_it_are() {
    let db = TestDatabase::new().await;
    let logs = [open(db.service.clone()).await, open_elsewhere(&db).await];
    let done = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn({
        let (pool, done) = (db.owner.clone(), done.clone());
        async move {
            let mut looks = 0;
            while !done.load(Ordering::SeqCst) {
                // One statement is one moment.
                let (count, max, head): (i64, i64, i64) = sqlx::query_as(
                    "SELECT count(*), coalesce(max(position), 0), (SELECT position FROM log.head)
                       FROM log.event",
                )
                .fetch_one(&pool)
                .await
                .unwrap();
                assert_eq!((count, max), (head, head));
                looks += 1;
            }
            looks
        }
    });
    sixteen_writers(logs).await;
    done.store(true, Ordering::SeqCst);
    assert!(watcher.await.unwrap() > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_follow_positions_in_every_stream() {
    let db = TestDatabase::new().await;
    let logs = [open(db.service.clone()).await, open_elsewhere(&db).await];
    sixteen_writers(logs.clone()).await;
    for name in 0..5 {
        let history = logs[0].read_stream(&stream(&format!("s{name}")), None).await.unwrap();
        assert!(history.events.is_sorted_by_key(|event| event.position));
        let versions: Vec<_> = history.events.iter().map(|event| event.version.0).collect();
        assert_eq!(versions, (0..versions.len() as u64).collect::<Vec<_>>());
    }
    let all = everything(&*logs[0]).await;
    assert!(all.is_sorted_by_key(|event| event.recorded_at));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_wait_together_are_one_transaction_and_one_notification() {
    let db = TestDatabase::new().await;
    let log = open(db.service.clone()).await;
    let mut listener = PgListener::connect_with(&db.owner).await.unwrap();
    listener.listen("log").await.unwrap();
    let held = hold(&db.owner).await;
    let appends: Vec<_> = (0..200)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move { first(&put(&*log, one("s")).await) })
        })
        .collect();
    // The first batch waits for the lock; all others gather behind it.
    until_blocked(&db.owner, 1).await;
    while appends.iter().any(tokio::task::JoinHandle::is_finished) || log.queue_depth() == 0 {
        tokio::task::yield_now().await;
    }
    held.rollback().await.unwrap();
    for append in appends {
        append.await.unwrap();
    }
    let transactions: i64 = sqlx::query_scalar("SELECT count(DISTINCT xmin::text) FROM log.event")
        .fetch_one(&db.owner)
        .await
        .unwrap();
    assert!((1..20).contains(&transactions), "{transactions} transactions for 200 appends");
    let mut heard = 0;
    loop {
        heard += 1;
        if listener.recv().await.unwrap().payload() == "200" {
            break;
        }
    }
    assert_eq!(heard, transactions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_in_one_process_is_woken_by_another() {
    woken_by_another(None, || one("s")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_decisions_in_one_process_is_woken_by_another() {
    let command = || append("s", vec![fact("x"), decision("y")]);
    woken_by_another(Some(Class::Decision), command).await;
}

async fn woken_by_another(class: Option<Class>, command: impl Fn() -> Append) {
    let db = TestDatabase::new().await;
    let (here, there) = (open(db.service.clone()).await, open_elsewhere(&db).await);
    // The listener may still be on its way: the first rounds may be polls.
    let (mut woken, started) = (0, Instant::now());
    while woken < 10 {
        let head = here.head().await.unwrap();
        let waiting = tokio::spawn({
            let here = here.clone();
            async move {
                let asleep = Instant::now();
                here.wait_beyond(head, class).await;
                asleep.elapsed()
            }
        });
        put(&*there, command()).await;
        if waiting.await.unwrap() < Duration::from_millis(900) {
            woken += 1;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{woken} of 10 were woken");
    }
}

#[tokio::test]
async fn json_keeps_its_bytes_its_order_and_its_doubles() {
    let db = TestDatabase::new().await;
    let log = open(db.service.clone()).await;
    let data = "{ \"b\" :1,\n\t\"a\":1.0e2 , \"b\": 1.00,\"é\":\"\\u0000\\u00e9\" }";
    let mut connection = db.service.acquire().await.unwrap();
    raw_data(&mut connection, "s", Uuid::new_v4(), data).await;
    let page = log.read_all(Position(0), 1, None).await.unwrap();
    assert_eq!(page.events[0].data, data);
    let history = log.read_stream(&stream("s"), None).await.unwrap();
    assert_eq!(history.events[0].data, data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_rolls_over_from_segment_to_segment() {
    let db = TestDatabase::new().await;
    sqlx::query("UPDATE log.layout SET span = 8").execute(&db.owner).await.unwrap();
    let log = open(db.service.clone()).await;
    put(&*log, append("old", vec![fact("x"), fact("x")])).await;
    for round in 0..30 {
        // Some batches span several segments.
        let events =
            (0..=round % 20).map(|n| if n % 5 == 4 { decision("x") } else { fact("x") }).collect();
        put(&*log, append(&format!("s{}", round % 3), events)).await;
    }
    put(&*log, append("old", vec![fact("x")])).await;
    let all = everything(&*log).await;
    let positions: Vec<_> = all.iter().map(|event| event.position.0).collect();
    assert_eq!(positions, (1..=all.len() as u64).collect::<Vec<_>>());
    for size in [3, 8, 50] {
        assert_eq!(pages(&*log, Position(5), size, None).await, all[5..]);
        let decisions = pages(&*log, Position(0), size, Some(Class::Decision)).await;
        assert_eq!(decisions.len(), all.iter().filter(|e| e.class == Class::Decision).count());
    }
    let old = log.read_stream(&stream("old"), None).await.unwrap();
    assert_eq!((old.events.len(), old.version), (3, Some(Version(2))));
    let (segments, last): (i64, i64) =
        sqlx::query_as("SELECT count(*), max(last_position) FROM log.segment")
            .fetch_one(&db.service)
            .await
            .unwrap();
    assert_eq!(last, segments * 8);
    let left = last - i64::try_from(all.len()).unwrap();
    assert!(left >= 8, "a whole segment is ready ahead, {left} places are");
    let partitions: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'log.event'::regclass",
    )
    .fetch_one(&db.owner)
    .await
    .unwrap();
    assert_eq!(partitions, segments);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adding_a_segment_waits_for_no_reader() {
    let db = TestDatabase::new().await;
    sqlx::query("UPDATE log.layout SET span = 4").execute(&db.owner).await.unwrap();
    let log = open(db.service.clone()).await;
    put(&*log, one("s")).await;
    // A reader in the middle of a long look at all there is, as a backup would have.
    let mut reader = db.service.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM log.event").execute(&mut *reader).await.unwrap();
    for _ in 0..20 {
        first(&put(&*log, one("s")).await);
    }
    reader.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_says_busy_and_writes_what_it_took() {
    let db = TestDatabase::new().await;
    let options = PostgresLogOptions { queue: 8, ..patient() };
    let log = PostgresLog::open(db.service.clone(), options).await.unwrap();
    let held = hold(&db.owner).await;
    let taken = tokio::spawn({
        let log = log.clone();
        async move { put(&*log, one("s")).await }
    });
    until_blocked(&db.owner, 1).await; // the first is being written, the queue is empty
    let mut waiting = vec![taken];
    let mut refused = 0;
    while refused < 5 {
        let append = tokio::spawn({
            let log = log.clone();
            async move {
                match log.append(vec![one("s")]).await {
                    Ok(mut outcomes) => outcomes.remove(0),
                    Err(LogError::Busy) => Outcome::Conflict { actual: None },
                    Err(other) => panic!("{other}"),
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        if append.is_finished() {
            assert_eq!(append.await.unwrap(), Outcome::Conflict { actual: None });
            refused += 1;
        } else {
            waiting.push(append);
        }
        assert!(waiting.len() <= 9, "more are taken than the queue holds");
    }
    assert_eq!(log.queue_depth(), 8);
    let all_or_none = log.append((0..9).map(|_| one("s")).collect()).await;
    assert!(matches!(all_or_none, Err(LogError::Busy)), "{all_or_none:?}");
    held.rollback().await.unwrap();
    let taken = waiting.len();
    for append in waiting {
        first(&append.await.unwrap());
    }
    assert_eq!(everything(&*log).await.len(), taken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgres_rejects_takes_nobody_else_along() {
    let db = TestDatabase::new().await;
    let log = open(db.service.clone()).await;
    sqlx::query("ALTER TABLE log.event ADD CHECK (data::text NOT LIKE '%poison%')")
        .execute(&db.owner)
        .await
        .unwrap();
    let held = hold(&db.owner).await;
    let appends: Vec<_> = (0..40)
        .map(|number| {
            let log = log.clone();
            let text = if number % 13 == 5 { "poison" } else { "good" };
            tokio::spawn(
                async move { (text, log.append(vec![append("s", vec![fact(text)])]).await) },
            )
        })
        .collect();
    until_blocked(&db.owner, 1).await;
    held.rollback().await.unwrap();
    for append in appends {
        match append.await.unwrap() {
            ("poison", outcome) => {
                assert!(matches!(outcome, Err(LogError::Invalid(_))), "{outcome:?}");
            }
            (_, outcome) => drop(first(&outcome.unwrap()[0])),
        }
    }
    assert_eq!(everything(&*log).await.len(), 37);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_holds_the_lock_for_too_long_makes_the_log_unavailable_for_a_while() {
    let db = TestDatabase::new().await;
    let options =
        PostgresLogOptions { lock_timeout: Duration::from_millis(50), ..Default::default() };
    let log = PostgresLog::open(db.service.clone(), options).await.unwrap();
    let held = hold(&db.owner).await;
    let command = one("s");
    let refused = log.append(vec![command.clone()]).await;
    assert!(matches!(refused, Err(LogError::Unavailable(_))), "{refused:?}");
    held.rollback().await.unwrap();
    first(&put(&*log, command).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_bytes_than_may_wait_are_told_busy() {
    let db = TestDatabase::new().await;
    let text = "x".repeat(50_000);
    let options = PostgresLogOptions { queue_bytes: 120_000, ..patient() };
    let log = PostgresLog::open(db.service.clone(), options).await.unwrap();
    let big = || append("s", vec![fact(&text)]);
    // More than fits never goes in, and takes no room from what comes after.
    let refused = log.append(vec![big(), big(), big()]).await;
    assert!(matches!(refused, Err(LogError::Busy)), "{refused:?}");
    // Whoever has an answer has the room again.
    for _ in 0..100 {
        log.append(vec![big(), big()]).await.unwrap();
    }
    assert_eq!(everything(&*log).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_behind_any_number_of_facts_is_found() {
    let db = TestDatabase::new().await;
    let options = PostgresLogOptions { window: 4, ..patient() };
    let log = PostgresLog::open(db.service.clone(), options).await.unwrap();
    for _ in 0..3 {
        put(&*log, append("s", (0..150).map(|_| fact("x")).collect())).await;
        put(&*log, append("s", vec![decision("x"), decision("x")])).await;
    }
    for size in [1, 2, 100] {
        let decisions = pages(&*log, Position(0), size, Some(Class::Decision)).await;
        let positions: Vec<_> = decisions.iter().map(|event| event.position.0).collect();
        assert_eq!(positions, [151, 152, 303, 304, 455, 456]);
    }
}

#[tokio::test]
async fn a_page_of_large_events_ends_early_and_misses_nothing() {
    const EVENTS: usize = 400;
    let db = TestDatabase::new().await;
    let log = open(db.service.clone()).await;
    let text = "x".repeat(50_000);
    for _ in 0..EVENTS / 50 {
        put(&*log, append("s", (0..50).map(|_| fact(&text)).collect())).await;
    }
    let (mut after, mut seen, mut pages) = (Position(0), Vec::new(), 0);
    loop {
        let page = log.read_all(after, EVENTS, None).await.unwrap();
        let bytes: usize = page.events.iter().map(|event| event.data.len()).sum();
        assert!(bytes <= PAGE_BYTES, "{bytes}");
        seen.extend(page.events.iter().map(|event| event.position.0));
        (after, pages) = (page.next, pages + 1);
        if page.next >= page.head {
            break;
        }
    }
    assert_eq!(seen, (1..=EVENTS as u64).collect::<Vec<_>>());
    assert_eq!(pages, 2);
}
