//! The tags of a repository, in their order, page after page.

use domain::event::{Meta, NewEvent, StreamName};
use domain::log::{Append, Expected, Outcome};
use domain::namespace::Visibility;
use tests::site::Site;

use super::browser::Browser;
use super::{person, push, pushed, settled, signed_in, team};

const AT: &str = "/r/payments/checkout";

/// The tags on a page, and where the next one is.
async fn look(browser: &mut Browser, path: &str) -> (Vec<String>, Option<String>) {
    let page = browser.open(path).await;
    let tags = page.attributes("tr[id^='tag-']", "id");
    let tags = tags.iter().filter_map(|id| id.strip_prefix("tag-")).map(str::to_owned).collect();
    (tags, page.attributes("a[rel=next]", "href").pop())
}

#[tokio::test]
async fn the_newest_come_first_or_those_that_begin_so() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "payments", "alice", Visibility::Private).await;
    for tag in ["1.10", "latest", "1.2", "1.2-alpine", "2.0", "1.9"] {
        push(&site, "alice", &format!("payments/checkout:{tag}")).await;
    }
    let mut alice = signed_in(&site, "alice").await;
    let newest = ["1.9", "2.0", "1.2-alpine", "1.2", "latest", "1.10"];
    let by_name = ["1.10", "1.2", "1.2-alpine", "1.9", "2.0", "latest"];
    for (query, tags) in [
        ("", &newest[..]),
        ("?sort=newest&begins=", &newest),
        ("?after=no-place", &newest),
        ("?after=1-%00", &newest),
        ("?begins=%00", &newest),
        ("?sort=name&after=%00", &by_name),
        ("?sort=name", &by_name),
        ("?begins=1.2&sort=newest", &["1.2", "1.2-alpine"]),
        ("?begins=3", &[]),
    ] {
        assert_eq!(look(&mut alice, &format!("{AT}{query}")).await.0, tags, "{query}");
    }
    let none = alice.open(&format!("{AT}?begins=3")).await.words();
    assert!(none.contains("No tag begins so.") && none.contains("All tags"), "{none}");
    site.stop().await;
}

#[tokio::test]
async fn page_after_page_shows_every_tag_once_also_those_of_one_moment() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "payments", "alice", Visibility::Private).await;
    let desk = &site.ground.desk;
    let now = desk.clock.now();
    let events: Vec<_> = (0..250)
        .map(|n| NewEvent {
            id: desk.new_id(),
            occurred_at: now,
            meta: Meta::by(person("alice")),
            event: pushed(&format!("payments/checkout:v{n}")).into(),
        })
        .collect();
    let stream = StreamName::stored("test-tags".to_owned());
    let append = Append { stream, expected: Expected::Any, key: None, events };
    let Outcome::Appended { last, .. } =
        site.ground.log.append(vec![append]).await.unwrap().remove(0)
    else {
        panic!("not appended")
    };
    settled(&site, last).await;
    let mut alice = signed_in(&site, "alice").await;
    for query in ["", "?sort=name", "?begins=v"] {
        let (mut seen, mut next, mut pages) = (Vec::new(), Some(format!("{AT}{query}")), 0);
        while let Some(path) = next {
            let (tags, further) = look(&mut alice, &path).await;
            seen.extend(tags);
            (next, pages) = (further, pages + 1);
        }
        assert_eq!((seen.len(), pages), (250, 3), "{query}");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 250, "{query}");
    }
    site.stop().await;
}
