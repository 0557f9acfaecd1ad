//! Generates `ro-crate-metadata.json`, which makes a package an RO-Crate, with the terms of RO-Crate 1.1 and of the Workflow Run Crate
//! profiles (Process, Workflow and Provenance Run Crate 0.5, Workflow RO-Crate 1.0).
//!
//! The notebook is the workflow, a cell a step and a tool, a run of a cell an action. Files that are not in the package are described by
//! their recorded details. No person is named, because a history contains no names.

mod runs;
mod terms;

use clew_core::format::{Ending, Timestamp};
use serde_json::{Value, json};

use self::terms::{encoded, encoding, id, ids, license_id, moment, run_id};
use super::{METADATA, Member};

/// The context that defines the terms.
const CONTEXT: &str = "https://w3id.org/ro/crate/1.1/context";
/// The specification that the file conforms to.
const SPECIFICATION: &str = "https://w3id.org/ro/crate/1.1";
const WORKFLOW_CRATE: &str = "https://w3id.org/workflowhub/workflow-ro-crate/1.0";
const JUPYTER: &str = "https://w3id.org/workflowhub/workflow-ro-crate#jupyter";
/// Bioschemas' profile for workflows.
const WORKFLOW: &str = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE";
const PYTHON: &str = "https://www.python.org/";

/// The description of a package, from which its RO-Crate metadata is generated.
#[derive(Debug)]
pub(crate) struct PackageDescription<'a> {
    /// The display name of the history.
    pub title: &'a str,
    /// When the package was created.
    pub made: Timestamp,
    /// The licence that its author stated.
    pub license: Option<&'a str>,
    /// The notebook.
    pub notebook: &'a Member,
    /// The bundle, the requirements, and the README.
    pub bundle: &'a Member,
    pub requirements: Option<&'a Member>,
    pub readme: &'a Member,
    /// The version of Python that ran it.
    pub python: Option<&'a str>,
    /// Files that cells read or wrote.
    pub files: Vec<CrateFile>,
    /// The cells that ran.
    pub cells: Vec<CrateCell>,
    /// Their runs.
    pub runs: Vec<CrateRun>,
    /// Whether each run is described, and not only the result of all.
    pub tells_runs: bool,
}

/// A file that cells read or wrote.
#[derive(Debug)]
pub(crate) struct CrateFile {
    /// Its path, by which runs refer to it.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Its size in bytes, as recorded by a run.
    pub size: Option<u64>,
    /// The file in the package, if it is in it.
    pub member: Option<Member>,
    /// Further details, and why it is not in the package.
    pub note: String,
}

/// A cell in the metadata.
#[derive(Debug)]
pub(crate) struct CrateCell {
    /// Its key in ids.
    pub key: String,
    /// Its title for display.
    pub title: String,
}

/// A run in the metadata.
#[derive(Debug)]
pub(crate) struct CrateRun {
    /// Its number.
    pub label: String,
    /// The index of its cell.
    pub cell: usize,
    pub started: Timestamp,
    /// In nanoseconds.
    pub duration: u64,
    pub ending: Ending,
    /// The paths of files that it read and wrote.
    pub read: Vec<String>,
    pub written: Vec<String>,
}

impl CrateRun {
    fn ended(&self) -> Timestamp {
        self.started.saturating_add_unsigned(self.duration)
    }
}

/// Returns the text of `ro-crate-metadata.json`.
pub(crate) fn crate_metadata(told: &PackageDescription<'_>) -> String {
    let mut graph = vec![descriptor(), told.root()];
    graph.extend(
        told.profiles()
            .iter()
            .map(|(id, name, version)| json!({"@id": id, "@type": "CreativeWork", "name": name, "version": version})),
    );
    graph.extend(told.license_entity());
    graph.push(told.workflow());
    graph.push(json!({"@id": JUPYTER, "@type": "ComputerLanguage", "name": "Jupyter Notebook", "url": id("https://jupyter.org/")}));
    graph.push(told.engine());
    graph.extend(told.members());
    graph.extend(told.files.iter().enumerate().map(|(place, file)| file.entity(place)));
    if told.tells_runs {
        graph.extend(told.steps());
        graph.extend(told.actions());
    }
    graph.push(told.whole_run());
    let metadata = json!({
        "@context": [CONTEXT, {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}],
        "@graph": graph,
    });
    format!("{metadata:#}\n")
}

/// Returns the entity that describes the metadata file.
fn descriptor() -> Value {
    json!({
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": id("./"),
        "conformsTo": [id(SPECIFICATION), id(WORKFLOW_CRATE)],
    })
}

impl PackageDescription<'_> {
    /// Returns the profiles that it conforms to: Provenance Run Crate only if runs are described.
    fn profiles(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let provenance = (
            "https://w3id.org/ro/wfrun/provenance/0.5",
            "Provenance Run Crate",
            "0.5",
        );
        let mut profiles = vec![
            ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
            ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
        ];
        profiles.extend(self.has_steps().then_some(provenance));
        profiles.push((WORKFLOW_CRATE, "Workflow RO-Crate", "1.0"));
        profiles
    }

    fn has_steps(&self) -> bool {
        self.tells_runs && !self.runs.is_empty()
    }

    fn root(&self) -> Value {
        let members = [
            Some(self.notebook),
            Some(self.bundle),
            self.requirements,
            Some(self.readme),
        ];
        let inputs = self.files.iter().filter_map(|file| file.member.as_ref());
        let parts = members
            .into_iter()
            .flatten()
            .chain(inputs)
            .map(|member| encoded(&member.name));
        let mut actions = vec!["#run".to_owned()];
        if self.has_steps() {
            actions.extend(self.runs.iter().map(|run| run_id(&run.label)));
        }
        let license = match self.license {
            Some(license) => license_id(license).map_or_else(|| json!(license), |license| id(&license)),
            None => json!("No licence was stated: ask the author"),
        };
        json!({
            "@id": "./",
            "@type": "Dataset",
            "name": self.title,
            "description": format!("The notebook {}, with its history as Clew recorded it", self.notebook.name),
            "datePublished": moment(self.made),
            "license": license,
            "conformsTo": ids(self.profiles().iter().map(|(id, ..)| (*id).to_owned())),
            "mainEntity": id(&encoded(&self.notebook.name)),
            "hasPart": ids(parts),
            "mentions": ids(actions),
        })
    }

    fn license_entity(&self) -> Option<Value> {
        let license = self.license?;
        let of = license_id(license)?;
        Some(
            json!({"@id": of, "@type": "CreativeWork", "name": license, "description": "The licence, as stated by the author of the package"}),
        )
    }

    fn workflow(&self) -> Value {
        let mut workflow = json!({
            "@id": encoded(&self.notebook.name),
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": self.notebook.name,
            "conformsTo": id(WORKFLOW),
            "contentSize": self.notebook.size.to_string(),
            "sha256": self.notebook.sha256,
            "encodingFormat": "application/x-ipynb+json",
            "programmingLanguage": id(JUPYTER),
        });
        if let Some(requirements) = self.requirements {
            workflow["softwareRequirements"] = id(&encoded(&requirements.name));
        }
        if self.has_steps() {
            workflow["@type"] = json!(["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]);
            workflow["step"] = ids(self.cells.iter().map(CrateCell::step));
            workflow["hasPart"] = ids(self.cells.iter().map(CrateCell::tool));
        }
        workflow
    }

    fn engine(&self) -> Value {
        let mut engine = json!({"@id": PYTHON, "@type": "SoftwareApplication", "name": "Python", "url": id(PYTHON)});
        if let Some(version) = self.python {
            engine["softwareVersion"] = json!(version);
        }
        engine
    }

    fn members(&self) -> Vec<Value> {
        let described = |member: &Member, kind, what: &str| {
            let mut entity = file_entity(member, kind);
            entity["description"] = json!(what);
            entity
        };
        let bundle = "The history: runs and values. `clew import` imports it";
        let requirements = "Packages that were imported, in their versions";
        let mut entities = vec![described(self.bundle, "application/octet-stream", bundle)];
        entities.extend(
            self.requirements
                .map(|member| described(member, "text/plain", requirements)),
        );
        let mut readme = described(self.readme, "text/markdown", "What this is, and how to open it");
        readme["about"] = id("./");
        entities.push(readme);
        entities
    }
}

impl CrateCell {
    fn step(&self) -> String {
        format!("#step-{}", encoded(&self.key))
    }

    fn tool(&self) -> String {
        format!("#cell-{}", encoded(&self.key))
    }
}

impl CrateFile {
    fn id(&self, place: usize) -> String {
        match &self.member {
            Some(member) => encoded(&member.name),
            None => format!("#file-{}", place + 1),
        }
    }

    fn entity(&self, place: usize) -> Value {
        let mut entity = match &self.member {
            Some(member) => file_entity(member, encoding(&self.name)),
            // It is not in the package, and has no known URL, so it is not a data entity.
            None => json!({"@id": self.id(place), "@type": "CreativeWork"}),
        };
        entity["name"] = json!(self.name);
        if let (None, Some(size)) = (&self.member, self.size) {
            entity["contentSize"] = json!(size.to_string());
        }
        if !self.note.is_empty() {
            entity["description"] = json!(self.note);
        }
        entity
    }
}

fn file_entity(member: &Member, encoding: &str) -> Value {
    json!({
        "@id": encoded(&member.name),
        "@type": "File",
        "name": member.name,
        "contentSize": member.size.to_string(),
        "sha256": member.sha256,
        "encodingFormat": encoding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    /// 2026-11-20 14:00:00 UTC.
    const NOW: Timestamp = 1_795_183_200 * SECOND;

    fn run(label: &str, cell: usize, ending: Ending) -> CrateRun {
        CrateRun {
            label: label.to_owned(),
            cell,
            started: NOW - 60 * SECOND,
            duration: 2_500_000_000,
            ending,
            read: vec!["/home/ada/data/a b.csv".to_owned(), "/srv/large.bin".to_owned()],
            written: vec!["/home/ada/out.png".to_owned()],
        }
    }

    fn cell(key: &str) -> CrateCell {
        CrateCell {
            key: key.to_owned(),
            title: format!("cell {key}"),
        }
    }

    fn file(path: &str, name: &str, member: Option<&Member>) -> CrateFile {
        CrateFile {
            path: path.to_owned(),
            name: name.to_owned(),
            size: Some(12),
            member: member.cloned(),
            note: String::new(),
        }
    }

    fn text(license: Option<&str>, tells_runs: bool) -> String {
        let member = |name: &str| Member::of(name, name.as_bytes());
        let (notebook, bundle, readme) = (member("nb é.ipynb"), member("clew/history.clew"), member("README.md"));
        let (requirements, input) = (member("requirements.txt"), member("inputs/data/a b.csv"));
        crate_metadata(&PackageDescription {
            title: "trees",
            made: NOW,
            license,
            notebook: &notebook,
            bundle: &bundle,
            requirements: Some(&requirements),
            readme: &readme,
            python: Some("3.13.1"),
            files: vec![
                file("/home/ada/data/a b.csv", "data/a b.csv", Some(&input)),
                file("/srv/large.bin", "large.bin", None),
                file("/home/ada/out.png", "out.png", None),
            ],
            cells: vec![cell("a1"), cell("b 2")],
            runs: vec![
                run("2", 0, Ending::Done),
                run(
                    "3",
                    1,
                    Ending::Failed {
                        exception: "KeyError".to_owned(),
                    },
                ),
            ],
            tells_runs,
        })
    }

    #[test]
    fn a_crate_tells_its_runs_with_what_they_read_and_wrote() {
        insta::assert_snapshot!(text(Some("MIT-0"), true));
    }

    #[test]
    fn a_crate_of_a_state_alone_tells_no_runs() {
        let metadata: Value = serde_json::from_str(&text(None, false)).unwrap();
        let graph = metadata["@graph"].as_array().unwrap();
        let of_kind = |kind: &str| graph.iter().filter(|entity| entity["@type"] == kind).count();
        assert_eq!(
            (of_kind("CreateAction"), of_kind("HowToStep"), of_kind("OrganizeAction")),
            (1, 0, 0)
        );
        assert!(!metadata.to_string().contains("provenance"), "{metadata:#}");
        assert_eq!(graph[1]["license"], "No licence was stated: ask the author");
    }
}
