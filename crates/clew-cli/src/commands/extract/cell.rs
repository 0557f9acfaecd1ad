//! One cell of a script.

use clew_core::format::{Ending, Run};

use super::python::{LineSyntax, kind_of, literal};

/// One cell of a script, with its source as Python or as IPython executes it from a file.
#[derive(Debug, Clone)]
pub struct ScriptCell {
    /// The label of the run.
    pub run: String,
    /// The source.
    pub source: String,
    /// How it ended.
    pub ending: Ending,
    execution_count: Option<u64>,
    has_magics: bool,
}

impl ScriptCell {
    /// Creates the cell of `run`.
    pub fn of(run: &Run, source: &str) -> Self {
        let evidence = &run.evidence;
        // IPython translates its own syntax into calls of `get_ipython`; for runs without evidence this is unknown.
        let may_have = evidence.reads.iter().any(|name| name == "get_ipython")
            || (evidence.touched_all && evidence.reads.is_empty());
        Self {
            run: run.label(),
            source: source.trim_end().to_owned(),
            ending: run.ending.clone(),
            execution_count: run.execution_count,
            has_magics: may_have && source.lines().any(|line| kind_of(line) != LineSyntax::Plain),
        }
    }

    /// Whether it requires IPython.
    pub fn needs_ipython(&self) -> bool {
        self.has_magics && self.source.lines().any(|line| kind_of(line) == LineSyntax::Ipython)
    }

    /// Returns the cell as text for the script, preceded by a comment that identifies it.
    pub fn text(&self) -> String {
        let count = self
            .execution_count
            .map_or_else(String::new, |count| format!("  In [{count}]"));
        let source = self.runnable();
        match &self.ending {
            Ending::Done => format!("\n# run {}{count}\n{source}\n", self.run),
            Ending::Failed { exception } => {
                let name = format!("run {}", self.run);
                format!(
                    "\n# run {}{count}  failed with {exception}, after it had done what is needed\n\
                     try:\n    exec(compile({}, '{name}', 'exec'))\n\
                     except Exception as error:\n    print(f'{name} failed again, as when it was recorded: {{error!r}}')\n",
                    self.run,
                    literal(&format!("{source}\n"))
                )
            }
            Ending::Interrupted => format!(
                "\n# run {}{count}  was interrupted when it was recorded\n{source}\n",
                self.run
            ),
        }
    }

    /// Returns the source with display-only lines commented out, and a cell magic as a call.
    fn runnable(&self) -> String {
        if !self.has_magics {
            return self.source.clone();
        }
        let first = self
            .source
            .lines()
            .position(|line| !line.trim().is_empty())
            .unwrap_or(0);
        let mut lines = self.source.lines().skip(first);
        if let Some(magic) = lines.clone().next().and_then(|line| line.strip_prefix("%%"))
            && kind_of(&format!("%%{magic}")) == LineSyntax::Ipython
        {
            lines.next();
            let body: String = lines.map(|line| format!("{line}\n")).collect();
            let (name, rest) = magic.split_once(' ').unwrap_or((magic, ""));
            return format!(
                "get_ipython().run_cell_magic({}, {}, {})",
                quoted(name),
                quoted(rest.trim()),
                literal(&body)
            );
        }
        let written = lines.map(|line| match kind_of(line) {
            LineSyntax::Showing => {
                let indent = &line[..line.len() - line.trim_start().len()];
                // A block must not become empty.
                let pass = if indent.is_empty() { "" } else { "pass  " };
                format!("{indent}{pass}# {}", line.trim_start())
            }
            _ => line.to_owned(),
        });
        written.collect::<Vec<_>>().join("\n")
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
