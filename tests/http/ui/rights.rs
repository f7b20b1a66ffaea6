//! Who sees what: hidden is absent, and only our own forms change anything.

use domain::namespace::Visibility;
use reqwest::Method;
use tests::site::Site;

use super::{browser, push, signed_in, team};

#[tokio::test]
async fn what_is_hidden_answers_as_what_is_absent() {
    let site = Site::start().await;
    site.register("alice").await;
    site.register("eve").await;
    team(&site, "secret-crew", "alice", Visibility::Private).await;
    push(&site, "alice", "secret-crew/app:1").await;

    for (mut browser, known) in [(browser(&site), false), (signed_in(&site, "eve").await, true)] {
        let blank = |text: &str, name: &str| text.replace(name, "NAME");
        for (hidden, absent) in [
            ("/r/secret-crew/app", "/r/absent-crew/app"),
            ("/r/secret-crew/app/-/tags/1", "/r/absent-crew/app/-/tags/1"),
            ("/r/secret-crew/app/-/access", "/r/absent-crew/app/-/access"),
            ("/r/secret-crew/app/-/settings", "/r/absent-crew/app/-/settings"),
            ("/r/secret-crew/app/-/live", "/r/absent-crew/app/-/live"),
            ("/n/secret-crew", "/n/absent-crew"),
            ("/n/secret-crew/-/settings", "/n/absent-crew/-/settings"),
            ("/n/secret-crew/-/delete", "/n/absent-crew/-/delete"),
        ] {
            let (hidden, absent) = (browser.open(hidden).await, browser.open(absent).await);
            if known {
                assert_eq!((hidden.status.as_u16(), absent.status.as_u16()), (404, 404));
            } else {
                // It may be there for them: they are asked to sign in, and brought back.
                for (page, name) in [(&hidden, "secret-crew"), (&absent, "absent-crew")] {
                    let asked = page.path.starts_with("/sign-in?return_to=");
                    assert!(asked && page.path.contains(name), "{}", page.path);
                }
            }
            let (hidden, absent) = (without_id(&hidden.words()), without_id(&absent.words()));
            assert_eq!(blank(&hidden, "secret-crew"), blank(&absent, "absent-crew"));
        }
        for path in ["/", "/repositories", "/namespaces", "/search?q=secret", "/search?q=app"] {
            let page = browser.open(path).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(
                !page.words().replace("“secret”", "").contains("secret"),
                "{path}: {}",
                page.words()
            );
        }
    }
    let mut stranger = signed_in(&site, "eve").await;
    for (hidden, absent) in [
        ("/teams/secret-crew", "/teams/absent-crew"),
        ("/teams/secret-crew/namespaces", "/teams/absent-crew/namespaces"),
        ("/teams/secret-crew/settings", "/teams/absent-crew/settings"),
        ("/teams/secret-crew/delete", "/teams/absent-crew/delete"),
        ("/u/alice", "/u/nobody"),
        ("/admin/users/alice", "/admin/users/nobody"),
    ] {
        let (hidden, absent) = (stranger.open(hidden).await, stranger.open(absent).await);
        assert_eq!(hidden.status, absent.status, "{}", hidden.path);
        assert!(hidden.status.is_client_error(), "{}: {}", hidden.path, hidden.status);
        assert_eq!(without_id(&hidden.words()), without_id(&absent.words()), "{}", hidden.path);
    }
    let mut member = signed_in(&site, "alice").await;
    assert_eq!(member.open("/r/secret-crew/app").await.status, 200);
    site.stop().await;
}

#[tokio::test]
async fn public_images_are_open_to_everybody() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "open", "alice", Visibility::Public).await;
    push(&site, "alice", "open/app:1").await;
    let mut browser = browser(&site);
    assert!(browser.open("/").await.words().contains("open/app"));
    let page = browser.open("/r/open/app").await;
    assert_eq!((page.status.as_u16(), page.count("form[method=post]")), (200, 0));
    assert_eq!(browser.open("/search?q=open").await.all(".hits .name"), ["open", "open/app"]);
    site.stop().await;
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_name_look_the_same() {
    let site = Site::start().await;
    site.register("alice").await;
    let mut browser = browser(&site);
    let one = browser.sign_in("alice", "not the password").await;
    let other = browser.sign_in("nobody-of-ours", "not the password").await;
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (401, 401));
    assert_eq!(one.words(), other.words());
    assert_eq!(one.count("[role=alert]"), 1);
    assert!(!one.text.contains("not the password"));
    assert!(browser.cookies.keys().all(|name| name == "portus-flash"), "{:?}", browser.cookies);
    site.stop().await;
}

#[tokio::test]
async fn forms_of_other_sites_and_old_sessions_change_nothing() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    push(&site, "alice", "crew/app:1").await;
    let mut browser = signed_in(&site, "alice").await;
    let before = site.ground.log.head().await.unwrap();
    for path in [
        "/r/crew/app/-/star",
        "/r/crew/app/-/settings",
        "/n/crew/-/settings",
        "/n/crew/-/visibility",
        "/n/crew/-/team",
        "/n/crew/-/delete",
        "/namespaces/new",
        "/teams/new",
        "/teams/crew/members",
        "/teams/crew/members/role",
        "/teams/crew/members/remove",
        "/teams/crew/settings",
        "/teams/crew/delete",
        "/me",
        "/me/tokens",
        "/me/password",
        "/me/sessions/others",
        "/me/sessions/end",
        "/me/preferences",
        "/admin/users/new",
        "/admin/users/alice/disable",
        "/admin/registries",
        "/admin/registries/main",
        "/admin/registries/main/secret",
        "/sign-out",
    ] {
        let request =
            browser.request(Method::POST, path).form(&[("csrf", "guess"), ("label", "x")]);
        assert_eq!(browser.ask(request, path).await.status, 403, "{path}: another token");
        let request = browser.request(Method::POST, path).form(&[("label", "x")]);
        assert_eq!(browser.ask(request, path).await.status, 403, "{path}: no token");
        let request = browser.request(Method::POST, path).header("sec-fetch-site", "cross-site");
        assert_eq!(browser.ask(request, path).await.status, 403, "{path}: another site");
    }
    let request =
        browser.request(Method::POST, "/sign-in").header("origin", "https://evil.example");
    assert_eq!(browser.ask(request, "/sign-in").await.status, 403);
    let pages = [
        "/",
        "/search?q=app",
        "/r/crew/app",
        "/repositories",
        "/namespaces",
        "/n/crew",
        "/activity",
        "/activity/1",
        "/teams",
        "/teams/new",
        "/teams/crew",
        "/teams/crew/namespaces",
        "/teams/crew/settings",
        "/teams/crew/delete",
        "/namespaces/new",
        "/n/crew/-/settings",
        "/n/crew/-/delete",
        "/r/crew/app/-/access",
        "/r/crew/app/-/settings",
        "/u/alice",
        "/me",
        "/me/tokens",
        "/me/security",
        "/me/preferences",
        "/admin",
        "/help",
        "/sign-out",
        "/r/crew/app/-/star",
    ];
    for path in pages {
        browser.open(path).await;
    }
    assert_eq!(site.ground.log.head().await.unwrap(), before, "looking changes nothing");
    site.stop().await;
}

#[tokio::test]
async fn nobody_is_led_away_after_signing_in() {
    let site = Site::start().await;
    site.register("alice").await;
    for evil in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
    {
        let mut browser = browser(&site);
        let path = format!("/sign-in?return_to={}", evil.replace('\\', "%5C"));
        let page = browser.open(&path).await;
        let filled =
            [("name", "alice"), ("password", &*Site::password("alice")), ("return_to", evil)];
        let page = browser.submit(&page, "/sign-in", &filled).await;
        assert_eq!((page.status.as_u16(), page.path.as_str()), (200, "/"), "{evil}");
    }
    site.stop().await;
}

#[tokio::test]
async fn every_page_has_the_strict_headers() {
    let site = Site::start().await;
    let mut browser = browser(&site);
    for path in ["/", "/sign-in", "/search?q=x", "/nothing-here", "/r/", "/activity"] {
        let page = browser.open(path).await;
        let csp = page.headers["content-security-policy"].to_str().unwrap();
        assert!(csp.starts_with("default-src 'none'") && !csp.contains("unsafe"), "{csp}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(page.headers["referrer-policy"], "same-origin", "{path}");
        assert_eq!(page.headers["cross-origin-opener-policy"], "same-origin", "{path}");
        assert_eq!(page.headers["cache-control"], "no-store", "{path}");
        assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
        let css = page.text.split("href=\"/assets/").nth(1).unwrap().split('"').next().unwrap();
        let css = browser.open(&format!("/assets/{css}")).await;
        assert_eq!(css.status, 200);
        assert!(css.headers["cache-control"].to_str().unwrap().contains("immutable"));
    }
    site.stop().await;
}

#[tokio::test]
async fn an_error_is_a_page_with_an_id_and_a_way_out() {
    let site = Site::start().await;
    let mut browser = browser(&site);
    let page = browser.open("/nothing-here").await;
    let id = page.headers["x-request-id"].to_str().unwrap();
    assert_eq!(page.status, 404);
    assert!(page.words().contains(id), "{}", page.words());
    assert!(page.text.contains("href=\"/\""));
    let request = browser.request(Method::DELETE, "/search");
    let page = browser.ask(request, "/search").await;
    assert_eq!((page.status.as_u16(), page.count("h1")), (405, 1), "{}", page.text);
    let request = browser.request(Method::POST, "/sign-in").body("x".repeat(100_000));
    let page = browser
        .ask(request.header("content-type", "application/x-www-form-urlencoded"), "/sign-in")
        .await;
    assert_eq!((page.status.as_u16(), page.count("h1")), (413, 1), "{}", page.text);
    let request = browser.request(Method::POST, "/sign-in").body("name=x");
    let page = browser
        .ask(request.header("content-type", "application/x-www-form-urlencoded"), "/sign-in")
        .await;
    assert!(page.status.is_client_error() && page.count("h1") == 1, "{}", page.text);
    let json =
        reqwest::Client::new().get(format!("{}/", site.url)).header("accept", "application/json");
    assert_eq!(json.send().await.unwrap().status(), 406);
    site.stop().await;
}

fn without_id(words: &str) -> String {
    words.split("request id").next().unwrap().to_owned()
}
