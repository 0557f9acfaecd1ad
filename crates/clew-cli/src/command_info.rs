//! What each command declares of itself. Its module in `commands` fills in a [`CommandInfo`], and `commands.rs` lists them all; parsing,
//! help, completion, hints, calls in Python and the reference in docs/guide read this list.

/// All commands, and what can be typed.
#[derive(Debug)]
pub struct Registry {
    /// The groups of commands, in the order in which help lists them.
    pub(crate) groups: &'static [(&'static str, &'static [&'static CommandInfo])],
    /// Builds what can be typed, as clap parses it.
    pub(crate) definition: fn() -> clap::Command,
}

impl Registry {
    /// All commands.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &'static CommandInfo> + use<> {
        self.groups.iter().flat_map(|(_, commands)| *commands).copied()
    }

    /// The command of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&'static CommandInfo> {
        self.commands().find(|info| info.name == name)
    }

    /// Whether a command, as it is typed, works in a terminal only.
    pub(crate) fn is_of_terminal(&self, words: &str) -> bool {
        let pieces: Vec<&str> = words.split_whitespace().collect();
        let info = pieces.first().and_then(|first| self.find(first));
        let begins = |begin: &&str| pieces.starts_with(&begin.split(' ').collect::<Vec<_>>());
        info.is_some_and(|info| info.terminal_only.iter().any(begins)) && !pieces.contains(&"--stale")
    }
}

/// What a command declares of itself. Its arguments and its help are those of its `clap::Args`.
#[derive(Debug)]
pub(crate) struct CommandInfo {
    /// What people type: `log`.
    pub name: &'static str,
    /// An example or two: what is typed, and what it does.
    pub examples: &'static [(&'static str, &'static str)],
    /// How each interface takes it: the rows of docs/guide/interfaces.md. Empty for what cannot be tried there.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests make the reference of it"))]
    pub calls: &'static [CommandCall],
    /// The keywords that are options of its method of `clew.session()`; `None` if hints write `command(…)` instead.
    pub method: Option<&'static [&'static str]>,
    /// What it changes at most.
    pub changes: CommandEffect,
    /// Which options `--store`, `--history` and `--kernel` a hint repeats behind it. The argument is the word after the command.
    pub scope: fn(Option<&str>) -> CommandScope,
    /// What begins like this can be typed in a terminal only.
    pub terminal_only: &'static [&'static str],
    /// Whether its answer names the notebook that it is about, where none was named. Other answers are a script, or name it anyway.
    pub names_notebook: bool,
    /// Whether it is reserved: it prints that it is not available yet.
    pub is_reserved: bool,
}

impl CommandInfo {
    /// What is the same for most commands.
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

/// One command in every interface.
#[derive(Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "tests make the reference of it"))]
pub(crate) struct CommandCall {
    /// What is typed after `%clew` and `clew`.
    pub typed: &'static str,
    /// The call of its method of `clew.session()`, and the class of its result in `clew.results`. Without a method, programs type
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

    /// A command without a method.
    pub const fn plain(typed: &'static str) -> Self {
        Self { typed, method: None }
    }
}

/// What a command changes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommandEffect {
    /// It only reads, apart from files that the user names.
    Nothing,
    /// Variables and other session state.
    Session,
    /// Names, descriptions, or what is recorded from now on.
    History,
    /// A store.
    Store,
    /// It deletes recorded values for good, so no typing error is corrected to it.
    RecordedValues,
    /// The installation, the settings or the user's keys.
    Setup,
    /// A remote.
    Remote,
}

#[cfg(test)]
impl CommandEffect {
    /// What the reference prints.
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

/// What a command is about; a later one includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CommandScope {
    /// Neither a store nor a history.
    Nothing,
    /// A store.
    Store,
    /// A history of it.
    History,
    /// The kernel that records in one.
    Kernel,
}
