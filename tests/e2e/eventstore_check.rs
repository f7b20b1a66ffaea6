//! What `portus check` says of an event store, by the real program, with the connection string in a
//! file: what is wrong, by its name and with what to do, and never the password.

use std::process::Command;

use serde_json::Value;
use tests::eventstore::{Double, Server, Tls};
use tests::program::binary;
use tests::watched::scratch;

const PASSWORD: &str = "hunter2-and-more";

/// The exit code, the level, and the words.
fn check(url: &str, name: &str) -> (i32, String, String) {
    let folder = scratch("pc");
    let file = folder.join("log-url");
    std::fs::write(&file, format!("{url}\n")).expect("a file for the connection string");
    let run = |json: &[&str]| {
        Command::new(binary())
            .arg("check")
            .args(json)
            .arg("--data-dir")
            .arg(folder.join("data"))
            .env("PORTUS_LOG__STORE", "eventstore")
            .env("PORTUS_LOG__URL_FILE", &file)
            .env("PORTUS_LOG__NAME", name)
            .output()
            .expect("portus runs")
    };
    let (output, table) = (run(&["--json"]), run(&[]));
    let _ = std::fs::remove_dir_all(&folder);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for said in [&output.stdout, &output.stderr, &table.stdout, &table.stderr].map(|b| text(b)) {
        assert!(!said.contains(PASSWORD), "{said}");
    }
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    let log = findings.iter().find(|finding| finding["what"] == "event log");
    let log = log.unwrap_or_else(|| panic!("nothing of the event log: {report:#}"));
    let word = |name: &str| log[name].as_str().unwrap_or_default().to_owned();
    assert!(text(&table.stdout).contains("  event log: "), "{}", text(&table.stdout));
    (output.status.code().unwrap_or(-1), word("level"), word("text"))
}

#[track_caller]
fn says(found: (i32, String, String), level: &str, words: &[&str]) {
    let (_, found, text) = found;
    assert_eq!(found, level, "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

/// With a name and the password.
fn signed(url: &str, user: &str) -> String {
    url.replace("esdb://", &format!("esdb://{user}:{PASSWORD}@"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_us_is_fine_and_named_with_its_version() {
    let server = Server::start().await;
    let (_, level, text) = check(&server.url, &server.name);
    assert!(["ok", "warn"].contains(&level.as_str()), "{text}");
    assert!(text.contains(&server.name) && text.contains("version"), "{text}");
    // With TLS there is nothing to warn of.
    let folder = tempfile::tempdir().expect("a folder");
    let double = Double::encrypted(Tls::new(folder.path())).await;
    double.faults().credentials = Some(("portus".to_owned(), PASSWORD.to_owned()));
    says(check(&signed(&double.url(), "portus"), "portus"), "ok", &["23.10.6"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_name_and_a_wrong_port_are_said() {
    let nowhere = signed("esdb://nowhere.invalid:2113?tls=false", "portus");
    let found = check(&nowhere, "portus");
    assert_eq!(found.0, 4);
    says(found, "unreachable", &["nowhere.invalid", "name", "log.url"]);
    let mut double = Double::start().await;
    double.kill(0);
    let port = double.ports()[0].to_string();
    let found = check(&signed(&double.url(), "portus"), "portus");
    assert_eq!(found.0, 4);
    says(found, "unreachable", &[&port, "port in log.url"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_that_does_not_fit_is_said_either_way() {
    let (ours, theirs) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let (tls, other) = (Tls::new(ours.path()), Tls::new(theirs.path()));
    let authority = tls.authority.display().to_string();
    let (plain, encrypted) = (Double::start().await, Double::encrypted(tls).await);

    let mistrusted = encrypted.url().replace(&authority, &other.authority.display().to_string());
    says(check(&signed(&mistrusted, "portus"), "portus"), "fail", &["TLS", "tlsCAFile in log.url"]);
    let missing = encrypted.url().replace(&authority, "/nowhere/ca.pem");
    says(check(&signed(&missing, "portus"), "portus"), "fail", &["tlsCAFile", "/nowhere/ca.pem"]);
    let encrypts = format!("tls=true&tlsCAFile={authority}");
    let url = plain.url().replace("tls=false", &encrypts);
    says(
        check(&signed(&url, "portus"), "portus"),
        "fail",
        &["TLS", "tls and tlsCAFile in log.url"],
    );
    let url = encrypted.url().replace(&encrypts, "tls=false");
    says(check(&signed(&url, "portus"), "portus"), "fail", &["tls in log.url"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_told_from_missing_rights() {
    let double = Double::start().await;
    double.faults().credentials = Some(("portus".to_owned(), PASSWORD.to_owned()));
    let stranger = check(&signed(&double.url(), "stranger"), "portus");
    says(stranger, "fail", &["user and password", "log.url"]);
    double.faults().read_only = true;
    let reader = check(&signed(&double.url(), "portus"), "portus");
    assert_eq!(reader.0, 1);
    says(reader, "fail", &["may not write", "portus.", "access list"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_another_time_and_what_is_no_server_are_said() {
    let double = Double::start().await;
    double.faults().version = Some("20.5.1".to_owned());
    says(check(&signed(&double.url(), "portus"), "portus"), "fail", &["20.5.1", "20.6", "upgrade"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let shutting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let url = signed(&format!("esdb://127.0.0.1:{port}?tls=false"), "portus");
    says(check(&url, "portus"), "fail", &["not as an event store", "tls in log.url"]);
    shutting.abort();
    // And a connection string that is none is not repeated.
    let output = Command::new(binary())
        .args(["check"])
        .env("PORTUS_LOG__STORE", "eventstore")
        .env("PORTUS_LOG__URL", format!("esdb://portus:{PASSWORD}@h:x"))
        .output()
        .expect("portus runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("log.url cannot be read") && !said.contains(PASSWORD), "{said}");
}
