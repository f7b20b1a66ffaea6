//! People with real clients: docker, podman, skopeo, buildah, ctr, each with an own home.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::docker::Engine;
use crate::watched::fail;

/// The longest that one command of a client may take. Retries of docker against a registry that
/// comes back count in.
const PATIENCE: Duration = Duration::from_secs(120);

/// One person's machine: own home, credentials and storage. Its docker talks to a shared engine.
#[derive(Debug)]
pub struct Machine {
    home: tempfile::TempDir,
    engine: Option<PathBuf>,
}

/// What a command did, and what its person saw.
#[derive(Debug)]
pub struct Outcome {
    /// What was typed.
    pub command: String,
    /// Whether it ended with 0.
    pub success: bool,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Outcome {
    /// What it printed.
    ///
    /// # Panics
    ///
    /// When it failed.
    #[track_caller]
    pub fn succeeds(self) -> String {
        if !self.success {
            fail(&format!("{} failed:\n{}{}", self.command, self.out, self.err));
        }
        self.out
    }

    /// What the person reads, on whichever stream.
    ///
    /// # Panics
    ///
    /// When it worked.
    #[track_caller]
    pub fn fails(self) -> String {
        if self.success {
            fail(&format!("{} worked:\n{}{}", self.command, self.out, self.err));
        }
        format!("{}{}", self.out, self.err)
    }
}

impl Machine {
    /// A new machine whose docker, if it uses one, is `engine`.
    ///
    /// # Panics
    ///
    /// When no folder can be made.
    #[must_use]
    pub fn new(engine: Option<&Engine>) -> Self {
        let home = tempfile::Builder::new().prefix("pm").tempdir_in("/tmp").expect("a home");
        for folder in ["docker", "storage", "run", "tmp", "work"] {
            std::fs::create_dir(home.path().join(folder)).expect("a folder at home");
        }
        // buildah refuses to start where the file that REGISTRY_AUTH_FILE names does not exist.
        std::fs::write(home.path().join("auth.json"), "{}").expect("a file at home");
        Self { home, engine: engine.map(|engine| engine.socket()) }
    }

    /// A place for files.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("work").join(name)
    }

    /// `docker …`
    pub async fn docker(&self, arguments: &[&str]) -> Outcome {
        self.run("docker", arguments, "").await
    }

    /// `docker login`, with the password over standard input as people are told to.
    pub async fn docker_login(&self, registry: &str, user: &str, password: &str) -> Outcome {
        self.run("docker", &["login", "-u", user, "--password-stdin", registry], password).await
    }

    /// What docker has stored, credentials included.
    ///
    /// # Panics
    ///
    /// When it has stored nothing.
    #[must_use]
    pub fn docker_configuration(&self) -> serde_json::Value {
        let file = self.home.path().join("docker/config.json");
        let text = std::fs::read_to_string(file).expect("docker's configuration");
        serde_json::from_str(&text).expect("JSON")
    }

    /// `podman …` over plain HTTP where the command takes that.
    pub async fn podman(&self, arguments: &[&str]) -> Outcome {
        let storage = self.storage(&["--tmpdir"]);
        let mut all: Vec<&str> = storage.iter().map(String::as_str).collect();
        all.extend(arguments);
        self.run("podman", &all, "").await
    }

    /// `podman login`
    pub async fn podman_login(&self, registry: &str, user: &str, password: &str) -> Outcome {
        let storage = self.storage(&["--tmpdir"]);
        let mut all: Vec<&str> = storage.iter().map(String::as_str).collect();
        all.extend(["login", "--tls-verify=false", "-u", user, "--password-stdin", registry]);
        self.run("podman", &all, password).await
    }

    /// `buildah …`
    pub async fn buildah(&self, arguments: &[&str]) -> Outcome {
        let storage = self.storage(&[]);
        let mut all: Vec<&str> = storage.iter().map(String::as_str).collect();
        all.extend(arguments);
        self.run("buildah", &all, "").await
    }

    /// `skopeo …`
    pub async fn skopeo(&self, arguments: &[&str]) -> Outcome {
        let mut all = vec!["--insecure-policy"];
        all.extend(arguments);
        self.run("skopeo", &all, "").await
    }

    /// `skopeo login`
    pub async fn skopeo_login(&self, registry: &str, user: &str, password: &str) -> Outcome {
        let all = ["login", "--tls-verify=false", "-u", user, "--password-stdin", registry];
        self.run("skopeo", &all, password).await
    }

    /// Any program, with this machine's home and credentials.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or does not end.
    pub async fn run(&self, program: &str, arguments: &[&str], input: &str) -> Outcome {
        // A client dies with the thread that runs it: it must not outlive the tests either.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", program])
            .args(arguments)
            .current_dir(self.home.path().join("work"))
            .env("HOME", self.home.path())
            .env("DOCKER_CONFIG", self.home.path().join("docker"))
            .env("DOCKER_BUILDKIT", "0")
            .env("REGISTRY_AUTH_FILE", self.home.path().join("auth.json"))
            .env("XDG_RUNTIME_DIR", self.home.path().join("run"))
            .env("TMPDIR", self.home.path().join("tmp"))
            .env("LC_ALL", "C.UTF-8")
            .env_remove("http_proxy")
            .env_remove("https_proxy")
            .env_remove("HTTP_PROXY")
            .env_remove("HTTPS_PROXY")
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(socket) = &self.engine {
            command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        }
        let shown = format!("{program} {}", arguments.join(" "));
        let mut child = command.spawn().expect("setpriv, of util-linux");
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let Ok(ended) = tokio::time::timeout(PATIENCE, child.wait_with_output()).await else {
            fail(&format!("{shown} still ran after {PATIENCE:?}"))
        };
        let ended = ended.expect("a client's output");
        Outcome {
            command: shown,
            success: ended.status.success(),
            out: String::from_utf8_lossy(&ended.stdout).into_owned(),
            err: String::from_utf8_lossy(&ended.stderr).into_owned(),
        }
    }

    /// The flags that keep podman and buildah at home; overlay file systems do not work everywhere.
    fn storage(&self, with_tmp: &[&str]) -> Vec<String> {
        let folder = |name: &str| self.home.path().join(name).display().to_string();
        let mut flags = vec![
            "--storage-driver=vfs".to_owned(),
            "--root".to_owned(),
            folder("storage"),
            "--runroot".to_owned(),
            folder("run"),
        ];
        for flag in with_tmp {
            flags.extend([(*flag).to_owned(), folder("tmp")]);
        }
        flags
    }
}

/// The path as text: every path here is ASCII.
#[must_use]
pub fn text(path: &Path) -> String {
    path.display().to_string()
}
