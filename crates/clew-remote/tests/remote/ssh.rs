//! A folder behind ssh as a place: the system's own `ssh`, and a real sshd that each of them starts for itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use clew_remote::transfer::{PART, UploadProgress, fetch, read_whole};
use clew_remote::{Backend, Name, Patient, RemoteError, RetryPolicy, Ssh, SshCommand, WriteOutcome, unwatched};

use crate::{conformance, send};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// What stands for `clew` on the far side.
const FAR_SIDE: &str = env!("CARGO_BIN_EXE_clew-far-side");

/// A machine of its own, as far as ssh can tell: keys, settings, a home.
struct Machine {
    folder: tempfile::TempDir,
}

fn program(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name));
    let found = found.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: tools/system_packages.sh installs it"))
}

/// Where sshd, started by root, wants to leave its rights behind.
fn make_run_folder() {
    if is_root() {
        fs::create_dir_all("/run/sshd").expect("root may");
    }
}

fn is_root() -> bool {
    let said = Command::new("id").arg("-u").output().expect("it starts");
    said.stdout.trim_ascii() == b"0"
}

impl Machine {
    fn new() -> Self {
        make_run_folder();
        let machine = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        for key in ["host", "user", "stranger"] {
            let mut command = Command::new(program("ssh-keygen"));
            command
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(machine.at(key));
            assert!(command.status().expect("it starts").success());
        }
        let key = |name: &str| fs::read_to_string(machine.at(&format!("{name}.pub"))).expect("it is there");
        machine.put("authorized", &key("user"));
        machine.put("known", &format!("far {}", key("host")));
        machine.put("unknown", &format!("far {}", key("stranger")));
        let at = |name: &str| machine.at(name).display().to_string();
        machine.put(
            "sshd_config",
            &format!(
                "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel ERROR\n",
                at("host"),
                at("authorized")
            ),
        );
        machine.settings("ssh_config", "user", "known");
        machine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, text).expect("it is written");
        path
    }

    /// A program that a shell runs.
    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.put(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        path
    }

    /// The user's own settings of ssh, which say how the machine `far` is reached: by starting an sshd for this one call.
    fn settings(&self, name: &str, key: &str, known: &str) -> PathBuf {
        let at = |name: &str| self.at(name).display().to_string();
        let sshd = format!("{} -i -f {}", program("sshd").display(), at("sshd_config"));
        self.put(
            name,
            &format!(
                "Host far\n  ProxyCommand {sshd}\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  \
                 GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n",
                at(key),
                at(known)
            ),
        )
    }

    fn calling(&self) -> SshCommand {
        SshCommand {
            options: vec!["-F".into(), self.at("ssh_config").into()],
            ..SshCommand::default()
        }
    }

    fn url(&self, clew: &str) -> String {
        format!("ssh://far{}?clew={clew}", self.at("remote").display())
    }

    fn created(&self) -> Ssh {
        Ssh::create(&self.url(FAR_SIDE), self.calling()).expect("it is made")
    }

    /// One whose processes write down who they are.
    fn noted(&self) -> Ssh {
        let script = format!(
            "echo $$ >> {}; exec {} \"$@\"",
            self.at("pids").display(),
            program("ssh").display()
        );
        let calling = SshCommand {
            program: self.script("noted-ssh", &script).into(),
            ..self.calling()
        };
        Ssh::create(&self.url(FAR_SIDE), calling).expect("it is made")
    }

    fn pids(&self) -> Vec<String> {
        let pids = fs::read_to_string(self.at("pids")).expect("one was started");
        pids.lines().map(str::to_owned).collect()
    }

    /// Kills the ssh that was started last.
    fn kill(&self) {
        let pids = self.pids();
        let mut command = Command::new("kill");
        command.args(["-9", pids.last().expect("one")]).stderr(Stdio::null());
        command.status().expect("it starts");
    }

    /// Without what differs between two runs.
    fn clean(&self, error: &RemoteError) -> String {
        let error = error.to_string();
        let error = error.replace(&self.folder.path().display().to_string(), "/home/far");
        error.replace(FAR_SIDE, "/opt/clew")
    }
}

/// What is said of a place that can't be asked.
fn said(calling: SshCommand, url: &str) -> RemoteError {
    let ssh = Ssh::open(url, calling).expect("it means a place");
    ssh.head(&name("main")).expect_err("it can't be asked")
}

fn large() -> Vec<u8> {
    (0..3 * PART + 77).map(|at| (at * 7 % 253) as u8).collect()
}

#[test]
fn ssh_keeps_the_contract() {
    let machine = Machine::new();
    let place: Arc<dyn Backend> = Arc::new(machine.created());
    conformance::check(&place);
}

#[test]
fn a_transfer_goes_on_when_ssh_is_killed() {
    let machine = Machine::new();
    let patient = Patient::new(Arc::new(machine.noted()), RetryPolicy::default()).waiting_by(|_| ());
    let bytes = large();
    let mut moved = 0;
    let mut killed = 0;
    let mut watch = |more| {
        moved += more;
        // In the middle of the second part, and of the third.
        if killed < 2 && moved > (killed + 1) * PART + PART / 2 {
            killed += 1;
            machine.kill();
        }
        std::ops::ControlFlow::Continue(())
    };
    let sent = send(
        &patient,
        &name("pack"),
        &bytes,
        &mut UploadProgress::default(),
        &mut watch,
    );
    assert_eq!(sent, Ok(WriteOutcome::New));
    assert_eq!((killed, machine.pids().len()), (2, 3), "each is followed by one more");
    assert!(
        moved <= bytes.len() as u64 + 2 * PART,
        "whole parts are not sent again: {moved}"
    );

    let (mut arrived, mut sink, mut killed) = (0, Vec::new(), false);
    let mut watch = |_| {
        if !std::mem::replace(&mut killed, true) {
            machine.kill();
        }
        std::ops::ControlFlow::Continue(())
    };
    fetch(
        &patient,
        &name("pack"),
        bytes.len() as u64,
        &mut arrived,
        &mut sink,
        &mut watch,
    )
    .expect("fetched");
    assert!(sink == bytes);
    assert!(read_whole(&patient, &name("pack")).expect("it can be read") == Some(bytes));
}

#[test]
fn a_push_gets_through_a_line_that_is_cut_after_less_than_a_part() {
    let machine = Machine::new();
    let place = machine.created();
    drop(place);
    // What goes to the far side ends after so many bytes.
    let sshd = format!(
        "{} -i -f {}",
        program("sshd").display(),
        machine.at("sshd_config").display()
    );
    let line = machine.script("line", &format!("stdbuf -o0 head -c 3000000 | {sshd}"));
    let settings = fs::read_to_string(machine.at("ssh_config")).expect("it is there");
    machine.put("ssh_config", &settings.replace(&sshd, &line.display().to_string()));
    let patient = Patient::new(Arc::new(machine.noted()), RetryPolicy::default()).waiting_by(|_| ());
    let bytes = large();
    let sent = send(
        &patient,
        &name("pack"),
        &bytes,
        &mut UploadProgress::default(),
        &mut unwatched,
    );
    assert_eq!(sent, Ok(WriteOutcome::New));
    assert!(
        machine.pids().len() as u64 > bytes.len() as u64 / 3_000_000,
        "the line was cut"
    );
    assert!(read_whole(&patient, &name("pack")).expect("it can be read") == Some(bytes));
}

#[test]
fn heads_are_changed_once_however_often_ssh_is_killed() {
    let machine = Machine::new();
    let patient = Patient::new(Arc::new(machine.noted()), RetryPolicy::default()).waiting_by(|_| ());
    let head = name("main");
    let mut token = patient.swap(&head, None, b"0").expect("it is made");
    std::thread::scope(|scope| {
        let swaps = scope.spawn(|| {
            for number in 1..40_u8 {
                token = patient
                    .swap(&head, Some(&token), &[number])
                    .expect("nobody else is there");
            }
        });
        while !swaps.is_finished() {
            machine.kill();
            let before = machine.pids().len();
            while !swaps.is_finished() && machine.pids().len() == before {
                std::thread::yield_now();
            }
            // The one that has just begun shall come to something.
            let stands = patient.head(&head).expect("it can be read").map(|head| head.bytes);
            while !swaps.is_finished() && patient.head(&head).expect("it can be read").map(|head| head.bytes) == stands
            {
            }
        }
    });
    let left = patient.head(&head).expect("it can be read").expect("it is there");
    assert_eq!((left.bytes, left.token), (vec![39], token));
    assert!(machine.pids().len() > 1, "none was killed");
}

#[test]
fn what_stands_in_the_way_is_said() {
    let machine = Machine::new();
    let calling = |settings: &Path| SshCommand {
        options: vec!["-F".into(), settings.into()],
        ..SshCommand::default()
    };
    let mut texts = Vec::new();
    let mut say = |error: RemoteError, is: fn(&RemoteError) -> bool| {
        assert!(is(&error), "{error:?}");
        texts.push(machine.clean(&error));
    };
    let is_refused = |error: &RemoteError| matches!(error, RemoteError::Refused { .. });
    let is_none = |error: &RemoteError| matches!(error, RemoteError::NoPlace { .. });

    // Nothing is there, before anybody makes it.
    say(said(machine.calling(), &machine.url(FAR_SIDE)), is_none);
    machine.created();
    let (url, missing) = (machine.url(FAR_SIDE), machine.url("/no/such/clew"));
    let error = said(machine.calling(), &missing);
    assert!(is_none(&error), "{error:?}");
    assert!(error.to_string().contains("?clew=/FOLDER/bin/clew"), "{error}");
    let strange = calling(&machine.settings("strange", "user", "unknown"));
    let error = said(strange, &url);
    assert!(is_refused(&error), "another key than it had: {error:?}");
    let refused = calling(&machine.settings("refused", "stranger", "known"));
    let error = said(refused, &url);
    assert!(is_refused(&error), "{error:?}");
    assert!(error.to_string().contains("Permission denied"), "{error}");

    let old = machine.script("old-clew", "echo 'Error: `clew serve` is to come' >&2; exit 2");
    say(
        said(machine.calling(), &machine.url(&old.display().to_string())),
        is_none,
    );
    let noisy = machine.script(
        "noisy-clew",
        "echo 'Welcome, and have a good day'; exec cat > /dev/null",
    );
    let error = said(machine.calling(), &machine.url(&noisy.display().to_string()));
    assert!(error.to_string().contains("Welcome"), "{error}");

    let away = machine.put("away", "Host far\n  ProxyCommand false\n");
    let error = said(calling(&away), &url);
    assert!(error.is_passing(), "{error:?}");
    let calling = SshCommand {
        program: "/no/such/ssh".into(),
        ..machine.calling()
    };
    say(said(calling, &url), |error| matches!(error, RemoteError::Here { .. }));
    insta::assert_snapshot!(texts.join("\n"));
}
