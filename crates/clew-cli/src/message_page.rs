//! A page with one sentence about what a front end did.

use serde::Serialize;

use crate::context::Context;
use crate::page::Page;

/// What was done.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MessagePage {
    /// What was done, in words.
    pub message: String,
    /// The same as data.
    pub data: MessageData,
}

/// What was done, as data.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MessageData {
    /// `history`: the name of the history of this notebook. Else null.
    pub history: Option<String>,
    /// `history`: its id. Else null.
    pub id: Option<String>,
    /// `pause`, `resume-recording`: whether recording is paused. Else null.
    pub is_paused: Option<bool>,
    /// `resume-recording`: the run with the changes made during the pause, if there are any.
    pub run: Option<String>,
    /// `exclude`: excluded variables and patterns. Else null.
    pub excluded: Option<Vec<String>>,
}

impl Page for MessagePage {
    fn text(&self, _: &Context) -> String {
        format!("{}\n", self.message.trim_end())
    }
}
