//! What must hold for all pages.

use std::collections::BTreeSet;

use scraper::{ElementRef, Html, Selector};

use super::super::layout::{Flash, Frame, Looking, page};
use super::super::sentence::sentence;
use super::*;
use crate::auth::Theme;

/// Forms of those who have no session.
const OPEN: [&str; 5] = ["/sign-in", "/setup", "/sign-up", "/password", "/password/new"];

/// Text that must never become markup.
const HOSTILE: [&str; 12] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "<!--",
    "]]><script>alert(1)</script>",
    "javascript:alert(1)",
    "\" autofocus onfocus=alert(1) x=\"",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u{202e}<b onmouseover=alert(1)>",
];

fn framed(lang: Lang, text: &str) -> Vec<(&'static str, String)> {
    let frames = [
        Frame { path: "/activity".to_owned(), reader: reader(lang), ..Frame::default() },
        Frame {
            path: format!("/r/{text}"),
            user: Some(text.to_owned()),
            admin: true,
            csrf: Some("token".to_owned()),
            position: Some(18_204),
            flash: Some(Flash::NotYetVisible),
            looking: Some(Looking::Back { event: 18_204, at: before(3) }),
            unknown: vec![("sort", text.to_owned())],
            reader: reader(lang),
            look: Preferences { theme: Theme::Dark, ..Preferences::default() },
        },
    ];
    let all = frames.iter().flat_map(|frame| {
        samples(lang, text)
            .into_iter()
            .map(move |(name, body)| (name, page(frame, text, body).into_string()))
    });
    all.collect()
}

fn in_every_language(text: &str) -> Vec<(Lang, (&'static str, String))> {
    let all = Lang::EVERY.into_iter();
    all.flat_map(|lang| framed(lang, text).into_iter().map(move |page| (lang, page))).collect()
}

fn select<'a>(html: &'a Html, css: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(css).unwrap()).collect()
}

fn text_of(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().trim().to_owned()
}

#[test]
fn every_page_can_be_read_by_everybody() {
    for (lang, (name, text)) in in_every_language("plain") {
        let html = Html::parse_document(&text);
        assert_eq!(select(&html, "h1").len(), 1, "{name}: one h1");
        let tagged = format!("html[lang={}]", lang.tag());
        assert_eq!(select(&html, &tagged).len(), 1, "{name}: a language");
        assert_eq!(select(&html, "main#content").len(), 1, "{name}: one main");
        assert_eq!(
            select(&html, "a.skip[href='#content']").len(),
            1,
            "{name}: a way past the frame"
        );
        assert_eq!(select(&html, "meta[name=viewport]").len(), 1, "{name}: fits a phone");
        let mut ids = BTreeSet::new();
        for element in select(&html, "[id]") {
            let id = element.attr("id").unwrap().to_owned();
            assert!(ids.insert(id.clone()), "{name}: {id} twice");
        }
        for element in select(&html, "[aria-describedby]") {
            for id in element.attr("aria-describedby").unwrap().split(' ') {
                assert!(ids.contains(id), "{name}: described by {id}, which is nowhere");
            }
        }
        for input in select(&html, "input:not([type=hidden]), select, textarea") {
            let id = input.attr("id").unwrap_or_else(|| panic!("{name}: a field without id"));
            let labels = select(&html, &format!("label[for='{id}']"));
            assert_eq!(labels.len(), 1, "{name}: the label of {id}");
            assert!(!text_of(labels[0]).is_empty(), "{name}: {id}");
        }
        for table in select(&html, "table") {
            let caption = table.select(&Selector::parse("caption").unwrap()).next();
            assert!(caption.is_some_and(|c| !text_of(c).is_empty()), "{name}: a caption");
        }
        for head in select(&html, "th") {
            assert!(head.attr("scope").is_some(), "{name}: a head without scope");
        }
        for link in select(&html, "a, button") {
            let said = link.attr("aria-label").map_or_else(|| text_of(link), str::to_owned);
            assert!(!said.is_empty(), "{name}: a link or button without words: {}", link.html());
        }
        let labels: Vec<_> = select(&html, "nav[aria-label]")
            .iter()
            .map(|nav| nav.attr("aria-label").unwrap().to_owned())
            .collect();
        assert_eq!(select(&html, "nav").len(), labels.len(), "{name}: each navigation has a name");
        for region in select(&html, "[role=region]") {
            assert!(region.attr("aria-label").is_some() && region.attr("tabindex") == Some("0"));
        }
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere_and_nothing_stands_inline() {
    for (name, text) in framed(Lang::En, "plain") {
        let html = Html::parse_document(&text);
        for css in ["script:not([src])", "style", "[style]", "iframe", "object", "base", "img"] {
            assert!(select(&html, css).is_empty(), "{name}: {css}");
        }
        for element in select(&html, "[src], link[href]") {
            let at = element.attr("src").or(element.attr("href")).unwrap();
            assert!(at.starts_with("/assets/") || at == "data:,", "{name}: {at}");
        }
        for element in select(&html, "*") {
            let inline = element.value().attrs().find(|(name, _)| name.starts_with("on"));
            assert!(inline.is_none(), "{name}: {inline:?}");
        }
    }
}

#[test]
fn every_form_that_changes_something_shows_where_it_comes_from() {
    for (name, text) in framed(Lang::En, "plain") {
        let html = Html::parse_document(&text);
        for form in select(&html, "form[method=post]") {
            let action = form.attr("action").unwrap();
            let tokens = form.select(&Selector::parse("input[name=csrf]").unwrap()).count();
            // What was not sent for want of a session has none to show.
            let without = name == "not sent yet" && action == "/n/team/-/settings";
            let needed = usize::from(!OPEN.contains(&action) && !without);
            assert_eq!(tokens, needed, "{name}: {action}");
        }
    }
}

#[test]
fn what_people_write_never_becomes_markup() {
    let elements = |text: &str| -> Vec<(&'static str, usize)> {
        // What is marked of a hit depends on what was asked, and holds nothing but text.
        let count = |text: &str| {
            let html = Html::parse_document(text);
            assert!(select(&html, "mark *").is_empty(), "{text}");
            select(&html, "*:not(mark)").len()
        };
        framed(Lang::En, text).iter().map(|(name, page)| (*name, count(page))).collect()
    };
    let plain = elements("plain");
    for hostile in HOSTILE {
        for ((name, found), (_, expected)) in elements(hostile).into_iter().zip(&plain) {
            // For what holds no word, nothing is offered either.
            let searched = name.starts_with("search") || name == "suggestions";
            if searched && !hostile.contains(char::is_alphanumeric) {
                assert!(found <= *expected, "{name}: {hostile}");
            } else {
                assert_eq!(found, *expected, "{name}: {hostile}");
            }
        }
        for (name, page) in framed(Lang::De, hostile) {
            let html = Html::parse_document(&page);
            for css in ["script:not([src])", "[onerror]", "[onload]", "[onfocus]", "iframe", "img"]
            {
                assert!(select(&html, css).is_empty(), "{name}: {hostile}");
            }
            let all = select(&html, "[id]");
            let ids: BTreeSet<_> = all.iter().filter_map(|there| there.attr("id")).collect();
            for link in select(&html, "a[href], form[action]") {
                let to = link.attr("href").or(link.attr("action")).unwrap();
                // Empty is this page once more.
                let here = to.strip_prefix('#').is_some_and(|id| ids.contains(id));
                let ours = to.is_empty() || to.starts_with('/') || here;
                assert!(ours, "{name}: {to}");
            }
        }
    }
}

#[test]
fn every_type_of_fact_has_a_sentence_in_every_language() {
    for (kind, lang) in KINDS.into_iter().flat_map(|kind| Lang::EVERY.map(|lang| (kind, lang))) {
        let said = sentence(&reader(lang), &row(kind, "done", "alice"), &registries());
        let said = said.into_string();
        assert!(!said.contains(kind), "{kind} is only named: {said}");
    }
    let unknown = sentence(&reader(Lang::En), &row("x.y", "done", "alice"), &registries());
    assert!(unknown.into_string().contains("x.y"));
}

#[test]
fn a_refusal_says_which_rule_decided() {
    let refused = row("auth.tokens_decided", "refused", "bob");
    let clients = Clients::default();
    let said = activity::feed(&[refused], &clients, &registries(), &reader(Lang::En)).into_string();
    for words in [
        "asked to pull and push in <a href=\"/r/team/app\">registry.example.org/team/app</a>",
        "and was refused",
        "<code>push</code>",
        "Contributors and owners push",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("repository:team/app"), "{said}");
}

#[test]
fn a_german_page_holds_no_english_words_of_ours() {
    // What scripts are told is English, and says so; a command or a file is in no language.
    let words = |text: &str| -> Vec<String> {
        let html = Html::parse_document(text);
        let body = select(&html, "body")[0];
        let texts = body.descendants().filter_map(|node| {
            let text = node.value().as_text()?;
            let mut around = node
                .ancestors()
                .filter_map(ElementRef::wrap)
                .take_while(|element| element.value().name() != "html");
            let foreign = around.any(|element| {
                let name = element.value().name();
                element.attr("lang").is_some() || ["code", "pre"].contains(&name)
            });
            (!foreign).then(|| text.to_string())
        });
        texts.collect::<Vec<_>>().join(" ").split_whitespace().map(str::to_owned).collect()
    };
    // Words that no German sentence holds, nor a name, command or digest of the samples.
    let english = [
        "the", "and", "you", "your", "this", "with", "of", "by", "ago", "hours", "You", "The",
        "Your",
    ];
    for (name, text) in framed(Lang::De, "plain") {
        let found: Vec<_> =
            words(&text).into_iter().filter(|word| english.contains(&word.as_str())).collect();
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}

#[test]
fn the_pull_command_has_the_real_host() {
    let samples = samples(Lang::En, "x");
    let (_, page) = samples.into_iter().find(|(name, _)| *name == "repository").unwrap();
    assert!(page.into_string().contains("docker pull registry.example.org/team/app:latest"));
}

#[test]
fn every_message_has_a_code_of_its_own_and_words() {
    let codes: BTreeSet<_> = Flash::EVERY.iter().map(|flash| flash.code()).collect();
    assert_eq!(codes.len(), Flash::EVERY.len());
    for flash in Flash::EVERY {
        assert_eq!(Flash::parse(flash.code()), Some(*flash));
        assert_ne!(flash.text(Lang::En), flash.text(Lang::De));
    }
    assert_eq!(Flash::parse("nothing"), None);
}

/// A form that comes too late gives back what was typed, and nothing that is secret.
#[test]
fn every_field_of_every_form_is_kept_or_known_to_be_secret() {
    use crate::auth::unsent::{CHOSEN, SECRETS, TYPED};
    let mut lost = BTreeSet::new();
    for (name, page) in framed(Lang::En, "plain") {
        let html = Html::parse_document(&page);
        for form in select(&html, "form[method=post]") {
            if OPEN.contains(&form.attr("action").unwrap()) {
                continue;
            }
            let fields = Selector::parse("input[name], select[name], textarea[name]").unwrap();
            for field in form.select(&fields) {
                let (field, kind) = (field.attr("name").unwrap(), field.attr("type"));
                let kept = TYPED.contains(&field) || CHOSEN.contains(&field);
                let good = match kind {
                    Some("password") => SECRETS.contains(&field) && !kept,
                    Some("hidden") if ["csrf", "token", "session"].contains(&field) => true,
                    _ => kept && !SECRETS.contains(&field),
                };
                if !good {
                    lost.insert(format!("{name}: {field}"));
                }
            }
        }
    }
    assert!(lost.is_empty(), "{lost:?}");
}
