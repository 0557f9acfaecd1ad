//! `clew eval`: what an expression is in the state that a run left.

use std::path::PathBuf;
use std::time::Instant;

use clew_core::format::Summary;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{Asked, Candidate, Eval, Lost, Question, Waiting, candidate, exceptions, is_there};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::page::Page;
use crate::problem::Problem;
use crate::text;

/// What an expression came to.
#[derive(Debug, Serialize)]
pub struct Evaluated {
    /// The run in whose state it was asked.
    run: String,
    expression: String,
    /// What `repr` makes of it.
    value: String,
    /// Whether that was cut.
    is_truncated: bool,
    type_name: String,
    #[serde(serialize_with = "as_in_vars")]
    summary: Summary,
    seconds: f64,
    /// What is not as the run left it.
    not_restored: Vec<Lost>,
    /// Why the sandbox does not hold on this machine; empty where it does.
    sandbox_gaps: Vec<String>,
}

/// Writes a summary as `vars` tells it, with its short text as `value`.
fn as_in_vars<S: Serializer>(summary: &Summary, to: S) -> Result<S::Ok, S::Error> {
    let mut fields = to.serialize_struct("Summary", 5)?;
    fields.serialize_field("type_name", &summary.type_name)?;
    fields.serialize_field("shape", &summary.shape)?;
    fields.serialize_field("size", &summary.size)?;
    fields.serialize_field("columns", &summary.columns)?;
    fields.serialize_field("value", &summary.text)?;
    fields.end()
}

/// Makes the question of what was typed.
pub fn eval(
    arguments: &Eval,
    place: &HistoryView<'_>,
    executable: Option<PathBuf>,
    context: &Context,
) -> Result<Question, Problem> {
    let run = place.resolve_whole(&arguments.revision, context)?;
    is_there(run, place)?;
    let asked = Asked::Eval(candidate(run, place));
    Question::of(asked, &arguments.expression, place, executable, context)
}

pub(super) fn work_out(
    question: &Question,
    candidate: &Candidate,
    waiting: &mut dyn Waiting,
    context: &Context,
    begun: Instant,
) -> Result<Evaluated, Problem> {
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
    Ok(Evaluated {
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

impl Page for Evaluated {
    fn text(&self, context: &Context) -> String {
        let mut text = format!("{}\n", text::clean(&self.value));
        if self.is_truncated {
            text += &format!("{}\n", context.style.faint("(the rest was cut)"));
        }
        text + &exceptions(&format!("run {}", self.run), &self.not_restored, &self.sandbox_gaps)
    }
}
