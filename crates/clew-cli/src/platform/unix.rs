//! Linux, macOS and other Unix systems.
#![allow(clippy::unnecessary_wraps)] // one signature on every platform

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use clew_core::format::{Process, Uptime};
use rustix::fs::{Mode, OFlags, StatVfsMountFlags};
use rustix::process::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Signals that end a program which runs until it is told to stop: Ctrl+C, a scheduler, a closed terminal.
pub(crate) const ENDING_SIGNALS: &[i32] = &[SIGINT, SIGTERM, SIGHUP];

/// The lowest priority.
const LOWEST: i32 = 19;

/// Returns the name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Describes the machine, its boot and the PID namespace, without a process. What the system does not provide is empty; macOS provides the
/// name only.
pub(crate) fn machine() -> Process {
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

/// Returns the machine's uptime. Only known on Linux; elsewhere only the adjustable clock is available.
pub(crate) fn uptime() -> Option<Uptime> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = boot.chars().filter(char::is_ascii_hexdigit).collect();
    let told = fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = told.split_ascii_whitespace().next()?.split_once('.')?;
    let hundredths = seconds.parse::<u64>().ok()? * 100 + hundredths.parse::<u64>().ok()?;
    Some(Uptime {
        boot: u128::from_str_radix(&digits, 16).ok()?.to_be_bytes(),
        nanoseconds: hundredths * 10_000_000,
    })
}

/// Returns when a process began, in ticks since the machine's boot; `None` if it does not exist.
///
/// # Errors
/// The system does not report whether it exists.
#[cfg(target_os = "linux")]
pub(crate) fn process_start(pid: u32) -> io::Result<Option<u64>> {
    let began = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field, the program's name, may contain anything but ends at the last parenthesis; the 22nd is the start time.
        let after = &stat[stat.rfind(')')? + 1..];
        let mut fields = after.split_ascii_whitespace();
        let is_zombie = fields.next()? == "Z";
        fields.nth(18)?.parse().ok().filter(|_| !is_zombie)
    };
    Ok(began())
}

/// Returns 0 for a process that exists, since the start is not known; `None` if it does not exist.
///
/// # Errors
/// The system does not report whether it exists.
#[cfg(not(target_os = "linux"))]
pub(crate) fn process_start(pid: u32) -> io::Result<Option<u64>> {
    use rustix::io::Errno;
    let Some(pid) = Pid::from_raw(pid.cast_signed()) else {
        return Ok(None);
    };
    match rustix::process::test_kill_process(pid) {
        // Another user's process exists, too.
        Ok(()) | Err(Errno::PERM) => Ok(Some(0)),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Lowers the priority of a process as far as possible.
pub(crate) fn lower_priority(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    rustix::process::setpriority_process(pid, LOWEST).ok();
}

/// Returns the signal that ended a process.
pub(crate) fn killed_by(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// Lets another program continue in place of this one. Returns only if that fails.
///
/// # Errors
/// The program cannot be started.
pub fn continue_as(command: &mut Command) -> io::Result<i32> {
    Err(command.exec())
}

/// Returns the machine's memory in bytes; `None` if unknown.
#[cfg(target_os = "linux")]
pub(crate) fn memory() -> Option<u64> {
    let about = rustix::system::sysinfo();
    (about.totalram as u64).checked_mul(u64::from(about.mem_unit))
}

/// The memory is not known on other systems.
#[cfg(not(target_os = "linux"))]
pub(crate) fn memory() -> Option<u64> {
    None
}

/// Opens a regular file, without following links or blocking.
pub(crate) fn open_plain_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Returns the number of a file in its file system.
pub(crate) fn file_number(file: &Metadata) -> Option<u64> {
    Some(file.ino())
}

/// Returns the permission bits of a file.
pub(crate) fn mode(file: &Metadata) -> Option<u32> {
    Some(file.mode())
}

/// Returns whether a file belongs to another user.
pub(crate) fn belongs_to_another(file: &Metadata) -> bool {
    file.uid() != rustix::process::geteuid().as_raw()
}

/// Sets the permission bits of a temporary file, subject to the umask.
pub(crate) fn restrict(builder: &mut tempfile::Builder<'_, '_>, mode: u32) {
    builder.permissions(fs::Permissions::from_mode(mode));
}

/// Returns the bytes that a file takes on the disk.
pub(crate) fn used_space(file: &Metadata) -> u64 {
    file.blocks().saturating_mul(512)
}

/// Returns the bytes on the disk of files without a name that a process has open; 0 where the system does not list them.
pub(crate) fn deleted_files(process: u32) -> u64 {
    let open = fs::read_dir(format!("/proc/{process}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let sizes = open.map(|entry| {
        let path = entry.path();
        let has_no_name = fs::read_link(&path).is_ok_and(|to| to.to_string_lossy().ends_with(" (deleted)"));
        let found = has_no_name.then(|| fs::metadata(&path).ok()).flatten();
        found.map_or(0, |found| used_space(&found))
    });
    sizes.fold(0, u64::saturating_add)
}

/// Returns whether the file system of a folder is mounted read-only.
pub(crate) fn is_read_only(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY))
}
