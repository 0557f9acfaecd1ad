//! The engine's part of the crash tests (`tests/crash`): recording processes that may be killed, and checks of their stores.

use std::error::Error;
use std::io::{Read, Write, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clew_core::store::Access;
use clew_core::store::disk::{Disk, RealDisk};
use clew_testing::life::{Found, Heard, Lie, Life, Said, Spoiled, Spoiling, collect, files_of, open, places, spoil};
use clew_testing::machine::{Tally, crash_everywhere};

const USAGE: &str = "\
clew-crash write STORE SEED CELLS SYNC_EVERY [saved|synced|value]   records, and says what is saved and synced
clew-crash collect STORE                            takes away what nothing refers to
clew-crash check STORE killed|unplugged [go-on]     compares a store with what lives said, on standard input
clew-crash spoil STORE flip|cut EVERY               spoils a copy of it in memory, place by place
clew-crash places STORE                             one place of each kind of record
clew-crash images FROM TO STRIDE                    simulated disks, crashed at every effect";

type Failed = Box<dyn Error>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["write", store, life @ ..] => write(Path::new(store), life),
        ["collect", store] => gather(Path::new(store)),
        ["check", store, how, rest @ ..] => check(Path::new(store), *how == "unplugged", rest == ["go-on"]),
        ["spoil", store, how, every] => every
            .parse()
            .map_err(Failed::from)
            .and_then(|every| spoil_all(Path::new(store), how, every)),
        ["places", store] => list(Path::new(store)),
        ["images", from, to, stride] => images([from, to, stride]),
        _ => Err(USAGE.into()),
    };
    done.map_or_else(
        |error| {
            eprintln!("{error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn write(store: &Path, words: &[&str]) -> Result<(), Failed> {
    let [seed, cells, sync_every, lie @ ..] = words else {
        return Err(USAGE.into());
    };
    let life = Life {
        seed: seed.parse()?,
        cells: cells.parse()?,
        sync_every: sync_every.parse()?,
    };
    let lie = match lie {
        ["saved"] => Lie::Saved,
        ["synced"] => Lie::Synced,
        ["value"] => Lie::Value,
        _ => Lie::None,
    };
    let store = open(Arc::new(RealDisk), store, Access::ReadWrite)?;
    // The reader may be gone, or the pipe may fail. Such reports are lost, and the checks do not rely on them.
    let mut say = |said: &Said| drop(stdout().write_all(format!("{said}\n").as_bytes()));
    Ok(life.record(&store, lie, &mut say)?)
}

fn gather(store: &Path) -> Result<(), Failed> {
    Ok(collect(&open(Arc::new(RealDisk), store, Access::ReadWrite)?)?)
}

fn heard() -> Result<Vec<Heard>, Failed> {
    let mut said = String::new();
    stdin().read_to_string(&mut said)?;
    Ok(Heard::read(&said))
}

fn check(store: &Path, is_power_cut: bool, goes_on: bool) -> Result<(), Failed> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut found = Found::of(&disk, store, &heard()?, is_power_cut);
    if goes_on {
        let life = Life {
            seed: 77,
            cells: 3,
            sync_every: 3,
        };
        found.add(Found::going_on(&disk, store, life));
    }
    let Found {
        is_open,
        compared,
        expected,
        lost,
        wrong,
    } = found;
    println!(
        "opened={} compared={compared} expected={expected} lost={} wrong={}",
        u8::from(is_open),
        lost.len(),
        wrong.len()
    );
    tell(lost.iter().chain(&wrong));
    Ok(())
}

fn spoil_all(store: &Path, how: &str, every: usize) -> Result<(), Failed> {
    let how = if how == "cut" { Spoiling::Cut } else { Spoiling::Flip };
    let files = files_of(store)?;
    let all: Vec<_> = places(&files).into_iter().step_by(every.max(1)).collect();
    let Spoiled {
        times,
        unopened,
        wrong,
        unsaid,
    } = spoil(&files, store, &heard()?, &all, how);
    let sum: u64 = times.values().sum();
    println!(
        "times={sum} unopened={} wrong={} unsaid={}",
        unopened.len(),
        wrong.len(),
        unsaid.len()
    );
    times
        .iter()
        .for_each(|(kind, times)| println!("kind={kind} times={times}"));
    tell(unopened.iter().chain(&wrong).chain(&unsaid));
    Ok(())
}

fn list(store: &Path) -> Result<(), Failed> {
    let mut told: Vec<&str> = Vec::new();
    let all = places(&files_of(store)?);
    for place in &all {
        if !told.contains(&place.kind) {
            told.push(place.kind);
            println!("{} {} {}", place.kind, place.at, place.path.display());
        }
    }
    Ok(())
}

fn images(words: [&str; 3]) -> Result<(), Failed> {
    let [from, to, stride] = words.map(str::parse::<u64>);
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for seed in from?..to? {
        match crash_everywhere(seed, 12, stride.clone()? as usize) {
            Ok(played) => tally.add(&played),
            Err(failure) => wrong.push(failure.to_string().replace('\n', "; ")),
        }
    }
    println!(
        "images={} programs={} wrong={}",
        tally.images,
        tally.programs,
        wrong.len()
    );
    tell(wrong.iter());
    Ok(())
}

fn tell<'t>(texts: impl Iterator<Item = &'t String>) {
    texts.take(20).for_each(|text| println!("! {text}"));
}
