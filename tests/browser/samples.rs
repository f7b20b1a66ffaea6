//! Every page's sample, light and dark, wide and as narrow as a phone.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::chromium::Chromium;

/// The checker, as its authors publish it.
const AXE: &str = include_str!("axe/axe.min.js");

/// Everything of WCAG 2.2 AA that it knows, and good practice.
const FULL: &str = r#"{resultTypes: ["violations"], runOnly: {type: "tag",
    values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}"#;
/// Colours alone: in the dark nothing else is different.
const COLOURS: &str = r#"{resultTypes: ["violations"], runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}}"#;

async fn gallery() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, web::ui::gallery()).await.unwrap() });
    address
}

async fn names(origin: &str) -> Vec<String> {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let list = http.get(format!("{origin}/")).send().await.unwrap().text().await.unwrap();
    list.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_for_everybody_light_and_dark_wide_and_narrow() {
    let Some(browser) = Chromium::start().await else { return };
    let origin = format!("http://{}", gallery().await);
    let names = names(&origin).await;
    assert!(names.len() > 60, "{names:?}");
    browser.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": AXE })).await;
    let mut wrong = Vec::new();
    for (number, name) in names.iter().enumerate() {
        browser.scheme("light").await;
        browser.size(1_280, 900).await;
        browser.open(&format!("{origin}/en/auto/{number}")).await;
        for (scheme, width, rules) in [
            ("light", 1_280, FULL),
            ("dark", 1_280, COLOURS),
            ("dark", 320, COLOURS),
            ("light", 320, FULL),
        ] {
            browser.scheme(scheme).await;
            browser.size(width, 900).await;
            let found = check(&browser, rules).await;
            wrong
                .extend(found.into_iter().map(|what| format!("{name}, {scheme}, {width}: {what}")));
        }
        wrong.extend(browser.complaints(&origin).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The longer words of the other language fit as well, and a chosen theme is as good as a device's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_overflows_a_phone_in_the_other_language() {
    let Some(browser) = Chromium::start().await else { return };
    let origin = format!("http://{}", gallery().await);
    browser.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": AXE })).await;
    browser.scheme("light").await;
    browser.size(320, 900).await;
    let mut wrong = Vec::new();
    for (number, name) in names(&origin).await.iter().enumerate() {
        browser.open(&format!("{origin}/de/dark/{number}")).await;
        if let Some(what) = overflow(&browser).await {
            wrong.push(format!("{name}: {what}"));
        }
        if number % 8 == 0 {
            let found = check(&browser, COLOURS).await;
            wrong.extend(found.into_iter().map(|what| format!("{name}, chosen dark: {what}")));
        }
        wrong.extend(browser.complaints(&origin).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn check(browser: &Chromium, rules: &str) -> Vec<String> {
    let found =
        browser.eval(&format!("axe.run(document, {rules}).then((r) => r.violations)")).await;
    let violations = found.as_array().cloned().unwrap_or_default();
    let mut wrong: Vec<_> = violations.iter().map(violation).collect();
    wrong.extend(overflow(browser).await);
    wrong
}

fn violation(found: &Value) -> String {
    let nodes = found["nodes"].as_array().into_iter().flatten().take(3);
    let nodes: Vec<_> =
        nodes.map(|node| format!("{} {}", node["html"], node["any"][0]["message"])).collect();
    format!("{}: {}: {}", found["id"], found["help"], nodes.join(" | "))
}

/// What is wider than the window, if the page is.
async fn overflow(browser: &Chromium) -> Option<String> {
    let wide = browser
        .eval(
            "(() => { const w = innerWidth; if (document.documentElement.scrollWidth <= w) return null; \
             return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > w + 1 \
             && !e.closest('.scroll, pre, .visually-hidden, .command code')) \
             .slice(0, 3).map((e) => e.outerHTML.slice(0, 160)).join(' | ') || 'something'; })()",
        )
        .await;
    wide.as_str().map(|what| format!("overflows: {what}"))
}
