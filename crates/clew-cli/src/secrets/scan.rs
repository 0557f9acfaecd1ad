//! Finds credentials in a text: one pass for all traces, then a closer check at each.

use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

use super::contexts::{CONTEXTS, CredentialContext, Demand};
use super::names::Strength;
use super::place::{CREDENTIAL, CredentialSpan};
use super::shapes::{CredentialPattern, PatternStart, SHAPES};
use super::values::AssignmentForm;
use super::{TextKind, addresses, assignments, keys, mark, values};

/// A pattern anchored at its trace. Compiled on first use: all of them take tens of megabytes.
type Pattern = Arc<LazyLock<Regex, Box<dyn FnOnce() -> Regex + Send + Sync>>>;

fn pattern(text: &'static str) -> Pattern {
    let compile = move || Regex::new(&format!(r"\A(?:{text})")).expect("it is a pattern");
    Arc::new(LazyLock::new(Box::new(compile)))
}

/// What a trace may belong to.
#[derive(Clone)]
enum Trace {
    Shape(&'static CredentialPattern, Pattern),
    Context(&'static CredentialContext, Pattern),
    Name,
    Address,
    KeyBegins,
    KeyEnds,
}

/// Parts of names that suggest a credential.
#[rustfmt::skip]
const IN_NAMES: &[&str] = &[
    "pass", "pw", "psw", "kennwort", "contrase", "senha", "mdp", "token", "secret", "jwt", "bearer", "authoriz", "cred", "key", "otp",
    "mnemonic", "auth", "cookie", "session", "sig", "csrf",
];

struct Traces {
    all: AhoCorasick,
    of: Vec<Trace>,
}

static TRACES: LazyLock<Traces> = LazyLock::new(|| {
    let (mut begins, mut of): (Vec<String>, Vec<Trace>) = (Vec::new(), Vec::new());
    let mut add = |text: &str, trace| {
        begins.push(text.to_owned());
        of.push(trace);
    };
    for shape in SHAPES {
        let trace = Trace::Shape(shape, pattern(shape.pattern));
        shape.begins.iter().for_each(|text| add(text, trace.clone()));
    }
    for context in CONTEXTS {
        let trace = Trace::Context(context, pattern(context.pattern));
        context.begins.iter().for_each(|text| add(text, trace.clone()));
    }
    IN_NAMES.iter().for_each(|text| add(text, Trace::Name));
    add("://", Trace::Address);
    add("-----begin", Trace::KeyBegins);
    add("-----end", Trace::KeyEnds);
    let all = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&begins)
        .expect("they are few and short");
    Traces { all, of }
});

/// The most bytes that are read after a trace.
const NEAR: usize = 12_000;

/// Whether a text may contain a credential: a fast check before the slow one.
pub(super) fn may_be_in(text: &str) -> bool {
    TRACES.all.is_match(text)
}

/// Returns the positions of traces in a text, in order.
pub(super) fn traces(text: &str) -> Vec<usize> {
    let mut starts: Vec<usize> = TRACES.all.find_overlapping_iter(text).map(|hit| hit.start()).collect();
    starts.sort_unstable();
    starts
}

/// Returns the credentials in a text, in order and without overlaps.
pub(super) fn places(text: &str, written: TextKind) -> Vec<CredentialSpan> {
    let mut found: Vec<CredentialSpan> = Vec::new();
    let mut seen = 0;
    for hit in TRACES.all.find_overlapping_iter(text) {
        let start = hit.start();
        match &TRACES.of[hit.pattern().as_usize()] {
            Trace::Shape(shape, pattern) => found.extend(shaped(text, start, shape, pattern)),
            Trace::Context(context, pattern) => found.extend(in_context(text, start, context, pattern, written)),
            Trace::Name => found.extend(assignments::at(text, hit.range(), &mut seen, written)),
            Trace::Address => found.extend(addresses::at(text, start)),
            Trace::KeyBegins => found.extend(keys::whole(text, start)),
            Trace::KeyEnds if written == TextKind::ForPeople => found.extend(keys::end_of_one(text, start)),
            Trace::KeyEnds => {}
        }
    }
    apart(found)
}

/// Merges overlapping spans: the merged span begins with the first and ends with the last. A kind known by its shape takes precedence.
pub(super) fn apart(mut found: Vec<CredentialSpan>) -> Vec<CredentialSpan> {
    found.sort_by_key(|place| (place.range.start, std::cmp::Reverse(place.range.end)));
    let mut apart: Vec<CredentialSpan> = Vec::with_capacity(found.len());
    for place in found {
        match apart.last_mut() {
            Some(last) if place.range.start < last.range.end => {
                last.range.end = last.range.end.max(place.range.end);
                if last.what == CREDENTIAL {
                    last.what = place.what;
                }
            }
            _ => apart.push(place),
        }
    }
    apart
}

/// Replaces spans of a text by placeholders.
pub(super) fn without(text: String, places: &[CredentialSpan]) -> String {
    if places.is_empty() {
        return text;
    }
    let (mut kept, mut copied) = (String::with_capacity(text.len()), 0);
    for place in places {
        kept.push_str(&text[copied..place.range.start]);
        kept.push_str(&mark(place.what));
        copied = place.range.end;
    }
    kept + &text[copied..]
}

fn near(text: &str, start: usize) -> &str {
    &text[start..text.floor_char_boundary(start + NEAR)]
}

fn is_in_word(text: &str, start: usize) -> bool {
    let before = text.as_bytes()[..start].last();
    before.is_some_and(|letter| letter.is_ascii_alphanumeric() || *letter == b'_')
}

fn shaped(text: &str, start: usize, shape: &CredentialPattern, pattern: &Pattern) -> Option<CredentialSpan> {
    let begins_word = text.as_bytes()[start].is_ascii_alphanumeric();
    let from = match shape.start {
        PatternStart::Word if begins_word && is_in_word(text, start) => return None,
        PatternStart::Word | PatternStart::Anywhere => start,
        PatternStart::Before(least) => {
            let letters = text.as_bytes()[..start].iter().rev().take(200);
            let before = letters.take_while(|letter| letter.is_ascii_alphanumeric()).count();
            if before < least {
                return None;
            }
            start - before
        }
    };
    let found = pattern.find(near(text, start))?;
    let range = from..start + found.end();
    shape
        .is_one(&text[range.clone()])
        .then(|| CredentialSpan::of(range, shape.what))
}

fn in_context(
    text: &str,
    start: usize,
    context: &CredentialContext,
    pattern: &Pattern,
    written: TextKind,
) -> Option<CredentialSpan> {
    if written == TextKind::AsCode && !context.is_in_code {
        return None;
    }
    let found = pattern.captures(near(text, start))?;
    let all = found.get(0).expect("a match has a place").range();
    let it = found.name("it").map_or(all, |it| it.range());
    let range = start + it.start..start + it.end;
    let value = &text[range.clone()];
    let is_one = match context.demand {
        Demand::Value => !values::is_placeholder(value) && !values::names_one(value),
        Demand::Password => values::is_credential(Strength::Certain, AssignmentForm::Equals, value),
        Demand::NoWord => !values::is_placeholder(value) && values::is_no_word(value),
        Demand::Encoded => is_encoded_login(value),
    };
    is_one.then(|| CredentialSpan::of(range, context.what))
}

/// Whether a text is a Base64 encoded user and password.
fn is_encoded_login(text: &str) -> bool {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let decoded = STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let login = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    login.is_some_and(|login| {
        let is_plain = !login.contains(char::is_control);
        is_plain && login.split_once(':').is_some_and(|(_, password)| !password.is_empty())
    })
}
