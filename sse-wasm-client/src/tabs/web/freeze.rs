//! When the browser freezes the page, and when it resumes it.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventTarget};

const FREEZE: &str = "freeze";
const RESUME: &str = "resume";

/// Listens to the page's lifecycle events. Dropping it removes the listener.
///
/// That the page is left and may be stored is no matter of this one: the driver leaves the tabs then.
#[derive(Debug)]
pub(super) struct FreezeListener {
    document: EventTarget,
    listener: Closure<dyn Fn(Event)>,
}

impl FreezeListener {
    /// Calls `handle` with false when the page is about to be frozen and with true when it runs again. A worker has no
    /// document, and is not told.
    pub(super) fn listen(handle: impl Fn(bool) + 'static) -> Option<Self> {
        let document = Reflect::get(&js_sys::global(), &"document".into()).ok()?.dyn_into().ok()?;
        let listener = Closure::new(move |event: Event| handle(event.type_() == RESUME));
        let page = Self { document, listener };
        for name in [FREEZE, RESUME] {
            // It never throws for a listener that is a function.
            let _ = page.document.add_event_listener_with_callback(name, page.listener.as_ref().unchecked_ref());
        }
        Some(page)
    }
}

impl Drop for FreezeListener {
    fn drop(&mut self) {
        for name in [FREEZE, RESUME] {
            let _ = self.document.remove_event_listener_with_callback(name, self.listener.as_ref().unchecked_ref());
        }
    }
}
