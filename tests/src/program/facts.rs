//! The log of a site, read from its database, or as another process where it is on an event store.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::event::Position;
use domain::log::EventLog as _;
use eventstore_log::{EventStoreLog, EventStoreLogOptions};
use serde_json::Value;

use super::{PATIENCE, Program};
use crate::watched::eventually;

/// A fact as the database holds it.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Where it stands in the log.
    pub position: i64,
    /// Such as `content.manifest_pushed`.
    pub kind: String,
    /// What happened.
    pub data: Value,
    /// Who did it, from where.
    pub meta: Value,
}

impl Program {
    /// The facts of the log after a position, read from the database itself.
    ///
    /// # Panics
    ///
    /// When the database does not answer.
    pub async fn facts(&self, after: i64) -> Vec<Fact> {
        const FACTS: &str = "SELECT position, type, data::text, meta::text FROM log.event
                             WHERE position > $1 ORDER BY position";
        let json = |text: &str| serde_json::from_str(text).expect("facts are JSON");
        if let Some(log) = self.event_store().await {
            let (mut after, mut facts) = (Position(after.cast_unsigned()), Vec::new());
            loop {
                let page = log.read_all(after, 1_000, None).await.expect("the log");
                facts.extend(page.events.into_iter().map(|event| Fact {
                    position: event.position.0.cast_signed(),
                    data: json(&event.data),
                    meta: json(&event.meta),
                    kind: event.kind,
                }));
                after = page.next;
                if page.next >= page.head {
                    return facts;
                }
            }
        }
        let mut db = self.database().await;
        let rows: Result<Vec<(i64, String, String, String)>, _> =
            sqlx::query_as(FACTS).bind(after).fetch_all(&mut db).await;
        rows.expect("the log")
            .into_iter()
            .map(|(position, kind, data, meta)| Fact {
                position,
                kind,
                data: json(&data),
                meta: json(&meta),
            })
            .collect()
    }

    /// The position of the last fact.
    ///
    /// # Panics
    ///
    /// When the database does not answer.
    pub async fn head(&self) -> i64 {
        if let Some(log) = self.event_store().await {
            return log.head().await.expect("the log's head").0.cast_signed();
        }
        let mut db = self.database().await;
        let head = sqlx::query_scalar("SELECT position FROM log.head").fetch_one(&mut db).await;
        head.expect("the log's head")
    }

    /// The site's log, when it is on an event store.
    async fn event_store(&self) -> Option<Arc<EventStoreLog>> {
        let set = |name: &str| {
            self.environment.iter().find(|(set, _)| set == name).map(|(_, value)| value.clone())
        };
        let (url, name) = (set("PORTUS_LOG__URL")?, set("PORTUS_LOG__NAME")?);
        let options = EventStoreLogOptions { name, ..Default::default() };
        Some(EventStoreLog::open(&url, options).await.expect("the event store"))
    }

    /// The site's own database, as its owner. Patient, because it may have been killed a moment ago.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    pub async fn database(&self) -> sqlx::PgConnection {
        use sqlx::ConnectOptions as _;
        let database =
            eventually(PATIENCE, || async { self.connect_options("portus")?.connect().await.ok() });
        database.await.expect("the embedded database")
    }

    /// How to reach the site's own database under a role. `None` while it does not run.
    #[must_use]
    pub fn connect_options(&self, role: &str) -> Option<sqlx::postgres::PgConnectOptions> {
        // `postmaster.pid` tells in its lines 4 and 5 the port and the socket's folder.
        let file = find_file(&self.data(), "postmaster.pid", 4)?;
        let text = std::fs::read_to_string(file).ok()?;
        let mut lines = text.lines().skip(3);
        let port = lines.next()?.trim().parse().ok()?;
        let options = sqlx::postgres::PgConnectOptions::new()
            .socket(lines.next()?)
            .port(port)
            .username(role)
            .database("portus");
        Some(options)
    }
}

fn find_file(folder: &Path, name: &str, depth: u32) -> Option<PathBuf> {
    let file = folder.join(name);
    if file.is_file() {
        return Some(file);
    }
    let entries = std::fs::read_dir(folder).ok().filter(|_| depth > 0)?.flatten();
    entries
        .filter(|entry| entry.path().is_dir())
        .find_map(|entry| find_file(&entry.path(), name, depth - 1))
}
