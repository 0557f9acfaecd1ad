//! Collects what is needed to build a stream of a Python session, from the kinds of its nodes.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::graph::stream::bodies;
use clew_core::kernel::StreamFacts;

use crate::kinds;
use crate::payload::Reader;

/// Returns the codecs, definitions and modules that the stream names, and whether building it may run code that it
/// names.
pub(crate) fn stream_facts(stream: &[u8]) -> StreamFacts {
    let mut codecs: BTreeMap<String, u32> = BTreeMap::from([("core".to_owned(), 1)]);
    let (mut definitions, mut modules) = (BTreeSet::new(), BTreeSet::new());
    let mut code = false;
    for (kind, payload) in bodies(stream) {
        let mut reader = Reader::new(payload);
        match kind {
            kinds::CLASS => {
                definitions.insert(text(payload));
            }
            kinds::METHOD => {
                definitions.extend(reader.name().map(text));
            }
            kinds::GLOBAL => {
                modules.extend(reader.name().map(text));
            }
            kinds::MODULE => {
                modules.insert(text(payload));
            }
            kinds::CODEC => {
                if let (Some(name), Some(version)) = (reader.name(), reader.number()) {
                    codecs.insert(text(name), version as u32);
                }
            }
            kinds::REDUCE | kinds::FUNCTION | kinds::CODE | kinds::DEFINITION => code = true,
            _ => {}
        }
    }
    StreamFacts {
        codecs: codecs.into_iter().collect(),
        definitions: definitions.into_iter().collect(),
        modules: modules.into_iter().collect(),
        code,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
