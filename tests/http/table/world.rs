//! The worlds that the table's rows speak of, all in one site: written as facts, so that nothing
//! but the graph made of them decides.

use std::collections::{BTreeMap, BTreeSet};

use commands::authn::app_token;
use commands::vault::Password;
use domain::access::Action;
use domain::admin::AdminEvent;
use domain::app_token::{AppTokenEvent, TokenId, TokenScope};
use domain::digest::Digest;
use domain::event::{Actor, Event, Meta, NewEvent, StreamName};
use domain::log::{Append, Expected, MAX_COMMANDS, Outcome};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName, UserName};
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::ContentEvent;
use domain::team::{Role, TeamEvent};
use domain::user::{Account, Origin, UserEvent};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tests::site::{SERVICE, Site};
use tests::table::Row;

/// The registry whose global namespace is public; `main`'s is protected.
const OPEN: (&str, &str) = ("open", "open.test");
/// Who belongs to nobody's world and owns what others do not.
const OLGA: &str = "olga";

pub(super) struct World {
    /// Number of each `who`: names must be short.
    whos: BTreeMap<String, usize>,
    /// By asker: every credential that the row's `who` means. Nobody: anonymous.
    pub(super) secrets: BTreeMap<String, Vec<String>>,
    /// How many tokens somebody else has, to be revoked by those who may.
    pub(super) foreign_tokens: usize,
}

/// What a row is about, by name.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) registry: &'static str,
    pub(super) service: &'static str,
    pub(super) namespace: String,
    pub(super) repository: String,
    pub(super) team: String,
    pub(super) last_owner: String,
}

impl World {
    /// Writes everything that `rows` need, and waits until it is in force.
    pub(super) async fn seed(site: &Site, rows: &[Row]) -> Self {
        let body = json!({ "registry": {
            "name": OPEN.0, "hostname": "open.test:443", "service": OPEN.1, "use_ssl": true,
        }});
        let (status, answer) = site.as_admin().post("/api/v1/registries", &body).await;
        assert_eq!(status, 201, "{answer}");

        let mut whos = BTreeMap::new();
        for row in rows {
            let next = whos.len();
            whos.entry(row.who.clone()).or_insert(next);
        }
        let mut world = Self { whos, secrets: BTreeMap::new(), foreign_tokens: 0 };
        let mut writer = Writer { site, events: Vec::new(), now: site.ground.desk.clock.now() };
        writer.user(OLGA, Account::Person);
        for visibility in ["private", "protected", "public"] {
            let name = format!("olga-{visibility}");
            writer.user(&name, Account::Person);
            writer.namespace("main", &name, Holder::Personal { user: user(&name) }, visibility);
        }
        writer.add(
            StreamName::namespace(&registry("main"), &namespace("_")),
            NamespaceEvent::VisibilityChanged {
                registry: registry("main"),
                namespace: namespace("_"),
                from: Visibility::Public,
                to: Visibility::Protected,
            },
        );
        for name in ["main", OPEN.0] {
            writer.push(name, "app");
        }
        let mut done = BTreeSet::new();
        for row in rows {
            if done.insert(world.asker(row)) {
                world.asker_comes(&mut writer, row).await;
            }
            let place = world.place(row);
            if row.kind == "team" && done.insert(place.team.clone()) {
                world.team_comes(&mut writer, row, &place);
            }
        }
        // Whoever is two credentials asks twice.
        for _ in 0..2 * rows.iter().filter(|row| row.action == Action::RevokeTokenOther).count() {
            writer.token(OLGA, TokenScope::All, writer.now + day(9)).await;
            world.foreign_tokens += 1;
        }
        world.farewells(&mut writer, rows);
        writer.write().await;
        world
    }

    /// Whoever asks in this row's world; `""`: nobody.
    pub(super) fn asker(&self, row: &Row) -> String {
        match row.who.as_str() {
            "anonymous" | "registry" | "registry_wrong_secret" => String::new(),
            who => format!("w{}-{}", self.whos[who], seen(row)),
        }
    }

    pub(super) fn place(&self, row: &Row) -> Place {
        // Where a row's act would take the ground from under another row, it has its own.
        let own = match row.action {
            Action::ChangeTeam => "-give",
            Action::ChangeTeamForeign => "-lose",
            Action::DeleteNamespace => "-end",
            Action::DeleteTeam => "-over",
            _ => "",
        };
        let id = format!("{}-{}-{}{own}", self.whos[&row.who], seen(row), role_word(row));
        let (registry, service) = match (row.kind.as_str(), row.visibility.as_str()) {
            ("global", "public") => OPEN,
            _ => ("main", SERVICE),
        };
        let namespace = match row.kind.as_str() {
            "global" => "_".to_owned(),
            "personal_own" => self.asker(row),
            "personal_other" => format!("olga-{}", seen(row)),
            "team" => format!("n{id}"),
            _ => "nowhere".to_owned(),
        };
        let repository =
            if namespace == "_" { "app".to_owned() } else { format!("{namespace}/app") };
        let team = match row.kind.as_str() {
            "team" => format!("t{id}"),
            "global" => "global".to_owned(),
            _ => namespace.clone(),
        };
        let owner = if row.role == "owner" { self.asker(row) } else { OLGA.to_owned() };
        Place { registry, service, namespace, repository, team, last_owner: owner }
    }

    /// A team in which this asker is owner (bots: contributor).
    pub(super) fn own_team(asker: &str) -> String {
        format!("own-{asker}")
    }

    /// A team in which this asker is viewer.
    pub(super) fn other_team(asker: &str) -> String {
        format!("other-{asker}")
    }

    /// Those who may never change anything.
    pub(super) fn idle_askers(&self) -> Vec<String> {
        let idle = [
            "disabled_user",
            "disabled_admin",
            "app_token[pull]",
            "app_token[push]",
            "app_token[delete]",
            "app_token[api_read]",
            "admin_app_token[pull]",
            "app_token[all]_of_disabled_user",
            "revoked_or_expired_app_token",
        ];
        let idle = idle.iter().map(|who| format!("w{}-", self.whos[*who]));
        let idle: Vec<_> = idle.collect();
        let names = self.secrets.keys();
        names.filter(|name| idle.iter().any(|start| name.starts_with(start))).cloned().collect()
    }

    async fn asker_comes(&mut self, writer: &mut Writer<'_>, row: &Row) {
        let name = self.asker(row);
        if name.is_empty() {
            return;
        }
        let bot = row.who == "bot";
        writer.user(&name, if bot { Account::Bot } else { Account::Person });
        if row.who.starts_with("admin") || row.who == "disabled_admin" {
            let granted = AdminEvent::Granted { user: user(&name) };
            writer.add(StreamName::administrators(), granted);
        }
        if row.who == "auditor" {
            let granted = UserEvent::AuditorGranted { user: user(&name) };
            writer.add(StreamName::user(&user(&name)), granted);
        }
        if !bot {
            writer.namespace("main", &name, Holder::Personal { user: user(&name) }, seen(row));
        }
        for (team, role) in [
            (Self::own_team(&name), if bot { Role::Contributor } else { Role::Owner }),
            (Self::other_team(&name), Role::Viewer),
        ] {
            writer.team(&team, if role == Role::Owner { &name } else { OLGA });
            if role != Role::Owner {
                writer.member(&team, &name, role);
            }
        }
        let later = writer.now + day(9);
        let secrets = match row.who.as_str() {
            "revoked_or_expired_app_token" => {
                let (id, revoked) = writer.token(&name, TokenScope::All, later).await;
                let (_, expired) = writer.token(&name, TokenScope::All, writer.now).await;
                let revocation = AppTokenEvent::Revoked { user: user(&name), token: id };
                writer.add(StreamName::app_tokens(&user(&name)), revocation);
                vec![revoked, expired]
            }
            who => match who.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
                Some((scope, _)) => {
                    let scope = TokenScope::parse(scope).unwrap();
                    vec![writer.token(&name, scope, later).await.1]
                }
                None => {
                    let password = Password::parse(&Site::password(&name)).unwrap();
                    let vault = &writer.site.ground.desk.vault;
                    vault.set_password(&user(&name), password).await.unwrap();
                    vec![Site::password(&name)]
                }
            },
        };
        self.secrets.insert(name, secrets);
    }

    fn team_comes(&self, writer: &mut Writer<'_>, row: &Row, place: &Place) {
        let asker = self.asker(row);
        writer.team(&place.team, &place.last_owner);
        if let Some(role) = Role::parse(&row.role)
            && role != Role::Owner
        {
            writer.member(&place.team, &asker, role);
        }
        if Visibility::parse(&row.visibility).is_some() {
            let holder = Holder::Team { team: team(&place.team) };
            writer.empty_namespace("main", &place.namespace, holder, seen(row));
            if row.action != Action::DeleteNamespace {
                writer.push("main", &place.repository);
            }
        }
    }

    /// Last, so that everything before has happened to somebody enabled.
    fn farewells(&self, writer: &mut Writer<'_>, rows: &[Row]) {
        let gone = rows.iter().filter(|row| row.who.contains("disabled"));
        for name in gone.map(|row| self.asker(row)).collect::<BTreeSet<_>>() {
            let disabled = UserEvent::Disabled { user: user(&name), reason: "left".to_owned() };
            writer.add(StreamName::user(&user(&name)), disabled);
        }
    }
}

/// The visibility that a row's world has where the row does not care.
fn seen(row: &Row) -> &str {
    if row.visibility == "-" { "protected" } else { &row.visibility }
}

fn role_word(row: &Row) -> String {
    // A row on a team alone has a team without namespaces.
    let bare = if row.visibility == "-" { "bare-" } else { "" };
    let role = if row.role == "-" { "nobody" } else { &row.role };
    format!("{bare}{role}")
}

struct Writer<'a> {
    site: &'a Site,
    events: Vec<(StreamName, Event)>,
    now: Timestamp,
}

impl Writer<'_> {
    fn add(&mut self, stream: StreamName, event: impl Into<Event>) {
        self.events.push((stream, event.into()));
    }

    fn user(&mut self, name: &str, account: Account) {
        let user = user(name);
        let stream = StreamName::user(&user);
        self.add(stream, UserEvent::Registered { user, account, origin: Origin::Administrator });
    }

    fn team(&mut self, name: &str, owner: &str) {
        let (team, owner) = (team(name), user(owner));
        let stream = StreamName::team(&team);
        self.add(stream, TeamEvent::Created { team, owner, description: String::new() });
    }

    fn member(&mut self, name: &str, member: &str, role: Role) {
        let (team, user) = (team(name), user(member));
        let stream = StreamName::team(&team);
        self.add(stream, TeamEvent::MemberAdded { team, user, role });
    }

    /// With a repository in it.
    fn namespace(&mut self, at: &str, name: &str, holder: Holder, visibility: &str) {
        self.empty_namespace(at, name, holder, visibility);
        self.push(at, &format!("{name}/app"));
    }

    fn empty_namespace(&mut self, at: &str, name: &str, holder: Holder, visibility: &str) {
        let (registry, namespace) = (registry(at), namespace(name));
        let stream = StreamName::namespace(&registry, &namespace);
        let visibility = Visibility::parse(visibility).unwrap();
        let description = String::new();
        let created =
            NamespaceEvent::Created { registry, namespace, holder, visibility, description };
        self.add(stream, created);
    }

    fn push(&mut self, at: &str, repository: &str) {
        let stream = StreamName::pushes(&registry(at), self.now);
        let pushed = ContentEvent::ManifestPushed {
            registry: registry(at),
            repository: RepositoryName::parse(repository).unwrap(),
            digest: Digest::parse(&format!("sha256:{:064x}", 7)).unwrap(),
            tag: Some(TagName::parse("v1").unwrap()),
            media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
            size: Some(500),
            references: Vec::new(),
            omitted: None,
        };
        self.add(stream, pushed);
    }

    async fn token(
        &mut self,
        owner: &str,
        scope: TokenScope,
        expires_at: Timestamp,
    ) -> (TokenId, String) {
        let owner = user(owner);
        let id = TokenId(self.site.ground.desk.new_id().0);
        let (secret, hash) = app_token::mint();
        self.site.ground.desk.vault.put_app_token(id, &owner, hash).await.unwrap();
        let stream = StreamName::app_tokens(&owner);
        let created = AppTokenEvent::Created {
            user: owner,
            token: id,
            label: format!("token {id}"),
            scopes: [scope].into(),
            namespaces: None,
            expires_at,
        };
        self.add(stream, created);
        (id, secret.to_string())
    }

    async fn write(self) {
        let desk = &self.site.ground.desk;
        let appends = self.events.into_iter().map(|(stream, event)| Append {
            stream,
            expected: Expected::Any,
            key: None,
            events: vec![NewEvent {
                id: desk.new_id(),
                occurred_at: self.now,
                meta: Meta::by(Actor::System { part: "seed".to_owned() }),
                event,
            }],
        });
        let appends: Vec<_> = appends.collect();
        for batch in appends.chunks(MAX_COMMANDS) {
            for outcome in self.site.ground.log.append(batch.to_vec()).await.unwrap() {
                assert!(matches!(outcome, Outcome::Appended { .. }), "{outcome:?}");
            }
        }
        let head = desk.log.head().await.unwrap();
        self.site.reached(head).await;
    }
}

fn day(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn team(name: &str) -> TeamName {
    TeamName::parse(name).unwrap()
}

fn registry(name: &str) -> RegistryName {
    RegistryName::parse(name).unwrap()
}

fn namespace(name: &str) -> NamespaceName {
    NamespaceName::parse(name).unwrap()
}
