//! The outputs of a run's cell, read back from the record.
//!
//! Input: the text of a run's output blob, possibly from an untrusted store. Output: one [`CellOutput`] for each output that the front end
//! displayed, in order. Reading must be safe (promise P10), so every text has a result: anything but a JSON array of nbformat 4 outputs
//! counts as printed text.

mod output_text;
mod picture;
mod plain;

use std::collections::BTreeMap;

use clew_core::format::Run;
use clew_core::limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::history_view::HistoryView;
use crate::text::joined;

pub(crate) use output_text::{heading, lines, told};
pub use picture::Picture;
pub use plain::plain;

/// The kind of an output, in nbformat's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// Printed to stdout or stderr.
    Stream,
    /// Shown by `display` and the like.
    DisplayData,
    /// The value of the cell's last expression.
    ExecuteResult,
    /// The exception with which the cell failed.
    Error,
}

/// One output of a cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CellOutput {
    /// The kind of output.
    pub kind: OutputKind,
    /// `stdout` or `stderr`.
    pub stream: Option<String>,
    /// The whole text as displayed: without escape sequences, and with only the last state of a progress bar.
    pub text: String,
    /// All stored data, by MIME type: text, base64 for pictures, JSON for JSON types.
    pub data: BTreeMap<String, Value>,
    /// The pictures in `data`.
    pub pictures: Vec<Picture>,
    /// The exception.
    pub error: Option<Failure>,
    /// Outputs that were not stored.
    pub left_out: Vec<OmittedOutput>,
}

/// An exception that ended a cell. Its texts are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// The type of the exception.
    pub ename: String,
    /// Its message.
    pub evalue: String,
    /// Its traceback, without colours.
    pub traceback: String,
}

/// Outputs that were not stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct OmittedOutput {
    /// `text`, `outputs` or a MIME type.
    pub what: String,
    /// The number of these outputs.
    pub count: u64,
    /// Their size in bytes.
    pub size: u64,
}

/// Returns the outputs of a run; none if they were not recorded or the blob is missing.
pub fn outputs_of(run: &Run, place: &HistoryView<'_>) -> Vec<CellOutput> {
    let text = run.output.and_then(|output| place.records.text(&output).ok());
    text.as_deref().map(parse).unwrap_or_default()
}

/// Parses the text of an output blob.
pub fn parse(text: &str) -> Vec<CellOutput> {
    match serde_json::from_str::<Vec<Value>>(text) {
        Ok(values) if values.iter().all(has_kind) => some(values),
        // Stores of the first format may contain the printed text itself.
        _ if text.is_empty() => Vec::new(),
        _ => vec![CellOutput::printed("stdout", text)],
    }
}

fn has_kind(value: &Value) -> bool {
    value.get("output_type").is_some_and(Value::is_string)
}

fn some(mut values: Vec<Value>) -> Vec<CellOutput> {
    let more = values.split_off(values.len().min(limits::OUTPUTS));
    let mut outputs: Vec<CellOutput> = values.into_iter().map(CellOutput::of).collect();
    if !more.is_empty() {
        outputs.push(CellOutput {
            left_out: vec![OmittedOutput {
                what: "outputs".to_owned(),
                count: more.len() as u64,
                size: 0,
            }],
            ..CellOutput::empty(OutputKind::DisplayData)
        });
    }
    outputs
}

impl CellOutput {
    fn empty(kind: OutputKind) -> Self {
        Self {
            kind,
            stream: None,
            text: String::new(),
            data: BTreeMap::new(),
            pictures: Vec::new(),
            error: None,
            left_out: Vec::new(),
        }
    }

    fn printed(stream: &str, text: &str) -> Self {
        Self {
            stream: Some(plain(stream)),
            text: plain(text),
            ..Self::empty(OutputKind::Stream)
        }
    }

    fn of(mut value: Value) -> Self {
        let text = |key: &str| joined(value.get(key));
        let mut output = match value["output_type"].as_str().unwrap_or_default() {
            "stream" => Self::printed(&text("name"), &text("text")),
            "error" => Self::failed(&text("ename"), &text("evalue"), value.get("traceback")),
            "execute_result" => Self::shown(OutputKind::ExecuteResult, value["data"].take()),
            "display_data" => Self::shown(OutputKind::DisplayData, value["data"].take()),
            other => {
                let mut unknown = Self::empty(OutputKind::DisplayData);
                unknown.left_out.push(OmittedOutput {
                    what: plain(other),
                    count: 1,
                    size: 0,
                });
                unknown
            }
        };
        output.left_out.extend(left_out(&value["metadata"]["clew"]["left_out"]));
        output
    }

    fn failed(ename: &str, evalue: &str, traceback: Option<&Value>) -> Self {
        let lines: Vec<&str> = traceback
            .and_then(Value::as_array)
            .map(|lines| lines.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let failure = Failure {
            ename: plain(ename),
            evalue: plain(evalue),
            traceback: plain(&lines.join("\n")),
        };
        let text = match failure.evalue.as_str() {
            "" => failure.ename.clone(),
            evalue => format!("{}: {evalue}", failure.ename),
        };
        Self {
            text,
            error: Some(failure),
            ..Self::empty(OutputKind::Error)
        }
    }

    fn shown(kind: OutputKind, data: Value) -> Self {
        let Value::Object(bundle) = data else {
            return Self::empty(kind);
        };
        let data: BTreeMap<String, Value> = bundle
            .into_iter()
            .map(|(mime, content)| {
                // A text may be given as a list of lines.
                let content = match content {
                    Value::Array(_) if !mime.ends_with("json") => Value::String(joined(Some(&content))),
                    content => content,
                };
                (mime, content)
            })
            .collect();
        Self {
            text: readable(&data),
            pictures: data
                .iter()
                .filter_map(|(mime, content)| Picture::of(mime, content.as_str()?))
                .collect(),
            data,
            ..Self::empty(kind)
        }
    }
}

/// Returns the most readable text representation.
fn readable(data: &BTreeMap<String, Value>) -> String {
    let found = ["text/plain", "text/markdown", "text/latex"]
        .iter()
        .find_map(|mime| data.get(*mime)?.as_str());
    let json = || data.get("application/json").map(|json| format!("{json:#}"));
    found.map(plain).or_else(|| Some(plain(&json()?))).unwrap_or_default()
}

fn left_out(notes: &Value) -> Vec<OmittedOutput> {
    let notes = notes.as_array().map(Vec::as_slice).unwrap_or_default();
    let read = notes.iter().filter_map(|note| OmittedOutput::deserialize(note).ok());
    read.take(limits::NOTES)
        .map(|note| OmittedOutput {
            what: plain(&note.what),
            ..note
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn only(value: &Value) -> CellOutput {
        let mut outputs = parse(&json!([value]).to_string());
        assert_eq!(outputs.len(), 1);
        outputs.remove(0)
    }

    #[test]
    fn printed_text_is_what_a_terminal_would_show() {
        let output =
            only(&json!({"output_type": "stream", "name": "stderr", "text": ["10%\r", "\u{1b}[31m100%\n", "ok\n"]}));
        assert_eq!(output.kind, OutputKind::Stream);
        assert_eq!(output.stream.as_deref(), Some("stderr"));
        assert_eq!(output.text, "100%\nok\n");
    }

    #[test]
    fn the_text_of_a_display_is_the_plainest_that_it_has() {
        let shown = |data: &Value| only(&json!({"output_type": "display_data", "data": data, "metadata": {}})).text;
        assert_eq!(shown(&json!({"text/html": "<b>1</b>", "text/plain": "one"})), "one");
        assert_eq!(
            shown(&json!({"text/latex": "$1$", "text/markdown": ["*1*\n", "2"]})),
            "*1*\n2"
        );
        assert_eq!(shown(&json!({"application/json": {"a": 1}})), "{\n  \"a\": 1\n}");
        assert_eq!(shown(&json!({"text/html": "<b>1</b>"})), "");
        assert_eq!(shown(&json!("no bundle")), "");
    }

    #[test]
    fn an_error_is_its_last_line_and_keeps_its_traceback() {
        let output = only(&json!({
            "output_type": "error", "ename": "KeyError", "evalue": "'a'", "traceback": ["\u{1b}[0;31m---", "KeyError: 'a'"],
        }));
        assert_eq!(output.text, "KeyError: 'a'");
        assert_eq!(output.error.unwrap().traceback, "---\nKeyError: 'a'");
    }

    #[test]
    fn what_was_left_out_is_read_with_its_output() {
        let output = only(&json!({
            "output_type": "display_data", "data": {},
            "metadata": {"clew": {"left_out": [{"what": "image/png", "count": 2, "size": 9_000_000}, 7, {"size": "x"}]}},
        }));
        let expected = OmittedOutput {
            what: "image/png".to_owned(),
            count: 2,
            size: 9_000_000,
        };
        assert_eq!(output.left_out, [expected]);
    }

    #[test]
    fn text_that_is_no_list_of_outputs_was_printed() {
        for text in [
            "hello",
            "[1, 2]",
            "[{\"a\": 1}]",
            "[",
            "{}",
            "null",
            &"[".repeat(100_000),
        ] {
            let outputs = parse(text);
            assert_eq!(outputs.len(), 1, "{text:.20}");
            assert_eq!((outputs[0].kind, outputs[0].text.as_str()), (OutputKind::Stream, text));
        }
        assert!(parse("").is_empty() && parse("[]").is_empty());
    }

    #[test]
    fn outputs_of_a_kind_from_the_future_are_counted_as_left_out() {
        let output = only(&json!({"output_type": "holo\u{202e}gram", "metadata": 3}));
        assert_eq!(output.left_out[0].what, "hologram");
    }

    #[test]
    fn no_list_is_too_long() {
        let many: Vec<Value> = (0..limits::OUTPUTS + 3)
            .map(|_| json!({"output_type": "stream", "name": 5}))
            .collect();
        let outputs = parse(&Value::from(many).to_string());
        assert_eq!(outputs.len(), limits::OUTPUTS + 1);
        assert_eq!(outputs[limits::OUTPUTS].left_out[0].count, 3);
    }
}
