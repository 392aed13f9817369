//! A service in this process.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Buf;
use http_body_util::BodyExt;
use tower_service::Service;

use super::{Answering, BoxError, Transport};
use crate::body::Body;

/// Calls a fresh clone of the service for each request.
pub(crate) struct InProcess<S> {
    /// Locked only to clone it, so that the service need not be `Sync`.
    service: Mutex<S>,
}

impl<S> InProcess<S> {
    pub(crate) const fn new(service: S) -> Self {
        Self { service: Mutex::new(service) }
    }
}

impl<S, B> Transport for InProcess<S>
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn authority(&self) -> String {
        "localhost".into()
    }

    fn is_socket(&self) -> bool {
        false
    }

    fn send(&self, request: http::Request<Body>) -> Answering {
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
            let answer = service.call(request).await.map_err(Into::into)?;
            Ok(answer.map(|body| {
                body.map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
                    .map_err(Into::into)
                    .boxed_unsync()
            }))
        })
    }
}

/// A function as a service.
pub(crate) fn call_fn<F, A, B>(answer: F) -> InProcess<CallFn<F>>
where
    F: FnOnce(http::Request<Body>) -> A + Clone,
    A: Future<Output = http::Response<B>>,
{
    InProcess::new(CallFn(answer))
}

#[derive(Clone)]
pub(crate) struct CallFn<F>(F);

impl<F, A, B> Service<http::Request<Body>> for CallFn<F>
where
    F: FnOnce(http::Request<Body>) -> A + Clone,
    A: Future<Output = http::Response<B>> + Send + 'static,
{
    type Response = http::Response<B>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = (self.0.clone())(request);
        Box::pin(async move { Ok(answer.await) })
    }
}
