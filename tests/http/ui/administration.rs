//! The administration through its forms, and that it is for administrators alone.

use tests::site::{ADMINISTRATOR, Site};

use super::{browser, signed_in};

const PAGES: [&str; 7] = [
    "/admin",
    "/admin/users",
    "/admin/users/new",
    "/admin/users/alice",
    "/admin/registries",
    "/admin/registries/main",
    "/admin/keys",
];

#[tokio::test]
async fn the_administration_is_for_administrators() {
    let site = Site::start().await;
    site.register("alice").await;
    let mut ada = signed_in(&site, ADMINISTRATOR).await;
    let mut alice = signed_in(&site, "alice").await;
    let mut nobody = browser(&site);
    for path in PAGES {
        let page = ada.open(path).await;
        assert_eq!((page.status.as_u16(), page.count("h1")), (200, 1), "{path}: {}", page.text);
        let page = alice.open(path).await;
        assert!(page.status.is_client_error(), "{path}: {}", page.status);
        assert!(nobody.open(path).await.path.starts_with("/sign-in"), "{path}");
    }
    assert_eq!(ada.open("/").await.count("nav a[href='/admin']"), 1);
    assert_eq!(alice.open("/").await.count("a[href^='/admin']"), 0, "no link that leads nowhere");
    let token = alice.csrf("/").await;
    for (path, fields) in [
        ("/admin/users/new", vec![("name", "x"), ("kind", "bot")]),
        ("/admin/users/ada/disable", vec![("reason", "x")]),
        ("/admin/users/alice/offices", vec![("office", "admin"), ("password", "x")]),
        (
            "/admin/registries",
            vec![("name", "x"), ("host", "x"), ("service", "x"), ("url", "http://x")],
        ),
        ("/admin/registries/main", vec![("host", "x"), ("service", "x"), ("url", "http://x")]),
        ("/admin/registries/main/secret", vec![("password", "x")]),
    ] {
        let fields: Vec<_> = fields.into_iter().chain([("csrf", token.as_str())]).collect();
        let request = alice.request(reqwest::Method::POST, path).form(&fields);
        assert!(alice.ask(request, path).await.status.is_client_error(), "{path}");
    }
    assert!(site.token(ADMINISTRATOR, "repository:ada/x:pull").await.starts_with("200"));
    site.stop().await;
}

#[tokio::test]
async fn an_account_is_made_given_an_office_disabled_and_enabled() {
    let site = Site::start().await;
    let mut ada = signed_in(&site, ADMINISTRATOR).await;
    let new = ada.open("/admin/users/new").await;
    let wrong = ada.submit(&new, "/admin/users/new", &[("name", "bob")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("[role=alert]")), (422, 1), "no password");
    let password = Site::password("bob");
    let filled = [("name", "bob"), ("password", &*password), ("email", "bob@example.org")];
    let page = ada.submit(&new, "/admin/users/new", &filled).await;
    assert_eq!(page.path, "/admin/users/bob");
    assert!(page.words().contains("bob@example.org"));
    let again = ada.submit(&new, "/admin/users/new", &filled).await;
    assert!(again.status == 422 && again.words().contains("taken"), "{}", again.words());
    assert_eq!(ada.open("/admin/users?prefix=bo").await.all("tbody th"), ["bob"]);

    let mut bob = signed_in(&site, "bob").await;
    assert_eq!(bob.open("/").await.status, 200);
    let offices = "/admin/users/bob/offices";
    let wrong = ada.submit(&page, offices, &[("password", "guess"), ("office", "admin")]).await;
    assert_eq!(wrong.status, 422);
    assert_eq!(bob.open("/admin").await.status.as_u16() / 100, 4);
    let own = Site::password(ADMINISTRATOR);
    let done = ada.submit(&page, offices, &[("password", &own), ("office", "admin")]).await;
    assert!(done.words().contains("administrator"), "{}", done.words());
    assert_eq!(bob.open("/admin").await.status, 200, "in force at once");
    ada.submit(&page, offices, &[("password", &own), ("office", "not-admin")]).await;

    let page = ada.open("/admin/users/bob").await;
    let page = ada.submit(&page, "/admin/users/bob/disable", &[("reason", "left")]).await;
    assert!(page.words().contains("disabled"), "{}", page.words());
    assert!(bob.open("/").await.path.starts_with("/sign-in"), "every door is closed");
    assert_eq!(site.token("bob", "repository:bob/x:pull").await, "401 UNAUTHORIZED");
    ada.submit(&page, "/admin/users/bob/enable", &[]).await;
    let page = ada.open("/admin/users/bob").await;
    let new = "a password from ada";
    ada.submit(&page, "/admin/users/bob/password", &[("new", new)]).await;
    assert_eq!(browser(&site).sign_in("bob", new).await.status, 200);

    // The last administrator stays one.
    let page = ada.open("/admin/users/ada").await;
    let offices = "/admin/users/ada/offices";
    let wrong = ada.submit(&page, offices, &[("password", &own), ("office", "not-admin")]).await;
    assert!(
        wrong.status == 422 && wrong.words().contains("last administrator"),
        "{}",
        wrong.words()
    );
    site.stop().await;
}

#[tokio::test]
async fn a_registry_is_added_changed_and_given_a_new_secret() {
    let site = Site::start().await;
    let mut ada = signed_in(&site, ADMINISTRATOR).await;
    let page = ada.open("/admin/registries").await;
    let fill = |service, url| {
        [("name", "second"), ("host", "second.test"), ("service", service), ("url", url)]
    };
    for wrong in [fill(tests::site::SERVICE, "http://second.test"), fill("second", "ftp://x")] {
        let page = ada.submit(&page, "/admin/registries", &wrong).await;
        assert_eq!((page.status.as_u16(), page.count("[role=alert]")), (422, 1), "{wrong:?}");
    }
    let made =
        ada.submit(&page, "/admin/registries", &fill("second.test", "http://second.test")).await;
    assert_eq!(made.status, 200);
    let secret = made.all(".notice .command code")[0].clone();
    assert!(secret.len() > 20 && made.all("pre")[0].contains(&secret));
    let page = ada.open("/admin/registries/second").await;
    assert!(!page.text.contains(&secret), "shown once");
    let to = "/admin/registries/second";
    let page = ada.submit(&page, to, &[("host", "images.test")]).await;
    assert!(page.text.contains("images.test"));
    let rotate = "/admin/registries/second/secret";
    let wrong = ada.submit(&page, rotate, &[("password", "guess")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("#password-wrong")), (422, 1));
    let own = Site::password(ADMINISTRATOR);
    let done = ada.submit(&page, rotate, &[("password", &own)]).await;
    assert_ne!(done.all(".notice .command code")[0], secret);
    site.stop().await;
}

/// What the service truly knows of its registry: what that told, and what comparing it came to.
#[tokio::test]
async fn the_overview_says_what_was_heard_of_each_registry_and_how_everything_is() {
    // Compared at once; nothing answers there.
    let site = Site::start_with(&[("reconcile.every_s", "1")]).await;
    let mut ada = signed_in(&site, ADMINISTRATOR).await;
    let page = ada.open("/admin").await;
    let rows = page.all("tbody tr");
    for part in ["Database", "Log", "Rights", "Search", "Read models"] {
        let row = rows.iter().find(|row| row.starts_with(part));
        assert!(row.is_some_and(|row| row.ends_with("answers")), "{part}: {rows:?}");
    }
    for key in ["Signing key", "Our own authority"] {
        let row = rows.iter().find(|row| row.starts_with(key));
        assert!(row.is_some_and(|row| row.ends_with("good")), "{key}: {rows:?}");
    }
    let main = |page: &super::browser::Page| {
        page.all("tbody tr").into_iter().find(|row| row.starts_with("main")).unwrap()
    };
    assert!(main(&page).contains("not since the start"), "{}", main(&page));

    let told = ada
        .request(reqwest::Method::POST, "/v2/webhooks/events")
        .bearer_auth(&site.registry_secret)
        .header("content-type", "application/vnd.docker.distribution.events.v2+json")
        .body(r#"{"events":[]}"#);
    assert_eq!(told.send().await.unwrap().status(), 200);
    let until = std::time::Instant::now() + super::PATIENCE;
    loop {
        let page = ada.open("/admin").await;
        let said = main(&page);
        if said.contains("no good answer") && !said.contains("not since the start") {
            assert!(said.contains("See that it runs"), "{said}");
            assert_eq!(page.count("p.notice.bad"), 1, "not everything is well");
            assert_eq!(page.attributes("tbody th a", "href")[0], "/admin/registries/main");
            break;
        }
        assert!(std::time::Instant::now() < until, "{said}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    site.stop().await;
}
