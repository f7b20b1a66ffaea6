//! A forgotten password, from the wish to the first sign-in with a new one.

use commands::users::reset::MAILS_PER_ACCOUNT;
use commands::users::{ProfileChange, change_profile, set_password};
use commands::vault::Password;
use domain::auth::{AuthEvent, Claimed, ResetAnswer};
use domain::event::{Credential, Event, Fact, Position};
use domain::name::UserName;
use domain::user::UserEvent;
use tests::site::Site;
use tests::smtp::{self, Mail, MailServer};
use web::mail::ASKED_PER_ADDRESS;

use super::browser::{Browser, Page};
use super::{browser, facts, signed_in};

const NEW: &str = "a brand new password";

async fn site_with(mail: &MailServer, more: &[(&'static str, &str)]) -> Site {
    let port = mail.port.to_string();
    let mut settings = vec![
        ("mail.host", "127.0.0.1"),
        ("mail.port", port.as_str()),
        ("mail.tls", "none"),
        ("mail.from", "Portus <portus@example.org>"),
    ];
    settings.extend(more);
    Site::start_with(&settings).await
}

async fn give_address(site: &Site, name: &str, address: &str) {
    let user = UserName::parse(name).unwrap();
    let change = ProfileChange { email: Some(address.to_owned()), display_name: None };
    let done = change_profile(&site.ground.desk, &site.house(), &user, change).await.unwrap();
    site.reached(done).await;
}

/// Asks for a link, and says what came back.
async fn ask(site: &Site, who: &str) -> Page {
    let mut somebody = browser(site);
    let page = somebody.open("/password").await;
    somebody.submit(&page, "/password", &[("who", who)]).await
}

/// Opens a mail's link in a fresh browser.
async fn follow(site: &Site, mail: &Mail) -> (Browser, Page) {
    let path = mail.link().strip_prefix(&site.url).unwrap().to_owned();
    let mut reader = browser(site);
    let page = reader.open(&path).await;
    (reader, page)
}

/// Waits until a number of wishes is in the log, and gives their answers.
async fn answers(site: &Site, number: usize) -> Vec<(Claimed, ResetAnswer)> {
    let asked = |fact: &Fact| match &fact.event {
        Event::Auth(AuthEvent::PasswordResetRequested { claimed, answer }) => {
            Some((claimed.clone(), *answer))
        }
        _ => None,
    };
    loop {
        let all = facts(site).await;
        let found: Vec<_> = all.iter().filter_map(asked).collect();
        if found.len() >= number {
            return found;
        }
        let seen = all.last().map_or(Position(0), |fact| fact.position);
        site.ground.log.wait_beyond(seen, None).await;
    }
}

#[tokio::test]
async fn a_link_in_a_mail_sets_a_new_password_once_and_ends_every_session() {
    let mut mail = MailServer::start().await;
    let site = site_with(&mail, &[]).await;
    site.register("alice").await;
    give_address(&site, "alice", "alice@example.org").await;
    let mut before = signed_in(&site, "alice").await;

    let page = ask(&site, "alice").await;
    assert_eq!((page.status.as_u16(), page.path.as_str()), (200, "/password"));
    assert!(page.words().contains("If there is such an account"), "{}", page.text);
    let letter = mail.next().await;
    assert_eq!(letter.to, ["alice@example.org"]);
    assert_eq!(letter.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert!(letter.text().contains("for 30 minutes") && !letter.text().contains("password is"));

    let (mut reader, page) = follow(&site, &letter).await;
    assert_eq!((page.status.as_u16(), page.path.as_str()), (200, "/password/new"));
    let wrong = reader.submit(&page, "/password/new", &[("password", "short")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("#password-wrong")), (422, 1));
    let done = reader.submit(&page, "/password/new", &[("password", NEW)]).await;
    assert_eq!((done.status.as_u16(), done.path.as_str()), (200, "/sign-in"), "{}", done.text);
    assert!(reader.cookies.is_empty(), "nobody is signed in by a link: {:?}", reader.cookies);

    assert!(before.open("/me").await.path.starts_with("/sign-in"), "sessions are over");
    let mut again = browser(&site);
    assert_eq!(again.sign_in("alice", &Site::password("alice")).await.status, 401);
    assert_eq!(again.sign_in("alice", NEW).await.status, 200);
    let (mut late, page) = follow(&site, &letter).await;
    assert_eq!(page.status, 404, "a link is good once");
    let fields = [("password", "yet another password")];
    let request = late.request(reqwest::Method::POST, "/password/new").form(&fields);
    assert_eq!(late.ask(request, "/password/new").await.status, 404);
    assert_eq!(browser(&site).sign_in("alice", NEW).await.status, 200);

    let facts = facts(&site).await;
    let changed = facts
        .iter()
        .rev()
        .find(|fact| matches!(&fact.event, Event::User(UserEvent::PasswordChanged { .. })));
    assert_eq!(changed.unwrap().meta.credential, Some(Credential::ResetLink));
    let link = letter.link();
    let secret = link.rsplit('/').next().unwrap();
    for fact in &facts {
        assert!(!format!("{fact:?}").contains(secret), "{fact:?}");
    }
    site.stop().await;
}

#[tokio::test]
async fn the_answer_is_the_same_whoever_it_is_and_the_log_knows_why_no_mail_went_out() {
    let mut mail = MailServer::start().await;
    let site = site_with(&mail, &[]).await;
    for name in ["alice", "bob", "carol"] {
        site.register(name).await;
    }
    give_address(&site, "alice", "Alice@Example.org").await;
    give_address(&site, "carol", "carol@example.org").await;
    site.as_admin().disable("carol", "left").await;

    let mut seen = Vec::new();
    for who in ["alice", "bob", "carol", "nobody", "nobody@example.org", "alice@example.ORG"] {
        let page = ask(&site, who).await;
        let shown = page.words();
        seen.push((page.status, page.path, shown));
    }
    assert!(seen.iter().all(|page| *page == seen[0]), "{seen:#?}");
    let found = answers(&site, 6).await;
    let known = |name: &str| Claimed::Known { user: name.parse().unwrap() };
    assert_eq!(found[0], (known("alice"), ResetAnswer::Mail));
    assert_eq!(found[1], (known("bob"), ResetAnswer::NoAddress));
    assert_eq!(found[2], (known("carol"), ResetAnswer::Closed));
    for unknown in &found[3..5] {
        assert!(matches!(unknown, (Claimed::Unknown { .. }, ResetAnswer::UnknownUser)));
    }
    assert_eq!(found[5], (known("alice"), ResetAnswer::Mail), "found by the address");
    for _ in 0..2 {
        assert_eq!(mail.next().await.to, ["Alice@Example.org"]);
    }
    assert_eq!(mail.waiting(), 0);
    site.stop().await;
}

#[tokio::test]
async fn the_secret_of_a_link_stays_in_its_own_address() {
    let mut mail = MailServer::start().await;
    let site = site_with(&mail, &[]).await;
    site.register("alice").await;
    give_address(&site, "alice", "alice@example.org").await;
    ask(&site, "alice").await;
    let letter = mail.next().await;
    let path = letter.link().strip_prefix(&site.url).unwrap().to_owned();
    let secret = path.strip_prefix("/password/").unwrap().to_owned();
    let mut reader = browser(&site);
    let request = reader.request(reqwest::Method::GET, &path);
    let first = reader.ask(request, &path).await;
    assert_eq!(
        (first.status.as_u16(), &first.headers["location"]),
        (303, &"/password/new".parse().unwrap())
    );
    assert_eq!(first.headers["referrer-policy"], "no-referrer");
    assert_eq!(first.headers["cache-control"], "no-store");
    let cookie = first.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; Path=/password; HttpOnly; SameSite=Lax; Max-Age="), "{cookie}");
    let page = reader.open("/password/new").await;
    assert!(!page.text.contains(&secret), "{}", page.text);
    // Looking at a link, as mail filters do, does not use it up.
    for _ in 0..3 {
        let (_, page) = follow(&site, &letter).await;
        assert_eq!(page.status, 200);
    }
    site.stop().await;
}

#[tokio::test]
async fn links_end_with_whatever_else_sets_a_password_or_changes_the_address() {
    let mut mail = MailServer::start().await;
    let site = site_with(&mail, &[]).await;
    let (desk, house) = (&site.ground.desk, site.house());
    for name in ["alice", "bob", "carol"] {
        site.register(name).await;
        give_address(&site, name, "us@example.org").await;
        ask(&site, name).await;
    }
    let letters = [mail.next().await, mail.next().await, mail.next().await];
    for letter in &letters {
        assert_eq!(follow(&site, letter).await.1.status, 200);
    }
    let user = |name: &str| UserName::parse(name).unwrap();
    set_password(desk, &house, &user("alice"), Password::parse(NEW).unwrap()).await.unwrap();
    give_address(&site, "bob", "bob@example.org").await;
    site.as_admin().disable("carol", "left").await;
    assert_eq!(follow(&site, &letters[0]).await.1.status, 404, "another password");
    assert_eq!(follow(&site, &letters[1]).await.1.status, 404, "another address");
    let (mut carol, page) = follow(&site, &letters[2]).await;
    let done = carol.submit(&page, "/password/new", &[("password", NEW)]).await;
    assert_eq!(done.status, 404, "a closed account stays closed");
    assert_eq!(browser(&site).sign_in("carol", NEW).await.status, 401);
    site.stop().await;
}

#[tokio::test]
async fn one_account_gets_few_mails_and_one_address_asks_for_few() {
    let mut mail = MailServer::start().await;
    let site = site_with(&mail, &[]).await;
    site.register("alice").await;
    give_address(&site, "alice", "alice@example.org").await;
    for _ in 0..ASKED_PER_ADDRESS {
        assert_eq!(ask(&site, "alice").await.status, 200);
    }
    let late = ask(&site, "alice").await;
    assert_eq!((late.status.as_u16(), late.count("[role=alert]")), (429, 1));
    assert!(late.headers.contains_key("retry-after"));
    assert_eq!(ask(&site, "nobody").await.status, 429, "whoever it is about");
    let found = answers(&site, usize::try_from(ASKED_PER_ADDRESS).unwrap()).await;
    let mailed = found.iter().filter(|(_, answer)| *answer == ResetAnswer::Mail).count();
    assert_eq!(mailed, usize::try_from(MAILS_PER_ACCOUNT).unwrap());
    assert_eq!(found.last().unwrap().1, ResetAnswer::TooMany);
    for _ in 0..mailed {
        mail.next().await;
    }
    assert_eq!(mail.waiting(), 0);
    site.stop().await;
}

#[tokio::test]
async fn without_a_mail_server_the_page_says_whom_to_ask() {
    let site = Site::start().await;
    let mut somebody = browser(&site);
    let page = somebody.open("/sign-in").await;
    assert_eq!(page.count("main a[href='/password']"), 1);
    let page = somebody.open("/password").await;
    assert_eq!((page.status.as_u16(), page.count("main form")), (200, 0));
    assert!(page.words().contains("Ask an administrator"), "{}", page.text);
    let request = somebody.request(reqwest::Method::POST, "/password").form(&[("who", "alice")]);
    assert_eq!(somebody.ask(request, "/password").await.status, 503);
    for path in ["/password/new", "/password/x", "/password/%0d%0aset-cookie:a=b", "/password/ä"] {
        let page = browser(&site).open(path).await;
        assert_eq!((page.status.as_u16(), page.path.as_str()), (404, "/password/new"), "{path}");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_mail_is_in_the_language_of_whoever_reads_it_and_its_server_knows_us() {
    let mut mail = MailServer::start().await;
    let secret = [("mail.user", smtp::ACCOUNT.0), ("mail.password", smtp::ACCOUNT.1)];
    let site = site_with(&mail, &secret).await;
    site.register("alice").await;
    give_address(&site, "alice", "alice@example.org").await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/me/preferences").await;
    alice.submit(&page, "/me/preferences", &[("lang", "de")]).await;
    ask(&site, "alice").await;
    let letter = mail.next().await;
    assert!(letter.signed_in);
    assert!(letter.text().contains("ein neues Passwort für Ihr Konto"), "{}", letter.text());
    assert!(letter.header("Subject").unwrap().contains("ein neues Passwort"), "{}", letter.raw);
    site.stop().await;
}

#[tokio::test]
async fn a_mail_server_that_refuses_or_is_away_costs_nobody_else_their_mail() {
    let mut mail = MailServer::start().await;
    let site = site_with(&mail, &[]).await;
    for (name, address) in [("alice", smtp::REFUSED), ("bob", "bob@example.org")] {
        site.register(name).await;
        give_address(&site, name, address).await;
        assert_eq!(ask(&site, name).await.status, 200);
    }
    assert_eq!(mail.next().await.to, ["bob@example.org"]);
    site.stop().await;
}

#[tokio::test]
async fn a_form_of_another_site_neither_asks_nor_sets() {
    let mail = MailServer::start().await;
    let site = site_with(&mail, &[]).await;
    let mut eve = browser(&site);
    for path in ["/password", "/password/new"] {
        let fields = [("who", "alice"), ("password", NEW)];
        let request = eve.request(reqwest::Method::POST, path).form(&fields);
        let request = request.header("origin", "https://evil.example");
        assert_eq!(eve.ask(request, path).await.status, 403);
    }
    for body in [vec![], vec![("who", "")], vec![("who", "  ")]] {
        let request = eve.request(reqwest::Method::POST, "/password").form(&body);
        let status = eve.ask(request, "/password").await.status.as_u16();
        assert_eq!(status, 422, "{body:?}");
    }
    let long = "x".repeat(1_025);
    let request = eve.request(reqwest::Method::POST, "/password").form(&[("who", long)]);
    assert_eq!(eve.ask(request, "/password").await.status, 422);
    assert!(answers(&site, 0).await.is_empty());
    site.stop().await;
}
