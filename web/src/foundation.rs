//! What the service and the console both stand on: data folder, database, log, vault.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use commands::desk::{Clock, Desk};
use commands::log::postgres::{PostgresLog, PostgresLogOptions, is_unfinished};
use commands::vault::{MasterKey, Vault, VaultError};
use domain::log::{EventLog, LogError};
use projections::origin::{self, OriginError};
use secrecy::ExposeSecret as _;
use sqlx::postgres::PgConnectOptions;

use crate::config::{Config, LogStore};
use crate::data_dir::{DataDir, DataDirError};
use crate::database::{self, Database, DatabaseError, DatabaseOptions};
use crate::embedded_pg::{self, EmbeddedError, EmbeddedOptions, EmbeddedPostgres};

/// The embedded Postgres' subfolder of the data folder.
pub const POSTGRES: &str = "postgres";
/// The vault's master key, in the data folder.
pub const MASTER_KEY: &str = "master.key";

/// The signing keys' subfolder of the data folder.
pub const KEYS: &str = "keys";
/// The search index' subfolder of the data folder.
pub const SEARCH: &str = "search";
/// The registry's subfolder of the data folder.
pub const REGISTRY: &str = "registry";

/// Data folder, database, log and vault, open.
pub struct Foundation {
    /// Keys and data.
    pub data: DataDir,
    /// The private Postgres, when this process started it.
    pub postgres: Option<EmbeddedPostgres>,
    /// The pools.
    pub database: Database,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// What commands work with.
    pub desk: Desk,
}

/// What everything above works with, wherever it came from. Cheap to clone.
#[derive(Clone)]
pub struct Ground {
    /// The data folder.
    pub data: PathBuf,
    /// The pools.
    pub database: Database,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// What commands work with.
    pub desk: Desk,
}

/// Why there is nothing to stand on; each text says what to do.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // each names what failed
pub enum FoundationError {
    #[error("{0}")]
    Config(String),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("{0}; see that the server runs: `portus check` says what is wrong")]
    LogServer(String),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(
        "the event log, {0}, is a copy that was not finished: run the same `portus log copy` again \
         until it says that both are the same, or set log.store back"
    )]
    Unfinished(String),
    #[error("the vault's master key: {0}")]
    MasterKey(String),
    #[error(transparent)]
    Origin(#[from] OriginError),
}

impl FoundationError {
    /// Whether something that is needed could not be reached, rather than being wrong.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Database(DatabaseError::Unavailable(_))
                | Self::Log(_)
                | Self::LogServer(_)
                | Self::Origin(OriginError::Log(_) | OriginError::Database(_))
        )
    }
}

impl Foundation {
    /// For the service: makes what is missing, and keeps every other service from this folder.
    ///
    /// # Errors
    ///
    /// [`FoundationError`], whose text says what to do.
    pub async fn of_service(config: &Config) -> Result<Self, FoundationError> {
        let reach = Reach::of(config)?;
        let data = DataDir::open_for_service(&config.data_dir)?;
        let postgres = match reach {
            Reach::Embedded => Some(start_postgres(&data).await?),
            Reach::External(_) => None,
        };
        let options = match (&postgres, reach) {
            (Some(postgres), _) => DatabaseOptions::new(postgres.connect_options()),
            (None, Reach::External(options)) => *options,
            (None, Reach::Embedded) => DatabaseOptions::new(PgConnectOptions::new()),
        };
        let foundation = Self::on(config, data, postgres, options).await?;
        match foundation.recognise().await {
            Ok(()) => Ok(foundation),
            Err(error) => {
                foundation.close().await;
                Err(error)
            }
        }
    }

    /// For a command of the console, whether the service runs or not.
    ///
    /// # Errors
    ///
    /// [`FoundationError`], whose text says what to do.
    pub async fn beside(config: &Config) -> Result<Self, FoundationError> {
        let data = DataDir::open_beside(&config.data_dir)?;
        let (postgres, options) = match Reach::beside(config, &data)? {
            Reach::External(options) => (None, *options),
            Reach::Embedded => match running_postgres(&data) {
                Some(options) => (None, DatabaseOptions::new(options)),
                None => {
                    let postgres = start_postgres(&data).await?;
                    let options = DatabaseOptions::new(postgres.connect_options());
                    (Some(postgres), options)
                }
            },
        };
        Self::on(config, data, postgres, options).await
    }

    async fn on(
        config: &Config,
        data: DataDir,
        postgres: Option<EmbeddedPostgres>,
        mut options: DatabaseOptions,
    ) -> Result<Self, FoundationError> {
        options.max_connections = config.database.connections;
        let database = database::open(options).await?;
        let log = open_log(config, &database).await?;
        let master = MasterKey::load_or_create(&data.root().join(MASTER_KEY))
            .map_err(|error| FoundationError::MasterKey(error.to_string()))?;
        let vault = Vault::open(database.service.clone(), master).await?;
        let desk = Desk { log: log.clone(), vault, clock: Clock::system() };
        Ok(Self { data, postgres, database, log, desk })
    }

    /// Holds the read models against the log: whoever goes on from them must not go on with
    /// another one.
    ///
    /// # Errors
    ///
    /// [`FoundationError::Origin`], whose text says what to do.
    pub async fn recognise(&self) -> Result<(), FoundationError> {
        Ok(origin::check(&*self.log, &self.database.service).await?)
    }

    /// What everything above works with.
    #[must_use]
    pub fn ground(&self) -> Ground {
        Ground {
            data: self.data.root().to_owned(),
            database: self.database.clone(),
            log: self.log.clone(),
            desk: self.desk.clone(),
        }
    }

    /// Closes the pools, and stops the private Postgres if this process started it.
    pub async fn close(self) {
        let Self { postgres, database, log, desk, data } = self;
        drop((log, desk));
        database.service.close().await;
        database.owner.close().await;
        if let Some(postgres) = postgres {
            postgres.stop().await;
        }
        drop(data);
    }
}

/// The event log, where the configuration says that it is.
async fn open_log(
    config: &Config,
    database: &Database,
) -> Result<Arc<dyn EventLog>, FoundationError> {
    match &config.log.store {
        LogStore::Postgres => {
            let pool = database.service.clone();
            if is_unfinished(&pool).await? {
                return Err(FoundationError::Unfinished("in Postgres".to_owned()));
            }
            Ok(PostgresLog::open(pool, PostgresLogOptions::default()).await?)
        }
        #[cfg(feature = "eventstore")]
        LogStore::EventStore { url, name } => {
            use eventstore_log::{EventStoreLog, EventStoreLogOptions, OpenError};
            let options = EventStoreLogOptions { name: name.clone(), ..Default::default() };
            match EventStoreLog::open(url.expose_secret(), options).await {
                Ok(log) => Ok(log),
                Err(OpenError::Settings(error)) => Err(FoundationError::Config(error.to_string())),
                Err(error @ OpenError::Log { .. }) => {
                    Err(FoundationError::LogServer(error.to_string()))
                }
                Err(OpenError::Unfinished(name)) => {
                    Err(FoundationError::Unfinished(format!("{name} on an event store")))
                }
            }
        }
        #[cfg(not(feature = "eventstore"))]
        LogStore::EventStore { .. } => Err(FoundationError::Config(
            "log.store is eventstore, but this program was built without it".to_owned(),
        )),
    }
}

/// How the database is reached.
pub(crate) enum Reach {
    External(Box<DatabaseOptions>),
    Embedded,
}

impl Reach {
    fn of(config: &Config) -> Result<Self, FoundationError> {
        match (external(config)?, config.embedded) {
            (Some(options), false) => Ok(options),
            (None, true) => Ok(Self::Embedded),
            (Some(_), true) => Err(FoundationError::Config(
                "both database.url and embedded are set; choose one".to_owned(),
            )),
            (None, false) => Err(FoundationError::Config(
                "database.url is not set; set it (or PORTUS_DATABASE__URL), or start a private \
                 Postgres with --embedded"
                    .to_owned(),
            )),
        }
    }

    /// The console finds an embedded database by its folder, without being told again.
    pub(crate) fn beside(config: &Config, data: &DataDir) -> Result<Self, FoundationError> {
        if let Some(options) = external(config)? {
            return Ok(options);
        }
        if data.root().join(POSTGRES).is_dir() {
            return Ok(Self::Embedded);
        }
        Err(FoundationError::Config(format!(
            "database.url is not set, and {} holds no embedded database",
            data.root().display()
        )))
    }
}

/// The external database, as the service's role; `None` when none is named.
pub(crate) fn external_options(
    config: &Config,
) -> Result<Option<PgConnectOptions>, FoundationError> {
    Ok(match external(config)? {
        Some(Reach::External(options)) => Some(options.service.unwrap_or(options.owner)),
        Some(Reach::Embedded) | None => None,
    })
}

fn external(config: &Config) -> Result<Option<Reach>, FoundationError> {
    let parse = |name: &str, url: &secrecy::SecretString| {
        // The parser's own words could quote the URL, and with it the password.
        PgConnectOptions::from_str(url.expose_secret()).map_err(|_| {
            FoundationError::Config(format!(
                "{name} cannot be read; it looks like postgres://user:password@host:5432/database"
            ))
        })
    };
    let Some(url) = &config.database.url else { return Ok(None) };
    let service = parse("database.url", url)?;
    let options = match &config.database.owner_url {
        Some(owner) => {
            let mut options = DatabaseOptions::new(parse("database.owner_url", owner)?);
            options.service = Some(service);
            options
        }
        None => DatabaseOptions::new(service),
    };
    Ok(Some(Reach::External(Box::new(options))))
}

async fn start_postgres(data: &DataDir) -> Result<EmbeddedPostgres, FoundationError> {
    let mut options = EmbeddedOptions::new(data.root().join(POSTGRES));
    options.patience = Duration::from_secs(120);
    Ok(EmbeddedPostgres::start(options).await?)
}

/// The database as its owner reaches it, for a command of the console; with the private Postgres,
/// when it had to be started for this.
pub(crate) async fn owner_beside(
    config: &Config,
) -> Result<(PgConnectOptions, Option<EmbeddedPostgres>), FoundationError> {
    if let Some(Reach::External(options)) = external(config)? {
        return Ok((options.owner, None));
    }
    let data = DataDir::open_beside(&config.data_dir)?;
    if let Reach::External(options) = Reach::beside(config, &data)? {
        return Ok((options.owner, None));
    }
    if let Some(options) = running_postgres(&data) {
        return Ok((options, None));
    }
    let postgres = start_postgres(&data).await?;
    Ok((postgres.connect_options(), Some(postgres)))
}

/// The embedded Postgres of a service that runs, as its own notes tell: line 4 of
/// `postmaster.pid` is the port, line 5 the folder of the socket.
pub(crate) fn running_postgres(data: &DataDir) -> Option<PgConnectOptions> {
    if !data.is_served() {
        return None;
    }
    let notes = data.root().join(POSTGRES).join("data/postmaster.pid");
    let notes = std::fs::read_to_string(notes).ok()?;
    let mut lines = notes.lines().skip(3);
    let port = lines.next()?.trim().parse().ok()?;
    let socket = lines.next()?.trim();
    let options = PgConnectOptions::new_without_pgpass()
        .socket(Path::new(socket))
        .port(port)
        .username(embedded_pg::OWNER)
        .database(embedded_pg::DATABASE)
        .ssl_mode(sqlx::postgres::PgSslMode::Disable);
    Some(options)
}
