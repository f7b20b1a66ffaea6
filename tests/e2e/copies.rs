//! skopeo: images for several platforms, listing, inspecting, deleting.

use tests::clients::{Machine, text};
use tests::image;
use tests::watched::have;
use tests::witness::{self, Witness};

use crate::site;

const TOOLS: [&str; 3] = ["skopeo", "docker-registry", "initdb"];

#[tokio::test]
async fn an_image_for_two_platforms_is_copied_listed_and_deleted() {
    if !have(&TOOLS) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let machine = Machine::new(None);
    machine.skopeo_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let layout = machine.path("layout");
    let digest = image::layout(&layout, &["linux/amd64", "linux/arm64"]);
    let repository = format!("{}/multi", alice.name);
    let source = format!("oci:{}:v1", text(&layout));
    let target = format!("docker://{}/{repository}:v1", site.registry());
    let since = site.head().await;
    let copy = ["copy", "--all", "--preserve-digests", "--dest-tls-verify=false"];
    machine.skopeo(&[&copy[..], &[&source, &target]].concat()).await.succeeds();
    let told = Witness { site, since, person: &alice, repository: &repository };
    assert_eq!(told.tells_of_push("v1").await, digest);
    // From one repository to the other, inside the registry.
    let second = format!("{}/multi-copy", alice.name);
    let target2 = format!("docker://{}/{second}:v2", site.registry());
    let copy = ["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
    machine.skopeo(&[&copy[..], &[&target, &target2]].concat()).await.succeeds();
    let copied = Witness { site, since, person: &alice, repository: &second };
    assert_eq!(copied.tells_of_push("v2").await, digest);

    let name = format!("docker://{}/{repository}", site.registry());
    let listed = machine.skopeo(&["list-tags", "--tls-verify=false", &name]).await.succeeds();
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed["Tags"], serde_json::json!(["v1"]));

    let before = site.head().await;
    machine.skopeo(&["delete", "--tls-verify=false", &target]).await.succeeds();
    let deleted = witness::fact(site, before, "content.deleted", |fact| {
        fact.data["repository"] == *repository && fact.data["digest"] == *digest
    });
    assert_eq!(deleted.await.meta["actor"]["name"], *alice.name);
    told.feed_says("content.deleted", "done").await;
    told.page_says_no_more("v1").await;
}

#[tokio::test]
async fn a_member_who_may_only_pull_deletes_nothing() {
    if !have(&TOOLS) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let bob = site.person("bob").await;
    let (name, team, _) = site.team("crew", &alice).await;
    site.join(team, &bob, "viewer").await;
    let owner = Machine::new(None);
    owner.skopeo_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let layout = owner.path("layout");
    let _ = image::layout(&layout, &["linux/amd64"]);
    let repository = format!("{name}/kept");
    let source = format!("oci:{}:v1", text(&layout));
    let target = format!("docker://{}/{repository}:v1", site.registry());
    owner.skopeo(&["copy", "--all", "--dest-tls-verify=false", &source, &target]).await.succeeds();

    let viewer = Machine::new(None);
    viewer.skopeo_login(site.registry(), &bob.name, &bob.password).await.succeeds();
    viewer.skopeo(&["inspect", "--tls-verify=false", &target]).await.succeeds();
    let since = site.head().await;
    viewer.skopeo(&["delete", "--tls-verify=false", &target]).await.fails();
    let rule = witness::refusal(site, since, &bob.name, &repository).await;
    let told = Witness { site, since, person: &alice, repository: &repository };
    told.feed_tells_of_refusal(&bob.name, &rule).await;
    viewer.skopeo(&["inspect", "--tls-verify=false", &target]).await.succeeds();
}
