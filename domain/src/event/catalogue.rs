//! Every event type with its stream, its meaning and samples: `docs/events.md` is made of it, and
//! `tests/fixtures/events` holds each sample as it was first written down.
//!
//! A sample is never changed once released: its stored form must be read for ever. A new field or
//! a new kind of value is one more sample.

use jiff::Timestamp;
use uuid::Uuid;

use crate::admin::AdminEvent;
use crate::app_token::{AppTokenEvent, TokenId, TokenScope};
use crate::auth::{AuthEvent, Claimed, ResetAnswer, ScopeDecision, SignInFailure, TokenDecision};
use crate::comment::{CommentEvent, CommentId};
use crate::digest::Descriptor;
use crate::event::{Actor, Credential, Door, Event, Meta, Position, RegistrySource, Sealed};
use crate::namespace::{Grant, GrantId, Grantee, Holder, NamespaceEvent, Visibility};
use crate::registry::{ContentEvent, Omitted, PullMethod, RegistryEvent, RegistrySettings};
use crate::repository::RepositoryEvent;
use crate::scope::ScopeAction;
use crate::star::StarEvent;
use crate::system::SystemEvent;
use crate::team::{Role, TeamEvent};
use crate::user::{Account, Origin, ProfileField, UserEvent};

/// One event type.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The streams in which it stands.
    pub stream: &'static str,
    /// What has happened.
    pub meaning: &'static str,
    /// What it looks like; the first shows every field.
    pub samples: Vec<Event>,
}

/// Lists each type once. The `match` has no `_` arm: a new variant does not compile without an
/// entry, and an entry without samples of its own type fails the tests.
macro_rules! catalogue {
    ($($context:ident($inner:ident) { $(
        $variant:ident in $stream:literal, $meaning:literal: $samples:expr;
    )* })*) => {
        /// Every event type, in the order of the nouns.
        #[must_use]
        pub fn entries() -> Vec<Entry> {
            vec![$($(Entry {
                stream: $stream,
                meaning: $meaning,
                samples: Vec::from($samples).into_iter().map(Event::from).collect(),
            },)*)*]
        }

        /// The name of the event's variant.
        #[must_use]
        pub fn variant(event: &Event) -> &'static str {
            match event {
                $(Event::$context(event) => match event {
                    $($inner::$variant { .. } => stringify!($variant),)*
                },)*
            }
        }

        /// The names of all variants, in the order of [`entries`].
        #[must_use]
        pub fn variants() -> Vec<&'static str> {
            vec![$($(stringify!($variant),)*)*]
        }
    };
}

catalogue! {
    User(UserEvent) {
        Registered in "user-<name>", "An account was made for a person or a bot.": [
            UserEvent::Registered { user: name("alice"), account: Account::Person, origin: Origin::Administrator },
            UserEvent::Registered { user: name("alice"), account: Account::Person, origin: Origin::Bootstrap },
            UserEvent::Registered { user: name("alice"), account: Account::Person, origin: Origin::SignUp },
            UserEvent::Registered { user: name("alice"), account: Account::Person, origin: Origin::Directory { provider: "ldap".to_owned() } },
            UserEvent::Registered { user: name("robot$ci"), account: Account::Bot, origin: Origin::Console },
        ];
        Disabled in "user-<name>", "Every door is closed to the account from now on.": [
            UserEvent::Disabled { user: name("alice"), reason: "left the company".to_owned() },
        ];
        Enabled in "user-<name>", "The doors are open again.": [
            UserEvent::Enabled { user: name("alice") },
        ];
        AuditorGranted in "user-<name>", "The person may read the record of everything.": [
            UserEvent::AuditorGranted { user: name("alice") },
        ];
        AuditorRevoked in "user-<name>", "The person may no longer read it.": [
            UserEvent::AuditorRevoked { user: name("alice") },
        ];
        PasswordChanged in "user-<name>", "A password was set. Its hash is in the vault; refresh tokens and other sessions are over.": [
            UserEvent::PasswordChanged { user: name("alice") },
        ];
        ProfileChanged in "user-<name>", "Display name or e-mail changed. The values are in the vault.": [
            UserEvent::ProfileChanged { user: name("alice"), fields: vec![ProfileField::DisplayName, ProfileField::Email] },
        ];
        SignedOutEverywhere in "user-<name>", "All refresh tokens and sessions of the account were ended.": [
            UserEvent::SignedOutEverywhere { user: name("alice") },
        ];
        PersonalDataErased in "user-<name>", "The key of the person's sealed data was destroyed: what it sealed stays unreadable.": [
            UserEvent::PersonalDataErased { user: name("alice") },
        ];
        Removed in "user-<name>", "The account is gone. Its name is not given again before `name_free_at`.": [
            UserEvent::Removed { user: name("alice"), name_free_at: moment() },
        ];
    }
    Admin(AdminEvent) {
        Granted in "administrators", "The person is an administrator.": [
            AdminEvent::Granted { user: name("alice") },
        ];
        Revoked in "administrators", "The person is an administrator no longer.": [
            AdminEvent::Revoked { user: name("alice") },
        ];
    }
    Team(TeamEvent) {
        Created in "team-<name>", "A team was made, with its first owner.": [
            TeamEvent::Created { team: name("blue"), owner: name("alice"), description: "The blue ones.".to_owned() },
        ];
        Described in "team-<name>", "The team was described anew.": [
            TeamEvent::Described { team: name("blue"), description: "The bluest ones.".to_owned() },
        ];
        MemberAdded in "team-<name>", "Somebody joined.": [
            TeamEvent::MemberAdded { team: name("blue"), user: name("bob"), role: Role::Viewer },
        ];
        MemberRoleChanged in "team-<name>", "Somebody's role changed.": [
            TeamEvent::MemberRoleChanged { team: name("blue"), user: name("bob"), from: Role::Contributor, to: Role::Owner },
        ];
        MemberRemoved in "team-<name>", "Somebody left, or was removed.": [
            TeamEvent::MemberRemoved { team: name("blue"), user: name("bob") },
        ];
        Deleted in "team-<name>", "The team is gone. Its name is not given again before `name_free_at`.": [
            TeamEvent::Deleted { team: name("blue"), name_free_at: moment() },
        ];
    }
    Namespace(NamespaceEvent) {
        Created in "namespace-<registry>:<name>", "A namespace was made, for a team, a person, or as the registry's global one.": [
            NamespaceEvent::Created { registry: name("main"), namespace: name("blue/base"), holder: Holder::Team { team: name("blue") }, visibility: Visibility::Private, description: "Base images.".to_owned() },
            NamespaceEvent::Created { registry: name("main"), namespace: name("alice"), holder: Holder::Personal { user: name("alice") }, visibility: Visibility::Public, description: String::new() },
            NamespaceEvent::Created { registry: name("main"), namespace: name("_"), holder: Holder::Global, visibility: Visibility::Protected, description: String::new() },
        ];
        Described in "namespace-<registry>:<name>", "The namespace was described anew.": [
            NamespaceEvent::Described { registry: name("main"), namespace: name("blue"), description: "Blue images.".to_owned() },
        ];
        VisibilityChanged in "namespace-<registry>:<name>", "Others see what is inside from now on, or no longer.": [
            NamespaceEvent::VisibilityChanged { registry: name("main"), namespace: name("blue"), from: Visibility::Private, to: Visibility::Public },
        ];
        TeamChanged in "namespace-<registry>:<name>", "The namespace belongs to another team.": [
            NamespaceEvent::TeamChanged { registry: name("main"), namespace: name("blue"), from: name("blue"), to: name("red") },
        ];
        Granted in "namespace-<registry>:<name>", "A right beside the holder's: for a team, a person or a bot, perhaps on one repository, perhaps until a moment.": [
            NamespaceEvent::Granted { registry: name("main"), namespace: name("blue"), grant: Grant { id: GrantId(id(1)), to: Grantee::Team { team: name("red") }, role: Role::Contributor, repository: Some(name("blue/app")), until: Some(moment()) } },
            NamespaceEvent::Granted { registry: name("main"), namespace: name("blue"), grant: Grant { id: GrantId(id(2)), to: Grantee::User { user: name("bob") }, role: Role::Viewer, repository: None, until: None } },
        ];
        GrantRevoked in "namespace-<registry>:<name>", "That right was taken back.": [
            NamespaceEvent::GrantRevoked { registry: name("main"), namespace: name("blue"), grant: GrantId(id(1)) },
        ];
        Deleted in "namespace-<registry>:<name>", "The namespace is gone. Its name is not given again before `name_free_at`.": [
            NamespaceEvent::Deleted { registry: name("main"), namespace: name("blue"), name_free_at: moment() },
        ];
    }
    Registry(RegistryEvent) {
        Added in "registry-<name>", "A registry is looked after from now on.": [
            RegistryEvent::Added { registry: name("main"), settings: settings() },
        ];
        SettingsChanged in "registry-<name>", "The registry is reached or called otherwise.": [
            RegistryEvent::SettingsChanged { registry: name("main"), settings: settings() },
        ];
        SecretRotated in "registry-<name>", "Its notifications come with a new secret; the old one is good until `old_good_until`.": [
            RegistryEvent::SecretRotated { registry: name("main"), old_good_until: moment() },
        ];
        Removed in "registry-<name>", "The registry is looked after no longer: its tokens end, its namespaces give nobody anything.": [
            RegistryEvent::Removed { registry: name("main") },
        ];
    }
    Content(ContentEvent) {
        ManifestPushed in "pushes-<registry>-<yyyymmddhh>", "A manifest was put, by tag or by digest.": [
            ContentEvent::ManifestPushed { registry: name("main"), repository: name("blue/app"), digest: digest('a'), tag: Some(name("v1.2")), media_type: Some(MANIFEST.to_owned()), size: Some(528), references: vec![layer(), bare_layer()], omitted: Some(Omitted { count: 3, bytes: 4_096 }) },
            ContentEvent::ManifestPushed { registry: name("main"), repository: name("solo"), digest: digest('a'), tag: None, media_type: None, size: None, references: vec![], omitted: None },
        ];
        ManifestPulled in "pulls-<registry>-<yyyymmddhh>", "A manifest was asked for; `head` asks only whether it is there.": [
            ContentEvent::ManifestPulled { registry: name("main"), repository: name("blue/app"), digest: digest('a'), tag: Some(name("v1.2")), media_type: Some(MANIFEST.to_owned()), method: PullMethod::Get },
            ContentEvent::ManifestPulled { registry: name("main"), repository: name("blue/app"), digest: digest('a'), tag: None, media_type: None, method: PullMethod::Head },
        ];
        BlobPushed in "pushes-<registry>-<yyyymmddhh>", "A blob was uploaded.": [
            ContentEvent::BlobPushed { registry: name("main"), repository: name("blue/app"), digest: digest('b'), size: Some(1_024) },
            ContentEvent::BlobPushed { registry: name("main"), repository: name("blue/app"), digest: digest('b'), size: None },
        ];
        BlobPulled in "pulls-<registry>-<yyyymmddhh>", "A blob was asked for.": [
            ContentEvent::BlobPulled { registry: name("main"), repository: name("blue/app"), digest: digest('b'), size: Some(1_024), method: PullMethod::Get },
        ];
        BlobMounted in "pushes-<registry>-<yyyymmddhh>", "A blob of one repository was made known in another.": [
            ContentEvent::BlobMounted { registry: name("main"), repository: name("blue/app"), digest: digest('b'), from: Some(name("blue/base")) },
            ContentEvent::BlobMounted { registry: name("main"), repository: name("blue/app"), digest: digest('b'), from: None },
        ];
        Deleted in "pushes-<registry>-<yyyymmddhh>", "Content was deleted by digest: a manifest, if one of that digest is known there, else a blob.": [
            ContentEvent::Deleted { registry: name("main"), repository: name("blue/app"), digest: digest('a') },
        ];
        TagDeleted in "pushes-<registry>-<yyyymmddhh>", "A tag was deleted; its manifest stays.": [
            ContentEvent::TagDeleted { registry: name("main"), repository: name("blue/app"), tag: name("v1.2") },
        ];
        TagObserved in "pushes-<registry>-<yyyymmddhh>", "Not told by the registry, but seen in it: this tag points there.": [
            ContentEvent::TagObserved { registry: name("main"), repository: name("blue/app"), tag: name("v1.2"), digest: digest('a'), media_type: Some(MANIFEST.to_owned()), size: Some(528), references: vec![layer()], omitted: None },
        ];
        TagMissed in "pushes-<registry>-<yyyymmddhh>", "Not told by the registry, but seen: it no longer has this tag.": [
            ContentEvent::TagMissed { registry: name("main"), repository: name("blue/app"), tag: name("v1.2") },
        ];
        ManifestObserved in "pushes-<registry>-<yyyymmddhh>", "Not told by the registry, or not all of it, but read there: a manifest of an index, or the platform of an image.": [
            ContentEvent::ManifestObserved { registry: name("main"), repository: name("blue/app"), digest: digest('a'), media_type: Some(MANIFEST.to_owned()), size: Some(528), references: vec![layer()], omitted: Some(Omitted { count: 3, bytes: 4_096 }) },
            ContentEvent::ManifestObserved { registry: name("main"), repository: name("solo"), digest: digest('a'), media_type: None, size: None, references: vec![], omitted: None },
        ];
        ManifestMissed in "pushes-<registry>-<yyyymmddhh>", "Not told by the registry, but seen: it no longer has this manifest.": [
            ContentEvent::ManifestMissed { registry: name("main"), repository: name("blue/app"), digest: digest('a') },
        ];
        InstanceSeen in "pushes-<registry>-<yyyymmddhh>", "A registry process that was not heard of before: what its predecessor had not yet told is lost.": [
            ContentEvent::InstanceSeen { registry: name("main"), instance: "3ac8e4c5-5c4f-4d4c-8d9e-1f1a2c3b4d5e".to_owned() },
        ];
        NotificationRejected in "pushes-<registry>-<yyyymmddhh>", "A notification that makes no sense, kept so that nothing is lost silently.": [
            ContentEvent::NotificationRejected { registry: name("main"), reason: "the target has no digest".to_owned(), excerpt: r#"{"action":"push"}"#.to_owned() },
        ];
    }
    Repository(RepositoryEvent) {
        Described in "repository-<registry>:<name>", "The repository was described anew, in Markdown.": [
            RepositoryEvent::Described { registry: name("main"), repository: name("blue/app"), description: "# App".to_owned() },
        ];
    }
    AppToken(AppTokenEvent) {
        Created in "tokens-<user>", "An application token was made, and its secret shown once. Its hash is in the vault.": [
            AppTokenEvent::Created { user: name("alice"), token: TokenId(id(3)), label: "ci".to_owned(), scopes: [TokenScope::Push, TokenScope::ApiRead].into(), namespaces: Some([name("blue")].into()), expires_at: moment() },
            AppTokenEvent::Created { user: name("alice"), token: TokenId(id(4)), label: "laptop".to_owned(), scopes: TokenScope::EVERY.into(), namespaces: None, expires_at: moment() },
        ];
        Revoked in "tokens-<user>", "The token is no longer good.": [
            AppTokenEvent::Revoked { user: name("alice"), token: TokenId(id(3)) },
        ];
    }
    Star(StarEvent) {
        Starred in "stars-<user>", "Somebody likes a repository.": [
            StarEvent::Starred { user: name("alice"), registry: name("main"), repository: name("blue/app") },
        ];
        Unstarred in "stars-<user>", "No longer.": [
            StarEvent::Unstarred { user: name("alice"), registry: name("main"), repository: name("blue/app") },
        ];
    }
    Comment(CommentEvent) {
        Added in "comment-<id>", "Somebody commented on a repository. The text is in the vault, sealed with its author's key.": [
            CommentEvent::Added { registry: name("main"), repository: name("blue/app"), comment: CommentId(id(4)), author: name("alice") },
        ];
        Deleted in "comment-<id>", "The comment was deleted, and its text with it.": [
            CommentEvent::Deleted { registry: name("main"), repository: name("blue/app"), comment: CommentId(id(4)), author: name("alice") },
        ];
    }
    Auth(AuthEvent) {
        TokensDecided in "auth-<yyyymmddhh>", "Token requests were answered; a batch, each addressed as position/index.": [
            AuthEvent::TokensDecided { decisions: [decision()].into() },
            AuthEvent::TokensDecided { decisions: [bare_decision()].into() },
        ];
        SignedIn in "auth-<yyyymmddhh>", "Somebody came in.": [
            AuthEvent::SignedIn { user: name("alice"), door: Door::Web },
            AuthEvent::SignedIn { user: name("alice"), door: Door::Token },
            AuthEvent::SignedIn { user: name("alice"), door: Door::Api },
        ];
        SignedOut in "auth-<yyyymmddhh>", "Somebody left.": [
            AuthEvent::SignedOut { user: name("alice") },
        ];
        SignInFailed in "auth-<yyyymmddhh>", "Somebody was not let in. A name that is no account is kept as a keyed hash.": [
            failed(SignInFailure::WrongSecret),
            AuthEvent::SignInFailed { claimed: Claimed::Unknown { hash: "9f86d081884c7d65".to_owned() }, door: Door::Web, reason: SignInFailure::UnknownUser },
            failed(SignInFailure::Disabled),
            failed(SignInFailure::Expired),
            failed(SignInFailure::Revoked),
            failed(SignInFailure::LockedOut),
            failed(SignInFailure::Malformed),
            failed(SignInFailure::WrongDoor),
        ];
        LockedOut in "auth-<yyyymmddhh>", "Too many different secrets were tried for one account.": [
            AuthEvent::LockedOut { claimed: Claimed::Known { user: name("alice") }, until: moment() },
        ];
        RefreshTokenIssued in "auth-<yyyymmddhh>", "A refresh token was handed out.": [
            AuthEvent::RefreshTokenIssued { user: name("alice"), service: "registry.example.org".to_owned() },
        ];
        PasswordResetRequested in "auth-<yyyymmddhh>", "Somebody asked for a mail with a one-time link for a new password. The mail goes out after this fact.": [
            AuthEvent::PasswordResetRequested { claimed: Claimed::Known { user: name("alice") }, answer: ResetAnswer::Mail },
            AuthEvent::PasswordResetRequested { claimed: Claimed::Unknown { hash: "5d41402abc4b2a76b9719d911017c592".to_owned() }, answer: ResetAnswer::UnknownUser },
            AuthEvent::PasswordResetRequested { claimed: Claimed::Known { user: name("alice") }, answer: ResetAnswer::NoAddress },
            AuthEvent::PasswordResetRequested { claimed: Claimed::Known { user: name("alice") }, answer: ResetAnswer::Closed },
            AuthEvent::PasswordResetRequested { claimed: Claimed::Known { user: name("alice") }, answer: ResetAnswer::TooMany },
        ];
    }
    System(SystemEvent) {
        Started in "system", "A node started.": [
            SystemEvent::Started { version: "0.1.0".to_owned() },
        ];
        Stopped in "system", "A node stopped in good order.": [
            SystemEvent::Stopped { version: "0.1.0".to_owned() },
        ];
        KeyRotated in "system", "The signing key changed; `key` is the RFC 7638 thumbprint of its public half.": [
            SystemEvent::KeyRotated { key: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs".to_owned() },
        ];
        ProjectionRebuilt in "system", "A projection was built anew beside the old one, and swapped in.": [
            SystemEvent::ProjectionRebuilt { projection: "users".to_owned(), at: Position(1_234), digest: digest('c').as_str().to_owned() },
        ];
        ProjectionHalted in "system", "A projection stopped at an event that it cannot take.": [
            SystemEvent::ProjectionHalted { projection: "users".to_owned(), at: Position(1_234), error: "unknown event type".to_owned() },
        ];
        PushUnverified in "system", "A registry tells of a push for which its user was given no token in the time before; `push` is its position.": [
            SystemEvent::PushUnverified { registry: name("main"), repository: name("team/app"), user: name("alice"), push: Position(1_234) },
        ];
    }
}

/// Envelopes with every kind of actor, door and credential.
#[must_use]
pub fn envelopes() -> Vec<Meta> {
    let full = Meta {
        actor: Actor::User { name: name("alice") },
        door: Some(Door::Api),
        credential: Some(Credential::AppToken { id: TokenId(id(3)) }),
        request: Some("018f3c2e9a7d4b51".to_owned()),
        rule: Some("edit".to_owned()),
        source: Some(RegistrySource {
            event: "7f2f9a0e-1111-2222-3333-444455556666".to_owned(),
            request: Some("a1b2".to_owned()),
            instance: Some("c3d4".to_owned()),
        }),
        sealed: Some(Sealed { key: "user:alice".to_owned(), data: "bm9uY2U".to_owned() }),
    };
    let actors = [
        Actor::Anonymous,
        Actor::Bot { name: name("robot$ci") },
        Actor::Unknown { text: "Nobody We Know".to_owned() },
        Actor::Registry { name: name("main") },
        Actor::Console { uid: 1_000 },
        Actor::System { part: "reconcile".to_owned() },
    ];
    let doors = [Door::Web, Door::Token, Door::Notification, Door::Console, Door::Job]
        .map(|door| Meta { door: Some(door), ..Meta::by(Actor::Anonymous) });
    let credentials = [
        Credential::Password,
        Credential::Session,
        Credential::RefreshToken,
        Credential::RegistrySecret,
        Credential::Bootstrap,
        Credential::ResetLink,
    ]
    .map(|credential| Meta { credential: Some(credential), ..Meta::by(Actor::Anonymous) });
    let mut all = vec![full];
    all.extend(actors.map(Meta::by));
    all.extend(doors);
    all.extend(credentials);
    all
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A name of any kind; the samples' are all good.
#[allow(clippy::expect_used)]
fn name<N: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> N {
    text.parse().expect("a good name")
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

#[allow(clippy::expect_used)]
fn digest(of: char) -> crate::digest::Digest {
    let text = format!("sha256:{}", of.to_string().repeat(64));
    crate::digest::Digest::parse(&text).expect("a good digest")
}

#[allow(clippy::expect_used)]
fn moment() -> Timestamp {
    Timestamp::from_microsecond(1_800_000_000_123_456).expect("a good moment")
}

fn layer() -> Descriptor {
    Descriptor {
        media_type: Some("application/vnd.oci.image.layer.v1.tar+gzip".to_owned()),
        digest: digest('b'),
        size: Some(1_024),
        platform: Some("linux/arm64/v8".to_owned()),
    }
}

fn bare_layer() -> Descriptor {
    Descriptor { media_type: None, digest: digest('b'), size: None, platform: None }
}

fn settings() -> RegistrySettings {
    RegistrySettings {
        service: "registry.example.org".to_owned(),
        host: "registry.example.org".to_owned(),
        url: "http://127.0.0.1:5000".to_owned(),
    }
}

fn failed(reason: SignInFailure) -> AuthEvent {
    let claimed = Claimed::Known { user: name("alice") };
    AuthEvent::SignInFailed { claimed, door: Door::Token, reason }
}

fn decision() -> TokenDecision {
    TokenDecision {
        at: moment(),
        subject: Actor::User { name: name("alice") },
        credential: Some(Credential::Password),
        service: "registry.example.org".to_owned(),
        scopes: vec![
            ScopeDecision {
                asked: "repository:blue/app:pull,push".to_owned(),
                granted: vec![ScopeAction::Pull],
                allowed: Some("readable (viewer of team blue)".to_owned()),
                refused: Some("push (viewer of team blue)".to_owned()),
            },
            ScopeDecision {
                asked: "registry:catalog:*".to_owned(),
                granted: vec![ScopeAction::All],
                allowed: Some("administration (administrator)".to_owned()),
                refused: None,
            },
            ScopeDecision {
                asked: "repository:red/app:push,delete".to_owned(),
                granted: vec![ScopeAction::Push, ScopeAction::Delete],
                allowed: Some("delete (own namespace)".to_owned()),
                refused: None,
            },
        ],
        jti: "0b0b0b0b0b0b0b0b".to_owned(),
        decided_at: Position(1_234),
        request: "018f3c2e9a7d4b51".to_owned(),
        client: Some("docker".to_owned()),
        sealed: Some(Sealed { key: "user:alice".to_owned(), data: "bm9uY2U".to_owned() }),
    }
}

fn bare_decision() -> TokenDecision {
    TokenDecision {
        subject: Actor::Anonymous,
        credential: None,
        scopes: vec![],
        client: None,
        sealed: None,
        ..decision()
    }
}

#[cfg(test)]
mod tests;
