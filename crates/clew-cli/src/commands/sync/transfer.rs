//! `clew move` and `clew push --plan`: move a state to a remote or another store, sending what is cheaper to send than to rerun.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clew_core::id::ManifestId;
use clew_core::plan::carry::{CarryPlan, LinkSpeed};
use clew_core::plan::cut::Cost;
use clew_core::store::{OutgoingHistory, SigningKey};
use clew_remote::Ssh;
use clew_remote::sync::{self, Speed, SyncProgress, SyncTarget};

use super::way::{TransferProgress, check_plain, known, opened_remote, way, writable};
use crate::command_info::{CommandCall, CommandEffect, CommandInfo};
use crate::commands::carry::plan::{
    Arguments, CarryPage, DonePage, PlanOptions, PlanTarget, TargetStore, planned, told_link,
};
use crate::commands::remote::{asked, tell};
use crate::context::Context;
use crate::history_view::{StoredHistory, open_store};
use crate::problem::{Exit, Problem};
use crate::remotes::{self, Remote, Remotes};
use crate::terminal_text::TerminalText;
use crate::text;

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "move",
    examples: &[
        ("move lab", "send values that are cheaper to send than to rerun"),
        (
            "move --dry-run --rate 10MB",
            "show what would be sent, and what rerun there",
        ),
        (
            "move --dry-run --rate 10MB --budget 1GB",
            "the same, with at most 1 GB sent",
        ),
    ],
    calls: &[CommandCall::new(
        "move --dry-run --rate 1000",
        "plan_move(1000)",
        "Carried",
    )],
    changes: CommandEffect::Remote,
    ..CommandInfo::DEFAULT
};

/// The destination of a state.
enum MoveDestination {
    Remote(Remote),
    Store(PathBuf),
}

/// Moves a state to the target in the arguments.
pub fn carry(
    arguments: &Arguments,
    directory: &Path,
    wanted: Option<&str>,
    context: &Context,
) -> Result<CarryPage, Problem> {
    let Some(target) = &arguments.target else {
        let plan = context.command("move --dry-run --rate 10MB");
        let problem = Problem::usage("A move needs a target: a remote, or the folder of a store");
        return Err(problem.with_hint(format!("name one; {plan} plans for a target that has no data yet")));
    };
    let (options, plain, from) = (&arguments.options, arguments.plain, (directory, wanted));
    match meant(target, directory, context)? {
        MoveDestination::Remote(remote) => to_remote(options, plain, remote, from, context),
        MoveDestination::Store(folder) => to_store(options, plain, &folder, from, context),
    }
}

/// Resolves a target: a remote's name, a URL, or a folder. The folder must already be a store or a remote.
fn meant(target: &str, store: &Path, context: &Context) -> Result<MoveDestination, Problem> {
    let all = Remotes::read(&context.config)?;
    let unnamed = match all.find(target, store, context) {
        Ok(remote) => return Ok(MoveDestination::Remote(remote.clone())),
        Err(problem) => problem,
    };
    let near = std::env::current_dir().unwrap_or_default();
    let folder = near.join(target);
    let is_place = target.contains("://") || Ssh::is_meant(target);
    if !is_place {
        match open_store(&folder, context) {
            Ok(_) if is_same(&folder, store) => {
                return Err(Problem::usage("That is the store itself").with_hint("name another target"));
            }
            Ok(_) => return Ok(MoveDestination::Store(folder)),
            // An unreadable store is not a remote either.
            Err(problem) if problem.exit != Exit::Usage => return Err(problem),
            Err(_) if folder.join(MARK).exists() => {}
            Err(_) => {
                let message = format!("{}, and no store in that folder", unnamed.message);
                return Err(Problem { message, ..unnamed });
            }
        }
    }
    let url = remotes::url_of(target, &near)?;
    let listed = all.of_store(store).into_iter().find(|remote| remote.url == url);
    let remote = listed.cloned();
    Ok(MoveDestination::Remote(remote.unwrap_or_else(|| {
        remotes::unasked(&url, url.clone(), store, context.now)
    })))
}

/// The file that marks a folder as a remote.
const MARK: &str = ".clew-remote";

fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| std::fs::canonicalize(path).ok();
    whole(one).is_some_and(|one| whole(other) == Some(one))
}

/// The store and the history of a state to send.
type MoveSource<'f> = (&'f Path, Option<&'f str>);

/// Moves a state to a remote, or previews it.
pub(super) fn to_remote(
    options: &PlanOptions,
    is_plain: bool,
    remote: Remote,
    (directory, wanted): MoveSource<'_>,
    context: &Context,
) -> Result<CarryPage, Problem> {
    let (store, key) = writable(directory, context)?;
    check_plain(&store, is_plain, context)?;
    let found = StoredHistory::near(store, wanted, context)?;
    // Before any request to the remote: an unknown run is a local error.
    options.run(&found.place(), context)?;
    if options.dry_run {
        let backend = opened_remote(&remote, context)?;
        let way = way(&backend, &remote.url, directory, context);
        return Ok(plan_to_remote(options, &found, &remote, &way, context)?.1);
    }
    let remote = asked_once(remote, context)?;
    let backend = opened_remote(&remote, context)?;
    let way = way(&backend, &remote.url, directory, context);
    let planned_move = plan_to_remote(options, &found, &remote, &way, context)?;
    send_to_remote(planned_move, &found, &remote, &way, &key, context)
}

/// Plans what to send to a remote.
fn plan_to_remote(
    options: &PlanOptions,
    found: &StoredHistory,
    remote: &Remote,
    way: &SyncTarget<'_>,
    context: &Context,
) -> Result<(CarryPlan, CarryPage), Problem> {
    let place = found.place();
    let there = sync::there(place.id, way)?;
    let speed = match options.rate {
        Some(_) => None,
        None => Some(measured(way, remote, context)?),
    };
    let going = PlanTarget {
        target: Some(remote.name.clone()),
        there: &there,
        ends: there.ends().clone(),
        link: speed.map_or_else(|| told_link(options.rate.unwrap_or(1)), link),
        measured: speed.map(|speed| speed.measured),
    };
    planned(options, &place, &going, context)
}

/// Sends what a plan selected to a remote.
fn send_to_remote(
    (plan, page): (CarryPlan, CarryPage),
    found: &StoredHistory,
    remote: &Remote,
    way: &SyncTarget<'_>,
    key: &SigningKey,
    context: &Context,
) -> Result<CarryPage, Problem> {
    say_losses(&page);
    let outgoing = outgoing(found, &plan);
    let telling = TransferProgress::new(format!("Moving to {}", remote.name));
    let pushed = sync::push(&outgoing, way, (key, context.now), &|progress| telling.tell(progress))?;
    let take = format!(
        "`clew clone {}` or `clew pull` imports it there",
        text::typed(&remote.url)
    );
    let rest = context.command(&format!("push {}", text::typed(&remote.name)));
    let done = DonePage {
        history: found.place().name(),
        new_bytes: pushed.new,
        bytes: Some(pushed.bytes),
        corruption: pushed.damage,
        there: next(&page, &take, &format!("{rest} sends the rest"), key),
    };
    Ok(page.finish(done))
}

/// Returns a remote that was tested for shared heads. A remote without a name is tested each time.
fn asked_once(remote: Remote, context: &Context) -> Result<Remote, Problem> {
    if remote.name == remote.url {
        return asked(remote, false, context);
    }
    known(remote, context)
}

/// Measures the connection. This takes seconds if it is slow, so it is reported.
fn measured(way: &SyncTarget<'_>, remote: &Remote, context: &Context) -> Result<Speed, Problem> {
    tell(&format!("Measuring the connection to {}", text::clean(&remote.name)));
    let speed = sync::speed(way, context.now);
    tell("");
    speed.map_err(|error| {
        let problem = Problem::from(error);
        let message = format!("The speed of the connection cannot be measured: {}", problem.message);
        let rate = || format!("{} sets the speed", context.again("--rate 10MB"));
        let hint = Some(problem.hint.unwrap_or_else(rate));
        Problem {
            message,
            hint,
            ..problem
        }
    })
}

/// Returns the link of a remote: a push uploads the data, and the resuming machine downloads it.
fn link(speed: Speed) -> LinkSpeed {
    LinkSpeed {
        up: speed.up,
        down: speed.down,
        round_trip: Cost::of_seconds(speed.round_trip),
    }
}

/// Moves a state to a store in a local folder, or previews it.
fn to_store(
    options: &PlanOptions,
    is_plain: bool,
    folder: &Path,
    (directory, wanted): MoveSource<'_>,
    context: &Context,
) -> Result<CarryPage, Problem> {
    let (store, key) = writable(directory, context)?;
    let found = StoredHistory::near(store.clone(), wanted, context)?;
    let there = TargetStore(open_store(folder, context)?);
    if there.0.key().is_none() {
        check_plain(&store, is_plain, context)?;
    }
    let planned_move = plan_to_store(options, &found, folder, &there, context)?;
    if options.dry_run {
        Ok(planned_move.1)
    } else {
        send_to_store(planned_move, &found, folder, &key, context)
    }
}

/// Plans what to send to a store.
fn plan_to_store(
    options: &PlanOptions,
    found: &StoredHistory,
    folder: &Path,
    there: &TargetStore,
    context: &Context,
) -> Result<(CarryPlan, CarryPage), Problem> {
    let shown = text::path(folder);
    let place = found.place();
    let measured = match options.rate {
        Some(_) => None,
        None => Some(sync::folder_speed(folder).map_err(|error| {
            let problem = format!("The speed of {shown} cannot be measured: {error}");
            Problem::of(Exit::Refused, problem).with_hint("check that you may write there")
        })?),
    };
    let going = PlanTarget {
        target: Some(shown),
        there,
        ends: there.0.log_ends(place.id),
        link: measured.map_or_else(|| told_link(options.rate.unwrap_or(1)), LinkSpeed::direct),
        measured: measured.map(|_| context.now),
    };
    planned(options, &place, &going, context)
}

/// Sends what a plan selected to a store.
fn send_to_store(
    (plan, page): (CarryPlan, CarryPage),
    found: &StoredHistory,
    folder: &Path,
    key: &SigningKey,
    context: &Context,
) -> Result<CarryPage, Problem> {
    say_losses(&page);
    let (to, _) = writable(folder, context)?;
    let outgoing = outgoing(found, &plan);
    let telling = TransferProgress::new(format!("Moving to {}", text::path(folder)));
    let of = outgoing.bytes();
    let mut moved = 0;
    let carried = to.receive_from(&outgoing, context.now, &mut |bytes| {
        moved += bytes;
        telling.tell(SyncProgress {
            moved,
            of: of.max(moved),
        })
    })?;
    let damage = carried.damage.iter().map(|damage| damage.what.clone());
    let all = context.command("export FILE --all");
    let done = DonePage {
        history: found.place().name(),
        new_bytes: carried.bytes,
        bytes: None,
        corruption: damage.collect(),
        there: next(
            &page,
            "It is now there",
            &format!("{all} and `clew import FILE` transfer the rest"),
            key,
        ),
    };
    Ok(page.finish(done))
}

/// Returns the history to send: all runs, and the values that the plan sends.
fn outgoing(found: &StoredHistory, plan: &CarryPlan) -> OutgoingHistory {
    let kept: BTreeSet<ManifestId> = plan.sent.iter().map(|sent| sent.manifest).collect();
    let history = (found.id, found.loaded.clone());
    OutgoingHistory::of_loaded(&found.store, history, &|value| kept.contains(value))
}

/// Prints what would be lost before anything is sent. Programs read it from the answer.
fn say_losses(page: &CarryPage) {
    let losses = page.losses();
    if !losses.is_empty() {
        // If standard error is closed, the answer contains it.
        TerminalText::of(&losses).write(&mut std::io::stderr(), false).ok();
    }
}

/// Formats the next steps at the target, and what remains.
fn next(page: &CarryPage, take: &str, rest: &str, key: &SigningKey) -> String {
    let resume = format!("`%clew resume {}` in a notebook there restores it", page.run());
    if !page.replays() {
        return format!("{take}; {resume}.\n");
    }
    let key = &key.public().to_string()[..16];
    format!(
        "{take}; {resume}, and reruns the cells of what was left out: automatically if its user has your key {key}, otherwise with `--rerun`. {rest}.\n"
    )
}
