//! IPython's `ipython_config.json`: adds Clew to the extensions that are loaded at startup.
//!
//! The file may also contain settings of other tools. It is edited by its syntax tree, so that everything but Clew's entry and the spacing
//! around it stays the same. A file that IPython would reject is not changed.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstObject, CstRootNode};

/// The applications that load extensions: kernels, and IPython in a terminal.
const APPLICATIONS: [&str; 2] = ["IPKernelApp", "TerminalIPythonApp"];
const KEY: &str = "extra_extensions";
const NAME: &str = "clew";
/// The content of a new file.
const NEW: &str = r#"{
  "IPKernelApp": {
    "extra_extensions": [
      "clew"
    ]
  },
  "TerminalIPythonApp": {
    "extra_extensions": [
      "clew"
    ]
  }
}
"#;

/// The edit of a file: `Some` with its new text, `None` if it needs no change.
type Change = Option<String>;

/// Returns the file with Clew in it, or why it is not changed.
pub(crate) fn with_clew(text: Option<&str>) -> Result<Change, String> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Ok(Some(NEW.to_owned()));
    };
    let root = parse(text)?;
    let object = object_of(&root)?;
    let mut is_changed = false;
    for application in APPLICATIONS {
        let section = object
            .object_value_or_create(application)
            .ok_or_else(|| format!("`{application}` in it is not an object"))?;
        let list = section
            .array_value_or_create(KEY)
            .ok_or_else(|| format!("`{application}.{KEY}` in it is not a list"))?;
        if !holds_clew(&list, application)? {
            list.append(CstInputValue::String(NAME.to_owned()));
            is_changed = true;
        }
    }
    Ok(is_changed.then(|| root.to_string()))
}

/// Returns the file without Clew, or why it is not changed. Empty if nothing else is in it.
pub(crate) fn without_clew(text: &str) -> Result<Change, String> {
    let root = parse(text)?;
    let object = object_of(&root)?;
    let mut is_changed = false;
    for application in APPLICATIONS {
        let Some(section) = object.object_value(application) else {
            continue;
        };
        let Some(list) = section.array_value(KEY) else { continue };
        if !holds_clew(&list, application)? {
            continue;
        }
        is_changed = true;
        let ours = list.elements().into_iter().filter(is_clew);
        ours.for_each(jsonc_parser::cst::CstNode::remove);
        if list.elements().is_empty() {
            remove_property(&section, KEY);
        }
        if section.properties().is_empty() {
            remove_property(&object, application);
        }
    }
    let text = if object.properties().is_empty() {
        String::new()
    } else {
        root.to_string()
    };
    Ok(is_changed.then_some(text))
}

/// Returns the applications that load Clew.
pub(crate) fn loads_clew(text: &str) -> Result<Vec<&'static str>, String> {
    let root = parse(text)?;
    let object = object_of(&root)?;
    let lists = |application: &str| object.object_value(application)?.array_value(KEY);
    Ok(APPLICATIONS
        .into_iter()
        .filter(|application| lists(application).is_some_and(|list| list.elements().iter().any(is_clew)))
        .collect())
}

/// Parses strict JSON, as Python's parser does; the syntax tree's parser alone accepts more.
fn parse(text: &str) -> Result<CstRootNode, String> {
    let strict: Result<serde_json::Value, _> = serde_json::from_str(text);
    strict.map_err(|error| format!("it is not JSON: {error}"))?;
    CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| format!("it is not JSON: {error}"))
}

fn object_of(root: &CstRootNode) -> Result<CstObject, String> {
    let object = root.object_value().ok_or("it is not an object")?;
    for application in APPLICATIONS {
        let same = |property: &jsonc_parser::cst::CstObjectProp| {
            property.name().and_then(|name| name.decoded_value().ok()).as_deref() == Some(application)
        };
        if object.properties().into_iter().filter(same).count() > 1 {
            return Err(format!("`{application}` is in it twice"));
        }
    }
    Ok(object)
}

fn holds_clew(list: &CstArray, application: &str) -> Result<bool, String> {
    let elements = list.elements();
    if elements.iter().any(|element| element.as_string_lit().is_none()) {
        return Err(format!("`{application}.{KEY}` in it is not a list of names"));
    }
    Ok(elements.iter().any(is_clew))
}

fn is_clew(element: &jsonc_parser::cst::CstNode) -> bool {
    let text = element.as_string_lit().and_then(|text| text.decoded_value().ok());
    text.as_deref() == Some(NAME)
}

fn remove_property(object: &CstObject, name: &str) {
    if let Some(property) = object.get(name) {
        property.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Realistic files: any key order, any spacing, unknown keys.
    const OTHERS: [&str; 5] = [
        "{}",
        "{\"version\": 1}\n",
        "{\n\t\"InteractiveShellApp\": {\"extensions\": [\"autoreload\"]},\n\t\"zeta\": 1,\n\t\"alpha\": null\n}\n",
        "{\n  \"IPKernelApp\": {\n    \"extra_extensions\": [\"theirs\", \"more\"],\n    \"other\": 2e3\n  }\n}",
        "{\"TerminalIPythonApp\":{\"extra_extensions\":[\"theirs\"],\"display_banner\":false}}",
    ];

    #[test]
    fn what_is_not_ours_stays() {
        for others in OTHERS {
            let ours = with_clew(Some(others)).unwrap().unwrap();
            assert_eq!(loads_clew(&ours).unwrap(), APPLICATIONS, "{ours}");
            let before: serde_json::Value = serde_json::from_str(others).unwrap();
            let after: serde_json::Value = serde_json::from_str(&ours).unwrap();
            for (key, value) in before.as_object().unwrap() {
                if let Some(section) = value.as_object().filter(|_| APPLICATIONS.contains(&key.as_str())) {
                    assert!(section.keys().all(|inner| after[key].get(inner).is_some()), "{ours}");
                } else {
                    assert_eq!(&after[key], value, "{ours}");
                }
            }
            assert_eq!(with_clew(Some(&ours)).unwrap(), None, "a second time changes nothing");
            let back = without_clew(&ours).unwrap().unwrap();
            let rest: serde_json::Value = serde_json::from_str(if back.is_empty() { "{}" } else { &back }).unwrap();
            assert_eq!(rest, before, "{back}");
            // Only the spacing around Clew's entry may differ.
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            assert!(
                back.is_empty() || bare(&back) == bare(others),
                "{back:?} is not {others:?}"
            );
        }
    }

    #[test]
    fn a_new_file_is_json_and_goes_away_whole() {
        for nothing in [None, Some(""), Some("  \n")] {
            let text = with_clew(nothing).unwrap().unwrap();
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            assert_eq!(without_clew(&text).unwrap().unwrap(), "");
        }
    }

    #[test]
    fn what_is_odd_is_left_alone_with_the_reason() {
        let odd = [
            "{",
            "// a comment\n{}",
            "[]",
            "{'IPKernelApp': {}}",
            "{\"IPKernelApp\": []}",
            "{\"IPKernelApp\": {\"extra_extensions\": \"clew\"}}",
            "{\"IPKernelApp\": {\"extra_extensions\": [1]}}",
            "{\"IPKernelApp\": {}, \"IPKernelApp\": {}}",
            "{\"a\": 1,}",
        ];
        let told: Vec<String> = odd
            .iter()
            .map(|text| format!("{text}: {}", with_clew(Some(text)).err().unwrap_or("taken".to_owned())))
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_file_without_clew_is_right_without_it() {
        for others in OTHERS {
            assert_eq!(without_clew(others).unwrap(), None);
        }
    }
}
