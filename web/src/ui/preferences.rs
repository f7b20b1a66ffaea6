//! How somebody likes the pages to look.

use axum::extract::State;
use axum::response::Response;
use http::header::SET_COOKIE;
use maud::{Markup, html};
use serde::Deserialize;

use super::UiState;
use super::components::{csrf, select};
use super::layout::Flash;
use super::me::head;
use super::reader::Reader;
use super::visitor::{Member, Visitor, go};
use crate::auth::{Preferences, SignedForm, Theme, is_zone};
use crate::error::PageError;
use crate::texts::Lang;

/// What the form holds.
#[derive(Deserialize, Default)]
pub(super) struct Choice {
    #[serde(default)]
    theme: String,
    #[serde(default)]
    lang: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    times: String,
    #[serde(default)]
    keys: String,
    #[serde(default)]
    rows: String,
}

/// What the page shows.
pub(super) struct Page {
    pub(super) look: Preferences,
    pub(super) zone: String,
    pub(super) wrong_zone: Option<&'static str>,
    pub(super) csrf: String,
    pub(super) reader: Reader,
}

/// `GET /me/preferences`
pub(super) async fn show(Member(visitor): Member) -> Result<Response, PageError> {
    let look = visitor.frame.look.clone();
    let page = Page {
        zone: look.zone.clone().unwrap_or_default(),
        look,
        wrong_zone: None,
        csrf: visitor.csrf(),
        reader: visitor.reader(),
    };
    Ok(visitor.show(visitor.lang().preferences(), body(&page)))
}

/// `POST /me/preferences`
pub(super) async fn submit(
    State(ui): State<UiState>,
    SignedForm { by, form, headers }: SignedForm<Choice>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/me/preferences", by, &headers);
    let zone = form.zone.trim();
    let look = Preferences {
        theme: Theme::EVERY
            .into_iter()
            .find(|theme| theme.as_str() == form.theme)
            .unwrap_or_default(),
        lang: Lang::parse(&form.lang),
        zone: Some(zone.to_owned()).filter(|zone| !zone.is_empty() && is_zone(zone)),
        exact_times: form.times == "exact",
        no_shortcuts: form.keys == "off",
        dense: form.rows == "dense",
    };
    if !zone.is_empty() && look.zone.is_none() {
        let t = visitor.lang();
        let page = Page {
            look,
            zone: zone.to_owned(),
            wrong_zone: Some(t.time_zone_wrong()),
            csrf: visitor.csrf(),
            reader: visitor.reader(),
        };
        return Ok(visitor.again(t.preferences(), body(&page)));
    }
    ui.auth.sessions.prefer(visitor.user()?, &look).await?;
    let mut response = go("/me/preferences", Flash::Saved);
    let cookie = look.hand_out(ui.auth.external.is_secure());
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

pub(super) fn body(page: &Page) -> Markup {
    let (t, look) = (page.reader.lang, &page.look);
    let mut languages = vec![("", t.language_auto())];
    languages.extend(Lang::EVERY.map(|lang| (lang.tag(), lang.own_name())));
    let pick = |second: bool, words: [&'static str; 2]| words[usize::from(second)];
    html! {
        (head(t, "preferences"))
        form method="post" action="/me/preferences" {
            (csrf(&page.csrf))
            (select("theme", t.theme(), look.theme.as_str(), &[("auto", t.theme_auto()), ("light", t.theme_light()), ("dark", t.theme_dark())]))
            (select("lang", t.language(), look.lang.map_or("", Lang::tag), &languages))
            (zone(t, &page.zone, page.wrong_zone))
            (select("times", t.times(), pick(look.exact_times, ["ago", "exact"]), &[("ago", t.times_ago()), ("exact", t.times_exact())]))
            (select("keys", t.shortcuts(), pick(look.no_shortcuts, ["on", "off"]), &[("on", t.shortcuts_on()), ("off", t.shortcuts_off())]))
            (select("rows", t.density(), pick(look.dense, ["normal", "dense"]), &[("normal", t.density_normal()), ("dense", t.density_dense())]))
            button.primary type="submit" { (t.save()) }
        }
    }
}

fn zone(t: Lang, typed: &str, wrong: Option<&str>) -> Markup {
    let described = if wrong.is_some() { "zone-hint zone-wrong" } else { "zone-hint" };
    html! {
        div.field {
            label for="zone" { (t.time_zone()) }
            span.hint id="zone-hint" { (t.time_zone_hint()) }
            input id="zone" name="zone" type="text" value=(typed) maxlength="64" autocomplete="off"
                spellcheck="false" aria-describedby=(described) aria-invalid=[wrong.map(|_| "true")];
            @if let Some(text) = wrong { span.wrong id="zone-wrong" { (text) } }
        }
    }
}
