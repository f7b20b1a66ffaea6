//! The reference of the REST interface, and the pages of its problems.

use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use tests::described::Described;
use tests::site::Site;
use web::error::Problem;

use super::browser;

#[tokio::test]
async fn the_reference_has_every_call_with_an_example_and_no_link_that_leads_nowhere() {
    let site = Site::start().await;
    let mut browser = browser(&site);
    let page = browser.open("/api").await;
    assert_eq!(page.status, 200);
    let operations = Described::by(&web::api::document().value).operations();
    let mut sections = page.attributes("section", "aria-labelledby");
    sections.sort();
    assert_eq!(sections, operations);
    let ids = page.attributes("[id]", "id");
    for (n, id) in ids.iter().enumerate() {
        assert!(!ids[..n].contains(id), "{id} is there twice");
    }
    let examples = page.all("section pre.code");
    assert_eq!(examples.len(), operations.len());
    assert!(examples.iter().all(|one| one.starts_with("curl") && one.contains("$PORTUS/api/v1/")));
    let create = examples.iter().find(|one| one.contains("/api/v1/users\" \\")).unwrap();
    assert!(
        create.contains("-X POST") && create.contains(r#"{"user":{"username":"…"}}"#),
        "{create}"
    );

    // Every link on the page is one to a place of it.
    for target in page.attributes("main a", "href") {
        if let Some(id) = target.strip_prefix('#') {
            assert!(ids.iter().any(|known| known == id), "{target}");
        }
    }
    let german = browser.request(Method::GET, "/api").header("accept-language", "de");
    let german = browser.ask(german, "/api").await;
    assert_eq!(german.all("h1"), ["REST-Referenz"]);
    site.stop().await;
}

#[tokio::test]
async fn the_reference_is_light_on_the_wire() {
    let site = Site::start().await;
    for path in ["/api", "/api/v1/openapi.json"] {
        let request = reqwest::Client::new().get(format!("{}{path}", site.url));
        let answer = request.header(ACCEPT_ENCODING, "gzip").send().await.unwrap();
        assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip", "{path}");
        let bytes = answer.bytes().await.unwrap().len();
        assert!(bytes < 60_000, "{path}: {bytes} bytes");
    }
    site.stop().await;
}

#[tokio::test]
async fn every_kind_of_problem_has_a_page_at_its_address() {
    let site = Site::start().await;
    let mut browser = browser(&site);
    let list = browser.open("/help/problems").await;
    for problem in Problem::EVERY {
        assert!(list.attributes("main a", "href").contains(&problem.address()), "{problem:?}");
        let page = browser.open(&problem.address()).await;
        assert_eq!(page.status, 200);
        assert!(page.words().contains(problem.status.as_str()), "{problem:?}");
    }
    assert_eq!(browser.open("/help/problems/nothing").await.status, 404);
    site.stop().await;
}
