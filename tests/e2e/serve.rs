//! What the program says to whoever starts it when something is not right, and its exit codes.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tests::program::{Program, binary};
use tests::watched::{have, within};

use crate::have_docker;

/// `portus …` with nothing in its environment but what is named here.
fn portus(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(binary());
    command.args(arguments).env_clear().env("PATH", path).env("RUST_LOG", "off");
    command.envs(environment.iter().copied()).output().expect("the program starts")
}

#[track_caller]
fn says(output: &Output, code: i32, words: &[&str]) {
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}

fn in_folder(folder: &Path) -> [String; 2] {
    ["--data-dir".to_owned(), folder.display().to_string()]
}

#[test]
fn a_taken_port_is_named_and_nothing_is_touched() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let [flag, path] = in_folder(&data);
    let output = portus(&["serve", "--embedded", "--listen", &address, &flag, &path], &[]);
    says(&output, 1, &[&address, "is taken", "--listen"]);
    assert!(!data.exists());
}

#[test]
fn a_folder_of_another_version_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("VERSION"), "9\n").unwrap();
    let [flag, path] = in_folder(folder.path());
    let output = portus(&["serve", "--embedded", "--listen", "127.0.0.1:0", &flag, &path], &[]);
    says(&output, 1, &["another version of Portus (layout 9", "--data-dir"]);
}

#[test]
fn a_service_without_a_database_says_which_two_ways_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let [flag, path] = in_folder(folder.path());
    let output = portus(&["serve", "--listen", "127.0.0.1:0", &flag, &path], &[]);
    says(&output, 2, &["database.url", "--embedded"]);
}

#[test]
fn an_unknown_setting_stops_the_start_and_the_nearest_is_named() {
    let output = portus(&["serve"], &[("PORTUS_LISTN", "127.0.0.1:0")]);
    says(&output, 2, &["PORTUS_LISTN", "did you mean PORTUS_LISTEN?"]);
}

#[test]
fn a_database_that_does_not_answer_is_exit_code_4_and_its_password_is_not_said() {
    let folder = tempfile::tempdir().unwrap();
    let [flag, path] = in_folder(folder.path());
    // Port 1 of this machine: nobody listens there.
    let url = "postgres://portus:hunter2@127.0.0.1:1/portus";
    let environment = [("PORTUS_DATABASE__URL", url)];
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["check"]] {
        let arguments = [command, &[flag.as_str(), path.as_str()]].concat();
        let output = portus(&arguments, &environment);
        says(&output, 4, &[]);
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains("hunter2"));
    }
}

#[tokio::test]
async fn a_taken_registry_port_is_named_with_what_to_do() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let folder = tempfile::Builder::new().prefix("ps").tempdir_in("/tmp").unwrap();
    let [flag, path] = in_folder(&folder.path().join("data"));
    let output = portus(
        &["serve", "--embedded", "--listen", "127.0.0.1:0", "--registry", &address, &flag, &path],
        &[],
    );
    says(&output, 1, &[&address, "is taken", "--registry"]);
}

#[tokio::test]
async fn a_missing_registry_program_is_named_with_how_to_install_it() {
    if !have(&["initdb"]) {
        return;
    }
    let folder = tempfile::Builder::new().prefix("ps").tempdir_in("/tmp").unwrap();
    let [flag, path] = in_folder(&folder.path().join("data"));
    let registry = format!("127.0.0.1:{}", tests::watched::free_port());
    let output = portus(
        &["serve", "--embedded", "--listen", "127.0.0.1:0", "--registry", &registry, &flag, &path],
        &[("PATH", "/nowhere")],
    );
    says(&output, 1, &["docker-registry is missing", "apt-get install docker-registry"]);
}

#[tokio::test]
async fn a_check_of_a_running_service_finds_all_well_and_every_source() {
    if !have_docker() {
        return;
    }
    let site = Program::start().await;
    let data = site.data().display().to_string();
    let listen = site.url().trim_start_matches("http://").to_owned();
    let environment = [("PORTUS_LISTEN", listen.as_str()), ("PORTUS_REGISTRY", site.registry())];
    let output = portus(&["check", "--json", "--data-dir", &data], &environment);
    says(&output, 0, &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let source = |key: &str| {
        let settings = report["settings"].as_array().unwrap().iter();
        settings.clone().find(|one| one["key"] == key).unwrap()["source"].clone()
    };
    assert_eq!(source("data_dir"), "--data-dir");
    assert_eq!(source("listen"), "$PORTUS_LISTEN");
    assert_eq!(source("token.lifetime_s"), "default");
    let findings = report["findings"].as_array().unwrap();
    for what in ["database", "durability", "schema", "clock", "registry", "keys"] {
        let found = findings.iter().find(|one| one["what"] == what);
        assert_eq!(found.map(|one| &one["level"]), Some(&"ok".into()), "{report:#}");
    }
    assert_eq!(site.stop(), 0);
}

#[tokio::test]
async fn the_service_manager_hears_when_it_is_ready_and_when_it_stops() {
    if !have_docker() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let hears = || {
        let mut text = [0; 64];
        let length = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let path = path.display().to_string();
    let site = Program::start_with(&[("NOTIFY_SOCKET", &path), ("WATCHDOG_USEC", "2000000")]).await;
    assert_eq!(hears(), "READY=1");
    let ready = reqwest::get(format!("{}/readyz", site.url())).await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_eq!([hears(), hears()], ["WATCHDOG=1", "WATCHDOG=1"]);
    assert_eq!(site.stop(), 0);
    let last = std::iter::repeat_with(hears).find(|message| message != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}

#[tokio::test]
async fn a_second_service_on_the_same_folder_is_refused() {
    if !have_docker() {
        return;
    }
    let site = Program::start().await;
    let [flag, path] = in_folder(&site.data());
    let output = portus(&["serve", "--embedded", "--listen", "127.0.0.1:0", &flag, &path], &[]);
    says(&output, 1, &["is in use by another portus"]);
    assert_eq!(site.stop(), 0);
}

#[tokio::test]
async fn rebuilding_beside_the_running_service_gives_the_same_digests() {
    if !have_docker() {
        return;
    }
    let site = Program::start().await;
    site.person("carol").await;
    let said = site.cli(&["replay"]).await;
    assert!(said.contains("the same as before") && !said.contains("DIFFERENT"), "{said}");
    let status = site.cli(&["projections", "status"]).await;
    assert!(status.contains("activity"), "{status}");
    assert_eq!(site.stop(), 0);
}

#[tokio::test]
async fn a_dry_replay_compares_with_the_log_and_changes_nothing() {
    if !have_docker() {
        return;
    }
    let site = Program::start().await;
    let carol = site.person("carol").await.name;
    let data = site.data().display().to_string();
    let replay = || portus(&["replay", "--dry-run", "--data-dir", &data], &[]);
    let before = site.head().await;
    says(&replay(), 0, &["the same as before", "activity: position ", "/s in "]);

    // One row of a table, changed by hand.
    let mut db = site.database().await;
    let changed = sqlx::query("UPDATE read_directory.users SET admin = NOT admin WHERE name = $1");
    assert_eq!(changed.bind(&carol).execute(&mut db).await.unwrap().rows_affected(), 1);
    says(&replay(), 3, &["directory: ", "DIFFERENT from before", "not what the log says"]);

    // Neither has swapped, left a table behind, or told the log anything.
    let wrong: bool = sqlx::query_scalar("SELECT admin FROM read_directory.users WHERE name = $1")
        .bind(&carol)
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert!(wrong, "a dry run repairs nothing");
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^read_.*_[0-9]+$'")
            .fetch_one(&mut db)
            .await
            .unwrap();
    assert_eq!((left, site.head().await), (0, before));

    // A real one does repair it, and says that there was something to repair.
    says(&portus(&["replay", "directory", "--data-dir", &data], &[]), 3, &["DIFFERENT"]);
    says(&replay(), 0, &["the same as before"]);
    assert_eq!(site.stop(), 0);
}

#[tokio::test]
async fn nothing_of_ours_runs_on_after_an_orderly_end_or_a_killed_service() {
    if !have_docker() {
        return;
    }
    let site = Program::start().await;
    assert_eq!(site.stop(), 0);
    assert!(site.child("postgres").is_none() && site.child("docker-registry").is_none());

    site.start_again().await;
    // The registry is started last: it is no part of being ready.
    let running = || site.child("postgres").and(site.child("docker-registry"));
    assert!(within(std::time::Duration::from_secs(30), running).is_some(), "a child is missing");
    site.kill();
    let gone = || {
        let left = [site.child("postgres"), site.child("docker-registry")];
        left.iter().all(Option::is_none).then_some(())
    };
    assert!(within(std::time::Duration::from_secs(30), gone).is_some(), "children are left over");
}
