//! Pictures for the documents: `make screenshots`.

use super::chromium::Chromium;
use super::world;

/// Where to: a folder; without it nothing is taken.
pub(crate) const FOLDER: &str = "PORTUS_TEST_SCREENSHOTS";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_are_taken_where_somebody_wants_them() {
    let Some(folder) = std::env::var_os(FOLDER).map(std::path::PathBuf::from) else { return };
    let Some(browser) = Chromium::start().await else { return };
    let site = world::site().await;
    std::fs::create_dir_all(&folder).unwrap();
    let take = async |name: &str| {
        let picture = browser.picture().await;
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    };
    browser.size(1_280, 860).await;
    browser.open(&site.url).await;
    take("front").await;
    browser.open(&format!("{}/sign-in", site.url)).await;
    take("sign-in").await;
    world::sign_in(&browser, &site, "alice").await;
    let pages = [
        ("start", "/"),
        ("repository", "/r/payments/checkout"),
        ("tag", "/r/payments/checkout/-/tags/latest"),
        ("access", "/r/payments/checkout/-/access?user=carol"),
        ("repositories", "/repositories"),
        ("namespace", "/n/payments"),
        ("namespace-settings", "/n/payments/-/settings"),
        ("team", "/teams/payments"),
        ("activity", "/activity"),
        ("search", "/search?q=pay"),
        ("tokens", "/me/tokens"),
        ("security", "/me/security"),
        ("preferences", "/me/preferences"),
        ("help", "/help"),
        ("not-found", "/r/other/secret"),
    ];
    for (name, path) in pages {
        browser.open(&format!("{}{path}", site.url)).await;
        take(name).await;
    }
    browser.open(&format!("{}/r/payments/checkout", site.url)).await;
    browser.press("/").await;
    browser.type_text("base").await;
    browser.until("document.querySelectorAll('.suggestions a.name').length > 0").await;
    take("suggestions").await;
    browser.scheme("dark").await;
    for (name, path) in [("start-dark", "/"), ("repository-dark", "/r/payments/checkout")] {
        browser.open(&format!("{}{path}", site.url)).await;
        take(name).await;
    }
    browser.scheme("light").await;
    browser.size(320, 720).await;
    for (name, path) in [
        ("start-phone", "/"),
        ("repository-phone", "/r/payments/checkout"),
        ("activity-phone", "/activity"),
        ("team-phone", "/teams/payments"),
    ] {
        browser.open(&format!("{}{path}", site.url)).await;
        take(name).await;
    }
    browser.size(1_280, 860).await;
    browser.open(&format!("{}/", site.url)).await;
    browser.follow("form[action='/sign-out'] button").await;
    world::sign_in(&browser, &site, tests::site::ADMINISTRATOR).await;
    for (name, path) in [
        ("admin", "/admin"),
        ("admin-users", "/admin/users"),
        ("admin-user", "/admin/users/carol"),
        ("admin-registry", "/admin/registries/main"),
    ] {
        browser.open(&format!("{}{path}", site.url)).await;
        take(name).await;
    }
    site.stop().await;
}
