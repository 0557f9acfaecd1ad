//! Plans moving a state to a remote or another store: what to send, and which runs to rerun there. `move` and `push --plan` execute the
//! plan.

use std::collections::BTreeMap;

use clew_core::format::{FileEvidence, Timestamp};
use clew_core::history::flow::Flow;
use clew_core::id::{Root, RunId};
use clew_core::plan::carry::{
    CarryObstacle, CarryPlan, CarryRequest, EmptyTarget, LinkSpeed, LoadingSpeed, PlanAlternative, Rates, ReplayedRun,
    SentVersion, Target, UnattainableCoVariable,
};
use clew_core::plan::cut::{Cost, Optimality};
use clew_core::store::{FrameLengths, LogEnds, Store};
use serde::Serialize;

use crate::context::Context;
use crate::history_view::HistoryView;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::report::title;
use crate::run_page::RunPage;
use crate::settings::bytes;
use crate::table::TextTable;
use crate::text;

/// Seconds to start a sandbox process, as measured for decision 10: the plan starts none to measure it.
const START: f64 = 0.7;
/// The maximum number of roots of one version that are listed by name.
const NAMED: usize = 4;

/// Send a session to another machine.
///
/// Clew sends all runs, and those values that are cheaper to send than to rerun there. `resume` on the other machine reruns the cells of the other values, and compares the results with the recorded ones. A later `push` sends the rest.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The name of a remote, a URL as in `remote add`, or the folder of a store; without it, plan for a machine that has nothing
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,
    /// Send data of an encrypted store unencrypted
    #[arg(long)]
    pub plain: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: PlanOptions,
}

/// The options of a plan.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlanOptions {
    /// Send the state after this run; by default the current state
    #[arg(long, value_name = "REV")]
    pub at: Option<String>,
    /// Send at most this much (`1GB`); a heuristic chooses what to send
    #[arg(long, value_name = "BYTES", value_parser = of_text)]
    pub budget: Option<u64>,
    /// Assume this many bytes per second to the target (`10MB`); by default, measure the rate
    #[arg(long, value_name = "BYTES", value_parser = of_text)]
    pub rate: Option<u64>,
    /// Show what would be sent and rerun, and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl Arguments {
    /// Whether a state is sent, or a target is queried.
    pub(crate) fn is_carried(&self) -> bool {
        self.target.is_some() || !self.options.dry_run
    }
}

impl PlanOptions {
    /// Whether no option was given.
    pub(crate) fn is_none(&self) -> bool {
        self.at.is_none() && self.budget.is_none() && self.rate.is_none() && !self.dry_run
    }

    /// Returns the run whose state is moved.
    pub(crate) fn run(&self, place: &HistoryView<'_>, context: &Context) -> Result<RunId, Problem> {
        place.resolve_whole(self.at.as_deref().unwrap_or("@"), context)
    }
}

fn of_text(text: &str) -> Result<u64, &'static str> {
    bytes(text).ok_or("it is a number of bytes: `4096`, `10MB`, `1.5GB`")
}

/// An existing store, on a machine that has the files of this one.
pub(crate) struct TargetStore(pub Store);

impl Target for TargetStore {
    fn has(&self, id: &[u8; 32]) -> bool {
        let sizes = self.0.sizes([id], &mut FrameLengths::default());
        sizes.is_ok_and(|sizes| sizes.iter().all(Option::is_some))
    }

    fn has_file(&self, file: &FileEvidence) -> bool {
        let found = std::fs::metadata(&file.path);
        found.map_or(file.size.is_none(), |found| file.size == Some(found.len()))
    }
}

/// The output of a plan.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CarryPage {
    /// The run whose state is moved.
    run: String,
    /// The remote or the store.
    target: Option<String>,
    /// Bytes per second to the target.
    rate: u64,
    /// Bytes per second at which the other machine reads from the target; null if the target is on that machine.
    rate_back: Option<u64>,
    /// When the rates were measured; null if you gave them.
    measured: Option<String>,
    /// The maximum number of bytes to send; null without a limit.
    budget: Option<u64>,
    /// The expected time in seconds.
    seconds: f64,
    /// The number of bytes to send.
    bytes: u64,
    /// How good the plan is.
    proof: ProofPage,
    /// Values that are sent.
    sent: Vec<SentPage>,
    /// Runs whose cells will be rerun there, in order.
    rerun: Vec<ReplayedPage>,
    /// Values that will be lost there.
    lost: Vec<UnattainablePage>,
    /// The cost of the alternative to send everything.
    send_all: InsteadPage,
    /// The cost of the alternative to rerun everything.
    rerun_all: InsteadPage,
    /// The result of sending; null if this is only the plan.
    done: Option<DonePage>,
    #[serde(skip)]
    way: String,
}

/// The result of sending.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DonePage {
    /// The name of the history.
    pub history: String,
    /// The number of bytes that are new on the target, before compression.
    pub new_bytes: u64,
    /// The number of bytes transferred over the network; null for a store on this machine.
    pub bytes: Option<u64>,
    /// Items that could not be read on this machine.
    pub corruption: Vec<String>,
    /// The command to type on the other machine.
    #[serde(skip)]
    pub there: String,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ProofPage {
    /// How good the plan is: `optimal`; `bound` (Clew stopped searching for a better one); `budget` (a heuristic for the budget).
    kind: &'static str,
    /// A lower bound in seconds: no plan takes less time.
    least_seconds: f64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SentPage {
    /// The variables of the value.
    roots: Vec<Root>,
    /// The run that recorded the value.
    run: String,
    /// Its size in bytes.
    bytes: u64,
    /// Whether it belongs to the state. If not, it is only an input of a rerun.
    is_in_state: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ReplayedPage {
    /// The run.
    run: String,
    /// The `In [n]` of the shell.
    execution_count: Option<u64>,
    /// The expected time in seconds.
    seconds: f64,
    /// One line of the code.
    code: String,
    /// The roots of the state that it recreates.
    roots: Vec<Root>,
    #[serde(skip)]
    origin: String,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnattainablePage {
    /// The variables of the value.
    roots: Vec<Root>,
    /// Why it cannot be sent.
    not_sent: String,
    /// Why it cannot be recreated there.
    not_rerun: String,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct InsteadPage {
    /// Whether it is possible.
    is_possible: bool,
    /// The expected time in seconds.
    seconds: Option<f64>,
    /// The expected number of bytes.
    bytes: Option<u64>,
    /// Why it is not possible.
    why: Option<String>,
}

/// The remote or store for which a plan is made.
pub(crate) struct PlanTarget<'g> {
    /// Its name, if known.
    pub target: Option<String>,
    /// Its contents.
    pub there: &'g dyn Target,
    /// The end of each log there.
    pub ends: LogEnds,
    /// The connection to it.
    pub link: LinkSpeed,
    /// When the connection was measured; `None` if the user stated its speed.
    pub measured: Option<Timestamp>,
}

/// Plans a move to an empty target.
pub fn plan(arguments: &Arguments, place: &HistoryView<'_>, context: &Context) -> Result<CarryPage, Problem> {
    let options = &arguments.options;
    let Some(rate) = options.rate else {
        let command = context.command("move --dry-run --rate 10MB");
        let problem = Problem::usage("Without a target, Clew cannot measure the speed of the connection");
        return Err(problem.with_hint(format!("name a target, or give the speed: {command}")));
    };
    let going = PlanTarget {
        target: None,
        there: &EmptyTarget,
        ends: LogEnds::new(),
        link: told_link(rate),
        measured: None,
    };
    Ok(planned(options, place, &going, context)?.1)
}

/// Returns a link with the speed that the user stated: sending is the only transfer.
pub(crate) fn told_link(rate: u64) -> LinkSpeed {
    LinkSpeed::direct(rate.max(1) as f64)
}

/// Plans a move to a target; returns the plan, and its page.
pub(crate) fn planned(
    options: &PlanOptions,
    place: &HistoryView<'_>,
    going: &PlanTarget<'_>,
    context: &Context,
) -> Result<(CarryPlan, CarryPage), Problem> {
    let run = options.run(place, context)?;
    // If no value has bytes, loading takes no time.
    let loading = place.records.loading(place.history, run).unwrap_or(LoadingSpeed {
        by_codec: BTreeMap::new(),
        all: f64::INFINITY,
    });
    let rates = Rates {
        link: going.link,
        loading,
        start: Cost::of_seconds(START),
        records: place
            .records
            .records_size(place.id, place.loaded, &|id| going.there.has(id), &going.ends),
    };
    let flow = Flow::new(place.history, &place.records).coarse();
    let carry = CarryRequest {
        history: place.history,
        flow: &flow,
        run,
        stock: &*place.records.stock(),
        target: going.there,
        rates: &rates,
    };
    let plan = carry.plan(options.budget);
    let plan = plan.map_err(|over| Problem::of(Exit::Refused, over.to_string()))?;
    let page = CarryPage::of(&plan, going, place, context);
    Ok((plan, page))
}

impl CarryPage {
    /// Creates the page of a plan.
    fn of(plan: &CarryPlan, going: &PlanTarget<'_>, place: &HistoryView<'_>, context: &Context) -> Self {
        Self {
            run: place.history.label(&plan.run),
            target: going.target.as_deref().map(text::clean),
            rate: going.link.up as u64,
            rate_back: going.link.down.is_finite().then_some(going.link.down as u64),
            measured: going.measured.map(text::rfc3339),
            way: way(going, context),
            done: None,
            budget: plan.budget,
            seconds: plan.cost.seconds(),
            bytes: plan.bytes,
            proof: ProofPage {
                kind: match plan.proof {
                    Optimality::Optimal => "optimal",
                    Optimality::Bound(_) => "bound",
                    Optimality::Budget(_) => "budget",
                },
                least_seconds: plan.proof.bound(plan.cost).seconds(),
            },
            sent: plan.sent.iter().map(|sent| sent_page(sent, place)).collect(),
            rerun: plan.replayed.iter().filter_map(|made| made_page(made, place)).collect(),
            lost: plan.unattainable.iter().map(|lost| lost_page(lost, place)).collect(),
            send_all: instead_page(&plan.send_all, place),
            rerun_all: instead_page(&plan.replay_all, place),
        }
    }
}

/// Formats `Measured just now: 11 MB/s there, 9 MB/s back.`
fn way(going: &PlanTarget<'_>, context: &Context) -> String {
    let Some(measured) = going.measured else {
        return String::new();
    };
    let rate = |rate: f64| format!("{}/s", text::bytes(rate as u64));
    let back = if going.link.down.is_finite() {
        format!(", {} back", rate(going.link.down))
    } else {
        String::new()
    };
    let when = text::ago(measured, context.now);
    format!("Measured {when}: {} there{back}.\n", rate(going.link.up))
}

fn sent_page(sent: &SentVersion, place: &HistoryView<'_>) -> SentPage {
    SentPage {
        roots: sent.roots.clone(),
        run: place.history.label(&sent.run),
        bytes: sent.bytes,
        is_in_state: sent.is_wanted,
    }
}

fn made_page(made: &ReplayedRun, place: &HistoryView<'_>) -> Option<ReplayedPage> {
    let page = RunPage::of(made.run, place.history.run(&made.run)?, place);
    Some(ReplayedPage {
        code: page.headline(),
        origin: page.origin(),
        run: page.run,
        execution_count: page.execution_count,
        seconds: made.cost.seconds(),
        roots: made.roots.clone(),
    })
}

fn lost_page(lost: &UnattainableCoVariable, place: &HistoryView<'_>) -> UnattainablePage {
    UnattainablePage {
        roots: lost.roots.clone(),
        not_sent: text::clean(&lost.not_sent.to_string()),
        not_rerun: told(&lost.not_made, place),
    }
}

fn instead_page(instead: &PlanAlternative, place: &HistoryView<'_>) -> InsteadPage {
    match instead {
        PlanAlternative::Possible { cost, bytes } => InsteadPage {
            is_possible: true,
            seconds: Some(cost.seconds()),
            bytes: Some(*bytes),
            why: None,
        },
        PlanAlternative::Impossible { roots, why } => InsteadPage {
            is_possible: false,
            seconds: None,
            bytes: None,
            why: Some(format!("{}: {}", names(roots), told(why, place))),
        },
    }
}

/// Formats an obstacle.
fn told(why: &CarryObstacle, place: &HistoryView<'_>) -> String {
    reason(why, &|run| place.history.label(run))
}

/// Formats an obstacle, with the given labels of runs.
pub(crate) fn reason(why: &CarryObstacle, label: &dyn Fn(&RunId) -> String) -> String {
    text::clean(&match why {
        CarryObstacle::NotSent(why) => why.to_string(),
        CarryObstacle::NoMaker(roots) => format!("no cell created {}", names(roots)),
        CarryObstacle::NotReplayed { run, why } => format!("run {} cannot be rerun: {why}", label(run)),
    })
}

fn names(roots: &[Root]) -> String {
    let titles: Vec<String> = roots.iter().map(title).collect();
    text::clean(&text::listing(&titles, NAMED))
}

impl Page for CarryPage {
    fn text(&self, context: &Context) -> String {
        let first = context.style.strong(&self.first_sentence());
        let rest = if self.done.is_some() {
            ""
        } else {
            " Nothing was sent or run."
        };
        let mut text = format!("{first}{rest}\n{}", self.way);
        text += &self.table().render(context);
        text += &self.losses();
        text += &format!("{}\n", self.how_good());
        for (what, instead) in [("Sending", &self.send_all), ("Rerunning", &self.rerun_all)] {
            text += &format!("{what} everything {}.\n", instead.text());
        }
        if let Some(done) = &self.done {
            text += &text::unread("not sent", &done.corruption);
            text += &done.there;
        }
        text
    }

    fn exit(&self) -> Exit {
        let is_whole = |done: &DonePage| self.lost.is_empty() && done.corruption.is_empty();
        match &self.done {
            Some(done) if !is_whole(done) => Exit::Inexact,
            _ => Exit::Done,
        }
    }
}

impl CarryPage {
    /// Formats the variables that would be lost, each with the obstacles.
    pub(crate) fn losses(&self) -> String {
        let mut text = String::new();
        for lost in &self.lost {
            let UnattainablePage {
                not_sent, not_rerun, ..
            } = lost;
            text += &format!("  {} would be lost: {not_sent}; {not_rerun}\n", names(&lost.roots));
        }
        text
    }

    /// Whether it includes reruns.
    pub(crate) fn replays(&self) -> bool {
        !self.rerun.is_empty()
    }

    /// Returns the label of the planned run.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// Adds the outcome of the executed plan.
    pub(crate) fn finish(mut self, done: DonePage) -> Self {
        self.done = Some(done);
        self
    }

    /// Formats `Moving run 14 would take 12 s: 1.2 MB sent, 2 runs to rerun.`
    fn first_sentence(&self) -> String {
        let (run, bytes) = (&self.run, text::bytes(self.bytes));
        let (took, replayed) = (seconds(self.seconds), text::count(self.rerun.len(), "run"));
        match (&self.done, &self.target) {
            (Some(_), Some(target)) => {
                format!(
                    "Moved run {run} to {target}: {bytes} sent, {replayed} to rerun there; {took} in total, as planned."
                )
            }
            _ => format!("Moving run {run} would take {took}: {bytes} sent, {replayed} to rerun."),
        }
    }

    fn table(&self) -> TextTable {
        let mut table = TextTable::default().flexible(3);
        let is_value = |sent: &&SentPage| sent.roots.iter().any(is_name);
        for sent in self.sent.iter().filter(is_value) {
            let what = match (sent.is_in_state, sent.bytes) {
                (false, _) => "sent for a rerun",
                (true, 0) => "exists there",
                (true, _) => "sent",
            };
            let from = format!("run {}", sent.run);
            table.push(vec![what.to_owned(), text::bytes(sent.bytes), from, names(&sent.roots)]);
        }
        for made in &self.rerun {
            let origin = format!("run {} {}", made.run, made.origin);
            let comes = if made.roots.is_empty() {
                made.code.clone()
            } else {
                format!("{}: {}", names(&made.roots), made.code)
            };
            let cells = [
                "rerun".to_owned(),
                seconds(made.seconds),
                origin.trim().to_owned(),
                comes,
            ];
            table.push(cells.to_vec());
        }
        table
    }

    fn how_good(&self) -> String {
        let least = seconds(self.proof.least_seconds);
        match (self.proof.kind, self.budget) {
            ("bound", _) => format!("No plan takes less than {least}; Clew stopped searching for a better one."),
            ("budget", Some(budget)) => format!(
                "It keeps to {}; it is the best plan that a heuristic found, and no plan takes less than {least}.",
                text::bytes(budget)
            ),
            _ => "No other plan takes less.".to_owned(),
        }
    }
}

impl InsteadPage {
    fn text(&self) -> String {
        match (self.seconds, self.bytes, &self.why) {
            (Some(took), Some(bytes), _) => format!("would take {}, {}", seconds(took), text::bytes(bytes)),
            (_, _, why) => format!("is not possible ({})", why.as_deref().unwrap_or_default()),
        }
    }
}

fn is_name(root: &Root) -> bool {
    use clew_core::id::RootKind::{Name, Out};
    matches!(root.kind, Name | Out)
}

fn seconds(seconds: f64) -> String {
    text::duration((seconds * 1e9) as u64)
}
