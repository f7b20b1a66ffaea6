//! Real clients, a real registry, the real program. Each test ends with what log, search, page
//! and feed say of what it did.
#![allow(clippy::expect_used, clippy::panic, reason = "this is how a test's helper fails")]

mod accounts;
mod artifacts;
mod bench;
mod copied;
mod copies;
mod deploy;
mod docker;
mod eventstore;
mod eventstore_check;
mod faults;
mod hang;
mod hostile;
mod killed;
mod mail;
mod podman;
mod reconcile;
mod serve;

use tests::program::Program;

/// The site that all tests share which break nothing; each has its own people and namespaces.
async fn site() -> &'static Program {
    static SITE: tokio::sync::OnceCell<Program> = tokio::sync::OnceCell::const_new();
    SITE.get_or_init(Program::start).await
}

/// Whether everything is here that a site and docker need.
fn have_docker() -> bool {
    tests::watched::have(&["dockerd", "docker", "docker-registry", "initdb"])
}
