//! What happens to the page: it is hidden, stored, or cut off from the network.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventTarget};

/// Something that happens to the page.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PageEvent {
    Online,
    Offline,
    Hidden,
    Visible,
    /// The page is left, and may enter the back/forward cache.
    Stored,
    /// The page is shown: from the back/forward cache, or for the first time.
    Restored,
}

const GLOBAL_EVENTS: [&str; 4] = ["online", "offline", "pagehide", "pageshow"];
const DOCUMENT_EVENT: &str = "visibilitychange";

/// Listens to the page. Dropping it removes the listeners.
#[derive(Debug)]
pub(crate) struct PageListener {
    /// The window, or a worker's global object.
    global: EventTarget,
    /// `None` in a worker.
    document: Option<EventTarget>,
    listener: Closure<dyn Fn(Event)>,
}

impl PageListener {
    pub(crate) fn listen(handle: impl Fn(PageEvent) + 'static) -> Self {
        let global = js_sys::global();
        let document = Reflect::get(&global, &"document".into()).ok().and_then(|document| document.dyn_into().ok());
        let of = document.clone();
        let listener = Closure::new(move |event: Event| {
            let event = match &*event.type_() {
                "online" => PageEvent::Online,
                "offline" => PageEvent::Offline,
                "pagehide" => PageEvent::Stored,
                "pageshow" => PageEvent::Restored,
                _ if of.as_ref().is_some_and(is_hidden) => PageEvent::Hidden,
                _ => PageEvent::Visible,
            };
            handle(event);
        });
        let page = Self { global: global.unchecked_into(), document, listener };
        page.each(|target, name| {
            // It never throws for a listener that is a function.
            let _ = target.add_event_listener_with_callback(name, page.listener.as_ref().unchecked_ref());
        });
        page
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.document.as_ref().is_some_and(is_hidden)
    }

    fn each(&self, visit: impl Fn(&EventTarget, &str)) {
        for name in GLOBAL_EVENTS {
            visit(&self.global, name);
        }
        if let Some(document) = &self.document {
            visit(document, DOCUMENT_EVENT);
        }
    }
}

fn is_hidden(document: &EventTarget) -> bool {
    Reflect::get(document, &"hidden".into()).is_ok_and(|hidden| hidden.is_truthy())
}

impl Drop for PageListener {
    fn drop(&mut self) {
        self.each(|target, name| {
            let _ = target.remove_event_listener_with_callback(name, self.listener.as_ref().unchecked_ref());
        });
    }
}
