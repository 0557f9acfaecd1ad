//! Recreates values that cannot be loaded from the store: reruns the cell that created them, in the state before it.
//!
//! The cell runs in a sandbox process first, which can change nothing and returns its values as written by a walk. It runs in a
//! namespace beside the live one only if the user allowed that. In both cases the result is compared with the recorded
//! fingerprint.

use super::prefetch::FetchedCoVariable;
use super::{PlanExecutor, Staged, build, failed, unbuilt, unreadable};
use crate::cause::Cause;
use crate::format::{Encoding, Run, Version};
use crate::graph::{Arena, ArenaLimits, Heap, look_jointly};
use crate::history::History;
use crate::history::flow::is_unwatched;
use crate::id::{Root, RootKind, RunId};
use crate::kernel::{BuildError, Kernel, ObjectOf, SandboxRerun, StreamFacts};
use crate::plan::{OutcomeKind, RerunPermission};
use crate::record::LiveParts;
use crate::store::Manifests;

/// A version that a rerun recreated, for which no recorded fingerprint exists to compare it with.
pub(super) struct RecreatedVersion<O> {
    pub version: Version,
    pub objects: Vec<(Root, O)>,
}

impl PlanExecutor<'_> {
    /// Recreates a version that cannot be loaded for the reason `why`. `apart` is whether another process can return the value
    /// that its cell creates. `anew` are the values that this restore recreated before.
    pub(super) fn make_again<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        again: &RerunPermission,
        why: &str,
        apart: bool,
        anew: &[RecreatedVersion<ObjectOf<K>>],
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        if let Some(made) = self.made.and_then(|made| made.of(&version.manifest)) {
            return build(
                kernel,
                version,
                FetchedCoVariable::of(made)?,
                &self.cells(),
                OutcomeKind::Rerun,
            );
        }
        if !matches!(again, RerunPermission::Unasked | RerunPermission::Allowed) {
            return Err(failed(again.reason(why, apart)));
        }
        let (id, run) = self
            .made_by(version)
            .map_err(|reason| failed(format!("{why}; {reason}")))?;
        let is_allowed = *again == RerunPermission::Allowed;
        let mut why = why.to_owned();
        if apart {
            match self.replay_apart(kernel, version, (id, run), is_allowed) {
                Ok(staged) => return Ok(said_why(staged, &why, run)),
                Err(error) => why = format!("{why}; {}", unbuilt(error)?),
            }
        }
        if !is_allowed {
            return Err(failed(again.reason(&why, apart)));
        }
        match self.replay(kernel, version, (id, run), anew) {
            Err(BuildError::Failed(reason)) => Err(failed(format!("{why}; {reason}"))),
            Ok(staged) if apart => Ok(said_why(staged, &why, run)),
            other => other,
        }
    }

    /// Returns the run whose cell creates a version; otherwise the reason why no cell can be rerun.
    fn made_by(&self, version: &Version) -> Result<(RunId, &Run), String> {
        let id = self
            .history
            .made_by(self.target, &origin(self.manifests, self.history, self.target, version));
        let (id, run) = id
            .and_then(|id| Some((id, self.history.run(&id)?)))
            .ok_or(Cause::RunMissing)?;
        if let Some(masked) = run.evidence.masked.first() {
            let run = &run.label();
            return Err(Cause::SourceMasked { run, masked }.into());
        }
        match run.source.map(|source| self.store.blob(source)) {
            Some(Err(error)) => {
                let (run, why) = (&run.label(), &error.to_string());
                Err(Cause::SourceUnreadable { run, why }.into())
            }
            _ => Ok((id, run)),
        }
    }

    /// Reruns the cell in a namespace beside the live one, with copies of the values before it: a cell may change its inputs, and
    /// must not change live objects.
    fn replay<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        (id, run): (RunId, &Run),
        anew: &[RecreatedVersion<ObjectOf<K>>],
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        let blob = run.source.ok_or_else(|| failed(Cause::NoCell))?;
        let source = self.store.blob(blob).map_err(failed)?.into_inner();
        let label = run.label();
        if self.changes_class(run) {
            return Err(failed(Cause::ChangesClass { run: &label }));
        }
        let inputs = self.inputs(kernel, run, anew)?;
        let objects = kernel.replay((id, &source), &inputs, &version.roots)?;
        if objects.len() < version.roots.len() {
            return Err(failed(Cause::NotMade { run: &label }));
        }
        for (_, object) in &objects {
            kernel.heap().keep(*object);
        }
        let made = look_jointly(kernel.heap(), objects.clone());
        let (kind, why) = if !made.opaque.is_empty() {
            let run = &label;
            let why = if self.is_used_since(id, version) {
                Cause::MadeUnused { run }
            } else {
                Cause::MadeAnew { run }
            };
            (OutcomeKind::Rerun, Some(why.into()))
        } else if made.fingerprint == version.fingerprint {
            (OutcomeKind::Rerun, None)
        } else {
            (OutcomeKind::NotIdentical, Some(another_value(run)))
        };
        // Values that share objects with an object without a value can still be compared alone.
        let known = self.live_objects.of(version).and_then(|known| known.parts.clone());
        let found = LiveParts::of(kernel.heap(), &made, &objects.iter().cloned().collect());
        let others = known
            .iter()
            .zip(&found)
            .flat_map(|(known, found)| known.differing(found));
        let others: Vec<Root> = others.map(|nth| version.roots[nth].clone()).collect();
        let apart = others
            .into_iter()
            .map(|root| (root, (OutcomeKind::NotIdentical, Some(another_value(run)))));
        let classes = classes(kernel.describe_stream(&made.stream));
        Ok(Staged {
            objects,
            kind,
            why,
            classes,
            is_waiting: false,
            apart: apart.collect(),
        })
    }

    /// Returns whether later runs may have changed the live objects of a version since the run that created it. These runs are
    /// not repeated.
    fn is_used_since(&self, maker: RunId, version: &Version) -> bool {
        let since = self.history.ancestry(self.target).take_while(|(id, _)| *id != maker);
        let mut since = since.filter_map(|(id, _)| self.history.run(&id));
        let is_of_version = |root: &Root| version.roots.contains(root);
        origin(self.manifests, self.history, self.target, version) != *version
            || since.any(|run| run.evidence.used.iter().any(is_of_version))
    }

    /// Returns whether the run changed a class that existed before it. All instances share their live class, also copies.
    fn changes_class(&self, run: &Run) -> bool {
        let before = run.parent.map(|parent| self.history.state(parent)).unwrap_or_default();
        let mut changed = run.changed_roots();
        changed.any(|root| root.kind == RootKind::Definition && before.version(root).is_some())
    }

    /// Returns copies of the values that a run may have read, in the state before it. For values that cannot be copied, returns
    /// the objects that this restore recreated, in `anew`, so that the cell uses the same objects. Otherwise they are omitted:
    /// live connections are not used up in order to recreate a value.
    fn inputs<K: Kernel>(
        &self,
        kernel: &mut K,
        run: &Run,
        anew: &[RecreatedVersion<ObjectOf<K>>],
    ) -> Result<Vec<(Root, ObjectOf<K>)>, BuildError> {
        let before = run.parent.map(|parent| self.history.state(parent)).unwrap_or_default();
        let mut versions: Vec<&Version> = before.versions().filter(|version| may_read(run, version)).collect();
        let is_class = |version: &&Version| version.roots.iter().any(|root| root.kind == RootKind::Definition);
        versions.sort_by_key(|version| !is_class(version));
        let mut inputs = Vec::new();
        let is_whole = |version: &Version| {
            let manifest = self.manifests.get(&version.manifest);
            manifest.is_ok_and(|manifest| manifest.encoding().is_none_or(Encoding::is_whole))
        };
        for version in versions {
            let copied = if is_whole(version) {
                match self.fetch_and_load(kernel, version, &RerunPermission::Never) {
                    Ok(staged) if staged.kind == OutcomeKind::Restored => Some(staged.objects),
                    Ok(_) => None,
                    Err(error) => {
                        unbuilt(error)?;
                        None
                    }
                }
            } else {
                None
            };
            inputs.extend(copied.unwrap_or_else(|| self.made_anew(run, version, anew)));
        }
        inputs.retain(|(root, _)| root.kind == RootKind::Name);
        Ok(inputs)
    }

    /// Returns the objects that this restore recreated for a version which the run read.
    fn made_anew<O: Copy>(&self, run: &Run, version: &Version, anew: &[RecreatedVersion<O>]) -> Vec<(Root, O)> {
        let maker = |target: RunId, version: &Version| {
            let first = origin(self.manifests, self.history, target, version);
            self.history.made_by(target, &first)
        };
        let Some(made) = run.parent.and_then(|parent| maker(parent, version)) else {
            return Vec::new();
        };
        let is_it = |one: &&RecreatedVersion<O>| maker(self.target, &one.version) == Some(made);
        let objects = anew.iter().filter(is_it).flat_map(|one| &one.objects);
        let found = objects.filter(|(root, _)| version.roots.contains(root));
        found.map(|(root, object)| (root.clone(), *object)).collect()
    }

    /// Reruns the cell in a sandbox process. Without permission, the result is used only if it equals the recorded value, or if
    /// building it runs no code that it names.
    fn replay_apart<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        (id, run): (RunId, &Run),
        is_allowed: bool,
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        let label = run.label();
        let alone = [id];
        let made = kernel.replay_apart(&SandboxRerun {
            run: id,
            line: if self.line.contains(&id) { self.line } else { &alone },
            label: &label,
            roots: &version.roots,
            is_allowed,
        })?;
        let is_equal = made.fingerprint(&version.roots) == version.fingerprint;
        // The facts about code are only valid for a well-formed stream.
        Arena::parse(&made.stream, version.roots.len(), ArenaLimits::default()).map_err(unreadable)?;
        let facts = kernel.describe_stream(&made.stream);
        if !is_equal && !is_allowed && facts.code {
            return Err(failed(Cause::AnotherValueWithCode { run: &label }));
        }
        let mut staged = build(
            kernel,
            version,
            FetchedCoVariable::of(made)?,
            &self.cells(),
            OutcomeKind::Rerun,
        )?;
        staged.classes = classes(facts);
        if !is_equal && staged.kind == OutcomeKind::NotIdentical {
            staged.why = Some(another_value(run));
        }
        Ok(staged)
    }
}

/// Returns the version whose run created the live objects of a version. It is another one if the run that recorded the version
/// only used them.
pub(crate) fn origin(manifests: &Manifests, history: &History, target: RunId, version: &Version) -> Version {
    let first = manifests.first(version).map(|manifest| Version {
        manifest,
        ..version.clone()
    });
    let is_here = |first: &Version| history.recorded_by(target, first).is_some();
    first.filter(is_here).unwrap_or_else(|| version.clone())
}

/// Returns whether the run may have read the version. If its reads are unknown, it may have read all versions. Classes always count.
pub(crate) fn may_read(run: &Run, version: &Version) -> bool {
    let evidence = &run.evidence;
    let is_watched = !(evidence.touched_all || is_unwatched(evidence));
    let is_named = |root: &Root| {
        let name = root.to_string();
        root.kind == RootKind::Definition || evidence.reads.contains(&name) || evidence.writes.contains(&name)
    };
    !is_watched || version.roots.iter().any(is_named)
}

fn classes(facts: StreamFacts) -> Vec<Root> {
    let ids = facts.definitions.into_iter();
    ids.map(|id| Root::new(RootKind::Definition, id)).collect()
}

fn another_value(run: &Run) -> String {
    Cause::AnotherValue { run: &run.label() }.into()
}

/// Adds the reason why a value had to be recreated: its stored value is unusable.
fn said_why<O>(mut staged: Staged<O>, why: &str, run: &Run) -> Staged<O> {
    let what = staged
        .why
        .unwrap_or_else(|| Cause::MadeAgain { run: &run.label() }.into());
    staged.why = Some(format!("{why}; {what}"));
    staged
}
