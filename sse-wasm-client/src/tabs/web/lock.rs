//! The browser's lock between the tabs of an origin.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
};

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    type LockManager;

    #[wasm_bindgen(method, catch)]
    fn request(this: &LockManager, name: &str, options: &Object, granted: &Function) -> Result<Promise, JsValue>;

    /// A promise that calls one function for both outcomes.
    type Either;

    #[wasm_bindgen(method, js_name = then)]
    fn then_either(this: &Either, fulfilled: &Function, rejected: &Function) -> JsValue;

    type AbortController;

    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<AbortController, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn signal(this: &AbortController) -> JsValue;

    #[wasm_bindgen(method)]
    fn abort(this: &AbortController);
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Granted,
    /// It was granted, and then stolen.
    Stolen,
    /// The browser refused it, as it does on a page without an origin.
    Refused,
}

/// A request for the lock, or the lock itself. Dropping it gives up either; nothing is told after that.
pub(super) struct Lock {
    request: Rc<Request>,
    /// Ends the wait. `None` for a request that steals, which does not wait.
    controller: Option<AbortController>,
}

struct Request {
    tell: Box<dyn Fn(Fate)>,
    is_dropped: Cell<bool>,
    /// Releases the lock, once it is granted.
    release: RefCell<Option<Function>>,
    /// Called by the browser. It is kept until the browser has settled the request, whether it was called or not.
    granted: RefCell<Option<Closure<dyn Fn() -> JsValue>>>,
}

impl Lock {
    /// Waits for the lock, or steals it; `None` if the browser has no locks. `tell` is called with what becomes of the
    /// request.
    pub(super) fn request(name: &str, steal: bool, tell: impl Fn(Fate) + 'static) -> Option<Self> {
        let locks = Reflect::get(&js_sys::global(), &"navigator".into())
            .and_then(|navigator| Reflect::get(&navigator, &"locks".into()))
            .ok()
            .filter(|locks| locks.is_object())?
            .unchecked_into::<LockManager>();

        let options = Object::new();
        let controller = if steal {
            Reflect::set(&options, &"steal".into(), &JsValue::TRUE).ok()?;
            None
        } else {
            let controller = AbortController::new().ok()?;
            Reflect::set(&options, &"signal".into(), &controller.signal()).ok()?;
            Some(controller)
        };

        let request = Rc::new_cyclic(|own: &std::rc::Weak<Request>| {
            let own = own.clone();
            let granted = move || own.upgrade().map_or(JsValue::UNDEFINED, |request| request.hold());
            Request {
                tell: Box::new(tell),
                is_dropped: Cell::new(false),
                release: RefCell::new(None),
                granted: RefCell::new(Some(Closure::new(granted))),
            }
        });
        let granted = request.granted.borrow().as_ref().map(|granted| granted.as_ref().clone().unchecked_into())?;
        let promise = locks.request(name, &options, &granted).ok()?.unchecked_into::<Either>();

        // One function for both outcomes: it is called once, and dropped then, with the request.
        let settled = Rc::clone(&request);
        let settled = Closure::once_into_js(move |reason: JsValue| settled.settle(&reason));
        let settled = settled.unchecked_ref();
        promise.then_either(settled, settled);
        Some(Self { request, controller })
    }
}

impl Request {
    /// The lock is granted, and held until the returned promise is resolved.
    fn hold(&self) -> JsValue {
        if self.is_dropped.get() {
            return JsValue::UNDEFINED;
        }
        let promise = Promise::new(&mut |resolve, _| {
            self.release.replace(Some(resolve));
        });
        (self.tell)(Fate::Granted);
        promise.into()
    }

    /// The request is over: given up, stolen or refused.
    fn settle(&self, reason: &JsValue) {
        let granted = self.granted.take();
        drop(granted);
        if !self.is_dropped.get() && !reason.is_undefined() {
            (self.tell)(if self.release.borrow().is_some() { Fate::Stolen } else { Fate::Refused });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.request.is_dropped.set(true);
        match (self.request.release.take(), &self.controller) {
            (Some(release), _) => {
                let _ = release.call0(&JsValue::UNDEFINED); // the promise's own, which does not throw
            }
            (None, Some(controller)) => controller.abort(),
            (None, None) => {}
        }
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_held = self.request.release.borrow().is_some();
        f.debug_struct("Lock").field("is_held", &is_held).finish_non_exhaustive()
    }
}
