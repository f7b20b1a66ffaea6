//! Other people's clients, and the newer registry beside Debian's: the same Portus in front of
//! both. `make interop` builds the tools and starts this.
#![allow(clippy::expect_used, clippy::panic, reason = "this is how a test's helper fails")]

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tests::clients::{Machine, Outcome, text};
use tests::image;
use tests::program::{Person, Program};
use tests::watched::{find, scratch};
use tests::witness::{self, Witness};

#[tokio::test]
async fn crane_oras_and_helm_in_front_of_distribution_2() {
    let Some(tools) = tools() else { return };
    let site = site(&tools, find("docker-registry")).await;
    every_client(&site, &tools).await;
}

#[tokio::test]
async fn crane_oras_and_helm_in_front_of_distribution_3() {
    let Some(tools) = tools() else { return };
    let site = site(&tools, tool(&tools, "registry")).await;
    let alice = every_client(&site, &tools).await;
    // This registry tells the platforms of an index; the older one does not.
    let repository = format!("{}/multi", alice.name);
    let told = Witness { site: &site, since: 0, person: &alice, repository: &repository };
    for platform in ["linux/amd64", "linux/arm64"] {
        told.page_says(platform).await;
    }
}

async fn every_client(site: &Program, tools: &[PathBuf]) -> Person {
    let alice = site.person("alice").await;
    let mallory = site.person("mallory").await;
    skopeo_and_buildah(site, &alice).await;
    crane(site, tools, &alice, &mallory).await;
    oras(site, tools, &alice, &mallory).await;
    helm(site, tools, &alice, &mallory).await;
    alice
}

/// The clients of the other tests, in front of this registry too.
async fn skopeo_and_buildah(site: &Program, alice: &Person) {
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
    let told = Witness { site, since, person: alice, repository: &repository };
    assert_eq!(told.tells_of_push("v1").await, digest);
    let folder = image::context(&machine, "FROM scratch", 1, 2_000);
    let name = format!("{}/{}/built:v1", site.registry(), alice.name);
    machine.buildah(&["bud", "-t", &name, &folder]).await.succeeds();
    machine.buildah(&["push", "--tls-verify=false", &name]).await.succeeds();
    machine.podman(&["pull", "--tls-verify=false", &name]).await.succeeds();
}

async fn crane(site: &Program, tools: &[PathBuf], alice: &Person, mallory: &Person) {
    let machine = Machine::new(None);
    let crane = |arguments: Vec<String>| run(&machine, tools, "crane", arguments);
    let login = |person: &Person| {
        args(&["auth", "login", site.registry(), "-u", &person.name, "-p", &person.password])
    };
    crane(login(alice)).await.succeeds();
    let from = format!("{}/{}/multi:v1", site.registry(), alice.name);
    let repository = format!("{}/crane", alice.name);
    let to = format!("{}/{repository}:v1", site.registry());
    let since = site.head().await;
    crane(args(&["copy", &from, &to])).await.succeeds();
    let told = Witness { site, since, person: alice, repository: &repository };
    let digest = told.tells_of_push("v1").await;
    assert_eq!(crane(args(&["digest", &to])).await.succeeds().trim(), digest);
    let name = format!("{}/{repository}", site.registry());
    assert_eq!(crane(args(&["ls", &name])).await.succeeds().trim(), "v1");
    let file = text(&machine.path("image.tar"));
    crane(args(&["pull", "--platform=linux/amd64", &to, &file])).await.succeeds();
    crane(args(&["push", &file, &format!("{name}:v2")])).await.succeeds();
    told.tells_of_push("v2").await;
    let before = site.head().await;
    crane(args(&["delete", &format!("{name}@{digest}")])).await.succeeds();
    witness::fact(site, before, "content.deleted", |fact| fact.data["digest"] == *digest).await;

    crane(login(mallory)).await.succeeds();
    let since = site.head().await;
    let said = crane(args(&["copy", &from, &to])).await.fails();
    assert!(said.contains("DENIED") || said.contains("UNAUTHORIZED"), "{said}");
    witness::refusal(site, since, &mallory.name, &format!("{}/multi", alice.name)).await;
}

async fn oras(site: &Program, tools: &[PathBuf], alice: &Person, mallory: &Person) {
    let machine = Machine::new(None);
    let oras = |arguments: Vec<String>| run(&machine, tools, "oras", arguments);
    let login = |person: &Person| {
        let name = ["login", "--plain-http", site.registry(), "-u"];
        args(&[&name[..], &[&person.name, "-p", &person.password]].concat())
    };
    oras(login(alice)).await.succeeds();
    let repository = format!("{}/oras", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    std::fs::write(machine.path("notes.txt"), image::noise(300)).expect("a file");
    let since = site.head().await;
    let push = ["push", "--plain-http", "--artifact-type", "application/vnd.example.notes", &name];
    oras(args(&[&push[..], &["notes.txt:text/plain"]].concat())).await.succeeds();
    let told = Witness { site, since, person: alice, repository: &repository };
    told.tells_of_push("v1").await;
    let folder = text(&machine.path("pulled"));
    oras(args(&["pull", "--plain-http", "-o", &folder, &name])).await.succeeds();
    assert!(machine.path("pulled").join("notes.txt").is_file());
    let attach = ["attach", "--plain-http", "--artifact-type", "application/vnd.example.sig"];
    let file = "notes.txt:text/plain";
    oras(args(&[&attach[..], &[&name, file]].concat())).await.succeeds();
    let second = format!("{}/{}/oras-copy:v1", site.registry(), alice.name);
    let copy = ["cp", "--from-plain-http", "--to-plain-http", &name, &second];
    oras(args(&copy)).await.succeeds();
    let copied = format!("{}/oras-copy", alice.name);
    Witness { site, since, person: alice, repository: &copied }.tells_of_push("v1").await;

    oras(login(mallory)).await.succeeds();
    let since = site.head().await;
    let said = oras(args(&["pull", "--plain-http", &name])).await.fails();
    assert!(said.contains("denied") || said.contains("unauthorized"), "{said}");
    witness::refusal(site, since, &mallory.name, &repository).await;
}

async fn helm(site: &Program, tools: &[PathBuf], alice: &Person, mallory: &Person) {
    let machine = Machine::new(None);
    let helm = |arguments: Vec<String>| run(&machine, tools, "helm", arguments);
    let login = |person: &Person| {
        let name = ["registry", "login", "--plain-http", site.registry(), "-u"];
        args(&[&name[..], &[&person.name, "-p", &person.password]].concat())
    };
    helm(login(alice)).await.succeeds();
    helm(args(&["create", "chart"])).await.succeeds();
    helm(args(&["package", "--version", "1.2.3", "chart"])).await.succeeds();
    let place = format!("oci://{}/{}/charts", site.registry(), alice.name);
    let since = site.head().await;
    helm(args(&["push", "--plain-http", "chart-1.2.3.tgz", &place])).await.succeeds();
    let repository = format!("{}/charts/chart", alice.name);
    let told = Witness { site, since, person: alice, repository: &repository };
    told.tells_of_push("1.2.3").await;
    let chart = format!("{place}/chart");
    let pull = ["pull", "--plain-http", "--version", "1.2.3", &chart];
    std::fs::remove_file(machine.path("chart-1.2.3.tgz")).expect("the package");
    helm(args(&pull)).await.succeeds();
    assert!(machine.path("chart-1.2.3.tgz").is_file());

    helm(login(mallory)).await.succeeds();
    let since = site.head().await;
    let said = helm(args(&pull)).await.fails();
    assert!(said.contains("denied") || said.contains("unauthorized"), "{said}");
    witness::refusal(site, since, &mallory.name, &repository).await;
}

/// A site whose registry is this binary: Portus starts whatever is called `docker-registry`.
async fn site(tools: &[PathBuf], registry: Option<PathBuf>) -> Program {
    let registry = registry.expect("a registry");
    let folder = scratch("pi");
    symlink(registry, folder.join("docker-registry")).expect("a link");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    assert!(!tools.is_empty());
    let site = Program::start_with(&[("PATH", &path)]).await;
    std::fs::remove_dir_all(folder).expect("the link's folder");
    site
}

/// The folders with the tools. Nothing without them: `make interop` says why.
fn tools() -> Option<Vec<PathBuf>> {
    let Ok(folders) = std::env::var("INTEROP_TOOLS") else {
        tests::watched::skipped("INTEROP_TOOLS names no tools; `make interop` builds them");
        return None;
    };
    Some(folders.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from).collect())
}

fn tool(tools: &[PathBuf], name: &str) -> Option<PathBuf> {
    tools.iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

async fn run(machine: &Machine, tools: &[PathBuf], name: &str, arguments: Vec<String>) -> Outcome {
    let program = text(&tool(tools, name).expect("a tool that make interop builds"));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    machine.run(&program, &arguments, "").await
}

fn args(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
