//! The pages of a site, as somebody signed in sees them.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use super::api::http;
use super::{Answer, Person, Program};
use crate::watched::fail;

/// Where people sign in.
const SIGN_IN: &str = "/sign-in";

impl Program {
    /// A page as somebody sees it who has signed in with a browser, by the form that stands there.
    ///
    /// # Panics
    ///
    /// When signing in does not work.
    pub async fn page(&self, person: &Person, path: &str) -> Answer {
        let cookie = self.cookie(person).await;
        let asked = format!("GET {path}");
        let answer =
            http().get(format!("{}{path}", self.url())).header("cookie", cookie).send().await;
        let answer = answer.unwrap_or_else(|err| fail(&format!("{asked}: {err}")));
        let status = answer.status().as_u16();
        Answer { asked, status, text: answer.text().await.expect("a page in UTF-8") }
    }

    /// The cookie of somebody's session, who signs in for it once.
    ///
    /// # Panics
    ///
    /// When signing in does not work.
    pub async fn cookie(&self, person: &Person) -> String {
        let mut sessions = self.sessions.lock().await;
        match sessions.get(&person.name) {
            Some(cookie) => cookie.clone(),
            None => {
                let cookie = self.sign_in(person).await;
                sessions.insert(person.name.clone(), cookie.clone());
                cookie
            }
        }
    }

    /// Fills the form in and answers the session's cookie.
    async fn sign_in(&self, person: &Person) -> String {
        let url = format!("{}{SIGN_IN}", self.url());
        let page = http().get(&url).send().await.expect("the page for signing in");
        let before = cookies(&page);
        let page = page.text().await.expect("a page in UTF-8");
        let (action, fields) = sign_in_form(&page, &person.name, &person.password);
        let action = reqwest::Url::parse(&url).and_then(|url| url.join(&action));
        let mut request = http().post(action.expect("the form's address")).form(&fields);
        if !before.is_empty() {
            request = request.header("cookie", before);
        }
        let answer = request.send().await.expect("an answer to the form");
        let (status, cookie) = (answer.status(), cookies(&answer));
        if cookie.is_empty() {
            let said = answer.text().await.unwrap_or_default();
            fail(&format!("{} could not sign in: {status} {said}", person.name));
        }
        cookie
    }
}

/// The cookies that an answer sets, as the next request sends them.
fn cookies(answer: &reqwest::Response) -> String {
    let set = answer.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let pairs = set.filter_map(|value| value.split(';').next());
    pairs.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; ")
}

/// Address and fields of the form that asks for a password, filled in.
fn sign_in_form(page: &str, name: &str, password: &str) -> (String, Vec<(String, String)>) {
    let css = |text: &str| scraper::Selector::parse(text).expect("a selector");
    let page = scraper::Html::parse_document(page);
    let (form, input, secret) = (css("form"), css("input"), css("input[type=password]"));
    let form = page.select(&form).find(|form| form.select(&secret).next().is_some());
    let form = form.expect("a form that asks for a password");
    let field = |input: scraper::ElementRef<'_>| {
        let name_of = input.attr("name")?.to_owned();
        let value = match input.attr("type") {
            Some("password") => password.to_owned(),
            Some("hidden") => input.attr("value").unwrap_or_default().to_owned(),
            Some("checkbox" | "submit") => return None,
            _ => name.to_owned(),
        };
        Some((name_of, value))
    };
    let fields = form.select(&input).filter_map(field).collect();
    (form.attr("action").unwrap_or_default().to_owned(), fields)
}
