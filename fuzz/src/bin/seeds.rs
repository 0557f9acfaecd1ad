//! Creates seed inputs for every reader from a real store: `seeds STORE CORPUS`. A search starts from these seeds; the inputs that it keeps
//! are in the repository.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::format::{
    Body, BundleEntry, BundledInput, Contents, FRAME_MAGIC, FrameHeader, FrameKind, HEADER_LENGTH, Operation,
    RECORD_VERSION, SignedRecord, StoredManifest, decode_record, encode_ids, encode_memory, encode_record,
};
use clew_core::id::{BlobId, BundledHasher, HistoryId};
use clew_core::kernel::CoVariableHandover;
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, LogIndex, SigningKey, Store, Trust};
use clew_fuzz::{Section, files_of, mended, sections};

type Done = Result<(), Box<dyn Error>>;

/// Longer seeds make a search too slow.
const LONGEST: usize = 12 << 10;

/// Larger block frames are left out: readers must also handle missing blocks.
const LONGEST_BLOCKS: usize = 4 << 10;

fn main() -> Done {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [store, corpus] = paths.as_slice() else {
        return Err("usage: seeds STORE CORPUS".into());
    };
    Seeds { corpus }.make(store)
}

struct Seeds<'a> {
    corpus: &'a Path,
}

impl Seeds<'_> {
    fn put(&self, reader: &str, bytes: &[u8]) -> Done {
        if bytes.len() > LONGEST && !matches!(reader, "store" | "looking" | "log_index" | "bundle") {
            return Ok(());
        }
        let folder = self.corpus.join(reader);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(&BlobId::of(bytes).to_string()[..16]), bytes)?;
        Ok(())
    }

    fn make(&self, folder: &Path) -> Done {
        let whole = one_run(folder)?;
        self.put("store", &whole)?;
        self.put("looking", &whole)?;
        self.put("bundle", &whole)?;
        fs::write(self.corpus.join("../stored.bin"), &whole)?;
        for section in sections(&whole) {
            if let Section::Frame {
                whole, kind, payload, ..
            } = section
            {
                self.put("frame", whole)?;
                self.record(kind, payload)?;
            }
        }
        let own = SigningKey::from_secret(&[42; 32]).public();
        let store = Store::open(Arc::new(RealDisk), folder, Access::ReadOnly)?.with_trust(Trust::own(own));
        self.values(&store)?;
        self.index(&whole)?;
        self.words()
    }

    fn record(&self, kind: FrameKind, payload: &[u8]) -> Done {
        let numbered = |number: u8, bytes: &[u8]| self.put("record", &[&[number], bytes].concat());
        match kind {
            FrameKind::RUN => numbered(0, payload)?,
            FrameKind::OPERATION => {
                let signed: SignedRecord = decode_record(payload)?;
                decode_record::<Operation>(&signed.bytes)?;
                numbered(1, &signed.bytes)?;
                numbered(2, payload)?;
            }
            FrameKind::MANIFEST => {
                let stored: StoredManifest = decode_record(payload)?;
                numbered(3, payload)?;
                numbered(4, &encode_record(&stored.manifest))?;
                stored
                    .manifest
                    .summaries
                    .iter()
                    .try_for_each(|summary| numbered(6, &encode_record(summary)))?;
                if let Body::Encoded(encoding) = &stored.manifest.body {
                    self.put("lists", &encode_memory(encoding))?;
                    self.put("lists", &encode_ids(&encoding.stream))?;
                }
            }
            FrameKind::FILE => numbered(7, payload)?,
            FrameKind::DESCRIPTION => numbered(8, payload)?,
            FrameKind::PACK => numbered(9, payload)?,
            FrameKind::REMOVAL => numbered(10, payload)?,
            FrameKind::LEFT_OUT => numbered(12, payload)?,
            FrameKind::GARBAGE => numbered(11, payload)?,
            _ => {}
        }
        Ok(())
    }

    /// Writes streams, alone and in pairs, and the texts of runs.
    fn values(&self, store: &Store) -> Done {
        let mut before = Vec::new();
        for (history, _) in store.histories()? {
            for run in store.load(history)?.runs.values().filter_map(|stored| stored.run()) {
                numbered_evidence(self, run)?;
                for text in run
                    .source
                    .iter()
                    .chain(&run.output)
                    .filter_map(|blob| store.blob(*blob).ok())
                {
                    self.put("source", text.as_bytes())?;
                }
                for version in &run.changed {
                    // Forgotten values do not exist.
                    let Ok(manifest) = store.manifest(version.manifest) else {
                        continue;
                    };
                    let Body::Encoded(encoding) = &manifest.body else {
                        continue;
                    };
                    let stream = store.stream(&encoding.stream)?.into_inner();
                    self.put("stream", &[&[manifest.roots.len() as u8], stream.as_slice()].concat())?;
                    self.put(
                        "value",
                        &[&(stream.len() as u16).to_le_bytes(), stream.as_slice(), &before].concat(),
                    )?;
                    let extents = encoding
                        .extents
                        .iter()
                        .map(|extent| Ok((extent.column, store.extent(extent)?.into_inner())));
                    let mut written = Vec::new();
                    CoVariableHandover {
                        stream: stream.clone(),
                        asides: Vec::new(),
                        extents: extents.collect::<Result<_, Box<dyn Error>>>()?,
                        mentions: encoding.mentions.clone(),
                    }
                    .write(&mut written)?;
                    self.put("handover", &written)?;
                    before = stream;
                }
            }
        }
        Ok(())
    }

    /// Writes an index over the logs of the store that the index reader uses.
    fn index(&self, whole: &[u8]) -> Done {
        let (cache, folder) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let key = SigningKey::from_secret(&[42; 32]);
        for (path, bytes) in files_of(&mended(whole, &key), folder.path()) {
            fs::create_dir_all(path.parent().ok_or("a file lies in a folder")?)?;
            fs::write(path, bytes)?;
        }
        let store =
            Store::open(Arc::new(RealDisk), folder.path(), Access::ReadOnly)?.with_trust(Trust::own(key.public()));
        let index = LogIndex::new(cache.path(), store.directory(), &key).keeping_from(1);
        let path = index.path().to_owned();
        let indexed = store.clone().with_index(index);
        for (history, _) in store.histories()? {
            indexed.load(history)?;
        }
        drop(indexed);
        self.put("log_index", &fs::read(path)?)
    }

    fn words(&self) -> Done {
        for text in ["@", "@-3", "14a", "op:7", "10m ago", "best", "abcd1234", "3 days ago"] {
            self.put("revision", text.as_bytes())?;
        }
        for text in [
            "log --all",
            "restore '10m ago' -- x",
            "eval 12 -- len(df)",
            "diff @- @ --json",
            "bisect --from 3 'x > 3'",
            "config log.limit 5",
            "forget a b --everywhere",
            "branch -m new",
        ] {
            self.put("line", text.as_bytes())?;
        }
        for text in [
            "store = \"/tmp/x\"\n[log]\nlimit = 3\n",
            "exclude = [\"tmp_*\"]\n[gc]\ngrace = \"1d\"\n[record]\noutputs = false\n",
            "[scratch]\nmemory = \"2 GB\"\nseconds = 60\n",
        ] {
            self.put("settings", text.as_bytes())?;
        }
        self.put(
            "source",
            b"token = \"ghp_0123456789abcdefghijklmnopqrstuvwxyz\"\n%%bash\nexport KEY=secret\n",
        )?;
        self.put("source", br#"[{"output_type":"stream","name":"stdout","text":["a\n"]},{"output_type":"display_data","data":{"text/plain":"x"},"metadata":{"clew":{"left_out":[{"what":"text","count":1,"size":2}]}}}]"#)?;
        for typed in [
            "ssh://me@host:22/~/clew?clew=/opt/clew",
            "s3://bucket/x",
            "host:folder",
            "file:///data",
        ] {
            self.put("carried", typed.as_bytes())?;
        }
        let listed =
            r#"{"remotes":[{"name":"a","url":"/b","store":"/s","added":1,"asked":null,"heads":"unknown","why":null}]}"#;
        self.put("carried", listed.as_bytes())?;
        let answer = br#"{"gaps":[],"value":{"text":"1","is_true":true},"error":null}"#;
        self.put(
            "answer",
            &[&(answer.len() as u32).to_le_bytes(), answer.as_slice()].concat(),
        )?;
        self.put(
            "foreign",
            br#"{"IPKernelApp":{"extra_extensions":["clew","x"]} /* a */}"#,
        )?;
        self.put("foreign", br#"{"history":"h","session":"s","pid":1,"began":0,"host":"h","connection":null,"executable":"p","started":7}"#)?;
        self.put("counters", &[1; 32])?;
        self.put("bundle", &[b"#", encode_record(&contents()).as_slice()].concat())?;
        let line = format!("{} {} 56 {}\n", "0a".repeat(16), "3f".repeat(16), "5e".repeat(32));
        self.put(
            "last_seen",
            format!("clew last-seen 1\nstore /store\n{line}hash ").as_bytes(),
        )?;
        let key = SigningKey::from_secret(&[1; 32]).public();
        self.put(
            "keys",
            format!("{}{key} trusted 7 a friend\n", "k".repeat(32)).as_bytes(),
        )
    }
}

/// Returns a table of contents of a bundle.
fn contents() -> Contents {
    let bundled = |(path, at, length): (&str, u64, u64)| BundleEntry {
        path: path.to_owned(),
        at,
        length,
        start: 0,
        hash: BundledHasher::default().finish(),
    };
    Contents {
        version: RECORD_VERSION,
        time: 7,
        history: HistoryId([1; 16]),
        files: [("packs/a.pack", 4096, 5000), ("format", 12_288, 0)]
            .map(bundled)
            .to_vec(),
        inputs: vec![BundledInput {
            name: "data/flights.csv".to_owned(),
            path: "/home/ada/data/flights.csv".to_owned(),
            size: 3,
            hash: BundledHasher::default().finish(),
        }],
    }
}

fn numbered_evidence(seeds: &Seeds<'_>, run: &clew_core::format::Run) -> Done {
    seeds.put("record", &[&[5], encode_record(&run.evidence).as_slice()].concat())
}

/// Concatenates all files of a store, with decompressed payloads: mutations of compressed data rarely produce valid data. Checksums of the
/// frames are not updated; `mended` repairs them.
fn one_run(folder: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    // Data comes before the records that refer to it.
    files.sort_by_key(|path| path.extension().is_none_or(|extension| extension != "pack"));
    let mut out = Vec::new();
    for file in files {
        let bytes = fs::read(file)?;
        if bytes.starts_with(&FRAME_MAGIC) {
            loosened(&bytes, &mut out)?;
        }
    }
    Ok(out)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Done {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn loosened(file: &[u8], out: &mut Vec<u8>) -> Done {
    let mut at = 0;
    while let Some(head) = file.get(at..at + HEADER_LENGTH) {
        let header = FrameHeader::parse(head.try_into()?)?;
        let meta = &file[at + HEADER_LENGTH..][..header.meta_length as usize];
        let stored = &file[header.payload_at(at as u64) as usize..header.end(at as u64) as usize];
        at = header.end(at as u64) as usize;
        let plain = header.decode(stored.to_vec())?;
        if header.kind == FrameKind::BLOCKS && plain.len() > LONGEST_BLOCKS {
            continue;
        }
        let mut head = header.to_bytes();
        // Codec, flags, both lengths; invalid checksums.
        head[6] = 0;
        head[8..12].fill(0);
        head[16..24].copy_from_slice(&(plain.len() as u64).to_le_bytes());
        head[24..32].copy_from_slice(&(plain.len() as u64).to_le_bytes());
        head[64..].fill(0);
        out.extend_from_slice(&head);
        out.extend_from_slice(meta);
        out.extend_from_slice(&plain);
    }
    Ok(())
}
