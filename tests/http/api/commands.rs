//! What commands promise whoever calls them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use commands::app_tokens::{self, NewAppToken};
use commands::bootstrap::{
    BootstrapRefusal, BootstrapSecret, FILE, FirstAdministrator, first_administrator,
};
use commands::desk::{Caller, Clock, Desk, Origin};
use commands::execute::CommandError;
use commands::log::memory::MemoryLog;
use commands::namespaces::personal::{self, Keeper};
use commands::namespaces::{self, NewNamespace};
use commands::users::{self, AccountRefusal, NewUser, ProfileChange};
use commands::vault::{MasterKey, Password, Vault};
use commands::{QUARANTINE_HOURS, registries, teams};
use domain::access::{Action, Graph, Permit, Policy, Resource, Subject};
use domain::admin::{AdminEvent, AdminRefusal};
use domain::app_token::{AppTokenRefusal, TokenScope};
use domain::event::{Actor, Event, Position};
use domain::name::{NamespaceName, RegistryName, TeamName, UserName};
use domain::namespace::{Holder, NamespaceEvent, NamespaceRefusal, Visibility};
use domain::registry::RegistrySettings;
use domain::team::{Role, TeamRefusal};
use domain::user::{Account, Origin as Registered, UserRefusal};
use jiff::{SignedDuration, Timestamp, ToSpan};
use tests::postgres::TestDatabase;

/// A desk with a log in memory, a real vault, and a clock that tests turn.
struct Office {
    desk: Desk,
    now: Arc<Mutex<Timestamp>>,
    _database: TestDatabase,
}

impl Office {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let now = Arc::new(Mutex::new("2026-11-22T12:00:00Z".parse().unwrap()));
        let shown = now.clone();
        let clock = Clock::new(move || *shown.lock().unwrap());
        let vault = Vault::open(database.service.clone(), MasterKey::from_bytes([7; 32])).await;
        let log = MemoryLog::new(clock.clone());
        let desk = Desk { log, vault: vault.unwrap(), clock };
        Self { desk, now, _database: database }
    }

    fn pass(&self, time: SignedDuration) {
        *self.now.lock().unwrap() += time;
    }

    async fn person(&self, name: &str) -> UserName {
        self.register(name, Account::Person).await.unwrap();
        user(name)
    }

    async fn register(
        &self,
        name: &str,
        account: Account,
    ) -> Result<Position, CommandError<AccountRefusal>> {
        let new = NewUser {
            name: user(name),
            account,
            origin: Registered::Administrator,
            password: None,
            profile: ProfileChange::default(),
        };
        users::register(&self.desk, &house("console"), new, &self.registries().await).await
    }

    async fn registry(&self) -> RegistryName {
        let name = RegistryName::parse("main").unwrap();
        let settings = RegistrySettings {
            service: "r:5000".into(),
            host: "r:5000".into(),
            url: "http://r:5000".into(),
        };
        registries::add(&self.desk, &house("console"), &name, settings).await.unwrap();
        name
    }

    async fn registries(&self) -> Vec<RegistryName> {
        let added = self.events().await.into_iter().filter_map(|event| match event {
            Event::Registry(domain::registry::RegistryEvent::Added { registry, .. }) => {
                Some(registry)
            }
            _ => None,
        });
        added.collect()
    }

    async fn events(&self) -> Vec<Event> {
        let page = self.desk.log.read_all(Position(0), 1_000, None).await.unwrap();
        page.events.iter().map(|recorded| recorded.decode().unwrap().event).collect()
    }

    async fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        let page = self.desk.log.read_all(Position(0), 1_000, None).await.unwrap();
        for recorded in &page.events {
            graph.apply(&recorded.decode().unwrap());
        }
        graph.advance(page.head);
        graph
    }

    /// The caller with a permit of the graph as it stands now.
    async fn caller(&self, name: &str, action: Action, resource: &Resource) -> Caller {
        let subject = Subject::Account { name: user(name) };
        let (graph, policy) = (self.graph().await, Policy::default());
        let permit = graph.permit(&policy, &subject, action, resource, self.desk.clock.now());
        Caller { permit: permit.unwrap(), origin: Origin::default() }
    }

    async fn personal(&self, name: &str) -> Vec<String> {
        let made = self.events().await.into_iter().filter_map(|event| match event {
            Event::Namespace(NamespaceEvent::Created {
                namespace,
                holder: Holder::Personal { user },
                ..
            }) if user.as_str() == name => Some(namespace.to_string()),
            _ => None,
        });
        made.collect()
    }
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn team(name: &str) -> TeamName {
    TeamName::parse(name).unwrap()
}

fn namespace(name: &str) -> NamespaceName {
    NamespaceName::parse(name).unwrap()
}

/// The machine's own authority, in the name of a person.
fn house(name: &str) -> Caller {
    let permit = Permit::of_the_house(Actor::User { name: user(name) });
    Caller { permit, origin: Origin::default() }
}

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

fn first(name: &str) -> FirstAdministrator {
    FirstAdministrator {
        name: user(name),
        password: password("correct horse battery"),
        profile: ProfileChange::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_first_administrators_one_comes_first() {
    let office = Office::new().await;
    let folder = tempfile::tempdir().unwrap();
    let secret = Arc::new(BootstrapSecret::open(&office.desk, folder.path()).await.unwrap());
    let shown = secret.reveal().await.unwrap().to_string();
    let tries = (0..16).map(|n| {
        let (desk, secret, shown) = (office.desk.clone(), secret.clone(), shown.clone());
        tokio::spawn(async move {
            let new = first(&format!("user{n}"));
            first_administrator(&desk, &secret, &shown, new, Origin::default(), &[]).await
        })
    });
    let mut winners = 0;
    for tried in futures_util::future::join_all(tries).await {
        match tried.unwrap() {
            Ok(_) => winners += 1,
            Err(CommandError::Refused(BootstrapRefusal::Done(_))) => (),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(winners, 1);
    let events = office.events().await;
    let admins = events.iter().filter(|event| matches!(event, Event::Admin(_))).count();
    let accounts = events.iter().filter(|event| matches!(event, Event::User(_))).count();
    assert_eq!((admins, accounts), (1, 1));
    assert!(secret.reveal().await.is_none());
    assert!(!folder.path().join(FILE).exists());
}

#[tokio::test]
async fn the_one_time_secret_is_for_its_owner_alone_and_outlives_a_restart() {
    use std::os::unix::fs::PermissionsExt as _;

    let office = Office::new().await;
    let folder = tempfile::tempdir().unwrap();
    let secret = BootstrapSecret::open(&office.desk, folder.path()).await.unwrap();
    let mode = secret.path().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let shown = secret.reveal().await.unwrap();
    assert_eq!(shown.len(), 43);
    let again = BootstrapSecret::open(&office.desk, folder.path()).await.unwrap();
    assert_eq!(*again.reveal().await.unwrap(), *shown);

    let desk = &office.desk;
    for wrong in ["", "x", &shown[..42], &format!("{}x", *shown)] {
        let tried = first_administrator(desk, &again, wrong, first("eve"), Origin::default(), &[]);
        let refused = CommandError::Refused(BootstrapRefusal::WrongSecret);
        assert_eq!(tried.await.unwrap_err().to_string(), refused.to_string());
    }
    let made = first_administrator(desk, &again, &shown, first("alice"), Origin::default(), &[]);
    made.await.unwrap();
    std::fs::write(folder.path().join(FILE), &*shown).unwrap();
    let burnt = BootstrapSecret::open(&office.desk, folder.path()).await.unwrap();
    assert!(burnt.reveal().await.is_none());
    assert!(!folder.path().join(FILE).exists());
}

#[tokio::test]
async fn an_interrupted_bootstrap_is_completed_by_the_same_person_and_nobody_else() {
    let office = Office::new().await;
    let desk = &office.desk;
    let folder = tempfile::tempdir().unwrap();
    let secret = BootstrapSecret::open(desk, folder.path()).await.unwrap();
    let shown = secret.reveal().await.unwrap();

    // What a process leaves that is killed after the decision.
    let origin =
        Origin { credential: Some(domain::event::Credential::Bootstrap), ..Origin::default() };
    let by = Caller { origin, ..house("alice") };
    let stream = domain::event::StreamName::administrators();
    let wish = domain::admin::AdminCommand::Bootstrap { user: user("alice") };
    commands::execute::execute::<domain::admin::Administrators>(desk, &by, &stream, wish)
        .await
        .unwrap();
    let secret = {
        drop(secret);
        BootstrapSecret::open(desk, folder.path()).await.unwrap()
    };
    let other = first_administrator(desk, &secret, &shown, first("eve"), Origin::default(), &[]);
    let done = CommandError::Refused(BootstrapRefusal::Done(AdminRefusal::AlreadyBootstrapped));
    assert_eq!(other.await.unwrap_err().to_string(), done.to_string());

    // … and after the account, but before its password.
    let new = NewUser {
        name: user("alice"),
        account: Account::Person,
        origin: Registered::Bootstrap,
        password: None,
        profile: ProfileChange::default(),
    };
    users::register(desk, &house("alice"), new, &[]).await.unwrap();
    let made = first_administrator(desk, &secret, &shown, first("alice"), Origin::default(), &[]);
    made.await.unwrap();
    assert!(desk.vault.password(&user("alice")).await.unwrap().is_some());
    let admins = office
        .events()
        .await
        .into_iter()
        .filter(|event| matches!(event, Event::Admin(AdminEvent::Granted { .. })));
    assert_eq!(admins.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_administrators_who_all_leave_at_once_one_stays() {
    let office = Office::new().await;
    for n in 0..16 {
        let name = office.person(&format!("user{n}")).await;
        users::grant_admin(&office.desk, &house("console"), &name).await.unwrap();
    }
    let tries = (0..16).map(|n| {
        let desk = office.desk.clone();
        tokio::spawn(async move {
            let name = user(&format!("user{n}"));
            loop {
                match users::revoke_admin(&desk, &house("console"), &name).await {
                    Err(CommandError::Contended) => (),
                    other => return other,
                }
            }
        })
    });
    let mut refused = 0;
    for tried in futures_util::future::join_all(tries).await {
        match tried.unwrap() {
            Ok(_) => (),
            Err(CommandError::Refused(AccountRefusal::Admin(AdminRefusal::Last))) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(refused, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_owners_who_all_leave_at_once_one_stays() {
    let office = Office::new().await;
    let ops = team("ops");
    let owner = office.person("user0").await;
    let by = house("user0");
    teams::create(&office.desk, &by, &ops, &owner, String::new()).await.unwrap();
    for n in 1..16 {
        let name = office.person(&format!("user{n}")).await;
        teams::add_member(&office.desk, &by, &ops, &name, Role::Owner).await.unwrap();
    }
    let tries = (0..16).map(|n| {
        let desk = office.desk.clone();
        tokio::spawn(async move {
            let (ops, name) = (team("ops"), user(&format!("user{n}")));
            loop {
                let by = house("console");
                let tried = if n % 2 == 0 {
                    teams::change_role(&desk, &by, &ops, &name, Role::Viewer).await
                } else {
                    teams::remove_member(&desk, &by, &ops, &name).await
                };
                match tried {
                    Err(CommandError::Contended) => (),
                    other => return other,
                }
            }
        })
    });
    let mut refused = 0;
    for tried in futures_util::future::join_all(tries).await {
        match tried.unwrap() {
            Ok(_) => (),
            Err(CommandError::Refused(TeamRefusal::LastOwner)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(refused, 1);
}

#[tokio::test]
async fn a_permit_for_something_else_is_refused() {
    let office = Office::new().await;
    let alice = office.person("alice").await;
    users::grant_admin(&office.desk, &house("console"), &alice).await.unwrap();
    office.person("bob").await;
    let panel = office.caller("alice", Action::AdminPanel, &Resource::System).await;
    let desk = &office.desk;
    let before = desk.log.head().await.unwrap();
    let disabled = users::disable(desk, &panel, &user("bob"), String::new()).await;
    assert!(matches!(disabled, Err(CommandError::NotPermitted)));
    let granted = users::grant_admin(desk, &panel, &user("bob")).await;
    assert!(matches!(granted, Err(CommandError::NotPermitted)));
    let made = teams::create(desk, &panel, &team("ops"), &alice, String::new()).await;
    assert!(matches!(made, Err(CommandError::NotPermitted)));
    let create = office.caller("alice", Action::CreateTeam, &Resource::System).await;
    let for_bob = teams::create(desk, &create, &team("ops"), &user("bob"), String::new()).await;
    assert!(matches!(for_bob, Err(CommandError::NotPermitted)));
    assert_eq!(desk.log.head().await.unwrap(), before);
}

#[tokio::test]
async fn a_right_that_is_older_than_what_it_is_used_on_is_asked_for_again() {
    let office = Office::new().await;
    let alice = office.person("alice").await;
    users::grant_admin(&office.desk, &house("console"), &alice).await.unwrap();
    let bob = office.person("bob").await;
    let old = office.caller("alice", Action::ManageUsers, &Resource::System).await;
    users::disable(&office.desk, &house("console"), &bob, String::new()).await.unwrap();
    let tried = users::enable(&office.desk, &old, &bob).await;
    assert!(matches!(tried, Err(CommandError::Outdated(_))));
    let new = office.caller("alice", Action::ManageUsers, &Resource::System).await;
    users::enable(&office.desk, &new, &bob).await.unwrap();
}

#[tokio::test]
async fn an_administrator_is_demoted_before_being_disabled_and_the_last_one_is_not() {
    let office = Office::new().await;
    let (alice, bob) = (office.person("alice").await, office.person("bob").await);
    let desk = &office.desk;
    for name in [&alice, &bob] {
        users::grant_admin(desk, &house("console"), name).await.unwrap();
    }
    let by = house("alice");
    let own = users::disable(desk, &by, &alice, String::new()).await;
    assert_eq!(own.unwrap_err().to_string(), UserRefusal::OwnAccount.to_string());
    users::disable(desk, &by, &bob, "left".into()).await.unwrap();
    users::enable(desk, &by, &bob).await.unwrap();
    assert!(!office.graph().await.account(&bob).unwrap().admin);
    let last = users::disable(desk, &house("bob"), &alice, String::new()).await;
    assert_eq!(last.unwrap_err().to_string(), AdminRefusal::Last.to_string());
    assert!(office.graph().await.account(&alice).unwrap().enabled);
}

#[tokio::test]
async fn neither_bots_nor_disabled_people_become_administrators() {
    let office = Office::new().await;
    let desk = &office.desk;
    office.register("ci", Account::Bot).await.unwrap();
    let bob = office.person("bob").await;
    users::disable(desk, &house("console"), &bob, String::new()).await.unwrap();
    for (name, why) in
        [("ci", UserRefusal::Bot), ("bob", UserRefusal::Disabled), ("nobody", UserRefusal::Unknown)]
    {
        let tried = users::grant_admin(desk, &house("console"), &user(name)).await;
        assert_eq!(tried.unwrap_err().to_string(), why.to_string());
    }
}

#[tokio::test]
async fn a_removed_persons_name_and_things_are_nobodys_for_a_day_and_then_new() {
    let office = Office::new().await;
    let desk = &office.desk;
    office.registry().await;
    let alice = office.person("alice").await;
    let old = password("an old old password");
    users::set_password(desk, &house("console"), &alice, old).await.unwrap();
    users::remove(desk, &house("console"), &alice, &[]).await.unwrap();
    assert!(desk.vault.password(&alice).await.unwrap().is_none());

    office.pass(SignedDuration::from_hours(QUARANTINE_HOURS) - SignedDuration::from_secs(1));
    let early = office.register("alice", Account::Person).await.unwrap_err();
    assert!(matches!(
        early,
        CommandError::Refused(AccountRefusal::User(UserRefusal::Quarantined(_)))
    ));
    // A stop during the removal may have left the old password where it was.
    desk.vault.set_password(&alice, password("an old old password")).await.unwrap();
    office.pass(SignedDuration::from_secs(1));
    office.register("alice", Account::Person).await.unwrap();
    assert!(desk.vault.password(&alice).await.unwrap().is_none());
    // The old Alice's images are not hers.
    assert_eq!(office.personal("alice").await, ["alice", "alice-2"]);
}

#[tokio::test]
async fn a_team_keeps_an_owner_also_when_an_account_is_removed() {
    let office = Office::new().await;
    let desk = &office.desk;
    let (alice, bob) = (office.person("alice").await, office.person("bob").await);
    for name in ["one", "two"] {
        teams::create(desk, &house("alice"), &team(name), &alice, String::new()).await.unwrap();
    }
    teams::add_member(desk, &house("alice"), &team("one"), &bob, Role::Owner).await.unwrap();
    let before = desk.log.head().await.unwrap();
    let all = [team("one"), team("two")];
    let tried = users::remove(desk, &house("console"), &alice, &all).await.unwrap_err();
    assert_eq!(
        tried.to_string(),
        "alice is the last owner of the team two; make somebody else owner first"
    );
    assert_eq!(desk.log.head().await.unwrap(), before);
    teams::add_member(desk, &house("alice"), &team("two"), &bob, Role::Owner).await.unwrap();
    users::remove(desk, &house("console"), &alice, &all).await.unwrap();
    let graph = office.graph().await;
    assert_eq!(graph.role_in(&alice, &team("two")), None);
    assert_eq!(graph.role_in(&bob, &team("two")), Some(Role::Owner));
}

#[tokio::test]
async fn everybody_has_their_own_namespace_in_every_registry() {
    let office = Office::new().await;
    let desk = &office.desk;
    office.person("a.b").await;
    office.person("a-b").await;
    office.person("a@b").await;
    office.register("ci", Account::Bot).await.unwrap();
    office.registry().await;
    let mut keepers = [Keeper::new(desk.clone()), Keeper::new(desk.clone())];
    let [one, two] = &mut keepers;
    let (first, second) = tokio::join!(one.catch_up(), two.catch_up());
    first.unwrap();
    second.unwrap();
    assert_eq!(office.personal("a.b").await, ["a.b"]);
    let mut similar = office.personal("a-b").await;
    similar.extend(office.personal("a@b").await);
    similar.sort();
    assert_eq!(similar, ["a-b", "a-b-2"]);
    assert!(office.personal("ci").await.is_empty());

    let late = office.person("late").await;
    assert_eq!(office.personal("late").await, ["late"]);
    let main = RegistryName::parse("main").unwrap();
    personal::ensure(desk, &house("console"), &main, &late).await.unwrap();
    assert_eq!(office.personal("late").await, ["late"]);
}

#[tokio::test]
async fn a_longer_name_takes_nothing_from_the_owners_of_a_shorter_one() {
    let office = Office::new().await;
    let desk = &office.desk;
    let main = office.registry().await;
    for (name, of) in [("alice", "ops"), ("mallory", "evil")] {
        let name = office.person(name).await;
        let by = house(name.as_str());
        teams::create(desk, &by, &team(of), &name, String::new()).await.unwrap();
    }
    let new = |name: &str, of: &str| NewNamespace {
        registry: main.clone(),
        name: namespace(name),
        team: team(of),
        visibility: Visibility::Private,
        description: String::new(),
    };
    let at = |name: &str| Resource::Namespace { registry: main.clone(), name: namespace(name) };
    let of = |name: &str| Resource::Team { name: team(name) };
    let by = office.caller("alice", Action::CreateNamespace, &of("ops")).await;
    namespaces::create(desk, &by, new("ops", "ops"), None).await.unwrap();

    let by = office.caller("mallory", Action::CreateNamespace, &of("evil")).await;
    let stolen = namespaces::create(desk, &by, new("ops/app", "evil"), None).await;
    let inside = NamespaceRefusal::Inside(namespace("ops"));
    assert_eq!(stolen.unwrap_err().to_string(), inside.to_string());

    let by = office.caller("alice", Action::CreateNamespace, &of("ops")).await;
    let above = office.caller("alice", Action::CreateNamespace, &at("ops/app")).await.permit;
    namespaces::create(desk, &by, new("ops/app", "ops"), Some(&above)).await.unwrap();
}

#[tokio::test]
async fn a_deleted_namespace_is_nobodys_for_a_day() {
    let office = Office::new().await;
    let desk = &office.desk;
    let main = office.registry().await;
    let alice = office.person("alice").await;
    let by = house("alice");
    teams::create(desk, &by, &team("ops"), &alice, String::new()).await.unwrap();
    let new = || NewNamespace {
        registry: main.clone(),
        name: namespace("ops"),
        team: team("ops"),
        visibility: Visibility::Public,
        description: String::new(),
    };
    namespaces::create(desk, &by, new(), None).await.unwrap();
    namespaces::delete(desk, &by, &main, &namespace("ops")).await.unwrap();
    office.pass(SignedDuration::from_hours(QUARANTINE_HOURS) - SignedDuration::from_secs(1));
    let early = namespaces::create(desk, &by, new(), None).await;
    assert!(matches!(early, Err(CommandError::Refused(NamespaceRefusal::Quarantined(_)))));
    office.pass(SignedDuration::from_secs(1));
    namespaces::create(desk, &by, new(), None).await.unwrap();
}

#[tokio::test]
async fn nobody_makes_an_application_token_for_another_person() {
    let office = Office::new().await;
    let desk = &office.desk;
    let alice = office.person("alice").await;
    users::grant_admin(desk, &house("console"), &alice).await.unwrap();
    let bob = office.person("bob").await;
    office.register("ci", Account::Bot).await.unwrap();
    let new = |label: &str| NewAppToken {
        label: label.to_owned(),
        scopes: [TokenScope::Pull].into(),
        namespaces: None,
        expires_at: None,
    };
    let own = office.caller("alice", Action::IssueTokenSelf, &Resource::System).await;
    let for_bob = app_tokens::create(desk, &own, &bob, new("x")).await;
    assert!(matches!(for_bob, Err(CommandError::NotPermitted)));
    let bots = office.caller("alice", Action::CreateBot, &Resource::System).await;
    let for_bob = app_tokens::create(desk, &bots, &bob, new("x")).await;
    assert!(matches!(for_bob, Err(CommandError::NotPermitted)));
    app_tokens::create(desk, &bots, &user("ci"), new("x")).await.unwrap();
    let made = app_tokens::create(desk, &own, &alice, new("x")).await.unwrap();
    assert_eq!(made.expires_at, desk.clock.now() + (90 * 24).hours());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_two_application_tokens_at_once_twenty_are_made() {
    let office = Office::new().await;
    office.person("alice").await;
    let tries = (0..32).map(|n| {
        let desk = office.desk.clone();
        tokio::spawn(async move {
            let new = || NewAppToken {
                label: format!("token {n}"),
                scopes: [TokenScope::All].into(),
                namespaces: None,
                expires_at: None,
            };
            loop {
                let by = house("alice");
                match app_tokens::create(&desk, &by, &user("alice"), new()).await {
                    Err(CommandError::Contended) => (),
                    other => return other.map(|issued| issued.id),
                }
            }
        })
    });
    let mut made = BTreeSet::new();
    for tried in futures_util::future::join_all(tries).await {
        match tried.unwrap() {
            Ok(id) => assert!(made.insert(id)),
            Err(CommandError::Refused(AppTokenRefusal::TooMany { max: 20 })) => (),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(made.len(), 20);
}

#[tokio::test]
async fn profile_data_has_bounds_and_never_reaches_the_log() {
    let office = Office::new().await;
    let desk = &office.desk;
    let alice = office.person("alice").await;
    let change = |email: &str, name: &str| ProfileChange {
        email: Some(email.to_owned()),
        display_name: Some(name.to_owned()),
    };
    let long = format!("{}@example.org", "a".repeat(users::MAX_EMAIL_BYTES - 12));
    assert_eq!(long.len(), users::MAX_EMAIL_BYTES);
    let longer = format!("a{long}");
    for bad in ["alice", "@", "a@", "@b", "a b@c", "a@b@c", longer.as_str()] {
        let tried =
            users::change_profile(desk, &house("alice"), &alice, change(bad, "Alice")).await;
        assert!(matches!(tried, Err(CommandError::Refused(AccountRefusal::Email { .. }))), "{bad}");
    }
    let name = "x".repeat(users::MAX_DISPLAY_NAME_BYTES);
    users::change_profile(desk, &house("alice"), &alice, change(&long, &name)).await.unwrap();
    let too_long = change("", &format!("{name}x"));
    let tried = users::change_profile(desk, &house("alice"), &alice, too_long).await;
    assert!(matches!(tried, Err(CommandError::Refused(AccountRefusal::DisplayName { .. }))));
    let page = desk.log.read_all(Position(0), 1_000, None).await.unwrap();
    assert!(page.events.iter().all(|event| !event.data.contains("example.org")));
    let stored = desk.vault.profile(&alice).await.unwrap();
    assert_eq!(stored.email.as_deref(), Some(long.as_str()));
}
