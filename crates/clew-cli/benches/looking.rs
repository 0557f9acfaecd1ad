//! What looking costs in a long history, start-up included: `cargo bench -p clew-cli --bench looking`.
//!
//! Records a store through the engine (or takes the one in `--store DIR`, which is kept), then starts the native command
//! many times. The figures are wall times of whole processes (the best, and the one in the middle) and processor time
//! of each; the ratio is to `cat` of the history's logs, which reads the same bytes once and does nothing with them.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, SigningKey, Store, Trust};
use clew_testing::LongHistory;

/// What is asked, with its aim in milliseconds.
const QUESTIONS: [(&[&str], Option<f64>); 17] = [
    (&["--help"], Some(10.0)),
    (&["log"], Some(100.0)),
    (&["log", "-n", "0"], None),
    (&["log", "--all"], Some(100.0)),
    (&["log", "-n", "0", "--all"], None),
    (&["log", "-n", "0", "--all", "--graph"], None),
    (&["log", "-n", "0", "--all", "--json"], None),
    (&["log", "-v", "n17"], Some(100.0)),
    (&["log", "--failed"], Some(100.0)),
    (&["status"], Some(100.0)),
    (&["show"], Some(100.0)),
    (&["vars"], Some(100.0)),
    (&["diff", "@-3", "@"], None),
    (&["annotate", "n17"], None),
    (&["stale"], None),
    (&["list"], Some(100.0)),
    (&["doctor"], None),
];

struct Options {
    long: LongHistory,
    store: Option<PathBuf>,
    repeat: usize,
    histories: u64,
}

impl Options {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            long: LongHistory::default(),
            store: None,
            repeat: 15,
            histories: 0,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--runs" => options.long.cells = value()?.parse()?,
                "--sessions" => options.long.sessions = value()?.parse()?,
                "--names" => options.long.names = value()?.parse()?,
                "--histories" => options.histories = value()?.parse()?,
                "--store" => options.store = Some(value()?.into()),
                "--repeat" => options.repeat = value()?.parse()?,
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
        record(&options, &home)?;
        println!("Recorded in {:.1} s", begun.elapsed().as_secs_f64());
    }
    let logs = logs(&home.join("store"))?;
    let bytes = logs
        .iter()
        .map(|log| fs::metadata(log).map_or(0, |log| log.len()))
        .sum::<u64>();
    println!("{} logs, {:.1} MB\n", logs.len(), bytes as f64 / 1e6);
    println!(
        "{:44}{:>9}{:>9}{:>9}{:>8}{:>7}",
        "", "best", "median", "cpu", "x cat", "aim"
    );
    let cat = measure(options.repeat, || {
        Command::new("cat").args(&logs).stdout(Stdio::null()).spawn()
    })?;
    print_line("cat of the logs", &cat, &cat, None);
    let first = measure(1, || clew(&home, &["log"]).spawn())?;
    print_line("clew log, without an index yet", &first, &cat, None);
    for (words, aim) in QUESTIONS {
        let taken = measure(options.repeat, || clew(&home, words).spawn())?;
        print_line(&format!("clew {}", words.join(" ")), &taken, &cat, aim);
    }
    Ok(())
}

fn record(options: &Options, home: &Path) -> Result<(), Box<dyn Error>> {
    let disk = Arc::new(RealDisk);
    let key = SigningKey::load_or_create(&*disk, &home.join("config/clew"))?;
    let trust = Trust::own(key.public());
    let store = Store::open(disk, home.join("store"), Access::ReadWrite)?.with_trust(trust);
    for number in 0..options.histories {
        let short = LongHistory {
            cells: 100,
            sessions: 2,
            seed: number + 2,
            ..options.long
        };
        short.record(&store, &key, &format!("short-{number}"))?;
    }
    options.long.record(&store, &key, "long")?;
    Ok(())
}

/// All logs of the store.
fn logs(store: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut logs = Vec::new();
    for history in fs::read_dir(store.join("histories"))? {
        for file in fs::read_dir(history?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                logs.push(path);
            }
        }
    }
    Ok(logs)
}

fn clew(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clew"));
    command
        .args(words)
        .env("CLEW_HOME", home.join("store"))
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_CACHE_HOME", home.join("cache"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

struct Taken {
    /// Wall times of the processes, the shortest first.
    walls: Vec<Duration>,
    /// Processor time of one, on average; 0 where the system does not tell.
    processor: Duration,
}

fn measure(
    repeat: usize,
    mut start: impl FnMut() -> std::io::Result<std::process::Child>,
) -> Result<Taken, Box<dyn Error>> {
    let mut walls = Vec::new();
    let before = processor_time_of_children();
    for _ in 0..repeat {
        let begun = Instant::now();
        start()?.wait()?;
        walls.push(begun.elapsed());
    }
    walls.sort();
    let processor = processor_time_of_children().saturating_sub(before) / repeat as u32;
    Ok(Taken { walls, processor })
}

/// User and system time of all children that ended: fields 16 and 17 of `/proc/self/stat`, in hundredths of a second.
fn processor_time_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 = fields
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn print_line(what: &str, taken: &Taken, cat: &Taken, aim: Option<f64>) {
    let milliseconds = |duration: &Duration| duration.as_secs_f64() * 1e3;
    let (best, median) = (
        milliseconds(&taken.walls[0]),
        milliseconds(&taken.walls[taken.walls.len() / 2]),
    );
    let ratio = best / milliseconds(&cat.walls[0]);
    let processor = milliseconds(&taken.processor);
    let star = if aim.is_some_and(|aim| median > aim) { " *" } else { "" };
    let aim = aim.map(|aim| format!("{aim:.0}")).unwrap_or_default();
    println!("{what:44}{best:>9.1}{median:>9.1}{processor:>9.1}{ratio:>8.1}{aim:>7} ms{star}");
}
