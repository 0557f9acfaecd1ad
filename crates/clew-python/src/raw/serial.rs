//! Serial numbers of live objects without a value, unique among all objects that ever existed.

use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use rustc_hash::FxHashMap;

/// Ensures that an address still belongs to the same object.
pub(super) enum Pin {
    Weak(Py<PyWeakrefReference>),
    /// It does not support weak references, so it is held until there are no other references.
    Strong(Py<PyAny>),
}

/// The assigned numbers. They start at random, so that a number of another session matches nothing here.
pub(super) struct Serials {
    next: u64,
    given: FxHashMap<usize, (u64, Pin)>,
    places: FxHashMap<u64, usize>,
    /// Objects that a restore removed from their holders. They are needed to go back.
    aside: FxHashMap<u64, Py<PyAny>>,
}

impl Default for Serials {
    fn default() -> Self {
        let mut start = [0; 8];
        // Not from a generator of the user: recording must not draw from it.
        getrandom::fill(&mut start).expect("the system has random bytes");
        Self {
            next: u64::from_be_bytes(start),
            given: FxHashMap::default(),
            places: FxHashMap::default(),
            aside: FxHashMap::default(),
        }
    }
}

impl Serials {
    /// Returns the number of this object.
    pub fn of(&mut self, object: &Bound<'_, PyAny>) -> u64 {
        let address = object.as_ptr() as usize;
        if let Some((serial, pin)) = self.given.get(&address)
            && pin.live(object.py()).is_some_and(|live| live.is(object))
        {
            return *serial;
        }
        self.next = self.next.wrapping_add(1);
        self.given.insert(address, (self.next, Pin::of(object)));
        self.places.insert(self.next, address);
        self.next
    }

    /// Returns the live object with this number.
    pub fn object<'py>(&self, py: Python<'py>, serial: u64) -> Option<Bound<'py, PyAny>> {
        let (given, pin) = self.given.get(self.places.get(&serial)?)?;
        (*given == serial).then(|| pin.live(py))?
    }

    /// Keeps the object with this number for the way back.
    pub fn set_aside(&mut self, py: Python<'_>, serial: u64) {
        if let Some(object) = self.object(py, serial) {
            self.aside.insert(serial, object.unbind());
        }
    }

    /// Forgets objects to which nothing else refers. May run code.
    pub fn let_go(&mut self, py: Python<'_>) {
        self.given.retain(|_, (_, pin)| match pin {
            Pin::Weak(weak) => weak.bind(py).upgrade().is_some(),
            // SAFETY: a live object, held here.
            Pin::Strong(object) => unsafe { pyo3::ffi::Py_REFCNT(object.as_ptr()) > 1 },
        });
        let given = &self.given;
        self.places
            .retain(|serial, address| given.get(address).is_some_and(|(known, _)| known == serial));
    }
}

impl Pin {
    /// Creates a weak pin, if the object allows it.
    pub fn of(object: &Bound<'_, PyAny>) -> Self {
        match PyWeakrefReference::new(object) {
            Ok(weak) => Self::Weak(weak.unbind()),
            Err(_) => Self::Strong(object.clone().unbind()),
        }
    }

    /// Returns the object, if it is still alive.
    pub fn live<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        match self {
            Self::Weak(weak) => weak.bind(py).upgrade(),
            Self::Strong(held) => Some(held.bind(py).clone()),
        }
    }
}
