use super::{NamespaceEvent as E, NamespaceRefusal as R, NamespaceWish as W, *};
use crate::testing::given;

fn registry() -> RegistryName {
    RegistryName::parse("main").unwrap()
}

fn name(text: &str) -> NamespaceName {
    NamespaceName::parse(text).unwrap()
}

fn team(text: &str) -> TeamName {
    TeamName::parse(text).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn on(namespace: &str, wish: W) -> NamespaceCommand {
    NamespaceCommand { registry: registry(), namespace: name(namespace), wish }
}

fn create(holder: Holder, visibility: Visibility) -> W {
    W::Create { holder, visibility, description: String::new(), now: at(50) }
}

fn created(namespace: &str, holder: Holder, visibility: Visibility) -> E {
    let description = String::new();
    E::Created { registry: registry(), namespace: name(namespace), holder, visibility, description }
}

fn of_team() -> Holder {
    Holder::Team { team: team("dev") }
}

#[test]
fn the_global_namespace_is_never_private() {
    given::<Namespace>([])
        .when("root", on("_", create(Holder::Global, Visibility::Private)))
        .refuses(R::GlobalPrivate);
    given::<Namespace>([created("_", Holder::Global, Visibility::Public)])
        .when("root", on("_", W::ChangeVisibility { to: Visibility::Private }))
        .refuses(R::GlobalPrivate);
}

#[test]
fn only_the_underscore_is_global() {
    given::<Namespace>([])
        .when("root", on("dev", create(Holder::Global, Visibility::Public)))
        .refuses(R::GlobalName);
    given::<Namespace>([])
        .when("root", on("_", create(of_team(), Visibility::Public)))
        .refuses(R::GlobalName);
}

#[test]
fn a_personal_namespace_stays() {
    let user = UserName::parse("alice").unwrap();
    let past = || [created("alice", Holder::Personal { user: user.clone() }, Visibility::Private)];
    given::<Namespace>(past())
        .when("root", on("alice", W::ChangeTeam { to: team("dev") }))
        .refuses(R::Fixed);
    given::<Namespace>(past())
        .when("root", on("alice", W::Delete { name_free_at: at(9) }))
        .refuses(R::Fixed);
}

#[test]
fn a_deleted_name_is_quarantined() {
    let deleted =
        |free| E::Deleted { registry: registry(), namespace: name("dev"), name_free_at: at(free) };
    let wish = || on("dev", create(of_team(), Visibility::Private));
    given::<Namespace>([created("dev", of_team(), Visibility::Private), deleted(51)])
        .when("alice", wish())
        .refuses(R::Quarantined(at(51)));
    given::<Namespace>([created("dev", of_team(), Visibility::Private), deleted(50)])
        .when("alice", wish())
        .then([created("dev", of_team(), Visibility::Private)]);
}

#[test]
fn a_grant_lies_inside_its_namespace() {
    let grant = |repository: &str| Grant {
        id: GrantId(Uuid::from_u128(7)),
        to: Grantee::Team { team: team("ops") },
        role: Role::Viewer,
        repository: Some(RepositoryName::parse(repository).unwrap()),
        until: None,
    };
    let past = || [created("dev", of_team(), Visibility::Private)];
    for outside in ["other/app", "development/app", "dev"] {
        given::<Namespace>(past())
            .when("alice", on("dev", W::Grant { grant: grant(outside) }))
            .refuses(R::GrantOutside);
    }
    given::<Namespace>(past()).when("alice", on("dev", W::Grant { grant: grant("dev/app") })).then(
        [E::Granted { registry: registry(), namespace: name("dev"), grant: grant("dev/app") }],
    );
}

#[test]
fn taking_back_what_was_never_granted_is_said() {
    given::<Namespace>([created("dev", of_team(), Visibility::Private)])
        .when("alice", on("dev", W::RevokeGrant { grant: GrantId(Uuid::nil()) }))
        .refuses(R::UnknownGrant);
}
