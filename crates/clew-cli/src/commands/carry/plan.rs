//! `clew move --dry-run`: what a move to another place would send, and which runs it would replay there.

use std::path::PathBuf;

use clew_core::format::FileEvidence;
use clew_core::history::flow::Flow;
use clew_core::id::{Root, RunId};
use clew_core::plan::carry::{Carry, CarryPlan, Instead, Link, Made, Nothing, Rates, Sent, Target, Unattainable, Why};
use clew_core::plan::cut::{Cost, Proof};
use clew_core::store::{FrameLengths, Store};
use serde::Serialize;

use crate::page::Page;
use crate::place::{Place, open_store};
use crate::problem::{Exit, Problem};
use crate::report::title;
use crate::run_page::RunPage;
use crate::settings::bytes;
use crate::surroundings::Surroundings;
use crate::table::Table;
use crate::text;

/// What it takes to start a scratch process, as measured when there was first one (decision 10): the plan starts none to find out.
const START: f64 = 0.7;
/// How many roots of one version are named.
const NAMED: usize = 4;

/// Plans how a session gets to another machine: what is cheaper to send is sent, the rest is made again there.
///
/// Only `--dry-run` works so far: it prints the plan. Nothing is sent, nothing runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The folder of a store that is there already, for what it has; without it a place that has nothing, no files either
    #[arg(value_name = "TARGET")]
    pub target: Option<PathBuf>,
    /// Only shows what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// How many bytes a second get there (`10MB`)
    #[arg(long, value_name = "BYTES", value_parser = of_text, required = true)]
    pub rate: u64,
    /// Sends no more than this (`1GB`); what is left is replayed, as a heuristic finds best
    #[arg(long, value_name = "BYTES", value_parser = of_text)]
    pub budget: Option<u64>,
    /// The run whose state is wanted
    #[arg(long, value_name = "REV", default_value = "@")]
    pub at: String,
}

fn of_text(text: &str) -> Result<u64, &'static str> {
    bytes(text).ok_or("it is a number of bytes: `4096`, `10MB`, `1.5GB`")
}

/// A store that is there already, on a machine that has the files of this one.
struct There(Store);

impl Target for There {
    fn has(&self, id: &[u8; 32]) -> bool {
        let sizes = self.0.sizes([id], &mut FrameLengths::default());
        sizes.is_ok_and(|sizes| sizes.iter().all(Option::is_some))
    }

    fn has_file(&self, file: &FileEvidence) -> bool {
        let found = std::fs::metadata(&file.path);
        found.map_or(file.size.is_none(), |found| file.size == Some(found.len()))
    }
}

/// A plan as a page.
#[derive(Debug, Serialize)]
pub struct CarryPage {
    /// The run whose state is carried.
    run: String,
    /// The store that is there, if one was named.
    target: Option<String>,
    /// Bytes a second.
    rate: u64,
    /// The bytes that were allowed.
    budget: Option<u64>,
    /// Expected time.
    seconds: f64,
    /// Bytes to send.
    bytes: u64,
    /// How good the plan is.
    proof: ProofPage,
    sent: Vec<SentPage>,
    replayed: Vec<ReplayedPage>,
    unattainable: Vec<UnattainablePage>,
    /// What it would be to send everything, and to replay everything.
    send_all: InsteadPage,
    replay_all: InsteadPage,
}

#[derive(Debug, Serialize)]
struct ProofPage {
    /// `optimal`, `bound` (the search for a better one was given up), `budget` (a heuristic's).
    kind: &'static str,
    /// No plan takes less.
    least_seconds: f64,
}

#[derive(Debug, Serialize)]
struct SentPage {
    roots: Vec<Root>,
    run: String,
    bytes: u64,
    /// Whether it is a part of the state; else only a replay reads it.
    is_wanted: bool,
}

#[derive(Debug, Serialize)]
struct ReplayedPage {
    run: String,
    execution_count: Option<u64>,
    seconds: f64,
    /// The line of its source that tells most.
    headline: String,
    /// What of the state comes of it.
    roots: Vec<Root>,
    #[serde(skip)]
    origin: String,
}

#[derive(Debug, Serialize)]
struct UnattainablePage {
    roots: Vec<Root>,
    /// Why it can't be sent.
    not_sent: String,
    /// Why it can't be made there.
    not_made: String,
}

#[derive(Debug, Serialize)]
struct InsteadPage {
    is_possible: bool,
    seconds: Option<f64>,
    bytes: Option<u64>,
    /// Why not, and of what.
    why: Option<String>,
}

/// Plans a move.
pub fn plan(arguments: &Arguments, place: &Place<'_>, surroundings: &Surroundings) -> Result<CarryPage, Problem> {
    if !arguments.dry_run {
        let command = surroundings.door.command("move --dry-run --rate 10MB");
        let problem = Problem::usage("Nothing can be sent to another machine yet: that is to come");
        return Err(problem.with_hint(format!("{command} shows what it would be")));
    }
    let run = place.resolve(&arguments.at, surroundings)?;
    if let Some(gone) = place.history.missing_ancestor(run) {
        let problem = Problem::of(Exit::Damaged, format!("Run {} is missing", gone.short()));
        return Err(problem.with_hint(format!("{} tells what is lost", surroundings.door.command("verify"))));
    }
    let there = match &arguments.target {
        Some(folder) => Some(There(open_store(folder, surroundings)?)),
        None => None,
    };
    let loading = place.records.loading(place.history, run);
    let loading = loading.ok_or_else(|| Problem::usage("There is no value to send"))?;
    let rates = Rates {
        link: Link::direct(arguments.rate.max(1) as f64),
        loading,
        start: Cost::of_seconds(START),
    };
    let flow = Flow::new(place.history, &place.records).coarse();
    let carry = Carry {
        history: place.history,
        flow: &flow,
        run,
        stock: &*place.records.stock(),
        target: there.as_ref().map_or(&Nothing, |there| there as &dyn Target),
        rates: &rates,
    };
    let found = carry
        .plan(arguments.budget)
        .map_err(|over| Problem::of(Exit::Refused, over.to_string()))?;
    Ok(CarryPage::of(&found, arguments, place))
}

impl CarryPage {
    fn of(plan: &CarryPlan, arguments: &Arguments, place: &Place<'_>) -> Self {
        Self {
            run: place.history.label(&plan.run),
            target: arguments.target.as_ref().map(|target| target.display().to_string()),
            rate: arguments.rate,
            budget: plan.budget,
            seconds: plan.cost.seconds(),
            bytes: plan.bytes,
            proof: ProofPage {
                kind: match plan.proof {
                    Proof::Optimal => "optimal",
                    Proof::Bound(_) => "bound",
                    Proof::Budget(_) => "budget",
                },
                least_seconds: plan.proof.bound(plan.cost).seconds(),
            },
            sent: plan.sent.iter().map(|sent| sent_page(sent, place)).collect(),
            replayed: plan.replayed.iter().filter_map(|made| made_page(made, place)).collect(),
            unattainable: plan.unattainable.iter().map(|lost| lost_page(lost, place)).collect(),
            send_all: instead_page(&plan.send_all, place),
            replay_all: instead_page(&plan.replay_all, place),
        }
    }
}

fn sent_page(sent: &Sent, place: &Place<'_>) -> SentPage {
    SentPage {
        roots: sent.roots.clone(),
        run: place.history.label(&sent.run),
        bytes: sent.bytes,
        is_wanted: sent.is_wanted,
    }
}

fn made_page(made: &Made, place: &Place<'_>) -> Option<ReplayedPage> {
    let page = RunPage::of(made.run, place.history.run(&made.run)?, place);
    Some(ReplayedPage {
        headline: page.headline(),
        origin: page.origin(),
        run: page.run,
        execution_count: page.execution_count,
        seconds: made.cost.seconds(),
        roots: made.roots.clone(),
    })
}

fn lost_page(lost: &Unattainable, place: &Place<'_>) -> UnattainablePage {
    UnattainablePage {
        roots: lost.roots.clone(),
        not_sent: text::clean(&lost.not_sent.to_string()),
        not_made: told(&lost.not_made, place),
    }
}

fn instead_page(instead: &Instead, place: &Place<'_>) -> InsteadPage {
    match instead {
        Instead::Possible { cost, bytes } => InsteadPage {
            is_possible: true,
            seconds: Some(cost.seconds()),
            bytes: Some(*bytes),
            why: None,
        },
        Instead::Impossible { roots, why } => InsteadPage {
            is_possible: false,
            seconds: None,
            bytes: None,
            why: Some(format!("{}: {}", names(roots), told(why, place))),
        },
    }
}

/// What stands in the way, in words.
fn told(why: &Why, place: &Place<'_>) -> String {
    reason(why, &|run| place.history.label(run))
}

/// The same, for whoever knows what runs are called.
pub(crate) fn reason(why: &Why, label: &dyn Fn(&RunId) -> String) -> String {
    text::clean(&match why {
        Why::NotSent(why) => why.to_string(),
        Why::NoMaker(roots) => format!("no cell made {}", names(roots)),
        Why::NotReplayed { run, why } => format!("run {} can't be replayed, {why}", label(run)),
    })
}

fn names(roots: &[Root]) -> String {
    let titles: Vec<String> = roots.iter().map(title).collect();
    text::clean(&text::listing(&titles, NAMED))
}

impl Page for CarryPage {
    fn text(&self, surroundings: &Surroundings) -> String {
        let first = surroundings.style.strong(&self.first_sentence());
        let mut text = format!("{first} Nothing was sent, nothing ran.\n");
        text += &self.table().render(surroundings);
        for lost in &self.unattainable {
            let UnattainablePage { not_sent, not_made, .. } = lost;
            text += &format!("  {} would be lost: {not_sent}; {not_made}\n", names(&lost.roots));
        }
        text += &format!("{}\n", self.how_good());
        for (what, instead) in [("Sending", &self.send_all), ("Replaying", &self.replay_all)] {
            text += &format!("{what} everything {}.\n", instead.text());
        }
        text
    }
}

impl CarryPage {
    /// `Moving run 14 would take 12 s: 1.2 MB sent, 2 runs replayed.`
    fn first_sentence(&self) -> String {
        format!(
            "Moving run {} would take {}: {} sent, {} replayed.",
            self.run,
            seconds(self.seconds),
            text::bytes(self.bytes),
            text::count(self.replayed.len(), "run"),
        )
    }

    fn table(&self) -> Table {
        let mut table = Table::default().flexible(3);
        let is_value = |sent: &&SentPage| sent.roots.iter().any(is_name);
        for sent in self.sent.iter().filter(is_value) {
            let what = match (sent.is_wanted, sent.bytes) {
                (false, _) => "sent for a replay",
                (true, 0) => "is there",
                (true, _) => "sent",
            };
            let from = format!("run {}", sent.run);
            table.push(vec![what.to_owned(), text::bytes(sent.bytes), from, names(&sent.roots)]);
        }
        for made in &self.replayed {
            let origin = format!("run {} {}", made.run, made.origin);
            let comes = if made.roots.is_empty() {
                made.headline.clone()
            } else {
                format!("{}: {}", names(&made.roots), made.headline)
            };
            let cells = [
                "replayed".to_owned(),
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
            ("bound", _) => format!("No plan takes less than {least}; the search for a better one was given up."),
            ("budget", Some(budget)) => format!(
                "It keeps to {}, as a heuristic found best; no plan at all takes less than {least}.",
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
