//! Trying out a registry: whether it is reached, sends people here, takes our tokens, goes by our
//! clock, and tells us what happens.

use std::time::{Duration, Instant};

use commands::registry::RegistryClient;
use domain::name::RegistryName;
use maud::{Markup, html};
use projections::activity::{self, Filter, Viewer};
use projections::registries::RegistryRow;
use tokio::time::timeout;

use super::UiState;
use super::components::scroll;
use super::reader::Reader;
use crate::app::as_realm;
use crate::error::PageError;
use crate::registry::reconciler::own_tokens;
use crate::texts::{Lang, Word};

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One step, and what came of it.
pub(super) struct Step {
    what: Word,
    good: bool,
    /// Words of ours, never the registry's own.
    said: Word,
    took: Duration,
}

/// All steps, one after the other; those behind a registry that does not answer are left out.
pub(super) async fn run(ui: &UiState, row: &RegistryRow) -> Result<Vec<Step>, PageError> {
    let tokens = own_tokens(&ui.signer, &ui.auth.desk, &row.service);
    let begun = Instant::now();
    let step = |what: Word, good: bool, said: Word, begun: Instant| Step {
        what,
        good,
        said,
        took: begun.elapsed(),
    };
    let Ok(client) = RegistryClient::new(&row.url, tokens) else {
        return Ok(vec![step(Lang::test_reach, false, Lang::test_no_url, begun)]);
    };
    let mut steps = Vec::new();
    let Ok(Ok((status, challenge))) = timeout(PATIENCE, client.challenge()).await else {
        return Ok(vec![step(Lang::test_reach, false, Lang::test_not_reached, begun)]);
    };
    steps.push(step(Lang::test_reach, true, Lang::test_reached, begun));
    let (good, said) = realm(status, &challenge, ui.auth.external.origin(), &row.service);
    steps.push(step(Lang::test_realm, good, said, begun));

    let begun = Instant::now();
    let (good, said): (bool, Word) = match timeout(PATIENCE, client.catalog_status()).await {
        Ok(Ok(200)) => (true, Lang::test_token_taken),
        Ok(Ok(_)) => (false, Lang::test_token_refused),
        Ok(Err(_)) | Err(_) => (false, Lang::test_not_reached),
    };
    steps.push(step(Lang::test_token, good, said, begun));

    let begun = Instant::now();
    let behind = timeout(PATIENCE, client.clock_behind(ui.auth.desk.clock.now())).await;
    let (good, said): (bool, Word) = match behind {
        // Tokens of ours are good for a minute longer than they say, and no more.
        Ok(Ok(behind)) if behind.as_secs() < 60 => (true, Lang::test_clock_good),
        Ok(Ok(_)) => (false, Lang::test_clock_off),
        Ok(Err(_)) | Err(_) => (false, Lang::test_not_reached),
    };
    steps.push(step(Lang::test_clock, good, said, begun));

    let begun = Instant::now();
    let filter = Filter {
        registry: RegistryName::parse(&row.name).ok(),
        kind: Some("content".to_owned()),
        ..Filter::default()
    };
    let all = Viewer { auditor: true, ..Viewer::default() };
    let heard = activity::page(&ui.read, &filter, &all, None, 1).await?.rows;
    let told: Word = if heard.is_empty() { Lang::test_never_told } else { Lang::test_told };
    steps.push(step(Lang::test_notifications, !heard.is_empty(), told, begun));
    Ok(steps)
}

/// Whether the registry sends clients to us, for tokens that it will take.
fn realm(status: u16, challenge: &str, origin: &str, service: &str) -> (bool, Word) {
    let parameter = |name: &str| {
        let rest = challenge.split_once(&format!("{name}=\""))?.1;
        rest.split('"').next()
    };
    if status != 401 || !challenge.starts_with("Bearer ") {
        return (false, Lang::test_no_challenge);
    }
    let ours = [origin.to_owned(), as_realm(origin)].map(|url| format!("{url}/v2/token"));
    if !ours.iter().any(|ours| parameter("realm") == Some(ours)) {
        return (false, Lang::test_other_realm);
    }
    if parameter("service") != Some(service) {
        return (false, Lang::test_other_service);
    }
    (true, Lang::test_sends_here)
}

pub(super) fn table(reader: &Reader, steps: &[Step]) -> Markup {
    let t = reader.lang;
    html! {
        (scroll(t.test_title(), html! {
            table.stack {
                caption { (t.test_title()) }
                thead { tr { th scope="col" { (t.test_step()) } th scope="col" { (t.outcome()) } th.number scope="col" { (t.test_took()) } } }
                tbody {
                    @for step in steps {
                        tr {
                            th scope="row" { ((step.what)(t)) }
                            td data-label=(t.outcome()) {
                                @if step.good { span.badge.ok { (t.test_good()) } } @else { span.badge.bad { (t.test_bad()) } }
                                " " ((step.said)(t))
                            }
                            td.number data-label=(t.test_took()) { (step.took.as_millis()) " ms" }
                        }
                    }
                }
            }
        }))
    }
}

/// Steps for a sample of the page.
#[cfg(any(test, feature = "testing"))]
pub(super) fn sample() -> Vec<Step> {
    let took = Duration::from_millis(12);
    vec![
        Step { what: Lang::test_reach, good: true, said: Lang::test_reached, took },
        Step { what: Lang::test_realm, good: false, said: Lang::test_other_realm, took },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_sends_people_elsewhere_is_found() {
        let origin = "http://127.0.0.1:3000";
        let good = r#"Bearer realm="http://localhost:3000/v2/token",service="here""#;
        let asked = |status, challenge: &str| realm(status, challenge, origin, "here").0;
        assert!(asked(401, good));
        assert!(asked(401, &good.replace("localhost", "127.0.0.1")));
        assert!(!asked(401, &good.replace("3000", "3001")));
        assert!(!asked(401, &good.replace("here", "there")));
        assert!(!asked(200, "") && !asked(401, "") && !asked(401, "Basic realm=\"x\""));
    }
}
