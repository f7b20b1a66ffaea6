//! `portus projections` and `portus replay`: where the read models stand, and making them again.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use commands::desk::Clock;
use domain::log::EventLog;
use indicatif::{ProgressBar, ProgressStyle};
use projections::origin::OriginError;
use projections::rebuild::{self, Progress, RebuildError, Rebuilt};
use projections::runner::Now;
use serde_json::json;

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
    let show = |at: Progress| bar.show(&at);
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

/// How far it is, how fast, and how long it will take: a bar on a terminal, else a line now and then.
#[derive(Default)]
struct Bar(Mutex<Option<Shown>>);

struct Shown {
    name: &'static str,
    bar: ProgressBar,
    start: Instant,
    /// When a line was written last; a terminal gets none.
    said: Option<Instant>,
    at: Progress,
}

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);

impl Bar {
    fn show(&self, at: &Progress) {
        let Ok(mut shown) = self.0.lock() else { return };
        if shown.as_ref().is_none_or(|shown| shown.name != at.projection) {
            if let Some(before) = shown.take() {
                before.finish();
            }
            *shown = Some(Shown::new(at));
        }
        if let Some(shown) = shown.as_mut() {
            shown.go_on(at);
        }
    }

    fn clear(&self) {
        if let Ok(mut shown) = self.0.lock()
            && let Some(shown) = shown.take()
        {
            shown.finish();
        }
    }
}

impl Shown {
    fn new(at: &Progress) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(at.head.0) } else { ProgressBar::hidden() };
        let form = "{msg:16} {bar:30} {human_pos}/{human_len} ({per_sec}, {eta} left)";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        bar.set_message(at.projection);
        let now = Instant::now();
        let said = (!terminal).then_some(now);
        Self { name: at.projection, bar, start: now, said, at: at.clone() }
    }

    fn go_on(&mut self, at: &Progress) {
        self.at = at.clone();
        self.bar.set_length(at.head.0);
        self.bar.set_position(at.position.0);
        if self.said.is_some_and(|said| said.elapsed() >= LINE_EVERY) {
            self.said = Some(Instant::now());
            let left = time_left(&self.at, self.start.elapsed());
            self.line(&format!(", {} s left", left.as_secs()));
        }
    }

    fn finish(self) {
        self.bar.finish_and_clear();
        if self.said.is_some() {
            self.line(&format!(" in {:.1} s", self.start.elapsed().as_secs_f64()));
        }
    }

    fn line(&self, rest: &str) {
        let (name, Progress { position, head, .. }) = (self.name, &self.at);
        let rate = rate(position.0, self.start.elapsed());
        let line = format!("{name}: position {position} of {head}, {rate:.0}/s{rest}");
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// Positions a second.
#[allow(clippy::cast_precision_loss)] // for people
fn rate(positions: u64, elapsed: Duration) -> f64 {
    positions as f64 / elapsed.as_secs_f64().max(0.001)
}

/// At the rate so far.
#[allow(clippy::cast_precision_loss)] // for people
fn time_left(at: &Progress, elapsed: Duration) -> Duration {
    let left = at.head.0.saturating_sub(at.position.0) as f64;
    let rate = rate(at.position.0, elapsed).max(0.001);
    Duration::try_from_secs_f64(left / rate).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use domain::event::Position;

    use super::*;

    #[test]
    fn the_time_left_follows_from_the_rate_so_far() {
        let at = |position, head| Progress {
            projection: "content",
            position: Position(position),
            head: Position(head),
        };
        let ten = Duration::from_secs(10);
        assert_eq!(time_left(&at(1_000, 3_000), ten), Duration::from_secs(20));
        assert_eq!(time_left(&at(3_000, 3_000), ten), Duration::ZERO);
        assert_eq!(time_left(&at(3_000, 2_000), ten), Duration::ZERO);
        assert!(time_left(&at(0, u64::MAX), Duration::ZERO) > Duration::from_secs(1_000_000));
    }
}
