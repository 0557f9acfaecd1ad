//! Numbers that tell live objects without a value from all others that ever lived.

use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use rustc_hash::FxHashMap;

/// How it is known that an address still means the same object.
enum Pin {
    Weak(Py<PyWeakrefReference>),
    /// It can't be referred to weakly, so it is held until nobody else does.
    Strong(Py<PyAny>),
}

/// The numbers given so far.
#[derive(Default)]
pub(super) struct Serials {
    next: u64,
    given: FxHashMap<usize, (u64, Pin)>,
}

impl Serials {
    /// The number of this object.
    pub fn of(&mut self, object: &Bound<'_, PyAny>) -> u64 {
        let address = object.as_ptr() as usize;
        if let Some((serial, pin)) = self.given.get(&address)
            && pin.holds(object)
        {
            return *serial;
        }
        self.next += 1;
        let pin = match PyWeakrefReference::new(object) {
            Ok(weak) => Pin::Weak(weak.unbind()),
            Err(_) => Pin::Strong(object.clone().unbind()),
        };
        self.given.insert(address, (self.next, pin));
        self.next
    }

    /// Forgets objects that nobody else holds. May run code.
    pub fn let_go(&mut self, py: Python<'_>) {
        self.given.retain(|_, (_, pin)| match pin {
            Pin::Weak(weak) => weak.bind(py).upgrade().is_some(),
            // SAFETY: a live object, held here.
            Pin::Strong(object) => unsafe { pyo3::ffi::Py_REFCNT(object.as_ptr()) > 1 },
        });
    }
}

impl Pin {
    fn holds(&self, object: &Bound<'_, PyAny>) -> bool {
        match self {
            Self::Weak(weak) => weak.bind(object.py()).upgrade().is_some_and(|live| live.is(object)),
            Self::Strong(held) => held.is(object),
        }
    }
}
