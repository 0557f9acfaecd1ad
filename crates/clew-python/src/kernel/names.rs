//! The user's names: which may be recorded, and which are excluded.

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
        // Texts are identified by hash, since another one may get the same address; other objects by address.
        let text = value.cast_exact::<PyString>().ok();
        let text = text.and_then(|text| text.to_str().ok());
        self.withheld.push(WithheldRoot {
            root: Root::name(name),
            why,
            mark: text.map_or(value.as_ptr().addr() as u64, |text| self.marks.hash_one(text)),
            is_compared: text.is_some(),
        });
    }

    /// Returns whether a withheld value is certainly unchanged. This is unknown for values other than texts, unless
    /// the user excluded their names.
    pub(super) fn is_marked(&self, kept: &WithheldRoot, value: &Bound<'_, PyAny>) -> bool {
        let text = value.cast_exact::<PyString>().ok();
        let text = text.and_then(|text| text.to_str().ok());
        let is_excluded = kept.why == String::from(PythonCause::Excluded);
        match text {
            Some(text) => kept.is_compared && kept.mark == self.marks.hash_one(text),
            None => is_excluded && kept.mark == value.as_ptr().addr() as u64,
        }
    }

    /// Returns whether a root may be bound to the very object of an excluded name.
    pub(super) fn may_be_echo(&self, root: &Root, value: &Bound<'_, PyAny>) -> bool {
        !is_common(value) && self.hidden.contains(&value.as_ptr().addr()) || self.echoes.contains_key(root)
    }

    /// Returns whether a root is bound to the very object of an excluded name, or was when that name was bound to it.
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

    /// Returns the name or pattern that excludes a name, if there is one.
    pub fn excluded_by(&self, name: &str) -> Option<String> {
        let mut all = self.excluded.iter().chain(&self.configured);
        all.find(|pattern| WildMatch::new(pattern).matches(name)).cloned()
    }

    /// Returns a test for excluded names, for many names.
    pub fn exclusion(&self) -> impl Fn(&str) -> bool + use<> {
        let all = self.excluded.iter().chain(&self.configured);
        let patterns: Vec<WildMatch> = all.map(|pattern| WildMatch::new(pattern)).collect();
        move |name| patterns.iter().any(|pattern| pattern.matches(name))
    }
}

/// The user's names.
#[derive(Default)]
pub(crate) struct UserNames<'py> {
    /// Those that may be recorded, with their values.
    pub recorded: Vec<(String, Bound<'py, PyAny>)>,
    /// Those that are excluded.
    pub excluded: Vec<String>,
    /// Objects that must not be recorded under other names either: an expression that is only the name puts the
    /// object into `Out`.
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

    /// Returns the names of the namespace, in its order, except those still bound to the objects that the shell
    /// hides. Each cell adds such names (`_i1`): in a long session most names are hidden, and must not cost a call of
    /// Python code.
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

    /// Returns the user's names, those that may be recorded separately from those that are excluded. Names that look
    /// like credentials are noted, and are in neither list.
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

    /// Drops other names of withheld objects, which would record these objects.
    fn leave_out_echoes(&mut self, names: &mut UserNames<'py>) {
        // Most sessions have nothing to hide, and every look calls this.
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

    /// Returns the names that are not recorded. With `touched`, only these names and the findings of the last look
    /// are examined: names that a run did not touch are as they were then. Otherwise all names are examined.
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

    /// Creates a search of the session's values as they are now.
    pub(super) fn search(&self) -> PyResult<Search<'py>> {
        Search::new(self.py)
    }

    /// Returns which credential a value under this name looks like.
    pub(super) fn secret(
        &self,
        search: &mut Search<'py>,
        name: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Option<String>> {
        if !is_plain_text(value) {
            return search.first(name, value);
        }
        // Each text is judged once; the Python code caches the result.
        let secrets = self.py.import("clew.secrets")?;
        secrets.call_method1("is_secret", (name, value))?.extract()
    }
}

/// Returns whether the interpreter uses one object for all equal ones.
fn is_everywhere(value: &Bound<'_, PyAny>) -> bool {
    value.is_none() || value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>()
}

/// Returns whether a value may be shared by chance: the interpreter shares short texts and immutable objects.
fn is_common(value: &Bound<'_, PyAny>) -> bool {
    const SHORT: usize = 8;
    let is_shorter = |length| value.len().is_ok_and(|own| own < length);
    is_everywhere(value)
        || is_plain_text(value) && is_shorter(SHORT)
        || value.is_exact_instance_of::<PyTuple>() && is_shorter(1)
}

/// Returns whether a name may be the shell's own, which only `clew.roots` can decide: `_`, `_i3`, `Out`.
fn may_be_shells(name: &str) -> bool {
    name.starts_with('_') || matches!(name, "In" | "Out")
}
