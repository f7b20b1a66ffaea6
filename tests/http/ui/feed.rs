//! The feed: bursts, filters, and its export.

use domain::name::UserName;
use domain::namespace::Visibility;
use domain::user::UserEvent;
use tests::site::{ADMINISTRATOR, Site};

use super::{browser, person, push, pushed, record, signed_in, team};

async fn site(visibility: Visibility) -> Site {
    let site = Site::start().await;
    for name in ["alice", "eve"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", visibility).await;
    site
}

#[tokio::test]
async fn many_pushes_at_once_are_one_row_that_unfolds() {
    let site = site(Visibility::Public).await;
    for n in 0..14 {
        push(&site, "alice", &format!("crew/app:1.{n}")).await;
    }
    push(&site, "alice", "crew/other:1").await;
    for n in 0..2 {
        record(&site, person("eve"), pushed(&format!("crew/app:2.{n}"))).await;
    }
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/activity?kind=content.manifest_pushed").await;
    let words = page.words();
    assert!(
        words.contains("alice pushed 14 tags to registry.test:443/crew/app")
            || words.contains("alice pushed 14 tags to crew/app"),
        "{words}"
    );
    assert_eq!(page.count("ol.feed details"), 1);
    assert_eq!(page.count("ol.feed details ol.feed > li"), 14, "each is still there");
    // One burst, one other repository, two of somebody else.
    assert_eq!(page.count(".wrap > ol.feed > li"), 4, "{words}");
    site.stop().await;
}

#[tokio::test]
async fn the_feed_is_filtered_by_days_and_each_filter_is_taken_away_by_itself() {
    let site = site(Visibility::Public).await;
    push(&site, "alice", "crew/app:1").await;
    let mut alice = signed_in(&site, "alice").await;
    let today = site.ground.desk.clock.now().strftime("%Y-%m-%d").to_string();
    let page = alice.open(&format!("/activity?actor=alice&from={today}&to={today}")).await;
    assert!(page.words().contains("alice pushed"), "{}", page.words());
    let chips = page.attributes("a.chip", "href");
    assert_eq!(chips.len(), 3);
    assert!(chips.contains(
        &"/activity?actor=alice&from=".to_owned().replace("&from=", &format!("&from={today}"))
    ));
    let page = alice.open("/activity?to=2020-01-01").await;
    assert!(page.words().contains("Nothing that you may see fits"), "{}", page.words());
    for wrong in ["from=x", "to=2026-02-30", "from=99999-01-01"] {
        let page = alice.open(&format!("/activity?{wrong}")).await;
        assert_eq!((page.status.as_u16(), page.count("[role=alert]")), (200, 1), "{wrong}");
    }
    site.stop().await;
}

#[tokio::test]
async fn the_export_has_every_row_that_one_may_see_and_no_other() {
    let site = site(Visibility::Private).await;
    // More than are read at once.
    for n in 0..1_100 {
        let event = pushed(&format!("crew/app:{n}"));
        let desk = &site.ground.desk;
        let events = vec![domain::event::NewEvent {
            id: desk.new_id(),
            occurred_at: desk.clock.now(),
            meta: domain::event::Meta::by(person("alice")),
            event: event.into(),
        }];
        let stream = domain::event::StreamName::stored(format!("test-{n}"));
        let append =
            domain::log::Append { stream, expected: domain::log::Expected::Any, key: None, events };
        domain::log::EventLog::append(&*site.ground.log, vec![append]).await.unwrap();
    }
    push(&site, "alice", "crew/app:last").await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/activity").await;
    assert_eq!(page.attributes("a[download]", "href"), ["/activity/export"]);
    let page = alice.open("/activity/export?kind=content.manifest_pushed").await;
    assert_eq!(page.headers["content-type"], "text/csv; charset=utf-8");
    assert!(page.headers["content-disposition"].to_str().unwrap().starts_with("attachment;"));
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    let mut table = csv::Reader::from_reader(page.text.as_bytes());
    let tag = table.headers().unwrap().iter().position(|name| name == "tag").unwrap();
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1_101);
    assert_eq!(&rows[0][tag], "last", "the latest first");
    assert_eq!(&rows[1_100][tag], "0");

    let mut eve = signed_in(&site, "eve").await;
    let page = eve.open("/activity/export").await;
    assert!(!page.text.contains("crew/app"), "{}", page.text);
    assert!(page.text.contains("auth.signed_in"), "{}", page.text);
    assert_eq!(eve.open("/activity/export?from=x").await.status, 422);
    assert!(browser(&site).open("/activity/export").await.path.starts_with("/sign-in"));
    site.stop().await;
}

/// What an auditor reads about and may not open is named, and is no link.
#[tokio::test]
async fn an_auditor_is_led_nowhere_that_does_not_open() {
    let site = Site::start().await;
    for name in ["alice", "olga"] {
        site.register(name).await;
    }
    let user = UserName::parse("olga").unwrap();
    record(&site, person(ADMINISTRATOR), UserEvent::AuditorGranted { user }).await;
    team(&site, "secret", "alice", Visibility::Private).await;
    push(&site, "alice", "secret/app:1").await;
    let mut olga = signed_in(&site, "olga").await;
    let page = olga.open("/activity").await;
    let said = page.all(".feed .sentence");
    assert!(said.iter().any(|said| said.contains("secret/app:1")), "{said:?}");
    assert_eq!(page.attributes(".feed .sentence a[href*=secret]", "href"), Vec::<String>::new());
    let event = page.attributes(".feed a.event", "href");
    for path in event {
        let page = olga.open(&path).await;
        assert_eq!(page.count("p.lead a[href*=secret]"), 0, "{path}");
    }
    // Whoever may open it, is led there.
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/activity").await;
    let links = page.attributes(".feed .sentence a", "href");
    for to in ["/r/secret/app", "/n/secret", "/teams/secret"] {
        assert!(links.contains(&to.to_owned()), "{to}: {links:?}");
    }
    site.stop().await;
}

/// How much happens here is for those who are here.
#[tokio::test]
async fn strangers_do_not_learn_how_much_happens() {
    let site = Site::start().await;
    let mut nobody = super::browser(&site);
    for path in ["/", "/sign-in", "/repositories", "/help", "/search?q=x", "/nothing-here"] {
        let page = nobody.open(path).await;
        assert!(!page.all("footer").join(" ").contains("as of event"), "{path}");
    }
    let mut ada = signed_in(&site, ADMINISTRATOR).await;
    assert!(ada.open("/").await.all("footer").join(" ").contains("as of event"));
    site.stop().await;
}

/// As the event's own page: whoever did it knows from where, and auditors do; others do not.
#[tokio::test]
async fn a_row_says_from_where_it_was_done_to_those_who_may_know() {
    const DOCKER: &str = "docker/27.3.1 go/go1.22.7 os/linux arch/amd64";
    let site = site(Visibility::Public).await;
    let mut alice = browser(&site);
    let request = alice.request(reqwest::Method::POST, "/sign-in").header("user-agent", DOCKER);
    let password = Site::password("alice");
    let fields = [("name", "alice"), ("password", &*password), ("return_to", "/")];
    assert_eq!(alice.ask(request.form(&fields), "/sign-in").await.status, 303);
    let page = alice.open("/namespaces/new?team=crew").await;
    let filled = [("name", "open"), ("visibility", "public"), ("team", "crew")];
    let page = alice.submit(&page, "/namespaces/new", &filled).await;
    assert_eq!(page.path, "/n/open", "{}", page.text);

    let made = |page: &super::browser::Page| {
        let rows = page.all(".feed > li");
        rows.into_iter().find(|row| row.contains("namespace open")).unwrap()
    };
    for path in ["/activity", "/", "/n/open/-/activity"] {
        let page = alice.open(path).await;
        assert!(made(&page).contains("from 127.0.0.1"), "{path}: {}", page.words());
    }
    let page = alice.open("/activity?kind=auth").await;
    let clients = page.all(".feed .client");
    assert!(clients.iter().any(|said| said == "docker 27.3 from 127.0.0.1"), "{clients:?}");
    assert!(page.attributes(".feed .client", "title").contains(&DOCKER.to_owned()));

    let mut eve = signed_in(&site, "eve").await;
    let page = eve.open("/activity").await;
    assert!(!made(&page).contains("127.0.0.1"), "{}", page.words());
    site.register("olga").await;
    let user = UserName::parse("olga").unwrap();
    record(&site, person(ADMINISTRATOR), UserEvent::AuditorGranted { user }).await;
    let mut olga = signed_in(&site, "olga").await;
    let page = olga.open("/activity").await;
    assert!(made(&page).contains("from 127.0.0.1"), "{}", page.words());
    site.stop().await;
}

#[tokio::test]
async fn a_star_leads_to_what_got_it() {
    let site = site(Visibility::Public).await;
    push(&site, "alice", "crew/app:1").await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/r/crew/app").await;
    let page = alice.submit(&page, "/r/crew/app/-/star", &[]).await;
    alice.submit(&page, "/r/crew/app/-/unstar", &[]).await;
    let page = alice.open("/activity?actor=alice").await;
    for kind in ["starred", "took the star of"] {
        let rows = page.all(".feed .sentence");
        assert!(rows.iter().any(|row| row.contains(kind)), "{rows:?}");
    }
    let links = page.attributes(".feed .sentence a", "href");
    let starred = links.iter().filter(|to| *to == "/r/crew/app").count();
    assert!(starred >= 3, "{links:?}");
    site.stop().await;
}

/// What an address says that a page does not know is left out, and the page says so.
#[tokio::test]
async fn a_word_in_an_address_that_is_not_known_is_told() {
    let site = site(Visibility::Public).await;
    push(&site, "alice", "crew/app:1").await;
    let mut alice = signed_in(&site, "alice").await;
    for (path, knows) in [
        ("/repositories?sort=quark", "name, -name, pushed"),
        ("/repositories?visibility=quark", "private, protected, public"),
        ("/repositories?days=2", "1, 7, 30, 365"),
        ("/r/crew/app?sort=quark", "newest, name"),
        ("/activity?kind=quark", "content.manifest_pushed"),
        ("/activity?outcome=quark", "done, reduced, refused"),
        ("/search?q=app&kind=quark", "repositories, tags"),
        ("/search?q=app&visibility=quark", "private, protected, public"),
        ("/search?q=app&since=quark", "24h, 7d, 30d, 1y"),
    ] {
        let page = alice.open(path).await;
        let said = page.all("p.notice[role=status]").join(" ");
        assert!(page.status == 200 && said.contains(knows), "{path}: {said}");
        assert!(!said.contains("quark"), "an address puts no words on our pages: {said}");
        // What is known is not told of.
        let known = path.replace("quark", "").replace("days=2", "days=7");
        let page = alice.open(&known).await;
        assert!(!page.all("p.notice").join(" ").contains("in the address"), "{known}");
    }
    let page = alice.open("/repositories?sort=-stars&visibility=public").await;
    assert!(!page.words().contains("in the address"), "{}", page.words());
    site.stop().await;
}
