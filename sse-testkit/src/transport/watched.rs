//! Another transport whose event streams are looked at.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;

use super::{Answering, Transport};
use crate::Body;

/// Shows the bytes of each event stream to a watcher of its own.
pub(crate) struct Watched<W> {
    transport: Arc<dyn Transport>,
    watcher: Arc<W>,
}

impl<W> Watched<W> {
    pub(crate) fn new(transport: Arc<dyn Transport>, watcher: W) -> Self {
        Self { transport, watcher: Arc::new(watcher) }
    }
}

impl<W, F> Transport for Watched<W>
where
    W: Fn() -> F + Send + Sync + 'static,
    F: FnMut(&[u8]) + Send + 'static,
{
    fn authority(&self) -> String {
        self.transport.authority()
    }

    fn is_socket(&self) -> bool {
        self.transport.is_socket()
    }

    fn faults(&self) -> Option<String> {
        self.transport.faults()
    }

    fn send(&self, request: http::Request<Body>) -> Answering {
        let answering = self.transport.send(request);
        let watcher = Arc::clone(&self.watcher);
        Box::pin(async move {
            let answer = answering.await?;
            let media_type = answer.headers().get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
            if !media_type.starts_with(b"text/event-stream") {
                return Ok(answer);
            }
            let mut watch = watcher();
            Ok(answer.map(|body| {
                body.map_frame(move |frame| {
                    if let Some(bytes) = frame.data_ref() {
                        watch(bytes);
                    }
                    frame
                })
                .boxed_unsync()
            }))
        })
    }
}
