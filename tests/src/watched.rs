//! Real servers under tests: each on a leash that no end of the test process can leave behind.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use std::os::unix::process::CommandExt as _;

/// How long a server may take to stop after SIGTERM before the leash kills it.
const STOPPING: Duration = Duration::from_secs(15);
/// How often a condition is looked at again.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// The leash. It holds the reading end of a pipe from the test process: when that ends in
/// whatever way, also by SIGKILL, the pipe closes, and the server is stopped and tidied up after.
const LEASH: &str = r#"
state=$1; tidy=$2; shift 2
{ "$@" </dev/null >>"$state/log" 2>&1 & echo $! >"$state/pid.new"; mv "$state/pid.new" "$state/pid"
  wait $!; echo $? >"$state/exit"; } &
cat >/dev/null
pid=$(cat "$state/pid")
[ -e "$state/exit" ] || kill -TERM "$pid"
n=0
while [ ! -e "$state/exit" ] && [ $n -lt 150 ]; do sleep 0.1; n=$((n + 1)); done
[ -e "$state/exit" ] || kill -KILL "$pid"
[ -e "$state/keep" ] || eval "$tidy"
"#;

/// A server that cannot outlive the tests.
#[derive(Debug)]
pub struct Watched {
    state: PathBuf,
    leash: Option<ChildStdin>,
    watchdog: Child,
    pid: Pid,
}

impl Watched {
    /// Starts `program` and keeps its output in `state/log`. `tidy` is a line of shell that runs
    /// after the server has ended, with the test process or before it.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start<A: AsRef<OsStr>>(
        state: &Path,
        tidy: &str,
        program: &Path,
        arguments: &[A],
        environment: &[(String, String)],
    ) -> Self {
        std::fs::create_dir_all(state).expect("a folder for a server's state");
        for stale in ["pid", "exit", "keep"] {
            let _ = std::fs::remove_file(state.join(stale));
        }
        let mut watchdog = Command::new("/bin/sh")
            .args(["-c", LEASH, "leash"])
            .arg(state)
            .arg(tidy)
            .arg(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // a Ctrl-C reaches the tests alone; the leash then does its work
            .spawn()
            .expect("/bin/sh");
        let leash = watchdog.stdin.take();
        let pid = within(Duration::from_secs(10), || read_number(&state.join("pid")))
            .expect("a server's process id");
        Self { state: state.to_owned(), leash, watchdog, pid: Pid::from_raw(pid) }
    }

    /// The server's process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal to the server itself, and not to what it started.
    pub fn signal(&self, signal: Signal) {
        if self.exit_code().is_none() {
            let _ = signal::kill(self.pid, signal);
        }
    }

    /// The shell's exit status (128 + n after signal n), once the server has ended.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        read_number(&self.state.join("exit"))
    }

    /// Waits for the end.
    ///
    /// # Panics
    ///
    /// When it has not ended after `patience`.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> i32 {
        within(patience, || self.exit_code()).unwrap_or_else(|| {
            fail(&format!("a server still ran after {patience:?}; it says:\n{}", self.log_tail()))
        })
    }

    /// Everything that the server wrote.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.state.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its last lines, for a failed test's message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Lets go of a server that is to be started again: what it wrote to disk stays.
    pub fn release(self) {
        let _ = std::fs::write(self.state.join("keep"), "");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.leash.take());
        let deadline = Instant::now() + STOPPING + Duration::from_secs(10);
        while Instant::now() < deadline {
            if !matches!(self.watchdog.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(TICK);
        }
    }
}

/// Asks again and again until there is an answer or `patience` is over.
pub fn within<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        match ask() {
            None if Instant::now() < deadline => std::thread::sleep(TICK),
            answer => return answer,
        }
    }
}

/// The same for questions that wait for an answer themselves.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    patience: Duration,
    mut ask: impl FnMut() -> F,
) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        match ask().await {
            None if Instant::now() < deadline => tokio::time::sleep(TICK).await,
            answer => return answer,
        }
    }
}

/// A folder with a short path, which sockets need, that any user may enter, which Postgres needs.
/// Whoever asks for it removes it, for the test process may not live to do so.
///
/// # Panics
///
/// When it cannot be made.
#[must_use]
pub fn scratch(prefix: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::Builder::new().prefix(prefix).tempdir_in("/tmp").expect("a folder");
    let path = folder.keep();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its rights");
    path
}

/// Whether a real tool is here. Without it a test says so loudly and passes, except where
/// `CI=true`: there, everything must be here.
///
/// # Panics
///
/// When a tool is missing in CI.
#[must_use]
pub fn have(tools: &[&str]) -> bool {
    let missing: Vec<&&str> = tools.iter().filter(|tool| find(tool).is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    absent(&format!("this test needs {missing:?}, not found in PATH"));
    false
}

/// Says that what a test needs is not here: with `CI=true` that is a failure, elsewhere the test
/// passes without having tested anything.
///
/// # Panics
///
/// With `CI=true`.
pub fn absent(why: &str) {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        fail(why);
    }
    skipped(why);
}

/// Says loudly, past the test's captured output, that a test passes without having tested anything.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Where a program is, by PATH and the system's own folders.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin"]);
    let found = folders.map(|folder| Path::new(folder).join(program)).find(|file| file.is_file());
    // Debian keeps Postgres's own programs, by version, out of PATH.
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut postgres = versions.map(|version| version.path().join("bin").join(program));
    found.or_else(|| postgres.find(|file| file.is_file()))
}

/// A port that nobody listens on now. The kernel hands them out in turn, so another process is
/// unlikely to get it before the server does.
///
/// # Panics
///
/// When no port is left.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

#[track_caller]
#[allow(clippy::panic, reason = "how a test fails")]
pub(crate) fn fail(why: &str) -> ! {
    panic!("{why}")
}

fn read_number(file: &Path) -> Option<i32> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}
