//! The same log gives the same rows: live, in pages of any size, after a rebuild, and after being
//! killed anywhere.

use std::sync::Arc;
use std::time::Duration;

use domain::log::EventLog;
use projections::rebuild;
use projections::runner::Runner;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::PgPool;
use tests::postgres::TestDatabase;

use crate::history::{append, history, log, now};

const FACTS: usize = 800;
/// Of each way to be killed, at least.
const KILLS: usize = 10;

/// Digest of every projection at the log's end.
async fn digests(db: &TestDatabase, log: &Arc<dyn EventLog>) -> Vec<String> {
    let mut all = Vec::new();
    for projection in projections::relational() {
        let (at, digest) = rebuild::digest(&db.service, projection.as_ref()).await.unwrap();
        assert_eq!(at, log.head().await.unwrap(), "{}", projection.name());
        all.push(digest);
    }
    all
}

/// Throws all rows and checkpoints away.
async fn forget(db: &TestDatabase) {
    for projection in projections::relational() {
        for (table, _) in projection.tables() {
            let sql = format!("TRUNCATE {}.{table}", projection.schema());
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&db.owner).await.unwrap();
        }
    }
    sqlx::query("DELETE FROM log.projection").execute(&db.owner).await.unwrap();
}

async fn in_pages(db: &TestDatabase, log: &Arc<dyn EventLog>, page: usize) -> Vec<String> {
    forget(db).await;
    let runner =
        Runner::of(log.clone(), db.service.clone(), now(), projections::relational(), page);
    runner.catch_up().await.unwrap();
    digests(db, log).await
}

#[tokio::test]
async fn the_same_log_gives_the_same_rows_in_pages_of_any_size_and_after_a_rebuild() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    append(log.as_ref(), history(1, FACTS)).await;
    let expected = in_pages(&db, &log, 1_000).await;
    for page in [1, 7] {
        assert_eq!(in_pages(&db, &log, page).await, expected, "pages of {page}");
    }
    let rebuilt = rebuild::rebuild(&log, &db.service, &now(), "all", &|_| {}).await.unwrap();
    for (rebuilt, expected) in rebuilt.iter().zip(&expected) {
        assert_eq!(rebuilt.same(), Some(true), "{}", rebuilt.projection);
        assert_eq!(rebuilt.digest, *expected);
    }
    // The rebuilds are facts themselves; with those applied a second rebuild agrees too.
    let runner = Runner::new(log.clone(), db.service.clone(), now());
    runner.catch_up().await.unwrap();
    let rebuilt = rebuild::rebuild(&log, &db.service, &now(), "all", &|_| {}).await.unwrap();
    assert!(rebuilt.iter().all(|rebuilt| rebuilt.same() == Some(true)));
    assert_ne!(digests_of(&rebuilt)[2], expected[2], "the digest tells different rows apart");
}

fn digests_of(rebuilt: &[rebuild::Rebuilt]) -> Vec<String> {
    rebuilt.iter().map(|rebuilt| rebuilt.digest.clone()).collect()
}

#[tokio::test]
async fn rows_that_are_not_what_the_log_says_are_found_by_a_rebuild() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    append(log.as_ref(), history(2, 500)).await;
    Runner::new(log.clone(), db.service.clone(), now()).catch_up().await.unwrap();
    sqlx::query("UPDATE read_content.repositories SET pulls = pulls + 1")
        .execute(&db.owner)
        .await
        .unwrap();
    let rebuilt = rebuild::rebuild(&log, &db.service, &now(), "content", &|_| {}).await.unwrap();
    assert_eq!(rebuilt[0].same(), Some(false));
    // One after the other: none finds the lock of the one before still taken.
    for _ in 0..20 {
        let rebuilt = rebuild::rebuild(&log, &db.service, &now(), "content", &|_| {}).await;
        assert_eq!(rebuilt.unwrap()[0].same(), Some(true), "and are right after it");
    }
}

/// Kills every connection that is in the middle of something.
async fn kill_backends(owner: &PgPool) -> usize {
    let killed: i64 = sqlx::query_scalar(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()
           AND (state LIKE 'idle in transaction%' OR (state = 'active' AND query LIKE '%json%'))",
    )
    .fetch_one(owner)
    .await
    .unwrap();
    usize::try_from(killed).unwrap()
}

#[tokio::test]
async fn killed_at_random_points_it_ends_with_the_same_rows() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    append(log.as_ref(), history(3, FACTS)).await;
    let expected = in_pages(&db, &log, 5_000).await;
    forget(&db).await;
    let mut random = StdRng::seed_from_u64(3);
    let (mut killed, mut dropped) = (0, 0);
    loop {
        let page = [1, 3, 10, 40][random.random_range(0..4_usize)];
        let runner =
            Runner::of(log.clone(), db.service.clone(), now(), projections::relational(), page);
        let work = tokio::spawn(async move { runner.catch_up().await });
        let wait = Duration::from_millis(random.random_range(1..40));
        // The passing of time is what is tested here: any moment will do.
        if random.random_bool(0.5) {
            let _ = tokio::time::timeout(wait, std::future::pending::<()>()).await;
            killed += kill_backends(&db.owner).await;
        } else {
            let _ = tokio::time::timeout(wait, std::future::pending::<()>()).await;
            if !work.is_finished() {
                work.abort();
                dropped += 1;
            }
        }
        if matches!(work.await, Ok(Ok(()))) && killed >= KILLS && dropped >= KILLS {
            break;
        }
        if (killed < KILLS || dropped < KILLS) && done(&db, &log).await {
            assert_eq!(digests(&db, &log).await, expected);
            forget(&db).await; // it got through: once more
        }
    }
    assert_eq!(digests(&db, &log).await, expected, "{killed} killed, {dropped} dropped");
}

async fn done(db: &TestDatabase, log: &Arc<dyn EventLog>) -> bool {
    let head = log.head().await.unwrap();
    let all = rebuild::status(&db.service).await.unwrap();
    all.len() == 3 && all.iter().all(|status| status.position == head.0)
}

#[tokio::test]
async fn a_rebuild_aborted_anywhere_leaves_the_live_rows_and_a_later_one_succeeds() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    append(log.as_ref(), history(4, 3 * FACTS)).await;
    Runner::new(log.clone(), db.service.clone(), now()).catch_up().await.unwrap();
    let expected = digests(&db, &log).await;
    let mut aborted = 0;
    for wait in 1..25 {
        let (log, pool) = (log.clone(), db.service.clone());
        let work = async move { rebuild::rebuild(&log, &pool, &now(), "content", &|_| {}).await };
        if tokio::time::timeout(Duration::from_millis(wait * 7), work).await.is_err() {
            aborted += 1;
        }
    }
    assert!(aborted > 3, "{aborted}");
    let rebuilt = rebuild::rebuild(&log, &db.service, &now(), "content", &|_| {}).await.unwrap();
    assert_eq!(rebuilt[0].same(), Some(true));
    assert_eq!(rebuilt[0].digest, expected[1], "facts about rebuilds are none of its rows");
    let schemas: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'read_content%'")
            .fetch_one(&db.owner)
            .await
            .unwrap();
    assert_eq!(schemas, 1, "nothing is left behind");
}
