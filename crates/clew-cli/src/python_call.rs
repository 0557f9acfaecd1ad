//! Formats a command as a Python call: `clew.session().undo(2)`.

use crate::command_info::Registry;

/// Replaces the commands in backticks in a text by calls.
pub(crate) fn told(text: &str, registry: &Registry) -> String {
    let pieces = text
        .split('`')
        .enumerate()
        .map(|(at, piece)| match piece.split_once(' ') {
            Some(("%clew", words)) if at % 2 == 1 => of(words, registry),
            Some((magic, words)) if at % 2 == 1 && magic.starts_with('%') => {
                let name = magic.trim_start_matches('%');
                format!(
                    "get_ipython().run_line_magic({}, {})",
                    self::text(name),
                    self::text(words)
                )
            }
            _ => piece.to_owned(),
        });
    pieces.collect::<Vec<_>>().join("`")
}

/// Returns the call that is equivalent to `words`.
fn of(words: &str, registry: &Registry) -> String {
    let split = shlex::split(words).unwrap_or_else(|| words.split_whitespace().map(str::to_owned).collect());
    method(&split, registry).unwrap_or_else(|| {
        let all: Vec<String> = split.iter().map(|word| text(word)).collect();
        format!("clew.session().command({})", all.join(", "))
    })
}

/// Returns the call of the command's own method, if it has one for these words.
fn method(words: &[String], registry: &Registry) -> Option<String> {
    let (name, rest) = words.split_first()?;
    let keywords = registry.find(name)?.method?;
    let name = name.replace('-', "_");
    if rest == ["--help"] {
        return Some(format!("help(clew.session().{name})"));
    }
    let (mut values, mut flags) = (Vec::new(), Vec::new());
    for word in rest.iter().filter(|word| *word != "--") {
        if word.starts_with('-') {
            let keyword = keywords.iter().find(|keyword| is_option(word, keyword))?;
            flags.push(format!("{keyword}=True"));
        } else {
            values.push(
                word.parse::<u64>()
                    .map_or_else(|_| text(word), |number| number.to_string()),
            );
        }
    }
    // The positional argument of `log` is not the limit.
    if name == "log" && !values.is_empty() {
        return None;
    }
    values.extend(flags);
    Some(format!("clew.session().{name}({})", values.join(", ")))
}

/// Whether an option corresponds to this keyword: `--dry-run` is `dry_run`, `-d` is `delete`.
fn is_option(option: &str, keyword: &str) -> bool {
    option == format!("--{}", keyword.replace('_', "-")) || option == format!("-{}", &keyword[..1])
}

/// Formats a text as a Python string literal.
pub(crate) fn text(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::{of, told};
    use crate::REGISTRY;

    #[test]
    fn a_command_is_a_call_of_its_method_or_goes_through_command() {
        let cases = [
            ("undo 2", "clew.session().undo(2)"),
            ("switch REV", "clew.session().switch(\"REV\")"),
            ("restore 14 -- df x", "clew.session().restore(14, \"df\", \"x\")"),
            ("tag -d best", "clew.session().tag(\"best\", delete=True)"),
            ("log --all", "clew.session().log(all=True)"),
            ("log -n 0", "clew.session().command(\"log\", \"-n\", \"0\")"),
            ("history NAME", "clew.session().command(\"history\", \"NAME\")"),
            ("switch --help", "help(clew.session().switch)"),
            ("--help", "clew.session().command(\"--help\")"),
        ];
        for (words, call) in cases {
            assert_eq!(of(words, REGISTRY), call);
        }
    }

    #[test]
    fn commands_and_magics_of_a_text_are_calls_and_all_else_stays() {
        let text = "`%clew undo 2` takes `x` back, `%reload_ext clew` starts it, `clew run IN.ipynb` in a terminal";
        let calls = "`clew.session().undo(2)` takes `x` back, `get_ipython().run_line_magic(\"reload_ext\", \"clew\")` starts it, \
                     `clew run IN.ipynb` in a terminal";
        assert_eq!(told(text, REGISTRY), calls);
    }
}
