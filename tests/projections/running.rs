//! The runner: one leader, a fact that cannot be taken, reading one's own writes, and rebuilding
//! under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::access::Visible;
use domain::event::{Actor, Class, Event, Fact, Position};
use domain::log::EventLog;
use domain::name::{RegistryName, RepositoryName, TeamName, UserName};
use domain::registry::ContentEvent;
use domain::system::SystemEvent;
use domain::team::TeamEvent;
use domain::user::{Account, Origin, UserEvent};
use projections::projection::Projection;
use projections::rebuild::RebuildError;
use projections::runner::Runner;
use projections::{Paging, ReadModels, rebuild, teams, users};
use sqlx::PgConnection;
use tests::postgres::TestDatabase;
use tokio::task::JoinHandle;

use crate::history::{append, event, history, log, now};

const PATIENCE: Duration = Duration::from_secs(20);

fn everything() -> Visible {
    Visible { everything: true, ..Visible::default() }
}

fn start(runner: &Runner) -> JoinHandle<()> {
    let runner = runner.clone();
    tokio::spawn(async move { runner.run(std::future::pending()).await })
}

async fn register(log: &dyn EventLog, name: &str) -> Position {
    let user = UserName::parse(name).unwrap();
    let made =
        UserEvent::Registered { user, account: Account::Person, origin: Origin::Administrator };
    append(log, vec![event(Actor::Anonymous, now()(), made)]).await
}

/// Counts facts, and trips over one kind while it is poisoned.
struct Tripping {
    poisoned: Arc<AtomicBool>,
}

#[async_trait]
impl Projection for Tripping {
    fn name(&self) -> &'static str {
        "tripping"
    }
    fn code(&self) -> i32 {
        1
    }
    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        &[("seen", "position")]
    }
    fn class(&self) -> Option<Class> {
        None
    }
    async fn apply(&self, db: &mut PgConnection, facts: &[Fact]) -> Result<(), sqlx::Error> {
        for fact in facts {
            let stone = matches!(&fact.event, Event::Team(TeamEvent::Described { .. }));
            if stone && self.poisoned.load(Ordering::SeqCst) {
                return Err(sqlx::Error::Decode("a stone".into()));
            }
            sqlx::query("INSERT INTO seen (position) VALUES ($1)")
                .bind(fact.position.0.cast_signed())
                .execute(&mut *db)
                .await?;
        }
        Ok(())
    }
}

async fn tripping(db: &TestDatabase) -> (Arc<AtomicBool>, Vec<Arc<dyn Projection>>) {
    sqlx::raw_sql("CREATE SCHEMA read_tripping; CREATE TABLE read_tripping.seen (position bigint PRIMARY KEY)")
        .execute(&db.service)
        .await
        .unwrap();
    let poisoned = Arc::new(AtomicBool::new(true));
    let mut all = projections::relational();
    all.insert(0, Arc::new(Tripping { poisoned: poisoned.clone() }));
    (poisoned, all)
}

#[tokio::test]
async fn a_fact_that_cannot_be_taken_halts_its_projection_alone_and_visibly() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    let (poisoned, all) = tripping(&db).await;
    let runner = Runner::of(log.clone(), db.service.clone(), now(), all.clone(), 1_000);
    let running = start(&runner);
    for n in 0..100 {
        register(log.as_ref(), &format!("user-{n}")).await;
    }
    let team = TeamName::parse("crew").unwrap();
    let stone = TeamEvent::Described { team, description: "a stone".to_owned() };
    let stone = append(log.as_ref(), vec![event(Actor::Anonymous, now()(), stone)]).await;
    let last = register(log.as_ref(), "zoe").await;

    // It stands just before the stone, and says so at once rather than after our patience.
    let lagging = runner.reached_in("tripping", last, PATIENCE).await.unwrap_err();
    assert!(lagging.halted);
    let status = runner.status().await.unwrap();
    let halted = status.iter().find(|status| status.projection == "tripping").unwrap();
    assert_eq!(halted.state, "halted");
    assert_eq!(halted.position, stone.0 - 1);
    let error = halted.error.clone().unwrap();
    assert!(error.contains("a stone") && error.contains(&stone.to_string()), "{error}");
    assert!(runner.trouble()["tripping"].contains("a stone"));

    // The others went on.
    for other in ["directory", "content", "activity"] {
        runner.reached_in(other, last, PATIENCE).await.unwrap();
    }
    let read = ReadModels::new(&db.service);
    let zoe = users::find(&read, &UserName::parse("zoe").unwrap()).await.unwrap().unwrap();
    assert_eq!(zoe.id, i64::try_from(last.0).unwrap());

    // The log knows it.
    let page = log.read_all(Position(0), 1_000, None).await.unwrap();
    let said: Vec<_> = page
        .events
        .iter()
        .filter_map(|recorded| match recorded.decode().unwrap().event {
            Event::System(SystemEvent::ProjectionHalted { projection, at, .. }) => {
                Some((projection, at))
            }
            _ => None,
        })
        .collect();
    assert_eq!(said, [("tripping".to_owned(), stone)]);

    // After the mending a new start goes on at the same place, and counts each fact once.
    running.abort();
    let _ = running.await;
    poisoned.store(false, Ordering::SeqCst);
    let mended = Runner::of(log.clone(), db.service.clone(), now(), all, 1_000);
    let running = start(&mended);
    let last = register(log.as_ref(), "yann").await;
    let goes_on = async {
        while mended.reached(last, PATIENCE).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, goes_on).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM read_tripping.seen")
        .fetch_one(&db.owner)
        .await
        .unwrap();
    assert_eq!(seen.cast_unsigned(), last.0);
    assert!(mended.trouble().is_empty());
    running.abort();
}

#[tokio::test]
async fn a_writer_reads_what_it_wrote() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    let runner = Runner::new(log.clone(), db.service.clone(), now());
    let running = start(&runner);
    // A node that does not lead waits for the one that does.
    let elsewhere = Runner::new(log.clone(), db.service.clone(), now());
    let read = ReadModels::new(&db.service);
    for n in 0..50 {
        let name = UserName::parse(&format!("user-{n}")).unwrap();
        let written = register(log.as_ref(), name.as_str()).await;
        let here = if n % 2 == 0 { &runner } else { &elsewhere };
        here.reached(written, PATIENCE).await.unwrap();
        assert!(users::find(&read, &name).await.unwrap().is_some(), "{name}");
    }
    let beyond = Position(log.head().await.unwrap().0 + 1);
    let lagging = runner.reached(beyond, Duration::from_millis(50)).await.unwrap_err();
    assert!(!lagging.halted, "what is not there yet is waited for, but not for ever");
    running.abort();
}

#[tokio::test]
async fn one_node_leads_and_another_takes_over_when_it_goes() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    let one = Runner::new(log.clone(), db.service.clone(), now());
    let other = Runner::new(log.clone(), db.service.clone(), now());
    let first = start(&one);
    let written = append(log.as_ref(), history(5, 300)).await;
    one.reached(written, PATIENCE).await.unwrap();
    let second = start(&other);
    let written = append(log.as_ref(), history(6, 300)).await;
    one.reached(written, PATIENCE).await.unwrap();
    assert!(one.leads() && !other.leads());
    first.abort();
    let _ = first.await;
    let written = append(log.as_ref(), history(7, 300)).await;
    other.reached(written, PATIENCE).await.unwrap();
    assert!(other.leads());
    second.abort();
    let rebuilt = rebuild::rebuild(&log, &db.service, &now(), "all", &|_| {}).await.unwrap();
    assert!(rebuilt.iter().all(|rebuilt| rebuilt.same() == Some(true)), "each fact counted once");
}

#[tokio::test]
async fn two_that_believe_to_lead_count_each_fact_once() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    append(log.as_ref(), history(8, 600)).await;
    let works: Vec<_> = (0..3)
        .map(|n| {
            let all = projections::relational();
            let runner = Runner::of(log.clone(), db.service.clone(), now(), all, 10 + n);
            tokio::spawn(async move { runner.catch_up().await })
        })
        .collect();
    for work in works {
        work.await.unwrap().unwrap();
    }
    let rebuilt = rebuild::rebuild(&log, &db.service, &now(), "all", &|_| {}).await.unwrap();
    assert!(rebuilt.iter().all(|rebuilt| rebuilt.same() == Some(true)));
}

#[tokio::test]
async fn a_rebuild_under_load_gives_no_reader_an_error_or_an_empty_answer() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    let team = TeamName::parse("crew").unwrap();
    let owner = UserName::parse("alice").unwrap();
    let made = TeamEvent::Created { team, owner, description: String::new() };
    append(log.as_ref(), vec![event(Actor::Anonymous, now()(), made)]).await;
    append(log.as_ref(), history(9, 500)).await;
    let runner = Runner::new(log.clone(), db.service.clone(), now());
    let running = start(&runner);
    runner.reached(log.head().await.unwrap(), PATIENCE).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let read = ReadModels::new(&db.service);
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (read, stop) = (read.clone(), stop.clone());
            tokio::spawn(async move {
                let mut answers = 0;
                while !stop.load(Ordering::SeqCst) {
                    let all = teams::list(&read, &everything(), &Paging::first(100)).await;
                    assert!(!all.unwrap().is_empty());
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    let writer = {
        let (log, stop) = (log.clone(), stop.clone());
        tokio::spawn(async move {
            let mut n = 0;
            while n < 400 && !stop.load(Ordering::SeqCst) {
                n += 1;
                register(log.as_ref(), &format!("writer-{n}")).await;
            }
            n
        })
    };
    for _ in 0..2 {
        let rebuilt = rebuild::rebuild(&log, &db.service, &now(), "all", &|_| {}).await.unwrap();
        assert!(rebuilt.iter().all(|rebuilt| rebuilt.same() == Some(true)));
    }
    stop.store(true, Ordering::SeqCst);
    let written = writer.await.unwrap();
    for reader in readers {
        assert!(reader.await.unwrap() > 5);
    }
    runner.reached(log.head().await.unwrap(), PATIENCE).await.unwrap();
    let writers = users::Filter { prefix: Some("writer-".into()), ..users::Filter::default() };
    let seen = users::count(&read, &writers).await.unwrap();
    assert_eq!(seen, written, "the runner went over to the new generation");
    running.abort();
}

#[tokio::test]
async fn rows_of_other_code_are_rebuilt_at_the_start() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    let written = append(log.as_ref(), history(10, 500)).await;
    let runner = Runner::new(log.clone(), db.service.clone(), now());
    runner.catch_up().await.unwrap();
    sqlx::raw_sql("COMMENT ON SCHEMA read_content IS 'portus 0'; DELETE FROM read_content.tags")
        .execute(&db.service)
        .await
        .unwrap();
    assert!(runner.status().await.unwrap()[1].outdated);
    let running = start(&runner);
    let rebuilt = async {
        while runner.status().await.unwrap()[1].outdated {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, rebuilt).await.unwrap();
    runner.reached(written, PATIENCE).await.unwrap();
    running.abort();
    let _ = running.await;
    let again = async {
        loop {
            match rebuild::rebuild(&log, &db.service, &now(), "content", &|_| {}).await {
                // The session of the task that was just ended: the server notices in a moment.
                Err(RebuildError::Running(_)) => tokio::task::yield_now().await,
                done => break done.unwrap(),
            }
        }
    };
    let rebuilt = tokio::time::timeout(PATIENCE, again).await.unwrap();
    assert_eq!(rebuilt[0].same(), Some(true));
}

#[tokio::test]
async fn every_statement_holds_against_the_migrated_schema() {
    use sqlx::{Executor as _, SqlSafeStr as _};
    let db = TestDatabase::new().await;
    let read = ReadModels::new(&db.service);
    let mut connection = read.pool().acquire().await.unwrap();
    for sql in projections::statements() {
        if let Err(error) = connection.prepare(sql.into_sql_str()).await {
            panic!("{error}\n{sql}");
        }
    }
}

#[tokio::test]
async fn an_odd_name_is_found_as_it_was_pushed() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    let registry = RegistryName::parse("main").unwrap();
    let repository = RepositoryName::parse("a__b/c.d-e").unwrap();
    let push = ContentEvent::ManifestPushed {
        registry: registry.clone(),
        repository: repository.clone(),
        digest: domain::digest::Digest::parse(&format!("sha256:{:064x}", 1)).unwrap(),
        tag: None,
        media_type: Some("\u{0}'; DROP TABLE users; --".to_owned()),
        size: None,
        references: vec![],
        omitted: None,
    };
    append(log.as_ref(), vec![event(Actor::Anonymous, now()(), push)]).await;
    Runner::new(log, db.service.clone(), now()).catch_up().await.unwrap();
    let read = ReadModels::new(&db.service);
    let found = projections::repositories::find(&read, &registry, &repository, &everything()).await;
    assert_eq!(found.unwrap().unwrap().name, repository.as_str());
}
