//! What may be sent compressed.
//!
//! Whoever sees how long compressed answers are, and can have words of their own put into them,
//! finds out letter by letter what else stands there (BREACH). The token of forms looks different
//! in each answer, so it cannot be found out so ([`crate::auth::Session::csrf`]). Secrets that are
//! shown once stand in answers to forms, and those go as they are.

use axum::body::HttpBody;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, DefaultPredicate, Predicate};

/// A layer outside of [`mark`], which compresses what that has marked. Pages are made anew for each
/// reader: the little that more effort would save costs more than it is worth.
pub(super) fn compress() -> CompressionLayer<And<DefaultPredicate, Marked>> {
    let answers = DefaultPredicate::new().and(Marked);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(answers)
}

/// A layer around all pages: marks what holds no secret.
pub(super) async fn mark(request: Request, next: Next) -> Response {
    let read_only = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.run(request).await;
    if read_only {
        response.extensions_mut().insert(NoSecret);
    }
    response
}

#[derive(Clone)]
struct NoSecret;

/// Compresses answers that are marked.
#[derive(Clone, Copy)]
pub(super) struct Marked;

impl Predicate for Marked {
    fn should_compress<B: HttpBody>(&self, response: &http::Response<B>) -> bool {
        response.extensions().get::<NoSecret>().is_some()
    }
}
