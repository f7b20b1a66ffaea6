//! Whether the service is fit to answer: what `/readyz` asks.

use std::time::Duration;

use commands::desk::Desk;
use domain::event::Position;
use domain::log::LogError;
use projections::access::AccessGraph;
use projections::runner::Runner;
use projections::search::SearchIndex;

use crate::config::Config;
use crate::foundation::Ground;
use crate::health::{Health, HealthBuilder, Trouble};

/// What `/readyz` asks.
pub(super) fn health(
    config: &Config,
    ground: &Ground,
    graph: &AccessGraph,
    search: &SearchIndex,
    runner: &Runner,
) -> Health {
    let (search, runner) = (search.clone(), runner.clone());
    let (desk, lag_bound) = (ground.desk.clone(), config.lag_bound);
    let behind = move |model: Option<String>, at: Position| {
        let desk = desk.clone();
        async move { within(&desk, lag_bound, model, at).await }
    };
    let behind_too = behind.clone();
    let (pool, log) = (ground.database.service.clone(), ground.log.clone());
    let (graph, bound) = (graph.clone(), config.staleness_bound);
    HealthBuilder::default()
        .part("database", move || {
            let pool = pool.clone();
            async move {
                let asked = sqlx::query("SELECT 1").execute(&pool).await;
                asked.map(|_| ()).map_err(|_| Trouble::Silent)
            }
        })
        .part("log", move || {
            let log = log.clone();
            async move { log.head().await.map(|_| ()).map_err(said) }
        })
        .part("access graph", move || {
            let graph = graph.clone();
            async move { Ok(graph.fresh(bound).map(|_| ())?) }
        })
        .part("search index", move || {
            let (search, behind) = (search.clone(), behind.clone());
            async move {
                match search.halted() {
                    Some(halted) => Err(halted.into()),
                    None => behind(None, search.position()).await,
                }
            }
        })
        .part("read models", move || {
            let (runner, behind) = (runner.clone(), behind_too.clone());
            async move {
                if let Some((name, trouble)) = runner.trouble().into_iter().next() {
                    return Err(Trouble::Said(format!("{name}: {trouble}")));
                }
                let all = runner.status().await.map_err(|_| Trouble::Silent)?;
                // One that is being built beside a live one holds nobody up.
                for at in all.into_iter().filter(|at| at.state != "building") {
                    if at.state == "halted" {
                        let why = at.error.unwrap_or_default();
                        return Err(Trouble::Halted { model: at.projection, why });
                    }
                    behind(Some(at.projection), Position(at.position)).await?;
                }
                Ok(())
            }
        })
        .build()
}

/// Whether the first fact that a follower lacks is younger than the bound.
async fn within(
    desk: &Desk,
    bound: Duration,
    model: Option<String>,
    at: Position,
) -> Result<(), Trouble> {
    let page = desk.log.read_all(at, 1, None).await.map_err(said)?;
    let Some(lacks) = page.events.first() else { return Ok(()) };
    let age = desk.clock.now().duration_since(lacks.recorded_at);
    match Duration::try_from(age) {
        Ok(by) if by > bound => Err(Trouble::Behind { model, by }),
        _ => Ok(()),
    }
}

fn said(error: LogError) -> Trouble {
    Trouble::Said(error.to_string())
}
