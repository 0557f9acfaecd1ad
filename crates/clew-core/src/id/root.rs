//! Roots: the user's variables, and other session state.

use std::fmt;

use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};

/// The kind of a root. Roots are walked and listed in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RootKind {
    /// A variable in the user's namespace.
    Name,
    /// `Out[n]`, stored by the shell.
    Out,
    /// A class that the notebook defines: its methods, attributes and counters, referred to by identity.
    Definition,
    /// A writable attribute of one of the user's own modules (`geo.SCALE`).
    ModuleAttribute,
    /// The state of a process-wide random generator.
    Random,
    /// The working directory.
    Directory,
    /// A changed environment variable.
    Environment,
    /// `sys.path`.
    Path,
    /// A library's option (`pandas: display.max_rows`, `matplotlib: figure.dpi`).
    Option,
    /// Settings of the interpreter (warnings filters, decimal context, ...).
    Setting,
    /// The figures that pyplot holds.
    Figures,
}

impl RootKind {
    /// Returns the order in which roots are staged and installed. State that decides what can be imported and opened comes first,
    /// then classes and values. Options come before figures, since they include where figures are drawn. Settings follow, and
    /// random generators come last, since all steps before may draw from them.
    pub fn rank(self) -> u8 {
        match self {
            Self::Directory => 0,
            Self::Environment => 1,
            Self::Path => 2,
            Self::Definition => 3,
            Self::ModuleAttribute => 4,
            Self::Name => 5,
            Self::Out => 6,
            Self::Option => 7,
            Self::Figures => 8,
            Self::Setting => 9,
            Self::Random => 10,
        }
    }

    /// Returns whether the root is state in which code is looked up or that affects code, and is not a value itself.
    pub fn is_surrounding(self) -> bool {
        !matches!(
            self,
            Self::Name | Self::Out | Self::Definition | Self::Random | Self::Figures
        )
    }

    /// Returns whether the root exists because a library is loaded, and cannot be removed.
    pub fn is_of_library(self) -> bool {
        matches!(self, Self::Random | Self::Option | Self::Setting)
    }

    /// Returns whether the root decides what can be imported or opened while values are built.
    pub fn is_context(self) -> bool {
        matches!(self, Self::Directory | Self::Environment | Self::Path)
    }

    /// Returns the name of this kind, as stored and printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Out => "out",
            Self::Definition => "definition",
            Self::ModuleAttribute => "module_attribute",
            Self::Random => "random",
            Self::Directory => "directory",
            Self::Environment => "environment",
            Self::Path => "path",
            Self::Option => "option",
            Self::Setting => "setting",
            Self::Figures => "figures",
        }
    }

    /// Returns the kind that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        let word: StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
        Self::deserialize(word).ok()
    }
}

/// One entry of a session's state: a variable, or other session state. One map contains all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Root {
    /// The kind.
    pub kind: RootKind,
    /// The name within the kind.
    pub key: String,
}

impl Root {
    /// Creates a root of any kind.
    pub fn new(kind: RootKind, key: impl Into<String>) -> Self {
        Self { kind, key: key.into() }
    }

    /// Creates the root of a variable in the user's namespace.
    pub fn name(key: impl Into<String>) -> Self {
        Self::new(RootKind::Name, key)
    }
}

impl fmt::Display for Root {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RootKind::Name => formatter.write_str(&self.key),
            RootKind::Out => write!(formatter, "Out[{}]", self.key),
            kind => write!(formatter, "{}:{}", kind.word(), self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_definitions_and_sort_by_key() {
        let mut roots = [Root::new(RootKind::Definition, "a"), Root::name("b"), Root::name("a")];
        roots.sort();
        assert_eq!(roots.map(|root| root.to_string()), ["a", "b", "definition:a"]);
    }
}
