//! `portus serve`: the service, from start to orderly end.

use super::{Done, Failure, say};
use crate::app::App;
use crate::config::Config;
use crate::notify::ServiceManager;
use crate::supervise::Signals;
use crate::telemetry;

pub(super) async fn run(config: Config) -> Done {
    let mut signals = Signals::listen().map_err(Failure::failed)?;
    let Some(app) = start(config, &mut signals).await? else { return Ok(()) };
    say(app.welcome().await);
    finish(app, signals).await
}

/// `None`: somebody asked to stop before it had started.
pub(super) async fn start(config: Config, signals: &mut Signals) -> Result<Option<App>, Failure> {
    telemetry::write_logs(&config.log).map_err(Failure::usage)?;
    tokio::select! {
        app = Box::pin(App::start(config)) => Ok(Some(app?)),
        signal = signals.asked_to_stop() => {
            tracing::info!(signal, "asked to stop while starting");
            Ok(None)
        }
    }
}

/// Runs until somebody asks to stop, or a part cannot be kept up; then stops everything in order.
pub(super) async fn finish(mut app: App, mut signals: Signals) -> Done {
    let manager = ServiceManager::of_environment();
    manager.ready();
    let ended = tokio::select! {
        signal = signals.asked_to_stop() => {
            tracing::info!(signal, "stopping; a second one ends at once");
            Ok(())
        }
        reason = app.fatal.reason() => {
            tracing::error!("{reason}; stopping");
            Err(Failure::failed(reason))
        }
        () = manager.keep_alive() => Ok(()),
    };
    manager.stopping();
    signals.end_at_once_on_another();
    app.stop().await;
    ended
}
