//! `clew extract --check`: runs a script to verify that it recreates the recorded values.

use super::{ProgressMonitor, Question};
use crate::commands::extract::{ExtractedScript, ScriptCheck, TargetVariable};
use crate::problem::Problem;
use crate::sandbox_process::{ScriptResult, make};
use crate::text;

/// Runs the script in a fresh process, and compares its results by fingerprint.
pub(super) fn work_out(
    question: &Question,
    script: &ExtractedScript,
    waiting: &mut dyn ProgressMonitor,
) -> Result<ScriptCheck, Problem> {
    waiting.tell("Running the script in a sandbox process");
    let comparable: Vec<&TargetVariable> = script.wanted.iter().filter(|wanted| wanted.is_comparable()).collect();
    let groups: Vec<Vec<String>> = comparable.iter().map(|wanted| wanted.names()).collect();
    let mut goes_on = || waiting.goes_on();
    let made = make(
        &question.start,
        &script.script,
        script.is_ipython,
        &groups,
        &mut goes_on,
    );
    let made = made.map_err(|error| question.problem(&error))?;
    let mut differs: Vec<(String, String)> = Vec::new();
    for wanted in script.wanted.iter().filter(|wanted| !wanted.is_comparable()) {
        let why = "it shares objects with values that no script can recreate, so it cannot be compared";
        differs.push((wanted.root.to_string(), why.to_owned()));
    }
    for (wanted, found) in comparable.iter().zip(&made.fingerprints) {
        if let Some(why) = difference(wanted, found.as_ref(), &made) {
            differs.push((wanted.root.to_string(), why));
        }
    }
    Ok(ScriptCheck {
        is_same: differs.is_empty(),
        differs,
    })
}

fn difference(
    wanted: &TargetVariable,
    found: Option<&clew_core::id::Fingerprint>,
    made: &ScriptResult,
) -> Option<String> {
    let raised = made
        .error
        .as_ref()
        .map(|error| text::clean(&format!("{}: {}", error.exception, error.message)));
    match (found, raised) {
        (Some(found), _) if *found == wanted.fingerprint => None,
        (None, Some(raised)) => Some(format!("the script raised {raised}")),
        (None, None) => Some("the script did not create it, or it has no value to compare".to_owned()),
        (Some(_), Some(raised)) => Some(format!("the value is different; the script raised {raised}")),
        (Some(_), None) if !made.gaps.is_empty() => Some(format!("the value is different; {}", made.gaps.join("; "))),
        (Some(_), None) => Some("the value differs from the recorded one".to_owned()),
    }
}
