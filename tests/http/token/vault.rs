//! The vault over a real Postgres, with the service's own role.

use std::time::Duration;

use commands::desk::{Clock, Desk, Origin};
use commands::vault::{MasterKey, Password, Profile, Vault};
use domain::auth::{AuthEvent, TokenDecision};
use domain::event::{Actor, Event, Position};
use domain::name::RegistryName;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgPool;
use tests::postgres::TestDatabase;
use tests::site::Site;
use tests::watched::eventually;
use web::registry::recorder::{Keep, Recorder};

use super::bench::user;

async fn open(database: &TestDatabase) -> Vault {
    Vault::open(database.service.clone(), MasterKey::from_bytes([7; 32])).await.unwrap()
}

fn origin(address: &str) -> Origin {
    Origin {
        address: Some(address.parse().unwrap()),
        user_agent: Some("canary-agent/1.0".to_owned()),
        ..Origin::default()
    }
}

fn alice() -> Actor {
    Actor::User { name: user("alice") }
}

#[tokio::test]
async fn another_master_key_is_refused_and_changes_nothing() {
    let database = TestDatabase::new().await;
    open(&database).await;
    let wrong = Vault::open(database.service.clone(), MasterKey::from_bytes([8; 32])).await;
    assert!(wrong.unwrap_err().to_string().contains("another master key"));
    open(&database).await;
}

#[tokio::test]
async fn an_origin_opens_for_its_event_alone_and_not_at_all_once_erased() {
    let database = TestDatabase::new().await;
    let (vault, now) = (open(&database).await, Clock::system().now());
    let seal = async |vault: &Vault| {
        vault.seal_origin(&alice(), now, b"event-1", &origin("192.0.2.1")).await.unwrap().unwrap()
    };
    let sealed = seal(&vault).await;
    let opened = vault.open_origin(&sealed, b"event-1").await.unwrap().unwrap();
    assert_eq!(opened.address, Some("192.0.2.1".parse().unwrap()));
    assert_eq!(opened.user_agent.as_deref(), Some("canary-agent/1.0"));
    assert!(vault.open_origin(&sealed, b"event-2").await.is_err());
    let mut changed = sealed.clone();
    changed.data.replace_range(20..21, if &sealed.data[20..21] == "A" { "B" } else { "A" });
    assert!(vault.open_origin(&changed, b"event-1").await.is_err());

    // Another node, with nothing in memory, and after a restart.
    let other = open(&database).await;
    assert!(other.open_origin(&sealed, b"event-1").await.unwrap().is_some());

    vault.erase(&user("alice")).await.unwrap();
    assert_eq!(vault.open_origin(&sealed, b"event-1").await.unwrap(), None);
    assert_eq!(open(&database).await.open_origin(&sealed, b"event-1").await.unwrap(), None);
    // Somebody of that name later has another key.
    let again = seal(&vault).await;
    assert_ne!(again.key, sealed.key);
    assert!(vault.open_origin(&again, b"event-1").await.unwrap().is_some());
    assert_eq!(vault.open_origin(&sealed, b"event-1").await.unwrap(), None);
}

#[tokio::test]
async fn anonymous_callers_share_a_key_a_day() {
    let database = TestDatabase::new().await;
    let vault = open(&database).await;
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let key = async |at| {
        let origin = origin("192.0.2.1");
        vault.seal_origin(&Actor::Anonymous, at, b"", &origin).await.unwrap().unwrap().key
    };
    let noon = key(at("2026-11-22T12:00:00Z")).await;
    assert_eq!(noon, "day-2026-11-22/1");
    assert_eq!(key(at("2026-11-22T23:59:59Z")).await, noon);
    assert_ne!(key(at("2026-11-23T00:00:00Z")).await, noon);
    let (actor, nothing) = (alice(), Origin::default());
    let sealed = vault.seal_origin(&actor, at("2026-11-22T12:00:00Z"), b"", &nothing).await;
    assert_eq!(sealed.unwrap(), None);
}

#[tokio::test]
async fn two_nodes_that_seal_for_one_user_at_once_use_one_key() {
    let database = TestDatabase::new().await;
    let (one, two, now) = (open(&database).await, open(&database).await, Clock::system().now());
    let from = origin("192.0.2.1");
    let actor = alice();
    let (a, b) = tokio::join!(
        one.seal_origin(&actor, now, b"", &from),
        two.seal_origin(&actor, now, b"", &from)
    );
    assert_eq!(a.unwrap().unwrap().key, b.unwrap().unwrap().key);
}

#[tokio::test]
async fn a_profile_is_kept_until_erased() {
    let database = TestDatabase::new().await;
    let vault = open(&database).await;
    assert_eq!(vault.profile(&user("alice")).await.unwrap(), Profile::default());
    let profile = Profile {
        email: Some("alice@canary.example".to_owned()),
        display_name: Some("Alice Canary".to_owned()),
    };
    vault.set_profile(&user("alice"), &profile).await.unwrap();
    assert_eq!(vault.profile(&user("alice")).await.unwrap(), profile);
    assert!(!format!("{profile:?}").contains("canary"));
    vault.erase(&user("alice")).await.unwrap();
    assert_eq!(vault.profile(&user("alice")).await.unwrap(), Profile::default());
    assert!(vault.password(&user("alice")).await.unwrap().is_none());
}

#[tokio::test]
async fn two_notification_secrets_are_good_while_one_takes_over() {
    let database = TestDatabase::new().await;
    let vault = open(&database).await;
    let main = RegistryName::parse("main").unwrap();
    let now = Clock::system().now();
    let later = now + SignedDuration::from_hours(1);
    let first = vault.new_registry_secret(&main, now, later).await.unwrap();
    let second = vault.new_registry_secret(&main, now, later).await.unwrap();
    assert_ne!(*first, *second);
    let of = async |secret: &str, at| vault.registry_by_secret(secret, at).await.unwrap();
    assert_eq!(of(&first, now).await, Some(main.clone()));
    assert_eq!(of(&second, now).await, Some(main.clone()));
    assert_eq!(of(&first, later).await, None, "its time is over");
    assert_eq!(of(&second, later).await, Some(main.clone()));
    assert_eq!(of("made up", now).await, None);
    assert_eq!(vault.registry_secret(&main).await.unwrap().as_deref(), Some(&*second));

    let other = RegistryName::parse("other").unwrap();
    assert!(vault.set_registry_secret(&other, &second, now, later).await.is_err());
    vault.forget_registry_secrets(&main).await.unwrap();
    assert_eq!(of(&second, now).await, None);
    assert_eq!(vault.registry_secret(&main).await.unwrap(), None);
}

/// SR-SEC-2: whoever has the database has nothing that opens a door.
#[tokio::test]
async fn a_dump_of_the_vault_holds_no_secret_and_no_personal_data() {
    let database = TestDatabase::new().await;
    let (vault, now) = (open(&database).await, Clock::system().now());
    let password = Password::parse("canary of a password").unwrap();
    vault.set_password(&user("alice"), password).await.unwrap();
    let profile = Profile {
        email: Some("canary@example.test".to_owned()),
        display_name: Some("canary".into()),
    };
    vault.set_profile(&user("alice"), &profile).await.unwrap();
    let main = RegistryName::parse("main").unwrap();
    vault.set_registry_secret(&main, "canary of a registry", now, now).await.unwrap();
    let (secret, hash) = commands::authn::app_token::mint();
    let id = domain::app_token::TokenId(uuid::Uuid::from_u128(1));
    vault.put_app_token(id, &user("alice"), hash).await.unwrap();
    vault.seal_origin(&alice(), now, b"", &origin("192.0.2.1")).await.unwrap();

    let dump = dump(&database.owner).await;
    assert!(dump.contains("$argon2id$"), "the dump is a dump");
    for plain in ["canary", &*secret, &hex::encode("canary"), "192.0.2.1"] {
        assert!(!dump.contains(plain), "{plain}");
    }
    assert_eq!(vault.app_token(hash).await.unwrap(), Some((id, user("alice"))));
    vault.forget_app_token(id).await.unwrap();
    assert_eq!(vault.app_token(hash).await.unwrap(), None);
}

async fn dump(owner: &PgPool) -> String {
    let mut all = String::new();
    for table in [
        "SELECT t::text FROM vault.master_check t",
        "SELECT t::text FROM vault.subject_keys t",
        "SELECT t::text FROM vault.passwords t",
        "SELECT t::text FROM vault.app_tokens t",
        "SELECT t::text FROM vault.profiles t",
        "SELECT t::text FROM vault.registry_secrets t",
    ] {
        let rows: Vec<String> = sqlx::query_scalar(table).fetch_all(owner).await.unwrap();
        assert!(!rows.is_empty(), "{table}");
        all.push_str(&rows.join("\n"));
    }
    all
}

/// A row that other hands than ours have changed.
async fn break_key(owner: &PgPool, subject: &str) {
    let changed = sqlx::query(
        "UPDATE vault.subject_keys SET wrapped = set_byte(wrapped, 20, 255 - get_byte(wrapped, 20))
         WHERE subject = $1",
    );
    let changed = changed.bind(subject).execute(owner).await.unwrap();
    assert_eq!(changed.rows_affected(), 1);
}

#[tokio::test]
async fn a_broken_key_costs_its_person_the_sealed_part_and_nobody_anything_else() {
    let database = TestDatabase::new().await;
    let (vault, now) = (open(&database).await, Clock::system().now());
    let from = origin("192.0.2.1");
    let bob = Actor::User { name: user("bob") };
    let sealed = vault.seal_origin(&alice(), now, b"1", &from).await.unwrap().unwrap();
    vault.seal_origin(&bob, now, b"1", &from).await.unwrap().unwrap();
    let profile = Profile { email: Some("alice@example.org".to_owned()), display_name: None };
    vault.set_profile(&user("alice"), &profile).await.unwrap();
    break_key(&database.owner, "user-alice").await;

    // Twice: from the database, and from memory.
    let vault = open(&database).await;
    for _ in 0..2 {
        assert_eq!(vault.seal_origin(&alice(), now, b"1", &from).await.unwrap(), None);
        assert!(vault.seal_origin(&bob, now, b"1", &from).await.unwrap().is_some());
        assert_eq!(vault.open_origin(&sealed, b"1").await.unwrap(), None);
        assert_eq!(vault.profile(&user("alice")).await.unwrap(), Profile::default());
    }
    // It is not replaced behind anybody's back, and erasing the person works as ever.
    assert!(vault.set_profile(&user("alice"), &profile).await.is_err());
    vault.erase(&user("alice")).await.unwrap();
    assert!(vault.seal_origin(&alice(), now, b"1", &from).await.unwrap().is_some());
}

#[tokio::test]
async fn decisions_for_everybody_are_recorded_while_one_persons_key_is_broken() {
    let site = Site::start().await;
    for name in ["alice", "bob"] {
        site.register(name).await;
        site.token(name, "repository:a/b:pull").await;
    }
    let decided = async || {
        let page = site.ground.log.read_all(Position(0), 1_000, None).await.unwrap();
        let mut found = Vec::new();
        for recorded in &page.events {
            if let Event::Auth(AuthEvent::TokensDecided { decisions }) =
                recorded.decode().unwrap().event
            {
                found.extend(decisions.iter().filter_map(|one| {
                    Some((one.subject.name()?.to_string(), one.sealed.is_some()))
                }));
            }
        }
        found
    };
    eventually(Duration::from_secs(20), || async { (decided().await.len() == 2).then_some(()) })
        .await
        .unwrap();
    break_key(&site.ground.database.owner, "user-alice").await;
    // Another process of the service, whose memory has no keys yet.
    let fresh = Vault::open(site.ground.database.service.clone(), MasterKey::from_bytes([7; 32]));
    let desk = Desk { vault: fresh.await.unwrap(), ..site.ground.desk.clone() };
    let recorder = Recorder::new(&desk, Keep::All);
    for name in ["alice", "bob"] {
        recorder.slot().unwrap().record(decision(name, desk.clock.now()), origin("192.0.2.1"));
    }
    assert_eq!(recorder.close(Duration::from_secs(20)).await, 0, "nothing waits for the vault");
    let all = decided().await;
    assert_eq!(
        all[2..],
        [("alice".to_owned(), false), ("bob".to_owned(), true)],
        "both are recorded, and bob's address is sealed"
    );
    site.stop().await;
}

fn decision(name: &str, at: Timestamp) -> TokenDecision {
    TokenDecision {
        at,
        subject: Actor::User { name: user(name) },
        credential: None,
        service: "registry.test".to_owned(),
        scopes: Vec::new(),
        jti: uuid::Uuid::new_v4().simple().to_string(),
        decided_at: Position(1),
        request: String::new(),
        client: None,
        sealed: None,
    }
}
