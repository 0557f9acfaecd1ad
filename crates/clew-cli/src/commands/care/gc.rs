//! `clew gc`: what nothing in a store needs any more, noted at first and removed later.

use std::path::Path;

use clew_core::format::Timestamp;
use clew_core::store::{Collected, Collection, Damage};
use serde::Serialize;

use super::{HOUR, Pieces, collect};
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::surroundings::Surroundings;
use crate::text;

/// Removes from the store what nothing needs any more, in two steps.
///
/// What no run needs is noted first; a later gc, a day or more after (`clew config gc.grace`), removes it. What was forgotten goes at once. Runs, values and texts that any history still has are never removed; memory that only older states hold is compressed where that pays.
#[derive(Debug, Clone, clap::Args)]
pub struct Gc {
    /// Only shows what would be removed
    #[arg(long)]
    pub dry_run: bool,
}

/// Something that can't be read.
#[derive(Debug, Serialize)]
struct Unread {
    place: String,
    what: String,
}

/// What gc found and did.
#[derive(Debug, Serialize)]
pub struct Garbage {
    dry_run: bool,
    grace_hours: u64,
    alive: Pieces,
    removed: Pieces,
    forgotten: Pieces,
    found: Pieces,
    waiting: Pieces,
    in_use: Pieces,
    /// Memory that only older states hold, and that lies compressed now.
    compressed: Pieces,
    /// About how many bytes compressing would save.
    compressible: u64,
    /// When the first of what waits may go.
    next: Option<String>,
    packs_removed: u64,
    packs_written: u64,
    freed: u64,
    kept: Vec<Unread>,
    doubts: Vec<Unread>,
    #[serde(skip)]
    due: Option<Timestamp>,
}

/// Collects what is dead in the store.
pub fn gc(gc: &Gc, directory: &Path, surroundings: &Surroundings) -> Result<Garbage, Problem> {
    let hours = surroundings.settings.gc_grace();
    let order = Collection {
        now: surroundings.now,
        grace: i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(HOUR),
        forgotten_only: false,
        dry_run: gc.dry_run,
    };
    let collected = collect(directory, order, surroundings)?;
    Ok(Garbage::of(&collected, hours, gc.dry_run))
}

impl Garbage {
    fn of(collected: &Collected, grace_hours: u64, dry_run: bool) -> Self {
        let unread = |damage: &Damage| Unread {
            place: damage.path.display().to_string(),
            what: damage.what.clone(),
        };
        Self {
            dry_run,
            grace_hours,
            alive: collected.alive.into(),
            removed: collected.gone.into(),
            forgotten: collected.forgotten.into(),
            found: collected.found.into(),
            waiting: collected.waiting.into(),
            in_use: collected.in_use.into(),
            compressed: collected.compressed.into(),
            compressible: collected.compressible,
            next: collected.next.map(text::rfc3339),
            packs_removed: collected.packs_removed,
            packs_written: collected.packs_written,
            freed: collected.freed,
            kept: collected.kept.iter().map(unread).collect(),
            doubts: collected.doubts.iter().map(unread).collect(),
            due: collected.next,
        }
    }
}

impl Garbage {
    /// What was, or would be, removed.
    fn removal(&self) -> String {
        let forgotten = match (self.forgotten.pieces, self.removed.pieces) {
            (0, _) => format!(", needed by nothing for {} or longer", hours(self.grace_hours)),
            (forgotten, all) if forgotten == all => ", forgotten".to_owned(),
            _ => format!(", {} of them forgotten", self.forgotten.text()),
        };
        let pieces = self.removed.text();
        if self.dry_run {
            return format!("Would remove {pieces}{forgotten}.\n");
        }
        let freed = text::bytes(self.freed);
        format!("Removed {pieces}{forgotten}. The store is {freed} smaller.\n")
    }

    /// What was, or would be, compressed.
    fn compression(&self) -> String {
        if self.dry_run && self.compressible > 0 {
            let saved = text::bytes(self.compressible);
            return format!("Would compress memory that only older states hold, which saves about {saved}.\n");
        }
        if self.compressed.is_none() {
            return String::new();
        }
        let pieces = self.compressed.text();
        let smaller = if self.removed.is_none() {
            format!(" The store is {} smaller.", text::bytes(self.freed))
        } else {
            String::new()
        };
        format!("Compressed {pieces} that only older states hold.{smaller}\n")
    }

    fn rest(&self, surroundings: &Surroundings) -> String {
        let mut text = String::new();
        let (verb, after) = if self.dry_run {
            ("Would note", "would then remove")
        } else {
            ("Noted", "removes")
        };
        if !self.found.is_none() {
            text += &format!(
                "{verb} {} that nothing needs: {}, {} or more from now, {after} {}.\n",
                self.found.text(),
                surroundings.door.command("gc"),
                hours(self.grace_hours),
                if self.found.pieces == 1 { "it" } else { "them" }
            );
        }
        if let (Some(due), false) = (self.due, self.waiting.is_none()) {
            let due = text::moment(due, &surroundings.zone);
            text += &format!(
                "Noted before and kept for now: {}, the first until {due}.\n",
                self.waiting.text()
            );
        }
        if !self.in_use.is_none() {
            text += &format!(
                "Left alone: {} in files that a kernel is writing; gc looks at them when it has ended.\n",
                self.in_use.text()
            );
        }
        text
    }
}

impl Page for Garbage {
    fn text(&self, surroundings: &Surroundings) -> String {
        if !self.doubts.is_empty() {
            let places = text::count(self.doubts.len(), "place");
            let mut text = format!(
                "Nothing was removed: {places} of the store can't be read, so nobody can tell what is needed.\n"
            );
            for doubt in &self.doubts {
                text += &text::clean(&format!("  {}: {}\n", doubt.place, doubt.what));
            }
            return text + &format!("Next: {} tells more.\n", surroundings.door.command("verify"));
        }
        let mut text = String::new();
        if !self.removed.is_none() {
            text += &self.removal();
        }
        text += &self.compression();
        text += &self.rest(surroundings);
        if text.is_empty() {
            text = format!("Nothing to remove: {} in the store, all needed.\n", self.alive.text());
        }
        for kept in &self.kept {
            text += &text::clean(&format!("Left as it is: {}: {}\n", kept.place, kept.what));
        }
        text
    }

    fn exit(&self) -> Exit {
        if self.doubts.is_empty() {
            Exit::Done
        } else {
            Exit::Damaged
        }
    }
}

fn hours(hours: u64) -> String {
    text::count(usize::try_from(hours).unwrap_or(usize::MAX), "hour")
}
