//! The bench itself: each client works here with a registry that asks nobody. When these fail,
//! the others say nothing about Portus.

use tests::clients::{Machine, text};
use tests::docker::Engine;
use tests::image;
use tests::registry::OpenRegistry;
use tests::watched::have;

#[tokio::test]
async fn docker_pushes_and_pulls_without_portus() {
    if !have(&["dockerd", "docker", "docker-registry"]) {
        return;
    }
    let registry = OpenRegistry::start();
    let machine = Machine::new(Some(Engine::shared()));
    let name = format!("{}/bench/app:v1", registry.address());
    image::build(&machine, &name, 2, 1_000).await;
    machine.docker(&["push", &name]).await.succeeds();
    machine.docker(&["rmi", &name]).await.succeeds();
    machine.docker(&["pull", &name]).await.succeeds();
}

#[tokio::test]
async fn podman_buildah_and_skopeo_push_and_pull_without_portus() {
    if !have(&["podman", "buildah", "skopeo", "docker-registry"]) {
        return;
    }
    let registry = OpenRegistry::start();
    let machine = Machine::new(None);
    let name = format!("{}/bench/built:v1", registry.address());
    let folder = image::context(&machine, "FROM scratch", 1, 1_000);
    machine.buildah(&["bud", "-t", &name, &folder]).await.succeeds();
    machine.buildah(&["push", "--tls-verify=false", &name]).await.succeeds();
    machine.podman(&["pull", "--tls-verify=false", &name]).await.succeeds();

    let layout = machine.path("layout");
    let digest = image::layout(&layout, &["linux/amd64", "linux/arm64"]);
    let source = format!("oci:{}:v1", text(&layout));
    let target = format!("docker://{}/bench/multi:v1", registry.address());
    let copy = ["copy", "--all", "--preserve-digests", "--dest-tls-verify=false"];
    machine.skopeo(&[&copy[..], &[&source, &target]].concat()).await.succeeds();
    let raw = machine.skopeo(&["inspect", "--raw", "--tls-verify=false", &target]).await;
    assert_eq!(image::digest(raw.succeeds().as_bytes()), digest);
}
