use std::collections::BTreeMap;

use super::keys::KEYS;
use super::*;

fn file(text: &str) -> Layers {
    Layers { file: Some(("portus.toml".into(), text.to_owned())), ..Layers::default() }
}

fn variables(list: &[(&str, &str)]) -> Layers {
    let variables: BTreeMap<_, _> =
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Layers { variables, ..Layers::default() }
}

fn problems(layers: &Layers) -> String {
    Config::load(layers).unwrap_err().to_string()
}

#[test]
fn nothing_said_is_a_good_configuration() {
    let (config, resolved) = Config::load(&Layers::default()).unwrap();
    assert_eq!(config.listen, "127.0.0.1:3000");
    assert_eq!(config.policy, Policy::default());
    assert_eq!(*resolved.source("listen"), Source::Default);
}

#[test]
fn every_switch_of_the_policy_has_its_key_and_the_same_default() {
    let policy = serde_json::to_value(Policy::default()).unwrap();
    for (field, value) in policy.as_object().unwrap() {
        let key = KEYS.iter().find(|key| key.name == format!("policy.{field}"));
        let key = key.unwrap_or_else(|| panic!("policy.{field} has no key"));
        assert_eq!(key.default, value.as_str().map_or(value.to_string(), str::to_owned));
    }
    let keys = KEYS.iter().filter(|key| key.name.starts_with("policy.")).count();
    assert_eq!(keys, policy.as_object().unwrap().len());
}

#[test]
fn every_switch_of_the_policy_can_be_turned() {
    let (before, _) = Config::load(&Layers::default()).unwrap();
    let before = serde_json::to_value(before.policy).unwrap();
    for key in KEYS.iter().filter(|key| key.name.starts_with("policy.")) {
        let other = match key.default {
            "true" => "false",
            "false" => "true",
            _ => "admin-only",
        };
        let (after, _) = Config::load(&variables(&[(&key.variable(), other)])).unwrap();
        let after = serde_json::to_value(after.policy).unwrap();
        let changed: Vec<_> = before
            .as_object()
            .unwrap()
            .iter()
            .filter(|(field, value)| after[field.as_str()] != **value)
            .map(|(field, _)| format!("policy.{field}"))
            .collect();
        assert_eq!(changed, [key.name]);
    }
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_the_file() {
    let mut layers = file("listen = \"127.0.0.1:1\"\n[token]\nlifetime_s = 120");
    assert_eq!(Config::load(&layers).unwrap().0.listen, "127.0.0.1:1");
    layers.variables.insert("PORTUS_LISTEN".into(), "127.0.0.1:2".into());
    assert_eq!(Config::load(&layers).unwrap().0.listen, "127.0.0.1:2");
    layers.flags.push(("--listen", "listen", "127.0.0.1:3".into()));
    let (config, resolved) = Config::load(&layers).unwrap();
    assert_eq!(config.listen, "127.0.0.1:3");
    assert_eq!(resolved.source("listen").to_string(), "--listen");
    assert_eq!(resolved.source("token.lifetime_s").to_string(), "portus.toml");
    assert_eq!(config.token.lifetime, Duration::from_secs(120));
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    assert_eq!(
        problems(&file("[token]\nlifetime = 120")),
        "portus.toml: token.lifetime is no key (did you mean token.lifetime_s?)"
    );
    assert_eq!(
        problems(&variables(&[("PORTUS_TOKEN__LIFETIM_S", "120")])),
        "$PORTUS_TOKEN__LIFETIM_S is no variable (did you mean PORTUS_TOKEN__LIFETIME_S?)"
    );
}

#[test]
fn a_log_on_an_event_store_needs_a_server_a_plain_name_and_a_program_that_knows_it() {
    let store = |more: &str| format!("[log]\nstore = \"eventstore\"\n{more}");
    let good = store("url = \"esdb://u:hunter2@h:2113\"\nname = \"portus-2_b\"");
    if !cfg!(feature = "eventstore") {
        let said = problems(&file(&good));
        assert!(said.contains("built without it") && said.contains("feature"), "{said}");
        return;
    }
    let (config, resolved) = Config::load(&file(&good)).unwrap();
    assert!(matches!(config.log.store, LogStore::EventStore { name, .. } if name == "portus-2_b"));
    assert!(resolved.shown().all(|(_, value, _)| !value.contains("hunter2")));
    assert!(problems(&file(&store(""))).contains("log.url is not set"));
    for name in ["", "a.b", "a b", &"a".repeat(65)] {
        let said = problems(&file(&store(&format!("url = \"esdb://h\"\nname = \"{name}\""))));
        assert!(said.contains("log.name"), "{said}");
    }
}

#[test]
fn an_impossible_value_is_named_with_what_is_possible() {
    assert_eq!(
        problems(&file("[audit]\ntoken_decisions = \"refusd\"")),
        "portus.toml: audit.token_decisions must be one of all, refused, none, not `refusd` \
         (did you mean refused?)"
    );
    assert_eq!(
        problems(&file("[token]\nlifetime_s = 59")),
        "portus.toml: token.lifetime_s must be a whole number from 60 to 900, not `59`"
    );
    assert_eq!(
        problems(&file("listen = 3000")),
        "portus.toml: listen must be an address with a port, such as 127.0.0.1:3000, in quotes"
    );
    assert_eq!(
        problems(&variables(&[("PORTUS_HTTP__TRUSTED_PROXIES", "10.0.0.0/8,proxy")])),
        "$PORTUS_HTTP__TRUSTED_PROXIES `proxy` is no address and no range such as `10.0.0.0/8`"
    );
    assert!(problems(&variables(&[("PORTUS_LISTEN", "")])).starts_with("listen must be"));
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    assert_eq!(problems(&file("a = 1\nb = 2\n[log]\nformat = \"xml\"")).lines().count(), 3);
}

#[test]
fn text_that_is_no_toml_is_named_by_its_line_and_not_quoted() {
    let said = problems(&file("listen = \"127.0.0.1:1\"\n[database]\nurl = hunter2secret"));
    assert!(said.starts_with("portus.toml: line 3: "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn each_limit_of_a_number_is_good_and_one_beyond_is_not() {
    for key in KEYS {
        let keys::Kind::Number(least, most) = key.kind else { continue };
        let try_it =
            |number: i64| Config::load(&variables(&[(&key.variable(), &number.to_string())]));
        assert!(try_it(least).is_ok() && try_it(most).is_ok(), "{}", key.name);
        assert!(try_it(least - 1).is_err() && try_it(most + 1).is_err(), "{}", key.name);
    }
}

#[test]
fn a_secret_is_read_from_a_file_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    std::fs::write(&path, "postgres://u:hunter2@h/d\n").unwrap();
    let layers = variables(&[("PORTUS_DATABASE__URL_FILE", path.to_str().unwrap())]);
    let (config, resolved) = Config::load(&layers).unwrap();
    let url = config.database.url.as_ref().unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(url), "postgres://u:hunter2@h/d");
    let shown: Vec<_> = resolved.shown().map(|(_, text, _)| text).collect();
    assert!(shown.contains(&"(secret)".to_owned()));
    assert!(!format!("{shown:?}{config:?}").contains("hunter2"));
}

#[test]
fn systemd_hands_over_a_secret_as_a_file_named_like_the_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("registry.secret"), "s3cret").unwrap();
    let layers = Layers { credentials: Some(folder.path().to_owned()), ..Layers::default() };
    let (_, resolved) = Config::load(&layers).unwrap();
    assert_eq!(resolved.text("registry.secret"), "s3cret");
    assert!(matches!(resolved.source("registry.secret"), Source::SecretFile(_)));
}

#[test]
fn a_secret_file_that_cannot_be_read_stops_the_start() {
    let said = problems(&variables(&[("PORTUS_DATABASE__URL_FILE", "/nowhere/at/all")]));
    assert!(said.starts_with("database.url: cannot read /nowhere/at/all"), "{said}");
    let said = problems(&variables(&[("PORTUS_LISTEN_FILE", "/nowhere")]));
    assert!(said.contains("so set $PORTUS_LISTEN"), "{said}");
}

#[test]
fn what_kubernetes_sets_for_a_service_of_our_name_is_none_of_ours() {
    let layers = variables(&[
        ("PORTUS_PORT", "tcp://10.0.0.1:3000"),
        ("PORTUS_PORT_3000_TCP_ADDR", "10.0.0.1"),
        ("PORTUS_SERVICE_HOST", "10.0.0.1"),
    ]);
    assert!(Config::load(&layers).is_ok());
}

#[test]
fn a_registry_is_its_address_unless_said_otherwise() {
    let mut layers = variables(&[("PORTUS_REGISTRY", "127.0.0.1:5000")]);
    let (config, _) = Config::load(&layers).unwrap();
    let registry = config.registry.unwrap();
    assert_eq!(registry.service, "127.0.0.1:5000");
    assert_eq!(registry.url, "http://127.0.0.1:5000");
    assert!(!registry.managed);
    layers.variables.insert("PORTUS_EMBEDDED".into(), "1".into());
    assert!(Config::load(&layers).unwrap().0.registry.unwrap().managed);
    layers.variables.insert("PORTUS_REGISTRY__MANAGED".into(), "no".into());
    layers.variables.insert("PORTUS_REGISTRY__SERVICE".into(), "registry.example.org".into());
    let registry = Config::load(&layers).unwrap().0.registry.unwrap();
    assert!(!registry.managed);
    assert_eq!(registry.service, "registry.example.org");
}

/// Run with `PORTUS_TEST_WRITE=1` to bring the document up to date.
#[test]
fn the_document_for_operators_lists_every_key() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operating.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (before, rest) = document.split_once("<!-- keys: begin -->\n").unwrap();
    let (written, after) = rest.split_once("<!-- keys: end -->").unwrap();
    let table = keys::table();
    if std::env::var_os("PORTUS_TEST_WRITE").is_some() {
        let whole = format!("{before}<!-- keys: begin -->\n{table}<!-- keys: end -->{after}");
        std::fs::write(path, whole).unwrap();
    } else {
        assert_eq!(written, table);
    }
}

#[test]
fn robots_are_a_list_of_account_names() {
    let of = |layers: Layers| Config::load(&layers).map(|(config, _)| config.robots);
    let flags = |text: &str| Layers {
        flags: vec![("test", "notifications.robots", text.to_owned())],
        ..Layers::default()
    };
    let names = |all: &[&str]| {
        all.iter().map(|name| domain::name::UserName::parse(name).unwrap()).collect()
    };
    assert_eq!(of(Layers::default()).unwrap(), names(&[]));
    assert_eq!(of(flags(" scanner, mirror ")).unwrap(), names(&["mirror", "scanner"]));
    let wrong = of(flags("scanner,no:name")).unwrap_err().to_string();
    assert!(wrong.contains("`no:name` is not allowed in a user name"), "{wrong}");
}

#[test]
fn mail_needs_a_server_an_address_of_ours_and_both_or_none_of_name_and_password() {
    assert!(Config::load(&Layers::default()).unwrap().0.mail.is_none());
    let (config, _) = Config::load(&file(
        "[mail]\nhost = \"mail.example.org\"\nfrom = \"Portus <p@example.org>\"",
    ))
    .unwrap();
    let mail = config.mail.unwrap();
    assert_eq!((mail.port, mail.tls), (None, MailTls::Starttls));
    assert_eq!(mail.reset_lifetime, SignedDuration::from_mins(30));
    for (text, word) in [
        ("host = \"m\"", "mail.from"),
        ("host = \"m\"\nfrom = \"nobody\"", "no address"),
        ("host = \"m\"\nfrom = \"p@example.org\"\nuser = \"p\"", "go together"),
        ("host = \"m\"\nfrom = \"p@example.org\"\nport = 65536", "mail.port"),
    ] {
        let found = problems(&file(&format!("[mail]\n{text}")));
        assert!(found.contains(word), "{found}");
    }
}
