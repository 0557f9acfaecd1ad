//! The user's names: which may be recorded, and which are kept out of the record.

use std::collections::BTreeSet;
use std::hash::BuildHasher;

use clew_core::id::Root;
use clew_core::kernel::WithheldRoot;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyString, PyTuple};
use wildmatch::WildMatch;

use super::credential_search::{Search, is_plain_text};
use super::{KernelState, PythonKernel};
use crate::cause::PythonCause;

impl KernelState {
    fn withhold(&mut self, name: &str, why: String, value: &Bound<'_, PyAny>) {
        // A text may be replaced by another one at the same address, what else is bound is told by its address.
        let text = value.cast_exact::<PyString>().ok();
        let text = text.and_then(|text| text.to_str().ok());
        self.withheld.push(WithheldRoot {
            root: Root::name(name),
            why,
            mark: text.map_or(value.as_ptr().addr() as u64, |text| self.marks.hash_one(text)),
            is_compared: text.is_some(),
        });
    }

    /// Whether what is kept out is certainly what it was when that was found: of what is no text nobody can tell.
    pub(super) fn is_marked(&self, kept: &WithheldRoot, value: &Bound<'_, PyAny>) -> bool {
        let text = value.cast_exact::<PyString>().ok();
        let text = text.and_then(|text| text.to_str().ok());
        let is_excluded = kept.why == String::from(PythonCause::Excluded);
        match text {
            Some(text) => kept.is_compared && kept.mark == self.marks.hash_one(text),
            None => is_excluded && kept.mark == value.as_ptr().addr() as u64,
        }
    }

    /// Whether a root may be bound to the very object of a name that is kept out.
    pub(super) fn may_be_echo(&self, root: &Root, value: &Bound<'_, PyAny>) -> bool {
        !is_common(value) && self.hidden.contains(&value.as_ptr().addr()) || self.echoes.contains_key(root)
    }

    /// Whether a root is bound to the very object of a name that is kept out, or was when that name was.
    pub(super) fn is_echo(&mut self, root: &Root, value: &Bound<'_, PyAny>, hidden: &BTreeSet<usize>) -> bool {
        let address = value.as_ptr().addr();
        let is_echo = hidden.contains(&address) || self.echoes.get(root) == Some(&address);
        if is_echo {
            self.echoes.insert(root.clone(), address);
        } else {
            self.echoes.remove(root);
        }
        is_echo
    }

    /// The name or pattern that excludes a name, if one does.
    pub fn excluded_by(&self, name: &str) -> Option<String> {
        let mut all = self.excluded.iter().chain(&self.configured);
        all.find(|pattern| WildMatch::new(pattern).matches(name)).cloned()
    }

    /// Whether a name is excluded, for many names.
    pub fn exclusion(&self) -> impl Fn(&str) -> bool + use<> {
        let all = self.excluded.iter().chain(&self.configured);
        let patterns: Vec<WildMatch> = all.map(|pattern| WildMatch::new(pattern)).collect();
        move |name| patterns.iter().any(|pattern| pattern.matches(name))
    }
}

/// The user's names.
#[derive(Default)]
pub(crate) struct UserNames<'py> {
    /// Those that may be recorded, with what they are bound to.
    pub recorded: Vec<(String, Bound<'py, PyAny>)>,
    /// Those that are excluded.
    pub excluded: Vec<String>,
    /// What must not be recorded under another name either: an expression that is only the name leaves it in `Out`.
    pub(super) hidden: BTreeSet<usize>,
}

impl UserNames<'_> {
    fn hide(&mut self, value: &Bound<'_, PyAny>) {
        if !is_everywhere(value) {
            self.hidden.insert(value.as_ptr().addr());
        }
    }
}

impl<'py> PythonKernel<'_, 'py> {
    fn user_names(&self) -> PyResult<Vec<String>> {
        if let Some(shell) = &self.state.shell {
            let shell = shell.bind(self.py);
            let names = self.names_not_hidden(shell)?;
            return self
                .roots_module()?
                .call_method1("user_names", (shell, names))?
                .extract();
        }
        let names: Vec<String> = self.heap.namespace(self.py).keys().extract()?;
        Ok(names.into_iter().filter(|name| !name.starts_with("__")).collect())
    }

    /// The names of the namespace, in its order, but for those that the shell hides, bound to what it bound them to. Each cell adds some of these
    /// (`_i1`): in a long session most names are such, and are to cost no step of Python.
    fn names_not_hidden(&self, shell: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyString>>> {
        let hidden = shell.getattr("user_ns_hidden").ok();
        let hidden = hidden.as_ref().and_then(|hidden| hidden.cast::<PyDict>().ok());
        let mut found = Vec::new();
        for (name, value) in self.heap.namespace(self.py) {
            let Ok(name) = name.cast_into_exact::<PyString>() else {
                continue;
            };
            let held = hidden.map(|hidden| hidden.get_item(&name)).transpose()?.flatten();
            if !held.is_some_and(|held| held.is(&value)) {
                found.push(name);
            }
        }
        Ok(found)
    }

    /// The user's names, those that may be recorded apart from those that are excluded. Names that look like secrets
    /// are noted and belong to neither.
    pub fn names(&mut self) -> PyResult<UserNames<'py>> {
        let namespace = self.heap.namespace(self.py);
        self.state.secrets.clear();
        self.state.withheld.clear();
        let is_excluded = self.state.exclusion();
        let mut names = UserNames::default();
        let mut search = self.search()?;
        for name in self.user_names()? {
            if is_excluded(&name) {
                if let Some(value) = namespace.get_item(&name)? {
                    self.state.withhold(&name, PythonCause::Excluded.into(), &value);
                    names.hide(&value);
                }
                names.excluded.push(name);
                continue;
            }
            let Some(value) = namespace.get_item(&name)? else {
                continue;
            };
            if let Some(why) = self.secret(&mut search, &name, &value)? {
                let told = PythonCause::Credential { what: why.clone() }.into();
                self.state.withhold(&name, told, &value);
                self.state.secrets.insert(name, why);
                names.hide(&value);
                continue;
            }
            names.recorded.push((name, value));
        }
        self.leave_out_echoes(&mut names);
        self.state.hidden.clone_from(&names.hidden);
        Ok(names)
    }

    /// Leaves out other names for what is kept out: they would bring it in.
    fn leave_out_echoes(&mut self, names: &mut UserNames<'py>) {
        // Most sessions have nothing to hide, and every look comes by here.
        if names.hidden.is_empty() && self.state.echoes.is_empty() {
            return;
        }
        for (name, value) in std::mem::take(&mut names.recorded) {
            let is_echo = !is_common(&value) && self.state.is_echo(&Root::name(name.as_str()), &value, &names.hidden);
            if is_echo {
                self.state.withhold(&name, PythonCause::KeptOutElsewhere.into(), &value);
            } else {
                names.recorded.push((name, value));
            }
        }
    }

    /// Names that are kept out of the record. With `touched` it is enough to look at these and at those that the last look
    /// found: what a run did not touch looks as it did then. Else all are looked at.
    pub fn kept_out(&mut self, touched: Option<Vec<String>>) -> PyResult<Vec<String>> {
        let mut names = match touched.filter(|touched| !touched.iter().any(|name| may_be_shells(name))) {
            None => self.names()?.excluded,
            Some(touched) => {
                self.look_for_secrets(touched)?;
                self.excluded_names()?
            }
        };
        names.extend(self.state.secrets.keys().cloned());
        Ok(names)
    }

    fn look_for_secrets(&mut self, touched: Vec<String>) -> PyResult<()> {
        let namespace = self.heap.namespace(self.py);
        let is_excluded = self.state.exclusion();
        let known = std::mem::take(&mut self.state.secrets).into_keys();
        let names: BTreeSet<String> = known.chain(touched).collect();
        let mut search = self.search()?;
        for name in names.into_iter().filter(|name| !is_excluded(name)) {
            if let Some(value) = namespace.get_item(&name)?
                && let Some(why) = self.secret(&mut search, &name, &value)?
            {
                self.state.secrets.insert(name, why);
            }
        }
        Ok(())
    }

    fn excluded_names(&self) -> PyResult<Vec<String>> {
        if self.state.excluded.is_empty() && self.state.configured.is_empty() {
            return Ok(Vec::new());
        }
        let is_excluded = self.state.exclusion();
        let names = self.user_names()?.into_iter();
        Ok(names.filter(|name| is_excluded(name)).collect())
    }

    /// Looks into the values of the session, as they are now.
    pub(super) fn search(&self) -> PyResult<Search<'py>> {
        Search::new(self.py)
    }

    /// What credential a value looks like under a name.
    pub(super) fn secret(
        &self,
        search: &mut Search<'py>,
        name: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Option<String>> {
        if !is_plain_text(value) {
            return search.first(name, value);
        }
        // Judged once each, which Python remembers.
        let secrets = self.py.import("clew.secrets")?;
        secrets.call_method1("is_secret", (name, value))?.extract()
    }
}

/// Whether the interpreter has one object for all that are equal.
fn is_everywhere(value: &Bound<'_, PyAny>) -> bool {
    value.is_none() || value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>()
}

/// Whether a value may be one object by chance: short texts and what never changes are shared by the interpreter.
fn is_common(value: &Bound<'_, PyAny>) -> bool {
    const SHORT: usize = 8;
    let is_shorter = |length| value.len().is_ok_and(|own| own < length);
    is_everywhere(value)
        || is_plain_text(value) && is_shorter(SHORT)
        || value.is_exact_instance_of::<PyTuple>() && is_shorter(1)
}

/// Whether a name may be the shell's own, which only `clew.roots` can tell: `_`, `_i3`, `Out`.
fn may_be_shells(name: &str) -> bool {
    name.starts_with('_') || matches!(name, "In" | "Out")
}
