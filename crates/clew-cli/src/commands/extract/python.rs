//! The parts of Python and IPython syntax that scripts need. Nothing is parsed: lines are classified by their beginning.

/// Line magics that only affect display or concern Clew: a script does not need them.
const SHOWING: [&str; 8] = [
    "matplotlib",
    "config",
    "clew",
    "load_ext clew",
    "reload_ext clew",
    "unload_ext clew",
    "autosave",
    "precision",
];
/// Cell magics that execute the cell unchanged and only observe it.
const LOOKING_ON: [&str; 2] = ["time", "capture"];

/// The kind of a source line, by IPython's syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineSyntax {
    /// Plain Python.
    Plain,
    /// It affects only display, or concerns Clew: a script does not need it.
    Showing,
    /// It needs IPython.
    Ipython,
}

/// Classifies a line of a cell that contains IPython syntax.
pub fn kind_of(line: &str) -> LineSyntax {
    let line = line.trim();
    if line.starts_with('?') || (line.ends_with('?') && !line.contains('#')) {
        return LineSyntax::Showing;
    }
    if let Some(magic) = line.strip_prefix("%%") {
        let is_looking_on = LOOKING_ON.contains(&magic.trim());
        return if is_looking_on {
            LineSyntax::Showing
        } else {
            LineSyntax::Ipython
        };
    }
    if let Some(magic) = line.strip_prefix('%') {
        let is = |word: &str| {
            magic
                .strip_prefix(word)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        return if SHOWING.iter().any(|word| is(word)) {
            LineSyntax::Showing
        } else {
            LineSyntax::Ipython
        };
    }
    let is_assigned = line
        .split_once('=')
        .is_some_and(|(_, value)| matches!(value.trim_start().chars().next(), Some('!' | '%')));
    if line.starts_with('!') || is_assigned {
        LineSyntax::Ipython
    } else {
        LineSyntax::Plain
    }
}

/// Returns a text as a Python literal, preserving its lines if possible.
pub fn literal(text: &str) -> String {
    let is_plain = !text.contains('\\') && !text.contains("'''") && !text.ends_with('\'') && !text.contains('\r');
    if is_plain {
        return format!("'''\\\n{text}'''");
    }
    let mut written = String::from("'");
    for letter in text.chars() {
        match letter {
            '\\' => written += "\\\\",
            '\'' => written += "\\'",
            '\n' => written += "\\n",
            '\r' => written += "\\r",
            other => written.push(other),
        }
    }
    written + "'"
}

/// Whether a source contains `word` as an identifier.
pub fn names(source: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    source.match_indices(word).any(|(at, _)| {
        let before = source[..at].chars().next_back();
        let after = source[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Returns the top-level modules that a source imports, according to the beginnings of its lines.
pub fn imports(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in source.lines().map(str::trim) {
        let names = match (line.strip_prefix("import "), line.strip_prefix("from ")) {
            (Some(names), _) => names.split(',').collect(),
            (_, Some(rest)) => rest.split(" import").take(1).collect(),
            _ => Vec::new(),
        };
        for name in names {
            let name = name.split_whitespace().next().unwrap_or_default();
            found.extend(
                name.split('.')
                    .next()
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magics_that_only_show_are_told_from_those_that_do_something() {
        for (line, kind) in [
            ("x = 1 % 2", LineSyntax::Plain),
            ("  %matplotlib inline", LineSyntax::Showing),
            ("%clew undo", LineSyntax::Showing),
            ("%%time", LineSyntax::Showing),
            ("%%time -n", LineSyntax::Ipython),
            ("df?", LineSyntax::Showing),
            ("%timeit f()", LineSyntax::Ipython),
            ("%%bash", LineSyntax::Ipython),
            ("!pip install x", LineSyntax::Ipython),
            ("files = !ls", LineSyntax::Ipython),
            ("x = y != 3", LineSyntax::Plain),
        ] {
            assert_eq!(kind_of(line), kind, "{line}");
        }
    }

    #[test]
    fn literals_come_back_as_they_were() {
        assert_eq!(literal("x = 1\n"), "'''\\\nx = 1\n'''");
        assert_eq!(literal("x = 'a'"), r"'x = \'a\''");
        assert_eq!(literal("x = '\\n'\n"), r"'x = \'\\n\'\n'");
    }

    #[test]
    fn imports_are_found_at_the_beginning_of_lines() {
        let source = "import numpy as np, pandas.io as pio\nfrom a.b import c\n  import late\nx = 'import no'";
        assert_eq!(imports(source), ["numpy", "pandas", "a", "late"]);
        assert!(names("x + y_1", "x") && !names("xs", "x") && !names("y_1", "y"));
    }
}
