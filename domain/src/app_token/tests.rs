use super::{AppTokenCommand as C, AppTokenEvent as E, AppTokenRefusal as R, *};
use crate::testing::given;

const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn user() -> UserName {
    UserName::parse("alice").unwrap()
}

fn id(n: usize) -> TokenId {
    TokenId(Uuid::from_u128(n as u128))
}

fn created(n: usize, ends: i64) -> E {
    E::Created {
        user: user(),
        token: id(n),
        label: format!("t{n}"),
        scopes: [TokenScope::Pull].into(),
        namespaces: None,
        expires_at: at(ends),
    }
}

fn create(n: usize, ends: i64) -> C {
    C::Create {
        user: user(),
        token: id(n),
        label: format!("t{n}"),
        scopes: [TokenScope::Pull].into(),
        namespaces: None,
        expires_at: at(ends),
        now: at(1_000),
    }
}

#[test]
fn the_twenty_first_token_is_refused() {
    let past = |n| (0..n).map(|n| created(n, 2_000)).collect::<Vec<_>>();
    given::<AppTokens>(past(19)).when("alice", create(19, 2_000)).then([created(19, 2_000)]);
    given::<AppTokens>(past(20)).when("alice", create(20, 2_000)).refuses(R::TooMany { max: 20 });
}

#[test]
fn expired_and_revoked_tokens_do_not_count() {
    let past: Vec<_> = (0..20).map(|n| created(n, 1_000)).collect();
    given::<AppTokens>(past).when("alice", create(20, 2_000)).then([created(20, 2_000)]);
    let mut past: Vec<_> = (0..20).map(|n| created(n, 2_000)).collect();
    past.push(E::Revoked { user: user(), token: id(3) });
    given::<AppTokens>(past).when("alice", create(20, 2_000)).then([created(20, 2_000)]);
}

#[test]
fn a_token_ends_within_a_year() {
    given::<AppTokens>([]).when("alice", create(1, 1_000)).refuses(R::Expiry);
    let last = 1_000 + MAX_LIFE_DAYS * DAY;
    given::<AppTokens>([]).when("alice", create(1, last)).then([created(1, last)]);
    given::<AppTokens>([]).when("alice", create(1, last + 1)).refuses(R::Expiry);
}

#[test]
fn a_token_is_revoked_once() {
    let revoke = || C::Revoke { user: user(), token: id(1) };
    let revoked = || E::Revoked { user: user(), token: id(1) };
    given::<AppTokens>([created(1, 2_000)]).when("alice", revoke()).then([revoked()]);
    given::<AppTokens>([created(1, 2_000), revoked()]).when("alice", revoke()).refuses(R::Unknown);
}

#[test]
fn labels_tell_tokens_apart() {
    given::<AppTokens>([created(1, 2_000)]).when("alice", create(1, 2_000)).refuses(R::LabelTaken);
}
