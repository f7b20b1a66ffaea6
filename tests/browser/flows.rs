//! The main ways through the real service: without script, and by keyboard alone.

use serde_json::json;
use tests::site::Site;

use super::chromium::{Chromium, program};
use super::world;

async fn words(browser: &Chromium, css: &str) -> String {
    let text = browser.eval(&format!("document.querySelector({css:?})?.innerText ?? ''")).await;
    text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_without_script() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    browser.scripts(false).await;
    world::sign_in(&browser, &site, "alice").await;
    assert!(words(&browser, "h1").await.contains("Hello, alice"));

    // Search is a form with a page behind it.
    browser.click("#find").await;
    browser.type_text("check").await;
    browser.follow("form.find button").await;
    assert_eq!(words(&browser, "h1").await, "Search");
    browser.follow("ul.hits a.name").await;
    assert_eq!(words(&browser, "h1").await, "payments/checkout");
    assert_eq!(
        browser.eval("document.querySelector('button[data-copy]').hidden").await,
        json!(true)
    );

    browser.follow("form[action$='/-/star'] button").await;
    assert_eq!(words(&browser, "p.notice").await, "Starred.");
    browser.follow("tbody th a").await;
    assert!(words(&browser, "h1").await.starts_with("payments/checkout:"));

    // A new team with a member, and a namespace in it.
    browser.open(&format!("{}/teams/new", site.url)).await;
    browser.click("#name").await;
    browser.type_text("Night Shift").await;
    browser.follow("main button.primary").await;
    assert_eq!(words(&browser, "p.notice").await, "Made.");
    browser.click("#user").await;
    browser.type_text("bob").await;
    browser.follow("form[action$='/members'] button").await;
    assert!(words(&browser, "tbody").await.contains("bob"));
    browser.open(&format!("{}/namespaces/new?team=night+shift", site.url)).await;
    browser.click("#name").await;
    browser.type_text("night").await;
    browser.click("label[for=visibility-public]").await;
    browser.follow("main button.primary").await;
    assert_eq!(words(&browser, "h1").await, "night");
    assert_eq!(words(&browser, ".headline .badge").await, "public");

    browser.follow("form[action='/sign-out'] button").await;
    assert_eq!(words(&browser, "p.notice").await, "You are signed out.");
    assert_eq!(browser.complaints(&site.url), Vec::<String>::new());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_by_keyboard_alone() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    browser.open(&format!("{}/sign-in", site.url)).await;
    // The first stop is the way past the frame; after it the form is two stops away.
    browser.press("Tab").await;
    assert_eq!(focus(&browser).await, "Skip to content");
    browser.press("Enter").await;
    browser.press("Tab").await;
    browser.type_text("alice").await;
    browser.press("Tab").await;
    browser.type_text(&Site::password("alice")).await;
    browser.press("Tab").await;
    assert_eq!(focus(&browser).await, "Sign in");
    assert!(outline(&browser).await, "the focus can be seen");
    browser.forget();
    browser.press("Enter").await;
    browser.loaded().await;
    assert!(words(&browser, "h1").await.contains("Hello, alice"));

    // `/` goes to the search field; what is found is reached with Tab.
    browser.press("/").await;
    browser.type_text("ledger").await;
    browser.until("document.querySelectorAll('.suggestions a.name').length > 0").await;
    assert!(words(&browser, ".suggestions [role=status]").await.contains("1 repository"));
    browser.press("Tab").await;
    browser.press("Tab").await;
    browser.forget();
    browser.press("Enter").await;
    browser.loaded().await;
    assert_eq!(words(&browser, "h1").await, "payments/ledger");

    // `g r` goes to the repositories, `j` and `k` through them, Enter opens one.
    browser.forget();
    browser.press("g").await;
    browser.press("r").await;
    browser.loaded().await;
    assert_eq!(words(&browser, "h1").await, "Repositories");
    for key in ["j", "j", "k"] {
        browser.press(key).await;
    }
    assert_eq!(focus(&browser).await, "payments/checkout");
    browser.forget();
    browser.press("Enter").await;
    browser.loaded().await;
    assert_eq!(words(&browser, "h1").await, "payments/checkout");

    // Whoever switches single keys off, has them off.
    browser.open(&format!("{}/me/preferences", site.url)).await;
    browser.eval("document.querySelector('#keys').value = 'off'").await;
    browser.follow("main button.primary").await;
    browser.press("/").await;
    assert_ne!(browser.eval("document.activeElement.id").await, json!("find"));
    assert_eq!(browser.complaints(&site.url), Vec::<String>::new());
    site.stop().await;
}

async fn focus(browser: &Chromium) -> String {
    let text = browser.eval("document.activeElement.innerText ?? ''").await;
    text.as_str().unwrap_or_default().trim().to_owned()
}

async fn outline(browser: &Chromium) -> bool {
    let width = browser.eval("parseFloat(getComputedStyle(document.activeElement).outlineWidth)");
    width.await.as_f64().is_some_and(|width| width >= 2.0)
}
