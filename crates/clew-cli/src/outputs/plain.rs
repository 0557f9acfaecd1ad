//! Converts printed text to its final form on a terminal.

use crate::text::clean;

/// Removes escape sequences from a text, applies carriage returns (of a progress bar only the last state remains), and removes all other
/// control characters.
pub fn plain(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return text.to_owned();
    }
    let stripped = anstream::adapter::strip_str(text).to_string();
    clean(&overwritten(&stripped.replace("\r\n", "\n")))
}

fn overwritten(text: &str) -> String {
    if !text.contains('\r') {
        return text.to_owned();
    }
    let lines: Vec<String> = text.split('\n').map(last_state).collect();
    lines.join("\n")
}

fn last_state(line: &str) -> String {
    let mut shown: Vec<char> = Vec::new();
    for pass in line.split('\r') {
        let mut letters = pass.chars();
        for (place, letter) in shown.iter_mut().zip(letters.by_ref()) {
            *place = letter;
        }
        shown.extend(letters);
    }
    shown.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_go_whole() {
        assert_eq!(
            plain("\x1b[1;31mred\x1b[0m and \x1b]8;;http://x\x07link\x1b]8;;\x07"),
            "red and link"
        );
        assert_eq!(plain("a\u{202e}b\x07\x1b"), "ab");
    }

    #[test]
    fn a_progress_bar_is_its_last_state() {
        assert_eq!(plain("  1%|   |\r 50%|## |\r100%|###|\ndone\r\n"), "100%|###|\ndone\n");
        assert_eq!(plain("12345\rab\nx"), "ab345\nx");
    }

    #[test]
    fn other_scripts_stay() {
        assert_eq!(plain("größer 数 🙂"), "größer 数 🙂");
    }
}
