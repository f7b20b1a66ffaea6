//! What goes over the wire, and what is compressed for it.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use reqwest::Method;
use tests::site::Site;

use super::{browser, signed_in};

/// The most that somebody's first page may weigh, with all that it loads.
const MOST_BYTES: usize = 60_000;

#[tokio::test]
async fn the_first_page_is_light_with_all_that_it_loads() {
    let site = Site::start().await;
    let mut browser = browser(&site);
    let page = browser.open("/sign-in").await;
    let mut bytes = page.text.len();
    let files = [page.attributes("link[rel=stylesheet]", "href"), page.attributes("script", "src")];
    let files: Vec<String> = files.concat();
    assert!(files.len() > 1, "{files:?}");
    for file in files {
        let request = browser.cookied(Method::GET, &file).header(ACCEPT_ENCODING, "gzip, br");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip", "{file}");
        bytes += answer.bytes().await.unwrap().len();
    }
    assert!(bytes < MOST_BYTES, "{bytes}");
    site.stop().await;
}

#[tokio::test]
async fn only_pages_without_a_secret_are_compressed() {
    let site = Site::start().await;
    let compressed = async |request: reqwest::RequestBuilder| {
        let answer = request.header(ACCEPT_ENCODING, "gzip").send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.headers().contains_key(CONTENT_ENCODING)
    };
    let nobody = browser(&site);
    let ask = |path: &str| nobody.request(Method::GET, path);
    assert!(compressed(ask("/repositories")).await);
    assert!(compressed(ask("/search?q=nothing")).await);
    // Its form needs no token: there is no session yet that somebody could act in.
    assert!(compressed(ask("/sign-in")).await);
    assert!(!compressed(ask("/repositories").header("cookie", "any=thing")).await);
    site.register("alice").await;
    let alice = signed_in(&site, "alice").await;
    for path in ["/repositories", "/search?q=nothing", "/activity", "/me"] {
        assert!(!compressed(alice.cookied(Method::GET, path)).await, "{path}");
    }
    site.stop().await;
}
