//! A bare registry that asks nobody, to try the bench itself.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use std::path::PathBuf;
use std::time::Duration;

use crate::watched::{Watched, fail, find, free_port, scratch, within};

/// A running `docker-registry` without authorization.
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
        let address = format!("127.0.0.1:{}", free_port());
        let config = folder.join("config.yml");
        let settings = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}/data}}\n  \
             delete: {{enabled: true}}\nhttp: {{addr: {address}}}\n",
            folder.display()
        );
        std::fs::write(&config, settings).expect("the registry's configuration");
        let binary = find("docker-registry").expect("docker-registry, of the package of this name");
        let tidy = format!("rm -rf {}", folder.display());
        let state = folder.join("state");
        let arguments = ["serve".to_owned(), config.display().to_string()];
        let process = Watched::start(&state, &tidy, &binary, &arguments, &[]);
        let listens = || std::net::TcpStream::connect(&address).ok();
        if within(Duration::from_secs(20), listens).is_none() {
            fail(&format!("docker-registry did not start; it says:\n{}", process.log_tail()));
        }
        Self { address, _process: process, _folder: folder }
    }

    /// Its `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}
