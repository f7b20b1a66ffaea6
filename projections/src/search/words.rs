//! Names and questions cut into words, both in the same way.

/// The longest word that counts, in characters; more of it is ignored, in names and in questions.
pub(super) const MAX_WORD: usize = 32;
/// The most words of one question; further ones are ignored.
pub(super) const MAX_WORDS: usize = 8;
/// The most words of one description that are looked at.
const MAX_TEXT_WORDS: usize = 200;
/// Hex digits from which on a word may also be the beginning of a digest.
pub(super) const MIN_DIGEST: usize = 6;

/// Words that people shorten or lengthen, with what they mean: whoever types one side finds the
/// other.
const SHORT: [(&str, &str); 37] = [
    ("be", "backend"),
    ("cfg", "config"),
    ("ci", "pipeline"),
    ("db", "database"),
    ("dev", "development"),
    ("docs", "documentation"),
    ("es", "elasticsearch"),
    ("fe", "frontend"),
    ("golang", "go"),
    ("gw", "gateway"),
    ("i18n", "internationalization"),
    ("img", "image"),
    ("jdk", "java"),
    ("jre", "java"),
    ("js", "javascript"),
    ("k8s", "kubernetes"),
    ("kube", "kubernetes"),
    ("lb", "loadbalancer"),
    ("mgmt", "management"),
    ("mongo", "mongodb"),
    ("mq", "queue"),
    ("msg", "message"),
    ("mssql", "sqlserver"),
    ("node", "nodejs"),
    ("o11y", "observability"),
    ("pg", "postgres"),
    ("pg", "postgresql"),
    ("pgsql", "postgres"),
    ("postgres", "postgresql"),
    ("prod", "production"),
    ("psql", "postgres"),
    ("py", "python"),
    ("repo", "repository"),
    ("srv", "service"),
    ("svc", "service"),
    ("tf", "terraform"),
    ("ts", "typescript"),
];

/// The words of a name or question in lower case: cut at everything that is neither letter nor
/// digit, and where a small letter meets a capital one.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (_, word) in pieces(text) {
        push(&mut words, &word.to_lowercase());
    }
    words
}

/// The same words as they stand in the text, each with the byte that it begins at.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    parts(text).flat_map(|(at, part)| {
        camel(part).into_iter().map(move |(inside, word)| (at + inside, word))
    })
}

/// The words under which a name is found: [`words`], each component in one piece, so that `myapp`
/// finds `my-app` and `MyApp`, and how people spell who have no umlauts.
pub(super) fn index_words(name: &str) -> Vec<String> {
    let mut found = words(name);
    for component in name.split('/') {
        push(&mut found, &squeeze(component));
    }
    for word in found.clone() {
        spelled(&word).iter().for_each(|other| push(&mut found, other));
    }
    found
}

/// The words of a description, at most [`MAX_TEXT_WORDS`].
pub(super) fn text_words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (_, word) in pieces(text).take(MAX_TEXT_WORDS) {
        let word = word.to_lowercase();
        push(&mut found, &word);
        spelled(&word).iter().for_each(|other| push(&mut found, other));
    }
    found
}

/// How else a word of a question may be written in what it should find.
pub(super) fn otherwise(word: &str) -> Vec<String> {
    let mut others = spelled(word);
    for (short, long) in SHORT {
        if word == short {
            push(&mut others, long);
        } else if word == long {
            push(&mut others, short);
        }
    }
    others.retain(|other| other != word);
    others
}

/// A word without the marks of its letters, in both ways that are in use: `ö` as `o` and as `oe`.
fn spelled(word: &str) -> Vec<String> {
    if word.is_ascii() {
        return Vec::new();
    }
    let mut all = Vec::new();
    push(&mut all, &word.chars().map(|c| plain(c, false)).collect::<String>());
    push(&mut all, &word.chars().map(|c| plain(c, true)).collect::<String>());
    all.retain(|other| other != word);
    all
}

fn plain(letter: char, long: bool) -> String {
    let bare = match letter {
        'ä' | 'æ' if long => "ae",
        'ö' | 'ø' | 'œ' if long => "oe",
        'ü' if long => "ue",
        'å' if long => "aa",
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'æ' | 'ą' | 'ă' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' => "s",
        'ß' => "ss",
        'ť' | 'ţ' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        other => return other.to_string(),
    };
    bare.to_owned()
}

/// The first letters of a name's last part, if it has several words: `pg` for `payment-gateway`.
pub(super) fn initials(name: &str) -> Option<String> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let words = words(last);
    (words.len() > 1).then(|| words.iter().filter_map(|word| word.chars().next()).collect())
}

/// How many mistakes a word may hold: short words have too many neighbours.
pub(super) fn mistakes(word: &str) -> u8 {
    match word.chars().count() {
        0..=2 => 0,
        3..=7 => 1,
        _ => 2,
    }
}

/// From so many letters on, a word with a mistake may go on beyond what was typed.
pub(super) const MIN_OPEN: usize = 5;

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

/// What a line that was copied from elsewhere is about: the last word of a command such as `docker
/// pull`, without the scheme and the registry before the repository's name. A registry is told from
/// a namespace as docker does it: by a dot, by a port, or as `localhost`
/// (distribution/reference, `splitDockerDomain`). `None` when nothing is left out.
pub(super) fn copied(text: &str) -> Option<&str> {
    let line = text.trim();
    let last = line.split_whitespace().next_back()?;
    let reference = last.split_once("://").map_or(last, |(_, rest)| rest);
    let bare = match reference.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => reference,
    };
    (bare.len() < line.len() && bare.contains(['/', ':'])).then_some(bare)
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

fn parts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive(|c: char| !c.is_alphanumeric()).filter_map(move |part| {
        let begin = at;
        at += part.len();
        let word = part.trim_end_matches(|c: char| !c.is_alphanumeric());
        (!word.is_empty()).then_some((begin, word))
    })
}

/// `MyApp` is `My` and `App`; `HTTPServer` stays one word: people type it so.
fn camel(part: &str) -> Vec<(usize, &str)> {
    let mut cuts = vec![0];
    let mut before = None;
    for (at, c) in part.char_indices() {
        if before.is_some_and(char::is_lowercase) && c.is_uppercase() {
            cuts.push(at);
        }
        before = Some(c);
    }
    cuts.push(part.len());
    cuts.windows(2).map(|cut| (cut[0], &part[cut[0]..cut[1]])).collect()
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
        assert_eq!(index_words("team/my-app"), ["team", "my", "app", "myapp"]);
    }

    #[test]
    fn pieces_know_where_they_stand() {
        let found: Vec<_> = pieces("a/Über-NightlyBuild").collect();
        assert_eq!(found, [(0, "a"), (2, "Über"), (8, "Nightly"), (15, "Build")]);
    }

    #[test]
    fn marks_of_letters_and_short_forms_do_not_matter() {
        assert_eq!(index_words("größe"), ["größe", "grosse", "groesse"]);
        assert_eq!(otherwise("münchen"), ["munchen", "muenchen"]);
        assert_eq!(otherwise("k8s"), ["kubernetes"]);
        assert_eq!(otherwise("postgres"), ["pg", "pgsql", "postgresql", "psql"]);
        assert!(otherwise("nginx").is_empty());
    }

    #[test]
    fn names_of_several_words_have_initials() {
        assert_eq!(initials("payments/payment-gateway"), Some("pg".to_owned()));
        assert_eq!(initials("a/b/gateway"), None);
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
    fn copied_lines_are_about_their_image() {
        for line in [
            "docker pull library/nginx:1.27",
            "registry.example.org/library/nginx:1.27",
            "localhost:5000/library/nginx:1.27",
            "podman run --rm localhost/library/nginx:1.27",
            "skopeo inspect docker://registry.example.org/library/nginx:1.27",
        ] {
            assert_eq!(copied(line), Some("library/nginx:1.27"), "{line}");
        }
        assert_eq!(copied("https://registry.example.org/nginx:1"), Some("nginx:1"));
        for plain in
            ["nginx", "library/nginx", "nginx:1.27", "checkout api", "docker pull", "", "/"]
        {
            assert_eq!(copied(plain), None, "{plain}");
        }
    }

    #[test]
    fn words_are_cut_to_a_length() {
        assert_eq!(words(&"ä".repeat(100)), ["ä".repeat(MAX_WORD)]);
        assert_eq!(beginnings("äb").collect::<Vec<_>>(), ["ä", "äb"]);
    }
}
