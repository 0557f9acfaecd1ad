//! Pages: the results of commands, as data. One serializer formats all of them as JSON; each has its own function that formats its text.

use serde::Serialize;
use serde_json::Value;

use crate::command_info::CommandEffect;
use crate::context::Context;
use crate::interface::Interface;
use crate::problem::{Exit, Problem};
use crate::python_call;
use crate::terminal_text::TerminalText;
use crate::text;

/// The version of the JSON output. Within a version, fields are added, but never renamed or removed.
pub const SCHEMA: u32 = 1;

/// The result of a command.
pub trait Page: Serialize {
    /// Formats the text for people: a summary line, then the exceptions.
    fn text(&self, context: &Context) -> String;

    /// Formats the HTML that a notebook displays instead of the text. It contains no script, loads nothing from the network, and escapes
    /// all texts. `None` if there is only text.
    fn html(&self, _: &Context) -> Option<String> {
        None
    }

    /// Returns the exit code.
    fn exit(&self) -> Exit {
        Exit::Done
    }
}

/// The formatted result of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The exit code.
    pub exit: Exit,
    /// The text for people; empty if JSON was requested.
    pub text: TerminalText,
    /// The HTML that a notebook displays instead of the text.
    pub html: Option<String>,
    /// The result as data, if JSON was requested, or for the Python API.
    pub data: Option<Value>,
    /// Whether JSON was requested.
    pub is_json: bool,
    /// Whether the text explains why nothing was done. A preview (`--dry-run`) is not such a text.
    pub is_problem: bool,
}

impl Output {
    /// Creates the output of a text that is not a page.
    pub(crate) fn said(exit: Exit, text: &str) -> Self {
        Self {
            exit,
            text: TerminalText::of(text),
            html: None,
            data: None,
            is_json: false,
            is_problem: exit != Exit::Done,
        }
    }

    /// Returns the printed text: the JSON if it was requested, else the text for people.
    pub fn printed(&self) -> TerminalText {
        match self.data.as_ref().filter(|_| self.is_json) {
            Some(json) => TerminalText::of(&format!("{}\n", escape(&format!("{json:#}")))),
            None => self.text.clone(),
        }
    }
}

/// Writes characters that could control a terminal as JSON escapes. JSON contains such characters only in strings.
fn escape(json: &str) -> String {
    let one = |letter: char| {
        if text::is_harmless(letter) {
            letter.to_string()
        } else {
            format!("\\u{:04x}", u32::from(letter))
        }
    };
    json.chars().map(one).collect()
}

#[derive(Serialize)]
struct Envelope<'a, P: Serialize> {
    /// The version of this page: `1`.
    schema: u32,
    /// The command without its arguments, such as `log` or `op`.
    command: &'a str,
    /// The exit code.
    exit: u8,
    #[serde(flatten)]
    page: &'a P,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ErrorBody<'a> {
    /// Why the command failed.
    error: &'a Problem,
}

impl Problem {
    /// Returns the problem with commands as they are typed in this interface. Exceptions in Python show Python calls.
    #[must_use]
    pub fn told(&self, context: &Context) -> Self {
        let message = match context.interface {
            Interface::Python => python_call::told(&self.message, context.registry),
            Interface::Terminal | Interface::Notebook | Interface::Forwarded => self.message.clone(),
        };
        Self {
            message,
            hint: self.hint.as_deref().map(|hint| context.told(hint)),
            ..self.clone()
        }
    }
}

/// Formats the result of a command as text or JSON.
#[derive(Debug, Clone, Copy)]
pub struct OutputFormatter<'a> {
    /// The name of the command.
    pub word: &'a str,
    /// Whether JSON was requested.
    pub as_json: bool,
    /// The context in which it was typed.
    pub context: &'a Context,
}

impl OutputFormatter<'_> {
    /// Formats a command's page, or its failure.
    pub fn give<P: Page>(&self, result: Result<P, Problem>) -> Output {
        match result {
            Ok(page) => self.show(&page),
            Err(problem) => self.fail(&problem),
        }
    }

    /// Formats a page.
    pub fn show<P: Page>(&self, page: &P) -> Output {
        let mut output = self.output(page.exit(), page);
        if !self.as_json {
            output.text = TerminalText::of(&page.text(self.context));
            output.html = match self.context.interface {
                Interface::Notebook | Interface::Python if self.context.settings.flag("display.html") => {
                    page.html(self.context)
                }
                _ => None,
            };
        }
        output
    }

    /// Formats a failure.
    pub fn fail(&self, problem: &Problem) -> Output {
        let mut problem = problem.told(self.context);
        let command = self.context.registry.find(self.word);
        if command.is_some_and(|command| command.changes == CommandEffect::Nothing) {
            problem = problem.of_reading();
        }
        let mut output = self.output(problem.exit, &ErrorBody { error: &problem });
        if !self.as_json {
            output.text = TerminalText::of(&problem.text());
            output.is_problem = true;
        }
        output
    }

    fn output<P: Serialize>(&self, exit: Exit, page: &P) -> Output {
        let envelope = Envelope {
            schema: SCHEMA,
            command: self.word,
            exit: exit.code(),
            page,
        };
        let is_wanted = self.as_json || self.context.interface == Interface::Python;
        Output {
            exit,
            text: TerminalText::default(),
            html: None,
            data: is_wanted.then(|| serde_json::to_value(envelope).unwrap_or_default()),
            is_json: self.as_json,
            is_problem: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[derive(Serialize)]
    struct Drawn;

    impl Page for Drawn {
        fn text(&self, _: &Context) -> String {
            "words".to_owned()
        }

        fn html(&self, _: &Context) -> Option<String> {
            Some("<b>words</b>".to_owned())
        }
    }

    #[test]
    fn a_notebook_is_shown_html_unless_the_settings_say_text_only() {
        let html = |interface, settings| {
            let context = Context {
                interface,
                settings,
                ..Context::of_process(interface)
            };
            let answer = OutputFormatter {
                word: "log",
                as_json: false,
                context: &context,
            };
            answer.show(&Drawn).html.is_some()
        };
        assert!(html(Interface::Notebook, Settings::default()));
        assert!(!html(Interface::Terminal, Settings::default()));
        assert!(!html(
            Interface::Notebook,
            Settings::default().typed("display.html", "false")
        ));
    }
}
