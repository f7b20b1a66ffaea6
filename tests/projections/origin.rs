//! Read models go on from the log that they were made from, or from a copy of it, and from no
//! other.

use std::sync::Arc;
use std::time::Duration;

use commands::desk::Clock;
use commands::log::memory::MemoryLog;
use domain::event::{Actor, Class, NewEvent, Position};
use domain::log::EventLog;
use domain::name::UserName;
use domain::user::{Account, Origin, UserEvent};
use projections::origin::{self, OriginError};
use projections::rebuild;
use projections::runner::Runner;
use tests::postgres::TestDatabase;

use crate::history::{append, event, history, log, now};

/// Another log, with these facts.
async fn another(facts: Vec<NewEvent>) -> Arc<dyn EventLog> {
    let log = MemoryLog::new(Clock::system());
    append(&*log, facts).await;
    log
}

fn registered(name: &str) -> NewEvent {
    let user = UserName::parse(name).unwrap();
    let made =
        UserEvent::Registered { user, account: Account::Person, origin: Origin::Administrator };
    event(Actor::Anonymous, now()(), made)
}

fn runner(log: &Arc<dyn EventLog>, db: &TestDatabase) -> Runner {
    Runner::new(log.clone(), db.service.clone(), now())
}

async fn digests(db: &TestDatabase) -> Vec<(Position, String)> {
    let mut all = Vec::new();
    for projection in projections::relational() {
        all.push(rebuild::digest(&db.service, projection.as_ref()).await.unwrap());
    }
    all
}

async fn foreign(log: &Arc<dyn EventLog>, db: &TestDatabase) -> String {
    match origin::check(&**log, &db.service).await {
        Err(error @ OriginError::Foreign { .. }) => error.to_string(),
        other => panic!("taken for the same log: {other:?}"),
    }
}

#[tokio::test]
async fn read_models_go_on_from_a_copy_of_their_log_as_if_nothing_had_been() {
    let db = TestDatabase::new().await;
    let facts = history(1, 300);
    let first = log(&db).await;
    origin::check(&*first, &db.service).await.unwrap(); // nothing was read yet
    append(&*first, facts.clone()).await;
    runner(&first, &db).catch_up().await.unwrap();
    origin::check(&*first, &db.service).await.unwrap();
    let before = digests(&db).await;

    let copy = another(facts).await;
    origin::check(&*copy, &db.service).await.unwrap();
    runner(&copy, &db).catch_up().await.unwrap();
    assert_eq!(digests(&db).await, before);
    let last = append(&*copy, vec![registered("zoe")]).await;
    runner(&copy, &db).catch_up().await.unwrap();
    assert!(digests(&db).await.iter().all(|(position, _)| *position == last));
    origin::check(&*copy, &db.service).await.unwrap();
    // The one that was left behind is not theirs any more.
    assert!(foreign(&first, &db).await.contains("portus replay"));
}

#[tokio::test]
async fn another_log_is_refused_whether_it_is_shorter_or_longer() {
    let db = TestDatabase::new().await;
    let first = log(&db).await;
    append(&*first, history(1, 100)).await;
    runner(&first, &db).catch_up().await.unwrap();
    let before = digests(&db).await;
    for facts in [vec![], history(2, 40), history(2, 100), history(2, 200)] {
        let ends = facts.len();
        let other = another(facts).await;
        let said = foreign(&other, &db).await;
        assert!(
            said.contains("position 100") && said.contains(&format!("ends at {ends}")),
            "{said}"
        );
        // Whoever follows it all the same stands still, and says why.
        let runner = runner(&other, &db);
        let refused = runner.catch_up().await.unwrap_err();
        assert!(refused.contains("another log"), "{refused}");
        assert_eq!(digests(&db).await, before);
    }
}

#[tokio::test]
async fn decisions_alone_tell_a_log_from_another_where_facts_follow_them() {
    let db = TestDatabase::new().await;
    let first = log(&db).await;
    let mut facts = vec![registered("alice")];
    let history = history(1, 200).into_iter();
    facts.extend(history.filter(|new| new.event.encode().class == Class::Fact));
    append(&*first, facts.clone()).await;
    runner(&first, &db).catch_up().await.unwrap();
    // The same end, but another beginning, which only who reads decisions remembers.
    facts[0] = registered("bob");
    let said = foreign(&another(facts).await, &db).await;
    assert!(said.contains("`directory`"), "{said}");
}

#[tokio::test]
async fn read_models_are_made_again_from_another_log_shorter_or_longer() {
    let db = TestDatabase::new().await;
    let first = log(&db).await;
    append(&*first, history(1, 100)).await;
    runner(&first, &db).catch_up().await.unwrap();
    for facts in [history(2, 40), history(3, 300), vec![]] {
        let other = another(facts).await;
        let rebuilt = rebuild::rebuild(&other, &db.service, &now(), "all", &|_| {}).await.unwrap();
        assert!(rebuilt.iter().all(|one| one.same().is_none()), "{rebuilt:?}");
        origin::check(&*other, &db.service).await.unwrap();
        runner(&other, &db).catch_up().await.unwrap();
        let rows = digests(&db).await;
        // What nothing but this log gives.
        let fresh = TestDatabase::new().await;
        runner(&other, &fresh).catch_up().await.unwrap();
        assert_eq!(rows, digests(&fresh).await);
        foreign(&first, &db).await;
    }
}

#[tokio::test]
async fn what_was_read_before_anybody_remembered_it_is_taken_from_the_log_of_the_database() {
    let db = TestDatabase::new().await;
    let first = log(&db).await;
    append(&*first, history(1, 100)).await;
    runner(&first, &db).catch_up().await.unwrap();
    let forget = "ALTER TABLE log.projection DROP COLUMN last_position, DROP COLUMN last_event";
    sqlx::query(forget).execute(&db.owner).await.unwrap();
    let upgrade = include_str!("../../migrations/log/0003_origin.sql");
    sqlx::raw_sql(upgrade).execute(&db.owner).await.unwrap();
    origin::check(&*first, &db.service).await.unwrap();
    foreign(&another(history(2, 100)).await, &db).await;
}

#[tokio::test]
async fn a_runner_that_meets_another_log_says_so_and_leaves_the_rows_alone() {
    let db = TestDatabase::new().await;
    let first = log(&db).await;
    append(&*first, history(1, 100)).await;
    runner(&first, &db).catch_up().await.unwrap();
    let before = digests(&db).await;
    let runner = runner(&another(history(2, 200)).await, &db);
    let running = tokio::spawn({
        let runner = runner.clone();
        async move { runner.run(std::future::pending()).await }
    });
    let names = projections::relational().len();
    while runner.trouble().len() < names {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(runner.trouble().values().all(|why| why.contains("another log")));
    assert_eq!(digests(&db).await, before);
    running.abort();
}
