//! The steps of setting up.

use std::path::PathBuf;

use maud::Markup;

use super::super::{registry_test, wizard};
use super::{before, reader, registries};
use crate::config::Source;
use crate::texts::Lang;

/// Each step as it is at the best and otherwise.
pub(super) fn wizard(lang: Lang, text: &str) -> Vec<(&'static str, Markup)> {
    let address = |good: bool| wizard::Address {
        ours: if good { "https://portus.example.org".to_owned() } else { text.to_owned() },
        from: match good {
            true => Source::File(PathBuf::from("/etc/portus/portus.toml")),
            false => Source::Default,
        },
        seen: good.then(|| "https://portus.example.org".to_owned()),
    };
    let elsewhere = wizard::Address { seen: Some("10.0.0.7:3000".to_owned()), ..address(true) };
    let overview = |good: bool| wizard::Overview {
        address: address(good),
        registries: usize::from(good),
        heard: good,
        key_good_until: before(-1_000),
        reader: reader(lang),
    };
    let rows = |full: bool| if full { registries().0 } else { vec![] };
    let tried = |full: bool| wizard::Registries {
        rows: rows(full),
        tried: full.then(|| ("main".to_owned(), registry_test::sample())),
        csrf: "token".to_owned(),
        reader: reader(lang),
    };
    let said = |full: bool, shown: usize| wizard::Configuration {
        rows: rows(full),
        shown,
        managed: domain::name::RegistryName::parse("two").ok(),
        origin: "https://portus.example.org".to_owned(),
        issuer: "portus.example.org".to_owned(),
        bundle: text.to_owned(),
        lang,
    };
    vec![
        ("setup, steps", wizard::body(&overview(true))),
        ("setup, steps to look at", wizard::body(&overview(false))),
        ("setup, address", wizard::address_body(lang, &address(true))),
        ("setup, another address", wizard::address_body(lang, &elsewhere)),
        ("setup, address unsaid", wizard::address_body(lang, &address(false))),
        ("setup, registry", wizard::registry_body(&tried(true))),
        ("setup, no registry", wizard::registry_body(&tried(false))),
        ("setup, keys", wizard::keys_body(&reader(lang), text, before(-1_000), text)),
        ("setup, configuration", wizard::configuration_body(&said(true, 0))),
        ("setup, managed registry", wizard::configuration_body(&said(true, 1))),
        ("setup, nothing to configure", wizard::configuration_body(&said(false, 0))),
    ]
}
