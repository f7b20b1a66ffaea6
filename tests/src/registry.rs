//! Registries that Portus does not start itself.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::watched::{Watched, fail, find, free_port, scratch, within};

/// A running `docker-registry` without authorization, which tells nobody what happens in it.
#[derive(Debug)]
pub struct OpenRegistry {
    address: String,
    _process: Watched,
    _folder: PathBuf,
}

impl OpenRegistry {
    /// Starts one and waits until it listens.
    ///
    /// # Panics
    ///
    /// With its last words when it does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = scratch("pr");
        let storage = folder.join("data");
        Self::over(folder, &storage)
    }

    /// The same on content that another registry keeps: a way in behind its back.
    ///
    /// # Panics
    ///
    /// With its last words when it does not start.
    #[must_use]
    pub fn behind_the_back_of(storage: &Path) -> Self {
        Self::over(scratch("pr"), storage)
    }

    fn over(folder: PathBuf, storage: &Path) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let process = serve(&folder, &address, storage, "");
        Self { address, _process: process, _folder: folder }
    }

    /// Its `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// A running `docker-registry` as somebody keeps it who looks after it themself: it asks Portus for
/// tokens and tells it what happens, and lives and dies by itself.
#[derive(Debug)]
pub struct KeptRegistry {
    address: String,
    folder: PathBuf,
    extra: String,
    process: Mutex<Option<Watched>>,
}

impl KeptRegistry {
    /// What it tells Portus with.
    pub const SECRET: &str = "a secret of the kept registry";

    /// A registry on `address` that belongs to the Portus at `portus` (`host:port`), which keeps
    /// `bundle`. It does not run yet.
    #[must_use]
    pub fn new(address: &str, portus: &str, bundle: &Path) -> Self {
        let extra = format!(
            "auth:\n  token: {{realm: 'http://{portus}/v2/token', service: '{address}', \
             issuer: '{portus}', rootcertbundle: '{}'}}\n\
             notifications:\n  events: {{includereferences: true}}\n  endpoints:\n    \
             - {{name: portus, url: 'http://{portus}/v2/webhooks/events', timeout: 3s, \
             threshold: 3, backoff: 500ms, headers: {{Authorization: ['Bearer {}']}}}}\n",
            bundle.display(),
            Self::SECRET
        );
        let process = Mutex::default();
        Self { address: address.to_owned(), folder: scratch("pk"), extra, process }
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    ///
    /// With its last words when it does not start.
    pub fn start(&self) {
        let storage = self.folder.join("data");
        let process = serve(&self.folder, &self.address, &storage, &self.extra);
        *self.process.lock().expect("the process") = Some(process);
    }

    /// Ends it as a crash does: what it had not told is lost, what it holds stays.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&self) {
        let process = self.process.lock().expect("the process").take().expect("a running registry");
        process.signal(Signal::SIGKILL);
        let _ = process.wait(Duration::from_secs(10));
        process.release();
    }
}

impl Drop for KeptRegistry {
    fn drop(&mut self) {
        if self.process.get_mut().expect("the process").take().is_none() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn serve(folder: &Path, address: &str, storage: &Path, extra: &str) -> Watched {
    let config = folder.join("config.yml");
    let settings = format!(
        "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  \
         delete: {{enabled: true}}\nhttp: {{addr: {address}}}\n{extra}",
        storage.display()
    );
    std::fs::write(&config, settings).expect("the registry's configuration");
    let binary = find("docker-registry").expect("docker-registry, of the package of this name");
    let tidy = format!("rm -rf {}", folder.display());
    let state = folder.join("state");
    let arguments = ["serve".to_owned(), config.display().to_string()];
    let process = Watched::start(&state, &tidy, &binary, &arguments, &[]);
    let listens = || std::net::TcpStream::connect(address).ok();
    if within(Duration::from_secs(20), listens).is_none() {
        fail(&format!("docker-registry did not start; it says:\n{}", process.log_tail()));
    }
    process
}
