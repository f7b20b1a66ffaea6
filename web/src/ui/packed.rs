//! What may be sent compressed.
//!
//! Whoever sees how long compressed answers are, and can have words of their own put into them,
//! finds out letter by letter what else stands there (BREACH). Pages of people who are signed in
//! hold the token of their forms beside what was asked for, so they go as they are. An answer to a
//! request without any cookie that gives none holds nothing that its reader does not know.

use axum::body::HttpBody;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{COOKIE, SET_COOKIE};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, DefaultPredicate, Predicate};

/// A layer outside of [`mark`], which compresses what that has marked.
pub(super) fn compress() -> CompressionLayer<And<DefaultPredicate, Marked>> {
    CompressionLayer::new().compress_when(DefaultPredicate::new().and(Marked))
}

/// A layer around all pages: marks what holds no secret.
pub(super) async fn mark(request: Request, next: Next) -> Response {
    let unknown = !request.headers().contains_key(COOKIE);
    let mut response = next.run(request).await;
    if unknown && !response.headers().contains_key(SET_COOKIE) {
        response.extensions_mut().insert(NoSecret);
    }
    response
}

/// The files beside the pages, which are the same for everybody.
pub(super) fn public(mut response: Response) -> Response {
    response.extensions_mut().insert(NoSecret);
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
