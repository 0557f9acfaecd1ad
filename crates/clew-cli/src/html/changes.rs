//! What runs changed and how they ended, as a line of a list has room for it.

use clew_core::id::Root;
use maud::{Markup, html};

use super::{VariableChange, marked};
use crate::changes::{Changes, is_telling};
use crate::context::Context;
use crate::text;

/// `+model ~df -x and 3 more`, each in its colour.
pub fn changes(changes: &Changes, most: usize) -> Markup {
    let told: Vec<(VariableChange, &Root)> = told(changes).collect();
    html! {
        @for (mark, root) in told.iter().take(most) { (marked(*mark, &root.to_string())) " " }
        @if told.len() > most { span.clew-faint { "and " (told.len() - most) " more" } }
    }
}

/// The roots that say something to people, with what became of them.
pub fn told(changes: &Changes) -> impl Iterator<Item = (VariableChange, &Root)> {
    let changed = changes.changed.iter().filter(|root| is_telling(root));
    let shared = changes.shared.iter().filter(|root| is_telling(root));
    let removed = changes.removed.iter().filter(|root| is_telling(root));
    (changes.news().map(|root| (VariableChange::Added, root)))
        .chain(changed.map(|root| (VariableChange::Changed, root)))
        .chain(shared.map(|root| (VariableChange::Shared, root)))
        .chain(removed.map(|root| (VariableChange::Removed, root)))
}

/// When something was. What is shown is saved with the notebook, so no "5 minutes ago" would stay true.
pub fn when(time: clew_core::format::Timestamp, context: &Context) -> Markup {
    html! { span.clew-faint.clew-once { (text::moment(time, &context.zone)) } }
}
