//! The one task that writes.

use std::time::{Duration, Instant};

use domain::log::{EncodedAppend, LogError, Outcome};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use tokio::time::{sleep, timeout};

use super::batch::{self, TOGETHER};
use super::{PostgresLogOptions, position};
use crate::log::Reached;
use crate::log::queue::{Batch, Line};

/// The first pause before a batch is tried again; doubled each time.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Sequencer {
    connect: PgConnectOptions,
    options: PostgresLogOptions,
    line: Line,
    reached: Reached,
    connection: Option<PgConnection>,
    /// The last batch could not be written: until one is, nobody is kept waiting for tries.
    down: bool,
}

/// Why a batch was not written.
enum Failure {
    /// Something in it is not to Postgres's taste: trying again is useless.
    Rejected(String),
    /// It was certainly not written, and may be next time.
    Refused(String),
    /// The connection broke while it was being written: it may have been.
    Lost(String),
}

impl Sequencer {
    pub(super) fn new(
        connect: PgConnectOptions,
        options: PostgresLogOptions,
        line: Line,
        reached: Reached,
    ) -> Self {
        // The server gives up before we do: what it has given up is certainly not written.
        let milliseconds = |duration: Duration| duration.as_millis().to_string();
        let connect = connect.application_name("portus sequencer").options([
            ("lock_timeout", milliseconds(options.lock_timeout)),
            ("statement_timeout", milliseconds(options.statement_timeout)),
            ("idle_in_transaction_session_timeout", milliseconds(options.statement_timeout)),
        ]);
        Self { connect, options, line, reached, connection: None, down: false }
    }

    /// Writes until nobody can append any more and nothing waits.
    pub(super) async fn run(mut self) {
        while let Some(batch) = self.line.next(TOGETHER).await {
            self.write(batch).await;
        }
    }

    /// Writes a batch, or the halves of one that is rejected as a whole: whoever waits with
    /// somebody's impossible command shall not suffer for it.
    async fn write(&mut self, batch: Batch) {
        let mut parts = vec![batch];
        while let Some(mut batch) = parts.pop() {
            match self.persist(&batch.commands).await {
                Ok(outcomes) => batch.answer(outcomes),
                Err(Failure::Rejected(_)) if batch.commands.len() > 1 => {
                    let rest = batch.halve();
                    parts.extend([rest, batch]);
                }
                Err(Failure::Rejected(why)) => batch.fail(|| LogError::Invalid(why.clone())),
                Err(Failure::Refused(why) | Failure::Lost(why)) => {
                    let appends = batch.commands.len();
                    tracing::error!(error = why, appends, "the log does not answer");
                    batch.fail(|| LogError::Unavailable(why.clone()));
                }
            }
        }
    }

    /// Tries until it is written, rejected, or patience is at an end.
    async fn persist(&mut self, batch: &[EncodedAppend]) -> Result<Vec<Outcome>, Failure> {
        let (started, mut pause) = (Instant::now(), PAUSE);
        let mut perhaps_written = false;
        loop {
            let failure = match self.attempt(batch, perhaps_written).await {
                Ok(outcomes) => {
                    self.down = false;
                    return Ok(outcomes);
                }
                Err(Failure::Rejected(why)) => return Err(Failure::Rejected(why)),
                Err(failure) => failure,
            };
            perhaps_written |= matches!(failure, Failure::Lost(_));
            self.connection = None;
            if self.down || started.elapsed() + pause > self.options.patience {
                self.down = true;
                return Err(failure);
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    async fn attempt(
        &mut self,
        batch: &[EncodedAppend],
        perhaps_written: bool,
    ) -> Result<Vec<Outcome>, Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        // A little more than the server allows itself: it should be the one to give up.
        let limit = self.options.statement_timeout + Duration::from_secs(2);
        let answer = match timeout(limit, batch::write(&mut connection, batch)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let failure = classify(&error);
                if matches!(failure, Failure::Rejected(_)) {
                    self.connection = Some(connection);
                }
                return Err(failure);
            }
            Err(_) => return Err(Failure::Lost(format!("no answer within {limit:?}"))),
        };
        let mut outcomes = batch::outcomes(batch, &answer);
        if perhaps_written {
            // Only makes the answer more exact.
            let _ = batch::recognise(&mut connection, batch, &mut outcomes).await;
        }
        let decisions = batch.iter().any(EncodedAppend::decides);
        self.reached.publish(position(answer.head), decisions);
        metrics::gauge!("portus_log_position").set(answer.head as f64);
        if answer.tight {
            make_room(&mut connection).await;
        }
        self.connection = Some(connection);
        Ok(outcomes)
    }

    async fn connect(&self) -> Result<PgConnection, Failure> {
        match timeout(self.options.connect_timeout, self.connect.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Failure::Refused(error.to_string())),
            Err(_) => Err(Failure::Refused("no connection in time".to_owned())),
        }
    }
}

/// Adds segments ahead of need. When it fails, `log.append` does it at the last moment.
async fn make_room(connection: &mut PgConnection) {
    let made = sqlx::query_scalar::<_, i32>("SELECT log.ensure_segments()").fetch_one(connection);
    match made.await {
        Ok(made) => tracing::info!(made, "added segments to the log"),
        Err(error) => tracing::warn!(%error, "no segments were added to the log"),
    }
}

fn classify(error: &sqlx::Error) -> Failure {
    let text = error.to_string();
    let Some(code) = error.as_database_error().and_then(|error| error.code()) else {
        return Failure::Lost(text);
    };
    match code.get(..2) {
        // Data, constraint, limits: it will be no better next time.
        Some("21" | "22" | "23" | "54") => Failure::Rejected(text),
        // The server is going down or throws us out: perhaps after the commit.
        Some("08" | "58" | "XX") => Failure::Lost(text),
        Some("57") if code != "57014" => Failure::Lost(text),
        _ => Failure::Refused(text),
    }
}
