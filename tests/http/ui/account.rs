//! One's own account through its forms.

use tests::site::Site;

use super::{browser, signed_in};

#[tokio::test]
async fn a_profile_is_changed_and_is_for_its_person_alone() {
    let site = Site::start().await;
    site.register("alice").await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/me").await;
    let wrong = alice.submit(&page, "/me", &[("email", "nowhere")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("[role=alert]")), (422, 1));
    let filled = [("email", "alice@example.org"), ("display_name", "Alice A.")];
    let page = alice.submit(&page, "/me", &filled).await;
    assert_eq!(page.path, "/me");
    assert!(page.text.contains("alice@example.org") && page.text.contains("Alice A."));
    let mut nobody = browser(&site);
    assert!(nobody.open("/me").await.path.starts_with("/sign-in"));
    site.stop().await;
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_all_other_sessions() {
    let site = Site::start().await;
    site.register("alice").await;
    let mut here = signed_in(&site, "alice").await;
    let mut elsewhere = signed_in(&site, "alice").await;
    let page = here.open("/me/security").await;
    assert_eq!(page.count("tbody tr"), 2, "{}", page.text);
    let new = "another long password";
    let wrong = here.submit(&page, "/me/password", &[("old", "guess"), ("new", new)]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("#old-wrong")), (422, 1));
    let old = Site::password("alice");
    let wrong = here.submit(&page, "/me/password", &[("old", &old), ("new", "short")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("#new-wrong")), (422, 1));
    assert!(!wrong.text.contains(&old), "no password comes back");

    let done = here.submit(&page, "/me/password", &[("old", &old), ("new", new)]).await;
    assert_eq!((done.status.as_u16(), done.path.as_str()), (200, "/me/security"), "{}", done.text);
    assert_eq!(done.count("tbody tr"), 1, "only this session is left");
    assert!(elsewhere.open("/me").await.path.starts_with("/sign-in"));
    let mut again = browser(&site);
    assert_eq!(again.sign_in("alice", &old).await.status, 401);
    assert_eq!(again.sign_in("alice", new).await.status, 200);
    site.stop().await;
}

#[tokio::test]
async fn sessions_are_ended_one_by_one_or_all_others_together() {
    let site = Site::start().await;
    for name in ["alice", "eve"] {
        site.register(name).await;
    }
    let mut here = signed_in(&site, "alice").await;
    let mut second = signed_in(&site, "alice").await;
    let mut third = signed_in(&site, "alice").await;
    let page = here.open("/me/security").await;
    let ids = page.values("form[action='/me/sessions/end'] input[name=session]");
    assert_eq!(ids.len(), 2, "{}", page.text);

    // Nobody ends the session of somebody else.
    let mut eve = signed_in(&site, "eve").await;
    let token = eve.csrf("/").await;
    for id in &ids {
        let fields = [("csrf", token.as_str()), ("session", id)];
        let request = eve.request(reqwest::Method::POST, "/me/sessions/end").form(&fields);
        eve.ask(request, "").await;
    }
    assert_eq!(here.open("/me/security").await.count("tbody tr"), 3);

    let page = here.submit(&page, "/me/sessions/end", &[]).await;
    assert_eq!(page.count("tbody tr"), 2);
    let page = here.submit(&page, "/me/sessions/others", &[]).await;
    assert_eq!((page.path.as_str(), page.count("tbody tr")), ("/me/security", 1));
    for other in [&mut second, &mut third] {
        assert!(other.open("/me").await.path.starts_with("/sign-in"));
    }
    site.stop().await;
}

#[tokio::test]
async fn preferences_follow_their_person_and_a_browser_keeps_the_look() {
    let site = Site::start().await;
    site.register("alice").await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/me/preferences").await;
    let wrong = alice.submit(&page, "/me/preferences", &[("zone", "Middle/Earth")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("#zone-wrong")), (422, 1));
    let filled = [
        ("theme", "dark"),
        ("lang", "de"),
        ("zone", "Europe/Berlin"),
        ("times", "exact"),
        ("keys", "off"),
    ];
    let page = alice.submit(&page, "/me/preferences", &filled).await;
    assert_eq!(page.all("h1"), ["Vorlieben"]);
    assert_eq!(page.count("html[lang=de][data-theme=dark]"), 1);
    assert_eq!(page.count("body[data-keys]"), 0);
    let feed = alice.open("/activity").await;
    let times = feed.all(".feed time");
    assert!(
        times.iter().all(|time| time.ends_with(" CET") || time.ends_with(" CEST")),
        "{times:?}"
    );

    // Elsewhere, and after signing out, it is the same.
    let elsewhere = signed_in(&site, "alice").await.open("/").await;
    assert_eq!(elsewhere.count("html[lang=de][data-theme=dark]"), 1);
    let out = alice.submit(&feed, "/sign-out", &[]).await;
    assert_eq!(out.count("html[lang=de][data-theme=dark]"), 1);
    assert_eq!(alice.open("/nothing-here").await.all("h1"), ["Nicht gefunden"]);
    site.stop().await;
}

/// Whoever is sent to sign in is told why, in words of ours alone.
#[tokio::test]
async fn the_page_for_signing_in_says_why_one_is_there() {
    let site = Site::start().await;
    site.register("alice").await;
    let mut alice = browser(&site);
    let told = |page: &super::browser::Page| page.all("p.notice[role=status]").join(" ");
    assert_eq!(told(&alice.open("/sign-in").await), "");
    let page = alice.open("/me").await;
    assert!(told(&page).contains("Strangers do not see the page"), "{}", page.text);
    for hostile in ["why=%3Cb%3Ehello", "why=ended%20", "return_to=//evil.example", "why="] {
        let page = alice.open(&format!("/sign-in?{hostile}")).await;
        assert!(!page.words().contains("hello") && page.count("p.notice") <= 1, "{hostile}");
    }
    alice.sign_in("alice", &Site::password("alice")).await;
    let title = alice.open("/").await.all("title").join("");
    assert!(title.starts_with("Overview") && title.ends_with("· Portus"), "{title}");
    let page = alice.open("/me/security").await;
    let request = alice.cookied(reqwest::Method::POST, "/sign-out");
    let gone = request.form(&[("csrf", page.csrf())]).send().await.unwrap();
    assert_eq!(gone.status(), 303);
    // The browser still shows the cookie of a session that is over.
    let page = alice.open("/me").await;
    assert_eq!(page.path, "/sign-in?return_to=/me&why=ended");
    assert!(told(&page).contains("Your session has ended"), "{}", page.text);
    let filled = [("name", "alice"), ("password", &*Site::password("alice"))];
    assert_eq!(alice.submit(&page, "/sign-in", &filled).await.path, "/me");
    site.stop().await;
}

/// A session that ends while somebody types costs nothing that was typed, and no secret comes back.
#[tokio::test]
async fn what_was_typed_is_not_lost_with_the_session() {
    let site = Site::start().await;
    site.register("alice").await;
    super::team(&site, "crew", "alice", domain::namespace::Visibility::Private).await;
    let mut alice = signed_in(&site, "alice").await;
    let send = |alice: &super::browser::Browser, path: &str, fields: &[(&str, &str)]| {
        let request = alice.request(reqwest::Method::POST, path);
        request.header("sec-fetch-site", "same-origin").form(fields)
    };
    let path = "/teams/crew/settings";
    let page = alice.open(path).await;
    let token = page.csrf();
    let mut typed = vec![
        ("csrf", &*token),
        ("description", "A <long> text\nof mine"),
        ("was", ""),
        ("password", "a secret of hers"),
    ];
    let request = send(&alice, "/sign-out", &[("csrf", &token)]);
    assert_eq!(request.header("cookie", cookies(&alice)).send().await.unwrap().status(), 303);

    // The session is over: nothing is changed, and the text is there.
    let request = send(&alice, path, &typed);
    let page = alice.ask(request, path).await;
    assert_eq!(page.status, 403);
    assert!(page.words().contains("Your session ended before this form came"), "{}", page.text);
    assert_eq!(page.all("textarea[name=description]"), ["A <long> text of mine"]);
    assert!(!page.text.contains("a secret of hers") && !page.text.contains(&token));
    assert_eq!(page.count("input[type=password][name=password]"), 1);
    assert_eq!(
        page.attributes("form[action='/teams/crew/settings'] a, .notice a", "href"),
        ["/sign-in"]
    );
    // A form that no browser says is ours is not shown again.
    let request = alice.request(reqwest::Method::POST, path).form(&typed);
    assert_eq!(alice.ask(request, path).await.status, 303);

    // Signed in beside it, it is sent again: shown once more, with the token of this session.
    alice.sign_in("alice", &Site::password("alice")).await;
    typed.retain(|(name, _)| *name != "csrf");
    let request = send(&alice, path, &typed);
    let page = alice.ask(request, path).await;
    assert_eq!(page.status, 403);
    assert!(page.words().contains("from an older session"), "{}", page.text);
    assert!(!alice.open("/teams/crew").await.text.contains("of mine"), "not carried out yet");
    let page = alice.submit(&page, path, &[]).await;
    assert!(page.status.is_success(), "{}", page.text);
    assert!(alice.open("/teams/crew").await.text.contains("of mine"));
    site.stop().await;
}

fn cookies(browser: &super::browser::Browser) -> String {
    let all = browser.cookies.iter().map(|(name, value)| format!("{name}={value}"));
    all.collect::<Vec<_>>().join("; ")
}
