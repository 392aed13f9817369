//! A connection, whose events are taken one by one.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use futures_util::StreamExt;
use js_sys::{Array, Object, Promise};
use sse_wasm_client::{DecodeError, Delivery, EventSource, Message};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;

use crate::{
    plan::Plan,
    signals::{SignalReader, of_state},
};

/// How many signals wait for the script, which takes them as soon as the module is left.
const SIGNALS: usize = 10_000;

/// Connects. Throws a `TypeError` if something is wrong with the plan.
#[wasm_bindgen]
#[allow(clippy::needless_pass_by_value, reason = "borrowing it takes an instruction that older tools can't read")]
pub fn connect(plan: Plan) -> Result<Connection, JsValue> {
    Ok(Connection(Rc::new(RefCell::new(plan.connect()?))))
}

/// A connection with one reader, which waits for one event at a time.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Connection(Rc<RefCell<EventSource<Message>>>);

type Item = Option<Result<Delivery<Message>, DecodeError>>;

#[wasm_bindgen]
impl Connection {
    /// Returns the next event if it has arrived, as an array of name, data, ID and origin. It must not be called while
    /// [`next`](Self::next) waits.
    pub fn take(&self) -> Option<Array> {
        // `close` may run code of the page, when its `fetch` is aborted. That code has to wait for the event.
        let mut source = self.0.try_borrow_mut().ok()?;
        let mut context = Context::from_waker(Waker::noop());
        match source.poll_next_unpin(&mut context) {
            Poll::Ready(item) => array(item),
            Poll::Pending => None,
        }
    }

    /// Returns a promise of the next event, or of `undefined` when there will be none.
    pub fn next(&self) -> Promise {
        let source = Rc::clone(&self.0);
        future_to_promise(async move {
            let item = poll_fn(|context| source.borrow_mut().poll_next_unpin(context)).await;
            Ok(array(item).map_or(JsValue::UNDEFINED, JsValue::from))
        })
    }

    #[wasm_bindgen(getter)]
    pub fn state(&self) -> Object {
        of_state(self.0.borrow().state())
    }

    /// The script has a queue for each of its readers, so none is dropped before.
    pub fn signals(&self) -> SignalReader {
        SignalReader::new(self.0.borrow().signals_up_to(SIGNALS))
    }

    #[wasm_bindgen(getter, js_name = lastEventId)]
    pub fn last_event_id(&self) -> String {
        self.0.borrow().last_event_id().as_str().to_owned()
    }

    /// A number of JavaScript, which is exact up to 2⁵³.
    #[wasm_bindgen(getter)]
    pub fn dropped(&self) -> f64 {
        self.0.borrow().dropped() as f64
    }

    pub fn close(&self) {
        self.0.borrow().close();
    }
}

/// Messages are not decoded, so none fails to.
fn array(item: Item) -> Option<Array> {
    let Delivery { value: Message { name, data, .. }, id, origin, .. } = item?.ok()?;
    Some([name.as_str(), &data, id.as_str(), &origin].into_iter().map(JsValue::from_str).collect())
}
