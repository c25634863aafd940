//! The library's association behind a wall: whatever panics in it has ended it, and nothing else.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rtc_dtls::endpoint::Endpoint;

/// See the module. What state a panic leaves behind nobody knows, so nothing is asked of it afterwards.
pub(super) struct Guarded {
    endpoint: Box<Endpoint>,
    is_broken: Cell<bool>,
    #[cfg(test)]
    panics_next: Cell<bool>,
}

impl Guarded {
    /// What `make` makes; `None` if that panics.
    pub(super) fn new(make: impl FnOnce() -> Endpoint) -> Option<Self> {
        let endpoint = catch_unwind(AssertUnwindSafe(make)).ok()?;
        Some(Self {
            endpoint: Box::new(endpoint),
            is_broken: Cell::new(false),
            #[cfg(test)]
            panics_next: Cell::new(false),
        })
    }

    /// Lets the library do something. `None` if it panicked, now or before.
    pub(super) fn call<R>(&mut self, act: impl FnOnce(&mut Endpoint) -> R) -> Option<R> {
        if self.is_broken.get() {
            return None;
        }
        #[cfg(test)]
        let panics = self.panics_next.take();
        let endpoint = &mut self.endpoint;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(test)]
            assert!(!panics, "as the library might");
            act(endpoint)
        }));
        self.is_broken.set(outcome.is_err());
        outcome.ok()
    }

    /// The same for a question.
    pub(super) fn ask<R>(&self, question: impl FnOnce(&Endpoint) -> R) -> Option<R> {
        if self.is_broken.get() {
            return None;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(test)]
            assert!(!self.panics_next.take(), "as the library might");
            question(&self.endpoint)
        }));
        self.is_broken.set(outcome.is_err());
        outcome.ok()
    }

    /// Whether it has panicked.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// Makes the next call panic.
    #[cfg(test)]
    pub(super) fn panic_next(&self) {
        self.panics_next.set(true);
    }
}
