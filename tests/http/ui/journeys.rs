//! From the first start to signing out.

use domain::namespace::Visibility;
use tests::site::{SERVICE, Site};

use super::{browser, person, pulled, push, record, signed_in, team};

#[tokio::test]
async fn the_first_administrator_sets_up_looks_around_and_leaves() {
    let site = Site::start_unclaimed().await;
    let mut browser = browser(&site);
    let front = browser.open("/").await;
    assert!(front.words().contains("no administrator yet"), "{}", front.words());

    let setup = browser.open("/setup").await;
    let fill = |secret, password| [("secret", secret), ("name", "Ruth"), ("password", password)];
    let secret = site.parts.bootstrap.reveal().await.unwrap();
    let page = browser.submit(&setup, "/setup", &fill("guess", "a long enough password")).await;
    assert_eq!(page.status, 422);
    assert_eq!(page.all("#secret-wrong").len(), 1, "{}", page.text);
    assert!(!page.text.contains("a long enough password"), "no secret comes back");
    let page = browser.submit(&setup, "/setup", &fill(&secret, "short")).await;
    assert_eq!((page.status.as_u16(), page.count("#password-wrong")), (422, 1));
    assert!(!page.text.contains(&**secret));

    let page = browser.submit(&setup, "/setup", &fill(&secret, "a long enough password")).await;
    assert_eq!((page.status.as_u16(), page.path.as_str()), (200, "/setup"));
    assert!(page.all("p.notice")[0].contains("first administrator"), "{}", page.text);
    assert_eq!(page.count("form[action='/setup']"), 0, "nobody becomes the first twice");

    let page = browser.open("/").await;
    assert!(page.words().contains("Hello, ruth"), "{}", page.words());
    assert!(page.words().contains(&format!("docker login {SERVICE}")), "{}", page.words());
    let out = browser.submit(&page, "/sign-out", &[]).await;
    assert!(out.words().contains("You are signed out"), "{}", out.words());
    let page = browser.open("/activity").await;
    assert!(page.path.starts_with("/sign-in?return_to="), "{}", page.path);
    let page = browser
        .submit(&page, "/sign-in", &[("name", "RUTH"), ("password", "a long enough password")])
        .await;
    assert_eq!((page.status.as_u16(), page.path.as_str()), (200, "/activity"), "{}", page.text);
    site.stop().await;
}

#[tokio::test]
async fn an_image_is_found_looked_at_and_starred() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    push(&site, "alice", "crew/web-shop:1.2").await;
    record(&site, person("alice"), pulled("crew/web-shop:1.2")).await;

    let mut browser = signed_in(&site, "alice").await;
    let home = browser.open("/").await;
    assert!(home.words().contains("crew/web-shop"), "{}", home.words());
    let found = browser.submit(&home, "/search", &[("q", "shop")]).await;
    assert_eq!(found.all("ul.hits .name"), ["crew/web-shop"], "{}", found.text);
    let found = browser.open("/search?q=web-shop%3A1.2").await;
    assert_eq!(found.all("ul.hits .name"), ["crew/web-shop:1.2"]);

    let page = browser.open("/r/crew/web-shop").await;
    assert_eq!(page.all("h1"), ["crew/web-shop"]);
    assert_eq!(
        page.all(".command code")[0],
        format!("docker pull {SERVICE}:443/crew/web-shop:1.2")
    );
    assert_eq!(page.all("tbody th a"), ["1.2"]);
    let cells = page.all("tbody td");
    assert!(cells[0].len() == 12 && cells[3].contains("by alice") && cells[5] == "1", "{cells:?}");

    let starred = browser.submit(&page, "/r/crew/web-shop/-/star", &[]).await;
    assert_eq!(starred.path, "/r/crew/web-shop");
    assert_eq!(starred.all("p.notice[role=status]"), ["Starred."]);
    assert_eq!(starred.all(".facts dd")[4], "1", "read your own writes");
    let home = browser.open("/").await;
    assert!(
        home.all("section").iter().any(|s| s.starts_with("Starred") && s.contains("crew/web-shop"))
    );
    let page = browser.open("/r/crew/web-shop").await;
    let back = browser.submit(&page, "/r/crew/web-shop/-/unstar", &[]).await;
    assert_eq!(back.all(".facts dd")[4], "0");

    let tag = browser.open("/r/crew/web-shop/-/tags/1.2").await;
    assert_eq!(tag.all("h1"), ["crew/web-shop:1.2"]);
    assert!(tag.words().contains("docker pull") && tag.words().contains("pushed"));
    site.stop().await;
}

#[tokio::test]
async fn the_feed_tells_what_happened_and_is_filtered() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    push(&site, "alice", "crew/app:1").await;
    push(&site, "alice", "crew/other:1").await;
    for _ in 0..60 {
        record(&site, person("alice"), pulled("crew/app:1")).await;
    }
    let mut browser = signed_in(&site, "alice").await;
    let page = browser.open("/activity").await;
    assert_eq!(page.count(".feed a.event"), 50);
    let older = browser.open(&link(&page, "Older")).await;
    assert!(older.count(".feed a.event") > 10);
    assert!(older.words().contains("alice pushed crew/app:1"), "{}", older.words());
    let newer = browser.open(&link(&older, "Newer")).await;
    assert_eq!(newer.all(".feed .event"), page.all(".feed .event"));

    let one = [("repository", "crew/other"), ("kind", "content.manifest_pushed")];
    let page = browser.submit(&page, "/activity", &one).await;
    let rows = page.all(".feed .sentence");
    assert_eq!(rows, ["alice pushed crew/other:1"]);
    let page = browser.open("/activity?namespace=crew&kind=content").await;
    assert!(page.count(".feed .sentence") > 1);
    assert_eq!(page.count("input#namespace[value=crew]"), 1);
    let page = browser.open("/activity?namespace=elsewhere").await;
    assert_eq!(page.count(".feed .sentence"), 0);
    let page = browser.open("/activity?team=crew&kind=team.created").await;
    assert_eq!(page.all(".feed .sentence"), ["ada made the team crew"]);
    let page = browser.open("/activity?actor=nobody").await;
    assert!(page.words().contains("Nothing that you may see fits"));
    for wrong in [
        "/activity?before=x",
        "/activity?repository=A//b",
        "/activity?kind=zzz&outcome=q",
        "/activity?namespace=A//b",
        "/activity?team=%20%00&namespace=%ff",
    ] {
        let page = browser.open(wrong).await;
        assert_eq!(page.status, 200, "{wrong}");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_refused_token_shows_with_the_rule_that_decided() {
    let site = Site::start().await;
    site.register("alice").await;
    site.register("bob").await;
    team(&site, "crew", "alice", Visibility::Public).await;
    let answer = site.token("bob", "repository:crew/app:push").await;
    assert!(answer.starts_with("200"), "{answer}");

    let mut browser = signed_in(&site, "bob").await;
    let mut words = String::new();
    for _ in 0..100 {
        words = browser.open("/activity?outcome=refused").await.words();
        if words.contains("asked to push to") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await; // decisions are recorded behind the answer
    }
    let said = "bob asked to push to registry.test:443/crew/app and was refused";
    assert!(
        words.contains(said) || words.contains(&said.replace("registry.test:443/", "")),
        "{words}"
    );
    assert!(!words.contains("repository:crew/app"), "{words}");
    // Nothing was pushed there, so nothing opens; the scope itself is on the event's page.
    let page = browser.open("/activity?outcome=refused").await;
    let event = page.attributes(".feed a.event", "href").remove(0);
    let page = browser.open(&event).await;
    assert!(page.all("dd code").contains(&"repository:crew/app:push".to_owned()), "{}", page.text);
    assert!(words.contains("Rule push: Contributors and owners push"), "{words}");
    site.stop().await;
}

#[tokio::test]
async fn a_token_is_shown_once_works_and_is_revoked() {
    let site = Site::start().await;
    site.register("alice").await;
    let mut browser = signed_in(&site, "alice").await;
    let page = browser.open("/me/tokens").await;
    let none = browser.submit(&page, "/me/tokens", &[("label", "laptop"), ("days", "30")]).await;
    assert_eq!(none.status, 422, "a token that may do nothing");
    let own = Site::password("alice");
    let filled =
        |password| [("label", "laptop"), ("days", "30"), ("push", "on"), ("password", password)];
    for guess in ["", "not the password"] {
        let wrong = browser.submit(&page, "/me/tokens", &filled(guess)).await;
        assert_eq!((wrong.status.as_u16(), wrong.count("#password-wrong")), (422, 1));
        for kept in ["#label[value=laptop]", "[name=push][checked]", "option[value='30'][selected]"]
        {
            assert_eq!(wrong.count(kept), 1, "{kept} is not to be typed again");
        }
        assert_eq!(wrong.count("#password[value='']"), 1);
        assert_eq!(wrong.count("tbody tr"), 0, "a session alone makes no token");
    }
    let filled = filled(own.as_str());
    let made = browser.submit(&page, "/me/tokens", &filled).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let secret = made.all(".notice .command code")[0].clone();
    assert_eq!(made.all("tbody th"), ["laptop"], "read your own writes");
    assert_eq!(made.headers["cache-control"], "no-store");

    let answer = site.token_with("alice", &secret, "repository:alice/x:pull,push").await;
    assert!(answer.starts_with("200") && answer.contains("push"), "{answer}");
    // Decisions are recorded behind the answer.
    let mut page = browser.open("/me/tokens").await;
    for _ in 0..100 {
        if !page.all("td[data-label='Last used']").contains(&"–".to_owned()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        page = browser.open("/me/tokens").await;
    }
    let used = page.all("td[data-label='Last used']").concat();
    assert!(used.starts_with("just now") && used.contains("127.0.0.1"), "{used}");
    assert!(!page.text.contains(&secret), "shown once");
    let gone = browser.submit(&page, "/me/tokens/revoke", &[]).await;
    assert_eq!((gone.path.as_str(), gone.count("tbody th")), ("/me/tokens", 0));
    let answer = site.token_with("alice", &secret, "repository:alice/x:pull").await;
    assert!(answer.starts_with("401"), "{answer}");
    site.stop().await;
}

fn link(page: &super::browser::Page, words: &str) -> String {
    let html = scraper::Html::parse_document(&page.text);
    let links = scraper::Selector::parse("a[href]").unwrap();
    let found = html.select(&links).find(|link| link.text().collect::<String>().trim() == words);
    found.unwrap_or_else(|| panic!("no link {words}")).attr("href").unwrap().to_owned()
}
