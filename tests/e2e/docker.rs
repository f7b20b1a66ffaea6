//! docker: login, push, pull, refusals, mounts.

use tests::clients::Machine;
use tests::docker::Engine;
use tests::image;
use tests::witness::{self, PULLED, Witness};

use crate::{have_docker, site};

#[tokio::test]
async fn docker_login_works_with_the_right_password() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let since = site.head().await;
    let machine = Machine::new(Some(Engine::shared()));
    let said = machine.docker_login(site.registry(), &alice.name, &alice.password).await;
    assert!(said.succeeds().contains("Login Succeeded"));
    let fact = witness::fact(site, since, "auth.tokens_decided", |fact| {
        witness::decisions(fact).any(|decision| decision["subject"]["name"] == *alice.name)
    });
    let told = fact.await;
    assert_eq!(told.data["decisions"][0]["service"], site.registry());
}

#[tokio::test]
async fn docker_login_with_a_wrong_password_says_what_is_wrong() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let since = site.head().await;
    let machine = Machine::new(Some(Engine::shared()));
    let said = machine.docker_login(site.registry(), &alice.name, "not her password").await.fails();
    assert!(said.contains("unauthorized: "), "{said}");
    assert!(!said.contains("authentication required"), "no words of ours: {said}");
    assert!(!said.contains("not her password"), "{said}");
    let fact = witness::fact(site, since, "auth.sign_in_failed", |fact| {
        fact.data["claimed"]["user"] == *alice.name
    });
    assert_eq!(fact.await.data["reason"], "wrong_secret");
    witness::never_in_log(site, since, "not her password").await;
}

#[tokio::test]
async fn a_push_by_docker_is_told_by_log_search_page_and_feed() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let since = site.head().await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{}/app", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    image::build(&machine, &name, 3, 5_000).await;
    machine.docker(&["push", &name]).await.succeeds();
    Witness { site, since, person: &alice, repository: &repository }.tells_of_push("v1").await;
}

#[tokio::test]
async fn docker_pulls_by_tag_and_by_digest_and_both_are_facts() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{}/pulled", alice.name);
    let since = site.head().await;
    let told = Witness { site, since, person: &alice, repository: &repository };
    // Two images, for docker keeps the manifests that it has pulled.
    for (tag, by_digest) in [("v1", false), ("v2", true)] {
        let name = format!("{}/{repository}:{tag}", site.registry());
        image::build(&machine, &name, 2, 1_000).await;
        machine.docker(&["push", &name]).await.succeeds();
        let digest = told.tells_of_push(tag).await;
        machine.docker(&["rmi", "-f", &name]).await.succeeds();
        let since = site.head().await;
        let exact = format!("{}/{repository}@{digest}", site.registry());
        machine.docker(&["pull", if by_digest { &exact } else { &name }]).await.succeeds();
        let pulled = witness::fact(site, since, PULLED, |fact| {
            fact.data["repository"] == *repository
                && fact.data["digest"] == *digest
                && fact.data["method"] == "get"
        });
        assert_eq!(pulled.await.meta["actor"]["name"], *alice.name);
    }
    told.feed_says("content.manifest_pulled", "done").await;
}

#[tokio::test]
async fn anybody_pulls_from_a_public_namespace_and_nobody_pushes_there_unasked() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let (team, _, namespace) = site.team("open", &alice).await;
    site.visibility(namespace, "public").await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{team}/app");
    let name = format!("{}/{repository}:v1", site.registry());
    image::build(&machine, &name, 2, 1_000).await;
    machine.docker(&["push", &name]).await.succeeds();

    let passer_by = Machine::new(Some(Engine::shared()));
    machine.docker(&["rmi", "-f", &name]).await.succeeds();
    let since = site.head().await;
    passer_by.docker(&["pull", &name]).await.succeeds();
    let fact = witness::fact(site, since, PULLED, |fact| fact.data["repository"] == *repository);
    assert_eq!(fact.await.meta["actor"]["kind"], "anonymous");

    let since = site.head().await;
    let said = passer_by.docker(&["push", &name]).await.fails();
    assert!(said.contains("denied") || said.contains("unauthorized"), "{said}");
    let rule = witness::refusal(site, since, "anonymous", &repository).await;
    Witness { site, since, person: &alice, repository: &repository }
        .feed_tells_of_refusal("anonymous", &rule)
        .await;
}

#[tokio::test]
async fn a_stranger_is_refused_both_ways_and_the_feed_names_the_rule() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let mallory = site.person("mallory").await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{}/secret", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    image::build(&machine, &name, 1, 1_000).await;
    machine.docker(&["push", &name]).await.succeeds();

    let stranger = Machine::new(Some(Engine::shared()));
    stranger.docker_login(site.registry(), &mallory.name, &mallory.password).await.succeeds();
    let since = site.head().await;
    let said = stranger.docker(&["push", &name]).await.fails();
    assert!(said.contains("denied: requested access to the resource is denied"), "{said}");
    let rule = witness::refusal(site, since, &mallory.name, &repository).await;
    let owner = Witness { site, since, person: &alice, repository: &repository };
    owner.feed_tells_of_refusal(&mallory.name, &rule).await;

    let since = site.head().await;
    let said = stranger.docker(&["pull", &name]).await.fails();
    assert!(
        said.contains(&format!("pull access denied for {}/{repository}", site.registry())),
        "{said}"
    );
    let rule = witness::refusal(site, since, &mallory.name, &repository).await;
    owner.feed_tells_of_refusal(&mallory.name, &rule).await;
    // What is hidden from them is hidden everywhere.
    let hidden = Witness { site, since, person: &mallory, repository: &repository };
    hidden.tells_nothing().await;
}

#[tokio::test]
async fn layers_of_another_repository_are_mounted_and_not_uploaded_again() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let first = format!("{}/{}/first:v1", site.registry(), alice.name);
    let second = format!("{}/{}/second:v1", site.registry(), alice.name);
    image::build(&machine, &first, 2, 5_000).await;
    machine.docker(&["push", &first]).await.succeeds();
    machine.docker(&["tag", &first, &second]).await.succeeds();
    let since = site.head().await;
    let said = machine.docker(&["push", &second]).await.succeeds();
    assert!(said.contains("Mounted from"), "{said}");
    let repository = format!("{}/second", alice.name);
    Witness { site, since, person: &alice, repository: &repository }.tells_of_push("v1").await;
    // The token for a mount was for both repositories, and that is written down too.
    let fact = witness::fact(site, since, "auth.tokens_decided", |fact| {
        witness::decisions(fact).any(|one| one["scopes"].as_array().is_some_and(|s| s.len() == 2))
    });
    fact.await;
}

#[tokio::test]
async fn four_pushes_at_once_are_four_facts() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let since = site.head().await;
    let repositories: Vec<String> =
        (0..4).map(|number| format!("{}/parallel-{number}", alice.name)).collect();
    let machine = &machine;
    let pushes = repositories.iter().map(|repository| async move {
        let name = format!("{}/{repository}:v1", site.registry());
        image::build(machine, &name, 2, 20_000).await;
        machine.docker(&["push", &name]).await.succeeds();
    });
    futures_util::future::join_all(pushes).await;
    for repository in &repositories {
        Witness { site, since, person: &alice, repository }.tells_of_push("v1").await;
    }
}

#[tokio::test]
async fn containerd_pulls_with_a_password() {
    if !have_docker() || !tests::watched::have(&["ctr"]) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let engine = Engine::shared();
    let machine = Machine::new(Some(engine));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{}/ctr", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    image::build(&machine, &name, 2, 1_000).await;
    machine.docker(&["push", &name]).await.succeeds();
    let since = site.head().await;
    let socket = tests::clients::text(&engine.containerd());
    let credential = format!("{}:{}", alice.name, alice.password);
    let pull = ["-a", &socket, "-n", "tests", "images", "pull", "--plain-http", "--snapshotter"];
    let pull = [&pull[..], &["native", "-u", &credential, &name]].concat();
    machine.run("ctr", &pull, "").await.succeeds();
    let fact = witness::fact(site, since, PULLED, |fact| fact.data["repository"] == *repository);
    assert_eq!(fact.await.meta["actor"]["name"], *alice.name);
}

#[tokio::test]
async fn a_list_of_manifests_made_by_docker_is_one_tag() {
    if !have_docker() {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{}/list", alice.name);
    let name = format!("{}/{repository}", site.registry());
    let (one, list) = (format!("{name}:one"), format!("{name}:all"));
    image::build(&machine, &one, 1, 1_000).await;
    machine.docker(&["push", &one]).await.succeeds();
    let since = site.head().await;
    machine.docker(&["manifest", "create", "--insecure", &list, &one]).await.succeeds();
    machine.docker(&["manifest", "push", "--insecure", &list]).await.succeeds();
    Witness { site, since, person: &alice, repository: &repository }.tells_of_push("all").await;
}

#[tokio::test]
async fn buildkit_builds_from_a_private_base() {
    // The client with BuildKit inside; newer ones need a plugin for it.
    let docker = "/usr/bin/docker";
    if !have_docker() {
        return;
    }
    if !std::path::Path::new(docker).is_file() {
        assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "missing here: {docker}");
        tests::watched::skipped(&format!("this test needs {docker}, with BuildKit inside"));
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{}/kit-base", alice.name);
    let base = format!("{}/{repository}:v1", site.registry());
    image::build(&machine, &base, 1, 1_000).await;
    machine.docker(&["push", &base]).await.succeeds();
    machine.docker(&["rmi", "-f", &base]).await.succeeds();
    let since = site.head().await;
    let folder = image::context(&machine, &format!("FROM {base}"), 1, 1_000);
    let target = format!("{}/kit-built", alice.name);
    let name = format!("{}/{target}:v1", site.registry());
    let build = ["DOCKER_BUILDKIT=1", docker, "build", "-q", "-t", &name, &folder];
    machine.run("env", &build, "").await.succeeds();
    let pulled = witness::fact(site, since, PULLED, |fact| fact.data["repository"] == *repository);
    assert_eq!(pulled.await.meta["actor"]["name"], *alice.name);
    machine.docker(&["push", &name]).await.succeeds();
    Witness { site, since, person: &alice, repository: &target }.tells_of_push("v1").await;

    // Without a login the same build fails, and says why.
    let stranger = Machine::new(Some(Engine::shared()));
    machine.docker(&["rmi", "-f", &name]).await.succeeds();
    let folder = image::context(&stranger, &format!("FROM {base}"), 1, 1_000);
    let build = ["DOCKER_BUILDKIT=1", docker, "build", "--no-cache", "-q", "-t", "x", &folder];
    let said = stranger.run("env", &build, "").await.fails();
    assert!(said.contains("denied") || said.contains("unauthorized"), "{said}");
}
