//! Which parts of a hit were meant: for `<mark>` in names, and for the piece of a description that
//! is worth showing.

use super::words::{
    MAX_WORDS, MIN_OPEN, digest_prefix, mistakes, otherwise, pieces, squeeze, words,
};

/// The longest piece of a description, in characters.
const MAX_SNIPPET: usize = 160;
/// So many characters of it stand before the first match, so that one sees what it is about.
const LEAD: usize = 40;

/// A piece of text; marked if it is what was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether the question meant it.
    pub marked: bool,
}

/// A question, ready to be found again in texts.
#[derive(Debug, Clone, Default)]
pub struct Highlighter {
    /// Each word with the other ways to write it.
    words: Vec<Vec<String>>,
    squeezed: String,
    digest: Option<String>,
}

impl Highlighter {
    /// For a question as typed.
    #[must_use]
    pub fn new(question: &str) -> Self {
        let question: String = question.chars().take(super::MAX_QUESTION_BYTES).collect();
        let question = question.trim();
        let digest = digest_prefix(question);
        let before = question.split_once("sha256:").or_else(|| question.split_once("sha512:"));
        let text = before.map_or(question, |(before, _)| before);
        let mut found = words(text);
        found.truncate(MAX_WORDS);
        let all = |word: String| [vec![word.clone()], otherwise(&word)].concat();
        Self { words: found.into_iter().map(all).collect(), squeezed: squeeze(text), digest }
    }

    /// A name in pieces; together they are the name.
    #[must_use]
    pub fn name(&self, name: &str) -> Vec<Piece> {
        cut(name, &self.marks(name))
    }

    /// The piece of `text` with the first match in it, cut at words and with `…` where something
    /// is left out; `None` when nothing in it was meant.
    #[must_use]
    pub fn snippet(&self, text: &str) -> Option<Vec<Piece>> {
        let first = self.exact(text).first()?.0;
        Some(self.window(text, first))
    }

    /// The beginning of `text`, with what was meant marked.
    #[must_use]
    pub fn beginning(&self, text: &str) -> Vec<Piece> {
        self.window(text, 0)
    }

    fn window(&self, text: &str, first: usize) -> Vec<Piece> {
        let lead: usize = text[..first].chars().rev().take(LEAD).map(char::len_utf8).sum();
        let mut from = first - lead;
        if from > 0 {
            let blank = text[from..first].find(char::is_whitespace);
            from = blank.map_or(first, |blank| from + blank + 1);
        }
        let length: usize = text[from..].chars().take(MAX_SNIPPET).map(char::len_utf8).sum();
        let mut to = from + length;
        if to < text.len()
            && let Some(blank) = text[from..to].rfind(char::is_whitespace)
            && from + blank > first
        {
            to = from + blank;
        }
        let shown = &text[from..to];
        let mut pieces = cut(shown, &self.exact(shown));
        let plain = |text: &str| Piece { text: text.to_owned(), marked: false };
        if from > 0 {
            pieces.insert(0, plain("… "));
        }
        if to < text.len() {
            pieces.push(plain(" …"));
        }
        pieces
    }

    /// Each word to the letter, and where there is none of it, what is near.
    fn marks(&self, name: &str) -> Vec<(usize, usize)> {
        let mut marks = self.exact(name);
        let missed = self.words.iter().filter(|ways| !pieces(name).any(|(_, p)| begun(p, ways)));
        let missed: Vec<_> = missed.filter_map(|ways| ways.first()).collect();
        if missed.is_empty() {
            return marks;
        }
        if marks.is_empty()
            && let Some(whole) = self.in_one_piece(name)
        {
            return vec![whole];
        }
        for (at, piece) in pieces(name) {
            let lower = piece.to_lowercase();
            if missed.iter().any(|word| is_near(word, &lower)) {
                marks.push((at, at + piece.len()));
            }
        }
        marks.sort_unstable();
        marks
    }

    /// Beginnings of words, and of a digest.
    fn exact(&self, text: &str) -> Vec<(usize, usize)> {
        let mut marks = Vec::new();
        if let Some(digest) = &self.digest
            && let Some(at) = text.find(&format!(":{digest}"))
        {
            marks.push((at + 1, at + 1 + digest.len()));
        }
        for (at, piece) in pieces(text) {
            let length = self.words.iter().flatten().filter_map(|word| begins(piece, word)).max();
            marks.extend(length.map(|length| (at, at + length)));
        }
        marks.sort_unstable();
        marks
    }

    /// Where the name holds the whole question but for separators: `myapp` in `team/my-app`.
    fn in_one_piece(&self, name: &str) -> Option<(usize, usize)> {
        if self.squeezed.chars().count() < 2 {
            return None;
        }
        pieces(name).find_map(|(from, _)| {
            let mut typed = self.squeezed.chars();
            let mut next = typed.next();
            for (at, c) in name[from..].char_indices() {
                if !c.is_alphanumeric() {
                    continue;
                }
                for lower in c.to_lowercase() {
                    if next != Some(lower) {
                        return None;
                    }
                    next = typed.next();
                }
                if next.is_none() {
                    return Some((from, from + at + c.len_utf8()));
                }
            }
            None
        })
    }
}

fn begun(piece: &str, ways: &[String]) -> bool {
    ways.iter().any(|word| begins(piece, word).is_some())
}

/// How many bytes of `piece` the word begins it with, whatever the case.
fn begins(piece: &str, word: &str) -> Option<usize> {
    let mut typed = word.chars();
    let mut length = 0;
    let mut next = typed.next();
    for c in piece.chars() {
        if next.is_none() {
            break;
        }
        for lower in c.to_lowercase() {
            if next != Some(lower) {
                return None;
            }
            next = typed.next();
        }
        length += c.len_utf8();
    }
    next.is_none().then_some(length)
}

/// As the index forgives: so many letters wrong, missing, too much or changed places.
fn is_near(word: &str, piece: &str) -> bool {
    let most = usize::from(mistakes(word));
    let (word, piece): (Vec<char>, Vec<char>) =
        (word.chars().collect(), piece.chars().take(super::words::MAX_WORD + 2).collect());
    if most == 0 {
        return false;
    }
    let open = word.len() >= MIN_OPEN;
    let ends = if open {
        word.len().saturating_sub(most)..=word.len() + most
    } else {
        piece.len()..=piece.len()
    };
    ends.filter_map(|end| piece.get(..end)).any(|piece| distance(&word, piece) <= most)
}

/// Damerau's distance of two short words, with neighbours that changed places as one mistake.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut rows = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let at = |i: usize, j: usize| rows[i * width + j];
            let value = if i == 0 || j == 0 {
                i + j
            } else {
                let differs = usize::from(a[i - 1] != b[j - 1]);
                let best = (at(i - 1, j) + 1).min(at(i, j - 1) + 1).min(at(i - 1, j - 1) + differs);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(at(i - 2, j - 2) + 1) } else { best }
            };
            rows[i * width + j] = value;
        }
    }
    rows[a.len() * width + b.len()]
}

fn cut(text: &str, marks: &[(usize, usize)]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut add = |part: &str, marked: bool| match pieces.last_mut() {
        _ if part.is_empty() => (),
        Some(last) if last.marked == marked => last.text.push_str(part),
        _ => pieces.push(Piece { text: part.to_owned(), marked }),
    };
    let mut done = 0;
    for &(from, to) in marks {
        let from = from.max(done);
        if from < to {
            add(&text[done..from], false);
            add(&text[from..to], true);
            done = to;
        }
    }
    add(&text[done..], false);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[Piece]) -> String {
        let piece = |p: &Piece| if p.marked { format!("[{}]", p.text) } else { p.text.clone() };
        pieces.iter().map(piece).collect()
    }

    #[test]
    fn beginnings_of_words_are_marked_in_names() {
        for (question, name, expected) in [
            ("ngi", "library/nginx", "library/[ngi]nx"),
            ("shop web", "shop/web-frontend", "[shop]/[web]-frontend"),
            ("NIGHT", "team/app:NightlyBuild", "team/app:[Night]lyBuild"),
            ("myapp", "team/my-app", "team/[my-app]"),
            ("ngnix", "library/nginx", "library/[nginx]"),
            ("kuberntes", "tools/kubernetes-proxy", "tools/[kubernetes]-proxy"),
            ("k8s", "tools/kubernetes", "tools/[kubernetes]"),
            ("postgers exporter", "ops/postgres-exporter", "ops/[postgres]-[exporter]"),
            ("2.4.1", "team/app:2.4.1", "team/app:[2].[4].[1]"),
            ("sha256:ab", "team/app@sha256:abcd", "team/app@sha256:[ab]cd"),
            ("zzz", "team/app", "team/app"),
            ("ü", "Übersicht", "[Ü]bersicht"),
            ("", "team/app", "team/app"),
        ] {
            assert_eq!(shown(&Highlighter::new(question).name(name)), expected, "{question}");
        }
    }

    #[test]
    fn a_snippet_holds_the_first_match_and_is_cut_at_words() {
        let text =
            format!("{} Die Zahlungen der Kunden. {}", "wort ".repeat(40), "ende ".repeat(60));
        let found = shown(&Highlighter::new("zahlung").snippet(&text).unwrap());
        assert!(found.starts_with("… wort"), "{found}");
        assert!(found.contains("Die [Zahlung]en der"), "{found}");
        assert!(found.ends_with("ende …") && found.chars().count() < MAX_SNIPPET + 8, "{found}");
        assert!(Highlighter::new("anders").snippet(&text).is_none());
        assert_eq!(shown(&Highlighter::new("x").beginning("kurz")), "kurz");
    }

    #[test]
    fn what_is_near_is_what_the_index_forgives() {
        assert!(is_near("postgers", "postgres") && is_near("ngix", "nginx"));
        assert!(is_near("postgers", "postgresql"), "long words may go on");
        assert!(!is_near("wbe", "webhook"), "short ones may not");
        assert!(!is_near("ab", "ac"));
    }

    #[test]
    fn any_text_is_cut_without_loss() {
        for text in ["", "ß", "İstanbul-x", "a🦀b", "Ⅷ/ﬀ", "\u{301}x"] {
            for question in ["s", "i", "istanbul", "🦀", "a b", "ss", "\u{301}"] {
                let pieces = Highlighter::new(question).name(text);
                let whole: String = pieces.iter().map(|p| p.text.as_str()).collect();
                assert_eq!(whole, text, "{question}");
            }
        }
    }
}
