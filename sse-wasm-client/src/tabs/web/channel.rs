//! The browser's channel between the tabs of an origin.

use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{EventTarget, MessageEvent};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = EventTarget)]
    #[derive(Debug)]
    type BroadcastChannel;

    #[wasm_bindgen(constructor, catch)]
    fn new(name: &str) -> Result<BroadcastChannel, JsValue>;

    #[wasm_bindgen(method, catch, js_name = postMessage)]
    fn post_message(this: &BroadcastChannel, text: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method)]
    fn close(this: &BroadcastChannel);
}

/// An open channel. Dropping it removes the listener and closes it.
#[derive(Debug)]
pub(super) struct Channel {
    channel: BroadcastChannel,
    listener: Closure<dyn Fn(MessageEvent)>,
}

impl Channel {
    /// Opens the channel called `name`; `None` if the browser has none.
    pub(super) fn open(name: &str, hear: impl Fn(&str) + 'static) -> Option<Self> {
        let channel = BroadcastChannel::new(name).ok()?; // it throws on a page without an origin, too
        let listener = Closure::new(move |event: MessageEvent| {
            if let Some(text) = event.data().as_string() {
                hear(&text);
            }
        });
        let channel = Self { channel, listener };
        channel.channel.add_event_listener_with_callback("message", channel.listener()).ok()?;
        Some(channel)
    }

    /// Sends `text` to all others. It never fails while the channel is open.
    pub(super) fn post(&self, text: &str) {
        let _ = self.channel.post_message(text);
    }

    fn listener(&self) -> &js_sys::Function {
        self.listener.as_ref().unchecked_ref()
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let _ = self.channel.remove_event_listener_with_callback("message", self.listener());
        self.channel.close();
    }
}
