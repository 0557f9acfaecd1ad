//! What `show` says of the outputs of a cell.

use insta::assert_snapshot;
use serde_json::json;

use crate::sample::Sample;

/// Every kind of output that a cell leaves, with what can't be shown as it is.
pub fn shown_by_a_model() -> String {
    let epochs = "one more epoch\n".repeat(60);
    // The header of a PNG of 640 × 480 pixels.
    let png = "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAYAAAA=";
    json!([
        {"output_type": "stream", "name": "stdout", "text": "  0%|\r100%|\nfitted \u{1b}[32mwell\u{1b}[0m\u{202e}\n"},
        {"output_type": "stream", "name": "stderr", "text": "FutureWarning: soon\n"},
        {"output_type": "display_data", "data": {"image/png": png, "text/plain": "<Figure>"}, "metadata": {}},
        {"output_type": "display_data", "data": {"text/html": "<b>bold</b>"}, "metadata": {}},
        {"output_type": "display_data", "data": {"text/plain": "Figure()"}, "metadata": {
            "clew": {"left_out": [{"what": "application/vnd.plotly.v1+json", "count": 1, "size": 7_340_000}]},
        }},
        {"output_type": "stream", "name": "stdout", "text": epochs},
        {"output_type": "execute_result", "execution_count": 5, "data": {"text/plain": "0.81"}, "metadata": {}},
        {"output_type": "error", "ename": "ValueError", "evalue": "no\nmore", "traceback": ["\u{1b}[31mValueError\u{1b}[0m"]},
    ])
    .to_string()
}

#[test]
fn show_tells_the_outputs_in_their_order_and_cuts_long_ones() {
    let said = Sample::flights().say("show 5").printed();
    assert!(!said.contains('\x1b') && !said.contains('\u{202e}') && !said.contains('\r'));
    assert_snapshot!(said);
}

#[test]
fn show_as_json_has_the_outputs_whole() {
    let said = Sample::flights().say("show 5 --json").data.unwrap();
    assert_snapshot!(format!("{:#}", said["outputs"]));
}
