//! How far a long command is, how fast, and how long it will take.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Where a part of the work is.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// Which part.
    pub(super) name: &'static str,
    /// Where it began.
    pub(super) from: u64,
    /// Not before `from`.
    pub(super) position: u64,
    /// Where it ends.
    pub(super) head: u64,
}

/// A bar on a terminal, else a line now and then.
#[derive(Default)]
pub(super) struct Bar(Mutex<Option<Shown>>);

struct Shown {
    bar: ProgressBar,
    start: Instant,
    /// When a line was written last; a terminal gets none.
    said: Option<Instant>,
    at: At,
}

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);

impl Bar {
    pub(super) fn show(&self, at: &At) {
        let Ok(mut shown) = self.0.lock() else { return };
        if shown.as_ref().is_none_or(|shown| shown.at.name != at.name) {
            if let Some(before) = shown.take() {
                before.finish();
            }
            *shown = Some(Shown::new(at));
        }
        if let Some(shown) = shown.as_mut() {
            shown.go_on(at);
        }
    }

    pub(super) fn clear(&self) {
        if let Ok(mut shown) = self.0.lock()
            && let Some(shown) = shown.take()
        {
            shown.finish();
        }
    }
}

impl Shown {
    fn new(at: &At) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(at.head) } else { ProgressBar::hidden() };
        let form = "{msg:16} {bar:30} {human_pos}/{human_len} ({per_sec}, {eta} left)";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        bar.set_message(at.name);
        let now = Instant::now();
        let said = (!terminal).then_some(now);
        Self { bar, start: now, said, at: *at }
    }

    fn go_on(&mut self, at: &At) {
        self.at = *at;
        self.bar.set_length(at.head);
        self.bar.set_position(at.position);
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
        let At { name, from, position, head } = self.at;
        let rate = rate(position - from, self.start.elapsed());
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
fn time_left(at: &At, elapsed: Duration) -> Duration {
    let left = at.head.saturating_sub(at.position) as f64;
    let rate = rate(at.position - at.from, elapsed).max(0.001);
    Duration::try_from_secs_f64(left / rate).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_the_rate_so_far() {
        let at = |position, head| At { name: "content", from: 0, position, head };
        let ten = Duration::from_secs(10);
        assert_eq!(time_left(&at(1_000, 3_000), ten), Duration::from_secs(20));
        assert_eq!(time_left(&at(3_000, 3_000), ten), Duration::ZERO);
        assert_eq!(time_left(&at(3_000, 2_000), ten), Duration::ZERO);
        let late = At { name: "content", from: 2_000, position: 3_000, head: 4_000 };
        assert_eq!(time_left(&late, ten), ten, "what was there before took no time");
        assert!(time_left(&at(0, u64::MAX), Duration::ZERO) > Duration::from_secs(1_000_000));
    }
}
