//! Compares registries with what we know: when one of them has been restarted, and now and then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commands::desk::Desk;
use commands::reconcile::{self, Known, ReconcileError, Reconciled};
use commands::registry::{RegistryClient, SUBJECT, Tokens, Want};
use domain::digest::Digest;
use domain::name::{RegistryName, RepositoryName, TagName};
use domain::scope::ScopeAction;
use projections::registries::RegistryRow;
use projections::runner::Runner;
use projections::{MAX_PAGE, Paging, ReadModels, registries, repositories, tags};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::signer::{Access, Signer, Wanted, Word};

/// How often registries are compared without a reason.
pub const PERIOD: Duration = Duration::from_secs(15 * 60);
/// How long a registry that has just spoken is left to say the rest.
const SETTLE: Duration = Duration::from_secs(2);

/// The job. Cheap to clone.
#[derive(Clone)]
pub struct Reconciler {
    /// Log and clock.
    pub desk: Desk,
    /// What we know.
    pub read: ReadModels,
    /// Says whether this node leads: one of several is enough.
    pub runner: Runner,
    /// Signs our tokens.
    pub signer: Signer,
    /// Asks for a comparison now.
    pub queue_lost: Arc<Notify>,
}

impl Reconciler {
    /// Runs until it is dropped.
    pub async fn run(&self) {
        loop {
            let asked = timeout(PERIOD, self.queue_lost.notified()).await.is_ok();
            if asked {
                tokio::time::sleep(SETTLE).await;
            } else if !self.runner.leads() {
                continue;
            }
            match registries::list(&self.read).await {
                Ok(all) => {
                    for registry in &all {
                        self.report(registry, self.compare(registry).await);
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot list registries to compare"),
            }
        }
    }

    /// Compares one registry.
    ///
    /// # Errors
    ///
    /// [`ReconcileError`].
    pub async fn compare(&self, row: &RegistryRow) -> Result<Reconciled, ReconcileError> {
        let registry = RegistryName::parse(&row.name)
            .map_err(|error| ReconcileError::Known(error.to_string()))?;
        let client = RegistryClient::new(&row.url, self.tokens(&row.service))?;
        reconcile::reconcile(&self.desk, &registry, &client, self).await
    }

    fn report(&self, registry: &RegistryRow, done: Result<Reconciled, ReconcileError>) {
        let outcome = match done {
            Ok(Reconciled { observed, missed, failed, repositories }) => {
                tracing::info!(
                    registry = registry.name,
                    repositories,
                    observed,
                    missed,
                    failed,
                    "compared with the registry"
                );
                if failed == 0 { "done" } else { "partial" }
            }
            Err(error) => {
                tracing::warn!(registry = registry.name, %error, "not compared");
                "failed"
            }
        };
        metrics::counter!("portus_job_runs_total", "job" => "reconcile", "outcome" => outcome)
            .increment(1);
    }

    fn tokens(&self, service: &str) -> Tokens {
        let (signer, desk, service) = (self.signer.clone(), self.desk.clone(), service.to_owned());
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
}

#[async_trait]
impl Known for Reconciler {
    async fn repositories(&self, registry: &RegistryName) -> Result<Vec<RepositoryName>, String> {
        let mut all: Vec<RepositoryName> = Vec::new();
        let mut after = String::new();
        loop {
            let names = repositories::names(&self.read, registry, &after).await;
            let names = names.map_err(|error| error.to_string())?;
            let Some(last) = names.last() else { return Ok(all) };
            after.clone_from(last);
            all.extend(names.iter().filter_map(|name| RepositoryName::parse(name).ok()));
        }
    }

    async fn tags(
        &self,
        registry: &RegistryName,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<TagName, Digest>, String> {
        let mut all = BTreeMap::new();
        let mut paging = Paging::first(MAX_PAGE);
        loop {
            let rows = tags::list(&self.read, registry, repository, &paging).await;
            let rows = rows.map_err(|error| error.to_string())?;
            let Some(last) = rows.last() else { return Ok(all) };
            paging = Paging::after(last.name.clone(), MAX_PAGE);
            for row in &rows {
                if let (Ok(tag), Ok(digest)) =
                    (TagName::parse(&row.name), Digest::parse(&row.digest))
                {
                    all.insert(tag, digest);
                }
            }
        }
    }
}
