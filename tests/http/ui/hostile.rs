//! What strangers write stays text, on every page that shows it.

use domain::event::Actor;
use domain::namespace::Visibility;
use domain::registry::ContentEvent;
use tests::site::Site;

use super::{browser, pushed, record, registry, signed_in, team};

const PAYLOADS: [&str; 16] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "</main></body><script>alert(1)</script>",
    "<a href=javascript:alert(1)>x</a>",
    "<!--<script>",
    "--><img src=x onerror=alert(1)>",
    "<iframe srcdoc=\"&lt;script&gt;alert(1)&lt;/script&gt;\">",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\u{202e}<b>x</b>",
    "<svg><animate onbegin=alert(1) attributeName=x>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)>",
];

#[tokio::test]
async fn hostile_actors_and_excerpts_stay_text() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    for (number, payload) in PAYLOADS.iter().enumerate() {
        let by = Actor::Unknown { text: (*payload).to_owned() };
        let image = format!("crew/app:t{number}");
        record(&site, by.clone(), pushed(&image)).await;
        let rejected = ContentEvent::NotificationRejected {
            registry: registry(),
            reason: (*payload).to_owned(),
            excerpt: (*payload).to_owned(),
        };
        record(&site, by, rejected).await;
    }
    let admin = tests::site::ADMINISTRATOR;
    for mut browser in [signed_in(&site, "alice").await, signed_in(&site, admin).await] {
        for path in [
            "/",
            "/activity",
            "/r/crew/app",
            "/r/crew/app/-/activity",
            "/repositories",
            "/r/crew/app/-/tags/t0",
        ] {
            let page = browser.open(path).await;
            assert_eq!(page.status, 200, "{path}");
            harmless(&page.text, path);
            if path == "/r/crew/app" {
                assert_eq!(page.count("tbody tr"), PAYLOADS.len());
                assert!(page.words().contains("<script>alert(1)</script>"), "shown as text");
            }
        }
    }
    site.stop().await;
}

/// Markdown that would lead elsewhere or load something, were it let through.
const MARKS: [&str; 4] = [
    "[x](javascript:alert(1))",
    "[x](<data:text/html,<script>alert(1)</script>>)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)> <img src=x onerror=alert(1)>",
];

/// One renderer draws them all: repositories, namespaces and teams.
#[tokio::test]
async fn hostile_descriptions_are_marked_up_by_us_alone() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    record(&site, super::person("alice"), pushed("crew/app:1")).await;
    let mut alice = signed_in(&site, "alice").await;
    let places = [
        ("/r/crew/app", "/r/crew/app/-/settings"),
        ("/n/crew", "/n/crew/-/settings"),
        ("/teams/crew", "/teams/crew/settings"),
    ];
    for (path, settings) in places {
        for payload in PAYLOADS.into_iter().chain(MARKS) {
            let page = alice.open(settings).await;
            alice.submit(&page, settings, &[("description", payload)]).await;
            for path in [path, settings, "/teams", "/namespaces", "/search?q=crew"] {
                let page = alice.open(path).await;
                assert_eq!(page.status, 200, "{path}: {payload}");
                harmless(&page.text, path);
            }
        }
        let page = alice.open(settings).await;
        let page = alice.submit(&page, settings, &[("description", "**built** *here*")]).await;
        assert_eq!(page.path, path);
        assert_eq!(
            (page.all(".said strong"), page.all(".said em")),
            (vec!["built".to_owned()], vec!["here".to_owned()])
        );
    }
    site.stop().await;
}

#[tokio::test]
async fn hostile_addresses_and_questions_stay_text() {
    let site = Site::start().await;
    let mut browser = browser(&site);
    for payload in PAYLOADS {
        let query: String = payload.bytes().map(|b| format!("%{b:02X}")).collect();
        for path in [
            format!("/search?q={query}"),
            format!("/search?q=x&kind={query}&page={query}"),
            format!("/sign-in?return_to={query}"),
            format!("/r/{query}"),
            format!("/n/{query}"),
            format!("/repositories?after={query}"),
            format!("/{query}"),
        ] {
            let page = browser.open(&path).await;
            assert!(page.status.as_u16() < 500, "{path}: {}", page.status);
            harmless(&page.text, &path);
        }
    }
    for path in [
        "/r/..%2f..%2fetc%2fpasswd",
        "/r/a%00b",
        "/r/%ff",
        "/r/",
        "/n/",
        "/assets/..%2fx",
        "/search?q=%ff",
        "/search?page=-1&q=a&kind=tags",
        "/search?q=a&kind=tags&page=99999999999999999999",
    ] {
        let page = browser.open(path).await;
        assert!(page.status.as_u16() < 500, "{path}: {}", page.status);
        assert_eq!(page.count("h1"), 1, "{path}: {}", page.text);
    }
    site.stop().await;
}

/// No markup but ours: no script of its own, nothing that acts, nothing from elsewhere.
fn harmless(text: &str, of: &str) {
    let html = scraper::Html::parse_document(text);
    let all = scraper::Selector::parse("*").unwrap();
    for element in html.select(&all) {
        let name = element.value().name();
        let ours = name != "svg" || element.attr("class") == Some("mark");
        assert!(ours, "{of}: <svg>");
        assert!(
            !["iframe", "img", "math", "object", "style", "animate"].contains(&name),
            "{of}: <{name}>"
        );
        for (attribute, value) in element.value().attrs() {
            assert!(!attribute.starts_with("on"), "{of}: {attribute}={value}");
            if ["href", "src", "action"].contains(&attribute) {
                assert!(
                    value.is_empty()
                        || value.starts_with('/')
                        || value.starts_with('#')
                        || value == "data:,",
                    "{of}: {value}"
                );
            }
        }
        if name == "script" {
            assert!(element.attr("src").is_some() && element.text().next().is_none(), "{of}");
        }
    }
}
