//! The kinds of problem that the REST interface tells of (RFC 9457): each has a page.

use http::StatusCode;

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// Its status.
    pub status: StatusCode,
    /// Its name in addresses.
    pub slug: &'static str,
    /// What it is called, wherever it happens.
    pub title: &'static str,
}

impl Problem {
    /// All of them. Stable: callers tell problems apart by their address.
    pub const EVERY: [Self; 13] = [
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "Not understood"),
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Not signed in"),
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found"),
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "No such method"),
        Self::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "No such form"),
        Self::new(StatusCode::CONFLICT, "conflict", "In the way of another request"),
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Not JSON"),
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "cannot-be", "Cannot be so"),
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available"),
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "An error of the service"),
    ];

    const fn new(status: StatusCode, slug: &'static str, title: &'static str) -> Self {
        Self { status, slug, title }
    }

    /// The kind that a status tells of; of an unknown status, what it means by its hundreds.
    #[must_use]
    pub fn of(status: StatusCode) -> Self {
        let exact = Self::EVERY.into_iter().find(|kind| kind.status == status);
        let [first, .., last] = Self::EVERY;
        exact.unwrap_or(if status.is_client_error() { first } else { last })
    }

    /// The kind of this name.
    #[must_use]
    pub fn by_slug(slug: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|kind| kind.slug == slug)
    }

    /// Its page.
    #[must_use]
    pub fn address(self) -> String {
        format!("/help/problems/{}", self.slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_of_some_kind_and_every_kind_is_found_by_its_name() {
        for code in 400..600 {
            let status = StatusCode::from_u16(code).unwrap();
            let kind = Problem::of(status);
            assert_eq!(kind.status.as_u16() / 100, code / 100, "{status}");
            assert_eq!(Problem::by_slug(kind.slug), Some(kind));
        }
        assert_eq!(Problem::of(StatusCode::NOT_FOUND).address(), "/help/problems/not-found");
        assert_eq!(Problem::by_slug("nothing"), None);
    }
}
