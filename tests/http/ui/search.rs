//! The search page and its suggestions: filters as links, what was meant, and silence about the
//! rest, over HTTP.

use domain::digest::Descriptor;
use domain::event::NewEvent;
use domain::namespace::Visibility;
use domain::registry::ContentEvent;
use domain::repository::RepositoryEvent;
use jiff::SignedDuration;

use super::*;

/// A push so many hours ago, for these platforms.
async fn push_built(site: &Site, image: &str, hours: i64, platforms: &[&str]) {
    let mut event = pushed(image);
    if let ContentEvent::ManifestPushed { references, .. } = &mut event {
        references.extend(platforms.iter().map(|platform| Descriptor {
            media_type: None,
            digest: digest(platform),
            size: None,
            platform: Some((*platform).to_owned()),
        }));
    }
    ago(site, event, hours).await;
}

async fn ago(site: &Site, event: impl Into<Event>, hours: i64) {
    let desk = &site.ground.desk;
    let occurred_at = desk.clock.now() - SignedDuration::from_hours(hours);
    let meta = Meta::by(person("alice"));
    let events = vec![NewEvent { id: desk.new_id(), occurred_at, meta, event: event.into() }];
    let stream = StreamName::stored(format!("test-{}", uuid::Uuid::now_v7()));
    let append = Append { stream, expected: Expected::Any, key: None, events };
    match site.ground.log.append(vec![append]).await.unwrap().remove(0) {
        Outcome::Appended { last, .. } => settled(site, last).await,
        other => panic!("{other:?}"),
    }
}

async fn describe(site: &Site, name: &str, text: &str) {
    let (registry, repository) = (registry(), repo(name));
    let description = text.to_owned();
    ago(site, RepositoryEvent::Described { registry, repository, description }, 1).await;
}

async fn shop() -> Site {
    let site = Site::start().await;
    site.register("alice").await;
    site.register("bob").await;
    team(&site, "open", "alice", Visibility::Public).await;
    team(&site, "inner", "alice", Visibility::Protected).await;
    push_built(&site, "open/app:1.0", 2, &["linux/amd64", "linux/arm64"]).await;
    push_built(&site, "open/web-app:1.0", 24 * 20, &["linux/amd64"]).await;
    push_built(&site, "inner/app-worker:1.0", 24 * 3, &["linux/arm64"]).await;
    describe(&site, "open/web-app", "The *shop*, & all of <it>").await;
    site
}

/// Where the link with these words leads.
fn link(page: &browser::Page, css: &str, words: &str) -> String {
    let at = page.all(css).iter().position(|text| text.starts_with(words));
    let at = at.unwrap_or_else(|| panic!("no {words} in {:?}", page.all(css)));
    page.attributes(css, "href").remove(at)
}

#[tokio::test]
async fn hits_are_narrowed_down_by_links_and_widened_again() {
    let site = shop().await;
    let mut browser = signed_in(&site, "bob").await;
    let page = browser.open("/search?q=app").await;
    let names = |page: &browser::Page| page.all("ul.hits a.name");
    assert_eq!(names(&page).len(), 3, "{}", page.words());
    assert_eq!(page.count(".chips"), 0);

    let path = link(&page, ".facets a", "open");
    assert_eq!(path, "/search?q=app&namespace=open");
    let page = browser.open(&path).await;
    assert_eq!(names(&page), ["open/app", "open/web-app"]);
    // What one could have instead stays in sight.
    assert_eq!(page.all(".facets a")[..2], ["open 2", "inner 1"]);
    assert_eq!(page.attributes(".facets a[aria-current]", "href"), ["/search?q=app"]);

    let page = browser.open(&link(&page, ".facets a", "linux/arm64")).await;
    assert_eq!(names(&page), ["open/app"]);
    let page = browser.open(&link(&page, ".facets a", "in the last 24 hours")).await;
    assert_eq!(names(&page), ["open/app"]);
    let chips = page.all(".chips a.chip");
    assert_eq!(
        chips,
        ["Namespace: open ×", "Platform: linux/arm64 ×", "Pushed: in the last 24 hours ×"]
    );
    let page = browser.open(&link(&page, ".chips a", "Platform")).await;
    assert_eq!(page.path, "/search?q=app&namespace=open&since=24h");
    let page = browser.open(&link(&page, ".chips a", "Remove all")).await;
    assert_eq!(page.path, "/search?q=app");

    // Another question in the page's own field keeps the filters.
    let page = browser.open("/search?q=app&visibility=protected&kind=repositories").await;
    assert_eq!(names(&page), ["inner/app-worker"]);
    let asked = browser.submit(&page, "/search", &[("q", "worker")]).await;
    assert_eq!(asked.path, "/search?kind=repositories&visibility=protected&q=worker");
    assert_eq!(names(&asked), ["inner/app-worker"]);

    // Filters alone are a question too; what is none is no filter.
    let page = browser.open("/search?platform=linux/amd64&kind=repositories").await;
    assert_eq!(names(&page), ["open/app", "open/web-app"]);
    for none in ["visibility=secret", "since=1h", "platform=x", "namespace=..", "kind=users"] {
        let page = browser.open(&format!("/search?q=app&{none}")).await;
        assert_eq!((names(&page).len(), page.count(".chips")), (3, 0), "{none}");
    }
    site.stop().await;
}

#[tokio::test]
async fn what_was_meant_is_marked() {
    let site = shop().await;
    let mut browser = browser(&site);
    let page = browser.open("/search?q=web+ap").await;
    assert_eq!(page.all("ul.hits a.name mark"), ["web", "ap"]);
    let page = browser.open("/search?q=shop").await;
    assert_eq!(page.all("ul.hits .snippet"), ["The shop, & all of <it"]);
    assert_eq!(page.all("ul.hits .snippet mark"), ["shop"]);
    let page = browser.open("/search/suggest?q=shop").await;
    assert_eq!(page.all(".suggestions .snippet mark"), ["shop"]);
    let hex = digest("open/app:1.0").to_string();
    let begun = &hex["sha256:".len()..][..10];
    let page = browser.open(&format!("/search?q={begun}&kind=manifests")).await;
    assert_eq!(page.all("ul.hits code mark"), [begun]);
    site.stop().await;
}

#[tokio::test]
async fn nothing_found_is_an_answer_that_helps() {
    let site = shop().await;
    let mut browser = browser(&site);
    let page = browser.open("/search?q=web-app+nowhere").await;
    assert_eq!(page.all(".empty ul.hits a.name")[0], "open/web-app");
    assert!(page.words().contains("Did you mean"), "{}", page.words());
    assert!(page.words().contains("docker push"), "{}", page.words());
    assert!(page.words().contains("What belongs to others is not shown"), "{}", page.words());
    let page = browser.open("/search?q=web-app&since=24h&kind=repositories").await;
    assert!(page.words().contains("Only this was looked at: Repositories, Pushed: in the last 24"));
    let wider = link(&page, ".empty a.button", "1 hit without filters");
    assert_eq!(browser.open(&wider).await.all("ul.hits a.name"), ["open/web-app"]);
    site.stop().await;
}

/// Everything that is answered to a question, without what the clock alone decides.
async fn answers(browser: &mut Browser, question: &str) -> Vec<String> {
    let page = browser.open(&format!("/search?{question}")).await;
    let links = page.attributes("main a", "href").join(" ");
    let part = browser.open(&format!("/search/suggest?{question}")).await;
    let mut all = vec![page.words(), links, part.all("body").join(" ")];
    for path in ["search", "search/suggest"] {
        let (status, bytes) = {
            let page = browser.open(&format!("/{path}?{question}")).await;
            (page.status.as_u16(), page.all("ul.hits li").len())
        };
        all.push(format!("{status} {bytes}"));
    }
    all
}

async fn json(site: &Site, user: Option<&str>, question: &str) -> serde_json::Value {
    let path = format!("/api/v1/search?{question}");
    let (status, mut body) = match user {
        Some(user) => site.person(user).get(&path).await,
        None => {
            let (status, text) = site.get(&path).await;
            (status, serde_json::from_str(&text).unwrap())
        }
    };
    assert_eq!(status, 200, "{path}: {body}");
    forget_times(&mut body);
    body
}

fn forget_times(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.remove("pushed_at");
            fields.values_mut().for_each(forget_times);
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(forget_times),
        _ => (),
    }
}

/// Two services: in one of them a team keeps much to itself that the other never had.
#[tokio::test]
async fn whoever_searches_gets_the_same_answers_as_if_what_is_hidden_did_not_exist() {
    let (site, other) = (shop().await, shop().await);
    team(&site, "app-vault", "alice", Visibility::Private).await;
    for number in 0..12 {
        push_built(&site, &format!("app-vault/apq-{number}:1.0"), 1, &["linux/s390x"]).await;
    }
    push_built(&site, "app-vault/app:1.0", 0, &["linux/amd64"]).await;
    describe(&site, "app-vault/app", "The shop of all shops").await;
    for person in [Some("bob"), None] {
        let mut browsers = match person {
            Some(name) => (signed_in(&site, name).await, signed_in(&other, name).await),
            None => (browser(&site), browser(&other)),
        };
        for question in [
            "q=app",
            "q=apq",
            "q=a",
            "q=app-vault",
            "q=app-vualt",
            "q=apq-1",
            "q=shop",
            "q=1.0",
            "q=app&namespace=app-vault",
            "q=app&platform=linux/s390x",
            "q=app&visibility=private",
            "q=app&since=24h",
            "q=vault+zzzzz",
            "platform=linux/amd64",
            "visibility=private",
            "since=24h",
        ] {
            let expected = answers(&mut browsers.1, question).await;
            assert_eq!(answers(&mut browsers.0, question).await, expected, "{question}");
            let expected = json(&other, person, question).await;
            assert_eq!(json(&site, person, question).await, expected, "{question}");
        }
        for kind in ["tags&page=1", "repositories", "namespaces", "manifests", "teams"] {
            let question = format!("q=app&kind={kind}");
            let expected = answers(&mut browsers.1, &question).await;
            assert_eq!(answers(&mut browsers.0, &question).await, expected, "{question}");
        }
    }
    // And whoever may see it does.
    let mut alice = signed_in(&site, "alice").await;
    assert!(alice.open("/search?q=apq").await.words().contains("app-vault/apq-"));
    site.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn filters_of_rest_are_a_closed_list() {
    let site = shop().await;
    let found = json(&site, Some("bob"), "q=app&namespace=open&platform=linux/arm64").await;
    assert_eq!(found["repositories"]["total"], 1);
    assert_eq!(found["repositories"]["hits"][0]["name"], "open/app");
    assert_eq!(found["facets"]["namespace"][0], serde_json::json!({"value": "inner", "hits": 1}));
    for bad in
        ["visibility=secret", "since=1h", "platform=x", "namespace=..", "kind=user", "color=red"]
    {
        let (status, body) = site.person("bob").get(&format!("/api/v1/search?q=app&{bad}")).await;
        assert_eq!(status, 400, "{bad}: {body}");
    }
    site.stop().await;
}
