//! Formats of values in an RO-Crate: references, URLs, times.

use clew_core::format::Timestamp;
use serde_json::{Value, json};

pub(super) fn run_id(label: &str) -> String {
    format!("#run-{label}")
}

pub(super) fn id(of: &str) -> Value {
    json!({"@id": of})
}

/// Formats a list as RO-Crate does: a single value without brackets.
pub(super) fn ids(of: impl IntoIterator<Item = String>) -> Value {
    one_or_all(of.into_iter().map(|one| id(&one)).collect())
}

pub(super) fn one_or_all(mut values: Vec<Value>) -> Value {
    match values.len() {
        1 => values.remove(0),
        _ => Value::Array(values),
    }
}

/// Returns the URL of a licence given as a URL or an SPDX id.
pub(super) fn license_id(license: &str) -> Option<String> {
    let is_spdx = |letter: char| letter.is_ascii_alphanumeric() || "-.+".contains(letter);
    if license.starts_with("https://") || license.starts_with("http://") {
        return Some(license.to_owned());
    }
    let tells = |letter: char| letter.is_ascii_digit();
    let is_short = license.chars().all(|letter| letter.is_ascii_uppercase());
    let is_id = !license.is_empty() && license.chars().all(is_spdx) && (is_short || license.chars().any(tells));
    is_id.then(|| format!("https://spdx.org/licenses/{license}"))
}

/// Percent-encodes a name for a URI.
pub(super) fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    name.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// Formats a time as ISO 8601 in UTC, to the second.
pub(super) fn moment(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time)).map_or_else(
        |_| String::new(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
    )
}

/// Returns the media type of a file name.
pub(super) fn encoding(name: &str) -> &'static str {
    let ending = name
        .rsplit_once('.')
        .map_or("", |(_, ending)| ending)
        .to_ascii_lowercase();
    match ending.as_str() {
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "json" => "application/json",
        "parquet" => "application/vnd.apache.parquet",
        "py" => "text/x-python",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_an_address_where_it_is_known() {
        assert_eq!(license_id("https://x.org/l").as_deref(), Some("https://x.org/l"));
        assert_eq!(
            license_id("CC-BY-4.0").as_deref(),
            Some("https://spdx.org/licenses/CC-BY-4.0")
        );
        assert_eq!(license_id("MIT").as_deref(), Some("https://spdx.org/licenses/MIT"));
        for words in ["ask me first", "proprietary", "", "../2"] {
            assert_eq!(license_id(words), None, "{words}");
        }
    }
}
