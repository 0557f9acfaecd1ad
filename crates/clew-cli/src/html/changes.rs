//! The changes and endings of runs, abbreviated for a list.

use clew_core::id::Root;
use maud::{Markup, html};

use super::{VariableChange, marked};
use crate::changes::Changes;
use crate::context::Context;
use crate::text;

/// Renders `+model ~df -x and 3 more`, each in its colour.
pub fn changes(changes: &Changes, most: usize) -> Markup {
    let told: Vec<(VariableChange, &Root)> = changes.told().collect();
    html! {
        @for (mark, root) in told.iter().take(most) { (marked(*mark, &root.to_string())) " " }
        @if told.len() > most { span.clew-faint { "and " (told.len() - most) " more" } }
    }
}

/// Renders a time. Absolute, because the output is saved with the notebook.
pub fn when(time: clew_core::format::Timestamp, context: &Context) -> Markup {
    html! { span.clew-faint.clew-once { (text::moment(time, &context.zone)) } }
}
