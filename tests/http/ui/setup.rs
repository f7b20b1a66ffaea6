//! Setting up, step by step.

use http::header::REFERER;
use reqwest::Method;
use tests::site::{ADMINISTRATOR, SERVICE, Site};

use super::browser::Page;
use super::{browser, push, signed_in};

/// The addresses of the steps.
const STEPS: [&str; 4] =
    ["/setup/address", "/setup/registry", "/setup/keys", "/setup/configuration"];

/// Where the page leads on to.
fn next(page: &Page) -> String {
    page.attributes("p.pages a.primary", "href").remove(0)
}

#[tokio::test]
async fn the_steps_lead_from_the_first_administrator_to_the_first_page() {
    let site = Site::start_unclaimed().await;
    let mut ruth = browser(&site);
    let setup = ruth.open("/setup").await;
    let secret = site.parts.bootstrap.reveal().await.unwrap();
    let filled = [("secret", &**secret), ("name", "ruth"), ("password", "a long enough password")];
    let mut page = ruth.submit(&setup, "/setup", &filled).await;
    assert_eq!(page.path, "/setup");
    assert_eq!(page.count("tbody tr"), 5);
    for step in STEPS {
        assert_eq!(next(&page), step);
        page = ruth.open(step).await;
        assert_eq!((page.status.as_u16(), page.count("h1")), (200, 1), "{step}");
        assert_eq!(page.attributes("nav.steps a[aria-current=step]", "href"), [step]);
    }
    assert_eq!(next(&page), "/");
    assert!(ruth.open("/").await.words().contains("Hello, ruth"));

    // It is found again, and says what has become of it.
    let admin = ruth.open("/admin").await;
    assert_eq!(admin.attributes("main a.button", "href"), ["/setup"]);
    let state = |page: &Page| page.all("tbody tr:nth-child(3) .badge").remove(0);
    assert_eq!(state(&ruth.open("/setup").await), "look", "no registry has told of anything");
    push(&site, "ruth", "ruth/app:1").await;
    assert_eq!(state(&ruth.open("/setup").await), "good");
    site.stop().await;
}

#[tokio::test]
async fn the_steps_are_for_administrators_alone() {
    let site = Site::start().await;
    site.register("bob").await;
    let mut nobody = browser(&site);
    let mut bob = signed_in(&site, "bob").await;
    for step in ["/setup"].into_iter().chain(STEPS) {
        let page = nobody.open(step).await;
        assert!(page.path.starts_with("/sign-in"), "{step}: {}", page.path);
        let page = bob.open(step).await;
        assert_eq!(page.status, 403, "{step}");
        assert!(!page.text.contains(SERVICE), "{step}");
    }
    let token = bob.csrf("/").await;
    let form = [("csrf", token.as_str()), ("registry", "main")];
    let request = bob.request(Method::POST, "/setup/registry").form(&form);
    assert_eq!(bob.ask(request, "/setup/registry").await.status, 403);
    site.stop().await;
}

#[tokio::test]
async fn the_address_that_a_browser_uses_is_held_against_the_configured_one() {
    let url = "https://portus.example.org";
    let site = Site::start_with(&[("http.external_url", url)]).await;
    let mut ada = signed_in(&site, ADMINISTRATOR).await;
    let page = ada.open("/setup/address").await;
    assert_eq!(page.count(".notice.bad"), 1, "{}", page.words());
    let host = site.url.strip_prefix("http://").unwrap();
    let codes = page.all("dl code");
    assert_eq!(codes, [url, host, &format!("{url}/v2/token")]);
    // Where it is set, and what to set instead once the browser has said all of it.
    assert!(page.words().contains("set by test"), "{}", page.words());
    let from = format!("{}/setup", site.url);
    let request = ada.request(Method::GET, "/setup/address").header(REFERER, from);
    let page = ada.ask(request, "/setup/address").await;
    assert_eq!(page.all("pre.code"), [format!("[http] external_url = \"{}\"", site.url)]);

    let request = ada.request(Method::GET, "/setup/address").header("host", "portus.example.org");
    let page = ada.ask(request, "/setup/address").await;
    assert_eq!(page.all("p.notice"), ["Your browser uses the same address."]);
    // What a browser says is repeated only if it can be a host.
    let request = ada.request(Method::GET, "/setup/address").header("host", "\"<b>");
    let page = ada.ask(request, "/setup/address").await;
    assert!(page.status == 400 || page.count(".notice.warn") == 1, "{}", page.text);
    site.stop().await;
}

#[tokio::test]
async fn a_registry_is_tried_out_and_told_what_to_say() {
    let site = Site::start_with(&[("registry.url", "http://127.0.0.1:9")]).await;
    let mut ada = signed_in(&site, ADMINISTRATOR).await;
    let page = ada.open("/setup/registry").await;
    assert_eq!(page.count("table"), 0, "nothing is asked before somebody wants it");
    let page = ada.submit(&page, "/setup/registry", &[("registry", "main")]).await;
    assert_eq!(page.all("tbody .badge"), ["not good"], "{}", page.words());
    let page = ada.open("/setup/registry").await;
    let absent = ada.submit(&page, "/setup/registry", &[("registry", "absent")]).await;
    assert_eq!(absent.status, 404);

    let page = ada.open("/setup/configuration").await;
    let shown = page.all("pre.code");
    for said in [&format!("{}/v2/token", site.url), SERVICE, "rootcertbundle", "Bearer …"] {
        assert!(shown[0].contains(said), "{said}: {}", shown[0]);
    }
    assert!(shown[1].contains("BEGIN CERTIFICATE"));
    assert!(!page.text.contains(&site.registry_secret) && !page.text.contains("PRIVATE KEY"));
    let copied = page.attributes("[data-copy]", "data-copy");
    assert!(copied.iter().any(|text| text.contains("\n    realm: ")), "{copied:?}");
    assert_eq!(ada.open("/setup/configuration?registry=absent").await.status, 404);

    let page = ada.open("/setup/keys").await;
    let folder = site.ground.data.join("keys");
    assert!(page.words().contains(&folder.display().to_string()));
    site.stop().await;
}
