//! Accounts as clients feel them: application tokens, disabled people.

use serde_json::json;
use tests::clients::Machine;
use tests::docker::Engine;
use tests::image;
use tests::oci::Oci;
use tests::witness::{self, Witness};

use crate::{have_docker, site};

#[tokio::test]
async fn docker_logs_in_and_pushes_with_an_application_token_until_it_is_revoked() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let secret = site.app_token(&alice, "ci").await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &secret).await.succeeds();
    let repository = format!("{}/ci", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    image::build(&machine, &name, 1, 1_000).await;
    let since = site.head().await;
    machine.docker(&["push", &name]).await.succeeds();
    Witness { site, since, person: &alice, repository: &repository }.tells_of_push("v1").await;
    witness::never_in_log(site, 0, &secret).await;

    let api = site.api_of(&alice);
    let path = format!("/api/v1/users/{}/application_tokens", alice.id);
    let tokens = api.get(&path).await.expect_status(200);
    let id = tokens[0]["id"].as_u64().expect("a number");
    let revoked = api.delete(&format!("/api/v1/users/application_tokens/{id}")).await;
    revoked.expect_status(204);
    let since = site.head().await;
    let said = machine.docker(&["push", &name]).await.fails();
    assert!(said.contains("unauthorized"), "{said}");
    assert!(!said.contains(&secret), "{said}");
    witness::fact(site, since, "auth.sign_in_failed", |fact| fact.data["reason"] == "revoked")
        .await;
}

#[tokio::test]
async fn a_user_disabled_between_two_pulls_gets_the_first_one_alone() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let bob = site.person("bob").await;
    let (team, id, _) = site.team("crew", &alice).await;
    site.join(id, &bob, "viewer").await;
    let owner = Machine::new(Some(Engine::shared()));
    owner.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{team}/app");
    let name = format!("{}/{repository}:v1", site.registry());
    image::build(&owner, &name, 1, 1_000).await;
    owner.docker(&["push", &name]).await.succeeds();

    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &bob.name, &bob.password).await.succeeds();
    machine.docker(&["pull", &name]).await.succeeds();
    let since = site.head().await;
    let disable = format!("/api/v1/users/{}/disable", bob.id);
    let answer = site.admin().post(&disable, &json!({"reason": "left the company"})).await;
    assert!((200..300).contains(&answer.status), "{}: {}", answer.status, answer.text);

    // The very next request.
    let grant = Oci::new(site.registry(), Some((&bob.name, &bob.password)));
    let scope = format!("repository:{repository}:pull");
    let grant = grant.grant(&[&scope]).await.expect("an answer");
    assert!([401, 403].contains(&grant.status), "{grant:?}");
    let said = machine.docker(&["pull", &name]).await.fails();
    assert!(said.contains("unauthorized: ") || said.contains("denied: "), "{said}");
    let failed = witness::fact(site, since, "auth.sign_in_failed", |fact| {
        fact.data["claimed"]["user"] == *bob.name
    });
    assert_eq!(failed.await.data["reason"], "disabled");
    assert_eq!(site.api_of(&bob).get("/api/v1/namespaces").await.status, 401);
}

#[tokio::test]
async fn docker_stores_no_password_and_a_new_password_ends_what_it_stored() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let stored = machine.docker_configuration();
    let entry = &stored["auths"][site.registry()];
    assert!(entry["identitytoken"].is_string(), "no refresh token: {stored}");
    let repository = format!("{}/app", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    image::build(&machine, &name, 1, 1_000).await;
    machine.docker(&["push", &name]).await.succeeds();

    let body = json!({"user": {"password": "another long password 2"}});
    let path = format!("/api/v1/users/{}", alice.id);
    site.admin().put(&path, &body).await.expect_status(200);
    let since = site.head().await;
    let said = machine.docker(&["push", &name]).await.fails();
    assert!(said.contains("unauthorized: "), "{said}");
    let failed = witness::fact(site, since, "auth.sign_in_failed", |fact| {
        fact.data["claimed"]["user"] == *alice.name
    });
    assert_eq!(failed.await.data["reason"], "revoked");
    let again = machine.docker_login(site.registry(), &alice.name, "another long password 2").await;
    again.succeeds();
    machine.docker(&["push", &name]).await.succeeds();
}
