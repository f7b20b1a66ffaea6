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
async fn pages_are_compressed_and_answers_that_show_a_secret_are_not() {
    let site = Site::start().await;
    let compressed = async |request: reqwest::RequestBuilder| {
        let answer = request.header(ACCEPT_ENCODING, "gzip").send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        let compressed = answer.headers().contains_key(CONTENT_ENCODING);
        assert!(answer.bytes().await.unwrap().len() > 1_000);
        compressed
    };
    let nobody = browser(&site);
    for path in ["/repositories", "/search?q=nothing", "/sign-in"] {
        assert!(compressed(nobody.request(Method::GET, path)).await, "{path}");
    }
    site.register("alice").await;
    let mut alice = signed_in(&site, "alice").await;
    for path in ["/repositories", "/search?q=nothing", "/activity", "/me"] {
        assert!(compressed(alice.cookied(Method::GET, path)).await, "{path}");
    }
    let token = alice.csrf("/me/tokens").await;
    let password = Site::password("alice");
    let form = [("csrf", &*token), ("label", "laptop"), ("days", "30"), ("push", "on")];
    let form = [&form[..], &[("password", &*password)]].concat();
    assert!(!compressed(alice.cookied(Method::POST, "/me/tokens").form(&form)).await);
    site.stop().await;
}

/// Whoever sees lengths, and has words of their own put beside the token, learns nothing from it:
/// it is another one in each answer, and each opens the form.
#[tokio::test]
async fn the_token_of_forms_is_another_in_each_answer() {
    let site = Site::start().await;
    site.register("alice").await;
    let mut alice = signed_in(&site, "alice").await;
    let (first, second) = (alice.csrf("/me").await, alice.csrf("/me").await);
    assert_ne!(first, second);
    for token in [first, second] {
        let form = [("csrf", &*token), ("display_name", "Alice")];
        let answer = alice.cookied(Method::POST, "/me").form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303);
    }
    site.stop().await;
}
