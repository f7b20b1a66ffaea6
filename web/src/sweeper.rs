//! Clears away what the vault need not keep any longer: sessions and links whose time is over, and
//! answers that nobody gets again. They are good for nothing before they are gone, too.

use std::time::Duration;

use commands::desk::Desk;
use tokio_util::sync::CancellationToken;

use crate::auth::Sessions;

/// How often.
pub const EVERY: Duration = Duration::from_secs(15 * 60);

/// Sweeps now and then, until told to stop. A vault that does not serve is tried again.
pub async fn run(desk: Desk, sessions: Sessions, stop: CancellationToken) {
    let mut turns = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = turns.tick() => {}
            () = stop.cancelled() => return,
        }
        match sweep(&desk, &sessions).await {
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
/// The vault's, in words; some may be gone then.
pub async fn sweep(desk: &Desk, sessions: &Sessions) -> Result<u64, String> {
    let now = desk.clock.now();
    let answers = desk.vault.sweep_answers(now).await.map_err(|error| error.to_string())?;
    let links = desk.vault.sweep_resets(now).await.map_err(|error| error.to_string())?;
    let sessions = sessions.sweep().await.map_err(|error| error.to_string())?;
    Ok(answers + links + sessions)
}
