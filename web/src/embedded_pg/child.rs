//! The supervised child: a thread that starts it, waits for it, and starts it again.
//!
//! A thread and not a task: the kernel's parent-death signal is tied to the *thread* that started
//! the child, and threads of a runtime come and go.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::EmbeddedError;

/// The first pause before a restart; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Whoever served this long has earned the first pause again.
const STEADY: Duration = Duration::from_secs(30);
/// How long each kind of stop may take: fast, immediate.
const STOP_PATIENCE: [(Signal, Duration); 2] =
    [(Signal::SIGINT, Duration::from_secs(30)), (Signal::SIGQUIT, Duration::from_secs(5))];
/// How many of the child's last lines are kept for an error's text.
const LAST_WORDS: usize = 12;

/// A child that is kept running until this is dropped.
pub(super) struct Supervised {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Set only while the process exists and is not reaped: safe to signal under the lock.
    pid: Option<i32>,
    stopping: bool,
    /// It was ready once; before that its end is a failed start, not a reason to try again.
    confirmed: bool,
    failed: Option<String>,
    restarts: u64,
    ended: bool,
    last_words: VecDeque<String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Supervised {
    pub(super) fn start(
        command: impl Fn() -> Command + Send + 'static,
    ) -> Result<Self, EmbeddedError> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn({
                let shared = shared.clone();
                move || supervise(&command, &shared)
            })
            .map_err(EmbeddedError::io("cannot start a thread"))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn process_id(&self) -> Option<i32> {
        self.shared.state().pid
    }

    pub(super) fn restarts(&self) -> u64 {
        self.shared.state().restarts
    }

    /// The last words of a child that ended before it was ready.
    pub(super) fn failed(&self) -> Option<String> {
        self.shared.state().failed.clone()
    }

    /// From now on it is started again when it ends.
    pub(super) fn confirm(&self) {
        self.shared.state().confirmed = true;
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.stopping = true;
        self.shared.changed.notify_all();
        for (signal, patience) in STOP_PATIENCE {
            if let Some(pid) = state.pid {
                let _ = kill(Pid::from_raw(pid), signal);
            }
            let waited = self.shared.changed.wait_timeout_while(state, patience, |s| !s.ended);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(pid) = state.pid {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        drop(state);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn supervise(command: &dyn Fn() -> Command, shared: &Arc<Shared>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let ended = run_once(command, shared);
        let mut state = shared.state();
        if state.stopping {
            break;
        }
        if !state.confirmed {
            let words = state.last_words.make_contiguous().join(" / ");
            state.failed = Some(if words.is_empty() { ended } else { words });
            break;
        }
        if started.elapsed() > STEADY {
            pause = FIRST_PAUSE;
        }
        tracing::error!(how = ended, ?pause, "PostgreSQL ended; starting it again");
        let waited = shared.changed.wait_timeout_while(state, pause, |s| !s.stopping);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.stopping {
            break;
        }
        state.restarts += 1;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    shared.state().ended = true;
    shared.changed.notify_all();
}

/// Runs the child to its end, and says how it ended.
fn run_once(command: &dyn Fn() -> Command, shared: &Arc<Shared>) -> String {
    let mut command = command();
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = {
        let mut state = shared.state();
        if state.stopping {
            return "not started".to_owned();
        }
        match command.spawn() {
            Ok(child) => {
                // A process id beyond i32 does not exist on Linux.
                state.pid = i32::try_from(child.id()).ok();
                child
            }
            Err(error) => return format!("cannot be run: {error}"),
        }
    };
    let reader = child.stderr.take().map(|stderr| {
        let shared = shared.clone();
        std::thread::spawn(move || listen(stderr, &shared))
    });
    let how = wait(&mut child, shared);
    if let Some(reader) = reader {
        // Backends of a killed server may keep the pipe open for a moment: they are not waited
        // for, except where their words are needed.
        let patience = Instant::now();
        while !reader.is_finished() && patience.elapsed() < Duration::from_millis(300) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    how
}

fn wait(child: &mut Child, shared: &Shared) -> String {
    // First see that it has ended, then reap it under the lock, so that whoever signals under the
    // lock never hits a process id that belongs to somebody else by now.
    if let Ok(pid) = i32::try_from(child.id()) {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(Pid::from_raw(pid)), flags) == Err(nix::errno::Errno::EINTR) {}
    }
    let mut state = shared.state();
    state.pid = None;
    match child.wait() {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

/// What everybody who has a connection, or wants one, is told whenever a server starts or stops;
/// and that somebody hung up.
const USUAL: [&str; 3] = ["57P01", "57P03", "08006"];

/// Hands the server's log on to ours, and keeps the last lines.
fn listen(stderr: impl Read, shared: &Shared) {
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { return };
        let line = String::from_utf8_lossy(&line);
        // Not every line has a code: some go on where the one before ended.
        let is_code =
            |word: &str| word.len() == 5 && word.bytes().all(|b| b.is_ascii_alphanumeric());
        let (code, line) = match line.split_once(' ') {
            Some((code, rest)) if is_code(code) && rest.contains(":  ") => (code, rest),
            _ => ("", &*line),
        };
        let line = line.trim().to_owned();
        if line.contains("PANIC:") {
            tracing::error!(target: "postgres", "{line}");
        } else if USUAL.contains(&code) {
            tracing::debug!(target: "postgres", "{line}");
        } else if line.contains("FATAL:") || line.contains("WARNING:") {
            tracing::warn!(target: "postgres", "{line}");
        } else {
            tracing::debug!(target: "postgres", "{line}");
        }
        let mut state = shared.state();
        if state.last_words.len() == LAST_WORDS {
            state.last_words.pop_front();
        }
        state.last_words.push_back(line);
    }
}
