//! The data folder: who may use it, which programs fit it, and that it is ready to be served.
//!
//! Layout: `data/` (made by `initdb` as `data.new` and renamed, so that a half-made one is never
//! taken for a whole one), `run/` (the socket), `lock` (held as long as we live).

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, User};

use super::{EmbeddedError, EmbeddedOptions, OWNER};

/// Part of the socket's file name; nothing listens on a TCP port.
pub(super) const PORT: u16 = 5432;
/// Where Debian keeps its versions.
const DEBIAN: &str = "/usr/lib/postgresql";
/// A Unix socket's path takes 107 bytes; `/.s.PGSQL.5432` is ours to add.
const MAX_SOCKET_DIR_BYTES: usize = 90;
/// How long a server that was left over may take to stop, each time we ask.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(20);

/// A prepared folder; holds its lock.
pub(super) struct Folder {
    data: PathBuf,
    socket_dir: PathBuf,
    binaries: PathBuf,
    user: Option<User>,
    // Removed at the end, when the folder's own path is too long for a socket.
    _short: Option<tempfile::TempDir>,
    _lock: File,
}

impl Folder {
    pub(super) fn prepare(options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let user = server_user()?;
        let dir = std::path::absolute(&options.dir)
            .map_err(EmbeddedError::io(format!("the folder {}", options.dir.display())))?;
        fs::create_dir_all(&dir)
            .map_err(EmbeddedError::io(format!("cannot make the folder {}", dir.display())))?;
        let lock = lock(&dir)?;
        if let Some(user) = &user {
            // The folder itself is ours, and the server only passes through it.
            let mode = fs::metadata(&dir).map(|meta| meta.mode()).unwrap_or(0o700);
            fs::set_permissions(&dir, fs::Permissions::from_mode(mode | 0o011)).map_err(
                EmbeddedError::io(format!("cannot set the permissions of {}", dir.display())),
            )?;
            reachable(&dir, user)?;
        }
        let data = dir.join("data");
        let binaries = binaries(options.binaries.as_deref(), &data)?;
        if !data.join("PG_VERSION").exists() {
            let flush = !options.settings.iter().any(|(name, to)| name == "fsync" && to == "off");
            initdb(&dir, &data, &binaries, user.as_ref(), flush)?;
        }
        end_leftover(&data)?;
        let (socket_dir, short) = socket_dir(&dir, user.as_ref())?;
        Ok(Self { data, socket_dir, binaries, user, _short: short, _lock: lock })
    }

    pub(super) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// How the server is started, as often as it must be.
    pub(super) fn server(
        &self,
        settings: &[(String, String)],
    ) -> impl Fn() -> Command + Send + use<> {
        let program = self.binaries.join("postgres");
        let mut arguments = vec!["-D".to_owned(), self.data.display().to_string()];
        let port = PORT.to_string();
        let ours = [
            ("listen_addresses", ""),
            ("port", port.as_str()),
            ("unix_socket_directories", &self.socket_dir.display().to_string()),
            ("unix_socket_permissions", "0700"),
            ("logging_collector", "off"),
            ("log_destination", "stderr"),
            // The code says what is worth telling, in words of one language.
            ("log_line_prefix", "%e "),
            ("lc_messages", "C"),
            // A wrong statement of ours is in our own log; what clients send must not be here.
            ("log_statement", "none"),
            ("log_min_error_statement", "panic"),
        ]
        .map(|(name, value)| format!("{name}={value}"));
        let theirs = settings.iter().map(|(name, value)| format!("{name}={value}"));
        for setting in ours.into_iter().chain(theirs) {
            arguments.extend(["-c".to_owned(), setting]);
        }
        let (user, data) = (self.user.clone(), self.data.clone());
        move || {
            let mut command = dying_with_us(&program, user.as_ref());
            // A group of its own: Ctrl-C at the terminal is for us, who stop the server last.
            command.args(&arguments).current_dir(&data).process_group(0);
            command
        }
    }
}

/// As whom the server runs: `None` means as we do, for only root has to change.
fn server_user() -> Result<Option<User>, EmbeddedError> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    match User::from_name("postgres") {
        Ok(Some(user)) => Ok(Some(user)),
        Ok(None) | Err(_) => Err(EmbeddedError::NoUser),
    }
}

fn lock(dir: &Path) -> Result<File, EmbeddedError> {
    let path = dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(EmbeddedError::io(format!("cannot open {}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse(dir.display().to_string())),
        Err(TryLockError::Error(source)) => {
            Err(EmbeddedError::Io { what: format!("cannot lock {}", path.display()), source })
        }
    }
}

/// Tries, as the server's user, whether each folder on the way can be entered.
fn reachable(dir: &Path, user: &User) -> Result<(), EmbeddedError> {
    let mut way: Vec<_> = dir.ancestors().collect();
    way.reverse();
    for step in way {
        let mut test = plain("/usr/bin/test".as_ref(), Some(user));
        let entered = test.arg("-x").arg(step).status();
        if !entered.map_err(EmbeddedError::io("cannot run /usr/bin/test"))?.success() {
            return Err(EmbeddedError::Unreachable {
                user: user.name.clone(),
                blocked: step.display().to_string(),
            });
        }
    }
    Ok(())
}

/// The programs that fit the data, or the newest.
fn binaries(named: Option<&Path>, data: &Path) -> Result<PathBuf, EmbeddedError> {
    let made_by = fs::read_to_string(data.join("PG_VERSION")).ok().map(|v| v.trim().to_owned());
    let chosen = match named {
        Some(dir) => Some(dir.to_owned()),
        None => {
            let matching = made_by.as_ref().map(|v| Path::new(DEBIAN).join(v).join("bin"));
            matching.filter(|dir| dir.join("postgres").exists()).or_else(newest)
        }
    };
    let searched =
        || named.map_or_else(|| format!("{DEBIAN}/*/bin"), |dir| dir.display().to_string());
    let dir = chosen
        .filter(|dir| dir.join("postgres").exists() && dir.join("initdb").exists())
        .ok_or_else(|| EmbeddedError::NoBinaries { searched: searched() })?;
    if let Some(found) = made_by {
        let installed = version(&dir)?;
        if installed != found {
            let data = data.display().to_string();
            return Err(EmbeddedError::OtherVersion { data, found, installed });
        }
    }
    Ok(dir)
}

fn newest() -> Option<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = fs::read_dir(DEBIAN).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    installed
        .filter(|dir| dir.join("bin/postgres").exists())
        .max_by_key(|dir| version(dir))
        .map(|dir| dir.join("bin"))
}

/// The major version, as `PG_VERSION` has it: `postgres (PostgreSQL) 15.18 (Debian …)` is `15`.
fn version(binaries: &Path) -> Result<String, EmbeddedError> {
    let program = binaries.join("postgres");
    let answer = plain(&program, None)
        .arg("--version")
        .output()
        .map_err(EmbeddedError::io(format!("cannot run {}", program.display())))?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let number = text.split(')').nth(1).unwrap_or_default();
    Ok(number.trim().split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().to_owned())
}

fn initdb(
    dir: &Path,
    data: &Path,
    binaries: &Path,
    user: Option<&User>,
    flush: bool,
) -> Result<(), EmbeddedError> {
    if data.exists() {
        // An empty one may stay from a mount or a careful administrator; anything else is theirs.
        fs::remove_dir(data).map_err(|_| EmbeddedError::NotOurs(data.display().to_string()))?;
    }
    let new = dir.join("data.new");
    if new.exists() {
        let what = format!("cannot remove the half-made {}", new.display());
        fs::remove_dir_all(&new).map_err(EmbeddedError::io(what))?;
    }
    owned_dir(&new, user)?;
    let program = binaries.join("initdb");
    let made = plain(&program, user)
        .current_dir(&new)
        .args(["-A", "trust", "-U", OWNER, "--encoding=UTF8", "--locale=C.UTF-8"])
        .args(["--data-checksums", "--no-instructions"])
        .args((!flush).then_some("--no-sync"))
        .arg("-D")
        .arg(&new)
        .output()
        .map_err(EmbeddedError::io(format!("cannot run {}", program.display())))?;
    if !made.status.success() {
        let words = String::from_utf8_lossy(&made.stderr).trim().to_owned();
        return Err(EmbeddedError::NotStarting(format!("initdb failed: {words}")));
    }
    fs::rename(&new, data).map_err(EmbeddedError::io(format!("cannot rename {}", new.display())))
}

/// Ends a server that outlived the process that started it: two on one folder would ruin it.
fn end_leftover(data: &Path) -> Result<(), EmbeddedError> {
    // Fast, then immediate; the write-ahead log makes even the last one safe.
    for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL] {
        let left = residents(data);
        if left.is_empty() {
            // The number in a stale file may be somebody else's by now, and would stop the start.
            let _ = fs::remove_file(data.join("postmaster.pid"));
            return Ok(());
        }
        tracing::warn!(processes = ?left, %signal, "stopping a PostgreSQL that was left over");
        let asked_for = match (signal, postmaster(data).filter(|pid| left.contains(pid))) {
            (Signal::SIGINT, Some(postmaster)) => vec![postmaster],
            // Its children end by themselves when it is gone: waited for first, then told.
            (Signal::SIGINT, None) => Vec::new(),
            _ => left,
        };
        for pid in asked_for {
            let _ = kill(pid, signal); // it may have ended by itself
        }
        let asked = Instant::now();
        while !residents(data).is_empty() && asked.elapsed() < LEFTOVER_PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    match residents(data).first() {
        None => Ok(()),
        Some(pid) => Err(EmbeddedError::NotStarting(format!(
            "process {pid} still serves {} and does not stop",
            data.display()
        ))),
    }
}

/// The server of `postmaster.pid`.
fn postmaster(data: &Path) -> Option<Pid> {
    let file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    Some(Pid::from_raw(file.lines().next()?.trim().parse().ok()?))
}

/// The processes that work in this very folder: the server and its children, and nobody else has
/// a reason to.
fn residents(data: &Path) -> Vec<Pid> {
    let (Ok(data), Ok(processes)) = (fs::canonicalize(data), fs::read_dir("/proc")) else {
        return Vec::new();
    };
    let resident = |process: fs::DirEntry| {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let cwd = fs::read_link(process.path().join("cwd")).ok()?;
        (cwd == data).then_some(Pid::from_raw(pid))
    };
    processes.filter_map(|process| resident(process.ok()?)).collect()
}

fn socket_dir(
    dir: &Path,
    user: Option<&User>,
) -> Result<(PathBuf, Option<tempfile::TempDir>), EmbeddedError> {
    let own = dir.join("run");
    if own.as_os_str().len() <= MAX_SOCKET_DIR_BYTES {
        owned_dir(&own, user)?;
        return Ok((own, None));
    }
    let short = tempfile::Builder::new()
        .prefix("portus-")
        .tempdir_in("/tmp")
        .map_err(EmbeddedError::io("cannot make a folder in /tmp"))?;
    owned_dir(short.path(), user)?;
    Ok((short.path().to_owned(), Some(short)))
}

/// A folder that the server's user owns and nobody else can enter.
fn owned_dir(dir: &Path, user: Option<&User>) -> Result<(), EmbeddedError> {
    let made = || {
        fs::create_dir_all(dir)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        user.map_or(Ok(()), |user| {
            std::os::unix::fs::chown(dir, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
        })
    };
    made().map_err(EmbeddedError::io(format!("cannot make the folder {}", dir.display())))
}

/// A program of Postgres as its user. Nothing of our environment goes along: it holds secrets.
fn plain(program: &Path, user: Option<&User>) -> Command {
    let mut command = Command::new(program);
    clean(&mut command);
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// The same, and told to shut down by the kernel when the thread that starts it ends.
fn dying_with_us(program: &Path, user: Option<&User>) -> Command {
    const SETPRIV: &str = "/usr/bin/setpriv";
    if !Path::new(SETPRIV).exists() {
        return plain(program, user);
    }
    let mut command = Command::new(SETPRIV);
    clean(&mut command);
    command.args(["--pdeathsig", "INT"]);
    if let Some(user) = user {
        let (uid, gid): (Uid, Gid) = (user.uid, user.gid);
        command.args([format!("--reuid={uid}"), format!("--regid={gid}")]).arg("--clear-groups");
    }
    command.arg("--").arg(program);
    command
}

fn clean(command: &mut Command) {
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null());
}
