//! Which form of an answer somebody accepts (RFC 9110, section 12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// The form that refusals get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// `application/json`.
    Plain,
    /// `application/problem+json`, and `application/json` for all that is no refusal.
    Problem,
    /// Neither.
    Nothing,
}

impl Accepted {
    /// Whoever names problem documents gets them, unless they like plain JSON better. Whoever says
    /// nothing, or nothing that can be read, takes what comes.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<_> = values.flat_map(|value| value.split(',')).filter_map(range).collect();
        if ranges.is_empty() {
            return Self::Plain;
        }
        let named = |name: &str| {
            let qualities = ranges.iter().filter(|(range, _)| range == name);
            qualities.map(|(_, quality)| *quality).max()
        };
        let json = named(JSON);
        if let Some(problem) = named(PROBLEM)
            && problem > 0
            && json.is_none_or(|json| json <= problem)
        {
            return Self::Problem;
        }
        match json.or_else(|| named("application/*")).or_else(|| named("*/*")) {
            Some(1..) => Self::Plain,
            Some(0) | None => Self::Nothing,
        }
    }
}

/// A media range in small letters and its quality in thousandths; `None`: it is no range.
fn range(text: &str) -> Option<(String, u32)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    if !name.contains('/') {
        return None;
    }
    let quality = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("q").then(|| thousandths(value.trim()))
    });
    Some((name, quality.unwrap_or(1_000)))
}

/// `0.25` as 250. What is no such number is 1, as if nothing had been said.
fn thousandths(text: &str) -> u32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = part.bytes().all(|byte| byte.is_ascii_digit()) && part.len() <= 3;
    match (whole, digits, format!("{part:0<3}").parse()) {
        ("0", true, Ok(number)) => number,
        _ => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &str) -> Accepted {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Accepted::of(&headers)
    }

    #[test]
    fn problem_documents_are_for_whoever_names_them_and_does_not_like_plain_json_better() {
        for problem in [
            "application/problem+json",
            "application/json, application/problem+json",
            "application/json;q=0.2, Application/Problem+JSON;q=0.9",
            "application/problem+json;q=0.5, */*",
        ] {
            assert_eq!(of(problem), Accepted::Problem, "{problem}");
        }
        for plain in [
            "application/json",
            "*/*;q=0.1",
            "application/*",
            "text/html, */*;q=0.1",
            "application/problem+json;q=0.5, application/json",
            "application/problem+json;q=0, */*",
            "application/json; charset=utf-8",
            "",
            ",,;;",
            "text",
            "application/json;q=many",
        ] {
            assert_eq!(of(plain), Accepted::Plain, "{plain}");
        }
        assert_eq!(Accepted::of(&HeaderMap::new()), Accepted::Plain);
    }

    #[test]
    fn whoever_wants_something_else_is_not_given_json() {
        for none in [
            "text/html",
            "application/xml, text/*",
            "application/json;q=0",
            "application/json;q=0.000, */*",
            "application/*;q=0, */*;q=0.5",
        ] {
            assert_eq!(of(none), Accepted::Nothing, "{none}");
        }
    }
}
