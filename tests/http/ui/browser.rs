//! A browser without script: cookies, links, forms.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};
use scraper::{ElementRef, Html, Selector};

/// Somebody's browser.
pub(crate) struct Browser {
    http: reqwest::Client,
    url: String,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// What it shows.
pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) fn new(url: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { http, url: url.to_owned(), cookies: BTreeMap::new() }
    }

    /// One request, redirects not followed.
    pub(crate) async fn ask(&mut self, request: reqwest::RequestBuilder, path: &str) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let request = match cookies.is_empty() {
            true => request,
            false => request.header("cookie", cookies.join("; ")),
        };
        let answer = request.send().await.unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let (name, value) =
                set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        Page {
            path: path.to_owned(),
            status: answer.status(),
            headers: answer.headers().clone(),
            text: answer.text().await.unwrap(),
        }
    }

    /// A request with this browser's cookies, whose answer is read piece by piece.
    pub(crate) fn cookied(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let cookies: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        self.request(method, path).header("cookie", cookies.join("; "))
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).header("accept", "text/html")
    }

    /// Opens a page, and goes where it leads.
    pub(crate) async fn open(&mut self, path: &str) -> Page {
        let request = self.request(reqwest::Method::GET, path);
        let page = self.ask(request, path).await;
        self.follow(page).await
    }

    /// Sends the form of a page that goes to `action`, with these fields filled in.
    pub(crate) async fn submit(
        &mut self,
        page: &Page,
        action: &str,
        filled: &[(&str, &str)],
    ) -> Page {
        let (method, fields) = page.form(action, filled);
        if method == "post" {
            let request = self.request(reqwest::Method::POST, action).form(&fields);
            let answer = self.ask(request, action).await;
            return self.follow(answer).await;
        }
        let query = serde_urlencoded::to_string(&fields).unwrap();
        self.open(&format!("{action}?{query}")).await
    }

    /// The session's form token, from a page.
    pub(crate) async fn csrf(&mut self, path: &str) -> String {
        self.open(path).await.csrf()
    }

    pub(crate) async fn sign_in(&mut self, name: &str, password: &str) -> Page {
        let page = self.open("/sign-in").await;
        self.submit(&page, "/sign-in", &[("name", name), ("password", password)]).await
    }

    async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..5 {
            if !page.status.is_redirection() {
                return page;
            }
            let to = page.headers["location"].to_str().unwrap().to_owned();
            assert!(to.starts_with('/') && !to.starts_with("//"), "{to}");
            let request = self.request(reqwest::Method::GET, &to);
            page = self.ask(request, &to).await;
        }
        panic!("redirects without end at {}", page.path);
    }
}

/// What a field holds before anybody types.
fn held(field: ElementRef<'_>) -> String {
    match field.value().name() {
        "select" => {
            let chosen = Selector::parse("option[selected]").unwrap();
            let first = Selector::parse("option").unwrap();
            let option = field.select(&chosen).next().or_else(|| field.select(&first).next());
            option.and_then(|option| option.attr("value")).unwrap_or_default().to_owned()
        }
        "textarea" => {
            let text = field.text().collect::<String>();
            text.strip_prefix('\n').unwrap_or(&text).to_owned()
        }
        _ => field.attr("value").unwrap_or_default().to_owned(),
    }
}

impl Page {
    fn form(&self, action: &str, filled: &[(&str, &str)]) -> (String, Vec<(String, String)>) {
        let html = Html::parse_document(&self.text);
        let css = format!("form[action='{action}']");
        let form = html.select(&Selector::parse(&css).unwrap()).next();
        let form = form.unwrap_or_else(|| panic!("no form to {action} in {}", self.text));
        let fields = Selector::parse("input[name], select[name], textarea[name]").unwrap();
        let mut values: Vec<(String, String)> = form
            .select(&fields)
            .filter(|field| match field.attr("type") {
                Some("checkbox") => false,
                Some("radio") => field.attr("checked").is_some(),
                _ => true,
            })
            .map(|field| (field.attr("name").unwrap().to_owned(), held(field)))
            .collect();
        for (name, value) in filled {
            let buttons = Selector::parse("button[name]").unwrap();
            let known = form
                .select(&fields)
                .chain(form.select(&buttons))
                .any(|field| field.attr("name") == Some(name));
            assert!(known, "no field {name} in the form to {action}");
            values.retain(|(known, _)| known != name);
            values.push(((*name).to_owned(), (*value).to_owned()));
        }
        (form.attr("method").unwrap_or("get").to_owned(), values)
    }

    /// The words of everything that fits a selector.
    pub(crate) fn all(&self, css: &str) -> Vec<String> {
        let html = Html::parse_document(&self.text);
        let text = |found: ElementRef<'_>| {
            let words = found.text().collect::<String>();
            words.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        html.select(&Selector::parse(css).unwrap()).map(text).collect()
    }

    /// All words of the page's own part.
    pub(crate) fn words(&self) -> String {
        self.all("main").join(" ")
    }

    /// An attribute of everything that fits a selector.
    pub(crate) fn attributes(&self, css: &str, name: &str) -> Vec<String> {
        let html = Html::parse_document(&self.text);
        let all = Selector::parse(css).unwrap();
        html.select(&all).filter_map(|found| found.attr(name).map(str::to_owned)).collect()
    }

    /// The values of the fields that fit a selector.
    pub(crate) fn values(&self, css: &str) -> Vec<String> {
        let html = Html::parse_document(&self.text);
        let fields = Selector::parse(css).unwrap();
        html.select(&fields).filter_map(|field| field.attr("value").map(str::to_owned)).collect()
    }

    /// The session's form token.
    pub(crate) fn csrf(&self) -> String {
        self.values("input[name=csrf]").remove(0)
    }

    pub(crate) fn count(&self, css: &str) -> usize {
        self.all(css).len()
    }
}
