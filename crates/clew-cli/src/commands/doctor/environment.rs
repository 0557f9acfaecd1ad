//! The environment: settings, the files created by `enable`, and compatible versions.

use std::path::Path;

use super::Check;
use crate::commands::environment::enable::sets_extensions;
use crate::commands::environment::ipython_config::loads_clew;
use crate::commands::environment::kernelspec;
use crate::context::Context;
use crate::interface::Interface;
use crate::platform::UNTESTED;
use crate::settings::{SettingProblem, is_off};
use crate::site::{Site, version_of};
use crate::text;

/// The oldest supported versions: major, minor.
const OLDEST: [(&str, (u32, u32)); 2] = [("ipython", (7, 34)), ("ipykernel", (6, 17))];
/// The variable that disables Clew in a kernel.
const VARIABLE: &str = "CLEW";

pub(super) fn checks(context: &Context) -> Vec<Check> {
    let mut checks: Vec<Check> = switched_off().into_iter().collect();
    checks.extend(UNTESTED.map(|system| {
        let found =
            format!("Clew is not tested on {system}; \"macOS and Windows\" in its guide lists what is missing here");
        Check::fine("platform", found)
    }));
    checks.extend(settings(context));
    let own = Site::own(context);
    if own.is_none() && context.interface == Interface::Terminal {
        let found =
            "this command is not in a Python environment; `%clew doctor` in a notebook checks the kernel's environment";
        checks.push(Check::fine("python", found));
    }
    for site in own.iter().chain([&Site::user(context)]) {
        checks.extend(enabled(site, context));
        checks.extend(kernel(site, context));
    }
    if let Some(prefix) = own.as_ref().and_then(|own| own.prefix.as_deref()) {
        checks.extend(versions(prefix, context));
    }
    checks
}

fn switched_off() -> Option<Check> {
    let value = std::env::var(VARIABLE).ok()?;
    let found = format!(
        "{VARIABLE}={} is set: kernels started from here do not record",
        text::clean(value.trim())
    );
    is_off(&value).then(|| Check::bad("switch", found, format!("unset {VARIABLE}")))
}

fn settings(context: &Context) -> Vec<Check> {
    let problems = context.settings.problems();
    if problems.is_empty() {
        return vec![Check::fine("settings", "all are valid")];
    }
    problems
        .iter()
        .map(|problem| Check::bad("settings", problem.to_string(), mend(problem)))
        .collect()
}

/// Returns the fix: edit a line, or unset a variable. The message about an ignored folder contains its fix.
fn mend(problem: &SettingProblem) -> String {
    match problem.line {
        Some(line) => format!("edit line {line} of {}; Clew ignores it until then", problem.place),
        None if problem.place.starts_with("CLEW_") => format!("unset {}", problem.place),
        None => String::new(),
    }
}

/// Whether kernels record from their start. If `enable` was never used, this is not a problem.
fn enabled(site: &Site, context: &Context) -> Option<Check> {
    let name = site.name();
    let enable = context.command(&format!("enable{}", site.option(context)));
    let Ok(text) = crate::whole_file::small_text(&site.config) else {
        let found = format!("not for {name}: notebooks record after `%load_ext clew`, or automatically after {enable}");
        return site.prefix.is_some().then(|| Check::fine("enabled", found));
    };
    Some(match loads_clew(&text) {
        Err(odd) => {
            let found = format!("IPython cannot use {}: {odd}", site.config.display());
            Check::bad("enabled", found, "fix or move that file")
        }
        Ok(applications) if applications.len() == 1 => {
            let found = format!("{} loads Clew for {} only", site.config.display(), applications[0]);
            Check::bad("enabled", found, enable)
        }
        Ok(applications) if applications.is_empty() => {
            let found =
                format!("not for {name}: notebooks record after `%load_ext clew`, or automatically after {enable}");
            Check::fine("enabled", found)
        }
        Ok(_) => left_out(&name),
    })
}

/// Checks whether a user's own list of extensions overrides the environment's.
fn left_out(name: &str) -> Check {
    let own = Site::own_settings();
    if crate::whole_file::small_text(&own).is_ok_and(|text| sets_extensions(&text)) {
        let found = format!("for {name}, but {} sets `extra_extensions` without Clew", own.display());
        return Check::bad("enabled", found, "add \"clew\" to the list there");
    }
    Check::fine("enabled", format!("for {name}: every kernel there records"))
}

fn kernel(site: &Site, context: &Context) -> Option<Check> {
    let python = kernelspec::interpreter_of(&site.kernel)?;
    let place = site.kernel.display();
    if python.is_absolute() && !python.exists() {
        let found = format!(
            "{} in {place} starts {}, which does not exist",
            kernelspec::DISPLAY_NAME,
            python.display()
        );
        let disable = context.command(&format!("disable{}", site.option(context)));
        return Some(Check::bad("kernel", found, disable));
    }
    let found = format!("{} starts {}", kernelspec::DISPLAY_NAME, python.display());
    Some(Check::fine("kernel", found))
}

fn versions(prefix: &Path, context: &Context) -> Vec<Check> {
    let version = |name: &str| match &context.python {
        Some(python) if !python.versions.is_empty() => {
            let known = python.versions.iter().find(|(known, _)| known == name);
            known.map(|(_, version)| version.clone())
        }
        _ => version_of(name, prefix),
    };
    let mut checks = Vec::new();
    let ours = env!("CARGO_PKG_VERSION");
    if let Some(package) = version("clew").filter(|package| package != ours) {
        let (what, mend) = match context.interface {
            Interface::Terminal => ("this command", "`python -m pip install --force-reinstall clew`"),
            Interface::Notebook | Interface::Forwarded | Interface::Python => ("what is loaded", "restart the kernel"),
        };
        let found = format!("the package is Clew {package}, {what} is {ours}");
        checks.push(Check::bad("versions", found, mend));
    }
    let mut found = Vec::new();
    for (name, oldest) in OLDEST {
        let Some(version) = version(name) else { continue };
        if is_older(&version, oldest) {
            let (major, minor) = oldest;
            let told =
                format!("{name} {version} is older than {major}.{minor}, the oldest version that Clew is tested with");
            let mend = format!("`python -m pip install -U {name}`");
            checks.push(Check::bad("versions", told, mend));
        } else {
            found.push(format!("{name} {version}"));
        }
    }
    if !found.is_empty() {
        checks.push(Check::fine("versions", text::listing(&found, 4)));
    }
    checks
}

/// Whether a version is older than `oldest`. Unparsable versions count as new.
fn is_older(version: &str, oldest: (u32, u32)) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < oldest,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(is_older("8.9.1", (8, 18)) && is_older("7.34.0", (8, 18)));
        assert!(!is_older("8.18", (8, 18)) && !is_older("10.0.0", (8, 18)) && !is_older("dev", (8, 18)));
    }
}
