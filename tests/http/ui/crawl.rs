//! Every link and every form that only asks, followed as somebody would who clicks on everything:
//! none leads nowhere, and every page on the way can be read by everybody.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::name::UserName;
use domain::namespace::Visibility;
use domain::registry::ContentEvent;
use domain::star::StarEvent;
use domain::team::{Role, TeamEvent};
use domain::user::UserEvent;
use reqwest::Method;
use scraper::{ElementRef, Html, Selector};
use tests::site::{ADMINISTRATOR, Site};

use super::browser::Browser;
use super::{browser, digest, person, pulled, push, record, registry, repo, signed_in, team};

/// The most pages of one person: a list that leads on for ever is found by it.
const MOST_PAGES: usize = 900;
/// Pages that differ only in how they are ordered or filtered are looked at so often.
const MOST_OF_A_KIND: usize = 12;

/// What is not followed, and why: streams stay open, and files are no pages.
fn is_no_page(path: &str) -> bool {
    path.contains("/live")
        || path.starts_with("/activity/export")
        || path.starts_with("/assets/")
        || path.starts_with("/api/")
}

async fn world(site: &Site) {
    for name in ["alice", "bob", "olga"] {
        site.register(name).await;
    }
    let olga = UserName::parse("olga").unwrap();
    record(site, person(ADMINISTRATOR), UserEvent::AuditorGranted { user: olga }).await;
    team(site, "payments", "alice", Visibility::Private).await;
    team(site, "platform", "alice", Visibility::Public).await;
    let payments = domain::name::TeamName::parse("payments").unwrap();
    let user = UserName::parse("bob").unwrap();
    let added = TeamEvent::MemberAdded { team: payments, user, role: Role::Viewer };
    record(site, person("alice"), added).await;
    for image in
        ["payments/checkout:1", "payments/checkout:2", "platform/base:12", "platform/deep/er:1"]
    {
        push(site, "alice", image).await;
    }
    record(site, person("bob"), pulled("payments/checkout:1")).await;
    let (registry, repository) = (registry(), repo("payments/checkout"));
    let gone = ContentEvent::Deleted {
        registry: registry.clone(),
        repository: repository.clone(),
        digest: digest("payments/checkout:2"),
    };
    record(site, person("alice"), gone).await;
    let user = UserName::parse("alice").unwrap();
    record(site, person("alice"), StarEvent::Starred { user, registry, repository }).await;
}

#[tokio::test]
async fn every_link_leads_somewhere_for_everybody() {
    let site = Site::start().await;
    world(&site).await;
    let mut wrong = Vec::new();
    let mut pages = BTreeMap::new();
    for who in ["", "alice", "bob", "olga", ADMINISTRATOR] {
        let mut browser = match who {
            "" => browser(&site),
            who => signed_in(&site, who).await,
        };
        let seen = crawl(&mut browser, &mut wrong).await;
        for (path, from) in &seen {
            assert!(who.is_empty() || path != "/sign-out", "{from}");
        }
        pages.insert(if who.is_empty() { "anonymous" } else { who }, seen.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // That it went through more than the first page, and through more for those who may see more.
    assert!(pages["anonymous"] > 12 && pages[ADMINISTRATOR] > 80, "{pages:?}");
    assert!(pages["anonymous"] < pages["bob"] && pages["bob"] < pages[ADMINISTRATOR], "{pages:?}");
    site.stop().await;
}

/// Every page that can be reached from the first one, with the page that first led there.
async fn crawl(browser: &mut Browser, wrong: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::from([("/".to_owned(), String::new())]);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut next = VecDeque::from(["/".to_owned()]);
    while let Some(path) = next.pop_front() {
        assert!(seen.len() < MOST_PAGES, "no end of pages: {:?}", seen.keys().last());
        let request = browser.request(Method::GET, &path);
        let page = browser.ask(request, &path).await;
        let from = &seen[&path];
        if page.status.is_redirection() {
            let to = page.headers["location"].to_str().unwrap();
            // Where one has to sign in first, nobody may be led without being told.
            if !to.starts_with('/') || to.starts_with("//") {
                wrong.push(format!("{from} leads to {path}, which leads away to {to}"));
            }
            continue;
        }
        if page.status != 200 {
            wrong.push(format!("{from} leads to {path}: {}", page.status));
            continue;
        }
        let html = Html::parse_document(&page.text);
        wrong.extend(unreadable(&html).into_iter().map(|what| format!("{path}: {what}")));
        for link in links(&html, &path) {
            if is_no_page(&link) || seen.contains_key(&link) {
                continue;
            }
            let kind = link.split('?').next().unwrap_or_default().to_owned();
            let of_a_kind = kinds.entry(kind).or_default();
            *of_a_kind += 1;
            if *of_a_kind <= MOST_OF_A_KIND {
                seen.insert(link.clone(), path.clone());
                next.push_back(link);
            }
        }
    }
    seen
}

fn select<'a>(html: &'a Html, css: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(css).unwrap()).collect()
}

/// Where the links of a page lead, and its forms that only ask, as they stand and with each of their
/// choices.
fn links(html: &Html, at: &str) -> BTreeSet<String> {
    let path = at.split('?').next().unwrap_or_default();
    let mut all: BTreeSet<String> = select(html, "a[href]")
        .iter()
        .filter_map(|link| link.attr("href"))
        .filter(|to| !to.starts_with('#'))
        .map(|to| to.split('#').next().unwrap_or_default().to_owned())
        .collect();
    for form in select(html, "form") {
        // A moment to look back to is for people to choose: this minute, this world was not yet.
        let chosen = Selector::parse("input[type=datetime-local]").unwrap();
        if form.attr("method") != Some("get") || form.select(&chosen).next().is_some() {
            continue;
        }
        let action = form.attr("action").filter(|to| !to.is_empty()).unwrap_or(path);
        let fields = Selector::parse("input[name]").unwrap();
        let held: Vec<_> = form
            .select(&fields)
            .filter(|field| field.attr("type") != Some("checkbox"))
            .map(|field| (field.attr("name").unwrap(), field.attr("value").unwrap_or_default()))
            .collect();
        let to = |pairs: &[(&str, &str)]| {
            format!("{action}?{}", serde_urlencoded::to_string(pairs).unwrap())
        };
        all.insert(to(&held));
        for choice in form.select(&Selector::parse("select[name]").unwrap()) {
            let name = choice.attr("name").unwrap();
            for option in choice.select(&Selector::parse("option[value]").unwrap()) {
                let mut pairs = held.clone();
                pairs.push((name, option.attr("value").unwrap()));
                all.insert(to(&pairs));
            }
        }
    }
    all
}

/// What is wrong with a page for whoever reads it in another way than by looking.
fn unreadable(html: &Html) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |good: bool, what: String| {
        if !good {
            wrong.push(what);
        }
    };
    let words = |element: &ElementRef<'_>| element.text().collect::<String>().trim().to_owned();
    check(select(html, "h1").len() == 1, "not one h1".to_owned());
    check(select(html, "html[lang]").len() == 1, "no language".to_owned());
    check(select(html, "main").len() == 1, "not one main".to_owned());
    let title = select(html, "title").first().map(words);
    check(title.is_some_and(|title| !title.is_empty()), "no title".to_owned());
    let mut ids = BTreeSet::new();
    for element in select(html, "[id]") {
        let id = element.attr("id").unwrap();
        check(ids.insert(id), format!("the id {id} twice"));
    }
    for input in select(html, "input:not([type=hidden]), select, textarea") {
        let label = input.attr("id").map(|id| select(html, &format!("label[for='{id}']")));
        let label =
            label.is_some_and(|label| label.first().map(words).is_some_and(|l| !l.is_empty()));
        check(label, format!("a field without label: {}", input.html()));
    }
    for table in select(html, "table") {
        let caption = table.select(&Selector::parse("caption").unwrap()).next();
        check(
            caption.is_some_and(|it| !words(&it).is_empty()),
            "a table without caption".to_owned(),
        );
    }
    for link in select(html, "a, button") {
        let said = link.attr("aria-label").map_or_else(|| words(&link), str::to_owned);
        check(!said.is_empty(), format!("a link without words: {}", link.html()));
    }
    for css in ["style", "[style]", "script:not([src])", "[onclick]", "[onload]", "[onsubmit]"] {
        check(select(html, css).is_empty(), format!("inline: {css}"));
    }
    wrong
}
