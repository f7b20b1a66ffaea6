//! What people do now and then, by keyboard alone: their account, their namespaces, what
//! administrators look after.

use serde_json::json;
use tests::site::{ADMINISTRATOR, Site};

use super::chromium::{Chromium, program};
use super::keyboard::Keys;
use super::ways::words;
use super::world;

async fn said(keys: &Keys<'_>) -> String {
    words(keys.browser, "p.notice").await
}

/// Chooses in the list that has the focus, as a keyboard does: by typing the beginning.
async fn choose(keys: &Keys<'_>, list: &str, beginning: &str) {
    keys.to(list).await;
    for key in beginning.chars() {
        keys.browser.press(&key.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_looked_after_by_keyboard() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let (browser, other) = (Chromium::start().await.unwrap(), Chromium::start().await.unwrap());
    browser.size(1_280, 900).await;
    other.size(1_280, 900).await;
    world::sign_in(&other, &site, "alice").await;
    world::sign_in(&browser, &site, "alice").await;
    let keys = Keys::new(&browser, &site.url);

    keys.open("/me/security").await;
    keys.press("Sign out everywhere else").await;
    assert_eq!(said(&keys).await, "Everywhere else you are signed out.");
    other.open(&format!("{}/me", site.url)).await;
    assert_eq!(words(&other, "h1").await, "Sign in");

    let new = "another long password of alice";
    for (old, good) in [("not the password", false), (&*Site::password("alice"), true)] {
        keys.open("/me/security").await;
        keys.write("Present password", old).await;
        keys.write("New password", new).await;
        keys.enter().await;
        let wrong = "document.querySelectorAll('#old[aria-invalid]').length";
        assert_eq!(browser.eval(wrong).await, json!(usize::from(!good)));
    }
    assert!(said(&keys).await.contains("The password is changed"));

    keys.open("/me/preferences").await;
    choose(&keys, "Theme", "Dark").await;
    choose(&keys, "Rows", "Close").await;
    keys.press("Save").await;
    assert_eq!(said(&keys).await, "Saved.");
    let look =
        "document.documentElement.dataset.theme + ' ' + document.documentElement.dataset.density";
    assert_eq!(browser.eval(look).await, json!("dark dense"));

    keys.open("/activity").await;
    keys.write("Who", "bob").await;
    choose(&keys, "What", "Pushes").await;
    keys.press("Filter").await;
    assert!(words(&browser, ".chips").await.contains("bob"));
    assert_eq!(browser.eval("document.querySelectorAll('.chips a.chip').length").await, json!(2));
    assert!(words(&browser, "ol.feed").await.contains("pushed"));
    keys.done(&site).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_are_given_and_taken_back_by_keyboard() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    world::sign_in(&browser, &site, "alice").await;
    let keys = Keys::new(&browser, &site.url);
    keys.open("/n/payments/-/settings").await;
    keys.to("private").await;
    browser.press("ArrowDown").await;
    keys.press("Change who sees it").await;
    assert_eq!(words(&browser, ".headline .badge").await, "protected");

    keys.press("Access").await;
    keys.write("Name", "carol").await;
    keys.to("viewer").await;
    browser.press("ArrowDown").await;
    keys.write("Only on this repository", "payments/checkout").await;
    keys.press("Give the right").await;
    assert_eq!(said(&keys).await, "The rights are changed, and in force.");
    let row = words(&browser, "tbody").await;
    assert!(row.contains("carol") && row.contains("contributor"), "{row}");
    keys.press("Take back the right of carol").await;
    assert!(words(&browser, "main .empty").await.contains("Nobody"));
    keys.done(&site).await;
    site.stop().await;
}

/// What a list has to choose from, as the browser offers it.
fn offered(list: &str, names: &str) -> String {
    format!(
        "[...document.querySelectorAll('#{list} option')].map((o) => o.value).join() === '{names}'"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_offered_while_somebody_types_one() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    world::sign_in(&browser, &site, "alice").await;
    let keys = Keys::new(&browser, &site.url);

    keys.open("/teams/platform").await;
    browser.until(&offered("people", "bob,carol")).await;
    browser.click("#user").await;
    browser.type_text("ca").await;
    browser.until(&offered("people", "carol")).await;
    // Only what is asked for stands in an address.
    let asked = "performance.getEntriesByType('resource').map((entry) => entry.name)
        .filter((name) => name.includes('/suggest/')).map((name) => new URL(name).search).join()";
    assert_eq!(browser.eval(asked).await, json!("?team=platform&user=ca"));
    browser.type_text("rol").await;
    keys.press("Add").await;
    assert!(words(&browser, "tbody").await.contains("carol"));
    browser.until(&offered("people", "bob")).await;

    keys.open("/n/payments/-/access").await;
    browser.until(&offered("names", "alice,bob,carol,payments,platform")).await;
    keys.to("To").await;
    browser.press("ArrowDown").await;
    browser.click("#name").await;
    browser.type_text("p").await;
    browser.until(&offered("names", "payments,platform")).await;
    browser.type_text("l").await;
    browser.until(&offered("names", "platform")).await;
    keys.done(&site).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_set_up_by_keyboard_and_without_script() {
    if program().is_none() {
        return;
    }
    let site = Site::start_unclaimed().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    browser.scripts(false).await;
    let keys = Keys::new(&browser, &site.url);
    let secret = site.parts.bootstrap.reveal().await.unwrap();
    keys.open("/").await;
    keys.press("Make the first one").await;
    keys.write("One-time secret", &secret).await;
    keys.write("User name", "ruth").await;
    keys.write("Password", "a long enough password").await;
    keys.press("Make me the administrator").await;
    assert!(said(&keys).await.contains("first administrator"));

    keys.press("Next: Address").await;
    assert_eq!(said(&keys).await, "Your browser uses the same address.");
    keys.press("Next: Registry").await;
    keys.press("Try main out").await;
    assert!(words(&browser, "tbody").await.contains("Nothing answers"));
    keys.press("Next: Signing keys").await;
    keys.press("Next: Registry's configuration").await;
    assert!(words(&browser, "pre.code").await.contains("rootcertbundle"));
    keys.press("To the first page").await;
    assert!(words(&browser, "h1").await.contains("Hello, ruth"));
    keys.done(&site).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_adds_a_registry_by_keyboard() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    world::sign_in(&browser, &site, ADMINISTRATOR).await;
    let keys = Keys::new(&browser, &site.url);
    keys.open("/admin").await;
    keys.press("Registries").await;
    keys.write("Name", "second").await;
    keys.write("Host", "second.example.org").await;
    keys.write("Service", "second.example.org").await;
    keys.write("Address", "http://127.0.0.1:9").await;
    keys.press("Add the registry").await;
    assert!(words(&browser, ".notice").await.contains("new secret"));
    assert!(words(&browser, "pre.code").await.contains("second.example.org"));
    keys.done(&site).await;
    site.stop().await;
}
