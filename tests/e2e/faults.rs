//! Kills in the middle of pushes: what was acknowledged is in the log in the end, once, and
//! everything comes back by itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tests::clients::Machine;
use tests::docker::Engine;
use tests::image;
use tests::oci::Oci;
use tests::program::Program;
use tests::watched::{eventually, have};

use tests::witness::{OBSERVED, PUSHED, Witness};

use crate::have_docker;

/// How long everything may take to come back, and to catch up on what was missed meanwhile.
const RECOVERY: Duration = Duration::from_secs(60);
/// How many pushes are acknowledged before something is killed.
const BEFORE: usize = 5;
/// How many pushes must be acknowledged after that.
const AFTER: usize = 5;

#[tokio::test]
async fn a_killed_registry_comes_back_and_takes_pushes() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    pushes_survive(|site| site.kill_child("docker-registry")).await;
}

#[tokio::test]
async fn a_postgres_killed_between_pushes_loses_nothing_that_was_acknowledged() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    pushes_survive(|site| site.kill_child("postgres")).await;
}

#[tokio::test]
async fn a_portus_stopped_between_pushes_keeps_what_it_acknowledged_and_goes_on() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    pushes_survive(|site| assert_eq!(site.stop(), 0)).await;
}

#[tokio::test]
async fn a_portus_killed_between_pushes_keeps_what_it_acknowledged_and_goes_on() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    pushes_survive(Program::kill).await;
}

#[tokio::test]
async fn docker_itself_gets_through_a_killed_postgres() {
    if !have_docker() {
        return;
    }
    let site = Program::start().await;
    let alice = site.person("alice").await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let since = site.head().await;
    let repository = format!("{}/big", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    image::build(&machine, &name, 5, 4_000_000).await;
    let arguments = ["push", &name];
    let push = machine.docker(&arguments);
    let kill = async {
        // The first layers are on their way once the token is given.
        let begun = eventually(RECOVERY, || async { uploading(&site).then_some(()) });
        begun.await.expect("an upload");
        site.kill_child("postgres");
    };
    let (pushed, ()) = tokio::join!(push, kill);
    if !pushed.success {
        // It may fail. Then it says so, and a next one works, by itself.
        let again = eventually(RECOVERY, || async {
            machine.docker(&["push", &name]).await.success.then_some(())
        });
        again.await.expect("a push after the recovery");
    }
    Witness { site: &site, since, person: &alice, repository: &repository }
        .tells_of_push("v1")
        .await;
}

#[tokio::test]
async fn a_second_start_finds_everything_again() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let site = Program::start().await;
    let alice = site.person("alice").await;
    let since = site.head().await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let repository = format!("{}/kept", alice.name);
    oci.push_image(&repository, "v1").await.expect("a push");
    let told = Witness { site: &site, since, person: &alice, repository: &repository };
    let digest = told.tells_of_push("v1").await;

    assert_eq!(site.stop(), 0);
    site.start_again().await;
    assert_eq!(told.tells_of_push("v1").await, digest);
    oci.push_image(&repository, "v2").await.expect("the same people, the same keys");
    told.tells_of_push("v2").await;
}

/// Pushes without a pause from two sides, does `harm` in the middle, and looks for each push that
/// the registry acknowledged: it is in the log exactly once, as the push that the registry told of,
/// or as what was observed when its queue had gone with it.
async fn pushes_survive(harm: impl FnOnce(&Program) + Send + 'static) {
    pushes_survive_at(Program::start().await, &[PUSHED, OBSERVED], harm).await;
}

/// The same at a site that was started already, and with the facts of which there must be one. Where
/// the registry keeps its queue, that is each push; it may be observed as well, while the queue is
/// behind.
pub(crate) async fn pushes_survive_at(
    site: Program,
    kinds: &[&str],
    harm: impl FnOnce(&Program) + Send + 'static,
) {
    let site = Arc::new(site);
    let alice = site.person("alice").await;
    let since = site.head().await;
    let pushes = Arc::new(Pushes::default());
    let pushers = [0, 1].map(|pusher| {
        let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
        let repository = format!("{}/pusher-{pusher}", alice.name);
        tokio::spawn(push_on(oci, repository, Arc::clone(&pushes)))
    });

    pushes.reach(BEFORE).await;
    let before = site.facts(0).await;
    let harmed = Arc::clone(&site);
    let done = tokio::task::spawn_blocking(move || harm(&harmed)).await;
    done.expect("the harm itself");
    if site.pid().is_none() {
        site.start_again().await;
    }
    // Two may have been under way: those count as before the recovery.
    let recovered = pushes.count() + 2;
    pushes.reach(recovered + AFTER).await;
    pushes.enough.store(true, Ordering::Relaxed);
    for pusher in pushers {
        pusher.await.expect("a pusher");
    }

    let after = site.facts(0).await;
    let kept = before
        .iter()
        .zip(&after)
        .all(|(was, is)| was.position == is.position && was.data == is.data);
    assert!(kept && after.len() >= before.len(), "the log has lost something");
    let all = pushes.acknowledged.lock().expect("the list").clone();
    for repository in all.iter().map(|push| &push.repository).collect::<BTreeSet<_>>() {
        let told = Witness { site: &site, since, person: &alice, repository };
        let of_it = all.iter().filter(|push| push.repository == *repository);
        let of_it: Vec<_> = of_it.map(|push| (push.tag.as_str(), push.digest.as_str())).collect();
        told.tells_of_each_once_as(&of_it, kinds).await;
    }
}

/// One that the registry acknowledged.
#[derive(Debug, Clone)]
struct Push {
    repository: String,
    tag: String,
    digest: String,
}

/// What two pushers have done so far.
#[derive(Default)]
struct Pushes {
    /// What the registry acknowledged.
    acknowledged: Mutex<Vec<Push>>,
    enough: AtomicBool,
}

impl Pushes {
    fn count(&self) -> usize {
        self.acknowledged.lock().expect("the list").len()
    }

    async fn reach(&self, count: usize) {
        let reached = eventually(RECOVERY, || async { (self.count() >= count).then_some(()) });
        assert!(reached.await.is_some(), "pushes do not get through: {}", self.count());
    }
}

async fn push_on(oci: Oci, repository: String, pushes: Arc<Pushes>) {
    let mut number = 0_u32;
    while !pushes.enough.load(Ordering::Relaxed) {
        number += 1;
        // Each under a tag of its own, so that what is there in the end is everything.
        let (repository, tag) = (repository.clone(), format!("v{number}"));
        match oci.push_image(&repository, &tag).await {
            Ok(digest) => {
                let push = Push { repository, tag, digest };
                pushes.acknowledged.lock().expect("the list").push(push);
            }
            // Refused connections come back at once; the processors are for the recovery.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The registry holds an upload that is not finished.
fn uploading(site: &Program) -> bool {
    fn search(folder: &Path, depth: u32) -> bool {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
        folders.any(|path| path.ends_with("_uploads") || (depth > 0 && search(&path, depth - 1)))
    }
    search(&site.data(), 9)
}
