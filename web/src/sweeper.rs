//! Clears away what the vault need not keep any longer: sessions and links whose time is over,
//! answers that nobody gets again, and texts of comments that are no more. They are good for nothing
//! before they are gone, too.

use std::time::Duration;

use commands::desk::Desk;
use domain::comment::CommentId;
use jiff::{SignedDuration, Timestamp};
use projections::runner::Runner;
use projections::{ReadModels, comments};
use tokio_util::sync::CancellationToken;

use crate::auth::Sessions;

/// How often.
pub const EVERY: Duration = Duration::from_secs(15 * 60);
/// The text of a comment is written before its fact: so long it may wait for that.
pub const UNTOLD: SignedDuration = SignedDuration::from_hours(1);

/// Comments that are looked at together.
const TOGETHER: usize = 500;
/// How long the read models may take to get to the end of the log.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who sweeps. Cheap to clone.
#[derive(Clone)]
pub struct Sweeper {
    /// The vault's, and the log's.
    pub desk: Desk,
    /// Web sessions.
    pub sessions: Sessions,
    /// Says which comments there are.
    pub read: ReadModels,
    /// Says how far that is true.
    pub runner: Runner,
}

impl Sweeper {
    /// Sweeps now and then, until told to stop. What does not serve is tried again.
    pub async fn run(&self, stop: CancellationToken) {
        let mut turns = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = turns.tick() => {}
                () = stop.cancelled() => return,
            }
            match self.sweep(self.desk.clock.now()).await {
                Ok(0) => {}
                Ok(gone) => tracing::debug!(gone, "cleared away what is over"),
                Err(error) => tracing::warn!(error, "what is over is not cleared away yet"),
            }
        }
    }

    /// Sweeps once, and says how many things went.
    ///
    /// # Errors
    ///
    /// The vault's, the log's or the read models', in words; some things may be gone then.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, String> {
        let vault = &self.desk.vault;
        let answers = vault.sweep_answers(now).await.map_err(|error| error.to_string())?;
        let links = vault.sweep_resets(now).await.map_err(|error| error.to_string())?;
        let sessions = self.sessions.sweep().await.map_err(|error| error.to_string())?;
        Ok(answers + links + sessions + self.sweep_comments(now).await?)
    }

    /// Texts whose comment went with its namespace, whose deletion was cut off in the middle, or of
    /// which no fact ever told. A comment that is gone never comes back, and a read model that
    /// shows all that the log held a moment ago knows all that are there.
    async fn sweep_comments(&self, now: Timestamp) -> Result<u64, String> {
        let vault = &self.desk.vault;
        let (mut after, mut all) = (None, 0);
        loop {
            let texts = vault.comments_before(now - UNTOLD, after, TOGETHER).await;
            let texts = texts.map_err(|error| error.to_string())?;
            let Some(last) = texts.last() else { return Ok(all) };
            after = Some(*last);
            let head = self.desk.log.head().await.map_err(|error| error.to_string())?;
            let reached = self.runner.reached_in("directory", head, PATIENCE).await;
            reached.map_err(|lagging| lagging.to_string())?;
            let known = comments::known(&self.read, &texts).await;
            let known = known.map_err(|error| error.to_string())?;
            for gone in texts.into_iter().filter(|text| !known.contains(text)) {
                let gone = vault.forget_comment(CommentId(gone)).await;
                gone.map_err(|error| error.to_string())?;
                all += 1;
            }
        }
    }
}
