//! A database that hangs: it neither answers nor hangs up.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tests::program::Program;
use tests::watched::{eventually, have};

/// Clients wait longer than this.
const SOON: Duration = Duration::from_secs(3);
/// How long everything may take to come back.
const RECOVERY: Duration = Duration::from_secs(60);

/// Status, `Retry-After`, and how long it took.
async fn ask(site: &Program, name: &str, secret: &str) -> (u16, Option<String>, Duration) {
    let scope = format!("repository:{name}/app:pull");
    let url = format!("{}/v2/token?service={}&scope={scope}", site.url(), site.registry());
    let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let begun = Instant::now();
    let answer = client.get(url).basic_auth(name, Some(secret)).send().await.expect("an answer");
    let after = answer.headers().get("retry-after");
    let after = after.and_then(|value| value.to_str().ok()).map(str::to_owned);
    (answer.status().as_u16(), after, begun.elapsed())
}

#[tokio::test]
async fn while_the_database_hangs_everybody_hears_soon_whether_to_come_back() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let site = Program::start().await;
    let (known, unknown) = (site.person("known").await, site.person("unknown").await);
    let tokens = site.person("tokens").await;
    let token = site.app_token(&tokens, "laptop").await;
    assert_eq!(ask(&site, &known.name, &known.password).await.0, 200);

    site.signal_children("postgres", Signal::SIGSTOP);
    // A password that was right a moment ago needs no database.
    let (status, _, took) = ask(&site, &known.name, &known.password).await;
    assert_eq!(status, 200);
    assert!(took < SOON, "{took:?}");
    let (password, token) = (unknown.password.as_str(), token.as_str());
    for (name, secret) in
        [(&unknown.name, password), (&tokens.name, token), (&unknown.name, "wrong")]
    {
        let (status, after, took) = ask(&site, name, secret).await;
        assert_eq!(status, 503, "after {took:?}");
        assert!(after.is_some_and(|after| after.parse::<u32>().is_ok()));
        assert!(took < SOON, "{took:?}");
    }
    site.signal_children("postgres", Signal::SIGCONT);
    for (name, secret) in [(&unknown.name, password), (&tokens.name, token)] {
        let back = eventually(RECOVERY, || async {
            (ask(&site, name, secret).await.0 == 200).then_some(())
        });
        assert!(back.await.is_some(), "it does not come back: {}", site.log_tail());
    }
    assert_eq!(ask(&site, &unknown.name, "wrong").await.0, 401);
}
