//! Headers that the application provides anew for each request.

use std::{fmt, future::Future, rc::Rc};

use futures_util::{FutureExt, future::LocalBoxFuture};
use web_sys::Headers;

type Pairs = Option<Vec<(String, String)>>;

/// The application's function. Functions can't be compared, so tabs that share a connection may have different ones.
#[derive(Clone)]
pub(crate) struct HeaderProvider(Rc<dyn Fn() -> LocalBoxFuture<'static, Pairs>>);

impl HeaderProvider {
    pub(crate) fn new<F>(headers: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Pairs> + 'static,
    {
        Self(Rc::new(move || headers().boxed_local()))
    }

    /// Sets the headers that the function provides now. Returns false if it provides none, or one that the browser
    /// refuses.
    pub(super) async fn set_on(&self, headers: &Headers) -> bool {
        let Some(pairs) = (self.0)().await else { return false };
        pairs.iter().all(|(name, value)| headers.set(name, value).is_ok())
    }
}

impl fmt::Debug for HeaderProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderProvider").finish_non_exhaustive()
    }
}
