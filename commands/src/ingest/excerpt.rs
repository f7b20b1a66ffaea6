//! What is kept of a notification that makes no sense: enough to see what it was, without personal
//! data and without what could be a secret.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use super::{MAX_EXCERPT_BYTES, cut};

/// Longer words of letters and digits could be secrets.
const MAX_WORD: usize = 40;
const HIDDEN: &str = "…";
/// Parts of an event that say who and where from.
const PERSONAL: [&str; 3] = ["request", "source", "actor"];

/// The beginning of an unreadable body.
pub(super) fn excerpt(body: &[u8]) -> String {
    // Enough that what is hidden leaves something to see.
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * MAX_EXCERPT_BYTES)]);
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let hidden = hide(&plain);
    cut(&hidden, MAX_EXCERPT_BYTES).to_owned()
}

/// The beginning of an event that is JSON.
pub(super) fn of_value(value: &Value) -> String {
    let mut value = value.clone();
    if let Some(event) = value.as_object_mut() {
        for part in PERSONAL {
            event.remove(part);
        }
        if let Some(target) = event.get_mut("target").and_then(Value::as_object_mut) {
            target.remove("url");
            target.remove("references");
        }
    }
    excerpt(value.to_string().as_bytes())
}

fn hide(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut after_scheme = false;
    for piece in text.split_inclusive(|c: char| c.is_whitespace() || "\"',;(){}<>=&".contains(c)) {
        let end = piece
            .char_indices()
            .next_back()
            .filter(|(_, c)| c.is_whitespace() || "\"',;(){}<>=&".contains(*c));
        let (word, end) = end.map_or((piece, ""), |(at, _)| piece.split_at(at));
        if after_scheme && !word.is_empty() || is_secret(word) {
            plain.push_str(HIDDEN);
        } else {
            plain.push_str(word);
        }
        plain.push_str(end);
        if !word.is_empty() {
            let lower = word.trim_matches(':').to_ascii_lowercase();
            after_scheme = ["bearer", "basic", "password", "secret", "token", "authorization"]
                .contains(&lower.as_str());
        }
    }
    plain
}

fn is_secret(word: &str) -> bool {
    if word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let digest = word.starts_with("sha256:") || word.starts_with("sha512:");
    !digest && word.split(['/', ':', '.']).any(|part| part.len() > MAX_WORD)
}
