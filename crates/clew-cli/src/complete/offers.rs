//! Candidates from the store: revisions with their runs, variables with their types, histories, settings.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::id::{RootKind, RunId};

use super::{Candidate, Source};
use crate::commands::vars::variable;
use crate::context::Context;
use crate::history_view::{HistoryView, StoredHistory, history_name, open_indexed, open_store};
use crate::run_page::RunPage;
use crate::settings::{SETTINGS, setting};
use crate::text;

/// More candidates are not useful.
const MOST: usize = 100;
/// The width of a candidate's description in columns.
const ABOUT: usize = 60;

/// A request for completions.
pub(super) struct CompletionRequest<'a> {
    /// All words typed so far.
    pub words: &'a [String],
    /// The source at the cursor.
    pub source: Source,
    /// The word's beginning.
    pub typed: &'a str,
}

/// Returns the candidates.
pub(super) fn offered(
    asked: &CompletionRequest<'_>,
    place: Option<&HistoryView<'_>>,
    context: &Context,
) -> Vec<Candidate> {
    match asked.source {
        Source::Keys => SETTINGS
            .iter()
            .map(|setting| candidate(setting.key, setting.about))
            .collect(),
        Source::Values => values(asked),
        Source::Histories => histories(asked, context),
        Source::Nothing => Vec::new(),
        _ => in_history(asked, place, context),
    }
}

fn candidate(text: impl Into<String>, about: impl AsRef<str>) -> Candidate {
    let about = text::shorten(&text::clean(about.as_ref()), ABOUT);
    Candidate {
        text: text.into(),
        about: (!about.is_empty()).then_some(about),
    }
}

/// Returns values of the preceding setting.
fn values(asked: &CompletionRequest<'_>) -> Vec<Candidate> {
    let key = asked.words.iter().rev().skip(1).find_map(|word| setting(word));
    match key {
        Some(setting) if setting.default_value().is_flag() => vec![candidate("true", ""), candidate("false", "")],
        Some(setting) => vec![candidate(setting.default, "the default")],
        None => Vec::new(),
    }
}

fn option<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    words.iter().enumerate().find_map(|(index, word)| {
        let rest = word.strip_prefix(name)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value),
            // The last word is still being typed.
            None if rest.is_empty() && index + 2 < words.len() => words.get(index + 1).map(String::as_str),
            None => None,
        }
    })
}

fn histories(asked: &CompletionRequest<'_>, context: &Context) -> Vec<Candidate> {
    let directory = option(asked.words, "--store").map_or_else(|| context.store.clone(), Into::into);
    let Ok(store) = open_store(&directory, context) else {
        return Vec::new();
    };
    let all = store.histories().unwrap_or_default();
    let mut found: Vec<Candidate> = all
        .iter()
        .map(|(id, description)| {
            candidate(
                history_name(*id, description),
                description.path.as_deref().unwrap_or(""),
            )
        })
        .collect();
    found.sort_by(|one, other| one.text.cmp(&other.text));
    found.dedup_by(|one, other| one.text == other.text);
    found
}

/// Returns candidates from a history: the live one unless another is named.
fn in_history(asked: &CompletionRequest<'_>, place: Option<&HistoryView<'_>>, context: &Context) -> Vec<Candidate> {
    let wanted = option(asked.words, "--history");
    let store = option(asked.words, "--store");
    if let Some(place) = place.filter(|_| wanted.is_none() && store.is_none()) {
        return of_place(asked, place, context);
    }
    let directory = store.map_or_else(|| context.store.clone(), Into::into);
    match open_indexed(&directory, context).and_then(|store| StoredHistory::near(store, wanted, context)) {
        Ok(opened) => of_place(asked, &opened.place(), context),
        Err(_) => Vec::new(),
    }
}

fn of_place(asked: &CompletionRequest<'_>, place: &HistoryView<'_>, context: &Context) -> Vec<Candidate> {
    let earlier = &asked.words[..asked.words.len().saturating_sub(1)];
    match asked.source {
        // After `--` only variables follow, even where revisions could come before it.
        Source::Revisions if !earlier.iter().any(|word| word == "--") => revisions(asked.typed, place),
        Source::Branches => labels(place.history.names().branches(), place),
        Source::Tags => labels(place.history.names().tags(), place),
        Source::Operations => operations(place),
        Source::Inputs => inputs(place),
        _ => names(asked, earlier, place, context),
    }
}

fn revisions(typed: &str, place: &HistoryView<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut line = place
        .at
        .into_iter()
        .flat_map(|at| place.history.ancestry(at))
        .map(|(id, _)| id);
    for relative in ["@", "@-"] {
        found.extend(line.next().map(|run| candidate(relative, said_of(run, place))));
    }
    found.extend(labels(place.history.names().branches(), place));
    found.extend(labels(place.history.names().tags(), place));
    let runs = place
        .history
        .outlines()
        .rev()
        .map(|(id, outline)| (id, outline.label()));
    let wanted = runs.filter(|(_, label)| label.starts_with(typed)).take(MOST);
    found.extend(wanted.map(|(id, label)| candidate(label, said_of(id, place))));
    found
}

/// Returns the files that cells read and their folders, for mapping them to local paths.
fn inputs(place: &HistoryView<'_>) -> Vec<Candidate> {
    let read = place.history.runs().flat_map(|(_, run)| &run.evidence.files_read);
    let paths = read
        .filter(|file| file.size.is_some() && !file.is_of_environment())
        .map(|file| file.path.as_str());
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for path in paths.collect::<BTreeSet<_>>() {
        *found.entry(path).or_default() += 1;
        if let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
            *found.entry(folder).or_default() += 1;
        }
    }
    let offers = found.into_iter().take(MOST);
    offers
        .map(|(path, count)| candidate(format!("{path}="), text::count(count, "file")))
        .collect()
}

/// Returns a run's headline.
fn said_of(id: RunId, place: &HistoryView<'_>) -> String {
    place
        .history
        .run(&id)
        .map(|run| RunPage::of(id, run, place).headline())
        .unwrap_or_default()
}

/// Returns branches or tags.
fn labels(names: &BTreeMap<String, RunId>, place: &HistoryView<'_>) -> Vec<Candidate> {
    names
        .iter()
        .map(|(name, run)| candidate(name, format!("{}  {}", place.history.label(run), said_of(*run, place))))
        .collect()
}

fn operations(place: &HistoryView<'_>) -> Vec<Candidate> {
    let numbered = place.history.operations().iter().enumerate().rev().take(MOST);
    numbered
        .map(|(number, (_, operation))| {
            let at = operation.view.at.as_ref().map(|at| place.history.label(&at.run));
            candidate(
                format!("op:{number}"),
                at.map(|at| format!("at {at}")).unwrap_or_default(),
            )
        })
        .collect()
}

/// Returns the variables of the relevant state: that of a revision typed before, else the current one.
fn names(
    asked: &CompletionRequest<'_>,
    earlier: &[String],
    place: &HistoryView<'_>,
    context: &Context,
) -> Vec<Candidate> {
    let spoken_of = earlier.iter().skip(1).filter(|word| !word.starts_with('-'));
    let run = spoken_of
        .filter_map(|word| place.history.resolve(word, place.at, context.now).ok())
        .next_back();
    let Some(run) = run.or(place.at) else { return Vec::new() };
    let state = place.history.state(run);
    let named = state
        .roots()
        .filter(|root| root.kind == RootKind::Name && !root.key.starts_with('_') && root.key.starts_with(asked.typed));
    // Reading each type takes time: above the limit only names are offered.
    named
        .enumerate()
        .map(|(index, root)| {
            let known = (index < MOST).then(|| variable(root, run, &state, place)).flatten();
            candidate(
                root.key.clone(),
                known.map(|known| known.type_and_shape()).unwrap_or_default(),
            )
        })
        .collect()
}
