//! What calls answer instead of what was asked for, as the document tells it: one set for each kind
//! of call, so that no handler lists them by hand.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::{Ref, RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

/// The refusals that the document describes once, by status: the component's name and what it
/// means.
pub(super) const REFUSALS: &[(u16, &str, &str)] = &[
    (
        400,
        "BadRequest",
        "The request cannot be understood: a parameter or field that there is not, or a value that \
         is none.",
    ),
    (
        401,
        "Unauthorized",
        "Nothing was shown where something is needed, or what was shown is not good.",
    ),
    (403, "Forbidden", "The thing may be seen, but this may not be done with it."),
    (404, "NotFound", "There is no such thing, or the caller may not see it: both look the same."),
    (
        406,
        "NotAcceptable",
        "Answers are JSON, and `Accept` allows neither `application/json` nor \
         `application/problem+json`.",
    ),
    (
        409,
        "Conflict",
        "The `Idempotency-Key` was used for another request, or a request with it is still being \
         answered: then `Retry-After` says for how many seconds at most.",
    ),
    (413, "PayloadTooLarge", "A body has at most 65536 bytes."),
    (415, "UnsupportedMediaType", "The body is not JSON in UTF-8, or not sent as it is."),
    (422, "Unprocessable", "Understood, but it cannot be: the message says which field, and why."),
    (429, "TooManyRequests", "Too much at once. `Retry-After` says how many seconds to wait."),
    (500, "InternalError", "Something is wrong with the service; its log has the request's id."),
    (
        503,
        "Unavailable",
        "A part of the service does not answer in time. `Retry-After` says how many seconds to \
         wait.",
    ),
];

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $($status:literal)*;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                [$($status),*].into_iter().map(reference).collect()
            }
        }
    )*};
}

refusals! {
    /// Whoever asks for a list, or for something that is always there.
    Refused: 400 401 403 406 429 500 503;
    /// Whoever asks for something that can be understood, and cannot be.
    RefusedQuestion: 400 401 403 406 422 429 500 503;
    /// Whoever asks for one thing.
    RefusedOne: 400 401 403 404 406 429 500 503;
    /// Whoever changes something, and sends nothing but that wish.
    RefusedWish: 400 401 403 404 406 422 429 500 503;
    /// Whoever changes something by a body.
    RefusedBody: 400 401 403 404 406 413 415 422 429 500 503;
    /// Whoever shows a secret in the body, and nothing else.
    RefusedSecret: 400 403 406 413 415 422 429 500 503;
    /// Whoever asks a call that asks nobody who they are.
    RefusedAnybody: 400 406 429 500;
}

fn reference(status: u16) -> (String, RefOr<Response>) {
    let known = REFUSALS.iter().find(|(known, ..)| *known == status);
    let name = known.map_or("InternalError", |(_, name, _)| name);
    (status.to_string(), RefOr::Ref(Ref::from_response_name(name)))
}

/// A refusal. `message` is a sentence, or one list of sentences a field.
#[derive(ToSchema)]
#[allow(dead_code)] // written by hand in `ApiError`, which knows the request's id
pub(super) struct Refusal {
    /// For whoever called.
    message: Message,
    /// For whoever asks the operator about it.
    request_id: String,
}

/// What is wrong.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum Message {
    /// In a sentence.
    Text(String),
    /// With which fields.
    Fields(BTreeMap<String, Vec<String>>),
}

/// The same as a problem document (RFC 9457), for whoever accepts `application/problem+json`.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(super) struct Problem {
    /// What kind of problem: the address of a page about it, from this service's root on.
    r#type: String,
    /// The kind in short.
    title: String,
    /// The answer's status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, in a sentence.
    detail: String,
    /// The request, as `urn:portus:request:…`.
    instance: String,
    /// What the original's clients read: as in the other form.
    message: Message,
    /// For whoever asks the operator about it.
    request_id: String,
    /// What cannot be so, where that is known.
    #[schema(nullable = false)]
    errors: Option<Vec<Fault>>,
}

/// One thing that cannot be so.
#[derive(ToSchema)]
#[allow(dead_code)]
struct Fault {
    /// What is wrong there.
    detail: String,
    /// Where in the body, as a JSON pointer (RFC 6901).
    #[schema(nullable = false)]
    pointer: Option<String>,
    /// Which parameter of the query, where it is none of the body.
    #[schema(nullable = false)]
    parameter: Option<String>,
}
