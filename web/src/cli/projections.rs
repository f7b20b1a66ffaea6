//! `portus projections` and `portus replay`: where the read models stand, and making them again.

use std::sync::Arc;

use comfy_table::{Table, presets};
use commands::desk::Clock;
use domain::log::EventLog;
use projections::origin::OriginError;
use projections::rebuild::{self, Progress, RebuildError, Rebuilt};
use projections::runner::Now;
use serde_json::json;

use super::progress::{At, Bar};
use super::{Done, Failure, say};
use crate::config::Config;
use crate::foundation::{Foundation, FoundationError};

/// Where each read model stands.
pub(super) async fn status(config: &Config, as_json: bool) -> Done {
    let foundation = Foundation::beside(config).await.map_err(Failure::from)?;
    let looked = async {
        let all = rebuild::status(&foundation.database.service).await;
        let head = foundation.log.head().await;
        let all = all.map_err(Failure::unreachable)?;
        Ok::<_, Failure>((all, head.map_err(Failure::unreachable)?, foundation.recognise().await))
    };
    let looked = looked.await;
    foundation.close().await;
    let (all, head, recognised) = looked?;
    if as_json {
        say(json!({ "head": head, "projections": all }));
    } else {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["projection", "state", "position", "behind", ""]);
        for at in &all {
            let behind = head.0.saturating_sub(at.position).to_string();
            let note = match (&at.error, at.outdated) {
                (Some(error), _) => error.clone(),
                (None, true) => "made by other code: rebuild it".to_owned(),
                (None, false) => String::new(),
            };
            let position = at.position.to_string();
            table.add_row([at.projection.clone(), at.state.clone(), position, behind, note]);
        }
        say(table);
    }
    if all.iter().any(|at| at.state == "halted") {
        return Err(Failure { code: 3, text: "a projection has halted".to_owned() });
    }
    recognised.map_err(|error| match error {
        FoundationError::Origin(OriginError::Foreign { .. }) => {
            Failure { code: 3, text: error.to_string() }
        }
        error => error.into(),
    })
}

/// Makes one read model, or all, again from the log, beside the old, compares, and swaps it in; with
/// `dry` it only compares.
pub(super) async fn rebuild(config: &Config, name: &str, dry: bool, as_json: bool) -> Done {
    let foundation = Foundation::beside(config).await.map_err(Failure::from)?;
    let log: Arc<dyn EventLog> = foundation.log.clone();
    let clock = Clock::system();
    let now: Now = Arc::new(move || clock.now());
    let bar = Bar::default();
    let show = |at: Progress| {
        bar.show(&At { name: at.projection, from: 0, position: at.position.0, head: at.head.0 });
    };
    let pool = &foundation.database.service;
    let work = async {
        if dry {
            rebuild::compare(&log, pool, name, &show).await
        } else {
            rebuild::rebuild(&log, pool, &now, name, &show).await
        }
    };
    let rebuilt = tokio::select! {
        rebuilt = work => {
            rebuilt.map_err(|error| match error {
                RebuildError::Unknown(..) => Failure::usage(error),
                RebuildError::Unavailable(_) => Failure::unreachable(error),
                RebuildError::Running(_) | RebuildError::Poisoned(_) => Failure::failed(error),
            })
        }
        _ = tokio::signal::ctrl_c() => {
            Err(Failure { code: 130, text: "stopped; the read models are as they were".to_owned() })
        }
    };
    bar.clear();
    drop(log);
    foundation.close().await;
    let rebuilt = rebuilt?;
    report(&rebuilt, dry, as_json);
    if rebuilt.iter().any(|one| one.same() == Some(false)) {
        return Err(Failure { code: 3, text: "a read model was not what the log says".to_owned() });
    }
    Ok(())
}

fn report(rebuilt: &[Rebuilt], dry: bool, as_json: bool) {
    if as_json {
        let all: Vec<_> = rebuilt
            .iter()
            .map(|one| {
                json!({
                    "projection": one.projection, "at": one.at, "digest": one.digest,
                    "before": one.before, "same": one.same(), "swapped": !dry,
                })
            })
            .collect();
        say(json!(all));
        return;
    }
    for one in rebuilt {
        let verdict = match one.same() {
            Some(true) => "the same as before",
            Some(false) => "DIFFERENT from before",
            None => "nothing to compare with",
        };
        say(format_args!("{}: {} at {}, {verdict}", one.projection, one.digest, one.at));
    }
}
