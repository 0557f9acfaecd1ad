//! The hooks: Clew's hooks in IPython and the kernel, and other tools that follow its cells. Only available in a kernel.

use super::Check;
use crate::context::Context;
use crate::text;

pub(super) fn checks(context: &Context) -> Vec<Check> {
    let Some(python) = &context.python else {
        return Vec::new();
    };
    let mut checks = vec![hung(&python.hooks)];
    checks.extend(python.unrecorded.as_ref().map(|why| {
        let found = format!("the last run could not be recorded: {}", text::clean(why));
        Check::bad(
            "record",
            found,
            "when this is fixed, the next run records all current variables",
        )
    }));
    checks.extend(python.rivals.iter().map(|rival| {
        let found = format!("{rival} is loaded too, and changes cells or their variables before Clew sees them");
        Check::bad(
            "others",
            found,
            format!("use a kernel without {rival}, or `%unload_ext clew`"),
        )
    }));
    checks
}

fn hung(hooks: &[(String, bool)]) -> Check {
    let missing: Vec<String> = hooks
        .iter()
        .filter(|(_, is_there)| !is_there)
        .map(|(name, _)| name.clone())
        .collect();
    let again = "`%reload_ext clew` registers them again";
    match (hooks.len(), missing.as_slice()) {
        (0, _) => Check::bad(
            "hooks",
            "no hooks are registered in IPython: runs are not recorded",
            again,
        ),
        (_, []) => Check::fine(
            "hooks",
            format!("{} are registered in IPython and the kernel", hooks.len()),
        ),
        (_, missing) => {
            let found = format!("something else replaced {}", text::listing(missing, 6));
            Check::bad("hooks", found, again)
        }
    }
}
