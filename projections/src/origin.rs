//! Whether the read models were made from the log that is read now. Each remembers the last fact
//! that it read; another fact at that position, or none, means that the log was changed for another
//! one, and that to read on would mix the two. A copy with the same facts at the same positions is
//! the same log.

use domain::event::Position;
use domain::log::{EventLog, LogError};
use sqlx::PgPool;

use crate::checkpoint;

/// Why the read models must not go on; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// They were made from something else.
    #[error(
        "the read models were made from another event log: `{projection}` has read up to position \
         {position}, and this log, which ends at {head}, does not hold the fact that it read last. \
         Set log.store, log.url and log.name back to that log, or move it to where they point now \
         with `portus log copy`, or make the read models again from this one with `portus replay`; nothing was changed"
    )]
    Foreign {
        /// Which.
        projection: &'static str,
        /// How far it has read.
        position: Position,
        /// Where this log ends.
        head: Position,
    },
    /// The log does not serve.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database does not serve.
    #[error("the database does not answer: {0}")]
    Database(#[from] sqlx::Error),
}

/// Compares the last fact of every relational read model with what the log holds there.
///
/// # Errors
///
/// [`OriginError`].
pub async fn check(log: &dyn EventLog, pool: &PgPool) -> Result<(), OriginError> {
    for projection in crate::relational() {
        let generations = {
            let mut db = pool.acquire().await?;
            checkpoint::generations(&mut db, projection.as_ref()).await?
        };
        let Some(live) = generations.into_iter().find(|at| at.state != "building") else {
            continue;
        };
        if !checkpoint::is_of(log, &live).await? {
            let head = log.head().await?;
            let (projection, position) = (live.name, live.position);
            return Err(OriginError::Foreign { projection, position, head });
        }
    }
    Ok(())
}
