//! The private Postgres: found again, started again, never two, and gone when we are.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use web::embedded_pg::{EmbeddedError, EmbeddedOptions, EmbeddedPostgres};

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("pe-").tempdir_in("/tmp").unwrap()
}

fn options(dir: &Path) -> EmbeddedOptions {
    EmbeddedOptions::new(dir).set("fsync", "off")
}

async fn start(dir: &Path) -> EmbeddedPostgres {
    EmbeddedPostgres::start(options(dir)).await.unwrap()
}

async fn error(options: EmbeddedOptions) -> EmbeddedError {
    EmbeddedPostgres::start(options).await.unwrap_err()
}

async fn run(options: &PgConnectOptions, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
}

fn lives(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}/cwd")).exists() && kill(Pid::from_raw(pid), None).is_ok()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "not in a minute: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_second_start_finds_what_the_first_one_wrote() {
    let dir = folder();
    let first = start(dir.path()).await;
    run(&first.connect_options(), "CREATE TABLE t AS SELECT 1").await.unwrap();
    let pid = first.process_id().unwrap();
    first.stop().await;
    assert!(!lives(pid));
    assert!(!dir.path().join("data/postmaster.pid").exists(), "it stopped in good order");
    let second = start(dir.path()).await;
    run(&second.connect_options(), "SELECT * FROM t").await.unwrap();
}

#[tokio::test]
async fn it_is_reached_through_its_private_socket_alone() {
    let dir = folder();
    let server = start(dir.path()).await;
    let mode = fs::metadata(server.socket_dir()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let pid = server.process_id().unwrap();
    let tcp = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    let inodes: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|fd| fs::read_link(fd.unwrap().path()).ok())
        .filter_map(|to| {
            Some(to.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect();
    let listens = tcp.lines().any(|line| {
        line.split_whitespace().nth(9).is_some_and(|inode| inodes.iter().any(|own| own == inode))
    });
    assert!(!inodes.is_empty() && !listens);
    if Uid::effective().is_root() {
        let owner = fs::metadata(format!("/proc/{pid}")).unwrap();
        let postgres = User::from_name("postgres").unwrap().unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), postgres.uid.as_raw());
    }
}

#[tokio::test]
async fn a_killed_server_is_started_again_while_serving() {
    let dir = folder();
    let server = start(dir.path()).await;
    run(&server.connect_options(), "CREATE TABLE t AS SELECT 1").await.unwrap();
    for restart in 1..=2 {
        kill(Pid::from_raw(server.process_id().unwrap()), Signal::SIGKILL).unwrap();
        until("it was started again", || server.restarts() >= restart).await;
        let started = Instant::now();
        while run(&server.connect_options(), "SELECT * FROM t").await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(60));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn dropping_it_stops_it_also_while_somebody_is_connected() {
    let dir = folder();
    let server = start(dir.path()).await;
    let pid = server.process_id().unwrap();
    let _connection = server.connect_options().connect().await.unwrap();
    drop(server);
    assert!(!lives(pid));
}

#[tokio::test]
async fn two_cannot_have_the_same_folder() {
    let dir = folder();
    let _first = start(dir.path()).await;
    let text = error(options(dir.path())).await.to_string();
    assert!(text.contains("another Portus uses the data folder"), "{text}");
}

#[tokio::test]
async fn a_server_that_was_left_over_is_stopped_first() {
    let dir = folder();
    start(dir.path()).await.stop().await;
    let mut left = start_by_hand(dir.path());
    let pid = i32::try_from(left.id()).unwrap();
    until("the other server runs", || dir.path().join("data/postmaster.pid").exists()).await;
    let server = start(dir.path()).await;
    assert!(left.wait().unwrap().success(), "it was asked to stop, not killed");
    assert_ne!(server.process_id().unwrap(), pid);
    run(&server.connect_options(), "SELECT 1").await.unwrap();
}

/// Starts the server as somebody would who knows nothing of us.
fn start_by_hand(dir: &Path) -> Child {
    let version = fs::read_to_string(dir.join("data/PG_VERSION")).unwrap();
    let program = format!("/usr/lib/postgresql/{}/bin/postgres", version.trim());
    let mut command = Command::new(program);
    command.arg("-D").arg(dir.join("data")).args(["-c", "listen_addresses="]);
    command.arg("-c").arg(format!("unix_socket_directories={}", dir.join("run").display()));
    command.current_dir("/").stderr(Stdio::null()).process_group(0);
    if let Some(user) = User::from_name("postgres").unwrap()
        && Uid::effective().is_root()
    {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.spawn().unwrap()
}

#[tokio::test]
async fn a_stale_pid_file_that_names_somebody_else_does_not_stop_the_start() {
    let dir = folder();
    start(dir.path()).await.stop().await;
    let file = dir.path().join("data/postmaster.pid");
    // Our own number: it lives, and it is no server.
    fs::write(&file, format!("{}\n/nowhere\n", std::process::id())).unwrap();
    start(dir.path()).await.stop().await;
}

#[tokio::test]
async fn a_half_made_folder_is_made_again() {
    let dir = folder();
    fs::create_dir(dir.path().join("data.new")).unwrap();
    fs::write(dir.path().join("data.new/half"), "x").unwrap();
    fs::create_dir(dir.path().join("data")).unwrap(); // empty, as a mount point is
    start(dir.path()).await.stop().await;
    assert!(!dir.path().join("data.new").exists());
}

#[tokio::test]
async fn somebody_elses_files_are_left_alone() {
    let dir = folder();
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::write(dir.path().join("data/thesis.txt"), "x").unwrap();
    let text = error(options(dir.path())).await.to_string();
    assert!(text.contains("neither empty nor a PostgreSQL data folder"), "{text}");
    assert!(dir.path().join("data/thesis.txt").exists());
}

#[tokio::test]
async fn data_of_another_version_is_left_alone_and_the_way_out_is_named() {
    let dir = folder();
    start(dir.path()).await.stop().await;
    fs::write(dir.path().join("data/PG_VERSION"), "11\n").unwrap();
    let text = error(options(dir.path())).await.to_string();
    assert!(text.contains("was made by PostgreSQL 11"), "{text}");
    assert!(text.contains("install postgresql-11") && text.contains("pg_upgrade"), "{text}");
}

#[tokio::test]
async fn missing_programs_are_named_with_the_package_to_install() {
    let (dir, nothing) = (folder(), folder());
    let mut options = options(dir.path());
    options.binaries = Some(nothing.path().to_owned());
    let text = error(options).await.to_string();
    assert!(text.contains(&nothing.path().display().to_string()), "{text}");
    assert!(text.contains("apt install postgresql"), "{text}");
}

#[tokio::test]
async fn a_folder_that_the_servers_user_cannot_enter_is_named() {
    if !Uid::effective().is_root() {
        tests::watched::skipped("only root's server runs as another user");
        return;
    }
    let dir = folder();
    let (closed, below) = (dir.path().join("closed"), dir.path().join("closed/below"));
    fs::create_dir_all(&below).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let text = error(options(&below)).await.to_string();
    assert!(text.contains(&format!("cannot enter {}", closed.display())), "{text}");
    assert!(text.contains("chmod o+x"), "{text}");
}

#[tokio::test]
async fn a_server_that_does_not_come_up_says_why() {
    let dir = folder();
    let text = error(options(dir.path()).set("shared_buffers", "plenty")).await.to_string();
    assert!(text.contains("shared_buffers"), "{text}");
}

#[tokio::test]
async fn a_folder_with_a_long_path_gets_its_socket_elsewhere() {
    let dir = folder();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let server = start(&dir.path().join("long".repeat(30))).await;
    run(&server.connect_options(), "SELECT 1").await.unwrap();
    let socket_dir = server.socket_dir().to_owned();
    assert!(!socket_dir.starts_with(dir.path()));
    drop(server);
    assert!(!socket_dir.exists());
}

#[tokio::test]
async fn the_server_ends_when_we_are_killed() {
    let dir = folder();
    // This very test, as a process of its own that can be killed.
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::serves_until_killed", "--nocapture"])
        .env(CHILD, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(other.stdout.take().unwrap()).lines();
    let pid =
        lines.map(Result::unwrap).find_map(|line| line.split("serving=").nth(1)?.parse().ok());
    let pid: i32 = pid.unwrap();
    assert!(lives(pid));
    other.kill().unwrap(); // SIGKILL
    other.wait().unwrap();
    until("the server has ended", || !lives(pid)).await;
    assert!(!dir.path().join("data/postmaster.pid").exists(), "in good order");
    start(dir.path()).await.stop().await;
}

const CHILD: &str = "PORTUS_TEST_SERVES_IN";

/// The other half of [`the_server_ends_when_we_are_killed`]; nothing to do for anybody else.
#[tokio::test]
async fn serves_until_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let server = start(Path::new(&dir)).await;
    println!("\nserving={}", server.process_id().unwrap());
    std::future::pending::<()>().await;
}
