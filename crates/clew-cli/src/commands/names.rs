//! `clew branch`, `tag` and `describe`: branches, tags and descriptions of runs.

use std::collections::BTreeMap;

use clew_core::id::RunId;
use clew_core::session::{NameRequest, NamingResult};
use serde::Serialize;

use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::page::Page;
use crate::run_page::RunPage;
use crate::secrets;
use crate::table::TextTable;
use crate::text;

/// List, create, rename or delete branches, which follow your runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Branch {
    /// The branch; without it, list all branches
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// The run to create it at, by default the current one; with `-m` the new name
    #[arg(value_name = "REV", requires = "name")]
    pub revision: Option<String>,
    /// Delete the branch; its runs stay
    #[arg(short, long, requires = "name", conflicts_with = "revision")]
    pub delete: bool,
    /// Rename a branch: `-m OLD NEW`, or `-m NEW` for the one you are on
    #[arg(short = 'm', long = "move", requires = "name", conflicts_with = "delete")]
    pub rename: bool,
}

pub(crate) const BRANCH: CommandInfo = CommandInfo {
    name: "branch",
    examples: &[
        ("branch trees", "create a branch at the current run"),
        ("branch -m trees forest", "rename trees to forest"),
        ("branch", "list branches"),
    ],
    calls: &[CommandCall::new("branch", "branch()", "Named")],
    method: Some(&["delete"]),
    changes: CommandEffect::History,
    scope: |word| word.map_or(CommandScope::History, |_| CommandScope::Kernel),
    names_notebook: true,
    ..CommandInfo::DEFAULT
};

/// List, create or delete tags, which stay at their run.
#[derive(Debug, Clone, clap::Args)]
pub struct Tag {
    /// The tag; without it, list all tags
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// The run; by default the current one
    #[arg(value_name = "REV", requires = "name")]
    pub revision: Option<String>,
    /// Delete the tag; the run stays
    #[arg(short, long, requires = "name", conflicts_with = "revision")]
    pub delete: bool,
}

pub(crate) const TAG: CommandInfo = CommandInfo {
    name: "tag",
    examples: &[
        ("tag clean 14", "tag run 14 as clean"),
        ("tag -d clean", "delete the tag"),
    ],
    calls: &[CommandCall::new("tag", "tag()", "Named")],
    method: Some(&["delete"]),
    changes: CommandEffect::History,
    scope: |word| word.map_or(CommandScope::History, |_| CommandScope::Kernel),
    names_notebook: true,
    ..CommandInfo::DEFAULT
};

/// Describe a run in your words, for `log` and `show`.
#[derive(Debug, Clone, clap::Args)]
pub struct Describe {
    /// The run
    #[arg(value_name = "REV", default_value = "@")]
    pub revision: String,
    /// The description; an empty text removes it
    #[arg(short, long, value_name = "TEXT")]
    pub message: String,
    /// Descriptions of the credentials that were removed from the text.
    #[arg(skip)]
    pub(super) left_out: Vec<String>,
}

pub(crate) const DESCRIBE: CommandInfo = CommandInfo {
    name: "describe",
    examples: &[("describe 14 -m \"before the outliers\"", "describe run 14")],
    calls: &[CommandCall::new("describe 2 -m words", "describe('words', 2)", "Named")],
    changes: CommandEffect::History,
    scope: |_| CommandScope::Kernel,
    ..CommandInfo::DEFAULT
};

impl Branch {
    /// Returns the request to a live session; `None` to list the branches.
    pub(super) fn request(&self) -> Option<NameRequest> {
        let name = self.name.clone()?;
        Some(match (&self.revision, self.delete, self.rename) {
            (_, true, _) => NameRequest::DeleteBranch(name),
            (Some(to), _, true) => NameRequest::RenameBranch {
                from: Some(name),
                to: to.clone(),
            },
            (None, _, true) => NameRequest::RenameBranch { from: None, to: name },
            (at, _, _) => NameRequest::Branch { name, at: at.clone() },
        })
    }

    /// Returns a name among its arguments that is stored and displayed.
    pub(super) fn given_name(&self) -> Option<&str> {
        let new = self.revision.as_ref().filter(|_| self.rename);
        let name = new.or(self.name.as_ref()).filter(|_| !self.delete);
        name.map(String::as_str)
    }
}

impl Tag {
    /// Returns the request to a live session; `None` to list the tags.
    pub(super) fn request(&self) -> Option<NameRequest> {
        let name = self.name.clone()?;
        if self.delete {
            return Some(NameRequest::DeleteTag(name));
        }
        let at = self.revision.clone().unwrap_or_else(|| "@".to_owned());
        Some(NameRequest::Tag { name, at })
    }

    /// Returns a name among its arguments that is stored and displayed.
    pub(super) fn given_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| !self.delete)
    }
}

impl Describe {
    /// Removes credentials and the `known` texts from the description.
    pub fn leave_out(&mut self, known: &[String]) {
        let (kept, taken) = secrets::kept(&self.message, known);
        self.message = kept;
        self.left_out.extend(taken);
    }
}

/// One branch or tag.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry {
    /// The name.
    name: String,
    /// The run; null if its record is missing.
    run: Option<RunPage>,
    /// Whether the session is on it.
    is_current: bool,
}

/// All branches, or all tags.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NameList {
    /// `branch` or `tag`.
    kind: &'static str,
    /// All branches, or all tags.
    names: Vec<Entry>,
}

impl NameList {
    /// Returns all branches.
    pub fn branches(place: &HistoryView<'_>) -> Self {
        Self::of("branch", place.history.names().branches(), place)
    }

    /// Returns all tags.
    pub fn tags(place: &HistoryView<'_>) -> Self {
        Self::of("tag", place.history.names().tags(), place)
    }

    fn of(kind: &'static str, names: &BTreeMap<String, RunId>, place: &HistoryView<'_>) -> Self {
        let entry = |(name, id): (&String, &RunId)| Entry {
            name: name.clone(),
            run: place.history.run(id).map(|run| RunPage::of(*id, run, place)),
            is_current: kind == "branch" && place.branch.as_ref() == Some(name),
        };
        Self {
            kind,
            names: names.iter().map(entry).collect(),
        }
    }
}

impl Page for NameList {
    fn text(&self, context: &Context) -> String {
        if self.names.is_empty() {
            let (many, begin) = match self.kind {
                "branch" => ("branches", "branch NAME"),
                _ => ("tags", "tag NAME"),
            };
            let begin = context.command(begin);
            return format!("There are no {many} yet; {begin} creates one.\n");
        }
        let mut table = TextTable::default().flexible(3);
        for entry in &self.names {
            let style = context.style;
            let mark = if entry.is_current { "@" } else { "" };
            let mut row = vec![mark.to_owned(), style.strong(&text::clean(&entry.name))];
            match &entry.run {
                Some(run) => row.extend([run.run.clone(), run.headline(), text::ago(run.time, context.now)]),
                None => row.push(style.gone("its run is missing")),
            }
            table.push(row);
        }
        table.render(context)
    }
}

/// The result of a change of branches, tags or descriptions.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NamePage {
    /// The result in a sentence.
    message: String,
    /// The run.
    run: String,
    /// The branch on which the session is now.
    branch: Option<String>,
    /// Kinds of credentials that Clew removed from the description.
    removed_credentials: Vec<String>,
}

impl NamePage {
    /// Describes what `request` did. Credentials in `left_out` are not in its text.
    pub fn of(request: &NameRequest, named: &NamingResult, left_out: &[String]) -> Self {
        let run = &named.run;
        let message = match request {
            NameRequest::Branch { name, at } if at.is_none() && named.branch.as_ref() == Some(name) => {
                format!("Branch {name} starts at run {run}, and follows your runs")
            }
            NameRequest::Branch { name, .. } => format!("Branch {name} is at run {run}"),
            NameRequest::DeleteBranch(name) => format!("Deleted branch {name}; it was at run {run}, which stays"),
            NameRequest::RenameBranch { from, to } => {
                let from = from
                    .as_ref()
                    .map_or("The current branch".to_owned(), |from| format!("Branch {from}"));
                format!("{from} is now called {to}; it is at run {run}")
            }
            NameRequest::Tag { name, .. } => format!("Tag {name} is at run {run}"),
            NameRequest::DeleteTag(name) => format!("Deleted tag {name}; it was at run {run}, which stays"),
            NameRequest::Describe { text, .. } if text.trim().is_empty() => {
                format!("Run {run} has no description any more")
            }
            NameRequest::Describe { text, .. } => format!("Run {run}: {}", text::headline(text)),
        };
        Self {
            message: text::clean(&message),
            run: run.clone(),
            branch: named.branch.clone(),
            removed_credentials: left_out.to_vec(),
        }
    }
}

impl Page for NamePage {
    fn text(&self, _: &Context) -> String {
        let mut text = format!("{}.\n", self.message.trim_end_matches('.'));
        if !self.removed_credentials.is_empty() {
            let left_out = secrets::left_out(&self.removed_credentials);
            text += &format!("In your text, {left_out}; it is not stored.\n");
        }
        text
    }
}
