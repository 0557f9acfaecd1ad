//! Roots that are not recorded: a state contains that they existed, and nothing about their values.

use std::sync::Arc;

use super::{LiveCoVariable, Observation, Observer};
use crate::format::{Body, Manifest, RECORD_VERSION, Summary, Version};
use crate::id::Fingerprint;
use crate::kernel::WithheldRoot;
use crate::store::StoreError;

impl Observer<'_> {
    /// Records that an excluded root exists, without looking at it.
    pub(super) fn note(&mut self, withheld: WithheldRoot, observed: &mut Observation) -> Result<(), StoreError> {
        let roots = vec![withheld.root];
        let seen = Fingerprint::of(format!("{}\n{}", withheld.mark, roots[0]).as_bytes());
        let before = self.live.of(&roots);
        let is_same = |known: &&LiveCoVariable| known.seen == seen && known.withheld.as_ref() == Some(&withheld.why);
        if let Some(known) = before.filter(is_same) {
            observed.live.add(known.clone());
            return Ok(());
        }
        let manifest = Manifest {
            version: RECORD_VERSION,
            fingerprint_version: Fingerprint::VERSION,
            fingerprint: self.only_itself(seen),
            body: Body::Withheld {
                why: withheld.why.clone(),
            },
            summaries: vec![Summary::default()],
            roots,
        };
        let version = Version {
            roots: manifest.roots.clone(),
            fingerprint: manifest.fingerprint,
            manifest: self.writer.put_manifest(manifest)?,
        };
        observed.fresh.push((version.clone(), false));
        observed.live.add(LiveCoVariable {
            version: Arc::new(version),
            seen,
            is_opaque: true,
            is_encoded: false,
            withheld: Some(withheld.why),
            is_compared: withheld.is_compared,
            parts: None,
            first: None,
            blocks: Arc::default(),
            pieces: Arc::default(),
            members: None,
            is_whole: false,
            subgraph: None,
        });
        Ok(())
    }
}
