use super::{UserCommand as C, UserEvent as E, UserRefusal as R, *};
use crate::testing::given;

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn registered(user: &str) -> E {
    E::Registered { user: name(user), account: Account::Person, origin: Origin::Administrator }
}

fn register(user: &str, now: i64) -> C {
    let (account, origin) = (Account::Person, Origin::Administrator);
    C::Register { user: name(user), account, origin, now: at(now) }
}

fn disable(user: &str) -> C {
    C::Disable { user: name(user), reason: "left".into() }
}

fn disabled(user: &str) -> E {
    E::Disabled { user: name(user), reason: "left".into() }
}

#[test]
fn nobody_disables_themself() {
    given::<User>([registered("alice")]).when("alice", disable("alice")).refuses(R::OwnAccount);
}

#[test]
fn disabling_twice_changes_nothing() {
    given::<User>([registered("bob"), disabled("bob")]).when("alice", disable("bob")).then([]);
}

#[test]
fn a_name_is_taken_once() {
    given::<User>([registered("bob")]).when("alice", register("bob", 0)).refuses(R::Taken);
}

#[test]
fn a_removed_name_is_quarantined() {
    let removed = E::Removed { user: name("bob"), name_free_at: at(100) };
    given::<User>([registered("bob"), removed.clone()])
        .when("alice", register("bob", 99))
        .refuses(R::Quarantined(at(100)));
    given::<User>([registered("bob"), removed])
        .when("alice", register("bob", 100))
        .then([registered("bob")]);
}

#[test]
fn reserved_names_are_refused_to_everybody_but_the_console() {
    given::<User>([]).when("alice", register("portus", 0)).refuses(R::Reserved);
    given::<User>([]).when("alice", register("admin", 0)).refuses(R::Reserved);
    let (account, origin) = (Account::Person, Origin::Console);
    given::<User>([])
        .when("x", C::Register { user: name("admin"), account, origin: origin.clone(), now: at(0) })
        .then([E::Registered { user: name("admin"), account, origin }]);
}

#[test]
fn an_unknown_user_cannot_be_changed() {
    given::<User>([]).when("alice", disable("bob")).refuses(R::Unknown);
}

#[test]
fn a_bot_is_no_auditor() {
    let origin = Origin::Administrator;
    let bot = E::Registered { user: name("ci"), account: Account::Bot, origin };
    given::<User>([bot]).when("alice", C::GrantAuditor { user: name("ci") }).refuses(R::Bot);
}

#[test]
fn registering_again_after_removal_starts_anew() {
    let past = [
        registered("bob"),
        E::AuditorGranted { user: name("bob") },
        E::Removed { user: name("bob"), name_free_at: at(1) },
        registered("bob"),
    ];
    given::<User>(past).when("alice", C::RevokeAuditor { user: name("bob") }).then([]);
}
