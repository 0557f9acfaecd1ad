//! Checks whether recorded processes still exist.

use std::fs;

use clew_core::format::Process;

/// The status of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessStatus {
    /// It exists.
    Runs,
    /// It no longer exists.
    Gone,
    /// It was recorded on another machine or in another container, so its status is unknown here.
    Unknown,
}

/// Describes this process.
pub(crate) fn this_process() -> Process {
    let pid = std::process::id();
    Process {
        pid,
        began: began(pid).unwrap_or(0),
        ..this_machine()
    }
}

/// Describes the machine, its boot and the PID namespace, without a process.
fn this_machine() -> Process {
    let text = |path: &str| {
        fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    };
    let space = fs::read_link("/proc/self/ns/pid").ok();
    Process {
        host: host(),
        machine: text("/etc/machine-id"),
        boot: text("/proc/sys/kernel/random/boot_id"),
        space: space
            .map(|space| space.to_string_lossy().into_owned())
            .unwrap_or_default(),
        ..Process::default()
    }
}

/// Whether both are known, and differ.
fn differ(one: &str, other: &str) -> bool {
    !one.is_empty() && !other.is_empty() && one != other
}

/// Returns the status of a recorded process.
pub(crate) fn life(noted: &Process) -> ProcessStatus {
    life_on(&this_machine(), noted, began(noted.pid))
}

/// Returns the status as seen on the machine `here`, where a process with that PID `began` at a certain time, if there is one.
fn life_on(here: &Process, noted: &Process, began: Option<u64>) -> ProcessStatus {
    if here.host != noted.host || differ(&here.machine, &noted.machine) {
        return ProcessStatus::Unknown;
    }
    if differ(&here.boot, &noted.boot) {
        // A reboot ends all processes.
        return ProcessStatus::Gone;
    }
    if differ(&here.space, &noted.space) {
        return ProcessStatus::Unknown;
    }
    match began {
        Some(began) if noted.began == 0 || began == noted.began => ProcessStatus::Runs,
        _ => ProcessStatus::Gone,
    }
}

/// Returns when a process began, in ticks since the machine's boot; `None` if it does not exist.
#[cfg(target_os = "linux")]
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the program's name, may contain anything but ends at the last parenthesis; the 22nd is the start time.
    let after = &stat[stat.rfind(')')? + 1..];
    let mut fields = after.split_ascii_whitespace();
    let is_zombie = fields.next()? == "Z";
    fields.nth(18)?.parse().ok().filter(|_| !is_zombie)
}

/// On other systems only its existence is known.
#[cfg(all(unix, not(target_os = "linux")))]
fn began(pid: u32) -> Option<u64> {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed())?;
    rustix::process::test_kill_process(pid).ok().map(|()| 0)
}

#[cfg(not(unix))]
fn began(_: u32) -> Option<u64> {
    Some(0)
}

#[cfg(unix)]
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
pub(crate) fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted() -> Process {
        Process {
            host: "desk".to_owned(),
            machine: "m1".to_owned(),
            boot: "b1".to_owned(),
            space: "pid:[1]".to_owned(),
            pid: 7,
            began: 100,
        }
    }

    fn judged(change: impl FnOnce(&mut Process), began: Option<u64>) -> ProcessStatus {
        let mut here = noted();
        change(&mut here);
        life_on(&here, &noted(), began)
    }

    #[test]
    fn a_process_is_gone_only_where_that_can_be_told() {
        assert_eq!(judged(|_| {}, Some(100)), ProcessStatus::Runs);
        assert_eq!(judged(|_| {}, None), ProcessStatus::Gone);
        assert_eq!(
            judged(|_| {}, Some(200)),
            ProcessStatus::Gone,
            "its number was given again"
        );
        assert_eq!(
            judged(|here| here.boot = "b2".to_owned(), Some(100)),
            ProcessStatus::Gone
        );
        assert_eq!(
            judged(|here| here.host = "other".to_owned(), None),
            ProcessStatus::Unknown
        );
        assert_eq!(
            judged(|here| here.machine = "m2".to_owned(), None),
            ProcessStatus::Unknown
        );
        assert_eq!(
            judged(|here| here.space = "pid:[2]".to_owned(), None),
            ProcessStatus::Unknown
        );
    }

    #[test]
    fn what_an_older_clew_noted_is_judged_by_what_it_says() {
        let old = Process {
            machine: String::new(),
            boot: String::new(),
            space: String::new(),
            ..noted()
        };
        assert_eq!(life_on(&noted(), &old, Some(100)), ProcessStatus::Runs);
        assert_eq!(life_on(&noted(), &old, None), ProcessStatus::Gone);
    }

    #[test]
    fn this_process_runs() {
        assert_eq!(life(&this_process()), ProcessStatus::Runs);
    }
}
