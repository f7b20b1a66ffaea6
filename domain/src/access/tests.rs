//! Stories about the graph that the decision table does not tell: further grants, nested
//! namespaces, tokens for some namespaces, things that end.

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::admin::AdminEvent;
use crate::app_token::{AppTokenEvent, TokenScope};
use crate::event::{Actor, Event, EventId, Fact, Meta, Position, StreamName, Version};
use crate::namespace::{Grant, GrantId, Grantee, Holder, NamespaceEvent, Visibility};
use crate::registry::{RegistryEvent, RegistrySettings};
use crate::scope::{Scope, ScopeAction};
use crate::team::{Role, TeamEvent};
use crate::user::{Account, Origin, UserEvent};

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

fn team(name: &str) -> TeamName {
    name.parse().unwrap()
}

fn main() -> RegistryName {
    "main".parse().unwrap()
}

fn namespace(name: &str) -> NamespaceName {
    name.parse().unwrap()
}

fn repository(name: &str) -> Resource {
    Resource::Repository { registry: main(), name: name.parse().unwrap() }
}

fn whole(name: &str) -> Resource {
    Resource::Namespace { registry: main(), name: namespace(name) }
}

fn of_team(name: &str) -> Resource {
    Resource::Team { name: team(name) }
}

/// A graph, and the position of its next fact.
#[derive(Clone, Default)]
struct World(Graph);

impl World {
    /// A registry; ann owns team blue, which holds the private `space`; bob, cem and robot belong
    /// to nothing.
    fn new() -> Self {
        let mut world = Self::default();
        world.hear(added("main", "registry.example.org"));
        for (name, account) in [
            ("ann", Account::Person),
            ("bob", Account::Person),
            ("cem", Account::Person),
            ("robot", Account::Bot),
        ] {
            world.hear(registered(name, account));
        }
        world.hear(team_created("blue", "ann"));
        world.hear(created("space", Holder::Team { team: team("blue") }, Visibility::Private));
        world
    }

    fn hear(&mut self, event: impl Into<Event>) -> Position {
        let position = Position(self.0.position().0 + 1);
        self.0.apply(&fact(position, event.into()));
        position
    }

    fn with(mut self, event: impl Into<Event>) -> Self {
        self.hear(event);
        self
    }

    fn may(&self, who: &str, action: Action, resource: &Resource) -> bool {
        self.verdict(who, action, resource).is_allowed()
    }

    fn verdict(&self, who: &str, action: Action, resource: &Resource) -> Verdict {
        let subject = Subject::Account { name: user(who) };
        self.0.decide(&Policy::default(), &subject, action, resource, moment(0))
    }

    fn ground(&self, who: &str, action: Action, resource: &Resource) -> Option<Ground> {
        match self.verdict(who, action, resource) {
            Verdict::Allowed(because) => because.grant,
            Verdict::Denied(because, form) => panic!("{because}: {form:?}"),
        }
    }
}

fn fact(position: Position, event: Event) -> Fact {
    Fact {
        position,
        stream: StreamName::stored("any".to_owned()),
        version: Version(0),
        id: EventId::from_key(&position.to_string()),
        recorded_at: moment(0),
        occurred_at: moment(0),
        meta: Meta::by(Actor::Anonymous),
        event,
    }
}

fn registered(name: &str, account: Account) -> UserEvent {
    UserEvent::Registered { user: user(name), account, origin: Origin::SignUp }
}

fn removed(name: &str) -> UserEvent {
    UserEvent::Removed { user: user(name), name_free_at: moment(0) }
}

fn team_created(name: &str, owner: &str) -> TeamEvent {
    TeamEvent::Created { team: team(name), owner: user(owner), description: String::new() }
}

fn joined(name: &str, who: &str, role: Role) -> TeamEvent {
    TeamEvent::MemberAdded { team: team(name), user: user(who), role }
}

fn added(registry: &str, service: &str) -> RegistryEvent {
    let (service, host) = (service.to_owned(), service.to_owned());
    let settings = RegistrySettings { url: format!("http://{host}"), service, host };
    RegistryEvent::Added { registry: registry.parse().unwrap(), settings }
}

fn created(name: &str, holder: Holder, visibility: Visibility) -> NamespaceEvent {
    NamespaceEvent::Created {
        registry: main(),
        namespace: namespace(name),
        holder,
        visibility,
        description: String::new(),
    }
}

fn to_user(name: &str) -> Grantee {
    Grantee::User { user: user(name) }
}

fn to_team(name: &str) -> Grantee {
    Grantee::Team { team: team(name) }
}

fn grant(id: u128, to: Grantee, role: Role) -> Grant {
    Grant { id: GrantId(Uuid::from_u128(id)), to, role, repository: None, until: None }
}

fn granted(grant: Grant) -> NamespaceEvent {
    NamespaceEvent::Granted { registry: main(), namespace: namespace("space"), grant }
}

fn revoked(id: u128) -> NamespaceEvent {
    let grant = GrantId(Uuid::from_u128(id));
    NamespaceEvent::GrantRevoked { registry: main(), namespace: namespace("space"), grant }
}

fn token(owner: &str, scope: TokenScope, namespaces: Option<&[&str]>) -> AppTokenEvent {
    AppTokenEvent::Created {
        user: user(owner),
        token: TokenId(Uuid::from_u128(7)),
        label: "ci".to_owned(),
        scopes: [scope].into(),
        namespaces: namespaces.map(|names| names.iter().copied().map(namespace).collect()),
        expires_at: moment(100),
    }
}

fn by_token(owner: &str) -> Subject {
    Subject::Token { owner: user(owner), id: TokenId(Uuid::from_u128(7)) }
}

#[test]
fn a_further_grant_gives_its_role_and_is_the_reason() {
    let world = World::new().with(granted(grant(1, to_user("bob"), Role::Contributor)));
    let app = repository("space/app");
    let ground = Ground::Grant { id: GrantId(Uuid::from_u128(1)), role: Role::Contributor };
    assert_eq!(world.ground("bob", Action::Push, &app), Some(ground));
    assert!(!world.may("bob", Action::Delete, &app));
    assert!(!world.may("cem", Action::Pull, &app));
    assert!(!world.with(revoked(1)).may("bob", Action::Pull, &app));
}

#[test]
fn a_grant_to_a_team_caps_each_members_own_role() {
    let world = World::new()
        .with(team_created("red", "bob"))
        .with(joined("red", "cem", Role::Viewer))
        .with(granted(grant(1, to_team("red"), Role::Contributor)));
    let app = repository("space/app");
    assert!(world.may("bob", Action::Push, &app) && !world.may("bob", Action::Delete, &app));
    assert!(world.may("cem", Action::Pull, &app) && !world.may("cem", Action::Push, &app));
    // Who leaves the team, leaves the grant.
    let left = TeamEvent::MemberRemoved { team: team("red"), user: user("cem") };
    assert!(!world.with(left).may("cem", Action::Pull, &app));
}

#[test]
fn a_grant_ends_at_its_moment_and_not_before() {
    let until = Some(moment(10));
    let world =
        World::new().with(granted(Grant { until, ..grant(1, to_user("bob"), Role::Viewer) }));
    let subject = Subject::Account { name: user("bob") };
    let may = |at| {
        let app = repository("space/app");
        world.0.decide(&Policy::default(), &subject, Action::Pull, &app, at).is_allowed()
    };
    let last = moment(10).checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap();
    assert!(may(last) && !may(moment(10)));
    assert!(world.0.visible(&Policy::default(), &subject, last).namespaces.len() == 1);
    assert!(world.0.visible(&Policy::default(), &subject, moment(10)).namespaces.is_empty());
}

#[test]
fn the_longest_of_several_grants_counts_and_the_strongest_while_it_lasts() {
    let short = Grant { until: Some(moment(10)), ..grant(1, to_user("bob"), Role::Owner) };
    let long = Grant { until: Some(moment(20)), ..grant(2, to_user("bob"), Role::Owner) };
    let endless = grant(3, to_user("bob"), Role::Viewer);
    let world = World::new().with(granted(long)).with(granted(short)).with(granted(endless));
    let subject = Subject::Account { name: user("bob") };
    let may = |world: &World, action, at| {
        let app = repository("space/app");
        world.0.decide(&Policy::default(), &subject, action, &app, at).is_allowed()
    };
    assert!(may(&world, Action::Delete, moment(19)) && !may(&world, Action::Delete, moment(20)));
    assert!(may(&world, Action::Pull, moment(1_000)));
    let world = world.with(revoked(2));
    assert!(may(&world, Action::Delete, moment(9)) && !may(&world, Action::Delete, moment(10)));
}

#[test]
fn a_grant_changed_under_its_id_replaces_the_old_one() {
    let world = World::new()
        .with(granted(grant(1, to_user("bob"), Role::Owner)))
        .with(granted(grant(1, to_user("cem"), Role::Viewer)));
    let app = repository("space/app");
    assert!(!world.may("bob", Action::Pull, &app) && world.may("cem", Action::Pull, &app));
}

#[test]
fn a_grant_on_one_repository_opens_that_one_alone() {
    let one = Some("space/app".parse().unwrap());
    let world = World::new()
        .with(granted(Grant { repository: one, ..grant(1, to_user("bob"), Role::Owner) }));
    assert!(world.may("bob", Action::Delete, &repository("space/app")));
    assert!(world.may("bob", Action::EditRepository, &repository("space/app")));
    assert!(!world.may("bob", Action::Pull, &repository("space/app2")));
    assert!(!world.may("bob", Action::SeeNamespace, &whole("space")));
    assert!(!world.may("bob", Action::EditNamespace, &repository("space/app")));
    let visible =
        world.0.visible(&Policy::default(), &Subject::Account { name: user("bob") }, moment(0));
    assert!(visible.namespaces.is_empty() && visible.repositories.len() == 1);
}

#[test]
fn a_further_grant_of_ownership_gives_neither_away_nor_ends_the_namespace() {
    let world = World::new().with(granted(grant(1, to_user("bob"), Role::Owner)));
    assert!(world.may("bob", Action::EditNamespace, &whole("space")));
    for action in [Action::DeleteNamespace, Action::ChangeTeam] {
        assert!(
            !world.may("bob", action, &whole("space")) && world.may("ann", action, &whole("space"))
        );
    }
    assert!(!world.may("bob", Action::CreateNamespace, &whole("space/sub")));
}

#[test]
fn a_bot_is_at_most_contributor_whatever_it_was_given() {
    let world = World::new()
        .with(granted(grant(1, to_user("robot"), Role::Owner)))
        .with(AdminEvent::Granted { user: user("robot") });
    let app = repository("space/app");
    let ground = Ground::Grant { id: GrantId(Uuid::from_u128(1)), role: Role::Contributor };
    assert_eq!(world.ground("robot", Action::Push, &app), Some(ground));
    assert!(!world.may("robot", Action::Delete, &app));
    assert!(!world.may("robot", Action::AdminPanel, &Resource::System));
}

#[test]
fn the_longest_existing_namespace_decides() {
    let open = |name| created(name, Holder::Team { team: team("red") }, Visibility::Private);
    let world = World::new().with(team_created("red", "bob")).with(open("space/deep"));
    let deep = repository("space/deep/er/app");
    assert!(world.may("bob", Action::Push, &deep) && !world.may("ann", Action::Pull, &deep));
    assert!(world.may("ann", Action::Push, &repository("space/deeper/app")));
    assert_eq!(
        world.0.namespace_of(&main(), &"space/deep/x".parse().unwrap()).unwrap().name,
        namespace("space/deep")
    );
    // A grant on a repository below goes with the repository.
    let one = Some("space/deep/app".parse().unwrap());
    let below = Grant { repository: one, ..grant(1, to_user("cem"), Role::Viewer) };
    let world = world.with(granted(below));
    assert!(!world.may("cem", Action::Pull, &repository("space/deep/app")));
    let gone = NamespaceEvent::Deleted {
        registry: main(),
        namespace: namespace("space/deep"),
        name_free_at: moment(0),
    };
    let world = world.with(gone);
    assert!(world.may("ann", Action::Push, &deep) && !world.may("bob", Action::Pull, &deep));
    assert!(world.may("cem", Action::Pull, &repository("space/deep/app")));
}

#[test]
fn depths_that_no_namespace_has_are_forgotten_with_the_last_one() {
    let open = |name| created(name, Holder::Team { team: team("blue") }, Visibility::Private);
    let mut world = World::new();
    let decider = |world: &World| {
        let name = "space/b/c/d/e".parse().unwrap();
        world.0.namespace_of(&main(), &name).map(|facts| facts.name.to_string())
    };
    let gone = |name| NamespaceEvent::Deleted {
        registry: main(),
        namespace: namespace(name),
        name_free_at: moment(0),
    };
    for (event, expected) in [
        (open("space/b/c/d"), "space/b/c/d"),
        (open("space/b"), "space/b/c/d"),
        (open("space/b/c/d"), "space/b/c/d"), // made again, counted once
        (gone("space/b/c/d"), "space/b"),
        (gone("space/b/c/d"), "space/b"),
        (gone("space/b"), "space"),
        (open("space/b/c"), "space/b/c"),
        (gone("space"), "space/b/c"),
    ] {
        world.hear(event);
        assert_eq!(decider(&world).as_deref(), Some(expected));
    }
}

#[test]
fn a_namespace_inside_another_is_made_by_its_owner() {
    let world = World::new().with(joined("blue", "bob", Role::Contributor));
    let inner = whole("space/sub/deeper");
    assert!(world.may("ann", Action::CreateNamespace, &inner));
    assert!(!world.may("bob", Action::CreateNamespace, &inner));
    assert!(world.may("bob", Action::CreateNamespace, &of_team("blue")));
    // Who may not know of the outer one is told that there is nothing; elsewhere everybody may.
    let stranger = world.verdict("cem", Action::CreateNamespace, &inner);
    assert!(matches!(stranger, Verdict::Denied(_, Form::NotFound)), "{stranger:?}");
    assert!(world.may("cem", Action::CreateNamespace, &whole("fresh/sub")));
    assert!(!world.may("robot", Action::CreateNamespace, &whole("fresh")));
}

#[test]
fn names_without_a_slash_are_the_global_namespaces() {
    let world = World::new().with(created("_", Holder::Global, Visibility::Protected));
    assert!(world.may("cem", Action::Pull, &repository("solo")));
    assert!(!world.may("ann", Action::Push, &repository("solo")));
    assert!(!world.may("cem", Action::Pull, &repository("solo/x")));
}

#[test]
fn a_token_for_some_namespaces_works_inside_these_alone() {
    let open = |name| created(name, Holder::Personal { user: user("ann") }, Visibility::Public);
    let world = World::new()
        .with(AdminEvent::Granted { user: user("ann") })
        .with(open("ann"))
        .with(token("ann", TokenScope::Admin, Some(&["space"])));
    let may = |action, resource: &Resource| {
        world
            .0
            .decide(&Policy::default(), &by_token("ann"), action, resource, moment(0))
            .is_allowed()
    };
    assert!(may(Action::Push, &repository("space/app")));
    assert!(!may(Action::Pull, &repository("ann/app")));
    assert!(!may(Action::CreateTeam, &Resource::System));
    assert!(!may(Action::Catalog, &Resource::System));
    let visible = world.0.visible(&Policy::default(), &by_token("ann"), moment(0));
    let only = Visible { namespaces: [(main(), namespace("space"))].into(), ..Visible::default() };
    assert_eq!(visible, only);
}

#[test]
fn a_token_ends_at_its_moment() {
    let world = World::new().with(token("ann", TokenScope::Pull, None));
    let form = |at| {
        let app = repository("space/app");
        match world.0.decide(&Policy::default(), &by_token("ann"), Action::Pull, &app, at) {
            Verdict::Allowed(_) => None,
            Verdict::Denied(_, form) => Some(form),
        }
    };
    assert_eq!(form(moment(99)), None);
    assert_eq!(form(moment(100)), Some(Form::Unauthorized));
}

#[test]
fn a_token_in_another_name_is_none() {
    let world = World::new().with(token("ann", TokenScope::All, None));
    let app = repository("space/app");
    let verdict =
        world.0.decide(&Policy::default(), &by_token("bob"), Action::Pull, &app, moment(0));
    assert!(matches!(verdict, Verdict::Denied(_, Form::Unauthorized)));
}

#[test]
fn a_demoted_administrator_keeps_memberships_alone() {
    let world = World::new().with(AdminEvent::Granted { user: user("bob") });
    assert_eq!(
        world.ground("bob", Action::Pull, &repository("space/app")),
        Some(Ground::Administrator)
    );
    let world = world.with(AdminEvent::Revoked { user: user("bob") });
    assert!(!world.may("bob", Action::Pull, &repository("space/app")));
    assert!(world.0.bootstrapped());
}

#[test]
fn the_first_administrator_may_be_chosen_before_the_account_is_made() {
    let mut world = World::default();
    world.hear(AdminEvent::Granted { user: user("root") });
    assert!(!world.may("root", Action::AdminPanel, &Resource::System));
    world.hear(registered("root", Account::Person));
    assert!(world.may("root", Action::AdminPanel, &Resource::System));
    // A removed administrator's name is no administrator's when it is given again.
    world.hear(removed("root"));
    world.hear(AdminEvent::Granted { user: user("root") });
    world.hear(registered("root", Account::Person));
    assert!(!world.may("root", Action::AdminPanel, &Resource::System));
}

#[test]
fn an_orphaned_namespace_belongs_to_administrators_until_it_is_given_away() {
    let world = World::new()
        .with(AdminEvent::Granted { user: user("cem") })
        .with(TeamEvent::Deleted { team: team("blue"), name_free_at: moment(0) })
        .with(team_created("blue", "ann"));
    let app = repository("space/app");
    assert!(!world.may("ann", Action::Pull, &app) && world.may("cem", Action::Delete, &app));
    let world = world.with(NamespaceEvent::TeamChanged {
        registry: main(),
        namespace: namespace("space"),
        from: team("blue"),
        to: team("blue"),
    });
    assert!(world.may("ann", Action::Delete, &app));
}

#[test]
fn a_registry_that_is_no_longer_ours_gives_nobody_anything() {
    let registry = Subject::Registry { name: main() };
    let post = |world: &World| {
        let system = Resource::System;
        world.0.decide(&Policy::default(), &registry, Action::PostNotification, &system, moment(0))
    };
    let world = World::new();
    assert!(post(&world).is_allowed());
    assert_eq!(world.0.registry_of("registry.example.org"), Some(main()));
    let world = world.with(RegistryEvent::Removed { registry: main() });
    assert!(matches!(post(&world), Verdict::Denied(_, Form::Unauthorized)));
    assert!(!world.may("ann", Action::Pull, &repository("space/app")));
    assert_eq!(world.0.registry_of("registry.example.org"), None);
    let world = world.with(added("main", "elsewhere.example.org"));
    assert!(world.may("ann", Action::Pull, &repository("space/app")));
    assert_eq!(world.0.registry_of("elsewhere.example.org"), Some(main()));
}

#[test]
fn a_service_belongs_to_the_registry_that_had_it_first() {
    let mut world = World::new();
    world.hear(added("other", "registry.example.org"));
    assert_eq!(world.0.registry_of("registry.example.org"), Some(main()));
    world.hear(RegistryEvent::Removed { registry: main() });
    assert_eq!(world.0.registry_of("registry.example.org"), Some("other".parse().unwrap()));
}

#[test]
fn sessions_and_remembered_passwords_end_with_what_ends_them() {
    let mut world = World::new();
    let at = |world: &World| {
        let facts = world.0.account(&user("bob")).unwrap();
        (facts.signed_out_before, facts.changed_at)
    };
    let changed = world.hear(UserEvent::PasswordChanged { user: user("bob") });
    assert_eq!(at(&world), (changed, changed));
    let promoted = world.hear(AdminEvent::Granted { user: user("bob") });
    assert_eq!(at(&world), (changed, promoted));
    let disabled = world.hear(UserEvent::Disabled { user: user("bob"), reason: String::new() });
    assert_eq!(at(&world), (disabled, disabled));
    assert!(!world.0.account(&user("bob")).unwrap().enabled);
    world.hear(UserEvent::Enabled { user: user("bob") });
    assert_eq!(at(&world).0, disabled, "what was signed in before stays out");
    world.hear(removed("bob"));
    assert_eq!(world.0.account(&user("bob")), None);
    let again = world.hear(registered("bob", Account::Person));
    assert_eq!(at(&world), (again, again));
}

#[test]
fn giving_a_namespace_to_a_team_of_ones_own_is_another_question_than_to_others() {
    let world = World::new().with(team_created("red", "ann")).with(team_created("green", "bob"));
    let ann = Subject::Account { name: user("ann") };
    assert_eq!(world.0.change_team_action(&ann, &team("red")), Action::ChangeTeam);
    assert_eq!(world.0.change_team_action(&ann, &team("green")), Action::ChangeTeamForeign);
    assert_eq!(
        world.0.change_team_action(&Subject::Anonymous, &team("red")),
        Action::ChangeTeamForeign
    );
}

#[test]
fn names_are_told_to_those_who_share_a_team_alone() {
    let mut world =
        World::new().with(team_created("red", "ann")).with(team_created("green", "bob"));
    world.hear(joined("red", "cem", Role::Viewer));
    let names = |world: &World, of: &str, begins: &str, most: usize| {
        let found = world.0.colleagues(&user(of), begins, most, |name| name.as_str() != "nobody");
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let all = names(&world, "cem", "", 9);
    assert!(all.contains(&"ann".to_owned()) && all.contains(&"cem".to_owned()), "{all:?}");
    assert!(!names(&world, "ann", "", 9).is_empty());
    let own = |name: &str| {
        world.0.teams_of(&user(name), "", 9).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(own("ann").contains(&"red".to_owned()) && !own("ann").contains(&"green".to_owned()));
    assert_eq!(world.0.teams_of(&user("ann"), "r", 9).len(), 1);
    assert_eq!(names(&world, "cem", "an", 9), ["ann"]);
    assert_eq!(names(&world, "cem", "", 1), [all[0].clone()]);
    assert!(names(&world, "stranger", "", 9).is_empty());
    world.hear(UserEvent::Disabled { user: user("ann"), reason: String::new() });
    assert!(names(&world, "cem", "an", 9).is_empty(), "whoever is disabled is taken into no team");
}

#[test]
fn facts_that_were_applied_change_nothing_again() {
    let mut world = World::new();
    let joined = fact(
        world.hear(joined("blue", "bob", Role::Owner)),
        joined("blue", "bob", Role::Owner).into(),
    );
    world.hear(TeamEvent::MemberRemoved { team: team("blue"), user: user("bob") });
    world.0.apply(&joined);
    assert!(!world.may("bob", Action::SeeTeam, &of_team("blue")));
}

#[test]
fn a_permit_says_who_by_which_rule_and_as_of_when() {
    let mut world = World::new();
    let bot = Subject::Account { name: user("robot") };
    assert_eq!(world.0.actor(&bot), Actor::Bot { name: user("robot") });
    let at = world.hear(joined("blue", "bob", Role::Owner));
    world.0.advance(Position(at.0 + 5));
    let bob = Subject::Account { name: user("bob") };
    let ask =
        |action| world.0.permit(&Policy::default(), &bob, action, &of_team("blue"), moment(0));
    let permit = ask(Action::ManageTeam).unwrap();
    assert_eq!(permit.actor(), &Actor::User { name: user("bob") });
    assert_eq!(permit.action(), Some(Action::ManageTeam));
    assert_eq!(permit.rule(), Some(Rule::Team));
    assert_eq!(permit.position(), Some(Position(at.0 + 5)));
    let (because, form) = ask(Action::ManageTeamLastOwner).unwrap_err();
    assert_eq!((because.rule, form), (Rule::LastOwner, Form::Forbidden));
}

#[test]
fn a_scope_that_is_not_fully_granted_says_why() {
    let world = World::new().with(joined("blue", "bob", Role::Viewer));
    let bob = Subject::Account { name: user("bob") };
    let scopes = Scope::parse_all(["repository:space/app:pull,push", "repository:space/app2:pull"]);
    let answers = world.0.grant(&Policy::default(), &bob, &main(), &scopes, moment(0));
    assert_eq!(answers[0].granted, [ScopeAction::Pull].into());
    let text = |because: &Option<Because>| because.as_ref().map(ToString::to_string);
    assert_eq!(text(&answers[0].allowed).unwrap(), "readable (viewer of team blue)");
    assert_eq!(text(&answers[0].refused).unwrap(), "push (viewer of team blue)");
    assert_eq!(answers[1].refused, None);
}

#[test]
fn a_graph_goes_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Graph>();
}
