//! `eventstore_log::check` says what is wrong by its name, and never the connection string.

use std::time::Duration;

use eventstore_log::{CheckError, EventStoreLog, EventStoreLogOptions, check};
use tests::eventstore::{Double, Server, Tls};

use crate::facts::{everything, first, one, put};

const PATIENCE: Duration = Duration::from_secs(5);
const PASSWORD: &str = "hunter2";

async fn wrong(url: &str) -> CheckError {
    let error = check(url, "portus", PATIENCE).await.unwrap_err();
    assert!(!error.to_string().contains(PASSWORD), "{error}");
    error
}

/// A connection string with a name and a password.
fn signed(double: &Double, user: &str) -> String {
    double.url().replace("esdb://", &format!("esdb://{user}:{PASSWORD}@"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_keeps_what_it_is_given_is_fine() {
    let server = Server::start().await;
    let found = check(&server.url, &server.name, PATIENCE).await.unwrap();
    assert!(server.double.is_none() || found.version.as_deref() == Some("23.10.6"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_tell_its_version_is_fine() {
    let double = Double::start().await;
    double.faults().version = None;
    assert_eq!(check(&double.url(), "portus", PATIENCE).await.unwrap().version, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_of_a_cluster_that_answers_is_enough() {
    let mut double = Double::cluster(3).await;
    double.kill(2);
    double.faults().dead.push(2);
    check(&double.url(), "portus", PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_nobody_knows_is_named() {
    let error = wrong("esdb://u:hunter2@nowhere.invalid:2113?tls=false").await;
    assert!(
        matches!(&error, CheckError::Name { host, .. } if host == "nowhere.invalid"),
        "{error}"
    );
    assert!(error.is_unreachable());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_at_which_nothing_answers_is_named() {
    let mut double = Double::start().await;
    let port = double.ports()[0];
    double.kill(0);
    let error = wrong(&signed(&double, "admin")).await;
    assert!(matches!(error, CheckError::Port { .. }), "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_answers_but_is_no_event_store_is_said() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shutting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let error = wrong(&format!("esdb://u:hunter2@127.0.0.1:{port}?tls=false")).await;
    assert!(matches!(error, CheckError::Protocol { .. }), "{error}");
    shutting.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_from_missing_rights() {
    let double = Double::start().await;
    double.faults().credentials = Some(("admin".to_owned(), PASSWORD.to_owned()));
    assert_eq!(wrong(&signed(&double, "somebody")).await, CheckError::Credentials);
    assert_eq!(wrong(&double.url()).await, CheckError::Credentials);
    check(&signed(&double, "admin"), "portus", PATIENCE).await.unwrap();
    double.faults().read_only = true;
    let error = wrong(&signed(&double, "admin")).await;
    assert!(matches!(&error, CheckError::Rights { what: "write", .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_too_old_is_named_with_its_version() {
    let double = Double::start().await;
    double.faults().version = Some("20.5.1".to_owned());
    let error = wrong(&signed(&double, "admin")).await;
    assert!(matches!(&error, CheckError::Version { found } if found == "20.5.1"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_tls_is_used_and_one_that_is_not_trusted_is_named() {
    eventstore_log::prepare().unwrap();
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let double = Double::encrypted(Tls::new(ours.path())).await;
    let found = check(&double.url(), "portus", PATIENCE).await.unwrap();
    assert!(found.encrypted);
    let log = EventStoreLog::open(&double.url(), EventStoreLogOptions::default()).await.unwrap();
    first(&put(&*log, one("s")).await);
    assert_eq!(everything(&*log).await.len(), 1);

    let other = Tls::new(theirs.path());
    let mistrusted = double.url().replace(
        &ours.path().display().to_string(),
        &other.authority.parent().unwrap().display().to_string(),
    );
    let error = wrong(&mistrusted).await;
    assert!(matches!(error, CheckError::Tls { .. }), "{error}");
    // TLS where the server has none.
    let plain = Double::start().await;
    let authority = ours.path().join("ca.pem");
    let url =
        plain.url().replace("tls=false", &format!("tls=true&tlsCAFile={}", authority.display()));
    let error = wrong(&url).await;
    assert!(matches!(error, CheckError::Tls { .. }), "{error}");
}
