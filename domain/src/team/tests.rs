use super::{TeamCommand as C, TeamEvent as E, TeamRefusal as R, *};
use crate::testing::given;

fn user(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn team() -> TeamName {
    TeamName::parse("dev").unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn created() -> E {
    E::Created { team: team(), owner: user("alice"), description: String::new() }
}

fn added(name: &str, role: Role) -> E {
    E::MemberAdded { team: team(), user: user(name), role }
}

fn add(name: &str, account: Account, role: Role) -> C {
    C::AddMember { team: team(), user: user(name), account, role }
}

fn change(name: &str, role: Role) -> C {
    C::ChangeRole { team: team(), user: user(name), account: Account::Person, role }
}

#[test]
fn the_last_owner_neither_leaves_nor_steps_down() {
    let leave = C::RemoveMember { team: team(), user: user("alice") };
    given::<Team>([created()]).when("alice", leave).refuses(R::LastOwner);
    given::<Team>([created()]).when("alice", change("alice", Role::Viewer)).refuses(R::LastOwner);
}

#[test]
fn one_of_two_owners_may_leave() {
    let leave = C::RemoveMember { team: team(), user: user("alice") };
    given::<Team>([created(), added("bob", Role::Owner)])
        .when("bob", leave)
        .then([E::MemberRemoved { team: team(), user: user("alice") }]);
}

#[test]
fn a_bot_never_owns() {
    given::<Team>([created()])
        .when("alice", add("ci", Account::Bot, Role::Owner))
        .refuses(R::BotOwner);
    given::<Team>([created()])
        .when("alice", add("ci", Account::Bot, Role::Contributor))
        .then([added("ci", Role::Contributor)]);
}

#[test]
fn adding_a_member_again_with_the_same_role_changes_nothing() {
    let past = || [created(), added("bob", Role::Viewer)];
    given::<Team>(past()).when("alice", add("bob", Account::Person, Role::Viewer)).then([]);
    given::<Team>(past())
        .when("alice", add("bob", Account::Person, Role::Owner))
        .refuses(R::AlreadyMember);
}

#[test]
fn a_role_change_says_from_and_to() {
    given::<Team>([created(), added("bob", Role::Viewer)])
        .when("alice", change("bob", Role::Contributor))
        .then([E::MemberRoleChanged {
            team: team(),
            user: user("bob"),
            from: Role::Viewer,
            to: Role::Contributor,
        }]);
}

#[test]
fn a_deleted_teams_name_is_quarantined() {
    let past = || [created(), E::Deleted { team: team(), name_free_at: at(10) }];
    let create = |now| C::Create {
        team: team(),
        owner: user("bob"),
        description: String::new(),
        now: at(now),
    };
    given::<Team>(past()).when("bob", create(9)).refuses(R::Quarantined(at(10)));
    let made = E::Created { team: team(), owner: user("bob"), description: String::new() };
    given::<Team>(past()).when("bob", create(10)).then([made]);
}

#[test]
fn a_description_ends_at_its_limit() {
    let describe = |bytes| C::Describe { team: team(), description: "x".repeat(bytes) };
    given::<Team>([created()])
        .when("alice", describe(MAX_DESCRIPTION_BYTES))
        .then([E::Described { team: team(), description: "x".repeat(MAX_DESCRIPTION_BYTES) }]);
    given::<Team>([created()])
        .when("alice", describe(MAX_DESCRIPTION_BYTES + 1))
        .refuses(R::DescriptionTooLong { bytes: 4_097, max: 4_096 });
}
