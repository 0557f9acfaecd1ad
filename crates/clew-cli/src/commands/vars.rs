//! `clew vars`: the variables of a state, from summaries. Decodes no values.

use std::collections::BTreeSet;

use clew_core::format::{Body, Encoding, Manifest, MemberGap, Summary, Version};
use clew_core::history::State;
use clew_core::id::{Root, RootKind, RunId};
use clew_core::store::StoreError;
use maud::{Markup, html};
use serde::Serialize;

use crate::changes::is_telling;
use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::html::{self, VariableChange};
use crate::page::Page;
use crate::problem::Problem;
use crate::table::TextTable;
use crate::text;

/// List the variables after a run: type, shape, size and last change.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The run
    #[arg(value_name = "REV", default_value = "@")]
    pub revision: String,
    /// Also list other session state: `Out[n]`, random generators, options, the working directory
    #[arg(long)]
    pub all: bool,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "vars",
    examples: &[("vars 14", "the variables after run 14, without loading them")],
    calls: &[CommandCall::new("vars 2", "vars(2)", "Vars")],
    method: Some(&[]),
    names_notebook: true,
    ..CommandInfo::DEFAULT
};

/// One root of a state.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Variable {
    /// The root.
    #[serde(flatten)]
    pub root: Root,
    /// The type with its module.
    pub type_name: String,
    /// The length of each dimension.
    pub shape: Vec<u64>,
    /// The approximate size in bytes.
    pub size: u64,
    /// The names of the first 50 columns.
    pub columns: Vec<String>,
    /// A short text of the value. Clew makes it without running your code.
    pub value: String,
    /// Roots that share objects with it. They are restored together.
    pub shares_with: Vec<Root>,
    /// The last run that changed it.
    pub changed_by: Option<String>,
    /// Set if the variable is *unverified* at this run: the last run at which Clew checked it.
    pub last_checked: Option<String>,
    /// How it is stored.
    pub stored: &'static str,
    /// The reason why it is not stored, or not completely.
    pub why: Option<String>,
    /// Whether another process recreated it from the store; null if this was not tried, or if restoring it needs no code.
    pub is_proved: Option<bool>,
    /// The reason why the other process failed.
    pub why_unproved: Option<String>,
}

/// The output of `vars`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Vars {
    /// The run.
    run: String,
    /// The variables after this run.
    variables: Vec<Variable>,
    /// The number of roots that are not listed. `--all` lists them.
    others: usize,
    /// A run whose record is missing. Variables may be missing here, too.
    missing: Option<String>,
}

/// Lists the variables after a run.
pub fn vars(arguments: &Arguments, place: &HistoryView<'_>, context: &Context) -> Result<Vars, Problem> {
    let id = place.resolve(&arguments.revision, context)?;
    let state = place.history.state(id);
    let is_shown = |root: &&Root| arguments.all || root.kind == RootKind::Name;
    let variables: Vec<Variable> = state
        .roots()
        .filter(is_shown)
        .filter_map(|root| variable(root, id, &state, place))
        .collect();
    let others = state.roots().filter(|root| !is_shown(root)).count();
    Ok(Vars {
        run: place.history.label(&id),
        variables,
        others,
        missing: place
            .history
            .missing_ancestor(id)
            .map(|missing| place.history.label(&missing)),
    })
}

/// Describes one root of the state after `id`.
pub fn variable(root: &Root, id: RunId, state: &State, place: &HistoryView<'_>) -> Option<Variable> {
    let version = state.version(root)?;
    let label = |id: RunId| place.history.label(&id);
    let mut variable = Variable {
        changed_by: place.history.changed_by(id, root, version).map(label),
        last_checked: place.history.uncertain_since(id, root).map(label),
        ..described(root, version, place)
    };
    if let Some(why) = class_not_stored(version, state, place) {
        variable.stored = "recipe";
        variable.why = Some(format!("its class is not stored: {why}"));
    }
    Some(variable)
}

/// Returns why a class that a stored value needs is not stored: without the class the value cannot be restored.
pub fn class_not_stored(version: &Version, state: &State, place: &HistoryView<'_>) -> Option<String> {
    let needed = |version: &Version| match place.records.manifest(&version.manifest).map(|manifest| manifest.body) {
        Ok(Body::Encoded(encoding)) => encoding.definitions,
        _ => Vec::new(),
    };
    let (mut met, mut left) = (BTreeSet::new(), needed(version));
    while let Some(class) = left.pop() {
        let root = Root::new(RootKind::Definition, class.clone());
        let Some(version) = state.version(&root).filter(|_| met.insert(class)) else {
            continue;
        };
        let manifest = place.records.manifest(&version.manifest);
        if let ("recipe" | "none", Some(why)) = stored(&root, manifest.as_ref()) {
            return Some(why);
        }
        left.extend(needed(version));
    }
    None
}

/// Describes one root of a version from its record; leaves out which run changed it and when it was last checked.
pub fn described(root: &Root, version: &Version, place: &HistoryView<'_>) -> Variable {
    let manifest = place.records.manifest(&version.manifest);
    let summary = manifest
        .as_ref()
        .map(|manifest| summary_of(root, manifest))
        .unwrap_or_default();
    let (stored, why) = stored(root, manifest.as_ref());
    let proof = place.history.proof(&version.manifest);
    Variable {
        type_name: summary.type_name,
        shape: summary.shape,
        size: summary.size,
        columns: summary.columns,
        value: summary.text,
        shares_with: version.roots.iter().filter(|other| *other != root).cloned().collect(),
        changed_by: None,
        last_checked: None,
        root: root.clone(),
        stored,
        why,
        is_proved: proof.map(|why| why.is_none()),
        why_unproved: proof.flatten().map(str::to_owned),
    }
}

fn summary_of(root: &Root, manifest: &Manifest) -> Summary {
    let index = manifest.roots.iter().position(|other| other == root);
    index
        .and_then(|index| manifest.summaries.get(index))
        .cloned()
        .unwrap_or_default()
}

fn stored(root: &Root, manifest: Result<&Manifest, &StoreError>) -> (&'static str, Option<String>) {
    match manifest.map(|manifest| &manifest.body) {
        Ok(Body::Encoded(encoding)) => {
            let nth = manifest.map(|manifest| manifest.roots.iter().position(|other| other == root));
            (
                "encoded",
                nth.ok().flatten().and_then(|nth| member_not_stored(nth, encoding)),
            )
        }
        Ok(Body::Recipe { why, .. }) => ("recipe", Some(why.clone())),
        Ok(Body::None { why }) => ("none", Some(why.clone())),
        Ok(Body::Withheld { why }) => ("withheld", Some(why.clone())),
        Err(error @ StoreError::Forgotten { .. }) => ("forgotten", Some(error.to_string())),
        Err(error @ StoreError::Dropped { .. }) => ("dropped", Some(error.to_string())),
        Err(error @ StoreError::LeftOut { .. }) => ("left out", Some(error.to_string())),
        Err(error) => ("missing", Some(error.to_string())),
    }
}

/// Returns a member of the n-th root that is not stored, with the reason.
fn member_not_stored(nth: usize, encoding: &Encoding) -> Option<String> {
    let mut gaps = encoding.gaps.iter().filter(|gap| gap.root as usize == nth);
    let MemberGap { path, why, .. } = gaps.next()?;
    let more = match gaps.count() {
        0 => String::new(),
        others => format!(", and {others} more"),
    };
    Some(format!("without `{path}`{more}: {why}"))
}

impl Variable {
    /// Returns its name for display.
    pub fn label(&self) -> String {
        text::clean(&self.root.to_string())
    }

    /// Formats `DataFrame 336776 × 19`.
    pub fn type_and_shape(&self) -> String {
        let name = self.type_name.rsplit('.').next().unwrap_or_default();
        let lengths: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        text::clean(format!("{name} {}", lengths.join(" × ")).trim_end())
    }

    /// Returns its short text, else its columns.
    pub fn text(&self) -> String {
        let line = if self.value.is_empty() {
            self.columns.join(", ")
        } else {
            self.value.clone()
        };
        text::clean(&line).replace(['\n', '\t'], " ")
    }

    /// Returns its short text, or why it is no longer available.
    pub fn told(&self) -> String {
        match (self.stored, &self.why) {
            ("forgotten" | "missing", Some(why)) => text::clean(why),
            _ => self.text(),
        }
    }

    /// Whether it is a module without a note.
    fn is_module(&self) -> bool {
        self.type_name == "module" && self.note().is_empty()
    }

    /// Returns the notes: not stored, unverified, sharing objects.
    fn note(&self) -> String {
        let mut notes = Vec::new();
        match (self.stored, &self.why) {
            ("recipe", Some(why)) => notes.push(format!("recreated by a rerun: {why}")),
            ("withheld", Some(why)) => notes.push(format!("not recorded: {why}")),
            ("none", Some(why)) => notes.push(format!("not recorded: {why}")),
            (_, Some(why)) => notes.push(why.clone()),
            (_, None) => {}
        }
        if let Some(why) = &self.why_unproved {
            notes.push(format!("could not be rebuilt: {why}"));
        }
        if let Some(run) = &self.last_checked {
            notes.push(format!("unverified, last seen after run {run}"));
        }
        let shared: Vec<String> = self
            .shares_with
            .iter()
            .filter(|root| is_telling(root))
            .map(ToString::to_string)
            .collect();
        if !shared.is_empty() {
            notes.push(format!("shares objects with {}", text::listing(&shared, 3)));
        }
        text::clean(&notes.join("; "))
    }
}

/// Formats `Modules: np, pd`: modules have no further details.
fn told_modules(modules: &[&Variable]) -> Option<String> {
    let labels: Vec<String> = modules.iter().map(|module| module.label()).collect();
    (!labels.is_empty()).then(|| format!("Modules: {}", labels.join(", ")))
}

/// The column headings.
const HEADER: [&str; 6] = ["name", "type", "size", "changed by", "value", "note"];

impl Vars {
    /// Formats `12 variables after run 14`.
    fn total(&self, context: &Context) -> String {
        let count = text::count(self.variables.len(), self.noun());
        let mut total = format!("{count} after run {}", self.run);
        if self.others > 0 {
            let all = context.command("vars --all");
            total += &format!("; {all} lists {} more (outputs, settings)", self.others);
        }
        total
    }

    fn body(&self, context: &Context) -> Markup {
        let row = |variable: &Variable| {
            vec![
                html! { b { (html::cut(&variable.label())) } },
                html! { span.clew-once { (variable.type_and_shape()) } },
                html! { span.clew-once { (text::bytes(variable.size)) } },
                html! { @if let Some(run) = &variable.changed_by { (html::run(run)) } },
                html::cut(&variable.text()),
                html::cut_remark(
                    (variable.stored != "encoded").then_some(VariableChange::Changed),
                    &variable.note(),
                ),
            ]
        };
        let (modules, others): (Vec<&Variable>, Vec<&Variable>) = self.variables.iter().partition(|it| it.is_module());
        let rows: Vec<Vec<Markup>> = others.into_iter().map(row).collect();
        html! {
            div.clew-vars { (html::table(&HEADER, &rows)) }
            @if let Some(modules) = told_modules(&modules) { (html::line(&html! { (modules) })) }
            (html::line(&html::faint(&self.total(context))))
            @if let Some(in_part) = self.in_part() { (html::line(&html! { (in_part) })) }
        }
    }

    /// Formats that the list may be incomplete.
    fn in_part(&self) -> Option<String> {
        let missing = self.missing.as_ref()?;
        Some(format!(
            "This list is incomplete: the record of run {missing} before it is missing."
        ))
    }

    fn noun(&self) -> &'static str {
        let is_name = |variable: &Variable| variable.root.kind == RootKind::Name;
        if self.variables.iter().all(is_name) {
            "variable"
        } else {
            "item"
        }
    }
}

impl Page for Vars {
    fn html(&self, context: &Context) -> Option<String> {
        (!self.variables.is_empty()).then(|| html::fragment(&self.body(context)))
    }

    fn text(&self, context: &Context) -> String {
        let in_part = self.in_part().map(|line| format!("{line}\n"));
        if self.variables.is_empty() {
            return in_part.unwrap_or_else(|| format!("Run {} left no variables.\n", self.run));
        }
        let mut table = TextTable::default().with_header(&HEADER).flexible(4);
        let (modules, others): (Vec<&Variable>, Vec<&Variable>) = self.variables.iter().partition(|it| it.is_module());
        for variable in others {
            table.push(vec![
                context.style.strong(&variable.label()),
                variable.type_and_shape(),
                text::bytes(variable.size),
                variable.changed_by.clone().unwrap_or_default(),
                variable.text(),
                context.style.careful(&variable.note()),
            ]);
        }
        let modules = told_modules(&modules)
            .map(|line| format!("{line}\n"))
            .unwrap_or_default();
        let (table, total) = (table.render(context), self.total(context));
        format!("{table}{modules}{total}\n{}", in_part.unwrap_or_default())
    }
}
