//! The environment of a command. Everything is passed in, so that tests can set it.

use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clew_core::format::{Timestamp, Uptime};
use clew_core::store::Keyring;
use jiff::tz::TimeZone;

use crate::command_info::Registry;
use crate::interface::Interface;
use crate::platform::{UserFolder, uptime};
use crate::python_call;
use crate::sandbox_process::Environment;
use crate::settings::{Origin, Settings, Sources};
use crate::style::Style;
use crate::text;
use crate::typed_command::TypedCommand;

/// The Python process of a command that came from a notebook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Python {
    /// The environment's folder (`sys.prefix`).
    pub prefix: PathBuf,
    /// The interpreter.
    pub executable: PathBuf,
    /// Distributions that matter to Clew, with their versions.
    pub versions: Vec<(String, String)>,
    /// The hooks in IPython and the kernel, and whether they are still installed.
    pub hooks: Vec<(String, bool)>,
    /// Other loaded extensions that follow cells.
    pub rivals: Vec<String>,
    /// Why the last run could not be recorded, if it could not.
    pub unrecorded: Option<String>,
    /// Histories that the notebook may have been meant to continue, with the command for each, although it has its own.
    pub candidates: Vec<String>,
    /// The environment variables at the start of recording: states contain changes to these.
    pub environment: Option<Environment>,
}

/// The environment of a command.
#[derive(Debug, Clone)]
pub struct Context {
    /// The interface that the command came through.
    pub interface: Interface,
    /// The default store.
    pub store: PathBuf,
    /// The folder of keys and trust.
    pub config: PathBuf,
    /// The key file of encrypted stores that overrides those in that folder.
    pub store_key: Option<PathBuf>,
    /// The folder of caches: the index over logs.
    pub cache: PathBuf,
    /// The current time.
    pub now: Timestamp,
    /// The machine's uptime, if known.
    pub uptime: Option<Uptime>,
    /// The time zone for display.
    pub zone: TimeZone,
    /// The width of the output in columns.
    pub width: usize,
    /// Whether and how colours are used.
    pub style: Style,
    /// The settings of all layers.
    pub settings: Settings,
    /// The notebook's folder, else the working directory: its project determines settings and store.
    pub near: Option<PathBuf>,
    /// The Python in which the command runs.
    pub python: Option<Python>,
    /// The command line.
    pub typed: TypedCommand,
    /// The commands.
    pub registry: &'static Registry,
}

/// Returns the key file of encrypted stores from the environment, if set.
pub fn store_key() -> Option<PathBuf> {
    env::var_os(STORE_KEY)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

impl Context {
    /// Returns the same context for these words: suggested commands refer to the same store, history and kernel.
    #[must_use]
    pub fn with_words(&self, words: &[String]) -> Self {
        Self {
            typed: TypedCommand::of(words),
            ..self.clone()
        }
    }

    /// Returns the environment variables at the start of the notebook's recording; `None` outside of a notebook.
    pub fn environment(&self) -> Option<Environment> {
        self.python.as_ref()?.environment.clone()
    }

    /// Formats a command for this interface, in backticks.
    pub fn command(&self, words: &str) -> String {
        self.typed.command(words, self.interface, self.registry)
    }

    /// Formats the typed command with another option, in backticks.
    pub(crate) fn again(&self, option: &str) -> String {
        self.typed.again(option, self.interface)
    }

    /// Formats the typed command without an option, in backticks; `otherwise` if the command is unknown.
    pub(crate) fn without(&self, option: &str, otherwise: &str) -> String {
        self.typed.without(option, otherwise, self.interface)
    }

    /// Formats the typed command with an option for each of these names for this interface, in backticks.
    pub(crate) fn option<'a>(&self, option: &str, names: impl Iterator<Item = &'a str>) -> String {
        if self.interface == Interface::Python {
            let names: Vec<String> = names.map(python_call::text).collect();
            return format!("`{option}=[{}]`", names.join(", "));
        }
        let options: Vec<String> = names.map(|name| format!("--{option} {}", text::typed(name))).collect();
        self.again(&options.join(" "))
    }

    /// Converts the commands in a text to this interface. A command for another interface is recognized by the text after it.
    pub fn told(&self, text: &str) -> String {
        const PLACES: [&str; 4] = [" in a terminal", " in a notebook", " in the notebook", " in its "];
        let pieces: Vec<&str> = text.split('`').collect();
        let mut told = String::new();
        for (at, piece) in pieces.iter().enumerate() {
            let next = pieces.get(at + 1);
            let words = piece.strip_prefix("%clew ").or_else(|| piece.strip_prefix("clew "));
            let is_placed = |next: &&str| PLACES.iter().any(|place| next.starts_with(place));
            told += &match (at % 2, words, next) {
                (0, ..) => (*piece).to_owned(),
                (_, Some(words), Some(next)) if !is_placed(next) => self.command(words),
                (_, _, Some(_)) => format!("`{piece}`"),
                (_, _, None) => format!("`{piece}"),
            };
        }
        match self.interface {
            Interface::Python => python_call::told(&told, self.registry),
            Interface::Terminal | Interface::Notebook | Interface::Forwarded => told,
        }
    }

    /// Returns a remark for unknown variables: a program may ask in the middle of a cell or script, which is recorded at its end.
    pub(crate) fn not_recorded_yet(&self) -> &'static str {
        match self.interface {
            Interface::Python => "; what the running cell did is recorded when it ends",
            Interface::Terminal | Interface::Notebook | Interface::Forwarded => "",
        }
    }

    /// Updates the time.
    pub fn look_at_clocks(&mut self) {
        (self.now, self.uptime) = (now(), uptime());
    }

    /// Returns the environment of this process. A notebook gets no colours: its output is saved in the file.
    pub(crate) fn with_registry(interface: Interface, registry: &'static Registry) -> Self {
        let is_terminal = interface == Interface::Terminal && io::stdout().is_terminal();
        let mut context = Self {
            interface,
            store: PathBuf::new(),
            config: config_folder(),
            store_key: store_key(),
            cache: UserFolder::Cache.path(),
            now: now(),
            uptime: uptime(),
            zone: TimeZone::system(),
            width: width(interface, is_terminal),
            style: Style {
                is_coloured: is_terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            },
            settings: Settings::default(),
            near: env::current_dir().ok(),
            python: None,
            typed: TypedCommand::default(),
            registry,
        };
        context.read_settings();
        context
    }

    /// Returns the keys of encrypted stores, and whether new stores are encrypted.
    pub fn keys(&self) -> Keyring {
        Keyring::new(&self.config)
            .with_key(self.store_key.clone())
            .for_new(self.settings.flag("store.encrypt"))
    }

    /// Reads the settings again, and with them the store's path, unless the program set it.
    pub fn read_settings(&mut self) {
        let given = (*self.settings.store_origin() == Origin::Given).then(|| self.store.clone());
        let settings = Settings::read(&Sources {
            config: &self.config,
            near: self.near.as_deref(),
            data: UserFolder::Data.path(),
            variable: &|name| env::var_os(name),
        });
        self.settings = match given {
            Some(store) => settings.with_store(&store),
            None => settings,
        };
        self.settings.store().clone_into(&mut self.store);
    }

    /// Returns the same context for another folder, with the settings of its project.
    #[must_use]
    pub fn near(&self, folder: &Path) -> Self {
        let mut near = Self {
            near: Some(folder.to_owned()),
            ..self.clone()
        };
        near.read_settings();
        near
    }
}

/// The variable that names a key file of encrypted stores, for hubs and clusters that mount one.
const STORE_KEY: &str = "CLEW_STORE_KEY";

/// Returns Clew's folder in the user's configuration: key and trusted keys.
pub fn config_folder() -> PathBuf {
    UserFolder::Config.path()
}

/// Returns the width of the terminal; wide when piped, so that nothing is truncated for a program. In a notebook, the width that fits below
/// a cell: `COLUMNS` is not used there, since libraries in the kernel (readline) set it for an invisible terminal.
fn width(interface: Interface, is_terminal: bool) -> usize {
    match interface {
        Interface::Notebook | Interface::Forwarded => return BELOW_A_CELL,
        Interface::Python => return WIDE,
        Interface::Terminal => {}
    }
    let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.unwrap_or(if is_terminal { 100 } else { WIDE })
}

/// The width of an output area in a browser window beside another one.
const BELOW_A_CELL: usize = 100;

/// The width if it is unknown.
const WIDE: usize = 160;

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::try_from(since.as_nanos()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Context, Interface};

    #[test]
    fn commands_of_a_text_are_told_as_they_are_typed_where_it_was_asked() {
        let told = |interface, text: &str| {
            let words = ["log", "--history", "a b"].map(str::to_owned);
            Context::of_process(interface).with_words(&words).told(text)
        };
        let text = "`%clew vars` lists `x`, `clew watch` in a terminal goes on, `%clew resume` in the notebook, too";
        assert_eq!(
            told(Interface::Terminal, text),
            "`clew vars --history 'a b'` lists `x`, `clew watch` in a terminal goes on, `%clew resume` in the notebook, too"
        );
        assert_eq!(
            told(Interface::Notebook, "`clew vars` lists"),
            "`%clew vars --history 'a b'` lists"
        );
        assert_eq!(
            told(Interface::Python, "`clew vars 3` lists, an odd ` stays"),
            "`clew.session().command(\"vars\", \"3\", \"--history\", \"a b\")` lists, an odd ` stays"
        );
    }
}
