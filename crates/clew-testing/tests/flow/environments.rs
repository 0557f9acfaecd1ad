//! In what runs ran: what their process had imported by then, on whatever line of the history.

use clew_core::format::{Evidence, Interpreter, ModuleEvidence};
use clew_core::history::Environments;
use clew_core::id::RunId;
use clew_core::session::Request;

use super::notebook::Notebook;

fn imports(name: &str, version: &str) -> impl FnOnce(&mut Evidence) {
    let module = ModuleEvidence {
        name: name.to_owned(),
        version: Some(version.to_owned()),
        ..ModuleEvidence::default()
    };
    move |evidence| evidence.modules.push(module)
}

fn version(notebook: &Notebook, run: RunId, name: &str) -> Option<String> {
    let environments = Environments::of(notebook.history());
    let module = environments.module(&run, name)?;
    module.version.clone()
}

#[test]
fn what_a_process_imported_stays_on_whatever_line_it_goes_on() {
    let mut notebook = Notebook::new(1);
    notebook.run_with("a = int 1", |evidence| {
        evidence.interpreter = Some(Interpreter {
            version: "3.11.7".to_owned(),
            ..Interpreter::default()
        });
        evidence.found.push(ModuleEvidence {
            name: "numpy".to_owned(),
            version: Some("1.0".to_owned()),
            ..ModuleEvidence::default()
        });
    });
    let first = notebook.at();
    notebook.run_with("b = int 2", imports("pandas", "2.0"));
    notebook.go(&Request::Undo(1));
    notebook.run("c = int 3");
    let beside = notebook.at();
    assert_eq!(
        notebook.history().line(beside).count(),
        notebook.history().line(first).count() + 1,
        "the import is not on its line"
    );
    assert_eq!(version(&notebook, beside, "pandas").as_deref(), Some("2.0"));
    assert_eq!(version(&notebook, beside, "numpy").as_deref(), Some("1.0"));
    assert_eq!(version(&notebook, beside, "scipy"), None);
    let environments = Environments::of(notebook.history());
    assert_eq!(environments.interpreter(&beside).unwrap().version, "3.11.7");
}

#[test]
fn what_was_imported_anew_counts_from_then_on() {
    let mut notebook = Notebook::new(2);
    notebook.run_with("a = int 1", imports("pandas", "2.0"));
    let before = notebook.at();
    notebook.run_with("b = int 2", imports("pandas", "3.0"));
    let after = notebook.at();
    assert_eq!(version(&notebook, before, "pandas").as_deref(), Some("2.0"));
    assert_eq!(version(&notebook, after, "pandas").as_deref(), Some("3.0"));
    // The start of a session tells nothing: what came first was there.
    let start = notebook.history().line(before).last().map(|(id, _)| id).unwrap();
    assert_eq!(version(&notebook, start, "pandas").as_deref(), Some("2.0"));
}
