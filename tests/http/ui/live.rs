//! An open page hears that something has happened, and nothing more.

use std::time::Duration;

use domain::namespace::Visibility;
use reqwest::Method;
use tests::site::Site;

use super::{push, signed_in, team};

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
