//! What the token endpoint is measured against: axum with nothing around it and one ES256
//! signature an answer. A process of its own, as Portus is.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// The argument with which this program becomes that server.
pub(crate) const ARGUMENT: &str = "--serve-bare";

/// Serves until the process ends; says its address on standard output.
pub(crate) async fn serve() {
    let key = rcgen::KeyPair::generate().expect("a key"); // P-256 by default
    let key = EncodingKey::from_ec_der(key.serialized_der());
    let app = Router::new().route("/v2/token", get(token)).with_state(std::sync::Arc::new(key));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    axum::serve(listener, app).await.expect("serving");
}

async fn token(State(key): State<std::sync::Arc<EncodingKey>>) -> Json<Value> {
    let claims = json!({
        "iss": "registry.example.test", "sub": "alice", "aud": "registry.example.test",
        "exp": 2_000_000_300_i64, "nbf": 2_000_000_000_i64, "iat": 2_000_000_000_i64,
        "jti": uuid::Uuid::new_v4(),
        "access": [{"type": "repository", "name": "alice/app", "actions": ["pull", "push"]}],
    });
    let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key);
    let token = token.expect("a signature");
    Json(json!({"token": token, "access_token": token, "expires_in": 300}))
}
