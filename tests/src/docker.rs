//! A private docker engine: no network set-up, no overlay, own folders; one a test process.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::watched::{Watched, fail, find, scratch, within};

/// A running `dockerd`.
#[derive(Debug)]
pub struct Engine {
    folder: PathBuf,
    process: Watched,
}

impl Engine {
    /// The engine that all tests of this process share.
    pub fn shared() -> &'static Self {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        ENGINE.get_or_init(Self::start)
    }

    /// Starts an engine of its own and waits until it answers.
    ///
    /// # Panics
    ///
    /// With the engine's last words when it does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = scratch("pd");
        let path = |name: &str| folder.join(name).display().to_string();
        // The engine leaves the mount of its network namespace behind.
        let tidy = format!(
            "umount {0}/exec/netns/default 2>/dev/null; [ -n \"$KEEP_TEST_FOLDERS\" ] || rm -rf {0}",
            folder.display()
        );
        let arguments = [
            "--iptables=false".to_owned(),
            "--ip6tables=false".to_owned(),
            "--bridge=none".to_owned(),
            "--storage-driver=vfs".to_owned(),
            "--data-root".to_owned(),
            path("data"),
            "--exec-root".to_owned(),
            path("exec"),
            "--pidfile".to_owned(),
            path("dockerd.pid"),
            "-H".to_owned(),
            format!("unix://{}", path("docker.sock")),
        ];
        let binary = find("dockerd").expect("dockerd, of the Debian package docker.io");
        let state = folder.join("state");
        let process = Watched::start(&state, &tidy, &binary, &arguments, &[]);
        let socket = folder.join("docker.sock");
        let answers =
            || (process.exit_code().is_some() || ping(&socket)).then_some(process.exit_code());
        match within(Duration::from_secs(60), answers) {
            Some(None) => Self { folder, process },
            _ => fail(&format!("dockerd did not start; it says:\n{}", process.log_tail())),
        }
    }

    /// Where its clients connect.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    /// The socket of the containerd that the engine runs, for `ctr`.
    #[must_use]
    pub fn containerd(&self) -> PathBuf {
        self.folder.join("exec/containerd/containerd.sock")
    }

    /// What the engine wrote last.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }
}

fn ping(socket: &Path) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let asked = stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n");
    let mut answer = String::new();
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
}
