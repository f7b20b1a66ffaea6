//! A private Postgres as a supervised child: Debian's binaries, a data folder of our own, and a
//! Unix socket that only its owner can open.
//!
//! No crate starts the system's binaries as another user, so this is by hand. What it promises:
//! one server for a folder, never two; it is started again when it dies; and it is stopped in good
//! order on every way out, a SIGKILL of this process included (`setpriv --pdeathsig`; where that
//! is missing, the next start stops what is left over).

mod child;
mod folder;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};

use child::Supervised;
use folder::Folder;

/// The role that owns everything in the private server.
pub const OWNER: &str = "portus";
/// The database of the service in the private server.
pub const DATABASE: &str = "portus";

/// How the private Postgres is to run.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The folder for data, socket and lock. Made if missing.
    pub dir: PathBuf,
    /// The folder with `postgres` and `initdb`. `None`: the version that made the data, or else
    /// the highest one below `/usr/lib/postgresql`.
    pub binaries: Option<PathBuf>,
    /// Further server settings, such as `("fsync", "off")` in tests.
    pub settings: Vec<(String, String)>,
    /// How long a start may take; recovery after a crash of a big log takes its time.
    pub patience: Duration,
}

impl EmbeddedOptions {
    /// The usual ones, with everything below `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            binaries: None,
            settings: Vec::new(),
            patience: Duration::from_secs(120),
        }
    }

    /// With one more server setting.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Why the private Postgres does not run; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No server is installed.
    #[error(
        "no PostgreSQL server found in {searched}: install one (apt install postgresql), name the \
         folder with its programs, or use an external database"
    )]
    NoBinaries {
        /// Where it was looked for.
        searched: String,
    },
    /// Root may not run a Postgres server, and the user for it is missing.
    #[error(
        "PostgreSQL does not run as root, and there is no user `postgres` to run it as: install \
         Debian's package postgresql, or start Portus as an ordinary user"
    )]
    NoUser,
    /// The server's user cannot get to the folder.
    #[error(
        "user `{user}`, as which PostgreSQL runs, cannot enter {blocked}: choose a data folder \
         elsewhere, such as /var/lib/portus, or allow it in (chmod o+x {blocked})"
    )]
    Unreachable {
        /// The server's user.
        user: String,
        /// The first folder on the way that keeps it out.
        blocked: String,
    },
    /// Other programs wrote the data.
    #[error(
        "the data in {data} was made by PostgreSQL {found}, and only version {installed} is \
         installed: install postgresql-{found} beside it, or take the data over with \
         pg_upgrade; nothing was changed"
    )]
    OtherVersion {
        /// The data folder.
        data: String,
        /// The version that made it.
        found: String,
        /// The version here.
        installed: String,
    },
    /// Somebody else's data.
    #[error("{0} is neither empty nor a PostgreSQL data folder: choose another data folder")]
    NotOurs(String),
    /// Another Portus runs on it.
    #[error("another Portus uses the data folder {0}: stop it first, or choose another folder")]
    InUse(String),
    /// It does not come up.
    #[error("PostgreSQL does not start: {0}")]
    NotStarting(String),
    /// A program cannot be run, or a file cannot be written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl EmbeddedError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }
}

/// A running private Postgres; dropping it stops the server and waits for that.
pub struct EmbeddedPostgres {
    socket_dir: PathBuf,
    // Order matters: the server stops before the folder's lock is given up.
    child: Supervised,
    _folder: Folder,
}

impl EmbeddedPostgres {
    /// Prepares the folder, starts the server, and returns when the database `portus` can be
    /// connected to. From then on the server is started again whenever it dies.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError`], whose text says what to do.
    pub async fn start(options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let patience = options.patience;
        // Preparing runs programs and waits for them: not on a thread of the runtime.
        let prepared = tokio::task::spawn_blocking(move || {
            let folder = Folder::prepare(&options)?;
            let child = Supervised::start(folder.server(&options.settings))?;
            Ok((folder, child))
        });
        let (folder, child) = prepared.await.map_err(|panic| {
            EmbeddedError::NotStarting(format!("preparing the folder failed: {panic}"))
        })??;
        let server = Self { socket_dir: folder.socket_dir().to_owned(), child, _folder: folder };
        server.ready(patience).await?;
        Ok(server)
    }

    /// How to connect as the owner of everything.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        connect_options(&self.socket_dir)
    }

    /// The folder with the server's socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The server's process id; `None` between its death and its next start.
    #[must_use]
    pub fn process_id(&self) -> Option<i32> {
        self.child.process_id()
    }

    /// How often the server was started again after it died.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.child.restarts()
    }

    /// Stops the server in good order (`pg_ctl stop -m fast`) and waits for its end.
    pub async fn stop(self) {
        // A failed join means that the drop panicked: there is nothing left to stop.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    /// Waits until the server takes connections, and makes our database if it is missing.
    async fn ready(&self, patience: Duration) -> Result<(), EmbeddedError> {
        let admin = self.connect_options().database("postgres");
        let deadline = tokio::time::Instant::now() + patience;
        let mut connection = loop {
            if let Some(last_words) = self.child.failed() {
                return Err(EmbeddedError::NotStarting(last_words));
            }
            match admin.connect().await {
                Ok(connection) => break connection,
                Err(error) if tokio::time::Instant::now() > deadline => {
                    return Err(EmbeddedError::NotStarting(format!(
                        "no connection after {} s: {error}",
                        patience.as_secs()
                    )));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(30)).await,
            }
        };
        self.child.confirm();
        let made = async {
            let known: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                    .bind(DATABASE)
                    .fetch_one(&mut connection)
                    .await?;
            if !known {
                sqlx::query("CREATE DATABASE portus").execute(&mut connection).await?;
            }
            connection.close().await
        };
        made.await.map_err(|error: sqlx::Error| EmbeddedError::NotStarting(error.to_string()))
    }
}

impl std::fmt::Debug for EmbeddedPostgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedPostgres").field("socket_dir", &self.socket_dir).finish()
    }
}

fn connect_options(socket_dir: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(folder::PORT)
        .username(OWNER)
        .database(DATABASE)
        .ssl_mode(PgSslMode::Disable)
}
