//! Signs tokens. Usually ES256 with the certificate chain in the header: the one form that
//! Distribution 2.8 and 3.x both take, and under which the key changes without the registry
//! noticing.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use commands::desk::Desk;
use domain::event::{Actor, EventId, Meta, NewEvent, StreamName};
use domain::log::{Append, Expected};
use domain::scope::{ScopeAction, ScopeResource};
use domain::system::SystemEvent;
use http::header::CACHE_CONTROL;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::keys::{KeyError, KeyForm, KeyStore, Leaf, PublicLeaf, Stamp};

pub use super::signing_key::SignError;

/// The shortest life of a token, in seconds: clients take less for it anyway.
pub const MIN_LIFETIME_S: i64 = 60;
/// The longest, in seconds. A right that was taken away lives on for the token's life and the
/// registry's leeway of 60 s.
pub const MAX_LIFETIME_S: i64 = 900;
/// The usual life, in seconds.
pub const LIFETIME_S: i64 = 300;
/// How long before its issue a token is good, in seconds: registries' clocks differ.
pub const NOT_BEFORE_S: i64 = 10;
/// How often the key file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What may be set.
#[derive(Debug, Clone)]
pub struct SignerOptions {
    /// The tokens' `iss`, byte for byte the registry's `auth.token.issuer`.
    pub issuer: String,
    /// Life of a token, in seconds; brought into [`MIN_LIFETIME_S`]…[`MAX_LIFETIME_S`].
    pub lifetime_s: i64,
}

impl SignerOptions {
    /// The usual ones.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), lifetime_s: LIFETIME_S }
    }
}

/// Signs tokens with the present key. Clones share it.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    store: KeyStore,
    options: SignerOptions,
    active: ArcSwap<Active>,
    random: SystemRandom,
}

struct Active {
    leaf: Leaf,
    stamp: Stamp,
    /// The token's first part, the same for every token of this key.
    header: String,
    /// Present and retired keys, as published.
    jwks: Value,
}

/// What a token lets its bearer do to one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Access {
    /// `repository` or `registry`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The repository's name, or `catalog`.
    pub name: String,
    /// In the order of [`ScopeAction`].
    pub actions: Vec<Word>,
}

/// A [`ScopeAction`] as registries read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(pub ScopeAction);

impl Serialize for Word {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl Access {
    /// `None` when nothing is granted: a denied scope is left out.
    pub fn new(
        resource: &ScopeResource,
        actions: impl IntoIterator<Item = ScopeAction>,
    ) -> Option<Self> {
        let actions: Vec<_> = actions.into_iter().map(Word).collect();
        let (kind, name) = match resource {
            ScopeResource::Repository(name) => ("repository", name.as_str().to_owned()),
            ScopeResource::Catalog => ("registry", "catalog".to_owned()),
            ScopeResource::Unknown { .. } => return None,
        };
        (!actions.is_empty()).then_some(Self { kind, name, actions })
    }
}

/// A token for one registry.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// `""` for anonymous.
    pub subject: &'a str,
    /// The registry's service.
    pub audience: &'a str,
    /// What it lets do.
    pub access: &'a [Access],
    /// The token's own id.
    pub id: &'a str,
    /// When it is issued.
    pub now: Timestamp,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: &'a str,
    access: &'a [Access],
}

impl Signer {
    /// Takes up the present key, a new one if it is near its end.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn open(store: KeyStore, options: SignerOptions, now: Timestamp) -> Result<Self, KeyError> {
        let lifetime_s = options.lifetime_s.clamp(MIN_LIFETIME_S, MAX_LIFETIME_S);
        let options = SignerOptions { lifetime_s, ..options };
        let active = ArcSwap::from_pointee(Active::load(&store)?);
        let signer = Self(Arc::new(Inner { store, options, active, random: SystemRandom::new() }));
        signer.look(now)?;
        Ok(signer)
    }

    /// Life of a token, in seconds.
    #[must_use]
    pub fn lifetime_s(&self) -> i64 {
        self.0.options.lifetime_s
    }

    /// The tokens' `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.options.issuer
    }

    /// What the registry's `rootcertbundle` must hold, PEM.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn bundle(&self) -> Result<String, KeyError> {
        self.0.store.bundle()
    }

    /// Signs.
    ///
    /// # Errors
    ///
    /// [`SignError`], when the library refuses; no reason for it is known.
    pub fn sign(&self, wanted: &Wanted<'_>) -> Result<String, SignError> {
        let issued = wanted.now.as_second();
        let claims = Claims {
            iss: &self.0.options.issuer,
            sub: wanted.subject,
            aud: wanted.audience,
            exp: issued + self.0.options.lifetime_s,
            nbf: issued - NOT_BEFORE_S,
            iat: issued,
            jti: wanted.id,
            access: wanted.access,
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| SignError)?;
        let active = self.0.active.load();
        let mut token = String::with_capacity(active.header.len() + 2 * claims.len() + 96);
        token.push_str(&active.header);
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(&claims, &mut token);
        active.leaf.key.sign(&self.0.random, &mut token)?;
        Ok(token)
    }

    /// The present key and those before it, as a JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.0.active.load().jwks.clone()
    }

    /// The present key.
    #[must_use]
    pub fn key(&self) -> PublicLeaf {
        self.0.active.load().leaf.public.clone()
    }

    /// The authority that the present key's certificate is from.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn authority(&self) -> Result<PublicLeaf, KeyError> {
        self.0.store.authority()
    }

    /// Whether the key is changed without anybody asking ([`KeyStore::is_due`]).
    #[must_use]
    pub fn rotates_itself(&self) -> bool {
        self.0.store.kind().form == KeyForm::Chain
    }

    /// Takes up another key if there is one, and makes one if the present is near its end or of
    /// another algorithm than is set. Says whether anything changed.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; the key in memory goes on signing.
    pub fn look(&self, now: Timestamp) -> Result<bool, KeyError> {
        let store = &self.0.store;
        if store.is_due(&self.0.active.load().leaf, now) && store.is_due(&store.leaf()?, now) {
            store.rotate(now)?;
        }
        if self.0.store.stamp()? == self.0.active.load().stamp {
            return Ok(false);
        }
        self.0.active.store(Arc::new(Active::load(&self.0.store)?));
        Ok(true)
    }

    /// Looks every second, until `shutdown`; each key that signs becomes a fact, once.
    pub async fn watch(&self, desk: Desk, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut recorded = None;
        loop {
            let (signer, now) = (self.clone(), desk.clock.now());
            let looked = tokio::task::spawn_blocking(move || signer.look(now)).await;
            match looked {
                Ok(Ok(true)) => {
                    tracing::info!(key = self.key().thumbprint, "the signing keys have changed");
                }
                Ok(Ok(false)) => (),
                Ok(Err(error)) => tracing::error!(%error, "the old signing key signs on"),
                Err(error) => tracing::error!(%error, "the signing keys were not looked at"),
            }
            let key = self.key().thumbprint;
            if recorded.as_ref() != Some(&key) && record(&desk, &key).await {
                recorded = Some(key);
            }
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(LOOK) => (),
            }
        }
    }
}

/// The same key is the same fact, however many nodes sign with it.
async fn record(desk: &Desk, key: &str) -> bool {
    let event = NewEvent {
        id: EventId::from_key(&format!("signing key {key}")),
        occurred_at: desk.clock.now(),
        meta: Meta::by(Actor::System { part: "signer".to_owned() }),
        event: SystemEvent::KeyRotated { key: key.to_owned() }.into(),
    };
    let append = Append {
        stream: StreamName::system(),
        expected: Expected::Any,
        key: None,
        events: vec![event],
    };
    match desk.log.append(vec![append]).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "the signing key is not recorded yet");
            false
        }
    }
}

impl Active {
    fn load(store: &KeyStore) -> Result<Self, KeyError> {
        // The stamp first: a key that is put in place between the two is seen at the next look.
        let stamp = store.stamp()?;
        let leaf = store.leaf()?;
        let algorithm = leaf.public.key.algorithm().as_str();
        let mut header = json!({ "typ": "JWT", "alg": algorithm, "kid": leaf.public.kid });
        if store.kind().form == KeyForm::Chain {
            header["x5c"] = json!([BASE64_STANDARD.encode(&leaf.public.certificate)]);
        }
        let mut keys = vec![jwk(&leaf.public)];
        keys.extend(store.next()?.map(|next| jwk(&next.public)));
        keys.extend(store.retired()?.iter().map(jwk));
        Ok(Self {
            header: BASE64_URL_SAFE_NO_PAD.encode(header.to_string()),
            jwks: json!({ "keys": keys }),
            leaf,
            stamp,
        })
    }
}

fn jwk(leaf: &PublicLeaf) -> Value {
    let mut jwk = leaf.key.jwk();
    jwk["use"] = json!("sig");
    jwk["alg"] = json!(leaf.key.algorithm().as_str());
    jwk["kid"] = json!(leaf.kid);
    jwk["x5c"] = json!([BASE64_STANDARD.encode(&leaf.certificate)]);
    jwk
}

/// `GET /.well-known/jwks.json`.
pub fn router(signer: Signer) -> Router {
    Router::new().route("/.well-known/jwks.json", get(published)).with_state(signer)
}

async fn published(State(signer): State<Signer>) -> Response {
    ([(CACHE_CONTROL, "public, max-age=60")], Json(signer.jwks())).into_response()
}
