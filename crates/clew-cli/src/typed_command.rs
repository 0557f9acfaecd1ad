//! The typed command, for hints: a suggested command repeats its options for store, history and kernel.

use crate::command_info::{CommandScope, Registry};
use crate::interface::Interface;
use crate::text::typed;

/// The words of a command, and the store, history and kernel that they name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypedCommand {
    words: Vec<String>,
    store: Option<String>,
    history: Option<String>,
    kernel: Option<String>,
}

/// Returns the words that the user typed. In a notebook, the kernel inserts its own store and history before them (`clew.native_commands`).
pub(crate) fn by_people(words: &[String], interface: Interface) -> &[String] {
    let is_of_kernel = |word: &&String| word.starts_with("--store=") || word.starts_with("--history=");
    match interface {
        Interface::Terminal => words,
        Interface::Notebook | Interface::Forwarded | Interface::Python => {
            &words[words.iter().take_while(is_of_kernel).count()..]
        }
    }
}

/// Returns the scope of a command in a hint. Options and unknown words have the scope of a history.
fn scope(words: &str, registry: &Registry) -> CommandScope {
    let mut pieces = words.split_whitespace();
    let (first, second) = (pieces.next().unwrap_or_default(), pieces.next());
    if first.starts_with('-') || words.ends_with("--help") {
        return CommandScope::Nothing;
    }
    registry
        .find(first)
        .map_or(CommandScope::History, |info| (info.scope)(second))
}

impl TypedCommand {
    /// Parses the options in these words.
    pub fn of(words: &[String]) -> Self {
        let mut found = Self {
            words: words.to_vec(),
            ..Self::default()
        };
        let mut words = words.iter().take_while(|word| *word != "--");
        while let Some(word) = words.next() {
            let (option, value) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let place = match option {
                "--store" => &mut found.store,
                "--history" => &mut found.history,
                "--kernel" => &mut found.kernel,
                _ => continue,
            };
            *place = value.or_else(|| words.next().cloned());
        }
        found
    }

    /// Returns a copy with this history, which was chosen among several.
    #[must_use]
    pub(crate) fn in_history(&self, name: String) -> Self {
        Self {
            history: Some(name),
            ..self.clone()
        }
    }

    /// Formats a suggested command with the same store, history and kernel, in backticks.
    pub(crate) fn command(&self, words: &str, interface: Interface, registry: &Registry) -> String {
        let scope = scope(words, registry);
        let named = [
            ("--store", &self.store, CommandScope::Store),
            ("--history", &self.history, CommandScope::History),
            ("--kernel", &self.kernel, CommandScope::Kernel),
        ];
        let mut options = String::new();
        for (option, value, least) in named {
            if let Some(value) = value
                && scope >= least
                && !words.contains(option)
            {
                options += &format!(" {option} {}", typed(value));
            }
        }
        // In a notebook, the command would act on that notebook's session, or be refused.
        let is_elsewhere = scope == CommandScope::Kernel && !options.is_empty() || registry.is_of_terminal(words);
        let is_elsewhere = is_elsewhere && interface != Interface::Terminal;
        let (interface, place) = if is_elsewhere {
            (Interface::Terminal, " in a terminal")
        } else {
            (interface, "")
        };
        format!("{}{place}", interface.command(&with_options(words, &options)))
    }

    /// Formats the typed command with another option, or with another value for it. If the command is unknown, formats only the option.
    pub(crate) fn again(&self, option: &str, interface: Interface) -> String {
        if self.words.is_empty() {
            return format!("`{option}`");
        }
        let (name, value) = option
            .split_once(' ')
            .map_or((option, None), |(name, value)| (name, Some(value)));
        let words = line(&self.without_options(&[name, long(name)], value.is_some()));
        let option = Some(option).filter(|option| !option.is_empty());
        let option = option.map(|option| format!(" {option}")).unwrap_or_default();
        interface.command(&with_options(&words, &option))
    }

    /// Formats the typed command without an option. If the command is unknown, formats `otherwise`.
    pub(crate) fn without(&self, option: &str, otherwise: &str, interface: Interface) -> String {
        if self.words.is_empty() {
            return interface.command(otherwise);
        }
        interface.command(&line(&self.without_options(&[option], false)))
    }

    /// Formats the typed command for the notebook whose history it names.
    pub(crate) fn in_notebook(&self) -> String {
        if self.words.is_empty() {
            return "the same".to_owned();
        }
        Interface::Notebook.command(&line(
            &self.without_options(&["--store", "--history", "--kernel"], true),
        ))
    }

    fn without_options(&self, options: &[&str], have_values: bool) -> Vec<String> {
        let (mut kept, mut words, mut are_names) = (Vec::new(), self.words.iter(), false);
        while let Some(word) = words.next() {
            are_names |= word == "--";
            let name = word.split('=').next().unwrap_or_default();
            if are_names || !options.contains(&name) {
                kept.push(word.clone());
            } else if have_values && name == word {
                words.next();
            }
        }
        kept
    }
}

/// Returns the long form of an option.
fn long(option: &str) -> &str {
    match option {
        "-o" => "--output",
        option => option,
    }
}

/// Joins words into a command line, quoted where necessary.
fn line(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| typed(word)).collect();
    words.join(" ")
}

/// Inserts options before `--` and the names.
fn with_options(words: &str, options: &str) -> String {
    match words.split_once(" -- ") {
        Some((before, names)) => format!("{before}{options} -- {names}"),
        None => format!("{words}{options}"),
    }
}

#[cfg(test)]
mod tests {
    use super::TypedCommand;
    use crate::REGISTRY;
    use crate::interface::Interface;

    fn typed(line: &str) -> TypedCommand {
        TypedCommand::of(&shlex::split(line).unwrap())
    }

    #[test]
    fn a_command_that_is_told_is_about_what_was_named() {
        let named = typed("--store /data/s log --history 'my first.ipynb'");
        for (words, told) in [
            ("vars 3", "`clew vars 3 --store /data/s --history 'my first.ipynb'`"),
            (
                "restore 3 -- x",
                "`clew restore 3 --store /data/s --history 'my first.ipynb' -- x`",
            ),
            ("log --history b", "`clew log --history b --store /data/s`"),
            ("list", "`clew list --store /data/s`"),
            ("config KEY", "`clew config KEY`"),
            ("log --help", "`clew log --help`"),
        ] {
            assert_eq!(named.command(words, Interface::Terminal, REGISTRY), told);
        }
        assert_eq!(
            typed("undo --kernel 7").command("switch 3", Interface::Terminal, REGISTRY),
            "`clew switch 3 --kernel 7`"
        );
        // A command that only reads does not use a kernel. Words after `--` are names.
        assert_eq!(
            typed("undo --kernel=7").command("log", Interface::Terminal, REGISTRY),
            "`clew log`"
        );
        assert_eq!(
            typed("restore 3 -- --history x").command("log", Interface::Terminal, REGISTRY),
            "`clew log`"
        );
    }

    #[test]
    fn what_a_notebook_cannot_do_to_another_one_is_told_for_a_terminal() {
        let named = typed("log --history b");
        assert_eq!(
            named.command("vars", Interface::Notebook, REGISTRY),
            "`%clew vars --history b`"
        );
        assert_eq!(
            typed("log").command("trust add abc", Interface::Notebook, REGISTRY),
            "`clew trust add abc` in a terminal"
        );
        assert_eq!(
            named.command("switch 3", Interface::Notebook, REGISTRY),
            "`clew switch 3 --history b` in a terminal"
        );
    }

    #[test]
    fn a_command_is_told_again_with_another_option() {
        let export = typed("export 'a b.clew' --history x");
        assert_eq!(
            export.again("--force", Interface::Notebook),
            "`%clew export 'a b.clew' --history x --force`"
        );
        assert_eq!(
            typed("restore 3 -- x").again("--rerun", Interface::Terminal),
            "`clew restore 3 --rerun -- x`"
        );
        assert_eq!(
            typed("extract x --output a.py").again("-o 'a b.ipy'", Interface::Terminal),
            "`clew extract x -o 'a b.ipy'`"
        );
        assert_eq!(
            typed("package 'my first.ipynb' --dry-run").without("--dry-run", "", Interface::Terminal),
            "`clew package 'my first.ipynb'`"
        );
        assert_eq!(
            typed("--history 'a b' switch --kernel=7 'x y' -- --store").in_notebook(),
            "`%clew switch 'x y' -- --store`"
        );
    }
}
