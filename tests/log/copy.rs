//! A log moved from one store to another is the same log, whatever happens on the way.

mod killed;
mod refused;

use std::sync::Arc;

use commands::desk::Clock;
use commands::log::copy::{Copied, CopyError, copy, verify};
use commands::log::memory::MemoryLog;
use commands::log::postgres::{PostgresLog, PostgresLogOptions, PostgresTransfer, Prepare};
use commands::log::transfer::{Kept, Transfer};
use domain::event::{Class, Position, Version};
use domain::log::{
    Append, EventLog, Expected, MAX_EVENT_BYTES, MAX_EVENTS, MAX_KEY_BYTES, MAX_STREAM_BYTES,
    Outcome,
};
use eventstore_log::{EventStoreLog, EventStoreLogOptions, EventStoreTransfer};
use proptest::test_runner::{Config, TestRunner};
use tests::eventstore::Server;
use tests::postgres::TestDatabase;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use web::database;

use crate::facts::{Refine as _, append, decision, everything, fact, first, one, pages, put};
use crate::model::{calls, command};

/// A store with room for one log.
enum Home {
    Memory(Arc<MemoryLog>),
    Postgres(Box<TestDatabase>),
    EventStore { url: String, name: String },
}

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Postgres,
    EventStore,
}

/// All of them.
const KINDS: [Kind; 3] = [Kind::Memory, Kind::Postgres, Kind::EventStore];

impl Home {
    async fn empty(kind: Kind, server: &Server) -> Self {
        match kind {
            Kind::Memory => Self::Memory(MemoryLog::new(Clock::system())),
            Kind::Postgres => Self::Postgres(Box::new(TestDatabase::new().await)),
            Kind::EventStore => Self::EventStore {
                url: server.url.clone(),
                name: format!("test-{}", uuid::Uuid::now_v7().simple()),
            },
        }
    }

    /// As the service sees it.
    async fn log(&self) -> Arc<dyn EventLog> {
        match self {
            Self::Memory(log) => log.clone(),
            Self::Postgres(db) => {
                PostgresLog::open(db.service.clone(), PostgresLogOptions::default()).await.unwrap()
            }
            Self::EventStore { url, name } => {
                EventStoreLog::open(url, options(name)).await.unwrap()
            }
        }
    }

    /// As its owner sees it.
    async fn whole(&self) -> Box<dyn Transfer> {
        match self {
            Self::Memory(log) => Box::new(log.clone()),
            Self::Postgres(db) => Box::new(owner(db).await),
            Self::EventStore { url, name } => {
                Box::new(EventStoreTransfer::open(url, options(name)).await.unwrap())
            }
        }
    }
}

fn options(name: &str) -> EventStoreLogOptions {
    EventStoreLogOptions { name: name.to_owned(), ..Default::default() }
}

async fn owner(db: &TestDatabase) -> PostgresTransfer {
    let options = db.owner_options();
    let prepare: Prepare = Box::new(move || {
        let options = options.clone();
        Box::pin(async move { database::migrate(&options).await.map_err(|e| e.to_string()) })
    });
    PostgresTransfer::open(&db.owner_options(), Some(prepare)).await.unwrap()
}

async fn move_to(source: &Home, target: &Home) -> Result<Copied, CopyError> {
    // Whoever looks at a log as its service does has it open for a moment longer.
    nobody_listens(source).await;
    nobody_listens(target).await;
    copy(&mut *source.whole().await, &mut *target.whole().await, &|_| ()).await
}

/// Until the database has seen the last service go.
async fn nobody_listens(store: &Home) {
    if let Home::Postgres(db) = store {
        let mut whole = owner(db).await;
        while whole.standing().await.unwrap().served {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

/// Everything that a log keeps.
async fn kept(store: &Home) -> Vec<Kept> {
    let mut whole = store.whole().await;
    let upto = whole.standing().await.unwrap().head;
    let mut all: Vec<Kept> = Vec::new();
    while all.len() < upto.0 as usize {
        let after = Position(all.len() as u64);
        let page = whole.read(after, upto).await.unwrap();
        assert!(!page.is_empty());
        all.extend(page);
    }
    all
}

/// Both answer every question a service asks in the same way.
async fn alike(one: &dyn EventLog, other: &dyn EventLog) {
    let all = everything(one).await;
    assert_eq!(everything(other).await, all);
    for class in [Class::Decision, Class::Fact] {
        let some = pages(one, Position(0), 7, Some(class)).await;
        assert_eq!(pages(other, Position(0), 7, Some(class)).await, some);
    }
    let mut streams: Vec<_> = all.iter().map(|event| event.stream.clone()).collect();
    streams.sort();
    streams.dedup();
    for stream in streams {
        let (here, there) = (
            one.read_stream(&stream, None).await.unwrap(),
            other.read_stream(&stream, None).await.unwrap(),
        );
        assert_eq!((here.events, here.version), (there.events, there.version));
    }
}

/// What became of a command, without the time, which is each log's own.
fn told(outcomes: &[Outcome]) -> Vec<(&'static str, Option<Position>, Option<Version>)> {
    let told = |outcome: &Outcome| match outcome {
        Outcome::Appended { first, version, .. } => ("appended", Some(*first), Some(*version)),
        Outcome::Duplicate { first } => ("duplicate", Some(*first), None),
        Outcome::Conflict { actual } => ("conflict", None, *actual),
    };
    outcomes.iter().map(told).collect()
}

/// Fills a log with generated commands, moves it along all kinds of stores and back, and says the
/// same commands and some more to the first and the last.
async fn any_log(from: Kind, to: Kind, cases: u32) {
    let (handle, server) = (Handle::current(), Server::start().await);
    let mut runner = TestRunner::new(Config { max_shrink_iters: 20, ..Config::with_cases(cases) });
    let judged = block_in_place(|| {
        runner.run(&(calls(), calls()), |(before, after)| {
            handle.block_on(async {
                let source = Home::empty(from, &server).await;
                let target = Home::empty(to, &server).await;
                let log = source.log().await;
                for call in &before {
                    log.append(call.iter().map(|wish| command(1, wish)).collect()).await.unwrap();
                }
                drop(log);
                let all = kept(&source).await;
                let copied = move_to(&source, &target).await.unwrap();
                assert_eq!((copied.found, copied.written), (0, all.len() as u64));
                assert_eq!(copied.compared.head.0, all.len() as u64);
                assert_eq!(kept(&target).await, all);
                let (one, other) = (source.log().await, target.log().await);
                alike(&*one, &*other).await;
                for call in before.iter().chain(&after) {
                    let say = || call.iter().map(|wish| command(1, wish)).collect::<Vec<_>>();
                    let (here, there) =
                        (one.append(say()).await.unwrap(), other.append(say()).await.unwrap());
                    assert_eq!(told(&here), told(&there));
                }
            });
            Ok(())
        })
    });
    judged.unwrap();
}

macro_rules! moved {
    ($($name:ident: $from:ident -> $to:ident, $cases:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() { any_log(Kind::$from, Kind::$to, $cases).await; })*
    };
}

moved! {
    any_log_in_memory_moves_to_an_event_store: Memory -> EventStore, 32;
    any_log_on_an_event_store_moves_to_memory: EventStore -> Memory, 16;
    any_log_on_an_event_store_moves_to_another_name: EventStore -> EventStore, 12;
    any_log_in_postgres_moves_to_an_event_store: Postgres -> EventStore, 10;
    any_log_on_an_event_store_moves_to_postgres: EventStore -> Postgres, 10;
    any_log_in_postgres_moves_to_another_database: Postgres -> Postgres, 8;
}

/// A log with everything that is as large as it may be, and an append that an event store has to
/// stage.
async fn fill(log: &dyn EventLog) {
    let room = MAX_EVENT_BYTES - 200;
    put(log, append("large", vec![fact(&"x".repeat(room)), decision("small")])).await;
    let many = (0..MAX_EVENTS).map(|_| fact(&"y".repeat(900))).collect();
    first(&put(log, append("many", many).key(&"k".repeat(MAX_KEY_BYTES))).await);
    let large = (0..20).map(|_| fact(&"z".repeat(room))).collect();
    first(&put(log, append(&"s".repeat(MAX_STREAM_BYTES), large).key("ключ \"☃\"")).await);
    for number in 0..300 {
        let event = if number % 5 == 0 { decision("d") } else { fact("\u{1F433} \\ \" \u{0001}") };
        put(log, append(&format!("s{}", number % 40), vec![event]).key(&format!("k{number}")))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_that_a_log_takes_moves_from_store_to_store_and_stays_as_it_is() {
    use Kind::{EventStore, Memory, Postgres};
    let server = Server::start().await;
    // Filled where an append of many has to be staged, whose events are links then.
    let mut source = Home::empty(EventStore, &server).await;
    fill(&*source.log().await).await;
    let all = kept(&source).await;
    let mut digest = None;
    for to in [Postgres, EventStore, EventStore, Memory, Postgres, Postgres, Memory, EventStore] {
        let target = Home::empty(to, &server).await;
        let copied = move_to(&source, &target).await.unwrap();
        assert_eq!(copied.compared.head.0 as usize, all.len());
        assert_eq!(*digest.get_or_insert(copied.compared.digest.clone()), copied.compared.digest);
        assert_eq!(kept(&target).await, all);
        source = target;
    }
    let log = source.log().await;
    let copy = Home::empty(Memory, &server).await;
    move_to(&source, &copy).await.unwrap();
    alike(&*copy.log().await, &*log).await;
    // Nobody's key was forgotten.
    let outcome = put(&*log, one("s0").key("k7")).await;
    assert!(matches!(outcome, Outcome::Duplicate { .. }), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_log_is_copied_by_doing_nothing() {
    let server = Server::start().await;
    for (from, to) in KINDS.into_iter().flat_map(|from| KINDS.map(|to| (from, to))) {
        let source = Home::empty(from, &server).await;
        let target = Home::empty(to, &server).await;
        let copied = move_to(&source, &target).await.unwrap();
        assert_eq!((copied.found, copied.written, copied.compared.head), (0, 0, Position(0)));
        assert!(!target.whole().await.standing().await.unwrap().unfinished);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_source_appends_after_a_copy_is_copied_by_the_next() {
    let server = Server::start().await;
    for (from, to) in KINDS.into_iter().flat_map(|from| KINDS.map(|to| (from, to))) {
        let source = Home::empty(from, &server).await;
        let target = Home::empty(to, &server).await;
        for round in 0..4_u64 {
            put(&*source.log().await, append("s", vec![fact("x"), decision("y")])).await;
            let copied = move_to(&source, &target).await.unwrap();
            assert_eq!((copied.found, copied.written), (2 * round, 2));
        }
        // Moved back where it was, and on there.
        put(&*target.log().await, one("s")).await;
        let copied = move_to(&target, &source).await.unwrap();
        assert_eq!((copied.found, copied.written), (8, 1));
        assert_eq!(kept(&source).await, kept(&target).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_in_postgres_has_segments_of_its_own_size() {
    let server = Server::start().await;
    let source = Home::empty(Kind::Memory, &server).await;
    fill(&*source.log().await).await;
    let target = TestDatabase::new().await;
    let small = sqlx::raw_sql("UPDATE log.layout SET span = 300");
    small.execute(&target.owner).await.unwrap();
    let target = Home::Postgres(Box::new(target));
    move_to(&source, &target).await.unwrap();
    assert_eq!(kept(&target).await, kept(&source).await);
    let Home::Postgres(db) = &target else { unreachable!() };
    let segments: i64 =
        sqlx::query_scalar("SELECT count(*) FROM log.segment").fetch_one(&db.owner).await.unwrap();
    assert!(segments >= 5, "{segments}");
    alike(&*source.log().await, &*target.log().await).await;
    put(&*target.log().await, one("s0")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_a_log_gets_one() {
    let db = TestDatabase::new().await;
    sqlx::raw_sql("CREATE DATABASE bare").execute(&db.owner).await.unwrap();
    let options = db.owner_options().database("bare");
    let prepared = options.clone();
    let prepare: Prepare = Box::new(move || {
        let options = prepared.clone();
        Box::pin(async move { database::migrate(&options).await.map_err(|e| e.to_string()) })
    });
    let mut target = PostgresTransfer::open(&options, Some(prepare)).await.unwrap();
    let mut source = MemoryLog::new(Clock::system());
    put(&*source, one("s")).await;
    let copied = copy(&mut source, &mut target, &|_| ()).await.unwrap();
    assert_eq!(copied.written, 1);
    verify(&mut source, &mut target, &|_| ()).await.unwrap();
    // One that is only read is not prepared.
    sqlx::raw_sql("CREATE DATABASE bare2").execute(&db.owner).await.unwrap();
    let mut unprepared = PostgresTransfer::open(&options.database("bare2"), None).await.unwrap();
    let refused = verify(&mut source, &mut unprepared, &|_| ()).await.unwrap_err();
    assert!(refused.to_string().contains("no schema `log`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_are_the_originals_and_what_follows_is_not_before_them() {
    let server = Server::start().await;
    let future: jiff::Timestamp = "2099-01-01T00:00:00.123456Z".parse().unwrap();
    for to in [Kind::Postgres, Kind::EventStore] {
        let source = MemoryLog::new(Clock::new(move || future));
        put(&*source, one("s")).await;
        let source = Home::Memory(source);
        let target = Home::empty(to, &server).await;
        move_to(&source, &target).await.unwrap();
        let log = target.log().await;
        put(&*log, one("s").expect(Expected::Exact(Version(0)))).await;
        let times: Vec<_> = everything(&*log).await.iter().map(|event| event.recorded_at).collect();
        assert_eq!(times, [future, future]);
    }
}

/// Puts an append to a store's log, as its service.
async fn grow(store: &Home, command: Append) {
    first(&put(&*store.log().await, command).await);
}
