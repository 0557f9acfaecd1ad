//! Renders recorded outputs without executing anything: pictures as images, everything else as text.

use maud::{Markup, html};

use super::{CleanText, VariableChange, code, folded, picture, toned};
use crate::outputs::{CellOutput, OutputKind, heading, lines};

/// The bytes of pictures that may still be added to a page.
#[derive(Debug, Clone, Copy)]
pub struct PictureBudget(pub u64);

impl PictureBudget {
    /// Reserves space for a picture, if there is enough.
    fn take(&mut self, bytes: u64) -> bool {
        let has_room = bytes <= self.0;
        self.0 -= if has_room { bytes } else { 0 };
        has_room
    }
}

/// Renders the outputs of a run, each with a heading.
pub fn outputs(outputs: &[CellOutput], room: &mut PictureBudget) -> Markup {
    let mut last = "";
    html! {
        @for output in outputs {
            @let text = lines(output);
            @if !text.is_empty() {
                @if std::mem::replace(&mut last, heading(output)) != heading(output) {
                    p.clew-faint { (heading(output)) ":" }
                }
                (one(output, &text, room))
            }
        }
    }
}

fn one(output: &CellOutput, text: &[String], room: &mut PictureBudget) -> Markup {
    let size = output.pictures.iter().map(|picture| picture.bytes).sum();
    let alt = if output.text.is_empty() {
        "a picture"
    } else {
        output.text.as_str()
    };
    html! {
        @if let Some(error) = &output.error {
            p { (toned(VariableChange::Lost, &output.text)) }
            @if !error.traceback.is_empty() { (folded(&html! { "Traceback" }, &code(&error.traceback))) }
        } @else if output.kind == OutputKind::Stream || output.pictures.is_empty() || !room.take(size) {
            (code(&text.join("\n")))
        } @else {
            @for shown in &output.pictures { p { (picture(shown, alt)) } }
            @for left_out in &output.left_out { p.clew-faint { "[not kept: " (CleanText(&left_out.told())) "]" } }
        }
    }
}
