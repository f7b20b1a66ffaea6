//! The whole service with its log on an event store: the double, or the server of
//! `EVENTSTORE_URL`.

use tests::clients::Machine;
use tests::docker::Engine;
use tests::eventstore::Server;
use tests::image;
use tests::program::Program;
use tests::witness::{self, Witness};

use crate::have_docker;

async fn site(server: &Server) -> Program {
    Program::start_with(&[
        ("PORTUS_LOG__STORE", "eventstore"),
        ("PORTUS_LOG__URL", &server.url),
        ("PORTUS_LOG__NAME", &server.name),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_by_docker_is_found_and_a_refusal_is_a_fact_with_the_log_on_an_event_store() {
    if !have_docker() {
        return;
    }
    let server = Server::start().await;
    let site = site(&server).await;
    let (alice, mallory) = (site.person("alice").await, site.person("mallory").await);
    let since = site.head().await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{}/app", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    image::build(&machine, &name, 2, 1_000).await;
    machine.docker(&["push", &name]).await.succeeds();
    let told = || Witness { site: &site, since, person: &alice, repository: &repository };
    let digest = told().tells_of_push("v1").await;

    let stranger = Machine::new(Some(Engine::shared()));
    stranger.docker_login(site.registry(), &mallory.name, &mallory.password).await.succeeds();
    let refused = site.head().await;
    let said = stranger.docker(&["push", &name]).await.fails();
    assert!(said.contains("denied: requested access to the resource is denied"), "{said}");
    let rule = witness::refusal(&site, refused, &mallory.name, &repository).await;
    told().feed_tells_of_refusal(&mallory.name, &rule).await;

    // The service goes on where it was, and forgets nothing.
    let before = site.facts(0).await.len();
    assert_eq!(site.stop(), 0);
    site.start_again().await;
    assert_eq!(told().tells_of_push("v1").await, digest);
    assert!(site.facts(0).await.len() >= before);
    let mut database = site.database().await;
    let there: i64 =
        sqlx::query_scalar("SELECT position FROM log.head").fetch_one(&mut database).await.unwrap();
    assert_eq!(there, 0, "nothing of the log is in Postgres");
}
