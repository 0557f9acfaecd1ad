//! `clew eval`: evaluates an expression in the state after a run.

use std::path::PathBuf;
use std::time::Instant;

use clew_core::format::Summary;
use serde::{Serialize, Serializer};

use super::{
    Candidate, Eval, InexactVariable, ProgressMonitor, Question, SandboxTask, candidate, exceptions, is_there,
};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::page::Page;
use crate::problem::Problem;
use crate::text;

/// The result of `eval`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EvalPage {
    /// The run in whose state Clew evaluated the expression.
    run: String,
    /// The expression.
    expression: String,
    /// The result, as `repr` prints it.
    value: String,
    /// Whether `value` was shortened.
    is_truncated: bool,
    /// The type of the result.
    type_name: String,
    /// A summary of the result, as for a variable.
    #[serde(serialize_with = "as_in_vars")]
    #[cfg_attr(test, schemars(with = "SummaryPage<'static>"))]
    summary: Summary,
    /// The time that the evaluation took, in seconds.
    seconds: f64,
    /// Variables that the expression reads, and other session state, that are not as the run left them.
    not_restored: Vec<InexactVariable>,
    /// Protections that the sandbox lacks on this machine.
    sandbox_gaps: Vec<String>,
}

/// A summary with the names that `vars` gives its fields.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SummaryPage<'a> {
    /// The type with its module.
    type_name: &'a str,
    /// The length of each dimension.
    shape: &'a [u64],
    /// The approximate size in bytes.
    size: u64,
    /// The names of the first 50 columns.
    columns: &'a [String],
    /// A short text of the value.
    value: &'a str,
}

fn as_in_vars<S: Serializer>(summary: &Summary, to: S) -> Result<S::Ok, S::Error> {
    let page = SummaryPage {
        type_name: &summary.type_name,
        shape: &summary.shape,
        size: summary.size,
        columns: &summary.columns,
        value: &summary.text,
    };
    page.serialize(to)
}

/// Creates a question from the arguments.
pub fn eval(
    arguments: &Eval,
    place: &HistoryView<'_>,
    executable: Option<PathBuf>,
    context: &Context,
) -> Result<Question, Problem> {
    let run = place.resolve_whole(&arguments.revision, context)?;
    is_there(run, place)?;
    let asked = SandboxTask::Eval(candidate(run, place));
    Question::of(asked, &arguments.expression, place, executable, context)
}

pub(super) fn work_out(
    question: &Question,
    candidate: &Candidate,
    waiting: &mut dyn ProgressMonitor,
    context: &Context,
) -> Result<EvalPage, Problem> {
    let begun = Instant::now();
    waiting.tell(&format!("Loading run {} into a sandbox process", candidate.label));
    let tried = question.try_at(candidate, &mut None, false, waiting)?;
    if let Some(error) = &tried.value.error {
        let what = format!(
            "`{}` raised {} in the state of run {}: {}",
            question.shown(),
            text::clean(&error.exception),
            candidate.label,
            text::clean(&error.message)
        );
        let missing = exceptions(&format!("run {}", candidate.label), &tried.lost, &[]);
        let vars = context.command(&format!("vars {}", candidate.label));
        let not_yet = context.not_recorded_yet();
        let hint = match missing.trim() {
            "" => format!("{vars} lists the variables{not_yet}"),
            missing => format!("{vars} lists the variables{not_yet}. {missing}"),
        };
        return Err(Problem::usage(what).with_hint(hint));
    }
    Ok(EvalPage {
        run: candidate.label.clone(),
        expression: question.expression.clone(),
        value: tried.value.text,
        is_truncated: tried.value.is_cut,
        type_name: tried.value.summary.type_name.clone(),
        summary: tried.value.summary,
        seconds: begun.elapsed().as_secs_f64(),
        not_restored: tried.lost,
        sandbox_gaps: tried.gaps,
    })
}

impl Page for EvalPage {
    fn text(&self, context: &Context) -> String {
        let mut text = format!("{}\n", text::clean(&self.value));
        if self.is_truncated {
            text += &format!("{}\n", context.style.faint("(the rest was cut)"));
        }
        text + &exceptions(&format!("run {}", self.run), &self.not_restored, &self.sandbox_gaps)
    }
}
