//! The runs in an RO-Crate: steps, tools and actions.

use std::collections::BTreeSet;

use clew_core::format::Ending;
use serde_json::{Value, json};

use super::terms::{encoded, id, ids, moment, one_or_all, run_id};
use super::{CrateCell, CrateRun, JUPYTER, PYTHON, PackageDescription};
use crate::text;

impl PackageDescription<'_> {
    pub(super) fn steps(&self) -> Vec<Value> {
        let steps = self.cells.iter().enumerate().map(|(place, cell)| {
            json!({
                "@id": cell.step(),
                "@type": "HowToStep",
                "name": cell.title,
                "position": (place + 1).to_string(),
                "workExample": id(&cell.tool()),
            })
        });
        let tools = self.cells.iter().map(|cell| {
            json!({"@id": cell.tool(), "@type": "SoftwareSourceCode", "name": cell.title, "programmingLanguage": id(JUPYTER)})
        });
        steps.chain(tools).collect()
    }

    pub(super) fn actions(&self) -> Vec<Value> {
        if self.runs.is_empty() {
            return Vec::new();
        }
        let control = |run: &CrateRun| format!("#control-{}", run.label);
        let mut actions = vec![json!({
            "@id": "#organized",
            "@type": "OrganizeAction",
            "name": "The cells, as they were run one after another",
            "instrument": id(PYTHON),
            "object": ids(self.runs.iter().map(control)),
            "result": id("#run"),
        })];
        for run in &self.runs {
            let cell = &self.cells[run.cell];
            actions.push(json!({
                "@id": control(run),
                "@type": "ControlAction",
                "name": format!("Run {} was asked for", run.label),
                "instrument": id(&cell.step()),
                "object": id(&run_id(&run.label)),
            }));
            actions.push(self.action(run, cell));
        }
        actions
    }

    fn action(&self, run: &CrateRun, cell: &CrateCell) -> Value {
        let mut action = json!({
            "@id": run_id(&run.label),
            "@type": "CreateAction",
            "name": format!("Run {}", run.label),
            "description": format!("Run {} of {}", run.label, cell.title),
            "instrument": id(&cell.tool()),
            "startTime": moment(run.started),
            "endTime": moment(run.ended()),
        });
        ended(&mut action, &run.ending);
        self.files_of(&mut action, run.read.iter(), run.written.iter());
        action
    }

    /// Returns one action for all runs that led to a state, with the notebook as its tool.
    pub(super) fn whole_run(&self) -> Value {
        let mut action = json!({
            "@id": "#run",
            "@type": "CreateAction",
            "name": format!("{}, as it was run", self.notebook.name),
            "description": format!("{} of cells, up to the state that is in the package", text::count(self.runs.len(), "run")),
            "instrument": id(&encoded(&self.notebook.name)),
        });
        if let (Some(first), Some(last)) = (
            self.runs.iter().map(|run| run.started).min(),
            self.runs.iter().map(CrateRun::ended).max(),
        ) {
            action["startTime"] = json!(moment(first));
            action["endTime"] = json!(moment(last));
        }
        if let Some(last) = self.runs.last() {
            ended(&mut action, &last.ending);
        }
        let read = self.runs.iter().flat_map(|run| &run.read);
        self.files_of(&mut action, read, self.runs.iter().flat_map(|run| &run.written));
        let mut results = vec![id(&encoded(&self.bundle.name))];
        match action["result"].take() {
            Value::Array(files) => results.extend(files),
            Value::Null => {}
            file => results.push(file),
        }
        action["result"] = one_or_all(results);
        action
    }

    fn files_of<'p>(
        &self,
        action: &mut Value,
        read: impl Iterator<Item = &'p String>,
        written: impl Iterator<Item = &'p String>,
    ) {
        let known = |path: &String| {
            let place = self.files.iter().position(|file| file.path == *path)?;
            Some(self.files[place].id(place))
        };
        let once = |paths: Vec<String>| {
            let mut met = BTreeSet::new();
            let found: Vec<String> = paths.into_iter().filter(|path| met.insert(path.clone())).collect();
            (!found.is_empty()).then(|| ids(found))
        };
        if let Some(read) = once(read.filter_map(known).collect()) {
            action["object"] = read;
        }
        if let Some(written) = once(written.filter_map(known).collect()) {
            action["result"] = written;
        }
    }
}

fn ended(action: &mut Value, ending: &Ending) {
    let (status, error) = match ending {
        Ending::Done => ("Completed", None),
        Ending::Failed { exception } => ("Failed", Some(text::clean(exception))),
        Ending::Interrupted => ("Failed", Some("interrupted".to_owned())),
    };
    action["actionStatus"] = json!(format!("http://schema.org/{status}ActionStatus"));
    if let Some(error) = error {
        action["error"] = json!(error);
    }
}
