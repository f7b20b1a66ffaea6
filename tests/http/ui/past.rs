//! Looking back: pages as they were at an event or a time.

use domain::event::Position;
use domain::name::TagName;
use domain::namespace::Visibility;
use domain::registry::ContentEvent;
use tests::site::Site;

use super::browser::{Browser, Page};
use super::{browser, digest, person, push, record, registry, repo, signed_in, team};

async fn site(visibility: Visibility) -> Site {
    let site = Site::start().await;
    for name in ["alice", "eve"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", visibility).await;
    site
}

/// Moves a tag to other content.
async fn moved(site: &Site, image: &str, content: &str) -> Position {
    let (name, tag) = image.split_once(':').unwrap();
    let event = ContentEvent::ManifestPushed {
        registry: registry(),
        repository: repo(name),
        digest: digest(content),
        tag: Some(TagName::parse(tag).unwrap()),
        media_type: None,
        size: Some(7),
        references: vec![],
        omitted: None,
    };
    record(site, person("alice"), event).await
}

async fn untagged(site: &Site, image: &str) -> Position {
    let (name, tag) = image.split_once(':').unwrap();
    let (repository, tag) = (repo(name), TagName::parse(tag).unwrap());
    let event = ContentEvent::TagDeleted { registry: registry(), repository, tag };
    record(site, person("alice"), event).await
}

async fn at(who: &mut Browser, path: &str, at: impl std::fmt::Display) -> Page {
    who.open(&format!("{path}?at={at}")).await
}

fn short(content: &str) -> String {
    digest(content).to_string()["sha256:".len()..][..12].to_owned()
}

#[tokio::test]
async fn a_repository_is_shown_as_it_was_at_an_event() {
    let site = site(Visibility::Public).await;
    let first = push(&site, "alice", "crew/app:1").await;
    let second = moved(&site, "crew/app:latest", "old").await;
    let third = moved(&site, "crew/app:latest", "new").await;
    let fourth = untagged(&site, "crew/app:1").await;

    let mut alice = signed_in(&site, "alice").await;
    let page = at(&mut alice, "/r/crew/app", format!("event:{first}")).await;
    assert_eq!(page.all("tbody th"), ["1"], "{}", page.text);
    let banner = page.all(".notice").join(" ");
    assert!(
        banner.contains(&format!("(event {first})")) && banner.contains("Back to now"),
        "{banner}"
    );
    assert!(banner.contains("rights of today"), "{banner}");
    assert_eq!(
        page.count("main form[method=post], main [hx-ext], main .live"),
        0,
        "nothing can be done to the past"
    );

    let page = at(&mut alice, "/r/crew/app", second).await;
    assert_eq!(page.all("tbody th"), ["1", "latest"]);
    assert!(page.text.contains(&short("old")) && !page.text.contains(&short("new")));
    let page = at(&mut alice, "/r/crew/app", third).await;
    assert!(page.text.contains(&short("new")) && !page.text.contains(&short("old")));
    let page = at(&mut alice, "/r/crew/app", fourth).await;
    assert_eq!(page.all("tbody th"), ["latest"]);

    // From one page of the past to the next.
    let page = at(&mut alice, "/r/crew/app", second).await;
    let tag = page.attributes("tbody th a", "href").remove(1);
    let page = alice.open(&tag).await;
    assert!(page.words().contains("crew/app:latest") && page.text.contains(&short("old")));
    assert!(!page.text.contains(&short("new")), "what came later is not in the history");
    let manifest = page.attributes("dl.list a.plain", "href").remove(0);
    let page = alice.open(&manifest).await;
    assert_eq!(page.all(".chips a"), ["latest"], "{}", page.text);
    let page = alice.open(&manifest.replace(&second.to_string(), &third.to_string())).await;
    assert_eq!(page.count(".chips a"), 0, "the tag had moved on");
    let then = manifest.replace(&second.to_string(), &first.to_string());
    assert_eq!(alice.open(&then).await.status, 404, "not known yet");
    let now = page.attributes(".notice > a", "href").remove(0);
    assert!(!now.contains("at="));

    // And there from the history of a tag.
    let page = alice.open("/r/crew/app/-/tags/latest").await;
    let back = page.attributes("td a[href*='at=event:']", "href");
    assert_eq!(
        back,
        [format!("/r/crew/app?at=event:{third}"), format!("/r/crew/app?at=event:{second}")]
    );
    site.stop().await;
}

#[tokio::test]
async fn a_time_is_a_moment_too() {
    let site = site(Visibility::Public).await;
    let first = push(&site, "alice", "crew/app:1").await;
    let second = push(&site, "alice", "crew/app:2").await;
    let facts = super::facts(&site).await;
    let when = |position| facts.iter().find(|fact| fact.position == position).unwrap().recorded_at;
    let mut alice = signed_in(&site, "alice").await;
    // Between the two, by the microsecond.
    let just_before = when(second) - jiff::SignedDuration::from_micros(1);
    assert!(just_before >= when(first));
    let page = at(&mut alice, "/r/crew/app", just_before).await;
    assert_eq!(page.all("tbody th"), ["1"], "{}", page.text);
    let page = at(&mut alice, "/r/crew/app", when(second)).await;
    assert_eq!(page.all("tbody th"), ["1", "2"]);

    // The form leads there, in the reader's own zone.
    let page = alice.open("/r/crew/app").await;
    assert_eq!(page.count("form input[type=datetime-local][name=at]"), 1);
    let local = (when(second) + jiff::SignedDuration::from_mins(-600)).strftime("%Y-%m-%dT%H:%M");
    let early = at(&mut alice, "/r/crew/app", local).await;
    assert_eq!(early.status, 422, "ten hours ago there was nothing");
    site.stop().await;
}

#[tokio::test]
async fn a_moment_that_is_none_is_refused_with_a_sentence() {
    let site = site(Visibility::Public).await;
    push(&site, "alice", "crew/app:1").await;
    let mut alice = signed_in(&site, "alice").await;
    let head = site.ground.log.head().await.unwrap().0;
    let ahead = site.ground.desk.clock.now() + jiff::SignedDuration::from_hours(1);
    for (at, words) in [
        ("yesterday".to_owned(), "no moment"),
        ("event:".to_owned(), "no moment"),
        ("event:-1".to_owned(), "no moment"),
        ("99999999999999999999".to_owned(), "no moment"),
        ("%00".to_owned(), "no moment"),
        ("2026-02-30".to_owned(), "no moment"),
        (format!("event:{}", head + 1_000), "not happened yet"),
        (ahead.to_string(), "not happened yet"),
        ("9999-01-01".to_owned(), "not happened yet"),
        ("event:0".to_owned(), "Nothing had been recorded"),
        ("1970-01-01".to_owned(), "Nothing had been recorded"),
        ("-009999-01-02T01:59:59Z".to_owned(), "Nothing had been recorded"),
    ] {
        for path in ["/r/crew/app", "/r/crew/app/-/tags/1", "/r/crew/app/-/activity", "/activity"] {
            let page = alice.open(&format!("{path}?at={at}")).await;
            assert_eq!(page.status, 422, "{path} {at}");
            assert!(page.words().contains(words), "{at}: {}", page.words());
        }
    }
    let late = at(&mut alice, "/r/crew/app", 1).await;
    assert_eq!((late.status.as_u16(), late.count("tbody tr")), (200, 0), "{}", late.text);
    assert!(late.words().contains("No tag of this repository was known then"));
    site.stop().await;
}

#[tokio::test]
async fn what_is_hidden_today_stays_hidden_in_the_past() {
    let site = site(Visibility::Private).await;
    let position = push(&site, "alice", "crew/app:1").await;
    let mut eve = signed_in(&site, "eve").await;
    let digest = digest("crew/app:1");
    for path in [
        "/r/crew/app".to_owned(),
        "/r/crew/app/-/tags/1".to_owned(),
        format!("/r/crew/app/-/manifests/{digest}"),
        "/r/crew/app/-/activity".to_owned(),
    ] {
        for when in [position.to_string(), "nonsense".to_owned(), "event:99999".to_owned()] {
            let hidden = at(&mut eve, &path, &when).await;
            let absent = at(&mut eve, &path.replace("crew/app", "crew/none"), &when).await;
            let said = |page: &Page| page.all("main h1, main p:not(.small)");
            assert_eq!((hidden.status, said(&hidden)), (absent.status, said(&absent)), "{path}");
            assert_eq!(hidden.status, 404, "{path} {when}");
        }
    }
    let mut nobody = browser(&site);
    assert!(at(&mut nobody, "/r/crew/app", position).await.path.starts_with("/sign-in"));
    let feed = at(&mut eve, "/activity", position).await;
    assert!(!feed.words().contains("crew/app"), "{}", feed.words());
    site.stop().await;
}

#[tokio::test]
async fn feeds_end_at_the_moment_and_other_pages_say_that_they_show_today() {
    let site = site(Visibility::Public).await;
    let first = push(&site, "alice", "crew/app:1").await;
    push(&site, "alice", "crew/app:2").await;
    let mut alice = signed_in(&site, "alice").await;
    for path in ["/r/crew/app/-/activity", "/activity"] {
        let page = at(&mut alice, path, first).await;
        assert!(
            page.words().contains("crew/app:1") && !page.words().contains("crew/app:2"),
            "{path}"
        );
        assert!(page.words().contains("As of"), "{path}");
    }
    for path in [
        "/",
        "/repositories",
        "/namespaces",
        "/n/crew",
        "/teams",
        "/teams/crew",
        "/u/alice",
        "/me",
        "/r/crew/app/-/access",
        "/r/crew/app/-/comments",
        "/help",
        "/search",
        "/me/tokens",
    ] {
        let page = at(&mut alice, path, first).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.words().contains("This page cannot look back"), "{path}: {}", page.words());
        assert!(!alice.open(path).await.words().contains("cannot look back"), "{path}");
    }
    site.stop().await;
}
