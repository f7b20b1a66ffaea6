//! An open page hears of what happens.

use super::chromium::{Chromium, program};
use super::world;

const OFFERED: &str = "[...document.querySelectorAll('[data-offer]')].some((p) => !p.hidden)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_appears_on_an_open_repository_page_and_in_an_open_feed() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    world::sign_in(&browser, &site, "alice").await;
    browser.open(&format!("{}/r/payments/checkout", site.url)).await;
    world::push(&site, "bob", "payments/checkout:2.5.0", 0, true).await;
    browser.until("document.querySelector('tbody').innerText.includes('2.5.0')").await;
    let shown = "!document.getElementById('tag-2.5.0').querySelector('[data-copy]').hidden";
    // What is said in short says the same.
    let rows = "document.querySelectorAll('tbody tr').length";
    let tags = "+[...document.querySelectorAll('#facts div')][2].querySelector('dd').textContent";
    assert_eq!(browser.eval(rows).await, browser.eval(tags).await);
    // New rows can be copied from, too.
    browser.until(shown).await;
    assert_eq!(browser.eval(OFFERED).await, false);

    // Where somebody is at work nothing moves; it is offered instead.
    browser.eval("document.querySelector('tbody a').focus()").await;
    world::push(&site, "bob", "payments/checkout:2.6.0", 0, true).await;
    browser.until(OFFERED).await;
    assert_eq!(
        browser.eval("document.querySelector('tbody').innerText.includes('2.6.0')").await,
        false
    );
    browser.follow("[data-live] a").await;
    browser.until("document.querySelector('tbody').innerText.includes('2.6.0')").await;

    browser.open(&format!("{}/activity", site.url)).await;
    world::push(&site, "bob", "payments/ledger:9.9.9", 0, true).await;
    browser.until("document.querySelector('#fresh').innerText.includes('9.9.9')").await;
    assert_eq!(browser.complaints(&site.url), Vec::<String>::new());
    site.stop().await;
}
