//! Each page with made-up data, and what must hold for all of them.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use maud::Markup;
use projections::activity::ActivityRow;
use projections::app_tokens::AppTokenRow;
use projections::manifests::ReferenceRow;
use projections::namespaces::NamespaceRow;
use projections::registries::RegistryRow;
use projections::repositories::RepositoryRow;
use projections::search::{Entry, Hits, Results};
use projections::stars::StarRow;
use projections::tags::{TagChangeRow, TagRow};
use scraper::{ElementRef, Html, Selector};
use serde_json::json;

use super::layout::{Flash, Frame, page};
use super::visitor::Registries;
use super::{
    activity, help, home, namespaces, repositories, search, sessions, setup, tags, tokens,
};

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

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn before(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn registry(name: &str, host: &str, id: i64) -> RegistryRow {
    RegistryRow {
        id,
        name: name.to_owned(),
        service: host.to_owned(),
        host: host.to_owned(),
        url: format!("http://{host}"),
        secret_rotated_at: None,
        created_at: before(900),
        updated_at: before(900),
    }
}

fn registries() -> Registries {
    Registries(vec![
        registry("main", "registry.example.org", 1),
        registry("two", "two.example.org", 9),
    ])
}

fn repository(name: &str, text: &str) -> RepositoryRow {
    RepositoryRow {
        id: 7,
        registry: "main".to_owned(),
        name: name.to_owned(),
        namespace: Some("team".to_owned()),
        namespace_id: Some(3),
        visibility: Some("public".to_owned()),
        description: text.to_owned(),
        tags: 2,
        stars: 12,
        pulls: 48_211,
        last_pull_at: Some(before(1)),
        last_pull_by: Some(text.to_owned()),
        pushes: 40,
        last_push_at: Some(before(5)),
        last_push_by: Some(text.to_owned()),
        created_at: before(9_000),
    }
}

fn tag(name: &str, text: &str) -> TagRow {
    TagRow {
        id: 11,
        name: name.to_owned(),
        digest: format!("sha256:{}", "0f".repeat(32)),
        media_type: Some(text.to_owned()),
        artifact_type: None,
        kind: Some("artifact".to_owned()),
        total_size: Some(187_340_000),
        platforms: vec!["linux/amd64".to_owned(), text.to_owned()],
        changed_at: before(3),
        created_at: before(800),
        pushed_by: Some(text.to_owned()),
        observed: false,
        pulls: 12,
        last_pull_at: None,
        manifest_pulls: 700,
    }
}

fn row(kind: &str, outcome: &str, text: &str) -> ActivityRow {
    ActivityRow {
        position: 18_204,
        index: 1,
        event_id: uuid::Uuid::nil(),
        recorded_at: before(2),
        occurred_at: before(2),
        kind: kind.to_owned(),
        outcome: outcome.to_owned(),
        actor_kind: "user".to_owned(),
        actor: text.to_owned(),
        registry: Some("main".to_owned()),
        namespace: Some("team".to_owned()),
        repository: Some("team/app".to_owned()),
        tag: Some(text.to_owned()),
        digest: None,
        team: Some(text.to_owned()),
        user_name: Some(text.to_owned()),
        rule: Some("push".to_owned()),
        detail: json!({
            "from": text, "to": text, "reason": text, "label": text, "visibility": text,
            "scopes": [
                {"asked": format!("repository:team/app:{text}"), "refused": "push"},
                {"asked": text, "granted": ["pull"], "refused": text},
            ],
        }),
        seal_key: None,
        seal_box: None,
        seal_data: None,
    }
}

/// Every type of fact that there is, and one that there is not.
fn rows(text: &str) -> Vec<ActivityRow> {
    let known = KINDS.iter().map(|kind| row(kind, "refused", text));
    known.chain([row("content.from_the_future", "done", text)]).collect()
}

const KINDS: [&str; 50] = [
    "content.manifest_pushed",
    "content.manifest_pulled",
    "content.blob_mounted",
    "content.deleted",
    "content.tag_deleted",
    "content.tag_observed",
    "content.tag_missed",
    "content.manifest_observed",
    "content.manifest_missed",
    "content.instance_seen",
    "content.notification_rejected",
    "repository.described",
    "namespace.created",
    "namespace.described",
    "namespace.visibility_changed",
    "namespace.team_changed",
    "namespace.granted",
    "namespace.grant_revoked",
    "namespace.deleted",
    "team.created",
    "team.described",
    "team.member_added",
    "team.member_role_changed",
    "team.member_removed",
    "team.deleted",
    "user.registered",
    "user.disabled",
    "user.enabled",
    "user.auditor_granted",
    "user.auditor_revoked",
    "user.password_changed",
    "user.profile_changed",
    "user.signed_out_everywhere",
    "user.personal_data_erased",
    "user.removed",
    "admin.granted",
    "admin.revoked",
    "app_token.created",
    "app_token.revoked",
    "star.starred",
    "star.unstarred",
    "registry.added",
    "registry.removed",
    "auth.signed_in",
    "auth.signed_out",
    "auth.sign_in_failed",
    "auth.locked_out",
    "auth.refresh_token_issued",
    "auth.tokens_decided",
    "system.started",
];

fn namespace(name: &str, text: &str) -> NamespaceRow {
    NamespaceRow {
        id: 3,
        registry: "main".to_owned(),
        name: name.to_owned(),
        holder_kind: "team".to_owned(),
        holder: Some(text.to_owned()),
        holder_id: Some(2),
        visibility: "private".to_owned(),
        description: text.to_owned(),
        repositories: 1,
        created_at: before(1_000),
        updated_at: before(1_000),
    }
}

fn entries(text: &str) -> Results {
    use domain::digest::Digest;
    use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName};
    let registry = || RegistryName::parse("main").unwrap();
    let repository = || RepositoryName::parse("team/app").unwrap();
    let digest = || Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap();
    let hits = |entry: Entry| Hits { total: 300, best: vec![entry] };
    Results {
        repositories: hits(Entry::Repository {
            registry: registry(),
            name: repository(),
            stars: 1,
            pulls: 1_000,
            manifests: 1,
            pushed_at: Some(before(1)),
        }),
        tags: hits(Entry::Tag {
            registry: registry(),
            repository: repository(),
            tag: TagName::parse("v1.2").unwrap(),
            digest: digest(),
            pushed_at: before(1),
        }),
        manifests: hits(Entry::Manifest {
            registry: registry(),
            repository: repository(),
            digest: digest(),
            pushed_at: before(1),
        }),
        namespaces: hits(Entry::Namespace {
            registry: registry(),
            name: NamespaceName::parse("team").unwrap(),
            visibility: domain::namespace::Visibility::Protected,
            description: text.to_owned(),
            number: 1,
        }),
        teams: hits(Entry::Team {
            name: TeamName::parse("crew").unwrap(),
            description: text.to_owned(),
        }),
        forgiving: true,
        position: domain::event::Position(9),
    }
}

/// Every page, full and empty, with `text` wherever somebody's own words stand.
fn samples(text: &str) -> Vec<(&'static str, Markup)> {
    let mine = || text.to_owned();
    let home = |user: Option<String>, full: bool| home::Home {
        user,
        bootstrapped: full,
        registries: if full { registries() } else { Registries(vec![]) },
        mine: if full { vec![namespace("team", text)] } else { vec![] },
        starred: if full {
            vec![StarRow { id: 1, registry: "main".into(), repository: mine(), created_at: now() }]
        } else {
            vec![]
        },
        recent: if full { vec![repository("team/app", text)] } else { vec![] },
        happened: if full { rows(text) } else { vec![] },
        now: now(),
    };
    let searched = |found: Option<Results>, kind| search::Search {
        question: mine(),
        kind,
        page: usize::from(kind.is_some()),
        found,
        registries: registries(),
        now: now(),
    };
    let one = |full: bool| repositories::Repository {
        row: repository("team/app", text),
        tags: if full { vec![tag("latest", text), tag("v1.0", text)] } else { vec![] },
        next: full.then(mine),
        first: !full,
        untagged: 3,
        starred: Some(full),
        csrf: Some("token".to_owned()),
        may_see_activity: full,
        registries: registries(),
        now: now(),
    };
    let feed = |rows: Vec<ActivityRow>, wrong: Option<String>| activity::Feed {
        asked: activity::Asked {
            actor: Some(mine()),
            repository: Some(mine()),
            kind: Some("content".to_owned()),
            outcome: None,
            before: Some(mine()),
            trail: vec![mine()],
        },
        wrong,
        rows,
        older: true,
        registries: registries(),
        now: now(),
    };
    let space = |full: bool| namespaces::Namespace {
        row: namespace(if full { "team" } else { "_" }, text),
        repositories: if full { vec![repository("team/app", text)] } else { vec![] },
        next: full.then(mine),
        first: !full,
        registries: registries(),
        now: now(),
    };
    let token = AppTokenRow {
        id: 5,
        token: uuid::Uuid::nil(),
        user_name: mine(),
        label: mine(),
        scopes: vec!["api_read".to_owned(), "push".to_owned()],
        namespaces: Some(vec![mine()]),
        expires_at: before(1),
        revoked_at: None,
        created_at: before(100),
    };
    let tokens = |full: bool| tokens::Tokens {
        user: mine(),
        rows: if full { vec![token.clone()] } else { vec![] },
        made: full.then(mine),
        wrong: (!full).then(mine),
        csrf: "token".to_owned(),
        registries: registries(),
        now: now(),
    };
    let list = |full: bool| repositories::List {
        rows: if full { vec![repository("team/app", text)] } else { vec![] },
        total: i64::from(full),
        next: full.then(mine),
        first: !full,
        registries: registries(),
        now: now(),
    };
    let spaces = |full: bool| namespaces::List {
        rows: if full { vec![namespace("team", text), namespace("_", text)] } else { vec![] },
        total: i64::from(full),
        next: full.then(mine),
        first: !full,
        registries: registries(),
    };
    let one_tag = |there: bool| tags::Tag {
        registry: "main".to_owned(),
        repository: "team/app".to_owned(),
        name: mine(),
        now_at: there.then(|| tag(text, text)),
        references: vec![ReferenceRow {
            ordinal: 0,
            digest: mine(),
            media_type: Some(mine()),
            size: Some(1),
            platform: Some(mine()),
        }],
        history: vec![TagChangeRow {
            position: 4,
            change: "pushed".to_owned(),
            digest: Some(mine()),
            at: before(4),
            actor: mine(),
        }],
        registries: registries(),
        now: now(),
    };
    let wrong = setup::Wrong { secret: Some(mine()), name: Some(mine()), password: Some(mine()) };
    vec![
        ("front", home::body(&home(None, true))),
        ("front, nothing yet", home::body(&home(None, false))),
        ("dashboard", home::body(&home(Some(mine()), true))),
        ("dashboard, nothing yet", home::body(&home(Some(mine()), false))),
        ("sign-in", sessions::form("", "/", None, true)),
        ("sign-in, wrong", sessions::form(text, text, Some(text), false)),
        ("setup", setup::form("", &setup::Wrong::default())),
        ("setup, wrong", setup::form(text, &wrong)),
        ("search", search::body(&searched(None, None))),
        ("search, nothing", search::body(&searched(Some(Results::default()), None))),
        ("search, hits", search::body(&searched(Some(entries(text)), None))),
        (
            "search, one kind",
            search::body(&searched(
                Some(entries(text)),
                Some(("tags", projections::search::Kind::Tag)),
            )),
        ),
        ("repositories", repositories::list_body(&list(true))),
        ("repositories, none", repositories::list_body(&list(false))),
        ("repository", repositories::body(&one(true))),
        ("repository, empty", repositories::body(&one(false))),
        ("tag", tags::body(&one_tag(true))),
        ("tag, gone", tags::body(&one_tag(false))),
        ("activity", activity::body(&feed(rows(text), None))),
        ("activity, nothing", activity::body(&feed(vec![], None))),
        ("activity, wrong", activity::body(&feed(vec![], Some(mine())))),
        ("namespaces", namespaces::list_body(&spaces(true))),
        ("namespaces, none", namespaces::list_body(&spaces(false))),
        ("namespace", namespaces::body(&space(true))),
        ("namespace, empty", namespaces::body(&space(false))),
        ("tokens", tokens::body(&tokens(true))),
        ("tokens, none", tokens::body(&tokens(false))),
        ("help", help::body("registry.example.org", text)),
    ]
}

fn framed(text: &str) -> Vec<(&'static str, String)> {
    let frames = [
        Frame { path: "/activity".to_owned(), ..Frame::default() },
        Frame {
            path: format!("/r/{text}"),
            user: Some(text.to_owned()),
            csrf: Some("token".to_owned()),
            position: Some(18_204),
            flash: Some(Flash::NotYetVisible),
        },
    ];
    let all = frames.iter().flat_map(|frame| {
        samples(text)
            .into_iter()
            .map(move |(name, body)| (name, page(frame, text, body).into_string()))
    });
    all.collect()
}

fn select<'a>(html: &'a Html, css: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(css).unwrap()).collect()
}

fn text_of(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().trim().to_owned()
}

#[test]
fn every_page_can_be_read_by_everybody() {
    for (name, text) in framed("plain") {
        let html = Html::parse_document(&text);
        assert_eq!(select(&html, "h1").len(), 1, "{name}: one h1");
        assert_eq!(select(&html, "html[lang=en]").len(), 1, "{name}: a language");
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
    for (name, text) in framed("plain") {
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
    for (name, text) in framed("plain") {
        let html = Html::parse_document(&text);
        for form in select(&html, "form[method=post]") {
            let action = form.attr("action").unwrap();
            let tokens = form.select(&Selector::parse("input[name=csrf]").unwrap()).count();
            let needed = usize::from(!matches!(action, "/sign-in" | "/setup"));
            assert_eq!(tokens, needed, "{name}: {action}");
        }
    }
}

#[test]
fn what_people_write_never_becomes_markup() {
    let elements = |text: &str| -> Vec<(&'static str, usize)> {
        let count = |text: &str| select(&Html::parse_document(text), "*").len();
        framed(text).iter().map(|(name, page)| (*name, count(page))).collect()
    };
    let plain = elements("plain");
    for hostile in HOSTILE {
        assert_eq!(elements(hostile), plain, "{hostile}");
        for (name, page) in framed(hostile) {
            let html = Html::parse_document(&page);
            for css in ["script:not([src])", "[onerror]", "[onload]", "[onfocus]", "iframe", "img"]
            {
                assert!(select(&html, css).is_empty(), "{name}: {hostile}");
            }
            for link in select(&html, "a[href], form[action]") {
                let to = link.attr("href").or(link.attr("action")).unwrap();
                assert!(to.starts_with('/') || to == "#content", "{name}: {to}");
            }
        }
    }
}

#[test]
fn every_type_of_fact_has_a_sentence() {
    for kind in KINDS {
        let said = super::sentence::sentence(&row(kind, "done", "alice"), &registries());
        let said = said.into_string();
        assert!(!said.contains(kind), "{kind} is only named: {said}");
    }
    let unknown = super::sentence::sentence(&row("x.y", "done", "alice"), &registries());
    assert!(unknown.into_string().contains("x.y"));
}

#[test]
fn a_refusal_says_which_rule_decided() {
    let refused = row("auth.tokens_decided", "refused", "bob");
    let said = activity::feed(&[refused], &registries(), now()).into_string();
    for words in
        ["was refused", "repository:team/app", "<code>push</code>", "Contributors and owners push"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn the_pull_command_has_the_real_host() {
    let page = repositories::body(&repositories::Repository {
        row: repository("team/app", ""),
        tags: vec![tag("v1.0", "x")],
        next: None,
        first: true,
        untagged: 0,
        starred: None,
        csrf: None,
        may_see_activity: false,
        registries: registries(),
        now: now(),
    });
    assert!(page.into_string().contains("docker pull registry.example.org/team/app:v1.0"));
}

/// To look at: `PORTUS_PAGES_TO=folder cargo test -p web pages_to_look_at`, then serve the folder.
#[test]
fn pages_to_look_at() {
    let Ok(folder) = std::env::var("PORTUS_PAGES_TO") else { return };
    let folder = std::path::Path::new(&folder);
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    let assets = [
        (&*super::assets::CSS_PATH, super::assets::CSS),
        (&*super::assets::JS_PATH, super::assets::JS),
    ];
    for (path, content) in assets {
        std::fs::write(folder.join(path.trim_start_matches('/')), content).unwrap();
    }
    let frame = Frame {
        path: "/repositories".to_owned(),
        user: Some("alice".to_owned()),
        csrf: Some("token".to_owned()),
        position: Some(18_204),
        flash: None,
    };
    for (name, body) in samples("alice") {
        let file = format!("{}.html", name.replace([' ', ','], "-"));
        std::fs::write(folder.join(file), page(&frame, name, body).into_string()).unwrap();
    }
}
