//! podman and buildah: login, build from a private base, push, pull, refusals.

use tests::clients::Machine;
use tests::image;
use tests::watched::have;
use tests::witness::{self, PULLED, Witness};

use crate::site;

const TOOLS: [&str; 4] = ["podman", "buildah", "docker-registry", "initdb"];

#[tokio::test]
async fn podman_login_good_and_bad() {
    if !have(&TOOLS) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let since = site.head().await;
    let machine = Machine::new(None);
    let said = machine.podman_login(site.registry(), &alice.name, "a wrong one").await.fails();
    assert!(said.contains("invalid username/password"), "{said}");
    let failed = witness::fact(site, since, "auth.sign_in_failed", |fact| {
        fact.data["claimed"]["user"] == *alice.name
    });
    failed.await;
    let said = machine.podman_login(site.registry(), &alice.name, &alice.password).await;
    assert!(said.succeeds().contains("Login Succeeded!"));
}

#[tokio::test]
async fn podman_pushes_pulls_and_is_refused() {
    if !have(&TOOLS) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let mallory = site.person("mallory").await;
    let machine = Machine::new(None);
    machine.podman_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{}/podman", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    let folder = image::context(&machine, "FROM scratch", 2, 2_000);
    machine.podman(&["build", "--layers", "-t", &name, &folder]).await.succeeds();
    let since = site.head().await;
    machine.podman(&["push", "--tls-verify=false", &name]).await.succeeds();
    let told = Witness { site, since, person: &alice, repository: &repository };
    told.tells_of_push("v1").await;
    machine.podman(&["rmi", "-f", &name]).await.succeeds();
    let before = site.head().await;
    machine.podman(&["pull", "--tls-verify=false", &name]).await.succeeds();
    let pulled = witness::fact(site, before, PULLED, |fact| fact.data["repository"] == *repository);
    assert_eq!(pulled.await.data["tag"], "v1");

    let stranger = Machine::new(None);
    stranger.podman_login(site.registry(), &mallory.name, &mallory.password).await.succeeds();
    let since = site.head().await;
    let said = stranger.podman(&["pull", "--tls-verify=false", &name]).await.fails();
    assert!(said.contains("denied: requested access to the resource is denied"), "{said}");
    let rule = witness::refusal(site, since, &mallory.name, &repository).await;
    told.feed_tells_of_refusal(&mallory.name, &rule).await;
}

#[tokio::test]
async fn buildah_builds_from_a_private_base_and_pushes() {
    if !have(&TOOLS) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let machine = Machine::new(None);
    machine.podman_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let base = format!("{}/{}/base:v1", site.registry(), alice.name);
    let folder = image::context(&machine, "FROM scratch", 1, 2_000);
    machine.buildah(&["bud", "-t", &base, &folder]).await.succeeds();
    machine.buildah(&["push", "--tls-verify=false", &base]).await.succeeds();
    machine.buildah(&["rmi", "-f", &base]).await.succeeds();

    let stranger = Machine::new(None);
    let folder = image::context(&stranger, &format!("FROM {base}"), 1, 2_000);
    let said = stranger.buildah(&["bud", "--tls-verify=false", "-t", "x", &folder]).await.fails();
    assert!(said.contains("denied") || said.contains("unauthorized"), "{said}");

    let since = site.head().await;
    let repository = format!("{}/built", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    let folder = image::context(&machine, &format!("FROM {base}"), 1, 2_000);
    machine.buildah(&["bud", "--tls-verify=false", "-t", &name, &folder]).await.succeeds();
    machine.buildah(&["push", "--tls-verify=false", &name]).await.succeeds();
    Witness { site, since, person: &alice, repository: &repository }.tells_of_push("v1").await;
}
