//! The keys: the user's own, and trusted ones.

use std::path::Path;

use clew_core::store::disk::{Disk, RealDisk};
use clew_core::store::{SigningKey, Trust};

use super::Check;
use crate::context::Context;
use crate::platform::mode;

pub(super) fn checks(has_histories: bool, context: &Context) -> Vec<Check> {
    let config = &context.config;
    let mut checks = vec![key(config, has_histories)];
    if is_writable_by_others(config) {
        let found = "other users can replace your keys and settings";
        checks.push(Check::bad("rights", found, format!("chmod 700 {}", config.display())));
    }
    checks.extend(trusted(config));
    checks
}

fn is_writable_by_others(folder: &Path) -> bool {
    let mode = std::fs::metadata(folder).ok().and_then(|metadata| mode(&metadata));
    mode.is_some_and(|mode| mode & 0o022 != 0)
}

fn key(config: &Path, has_histories: bool) -> Check {
    match SigningKey::load(&RealDisk, config) {
        Ok(Some(key)) => Check::fine("key", format!("yours is {}", key.public().short())),
        Ok(None) if has_histories => Check::bad(
            "key",
            format!(
                "none in {}: your earlier runs count as another person's",
                config.display()
            ),
            format!("put the file signing.key of your backup back into {}", config.display()),
        ),
        Ok(None) => Check::fine("key", "none yet; it is created when the first notebook records"),
        Err(error) => {
            let path = config.join("signing.key");
            let hint = match RealDisk.is_open_to_others(&path) {
                Ok(true) => format!("chmod 600 {}", path.display()),
                _ => "nothing is recorded until the key can be used".to_owned(),
            };
            Check::bad("key", error.to_string(), hint)
        }
    }
}

fn trusted(config: &Path) -> Option<Check> {
    let own = SigningKey::load(&RealDisk, config).ok().flatten()?;
    let error = Trust::load(&RealDisk, config, own.public()).err()?;
    Some(Check::bad(
        "trusted",
        error.to_string(),
        "run `chmod 600` on it or move it away; until then only your own runs are trusted",
    ))
}
