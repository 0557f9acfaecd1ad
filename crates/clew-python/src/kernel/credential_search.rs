//! Searches values for credentials: in containers, in the attributes of instances and of the notebook's classes, in
//! the constants of functions, and in what they close over.
//!
//! Input: a value. Output: the credentials in it, each with the reason and its path. The search is breadth-first and
//! bounded by the limits below; most values have nothing to examine, and cost next to nothing. No user code runs
//! (`raw/text_search.rs`). `clew_cli::secrets` judges each text.

use std::collections::HashSet;
use std::ops::ControlFlow;

use clew_cli::secrets::{
    credentials_in, holds_known, is_one_of_named, is_one_of_row, judged, may_be_of_several, shape_of,
};
use clew_core::id::RootKind;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyString, PyType};
use rustc_hash::FxHashSet;

use crate::raw::text_search::{ChildValue, PathStep, beginning, is_writing, may_hold_text, parts};

/// The most values that are searched within one value.
const MOST_VALUES: usize = 256;
/// The most texts that are examined within one value.
const MOST_TEXTS: usize = 1024;
/// The most instances, classes and functions on a path; containers are searched at any depth.
const DEEPEST: u8 = 5;
/// The depth up to which a name alone is evidence: deeper objects are internals of libraries, which need a shape.
const TELLING: u8 = 1;
/// Longer texts are data, however they begin; only their beginnings are examined, for private keys.
const LONGEST: usize = 64 * 1024;
const HEAD: usize = 100;
/// The shortest known credential that is searched for.
const SHORTEST_KNOWN: usize = 4;
/// Headers whose names are needed to judge their values.
const HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
const KEY_BEGINS: &str = "-----BEGIN";
/// The lengths of unnamed texts that may have the shape of a credential; longer ones are data.
const UNNAMED: std::ops::RangeInclusive<usize> = 16..=4096;

/// The state of the searches in one look: nothing changes meanwhile, so that each class is searched once.
pub(crate) struct Search<'py> {
    py: Python<'py>,
    /// Classes without credentials.
    clean: FxHashSet<usize>,
    /// Objects that are not searched: the session itself, to which many references lead.
    barred: Vec<usize>,
    /// Packages in whose objects a name is no evidence.
    otherwise_called: HashSet<String>,
    /// Known credentials: `known` are found anywhere in a text, `known_whole` only as the whole text.
    known: Vec<String>,
    known_whole: HashSet<String>,
    // Buffers of one search, kept for the next.
    open: Vec<Open<'py>>,
    met: FxHashSet<usize>,
    found: Vec<ChildValue<'py>>,
}

/// A value to be searched, and the step that leads to it.
struct Open<'py> {
    value: Bound<'py, PyAny>,
    step: Option<PathStep<'py>>,
    /// Its name, which stands for those of its parts that have none.
    name: Option<String>,
    from: usize,
    depth: u8,
}

/// A credential inside a value.
struct Credential {
    why: &'static str,
    name: String,
    text: String,
}

impl<'py> Search<'py> {
    /// Creates a search of values; the session itself is not searched.
    ///
    /// # Errors
    /// The known credentials cannot be read: without them a credential could be missed.
    pub fn new(py: Python<'py>) -> PyResult<Self> {
        let (known, known_whole) = known(py)?;
        Ok(Self {
            py,
            clean: FxHashSet::default(),
            barred: session(py).unwrap_or_default(),
            otherwise_called: otherwise_called(py)?,
            known,
            known_whole,
            open: Vec::new(),
            met: FxHashSet::default(),
            found: Vec::new(),
        })
    }

    /// Returns why a value that is not a text must not be stored, in readable form; `None` if there is no reason.
    pub fn first(&mut self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<Option<String>> {
        let mut first = None;
        self.each(name, value, |credential, place| {
            first = Some((format!("{} (at {})", credential.why, place()), credential));
            ControlFlow::Break(())
        })?;
        let Some((why, credential)) = first else {
            return Ok(None);
        };
        // The text is a credential without its name, too.
        let texts = credentials_in(&credential.name, &credential.text);
        self.py.import("clew.secrets")?.call_method1("remember", (texts,))?;
        Ok(Some(why))
    }

    /// Returns all texts in a value that must not be shown, within the limits of the search.
    pub fn texts(&mut self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<Vec<String>> {
        let mut texts = Vec::new();
        self.each(name, value, |credential, _| {
            texts.push(credential.text);
            ControlFlow::Continue(())
        })?;
        Ok(texts)
    }

    fn each(
        &mut self,
        name: &str,
        value: &Bound<'py, PyAny>,
        tell: impl FnMut(Credential, &dyn Fn() -> String) -> ControlFlow<()>,
    ) -> PyResult<()> {
        if is_plain_text(value) || !may_hold_text(value) {
            return Ok(());
        }
        let (mut open, mut found) = (std::mem::take(&mut self.open), std::mem::take(&mut self.found));
        let searched = self.walk((name, value), &mut open, &mut found, tell);
        if let Ok(true) = searched {
            // Nothing was found and nothing left out, so other values that refer to these classes need not search
            // them.
            let classes = open.iter().filter(|one| one.value.is_instance_of::<PyType>());
            self.clean.extend(classes.map(|one| one.value.as_ptr().addr()));
        }
        open.clear();
        found.clear();
        self.met.clear();
        (self.open, self.found) = (open, found);
        searched.map(|_| ())
    }

    /// Searches a value; returns true if nothing was found and nothing left out.
    fn walk(
        &mut self,
        (name, value): (&str, &Bound<'py, PyAny>),
        open: &mut Vec<Open<'py>>,
        found: &mut Vec<ChildValue<'py>>,
        mut tell: impl FnMut(Credential, &dyn Fn() -> String) -> ControlFlow<()>,
    ) -> PyResult<bool> {
        open.push(Open {
            value: value.clone(),
            step: None,
            name: Some(name.to_owned()),
            from: 0,
            depth: 0,
        });
        let (mut at, mut texts, mut is_clean) = (0, 0, true);
        if is_writing(value) {
            // A text of a subclass is treated as the only part of itself.
            found.push((PathStep::Inside, value.clone()));
        } else {
            is_clean = parts(value, found, self.shortest(Some(name)));
        }
        loop {
            for (step, part) in found.drain(..) {
                if is_writing(&part) {
                    texts += 1;
                    if texts > MOST_TEXTS {
                        return Ok(false);
                    }
                    if let Some(credential) = self.credential(&step, &open[at], &part) {
                        is_clean = false;
                        if tell(credential, &|| place(open, at, &step)).is_break() {
                            return Ok(false);
                        }
                    }
                    continue;
                }
                let address = part.as_ptr().addr();
                if self.barred.contains(&address) || self.clean.contains(&address) || !self.met.insert(address) {
                    continue;
                }
                let is_step = !is_container(&part) && !matches!(step, PathStep::Class);
                let depth = open[at].depth + u8::from(is_step);
                let name = step.name();
                if open.len() == MOST_VALUES || depth > DEEPEST {
                    is_clean = false;
                    continue;
                }
                open.push(Open {
                    value: part,
                    step: Some(step),
                    name,
                    from: at,
                    depth,
                });
            }
            at += 1;
            let Some(next) = open.get(at) else {
                return Ok(is_clean);
            };
            is_clean &= parts(&next.value, found, self.shortest(next.name.as_deref()));
        }
    }

    /// Returns the credential if the text at this place is one.
    fn credential(&mut self, step: &PathStep<'py>, holder: &Open<'py>, text: &Bound<'py, PyAny>) -> Option<Credential> {
        let (text, is_whole) = beginning(text, LONGEST, HEAD);
        let name = step.name();
        let is_near = holder.depth <= TELLING;
        let why = match &name {
            _ if !is_whole => shape_of(&text).filter(|_| text.contains(KEY_BEGINS)),
            Some(name) => {
                let header = HEADERS.contains(&name.to_ascii_lowercase().as_str());
                let shape = header.then(|| shape_of(&format!("{name}: {text}"))).flatten();
                shape.or_else(|| {
                    if is_near && self.may_tell(step, holder) {
                        judged(name, &text)
                    } else {
                        shape_of(&text)
                    }
                })
            }
            None if UNNAMED.contains(&text.len()) => shape_of(&text),
            None => None,
        };
        let why = why.or_else(|| {
            (is_near && Self::is_of_holder(step, holder, &text)).then_some("its name suggests a credential")
        });
        let why = why.or_else(|| self.is_known(&text).then_some("equal to a credential of this session"));
        let name = name.unwrap_or_default();
        why.map(|why| Credential { why, name, text })
    }

    /// Returns whether the name of a text's holder makes it a credential.
    fn is_of_holder(step: &PathStep<'py>, holder: &Open<'py>, text: &str) -> bool {
        match (step, &holder.name) {
            (PathStep::Place(place), Some(name)) => {
                let count = holder.value.len();
                count.is_ok_and(|count| is_one_of_row(name, *place, count, text))
            }
            (PathStep::Key(_), Some(name)) => is_one_of_named(name, text),
            _ => false,
        }
    }

    /// Returns the minimum length of unnamed texts that are examined in a value of this name.
    fn shortest(&self, name: Option<&str>) -> usize {
        let is_telling = || name.is_some_and(may_be_of_several);
        if self.known.is_empty() && self.known_whole.is_empty() && !is_telling() {
            *UNNAMED.start()
        } else {
            SHORTEST_KNOWN
        }
    }

    fn is_known(&self, text: &str) -> bool {
        self.known_whole.contains(text) || holds_known(text, &self.known)
    }

    /// Returns whether the name of a part of `holder` is evidence.
    fn may_tell(&self, step: &PathStep<'py>, holder: &Open<'py>) -> bool {
        let module = || holder.value.get_type().module().ok()?.extract::<String>().ok();
        let is_other = |module: String| {
            self.otherwise_called
                .contains(module.split('.').next().unwrap_or_default())
        };
        if is_root(holder) {
            return false;
        }
        self.otherwise_called.is_empty() || !matches!(step, PathStep::Attribute(_)) || !module().is_some_and(is_other)
    }
}

/// Returns whether a value is a class in the output of Clew's own commands, as a dict: its `key` is the id of the
/// class, not a credential.
fn is_root(holder: &Open<'_>) -> bool {
    let Ok(told) = holder.value.cast_exact::<PyDict>() else {
        return false;
    };
    let kind = told.get_item("kind").ok().flatten();
    let is_class = kind.is_some_and(|kind| {
        kind.extract::<&str>()
            .is_ok_and(|kind| kind == RootKind::Definition.word())
    });
    let key = told.get_item("key").ok().flatten();
    // Exactly the format of such ids, so that no key of the user is mistaken for one.
    let is_number = |key: &str| key.len() == 32 && key.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let is_numbered = key.is_some_and(|key| key.extract::<&str>().is_ok_and(is_number));
    is_class && told.len() == 2 && is_numbered
}

/// Returns the known credentials of this session.
fn known(py: Python<'_>) -> PyResult<(Vec<String>, HashSet<String>)> {
    py.import("clew.secrets")?.call_method0("known")?.extract()
}

/// Returns packages that use the usual names of credentials for other things.
fn otherwise_called(py: Python<'_>) -> PyResult<HashSet<String>> {
    py.import("clew.secrets")?.getattr("OTHERWISE_CALLED")?.extract()
}

/// Returns the addresses of the session itself: the user's namespace, the shell, the kernel.
fn session(py: Python<'_>) -> PyResult<Vec<usize>> {
    let mut found = vec![py.import("__main__")?.dict().as_ptr().addr()];
    let modules = py.import("sys")?.getattr("modules")?;
    if let Ok(module) = modules.get_item("IPython.core.getipython") {
        let shell = module.call_method0("get_ipython")?;
        found.push(shell.as_ptr().addr());
        found.extend(shell.getattr_opt("kernel")?.map(|kernel| kernel.as_ptr().addr()));
    }
    Ok(found)
}

impl PathStep<'_> {
    /// Returns the name that describes the part.
    fn name(&self) -> Option<String> {
        match self {
            Self::Attribute(name) => Some(name.to_string_lossy().into_owned()),
            Self::Key(key) => match key.cast_exact::<PyBytes>() {
                Ok(bytes) => Some(String::from_utf8_lossy(bytes.as_bytes()).into_owned()),
                Err(_) => Some(key.cast_exact::<PyString>().ok()?.to_string_lossy().into_owned()),
            },
            _ => None,
        }
    }

    /// Returns the step in Python syntax.
    fn written(&self) -> String {
        match self {
            Self::Attribute(name) => format!(".{}", name.to_string_lossy()),
            // The `repr` of other keys would run their own code.
            Self::Key(key) if key.is_exact_instance_of::<PyString>() || key.is_exact_instance_of::<PyInt>() => key
                .repr()
                .map_or_else(|_| String::from("[…]"), |words| format!("[{words}]")),
            Self::Place(place) => format!("[{place}]"),
            Self::Constant(place) => format!(".__code__[{place}]"),
            Self::Key(_) | Self::Inside => String::from("[…]"),
            Self::Class => String::new(),
        }
    }
}

/// Returns the path of the part that is examined now.
fn place(open: &[Open<'_>], mut at: usize, last: &PathStep<'_>) -> String {
    let mut steps = vec![last.written()];
    while let Some(step) = &open[at].step {
        steps.push(step.written());
        at = open[at].from;
    }
    steps.into_iter().rev().collect()
}

/// Returns whether a value is a plain dict, list, tuple or set.
fn is_container(value: &Bound<'_, PyAny>) -> bool {
    use pyo3::types::{PyFrozenSet, PyList, PySet, PyTuple};
    value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PySet>()
        || value.is_exact_instance_of::<PyFrozenSet>()
}

/// Returns whether a value is exactly text or bytes: these are judged by their own names.
pub(super) fn is_plain_text(value: &Bound<'_, PyAny>) -> bool {
    use pyo3::types::{PyByteArray, PyBytes};
    value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyByteArray>()
}
