//! An open page hears of what happens.

use super::chromium::{Chromium, program};
use super::world;

const TOLD: &str = "[...document.querySelectorAll('[data-live] p')].some((p) => !p.hidden)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_repository_page_says_when_something_was_pushed() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    world::sign_in(&browser, &site, "alice").await;
    browser.open(&format!("{}/r/payments/checkout", site.url)).await;
    assert_eq!(browser.eval(TOLD).await, false);
    world::push(&site, "bob", "payments/checkout:2.5.0", 0, true).await;
    browser.until(TOLD).await;
    browser.follow("[data-live] a").await;
    browser.until("document.querySelector('tbody').innerText.includes('2.5.0')").await;
    assert_eq!(browser.complaints(&site.url), Vec::<String>::new());
    site.stop().await;
}
