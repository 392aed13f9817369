//! Headers that are asked for before each request.

use std::{
    fmt,
    future::Future,
    hash::{Hash, Hasher},
    rc::Rc,
};

use futures_util::{FutureExt, future::LocalBoxFuture};
use web_sys::Headers;

type Pairs = Option<Vec<(String, String)>>;

/// A function of the application's. Nobody can compare it, so only that there is one counts.
#[derive(Clone)]
pub(crate) struct Asked(Rc<dyn Fn() -> LocalBoxFuture<'static, Pairs>>);

impl Asked {
    pub(crate) fn new<F>(headers: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Pairs> + 'static,
    {
        Self(Rc::new(move || headers().boxed_local()))
    }

    /// Sets what the function gives now. False if that is nothing, or nothing that the browser takes.
    pub(super) async fn put_into(&self, headers: &Headers) -> bool {
        let Some(pairs) = (self.0)().await else { return false };
        pairs.iter().all(|(name, value)| headers.set(name, value).is_ok())
    }
}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}
