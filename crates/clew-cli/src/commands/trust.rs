//! `clew trust`: the keys whose runs may be loaded and rerun.

mod keys;

use std::path::Path;

use clew_core::store::disk::RealDisk;
use clew_core::store::{KeyTrust, PublicKey, SigningKey, Trust, TrustEntry};
use serde::Serialize;

use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::interface::Interface;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::table::TextTable;
use crate::text;
use keys::{KnownKey, SignedByKey, grouped};

/// List, add or remove the keys that you trust.
///
/// Clew signs everything that it records. It creates your key when the first notebook records. From runs that an untrusted key signed, Clew loads data, but unpickles and runs nothing. The owner of a key that you trust can run code as you. Accept a key only from its owner, over a channel that no other person can write to.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub word: Option<TrustCommand>,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "trust",
    examples: &[
        ("trust", "your key, trusted keys, and keys that signed data here"),
        (
            "trust add 9f86d081884c7d65 --label Ada",
            "show the key; add --yes to trust it",
        ),
    ],
    calls: &[CommandCall::plain("trust")],
    changes: CommandEffect::Setup,
    scope: |_| CommandScope::Store,
    terminal_only: &["trust add", "trust remove", "trust rotate"],
    ..CommandInfo::DEFAULT
};

/// A subcommand of `trust`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum TrustCommand {
    /// List your key, trusted keys, and keys that signed data in the store
    List,
    /// Trust the owner of a key, from the next kernel on
    Add {
        /// The key: all 64 digits, or the first 16 if it signed something in the store
        #[arg(value_name = "KEY", required = true)]
        key: Vec<String>,
        /// A name for its owner
        #[arg(long, value_name = "NAME")]
        label: Option<String>,
        /// Trust it; without this option, only show the key and what trusting it means
        #[arg(long)]
        yes: bool,
    },
    /// Stop trusting a key, also an old one of yours, from the next kernel on
    Remove {
        /// The key, its first 16 digits, or the name of its owner
        #[arg(value_name = "KEY|NAME", required = true)]
        key: Vec<String>,
    },
    /// Create a new key for you; runs that the old key signed stay yours
    Rotate,
}

/// The list of keys, after a change if there was one.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TrustPage {
    /// The subcommand.
    action: Action,
    /// The key that was changed.
    key: Option<KnownKey>,
    /// Whether it was done. `add` needs `--yes`.
    is_done: bool,
    /// Your keys, those that you trust, and those that signed something in the store.
    keys: Vec<KnownKey>,
}

/// The subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Action {
    List,
    Add,
    Remove,
    Rotate,
}

/// Lists or changes trusted keys.
pub fn trust(arguments: &Arguments, store: &Path, context: &Context) -> Result<TrustPage, Problem> {
    let own = SigningKey::load(&RealDisk, &context.config)?;
    let own = own.map(|key| key.public());
    let word = arguments.word.as_ref().unwrap_or(&TrustCommand::List);
    if !matches!(word, TrustCommand::List) && context.interface != Interface::Terminal {
        return Err(elsewhere(context));
    }
    let signed = &keys::signed(store, context);
    // Users who have recorded nothing yet can still trust a colleague's key.
    if let TrustCommand::Add { key, label, yes } = word {
        return add(&key.concat(), label.as_deref(), *yes, own, signed, context);
    }
    let Some(own) = own else {
        return match word {
            TrustCommand::List => page(Action::List, None, false, None, signed, context),
            _ => Err(no_key(context)),
        };
    };
    let now = context.now;
    match word {
        TrustCommand::List | TrustCommand::Add { .. } => page(Action::List, None, false, Some(own), signed, context),
        TrustCommand::Remove { key } => remove(&key.join(" "), own, signed, context),
        TrustCommand::Rotate => {
            let rotated = Trust::rotate(&RealDisk, &context.config, now);
            let (old, new) = rotated?.ok_or_else(|| no_key(context))?;
            page(Action::Rotate, Some(old), true, Some(new.public()), signed, context)
        }
    }
}

fn add(
    typed: &str,
    label: Option<&str>,
    yes: bool,
    own: Option<PublicKey>,
    signed: &SignedByKey,
    context: &Context,
) -> Result<TrustPage, Problem> {
    let known = keys::all(own, signed, context)?;
    let key = keys::meant(typed, &known)?;
    let there = known.iter().find(|known| known.key == key);
    if Some(key) == own {
        return Err(Problem::usage("That is your own key, so it is always trusted"));
    }
    let label = text::clean(label.unwrap_or_default().trim());
    if let Some(there) = there.filter(|there| there.is_trusted() && (label.is_empty() || label == there.label)) {
        return Err(Problem::usage(format!("{} is already trusted", there.called())));
    }
    let has_label =
        |other: &&KnownKey| !label.is_empty() && other.label == label && other.key != key && other.is_trusted();
    if let Some(other) = known.iter().find(has_label) {
        let problem = format!("{label} has another key in your list, {}", other.short());
        let hint = format!(
            "ask the owner whether the key is new; `clew trust remove {}` removes the old one, {} gives this one another label",
            other.short(),
            context.again("--label NAME")
        );
        return Err(Problem::of(Exit::Refused, problem).with_hint(hint));
    }
    if yes {
        write_trust(key, label.clone(), context)?;
    }
    let mut page = page(Action::Add, Some(key), yes, own, signed, context)?;
    match &mut page.key {
        Some(known) => known.label = label,
        none => *none = Some(KnownKey::new(key, label)),
    }
    Ok(page)
}

/// Records that the user trusts a key.
fn write_trust(key: PublicKey, label: String, context: &Context) -> Result<(), Problem> {
    let said = TrustEntry {
        standing: KeyTrust::Trusted,
        time: context.now,
        label,
    };
    let own = SigningKey::load_or_create(&RealDisk, &context.config)?.public();
    Ok(Trust::say(&RealDisk, &context.config, own, key, said)?)
}

fn remove(typed: &str, own: PublicKey, signed: &SignedByKey, context: &Context) -> Result<TrustPage, Problem> {
    let known = keys::all(Some(own), signed, context)?;
    let labelled: Vec<&KnownKey> = known
        .iter()
        .filter(|known| known.is_trusted() && known.label == typed)
        .collect();
    let key = match labelled.as_slice() {
        [only] => only.key,
        _ => keys::meant(&typed.replace(' ', ""), &known)?,
    };
    if key == own {
        let hint = "`clew trust rotate` creates a new one; then you can remove the old one";
        return Err(Problem::usage("That is your own key, which signs your runs").with_hint(hint));
    }
    let there = known.iter().find(|known| known.key == key && known.is_trusted());
    let Some(there) = there else {
        return Err(Problem::usage("That key is not trusted").with_hint("`clew trust` lists the trusted keys"));
    };
    let said = TrustEntry {
        standing: KeyTrust::Removed,
        time: context.now,
        label: there.label.clone(),
    };
    Trust::say(&RealDisk, &context.config, own, key, said)?;
    page(Action::Remove, Some(key), true, Some(own), signed, context)
}

fn page(
    action: Action,
    key: Option<PublicKey>,
    is_done: bool,
    own: Option<PublicKey>,
    signed: &SignedByKey,
    context: &Context,
) -> Result<TrustPage, Problem> {
    let keys = keys::all(own, signed, context)?;
    Ok(TrustPage {
        action,
        key: key.and_then(|key| keys.iter().find(|known| known.key == key).cloned()),
        is_done,
        keys,
    })
}

fn no_key(context: &Context) -> Problem {
    let problem = format!("You have no key yet in {}", context.config.display());
    Problem::usage(problem).with_hint("`%load_ext clew` in a notebook creates it")
}

/// Refuses changes outside a terminal: a cell runs as the user, but one copied from another person's notebook must not extend trust
/// silently.
fn elsewhere(context: &Context) -> Problem {
    Problem::of(Exit::Refused, "Trusted keys can be changed only in a terminal").with_hint(format!(
        "type {} in a terminal",
        context.typed.again("", Interface::Terminal)
    ))
}

const AFTERWARDS: &str = "Running kernels keep the list that they read at their start.";

impl TrustPage {
    fn done(&self, known: &KnownKey) -> String {
        let (called, short) = (known.called(), known.short());
        match self.action {
            Action::Add => format!("Now trusted: {called}, {short}. {AFTERWARDS}\n"),
            Action::Remove if known.label.is_empty() => format!("No longer trusted: {short}. {AFTERWARDS}\n"),
            Action::Remove => format!("No longer trusted: {called}, {short}. {AFTERWARDS}\n"),
            _ => {
                let own = self.keys.iter().find(|known| known.trust == "own");
                format!(
                    "Your key is now {}. Runs signed by {short} stay yours; if others may have that key, use \
                     `clew trust remove {short}`. Running kernels sign with it until they end.\n",
                    own.map(KnownKey::short).unwrap_or_default()
                )
            }
        }
    }

    /// Formats the effects of trusting a key.
    fn preview(known: &KnownKey) -> String {
        let mut lines = format!("Would trust {}:\n  {}\n", known.called(), grouped(known.key));
        lines += &match known.runs {
            0 => "  It signed nothing in this store.\n".to_owned(),
            runs => format!(
                "  It signed {} here, in {}.\n",
                text::count(runs, "run"),
                text::listing(&known.histories, 4)
            ),
        };
        if known.trust == KeyTrust::Removed.text() {
            lines += "  You removed trust from it before.\n";
        }
        let label = match known.label.as_str() {
            "" => String::new(),
            label => format!(" --label {}", text::typed(label)),
        };
        lines
            + "Its owner can then run code as you: Clew unpickles their values, and may rerun their cells. Compare all \
               digits with the owner (`clew trust` shows them).\n"
            + &format!(
                "Nothing was changed.\nNext: `clew trust add {}{label} --yes`\n",
                known.key
            )
    }

    fn list(&self, context: &Context) -> String {
        let own = self.keys.iter().find(|known| known.trust == "own");
        let mut lines = match own {
            Some(own) => format!("Your key: {}\n", grouped(own.key)),
            None => "You have no key yet; it is created when the first notebook records.\n".to_owned(),
        };
        let others: Vec<&KnownKey> = self.keys.iter().filter(|known| known.trust != "own").collect();
        if others.is_empty() {
            lines += "You trust no other key, and no other key signed anything in this store.\n";
            return lines;
        }
        let mut table = TextTable::default().with_header(&["key", "whose", "", "since", "signed in this store"]);
        for known in others {
            table.push(vec![
                known.short(),
                known.called(),
                known.trust.to_owned(),
                known.time.map(|time| text::ago(time, context.now)).unwrap_or_default(),
                known.signed(),
            ]);
        }
        lines + &table.render(context)
    }
}

impl Page for TrustPage {
    fn text(&self, context: &Context) -> String {
        match &self.key {
            Some(known) if self.is_done => self.done(known),
            Some(known) => Self::preview(known),
            None => self.list(context),
        }
    }

    fn exit(&self) -> Exit {
        let waits = self.action != Action::List && !self.is_done;
        if waits { Exit::Refused } else { Exit::Done }
    }
}
