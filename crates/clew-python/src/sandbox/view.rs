//! A view of files for this process only: files of this machine at paths of another one.
//!
//! The system provides it by a mount namespace, so that code in any language finds the files. If the old path does
//! not exist yet, the nearest folder above it is covered by a folder in memory with the same entries and room for a
//! new one: nothing is written to any disk.
//!
//! ```text
//!   --map /home/ada/data=/mnt/data, and /home has no ada
//!       /home  ◄── a folder in memory ┬ everything in /home, as it is
//!                                     └ ada/data ◄── /mnt/data
//! ```

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, mount_move, unmount,
};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use super::PathMapFailure;
use crate::raw::namespace;

/// Folders with more entries are not covered.
const MOST: usize = 4096;

/// Makes the second path of each pair visible at the first. `staging` is an empty folder of this process.
pub(super) fn show(maps: &[(PathBuf, PathBuf)], staging: &Path) -> Result<(), PathMapFailure> {
    let here = std::env::current_dir();
    own_namespace().map_err(|error| PathMapFailure::Refused(error.to_string()))?;
    // Opens all of them before the first is mounted, which may cover others.
    let opened = maps.iter().map(|(old, new)| Ok((old, open(new)?)));
    let mut opened = opened.collect::<Result<Vec<_>, PathMapFailure>>()?;
    // Paths within other mapped paths are mounted after these.
    opened.sort_by_key(|(old, _)| old.components().count());
    for (old, new) in opened {
        let new = PathBuf::from(format!("/proc/self/fd/{}", new.as_raw_fd()));
        make_room(old, &new, staging)?;
        mount_bind_recursive(&new, old).map_err(|error| failed(old, &error.into()))?;
    }
    // The process's folder may be covered by now; its path must lead to the new one.
    if let Ok(here) = here {
        std::env::set_current_dir(&here).map_err(|error| failed(&here, &error))?;
    }
    give_up_rights().map_err(|error| PathMapFailure::Refused(error.to_string()))
}

/// Gives this process its own mounts, in a user namespace with the same user and group ids.
fn own_namespace() -> io::Result<()> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    namespace::own_mounts()?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{0} {0} 1", user.as_raw()))?;
    fs::write("/proc/self/gid_map", format!("{0} {0} 1", group.as_raw()))?;
    let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", alone)?;
    Ok(())
}

/// The creator of a namespace has all capabilities in it. From here on only the previous ones are needed.
fn give_up_rights() -> io::Result<()> {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, none)?)
}

fn open(path: &Path) -> Result<OwnedFd, PathMapFailure> {
    let opened = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    opened.map_err(|error| failed(path, &error.into()))
}

/// Ensures that `old` exists, so that `new` can be mounted on it.
fn make_room(old: &Path, new: &Path, staging: &Path) -> Result<(), PathMapFailure> {
    let is_folder = fs::metadata(new).map_err(|error| failed(old, &error))?.is_dir();
    match fs::metadata(old) {
        Ok(found) if found.is_dir() == is_folder => return Ok(()),
        Ok(_) => return Err(PathMapFailure::OtherKind(old.display().to_string())),
        Err(_) => {}
    }
    let standing = old.ancestors().skip(1).find(|above| above.is_dir());
    // Links in the paths would hide that one is below the other.
    let plain = |path: &Path| fs::canonicalize(path).map_err(|error| failed(path, &error));
    cover(&plain(standing.unwrap_or(Path::new("/")))?, &plain(staging)?)?;
    let made = fs::create_dir_all(old.parent().unwrap_or(old)).and_then(|()| empty(old, is_folder));
    made.map_err(|error| failed(old, &error))
}

fn empty(path: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder {
        fs::create_dir(path)
    } else {
        File::create_new(path).map(drop)
    }
}

/// Covers a folder by a folder in memory with the same entries.
fn cover(folder: &Path, staging: &Path) -> Result<(), PathMapFailure> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| failed(folder, &error))?;
    if entries.len() > MOST {
        return Err(PathMapFailure::Crowded(folder.display().to_string()));
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("clew", staging, "tmpfs", flags, Some(c"mode=0755")).map_err(|error| failed(folder, &error.into()))?;
    for entry in entries {
        let at = staging.join(entry.file_name());
        show_again(&entry, &at).map_err(|error| failed(&entry.path(), &error))?;
        // If the staging folder is below this entry, it is now visible in itself. The sandbox lets this process write
        // to that folder, so no other folder may be visible through it.
        if let Ok(below) = staging.strip_prefix(entry.path()) {
            let copy = at.join(below);
            unmount(&copy, UnmountFlags::DETACH).map_err(|error| failed(&copy, &error.into()))?;
        }
    }
    let covered = if folder == Path::new("/") {
        rustix::process::chroot(staging).and_then(|()| rustix::process::chdir("/"))
    } else {
        mount_move(staging, folder)
    };
    covered.map_err(|error| failed(folder, &error.into()))
}

fn show_again(entry: &fs::DirEntry, at: &Path) -> io::Result<()> {
    let kind = entry.file_type()?;
    if kind.is_symlink() {
        return symlink(fs::read_link(entry.path())?, at);
    }
    empty(at, kind.is_dir())?;
    Ok(mount_bind_recursive(entry.path(), at)?)
}

fn failed(path: &Path, error: &io::Error) -> PathMapFailure {
    PathMapFailure::Failed {
        path: path.display().to_string(),
        why: error.to_string(),
    }
}
