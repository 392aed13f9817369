//! The page's clock, timers and randomness.

use std::{cell::Cell, fmt, time::Duration};

use js_sys::{Function, Math};
use wasm_bindgen::{JsCast, closure::Closure, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(tick: &Function, milliseconds: f64) -> i32;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: i32);
}

/// The longest time that a browser's timer can wait. With a longer one it fires at once.
const LONGEST_MS: f64 = 2_147_483_647.0;

/// The time since the page's time origin (`performance.now()`).
pub(crate) fn now() -> Duration {
    Duration::from_micros((performance_now() * 1000.0) as u64)
}

/// Random bits, unfit for secrets.
pub(crate) fn entropy() -> u64 {
    let half = || (Math::random() * 4_294_967_296.0) as u64;
    half() << 32 | half()
}

/// Calls a function at a set time. Dropping it cancels that.
pub(crate) struct Timer {
    tick: Closure<dyn Fn()>,
    /// The browser's timer, and when it fires.
    armed: Cell<Option<(i32, Duration)>>,
}

impl Timer {
    /// `tick` has to call [`fired`](Self::fired).
    pub(crate) fn new(tick: impl Fn() + 'static) -> Self {
        Self { tick: Closure::new(tick), armed: Cell::new(None) }
    }

    /// Fires at `due` at the latest, and never for `None`. It may fire earlier: each event of a stream moves the
    /// deadline, and a timer that is set already is kept.
    pub(crate) fn set(&self, due: Option<Duration>, now: impl FnOnce() -> Duration) {
        match (self.armed.get(), due) {
            (None, None) => {}
            (Some((_, at)), Some(due)) if at <= due => {}
            (_, None) => self.clear(),
            (_, Some(due)) => {
                self.clear();
                let wait = (due.saturating_sub(now()).as_secs_f64() * 1000.0).ceil().min(LONGEST_MS);
                self.armed.set(Some((set_timeout(self.tick.as_ref().unchecked_ref(), wait), due)));
            }
        }
    }

    pub(crate) fn fired(&self) {
        self.armed.set(None);
    }

    fn clear(&self) {
        if let Some((timer, _)) = self.armed.take() {
            clear_timeout(timer);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("armed", &self.armed.get()).finish_non_exhaustive()
    }
}
