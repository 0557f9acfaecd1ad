//! The folders of the user in which Clew keeps its files.

use std::env;
use std::path::PathBuf;

/// A folder of Clew's. No two are the same: a store can be copied without the user's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserFolder {
    /// Keys and settings.
    Config,
    /// The store.
    Data,
    /// Files that can be deleted at any time.
    Cache,
}

impl UserFolder {
    /// Returns its path: below the folder that the XDG variable names, else at the usual place of the system.
    pub fn path(self) -> PathBuf {
        let (variable, usual) = match self {
            Self::Config => ("XDG_CONFIG_HOME", ".config"),
            Self::Data => ("XDG_DATA_HOME", ".local/share"),
            Self::Cache => ("XDG_CACHE_HOME", ".cache"),
        };
        match absolute(variable) {
            Some(folder) => folder.join("clew"),
            None if cfg!(target_os = "macos") => self.on_macos(),
            None if cfg!(windows) => self.on_windows(),
            None => home().join(usual).join("clew"),
        }
    }

    fn on_macos(self) -> PathBuf {
        let library = home().join("Library");
        match self {
            Self::Config => library.join("Application Support/clew"),
            Self::Data => library.join("Application Support/clew/store"),
            Self::Cache => library.join("Caches/clew"),
        }
    }

    fn on_windows(self) -> PathBuf {
        match self {
            Self::Config => absolute("APPDATA").unwrap_or_else(home).join("clew"),
            Self::Data => absolute("LOCALAPPDATA").unwrap_or_else(home).join("clew/store"),
            Self::Cache => absolute("LOCALAPPDATA").unwrap_or_else(home).join("clew/cache"),
        }
    }
}

/// Returns Jupyter's data folder of the user, as Jupyter determines it.
pub(crate) fn jupyter_data() -> PathBuf {
    match env::var_os("JUPYTER_DATA_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None if cfg!(target_os = "macos") => home().join("Library/Jupyter"),
        None if cfg!(windows) => absolute("APPDATA").unwrap_or_else(home).join("jupyter"),
        None => absolute("XDG_DATA_HOME")
            .unwrap_or_else(|| home().join(".local/share"))
            .join("jupyter"),
    }
}

fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

fn home() -> PathBuf {
    env::home_dir().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_folder_is_the_same_as_another() {
        for of in [UserFolder::path, UserFolder::on_macos, UserFolder::on_windows] {
            let [config, data, cache] = [UserFolder::Config, UserFolder::Data, UserFolder::Cache].map(of);
            assert!(config != data && data != cache && cache != config);
            assert!(!config.starts_with(&data) && !cache.starts_with(&data));
        }
    }
}
