//! The projection `activity`: one row for each fact worth showing, or for each decision inside it.

use async_trait::async_trait;
use domain::admin::AdminEvent;
use domain::app_token::{AppTokenEvent, TokenId};
use domain::auth::{AuthEvent, Claimed, ResetAnswer, TokenDecision};
use domain::comment::CommentEvent;
use domain::event::{Actor, Class, Credential, Encoded, Event, Fact, Sealed};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use domain::namespace::NamespaceEvent;
use domain::registry::{ContentEvent, PullMethod, RegistryEvent};
use domain::repository::RepositoryEvent;
use domain::star::StarEvent;
use domain::team::TeamEvent;
use domain::user::UserEvent;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::projection::{Projection, candidates, id, micros};
use crate::working::{Working, json, table};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activity;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NamespaceRow {
    registry: String,
    name: String,
    id: i64,
}
table!(
    NamespaceRow,
    NamespaceKey { registry: String, name: String },
    "activity_namespaces",
    "registry, name",
    "id",
    "excluded.id"
);

/// The last use of an application token, by the table's columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TokenUseRow {
    token: Uuid,
    used_at: Timestamp,
    seal_key: Option<String>,
    seal_box: Option<String>,
    event_id: Uuid,
    jti: Option<String>,
}
table!(
    TokenUseRow,
    TokenUseKey { token: Uuid },
    "token_uses",
    "token",
    "used_at, seal_key, seal_box, event_id, jti",
    "excluded.used_at, excluded.seal_key, excluded.seal_box, excluded.event_id, excluded.jti"
);

/// One row of the feed, by the table's columns. What is not there is not written: that is half of
/// the text that travels.
#[derive(Debug, Clone, Serialize)]
struct Entry {
    position: i64,
    index: i32,
    event_id: Uuid,
    recorded_at: Timestamp,
    occurred_at: Timestamp,
    kind: String,
    outcome: &'static str,
    actor_kind: &'static str,
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    detail: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seal_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seal_box: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seal_data: Option<String>,
}

const STORE: &str =
    "INSERT INTO activity SELECT * FROM json_populate_recordset(NULL::activity, $1::json)";

#[async_trait]
impl Projection for Activity {
    fn name(&self) -> &'static str {
        "activity"
    }

    fn code(&self) -> i32 {
        4
    }

    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("activity_namespaces", "registry, name"),
            ("activity", "position, index"),
            ("token_uses", "token"),
        ]
    }

    fn class(&self) -> Option<Class> {
        None
    }

    async fn apply(&self, db: &mut PgConnection, facts: &[Fact]) -> Result<(), sqlx::Error> {
        let mut namespaces = Working::<NamespaceRow>::default();
        for fact in facts {
            want(&mut namespaces, &fact.event);
        }
        namespaces.load(db).await?;
        let mut entries = Vec::with_capacity(facts.len());
        let mut uses = Working::<TokenUseRow>::default();
        for fact in facts {
            use_of_tokens(fact, &mut uses);
            if let Event::Namespace(NamespaceEvent::Created { registry, namespace, .. }) =
                &fact.event
            {
                let key = namespace_key(registry, namespace.as_str());
                let (registry, name) = (key.registry.clone(), key.name.clone());
                namespaces.set(key, Some(NamespaceRow { registry, name, id: id(fact.position) }));
            }
            show(&namespaces, fact, &mut entries);
            if let Event::Namespace(NamespaceEvent::Deleted { registry, namespace, .. }) =
                &fact.event
            {
                namespaces.set(namespace_key(registry, namespace.as_str()), None);
            }
        }
        namespaces.store(db).await?;
        uses.store(db).await?;
        if !entries.is_empty() {
            sqlx::query(STORE).bind(json(&entries)?).execute(db).await?;
        }
        Ok(())
    }
}

/// Facts come in the log's order, so the last one told is the last use: no row is read before it is
/// written.
fn use_of_tokens(fact: &Fact, uses: &mut Working<TokenUseRow>) {
    let mut used = |shown: &Option<Credential>, at: Timestamp, sealed: &Option<Sealed>, jti| {
        let Some(Credential::AppToken { id: TokenId(token) }) = *shown else { return };
        let row = TokenUseRow {
            token,
            used_at: micros(at),
            seal_key: sealed.as_ref().map(|sealed| sealed.key.clone()),
            seal_box: sealed.as_ref().map(|sealed| sealed.data.clone()),
            event_id: fact.id.0,
            jti,
        };
        uses.set(TokenUseKey { token }, Some(row));
    };
    used(&fact.meta.credential, fact.occurred_at, &fact.meta.sealed, None);
    if let Event::Auth(AuthEvent::TokensDecided { decisions }) = &fact.event {
        for decision in decisions.iter() {
            let jti = Some(decision.jti.clone());
            used(&decision.credential, decision.at, &decision.sealed, jti);
        }
    }
}

fn want(namespaces: &mut Working<NamespaceRow>, event: &Event) {
    let place = place(event);
    let Some(registry) = place.registry else { return };
    if let Some(namespace) = place.namespace {
        namespaces.want(namespace_key(registry, namespace.as_str()));
    }
    if let Some(repository) = place.repository {
        for name in candidates(repository) {
            namespaces.want(namespace_key(registry, name));
        }
    }
}

/// What a fact happened to.
#[derive(Default)]
struct Place<'a> {
    registry: Option<&'a RegistryName>,
    namespace: Option<&'a NamespaceName>,
    repository: Option<&'a RepositoryName>,
    tag: Option<String>,
    digest: Option<String>,
    team: Option<&'a TeamName>,
    user: Option<&'a UserName>,
}

fn place(event: &Event) -> Place<'_> {
    match event {
        Event::User(event) => Place { user: Some(user_of(event)), ..Place::default() },
        Event::Admin(AdminEvent::Granted { user } | AdminEvent::Revoked { user }) => {
            Place { user: Some(user), ..Place::default() }
        }
        Event::Team(event) => {
            use TeamEvent as E;
            let (team, user) = match event {
                E::Created { team, owner: user, .. }
                | E::MemberAdded { team, user, .. }
                | E::MemberRoleChanged { team, user, .. }
                | E::MemberRemoved { team, user } => (team, Some(user)),
                E::Described { team, .. } | E::Deleted { team, .. } => (team, None),
            };
            Place { team: Some(team), user, ..Place::default() }
        }
        Event::Namespace(event) => {
            use NamespaceEvent as E;
            let (E::Created { registry, namespace, .. }
            | E::Described { registry, namespace, .. }
            | E::VisibilityChanged { registry, namespace, .. }
            | E::TeamChanged { registry, namespace, .. }
            | E::Granted { registry, namespace, .. }
            | E::GrantRevoked { registry, namespace, .. }
            | E::Deleted { registry, namespace, .. }) = event;
            Place { registry: Some(registry), namespace: Some(namespace), ..Place::default() }
        }
        Event::Registry(
            RegistryEvent::Added { registry, .. }
            | RegistryEvent::SettingsChanged { registry, .. }
            | RegistryEvent::SecretRotated { registry, .. }
            | RegistryEvent::Removed { registry },
        ) => Place { registry: Some(registry), ..Place::default() },
        Event::Content(event) => content_place(event),
        Event::Repository(RepositoryEvent::Described { registry, repository, .. }) => {
            Place { registry: Some(registry), repository: Some(repository), ..Place::default() }
        }
        Event::Comment(
            CommentEvent::Added { registry, repository, author, .. }
            | CommentEvent::Deleted { registry, repository, author, .. },
        ) => Place {
            registry: Some(registry),
            repository: Some(repository),
            user: Some(author),
            ..Place::default()
        },
        Event::AppToken(
            AppTokenEvent::Created { user, .. } | AppTokenEvent::Revoked { user, .. },
        ) => Place { user: Some(user), ..Place::default() },
        // Whom a star comes from is not for everybody who sees the repository.
        Event::Star(StarEvent::Starred { user, .. } | StarEvent::Unstarred { user, .. }) => {
            Place { user: Some(user), ..Place::default() }
        }
        Event::Auth(
            AuthEvent::SignedIn { user, .. }
            | AuthEvent::SignedOut { user }
            | AuthEvent::RefreshTokenIssued { user, .. }
            | AuthEvent::SignInFailed { claimed: Claimed::Known { user }, .. }
            | AuthEvent::LockedOut { claimed: Claimed::Known { user }, .. }
            | AuthEvent::PasswordResetRequested { claimed: Claimed::Known { user }, .. },
        ) => Place { user: Some(user), ..Place::default() },
        Event::Auth(
            AuthEvent::TokensDecided { .. }
            | AuthEvent::SignInFailed { claimed: Claimed::Unknown { .. }, .. }
            | AuthEvent::LockedOut { claimed: Claimed::Unknown { .. }, .. }
            | AuthEvent::PasswordResetRequested { claimed: Claimed::Unknown { .. }, .. },
        )
        | Event::System(_) => Place::default(),
    }
}

fn content_place(event: &ContentEvent) -> Place<'_> {
    use ContentEvent as E;
    let (registry, repository, digest, tag) = match event {
        E::ManifestPushed { registry, repository, digest, tag, .. }
        | E::ManifestPulled { registry, repository, digest, tag, .. } => {
            (registry, repository, Some(digest), tag.as_ref())
        }
        E::BlobPushed { registry, repository, digest, .. }
        | E::BlobPulled { registry, repository, digest, .. }
        | E::BlobMounted { registry, repository, digest, .. }
        | E::ManifestObserved { registry, repository, digest, .. }
        | E::ManifestMissed { registry, repository, digest }
        | E::Deleted { registry, repository, digest } => (registry, repository, Some(digest), None),
        E::TagObserved { registry, repository, digest, tag, .. } => {
            (registry, repository, Some(digest), Some(tag))
        }
        E::TagDeleted { registry, repository, tag }
        | E::TagMissed { registry, repository, tag } => (registry, repository, None, Some(tag)),
        E::InstanceSeen { registry, .. } | E::NotificationRejected { registry, .. } => {
            return Place { registry: Some(registry), ..Place::default() };
        }
    };
    Place {
        registry: Some(registry),
        repository: Some(repository),
        digest: digest.map(ToString::to_string),
        tag: tag.map(ToString::to_string),
        ..Place::default()
    }
}

/// Writes the rows of one fact, if it is worth any.
fn show(namespaces: &Working<NamespaceRow>, fact: &Fact, entries: &mut Vec<Entry>) {
    let outcome = match &fact.event {
        Event::Auth(AuthEvent::TokensDecided { decisions }) => {
            for (index, decision) in (0_i32..).zip(decisions.iter()) {
                if !decision.is_full() {
                    entries.push(refusal(fact, index, decision));
                }
            }
            return;
        }
        // An image is one push and one download, not the twenty of its layers; and asking whether
        // something is new is no download. What we read of a manifest ourselves is no deed.
        Event::Content(
            ContentEvent::ManifestObserved { .. }
            | ContentEvent::BlobPushed { .. }
            | ContentEvent::BlobPulled { .. }
            | ContentEvent::ManifestPulled { method: PullMethod::Head, .. },
        ) => return,
        Event::Content(ContentEvent::NotificationRejected { .. })
        | Event::Auth(AuthEvent::SignInFailed { .. } | AuthEvent::LockedOut { .. }) => "refused",
        Event::Auth(AuthEvent::PasswordResetRequested { answer, .. })
            if *answer != ResetAnswer::Mail =>
        {
            "refused"
        }
        _ => "done",
    };
    let place = place(&fact.event);
    let namespace = deciding(namespaces, &place);
    let Encoded { kind, data, .. } = fact.event.encode();
    let mut entry = Entry::new(fact, 0, kind, outcome, &fact.meta.actor, detail(data));
    entry.registry = place.registry.map(ToString::to_string);
    entry.namespace_id = namespace.map(|namespace| namespace.id);
    entry.namespace = namespace
        .map(|namespace| namespace.name.clone())
        .or_else(|| place.namespace.map(ToString::to_string));
    entry.repository = place.repository.map(ToString::to_string);
    entry.tag = place.tag;
    entry.digest = place.digest;
    entry.team = place.team.map(ToString::to_string);
    entry.user_name = place.user.map(ToString::to_string);
    entry.rule.clone_from(&fact.meta.rule);
    entry.seal(fact.meta.sealed.as_ref(), || fact.id.to_string());
    entries.push(entry);
}

/// A token request that did not get all that it asked for. Its asker and auditors may see it; who
/// else is interested in the repository may not.
fn refusal(fact: &Fact, index: i32, decision: &TokenDecision) -> Entry {
    let granted = decision.scopes.iter().any(|scope| !scope.granted.is_empty());
    let outcome = if granted { "reduced" } else { "refused" };
    let kind = "auth.tokens_decided".to_owned();
    let plain = TokenDecision { sealed: None, ..decision.clone() };
    let detail = to_raw_value(&plain).unwrap_or_default();
    let mut entry = Entry::new(fact, index, kind, outcome, &decision.subject, detail);
    entry.occurred_at = micros(decision.at);
    if let Some(refused) = decision.scopes.iter().find(|scope| scope.refused.is_some()) {
        entry.rule.clone_from(&refused.refused);
        entry.repository = asked_repository(&refused.asked);
    }
    entry.seal(decision.sealed.as_ref(), || decision.jti.clone());
    entry
}

/// The repository in a scope as recorded: `repository:a/b:pull`.
fn asked_repository(asked: &str) -> Option<String> {
    let name = asked.strip_prefix("repository:")?.rsplit_once(':')?.0;
    RepositoryName::parse(name).ok().map(|name| name.to_string())
}

/// The fact itself, without what would make a row large.
fn detail(data: String) -> Box<RawValue> {
    let reduced = match data.contains(r#""references":"#).then(|| serde_json::from_str(&data)) {
        Some(Ok(Value::Object(mut object))) => {
            if let Some(Value::Array(references)) = object.get("references") {
                object.insert("references".to_owned(), references.len().into());
            }
            to_raw_value(&object)
        }
        _ => RawValue::from_string(data),
    };
    reduced.unwrap_or_default()
}

fn deciding<'a>(
    namespaces: &'a Working<NamespaceRow>,
    place: &Place<'_>,
) -> Option<&'a NamespaceRow> {
    let registry = place.registry?;
    let find = |name: &str| namespaces.get(&namespace_key(registry, name));
    match (place.namespace, place.repository) {
        (Some(namespace), _) => find(namespace.as_str()),
        (None, Some(repository)) => candidates(repository).find_map(find),
        (None, None) => None,
    }
}

impl Entry {
    fn new(
        fact: &Fact,
        index: i32,
        kind: String,
        outcome: &'static str,
        actor: &Actor,
        detail: Box<RawValue>,
    ) -> Self {
        Self {
            position: id(fact.position),
            index,
            event_id: fact.id.0,
            recorded_at: micros(fact.recorded_at),
            occurred_at: micros(fact.occurred_at),
            kind,
            outcome,
            actor_kind: actor_kind(actor),
            actor: actor.to_string(),
            registry: None,
            namespace: None,
            namespace_id: None,
            repository: None,
            tag: None,
            digest: None,
            team: None,
            user_name: None,
            rule: None,
            detail,
            seal_key: None,
            seal_box: None,
            seal_data: None,
        }
    }

    fn seal(&mut self, sealed: Option<&Sealed>, associated: impl FnOnce() -> String) {
        if let Some(Sealed { key, data }) = sealed.cloned() {
            (self.seal_key, self.seal_box) = (Some(key), Some(data));
            self.seal_data = Some(associated());
        }
    }
}

fn actor_kind(actor: &Actor) -> &'static str {
    match actor {
        Actor::Anonymous => "anonymous",
        Actor::User { .. } => "user",
        Actor::Bot { .. } => "bot",
        Actor::Unknown { .. } => "unknown",
        Actor::Registry { .. } => "registry",
        Actor::Console { .. } => "console",
        Actor::System { .. } => "system",
    }
}

fn namespace_key(registry: &RegistryName, name: &str) -> NamespaceKey {
    NamespaceKey { registry: registry.to_string(), name: name.to_owned() }
}

fn user_of(event: &UserEvent) -> &UserName {
    use UserEvent as E;
    let (E::Registered { user, .. }
    | E::Disabled { user, .. }
    | E::Enabled { user }
    | E::AuditorGranted { user }
    | E::AuditorRevoked { user }
    | E::PasswordChanged { user }
    | E::ProfileChanged { user, .. }
    | E::SignedOutEverywhere { user }
    | E::PersonalDataErased { user }
    | E::Removed { user, .. }) = event;
    user
}
