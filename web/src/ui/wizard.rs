//! The steps of setting up after the first administrator: how this service is reached, whether
//! registries work with it, with what it signs, and what a registry's configuration says of it.
//!
//! No step is remembered: each shows what is, has an address of its own, and changes nothing that
//! stands in the configuration file.

use axum::extract::State;
use axum::response::Response;
use domain::access::{Action, Resource};
use domain::name::RegistryName;
use http::header::{HOST, REFERER};
use http::{HeaderMap, Uri};
use jiff::Timestamp;
use maud::{Markup, html};
use projections::activity::{self, Filter, Viewer};
use projections::registries::RegistryRow;
use serde::Deserialize;

use super::UiState;
use super::admin_registries::config;
use super::components::{block, command, crumbs, csrf, empty, scroll};
use super::reader::Reader;
use super::registry_test::{self, Step as Tried};
use super::visitor::{Member, Visitor, query};
use crate::app::as_realm;
use crate::auth::{External, SignedForm};
use crate::config::{DEFAULT_FILE, Source};
use crate::error::PageError;
use crate::registry::realm;
use crate::texts::{Lang, Word};

/// The most bytes of an address that a browser says and that is repeated to it.
const MAX_HOST_BYTES: usize = 255;

/// The steps in their order, each with its address and name.
const STEPS: [(&str, Word); 4] = [
    ("/setup/address", Lang::step_address),
    ("/setup/registry", Lang::step_registry),
    ("/setup/keys", Lang::step_keys),
    ("/setup/configuration", Lang::step_configuration),
];

/// What the list of steps shows.
pub(super) struct Overview {
    pub(super) address: Address,
    pub(super) registries: usize,
    /// Whether any registry has told of anything.
    pub(super) heard: bool,
    pub(super) key_good_until: Timestamp,
    pub(super) reader: Reader,
}

/// `GET /setup`, once there is an administrator.
pub(super) async fn show(
    ui: &UiState,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    if visitor.session.is_none() {
        return Err(visitor.missing());
    }
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let filter = Filter { kind: Some("content".to_owned()), ..Filter::default() };
    let all = Viewer { auditor: true, ..Viewer::default() };
    let page = Overview {
        address: Address::of(ui, headers),
        registries: ui.registries().await?.0.len(),
        heard: !activity::page(&ui.read, &filter, &all, None, 1).await?.rows.is_empty(),
        key_good_until: ui.signer.key().not_after,
        reader: visitor.reader(),
    };
    Ok(visitor.show(visitor.lang().wizard_title(), body(&page)))
}

pub(super) fn body(page: &Overview) -> Markup {
    let t = page.reader.lang;
    let registries = i64::try_from(page.registries).unwrap_or(i64::MAX);
    let heard = page.registries > 0 && page.heard;
    let rows: [(&str, Word, bool, Markup); 5] = [
        ("", Lang::step_administrator, true, html! { (t.step_administrator_done()) }),
        (STEPS[0].0, STEPS[0].1, page.address.is_good(), html! { code { (page.address.ours) } }),
        (
            STEPS[1].0,
            STEPS[1].1,
            heard,
            html! {
                @match (page.registries, page.heard) {
                    (0, _) => (t.registry_check_none()),
                    (_, true) => (t.registries(registries)),
                    (_, false) => { (t.registries(registries)) "; " (t.registry_silent()) }
                }
            },
        ),
        (
            STEPS[2].0,
            STEPS[2].1,
            true,
            html! { (t.good_until()) " " (page.reader.exactly(page.key_good_until)) },
        ),
        (STEPS[3].0, STEPS[3].1, heard, html! { (t.step_configuration_text()) }),
    ];
    html! {
        h1 { (t.wizard_title()) }
        p.lead { (t.wizard_text()) }
        (scroll(t.wizard_caption(), html! {
            table.stack data-rows {
                caption { (t.wizard_caption()) }
                thead { tr { th scope="col" { (t.test_step()) } th scope="col" { (t.admin_state()) } } }
                tbody {
                    @for (path, name, good, said) in &rows {
                        tr {
                            th scope="row" { @if path.is_empty() { (name(t)) } @else { a href=(path) { (name(t)) } } }
                            td data-label=(t.admin_state()) {
                                @if *good { span.badge.ok { (t.step_good()) } } @else { span.badge.warn { (t.step_look()) } }
                                " " (said)
                            }
                        }
                    }
                }
            }
        }))
        p.pages {
            a.button.primary href=(STEPS[0].0) { (t.step_next(STEPS[0].1(t))) }
            a.button href="/" { (t.wizard_start()) }
        }
    }
}

/// The frame of a step: where one is, and the ways on and back.
fn step(t: Lang, here: usize, inside: &Markup) -> Markup {
    let name = |at: usize| (STEPS[at].0, STEPS[at].1(t));
    let before = here.checked_sub(1).map(name);
    let next = (here + 1 < STEPS.len()).then(|| name(here + 1));
    html! {
        (crumbs(t, &[(t.wizard_title().to_owned(), "/setup".to_owned())]))
        h1 { (STEPS[here].1(t)) }
        nav.steps aria-label=(t.wizard_steps()) {
            ol {
                @for (at, (path, name)) in STEPS.iter().enumerate() {
                    li { a href=(path) aria-current=[(at == here).then_some("step")] { (name(t)) } }
                }
            }
        }
        (inside)
        p.pages {
            @match next {
                Some((path, name)) => a.button.primary href=(path) { (t.step_next(name)) },
                None => a.button.primary href="/" { (t.wizard_start()) },
            }
            @match before {
                Some((path, name)) => a.button href=(path) { (t.step_back(name)) },
                None => a.button href="/setup" { (t.wizard_all()) },
            }
        }
    }
}

/// How we are reached, as configured and as a browser says.
pub(super) struct Address {
    pub(super) ours: String,
    pub(super) from: Source,
    /// Host, and scheme before it where the browser said so.
    pub(super) seen: Option<String>,
}

impl Address {
    fn of(ui: &UiState, headers: &HeaderMap) -> Self {
        Self {
            ours: ui.auth.external.origin().to_owned(),
            from: ui.site.external_url_from.clone(),
            seen: seen(headers),
        }
    }

    /// Whether the browser uses what is configured; `None`: it did not say.
    fn agrees(&self) -> Option<bool> {
        let seen = self.seen.as_ref()?;
        let ours = as_realm(&self.ours);
        Some(match seen.contains("://") {
            true => as_realm(seen) == ours,
            false => ["http", "https"].iter().any(|scheme| {
                let seen = External::new(&format!("{scheme}://{seen}"));
                as_realm(seen.origin()) == ours
            }),
        })
    }

    fn is_good(&self) -> bool {
        self.agrees() != Some(false) && realm::problem(&as_realm(&self.ours)).is_none()
    }

    /// The address to configure: the browser's, if it said all of it.
    fn wanted(&self) -> &str {
        match (&self.seen, self.agrees()) {
            (Some(seen), Some(false)) if seen.contains("://") => seen,
            _ => &self.ours,
        }
    }
}

/// The address that a browser says it uses. It is told nobody but this browser.
fn seen(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?.to_ascii_lowercase();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    if host.is_empty() || host.len() > MAX_HOST_BYTES || !host.bytes().all(plain) {
        return None;
    }
    // Only a page of ours says the scheme, because only there the browser was here before.
    let from = headers.get(REFERER).and_then(|from| from.to_str().ok()?.parse::<Uri>().ok());
    let scheme = from.as_ref().and_then(|from| {
        let same = from.authority().is_some_and(|at| at.as_str().eq_ignore_ascii_case(&host));
        from.scheme_str().filter(|scheme| same && matches!(*scheme, "http" | "https"))
    });
    Some(scheme.map_or_else(|| host.clone(), |scheme| format!("{scheme}://{host}")))
}

/// `GET /setup/address`
pub(super) async fn show_address(
    State(ui): State<UiState>,
    Member(visitor): Member,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let t = visitor.lang();
    Ok(visitor.show(t.step_address(), address_body(t, &Address::of(&ui, &headers))))
}

pub(super) fn address_body(t: Lang, address: &Address) -> Markup {
    let realm = format!("{}/v2/token", as_realm(&address.ours));
    let from = match &address.from {
        Source::Default => t.address_derived().to_owned(),
        Source::File(path) | Source::SecretFile(path) => {
            t.address_from_file(&path.display().to_string())
        }
        Source::Variable(name) => t.address_from_variable(name),
        Source::Flag(name) => t.address_from_flag(name),
    };
    let problem = realm::problem(&realm).map(|problem| match problem {
        realm::Problem::NoAddress(url) => t.realm_no_address(&url),
        realm::Problem::Ip(host) => t.realm_ip(&host),
        realm::Problem::NotHttps(url) => t.realm_not_https(&url),
    });
    let file = match &address.from {
        Source::File(path) => path.display().to_string(),
        _ => DEFAULT_FILE.to_owned(),
    };
    let wanted = address.wanted();
    step(
        t,
        0,
        &html! {
            p { (t.address_text()) }
            dl.list {
                div { dt { (t.address_ours()) } dd { code { (address.ours) } " (" (from) ")" } }
                div { dt { (t.address_seen()) } dd { @match &address.seen { Some(seen) => code { (seen) }, None => (t.unknown()) } } }
                div { dt { (t.address_realm()) } dd { code { (realm) } } }
            }
            @match address.agrees() {
                Some(true) => p.notice { (t.address_agrees()) },
                Some(false) => p.notice.bad { (t.address_differs()) },
                None => p.notice.warn { (t.address_unsaid()) },
            }
            @if let Some(problem) = &problem { p.notice.warn { (problem) } }
            h2 { (t.address_change()) }
            p { (t.address_in_file()) " " code { (file) } ":" }
            (block(t, t.address_in_file(), &format!("[http]\nexternal_url = \"{wanted}\"\n")))
            p { (t.address_in_variable()) ":" }
            (command(t, t.address_in_variable(), &format!("PORTUS_HTTP__EXTERNAL_URL={wanted}")))
            p.muted { (t.address_then()) }
        },
    )
}

/// What the step of registries shows.
pub(super) struct Registries {
    pub(super) rows: Vec<RegistryRow>,
    /// Which was tried out, and what came of it.
    pub(super) tried: Option<(String, Vec<Tried>)>,
    pub(super) csrf: String,
    pub(super) reader: Reader,
}

/// `GET /setup/registry`
pub(super) async fn show_registry(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let page = registries(&ui, &visitor, None).await?;
    Ok(visitor.show(visitor.lang().step_registry(), registry_body(&page)))
}

async fn registries(
    ui: &UiState,
    visitor: &Visitor,
    tried: Option<(String, Vec<Tried>)>,
) -> Result<Registries, PageError> {
    let rows = ui.registries().await?.0;
    Ok(Registries { rows, tried, csrf: visitor.csrf(), reader: visitor.reader() })
}

/// Which registry is tried out.
#[derive(Deserialize)]
pub(super) struct Which {
    registry: String,
}

/// `POST /setup/registry`: tries one out. Changes nothing, but costs others something, so it takes
/// a form.
pub(super) async fn try_registry(
    State(ui): State<UiState>,
    SignedForm { by, form, headers }: SignedForm<Which>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/setup/registry", by, &headers);
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let all = ui.registries().await?.0;
    let row = all.iter().find(|row| row.name == form.registry);
    let row = row.ok_or_else(PageError::not_found)?;
    let tried = registry_test::run(&ui, row).await?;
    let page = registries(&ui, &visitor, Some((row.name.clone(), tried))).await?;
    Ok(visitor.show(visitor.lang().step_registry(), registry_body(&page)))
}

pub(super) fn registry_body(page: &Registries) -> Markup {
    let t = page.reader.lang;
    step(
        t,
        1,
        &html! {
            p { (t.registry_check_text()) }
            @if page.rows.is_empty() {
                (empty(html! {
                    p { (t.registry_check_none()) }
                    p { a.button href="/admin/registries" { (t.registry_check_add()) } }
                }))
            }
            @for row in &page.rows {
                h2 { (t.registry_title(&row.name)) }
                dl.list {
                    div { dt { (t.registry_host()) } dd { code { (row.host) } } }
                    div { dt { (t.registry_url()) } dd { code { (row.url) } } }
                }
                @if let Some((_, tried)) = page.tried.as_ref().filter(|(name, _)| *name == row.name) {
                    (registry_test::table(&page.reader, tried))
                }
                form.line method="post" action="/setup/registry" {
                    (csrf(&page.csrf))
                    button type="submit" name="registry" value=(row.name) { (t.try_registry(&row.name)) }
                }
            }
            @if !page.rows.is_empty() { p { a href="/admin/registries" { (t.registry_check_many()) } } }
        },
    )
}

/// `GET /setup/keys`
pub(super) async fn show_keys(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let key = ui.signer.key();
    let folder = ui.site.keys.display().to_string();
    let body = keys_body(&visitor.reader(), &key.kid, key.not_after, &folder);
    Ok(visitor.show(visitor.lang().step_keys(), body))
}

pub(super) fn keys_body(reader: &Reader, kid: &str, until: Timestamp, folder: &str) -> Markup {
    let t = reader.lang;
    step(
        t,
        2,
        &html! {
            p { (t.keys_text()) }
            dl.list {
                div { dt { (t.key_id()) } dd { code { (kid) } } }
                div { dt { (t.good_until()) } dd { (reader.exactly(until)) " (" (reader.time(until)) ")" } }
                div { dt { (t.keys_where()) } dd { code { (folder) } } }
            }
            p { (t.keys_keep()) }
            p { a href="/admin/keys" { (t.keys_more()) } }
        },
    )
}

/// What the step of a registry's configuration shows.
pub(super) struct Configuration {
    pub(super) rows: Vec<RegistryRow>,
    /// The one that is shown, by its place among them.
    pub(super) shown: usize,
    pub(super) managed: Option<RegistryName>,
    pub(super) origin: String,
    pub(super) issuer: String,
    pub(super) bundle: String,
    pub(super) lang: Lang,
}

/// `GET /setup/configuration?registry=`
pub(super) async fn show_configuration(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let rows = ui.registries().await?.0;
    let shown = match visitor.params.get("registry") {
        Some(asked) => rows.iter().position(|row| row.name == asked),
        None => Some(0),
    };
    let page = Configuration {
        rows,
        shown: shown.ok_or_else(PageError::not_found)?,
        managed: ui.site.managed.clone(),
        origin: ui.auth.external.origin().to_owned(),
        issuer: ui.signer.issuer().to_owned(),
        bundle: ui.signer.bundle().unwrap_or_default(),
        lang: visitor.lang(),
    };
    Ok(visitor.show(page.lang.step_configuration(), configuration_body(&page)))
}

pub(super) fn configuration_body(page: &Configuration) -> Markup {
    let t = page.lang;
    let inside = match page.rows.get(page.shown) {
        Some(row) => of_registry(page, row),
        None => empty(html! {
            p { (t.registry_check_none()) }
            p { a.button href="/admin/registries" { (t.registry_check_add()) } }
        }),
    };
    step(t, 3, &inside)
}

fn of_registry(page: &Configuration, row: &RegistryRow) -> Markup {
    let t = page.lang;
    let managed = page.managed.as_ref().is_some_and(|ours| ours.as_str() == row.name);
    let link = html! { a href=(format!("/admin/registries/{}", row.name)) { (t.registry_title(&row.name)) } };
    html! {
        @if page.rows.len() > 1 {
            nav.tabs aria-label=(t.configuration_which()) {
                ul {
                    @for (at, other) in page.rows.iter().enumerate() {
                        li { a href=(format!("/setup/configuration{}", query(&[("registry", Some(&other.name))]))) aria-current=[(at == page.shown).then_some("page")] { (other.name) } }
                    }
                }
            }
        }
        @if managed { p.notice { (t.configuration_managed()) } } @else {
            p { (t.configuration_text()) }
            p { (t.configuration_secret(&link)) }
        }
        h2 { (t.registry_config()) }
        (block(t, t.registry_config(), &config(&page.origin, &page.issuer, &row.service, None)))
        h2 { (t.registry_bundle()) }
        (block(t, t.registry_bundle(), &page.bundle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(ours: &str, headers: &[(http::HeaderName, &str)]) -> Address {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
        Address {
            ours: ours.to_owned(),
            from: Source::Default,
            seen: seen(&headers.collect::<HeaderMap>()),
        }
    }

    #[test]
    fn an_address_agrees_when_host_and_scheme_are_the_configured_ones() {
        let ours = "https://portus.example.org";
        let host = |host| address(ours, &[(HOST, host)]).agrees();
        assert_eq!(host("Portus.example.org"), Some(true));
        assert_eq!(host("portus.example.org:8443"), Some(false));
        assert_eq!(host("10.0.0.7:3000"), Some(false));
        assert_eq!(host("a b"), None);
        assert_eq!(host(&"a".repeat(MAX_HOST_BYTES + 1)), None);
        assert_eq!(address(ours, &[]).agrees(), None);

        let from = |from| address(ours, &[(HOST, "portus.example.org"), (REFERER, from)]);
        assert_eq!(from("https://portus.example.org/setup").agrees(), Some(true));
        let plain = from("http://portus.example.org/setup");
        assert_eq!(plain.agrees(), Some(false));
        assert_eq!(plain.wanted(), "http://portus.example.org");
        assert_eq!(
            from("http://elsewhere.example/x").agrees(),
            Some(true),
            "it says nothing of us"
        );
        // On one machine, both names are good.
        let here = address("http://127.0.0.1:3000", &[(HOST, "localhost:3000")]);
        assert_eq!((here.agrees(), here.is_good()), (Some(true), true));
    }
}
