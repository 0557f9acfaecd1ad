//! Landlock: files are written in one folder only, programs are not started, other processes are inaccessible.

use std::error::Error;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope,
};

use super::gap::SandboxGap;

/// The newest version of Landlock that this code knows.
const NEWEST: ABI = ABI::V6;

/// Protects every file outside `folder`; returns the reason if that fails. Rules that the kernel does not have are
/// omitted.
pub(super) fn protect(folder: &Path) -> Result<(), SandboxGap> {
    match restrict(folder) {
        Ok(RulesetStatus::NotEnforced) => Err(SandboxGap::NoLandlock),
        Ok(_) => Ok(()),
        Err(error) => Err(SandboxGap::Files(error.to_string())),
    }
}

fn restrict(folder: &Path) -> Result<RulesetStatus, Box<dyn Error>> {
    let written = AccessFs::from_write(NEWEST);
    let status = Ruleset::default()
        .handle_access(written | AccessFs::Execute)?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new(folder)?, written))?
        // Programs discard output there.
        .add_rule(PathBeneath::new(PathFd::new("/dev/null")?, AccessFs::WriteFile))?
        .restrict_self()?;
    Ok(status.ruleset)
}
