//! One sandbox process: start, requests, and end.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use clew_core::id::{Fingerprint, Root};
use clew_core::kernel::{CoVariableHandover, EncryptedStream};
use clew_core::limits;
use clew_core::store::disk::{Disk, RealDisk};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::path_maps::PathMaps;
use crate::platform::{killed_by, lower_priority, open_plain_file};

use super::space;
use super::wire::{self, ExpressionValue, InexactRoot, Lines, LoadResult, RaisedException};
use super::{SandboxError, SandboxFailure};

/// The resource limits of a sandbox process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Bytes of address space.
    pub memory: u64,
    /// The time limit in seconds.
    pub seconds: u64,
}

/// The interpreter, the state and the limits with which a sandbox process starts.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The interpreter.
    pub executable: PathBuf,
    /// Its resource limits.
    pub limits: ProcessLimits,
    /// The folder of the store.
    pub store: PathBuf,
    /// The folder of keys and trusted keys.
    pub config: PathBuf,
    /// The history's id.
    pub history: String,
    /// Whether it runs at low priority because nothing waits for it.
    pub is_patient: bool,
    /// Maps input paths to local paths.
    pub maps: PathMaps,
    /// Its environment variables, before those of a state; `None` for those of this process.
    pub environment: Option<Environment>,
}

/// Environment variables, shared between processes to start.
pub type Environment = Arc<HashMap<OsString, OsString>>;

/// A running sandbox process. On drop it is killed, and its folder is removed.
pub struct SandboxProcess {
    child: Child,
    requests: ChildStdin,
    answers: Receiver<io::Result<Json>>,
    complaints: Receiver<String>,
    /// What the sandbox does not block.
    gaps: Vec<String>,
    start: SandboxConfig,
    until: Instant,
    folder: TempDir,
}

/// A sandbox process that is still entering its sandbox. Killed on drop.
pub struct StartingProcess(SandboxProcess);

/// The interval at which callers are asked whether to continue.
const BEAT: Duration = Duration::from_millis(50);

impl SandboxProcess {
    /// Starts a process, and waits until it has entered its sandbox. `goes_on` is called regularly; if it returns `false`, the process is
    /// killed.
    pub fn start(start: &SandboxConfig, goes_on: &mut dyn FnMut() -> bool) -> Result<Self, SandboxError> {
        Self::begin(start)?.locked_in(goes_on)
    }

    /// Starts a process without waiting until it has entered its sandbox.
    pub fn begin(start: &SandboxConfig) -> Result<StartingProcess, SandboxError> {
        let folder = private_folder().map_err(|error| not_started(&error))?;
        let mut child = command(start, folder.path())
            .spawn()
            .map_err(|error| not_started(&error))?;
        if start.is_patient {
            lower_priority(&child);
        }
        let (Some(requests), Some(output), Some(complaints)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(SandboxError::NotStarted(SandboxFailure::NoPipes.to_string()));
        };
        let (answers, complaints) = match (listen(output), collect(complaints)) {
            (Ok(answers), Ok(complaints)) => (answers, complaints),
            (Err(error), _) | (_, Err(error)) => {
                // No thread could be started, so its output could not be read.
                child.kill().ok();
                child.wait().ok();
                return Err(not_started(&error));
            }
        };
        let mut process = Self {
            child,
            requests,
            answers,
            complaints,
            gaps: Vec::new(),
            start: start.clone(),
            until: Instant::now() + Duration::from_secs(start.limits.seconds),
            folder,
        };
        let entered = json!({
            "do": "enter", "folder": process.own(), "outside": process.outside(),
            "memory": start.limits.memory, "seconds": start.limits.seconds,
            "maps": start.maps.pairs().collect::<Vec<_>>(),
        });
        process.request(&entered);
        Ok(StartingProcess(process))
    }

    /// Returns what the sandbox does not block on this machine, as tested in this process before it ran anything; empty if it works fully.
    pub fn gaps(&self) -> &[String] {
        &self.gaps
    }

    /// Loads what `expression` needs of the state after a run, or the `whole` state. Variables that `expression` names and that are not
    /// stored are recreated by rerunning their cells, if the sandbox works. Returns what was not restored from its stored value.
    pub fn load(
        &mut self,
        run: &str,
        expression: &str,
        whole: bool,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<LoadResult, SandboxError> {
        let request = json!({ "do": "load", "run": run, "expression": expression, "whole": whole });
        let answer = self.ask(&self.about_history(request), goes_on)?;
        serde_json::from_value(answer).map_err(|_| strange())
    }

    /// Restores some roots of the state after a run, and compares their fingerprints. Returns those that differ.
    pub fn prove(
        &mut self,
        run: &str,
        roots: &[Root],
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<InexactRoot>, SandboxError> {
        let request = json!({ "do": "prove", "run": run, "roots": named(roots) });
        self.ask_for("inexact", &self.about_history(request), goes_on)
    }

    /// Evaluates an expression; with `truth` only its truth value.
    pub fn eval(
        &mut self,
        expression: &str,
        truth: bool,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<ExpressionValue, SandboxError> {
        let request = json!({ "do": "eval", "expression": expression, "truth": truth });
        self.ask_for("value", &request, goes_on)
    }

    /// Runs a script; returns the exception that it raised.
    pub fn run(
        &mut self,
        source: &str,
        is_ipython: bool,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<RaisedException>, SandboxError> {
        let request = json!({ "do": "run", "source": source, "is_ipython": is_ipython });
        self.ask_for("error", &request, goes_on)
    }

    /// Restores what the cell of a run may read, in the state before it, and reruns the cell; returns the exception that it raised. Results
    /// of cells that were rerun in this process before are used.
    pub fn again(
        &mut self,
        run: &str,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<RaisedException>, SandboxError> {
        let request = json!({ "do": "again", "run": run });
        self.ask_for("error", &self.about_history(request), goes_on)
    }

    /// Returns the value of roots that a rerun cell created, as recorded by the engine's walk in that process. It is transferred in a file
    /// in the process's writable folder, encrypted with a one-time key, and is not trusted.
    pub fn hand_over(
        &mut self,
        run: &str,
        roots: &[Root],
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<CoVariableHandover, SandboxError> {
        let mut key = [0; 32];
        RealDisk.random(&mut key);
        self.hand_over_with(&key, run, roots, goes_on)
    }

    fn hand_over_with(
        &mut self,
        key: &[u8; 32],
        run: &str,
        roots: &[Root],
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<CoVariableHandover, SandboxError> {
        let file = self.own().join(HANDED);
        let request = json!({ "do": "hand_over", "run": run, "roots": named(roots), "file": file, "key": key });
        let answer = self.ask(&request, goes_on)?;
        if let Some(why) = answer["why"].as_str() {
            return Err(SandboxError::Refused(crate::text::clean(why)));
        }
        let taken = take(&file, key, self.start.limits.memory).map_err(|error| SandboxError::Died(error.to_string()));
        fs::remove_file(&file).ok();
        taken
    }

    /// Returns the current fingerprints of variables in the process, each group computed together like co-variables; `None` if a variable
    /// does not exist or has no comparable value.
    pub fn fingerprints(
        &mut self,
        groups: &[Vec<String>],
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Option<Fingerprint>>, SandboxError> {
        self.ask_for(
            "fingerprints",
            &json!({ "do": "fingerprints", "groups": groups }),
            goes_on,
        )
    }

    fn own(&self) -> PathBuf {
        self.folder.path().join(OWN)
    }

    fn outside(&self) -> PathBuf {
        self.folder.path().join(OUTSIDE)
    }

    /// Adds what the process needs to open the history.
    fn about_history(&self, mut request: Json) -> Json {
        let SandboxConfig {
            store, config, history, ..
        } = &self.start;
        request["store"] = json!(store);
        request["config"] = json!(config);
        request["history"] = json!(history);
        request
    }

    /// Returns one field of the answer.
    fn ask_for<T: DeserializeOwned>(
        &mut self,
        field: &str,
        request: &Json,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<T, SandboxError> {
        let answer = self.ask(request, goes_on)?;
        T::deserialize(&answer[field]).map_err(|_| strange())
    }

    fn ask(&mut self, request: &Json, goes_on: &mut dyn FnMut() -> bool) -> Result<Json, SandboxError> {
        self.request(request);
        self.answer(goes_on)
    }

    fn request(&mut self, request: &Json) {
        // If the process has died, reading the answer fails.
        let _ = wire::write(&mut self.requests, request);
    }

    fn answer(&mut self, goes_on: &mut dyn FnMut() -> bool) -> Result<Json, SandboxError> {
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SandboxError::TooLong(self.start.limits.seconds));
            }
            match self.answers.recv_timeout(left.min(BEAT)) {
                Ok(Ok(answer)) => {
                    return match answer["refused"].as_str() {
                        Some(why) => Err(SandboxError::Refused(crate::text::clean(why))),
                        None => Ok(answer),
                    };
                }
                Ok(Err(error)) => return Err(SandboxError::Died(self.last_words(&error))),
                Err(RecvTimeoutError::Disconnected) => {
                    let error = io::ErrorKind::UnexpectedEof.into();
                    return Err(SandboxError::Died(self.last_words(&error)));
                }
                Err(RecvTimeoutError::Timeout) if space::taken(self.folder.path(), self.child.id()) > space::MOST => {
                    self.child.kill().ok();
                    return Err(SandboxError::TooMuch(space::MOST));
                }
                Err(RecvTimeoutError::Timeout) if goes_on() => {}
                Err(RecvTimeoutError::Timeout) => return Err(SandboxError::Interrupted),
            }
        }
    }

    /// Returns why it ended, as far as known.
    fn last_words(&mut self, error: &io::Error) -> String {
        if error.kind() != io::ErrorKind::UnexpectedEof {
            return error.to_string();
        }
        // Its pipe is closed, so it is about to exit; if it does not, it is killed.
        let status = wait(&mut self.child);
        let complaints = Lines(self.complaints.recv_timeout(BEAT).unwrap_or_default());
        complaints.last().unwrap_or_else(|| ending(status))
    }
}

impl StartingProcess {
    /// Waits until the process has entered its sandbox. The time limit starts here.
    pub fn locked_in(self, goes_on: &mut dyn FnMut() -> bool) -> Result<SandboxProcess, SandboxError> {
        let mut process = self.0;
        process.until = Instant::now() + Duration::from_secs(process.start.limits.seconds);
        let answer = process.answer(goes_on).map_err(|error| match error {
            SandboxError::Died(why) => SandboxError::NotStarted(why),
            other => other,
        })?;
        if let Some(why) = answer["unmapped"].as_str() {
            return Err(SandboxError::Refused(crate::text::clean(why)));
        }
        process.gaps = serde_json::from_value(answer["gaps"].clone()).map_err(|_| SandboxFailure::NotLockedIn)?;
        Ok(process)
    }
}

impl Drop for SandboxProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Returns the kinds and keys of roots.
fn named(roots: &[Root]) -> Vec<(&str, &str)> {
    roots.iter().map(|root| (root.kind.word(), root.key.as_str())).collect()
}

/// Reads a handed over value, if it is a valid file of at most `most` bytes.
fn take(path: &Path, key: &[u8; 32], most: u64) -> io::Result<CoVariableHandover> {
    let file = open_plain_file(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(SandboxFailure::NoFile.into());
    }
    if about.len() > most {
        return Err(SandboxFailure::TooMuch.into());
    }
    CoVariableHandover::read(&mut EncryptedStream::new(io::BufReader::new(file), key), about.len())
}

/// The name of the file with a handed over value.
const HANDED: &str = "handed";
const OWN: &str = "own";
const OUTSIDE: &str = "outside";

/// Creates a folder with the process's writable folder, and another one to test that writing is blocked.
fn private_folder() -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("clew-scratch-").tempdir()?;
    fs::create_dir(folder.path().join(OWN))?;
    fs::create_dir(folder.path().join(OUTSIDE))?;
    fs::write(folder.path().join(OUTSIDE).join("there"), b"as it was")?;
    Ok(folder)
}

fn command(start: &SandboxConfig, folder: &Path) -> Command {
    let mut command = Command::new(&start.executable);
    if let Some(environment) = &start.environment {
        command.env_clear().envs(&**environment);
    }
    // No module from the working directory is imported before the sandbox is active, and no bytecode is written.
    command
        .args(["-P", "-B", "-m", "clew.scratch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("PYTHONUNBUFFERED", "1")
        // Files that it opens must not count as opened by a cell of the kernel (python/clew/observer.py).
        .env_remove("CLEW_OBSERVER");
    for variable in ["TMPDIR", "TEMP", "TMP"] {
        command.env(variable, folder.join(OWN));
    }
    command
}

fn listen(mut from: impl Read + Send + 'static) -> io::Result<Receiver<io::Result<Json>>> {
    let (sender, receiver) = channel();
    thread::Builder::new().spawn(move || {
        loop {
            let answer = wire::read(&mut from);
            let is_over = answer.is_err();
            if sender.send(answer).is_err() || is_over {
                return;
            }
        }
    })?;
    Ok(receiver)
}

fn collect(from: impl Read + Send + 'static) -> io::Result<Receiver<String>> {
    let (sender, receiver) = channel();
    thread::Builder::new().spawn(move || {
        let mut text = Vec::new();
        from.take(limits::COMPLAINTS).read_to_end(&mut text).ok();
        sender.send(String::from_utf8_lossy(&text).into_owned()).ok();
    })?;
    Ok(receiver)
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    for _ in 0..20 {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::sleep(BEAT);
    }
    child.kill().ok();
    child.wait().ok()
}

fn ending(status: Option<ExitStatus>) -> String {
    match status.and_then(killed_by) {
        Some(signal) => SandboxFailure::Signal(signal).to_string(),
        None => SandboxFailure::Exited.to_string(),
    }
}

fn not_started(error: &io::Error) -> SandboxError {
    SandboxError::NotStarted(error.to_string())
}

fn strange() -> SandboxError {
    SandboxFailure::NoAnswer.into()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const SHUT: &str = r#"printf '\013\000\000\000{"gaps":[]}'"#;

    /// Creates an interpreter that runs a shell script.
    fn start(folder: &Path, script: &str) -> SandboxConfig {
        let executable = folder.join("python");
        fs::write(&executable, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).unwrap();
        SandboxConfig {
            is_patient: false,
            maps: PathMaps::default(),
            executable,
            // Only tests of the timeout set a short limit: on a busy machine starting a process takes seconds.
            limits: ProcessLimits {
                memory: 1 << 30,
                seconds: 300,
            },
            store: PathBuf::from("store"),
            config: PathBuf::from("config"),
            history: "history".to_owned(),
            environment: None,
        }
    }

    fn failure(script: &str, seconds: u64) -> (SandboxError, Duration) {
        let folder = tempfile::tempdir().unwrap();
        let mut start = start(folder.path(), script);
        start.limits.seconds = seconds;
        let begun = Instant::now();
        let started = SandboxProcess::start(&start, &mut || true);
        let asked = started.and_then(|mut process| process.eval("1", false, &mut || true).map(|_| ()));
        (asked.unwrap_err(), begun.elapsed())
    }

    #[test]
    fn what_fills_the_disk_with_many_files_is_ended() {
        let many = "for name in a b c; do fallocate -l 400M \"$TMPDIR/$name\"; done; exec sleep 100";
        let nameless = "exec 3>\"$TMPDIR/a\"; fallocate -l 1200M \"$TMPDIR/a\"; rm \"$TMPDIR/a\"; exec sleep 100";
        for script in [many, nameless] {
            let folder = tempfile::tempdir().unwrap();
            let error = SandboxProcess::start(&start(folder.path(), script), &mut || true).err();
            assert_eq!(error, Some(SandboxError::TooMuch(1 << 30)), "{script}");
        }
    }

    #[test]
    fn what_never_answers_is_ended_in_time() {
        for script in ["exec sleep 100".to_owned(), format!("{SHUT}; exec sleep 100")] {
            let (error, took) = failure(&script, 1);
            assert_eq!(error, SandboxError::TooLong(1));
            assert!(took < Duration::from_secs(30), "{took:?}");
        }
    }

    #[test]
    fn what_ends_is_told_with_its_last_words() {
        let (error, _) = failure("echo one >&2; echo 'No module named clew' >&2; exit 1", 300);
        assert_eq!(error, SandboxError::NotStarted("No module named clew".to_owned()));
        let (error, _) = failure(&format!("{SHUT}; kill -9 $$"), 300);
        assert_eq!(error, SandboxError::Died("signal 9 ended it".to_owned()));
    }

    #[test]
    fn what_floods_or_babbles_is_not_listened_to() {
        for script in [
            "cat /dev/zero",
            "exec yes",
            r"printf '\004\000\000\000{{{{'; exec sleep 100",
        ] {
            assert!(!matches!(failure(script, 300).0, SandboxError::TooLong(_)), "{script}");
        }
        let (error, _) = failure(&format!("{SHUT}; yes >&2 & exec yes"), 300);
        assert!(matches!(error, SandboxError::Died(_)), "{error:?}");
    }

    /// Returns the result for a value that a script hands over in `$TMPDIR/handed`.
    fn handed(script: &str) -> Result<CoVariableHandover, SandboxError> {
        let folder = tempfile::tempdir().unwrap();
        let done = r#"printf '\014\000\000\000{"why":null}'; exec sleep 100"#;
        let start = start(folder.path(), &format!("{SHUT}; {script}; {done}"));
        let mut process = SandboxProcess::start(&start, &mut || true)?;
        process.hand_over_with(&[3; 32], "3", &[Root::name("x")], &mut || true)
    }

    #[test]
    fn p14_what_is_handed_over_is_a_file_that_holds_what_it_says() {
        // The header of a value without objects, and nothing after it.
        let empty = CoVariableHandover::default();
        let mut bytes = Vec::new();
        empty.write(&mut EncryptedStream::new(&mut bytes, &[3; 32])).unwrap();
        let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
        assert_eq!(handed(&format!("printf '{octal}' > $TMPDIR/handed")), Ok(empty));
        for script in [
            "true".to_owned(),
            "ln -s /etc/hostname $TMPDIR/handed".to_owned(),
            "mkdir $TMPDIR/handed".to_owned(),
            "mkfifo $TMPDIR/handed".to_owned(),
            "ln -s /dev/zero $TMPDIR/handed".to_owned(),
            "echo nothing of it > $TMPDIR/handed".to_owned(),
            "truncate -s 1T $TMPDIR/handed".to_owned(),
            format!("printf '{octal}x' > $TMPDIR/handed"),
        ] {
            let error = handed(&script).unwrap_err();
            assert!(matches!(error, SandboxError::Died(_)), "{script}: {error:?}");
        }
    }

    #[test]
    fn what_can_t_be_handed_over_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let says = r#"printf '\023\000\000\000{"why":"a socket"}\n'; exec sleep 100"#;
        let mut process =
            SandboxProcess::start(&start(folder.path(), &format!("{SHUT}; {says}")), &mut || true).unwrap();
        let error = process.hand_over("3", &[Root::name("x")], &mut || true).unwrap_err();
        assert_eq!(error, SandboxError::Refused("a socket".to_owned()));
    }

    #[test]
    fn p14_what_a_process_complains_is_kept_so_far_and_no_further() {
        for said in [limits::COMPLAINTS, limits::COMPLAINTS + 1] {
            let complaints = collect(io::Cursor::new(vec![b'x'; said as usize])).unwrap();
            assert_eq!(complaints.recv().unwrap().len() as u64, limits::COMPLAINTS);
        }
    }

    #[test]
    fn whoever_waits_can_stop_and_the_folder_is_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let start = start(
            folder.path(),
            &format!("echo $TMPDIR > {}; exec sleep 100", folder.path().join("own").display()),
        );
        let own = folder.path().join("own");
        let stopped = SandboxProcess::start(&start, &mut || !own.exists());
        assert_eq!(stopped.err(), Some(SandboxError::Interrupted));
        let own = fs::read_to_string(own).unwrap();
        assert!(own.contains("clew-scratch-") && !Path::new(own.trim()).exists());
    }
}
