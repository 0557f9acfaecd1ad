//! All known keys: the user's own, those with a trust decision, and those that signed data in the store.

use std::collections::BTreeMap;
use std::path::Path;

use clew_core::format::Timestamp;
use clew_core::store::disk::RealDisk;
use clew_core::store::{PublicKey, Trust};
use serde::{Serialize, Serializer};

use crate::context::Context;
use crate::history_view::{by_recency, history_name, open_indexed};
use crate::problem::Problem;
use crate::text;

/// Digits that identify a known key: creating another key with the same ones is infeasible.
const ENOUGH: usize = 16;
/// The digits of a whole key.
const WHOLE: usize = 64;

/// A key, with its trust and its owner.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct KnownKey {
    /// All 64 digits.
    #[serde(serialize_with = "digits")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub key: PublicKey,
    /// `own`, `former` (an old key of yours), `trusted`, `removed` or `untrusted` (unknown).
    pub trust: &'static str,
    /// The name that you gave its owner.
    pub label: String,
    /// The time of your decision.
    #[serde(serialize_with = "moment")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub time: Option<Timestamp>,
    /// Runs in the store that it signed.
    pub runs: usize,
    /// The histories of these runs.
    pub histories: Vec<String>,
}

fn digits<S: Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

#[allow(clippy::ref_option)] // required by serde
fn moment<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(text::rfc3339).serialize(serializer)
}

impl KnownKey {
    /// Creates the entry of an unknown key.
    pub(super) fn new(key: PublicKey, label: String) -> Self {
        Self {
            key,
            trust: "untrusted",
            label,
            time: None,
            runs: 0,
            histories: Vec::new(),
        }
    }

    /// Whether code signed by it may run, other than by the user's current key.
    pub(super) fn is_trusted(&self) -> bool {
        matches!(self.trust, "former" | "trusted")
    }

    /// Returns the digits that identify it.
    pub(super) fn short(&self) -> String {
        self.key.to_string()[..ENOUGH].to_owned()
    }

    /// Returns the name of the key's owner.
    pub(super) fn called(&self) -> String {
        match (self.label.as_str(), self.trust) {
            ("", "own" | "former") => "yours".to_owned(),
            ("", "trusted") => "an unnamed person".to_owned(),
            ("", _) => "an unknown person".to_owned(),
            (label, _) => text::clean(label),
        }
    }

    /// Summarizes what it signed in the store.
    pub(super) fn signed(&self) -> String {
        match self.runs {
            0 => "nothing".to_owned(),
            runs => format!("{} in {}", text::count(runs, "run"), text::listing(&self.histories, 3)),
        }
    }
}

/// Formats a key for comparison: in groups of eight digits.
pub(super) fn grouped(key: PublicKey) -> String {
    let digits = key.to_string();
    let groups: Vec<&str> = (0..digits.len()).step_by(8).map(|at| &digits[at..at + 8]).collect();
    groups.join(" ")
}

/// Returns the user's own keys first, then trusted ones, then all others that signed data.
pub(super) fn all(own: Option<PublicKey>, signed: &SignedByKey, context: &Context) -> Result<Vec<KnownKey>, Problem> {
    let mut known: BTreeMap<PublicKey, KnownKey> = BTreeMap::new();
    if let Some(own) = own {
        let trust = Trust::load(&RealDisk, &context.config, own)?;
        for (key, said) in trust.said() {
            let there = known
                .entry(key)
                .or_insert_with(|| KnownKey::new(key, text::clean(&said.label)));
            there.trust = said.standing.text();
            there.time = Some(said.time);
        }
        known.insert(
            own,
            KnownKey {
                trust: "own",
                ..KnownKey::new(own, String::new())
            },
        );
    }
    for (key, signed) in signed {
        let there = known.entry(*key).or_insert_with(|| KnownKey::new(*key, String::new()));
        there.runs = signed.runs;
        there.histories.clone_from(&signed.histories);
    }
    let mut known: Vec<KnownKey> = known.into_values().collect();
    known.sort_by_key(|known| (known.trust != "own", !known.is_trusted(), known.key));
    Ok(known)
}

/// The records that each key signed in a store.
pub(super) type SignedByKey = BTreeMap<PublicKey, SignedByOne>;

/// The records that one key signed.
#[derive(Debug, Default)]
pub(super) struct SignedByOne {
    runs: usize,
    histories: Vec<String>,
}

/// Returns what is signed in the store; empty if the store is missing or unreadable.
pub(super) fn signed(store: &Path, context: &Context) -> SignedByKey {
    let mut signed = SignedByKey::new();
    let Ok(histories) = open_indexed(store, context).and_then(|store| by_recency(&store)) else {
        return signed;
    };
    for (id, loaded) in &histories {
        let name = text::clean(&history_name(*id, &loaded.description()));
        for operation in loaded.operations() {
            let there = signed.entry(operation.key).or_default();
            there.runs += operation.operation.runs.len();
            if !there.histories.contains(&name) {
                there.histories.push(name.clone());
            }
        }
    }
    signed
}

/// Resolves a typed key: a whole key, or a prefix of a known one.
pub(super) fn meant(typed: &str, known: &[KnownKey]) -> Result<PublicKey, Problem> {
    let typed = typed.trim().to_ascii_lowercase();
    let is_hex = !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_hexdigit());
    let wrong = |what: String| Problem::usage(what).with_hint("`clew trust` lists the known keys");
    if !is_hex || typed.len() > WHOLE {
        let shown = text::shorten(&text::clean(&typed), 40);
        return Err(wrong(format!(
            "`{shown}` is not a key: a key has {WHOLE} hexadecimal digits"
        )));
    }
    if typed.len() == WHOLE {
        return typed.parse().map_err(|_| wrong(format!("`{typed}` is not a key")));
    }
    if typed.len() < ENOUGH {
        return Err(wrong(format!(
            "{} digits are too few for a key: type at least {ENOUGH}",
            typed.len()
        )));
    }
    let found: Vec<PublicKey> = known
        .iter()
        .map(|known| known.key)
        .filter(|key| key.to_string().starts_with(&typed))
        .collect();
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(wrong(format!(
            "No known key starts with {typed}; for a new one, type all {WHOLE} digits"
        ))),
        _ => Err(wrong(format!("Several keys start with {typed}"))),
    }
}
