//! The remotes of a store: their names, URLs, and backends.
//!
//! The list is stored in the user's configuration folder and contains the store of each remote. It is not in the store, because a store
//! from another person must not determine where runs are sent. It never contains credentials.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::format::Timestamp;
#[cfg(feature = "network")]
use clew_remote::ObjectStorage;
use clew_remote::{Backend, Directory, RemoteError, Ssh, SshCommand};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::interface::Interface;
use crate::problem::{Exit, Problem};
use crate::text;
use crate::whole_file::{PRIVATE, StagedFile, small_text};

/// The file of the list, in the configuration folder.
const FILE: &str = "remotes.json";
/// The longest name.
const MOST_NAME: usize = 64;

/// The result of the test whether several machines can push to a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Heads {
    /// Several machines can push.
    Shared,
    /// Only one machine can push: the remote cannot decide between two.
    Alone,
    /// It was not tested.
    Unknown,
}

/// A named remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// The store that it belongs to.
    pub store: PathBuf,
    /// When it was added.
    pub added: Timestamp,
    /// When it was tested for shared heads.
    pub asked: Option<Timestamp>,
    /// The result of the test.
    pub heads: Heads,
    /// Why heads cannot be shared there.
    pub why: Option<String>,
}

/// All remotes of this user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remotes {
    remotes: Vec<Remote>,
}

/// Returns the canonical path of a store.
fn whole(store: &Path) -> PathBuf {
    let absolute = || std::path::absolute(store).unwrap_or_else(|_| store.to_owned());
    std::fs::canonicalize(store).unwrap_or_else(|_| absolute())
}

impl Remotes {
    /// Reads the list from a configuration folder.
    pub fn read(config: &Path) -> Result<Self, Problem> {
        let path = config.join(FILE);
        let text = match small_text(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unreadable(&path, &error.to_string())),
        };
        Self::of(&text).map_err(|error| unreadable(&path, &error))
    }

    /// Parses the list.
    ///
    /// # Errors
    /// The text is not valid.
    pub fn of(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Returns the remotes of a store, sorted by name.
    pub fn of_store(&self, store: &Path) -> Vec<&Remote> {
        let store = whole(store);
        let mut found: Vec<&Remote> = self.remotes.iter().filter(|remote| remote.store == store).collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
    }

    /// Returns the remote with this name.
    ///
    /// # Errors
    /// It does not exist; the error lists the existing ones.
    pub fn find(&self, name: &str, store: &Path, context: &Context) -> Result<&Remote, Problem> {
        let all = self.of_store(store);
        if let Some(found) = all.iter().find(|remote| remote.name == name) {
            return Ok(found);
        }
        let names: Vec<String> = all.iter().map(|remote| remote.name.clone()).collect();
        let problem = Problem::usage(format!("There is no remote `{}`", text::clean(name)));
        Err(problem.with_hint(if names.is_empty() {
            format!("{} adds one", context.command("remote add NAME URL"))
        } else {
            let names: Vec<String> = names.iter().map(|name| format!("`{}`", text::clean(name))).collect();
            match names.as_slice() {
                [only] => format!("the only remote is {only}"),
                several => format!("the remotes are {}", text::listing(several, 8)),
            }
        }))
    }

    /// Adds a remote, replacing one of the same name.
    pub fn put(&mut self, remote: Remote) {
        self.take(&remote.name, &remote.store);
        self.remotes.push(remote);
    }

    /// Removes a remote.
    pub fn take(&mut self, name: &str, store: &Path) {
        let store = whole(store);
        self.remotes
            .retain(|remote| remote.name != name || remote.store != store);
    }

    /// Writes the list.
    pub fn write(&self, config: &Path) -> Result<(), Problem> {
        let path = config.join(FILE);
        let text = serde_json::to_string_pretty(self).expect("plain data has an encoding");
        let written = StagedFile::new(&path, text.as_bytes(), PRIVATE).and_then(StagedFile::commit);
        written.map_err(|error| {
            let problem = format!("{} cannot be written: {error}", text::path(&path));
            Problem::of(Exit::Refused, problem).with_hint("free some space, or check that you may write there")
        })
    }
}

fn unreadable(path: &Path, why: &str) -> Problem {
    let path = text::path(path);
    Problem::of(Exit::Refused, format!("{path} cannot be read: {}", text::clean(why)))
        .with_hint("fix it, or delete it and add your remotes again")
}

/// Creates a store's remote that was not tested yet.
pub fn unasked(name: &str, url: String, store: &Path, now: Timestamp) -> Remote {
    Remote {
        name: name.to_owned(),
        url,
        store: whole(store),
        added: now,
        asked: None,
        heads: Heads::Unknown,
        why: None,
    }
}

/// Checks that a name is valid.
///
/// # Errors
/// The name is not valid.
pub fn check_name(name: &str) -> Result<(), Problem> {
    let is_fine = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let is_name = !name.is_empty() && name.len() <= MOST_NAME && !name.starts_with(['-', '.']);
    if is_name && name.chars().all(is_fine) {
        return Ok(());
    }
    let problem = format!("`{}` cannot be the name of a remote", text::clean(name));
    Err(Problem::usage(problem).with_hint("use letters, digits, `-`, `_` and `.`, such as `clew remote add lab URL`"))
}

/// The valid forms of a URL.
const FORMS: &str =
    "`s3://BUCKET/FOLDER`, `gs://BUCKET/FOLDER`, `az://CONTAINER/FOLDER`, `ssh://HOST/FOLDER`, or a folder's path";

/// Normalizes a URL for storage: folders become absolute, so that the URL does not depend on the current directory.
///
/// # Errors
/// It is not a URL of a remote, or contains a credential.
pub fn url_of(typed: &str, near: &Path) -> Result<String, Problem> {
    if typed.trim().is_empty() {
        return Err(Problem::usage("An empty text is not a URL").with_hint(format!("type {FORMS}")));
    }
    let (_, secrets) = crate::secrets::kept(typed, &crate::secrets::secret_variables());
    if !secrets.is_empty() {
        let problem = format!(
            "URLs are stored and displayed, and this one contains {}",
            text::listing(&secrets, 2)
        );
        return Err(Problem::usage(problem).with_hint(CREDENTIALS));
    }
    if Ssh::is_meant(typed) {
        return Ssh::open(typed, SshCommand::default())
            .map(|ssh| ssh.place())
            .map_err(|error| problem(&error));
    }
    match typed.split_once("://") {
        Some(("file", path)) => Ok(folder(&near.join(path))),
        Some(("s3" | "gs" | "az" | "azure" | "adl" | "abfs" | "abfss" | "s3a" | "https", rest)) => {
            let (machine, _) = rest.split_once('/').unwrap_or((rest, ""));
            let is_user = machine.contains('@') && !typed.starts_with("abfs");
            if is_user || typed.contains(['?', '#']) {
                let problem = "URLs are stored and displayed, so they must not contain keys, passwords or tokens";
                return Err(Problem::usage(problem).with_hint(CREDENTIALS));
            }
            if machine.is_empty() {
                let problem = format!("`{}` has no bucket", text::clean(typed));
                return Err(Problem::usage(problem).with_hint(format!("type {FORMS}")));
            }
            Ok(typed.trim_end_matches('/').to_owned())
        }
        Some((scheme, _)) => {
            let problem = format!("Clew does not support remotes of the kind `{}://`", text::clean(scheme));
            Err(Problem::usage(problem).with_hint(format!("type {FORMS}")))
        }
        None => Ok(folder(&near.join(typed))),
    }
}

/// Returns the canonical path of a folder, even if it does not exist yet.
fn folder(path: &Path) -> String {
    let made = path
        .ancestors()
        .find_map(|above| Some((above, std::fs::canonicalize(above).ok()?)));
    let whole = made.and_then(|(above, whole)| Some(whole.join(path.strip_prefix(above).ok()?)));
    let whole: PathBuf = whole.map_or_else(|| path.to_owned(), |whole| whole.components().collect());
    whole.display().to_string()
}

/// The hint about credentials.
const CREDENTIALS: &str =
    "leave it out: Clew reads credentials from each cloud's usual places when it needs them, and does not store them";

/// Opens a remote. With `creates`, makes a folder a remote.
///
/// # Errors
/// The remote does not exist, or this process cannot open it.
pub fn open(url: &str, creates: bool, may_ask: bool) -> Result<Arc<dyn Backend>, RemoteError> {
    if Ssh::is_meant(url) {
        let calling = SshCommand {
            may_ask,
            ..SshCommand::default()
        };
        return Ok(if creates {
            Arc::new(Ssh::create(url, calling)?)
        } else {
            Arc::new(Ssh::open(url, calling)?)
        });
    }
    if url.contains("://") {
        return stored(url);
    }
    let folder = Path::new(url);
    Ok(Arc::new(if creates {
        Directory::create(folder)?
    } else {
        Directory::open(folder)?
    }))
}

/// Opens an object store, in the program `clew` only: a kernel must not run network code.
fn stored(url: &str) -> Result<Arc<dyn Backend>, RemoteError> {
    #[cfg(feature = "network")]
    if crate::program::is_running() {
        return Ok(Arc::new(ObjectStorage::open(url, &[])?));
    }
    let said = "the command `clew` does that";
    Err(RemoteError::unable(url, "be reached from a kernel", said))
}

/// Converts an error of a remote, with a hint.
pub fn problem(error: &RemoteError) -> Problem {
    let exit = match error {
        RemoteError::Damaged { .. } => Exit::Damaged,
        RemoteError::NoPlace { .. } => Exit::Usage,
        _ => Exit::Refused,
    };
    let problem = Problem::of(exit, said(error));
    match error {
        RemoteError::Refused { place, .. } => problem.with_hint(who_may(place)),
        RemoteError::Clock { .. } => {
            problem.with_hint("set this machine's clock (`timedatectl` shows its source), and repeat the command")
        }
        RemoteError::Full { .. } => problem.with_hint("free some space there, and repeat the command"),
        RemoteError::Unreachable { .. } => {
            problem.with_hint("repeat the command when it can be reached; sent data is not sent again")
        }
        RemoteError::NoRoom { .. } => problem.with_hint(
            "free some space in the user's cache folder (`$XDG_CACHE_HOME`, else `~/.cache`), where Clew buffers transfers",
        ),
        RemoteError::Here { .. } => problem.with_hint("fix the reported problem, and repeat the command"),
        RemoteError::Damaged { .. } => problem.with_hint(
            "repeat the command; if it fails again, push to a new folder from a machine that has the history",
        ),
        RemoteError::NoPlace { .. } => problem.with_hint(format!("type {FORMS}")),
        _ => problem,
    }
}

/// Formats an error of a remote without credentials: servers may repeat those of the request.
pub fn said(error: &impl ToString) -> String {
    let known = crate::secrets::secret_variables();
    text::clean(&crate::secrets::redacted(&error.to_string(), &known))
}

/// Returns the hint about authentication.
fn who_may(place: &str) -> &'static str {
    match place.split_once("://").map_or("", |(scheme, _)| scheme) {
        "s3" | "s3a" => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; after a single sign-on, \
             `eval \"$(aws configure export-credentials --format env)\"` exports them"
        }
        "gs" => {
            "`gcloud auth application-default login`, or GOOGLE_APPLICATION_CREDENTIALS with the path of a key file"
        }
        "az" | "azure" | "adl" | "abfs" | "abfss" => {
            "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or `az login` and AZURE_USE_AZURE_CLI=true"
        }
        "ssh" => "check that `ssh HOST` works without asking a question",
        _ => "check that you may write there",
    }
}

/// Whether ssh may ask the user for a password.
pub fn may_ask(context: &Context) -> bool {
    use std::io::IsTerminal;
    context.interface == Interface::Terminal && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
