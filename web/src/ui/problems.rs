//! `/help/problems`: what the refusals of the REST interface mean, each at the address that stands in
//! it as `type`.

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::visitor::Visitor;
use crate::error::{PageError, Problem};
use crate::texts::Lang;

/// `GET /help/problems`
pub(super) async fn list(visitor: Visitor) -> Response {
    let t = visitor.lang();
    visitor.show(t.problems(), all(t))
}

/// `GET /help/problems/{slug}`
pub(super) async fn show(
    Path(slug): Path<String>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let problem = Problem::by_slug(&slug).ok_or_else(PageError::not_found)?;
    let t = visitor.lang();
    Ok(visitor.show(name(t, problem), one(t, problem)))
}

pub(super) fn all(t: Lang) -> Markup {
    let reference = html! { a href="/api" { (t.reference()) } };
    html! {
        h1 { (t.problems()) }
        p.lead { (t.problems_lead(&reference)) }
        dl.list {
            @for problem in Problem::EVERY {
                div {
                    dt { (problem.status.as_u16()) }
                    dd { a href=(problem.address()) { (name(t, problem)) } }
                }
            }
        }
    }
}

pub(super) fn one(t: Lang, problem: Problem) -> Markup {
    html! {
        h1 { (name(t, problem)) }
        p.lead { (t.problem_status(problem.status.as_u16())) }
        p { (meaning(t, problem)) }
        p { a href="/help/problems" { (t.problems()) } " · " a href="/api" { (t.reference()) } }
    }
}

fn name(t: Lang, problem: Problem) -> &'static str {
    use StatusCode as S;
    match problem.status {
        S::UNAUTHORIZED => t.error_not_signed_in(),
        S::FORBIDDEN => t.error_not_allowed(),
        S::NOT_FOUND => t.error_not_found(),
        S::METHOD_NOT_ALLOWED => t.error_method(),
        S::PAYLOAD_TOO_LARGE => t.error_too_much(),
        S::UNSUPPORTED_MEDIA_TYPE => t.problem_not_json(),
        S::UNPROCESSABLE_ENTITY => t.error_not_possible(),
        S::NOT_ACCEPTABLE => t.problem_no_such_form(),
        S::CONFLICT => t.problem_in_the_way(),
        S::TOO_MANY_REQUESTS => t.error_too_many(),
        S::SERVICE_UNAVAILABLE => t.error_unavailable(),
        S::INTERNAL_SERVER_ERROR => t.error_internal(),
        _ => t.problem_not_understood(),
    }
}

fn meaning(t: Lang, problem: Problem) -> &'static str {
    use StatusCode as S;
    match problem.status {
        S::UNAUTHORIZED => t.problem_unauthorized(),
        S::FORBIDDEN => t.problem_forbidden(),
        S::NOT_FOUND => t.problem_not_found(),
        S::METHOD_NOT_ALLOWED => t.problem_method(),
        S::PAYLOAD_TOO_LARGE => t.problem_too_large(),
        S::UNSUPPORTED_MEDIA_TYPE => t.problem_media_type(),
        S::UNPROCESSABLE_ENTITY => t.problem_cannot_be(),
        S::NOT_ACCEPTABLE => t.problem_not_acceptable(),
        S::CONFLICT => t.problem_conflict(),
        S::TOO_MANY_REQUESTS => t.problem_too_many(),
        S::SERVICE_UNAVAILABLE => t.problem_unavailable(),
        S::INTERNAL_SERVER_ERROR => t.problem_internal(),
        _ => t.problem_bad_request(),
    }
}
