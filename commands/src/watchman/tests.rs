use domain::auth::ScopeDecision;
use domain::digest::Digest;
use domain::event::Version;
use domain::registry::RegistrySettings;

use super::*;

const LIFE: SignedDuration = SignedDuration::from_secs(300);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn main() -> RegistryName {
    RegistryName::parse("main").unwrap()
}

fn fact(position: u64, seconds: i64, actor: Actor, event: impl Into<Event>) -> Fact {
    Fact {
        position: Position(position),
        stream: StreamName::system(),
        version: Version(position),
        id: EventId::from_key(&position.to_string()),
        recorded_at: at(seconds),
        occurred_at: at(seconds),
        meta: Meta::by(actor),
        event: event.into(),
    }
}

fn added() -> Fact {
    let settings = RegistrySettings {
        service: "registry.example.org".to_owned(),
        host: "registry.example.org".to_owned(),
        url: "https://registry.example.org".to_owned(),
    };
    fact(1, 0, Actor::Anonymous, RegistryEvent::Added { registry: main(), settings })
}

fn token(seconds: i64, name: &str, asked: &str, granted: &[ScopeAction]) -> Fact {
    let decision = TokenDecision {
        at: at(seconds),
        subject: Actor::User { name: user(name) },
        credential: None,
        service: "registry.example.org".to_owned(),
        scopes: vec![ScopeDecision {
            asked: asked.to_owned(),
            granted: granted.to_vec(),
            allowed: None,
            refused: None,
        }],
        jti: "1".to_owned(),
        decided_at: Position(1),
        request: String::new(),
        client: None,
        sealed: None,
    };
    let event = AuthEvent::TokensDecided { decisions: [decision].into() };
    fact(2, seconds, Actor::System { part: "token endpoint".to_owned() }, event)
}

fn push(seconds: i64, actor: Actor, repository: &str) -> Fact {
    let event = ContentEvent::ManifestPushed {
        registry: main(),
        repository: RepositoryName::parse(repository).unwrap(),
        digest: Digest::parse(&format!("sha256:{:064x}", 1)).unwrap(),
        tag: None,
        media_type: None,
        size: None,
        references: Vec::new(),
        omitted: None,
    };
    fact(9, seconds, actor, event)
}

fn by(name: &str) -> Actor {
    Actor::User { name: user(name) }
}

/// One that has begun long ago.
fn memory() -> Memory {
    let mut memory = Memory::new(at(-100_000), LIFE);
    memory.see(&added());
    memory
}

/// What is said of a push long after it.
fn judged(memory: &mut Memory, push: &Fact) -> Option<Unverified> {
    memory.see(push);
    let said = memory.next_due(at(100_000));
    memory.was_said();
    assert_eq!(memory.next_due(at(100_000)), None);
    said
}

#[test]
fn a_push_is_borne_out_by_a_token_to_push_there_that_was_still_good() {
    use ScopeAction::{Pull, Push};
    let mut memory = memory();
    memory.see(&token(0, "alice", "repository:a/b:pull,push", &[Pull, Push]));
    for (seconds, actor, repository, good) in [
        (1, by("alice"), "a/b", true),
        // The token's life, the registry's leeway, and a minute between the clocks.
        (420, by("alice"), "a/b", true),
        (421, by("alice"), "a/b", false),
        // It is told before we knew, by a clock that is slow.
        (-30, by("alice"), "a/b", true),
        (1, by("bob"), "a/b", false),
        (1, by("alice"), "a/c", false),
        // Not said of a person or bot of ours.
        (1, Actor::System { part: "reconciler".to_owned() }, "a/c", true),
        (1, Actor::Unknown { text: "who".to_owned() }, "a/c", true),
        (1, Actor::Anonymous, "a/c", true),
    ] {
        let unverified = judged(&mut memory, &push(seconds, actor.clone(), repository));
        assert_eq!(unverified.is_none(), good, "{seconds} {actor:?} {repository}");
    }
}

#[test]
fn a_token_to_pull_bears_out_no_push() {
    let mut memory = memory();
    memory.see(&token(0, "alice", "repository:a/b:pull,push", &[ScopeAction::Pull]));
    memory.see(&token(0, "alice", "registry:catalog:*", &[ScopeAction::Push]));
    let unverified = judged(&mut memory, &push(1, by("alice"), "a/b")).unwrap();
    assert_eq!((unverified.user, unverified.push), (user("alice"), Position(9)));
}

#[test]
fn of_what_rests_on_tokens_from_before_it_watched_nothing_is_said() {
    let mut memory = Memory::new(at(0), LIFE);
    memory.see(&added());
    assert_eq!(judged(&mut memory, &push(419, by("alice"), "a/b")), None);
    assert!(judged(&mut memory, &push(420, by("alice"), "a/b")).is_some());
}

#[test]
fn a_decision_may_be_written_down_after_the_push_that_rests_on_it() {
    let mut memory = memory();
    memory.see(&push(10, by("alice"), "a/b"));
    memory.see(&push(10, by("bob"), "a/b"));
    assert_eq!(memory.next_due(at(39)), None, "not before half a minute has passed");
    memory.see(&token(9, "alice", "repository:a/b:push", &[ScopeAction::Push]));
    let said = memory.next_due(at(40)).unwrap();
    assert_eq!(said.user, user("bob"));
    assert_eq!(memory.next_due(at(41)), Some(said), "until it was written down");
    memory.was_said();
    assert_eq!(memory.next_due(at(42)), None);
}

#[test]
fn memory_is_bounded() {
    let mut memory = memory();
    for n in 0..REMEMBERED + 10 {
        memory.see(&token(0, "alice", &format!("repository:a/b{n}:push"), &[ScopeAction::Push]));
    }
    assert!(memory.tokens.len() <= REMEMBERED);
    for _ in 0..=DOUBTS {
        memory.see(&push(1, by("bob"), "a/b"));
    }
    assert!(memory.next_due(at(1)).is_some(), "the oldest, when there are too many");
    memory.was_said();
    assert_eq!((memory.next_due(at(1)), memory.doubts.len()), (None, DOUBTS));
}
