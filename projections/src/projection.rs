//! What a relational projection is.

use async_trait::async_trait;
use domain::event::{Class, Fact};
use domain::name::{NamespaceName, RepositoryName};
use jiff::Timestamp;
use sqlx::PgConnection;

/// A fold over the log into tables of one schema.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// Its name, such as `directory`.
    fn name(&self) -> &'static str;

    /// Number of the folding code: another number means that the rows must be folded anew.
    fn code(&self) -> i32;

    /// Its tables, each with its primary key: what a digest goes over.
    fn tables(&self) -> &'static [(&'static str, &'static str)];

    /// Which facts it reads; `None`: all.
    fn class(&self) -> Option<Class>;

    /// Whether facts of this kind mean anything to it: what does not is not even parsed.
    fn reads(&self, _kind: &str) -> bool {
        true
    }

    /// Takes a page of facts into account, in order, in the transaction that also moves the
    /// checkpoint, so each fact counts exactly once. Tables are named without a schema. What comes
    /// out must not depend on where pages begin and end.
    async fn apply(&self, db: &mut PgConnection, facts: &[Fact]) -> Result<(), sqlx::Error>;

    /// The schema of its live tables.
    fn schema(&self) -> String {
        format!("read_{}", self.name())
    }
}

/// The moment of a fact for rules of order: when it happened by the clock of whoever saw it, but
/// not after the log took it, so that a clock that runs ahead cannot stop later changes. Cut to
/// the microseconds that a column holds.
pub(crate) fn moment(fact: &Fact) -> Timestamp {
    micros(fact.occurred_at.min(fact.recorded_at))
}

/// Cut to microseconds.
pub(crate) fn micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// A position as a column holds it.
#[allow(clippy::cast_possible_wrap)] // positions count facts
pub(crate) fn id(position: domain::event::Position) -> i64 {
    position.0 as i64
}

/// The namespaces that could decide over a repository, the longest first.
pub(crate) fn candidates(repository: &RepositoryName) -> impl Iterator<Item = &str> {
    let global = repository.prefixes().next().is_none().then_some(NamespaceName::GLOBAL);
    repository.prefixes().chain(global)
}
