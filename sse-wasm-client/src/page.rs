//! What befalls the page: it is hidden, stored, cut off from the network.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventTarget};

/// What befalls the page.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn {
    Online,
    Offline,
    Hidden,
    Visible,
    /// It is left, and may be stored as it stands.
    Stored,
    Restored,
}

const OF_GLOBAL: [&str; 4] = ["online", "offline", "pagehide", "pageshow"];
const OF_DOCUMENT: &str = "visibilitychange";

/// Listens to the page. Dropping it takes the listeners off.
#[derive(Debug)]
pub(crate) struct Page {
    /// The window, or a worker's global object.
    global: EventTarget,
    /// A worker has none.
    document: Option<EventTarget>,
    listener: Closure<dyn Fn(Event)>,
}

impl Page {
    pub(crate) fn listen(hear: impl Fn(Turn) + 'static) -> Self {
        let global = js_sys::global();
        let document = Reflect::get(&global, &"document".into()).ok().and_then(|document| document.dyn_into().ok());
        let of = document.clone();
        let listener = Closure::new(move |event: Event| {
            let turn = match &*event.type_() {
                "online" => Turn::Online,
                "offline" => Turn::Offline,
                "pagehide" => Turn::Stored,
                "pageshow" => Turn::Restored,
                _ if of.as_ref().is_some_and(is_hidden) => Turn::Hidden,
                _ => Turn::Visible,
            };
            hear(turn);
        });
        let page = Self { global: global.unchecked_into(), document, listener };
        page.each(|target, name| {
            // It throws for no listener that is a function.
            let _ = target.add_event_listener_with_callback(name, page.listener.as_ref().unchecked_ref());
        });
        page
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.document.as_ref().is_some_and(is_hidden)
    }

    fn each(&self, visit: impl Fn(&EventTarget, &str)) {
        for name in OF_GLOBAL {
            visit(&self.global, name);
        }
        if let Some(document) = &self.document {
            visit(document, OF_DOCUMENT);
        }
    }
}

fn is_hidden(document: &EventTarget) -> bool {
    Reflect::get(document, &"hidden".into()).is_ok_and(|hidden| hidden.is_truthy())
}

impl Drop for Page {
    fn drop(&mut self) {
        self.each(|target, name| {
            let _ = target.remove_event_listener_with_callback(name, self.listener.as_ref().unchecked_ref());
        });
    }
}
