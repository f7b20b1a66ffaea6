//! A real Postgres for tests: one private server a test process, a fresh database each test.
//!
//! The server starts with the first test that asks, without durability, and ends with the process:
//! the kernel tells it to when we die, and a watchdog removes its folder after that. Statics are
//! not dropped, so neither may depend on us.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failing helper fails its test

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgPool};
use tokio::sync::OnceCell;
use web::database::{self, SERVICE_ROLE};
use web::embedded_pg::{EmbeddedOptions, EmbeddedPostgres};

/// A migrated database of its own; dropped at the end.
#[derive(Debug)]
pub struct TestDatabase {
    /// As the owner of everything.
    pub owner: PgPool,
    /// As the service's role: what the program itself uses.
    pub service: PgPool,
    name: String,
    options: PgConnectOptions,
}

/// What every test process shares.
struct Shared {
    server: EmbeddedPostgres,
}

static SHARED: OnceCell<Shared> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);
const TEMPLATE: &str = "template_portus";

impl TestDatabase {
    /// A fresh copy of the migrated template.
    ///
    /// # Panics
    ///
    /// When Postgres does not start; the text says why.
    pub async fn new() -> Self {
        let shared = SHARED.get_or_init(start).await;
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let admin = shared.server.connect_options().database("postgres");
        execute(&admin, format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")).await;
        let options = shared.server.connect_options().database(&name);
        // A copy has no grants on the database itself: this is where they come from.
        database::migrate(&options).await.expect("migrate the copy");
        let service = options.clone().username(SERVICE_ROLE);
        Self { owner: pool(options.clone(), 4), service: pool(service, 10), name, options }
    }

    /// How to connect as the owner.
    #[must_use]
    pub fn owner_options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// How to connect as the service.
    #[must_use]
    pub fn service_options(&self) -> PgConnectOptions {
        self.options.clone().username(SERVICE_ROLE)
    }
}

impl Drop for TestDatabase {
    /// Only saves disk: the whole server goes away with the process. On a thread of its own, for
    /// the test's runtime is ending.
    fn drop(&mut self) {
        let admin = self.options.clone().database("postgres");
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                if let Ok(mut connection) = admin.connect().await {
                    let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
                }
            });
        });
    }
}

fn pool(options: PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
        .connect_lazy_with(options)
}

async fn start() -> Shared {
    let dir =
        tempfile::Builder::new().prefix("ptest-").tempdir_in("/tmp").expect("a folder").keep();
    watchdog(&dir);
    let mut options = EmbeddedOptions::new(&dir)
        // A test's database need not survive a power cut.
        .set("fsync", "off")
        .set("full_page_writes", "off")
        .set("synchronous_commit", "off")
        .set("max_connections", "500")
        .set("shared_buffers", "128MB")
        .set("wal_level", "minimal")
        .set("max_wal_senders", "0")
        .set("max_wal_size", "512MB");
    options.patience = Duration::from_secs(60);
    let server = EmbeddedPostgres::start(options).await.expect("start Postgres");
    let admin = server.connect_options().database("postgres");
    execute(&admin, format!("CREATE DATABASE {TEMPLATE}")).await;
    let template = server.connect_options().database(TEMPLATE);
    database::migrate(&template).await.expect("migrate the template");
    Shared { server }
}

/// A shell that waits for our end (its standard input closes), then stops the server if the kernel
/// has not, and removes the folder.
fn watchdog(dir: &Path) {
    const SCRIPT: &str = r#"
        cat >/dev/null
        if [ -s "$0/data/postmaster.pid" ]; then
            kill -INT "$(head -n 1 "$0/data/postmaster.pid")" 2>/dev/null
        fi
        tries=0
        while [ -e "$0/data/postmaster.pid" ] && [ $tries -lt 100 ]; do
            sleep 0.1; tries=$((tries + 1))
        done
        rm -rf "$0"
    "#;
    let child = Command::new("/bin/sh")
        .args(["-c", SCRIPT])
        .arg(dir)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0) // Ctrl-C ends us, and it must outlive that
        .spawn()
        .expect("start the watchdog");
    // Its standard input stays open exactly as long as this process.
    std::mem::forget(child);
}

async fn execute(options: &PgConnectOptions, sql: String) {
    let mut connection = options.connect().await.expect("connect to Postgres");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("execute");
    let _ = connection.close().await;
}
