//! The database of the service: three schemas with three fates, and two roles.
//!
//! | schema | holds | the service's role may |
//! | --- | --- | --- |
//! | `log` | the facts | read, and call `log.append` |
//! | `vault` | secrets and personal data | read and write rows |
//! | `read` | read models, to be thrown away and made again | everything: they are its own |
//!
//! The owner migrates and owns `log` and `vault`; the service works as [`SERVICE_ROLE`]. So a
//! fault in the service, or somebody who speaks SQL through it, cannot change a fact.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};

/// The role as which the service works.
pub const SERVICE_ROLE: &str = "portus_service";

/// The oldest server that is known to do, as `server_version_num` has it.
const OLDEST_SERVER: i32 = 150_000;
/// Settings without which an acknowledged fact can be lost by a power cut.
const DURABILITY: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

static LOG: Migrator = sqlx::migrate!("../migrations/log");
static VAULT: Migrator = sqlx::migrate!("../migrations/vault");
static READ: Migrator = sqlx::migrate!("../migrations/read");

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// As the owner, who migrates.
    pub owner: PgConnectOptions,
    /// As the service. `None`: signs in as the owner and steps down to [`SERVICE_ROLE`].
    pub service: Option<PgConnectOptions>,
    /// The most connections of the service's pool.
    pub max_connections: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// Runs although the server may lose what it acknowledged. For tests.
    pub lossy: bool,
}

impl DatabaseOptions {
    /// The usual ones.
    #[must_use]
    pub fn new(owner: PgConnectOptions) -> Self {
        Self {
            owner,
            service: None,
            max_connections: 20,
            acquire_timeout: Duration::from_secs(5),
            lossy: false,
        }
    }
}

/// The open database.
#[derive(Debug, Clone)]
pub struct Database {
    /// For migrations and administration only.
    pub owner: PgPool,
    /// For everything else.
    pub service: PgPool,
}

/// Why the database cannot be worked with; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It does not answer.
    #[error("the database does not answer: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The owner's account may not do what an owner must.
    #[error(
        "the database cannot be prepared: {0}; the owner's account must own the database, and \
         either have CREATEROLE, or be a member of a role portus_service that exists already"
    )]
    Denied(#[source] sqlx::Error),
    /// It is too old.
    #[error("PostgreSQL {0} is too old: version 15 or newer is needed")]
    OldServer(String),
    /// Its text is not Unicode.
    #[error("the database's encoding is {0}: make one with ENCODING 'UTF8'")]
    Encoding(String),
    /// It may lose what it acknowledged.
    #[error(
        "the database has {0} = off, and would lose acknowledged facts in a power cut: switch it on"
    )]
    Lossy(&'static str),
    /// A newer program has been here.
    #[error(
        "schema `{set}` stands at version {version}, which a newer Portus made: upgrade this one, \
         or restore a backup from before; nothing was changed"
    )]
    Newer {
        /// Which of the three.
        set: &'static str,
        /// The version found.
        version: i64,
    },
    /// A migration was changed after it had run, or fails.
    #[error("schema `{set}` cannot be brought up to date: {source}")]
    Migration {
        /// Which of the three.
        set: &'static str,
        /// Why.
        source: MigrateError,
    },
}

/// Brings the schemas up to date, and opens the pools.
///
/// # Errors
///
/// [`DatabaseError`], whose text says what to do.
pub async fn open(options: DatabaseOptions) -> Result<Database, DatabaseError> {
    migrate(&options.owner).await?;
    let service = options
        .service
        .unwrap_or_else(|| options.owner.clone().options([("role", SERVICE_ROLE)]))
        .application_name("portus");
    let owner = PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(Duration::from_secs(10))
        .connect_lazy_with(options.owner);
    let service = PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        .connect_with(service)
        .await
        .map_err(DatabaseError::Unavailable)?;
    if !options.lossy {
        check_durability(&service).await?;
    }
    Ok(Database { owner, service })
}

/// Makes the roles and schemas, and runs what is new in the three sets of migrations.
///
/// Several processes may do so at once: one does, the others wait.
///
/// # Errors
///
/// [`DatabaseError`], whose text says what to do.
pub async fn migrate(owner: &PgConnectOptions) -> Result<(), DatabaseError> {
    let mut connection = owner.connect().await.map_err(DatabaseError::Unavailable)?;
    check_server(&mut connection).await?;
    run(&mut connection, PREPARE).await?;
    let done = async {
        run_set(&mut connection, "log", &LOG, None).await?;
        run_set(&mut connection, "vault", &VAULT, None).await?;
        run(&mut connection, GRANT_VAULT).await?;
        // Read models belong to the service: it builds new ones beside the old and swaps them.
        run_set(&mut connection, "read", &READ, Some(SERVICE_ROLE)).await
    };
    let done = done.await;
    // Closed in every case: a failed migration leaves its lock on the connection.
    let _ = connection.close().await;
    done
}

/// The version to which this program brings each schema.
#[must_use]
pub fn newest_migrations() -> [(&'static str, i64); 3] {
    [("log", &LOG), ("vault", &VAULT), ("read", &READ)].map(|(set, migrations)| {
        (set, migrations.iter().map(|migration| migration.version).max().unwrap_or(0))
    })
}

/// The version at which a schema stands; `None`: it is not there yet, or this role may not look.
///
/// # Errors
///
/// When the database does not serve.
pub async fn migrated(
    connection: &mut PgConnection,
    set: &'static str,
) -> Result<Option<i64>, sqlx::Error> {
    const LOOK: &str = "SELECT coalesce(
        has_table_privilege(to_regclass($1), 'SELECT'), false)";
    let query = match set {
        "log" => "SELECT max(version) FROM log._sqlx_migrations",
        "vault" => "SELECT max(version) FROM vault._sqlx_migrations",
        _ => "SELECT max(version) FROM read._sqlx_migrations",
    };
    let table = format!("{set}._sqlx_migrations");
    let there: bool = sqlx::query_scalar(LOOK).bind(table).fetch_one(&mut *connection).await?;
    if !there {
        return Ok(None);
    }
    sqlx::query_scalar(query).fetch_one(connection).await
}

/// Serialises processes, and makes what the migrations stand on. Roles belong to the whole server:
/// another database's start may make the role between our look and our act.
const PREPARE: &str = r#"
SELECT pg_advisory_lock(7236838170);
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'portus_service') THEN
    CREATE ROLE portus_service LOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
  -- From version 16 on, to be a member does not mean that one may become the role.
  IF NOT pg_has_role(current_user, 'portus_service',
       CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
  THEN
    EXECUTE format('GRANT portus_service TO %I', current_user);
  END IF;
  EXECUTE format('GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %I TO portus_service', current_database());
END $$;
CREATE SCHEMA IF NOT EXISTS log;
CREATE SCHEMA IF NOT EXISTS vault;
CREATE SCHEMA IF NOT EXISTS read AUTHORIZATION portus_service;
"#;

const GRANT_VAULT: &str = r#"
GRANT USAGE ON SCHEMA vault TO portus_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA vault TO portus_service;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA vault TO portus_service;
REVOKE ALL ON vault._sqlx_migrations FROM portus_service;
"#;

async fn run(connection: &mut PgConnection, sql: &'static str) -> Result<(), DatabaseError> {
    match sqlx::raw_sql(sql).execute(connection).await {
        Ok(_) => Ok(()),
        Err(error @ sqlx::Error::Database(_)) => Err(DatabaseError::Denied(error)),
        Err(error) => Err(DatabaseError::Unavailable(error)),
    }
}

/// Runs one set in its schema, where its bookkeeping is too.
async fn run_set(
    connection: &mut PgConnection,
    set: &'static str,
    migrations: &Migrator,
    role: Option<&'static str>,
) -> Result<(), DatabaseError> {
    let fail = |source| match source {
        MigrateError::VersionMissing(version) => DatabaseError::Newer { set, version },
        source => DatabaseError::Migration { set, source },
    };
    sqlx::query("SELECT set_config('search_path', $1, false), set_config('role', $2, false)")
        .bind(set)
        .bind(role.unwrap_or("none"))
        .execute(&mut *connection)
        .await
        .map_err(DatabaseError::Unavailable)?;
    migrations.run_direct(None, &mut *connection, false).await.map_err(fail)?;
    run(connection, "RESET role; RESET search_path").await
}

async fn check_server(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    let (number, version, encoding): (i32, String, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                current_setting('server_encoding')",
    )
    .fetch_one(connection)
    .await
    .map_err(DatabaseError::Unavailable)?;
    if number < OLDEST_SERVER {
        return Err(DatabaseError::OldServer(version));
    }
    if encoding != "UTF8" {
        return Err(DatabaseError::Encoding(encoding));
    }
    Ok(())
}

async fn check_durability(service: &PgPool) -> Result<(), DatabaseError> {
    for setting in DURABILITY {
        let value: Cow<'static, str> =
            sqlx::query_scalar::<_, String>("SELECT current_setting($1)")
                .bind(setting)
                .fetch_one(service)
                .await
                .map_err(DatabaseError::Unavailable)?
                .into();
        if value == "off" {
            return Err(DatabaseError::Lossy(setting));
        }
    }
    Ok(())
}
