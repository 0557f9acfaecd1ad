//! The properties of each command. Each command's module in `commands` has a [`CommandInfo`], and `commands.rs` lists all of them. The list
//! is used for parsing, help, completion, hints, Python calls and the reference in docs/guide.

/// All commands, with their grammar.
#[derive(Debug)]
pub struct Registry {
    /// The groups of commands, in the order in which help lists them.
    pub(crate) groups: &'static [(&'static str, &'static [&'static CommandInfo])],
    /// Builds the grammar of all commands, for clap.
    pub(crate) definition: fn() -> clap::Command,
}

impl Registry {
    /// Returns all commands.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &'static CommandInfo> + use<> {
        self.groups.iter().flat_map(|(_, commands)| *commands).copied()
    }

    /// Returns the command with this name.
    pub(crate) fn find(&self, name: &str) -> Option<&'static CommandInfo> {
        self.commands().find(|info| info.name == name)
    }

    /// Whether a command, as typed, only works in a terminal.
    pub(crate) fn is_of_terminal(&self, words: &str) -> bool {
        let pieces: Vec<&str> = words.split_whitespace().collect();
        let info = pieces.first().and_then(|first| self.find(first));
        let begins = |begin: &&str| pieces.starts_with(&begin.split(' ').collect::<Vec<_>>());
        info.is_some_and(|info| info.terminal_only.iter().any(begins)) && !pieces.contains(&"--stale")
    }
}

/// The properties of a command. Its arguments and help are in its `clap::Args`.
#[derive(Debug)]
pub(crate) struct CommandInfo {
    /// The name that users type: `log`.
    pub name: &'static str,
    /// One or two examples: the command line, and its effect.
    pub examples: &'static [(&'static str, &'static str)],
    /// The forms of the command in each interface: the rows of docs/guide/interfaces.md. Empty for commands that cannot be tried there.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests make the reference of it"))]
    pub calls: &'static [CommandCall],
    /// The keyword arguments of its method of `clew.session()`; `None` if hints show `command(…)` instead.
    pub method: Option<&'static [&'static str]>,
    /// The most that it may change.
    pub changes: CommandEffect,
    /// The options among `--store`, `--history` and `--kernel` that a hint with this command repeats. The argument is the word after the
    /// command.
    pub scope: fn(Option<&str>) -> CommandScope,
    /// Command lines that begin like this only work in a terminal.
    pub terminal_only: &'static [&'static str],
    /// Whether its output names the notebook that Clew selected, if the user named none. Other outputs are scripts, or name the notebook
    /// anyway.
    pub names_notebook: bool,
    /// Whether the command is reserved: it only prints that it is not available yet.
    pub is_reserved: bool,
}

impl CommandInfo {
    /// The values that most commands have.
    pub const DEFAULT: Self = Self {
        name: "",
        examples: &[],
        calls: &[],
        method: None,
        changes: CommandEffect::Nothing,
        scope: |_| CommandScope::History,
        terminal_only: &[],
        names_notebook: false,
        is_reserved: false,
    };
}

/// One command line in every interface.
#[derive(Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "tests make the reference of it"))]
pub(crate) struct CommandCall {
    /// The text after `%clew` or `clew`.
    pub typed: &'static str,
    /// The call of its method of `clew.session()`, and the class of its result in `clew.results`. Without a method, programs call
    /// `command(…)`, whose result is a `Result`.
    pub method: Option<(&'static str, &'static str)>,
}

impl CommandCall {
    pub const fn new(typed: &'static str, python: &'static str, result: &'static str) -> Self {
        Self {
            typed,
            method: Some((python, result)),
        }
    }

    /// Creates a command line without a method.
    pub const fn plain(typed: &'static str) -> Self {
        Self { typed, method: None }
    }
}

/// Describes the fields of a page for docs/json.md.
#[cfg(test)]
pub(crate) trait PageFields {
    /// Returns a table of the fields of this type.
    fn fields<P: schemars::JsonSchema>(&mut self) -> String;
}

/// The most that a command may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommandEffect {
    /// Nothing, except files that the user names.
    Nothing,
    /// Variables and other session state.
    Session,
    /// Names, descriptions, or what is recorded from now on.
    History,
    /// A store.
    Store,
    /// It deletes recorded values for good, so a misspelled command is never corrected to it.
    RecordedValues,
    /// The installation, the settings or the user's keys.
    Setup,
    /// A remote.
    Remote,
}

#[cfg(test)]
impl CommandEffect {
    /// Returns the text for the reference.
    pub fn text(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Session => "the session",
            Self::History => "the history",
            Self::Store => "the store",
            Self::RecordedValues => "recorded values",
            Self::Setup => "the setup",
            Self::Remote => "a remote",
        }
    }
}

/// The part of the data that a command uses. Each variant includes the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CommandScope {
    /// Neither a store nor a history.
    Nothing,
    /// A store.
    Store,
    /// A history of the store.
    History,
    /// The kernel that records the history.
    Kernel,
}
