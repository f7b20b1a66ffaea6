//! The same by keyboard alone: every stop can be seen, nothing lies over it, and their order is the
//! one that the snapshots show.

use serde_json::{Value, json};
use tests::site::{ADMINISTRATOR, Site};

use super::chromium::{Chromium, program};
use super::ways::words;
use super::world;

/// More stops than any page has.
const MOST_STOPS: usize = 250;

/// What the focus is on: its words, whether it is marked, and whether anything lies over it.
const STOP: &str = "(() => {
    const e = document.activeElement;
    if (!e || e === document.body || e === document.documentElement) return null;
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    const x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1);
    const y = Math.min(Math.max(box.top + Math.min(box.height, 40) / 2, 0), innerHeight - 1);
    const at = document.elementFromPoint(x, y);
    const label = e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || e.value || '';
    return {
      words: label.trim().replace(/\\s+/g, ' ').slice(0, 60),
      kind: e.tagName.toLowerCase() + (e.type && e.tagName === 'INPUT' ? ' ' + e.type : ''),
      marked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
        && style.outlineColor !== 'rgba(0, 0, 0, 0)',
      clear: !!at && (e.contains(at) || at.contains(e)) && box.width > 0 && box.height > 0
        && box.bottom > 0 && box.top < innerHeight,
    };
  })()";

/// Somebody without a mouse.
pub(crate) struct Keys<'a> {
    pub(crate) browser: &'a Chromium,
    url: &'a str,
    wrong: std::sync::Mutex<Vec<String>>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(browser: &'a Chromium, url: &'a str) -> Self {
        Self { browser, url, wrong: Default::default() }
    }

    pub(crate) async fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.url)).await;
    }

    /// The next stop; `None` behind the last.
    async fn tab(&self) -> Option<Value> {
        self.browser.press("Tab").await;
        let stop = self.browser.eval(STOP).await;
        if stop.is_null() {
            return None;
        }
        if stop["marked"] != json!(true) || stop["clear"] != json!(true) {
            let at = self.browser.eval("location.pathname").await;
            self.wrong.lock().unwrap().push(format!("{at}: {stop}"));
        }
        Some(stop)
    }

    /// Goes on until the focus is on what is called so.
    pub(crate) async fn to(&self, wanted: &str) {
        let mut passed = Vec::new();
        for _ in 0..MOST_STOPS {
            let Some(stop) = self.tab().await else { continue };
            let words = stop["words"].as_str().unwrap_or_default();
            if words == wanted {
                return;
            }
            passed.push(words.to_owned());
        }
        panic!("{wanted:?} cannot be reached among {passed:?}");
    }

    pub(crate) async fn write(&self, field: &str, text: &str) {
        self.to(field).await;
        self.browser.type_text(text).await;
    }

    /// Presses what is called so, and waits for the page that it leads to.
    pub(crate) async fn press(&self, wanted: &str) {
        self.to(wanted).await;
        self.enter().await;
    }

    pub(crate) async fn enter(&self) {
        self.browser.forget();
        self.browser.press("Enter").await;
        self.browser.loaded().await;
    }

    /// All stops of a page, from the first to the last.
    async fn order(&self, path: &str) -> String {
        self.open(path).await;
        let mut all = Vec::new();
        for _ in 0..MOST_STOPS {
            let Some(stop) = self.tab().await else { break };
            let words = stop["words"].as_str().unwrap_or_default();
            let words: String =
                words.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            all.push(format!("{}: {words}", stop["kind"].as_str().unwrap_or_default()));
        }
        assert!(all.len() < MOST_STOPS, "{path} has no last stop");
        all.join("\n")
    }

    pub(crate) async fn done(&self, site: &Site) {
        let wrong = self.wrong.lock().unwrap().clone();
        assert!(wrong.is_empty(), "the focus is not seen:\n{}", wrong.join("\n"));
        assert_eq!(self.browser.complaints(&site.url), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_stops_is_that_of_reading_and_each_can_be_seen() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    let keys = Keys::new(&browser, &site.url);
    let mut all = Vec::new();
    for path in ["/", "/sign-in"] {
        all.push(format!("# anonymous {path}\n{}", keys.order(path).await));
    }
    world::sign_in(&browser, &site, "alice").await;
    for path in [
        "/",
        "/repositories",
        "/r/payments/checkout",
        "/r/payments/checkout/-/tags/latest",
        "/n/payments",
        "/n/payments/-/access",
        "/n/payments/-/settings",
        "/teams/payments",
        "/activity?actor=bob",
        "/search?q=ledger",
        "/me/tokens",
        "/me/preferences",
    ] {
        all.push(format!("# {path}\n{}", keys.order(path).await));
    }
    // As narrow as a phone, which is also what four times as large letters leave of a screen.
    browser.size(320, 600).await;
    for path in ["/", "/repositories", "/r/payments/checkout", "/activity"] {
        keys.order(path).await;
    }
    keys.done(&site).await;
    insta::assert_snapshot!("stops", all.join("\n\n"));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_do_all_of_it_by_keyboard() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    let keys = Keys::new(&browser, &site.url);
    keys.open("/sign-in").await;
    keys.write("User name", "alice").await;
    keys.write("Password", &Site::password("alice")).await;
    keys.enter().await;
    assert!(words(&browser, "h1").await.contains("Hello, alice"));

    // To a manifest by way of the list, and a star on the way.
    keys.press("Repositories").await;
    keys.press("payments/checkout").await;
    keys.press("☆ Star").await;
    assert_eq!(words(&browser, "p.notice").await, "Starred.");
    keys.press("2.4.1").await;
    assert_eq!(words(&browser, "h1").await, "payments/checkout:2.4.1");

    // The list in another order.
    keys.open("/repositories").await;
    keys.press("Pulls").await;
    assert_eq!(
        browser.eval("document.querySelector('th[aria-sort]').ariaSort").await,
        "descending"
    );

    // A team with a member, and a namespace that everybody may see.
    keys.open("/teams/new").await;
    keys.write("Name", "Night Shift").await;
    keys.enter().await;
    assert_eq!(words(&browser, "p.notice").await, "Made.");
    keys.write("User name", "bob").await;
    browser.press("Escape").await;
    keys.press("Add").await;
    assert!(words(&browser, "tbody").await.contains("bob"));
    keys.open("/namespaces/new?team=night+shift").await;
    keys.write("Name", "night").await;
    keys.press("Make the namespace").await;
    assert_eq!(words(&browser, "h1").await, "night");

    // A token, and away with it.
    keys.open("/me/tokens").await;
    keys.write("What for", "build").await;
    keys.write("Your password", "not the password").await;
    keys.press("Make the token").await;
    assert!(words(&browser, "#password-wrong").await.contains("not right"));
    keys.open("/me/tokens").await;
    keys.write("What for", "build").await;
    keys.write("Your password", &Site::password("alice")).await;
    keys.press("Make the token").await;
    assert!(words(&browser, ".notice").await.contains("docker login"));
    keys.open("/me/tokens").await;
    keys.press("Revoke build").await;
    assert!(words(&browser, "main .empty").await.contains("no token yet"));

    keys.press("Sign out").await;
    assert_eq!(words(&browser, "p.notice").await, "You are signed out.");

    // An administrator makes an account and disables it.
    world::sign_in(&browser, &site, ADMINISTRATOR).await;
    keys.open("/admin/users/new").await;
    keys.write("User name", "dave").await;
    keys.write("Password", &Site::password("dave")).await;
    keys.press("Make the account").await;
    assert_eq!(words(&browser, "h1").await, "dave");
    keys.press("Disable").await;
    assert!(words(&browser, "main").await.contains("disabled"));
    keys.done(&site).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_keys_go_where_the_help_says_and_can_be_switched_off() {
    if program().is_none() {
        return;
    }
    let site = world::site().await;
    let browser = Chromium::start().await.unwrap();
    browser.size(1_280, 900).await;
    world::sign_in(&browser, &site, "alice").await;
    let go = async |keys: &[&str]| {
        browser.forget();
        for key in keys {
            browser.press(key).await;
        }
        browser.loaded().await;
        words(&browser, "h1").await
    };
    assert_eq!(go(&["?"]).await, "Help");
    for (key, title) in
        [("r", "Repositories"), ("n", "Namespaces"), ("t", "Teams"), ("a", "Activity")]
    {
        assert_eq!(go(&["g", key]).await, title);
    }
    assert!(go(&["g", "d"]).await.contains("Hello"));
    // In a field they are letters.
    browser.press("/").await;
    assert_eq!(browser.eval("document.activeElement.id").await, json!("find"));
    for key in ["g", "r", "?", "/"] {
        browser.press(key).await;
    }
    assert_eq!(browser.eval("document.activeElement.value").await, json!("gr?/"));
    // With another key held down they belong to the browser.
    browser.eval("document.activeElement.blur()").await;
    let held =
        json!({ "type": "keyDown", "key": "/", "modifiers": 2, "windowsVirtualKeyCode": 191 });
    browser.call("Input.dispatchKeyEvent", held).await;
    assert_ne!(browser.eval("document.activeElement.id").await, json!("find"));

    browser.open(&format!("{}/me/preferences", site.url)).await;
    browser.eval("document.querySelector('#keys').value = 'off'").await;
    browser.follow("form[action='/me/preferences'] button").await;
    let here = browser.eval("location.href").await;
    for key in ["g", "r", "?", "j", "/"] {
        browser.press(key).await;
    }
    // What those keys would have led to is not under way: this page answers, and is the same.
    assert_eq!(browser.eval("location.href").await, here);
    assert_ne!(browser.eval("document.activeElement.id").await, json!("find"));
    assert_eq!(browser.complaints(&site.url), Vec::<String>::new());
    site.stop().await;
}
