//! Further rights on a namespace: given, seen, taken back; and by nobody who may not.

use domain::namespace::Visibility;
use reqwest::Method;
use tests::site::Site;

use super::browser::{Browser, Page};
use super::{facts, push, signed_in, team};

const ACCESS: &str = "/n/crew/-/access";

async fn world() -> Site {
    let site = Site::start().await;
    for name in ["alice", "bob", "carol"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", Visibility::Private).await;
    team(&site, "night", "carol", Visibility::Private).await;
    push(&site, "alice", "crew/app:1").await;
    site
}

async fn give(browser: &mut Browser, filled: &[(&str, &str)]) -> Page {
    let page = browser.open(ACCESS).await;
    browser.submit(&page, ACCESS, filled).await
}

#[tokio::test]
async fn a_right_is_given_used_and_taken_back() {
    let site = world().await;
    let mut alice = signed_in(&site, "alice").await;
    let mut bob = signed_in(&site, "bob").await;
    assert_eq!(bob.open("/n/crew").await.status, 404);
    let page = alice.open("/n/crew").await;
    assert!(page.attributes("nav.tabs a", "href").contains(&ACCESS.to_owned()));

    let page = give(&mut alice, &[("name", "bob"), ("role", "viewer")]).await;
    assert_eq!((page.status.as_u16(), page.path.as_str()), (200, ACCESS), "{}", page.text);
    assert_eq!(page.all("p.notice"), ["The rights are changed, and in force."]);
    assert_eq!(page.all("tbody th"), ["bob"], "read your own writes");
    let said = page.all("tbody td").join(" ");
    assert!(said.starts_with("viewer everything here it is taken back"), "{said}");
    assert_eq!(bob.open("/n/crew").await.status, 200);
    // A right to see is none to give.
    assert_eq!(bob.open(ACCESS).await.status, 403);

    // A team, on one repository, up to a day.
    let filled = [
        ("kind", "team"),
        ("name", "night"),
        ("role", "contributor"),
        ("repository", "crew/app"),
        ("until", "2099-12-31"),
    ];
    let page = give(&mut alice, &filled).await;
    let said = &page.all("tbody tr")[1];
    for words in ["night team", "contributor", "crew/app", "2100-01-01 00:00:00 UTC"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let mut carol = signed_in(&site, "carol").await;
    assert_eq!(carol.open("/r/crew/app").await.status, 200);

    // The repository's own page leads here, and names both.
    let page = alice.open("/r/crew/app/-/access").await;
    assert!(page.words().contains("a further right: contributor"), "{}", page.words());
    let manage = page.attributes("main p a.button", "href").remove(0);
    let page = alice.open(&manage).await;
    assert_eq!(page.values("#repository"), ["crew/app"]);

    let revoke = format!("{ACCESS}/revoke");
    let page = alice.submit(&page, &revoke, &[]).await;
    assert_eq!(page.all("tbody tr").len(), 1);
    assert_eq!(bob.open("/n/crew").await.status, 404, "in force at once");
    site.stop().await;
}

#[tokio::test]
async fn what_cannot_be_a_right_is_said_on_the_form() {
    let site = world().await;
    let mut alice = signed_in(&site, "alice").await;
    for (wrong, said) in [
        (vec![("name", "nobody-there"), ("role", "viewer")], "no such"),
        (vec![("name", "-"), ("role", "viewer")], "user name"),
        (vec![("name", "bob"), ("role", "king")], "three roles"),
        (vec![("name", "bob"), ("role", "viewer"), ("repository", "other/app")], ""),
        (vec![("name", "bob"), ("role", "viewer"), ("repository", "NO")], "repository name"),
        (vec![("name", "bob"), ("role", "viewer"), ("until", "tomorrow")], "2026-11-01"),
        (vec![("name", "bob"), ("role", "viewer"), ("until", "2001-01-01")], "future"),
        (vec![("name", "bob"), ("role", "viewer"), ("until", "-999999-01-01")], ""),
    ] {
        let page = give(&mut alice, &wrong).await;
        assert_eq!((page.status.as_u16(), page.count("p[role=alert]")), (422, 1), "{wrong:?}");
        let alert = page.all("p[role=alert]").remove(0);
        assert!(alert.to_lowercase().contains(said), "{wrong:?}: {alert}");
        assert_eq!(page.values("#name"), [wrong[0].1], "what was typed stays");
    }
    assert_eq!(alice.open(ACCESS).await.count("tbody tr"), 0);
    // One that is gone cannot be taken back.
    let token = alice.csrf("/").await;
    for id in ["00000000-0000-0000-0000-000000000000", "x", ""] {
        let form = [("csrf", token.as_str()), ("grant", id)];
        let request = alice.request(Method::POST, &format!("{ACCESS}/revoke")).form(&form);
        assert_eq!(alice.ask(request, ACCESS).await.status, 404, "{id}");
    }
    site.stop().await;
}

#[tokio::test]
async fn nobody_gives_or_takes_a_right_without_the_right_to() {
    let site = world().await;
    let mut alice = signed_in(&site, "alice").await;
    let page = give(&mut alice, &[("name", "bob"), ("role", "contributor")]).await;
    let grant = page.values("input[name=grant]").remove(0);
    let before = facts(&site).await.len();
    // Bob sees it and may push; carol does not even see it; both look the same as ever.
    for (who, status) in [("bob", 403), ("carol", 404)] {
        let mut other = signed_in(&site, who).await;
        let signed_in = facts(&site).await.len();
        assert_eq!(other.open(ACCESS).await.status.as_u16(), status, "{who}");
        let token = other.csrf("/").await;
        let csrf = ("csrf", token.as_str());
        for (path, field) in [
            (ACCESS.to_owned(), vec![csrf, ("kind", "user"), ("name", who), ("role", "owner")]),
            (format!("{ACCESS}/revoke"), vec![csrf, ("grant", &grant)]),
        ] {
            let request = other.request(Method::POST, &path).form(&field);
            let answer = other.ask(request, &path).await;
            assert_eq!(answer.status.as_u16(), status, "{who}: {path}");
        }
        assert_eq!(facts(&site).await.len(), signed_in, "{who} has changed something");
    }
    assert!(before > 0);
    // Without the form's token nobody does, and anonymous people are asked to sign in.
    let request = alice.request(Method::POST, ACCESS).form(&[("name", "bob"), ("role", "owner")]);
    assert_eq!(alice.ask(request, ACCESS).await.status, 403);
    let mut nobody = super::browser(&site);
    assert!(nobody.open(ACCESS).await.path.starts_with("/sign-in"));
    site.stop().await;
}

#[tokio::test]
async fn who_takes_their_own_right_back_is_led_where_they_may_still_be() {
    let site = world().await;
    let mut alice = signed_in(&site, "alice").await;
    give(&mut alice, &[("name", "bob"), ("role", "owner")]).await;
    let mut bob = signed_in(&site, "bob").await;
    let page = bob.open(ACCESS).await;
    let page = bob.submit(&page, &format!("{ACCESS}/revoke"), &[]).await;
    assert_eq!((page.status.as_u16(), page.path.as_str()), (200, "/namespaces"));
    site.stop().await;
}
