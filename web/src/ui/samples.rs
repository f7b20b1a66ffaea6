//! Each page with made-up data: for the checks beside, for the browser tests, and to look at.

#[cfg(test)]
mod checks;
mod gallery;
mod past;
#[cfg(test)]
mod routes;
mod wizard;

use commands::registry::{ImageConfig, Inside};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName};
use jiff::{SignedDuration, Timestamp};
use maud::Markup;
use projections::activity::ActivityRow;
use projections::app_tokens::AppTokenRow;
use projections::comments::CommentRow;
use projections::manifests::{ManifestRow, PlatformRow, ReferenceRow};
use projections::namespaces::{GrantRow, NamespaceRow};
use projections::referrers::ReferrerRow;
use projections::registries::RegistryRow;
use projections::repositories::{Order, RepositoryRow, Slice, Sort};
use projections::search::{Entry, Facets, Filters, Hits, Kind, Results, Since};
use projections::stars::StarRow;
use projections::tags::{TagChangeRow, TagRow};
use projections::teams::{MemberRow, TeamRow};
use projections::users::UserRow;
use serde_json::json;

use super::clients::{Client, Clients};
use super::described::Described;
use super::feed::Part;
use super::manifests::Looked;
use super::meanwhile::{Chosen, Fields};
use super::names::Names;
use super::reader::Reader;
use super::referrers::Made;
use super::repositories::list;
use super::sessions::{Reason, Ways};
use super::visitor::Registries;
use super::{
    access, activity, admin, admin_registries, admin_users, comments, errors, grants, help, home,
    manifests, me, members, namespace_settings, namespaces, password, people, preferences,
    problems, reference, registry_test, repositories, search, security, sessions, settings, setup,
    sign_up, tags, teams, tokens, unsent,
};
use crate::auth::{Begun, Preferences, Unsent};
use crate::health::Trouble;
use crate::registry::pulse::{Beat, Compared};
use crate::texts::Lang;

pub use gallery::gallery;

/// What Firefox says of itself.
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
/// What Docker says of itself.
const DOCKER: &str = r"docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.8.0 os/linux arch/amd64 UpstreamClient(Docker-Client/27.3.1 \(linux\))";

fn now() -> Timestamp {
    Timestamp::from_second(1_795_435_200).unwrap_or_default()
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

pub(super) fn registries() -> Registries {
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
        size: 187_340_000,
        unique_size: 94_120_000,
        stars: 12,
        pulls: 48_211,
        pull_day: Some(20_780),
        pull_days: vec![300, 12],
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
            "service": "registry.example.org", "registry": "main", "repository": "team/app",
            "from": text, "to": text, "reason": text, "label": text, "visibility": text,
            "scopes": [
                {"asked": "repository:team/app:pull,push", "refused": "push"},
                {"asked": format!("thing:{text}:pull"), "granted": ["pull"], "refused": text},
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

const KINDS: [&str; 53] = [
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
    "comment.added",
    "comment.deleted",
    "auth.password_reset_requested",
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
    let registry = || RegistryName::parse("main").unwrap();
    let repository = || RepositoryName::parse("team/app").unwrap();
    let digest = || Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap();
    let hits = |entry: Entry| Hits { total: 300, best: vec![entry] };
    Results {
        repositories: hits(Entry::Repository {
            registry: registry(),
            name: repository(),
            description: text.to_owned(),
            stars: 1,
            pulls: 1_000,
            manifests: 1,
            platforms: [("linux/amd64".to_owned(), 1)].into(),
            pushed_at: Some(before(1)),
        }),
        tags: hits(Entry::Tag {
            registry: registry(),
            repository: repository(),
            tag: TagName::parse("v1.2").unwrap(),
            digest: digest(),
            platforms: vec![],
            pushed_at: before(1),
        }),
        manifests: hits(Entry::Manifest {
            registry: registry(),
            repository: repository(),
            digest: digest(),
            platforms: vec![],
            pushed_at: before(1),
        }),
        namespaces: hits(Entry::Namespace {
            registry: registry(),
            name: NamespaceName::parse("team").unwrap(),
            visibility: domain::namespace::Visibility::Protected,
            description: text.to_owned(),
        }),
        teams: hits(Entry::Team {
            name: TeamName::parse("crew").unwrap(),
            description: text.to_owned(),
        }),
        order: vec![Kind::Tag, Kind::Repository, Kind::Namespace, Kind::Team, Kind::Manifest],
        forgiving: true,
        facets: facets(),
        unfiltered: 1_500,
        nearest: vec![],
    }
}

fn filters() -> Filters {
    Filters {
        namespace: NamespaceName::parse("team").ok(),
        visibility: Some(domain::namespace::Visibility::Public),
        platform: "linux/amd64".parse().ok(),
        since: Some(Since::Week),
    }
}

fn facets() -> Facets {
    use domain::namespace::Visibility;
    let name = |name: &str| NamespaceName::parse(name).unwrap();
    Facets {
        kinds: Kind::EVERY.map(|kind| (kind, 300)).into(),
        namespaces: vec![(name("team"), 1_200), (name("a-namespace/with-a-long-name/in-it"), 7)],
        visibilities: vec![(Visibility::Private, 12), (Visibility::Public, 1_200)],
        platforms: vec![("linux/amd64".to_owned(), 800), ("linux/arm/v7".to_owned(), 3)],
        since: vec![(Since::Week, 4), (Since::Month, 90), (Since::Year, 1_100)],
    }
}

/// Nothing found, but something near.
fn near(text: &str) -> Results {
    let Results { repositories, namespaces, .. } = entries(text);
    let nearest = repositories.best.into_iter().chain(namespaces.best).collect();
    Results { nearest, ..Results::default() }
}

/// A person whose language this is, in Berlin.
pub(super) fn reader(lang: Lang) -> Reader {
    let look = Preferences { zone: Some("Europe/Berlin".to_owned()), ..Preferences::default() };
    let mut reader = Reader::of(&look, "", now());
    reader.lang = lang;
    reader
}

fn repository_head(lang: Lang, text: &str) -> repositories::Head {
    repositories::Head {
        row: repository("team/app", text),
        registries: registries(),
        may_see_activity: true,
        may_see_access: true,
        may_edit: true,
        holder: Some(namespaces::holder(lang, &namespace("team", text), true)),
        reader: reader(lang),
    }
}

fn namespace_head(lang: Lang, name: &str, text: &str) -> namespaces::Head {
    let mut row = namespace(name, text);
    row.repositories = 0;
    namespaces::Head {
        registry: RegistryName::parse("main").unwrap(),
        row,
        registries: registries(),
        sees_holder: true,
        may_edit: true,
        may_grant: true,
        may_see_activity: true,
        reader: reader(lang),
    }
}

fn app_token(text: &str) -> AppTokenRow {
    AppTokenRow {
        id: 5,
        token: uuid::Uuid::nil(),
        user_name: text.to_owned(),
        label: text.to_owned(),
        scopes: vec!["api_read".to_owned(), "push".to_owned()],
        namespaces: Some(vec![text.to_owned()]),
        expires_at: before(1),
        revoked_at: None,
        created_at: before(100),
        used_at: Some(before(2)),
        seal_key: None,
        seal_box: None,
        event_id: None,
        jti: None,
    }
}

/// A part of what has happened.
fn part(text: &str, full: bool) -> Part {
    let rows = if full { rows(text) } else { vec![] };
    Part {
        clients: Clients::all(&rows, &client(text)),
        slice: projections::activity::Slice {
            rows,
            older: full.then(|| "18100/0".parse().unwrap()),
            cut: false,
        },
        first: !full,
        live: Some(18_204),
    }
}

fn not_sent(text: &str) -> Unsent {
    Unsent {
        path: "/n/team/-/settings".to_owned(),
        typed: vec![("description", text.to_owned()), ("name", text.to_owned())],
        chosen: vec![("was", text.to_owned())],
        secrets: vec!["password"],
    }
}

fn client(text: &str) -> Client {
    Client {
        address: Some("2001:db8:85a3::8a2e:370:7334".to_owned()),
        program: Some(text.to_owned()),
    }
}

fn image(platform: &str) -> PlatformRow {
    PlatformRow {
        parent: format!("sha256:{}", "0f".repeat(32)),
        digest: format!("sha256:{}", "1e".repeat(32)),
        platform: platform.to_owned(),
        size: Some(31_402_118),
    }
}

/// A right of each sort.
fn grants_of(text: &str) -> Vec<GrantRow> {
    let grant = |id: u128, kind: &str, role: &str| GrantRow {
        grant_id: uuid::Uuid::from_u128(id),
        id: 4,
        grantee_kind: kind.to_owned(),
        grantee: text.to_owned(),
        role: role.to_owned(),
        repository: None,
        until: None,
    };
    vec![
        grant(1, "user", "contributor"),
        GrantRow { repository: Some(text.to_owned()), ..grant(2, "team", "viewer") },
        GrantRow { until: Some(before(3)), ..grant(3, "user", "owner") },
    ]
}

fn team(text: &str) -> TeamRow {
    TeamRow {
        id: 2,
        name: "crew".to_owned(),
        description: text.to_owned(),
        members: 2,
        namespaces: 0,
        created_at: before(2_000),
        updated_at: before(2_000),
    }
}

fn team_head(lang: Lang, text: &str, may_manage: bool) -> teams::Head {
    teams::Head {
        row: team(text),
        team: TeamName::parse("crew").unwrap(),
        role: Some("owner"),
        may_manage,
        may_see_activity: true,
        reader: reader(lang),
    }
}

fn member(id: i64, text: &str, role: &str) -> MemberRow {
    MemberRow {
        id,
        team: "crew".to_owned(),
        user_name: text.to_owned(),
        user_id: id,
        bot: id == 2,
        role: role.to_owned(),
        created_at: before(300),
        updated_at: before(300),
    }
}

fn user(text: &str, enabled: bool) -> UserRow {
    UserRow {
        id: 8,
        name: text.to_owned(),
        bot: false,
        enabled,
        admin: enabled,
        auditor: !enabled,
        origin: "sign_up".to_owned(),
        created_at: before(700),
        updated_at: before(700),
    }
}

/// Something that cosign made, and something that a list names.
fn made(text: &str) -> Made {
    let listed = ReferrerRow {
        tag: None,
        digest: format!("sha256:{}", "2d".repeat(32)),
        artifact_type: Some(text.to_owned()),
        size: Some(900),
        at: None,
        pushed_by: Some(text.to_owned()),
    };
    let tag = format!("sha256-{}", "0f".repeat(32));
    let signature = ReferrerRow {
        tag: Some(format!("{tag}.sig")),
        artifact_type: None,
        at: Some(before(3)),
        ..listed.clone()
    };
    Made { rows: vec![signature, listed], more: Some(tag) }
}

fn names(text: &str) -> Names {
    Names { people: vec!["alice".to_owned(), text.to_owned()], teams: vec![text.to_owned()] }
}

/// Fields that somebody else has changed first.
fn fields(now: &[&str], labels: &[&'static str]) -> Fields {
    Fields::clash(&[], "another", now, labels).unwrap_or_default()
}

fn checked(lang: Lang, text: &str) -> access::Checked {
    let answers = vec![
        (lang.question_pull(), true, lang.rule(domain::access::Rule::Readable), text.to_owned()),
        (lang.question_push(), false, lang.rule(domain::access::Rule::Push), String::new()),
    ];
    access::Checked { user: text.to_owned(), answers }
}

/// Every page, full and empty, with `text` wherever somebody's own words stand.
pub(super) fn samples(lang: Lang, text: &str) -> Vec<(&'static str, Markup)> {
    let mut all = looking(lang, text);
    all.extend(changing(lang, text));
    all.extend(administering(lang, text));
    all.extend(past::past(lang, text));
    all.extend(wizard::wizard(lang, text));
    all
}

/// What people look at.
fn looking(lang: Lang, text: &str) -> Vec<(&'static str, Markup)> {
    let (mine, reader) = (|| text.to_owned(), || reader(lang));
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
        notices: if full { vec![app_token(text)] } else { vec![] },
        teams: full,
        recent: if full { vec![repository("team/app", text)] } else { vec![] },
        happened: if full { rows(text) } else { vec![] },
        clients: Clients::all(&rows(text), &client(text)),
        position: 18_204,
        reader: reader(),
    };
    let searched =
        |found: Option<Results>, kind: Option<(&'static str, Kind)>, filtered| search::Search {
            wish: search::Wish {
                question: mine(),
                kind,
                filters: if filtered { filters() } else { Filters::default() },
                page: usize::from(kind.is_some()),
            },
            found,
            registries: registries(),
            reader: reader(),
        };
    let one = |full: bool| repositories::Repository {
        head: repository_head(lang, text),
        tags: if full { vec![tag("latest", text), tag("v1.0", text)] } else { vec![] },
        asked: repositories::tags::Asked::default(),
        platforms: [tag("latest", text)]
            .into_iter()
            .map(|tag| (tag.digest, vec![image("linux/amd64"), image(text)]))
            .collect(),
        next: full.then(mine),
        starred: Some(full),
        csrf: "token".to_owned(),
        live: full.then_some(Some(18_204)),
    };
    let feed = |rows: Vec<ActivityRow>, wrong: Option<String>| activity::Feed {
        asked: activity::Asked {
            actor: Some(mine()),
            repository: Some(mine()),
            namespace: Some(mine()),
            team: None,
            kind: Some("content".to_owned()),
            outcome: None,
            from: Some(mine()),
            to: None,
            at: Some(mine()),
            before: Some(mine()),
            trail: vec![mine()],
        },
        wrong,
        clients: Clients::all(&rows, &Client { program: Some(DOCKER.to_owned()), ..client(text) }),
        rows,
        older: Some("18100/0".parse().unwrap()),
        cut: false,
        position: 18_204,
        registries: registries(),
        reader: reader(),
    };
    let list = |full: bool, asked: list::Asked, cut: bool| list::List {
        slice: Slice {
            rows: if full { vec![repository("team/app", text)] } else { vec![] },
            next: (full || cut).then(|| "-stars 12 7".parse().unwrap()),
            cut,
        },
        asked,
        first: !full,
        may_star: true,
        now: before(0),
        registries: registries(),
        reader: reader(),
    };
    let everything = list::Asked::default;
    let filtered = || list::Asked {
        order: Order { sort: Sort::Stars, descending: false },
        registry: Some("main".to_owned()),
        namespace: Some(mine()),
        visibility: Some(domain::namespace::Visibility::Public),
        name: Some(mine()),
        days: Some(7),
        starred: true,
    };
    let reference = || ReferenceRow {
        ordinal: 0,
        digest: mine(),
        media_type: Some(mine()),
        size: Some(1),
        platform: Some(mine()),
        holders: 3,
    };
    let one_tag = |there: bool| tags::Tag {
        head: repository_head(lang, text),
        name: mine(),
        now_at: there.then(|| tag(text, text)),
        references: vec![reference()],
        made: made(text),
        history: vec![TagChangeRow {
            position: 4,
            change: "pushed".to_owned(),
            digest: Some(mine()),
            at: before(4),
            actor: mine(),
        }],
        first: !there,
        next: there.then_some(4),
    };
    let manifest = |tags: Vec<String>| manifests::Manifest {
        head: repository_head(lang, text),
        row: ManifestRow {
            id: 6,
            digest: format!("sha256:{}", "0f".repeat(32)),
            media_type: Some(mine()),
            artifact_type: Some(mine()),
            kind: "index".to_owned(),
            size: Some(900),
            total_size: Some(187_340_000),
            platforms: ["linux/amd64", "linux/arm64", "linux/s390x", text]
                .map(str::to_owned)
                .to_vec(),
            first_push_at: Some(before(90)),
            last_push_at: Some(before(80)),
            pushed_by: Some(mine()),
            pulls: 12,
            last_pull_at: None,
            last_pull_by: None,
            tags,
        },
        references: vec![reference()],
        made: made(text),
        inside: None,
    };
    let inside = Inside {
        text: format!("{{\n  \"x\": \"{text}\"\n}}"),
        config: Some(ImageConfig {
            entrypoint: vec![mine(), mine()],
            user: Some(mine()),
            variables: vec!["PATH".to_owned(), mine()],
            labels: vec![(mine(), mine())],
            ..ImageConfig::default()
        }),
    };
    let looked = |looked: Looked| manifests::Manifest { inside: Some(looked), ..manifest(vec![]) };
    let access = |full: bool| access::Access {
        head: repository_head(lang, text),
        namespace: namespace("team", text),
        members: full.then(|| {
            vec![
                (member(1, text, "owner"), lang.access_delete()),
                (member(2, text, "viewer"), lang.access_pull()),
            ]
        }),
        grants: if full { vec![grants_of(text).remove(0)] } else { vec![] },
        manage: full.then(|| "/n/team/-/access".to_owned()),
        own: Some(checked(lang, text)),
        may_check: full,
        asked: mine(),
        wrong: full.then(mine),
        checked: full.then(|| checked(lang, text)),
    };
    let event = |kind: &str| activity::One {
        row: row(kind, "refused", text),
        client: Some(client(text)),
        registries: registries(),
        reader: reader(),
    };
    let person = |full: bool| people::Person {
        name: mine(),
        display_name: full.then(mine),
        teams: if full { vec![member(1, text, "owner")] } else { vec![] },
        happened: if full { rows(text) } else { vec![] },
        clients: Clients::all(&rows(text), &client(text)),
        registries: registries(),
        reader: reader(),
    };
    let tagged = ("tags", Kind::Tag);
    let suggestions = maud::html! {
        h1 { (lang.search()) }
        (search::suggestions(&mine(), &entries(text), &registries(), &reader()))
    };
    let outside = Results { unfiltered: 42, facets: facets(), ..Results::default() };
    vec![
        ("front", home::body(&home(None, true))),
        ("front, nothing yet", home::body(&home(None, false))),
        ("dashboard", home::body(&home(Some(mine()), true))),
        ("dashboard, nothing yet", home::body(&home(Some(mine()), false))),
        ("search", search::body(&searched(None, None, false))),
        ("search, nothing", search::body(&searched(Some(Results::default()), None, false))),
        ("search, something near", search::body(&searched(Some(near(text)), None, false))),
        ("search, filtered away", search::body(&searched(Some(outside), Some(tagged), true))),
        ("search, hits", search::body(&searched(Some(entries(text)), None, false))),
        ("search, filtered", search::body(&searched(Some(entries(text)), None, true))),
        ("search, one kind", search::body(&searched(Some(entries(text)), Some(tagged), false))),
        ("suggestions", suggestions),
        ("repositories", list::body(&list(true, everything(), false))),
        ("repositories, none", list::body(&list(false, everything(), false))),
        ("repositories, filtered", list::body(&list(true, filtered(), false))),
        ("repositories, none fits", list::body(&list(false, filtered(), false))),
        ("repositories, looked far", list::body(&list(false, filtered(), true))),
        ("repository", repositories::body(&one(true))),
        ("repository, empty", repositories::body(&one(false))),
        (
            "repository, activity",
            repositories::activity_body(
                &repository_head(lang, text),
                &rows(text),
                &Clients::default(),
            ),
        ),
        ("repository, access", access::body(&access(true))),
        ("repository, own access", access::body(&access(false))),
        ("tag", tags::body(&one_tag(true))),
        ("tag, gone", tags::body(&one_tag(false))),
        ("manifest", manifests::body(&manifest(vec![mine()]))),
        ("manifest, from the registry", manifests::body(&looked(Looked::Found(inside)))),
        ("manifest, gone there", manifests::body(&looked(Looked::Gone))),
        ("manifest, not answered", manifests::body(&looked(Looked::Failed))),
        ("manifest, busy", manifests::body(&looked(Looked::Busy))),
        ("manifest, no tag", manifests::body(&manifest(vec![]))),
        ("activity", activity::body(&feed(rows(text), None))),
        ("activity, nothing", activity::body(&feed(vec![], None))),
        ("activity, wrong", activity::body(&feed(vec![], Some(mine())))),
        ("event", activity::one(&event("content.manifest_pushed"))),
        ("person", people::body(&person(true))),
        ("person, nothing shared", people::body(&person(false))),
        ("help", help::body(lang, "registry.example.org", text)),
        ("reference", reference::body(lang, "https://portus.example.org")),
        ("problems", problems::all(lang)),
        ("problem", problems::one(lang, crate::error::Problem::of(http::StatusCode::CONFLICT))),
        ("not sent yet", unsent::body(lang, &not_sent(text), None)),
        ("not sent yet, signed in", unsent::body(lang, &not_sent(text), Some("token"))),
        ("error", errors::body(lang, http::StatusCode::NOT_FOUND, text, None)),
    ]
}

/// What people change of what is theirs.
fn changing(lang: Lang, text: &str) -> Vec<(&'static str, Markup)> {
    let (mine, reader) = (|| text.to_owned(), || reader(lang));
    let space = |full: bool| namespaces::Namespace {
        head: namespace_head(lang, if full { "team" } else { "_" }, text),
        repositories: if full { vec![repository("team/app", text)] } else { vec![] },
        next: full.then(mine),
        first: !full,
    };
    let spaces = |full: bool| namespaces::List {
        rows: if full { vec![namespace("team", text), namespace("_", text)] } else { vec![] },
        next: full.then(mine),
        first: !full,
        may_make: full,
        registries: registries(),
        reader: reader(),
    };
    let new_space = |full: bool| namespaces::NewPage {
        form: namespaces::New {
            name: mine(),
            visibility: "private".to_owned(),
            ..Default::default()
        },
        wrong: full.then(mine),
        teams: if full { vec![mine()] } else { vec![] },
        csrf: "token".to_owned(),
        registries: registries(),
        reader: reader(),
    };
    let space_settings = namespace_settings::Settings {
        head: namespace_head(lang, "team", text),
        described: Described::of(text),
        wrong: Some(mine()),
        may_describe: true,
        may_show: true,
        shown: Chosen::over("public", "private"),
        holder: Chosen::over(text, text),
        teams: vec![mine()],
        may_delete: true,
        csrf: "token".to_owned(),
    };
    let rights = |full: bool| grants::Rights {
        head: namespace_head(lang, "team", text),
        rows: match full {
            true => grants_of(text).into_iter().map(|row| (row, true)).collect(),
            false => vec![],
        },
        next: full.then_some(uuid::Uuid::nil()),
        first: !full,
        form: grants::Form { name: mine(), repository: mine(), ..Default::default() },
        known: names(text),
        wrong: full.then(mine),
        csrf: "token".to_owned(),
    };
    let token = app_token(text);
    let tokens = |full: bool| tokens::Tokens {
        user: mine(),
        rows: match full {
            true => vec![
                tokens::Shown { row: token.clone(), address: None, program: None },
                tokens::Shown { row: token.clone(), address: Some(mine()), program: Some(mine()) },
            ],
            false => vec![],
        },
        recorded: lang == Lang::En,
        made: full.then(mine),
        wrong: (!full).then(mine),
        wrong_password: (!full).then(|| lang.password_wrong()),
        form: tokens::Create::called(if full { String::new() } else { mine() }),
        csrf: "token".to_owned(),
        registries: registries(),
        reader: reader(),
    };
    let team_list = |full: bool| teams::List {
        rows: if full { vec![team(text)] } else { vec![] },
        next: full.then(mine),
        first: !full,
        may_make: full,
        reader: reader(),
    };
    let team_members = |manages: bool| teams::Members {
        head: team_head(lang, text, manages),
        rows: vec![member(1, text, "owner"), member(2, text, "viewer")],
        next: manages.then(mine),
        first: !manages,
        own: mine(),
        csrf: "token".to_owned(),
        known: names(text),
        typed: mine(),
        wrong: manages.then(mine),
        clash: manages.then(|| (mine(), Chosen::over("owner", text))),
    };
    let team_spaces = |full: bool| teams::Namespaces {
        head: team_head(lang, text, full),
        rows: if full { vec![namespace("team", text)] } else { vec![] },
        may_make: full,
        registries: registries(),
        next: full.then(mine),
        first: !full,
    };
    let clash = || Described::clash(text, "another", &format!("{text} {text}")).unwrap_or_default();
    let team_settings = members::Settings {
        head: team_head(lang, text, true),
        described: clash(),
        may_delete: true,
        csrf: "token".to_owned(),
    };
    let own = me::Me {
        user: mine(),
        display_name: mine(),
        email: mine(),
        fields: fields(&[text, ""], &[lang.display_name(), lang.email()]),
        admin: true,
        auditor: true,
        teams: vec![member(1, text, "owner")],
        wrong: Some(mine()),
        csrf: "token".to_owned(),
        reader: reader(),
    };
    let begun = |id: &str| Begun {
        id: id.to_owned(),
        created_at: before(3),
        seen_at: before(1),
        agent: Some(if id == "aa" { FIREFOX.to_owned() } else { mine() }),
        address: None,
    };
    let secure = |wrong: security::Wrong| security::Security {
        sessions: vec![begun("aa"), begun("bb")],
        this: "aa".to_owned(),
        wrong,
        csrf: "token".to_owned(),
        reader: reader(),
    };
    let wrong_password = security::Wrong { old: Some(mine()), new: Some(mine()) };
    let liked = |wrong: Option<&'static str>| preferences::Page {
        look: Preferences::default(),
        zone: mine(),
        wrong_zone: wrong,
        csrf: "token".to_owned(),
        reader: reader(),
    };
    let described = settings::Settings {
        head: repository_head(lang, text),
        described: Described::refused(text, text, mine()),
        csrf: "token".to_owned(),
    };
    let mistyped = sign_up::Typed {
        name: mine(),
        email: mine(),
        wrong_name: Some(mine()),
        wrong_email: Some(mine()),
        wrong_password: Some(mine()),
        wrong: Some(mine()),
    };
    let said = |gone: bool| comments::Said {
        row: CommentRow {
            comment: uuid::Uuid::from_u128(if gone { 8 } else { 7 }),
            id: 18_100,
            author: mine(),
            created_at: before(30),
        },
        text: (!gone).then(mine),
        may_delete: !gone,
    };
    let talk = |full: bool| comments::Comments {
        head: repository_head(lang, text),
        all: if full { vec![said(false), said(true)] } else { vec![] },
        next: full.then_some(18_100),
        first: !full,
        may_comment: true,
        typed: mine(),
        wrong: full.then(mine),
        csrf: "token".to_owned(),
    };
    let wrong = setup::Wrong { secret: Some(mine()), name: Some(mine()), password: Some(mine()) };
    let team = team_head(lang, text, true);
    let ways = |first: bool, reason: Option<Reason>| Ways { first, sign_up: !first, reason };
    vec![
        ("sign-in", sessions::form(lang, "", "/", None, ways(true, None))),
        ("sign-in, wrong", sessions::form(lang, text, text, Some(text), ways(false, None))),
        (
            "sign-in, session ended",
            sessions::form(lang, "", text, None, ways(false, Some(Reason::Ended))),
        ),
        (
            "sign-in, needed",
            sessions::form(lang, "", text, None, ways(false, Some(Reason::Needed))),
        ),
        ("sign-up", sign_up::form(lang, &sign_up::Typed::default())),
        ("sign-up, wrong", sign_up::form(lang, &mistyped)),
        ("password", password::ask(lang, "", None)),
        ("password, wrong", password::ask(lang, text, Some(text))),
        ("password, no mail", password::ask_administrator(lang)),
        ("new password", password::set(lang, text, None)),
        ("new password, wrong", password::set(lang, text, Some(text))),
        ("new password, too late", password::over(lang, true)),
        ("new password, too late, no mail", password::over(lang, false)),
        ("setup", setup::form(lang, "", &setup::Wrong::default())),
        ("setup, wrong", setup::form(lang, text, &wrong)),
        ("repository, settings", settings::body(&described)),
        ("repository, comments", comments::body(&talk(true))),
        ("repository, no comments", comments::body(&talk(false))),
        (
            "repository, delete a comment",
            comments::delete_body(&repository_head(lang, text), &said(false), "token"),
        ),
        ("namespaces", namespaces::list_body(&spaces(true))),
        ("namespaces, none", namespaces::list_body(&spaces(false))),
        ("namespace", namespaces::body(&space(true))),
        ("namespace, empty", namespaces::body(&space(false))),
        ("new namespace", namespaces::new_body(&new_space(true))),
        ("new namespace, no team", namespaces::new_body(&new_space(false))),
        ("namespace, settings", namespace_settings::body(&space_settings)),
        ("namespace, activity", namespaces::activity_body(&space(true).head, &part(text, true))),
        ("team, activity", teams::activity_body(&team, &part(text, false), &registries())),
        ("namespace, access", grants::body(&rights(true))),
        ("namespace, no further access", grants::body(&rights(false))),
        (
            "namespace, delete",
            namespace_settings::delete_body(&space_settings.head, "token", Some(text)),
        ),
        ("teams", teams::list_body(&team_list(true))),
        ("teams, none", teams::list_body(&team_list(false))),
        ("new team", teams::new_body(&reader(), &teams::New::default(), Some(text), "token")),
        ("team", teams::body(&team_members(false))),
        ("team, for its owner", teams::body(&team_members(true))),
        ("team, namespaces", teams::namespaces_body(&team_spaces(true))),
        ("team, no namespaces", teams::namespaces_body(&team_spaces(false))),
        ("team, settings", members::settings_body(&team_settings)),
        ("team, delete", members::delete_body(&team, "token", Some(text), Some(text))),
        ("profile", me::body(&own)),
        ("tokens", tokens::body(&tokens(true))),
        ("tokens, none", tokens::body(&tokens(false))),
        ("security", security::body(&secure(security::Wrong::default()))),
        ("security, wrong", security::body(&secure(wrong_password))),
        ("preferences", preferences::body(&liked(None))),
        ("preferences, wrong", preferences::body(&liked(Some(lang.time_zone_wrong())))),
    ]
}

/// What administrators look after.
fn administering(lang: Lang, text: &str) -> Vec<(&'static str, Markup)> {
    let (mine, reader) = (|| text.to_owned(), || reader(lang));
    let status = |state: &str| projections::runner::Status {
        projection: "content".to_owned(),
        state: state.to_owned(),
        position: 18_200,
        error: (state == "halted").then(mine),
        outdated: state == "halted",
    };
    let compared = |what| Beat { told_at: Some(before(1)), compared: Some((before(1), what)) };
    let beats = [
        Beat::default(),
        compared(Compared::Whole),
        compared(Compared::Partly(3)),
        compared(Compared::Silent),
        compared(Compared::Failed),
    ];
    let overview = |well: bool| admin::Overview {
        parts: ["database", "log", "access graph", "search index", "read models", "another"]
            .map(|part| (part, (!well).then(|| Trouble::Said(mine()))))
            .to_vec(),
        registries: match well {
            true => beats.iter().map(|beat| (registry(text, text, 1), *beat)).collect(),
            false => vec![],
        },
        listening: before(2),
        keys: [-9_000, -100, 3]
            .map(|hours| admin::Ending {
                what: Lang::admin_key,
                at: before(hours),
                advice: Lang::admin_key_by_hand,
            })
            .into(),
        mail: well,
        position: 18_204,
        projections: vec![status("live"), status("halted")],
        search: status(if well { "live" } else { "halted" }),
        reader: reader(),
    };
    let users = |full: bool| admin_users::List {
        rows: if full { vec![user(text, true), user(text, false)] } else { vec![] },
        prefix: mine(),
        next: full.then(mine),
        first: !full,
        reader: reader(),
    };
    let one_user = |enabled: bool| admin_users::One {
        row: user(text, enabled),
        email: Some(mine()),
        display_name: Some(mine()),
        teams: vec![member(1, text, "owner")],
        last_sign_in: None,
        is_self: false,
        wrong: (!enabled).then(mine),
        csrf: "token".to_owned(),
        reader: reader(),
    };
    let form = || admin_registries::Form { name: mine(), host: mine(), ..Default::default() };
    let places = |full: bool| admin_registries::List {
        rows: if full { registries().0 } else { vec![] },
        form: form(),
        wrong: full.then(mine),
        csrf: "token".to_owned(),
        reader: reader(),
    };
    let place = |secret: bool| admin_registries::One {
        row: registry("main", "registry.example.org", 1),
        form: form(),
        fields: match secret {
            true => fields(
                &[text, text, text],
                &[lang.registry_host(), lang.registry_service(), lang.registry_url()],
            ),
            false => Fields::of(&[text]),
        },
        secret: secret.then(mine),
        wrong: secret.then(mine),
        wrong_password: secret.then(|| lang.password_wrong()),
        tested: if secret { registry_test::sample() } else { vec![] },
        origin: "https://portus.example.org".to_owned(),
        issuer: "portus.example.org".to_owned(),
        bundle: mine(),
        csrf: "token".to_owned(),
        reader: reader(),
    };
    let key = admin::Key {
        kid: "4RX6:R2RV".to_owned(),
        thumbprint: mine(),
        not_before: before(100),
        not_after: before(-1_000),
    };
    let new_user = admin_users::New { kind: "person".to_owned(), ..Default::default() };
    vec![
        ("admin", admin::body(&overview(true))),
        ("admin, unwell", admin::body(&overview(false))),
        ("admin, users", admin_users::list_body(&users(true))),
        ("admin, no users", admin_users::list_body(&users(false))),
        ("admin, user", admin_users::body(&one_user(true))),
        ("admin, disabled user", admin_users::body(&one_user(false))),
        ("admin, new user", admin_users::new_body(lang, &new_user, Some(text), "token")),
        ("admin, registries", admin_registries::list_body(&places(true))),
        ("admin, no registries", admin_registries::list_body(&places(false))),
        ("admin, registry", admin_registries::body(&place(false))),
        ("admin, registry with secret", admin_registries::body(&place(true))),
        ("admin, keys", admin::keys_body(&reader(), &key)),
    ]
}
