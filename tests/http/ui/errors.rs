//! Each error as people and programs see it, on the real service.

use domain::namespace::Visibility;
use reqwest::{Method, RequestBuilder};
use tests::site::{ADMINISTRATOR, Site};
use web::ui::TRIES_PER_ADDRESS;

use super::browser::{Browser, Page};
use super::{browser, push, signed_in, team};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// What every page of an error has: the status, the frame, one title, the request's id, a way out.
fn is_good(page: &Page, status: u16, title: &str, lang: &str) {
    let at = format!("{status} at {}: {}", page.path, page.text);
    assert_eq!(page.status.as_u16(), status, "{at}");
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"), "{at}");
    assert_eq!(page.all("h1"), [title], "{at}");
    assert_eq!(page.attributes("html", "lang"), [lang], "{at}");
    let id = page.headers["x-request-id"].to_str().unwrap();
    assert!(page.words().contains(id), "the request id: {at}");
    for way in ["/", "/search", "/help"] {
        assert!(page.attributes("main a", "href").contains(&way.to_owned()), "{way}: {at}");
    }
    assert_eq!(page.headers["cache-control"], "no-store", "{at}");
    assert!(page.headers.contains_key("content-security-policy"), "{at}");
}

async fn ask(browser: &mut Browser, request: RequestBuilder, lang: &str) -> Page {
    browser.ask(request.header("accept-language", lang), "").await
}

#[tokio::test]
async fn whoever_is_signed_in_is_so_on_the_pages_of_errors_too() {
    let site = Site::start().await;
    site.register("bob").await;
    let mut bob = signed_in(&site, "bob").await;
    for (method, path, status) in [
        (Method::GET, "/nothing-here", 404),
        (Method::GET, "/r/absent/app", 404),
        (Method::GET, "/admin", 403),
        (Method::DELETE, "/search", 405),
        (Method::GET, "/sign-out", 405),
    ] {
        let request = bob.request(method, path);
        let page = ask(&mut bob, request, "en").await;
        let at = format!("{path}: {}", page.text);
        assert_eq!(page.status.as_u16(), status, "{at}");
        assert!(page.attributes("header a", "href").contains(&"/me".to_owned()), "{at}");
        assert!(!page.attributes("header a", "href").contains(&"/sign-in".to_owned()), "{at}");
        assert!(!page.words().contains("You may see this"), "{at}");
    }
    let mut nobody = Browser::new(&site.url);
    let request = nobody.request(Method::GET, "/nothing-here");
    let page = ask(&mut nobody, request, "en").await;
    assert_eq!(page.status.as_u16(), 404, "{}", page.text);
    assert!(page.attributes("header a", "href").contains(&"/sign-in".to_owned()), "{}", page.text);
}

#[tokio::test]
async fn every_error_is_a_page_in_both_languages() {
    let site = Site::start_with(&[("signup.enabled", "true")]).await;
    site.register("bob").await;
    for (lang, titles) in [
        ("en", ["Not allowed", "Not found", "Not this way", "Too much", "Not possible like this"]),
        ("de", ["Nicht erlaubt", "Nicht gefunden", "So nicht", "Zu viel", "So nicht möglich"]),
    ] {
        let [forbidden, missing, method, too_much, impossible] = titles;
        let mut bob = signed_in(&site, "bob").await;
        let token = bob.csrf("/").await;
        let get = |browser: &Browser, path: &str| browser.request(Method::GET, path);
        let post = |browser: &Browser, path: &str| browser.request(Method::POST, path);

        let request = get(&bob, "/admin");
        is_good(&ask(&mut bob, request, lang).await, 403, forbidden, lang);
        let request = post(&bob, "/me").form(&[("csrf", "wrong"), ("display_name", "x")]);
        is_good(&ask(&mut bob, request, lang).await, 403, forbidden, lang);
        let request = post(&bob, "/me").header("sec-fetch-site", "cross-site");
        is_good(&ask(&mut bob, request, lang).await, 403, forbidden, lang);

        for path in ["/nothing-here", "/r/absent/app", "/teams/absent", "/activity/99999999"] {
            let request = get(&bob, path);
            is_good(&ask(&mut bob, request, lang).await, 404, missing, lang);
        }
        for (other, path) in
            [(Method::DELETE, "/search"), (Method::PUT, "/me"), (Method::GET, "/sign-out")]
        {
            let request = bob.request(other, path);
            let page = ask(&mut bob, request, lang).await;
            is_good(&page, 405, method, lang);
            assert!(page.headers.contains_key("allow"), "{path}");
        }
        let much = format!("csrf={token}&display_name={}", "x".repeat(100_000));
        for path in ["/me", "/sign-in"] {
            let request = post(&bob, path).header(FORM.0, FORM.1).body(much.clone());
            is_good(&ask(&mut bob, request, lang).await, 413, too_much, lang);
        }
        let mut nobody = browser(&site);
        let request = post(&nobody, "/sign-in").json(&serde_json::json!({ "name": "x" }));
        is_good(&ask(&mut nobody, request, lang).await, 415, impossible, lang);
        let request = post(&nobody, "/sign-in").header(FORM.0, FORM.1).body("name=x");
        is_good(&ask(&mut nobody, request, lang).await, 422, impossible, lang);
    }
    site.stop().await;
}

/// Where a form is answered with itself, what is wrong stands on it; nothing is lost.
#[tokio::test]
async fn a_form_that_is_refused_is_answered_with_the_form() {
    let site = Site::start_with(&[("signup.enabled", "true")]).await;
    let mut nobody = browser(&site);
    let page = nobody.sign_in("nobody", "not a password").await;
    assert_eq!((page.status.as_u16(), page.count("[role=alert]")), (401, 1), "{}", page.text);
    assert_eq!(page.count("form[action='/sign-in']"), 1, "a way on");
    assert!(page.headers.contains_key("x-request-id"));
    let page = nobody.open("/sign-up").await;
    for _ in 0..TRIES_PER_ADDRESS {
        nobody.submit(&page, "/sign-up", &[("name", "-"), ("email", "x"), ("password", "x")]).await;
    }
    let filled = [("name", "-"), ("email", "x"), ("password", "x")];
    let page = nobody.submit(&page, "/sign-up", &filled).await;
    assert_eq!((page.status.as_u16(), page.count("[role=alert]")), (429, 1), "{}", page.text);
    site.stop().await;
}

#[tokio::test]
async fn a_part_that_is_gone_is_a_page_too() {
    let site = Site::start().await;
    let mut ada = signed_in(&site, ADMINISTRATOR).await;
    // What pages are read from is gone; who asks, and what they may, is still known.
    sqlx::query("ALTER TABLE read_directory.teams RENAME TO gone")
        .execute(&site.ground.database.owner)
        .await
        .unwrap();
    for (lang, title) in [("en", "Not available right now"), ("de", "Gerade nicht verfügbar")] {
        let request = ada.request(Method::GET, "/teams");
        is_good(&ask(&mut ada, request, lang).await, 503, title, lang);
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http
        .get(format!("{}/api/v1/teams", site.url))
        .basic_auth(ADMINISTRATOR, Some(Site::password(ADMINISTRATOR)));
    let answer = request.header("accept", "application/problem+json").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let said: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(said["type"], "/help/problems/unavailable");
    site.stop().await;
}

#[tokio::test]
async fn programs_get_problems_where_browsers_get_pages() {
    let site = Site::start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let own = Site::password(ADMINISTRATOR);
    for (method, path, body, status, kind) in [
        (Method::GET, "/api/v1/users", "", 401, "unauthorized"),
        (Method::GET, "/api/v1/namespaces/absent", "", 404, "not-found"),
        (Method::DELETE, "/api/v1/namespaces", "", 405, "method-not-allowed"),
        (Method::POST, "/api/v1/users", "{", 400, "bad-request"),
        (Method::POST, "/api/v1/users", "plain", 415, "unsupported-media-type"),
        (Method::POST, "/api/v1/users", "{\"user\":{\"username\":\"-\"}}", 422, "cannot-be"),
    ] {
        let request = http.request(method.clone(), format!("{}{path}", site.url));
        let request = match status {
            401 => request,
            _ => request.basic_auth(ADMINISTRATOR, Some(&own)),
        };
        let request = match body {
            "" => request,
            "plain" => request.header("content-type", "text/plain").body(body),
            body => request.header("content-type", "application/json").body(body),
        };
        for (accept, media_type) in [
            ("application/problem+json", "application/problem+json"),
            ("text/html,application/json;q=0.9", "application/json"),
        ] {
            let request = request.try_clone().unwrap().header("accept", accept);
            let answer = request.send().await.unwrap();
            let at = format!("{method} {path} {body}");
            assert_eq!(answer.status().as_u16(), status, "{at}");
            assert_eq!(answer.headers()["content-type"], media_type, "{at}");
            let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
            let said: serde_json::Value = answer.json().await.unwrap();
            assert_eq!(said["request_id"], id, "{at}");
            if accept == media_type {
                assert_eq!(said["type"], format!("/help/problems/{kind}"), "{at}");
            }
        }
    }
    site.stop().await;
}

#[tokio::test]
async fn what_one_may_not_see_answers_byte_for_byte_as_what_is_not_there() {
    let site = Site::start().await;
    for name in ["alice", "eve"] {
        site.register(name).await;
    }
    // As long as the other name, so that even the length is the same.
    team(&site, "hidden", "alice", Visibility::Private).await;
    push(&site, "alice", "hidden/app:1").await;
    let mut eve = signed_in(&site, "eve").await;
    let token = eve.csrf("/").await;
    let form = [
        ("csrf", token.as_str()),
        ("name", "x"),
        ("user", "x"),
        ("description", "x"),
        ("text", "x"),
    ];
    for (method, path) in [
        (Method::GET, "/r/hidden/app"),
        (Method::GET, "/r/hidden/app/-/tags/1"),
        (Method::GET, "/r/hidden/app/-/activity"),
        (Method::GET, "/r/hidden/app/-/comments"),
        (Method::POST, "/r/hidden/app/-/star"),
        (Method::POST, "/r/hidden/app/-/settings"),
        (Method::POST, "/r/hidden/app/-/comments"),
        (Method::GET, "/n/hidden"),
        (Method::GET, "/n/hidden/-/activity"),
        (Method::GET, "/n/hidden/-/access"),
        (Method::GET, "/n/hidden/-/settings"),
        (Method::POST, "/n/hidden/-/access"),
        (Method::POST, "/n/hidden/-/access/revoke"),
        (Method::POST, "/n/hidden/-/delete"),
        (Method::GET, "/teams/hidden"),
        (Method::GET, "/teams/hidden/activity"),
        (Method::GET, "/teams/hidden/settings"),
        (Method::POST, "/teams/hidden/members"),
        (Method::POST, "/teams/hidden/delete"),
    ] {
        let mut answers = Vec::new();
        for path in [path.to_owned(), path.replace("hidden", "absent")] {
            let request = eve.request(method.clone(), &path);
            let request = if method == Method::POST { request.form(&form) } else { request };
            let page = eve.ask(request, &path).await;
            let id = page.headers["x-request-id"].to_str().unwrap().to_owned();
            let mut headers: Vec<_> = page
                .headers
                .iter()
                .filter(|(name, _)| *name != "x-request-id" && *name != "date")
                .map(|(name, value)| format!("{name}: {value:?}"))
                .collect();
            headers.sort();
            // The form token is masked anew in each page, at one length.
            let mut text = page.text.replace(&id, "ID");
            for token in page.attributes("input[name=csrf]", "value") {
                text = text.replace(&token, "TOKEN");
            }
            answers.push((page.status, headers, text));
        }
        assert_eq!(answers[0], answers[1], "{method} {path}");
        assert_eq!(answers[0].0, 404, "{method} {path}");
    }
    site.stop().await;
}

/// Whoever loads a page again that answered a form comes to where the form is.
#[tokio::test]
async fn where_a_form_goes_leads_back_to_it() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    let mut alice = signed_in(&site, "alice").await;
    for (path, to) in [
        ("/teams/crew/members", "/teams/crew"),
        ("/teams/crew/members/role", "/teams/crew"),
        ("/teams/crew/members/remove", "/teams/crew"),
        ("/me/tokens/revoke", "/me/tokens"),
        ("/me/password", "/me/security"),
        ("/me/sessions/end", "/me/security"),
        ("/me/sessions/others", "/me/security"),
    ] {
        let page = alice.open(path).await;
        assert_eq!((page.status.as_u16(), page.path.as_str()), (200, to), "{path}");
    }
    let mut admin = signed_in(&site, ADMINISTRATOR).await;
    for (path, to) in [
        ("/admin/users/alice/enable", "/admin/users/alice"),
        ("/admin/registries/main/secret", "/admin/registries/main"),
    ] {
        assert_eq!(admin.open(path).await.path, to);
    }
    site.stop().await;
}
