//! `GET` and `POST /v2/token`: what docker asks before it talks to a registry.
//!
//! Refusing a right is 200 with fewer actions; only a bad credential is 401. A request is decided
//! from memory: one snapshot of the access graph, no lock held, no database asked (but for a
//! password or application token that was not seen for a while).

mod answer;
mod request;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use commands::authn::{Authenticated, Authenticator};
use commands::desk::{Clock, Origin};
use domain::access::{Graph, Policy, ScopeGrant, Subject};
use domain::auth::{ScopeDecision, TokenDecision};
use domain::event::{Credential, Door};
use domain::name::{RegistryName, UserName};
use domain::scope::{Scope, ScopeResource};
use projections::access::AccessGraph;

use self::answer::{Granted, Refusal};
use self::request::{Asked, Shown};
use super::recorder::Recorder;
use super::signer::{Access, Signer, Wanted};
use crate::client;

pub use self::request::{MAX_AUTHORIZATION_BYTES, MAX_REQUEST_BYTES, MAX_SCOPES};

/// Clients give up after 15 s: the usual [`TokenState::patience`].
pub const ANSWER_WITHIN: Duration = Duration::from_secs(12);
/// The longest text of a scope in a fact, in bytes.
pub const MAX_ASKED_BYTES: usize = 320;
/// The most of a client's name that is kept in clear, in bytes.
pub const MAX_CLIENT_BYTES: usize = 64;

/// What the endpoint works with. Cheap to clone.
#[derive(Clone)]
pub struct TokenState {
    /// Who may do what.
    pub access: AccessGraph,
    /// Who is this.
    pub authenticator: Authenticator,
    /// Signs.
    pub signer: Signer,
    /// Writes down.
    pub recorder: Recorder,
    /// What an administrator has set.
    pub policy: Arc<Policy>,
    /// What time it is.
    pub clock: Clock,
    /// How old the access graph may be before the answer is 503.
    pub staleness: Duration,
    /// How long an answer may take, usually [`ANSWER_WITHIN`]; then it is 503.
    pub patience: Duration,
}

/// `/v2/token`, and `/auth/token`, where registries with `autoredirect` send clients.
pub fn router(state: TokenState) -> Router {
    Router::new().route("/v2/token", any(token)).route("/auth/token", any(token)).with_state(state)
}

async fn token(State(state): State<TokenState>, request: Request) -> Response {
    let started = Instant::now();
    let answered = match tokio::time::timeout(state.patience, answer(&state, request)).await {
        Ok(answered) => answered,
        Err(_) => Err(Refusal::slow()),
    };
    let elapsed = started.elapsed().as_secs_f64();
    metrics::histogram!("portus_token_duration_seconds").record(elapsed);
    match answered {
        Ok(granted) => granted.into_response(),
        Err(refusal) => {
            let labels = [("outcome", refusal.outcome()), ("credential", "none")];
            metrics::counter!("portus_tokens_issued_total", &labels).increment(1);
            refusal.into_response()
        }
    }
}

async fn answer(state: &TokenState, request: Request) -> Result<Granted, Refusal> {
    let origin = client::origin(request.extensions(), request.headers(), Door::Token, None);
    let asked = request::read(request).await?;
    let graph = state.access.fresh(state.staleness)?;
    if graph.registry_of(&asked.service).is_none() {
        return Err(Refusal::unknown_service(&asked.service));
    }
    let known = authenticate(state, &graph, &asked, &origin).await?;

    // Proving who one is may take a while: what may be done is decided on what is known now.
    let graph = state.access.fresh(state.staleness)?;
    let registry = graph
        .registry_of(&asked.service)
        .ok_or_else(|| Refusal::unknown_service(&asked.service))?;
    grant(state, &graph, &registry, asked, known, origin)
}

async fn authenticate(
    state: &TokenState,
    graph: &Graph,
    asked: &Asked,
    origin: &Origin,
) -> Result<Option<Authenticated>, Refusal> {
    let who = &state.authenticator;
    let known = match &asked.shown {
        Shown::Nothing if state.policy.anonymous_pull => return Ok(None),
        Shown::Nothing => return Err(Refusal::sign_in_first()),
        Shown::Basic { name, secret } => {
            who.verify_basic(graph, name, secret, origin, Door::Token).await
        }
        Shown::Refresh { token } => who.verify_refresh(graph, token, &asked.service, origin),
    };
    known.map(Some).map_err(|error| Refusal::authn(error, &asked.shown))
}

fn grant(
    state: &TokenState,
    graph: &Graph,
    registry: &RegistryName,
    asked: Asked,
    known: Option<Authenticated>,
    origin: Origin,
) -> Result<Granted, Refusal> {
    let now = state.clock.now();
    let slot = state.recorder.slot()?;
    let credential = known.as_ref().map(|known| known.credential);
    let subject = known.map_or(Subject::Anonymous, |known| known.subject);
    let grants = graph.grant(&state.policy, &subject, registry, &asked.scopes, now);
    let origin = Origin { credential, ..origin };

    let refresh = match &asked.shown {
        // The same one again: clients keep the one that they have.
        Shown::Refresh { token } if asked.offline => Some(token.clone()),
        _ if asked.offline => state.authenticator.issue_refresh(graph, &subject, &asked.service),
        _ => None,
    };
    if let (Some(_), Some(user), false) =
        (&refresh, subject.user(), matches!(asked.shown, Shown::Refresh { .. }))
    {
        let actor = graph.actor(&subject);
        state.recorder.refresh_issued(now, actor, user, &asked.service, origin.clone())?;
    }

    let mut access: Vec<Access> = grants
        .iter()
        .filter_map(|grant| Access::new(&grant.scope.resource, grant.granted.iter().copied()))
        .collect();
    access.sort_unstable();
    let id = uuid::Uuid::new_v4().simple().to_string();
    let token = state.signer.sign(&Wanted {
        subject: subject.user().map_or("", UserName::as_str),
        audience: &asked.service,
        access: &access,
        id: &id,
        now,
    })?;

    let decision = TokenDecision {
        at: now,
        subject: graph.actor(&subject),
        credential,
        service: asked.service,
        scopes: grants.iter().map(decision).collect(),
        jti: id,
        decided_at: graph.position(),
        request: origin.request.clone().unwrap_or_default(),
        client: asked.client,
        sealed: None, // by the recorder
    };
    count(&grants, credential);
    slot.record(decision, origin);
    Ok(Granted {
        token,
        expires_in: state.signer.lifetime_s(),
        refresh,
        scope: asked.is_post.then(|| answer::scope_text(&access)),
    })
}

fn decision(grant: &ScopeGrant) -> ScopeDecision {
    ScopeDecision {
        asked: asked_text(&grant.scope),
        granted: grant.granted.iter().copied().collect(),
        allowed: grant.allowed.as_ref().map(ToString::to_string),
        refused: grant.refused.as_ref().map(ToString::to_string),
    }
}

/// A scope in canonical form; of what is no name of ours, only plain characters.
fn asked_text(scope: &Scope) -> String {
    let actions: Vec<_> = scope.actions.iter().map(|action| action.as_str()).collect();
    let actions = actions.join(",");
    match &scope.resource {
        ScopeResource::Repository(name) => format!("repository:{name}:{actions}"),
        ScopeResource::Catalog => format!("registry:catalog:{actions}"),
        ScopeResource::Unknown { kind, name } => {
            let room = MAX_ASKED_BYTES - actions.len() - 2;
            let text: String = kind.chars().chain([':']).chain(name.chars()).map(plain).collect();
            format!("{}:{actions}", client::cut(&text, room))
        }
    }
}

/// What needs no escape anywhere; anything else becomes `?`.
fn plain(c: char) -> char {
    if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '<' | '>' | '&' | '\'') { c } else { '?' }
}

fn count(grants: &[ScopeGrant], credential: Option<Credential>) {
    let full = grants.iter().all(|grant| grant.refused.is_none());
    let nothing = grants.iter().all(|grant| grant.granted.is_empty());
    let outcome = match (full, nothing) {
        (true, _) => "full",
        (false, false) => "partial",
        (false, true) => "nothing",
    };
    let credential = match credential {
        None => "anonymous",
        Some(Credential::Password) => "password",
        Some(Credential::AppToken { .. }) => "app_token",
        Some(Credential::RefreshToken) => "refresh_token",
        Some(_) => "other",
    };
    let labels = [("outcome", outcome), ("credential", credential)];
    metrics::counter!("portus_tokens_issued_total", &labels).increment(1);
    for because in grants.iter().filter_map(|grant| grant.refused.as_ref()) {
        metrics::counter!("portus_token_refusals_total", "rule" => because.rule.as_str())
            .increment(1);
    }
}
