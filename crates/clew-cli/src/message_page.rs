//! Pages with one sentence about what a command did.

use serde::Serialize;

use crate::context::Context;
use crate::page::Page;

/// The result of the command.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MessagePage {
    /// The result in a sentence.
    pub message: String,
    /// The result as data.
    pub data: MessageData,
}

/// The result of the command, as data.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MessageData {
    /// `history`: the name of the history of this notebook; else null.
    pub history: Option<String>,
    /// `history`: its id; else null.
    pub id: Option<String>,
    /// `pause`, `resume-recording`: whether recording is paused; else null.
    pub is_paused: Option<bool>,
    /// `resume-recording`: the run with the changes made during the pause, if there are any.
    pub run: Option<String>,
    /// `exclude`: excluded variables and patterns; else null.
    pub excluded: Option<Vec<String>>,
}

impl Page for MessagePage {
    fn text(&self, _: &Context) -> String {
        format!("{}\n", self.message.trim_end())
    }
}
