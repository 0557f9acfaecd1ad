//! A small history with everything a command can meet: two lines, a failure, an outside change, a move that was not
//! exact, values that are not stored, and a source that tries to steer the terminal. Clock and ids are fixed.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_cli::{Context, HistoryView, Interface, Output, RecordReader, Settings, Style, TypedCommand};
use clew_core::format::{
    Action, Body, Encoding, Ending, Evidence, FileEvidence, HistoryDescription, Manifest, ModuleEvidence, Naming,
    Operation, Position, RECORD_VERSION, Run, RunKind, StoredExtent, Summary, Timestamp, Version, View,
};
use clew_core::graph::Mention;
use clew_core::history::History;
use clew_core::id::{
    BlobId, BlockId, Fingerprint, HistoryId, ManifestId, OperationId, Root, RunId, SegmentId, SessionId,
};
use clew_core::plan::carry::{LoadingSpeed, SendableManifest, Stock};
use clew_core::plan::cut::SendObstacle;
use clew_core::store::{Budget, Damage, LoadedHistory, LogEnds, LogRollback, StoreError, Usage};
use clew_value::Blocks;

const SECOND: i64 = 1_000_000_000;
/// 2026-11-20 14:00:00 UTC.
pub const NOW: Timestamp = 1_795_183_200 * SECOND;
const SESSION: SessionId = SessionId([7; 16]);

/// A store in memory.
#[derive(Default)]
pub struct Shelf {
    manifests: HashMap<ManifestId, Manifest>,
    texts: HashMap<BlobId, String>,
    pub streams: HashMap<SegmentId, Vec<u8>>,
    pub blocks: HashMap<BlockId, Vec<u8>>,
    /// Segments that are missing.
    pub gone: Vec<SegmentId>,
}

impl Blocks for Shelf {
    fn blocks(&self, ids: &[BlockId]) -> Result<Vec<Vec<u8>>, StoreError> {
        let block = |id: &BlockId| self.blocks.get(id).cloned();
        ids.iter()
            .map(|id| block(id).ok_or_else(|| missing("Block", &id.short())))
            .collect()
    }
}

impl RecordReader for Shelf {
    fn manifest(&self, id: &ManifestId) -> Result<Manifest, StoreError> {
        self.manifests
            .get(id)
            .cloned()
            .ok_or_else(|| missing("Manifest", &id.short()))
    }

    fn note_what_went(&self, _: HistoryId) {}

    fn excused(&self, _: &ManifestId, error: StoreError) -> StoreError {
        error
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn usage(&self, _: Budget) -> Option<Usage> {
        None
    }

    fn stock(&self) -> Box<dyn Stock + '_> {
        Box::new(Stocked(self))
    }

    fn records_size(&self, _: HistoryId, _: Option<&LoadedHistory>, _: &dyn Fn(&[u8; 32]) -> bool, _: &LogEnds) -> u64 {
        5_000
    }

    fn loading(&self, _: &History, _: RunId) -> Option<LoadingSpeed> {
        Some(LoadingSpeed {
            by_codec: BTreeMap::new(),
            all: 1e9,
        })
    }

    fn text(&self, id: &BlobId) -> Result<String, StoreError> {
        self.texts.get(id).cloned().ok_or_else(|| missing("Blob", &id.short()))
    }

    fn stream(&self, ids: &[SegmentId]) -> Result<Vec<u8>, StoreError> {
        let stream = |id: &SegmentId| self.streams.get(id).cloned();
        ids.iter()
            .map(|id| stream(id).ok_or_else(|| missing("Segment", &id.short())))
            .collect::<Result<Vec<_>, _>>()
            .map(|parts| parts.concat())
    }

    fn pieces(&self, ids: &[SegmentId]) -> Result<u64, StoreError> {
        match ids.iter().find(|id| self.gone.contains(id)) {
            Some(gone) => Err(missing("Segment", &gone.short())),
            None => Ok(400 * ids.len() as u64),
        }
    }

    fn extent(&self, extent: &StoredExtent) -> Result<u64, StoreError> {
        Ok(extent.length)
    }
}

/// What the shelf has to be sent: pieces of 400 bytes.
struct Stocked<'a>(&'a Shelf);

impl Stock for Stocked<'_> {
    fn manifests(&self, ids: &[ManifestId]) -> Vec<SendableManifest> {
        let found = |id| self.0.manifests.get(id).cloned().map(Arc::new);
        ids.iter().map(|id| found(id).ok_or(SendObstacle::Missing)).collect()
    }

    fn sizes(&self, ids: &[[u8; 32]]) -> Vec<Option<u64>> {
        let is_gone = |id: &[u8; 32]| self.0.gone.iter().any(|gone| gone.0 == *id);
        ids.iter().map(|id| (!is_gone(id)).then_some(400)).collect()
    }
}

fn missing(kind: &'static str, id: &str) -> StoreError {
    StoreError::Missing {
        kind,
        id: id.to_owned(),
        packs: Vec::new(),
    }
}

/// The sample: a history, what it reads, and where its session is.
pub struct Sample {
    pub shelf: Shelf,
    pub history: History,
    pub description: HistoryDescription,
    pub at: Option<RunId>,
    pub damage: Vec<Damage>,
    pub setbacks: Vec<LogRollback>,
    last: Option<RunId>,
    operations: u64,
    tag: String,
    words: Option<BlobId>,
}

/// A value as it is stored: the stream of its one root, and the memory of its buffers.
pub struct Stored {
    pub name: &'static str,
    pub summary: Summary,
    pub stream: Vec<u8>,
    pub memory: Vec<Vec<u8>>,
}

/// One run to come.
struct Told {
    label: (u64, &'static str),
    kind: RunKind,
    source: Option<&'static str>,
    ending: Ending,
    parent: Option<RunId>,
    changed: Vec<Version>,
    removed: Vec<Root>,
    action: Action,
}

impl Sample {
    /// Two lines of a session that explores flights.
    pub fn flights() -> Self {
        let mut sample = Self::empty(
            HistoryDescription {
                path: Some("/home/ada/work/flights.ipynb".to_owned()),
                ..HistoryDescription::default()
            },
            "baseline",
        );
        sample.tell_first_line();
        sample.tell_second_line();
        sample
    }

    fn empty(description: HistoryDescription, tag: &str) -> Self {
        Self {
            shelf: Shelf::default(),
            history: History::default(),
            description,
            at: None,
            damage: Vec::new(),
            setbacks: Vec::new(),
            last: None,
            operations: 0,
            tag: tag.to_owned(),
            words: None,
        }
    }

    /// A history of many runs of 100 cells, every tenth on a line of its own.
    pub fn long(runs: u64) -> Self {
        let mut sample = Self::empty(HistoryDescription::default(), "baseline");
        for number in 0..runs {
            let version = sample.value(&["x"], &summary("builtins.int", &[], "1"), &format!("{number}"));
            let source: &'static str = format!("for step in range({number}):\n    x = step").leak();
            let mut run = sample.run(&Told {
                changed: vec![version.clone()],
                parent: (number % 10 == 9).then(|| run_id(number - 3, "")),
                ..cell(number, source)
            });
            run.cell = Some(format!("cell-{}", number % 100));
            run.full = Some(vec![version]).filter(|_| number % 64 == 0);
            sample.add(run, Action::Run);
        }
        sample
    }

    /// Two runs, the second of which edits what the first one left.
    pub fn edited(before: &[Stored], after: &[Stored]) -> Self {
        let mut sample = Self::empty(HistoryDescription::default(), "baseline");
        for (number, values) in [(1, before), (2, after)] {
            let changed = values.iter().map(|value| sample.stored(value)).collect();
            sample.told(Told {
                changed,
                ..cell(number, if number == 1 { "make()" } else { "edit()" })
            });
        }
        sample
    }

    fn stored(&mut self, value: &Stored) -> Version {
        let segment = SegmentId::of(&value.stream);
        self.shelf.streams.insert(segment, value.stream.clone());
        let mut encoding = Encoding {
            stream: vec![segment],
            ..Encoding::default()
        };
        for (nth, memory) in value.memory.iter().enumerate() {
            let length = memory.len() as u64;
            let blocks = memory.chunks(65_536).map(|block| {
                self.shelf.blocks.insert(BlockId::of(block), block.to_vec());
                BlockId::of(block)
            });
            encoding.extents.push(StoredExtent {
                length,
                column: 0,
                blocks: blocks.collect(),
            });
            encoding.mentions.push(Mention {
                extent: u32::try_from(nth).unwrap(),
                offset: 0,
                length,
            });
        }
        let what = format!("{} {segment} {:?}", value.name, encoding.extents);
        self.version(&[value.name], &value.summary, Body::Encoded(encoding), &what)
    }

    /// A history of eight runs that say `words` wherever a record has room for them.
    pub fn hostile(words: &'static str) -> Self {
        let description = HistoryDescription {
            name: words.to_owned(),
            path: Some(words.to_owned()),
            ..HistoryDescription::default()
        };
        let mut sample = Self::empty(description, words);
        sample.damage.push(Damage {
            path: words.into(),
            what: words.to_owned(),
        });
        sample.words = Some(sample.text(words.to_owned()));
        for number in 0..8 {
            let what = format!("{number}");
            let told = Summary {
                columns: vec![words.to_owned()],
                ..summary(words, &[3], words)
            };
            let kept = sample.version(&[words, "b"], &told, Body::None { why: words.to_owned() }, &what);
            let source: &'static str = format!("{number}\n{words}").leak();
            let mut run = sample.run(&Told {
                changed: vec![kept],
                removed: vec![Root::name(format!("{words}{words}"))],
                ending: Ending::Failed {
                    exception: words.to_owned(),
                },
                ..cell(number, source)
            });
            run.cell = Some(words.to_owned());
            run.suffix = if number < 6 { String::new() } else { words.to_owned() };
            run.warnings = vec![words.to_owned()];
            run.evidence.sockets = vec![words.to_owned()];
            run.output = Some(sample.text(hostile_outputs(words)));
            sample.add(run, Action::Run);
        }
        sample
    }

    fn tell_first_line(&mut self) {
        self.told(Told {
            source: None,
            kind: RunKind::Start,
            action: Action::Start,
            ..cell(0, "")
        });
        let flights = self.value(&["df"], &frame(336_776, &["year", "dep_delay", "carrier"]), "first");
        self.told(Told {
            changed: vec![flights],
            ..cell(1, "# load\nimport pandas as pd\ndf = pd.read_parquet('flights')")
        });
        let lists = self.value(&["a", "b"], &summary("builtins.list", &[3], "[1, 2, 3]"), "ab");
        let conn = self.unstored("conn", "sqlite3.Connection", "a live connection");
        self.told(Told {
            changed: vec![lists, conn],
            ..cell(2, "a = b = [1, 2, 3]\nconn = sqlite3.connect('x.db')")
        });
        let dropped = self.value(&["df"], &frame(336_776, &["year", "carrier"]), "dropped");
        let failed = Ending::Failed {
            exception: "KeyError".to_owned(),
        };
        let source = "df = df.drop(columns='dep_delay')\ndf['gone']  # \x1b[31mred\u{202e}";
        self.told(Told {
            changed: vec![dropped],
            ending: failed,
            ..cell(3, source)
        });
    }

    /// Undo to run 2; a thread changes the list; a model is trained; then a switch back that loses the connection.
    fn tell_second_line(&mut self) {
        self.last = Some(run_id(2, ""));
        self.operation(Action::Undo(1), Vec::new());
        let lists = self.value(&["a", "b"], &summary("builtins.list", &[4], "[1, 2, 3, 4]"), "ab4");
        self.told(Told {
            kind: RunKind::Outside,
            source: None,
            changed: vec![lists],
            ..cell(4, "")
        });
        let model = self.value(
            &["model"],
            &summary("sklearn.linear_model._base.LinearRegression", &[], ""),
            "model",
        );
        let score = self.value(&["score"], &summary("builtins.float", &[], "0.81"), "score");
        self.told(Told {
            changed: vec![model, score],
            ..cell(5, "model = LinearRegression().fit(X, y)\nscore = 0.81")
        });
        let removed = vec![Root::name("conn"), Root::name("model"), Root::name("score")];
        let parent = Some(run_id(2, ""));
        let lists = self.value(&["a", "b"], &summary("builtins.list", &[3], "[1, 2, 3]"), "ab");
        self.told(Told {
            label: (2, "a"),
            kind: RunKind::Moved,
            source: None,
            parent,
            changed: vec![lists],
            removed,
            action: Action::Switch,
            ..cell(6, "")
        });
    }

    fn told(&mut self, told: Told) {
        let run = self.run(&told);
        self.add(run, told.action);
    }

    fn text(&mut self, text: String) -> BlobId {
        let id = BlobId::of(text.as_bytes());
        self.shelf.texts.insert(id, text);
        id
    }

    fn add(&mut self, run: Run, action: Action) {
        let id = run_id(run.number, &run.suffix);
        self.history.add_run(id, run, SESSION);
        self.last = Some(id);
        self.operation(action, vec![id]);
    }

    fn run(&mut self, told: &Told) -> Run {
        let (number, suffix) = told.label;
        let source = told.source.map(|source| self.text(source.to_owned()));
        let evidence = evidence(number);
        let output = told.source.filter(|_| number == 5);
        let output = output.map(|_| self.text(crate::outputs::shown_by_a_model()));
        Run {
            version: RECORD_VERSION,
            number,
            suffix: suffix.to_owned(),
            parent: told.parent.or(self.last),
            kind: told.kind,
            source,
            output,
            cell: told.source.map(|_| format!("cell-{number}")),
            execution_count: told.source.map(|_| number),
            started: NOW - (100 - 10 * i64::try_from(self.operations).unwrap()) * 60 * SECOND,
            duration: 80_000_000 * (number + 1),
            ending: told.ending.clone(),
            evidence,
            parent_confirmed: true,
            changed: told.changed.clone(),
            removed: told.removed.clone(),
            ..Run::default()
        }
    }

    fn operation(&mut self, action: Action, runs: Vec<RunId>) {
        let number = self.operations;
        self.operations += 1;
        self.at = self.last;
        let operation = Operation {
            version: RECORD_VERSION,
            history: HistoryId([1; 16]),
            session: SESSION,
            number,
            previous: None,
            time: NOW - (100 - 10 * i64::try_from(number).unwrap()) * 60 * SECOND,
            action,
            runs,
            manifests: Vec::new(),
            naming: if number == 2 {
                names(&self.tag, self.words)
            } else {
                Vec::new()
            },
            proofs: Vec::new(),
            forgetting: None,
            dropping: None,
            view: View {
                at: self.at.map(|run| Position { run, branch: None }),
                confirmed: None,
            },
        };
        self.history
            .add_operation(OperationId::of(&number.to_be_bytes()), operation);
    }

    fn value(&mut self, names: &[&str], summary: &Summary, what: &str) -> Version {
        let encoding = Encoding {
            stream: vec![SegmentId::of(what.as_bytes())],
            extents: vec![StoredExtent {
                length: 65_536,
                column: 0,
                blocks: Vec::new(),
            }],
            ..Encoding::default()
        };
        self.version(names, summary, Body::Encoded(encoding), what)
    }

    fn unstored(&mut self, name: &str, type_name: &str, why: &str) -> Version {
        self.version(
            &[name],
            &summary(type_name, &[], ""),
            Body::None { why: why.to_owned() },
            name,
        )
    }

    fn version(&mut self, names: &[&str], summary: &Summary, body: Body, what: &str) -> Version {
        let roots: Vec<Root> = names.iter().map(|name| Root::name(*name)).collect();
        let version = Version {
            roots: roots.clone(),
            fingerprint: Fingerprint::of(what.as_bytes()),
            manifest: ManifestId::of(what.as_bytes()),
        };
        let manifest = Manifest {
            version: RECORD_VERSION,
            fingerprint_version: Fingerprint::VERSION,
            summaries: vec![summary.clone(); roots.len()],
            roots,
            fingerprint: version.fingerprint,
            body,
        };
        self.shelf.manifests.insert(version.manifest, manifest);
        version
    }

    /// The sample as commands see it.
    pub fn place(&self) -> HistoryView<'_> {
        HistoryView {
            store: Path::new("/home/ada/.local/share/clew"),
            records: &self.shelf,
            id: HistoryId([1; 16]),
            loaded: None,
            description: &self.description,
            history: &self.history,
            session: Some(SESSION),
            at: self.at,
            branch: None,
            damage: &self.damage,
            setbacks: &self.setbacks,
            in_flight: &[],
            live: None,
            called: OnceCell::new(),
        }
    }

    /// What `clew WORDS` says of the sample.
    pub fn say(&self, words: &str) -> Output {
        say_in(&self.place(), words, &terminal())
    }
}

/// What a command says of a place.
pub fn say_in(place: &HistoryView<'_>, words: &str, context: &Context) -> Output {
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    let context = &context.with_words(&words);
    match clew_cli::parse(&words, context) {
        Ok(arguments) => clew_cli::look(&arguments, place, context),
        Err(output) => output,
    }
}

/// A terminal without colours, at a fixed moment.
pub fn terminal() -> Context {
    Context {
        interface: Interface::Terminal,
        store: PathBuf::from("/home/ada/.local/share/clew"),
        config: PathBuf::from("/home/ada/.config/clew"),
        store_key: None,
        cache: PathBuf::from("/home/ada/.cache/clew"),
        now: NOW,
        uptime: None,
        zone: jiff::tz::TimeZone::UTC,
        width: 110,
        style: Style::default(),
        settings: Settings::default(),
        near: None,
        python: None,
        typed: TypedCommand::default(),
        registry: clew_cli::REGISTRY,
    }
}

/// Given when the second cell had run.
fn names(tag: &str, words: Option<BlobId>) -> Vec<Naming> {
    vec![
        Naming::Describe {
            run: run_id(2, ""),
            text: words,
        },
        Naming::Tag {
            name: tag.to_owned(),
            run: run_id(1, ""),
        },
        Naming::Branch {
            name: "forest".to_owned(),
            run: run_id(2, ""),
        },
    ]
}

fn run_id(number: u64, suffix: &str) -> RunId {
    RunId::of(format!("{number}{suffix}").as_bytes())
}

fn cell(number: u64, source: &'static str) -> Told {
    Told {
        label: (number, ""),
        kind: RunKind::Cell,
        source: Some(source),
        ending: Ending::Done,
        parent: None,
        changed: Vec::new(),
        removed: Vec::new(),
        action: Action::Run,
    }
}

pub fn summary(type_name: &str, shape: &[u64], text: &str) -> Summary {
    Summary {
        type_name: type_name.to_owned(),
        shape: shape.to_vec(),
        size: 88,
        text: text.to_owned(),
        ..Summary::default()
    }
}

pub fn frame(rows: u64, columns: &[&str]) -> Summary {
    Summary {
        size: rows * columns.len() as u64 * 8,
        columns: columns.iter().map(ToString::to_string).collect(),
        ..summary("pandas.core.frame.DataFrame", &[rows, columns.len() as u64], "")
    }
}

/// What each run may have read, and what it bound anew.
fn evidence(number: u64) -> Evidence {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let (reads, binds): (&[&str], &[&str]) = match number {
        1 => return read_flights(),
        2 => (&[], &["a", "b", "conn"]),
        3 => (&["df"], &["df"]),
        5 => (&["a", "df"], &["model", "score"]),
        _ => (&[], &[]),
    };
    Evidence {
        reads: names(reads),
        binds: names(binds),
        ..Evidence::default()
    }
}

fn read_flights() -> Evidence {
    Evidence {
        binds: vec!["pd".to_owned(), "df".to_owned()],
        modules: vec![ModuleEvidence {
            name: "pandas".to_owned(),
            version: Some("2.2.3".to_owned()),
            ..ModuleEvidence::default()
        }],
        files_read: vec![FileEvidence {
            path: "/home/ada/work/flights".to_owned(),
            ..FileEvidence::default()
        }],
        random: [("numpy".to_owned(), ("a".to_owned(), "b".to_owned()))].into(),
        ..Evidence::default()
    }
}

/// Outputs of every kind that say `words` wherever they can.
fn hostile_outputs(words: &str) -> String {
    serde_json::json!([
        {"output_type": "stream", "name": words, "text": words},
        {"output_type": words},
        {"output_type": "error", "ename": words, "evalue": words, "traceback": [words]},
        {"output_type": "display_data", "data": {"text/html": words, "text/plain": words, "image/png": words}},
        {"output_type": "display_data", "data": {"image/svg+xml": words, words: words}},
        {"output_type": "display_data", "data": {"text/html": words, "application/javascript": words, words: words}},
        {"output_type": "execute_result", "data": {"text/plain": words},
         "metadata": {"clew": {"left_out": [{"what": words, "count": 1, "size": 1}]}}},
    ])
    .to_string()
}
