//! Names and questions cut into words, both in the same way.

/// The longest word that counts, in characters; more of it is ignored, in names and in questions.
pub(super) const MAX_WORD: usize = 32;
/// The most words of one question; further ones are ignored.
pub(super) const MAX_WORDS: usize = 8;
/// Hex digits from which on a word may also be the beginning of a digest.
pub(super) const MIN_DIGEST: usize = 6;

/// The words of a name or question in lower case: cut at everything that is neither letter nor
/// digit, and where a small letter meets a capital one.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in parts(text) {
        for word in camel(part) {
            push(&mut words, &word.to_lowercase());
        }
    }
    words
}

/// The words under which a name is found: [`words`], and each part in one piece, so that `myapp`
/// finds `my-app` and `MyApp`, and `teamapp` finds `team/app`.
pub(super) fn index_words(name: &str) -> Vec<String> {
    let mut found = words(name);
    for component in name.split('/') {
        push(&mut found, &squeeze(component));
    }
    push(&mut found, &squeeze(name));
    found
}

/// The text without anything but letters and digits, in lower case, cut to [`MAX_WORD`].
pub(super) fn squeeze(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .take(MAX_WORD)
        .collect()
}

/// Every beginning of a word, itself included: what is looked up while somebody types.
pub(super) fn beginnings(word: &str) -> impl Iterator<Item = &str> {
    word.char_indices().map(|(at, c)| &word[..at + c.len_utf8()])
}

/// The digest, or the beginning of one, that a question holds: hex digits in lower case.
pub(super) fn digest_prefix(text: &str) -> Option<String> {
    let hex = match text.rsplit_once("sha256:").or_else(|| text.rsplit_once("sha512:")) {
        Some((_, hex)) if !hex.is_empty() => hex,
        Some(_) => return None,
        None if text.len() >= MIN_DIGEST => text,
        None => return None,
    };
    let hex = hex.trim();
    (hex.len() <= 128 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| hex.to_ascii_lowercase())
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty())
}

/// `MyApp` is `My` and `App`; `HTTPServer` stays one word: people type it so.
fn camel(part: &str) -> Vec<&str> {
    let mut cuts = vec![0];
    let mut before = None;
    for (at, c) in part.char_indices() {
        if before.is_some_and(char::is_lowercase) && c.is_uppercase() {
            cuts.push(at);
        }
        before = Some(c);
    }
    cuts.push(part.len());
    cuts.windows(2).map(|cut| &part[cut[0]..cut[1]]).collect()
}

fn push(words: &mut Vec<String>, word: &str) {
    let word = word.chars().take(MAX_WORD).collect::<String>();
    if !word.is_empty() && !words.contains(&word) {
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_at_separators_and_case() {
        assert_eq!(words("team/my-app_x.y"), ["team", "my", "app", "x", "y"]);
        assert_eq!(words("MyApp-v1.2"), ["my", "app", "v1", "2"]);
        assert_eq!(words("  ../--  "), [""; 0]);
    }

    #[test]
    fn a_part_is_found_in_one_piece_too() {
        assert_eq!(index_words("team/my-app"), ["team", "my", "app", "myapp", "teammyapp"]);
    }

    #[test]
    fn a_digest_is_recognised_with_and_without_its_algorithm() {
        assert_eq!(digest_prefix("sha256:ABC"), Some("abc".to_owned()));
        assert_eq!(digest_prefix("team/app@sha256:0f"), Some("0f".to_owned()));
        assert_eq!(digest_prefix("0123456"), Some("0123456".to_owned()));
        assert_eq!(digest_prefix("01234"), None);
        assert_eq!(digest_prefix("nginx"), None);
        assert_eq!(digest_prefix("sha256:"), None);
    }

    #[test]
    fn words_are_cut_to_a_length() {
        assert_eq!(words(&"ä".repeat(100)), ["ä".repeat(MAX_WORD)]);
        assert_eq!(beginnings("äb").collect::<Vec<_>>(), ["ä", "äb"]);
    }
}
