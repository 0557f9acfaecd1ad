//! What it costs to decide about the cells of a notebook that was run many times: `cargo bench -p clew-cli --bench cell_reuse`.
//!
//! Records a notebook of 100 cells that was run 100 times in one session (`--cells`, `--rounds`), or takes the store in `--store DIR`, which is kept. The
//! ratios are to reading and decoding all of that history's runs.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clew_cli::cell_reuse::{CellReuse, EnvironmentFacts, Machine, NotebookCell, NotebookOrigin, ReuseOptions};
use clew_cli::{Context, Interface};
use clew_core::history::History;
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, SigningKey, Store, Trust};
use clew_testing::Rounds;

const NOTEBOOK: &str = "/home/u/rounds.ipynb";

struct Options {
    rounds: Rounds,
    store: Option<PathBuf>,
}

impl Options {
    fn read() -> Result<Self, Box<dyn Error>> {
        let rounds = Rounds {
            cells: 100,
            rounds: 100,
        };
        let mut options = Self { rounds, store: None };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--cells" => options.rounds.cells = value()?.parse()?,
                "--rounds" => options.rounds.rounds = value()?.parse()?,
                "--store" => options.store = Some(value()?.into()),
                // cargo says it to every benchmark.
                "--bench" => {}
                other => return Err(format!("`{other}` is not understood").into()),
            }
        }
        Ok(options)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read()?;
    let temporary = tempfile::tempdir()?;
    let home = options.store.clone().unwrap_or_else(|| temporary.path().to_owned());
    if !home.join("store").exists() {
        let begun = Instant::now();
        record(options.rounds, &home)?;
        println!("Recorded in {:.1} s", begun.elapsed().as_secs_f64());
    }
    let context = context(&home);
    let reading = seconds(|| read(&home))?;
    println!("{:48}{:>9.1} ms", "reading and decoding its runs", reading * 1e3);
    let line = |what: &str, seconds: f64| {
        let ratio = seconds / reading;
        println!("{what:48}{:>9.1} ms {ratio:>8.2} times reading", seconds * 1e3);
    };
    let last = options.rounds.rounds - 1;
    line(
        "a walk, nothing changed",
        walked(&context, &cells(options.rounds, last, ""), false)?,
    );
    let first = &cells(options.rounds, last, "")[..1];
    line("its first cell", walked(&context, first, false)?);
    let renamed: Vec<NotebookCell> = cells(options.rounds, last, "  # a comment");
    line("with other ids and other comments", walked(&context, &renamed, false)?);
    let edited = cells(options.rounds, last + options.rounds.cells, "");
    line("all values edited", walked(&context, &edited, false)?);
    line("the same, with a kernel between", walked(&context, &edited, true)?);
    Ok(())
}

/// How long it takes to decide about all cells; `is_run` where what a kernel recorded meanwhile is read each time.
fn walked(context: &Context, cells: &[NotebookCell], is_run: bool) -> Result<f64, Box<dyn Error>> {
    let mut taken = 0;
    let seconds = seconds(|| {
        taken = 0;
        let origin = NotebookOrigin {
            path: NOTEBOOK.to_owned(),
            ..NotebookOrigin::default()
        };
        let reuse = CellReuse::of(
            cells.to_vec(),
            ReuseOptions::default(),
            Ok((origin, None)),
            Machine::default(),
            context.clone(),
        );
        let mut reuse = reuse.map_err(|problem| problem.message)?;
        for cell in cells {
            let decided = reuse.decide(cell.execution_count, &Plain);
            taken += usize::from(decided.is_restored);
            if is_run {
                reuse.stand_at("2", None).map_err(|problem| problem.message)?;
            }
        }
        Ok(())
    })?;
    print!("{taken:>4} of {:>3} taken  ", cells.len());
    Ok(seconds)
}

/// A machine on which nothing changed.
struct Plain;

impl EnvironmentFacts for Plain {
    fn is_same_code(&self, one: &str, other: &str) -> bool {
        plain(one) == plain(other)
    }

    fn installed(&self, _: &str) -> String {
        String::new()
    }

    fn edited(&self, _: &str) -> Option<String> {
        None
    }

    fn has_module(&self, _: &str) -> bool {
        false
    }

    fn may_have_module(&self, _: &str) -> bool {
        false
    }

    fn has_distributions(&self, _: &str) -> bool {
        true
    }

    fn mark_now(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

/// A cell's code without its comment.
fn plain(text: &str) -> &str {
    text.split("  #").next().unwrap_or(text)
}

fn cells(rounds: Rounds, round: u64, comment: &str) -> Vec<NotebookCell> {
    let sources = rounds.sources(round).into_iter().enumerate();
    let prefix = if comment.is_empty() { "cell" } else { "other" };
    let cells = sources.map(|(place, source)| NotebookCell {
        id: Some(format!("{prefix}-{place}")),
        source: format!("{source}{comment}"),
        execution_count: place as u64 + 1,
        ..NotebookCell::default()
    });
    cells.collect()
}

/// The best of three.
fn seconds(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let begun = Instant::now();
        work()?;
        best = best.min(begun.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn read(home: &Path) -> Result<(), Box<dyn Error>> {
    let store = open(home, Access::ReadOnly)?.0;
    for (id, _) in store.histories()? {
        let history = History::of(&store.load(id)?);
        assert!(history.runs().count() > 0);
    }
    Ok(())
}

fn open(home: &Path, access: Access) -> Result<(Store, SigningKey), Box<dyn Error>> {
    let disk = Arc::new(RealDisk);
    let key = SigningKey::load_or_create(&*disk, &home.join("config/clew"))?;
    let trust = Trust::own(key.public());
    Ok((Store::open(disk, home.join("store"), access)?.with_trust(trust), key))
}

fn record(rounds: Rounds, home: &Path) -> Result<(), Box<dyn Error>> {
    let (store, key) = open(home, Access::ReadWrite)?;
    rounds.record(&store, &key, NOTEBOOK)?;
    Ok(())
}

fn context(home: &Path) -> Context {
    Context {
        store: home.join("store"),
        config: home.join("config/clew"),
        cache: home.join("cache"),
        ..Context::of_process(Interface::Python)
    }
}
