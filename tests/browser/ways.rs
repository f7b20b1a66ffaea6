//! What people do, from the first page to the last, without script: forms and links alone.

use serde_json::json;
use tests::site::{ADMINISTRATOR, Site};

use super::chromium::{Chromium, program};
use super::world;

/// The words of the first thing that fits.
pub(crate) async fn words(browser: &Chromium, css: &str) -> String {
    let text = browser.eval(&format!("document.querySelector({css:?})?.innerText ?? ''")).await;
    text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn fill(browser: &Chromium, css: &str, text: &str) {
    browser.click(css).await;
    browser
        .call(
            "Input.dispatchKeyEvent",
            json!({ "type": "keyDown", "key": "a", "commands": ["selectAll"] }),
        )
        .await;
    browser.type_text(text).await;
}

/// Chooses as a keyboard would in a list that is closed: by typing the beginning.
async fn choose(browser: &Chromium, css: &str, beginning: &str) {
    browser
        .call(
            "Runtime.evaluate",
            json!({ "expression": format!("document.querySelector({css:?}).focus()") }),
        )
        .await;
    for key in beginning.chars() {
        browser.press(&key.to_string()).await;
    }
}

async fn said(browser: &Chromium) -> String {
    words(browser, "p.notice").await
}

async fn sign_out(browser: &Chromium) {
    browser.follow("form[action='/sign-out'] button").await;
    assert_eq!(said(browser).await, "You are signed out.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_do_all_of_it_without_script() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    browser.scripts(false).await;
    world::sign_in(&browser, &site, "alice").await;

    // From what is looked for to its content.
    fill(&browser, "#find", "checkout").await;
    browser.follow("form.find button").await;
    browser.follow("ul.hits a.name").await;
    browser.follow("tbody th a").await;
    assert!(words(&browser, "h1").await.starts_with("payments/checkout:"));
    browser.follow("main a[href*='/-/manifests/']").await;
    assert!(words(&browser, "main").await.contains("sha256:"));

    // The list, in another order, and with a filter that is taken away again.
    browser.open(&format!("{}/repositories", site.url)).await;
    browser.follow("thead a[href*='sort=-stars']").await;
    let sorted = "document.querySelector('th[aria-sort]').innerText.trim()";
    assert_eq!(browser.eval(sorted).await, json!("Stars ↓"));
    fill(&browser, "#name", "payments/*").await;
    browser.follow("form.filters button").await;
    assert_eq!(browser.eval("document.querySelectorAll('tbody tr').length").await, json!(2));
    browser.follow("a.chip").await;
    assert_eq!(browser.eval("document.querySelectorAll('tbody tr').length").await, json!(4));

    // Who may do what, and why.
    browser.open(&format!("{}/r/payments/checkout/-/access", site.url)).await;
    fill(&browser, "main #user", "carol").await;
    browser.follow("main form[method=get] button").await;
    assert!(words(&browser, "main").await.contains("What carol may do here"));

    // A namespace is opened to everybody who is signed in.
    browser.open(&format!("{}/n/payments/-/settings", site.url)).await;
    browser.click("label[for=visibility-protected]").await;
    browser.follow("form[action$='/-/visibility'] button").await;
    assert_eq!(words(&browser, ".headline .badge").await, "protected");

    // An application token is shown once, and taken back.
    browser.open(&format!("{}/me/tokens", site.url)).await;
    fill(&browser, "#label", "build").await;
    fill(&browser, "#password", "not the password").await;
    browser.follow("form[action='/me/tokens'] button").await;
    assert!(!words(&browser, "#password-wrong").await.is_empty());
    fill(&browser, "#label", "build").await;
    fill(&browser, "#password", &Site::password("alice")).await;
    browser.follow("form[action='/me/tokens'] button").await;
    assert!(words(&browser, ".notice").await.contains("docker login"));
    browser.open(&format!("{}/me/tokens", site.url)).await;
    assert!(!words(&browser, "main").await.contains("docker login"));
    browser.follow("form[action='/me/tokens/revoke'] button").await;
    assert!(words(&browser, "main .empty").await.contains("no token yet"));

    // Another password; the wrong one is told from the right one.
    browser.open(&format!("{}/me/security", site.url)).await;
    fill(&browser, "#old", "not the password").await;
    fill(&browser, "#new", "another long password of alice").await;
    browser.follow("form[action='/me/password'] button").await;
    assert_eq!(
        browser.eval("document.querySelectorAll('#old[aria-invalid]').length").await,
        json!(1)
    );
    fill(&browser, "#old", &Site::password("alice")).await;
    fill(&browser, "#new", "another long password of alice").await;
    browser.follow("form[action='/me/password'] button").await;
    assert_eq!(browser.eval("document.querySelectorAll('[aria-invalid]').length").await, json!(0));

    // Dark, and in German.
    browser.open(&format!("{}/me/preferences", site.url)).await;
    choose(&browser, "#theme", "Dark").await;
    choose(&browser, "#lang", "Deu").await;
    browser.follow("form[action='/me/preferences'] button").await;
    let look = "document.documentElement.dataset.theme + ' ' + document.documentElement.lang";
    assert_eq!(browser.eval(look).await, json!("dark de"));

    // What happened, by whom.
    browser.open(&format!("{}/activity", site.url)).await;
    fill(&browser, "#actor", "bob").await;
    browser.follow("form.filters button").await;
    assert!(words(&browser, ".chips").await.contains("bob"));
    assert!(words(&browser, "ol.feed").await.contains("bob"));
    assert_eq!(browser.complaints(&site.url), Vec::<String>::new());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_signed_out_and_administrators_do_their_work_without_script() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let (browser, other) = (Chromium::start().await.unwrap(), Chromium::start().await.unwrap());
    for one in [&browser, &other] {
        one.size(1_280, 900).await;
        one.scripts(false).await;
        world::sign_in(one, &site, "bob").await;
    }
    browser.open(&format!("{}/me/security", site.url)).await;
    browser.follow("form[action='/me/sessions/others'] button").await;
    other.open(&format!("{}/me", site.url)).await;
    assert_eq!(words(&other, "h1").await, "Sign in");
    drop(other);
    sign_out(&browser).await;

    world::sign_in(&browser, &site, ADMINISTRATOR).await;
    browser.open(&format!("{}/admin/users/new", site.url)).await;
    fill(&browser, "main #name", "dave").await;
    fill(&browser, "main #password", &Site::password("dave")).await;
    browser.follow("main button.primary").await;
    assert_eq!(words(&browser, "h1").await, "dave");
    fill(&browser, "#reason", "left").await;
    browser.follow("form[action$='/disable'] button").await;
    assert!(words(&browser, "main").await.contains("disabled"));

    browser.open(&format!("{}/admin/registries", site.url)).await;
    for (css, text) in [
        ("main #name", "second"),
        ("#host", "second.example.org"),
        ("#service", "second.example.org"),
        ("#url", "http://127.0.0.1:9"),
    ] {
        fill(&browser, css, text).await;
    }
    browser.follow("form[action='/admin/registries'] button.primary").await;
    assert!(words(&browser, "main").await.contains("second.example.org"));
    assert_eq!(browser.complaints(&site.url), Vec::<String>::new());

    // Whoever was disabled does not come in.
    sign_out(&browser).await;
    world::sign_in(&browser, &site, "dave").await;
    assert_eq!(words(&browser, "h1").await, "Sign in");
    assert!(!words(&browser, "[role=alert]").await.is_empty());
    site.stop().await;
}
