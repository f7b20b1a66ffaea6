//! The registry that Portus starts itself: Debian's `docker-registry`, configured by us.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The program, as Debian names it.
pub const PROGRAM: &str = "docker-registry";
/// As whom it runs when we are root; the package makes this user.
const USER: &str = "docker-registry";
/// How long it may finish what it has begun.
const DRAIN: Duration = Duration::from_secs(5);

/// What goes into its configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it answers, as people type it.
    pub address: String,
    /// Where clients get their tokens.
    pub realm: String,
    /// The tokens' `aud`.
    pub service: String,
    /// The tokens' `iss`.
    pub issuer: String,
    /// The PEM bundle of our certificate authority.
    pub bundle: String,
    /// Where notifications go.
    pub notifications: String,
    /// What they carry.
    pub secret: String,
    /// What upload sessions are signed with; the same over restarts.
    pub http_secret: String,
    /// A folder for it: configuration, bundle, storage.
    pub folder: PathBuf,
}

/// Why the registry cannot be started, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Not installed.
    #[error(
        "the program docker-registry is missing; install it: apt-get install docker-registry, \
         or start without --registry"
    )]
    Missing,
    /// Somebody else listens there.
    #[error(
        "{address} is taken by another program, so the registry cannot start; stop that one \
         (ss -ltnp shows it), or choose another port: --registry 127.0.0.1:5001"
    )]
    Taken {
        /// Where.
        address: String,
    },
    /// Not an address of this machine.
    #[error("the registry cannot listen on {address}: {source}")]
    Address {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended, or did not begin to answer.
    #[error("the registry {0}")]
    Ended(String),
}

/// A registry ready to run.
#[derive(Debug, Clone)]
pub struct RegistryChild {
    settings: Settings,
    program: PathBuf,
    configuration: PathBuf,
    user: Option<User>,
}

impl RegistryChild {
    /// Writes its configuration, and finds out whether it can start: the program is there, and
    /// the port is free.
    ///
    /// # Errors
    ///
    /// [`RegistryError`], whose text says what to do.
    pub async fn prepare(settings: Settings) -> Result<Self, RegistryError> {
        let program = find_program().ok_or(RegistryError::Missing)?;
        let user = if nix::unistd::geteuid().is_root() {
            User::from_name(USER).ok().flatten()
        } else {
            None
        };
        end_orphan(&settings.folder).await;
        port_is_free(&settings.address)?;
        let configuration = write_files(&settings, user.as_ref())?;
        Ok(Self { settings, program, configuration, user })
    }

    /// Runs it until `stop`, and then ends it in order. Returns early when it dies.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Ended`] when it dies or cannot be started.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), RegistryError> {
        let io = |source| RegistryError::Io { path: self.program.clone(), source };
        let (mut child, _parent) = self.spawn().map_err(io)?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid {
            let _ = fs::write(pid_file(&self.settings.folder), pid.to_string());
        }
        if let Some(lines) = child.stderr.take() {
            tokio::spawn(pass_on(BufReader::new(lines)));
        }
        if let Some(lines) = child.stdout.take() {
            tokio::spawn(pass_on(BufReader::new(lines)));
        }
        let result = tokio::select! {
            status = child.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |s| s.to_string());
                Err(RegistryError::Ended(format!("ended by itself ({status})")))
            }
            () = stop.cancelled() => {
                end(&mut child, pid).await;
                Ok(())
            }
        };
        let _ = fs::remove_file(pid_file(&self.settings.folder));
        result
    }

    /// Waits until it answers.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Ended`] when it does not within `patience`.
    pub async fn ready(&self, patience: Duration) -> Result<(), RegistryError> {
        let until = Instant::now() + patience;
        while tokio::net::TcpStream::connect(&self.settings.address).await.is_err() {
            if Instant::now() > until {
                let why = format!("does not answer on {}", self.settings.address);
                return Err(RegistryError::Ended(why));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The system's promise to end the child with us holds for the thread that started it, and the
    /// runtime's threads may come and go: so it gets a thread of its own, which lives until the
    /// sender that is handed back is dropped.
    fn spawn(&self) -> io::Result<(Child, std::sync::mpsc::Sender<()>)> {
        let (started, child) = std::sync::mpsc::sync_channel(1);
        let (parent, until) = std::sync::mpsc::channel::<()>();
        let (mut command, runtime) = (self.command(), tokio::runtime::Handle::current());
        std::thread::Builder::new().name("registry".to_owned()).spawn(move || {
            let _context = runtime.enter();
            let _ = started.send(command.spawn());
            let _ = until.recv();
        })?;
        let child = child.recv().map_err(io::Error::other)??;
        Ok((child, parent))
    }

    /// `setpriv` lets the registry end when we are killed, and makes it another user when we are
    /// root. Its own process group keeps Ctrl-C from it: we stop it when its turn comes.
    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=TERM");
        if let Some(user) = &self.user {
            command
                .arg(format!("--reuid={}", user.uid))
                .arg(format!("--regid={}", user.gid))
                .arg("--clear-groups");
        }
        command
            .arg("--")
            .arg(&self.program)
            .arg("serve")
            .arg(&self.configuration)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            // Its tracing tries to reach a collector otherwise (Distribution 3).
            .env("OTEL_TRACES_EXPORTER", "none")
            .current_dir(&self.settings.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// The configuration that Distribution 2.8 and 3.x both take. It is JSON, which is YAML too.
///
/// Without `http.host`, and with every media type told: mounts and blobs are facts as well.
#[must_use]
pub fn configuration(settings: &Settings) -> String {
    let Settings {
        address,
        realm,
        service,
        issuer,
        notifications,
        secret,
        http_secret,
        folder,
        ..
    } = settings;
    let value = json!({
        "version": "0.1",
        // Below it stands each request without a token, which is how every client begins.
        "log": { "level": "error", "accesslog": { "disabled": true } },
        "storage": {
            "cache": { "blobdescriptor": "inmemory" },
            "filesystem": { "rootdirectory": folder.join("storage") },
            "delete": { "enabled": true },
        },
        "http": {
            "addr": address,
            "secret": http_secret,
            "draintimeout": format!("{}s", DRAIN.as_secs()),
        },
        "auth": { "token": {
            "realm": realm,
            "service": service,
            "issuer": issuer,
            "rootcertbundle": folder.join("token-bundle.pem"),
        }},
        "notifications": {
            "events": { "includereferences": true },
            "endpoints": [{
                "name": "portus",
                "url": notifications,
                "headers": { "Authorization": [format!("Bearer {secret}")] },
                "timeout": "3s",
                "threshold": 3,
                "backoff": "500ms",
            }],
        },
    });
    format!("# Written by Portus at each start.\n{value:#}\n")
}

fn write_files(settings: &Settings, user: Option<&User>) -> Result<PathBuf, RegistryError> {
    let folder = &settings.folder;
    let configuration_file = folder.join("config.yml");
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| RegistryError::Io { path, source }
    };
    let storage = folder.join("storage");
    fs::create_dir_all(&storage).map_err(at(&storage))?;
    let files = [
        (configuration_file.clone(), configuration(settings)),
        (folder.join("token-bundle.pem"), settings.bundle.clone()),
    ];
    for (path, text) in &files {
        crate::data_dir::write_private(path, text).map_err(at(path))?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(at(folder))?;
    if let Some(user) = user {
        let theirs = [folder, &storage, &files[0].0, &files[1].0];
        for path in theirs {
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(at(path))?;
        }
    }
    Ok(configuration_file)
}

fn find_program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(PROGRAM)).find(|file| file.is_file())
}

fn port_is_free(address: &str) -> Result<(), RegistryError> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(RegistryError::Taken { address: address.to_owned() })
        }
        Err(source) => Err(RegistryError::Address { address: address.to_owned(), source }),
    }
}

fn pid_file(folder: &Path) -> PathBuf {
    folder.join("registry.pid")
}

/// Ends the registry of a former start whose Portus was killed, and nothing else: the process
/// must run our configuration file.
async fn end_orphan(folder: &Path) {
    let Some(pid) =
        fs::read_to_string(pid_file(folder)).ok().and_then(|text| text.trim().parse::<i32>().ok())
    else {
        return;
    };
    let command_line = PathBuf::from(format!("/proc/{pid}/cmdline"));
    let ours = || {
        let wanted = folder.join("config.yml");
        fs::read(&command_line).is_ok_and(|line| {
            line.split(|byte| *byte == 0).any(|part| part == wanted.as_os_str().as_encoded_bytes())
        })
    };
    if !ours() {
        return;
    }
    tracing::warn!(pid, "ending the registry of a former start");
    let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    let until = Instant::now() + DRAIN + Duration::from_secs(2);
    while ours() {
        if Instant::now() > until {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn end(child: &mut Child, pid: Option<i32>) {
    if let Some(pid) = pid {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    if timeout(DRAIN + Duration::from_secs(2), child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// Its lines become lines of ours. It never logs a token or a header.
async fn pass_on(lines: impl tokio::io::AsyncBufRead + Unpin) {
    const MAX_LINE: usize = 2_000;
    let mut lines = lines.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::info!(target: "registry", "{}", crate::client::cut(&line, MAX_LINE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path, address: &str) -> Settings {
        Settings {
            address: address.into(),
            realm: "http://127.0.0.1:3000/v2/token".into(),
            service: "127.0.0.1:5000".into(),
            issuer: "portus".into(),
            bundle: "-----BEGIN CERTIFICATE-----\n".into(),
            notifications: "http://127.0.0.1:3000/v2/webhooks/events".into(),
            secret: "s3cret".into(),
            http_secret: "h".into(),
            folder: folder.into(),
        }
    }

    #[test]
    fn the_registry_tells_us_everything_and_takes_its_host_from_the_client() {
        let text = configuration(&settings(Path::new("/d"), "127.0.0.1:5000"));
        assert!(text.contains("includereferences"));
        assert!(!text.contains("ignore"));
        assert!(!text.contains("\"host\""));
    }

    #[test]
    fn a_taken_port_is_named_with_what_to_do() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap().to_string();
        let said = port_is_free(&address).unwrap_err().to_string();
        assert!(said.starts_with(&address) && said.contains("--registry"), "{said}");
    }

    #[tokio::test]
    async fn a_foreign_process_with_the_old_number_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(pid_file(folder.path()), std::process::id().to_string()).unwrap();
        end_orphan(folder.path()).await; // we are still here
    }
}
