//! Landlock: files are written in one folder only, programs are not started, other processes are out of reach.

use std::error::Error;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope,
};

use super::gap::SandboxGap;

/// The newest rules that were read when this was written.
const NEWEST: ABI = ABI::V6;

/// Protects every file outside `folder`; else why that can't be had. Of the rules it takes those that the kernel has.
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
        // Programs throw away what they would print.
        .add_rule(PathBeneath::new(PathFd::new("/dev/null")?, AccessFs::WriteFile))?
        .restrict_self()?;
    Ok(status.ruleset)
}
