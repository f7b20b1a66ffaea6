//! What people say under a repository.

use std::sync::Arc;

use commands::users::erase_personal_data;
use domain::comment::{CommentId, MAX_COMMENT_BYTES};
use domain::event::Event;
use domain::namespace::{NamespaceEvent, Visibility};
use jiff::SignedDuration;
use tests::site::{ADMINISTRATOR, Site};
use web::sweeper::{Sweeper, UNTOLD};
use web::ui::COMMENTS_PER_PERSON;

use super::browser::{Browser, Page};
use super::{browser, facts, push, signed_in, team};

const HERE: &str = "/r/crew/app/-/comments";

/// A repository in a namespace that its team alone, or others too, may see.
async fn site(visibility: Visibility) -> Site {
    let site = Site::start().await;
    for name in ["alice", "bob", "eve"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", visibility).await;
    push(&site, "alice", "crew/app:1").await;
    site
}

async fn say(who: &mut Browser, text: &str) -> Page {
    let page = who.open(HERE).await;
    who.submit(&page, HERE, &[("text", text)]).await
}

/// Where the first comment that one may delete is deleted.
fn delete_of(page: &Page) -> String {
    let links = page.attributes("ol.comments .about a", "href");
    links.first().unwrap_or_else(|| panic!("{}", page.text)).clone()
}

async fn rows(site: &Site) -> i64 {
    let pool = site.ground.desk.vault.pool();
    sqlx::query_scalar("SELECT count(*) FROM vault.comments").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn whoever_sees_a_repository_comments_on_it_and_the_feed_says_so() {
    let site = site(Visibility::Public).await;
    let mut bob = signed_in(&site, "bob").await;
    assert!(bob.open(HERE).await.words().contains("Nobody has said anything"));
    let page = say(&mut bob, "It **works** on `arm64`.\r\nThanks!").await;
    assert_eq!((page.status.as_u16(), page.path.as_str()), (200, HERE), "{}", page.text);
    assert_eq!(page.all("ol.comments strong"), ["works"]);
    assert_eq!(page.all("ol.comments code"), ["arm64"]);
    assert_eq!(page.all("ol.comments .about b"), ["bob"]);
    let mut alice = signed_in(&site, "alice").await;
    let feed = alice.open("/r/crew/app/-/activity").await;
    assert!(feed.words().contains("bob commented on"), "{}", feed.words());
    assert!(!feed.text.contains("arm64"), "the text is on its own page alone");
    for fact in facts(&site).await {
        assert!(!format!("{fact:?}").contains("arm64"), "{fact:?}");
    }
    let mut nobody = browser(&site);
    assert!(nobody.open(HERE).await.path.starts_with("/sign-in"));
    site.stop().await;
}

#[tokio::test]
async fn who_does_not_see_a_repository_neither_reads_nor_writes_nor_deletes() {
    let site = site(Visibility::Private).await;
    let mut alice = signed_in(&site, "alice").await;
    let page = say(&mut alice, "between us").await;
    let delete = delete_of(&page);
    let mut eve = signed_in(&site, "eve").await;
    let token = eve.csrf("/me").await;
    for path in [HERE, delete.as_str(), "/r/crew/none/-/comments"] {
        let hidden = eve.open(path).await;
        assert_eq!(hidden.status, 404, "{path}");
        assert!(!hidden.text.contains("between us"));
    }
    for path in [HERE, delete.as_str(), "/r/crew/none/-/comments"] {
        let fields = [("csrf", token.as_str()), ("text", "hello")];
        let request = eve.request(reqwest::Method::POST, path).form(&fields);
        assert_eq!(eve.ask(request, path).await.status, 404, "{path}");
    }
    assert_eq!(rows(&site).await, 1);
    site.stop().await;
}

#[tokio::test]
async fn a_comment_is_deleted_by_its_author_or_an_administrator_and_its_text_is_gone() {
    let site = site(Visibility::Public).await;
    let mut bob = signed_in(&site, "bob").await;
    let page = say(&mut bob, "the first").await;
    let mine = delete_of(&page);
    say(&mut bob, "the second").await;

    // Owners of the team are neither.
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open(HERE).await;
    assert_eq!(page.count("ol.comments .about a"), 0);
    assert_eq!(alice.open(&mine).await.status, 403);
    let token = alice.csrf("/me").await;
    let request = alice.request(reqwest::Method::POST, &mine).form(&[("csrf", token)]);
    assert_eq!(alice.ask(request, &mine).await.status, 403);
    assert_eq!(rows(&site).await, 2);

    let sure = bob.open(&mine).await;
    assert!(sure.words().contains("the first") && sure.words().contains("gone for ever"));
    let page = bob.submit(&sure, &mine, &[]).await;
    assert_eq!((page.status.as_u16(), page.path.as_str()), (200, HERE), "{}", page.text);
    assert!(!page.text.contains("the first") && page.text.contains("the second"));
    assert_eq!(rows(&site).await, 1);

    let mut ada = signed_in(&site, ADMINISTRATOR).await;
    let page = ada.open(HERE).await;
    let theirs = delete_of(&page);
    let sure = ada.open(&theirs).await;
    let page = ada.submit(&sure, &theirs, &[]).await;
    assert!(page.words().contains("Nobody has said anything"), "{}", page.text);
    assert_eq!(rows(&site).await, 0);
    let feed = alice.open("/r/crew/app/-/activity").await.words();
    assert!(feed.contains("ada deleted a comment of bob on"), "{feed}");
    assert_eq!(bob.open(&mine).await.status, 404);
    site.stop().await;
}

#[tokio::test]
async fn a_right_on_one_repository_deletes_nothing_under_another() {
    let site = site(Visibility::Public).await;
    push(&site, "alice", "crew/other:1").await;
    let mut bob = signed_in(&site, "bob").await;
    let page = say(&mut bob, "stays").await;
    let elsewhere = delete_of(&page).replace("crew/app", "crew/other");
    let token = bob.csrf("/me").await;
    let request = bob.request(reqwest::Method::POST, &elsewhere).form(&[("csrf", token)]);
    assert_eq!(bob.ask(request, &elsewhere).await.status, 404);
    assert_eq!(bob.open(&elsewhere).await.status, 404);
    assert_eq!(rows(&site).await, 1);
    site.stop().await;
}

#[tokio::test]
async fn what_makes_no_comment_stays_in_the_form() {
    let site = site(Visibility::Public).await;
    let mut bob = signed_in(&site, "bob").await;
    for text in [" \n ".to_owned(), "x".repeat(MAX_COMMENT_BYTES + 1)] {
        let wrong = say(&mut bob, &text).await;
        assert_eq!((wrong.status.as_u16(), wrong.count("#text-wrong")), (422, 1), "{}", text.len());
    }
    assert_eq!(say(&mut bob, &"x".repeat(MAX_COMMENT_BYTES)).await.status, 200);
    let request = bob.request(reqwest::Method::POST, HERE).form(&[("text", "no token")]);
    assert_eq!(bob.ask(request, HERE).await.status, 403);
    let fields = [("csrf", "wrong"), ("text", "wrong token")];
    let request = bob.request(reqwest::Method::POST, HERE).form(&fields);
    assert_eq!(bob.ask(request, HERE).await.status, 403);
    assert_eq!(rows(&site).await, 1);
    for path in ["/r/crew/app/-/comments/x/delete", "/r/crew/app/-/comments/x"] {
        assert_eq!(bob.open(path).await.status, 404);
    }
    site.stop().await;
}

#[tokio::test]
async fn one_person_comments_only_so_much() {
    let site = site(Visibility::Public).await;
    let mut bob = signed_in(&site, "bob").await;
    let token = bob.csrf("/me").await;
    let fields = [("csrf", token.as_str()), ("text", "again")];
    for _ in 0..COMMENTS_PER_PERSON {
        let request = bob.request(reqwest::Method::POST, HERE).form(&fields);
        assert_eq!(bob.ask(request, HERE).await.status, 303);
    }
    let late = say(&mut bob, "one more").await;
    assert_eq!((late.status.as_u16(), late.count("#text-wrong")), (429, 1));
    assert!(late.text.contains("one more"), "what was typed stays");
    let mut alice = signed_in(&site, "alice").await;
    assert_eq!(say(&mut alice, "others go on").await.status, 200);
    // The first page has an end, and leads to the next.
    let page = alice.open(HERE).await;
    assert_eq!(page.count("ol.comments > li"), 30);
    let next = page.attributes("a[rel=next]", "href").remove(0);
    assert_eq!(alice.open(&next).await.count("ol.comments > li"), 1);
    site.stop().await;
}

#[tokio::test]
async fn of_a_person_who_was_erased_no_comment_can_be_read() {
    let site = site(Visibility::Public).await;
    let mut bob = signed_in(&site, "bob").await;
    say(&mut bob, "something personal").await;
    let user = "bob".parse().unwrap();
    let done = erase_personal_data(&site.ground.desk, &site.house(), &user).await.unwrap();
    site.reached(done).await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open(HERE).await;
    assert!(page.words().contains("The text of this comment is gone"), "{}", page.text);
    assert!(!page.text.contains("something personal"));
    assert_eq!(rows(&site).await, 0);
    site.stop().await;
}

#[tokio::test]
async fn many_who_delete_one_comment_at_once_delete_it_once() {
    let site = Arc::new(site(Visibility::Public).await);
    let mut bob = signed_in(&site, "bob").await;
    let page = say(&mut bob, "soon gone").await;
    let (path, token) = (delete_of(&page), page.csrf());
    let clicks = (0..8).map(|_| {
        let request = bob.cookied(reqwest::Method::POST, &path).form(&[("csrf", token.clone())]);
        async move { request.send().await.unwrap().status().as_u16() }
    });
    for status in futures_util::future::join_all(clicks).await {
        assert!(matches!(status, 303 | 404), "{status}");
    }
    let gone = facts(&site).await.into_iter().filter(|fact| {
        matches!(&fact.event, Event::Comment(domain::comment::CommentEvent::Deleted { .. }))
    });
    assert_eq!(gone.count(), 1);
    assert_eq!(rows(&site).await, 0);
}

#[tokio::test]
async fn texts_of_comments_that_are_no_more_leave_the_vault() {
    let site = site(Visibility::Public).await;
    team(&site, "deck", "alice", Visibility::Public).await;
    push(&site, "alice", "deck/app:1").await;
    let mut bob = signed_in(&site, "bob").await;
    say(&mut bob, "of a namespace that stays").await;
    let there = "/r/deck/app/-/comments";
    let page = bob.open(there).await;
    bob.submit(&page, there, &[("text", "of one that goes")]).await;
    // Nobody was ever told of this one: the process died before its fact.
    let desk = &site.ground.desk;
    let untold = CommentId(desk.new_id().0);
    desk.vault.put_comment(untold, &"bob".parse().unwrap(), "never told").await.unwrap();
    let pages = &site.parts.routes.pages;
    let sweeper = Sweeper {
        desk: desk.clone(),
        sessions: pages.auth.sessions.clone(),
        read: pages.read.clone(),
        runner: pages.runner.clone(),
    };
    let later = desk.clock.now() + UNTOLD + SignedDuration::from_secs(1);

    assert_eq!((sweeper.sweep(desk.clock.now()).await, rows(&site).await), (Ok(0), 3));
    assert_eq!((sweeper.sweep(later).await, rows(&site).await), (Ok(1), 2));
    let gone = NamespaceEvent::Deleted {
        registry: super::registry(),
        namespace: "deck".parse().unwrap(),
        name_free_at: later,
    };
    super::record(&site, super::person("alice"), gone).await;
    assert_eq!((sweeper.sweep(later).await, rows(&site).await), (Ok(1), 1));
    assert!(bob.open(HERE).await.words().contains("of a namespace that stays"));
    assert_eq!((sweeper.sweep(later).await, rows(&site).await), (Ok(0), 1));
    site.stop().await;
}
