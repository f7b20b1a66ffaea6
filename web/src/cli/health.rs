//! `portus health`: asks the running service, for scripts and containers.

use std::time::Duration;

use super::{Done, Failure, say};
use crate::config::Config;

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(config: &Config) -> Done {
    let address = config.http.internal_listen.as_ref().unwrap_or(&config.listen);
    // A service that listens everywhere listens here, too.
    let address = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    let url = format!("http://{address}/readyz");
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    let answer = client.map_err(Failure::failed)?.get(&url).send().await;
    let answer = answer
        .map_err(|_| Failure::unreachable(format!("nothing answers at {url}; is it running?")))?;
    let status = answer.status();
    say(answer.text().await.unwrap_or_default().trim());
    if status.is_success() { Ok(()) } else { Err(Failure { code: 1, text: String::new() }) }
}
