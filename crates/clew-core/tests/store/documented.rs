//! `docs/format.md` says what the code does: its tables and field lists are read and compared.

use std::fmt;
use std::path::Path;

use clew_core::format::{
    Action, Body, CellEnd, Death, ENCRYPTED_HEADER_LENGTH, Encoding, Ending, Evidence, FRAME_MAGIC, FRAME_VERSION,
    FileEvidence, Forgetting, FrameEncoder, FrameKind, Garbage, HEADER_LENGTH, HistoryDescription, InFlightMarker,
    KernelDescription, Lists, Manifest, ModuleEvidence, OmittedValues, Operation, PackMention, Process, RECORD_VERSION,
    Removal, Run, SegmentList, SignedRecord, StoredExtent, StoredManifest, Summary, TableEntry, Version, View,
    encode_record,
};
use clew_core::graph::Mention;
use clew_core::id::{
    BlobId, BlockId, Fingerprint, HistoryId, ManifestId, OperationId, PackId, Root, RunId, SegmentId, SessionId,
    TaskKey, TaskResultId,
};
use clew_core::limits;
use clew_core::store::{ENCRYPTED_FORMAT, STORE_FORMAT};
use clew_testing::bare_run;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format.md");
    std::fs::read_to_string(path).unwrap()
}

/// The rows of the table whose first column is headed so.
fn table(heading: &str) -> Vec<Vec<String>> {
    let page = page();
    let mut lines = page
        .lines()
        .skip_while(|line| !line.starts_with(&format!("| {heading} |")));
    assert!(lines.next().is_some(), "no table is headed {heading}");
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        row.trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    })
    .collect()
}

/// What is said of a record: the paragraph's part from its name to the next one.
fn said_of(record: &str) -> String {
    let page = page();
    let start = page
        .find(&format!("**{record}**"))
        .unwrap_or_else(|| panic!("nothing is said of {record}"));
    let rest = &page[start + record.len() + 4..];
    let end = rest.find("\n**").or_else(|| rest.find("\n\n"));
    let end = end.into_iter().chain(rest.find(". **")).min();
    rest[..end.unwrap_or(rest.len())].to_owned()
}

/// The names of a record's fields, in the order in which they lie.
fn fields(record: &impl serde::Serialize) -> Vec<String> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a map by name")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut names = Vec::new();
            while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                names.push(name);
            }
            Ok(names)
        }
    }
    let bytes = encode_record(record);
    rmp_serde::Deserializer::from_read_ref(&bytes)
        .deserialize_map(Names)
        .unwrap()
}

/// Each field is named, in the order in which it lies.
#[track_caller]
fn is_said(record: &str, example: &impl serde::Serialize) {
    let said = said_of(record);
    let mut at = 0;
    for field in fields(example) {
        let found = said[at..].find(&format!("`{field}`"));
        at += found.unwrap_or_else(|| panic!("{record}: `{field}` is not named in its place in {said:?}"));
    }
}

fn operation() -> Operation {
    Operation {
        version: RECORD_VERSION,
        history: HistoryId([0; 16]),
        session: SessionId([0; 16]),
        number: 0,
        previous: None,
        time: 0,
        action: Action::Run,
        runs: Vec::new(),
        manifests: Vec::new(),
        naming: vec![clew_core::format::Naming::Remove { name: String::new() }],
        forgetting: Some(Forgetting::default()),
        dropping: Some(clew_core::format::Dropping::default()),
        proofs: vec![clew_core::format::Proof {
            manifest: ManifestId([0; 32]),
            why: None,
        }],
        view: View::default(),
    }
}

fn begun() -> InFlightMarker {
    InFlightMarker {
        version: RECORD_VERSION,
        history: HistoryId([0; 16]),
        session: SessionId([0; 16]),
        process: Process::default(),
        source: None,
        masked: Vec::new(),
        cell: None,
        execution_count: None,
        started: 0,
        ended: Some(ended()),
    }
}

fn ended() -> CellEnd {
    CellEnd {
        duration: 0,
        ending: Ending::Done,
    }
}

fn manifest() -> Manifest {
    Manifest {
        version: RECORD_VERSION,
        fingerprint_version: Fingerprint::VERSION,
        roots: Vec::new(),
        fingerprint: Fingerprint::of(b""),
        body: Body::Encoded(Encoding::default()),
        summaries: Vec::new(),
    }
}

#[test]
fn p13_the_fields_of_records_are_those_that_are_written() {
    let death = Death {
        session: SessionId([0; 16]),
        found: 0,
        had_ended: true,
    };
    is_said(
        "Run",
        &Run {
            death: Some(death),
            ..bare_run(1, 0)
        },
    );
    is_said("Death", &death);
    is_said("Begun", &begun());
    is_said("Ended", &ended());
    is_said("Process", &Process::default());
    is_said("Operation", &operation());
    is_said("Forgetting", &Forgetting::default());
    is_said("Manifest", &manifest());
    is_said("Encoding", &Encoding::default());
    is_said("StoredExtent", &StoredExtent::default());
    is_said(
        "Mention",
        &Mention {
            extent: 0,
            offset: 0,
            length: 0,
        },
    );
    is_said("HistoryDescription", &HistoryDescription::default());
    is_said("HistoryDescription", &KernelDescription::default());
    is_said("PackMention", &PackMention { pack: PackId([0; 16]) });
    is_said("Removal", &Removal::default());
    is_said("LeftOut", &OmittedValues::default());
    is_said("Garbage", &Garbage::default());
    is_said("Listed", &SegmentList::default());
    is_said("Root", &Root::name("x"));
    is_said("Manifest", &Summary::default());
    let version = Version {
        roots: Vec::new(),
        fingerprint: Fingerprint::of(b""),
        manifest: ManifestId([0; 32]),
    };
    is_said("Version", &version);
    let listed = || Some(SegmentList::default());
    let lists = Lists {
        stream: listed(),
        asides: listed(),
        memory: listed(),
    };
    is_said("StoredManifest", &lists);
    let stored = StoredManifest {
        manifest: manifest(),
        lists,
        again: Some(1),
    };
    is_said("StoredManifest", &stored);
    let signed = SignedRecord {
        bytes: Vec::new(),
        key: [0; 32],
        signature: Vec::new(),
    };
    is_said("Signed", &signed);
}

#[test]
fn p13_evidence_has_defaults_for_all_its_fields() {
    #[derive(serde::Serialize)]
    struct Nothing {}
    assert_eq!(
        clew_core::format::decode_record::<Evidence>(&encode_record(&Nothing {})),
        Ok(Evidence::default())
    );
    for fields in [fields(&FileEvidence::default()), fields(&ModuleEvidence::default())] {
        assert!(!fields.is_empty());
    }
}

#[test]
fn p13_the_kinds_of_frames_are_those_of_the_page() {
    let kinds = [
        ("FILE", FrameKind::FILE),
        ("BLOCKS", FrameKind::BLOCKS),
        ("SEGMENT", FrameKind::SEGMENT),
        ("BLOB", FrameKind::BLOB),
        ("MANIFEST", FrameKind::MANIFEST),
        ("RUN", FrameKind::RUN),
        ("OPERATION", FrameKind::OPERATION),
        ("DESCRIPTION", FrameKind::DESCRIPTION),
        ("PACK", FrameKind::PACK),
        ("MARK", FrameKind::MARK),
        ("PROOF", FrameKind::PROOF),
        ("INDEX", FrameKind::INDEX),
        ("REMOVAL", FrameKind::REMOVAL),
        ("GARBAGE", FrameKind::GARBAGE),
        ("CONTENTS", FrameKind::CONTENTS),
        ("HEAD", FrameKind::HEAD),
        ("BEGUN", FrameKind::BEGUN),
        ("LEFT_OUT", FrameKind::LEFT_OUT),
    ];
    let said: Vec<(String, String)> = table("kind")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let known: Vec<(String, String)> = kinds
        .iter()
        .map(|(name, kind)| (kind.0.to_string(), (*name).to_owned()))
        .collect();
    assert_eq!(said, known);
}

/// Where the parts of a table end, which follow each other without gaps.
fn end_of(table: Vec<Vec<String>>) -> usize {
    let mut end = 0;
    for row in table {
        let offset: usize = row[0].parse().unwrap();
        assert_eq!(offset, end, "{row:?}");
        end += row[1].parse().unwrap_or(0);
    }
    end
}

/// What the page says of encrypted files is enough to decrypt one.
#[test]
fn p13_an_encrypted_file_lies_as_the_page_says() {
    use ctr::cipher::{KeyIvInit, StreamCipher};
    assert_eq!(end_of(table("byte")), ENCRYPTED_HEADER_LENGTH);
    let key = [5; 32];
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/format-{ENCRYPTED_FORMAT}/packs"));
    let mut decrypted = 0;
    for entry in std::fs::read_dir(packs).unwrap() {
        let path = entry.unwrap().path();
        let mut file = std::fs::read(&path).unwrap();
        if file.is_empty() {
            continue;
        }
        let said = |context: &str| {
            page()
                .contains(&format!("BLAKE3::derive_key(\"{context}\""))
                .then_some(context.to_owned())
        };
        let id = blake3::derive_key(&said("clew 2026 id of a store's key v1").unwrap(), &key);
        assert_eq!((&file[88..104], &file[..128]), (&id[..16], &file[3968..4096]));
        let of_file = said("clew 2026 key of an encrypted file v1").unwrap();
        let own = blake3::derive_key(&of_file, &[&key, &file[104..128]].concat());
        ctr::Ctr128BE::<aes::Aes256>::new(&own.into(), &[0; 16].into()).apply_keystream(&mut file[4096..]);
        assert_eq!(
            file[4096..4102],
            [0xc1, 0x63, 0x6c, 0x77, FRAME_VERSION, FrameKind::FILE.0]
        );
        decrypted += 1;
    }
    assert_eq!(decrypted, 2);
}

/// The parts of a header follow each other without gaps, and are where the page says.
#[test]
fn p13_a_header_lies_as_the_page_says() {
    assert_eq!(end_of(table("offset")), HEADER_LENGTH);
    let mut frame = Vec::new();
    FrameEncoder::default().frame(FrameKind::BLOB, [7; 32], b"meta", b"payload", &mut frame);
    let number = |at: usize| u64::from_le_bytes(frame[at..at + 8].try_into().unwrap());
    assert_eq!(frame[..4], FRAME_MAGIC);
    assert_eq!(frame[4..8], [FRAME_VERSION, FrameKind::BLOB.0, 0, 0]);
    assert_eq!((number(8) as u32, number(8) >> 32), (0, 4));
    assert_eq!((number(16), number(24)), (7, 7));
    assert_eq!(frame[32..64], [7; 32]);
    let sums = [(64, b"meta".as_slice()), (72, b"payload"), (80, &frame[..80])];
    for (at, over) in sums {
        assert_eq!(number(at), xxhash_rust::xxh3::xxh3_64(over), "the checksum at {at}");
    }
    assert_eq!(&frame[HEADER_LENGTH..], b"metapayload");
    assert!(page().contains(&format!(
        "The table has {} bytes a block or segment",
        TableEntry::LENGTH
    )));
}

#[test]
fn p13_ids_are_made_as_the_page_says() {
    let made = |name: &str| match name {
        "BlockId" => BlockId::of(b"x").0,
        "SegmentId" => SegmentId::of(b"x").0,
        "BlobId" => BlobId::of(b"x").0,
        "ManifestId" => ManifestId::of(b"x").0,
        "RunId" => RunId::of(b"x").0,
        "OperationId" => OperationId::of(b"x").0,
        "TaskKey" => TaskKey::of(b"x").0,
        "TaskResultId" => TaskResultId::of(b"x").0,
        other => panic!("{other} is no id"),
    };
    let rows = table("id");
    assert_eq!(rows.len(), 8);
    for row in rows {
        assert_eq!(
            made(&row[0]),
            blake3::derive_key(row[1].trim_matches('`'), b"x"),
            "{}",
            row[0]
        );
    }
}

#[test]
fn p13_the_versions_are_those_of_the_page() {
    let said = format!("Store format {STORE_FORMAT}, frame version {FRAME_VERSION}, record version {RECORD_VERSION},");
    assert!(page().contains(&said), "{said}");
}

/// The page has every limit, with its value.
#[test]
fn p14_the_limits_are_those_of_the_page() {
    macro_rules! all {
        ($($name:ident)*) => { [$((stringify!($name), u64::try_from(limits::$name).unwrap())),*] };
    }
    let known = all! {
        META STORED COMPRESSED FILE_PLAIN FILE_RATIO TRUSTED TASK_ENTRY LAST_SEEN SESSIONS_SEEN INDEX_PIECE LIST LIST_LEVELS
        LISTED KINDS NODES HANDOVER_HEAD VALUE_DEPTH NEEDED DIMENSIONS COLUMNS LITERAL_DEPTH INDEX_DEPTH TYPE_DEPTH FIELDS
        PACKAGED PACKAGE_LIST NOTEBOOK INPUTS INPUT_COPIES NAME INPUT_NAME INPUT_PART PACKAGE SETTINGS
        SMALL_FILE ANSWER COMPLAINTS OUTPUTS NOTES REPEATED
    };
    let said: Vec<(String, u64)> = table("limit")
        .iter()
        .map(|row| (row[0].clone(), row[1].parse().unwrap()))
        .collect();
    assert_eq!(said, known.map(|(name, most)| (name.to_owned(), most)));
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/limits.rs")).unwrap();
    assert_eq!(
        source.matches("\npub const ").count(),
        known.len(),
        "a limit is not on the page"
    );
}
