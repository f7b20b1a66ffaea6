//! The real program as people start it: `portus serve --embedded`, with its own Postgres and a
//! real registry, on free ports and in a folder of its own.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

mod api;
mod browser;
mod facts;
mod people;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

pub use self::api::{Answer, Api};
pub use self::facts::Fact;
pub use self::people::Person;
use crate::watched::{Watched, eventually, fail, free_port, scratch};

/// How long the program may take until it is ready, its database's first start included.
const STARTING: Duration = Duration::from_secs(90);
/// How long it may take to stop in order.
const STOPPING: Duration = Duration::from_secs(30);
/// How long a fact may take to show up in what is read.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The administrator of every site.
pub const ADMIN: &str = "boss";
const ADMIN_PASSWORD: &str = "correct horse battery staple 1";

/// A running `portus serve --embedded`.
#[derive(Debug)]
pub struct Program {
    folder: PathBuf,
    listen: String,
    registry: String,
    environment: Vec<(String, String)>,
    process: Mutex<Option<Watched>>,
    /// Session cookies of those who have looked at pages.
    sessions: tokio::sync::Mutex<HashMap<String, String>>,
}

impl Program {
    /// Starts a new, empty site and makes its first administrator.
    ///
    /// # Panics
    ///
    /// With the program's last words when it does not get ready.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, with settings as environment variables.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub async fn start_with(environment: &[(&str, &str)]) -> Self {
        let program = Self::raise(environment, None).await;
        program.claim().await;
        program
    }

    /// A site on a data folder that is kept: new where the folder is empty, else as it was left.
    /// Two at a time on one folder do not start.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub async fn start_kept(data: &Path, environment: &[(&str, &str)]) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::create_dir_all(data).expect("the kept folder");
        std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o755)).expect("its rights");
        let new = std::fs::read_dir(data).expect("the kept folder").next().is_none();
        let program = Self::raise(environment, Some(data)).await;
        if new {
            program.claim().await;
        }
        program
    }

    async fn claim(&self) {
        let file = self.folder.join("admin-password");
        std::fs::write(&file, ADMIN_PASSWORD).expect("a password file");
        let file = file.display().to_string();
        self.cli(&["admin", "create", ADMIN, "--admin", "--password-file", &file]).await;
        // Another process wrote that: where nobody tells of it, the service looks now and then.
        let known = eventually(PATIENCE, || async {
            (self.admin().get("/api/v1/users").await.status == 200).then_some(())
        });
        known.await.expect("the first administrator");
    }

    /// A new site as it is found at its first start: nobody is there yet.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub async fn start_unclaimed() -> Self {
        Self::raise(&[], None).await
    }

    async fn raise(environment: &[(&str, &str)], kept: Option<&Path>) -> Self {
        let folder = scratch("pp");
        if let Some(data) = kept {
            std::os::unix::fs::symlink(data, folder.join("data")).expect("the way to the data");
        }
        let listen = format!("127.0.0.1:{}", free_port());
        let registry = format!("127.0.0.1:{}", free_port());
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(owned).collect();
        let program = Self {
            folder,
            listen,
            registry,
            environment,
            process: Mutex::new(None),
            sessions: Default::default(),
        };
        program.start_again().await;
        program
    }

    /// Starts the program on the data that a former start left, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// With its last words when it does not get ready.
    pub async fn start_again(&self) {
        self.launch();
        let url = format!("{}/readyz", self.url());
        let http = api::http();
        let ready = eventually(STARTING, || async {
            let answer = http.get(&url).send().await;
            let ready = answer.is_ok_and(|answer| answer.status() == 200);
            (ready || self.exit_code().is_some()).then_some(ready)
        });
        if ready.await != Some(true) {
            fail(&format!("portus serve did not get ready; it says:\n{}", self.log_tail()));
        }
    }

    /// The same without waiting for anything.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn launch(&self) {
        let data = self.data().display().to_string();
        let arguments = [
            "serve",
            "--embedded",
            "--data-dir",
            &data,
            "--listen",
            &self.listen,
            "--registry",
            &self.registry,
        ];
        let state = self.folder.join("state");
        // Whatever of ours still runs names this folder on its command line.
        let tidy = format!(
            "for p in $(grep -sl '{0}' /proc/[0-9]*/cmdline | cut -d/ -f3); do \
               [ $p = $$ ] || kill -KILL $p; done; [ -n \"$KEEP_TEST_FOLDERS\" ] || rm -rf {0}",
            self.folder.display()
        );
        let process = Watched::start(&state, &tidy, &binary(), &arguments, &self.environment);
        *self.process.lock().expect("the process") = Some(process);
    }

    /// Changes a setting, as an environment variable, for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Stops it as Ctrl-C does, and waits for the end. Answers its exit code.
    ///
    /// # Panics
    ///
    /// When it does not stop.
    #[must_use]
    pub fn stop(&self) -> i32 {
        self.signal(Signal::SIGTERM);
        self.ended()
    }

    /// Ends it as a crash does. What it started may still run.
    ///
    /// # Panics
    ///
    /// When it cannot be ended.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
        let _ = self.ended();
    }

    /// The settings with which it starts, as environment variables.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &*self.process.lock().expect("the process") {
            process.signal(signal);
        }
    }

    fn ended(&self) -> i32 {
        let process = self.process.lock().expect("the process").take().expect("a running portus");
        let code = process.wait(STOPPING);
        process.release();
        code
    }

    fn exit_code(&self) -> Option<i32> {
        self.process.lock().expect("the process").as_ref().and_then(Watched::exit_code)
    }

    /// Where pages and the REST interface are.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The registry's `host:port`, as people type it before an image's name.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Everything that the program wrote.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.lock().expect("the process").as_ref().map(Watched::log).unwrap_or_default()
    }

    /// Its last lines.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let process = self.process.lock().expect("the process");
        process.as_ref().map(Watched::log_tail).unwrap_or_default()
    }

    /// The process id of the program itself.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        self.process.lock().expect("the process").as_ref().map(Watched::pid)
    }

    /// The process of ours whose command is `name`, such as `postgres` or `docker-registry`.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<Pid> {
        children(&self.folder, name).first().copied()
    }

    /// Ends one of the program's children as a crash does.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn kill_child(&self, name: &str) {
        let found = children(&self.folder, name);
        assert!(!found.is_empty(), "no {name} runs in {}", self.folder.display());
        for pid in found {
            let _ = signal::kill(pid, Signal::SIGKILL);
        }
    }

    /// Sends a signal to the children whose command is `name`, and to what they have started: the
    /// back ends of `postgres` do not name the folder.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn signal_children(&self, name: &str, signal: Signal) {
        let found = children(&self.folder, name);
        assert!(!found.is_empty(), "no {name} runs in {}", self.folder.display());
        let below = commands().map(|(pid, _)| pid).filter(|pid| {
            let parent = parent_of(*pid);
            parent.is_some_and(|parent| found.contains(&parent))
        });
        for pid in found.iter().copied().chain(below) {
            let _ = signal::kill(pid, signal);
        }
    }

    /// `portus …` on this site's data. Answers what it printed.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn cli(&self, arguments: &[&str]) -> String {
        let output = tokio::process::Command::new(binary())
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(STARTING, output).await.expect("portus ends in time");
        let output = output.expect("portus runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !output.status.success() {
            let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
            fail(&format!("portus {} failed:\n{said}", arguments.join(" ")));
        }
        text(&output.stdout)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let started = self.process.get_mut().expect("the process").take();
        if started.is_none() {
            // Stopped, or crashed on purpose: nobody else tidies up.
            for pid in processes(&self.folder) {
                let _ = signal::kill(pid, Signal::SIGKILL);
            }
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// The program: where `PORTUS_BIN` says, else beside the tests in the target folder.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("PORTUS_BIN") {
        return PathBuf::from(named);
    }
    let tests = std::env::current_exe().expect("the tests' own path");
    let built = tests.parent().and_then(Path::parent).map(|target| target.join("portus"));
    match built.filter(|file| file.is_file()) {
        Some(file) => file,
        None => fail("the program is not built: run `cargo build -p web` first"),
    }
}

/// The processes that name `folder` on their command line, or the place where its data are kept,
/// without the leash.
fn processes(folder: &Path) -> Vec<Pid> {
    let kept = std::fs::canonicalize(folder.join("data")).ok();
    let needles: Vec<_> = std::iter::once(folder)
        .chain(kept.as_deref())
        .map(|path| path.display().to_string())
        .collect();
    let named = |line: &str| needles.iter().any(|needle| line.contains(needle));
    commands()
        .filter(|(_, line)| !line.starts_with("/bin/sh") && named(line))
        .map(|(pid, _)| pid)
        .collect()
}

fn children(folder: &Path, name: &str) -> Vec<Pid> {
    let mine = processes(folder);
    commands()
        .filter(|(pid, line)| {
            let program = line.split('\0').next().unwrap_or_default();
            mine.contains(pid) && program.rsplit('/').next() == Some(name)
        })
        .map(|(pid, _)| pid)
        .collect()
}

fn parent_of(pid: Pid) -> Option<Pid> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    parent.trim().parse().ok().map(Pid::from_raw)
}

/// Every process with its command line, arguments ended by NUL.
fn commands() -> impl Iterator<Item = (Pid, String)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some((Pid::from_raw(pid), String::from_utf8_lossy(&line).into_owned()))
    })
}
