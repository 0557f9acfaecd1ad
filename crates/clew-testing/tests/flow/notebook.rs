//! A recorded session of toy cells, with the evidence that a shell would give.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clew_core::clock::Clock;
use clew_core::format::{Ending, Evidence, HistoryDescription, RunKind};
use clew_core::history::flow::Flow;
use clew_core::history::{Environments, History};
use clew_core::id::{Root, RunId};
use clew_core::kernel::TouchedRoots;
use clew_core::record::RunInput;
use clew_core::session::{Request, RestoreOptions, Session};
use clew_core::store::{Access, SigningKey, Store, Trust};
use clew_testing::disk::SimDisk;
use clew_testing::evidence_of;
use clew_testing::toy::{CellError, ToyKernel, World, run_cell};

/// Whose it is.
pub const KEY: u8 = 7;

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
    disk: SimDisk,
    duration: u64,
    count: u64,
}

impl Notebook {
    pub fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        let key = SigningKey::from_secret(&[KEY; 32]);
        let store = Store::open(Arc::new(disk.clone()), Path::new("/store"), Access::ReadWrite).unwrap();
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
            disk,
            duration: 0,
            count: 0,
        }
    }

    pub fn run(&mut self, source: &str) {
        self.run_with(source, |_| {});
    }

    /// Runs a cell that takes so many seconds.
    pub fn run_for(&mut self, seconds: u64, source: &str) {
        self.duration = seconds * 1_000_000_000;
        self.run(source);
        self.duration = 0;
    }

    /// Runs a cell that takes so many seconds, some of them to import.
    pub fn run_importing(&mut self, seconds: u64, importing: u64, source: &str) {
        self.duration = seconds * 1_000_000_000;
        self.run_with(source, |evidence| evidence.importing = importing * 1_000_000_000);
        self.duration = 0;
    }

    /// Runs a cell; `more` adds to its evidence.
    pub fn run_with(&mut self, source: &str, more: impl FnOnce(&mut Evidence)) {
        self.run_as(source, source, more);
    }

    /// Runs a cell of which something else comes the next time, and nothing tells: not even its evidence.
    pub fn run_otherwise(&mut self, done: &str, source: &str) {
        self.run_as(done, source, |_| {});
    }

    fn run_as(&mut self, done: &str, source: &str, more: impl FnOnce(&mut Evidence)) {
        self.count += 1;
        let mut evidence = evidence_of(&self.kernel.world, source, self.count);
        more(&mut evidence);
        let ended = run_cell(&mut self.kernel.world, done, self.count);
        let input = RunInput {
            source: Some(source.to_owned()),
            execution_count: Some(self.count),
            ending: match ended {
                Ok(()) => Ending::Done,
                Err(CellError::Interrupted) => Ending::Interrupted,
                Err(CellError::Raised(exception)) => Ending::Failed { exception },
            },
            evidence,
            duration: self.duration,
            touched: TouchedRoots::All,
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
        let options = RestoreOptions {
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

    /// The store that it is recorded in, and the disk that it lies on.
    pub fn store(&self) -> (&Store, &SimDisk) {
        (&self.store, &self.disk)
    }

    pub fn history(&self) -> &History {
        self.session.history()
    }

    pub fn environments(&self) -> Environments {
        Environments::of(self.session.history())
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
