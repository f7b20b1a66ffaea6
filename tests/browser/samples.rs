//! Every page's sample, light and dark, wide and as narrow as a phone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::chromium::Chromium;

/// The checker, as its authors publish it.
const AXE: &str = include_str!("axe/axe.min.js");

/// Everything of WCAG 2.2 AA that it knows, and good practice.
const FULL: &str = r#"{resultTypes: ["violations", "incomplete"], runOnly: {type: "tag",
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
    let (mut wrong, mut unsure) = (Vec::new(), BTreeMap::new());
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
            let (found, open) = check(&browser, rules).await;
            wrong
                .extend(found.into_iter().map(|what| format!("{name}, {scheme}, {width}: {what}")));
            for what in open {
                unsure.entry(what).or_insert_with(BTreeSet::new).insert(name.clone());
            }
        }
        wrong.extend(adapts(&browser).await.into_iter().map(|what| format!("{name}: {what}")));
        wrong.extend(browser.complaints(&origin).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What the checker leaves to people, each looked at once: see `axe/README.md`.
    let unsure: Vec<_> = unsure
        .into_iter()
        .map(|(what, where_)| {
            let first = where_.first().cloned().unwrap_or_default();
            format!("{what}\n    on {} pages, such as {first}", where_.len())
        })
        .collect();
    insta::assert_snapshot!("unsure", unsure.join("\n"));
}

/// What is wrong where the device asks for its own colours, or for less motion.
async fn adapts(browser: &Chromium) -> Vec<String> {
    browser.media(&[("forced-colors", "active"), ("prefers-reduced-motion", "reduce")]).await;
    let wrong = browser
        .eval(
            "(() => { const all = [...document.querySelectorAll('main *')], wrong = []; \
             const told = (e, what) => wrong.push(what + ': ' + e.outerHTML.slice(0, 120)); \
             for (const e of all) { const s = getComputedStyle(e); \
               if (e.matches('.badge, .notice, button, .button:not(.quiet), input:not([type=hidden]), select, textarea') \
                 && e.getClientRects().length && e.type !== 'checkbox' && e.type !== 'radio' && !e.matches('.quiet') \
                 && (s.borderTopStyle === 'none' || parseFloat(s.borderTopWidth) === 0)) told(e, 'no edge in forced colours'); \
               if (s.transitionDuration.split(',').some((d) => parseFloat(d) > 0) \
                 || (s.animationName !== 'none')) told(e, 'moves'); } \
             return wrong.slice(0, 3); })()",
        )
        .await;
    let wrong = wrong.as_array().cloned().unwrap_or_default();
    wrong.iter().filter_map(|what| what.as_str().map(str::to_owned)).collect()
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
            let (found, _) = check(&browser, COLOURS).await;
            wrong.extend(found.into_iter().map(|what| format!("{name}, chosen dark: {what}")));
        }
        wrong.extend(browser.complaints(&origin).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong, and what the checker cannot tell.
async fn check(browser: &Chromium, rules: &str) -> (Vec<String>, Vec<String>) {
    let found = browser
        .eval(&format!("axe.run(document, {rules}).then((r) => [r.violations, r.incomplete])"))
        .await;
    let violations = found[0].as_array().cloned().unwrap_or_default();
    let mut wrong: Vec<_> = violations.iter().map(violation).collect();
    wrong.extend(overflow(browser).await);
    let open = found[1].as_array().cloned().unwrap_or_default();
    (wrong, open.iter().flat_map(incomplete).collect())
}

/// The rule, what it could not tell, and of what kind of element.
fn incomplete(found: &Value) -> Vec<String> {
    let nodes = found["nodes"].as_array().into_iter().flatten();
    let said = |node: &Value| {
        let checks =
            ["any", "all", "none"].iter().find_map(|list| node[*list][0]["message"].as_str());
        let target = node["target"][0].as_str().unwrap_or_default();
        let target: String =
            target.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        format!(
            "{}: {} ({target})",
            found["id"].as_str().unwrap_or_default(),
            checks.unwrap_or_default()
        )
    };
    nodes.map(said).collect()
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
