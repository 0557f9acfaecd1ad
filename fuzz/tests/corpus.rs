//! Reads the kept inputs again: any input is handled, with limited memory (promise P14).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clew_fuzz::{PLANTED, READERS};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn replay(name: &str) {
    let reader = clew_fuzz::reader(name).expect("it is one of the list");
    let mut inputs = 0;
    for entry in fs::read_dir(corpus().join(name)).expect("every reader has a corpus") {
        let bytes = fs::read(entry.expect("the folder can be read").path()).expect("an input can be read");
        reader.read(&bytes);
        // A truncated input is like the result of a torn write.
        for length in [0, 1, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            reader.read(&bytes[..length]);
        }
        inputs += 1;
    }
    assert!(inputs > 0, "no input for {name}");
}

macro_rules! replayed {
    ($($test:ident $name:literal)*) => {
        $(
            #[test]
            fn $test() {
                replay($name);
            }
        )*

        #[test]
        fn every_reader_of_the_list_is_replayed() {
            let replayed = BTreeSet::from([$($name),*]);
            assert_eq!(replayed, READERS.iter().map(|reader| reader.name).collect());
            let folders = fs::read_dir(corpus()).expect("there is a corpus");
            let folders: BTreeSet<String> =
                folders.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
            assert_eq!(folders, replayed.iter().map(ToString::to_string).collect());
        }
    };
}

replayed! {
    p14_frames_are_borne "frame"
    p14_records_are_borne "record"
    p14_lists_are_borne "lists"
    p14_streams_are_borne "stream"
    p14_what_is_handed_over_is_borne "handover"
    p14_stores_are_borne "store"
    p14_looking_at_stores_is_borne "looking"
    p14_indexes_over_logs_are_borne "log_index"
    p14_counters_are_borne "counters"
    p14_keys_are_borne "keys"
    p14_what_was_last_seen_is_borne "last_seen"
    p14_bundles_are_borne "bundle"
    p14_packages_are_borne "package"
    p14_values_are_borne "value"
    p14_revisions_are_borne "revision"
    p14_lines_are_borne "line"
    p14_settings_are_borne "settings"
    p14_sources_and_outputs_are_borne "source"
    p14_answers_are_borne "answer"
    p14_files_of_others_are_borne "foreign"
    p14_what_comes_over_ssh_is_borne "carried"
}

#[test]
fn p14_the_corpus_stays_small() {
    fn size(folder: &Path) -> u64 {
        let entries = fs::read_dir(folder)
            .expect("it can be read")
            .map(|entry| entry.expect("it can be read"));
        let sizes = entries.map(|entry| match entry.metadata().expect("it can be asked") {
            metadata if metadata.is_dir() => size(&entry.path()),
            metadata => metadata.len(),
        });
        sizes.sum()
    }
    assert!(size(&corpus()) <= 600_000);
}

#[test]
#[should_panic(expected = "planted")]
fn what_is_planted_breaks() {
    PLANTED.read(b"Clew");
}

#[test]
fn p14_memory_is_counted() {
    let taken = clew_fuzz::memory_of(|| drop(std::hint::black_box(vec![1_u8; 3_000_000])));
    assert!((3_000_000..3_100_000).contains(&taken), "{taken}");
}
