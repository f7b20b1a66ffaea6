//! Lists of a registry, page by page: none without an end, none that leads elsewhere.

use domain::name::{RepositoryName, TagName};
use reqwest::header::LINK;
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::Value;

use super::{RegistryClient, RegistryClientError, Want, read, says_not_there, unusable};

/// The most pages of one list.
pub const MAX_PAGES: usize = 20_000;
/// The most tags of one repository. One that has more is left as it is.
pub const MAX_TAGS: usize = 100_000;
/// Names asked for at once: registries refuse to give more.
const PAGE: usize = 1_000;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Names, without those that nothing could have.
    pub names: Vec<T>,
    /// How many there were with those.
    pub len: usize,
    /// Where the list goes on.
    pub next: Option<Url>,
}

impl RegistryClient {
    /// All repositories: the first page, or the one that an earlier page says.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] for everything but a list.
    pub async fn catalog(
        &self,
        page: Option<Url>,
    ) -> Result<Page<RepositoryName>, RegistryClientError> {
        let url = match page {
            Some(url) => url,
            None => self.first("v2/_catalog")?,
        };
        let page = self.page(Want::Catalog, url, "repositories").await?;
        let page = page.ok_or_else(|| unusable("there is no catalog"))?;
        Ok(page.parsed(RepositoryName::parse))
    }

    /// The tags of a repository; none of one that the registry says it does not know.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] when any page is missing, or there are more than [`MAX_TAGS`].
    pub async fn tags(
        &self,
        repository: &RepositoryName,
    ) -> Result<Vec<TagName>, RegistryClientError> {
        let mut tags = Vec::new();
        let mut next = Some(self.first(&format!("v2/{repository}/tags/list"))?);
        let mut seen = 0;
        for number in 0..MAX_PAGES {
            let Some(url) = next else { return Ok(tags) };
            let Some(page) = self.page(Want::Pull(repository), url, "tags").await? else {
                // Gone between two pages: what came before is no whole list.
                return if number == 0 { Ok(tags) } else { Err(unusable("a page is missing")) };
            };
            seen += page.len;
            if seen > MAX_TAGS {
                return Err(unusable(format!("there are more than {MAX_TAGS} tags")));
            }
            let page = page.parsed(TagName::parse);
            tags.extend(page.names);
            next = page.next;
        }
        Err(unusable("a list without an end"))
    }

    /// One page; `None` when the registry itself says that there is no such list.
    async fn page(
        &self,
        want: Want<'_>,
        url: Url,
        field: &str,
    ) -> Result<Option<Page<String>>, RegistryClientError> {
        let answer = self.ask(Method::GET, url.clone(), want).await?;
        let status = answer.status();
        let next = next_page(&answer, &url);
        let body = read(answer).await?;
        match status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND if says_not_there(&body) => return Ok(None),
            status => return Err(unusable(format!("{status} for a list"))),
        }
        let json: Value =
            serde_json::from_slice(&body).map_err(|_| unusable("a list that is no JSON"))?;
        let names: Vec<String> = match json.get(field) {
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(Value::Null) => Vec::new(),
            _ => return Err(unusable(format!("a list without `{field}`"))),
        };
        match &next {
            Some(next) if next.origin() != self.base.origin() || *next == url => {
                Err(unusable("a list that leads elsewhere"))
            }
            Some(_) if names.is_empty() => Err(unusable("a list that goes on with nothing")),
            _ => Ok(Some(Page { len: names.len(), names, next })),
        }
    }

    fn first(&self, path: &str) -> Result<Url, RegistryClientError> {
        let mut url = self.at(path)?;
        url.query_pairs_mut().append_pair("n", &PAGE.to_string());
        Ok(url)
    }
}

impl Page<String> {
    fn parsed<T, E>(self, parse: impl Fn(&str) -> Result<T, E>) -> Page<T> {
        let names = self.names.iter().filter_map(|name| parse(name).ok()).collect();
        Page { names, len: self.len, next: self.next }
    }
}

/// `Link: </v2/…?last=x&n=5>; rel="next"`
fn next_page(answer: &Response, here: &Url) -> Option<Url> {
    let link = answer.headers().get(LINK)?.to_str().ok()?;
    let (path, rest) = link.strip_prefix('<')?.split_once('>')?;
    if rest.contains("next") { here.join(path).ok() } else { None }
}
