//! What runs changed and how they ended, as a line of a list has room for it.

use clew_core::id::Root;
use maud::{Markup, html};

use super::{VariableChange, marked};
use crate::changes::Changes;
use crate::context::Context;
use crate::text;

/// `+model ~df -x and 3 more`, each in its colour.
pub fn changes(changes: &Changes, most: usize) -> Markup {
    let told: Vec<(VariableChange, &Root)> = changes.told().collect();
    html! {
        @for (mark, root) in told.iter().take(most) { (marked(*mark, &root.to_string())) " " }
        @if told.len() > most { span.clew-faint { "and " (told.len() - most) " more" } }
    }
}

/// When something was. What is shown is saved with the notebook, so no "5 minutes ago" would stay true.
pub fn when(time: clew_core::format::Timestamp, context: &Context) -> Markup {
    html! { span.clew-faint.clew-once { (text::moment(time, &context.zone)) } }
}
