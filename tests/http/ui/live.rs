//! An open page hears that something has happened, and nothing more.

use std::time::Duration;

use domain::namespace::Visibility;
use reqwest::Method;
use tests::site::Site;

use super::{browser, push, signed_in, team};

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads on until the stream has said `event`, or has ended.
async fn until(stream: &mut reqwest::Response, event: &str) -> bool {
    let mut said = String::new();
    let read = async {
        while let Some(bytes) = stream.chunk().await.unwrap() {
            said.push_str(&String::from_utf8_lossy(&bytes));
            if said.contains(event) {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap()
}

#[tokio::test]
async fn what_happens_is_told_to_those_who_may_see_it_until_they_leave() {
    let site = Site::start().await;
    for name in ["alice", "eve"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", Visibility::Private).await;
    push(&site, "alice", "crew/app:1").await;
    let mut alice = signed_in(&site, "alice").await;
    let mut eve = signed_in(&site, "eve").await;
    assert_eq!(eve.open("/r/crew/app/-/live").await.status, 404, "hidden is absent");

    let page = alice.open("/r/crew/app").await;
    let path = page.attributes("[data-live]", "data-live").remove(0);
    // What happens before the connection stands is not missed.
    push(&site, "alice", "crew/app:2").await;
    let mut hers = alice.cookied(Method::GET, &path).send().await.unwrap();
    assert_eq!(hers.headers()["content-type"], "text/event-stream");
    assert!(until(&mut hers, "event: news").await);
    push(&site, "alice", "crew/app:3").await;
    assert!(until(&mut hers, "event: news").await);

    // Who leaves, hears no more: the connection says so, and ends.
    alice.submit(&page, "/sign-out", &[]).await;
    assert!(until(&mut hers, "event: over").await);
    assert!(!until(&mut hers, "event:").await, "it has ended");
    site.stop().await;
}

#[tokio::test]
async fn a_disabled_person_hears_no_more() {
    let site = Site::start().await;
    site.register("bob").await;
    let bob = signed_in(&site, "bob").await;
    let mut his = bob.cookied(Method::GET, "/activity/live").send().await.unwrap();
    assert_eq!(his.status(), 200);
    site.as_admin().disable("bob", "left").await;
    assert!(until(&mut his, "event: over").await);
    site.stop().await;
}

/// The lists of a team and of a namespace are told of what they show, and of nothing else.
#[tokio::test]
async fn lists_of_a_team_and_a_namespace_hear_of_their_own() {
    let site = Site::start().await;
    for name in ["alice", "eve"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", Visibility::Public).await;
    team(&site, "other", "alice", Visibility::Private).await;
    let mut alice = signed_in(&site, "alice").await;
    let mut eve = signed_in(&site, "eve").await;
    let home = alice.open("/").await;
    assert!(home.attributes("[data-live]", "data-live")[0].starts_with("/activity/live?since="));
    assert_eq!(home.attributes("#fresh", "hx-get"), ["/"]);
    for (path, absent) in [
        ("/teams/other/activity", "/teams/other/activity/live"),
        ("/n/other/-/activity", "/n/other/-/live"),
    ] {
        assert_eq!(eve.open(absent).await.status, 404, "hidden is absent");
        assert!(browser(&site).open(absent).await.path.starts_with("/sign-in"));
        let page = alice.open(path).await;
        assert_eq!(page.attributes("#fresh", "hx-get"), [path]);
        let live = page.attributes("[data-live]", "data-live").remove(0);
        assert!(live.starts_with(absent), "{live}");
    }
    let mut space = alice.cookied(Method::GET, "/n/other/-/live").send().await.unwrap();
    assert_eq!(space.headers()["content-type"], "text/event-stream");
    let mut crew = alice.cookied(Method::GET, "/teams/crew/activity/live").send().await.unwrap();
    // What happens elsewhere comes first; the first message is of their own all the same, because
    // a message says how far has been looked and nothing else.
    push(&site, "alice", "crew/app:1").await;
    push(&site, "alice", "other/app:1").await;
    assert!(until(&mut space, "event: news").await);
    let page = alice.open("/teams/crew/settings").await;
    let page = alice.submit(&page, "/teams/crew/settings", &[("description", "We sail")]).await;
    assert!(until(&mut crew, "event: news").await);
    // Who leaves, hears no more of them.
    alice.submit(&page, "/sign-out", &[]).await;
    assert!(until(&mut space, "event: over").await);
    assert!(until(&mut crew, "event: over").await);
    site.stop().await;
}

/// Whoever has not signed in sees public repositories, and hears of pushes there while that is so.
#[tokio::test]
async fn strangers_hear_of_pushes_to_what_they_see() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Public).await;
    team(&site, "hidden", "alice", Visibility::Private).await;
    push(&site, "alice", "crew/app:1").await;
    push(&site, "alice", "hidden/app:1").await;
    let mut nobody = browser(&site);
    let page = nobody.open("/r/crew/app").await;
    // How much happens here is not for strangers to count.
    assert_eq!(page.attributes("[data-live]", "data-live"), ["/r/crew/app/-/live"]);
    assert_eq!(page.count("#fresh"), 1);
    assert!(nobody.open("/r/hidden/app/-/live").await.path.starts_with("/sign-in"));
    let mut heard = nobody.cookied(Method::GET, "/r/crew/app/-/live?since=1").send().await.unwrap();
    assert_eq!(heard.headers()["content-type"], "text/event-stream");
    push(&site, "alice", "crew/app:2").await;
    assert!(until(&mut heard, "event: news").await);

    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/n/crew/-/settings").await;
    let filled = [("visibility", "private")];
    alice.submit(&page, "/n/crew/-/visibility", &filled).await;
    assert!(until(&mut heard, "event: over").await, "what is no longer seen is no longer heard of");
    site.stop().await;
}
