//! Checks whether recorded processes still exist.

use clew_core::format::Process;

use crate::platform::{machine, process_start};

/// The status of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessStatus {
    /// It exists.
    Runs,
    /// It no longer exists.
    Gone,
    /// It was recorded on another machine or in another container, or this system does not report it.
    Unknown,
}

/// Describes this process.
pub(crate) fn this_process() -> Process {
    let pid = std::process::id();
    Process {
        pid,
        began: process_start(pid).ok().flatten().unwrap_or(0),
        ..machine()
    }
}

/// Whether both are known, and differ.
fn differ(one: &str, other: &str) -> bool {
    !one.is_empty() && !other.is_empty() && one != other
}

/// Returns the status of a recorded process.
pub(crate) fn life(noted: &Process) -> ProcessStatus {
    match process_start(noted.pid) {
        Ok(began) => life_on(&machine(), noted, began),
        Err(_) => ProcessStatus::Unknown,
    }
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
