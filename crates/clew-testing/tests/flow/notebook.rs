//! A recorded session of toy cells, with the evidence that a shell would give.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clew_core::clock::Clock;
use clew_core::format::{Ending, Evidence, HistoryDescription, RunKind};
use clew_core::history::flow::Flow;
use clew_core::id::{Root, RunId};
use clew_core::kernel::Touched;
use clew_core::record::RunInput;
use clew_core::session::{MoveOptions, Request, Session};
use clew_core::store::{Access, SigningKey, Store, Trust};
use clew_testing::disk::SimDisk;
use clew_testing::toy::{CellError, ToyKernel, Value, World, run_cell};

#[derive(Debug, Default)]
struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn now(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed).cast_signed() * 1_000_000_000
    }

    fn monotonic(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// A session and its kernel.
pub struct Notebook {
    kernel: ToyKernel,
    session: Session,
    store: Store,
    count: u64,
}

impl Notebook {
    pub fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        let key = SigningKey::from_secret(&[7; 32]);
        let store = Store::open(Arc::new(disk), Path::new("/store"), Access::ReadWrite).unwrap();
        let store = store.with_trust(Trust::own(key.public()));
        let history = store.create_history(&HistoryDescription::default()).unwrap();
        let id = store.new_session();
        let loaded = store.load(history).unwrap();
        let writer = store.writer(history, id, &key).unwrap();
        let mut session = Session::new(id, store.clone(), writer, loaded, Box::new(Ticks::default()));
        let mut kernel = ToyKernel::new(1);
        session.start(&mut kernel).unwrap();
        Self {
            kernel,
            session,
            store,
            count: 0,
        }
    }

    pub fn run(&mut self, source: &str) {
        self.run_with(source, |_| {});
    }

    /// Runs a cell; `more` adds to its evidence.
    pub fn run_with(&mut self, source: &str, more: impl FnOnce(&mut Evidence)) {
        self.count += 1;
        let mut evidence = evidence(&self.kernel.world, source, self.count);
        more(&mut evidence);
        let ended = run_cell(&mut self.kernel.world, source, self.count);
        let input = RunInput {
            source: Some(source.to_owned()),
            execution_count: Some(self.count),
            ending: match ended {
                Ok(()) => Ending::Done,
                Err(CellError::Interrupted) => Ending::Interrupted,
                Err(CellError::Raised(exception)) => Ending::Failed { exception },
            },
            evidence,
            touched: Touched::All,
            ..RunInput::silent(RunKind::Cell, 0)
        };
        self.session.record(&mut self.kernel, input).unwrap();
    }

    /// Something changes that no cell does.
    pub fn outside(&mut self, source: &str) {
        run_cell(&mut self.kernel.world, source, 0).unwrap();
        self.session.look_outside(&mut self.kernel).unwrap();
    }

    /// Moves, if there is somewhere to go.
    pub fn go(&mut self, request: &Request) {
        let options = MoveOptions {
            dry_run: false,
            replay: false,
        };
        let _ = self.session.perform(&mut self.kernel, request, options);
    }

    /// Brings back names, if they were there.
    pub fn restore(&mut self, label: &str, names: &[&str]) {
        self.go(&Request::Restore {
            revision: label.to_owned(),
            names: names.iter().map(|name| Root::name(*name)).collect(),
            with_shared: false,
        });
    }

    pub fn world(&self) -> &World {
        &self.kernel.world
    }

    pub fn at(&self) -> RunId {
        self.session.at().unwrap()
    }

    pub fn flow(&self) -> Flow<'_> {
        Flow::new(self.session.history(), &self.store)
    }

    pub fn label(&self, run: RunId) -> String {
        self.session.history().label(&run)
    }

    pub fn labels(&self) -> Vec<String> {
        self.session.history().runs().map(|(_, run)| run.label()).collect()
    }

    /// The source of a run and its execution count.
    pub fn source(&self, run: RunId) -> (String, u64) {
        let run = self.session.history().run(&run).unwrap();
        let source = self.store.blob(run.source.unwrap()).unwrap().into_inner();
        (source, run.execution_count.unwrap())
    }

    /// Cells on the line that led here.
    pub fn cells_on_line(&self) -> usize {
        let line = self.session.history().line(self.at());
        line.filter(|(_, run)| run.kind == RunKind::Cell).count()
    }

    /// All runs, for people who look for what went wrong.
    pub fn told(&self) -> String {
        let history = self.session.history();
        let told = |(id, run): (&RunId, &clew_core::format::Run)| {
            let source = run.source.map_or_else(String::new, |_| self.source(*id).0);
            let parent = run.parent.map_or_else(String::new, |parent| history.label(&parent));
            let changed: Vec<String> = run
                .changed
                .iter()
                .map(|version| {
                    format!(
                        "{:?}",
                        version.roots.iter().map(ToString::to_string).collect::<Vec<_>>()
                    )
                })
                .collect();
            format!(
                "# run {} after {parent} {:?} {:?}\n{source}\n",
                run.label(),
                run.kind,
                changed
            )
        };
        history.runs().map(told).collect::<String>() + &format!("at {}", self.label(self.at()))
    }
}

/// What a shell would tell of a cell before it runs in `world`.
pub fn evidence(world: &World, source: &str, count: u64) -> Evidence {
    let mut preview = world.clone();
    let (mut reads, mut bound, mut writes, mut later) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for line in source.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (loads, stored) = used(&words, &preview);
        reads.extend(loads.difference(&bound).cloned());
        if let Some(at) = words
            .iter()
            .position(|word| *word == "reads")
            .filter(|_| words[0] == "def")
        {
            let until = words.iter().position(|word| *word == "cells").unwrap_or(words.len());
            later.extend(words[at + 1..until].iter().map(ToString::to_string));
        }
        writes.extend(stored.clone());
        let done = run_cell(&mut preview, line, count);
        if done.is_err() {
            break;
        }
        if words[0] == "del" {
            bound.remove(words[1]);
        } else {
            bound.extend(stored);
        }
    }
    Evidence {
        reads: reads.into_iter().collect(),
        binds: bound.into_iter().collect(),
        writes: writes.into_iter().collect(),
        later: later.into_iter().collect(),
        ..Evidence::default()
    }
}

/// Names that a line loads, and the one it binds or takes away.
fn used(words: &[&str], world: &World) -> (BTreeSet<String>, Option<String>) {
    let named = |words: &[&str]| -> BTreeSet<String> {
        let names = words
            .iter()
            .map(|word| word.split_once('=').map_or(*word, |(_, name)| name));
        let names = names.map(|name| name.split('.').next().unwrap_or(name));
        names
            .filter(|name| world.name(name).is_some())
            .map(str::to_owned)
            .collect()
    };
    match words {
        [
            name,
            "=",
            "none" | "int" | "text" | "bytes" | "deep" | "token" | "raising",
            ..,
        ] => (BTreeSet::new(), Some((*name).to_owned())),
        [name, "=", "call", function, ..] => {
            let mut loads = named(&[*function]);
            if let Some(Value::Function(function)) = world.name(function).map(|object| world.heap.value(object)) {
                loads.extend(function.reads.iter().cloned());
            }
            (loads, Some((*name).to_owned()))
        }
        [name, "=", _, rest @ ..] => (named(rest), Some((*name).to_owned())),
        ["def", name, rest @ ..] => {
            let at = rest.iter().position(|word| *word == "cells").unwrap_or(rest.len());
            (named(&rest[at..]), Some((*name).to_owned()))
        }
        ["class", name, rest @ ..] => (named(rest), Some((*name).to_owned())),
        ["del", name] => (named(&[*name]), Some((*name).to_owned())),
        ["draw", name] => (BTreeSet::new(), Some((*name).to_owned())),
        [_, rest @ ..] => (named(rest), None),
        [] => (BTreeSet::new(), None),
    }
}
