//! Where a log is, as somebody at a terminal says it.

use std::path::Path;
use std::str::FromStr as _;

use commands::log::postgres::{PostgresTransfer, Prepare};
use commands::log::transfer::{Transfer, TransferError};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::cli::{Failure, secret};
use crate::config::{Config, Resolved, log_name};
use crate::data_dir::DataDir;
use crate::database;
use crate::embedded_pg::EmbeddedPostgres;
use crate::foundation::owner_beside;

const FORMS: &str = "a log is named as postgres, eventstore, postgres://…, esdb://…, file:FILE or \
                     env:NAME; see portus log copy --help";

/// A place, before anybody went there.
#[derive(Debug)]
pub(super) enum Place {
    /// The database of the configuration.
    Configured { flag: &'static str },
    /// Another database.
    Postgres { flag: &'static str, options: Box<PgConnectOptions> },
    /// A server.
    EventStore { flag: &'static str, url: SecretString, name: String },
}

/// A log that can be read, or written too.
pub(super) struct Opened {
    pub(super) log: Box<dyn Transfer>,
    /// The private Postgres, where this process had to start it.
    postgres: Option<EmbeddedPostgres>,
    /// Whether a service runs on the data folder of the configuration.
    pub(super) served: bool,
}

impl Opened {
    pub(super) async fn close(self) {
        drop(self.log);
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }
}

impl Place {
    /// Reads what `flag` says.
    pub(super) fn read(
        flag: &'static str,
        text: &str,
        name: Option<&str>,
        resolved: &Resolved,
    ) -> Result<Self, Failure> {
        let place = match text.split_once(':') {
            None if text == "postgres" => Self::Configured { flag },
            None if text == "eventstore" => {
                let url = resolved.text("log.url");
                if url.is_empty() {
                    let text = format!("{flag} is eventstore, but log.url is not set");
                    return Err(Failure::usage(text));
                }
                Self::address(flag, url, name, resolved)?
            }
            Some(("file", path)) => {
                let url = secret::read(Path::new(path), "connection string")?;
                Self::address(flag, &url, name, resolved)?
            }
            Some(("env", variable)) => {
                let url = std::env::var(variable).map(SecretString::from).map_err(|_| {
                    Failure::usage(format!("{flag}: ${variable} is not set, or is not UTF-8"))
                })?;
                Self::address(flag, url.expose_secret().trim(), name, resolved)?
            }
            Some(_) if text.contains("://") && tells_password(text) => {
                return Err(Failure::usage(format!(
                    "{flag} holds a password, which everybody on this machine can read: put the \
                     address into a file and say {flag} file:FILE, or into a variable and say \
                     {flag} env:NAME"
                )));
            }
            Some(_) if text.contains("://") => Self::address(flag, text, name, resolved)?,
            _ => return Err(Failure::usage(format!("{flag}: {FORMS}"))),
        };
        if name.is_some() && !matches!(place, Self::EventStore { .. }) {
            let text = format!("{flag}-name is set, but only logs on an event store have names");
            return Err(Failure::usage(text));
        }
        Ok(place)
    }

    /// An address is never quoted: it may hold a password.
    fn address(
        flag: &'static str,
        url: &str,
        name: Option<&str>,
        resolved: &Resolved,
    ) -> Result<Self, Failure> {
        match url.split_once("://").map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => {
                let options = PgConnectOptions::from_str(url).map_err(|_| {
                    Failure::usage(format!(
                        "{flag} cannot be read; it looks like postgres://owner@host:5432/database"
                    ))
                })?;
                Ok(Self::Postgres { flag, options: Box::new(options) })
            }
            Some("esdb" | "esdb+discover") if cfg!(feature = "eventstore") => {
                let (key, name) = match name {
                    Some(name) => (format!("{flag}-name"), name),
                    None => ("log.name".to_owned(), resolved.text("log.name")),
                };
                let name = log_name(&key, name).map_err(Failure::usage)?;
                Ok(Self::EventStore { flag, url: SecretString::from(url.to_owned()), name })
            }
            Some("esdb" | "esdb+discover") => Err(Failure::usage(format!(
                "{flag} names an event store, for which this program was not built"
            ))),
            _ => Err(Failure::usage(format!("{flag}: {FORMS}"))),
        }
    }

    /// Goes there; `writes`: it will be written to.
    pub(super) async fn open(&self, config: &Config, writes: bool) -> Result<Opened, Failure> {
        match self {
            Self::Configured { flag } => {
                let (options, postgres) = owner_beside(config).await.map_err(Failure::from)?;
                let served = DataDir::open_beside(&config.data_dir);
                let served = served.is_ok_and(|data| data.is_served());
                match open_postgres(flag, &options, writes).await {
                    Ok(log) => Ok(Opened { log, postgres, served }),
                    Err(failure) => {
                        if let Some(postgres) = postgres {
                            postgres.stop().await;
                        }
                        Err(failure)
                    }
                }
            }
            Self::Postgres { flag, options } => {
                let log = open_postgres(flag, options, writes).await?;
                Ok(Opened { log, postgres: None, served: false })
            }
            Self::EventStore { flag, url, name } => open_event_store(flag, url, name).await,
        }
    }
}

async fn open_postgres(
    flag: &str,
    options: &PgConnectOptions,
    writes: bool,
) -> Result<Box<dyn Transfer>, Failure> {
    let owner = options.clone();
    let prepare: Prepare = Box::new(move || {
        let owner = owner.clone();
        Box::pin(async move { database::migrate(&owner).await.map_err(|error| error.to_string()) })
    });
    let opened = PostgresTransfer::open(options, writes.then_some(prepare)).await;
    match opened {
        Ok(log) => Ok(Box::new(log)),
        Err(error @ TransferError::Unreachable(_)) => {
            Err(Failure::unreachable(format!("{flag}: the database: {error}")))
        }
        Err(error) => Err(Failure::failed(format!("{flag}: the database: {error}"))),
    }
}

#[cfg(feature = "eventstore")]
async fn open_event_store(flag: &str, url: &SecretString, name: &str) -> Result<Opened, Failure> {
    use eventstore_log::{CheckError, EventStoreLogOptions, EventStoreTransfer};
    let options = EventStoreLogOptions { name: name.to_owned(), ..Default::default() };
    let error = match EventStoreTransfer::open(url.expose_secret(), options).await {
        Ok(log) => return Ok(Opened { log: Box::new(log), postgres: None, served: false }),
        Err(error) => error,
    };
    // The same words as the service's, whose address is a setting.
    let text = format!("{flag}: {error}").replace("log.url", "the address");
    Err(match error {
        CheckError::Settings(_) => Failure::usage(text),
        error if error.is_unreachable() => Failure::unreachable(text),
        _ => Failure::failed(text),
    })
}

#[cfg(not(feature = "eventstore"))]
#[allow(clippy::unused_async)] // as the other one
async fn open_event_store(flag: &str, _: &SecretString, _: &str) -> Result<Opened, Failure> {
    Err(Failure::usage(format!(
        "{flag} names an event store, for which this program was not built"
    )))
}

/// Whether an address holds a password, wherever addresses do.
fn tells_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    // The last `@`: a password may hold one, or a slash, that was not written as it should be.
    let who = before.rsplit_once('@').map_or("", |(who, _)| who);
    let parameter = |text: &str| {
        let name = text.split('=').next().unwrap_or_default();
        name.eq_ignore_ascii_case("password")
    };
    who.contains(':') || query.contains('@') || query.split('&').any(parameter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    fn resolved() -> Resolved {
        Config::load(&Layers::default()).unwrap().1
    }

    fn read(text: &str, name: Option<&str>) -> Result<Place, String> {
        Place::read("--to", text, name, &resolved()).map_err(|failure| {
            assert_eq!(failure.code, 2);
            failure.text
        })
    }

    #[test]
    fn a_password_on_the_command_line_is_refused_and_not_repeated() {
        for url in [
            "esdb://admin:hunter2@host:2113?tls=true",
            "postgres://portus:hunter2@host/portus",
            "postgres://portus:hun/ter2@host/portus",
            "postgres://host/portus?user=portus&password=hunter2",
            "esdb://admin:hunter?2@host",
            "mysql://admin:hunter2@host",
        ] {
            let said = read(url, None).unwrap_err();
            assert!(said.contains("holds a password") && said.contains("file:FILE"), "{said}");
            assert!(!said.contains("hunter") && !said.contains("ter2"), "{said}");
        }
    }

    #[test]
    fn an_address_without_a_password_is_taken() {
        for url in ["postgres://portus@host/portus", "postgresql:///portus?host=/run/postgresql"] {
            assert!(matches!(read(url, None).unwrap(), Place::Postgres { .. }), "{url}");
        }
        assert!(matches!(read("postgres", None).unwrap(), Place::Configured { .. }));
    }

    #[test]
    #[cfg(feature = "eventstore")]
    fn a_log_on_an_event_store_has_the_name_of_the_configuration_or_its_own() {
        for (name, expected) in [(None, "portus"), (Some("other"), "other")] {
            let place = read("esdb://host:2113?tls=false", name).unwrap();
            assert!(matches!(place, Place::EventStore { name, .. } if name == expected));
        }
        assert!(read("esdb://host:2113", Some("a.b")).unwrap_err().contains("--to-name must have"));
        assert!(read("postgres", Some("a")).unwrap_err().contains("only logs on an event store"));
        assert!(read("eventstore", None).unwrap_err().contains("log.url is not set"));
    }

    #[test]
    fn an_address_may_stand_in_a_file_with_its_password() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "postgres://portus:hunter2@host/portus\n").unwrap();
        let said = format!("file:{}", file.path().display());
        assert!(matches!(read(&said, None).unwrap(), Place::Postgres { .. }));
        std::fs::write(file.path(), "hunter2\n").unwrap();
        assert!(!read(&said, None).unwrap_err().contains("hunter2"));
        std::fs::write(file.path(), "postgres://portus:hunter2@host:port/portus").unwrap();
        assert!(!read(&said, None).unwrap_err().contains("hunter2"));
    }

    #[test]
    fn what_names_no_log_is_told_what_does() {
        for text in ["", "mongo", "PORTUS", "ftp://host", "/etc/portus/portus.toml", "x:y"] {
            assert!(read(text, None).unwrap_err().contains("a log is named as"), "{text}");
        }
        assert!(read("env:NO_SUCH_VARIABLE", None).unwrap_err().contains("is not set"));
        assert!(read("file:/nowhere/at/all", None).unwrap_err().contains("cannot read"));
    }
}
