//! What somebody typed, as clauses that the index understands.

use tantivy::Score;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, FuzzyTermQuery, InvertedIndexRangeQuery,
    Occur, Query as Clause, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::query::MAX_QUESTION_BYTES;
use super::schema::Fields;
use super::words::{MAX_WORDS, MIN_OPEN, digest_prefix, mistakes, otherwise, squeeze, words};

// Each step outweighs all lesser ones together, so that the order is lexicographic. Likes, age and
// the like decide among equals and stay below 1.
/// The whole name.
const WHOLE_NAME: Score = 2_048.0;
/// The last part of it.
const LAST_PART: Score = 1_024.0;
/// One of these, but for separators.
const JOINED: Score = 512.0;
/// The beginning of one of these, but for separators.
const NAME_BEGUN: Score = 256.0;
/// All words are words of the name.
const WORDS_WHOLE: Score = 128.0;
/// All words begin words of the name.
const WORDS_BEGUN: Score = 64.0;
/// The same, written otherwise or by first letters.
const OTHERWISE: Score = 32.0;
/// With mistakes: the whole name.
const NEAR_NAME: Score = 16.0;
/// With mistakes: the last part of it.
const NEAR_LAST: Score = 8.0;
/// With mistakes: whole words of it.
const NEAR_WHOLE: Score = 4.0;
/// With one mistake only.
const NEAR: Score = 2.0;

/// Words of descriptions are looked for from so many letters on: shorter ones are everywhere.
const MIN_ABOUT: usize = 3;
/// The longest question of which a whole name may be near, in bytes: longer ones cost more than
/// they find.
const MAX_NEAR_BYTES: usize = 48;
/// The longest word that may be meant as first letters.
const MAX_INITIALS: usize = 5;

/// A question, cut up.
pub(super) struct Question {
    /// In lower case, without blanks around.
    text: String,
    words: Vec<String>,
    /// Hex digits that may begin a digest.
    digest: Option<String>,
    /// Whether they must.
    names_digest: bool,
}

impl Question {
    pub(super) fn new(text: &str) -> Self {
        let mut end = text.len().min(MAX_QUESTION_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or_default().trim();
        let digest = digest_prefix(text);
        // In `team/app@sha256:0f…` the words stand before the digest.
        let before = text.split_once("sha256:").or_else(|| text.split_once("sha512:"));
        let mut words = words(before.map_or(text, |(before, _)| before));
        words.truncate(MAX_WORDS);
        let names_digest = before.is_some() && digest.is_some();
        Self { text: text.to_lowercase(), words, digest, names_digest }
    }

    /// How many words it has.
    pub(super) fn length(&self) -> usize {
        self.words.len()
    }

    /// What was typed, to the letter.
    pub(super) fn strict(&self, fields: &Fields) -> Box<dyn Clause> {
        if self.text.is_empty() {
            return worth(0.0, boxed(AllQuery));
        }
        // What lifts every hit alike need not be looked for again.
        let base = match (self.words.iter().all(|word| begins_only(word)), self.found_in_names()) {
            (true, true) => WORDS_BEGUN + OTHERWISE,
            (false, true) => OTHERWISE,
            (_, false) => 0.0,
        };
        let found = self.found(fields, |word| any(in_texts(fields, word)));
        lifted(base, found, self.lifts(fields, base))
    }

    /// Typing errors forgiven; `None` when there is nothing to forgive.
    pub(super) fn forgiving(&self, fields: &Fields) -> Option<Box<dyn Clause>> {
        if self.words.iter().all(|word| mistakes(word) == 0) {
            return None;
        }
        let found = self.found(fields, |word| {
            let mut ways = in_texts(fields, word);
            ways.extend(near(fields, word, mistakes(word)));
            any(ways)
        });
        let mut lifts = self.lifts(fields, 0.0);
        let joined = squeeze(&self.text);
        if mistakes(&joined) > 0 && self.text.len() <= MAX_NEAR_BYTES {
            let near = |field: Field, text: &str| {
                boxed(FuzzyTermQuery::new(Fields::term(field, text), mistakes(text), true))
            };
            lifts.push(worth(NEAR_NAME, near(fields.exact, &self.text)));
            lifts.push(worth(NEAR_LAST, near(fields.joined, &joined)));
        }
        let whole = self.found(fields, |word| {
            let mut ways = in_names(fields, word);
            if mistakes(word) > 0 {
                let word = Fields::term(fields.word, word);
                ways.push(boxed(FuzzyTermQuery::new(word, 1, true)));
            }
            any(ways)
        });
        lifts.push(worth(NEAR_WHOLE, whole));
        if self.words.iter().any(|word| mistakes(word) > 1) {
            let one = self.found(fields, |word| {
                let mut ways = in_names(fields, word);
                ways.extend(near(fields, word, mistakes(word).min(1)));
                any(ways)
            });
            lifts.push(worth(NEAR, one));
        }
        Some(lifted(0.0, found, lifts))
    }

    /// Anything that a word of it could have meant, for those who found nothing; `None` when there
    /// is no word to go by.
    pub(super) fn nearest(&self, fields: &Fields) -> Option<Box<dyn Clause>> {
        let letters = |word: &&String| word.chars().count() > 2;
        let mut ways = Vec::new();
        for word in self.words.iter().filter(letters) {
            let most = (mistakes(word) + 1).min(2);
            ways.push(worth(4.0, any(in_names(fields, word))));
            ways.extend(near(fields, word, mistakes(word)).map(|near| worth(2.0, near)));
            ways.extend(near(fields, word, most).map(|near| worth(1.0, near)));
        }
        (!ways.is_empty()).then(|| any(ways))
    }

    /// Every word is found as `way` says, or in the repository around, and one of them in the
    /// thing itself; or the digest is.
    fn found(&self, fields: &Fields, way: impl Fn(&str) -> Box<dyn Clause>) -> Box<dyn Clause> {
        let around = |word: &String| any(vec![way(word), term(fields.around, word)]);
        let mut every = self.words.iter().map(around).collect::<Vec<_>>();
        let digest = self.digest.as_deref().map(|hex| starting(fields.digest, hex));
        match digest {
            Some(digest) if self.names_digest => {
                every.push(digest);
                boxed(BooleanQuery::intersection(every))
            }
            Some(digest) if every.is_empty() => digest,
            None if every.is_empty() => boxed(EmptyQuery),
            digest => {
                let named = match self.words.as_slice() {
                    // What is around is for words beside the one that is in the thing itself.
                    [only] => way(only),
                    words => {
                        every.push(any(words.iter().map(|word| way(word)).collect()));
                        boxed(BooleanQuery::intersection(every))
                    }
                };
                // Separators where the name has none, and none where it has: `web-shop`, `teamapp`.
                // A name that begins with a letter has a word that does.
                let joined = squeeze(&self.text);
                let joined = (joined.chars().count() > 1).then(|| term(fields.start, &joined));
                any([Some(named), joined, digest].into_iter().flatten().collect())
            }
        }
    }

    /// Whether nothing is found by a description alone.
    fn found_in_names(&self) -> bool {
        !self.words.is_empty() && self.words.iter().all(|word| word.chars().count() < MIN_ABOUT)
    }

    /// What lifts one hit above another; `base` is what every hit has of it.
    fn lifts(&self, fields: &Fields, base: Score) -> Vec<Box<dyn Clause>> {
        let mut lifts = vec![
            worth(WHOLE_NAME, term(fields.exact, &self.text)),
            worth(LAST_PART, term(fields.last, &self.text)),
        ];
        // The name in one piece: separators, and the lack of them, do not matter.
        let joined = squeeze(&self.text);
        if !joined.is_empty() {
            lifts.push(worth(JOINED, term(fields.joined, &joined)));
            lifts.push(worth(NAME_BEGUN, term(fields.start, &joined)));
        }
        if !self.words.is_empty() {
            let whole = self.found(fields, |word| term(fields.word, word));
            lifts.push(worth(WORDS_WHOLE, whole));
            // One clause where both would find the same.
            let same = self.words.iter().all(|word| begins_only(word));
            let begun = if same { WORDS_BEGUN + OTHERWISE } else { WORDS_BEGUN };
            if base < begun {
                lifts.push(worth(begun, self.found(fields, |word| term(fields.prefix, word))));
            }
            if !same && base < OTHERWISE {
                let otherwise = self.found(fields, |word| any(in_names(fields, word)));
                lifts.push(worth(OTHERWISE, otherwise));
            }
        }
        lifts
    }
}

/// Whether a word is found in a name only where it begins one of its words.
fn begins_only(word: &str) -> bool {
    !may_be_initials(word) && otherwise(word).is_empty()
}

fn may_be_initials(word: &str) -> bool {
    (2..=MAX_INITIALS).contains(&word.chars().count())
}

/// The ways in which a word is to be found in a name without a mistake.
fn in_names(fields: &Fields, word: &str) -> Vec<Box<dyn Clause>> {
    let mut ways = vec![term(fields.prefix, word)];
    ways.extend(otherwise(word).iter().map(|other| term(fields.prefix, other)));
    if may_be_initials(word) {
        ways.push(term(fields.initials, word));
    }
    ways
}

/// The same, or in a description.
fn in_texts(fields: &Fields, word: &str) -> Vec<Box<dyn Clause>> {
    let mut ways = in_names(fields, word);
    if word.chars().count() >= MIN_ABOUT {
        ways.push(starting(fields.about, word));
    }
    ways
}

/// Words with at most so many mistakes; long ones may go on.
fn near(fields: &Fields, word: &str, most: u8) -> Option<Box<dyn Clause>> {
    let open = word.chars().count() >= MIN_OPEN;
    let word = Fields::term(fields.word, word);
    match most {
        0 => None,
        most if open => Some(boxed(FuzzyTermQuery::new_prefix(word, most, true))),
        most => Some(boxed(FuzzyTermQuery::new(word, most, true))),
    }
}

fn boxed(clause: impl Clause) -> Box<dyn Clause> {
    Box::new(clause)
}

fn worth(score: Score, clause: Box<dyn Clause>) -> Box<dyn Clause> {
    Box::new(ConstScoreQuery::new(clause, score))
}

/// Exactly what `found` finds, with higher scores for what the others find too.
fn lifted(base: Score, found: Box<dyn Clause>, lifts: Vec<Box<dyn Clause>>) -> Box<dyn Clause> {
    let mut clauses = vec![(Occur::Must, worth(base, found))];
    clauses.extend(lifts.into_iter().map(|lift| (Occur::Should, lift)));
    Box::new(BooleanQuery::new(clauses))
}

fn any(mut clauses: Vec<Box<dyn Clause>>) -> Box<dyn Clause> {
    match clauses.pop() {
        Some(only) if clauses.is_empty() => only,
        Some(last) => {
            clauses.push(last);
            let clauses = clauses.into_iter().map(|clause| (Occur::Should, clause)).collect();
            Box::new(BooleanQuery::new(clauses))
        }
        None => Box::new(EmptyQuery),
    }
}

fn term(field: Field, text: &str) -> Box<dyn Clause> {
    Box::new(TermQuery::new(Fields::term(field, text), IndexRecordOption::Basic))
}

/// Values that begin with `text`.
fn starting(field: Field, text: &str) -> Box<dyn Clause> {
    use std::ops::Bound::{Excluded, Included};
    let end = format!("{text}{}", char::MAX);
    let (from, to) = (Fields::term(field, text), Fields::term(field, &end));
    Box::new(InvertedIndexRangeQuery::new(Included(from), Excluded(to)))
}
