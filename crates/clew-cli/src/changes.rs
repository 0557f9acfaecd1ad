//! What a run changed, sorted for people: new, changed and gone names.

use clew_core::format::Run;
use clew_core::history::{History, State};
use clew_core::id::{Root, RootKind};
use serde::Serialize;

/// Roots that a run made, changed and took away, by display name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// New ones.
    pub added: Vec<Root>,
    /// Those with another value.
    pub changed: Vec<Root>,
    /// Those that are gone.
    pub removed: Vec<Root>,
}

impl Changes {
    /// What `run` changed over the state before it.
    pub fn of(run: &Run, history: &History) -> Self {
        let touched = || run.changed.iter().flat_map(|version| &version.roots);
        let before = run
            .parent
            .map(|parent| history.present(parent, touched()))
            .unwrap_or_default();
        let (mut changed, mut added): (Vec<Root>, Vec<Root>) =
            touched().cloned().partition(|root| before.contains(root));
        added.sort();
        changed.sort();
        Self {
            added,
            changed,
            removed: run.removed.clone(),
        }
    }

    /// What differs between two states.
    pub fn between(before: &State, after: &State) -> Self {
        let is_new = |root: &&Root| before.version(root).is_none();
        let is_other = |root: &&Root| match (before.version(root), after.version(root)) {
            (Some(one), Some(other)) => one.fingerprint != other.fingerprint || one.roots != other.roots,
            _ => false,
        };
        Self {
            added: after.roots().filter(is_new).cloned().collect(),
            changed: after.roots().filter(is_other).cloned().collect(),
            removed: before
                .roots()
                .filter(|root| after.version(root).is_none())
                .cloned()
                .collect(),
        }
    }

    /// The new ones that say something to people in a list. A session is always in some directory: that it began in one
    /// is no news.
    pub fn news(&self) -> impl Iterator<Item = &Root> {
        let added = self.added.iter();
        added.filter(|root| is_telling(root) && root.kind != RootKind::Directory)
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// `+model ~df -x`: what a list has room for. `Out[n]` and definitions go with names that are shown.
    pub fn short(&self, most: usize) -> String {
        let marked = |mark: char| move |root: &Root| format!("{mark}{root}");
        let words: Vec<String> = (self.news().map(marked('+')))
            .chain(self.changed.iter().filter(|root| is_telling(root)).map(marked('~')))
            .chain(self.removed.iter().filter(|root| is_telling(root)).map(marked('-')))
            .collect();
        let mut text = words.iter().take(most).cloned().collect::<Vec<_>>().join(" ");
        if words.len() > most {
            text += &format!(" and {} more", words.len() - most);
        }
        crate::text::clean(&text)
    }
}

/// Whether a root says something to people in a list. Random states, settings and search paths change with every import.
pub fn is_telling(root: &Root) -> bool {
    matches!(
        root.kind,
        RootKind::Name | RootKind::ModuleAttribute | RootKind::Directory | RootKind::Environment
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_session_began_is_no_news_and_where_it_went_is() {
        let directory = Root::new(RootKind::Directory, "cwd");
        let began = Changes {
            added: vec![Root::name("df"), directory.clone()],
            ..Changes::default()
        };
        assert_eq!(began.short(4), "+df");
        let went = Changes {
            changed: vec![directory],
            ..Changes::default()
        };
        assert_eq!(went.short(4), "~directory:cwd");
    }
}
