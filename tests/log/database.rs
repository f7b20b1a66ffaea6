//! What the database itself refuses, and how it is brought up to date.

use sqlx::{AssertSqlSafe, PgPool};
use tests::postgres::TestDatabase;
use uuid::Uuid;
use web::database::{self, DatabaseOptions, SERVICE_ROLE};

/// Appends one fact without the adapter.
async fn append(pool: &PgPool, stream: &str) {
    sqlx::query(
        "SELECT log.append('{1}', '{-2}', '{1}', '{NULL}', ARRAY[$1], '{1}', ARRAY[$2], '{a.b}',
                           '{1}', '{1}', ARRAY[now()], ARRAY['{}'::json], ARRAY['{}'::json])",
    )
    .bind(stream)
    .bind(Uuid::new_v4())
    .execute(pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn the_service_can_append_and_read_and_change_no_fact() {
    let db = TestDatabase::new().await;
    append(&db.service, "s").await;
    let mut refused = 0;
    for table in
        ["event", "event_00000", "event_id", "dedup", "stream", "head", "segment", "layout", "copy"]
    {
        for statement in [
            format!("DELETE FROM log.{table}"),
            format!("TRUNCATE log.{table}"),
            format!("INSERT INTO log.{table} OVERRIDING SYSTEM VALUE SELECT * FROM log.{table}"),
            format!("INSERT INTO log.{table} DEFAULT VALUES"),
            format!("DROP TABLE log.{table}"),
            format!("ALTER TABLE log.{table} DISABLE TRIGGER ALL"),
            format!("DO $$ BEGIN LOCK TABLE log.{table} IN ACCESS EXCLUSIVE MODE; END $$"),
            format!("SELECT * FROM log.{table} FOR UPDATE"),
        ] {
            assert_refused(&db.service, statement).await;
            refused += 1;
        }
    }
    for statement in [
        "UPDATE log.event SET data = '{}'",
        "UPDATE log.event_00000 SET data = '{}'",
        "UPDATE log.event_id SET position = 9",
        "UPDATE log.dedup SET position = 9",
        "UPDATE log.stream SET version = 9",
        "UPDATE log.head SET position = 9",
        "UPDATE log.segment SET last_position = 9",
        "UPDATE log.layout SET span = 9",
        "UPDATE log.copy SET one = true",
        "SELECT log.add_segment()",
        "CREATE TABLE log.mine ()",
        "CREATE FUNCTION log.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP SCHEMA log CASCADE",
        "ALTER TABLE log.event DETACH PARTITION log.event_00000",
        "SET session_replication_role = replica",
        "ALTER SCHEMA log RENAME TO old",
        "DELETE FROM log._sqlx_migrations",
        "CREATE TABLE vault.mine ()",
    ] {
        assert_refused(&db.service, statement.to_owned()).await;
        refused += 1;
    }
    assert_eq!(refused, 9 * 8 + 18);
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM log.event").fetch_one(&db.service).await.unwrap();
    assert_eq!(kept, 1);
}

async fn assert_refused(pool: &PgPool, statement: String) {
    let answer = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(pool).await;
    let code = answer.unwrap_err().as_database_error().and_then(|e| e.code().map(String::from));
    assert_eq!(code.as_deref(), Some("42501"), "{statement}"); // insufficient privilege
}

#[tokio::test]
async fn even_the_owner_changes_no_fact_by_mistake() {
    let db = TestDatabase::new().await;
    append(&db.service, "s").await;
    for statement in [
        "UPDATE log.event SET data = '{}'",
        "DELETE FROM log.event",
        "TRUNCATE log.event",
        "UPDATE log.event_00000 SET data = '{}'",
        "DELETE FROM log.event_00000",
        "TRUNCATE log.event_00000",
    ] {
        assert_refused(&db.owner, statement.to_owned()).await;
    }
}

#[tokio::test]
async fn the_service_builds_read_models_beside_the_old_and_swaps_them() {
    let db = TestDatabase::new().await;
    sqlx::raw_sql(
        "CREATE SCHEMA read_next; CREATE TABLE read_next.t (x int);
         BEGIN; ALTER SCHEMA read RENAME TO read_old; ALTER SCHEMA read_next RENAME TO read; COMMIT;
         DROP SCHEMA read_old CASCADE; INSERT INTO read.t VALUES (1)",
    )
    .execute(&db.service)
    .await
    .unwrap();
}

#[tokio::test]
async fn migrating_twice_changes_nothing_and_a_newer_schema_is_left_alone() {
    let db = TestDatabase::new().await;
    database::migrate(&db.owner_options()).await.unwrap();
    for set in ["log", "vault", "read"] {
        let newer = format!(
            "INSERT INTO {set}._sqlx_migrations VALUES (9999, 'newer', now(), true, '', 0)"
        );
        sqlx::raw_sql(AssertSqlSafe(newer)).execute(&db.owner).await.unwrap();
        let text = database::migrate(&db.owner_options()).await.unwrap_err().to_string();
        assert!(text.contains(&format!("schema `{set}` stands at version 9999")), "{text}");
        let mend = format!("DELETE FROM {set}._sqlx_migrations WHERE version = 9999");
        sqlx::raw_sql(AssertSqlSafe(mend)).execute(&db.owner).await.unwrap();
    }
    database::migrate(&db.owner_options()).await.unwrap();
}

#[tokio::test]
async fn a_database_that_may_lose_facts_is_refused_unless_that_is_wanted() {
    let db = TestDatabase::new().await; // a test server has all three settings off
    let options = DatabaseOptions::new(db.owner_options());
    let text = database::open(options.clone()).await.unwrap_err().to_string();
    assert!(text.contains("the database has fsync = off"), "{text}");
    database::open(DatabaseOptions { lossy: true, ..options }).await.unwrap();
}

#[tokio::test]
async fn with_one_account_the_service_steps_down_to_its_role() {
    let db = TestDatabase::new().await;
    let options = DatabaseOptions { lossy: true, ..DatabaseOptions::new(db.owner_options()) };
    let opened = database::open(options).await.unwrap();
    let role: String =
        sqlx::query_scalar("SELECT current_user::text").fetch_one(&opened.service).await.unwrap();
    assert_eq!(role, SERVICE_ROLE);
    append(&opened.service, "s").await;
    assert_refused(&opened.service, "DELETE FROM log.event".to_owned()).await;
}

#[tokio::test]
async fn many_may_migrate_at_once() {
    let db = TestDatabase::new().await;
    sqlx::raw_sql("CREATE DATABASE many").execute(&db.owner).await.unwrap();
    let options = db.owner_options().database("many");
    let migrations = (0..6).map(|_| {
        let options = options.clone();
        tokio::spawn(async move { database::migrate(&options).await })
    });
    for migration in migrations.collect::<Vec<_>>() {
        migration.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_owner_need_not_be_a_superuser() {
    let db = TestDatabase::new().await;
    sqlx::raw_sql("CREATE ROLE plain_owner LOGIN CREATEROLE").execute(&db.owner).await.unwrap();
    sqlx::raw_sql("CREATE DATABASE plain OWNER plain_owner").execute(&db.owner).await.unwrap();
    let owner = db.owner_options().database("plain").username("plain_owner");
    let options = DatabaseOptions { lossy: true, ..DatabaseOptions::new(owner) };
    let opened = database::open(options).await.unwrap();
    append(&opened.service, "s").await;
    assert_refused(&opened.service, "DELETE FROM log.event".to_owned()).await;
    assert_refused(&opened.owner, "DELETE FROM log.event".to_owned()).await;
}

#[tokio::test]
async fn an_account_that_may_not_prepare_the_database_is_told_what_it_needs() {
    let db = TestDatabase::new().await;
    sqlx::raw_sql("CREATE ROLE nobody_special LOGIN").execute(&db.owner).await.unwrap();
    sqlx::raw_sql("CREATE DATABASE theirs").execute(&db.owner).await.unwrap();
    let account = db.owner_options().database("theirs").username("nobody_special");
    let text = database::migrate(&account).await.unwrap_err().to_string();
    assert!(text.contains("must own the database"), "{text}");
}
