//! Compares registries with what we know: when one of them has been restarted, and now and then.
//! And reads at once for which platform an image is that was pushed, where the registry does not
//! tell.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use commands::desk::Desk;
use commands::reconcile::{Comparison, ReconcileError, Reconciled, Silent};
use commands::registry::{RegistryClient, SUBJECT, Tokens, Want};
use domain::name::RegistryName;
use domain::scope::ScopeAction;
use projections::registries::RegistryRow;
use projections::runner::Runner;
use projections::{ReadModels, registries};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::hints::{Bare, Hints};
use super::known::FromReadModels;
use super::pulse::{Compared, Pulse};
use super::signer::{Access, Signer, Wanted, Word};

/// How long after the start registries are compared for the first time.
const FIRST: Duration = Duration::from_secs(60);
/// How long a registry that has just spoken is left to say the rest.
const SETTLE: Duration = Duration::from_secs(2);
/// How long what differs is left alone before it is looked at again: notifications are on their way.
const GRACE: Duration = Duration::from_secs(2);
/// How long it may take to describe one image.
const DESCRIBE: Duration = Duration::from_secs(10);

/// The job. Cheap to clone.
#[derive(Clone)]
pub struct Reconciler {
    /// Log and clock.
    pub desk: Desk,
    /// What we know.
    pub read: ReadModels,
    /// Says whether this node leads: one of several is enough. And how far what we know has come.
    pub runner: Runner,
    /// Signs our tokens.
    pub signer: Signer,
    /// What notifications leave to us.
    pub hints: Hints,
    /// Told what comparisons came to.
    pub pulse: Pulse,
    /// What was read in vain before.
    pub silent: Arc<Silent>,
    /// How often registries are compared without a reason.
    pub period: Duration,
}

impl Reconciler {
    /// Compares until it is dropped: each registry by itself, so that one that is slow holds up no
    /// other.
    pub async fn run(&self) {
        let mut rounds = Rounds::new(|registry, haste| {
            let this = self.clone();
            async move {
                if haste == Haste::Lost {
                    sleep(SETTLE).await;
                }
                let compared = report(&registry, this.compare(&registry, haste).await);
                this.pulse.compared(&registry, this.desk.clock.now(), compared);
            }
        });
        let mut next = Instant::now() + FIRST.min(self.period);
        loop {
            tokio::select! {
                lost = self.hints.lost() => {
                    for registry in lost {
                        rounds.start(registry, Haste::Lost);
                    }
                }
                () = sleep_until(next) => {
                    next = Instant::now() + self.period;
                    if self.runner.leads() {
                        for registry in self.registries().await {
                            rounds.start(registry, Haste::None);
                        }
                    }
                }
                () = rounds.one_done() => {}
            }
        }
    }

    /// Describes images until it is dropped.
    pub async fn describe(&self) {
        loop {
            let (registry, repository, digest) = self.hints.next_bare().await;
            let done = timeout(DESCRIBE, self.describe_one(&(registry, repository, digest))).await;
            let outcome = match done {
                Ok(Ok(_)) => "done",
                Ok(Err(error)) => {
                    tracing::debug!(%error, "an image's platform is read at the next comparison");
                    "failed"
                }
                Err(_) => "failed",
            };
            metrics::counter!("portus_job_runs_total", "job" => "describe", "outcome" => outcome)
                .increment(1);
        }
    }

    async fn describe_one(
        &self,
        (registry, repository, digest): &Bare,
    ) -> Result<bool, ReconcileError> {
        let Some(row) = self.row(registry).await? else { return Ok(false) };
        let client = RegistryClient::new(&row.url, self.tokens(&row.service))?;
        let known = self.known();
        self.comparison(registry, &client, &known).describe(repository, digest).await
    }

    async fn compare(
        &self,
        registry: &RegistryName,
        haste: Haste,
    ) -> Result<Reconciled, ReconcileError> {
        let Some(row) = self.row(registry).await? else { return Ok(Reconciled::default()) };
        let client = RegistryClient::new(&row.url, self.tokens(&row.service))?;
        let client = if haste == Haste::None { client.unhurried() } else { client };
        let known = self.known();
        self.comparison(registry, &client, &known).run().await
    }

    fn comparison<'a>(
        &'a self,
        registry: &'a RegistryName,
        client: &'a RegistryClient,
        known: &'a FromReadModels<'a>,
    ) -> Comparison<'a> {
        Comparison {
            log: &*self.desk.log,
            clock: &self.desk.clock,
            registry,
            client,
            known,
            silent: &self.silent,
            grace: GRACE,
        }
    }

    fn known(&self) -> FromReadModels<'_> {
        FromReadModels { log: &*self.desk.log, read: &self.read, runner: &self.runner }
    }

    async fn row(&self, registry: &RegistryName) -> Result<Option<RegistryRow>, ReconcileError> {
        let all = registries::list(&self.read).await;
        let all = all.map_err(|error| ReconcileError::Known(error.to_string()))?;
        Ok(all.into_iter().find(|row| row.name == registry.as_str()))
    }

    async fn registries(&self) -> Vec<RegistryName> {
        match registries::list(&self.read).await {
            Ok(all) => all.iter().filter_map(|row| RegistryName::parse(&row.name).ok()).collect(),
            Err(error) => {
                tracing::warn!(%error, "cannot list registries to compare");
                Vec::new()
            }
        }
    }

    fn tokens(&self, service: &str) -> Tokens {
        own_tokens(&self.signer, &self.desk, service)
    }
}

/// Tokens for what we read in a registry ourselves.
pub(crate) fn own_tokens(signer: &Signer, desk: &Desk, service: &str) -> Tokens {
    let (signer, desk, service) = (signer.clone(), desk.clone(), service.to_owned());
    Arc::new(move |want| {
        let access = match want {
            Want::Catalog => Access {
                kind: "registry",
                name: "catalog".to_owned(),
                actions: vec![Word(ScopeAction::All)],
            },
            Want::Pull(repository) => Access {
                kind: "repository",
                name: repository.to_string(),
                actions: vec![Word(ScopeAction::Pull)],
            },
        };
        let wanted = Wanted {
            subject: SUBJECT,
            audience: &service,
            access: &[access],
            id: &desk.new_id().to_string(),
            now: desk.clock.now(),
        };
        signer.sign(&wanted).map_err(|error| error.to_string())
    })
}

/// Why a registry is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    /// It may have forgotten something just now.
    Lost,
    /// To be sure: a large one has better things to do.
    None,
}

/// Comparisons under way, at most one a registry.
struct Rounds<C> {
    compare: C,
    tasks: JoinSet<()>,
    running: HashMap<Id, (RegistryName, Haste, AbortHandle)>,
    /// Lost something while one was under way, which may have been too early.
    again: BTreeSet<RegistryName>,
}

impl<C, F> Rounds<C>
where
    C: Fn(RegistryName, Haste) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    fn new(compare: C) -> Self {
        let (tasks, running, again) = (JoinSet::new(), HashMap::new(), BTreeSet::new());
        Self { compare, tasks, running, again }
    }

    /// One without haste makes way for one in haste, and is left out where one is under way.
    fn start(&mut self, registry: RegistryName, haste: Haste) {
        let mut running = self.running.values();
        if let Some((_, before, task)) = running.find(|(running, ..)| *running == registry) {
            if haste == Haste::Lost {
                if *before == Haste::None {
                    task.abort();
                }
                self.again.insert(registry);
            }
            return;
        }
        let task = self.tasks.spawn((self.compare)(registry.clone(), haste));
        self.running.insert(task.id(), (registry, haste, task));
    }

    /// Waits for ever when none is under way.
    async fn one_done(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(ended)) => {
                if ended.is_panic() {
                    tracing::error!(error = %ended, "a comparison broke off");
                }
                ended.id()
            }
            None => return std::future::pending().await,
        };
        if let Some((registry, ..)) = self.running.remove(&id)
            && self.again.remove(&registry)
        {
            self.start(registry, Haste::Lost);
        }
    }
}

fn report(registry: &RegistryName, done: Result<Reconciled, ReconcileError>) -> Compared {
    let (outcome, compared) = match done {
        Ok(Reconciled { repositories, observed, missed, described, failed }) => {
            tracing::info!(
                %registry,
                repositories,
                observed,
                missed,
                described,
                failed,
                "compared with the registry"
            );
            if failed == 0 {
                ("done", Compared::Whole)
            } else {
                ("partial", Compared::Partly(failed))
            }
        }
        Err(error) => {
            tracing::warn!(%registry, %error, "not compared, or not to the end");
            let ours = !matches!(error, ReconcileError::Registry(_));
            ("failed", if ours { Compared::Failed } else { Compared::Silent })
        }
    };
    metrics::counter!("portus_job_runs_total", "job" => "reconcile", "outcome" => outcome)
        .increment(1);
    compared
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[tokio::test]
    async fn what_may_be_lost_is_not_kept_waiting_by_a_comparison_without_haste() {
        let (begun, mut seen) = unbounded_channel();
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let mut rounds = Rounds::new(|registry: RegistryName, haste| {
            let (begun, gate) = (begun.clone(), gate.clone());
            async move {
                begun.send((registry.to_string(), haste)).unwrap();
                gate.acquire().await.unwrap().forget();
            }
        });
        let [main, other] = ["main", "other"].map(|name| RegistryName::parse(name).unwrap());
        rounds.start(main.clone(), Haste::None);
        rounds.start(other.clone(), Haste::None);
        let mut first = [seen.recv().await.unwrap(), seen.recv().await.unwrap()];
        first.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(first, [("main".to_owned(), Haste::None), ("other".to_owned(), Haste::None)]);

        rounds.start(main.clone(), Haste::None);
        rounds.start(main.clone(), Haste::Lost);
        rounds.one_done().await;
        assert_eq!(seen.recv().await.unwrap(), ("main".to_owned(), Haste::Lost));
        rounds.start(main.clone(), Haste::None);
        assert!(seen.try_recv().is_err(), "one a registry");

        // What is lost during one in haste is looked for after it.
        rounds.start(main.clone(), Haste::Lost);
        rounds.start(main, Haste::Lost);
        gate.add_permits(2);
        rounds.one_done().await;
        rounds.one_done().await;
        assert_eq!(seen.recv().await.unwrap(), ("main".to_owned(), Haste::Lost));
        gate.add_permits(1);
        rounds.one_done().await;
        assert!(rounds.running.is_empty() && seen.try_recv().is_err());
        rounds.start(other, Haste::None);
        assert_eq!(seen.recv().await.unwrap(), ("other".to_owned(), Haste::None));
    }
}
