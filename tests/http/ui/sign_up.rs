//! Making an account for oneself.

use domain::event::Event;
use domain::user::{Origin, UserEvent};
use tests::site::Site;
use web::ui::{ACCOUNTS_PER_ADDRESS, TRIES_PER_ADDRESS};

use super::{browser, facts};

const OPEN: &[(&str, &str)] = &[("signup.enabled", "true")];

fn filled(name: &'static str) -> [(&'static str, &'static str); 3] {
    [("name", name), ("email", "new@example.org"), ("password", "a long password of somebody")]
}

#[tokio::test]
async fn whoever_signs_up_is_signed_in_and_has_a_namespace_of_their_own() {
    let site = Site::start_with(OPEN).await;
    let mut eve = browser(&site);
    let page = eve.open("/sign-in").await;
    assert_eq!(page.count("main a[href='/sign-up']"), 1);
    let page = eve.open("/sign-up").await;
    let page = eve.submit(&page, "/sign-up", &filled("eve")).await;
    assert_eq!((page.status.as_u16(), page.path.as_str()), (200, "/"), "{}", page.text);
    assert!(page.text.contains("you are signed in"), "{}", page.text);
    let page = eve.open("/me").await;
    assert!(page.text.contains("new@example.org"), "the address is in their profile");
    assert_eq!(eve.open("/n/eve").await.status, 200);
    assert_eq!(eve.open("/admin").await.status, 403, "an ordinary account");
    let mut again = browser(&site);
    assert_eq!(again.sign_in("eve", "a long password of somebody").await.status, 200);

    let facts = facts(&site).await;
    let made = facts.iter().find_map(|fact| match &fact.event {
        Event::User(UserEvent::Registered { user, origin, .. }) if user.as_str() == "eve" => {
            Some((origin.clone(), fact.meta.clone()))
        }
        _ => None,
    });
    let (origin, meta) = made.unwrap();
    assert_eq!(origin, Origin::SignUp);
    assert!(meta.actor.is(&"eve".parse().unwrap()) && meta.sealed.is_some(), "{meta:?}");
    site.stop().await;
}

#[tokio::test]
async fn nobody_signs_up_unless_a_setting_says_so() {
    let site = Site::start().await;
    let mut eve = browser(&site);
    assert_eq!(eve.open("/sign-in").await.count("a[href='/sign-up']"), 0);
    let page = eve.open("/sign-up").await;
    assert_eq!(page.status, 404);
    assert!(page.words().contains("made by administrators"), "{}", page.text);
    let request = eve.request(reqwest::Method::POST, "/sign-up").form(&filled("eve"));
    assert_eq!(eve.ask(request, "/sign-up").await.status, 404);
    let mut again = browser(&site);
    assert_eq!(again.sign_in("eve", "a long password of somebody").await.status, 401);
    site.stop().await;
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_field_and_no_password_comes_back() {
    let site = Site::start_with(OPEN).await;
    site.register("alice").await;
    let mut eve = browser(&site);
    let page = eve.open("/sign-up").await;
    for (name, email, password, field) in [
        ("alice", "e@example.org", "a long password of eve", "#name-wrong"),
        ("ALICE", "e@example.org", "a long password of eve", "#name-wrong"),
        ("root", "e@example.org", "a long password of eve", "#name-wrong"),
        ("-", "e@example.org", "a long password of eve", "#name-wrong"),
        ("eve", "nowhere", "a long password of eve", "#email-wrong"),
        ("eve", " ", "a long password of eve", "#email-wrong"),
        ("eve", "e@example.org", "short-secret", ""),
        ("eve2", "e@example.org", "short", "#password-wrong"),
    ] {
        let filled = [("name", name), ("email", email), ("password", password)];
        let wrong = eve.submit(&page, "/sign-up", &filled).await;
        if field.is_empty() {
            assert_eq!(wrong.status, 200, "twelve bytes are enough");
            eve.cookies.clear();
            continue;
        }
        assert_eq!((wrong.status.as_u16(), wrong.count(field)), (422, 1), "{filled:?}");
        assert!(!wrong.text.contains(password), "no password comes back");
        assert_eq!(wrong.values("#name"), [name], "what was typed stays");
    }
    site.stop().await;
}

#[tokio::test]
async fn an_address_that_somebody_has_is_taken_like_any_other() {
    let site = Site::start_with(OPEN).await;
    let mut eve = browser(&site);
    let page = eve.open("/sign-up").await;
    let first = eve.submit(&page, "/sign-up", &filled("eve")).await;
    let mut bob = browser(&site);
    let second = bob.submit(&page, "/sign-up", &filled("bob")).await;
    assert_eq!((first.status, first.path), (second.status, second.path));
    site.stop().await;
}

#[tokio::test]
async fn a_form_of_another_site_makes_no_account() {
    let site = Site::start_with(OPEN).await;
    let mut eve = browser(&site);
    for (header, value) in
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")]
    {
        let request = eve.request(reqwest::Method::POST, "/sign-up");
        let request = request.header(header, value).form(&filled("eve"));
        assert_eq!(eve.ask(request, "/sign-up").await.status, 403, "{header}: {value}");
    }
    site.stop().await;
}

#[tokio::test]
async fn one_address_makes_few_accounts_and_sends_few_forms() {
    let site = Site::start_with(OPEN).await;
    let mut eve = browser(&site);
    let page = eve.open("/sign-up").await;
    for n in 0..ACCOUNTS_PER_ADDRESS {
        let name = format!("eve-{n}");
        let filled =
            [("name", name.as_str()), ("email", "e@example.org"), ("password", "a long password")];
        assert_eq!(eve.submit(&page, "/sign-up", &filled).await.status, 200);
        eve.cookies.clear();
    }
    let late = eve.submit(&page, "/sign-up", &filled("late")).await;
    assert_eq!(late.status, 429, "{}", late.text);
    let wait: u64 = late.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3_601).contains(&wait), "{wait}");
    assert_eq!(late.count("[role=alert]"), 1);
    for _ in ACCOUNTS_PER_ADDRESS + 1..TRIES_PER_ADDRESS {
        eve.submit(&page, "/sign-up", &[("name", "-"), ("email", "x"), ("password", "x")]).await;
    }
    let filled = [("name", "-"), ("email", "x"), ("password", "x")];
    assert_eq!(eve.submit(&page, "/sign-up", &filled).await.status, 429);
    let taken = facts(&site).await.into_iter().filter(|fact| {
        matches!(&fact.event, Event::User(UserEvent::Registered { origin: Origin::SignUp, .. }))
    });
    assert_eq!(taken.count(), usize::try_from(ACCOUNTS_PER_ADDRESS).unwrap());
    site.stop().await;
}

#[tokio::test]
async fn nobody_becomes_the_first_by_signing_up() {
    let site = Site::start_unclaimed_with(OPEN).await;
    let mut eve = browser(&site);
    assert_eq!(eve.open("/sign-up").await.path, "/setup");
    let request = eve.request(reqwest::Method::POST, "/sign-up").form(&filled("eve"));
    let answer = eve.ask(request, "/sign-up").await;
    assert_eq!(answer.headers["location"], "/setup");
    assert!(!facts(&site).await.iter().any(|fact| matches!(fact.event, Event::User(_))));
    site.stop().await;
}
