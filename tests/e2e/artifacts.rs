//! What is no image: an OCI artifact with a subject, mounted blobs, by raw requests.

use reqwest::Method;
use serde_json::json;
use tests::image::{MANIFEST, digest};
use tests::oci::{EMPTY, Oci, good};
use tests::watched::have;
use tests::witness::{self, Witness};

use crate::site;

#[tokio::test]
async fn an_oci_artifact_is_pushed_found_and_pulled() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let since = site.head().await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let repository = format!("{}/notes", alice.name);
    let subject = oci.push_image(&repository, "v1").await.expect("an image");
    let token = oci.push_token(&repository).await.expect("a token");
    let text = b"what changed: everything".to_vec();
    let blob = json!({"mediaType": "text/plain", "digest": digest(&text), "size": text.len()});
    oci.push_blob(&repository, &token, text).await.expect("a blob");
    oci.push_blob(&repository, &token, b"{}".to_vec()).await.expect("the empty blob");
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "artifactType": "application/vnd.example.notes",
        "config": {"mediaType": EMPTY, "digest": digest(b"{}"), "size": 2},
        "layers": [blob],
        "subject": {"mediaType": MANIFEST, "digest": subject, "size": 1}});
    oci.put_manifest(&repository, "notes", &token, &manifest).await.expect("the artifact");
    let told = Witness { site, since, person: &alice, repository: &repository };
    assert_eq!(told.tells_of_push("notes").await, digest(manifest.to_string().as_bytes()));
}

#[tokio::test]
async fn a_blob_is_mounted_across_repositories_only_by_whom_may_pull_there() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let mallory = site.person("mallory").await;
    let from = format!("{}/from", alice.name);
    let owner = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let token = owner.push_token(&from).await.expect("a token");
    let secret = b"a layer that is hers alone".to_vec();
    let blob = owner.push_blob(&from, &token, secret).await.expect("a blob");

    let since = site.head().await;
    let into = format!("{}/into", alice.name);
    let both = [format!("repository:{into}:pull,push"), format!("repository:{from}:pull")];
    let grant = owner.grant(&[&both[0], &both[1]]).await.expect("an answer");
    let path = format!("/v2/{into}/blobs/uploads/?mount={blob}&from={}", from.replace('/', "%2F"));
    let answer =
        owner.request(Method::POST, &path, &grant.token()).send().await.expect("an answer");
    good(answer, 201).await.expect("mounted at once");
    witness::fact(site, since, "auth.tokens_decided", |fact| {
        witness::decisions(fact).any(|one| one["scopes"].as_array().is_some_and(|s| s.len() == 2))
    })
    .await;

    // The thief may push to her own place, and names the other one as where the layer is.
    let since = site.head().await;
    let thief = Oci::new(site.registry(), Some((&mallory.name, &mallory.password)));
    let into = format!("{}/into", mallory.name);
    let both = [format!("repository:{into}:pull,push"), format!("repository:{from}:pull")];
    let grant = thief.grant(&[&both[0], &both[1]]).await.expect("an answer");
    let path = format!("/v2/{into}/blobs/uploads/?mount={blob}&from={}", from.replace('/', "%2F"));
    let answer =
        thief.request(Method::POST, &path, &grant.token()).send().await.expect("an answer");
    assert_ne!(answer.status(), 201, "a layer was taken from where she may not pull");
    let rule = witness::refusal(site, since, &mallory.name, &from).await;
    let told = Witness { site, since, person: &alice, repository: &from };
    told.feed_tells_of_refusal(&mallory.name, &rule).await;
}
